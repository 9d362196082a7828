"""Traps of network elements become alarms: a real snmptrapd, real traps, alarms of assurance."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import pytest
from django.db import connection

from kaitong.assurance.models import Alarm
from kaitong.conftest import lacking
from kaitong.inventory.tests.conftest import build
from kaitong.lab import traps
from kaitong.lab.errors import LabMissing
from kaitong.lab.traps import TrapLab


@pytest.fixture
def receiver(monkeypatch):
    """snmptrapd whose handler speaks to this test's database."""
    try:
        traps._program("snmptrapd")
        traps._program("snmptrap")
    except LabMissing as missing:
        lacking("snmptrapd", missing.remedy)
    place = connection.settings_dict
    monkeypatch.setenv(
        "KAITONG_DATABASE_URL",
        f"postgresql://{place['USER']}:{place['PASSWORD']}@{place['HOST']}:{place['PORT']}"
        f"/{place['NAME']}",
    )
    home = Path(tempfile.mkdtemp(prefix="kaitong-lab-"))
    lab = TrapLab(home)
    lab.up()
    yield lab
    lab.down()
    shutil.rmtree(home, ignore_errors=True)


def alarm(lab, *, cleared: bool = False, **told: str) -> None:
    lab.send(
        cleared=cleared,
        **{"alarm": "OLT-01/4711", "element": "OLT-01", "component": "0/3/6", "kind": "pon-los",
           "severity": "critical", "text": "PON 口无光"} | told,
    )  # fmt: skip


def wait_for(condition, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, list(Alarm.objects.values())
        time.sleep(0.2)


@pytest.mark.django_db(transaction=True)
def test_a_trap_raises_an_alarm_and_another_clears_it(receiver, county):
    build(county, ports=2, rooms=1)
    alarm(receiver)
    wait_for(lambda: Alarm.objects.exclude(raised_at=None).exists())
    row = Alarm.objects.get()
    assert (row.source, row.source_id, row.kind) == ("snmp", "OLT-01/4711", "pon-los")
    assert (row.element, row.component, row.text) == ("OLT-01", "0/3/6", "PON 口无光")
    assert row.branch_id == county.id  # the inventory knows where it stands
    assert row.cleared_at is None
    alarm(receiver, cleared=True)
    wait_for(lambda: Alarm.objects.exclude(cleared_at=None).exists())
    assert Alarm.objects.count() == 1
    assert not list(receiver.spool.iterdir())


@pytest.mark.django_db(transaction=True)
def test_what_came_while_the_database_was_away_is_delivered_with_the_next(receiver, county):
    build(county, ports=2, rooms=1)
    traps.keep(
        receiver.folder,
        {"alarm": "early", "element": "OLT-01", "component": "", "kind": "olt-down",
         "severity": "critical", "text": "", "cleared": ""},
    )  # fmt: skip
    alarm(receiver, alarm="late")
    wait_for(lambda: Alarm.objects.count() == 2)
    assert set(Alarm.objects.values_list("source_id", flat=True)) == {"early", "late"}


def test_what_snmptrapd_tells_is_read():
    lines = ["host", "UDP: [127.0.0.1]:1", f".1.3.6.1.6.3.1.1.4.1.0 .{traps.CLEARED}"]
    values = ['"A-1"', '"OLT-01"', '"0/3/6"', '"pon-los"', '"major"', '"E6 97 A0 E5 85 89 "']
    lines += [f".{traps._ARC}.1.{n} {v}" for n, v in enumerate(values, start=1)]
    told = traps.read("\n".join(lines))
    assert told == {
        "alarm": "A-1", "element": "OLT-01", "component": "0/3/6", "kind": "pon-los",
        "severity": "major", "text": "无光", "cleared": "yes",
    }  # fmt: skip
    other = ".1.3.6.1.6.3.1.1.4.1.0 .1.3.6.1.6.3.1.1.5.3"
    assert traps.read("\n".join(["host", "address", other])) is None
