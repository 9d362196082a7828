"""Clocks where elements mix: suspended work that is taken away, returned, carried over or cancelled
while its phase or calendar is counted anew."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from kaitong.core.clock import frozen
from kaitong.process import inbound, recount, services, worker
from kaitong.process.models import Instance, Phase, Suspension, Timer
from kaitong.process.recount_phases import recount_batch
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import item_of
from kaitong.process.tests.test_concurrency import at_once
from kaitong.worktime import queries as worktime
from kaitong.worktime.calendars import Day
from kaitong.worktime.editing import edit_days
from kaitong.worktime.services import seed_calendar

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("calendar")]

MONDAY = datetime(2026, 3, 2, 1, tzinfo=UTC)  # 09:00 in China
HOUR = timedelta(hours=1)
SITE = """
start S n
user Plan clerk form=p phase=front
user Visit installer form=v budget=within phase=front
user Confirm clerk form=c phase=front
on-timer Late n host=Visit after=PT8H
end E n
S > Plan > Visit > Confirm > E
Late > Confirm
"""
GIVEN = {
    "within": {"kind": "elapsed", "amount": "20 hours"},
    "front_within": {"kind": "elapsed", "amount": "40 hours"},
    "phases": {"front": {"title": "前台阶段", "budget": "front_within"}},
    "suspend-reasons": {"away": {"title": "客户外出", "customer": True}},
}


@pytest.fixture
def calendar(db):
    with frozen(MONDAY - timedelta(days=1)):
        seed_calendar("cn", [2026])
    worktime.forget()
    yield
    worktime.forget()


@pytest.fixture
def suspended(begin, crew):
    """Suspended an hour after the beginning, for two days."""
    with frozen(MONDAY):
        instance_id = begin(SITE, parameters=GIVEN)
        services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Plan").pk, values={})
    with frozen(MONDAY + HOUR):
        services.suspend(
            actor=crew.installer,
            item_id=item_of(instance_id, "Visit").pk,
            reason_code="away",
            until=MONDAY + 49 * HOUR,
        )
    assert Phase.objects.get().due_at == MONDAY + 88 * HOUR
    return instance_id


def at(hours, verb):
    """The verb at that time, in whichever thread."""

    def run():
        with frozen(MONDAY + hours * HOUR):
            return verb()

    return run


def test_a_phase_counts_only_what_stood_when_the_work_is_returned(suspended, crew):
    item = item_of(suspended, "Visit")
    with frozen(MONDAY + 4 * HOUR):
        services.return_to(actor=crew.installer, item_id=item.pk, node="Plan", reason="地址不对")
    phase = Phase.objects.get()
    assert (phase.due_at, phase.ended_at) == (MONDAY + 43 * HOUR, None)
    assert Suspension.objects.get().ended == MONDAY + 4 * HOUR


def test_a_phase_counts_only_what_stood_when_a_timer_takes_the_work_away(suspended, crew):
    Timer.objects.filter(node="Late").update(next_attempt_at=MONDAY)
    with frozen(MONDAY + 9 * HOUR):
        worker.drain_all()
    assert item_of(suspended, "Confirm").state == "todo"
    phase = Phase.objects.get()
    assert (phase.due_at, phase.ended_at) == (MONDAY + 48 * HOUR, None)
    assert Suspension.objects.get().ended == MONDAY + 9 * HOUR


def test_a_calendar_changes_while_work_is_suspended_and_taken_away(suspended, crew):
    with frozen(MONDAY + 2 * HOUR):
        edit_days(
            actor_id=None,
            key="cn",
            days={date(2026, 3, 4): Day(False, "放假")},
            reason="县里放假",
        )
    worktime.forget()
    Timer.objects.filter(node="Late").update(next_attempt_at=MONDAY)
    verbs = (recount.recount_batch, recount_batch, inbound.fire_timers, inbound.fire_timers)
    outcomes = at_once(*(at(9, verb) for verb in verbs))
    assert not [o for o in outcomes if isinstance(o, Exception)], outcomes
    with frozen(MONDAY + 9 * HOUR):
        while recount.recount_batch() or recount_batch():
            pass
        worker.drain_all()
    assert [str(problem) for problem in check()] == []
    assert item_of(suspended, "Visit").state == "cancelled"
    assert Phase.objects.get().due_at == MONDAY + 48 * HOUR


def test_resumed_and_cancelled_at_once(suspended, crew):
    item = item_of(suspended, "Visit")
    verbs = (
        lambda: services.resume(actor=crew.installer, item_id=item.pk),
        lambda: services.cancel(actor=crew.supervisor, instance_id=suspended, reason="撤单"),
        lambda: services.return_to(actor=crew.installer, item_id=item.pk, node="Plan", reason="x"),
    )
    at_once(*(at(4, verb) for verb in verbs))
    assert Instance.objects.get(pk=suspended).state == "cancelled"
    assert not Suspension.objects.filter(ended=None).exists()
    assert Phase.objects.get().ended_at == MONDAY + 4 * HOUR
