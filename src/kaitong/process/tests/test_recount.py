"""A change of a calendar moves every due time that hangs on it, once, and says so."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from kaitong.core.clock import frozen
from kaitong.org.models import Staff
from kaitong.process import overdue, recount, services
from kaitong.process.models import History, Instance, WorkItem
from kaitong.process.queries import history
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import item_of
from kaitong.worktime import queries as worktime
from kaitong.worktime.calendars import Day
from kaitong.worktime.editing import edit_days, edit_hours, replace_year
from kaitong.worktime.models import Recount
from kaitong.worktime.services import define_calendar, seed_calendar

MONDAY = datetime(2026, 3, 2, 1, tzinfo=UTC)  # 09:00 in China
WITHIN = {"check_within": "3 working days"}  # until Thursday 17:30
THURSDAY, FRIDAY = datetime(2026, 3, 5, 9, 30, tzinfo=UTC), datetime(2026, 3, 6, 9, 30, tzinfo=UTC)
WEDNESDAY = date(2026, 3, 4)


@pytest.fixture
def calendar(db):
    with frozen(MONDAY - timedelta(days=1)):
        seed_calendar("cn", [2026])
    worktime.forget()
    yield
    worktime.forget()


def holiday(day=WEDNESDAY, working=False, reason="县里放假"):
    with frozen(MONDAY + timedelta(hours=1)):
        edit_days(actor_id=None, key="cn", days={day: Day(working, "放假")}, reason=reason)
    worktime.forget()


def recount_all(hours=2):
    done = 0
    with frozen(MONDAY + timedelta(hours=hours)):
        while found := recount.recount_batch():
            done += found
    return done


def started(begin, **parameters):
    with frozen(MONDAY):
        return begin(parameters={**WITHIN, **parameters})


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
class TestRecount:
    def test_open_work_moves_with_its_calendar_and_says_so(self, begin):
        instance_id = started(begin)
        assert item_of(instance_id, "Check").due_at == THURSDAY
        holiday()
        recount_all()
        assert item_of(instance_id, "Check").due_at == FRIDAY
        (line,) = History.objects.filter(instance_id=instance_id, kind="recounted")
        assert line.data["reason"] == "县里放假"
        assert line.data["was"] < line.data["due_at"]
        assert [row.seq for row in history(instance_id)] == list(
            range(1, len(history(instance_id)) + 1)
        )  # no gap

    def test_recounting_again_changes_nothing(self, begin):
        instance_id = started(begin)
        holiday()
        recount_all()
        version = Instance.objects.get(pk=instance_id).version
        recount_all(hours=3)  # the second pass, for what other processes opened meanwhile
        assert Instance.objects.get(pk=instance_id).version == version
        assert History.objects.filter(kind="recounted").count() == 1
        # the seeding of the calendar itself was recounted too: nothing hung on it
        assert not Recount.objects.filter(part="work", done_at=None).exists()

    def test_what_an_old_process_opened_meanwhile_is_found_by_the_second_pass(self, begin):
        holiday()
        with frozen(MONDAY + timedelta(hours=1, seconds=10)):
            while recount.recount_batch():
                pass
        instance_id = started(begin)
        # as a process would have written it that had not heard of the change yet
        WorkItem.objects.filter(instance_id=instance_id).update(due_at=THURSDAY)
        assert recount_all() > 0
        assert item_of(instance_id, "Check").due_at == FRIDAY

    def test_days_after_the_due_time_move_nothing(self, begin):
        instance_id = started(begin)
        holiday(date(2026, 3, 20))
        recount_all()
        assert item_of(instance_id, "Check").due_at == THURSDAY
        assert not History.objects.filter(kind="recounted").exists()

    def test_calendars_that_follow_change_with_it_and_others_do_not(self, begin):
        define_calendar(key="desk", name="窗口", hours=dict.fromkeys(_WEEK, "09:00-18:00"))
        define_calendar(
            key="always",
            name="全天",
            hours=dict.fromkeys(_ALL, "09:00-18:00"),
            observes_holidays=False,
        )
        desk = started(begin, calendar="desk")
        always = started(begin, calendar="always")
        before = item_of(always, "Check").due_at
        was = item_of(desk, "Check").due_at
        holiday()
        recount_all()
        assert item_of(desk, "Check").due_at == was + timedelta(days=1)
        assert item_of(always, "Check").due_at == before

    def test_hours_recount_everything_on_that_calendar(self, begin):
        instance_id = started(begin)
        with frozen(MONDAY + timedelta(hours=1)):
            edit_hours(
                actor_id=None,
                key="cn",
                hours=dict.fromkeys(_WEEK, "09:00-12:00,13:00-18:00"),
                makeup_hours="09:00-12:00",
                reason="夏令时",
            )
        recount_all()
        assert item_of(instance_id, "Check").due_at == THURSDAY + timedelta(minutes=30)

    def test_a_year_that_arrives_ends_what_was_provisional(self, begin):
        with frozen(datetime(2026, 12, 30, 1, tzinfo=UTC)):
            instance_id = begin(parameters=WITHIN)
            item = item_of(instance_id, "Check")
            assert item.provisional
        from kaitong.worktime.editing import DayEntry

        with frozen(datetime(2026, 12, 30, 2, tzinfo=UTC)):
            new_year = [DayEntry(date(2027, 1, day), False, "元旦") for day in (1, 2, 3)]
            replace_year(actor_id=None, key="cn", year=2027, entries=new_year, reason="公布")
            while recount.recount_batch():
                pass
        item.refresh_from_db()
        assert not item.provisional
        assert item.due_at == datetime(2027, 1, 5, 9, 30, tzinfo=UTC)

    def test_suspended_work_keeps_its_ledger_and_nobody_is_warned_twice(self, begin, crew):
        text = """
        start Start clerk
        user U clerk form=check budget=check_within warn=PT4H escalate-to=supervisor notice=late
        end End clerk
        Start > U > End
        """
        with frozen(MONDAY):
            instance_id = begin(text, parameters=WITHIN)
        with frozen(THURSDAY - timedelta(hours=1)):
            assert overdue.watch() == 1
        with frozen(THURSDAY - timedelta(minutes=50)):
            edit_days(
                actor_id=None, key="cn", days={date(2026, 3, 5): Day(False, "放假")}, reason="放假"
            )
            worktime.forget()
            while recount.recount_batch():
                pass
        item = item_of(instance_id, "U")
        assert item.due_at == FRIDAY
        assert item.warn_at == FRIDAY - timedelta(hours=4)
        with frozen(FRIDAY - timedelta(hours=1)):
            assert overdue.watch() == 0
        with frozen(FRIDAY + timedelta(minutes=1)):
            assert overdue.watch() == 1  # late is told, for the first time

    def test_a_batch_costs_the_same_statements_whatever_its_size(
        self, begin, django_assert_max_num_queries
    ):
        for _ in range(12):
            started(begin)
        holiday()
        with (
            frozen(MONDAY + timedelta(hours=1, seconds=5)),
            django_assert_max_num_queries(60) as few,
        ):
            while recount.recount_batch():
                pass
        for _ in range(36):
            started(begin)
        WorkItem.objects.update(due_at=THURSDAY)
        with frozen(MONDAY + timedelta(hours=3)), django_assert_max_num_queries(60) as many:
            while recount.recount_batch():
                pass
        assert len(many) <= len(few)
        assert set(WorkItem.objects.values_list("due_at", flat=True)) == {FRIDAY}

    def test_how_many_would_move_is_told_before_anything_is_saved(self, begin):
        for _ in range(3):
            started(begin)
        imagined = worktime.after_change("cn", days={WEDNESDAY: Day(False, "放假")})
        assert recount.would_move(imagined, first=WEDNESDAY, last=WEDNESDAY, most=100) == (3, True)
        assert recount.would_move(imagined, first=WEDNESDAY, last=WEDNESDAY, most=2) == (2, False)
        assert set(WorkItem.objects.values_list("due_at", flat=True)) == {THURSDAY}

    def test_killed_between_the_work_and_its_progress_nothing_is_done(self, begin, monkeypatch):
        instance_id = started(begin)
        holiday()

        def killed(*_args, **_more):
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr(recount.worktime_verbs, "advance", killed)
            with pytest.raises(SystemExit):
                recount_all()
        assert item_of(instance_id, "Check").due_at == THURSDAY
        assert not History.objects.filter(kind="recounted").exists()
        recount_all()
        assert item_of(instance_id, "Check").due_at == FRIDAY


_WEEK = ("mon", "tue", "wed", "thu", "fri")
_ALL = (*_WEEK, "sat", "sun")


@pytest.mark.django_db(transaction=True)
def test_recounting_while_people_complete_suspend_and_claim(begin, crew, receiver):
    """Whoever is first, no history has a gap, nothing is lost, and every open item is right."""
    seed_calendar("cn", [2026])
    worktime.forget()
    open_, done, stood = ([started(begin) for _ in range(8)] for _ in range(3))
    holiday()
    failures: list[BaseException] = []

    def guarded(work):
        def run():
            try:
                with frozen(MONDAY + timedelta(hours=2)):
                    work()
            except BaseException as error:
                failures.append(error)
            finally:
                connection.close()

        return threading.Thread(target=run)

    def complete():
        for one in done:
            services.complete(actor=crew.clerk, item_id=item_of(one, "Check").pk, values={})

    def suspend():
        for one in stood:
            services.suspend(
                actor=crew.clerk,
                item_id=item_of(one, "Check").pk,
                reason_code="customer-away",
                until=MONDAY + timedelta(hours=30),
            )

    def again():
        for _ in range(60):
            recount.recount_batch(5)

    threads = [guarded(work) for work in (complete, suspend, again, again)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    recount_all(hours=3)
    assert {item_of(one, "Check").due_at for one in open_} == {FRIDAY}
    assert all(item_of(one, "Check").due_at > FRIDAY for one in stood)
    assert {item_of(one, "Check").state for one in done} == {"done"}
    for one in (*open_, *done, *stood):
        rows = list(
            History.objects.filter(instance_id=one).order_by("seq").values_list("seq", flat=True)
        )
        assert rows == list(range(1, len(rows) + 1))
    assert [str(problem) for problem in check()] == []
    assert Staff.objects.exists()
