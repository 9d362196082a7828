"""Alarms of network elements: once by their sender's id, in whatever order they come."""

from __future__ import annotations

from datetime import timedelta

from kaitong.assurance import services as assurance
from kaitong.assurance.models import Alarm
from kaitong.core.clock import now
from kaitong.org.actor import Actor


def report(source_id: str = "trap-1", *, cleared: bool = False, **more) -> Alarm:
    told = {
        "element": "XN-HY-OLT01",
        "component": "0/3/6",
        "kind": "pon-los",
        "severity": "critical",
        "text": "",
        "at": now(),
    } | more
    return assurance.report_alarm(
        Actor.system(), source="snmp", source_id=source_id, cleared=cleared, **told
    )


def test_an_alarm_is_kept_once_and_knows_its_piece_of_the_network(world):
    first = report()
    again = report(at=now() + timedelta(minutes=3), severity="minor")
    assert again.pk == first.pk
    assert Alarm.objects.count() == 1
    assert (first.level, first.branch_id) == ("pon", world.branch.pk)
    assert again.severity == "critical"


def test_a_later_trap_clears_it(world):
    report()
    moment = now()
    assert report(cleared=True, at=moment).cleared_at == moment
    assert report(cleared=True, at=moment + timedelta(hours=1)).cleared_at == moment


def test_one_cleared_before_it_was_raised_stays_cleared(world):
    report(cleared=True)
    late = report()
    assert late.cleared_at is not None
    assert late.raised_at is not None
    assert late.common_cause is None


def test_an_element_nobody_knows_is_kept_and_hangs_on_nothing(world):
    row = report(element="NOWHERE-OLT", component=None)
    assert (row.resource_id, row.branch_id, row.level) == (None, None, "")
