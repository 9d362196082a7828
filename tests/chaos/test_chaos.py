"""Unkillable: SIGKILL at random moments, and nothing is lost, stuck or done twice.

`./run test` kills ten times, `./run test --chaos` two hundred times and more. The seed is printed;
KAITONG_CHAOS_SEED repeats its draws (not the scheduler's).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from kaitong.conftest import _migration_state
from kaitong.core.database import state_url
from kaitong.core.ids import uuid7
from kaitong.core.privileges import runner

REPOSITORY = Path(settings.KAITONG_REPOSITORY)
SHORT = {"kills": 10, "starts": 28, "lines": 6, "rest": 100, "seconds": 120}
LONG = {"kills": 200, "starts": 320, "lines": 60, "rest": 300, "seconds": 900}


@pytest.fixture
def folder(tmp_path_factory):
    """A folder that PostgreSQL's own user can reach too."""
    made = tmp_path_factory.mktemp("chaos")
    runner(["postgres"], [made])  # says at once when that cannot be
    return made


@pytest.fixture
def template(django_db_setup, django_db_blocker):
    """A copy of the migrated schema that nobody else connects to."""
    name = f"chaos_{uuid7().hex}"
    with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
        source = f"template_{_migration_state()}"
        cursor.execute("select pg_advisory_lock(hashtext(%s))", [source])
        cursor.execute(f'create database "{name}" template "{source}"')
        cursor.execute("select pg_advisory_unlock(hashtext(%s))", [source])
    yield state_url(name)
    with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute(f'drop database if exists "{name}" with (force)')


@pytest.mark.chaos
@pytest.mark.timeout(1700)
def test_nothing_is_lost_stuck_or_done_twice(folder, template):
    long = os.environ.get("KAITONG_CHAOS") == "long"
    seed = int(os.environ.get("KAITONG_CHAOS_SEED") or int.from_bytes(os.urandom(3)))
    print(f"KAITONG_CHAOS_SEED={seed}")
    asked = {**(LONG if long else SHORT), "seed": seed, "template": template}
    command = [sys.executable, "-m", "tests.chaos.harness", "--folder", str(folder)]
    command += [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KAITONG_", "DJANGO_")) or name == "KAITONG_PG_BIN"
    }
    environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])
    # what it tells of its progress goes where pytest's output goes
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.stdout.strip(), f"the harness broke (seed {seed}); its folder is {folder}"
    report = json.loads(done.stdout.strip().splitlines()[-1])
    print(json.dumps({k: v for k, v in report.items() if k != "problems"}, ensure_ascii=False))
    told = "\n".join(report["problems"][:40])
    assert not report["problems"], f"KAITONG_CHAOS_SEED={seed}, {folder}:\n{told}"
    assert sum(report["kills"].values()) >= asked["kills"], report
    assert report["figures"]["instances"] >= asked["starts"]
