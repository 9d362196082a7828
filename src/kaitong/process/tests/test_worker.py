"""The worker as a process: killed between effect and recording, losing its database, stopping."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.conf import settings
from django.db import connection

from kaitong.core import db
from kaitong.core.clock import frozen, now
from kaitong.process import commands, inbound, services, worker
from kaitong.process.models import Command, Instance
from kaitong.process.tests.shell_kit import item_of
from kaitong.worktime.services import seed_calendar

pytestmark = pytest.mark.django_db(transaction=True)

DATA = "start S n\nservice D n action=write-data\nuser U clerk form=f\nend E n\nS > D > U > E"
ESCALATING = """
start S clerk
user Visit installer form=v
on-timer Late installer host=Visit after=PT48H keep=yes
user Remind supervisor form=r
end E clerk
S > Visit > E
Late > Remind > E
"""

# A worker process whose action writes a line into a file (the effect outside), then hangs.
CHILD = """
import pathlib, sys, time
import django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[2]
from kaitong.process import actions, worker
def run(context):
    with open(sys.argv[1], "a") as effects:
        effects.write(context.key + "\\n")
    print("written", flush=True)
    time.sleep(60)
actions.configure({"write-data": actions.Action("write-data", "external", run)})
worker.drain_all()
"""


def child(tmp_path):
    environment = {
        **os.environ,
        "KAITONG_LEASE_SECONDS": "1",
        "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(CHILD),
            str(tmp_path / "effects"),
            connection.settings_dict["NAME"],
        ],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.chaos
def test_a_worker_killed_between_effect_and_recording(begin, crew, receiver, tmp_path):
    instance_id = begin(DATA)
    with child(tmp_path) as first:
        assert first.stdout.readline() == "written\n"
        first.send_signal(signal.SIGKILL)
    command = Command.objects.get(instance_id=instance_id)
    assert (command.state, command.runs) == ("running", 1)  # leased by the dead, not recorded
    assert commands.lease() == []
    wait = (command.lease_until - now()).total_seconds()
    time.sleep(max(wait, 0) + 0.05)
    assert worker.drain_all() == 1
    assert (tmp_path / "effects").read_text().split() == [command.idempotency_key]
    assert receiver.effects == {command.idempotency_key: 1}  # the same key: one effect outside
    command.refresh_from_db()
    assert (command.state, command.runs, command.attempts) == ("done", 2, 1)
    assert item_of(instance_id, "U").state == "todo"


@pytest.fixture
def running():
    """A worker in threads; stopped at the end."""
    stop = threading.Event()
    thread = threading.Thread(
        target=worker.run_forever, args=(stop,), kwargs={"poll": 0.1, "threads": 2}
    )
    thread.start()
    yield thread
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


def eventually(condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_it_runs_what_becomes_ready_and_stops(begin, crew, receiver, running):
    instance_id = begin(DATA)
    assert eventually(lambda: item_of(instance_id, "U") is not None)
    assert len(receiver.calls) == 1


def test_it_survives_the_loss_of_its_connections(begin, crew, receiver, running):
    first = begin(DATA)
    assert eventually(lambda: item_of(first, "U") is not None)
    killed = db.one(
        """select count(pg_terminate_backend(pid)) as count from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid()"""
    )
    assert killed["count"] >= 3
    second = begin(DATA)
    assert eventually(lambda: item_of(second, "U") is not None)


@pytest.mark.django_db
def test_a_boundary_timer_escalates_and_leaves_the_work(begin, crew):
    start = now()
    with frozen(start):
        instance_id = begin(ESCALATING)
        assert worker.drain_all() == 0
    with frozen(start + timedelta(hours=49)):
        assert worker.drain_all() == 1
        assert item_of(instance_id, "Remind").state == "todo"
        assert item_of(instance_id, "Visit").state == "todo"
        assert worker.drain_all() == 0


@pytest.mark.django_db
def test_completing_in_time_cancels_the_timer(begin, crew):
    start = now()
    with frozen(start):
        instance_id = begin(ESCALATING)
        services.complete(actor=crew.installer, item_id=item_of(instance_id, "Visit").pk, values={})
    with frozen(start + timedelta(hours=49)):
        assert worker.drain_all() == 0
    assert Instance.objects.get(pk=instance_id).state == "completed"
    assert Instance.objects.get(pk=instance_id).timers.get().state == "cancelled"


@pytest.mark.django_db
def test_an_interrupting_timer_takes_the_work_away(begin, crew):
    start = now()
    with frozen(start):
        instance_id = begin(ESCALATING.replace(" keep=yes", ""))
        services.claim(actor=crew.installer, item_id=item_of(instance_id, "Visit").pk)
    with frozen(start + timedelta(hours=49)):
        worker.drain_all()
    assert item_of(instance_id, "Visit").state == "cancelled"
    assert item_of(instance_id, "Remind").state == "todo"
    assert Instance.objects.get(pk=instance_id).timers.get().state == "fired"


@pytest.mark.django_db
def test_a_working_time_timer_uses_the_calendar(begin, crew):
    seed_calendar("cn", [2026])
    friday = datetime(2026, 3, 6, 8, tzinfo=UTC)  # 16:00 in China
    text = (
        "start S n\ntimer T n after=PT8H working=true\nuser U clerk form=f\nend E n\nS > T > U > E"
    )
    with frozen(friday):
        instance_id = begin(text)
    timer = Instance.objects.get(pk=instance_id).timers.get()
    assert timer.due_at > friday + timedelta(days=2)  # the weekend does not count


@pytest.mark.django_db
def test_a_backlog_of_timers_leaves_half_of_the_time_to_people(begin, monkeypatch):
    """More than a batch due: rest as long as the batch took; what is left over goes at once."""
    start = now()
    monkeypatch.setattr(inbound, "BATCH", 3)
    ticks = count()
    with frozen(start):
        for _number in range(4):
            begin(ESCALATING)
    rested: list[float] = []

    def drain() -> int:
        return worker.drain_politely(rested.append, lambda: next(ticks) / 10)

    with frozen(start + timedelta(hours=49)):
        assert drain() == 3
        assert rested == [pytest.approx(0.15)]
        assert [drain(), drain()] == [1, 0]
    assert len(rested) == 1
