"""Unkillable: SIGKILL at random moments, and nothing is lost, stuck or done twice.

`./run test` kills ten times, `./run test --chaos` two hundred times and more. The seed is printed;
KAITONG_CHAOS_SEED repeats its draws (not the scheduler's).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from kaitong.conftest import _migration_state
from kaitong.core.database import state_url
from kaitong.core.ids import uuid7
from kaitong.core.privileges import runner
from tests.chaos.mutations import MUTATIONS

REPOSITORY = Path(settings.KAITONG_REPOSITORY)
SHORT = {"kills": 10, "starts": 28, "lines": 6, "rest": 240, "seconds": 240}
FULL = {"kills": 200, "starts": 320, "lines": 60, "rest": 300, "seconds": 900}
QUICK = {"kills": 40, "starts": 60, "lines": 4, "rest": 30, "seconds": 120, "pause": (0.2, 0.8)}
# What must be said of each fault: a run that merely was too short is no proof.
FOUND = {"split": "command at .* has no row|nobody watched", "keys": "outside: "}
IN_FULL = os.environ.get("KAITONG_CHAOS") == "full"


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


def chaos(folder: Path, template: str, seed: int, **asked: object) -> dict[str, Any]:
    """Run the harness; its report. What it tells of its progress goes to our stderr."""
    words = {"seed": seed, "template": template, "folder": folder, **asked}
    command = [sys.executable, "-m", "tests.chaos.harness"]
    for name, value in words.items():
        command += [f"--{name}", *map(str, value if isinstance(value, tuple) else (value,))]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KAITONG_", "DJANGO_")) or name == "KAITONG_PG_BIN"
    }
    environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])
    print(f"KAITONG_CHAOS_SEED={seed}")
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.stdout.strip(), f"the harness broke (seed {seed}); its folder is {folder}"
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(json.dumps({k: v for k, v in report.items() if k != "problems"}, ensure_ascii=False))
    return report


@pytest.fixture
def seed():
    return int(os.environ.get("KAITONG_CHAOS_SEED") or int.from_bytes(os.urandom(3)))


@pytest.mark.chaos
@pytest.mark.timeout(1700)
def test_nothing_is_lost_stuck_or_done_twice(folder, template, seed):
    asked = FULL if IN_FULL else SHORT
    report = chaos(folder, template, seed, **asked)
    told = "\n".join(report["problems"][:40])
    assert not report["problems"], f"KAITONG_CHAOS_SEED={seed}, {folder}:\n{told}"
    assert sum(report["kills"].values()) >= asked["kills"], report
    assert report["figures"]["instances"] >= asked["starts"]


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.skipif(not IN_FULL, reason="./run test --chaos")
@pytest.mark.parametrize("fault", MUTATIONS)
def test_a_fault_put_in_on_purpose_is_found(folder, template, seed, fault):
    """The command and its step in two transactions; another idempotency key at each attempt."""
    report = chaos(folder, template, seed, mutate=fault, **QUICK)
    told = "\n".join(report["problems"])
    assert re.search(FOUND[fault], told), told
