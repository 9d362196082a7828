"""Timers in working time stand where the calendar says, also after it has changed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from kaitong.core.clock import frozen
from kaitong.process import inbound, recount_timers, services, store
from kaitong.process.models import History, Instance, Timer, Token, WorkItem
from kaitong.process.sweeper import check
from kaitong.process.tests.test_recount import MONDAY, calendar, holiday
from kaitong.worktime.calendars import Day
from kaitong.worktime.editing import edit_days
from kaitong.worktime.models import Recount
from kaitong.worktime.queries import forget

__all__ = ["calendar"]

HOUR = timedelta(hours=1)
THURSDAY, FRIDAY = (datetime(2026, 3, day, 1, tzinfo=UTC) for day in (5, 6))
TEXT = """
start S n
user A clerk form=a
on-timer Late n host=A after=P3D working=true keep=yes
manual Remind n
end Reminded n
timer Pause n after=P3D
end E n
S > A > Pause > E
Late > Remind > Reminded
"""


def recount_all(hours: int = 2) -> int:
    done = 0
    with frozen(MONDAY + timedelta(hours=hours)):
        while found := recount_timers.recount_batch():
            done += found
    return done


def due(instance_id, node="Late"):
    return Timer.objects.get(instance_id=instance_id, node=node).due_at


@pytest.fixture
def waiting(begin, calendar):
    with frozen(MONDAY):
        return begin(TEXT)


@pytest.mark.django_db
class TestTimers:
    def test_a_timer_in_working_time_moves_with_its_calendar_and_says_so(self, waiting):
        assert due(waiting) == THURSDAY
        holiday()
        recount_all()
        assert due(waiting) == FRIDAY
        line = History.objects.get(instance_id=waiting, kind="recounted")
        assert (line.node, line.data["reason"]) == ("Late", "县里放假")
        assert line.data["was"] < line.data["due_at"]
        assert [str(problem) for problem in check()] == []
        with frozen(THURSDAY + HOUR):
            assert not inbound.fire_timers()
        with frozen(FRIDAY + HOUR):
            assert inbound.fire_timers()
        assert WorkItem.objects.filter(instance_id=waiting, node="Remind").count() == 1

    def test_again_changes_nothing_and_other_timers_stay(self, waiting, crew):
        with frozen(MONDAY):
            item = WorkItem.objects.get(instance_id=waiting, node="A")
            services.complete(actor=crew.clerk, item_id=item.pk, values={})
        assert due(waiting, "Pause") == MONDAY + timedelta(days=3)  # three days of the calendar on
        holiday()
        version = Instance.objects.get(pk=waiting).version
        recount_all()
        recount_all(hours=3)
        assert due(waiting, "Pause") == MONDAY + timedelta(days=3)
        assert Instance.objects.get(pk=waiting).version == version
        assert not Recount.objects.filter(part="timers", done_at=None).exists()

    def test_what_is_due_by_the_new_calendar_fires(self, waiting):
        holiday()
        recount_all()
        with frozen(MONDAY + HOUR):
            edit_days(
                actor_id=None,
                key="cn",
                days={MONDAY.date() + timedelta(days=2): Day(True, "补班")},
                reason="又上班",
            )
        forget()
        with frozen(THURSDAY + HOUR):
            while recount_timers.recount_batch():
                pass
            assert due(waiting) == THURSDAY
            assert inbound.fire_timers()


@pytest.mark.django_db(transaction=True)
def test_an_instance_in_somebodys_hand_is_left_and_taken_up_again(begin, calendar):
    with frozen(MONDAY):
        instance_id = begin(TEXT)
    holiday()
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            store.lock(instance_id)
            held.set()
            go.wait(20)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    recount_all()
    assert due(instance_id) == THURSDAY
    go.set()
    thread.join(20)
    recount_all()
    assert due(instance_id) == FRIDAY
    assert Token.objects.filter(instance_id=instance_id).exists()
