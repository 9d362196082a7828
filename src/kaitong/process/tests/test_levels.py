"""Several levels of warning and escalation, each told once; phases that run beside their steps."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from kaitong.core.clock import frozen
from kaitong.process import levels, listening, overdue, queries, services
from kaitong.process.models import History, Phase, WorkItem
from kaitong.process.recount_phases import recount_batch
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import item_of
from kaitong.worktime import queries as worktime
from kaitong.worktime.calendars import Day
from kaitong.worktime.editing import edit_days
from kaitong.worktime.services import seed_calendar

MONDAY = datetime(2026, 3, 2, 1, tzinfo=UTC)  # 09:00 in China
HOUR = timedelta(hours=1)
LEVELS = [
    {"at": "50%", "tell": ["clerk"]},
    {"before": "2 hours", "tell": ["clerk", "supervisor"]},
    {"after": "0 hours", "tell": ["supervisor"]},
    {"after": "4 hours", "tell": ["installer"]},
]
TWO = """
start Start clerk
user A clerk form=check budget=within levels=steps notice=late phase=front
user B installer form=visit phase=front
user C service form=confirm
end End clerk
Start > A > B > C > End
"""
GIVEN = {
    "within": {"kind": "elapsed", "amount": "20 hours"},
    "steps": LEVELS,
    "phases": {"front": {"title": "前台阶段", "budget": "front_within", "levels": "front_levels"}},
    "front_within": {"kind": "working-days", "amount": 2},
    "front_levels": [{"before": "1 hour", "tell": ["supervisor"]}],
    "suspend-reasons": {"away": {"title": "客户外出", "customer": True}},
}
WEDNESDAY = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


@pytest.fixture
def calendar(db):
    with frozen(MONDAY - timedelta(days=1)):
        seed_calendar("cn", [2026])
    worktime.forget()
    yield
    worktime.forget()


@pytest.fixture
def heard():
    facts: list[listening.StepFact] = []
    before = listening._listener
    listening.listen(facts.append)
    yield facts
    listening.listen(before)


def started(begin, **more):
    with frozen(MONDAY):
        return begin(TWO, parameters={**GIVEN, **more})


def watch(at):
    with frozen(at):
        return overdue.watch()


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
class TestLevels:
    def test_each_level_is_told_once_to_its_posts_in_its_time(self, begin, heard):
        instance_id = started(begin)
        heard.clear()
        assert watch(MONDAY + 9 * HOUR) == 0
        assert watch(MONDAY + 10 * HOUR) == 1
        assert watch(MONDAY + 11 * HOUR) == 0
        assert watch(MONDAY + 18 * HOUR) == 1
        assert watch(MONDAY + 20 * HOUR) == 1
        assert watch(MONDAY + 24 * HOUR) == 1
        assert watch(MONDAY + 90 * HOUR) <= 1  # the phase's
        told = [
            (f.event, f.level, f.tell) for f in heard if f.item_id == item_of(instance_id, "A").pk
        ]
        assert told == [
            ("soon", "at 50%", ("clerk",)),
            ("soon", "before 2 hours", ("clerk", "supervisor")),
            ("overdue", "after 0 hours", ("supervisor",)),
            ("overdue", "after 4 hours", ("installer",)),
        ]
        lines = History.objects.filter(instance_id=instance_id, kind="alarmed").order_by("seq")
        assert [line.data["tell"] for line in lines] == [e["tell"] for e in LEVELS]

    def test_levels_passed_while_nobody_watched_are_told_together(self, begin, heard):
        started(begin)
        heard.clear()
        watch(MONDAY + 21 * HOUR)
        assert [f.level for f in heard if f.level] == ["at 50%", "before 2 hours", "after 0 hours"]

    def test_a_suspended_item_is_left_alone_and_new_time_warns_again(self, begin, crew, heard):
        instance_id = started(begin)
        item = item_of(instance_id, "A")
        watch(MONDAY + 10 * HOUR)
        with frozen(MONDAY + 11 * HOUR):
            services.suspend(
                actor=crew.clerk, item_id=item.pk, reason_code="away", until=MONDAY + 40 * HOUR
            )
        assert watch(MONDAY + 21 * HOUR) == 0
        with frozen(MONDAY + 30 * HOUR):
            services.resume(actor=crew.clerk, item_id=item.pk)
        assert item_of(instance_id, "A").due_at == MONDAY + 39 * HOUR
        heard.clear()
        # half of its time had run before it was suspended: that level lies behind
        assert watch(MONDAY + 31 * HOUR) == 0
        assert watch(MONDAY + 37 * HOUR) == 1
        assert [f.level for f in heard] == ["before 2 hours"]

    def test_a_share_is_of_the_time_the_budget_counts(self, begin):
        """80 % of two working days lie in business hours, not in a night."""
        table = [{"at": "80%", "tell": ["clerk"]}]
        instance_id = started(begin, within={"kind": "working-days", "amount": 2}, steps=table)
        item = item_of(instance_id, "A")
        assert item.due_at == WEDNESDAY
        # 09:00-12:00, 14:00-17:30 (6.5 h) and two days of 7 h: 20.5 h, of which 16.4 have run
        assert item.alarm_at == datetime(2026, 3, 4, 3, 24, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("entry", "what"),
        [
            ({"at": "100%", "tell": ["clerk"]}, "no share"),
            ({"before": "2 working days", "tell": ["clerk"]}, "no elapsed time"),
            ({"at": "50%", "before": "1 hour", "tell": ["clerk"]}, "one of at"),
            ({"at": "50%"}, "tells a list"),
            ({"at": "50%", "tell": ["nobody"]}, "No post"),
            ({"at": "50%", "tell": ["clerk"], "loud": True}, "not {"),
        ],
    )
    def test_a_table_that_cannot_be_read_is_refused(self, entry, what):
        (fault,) = levels.faults([entry], {"clerk"})
        assert what in fault[1]


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
class TestPhases:
    def test_a_phase_lasts_over_its_steps_and_ends_with_the_last(self, begin, crew):
        instance_id = started(begin)
        phase = Phase.objects.get(instance_id=instance_id)
        assert (phase.title, phase.due_at, phase.ended_at) == ("前台阶段", WEDNESDAY, None)
        with frozen(MONDAY + 2 * HOUR):
            services.complete(actor=crew.clerk, item_id=item_of(instance_id, "A").pk, values={})
        phase.refresh_from_db()
        assert (phase.created_at, phase.ended_at) == (MONDAY, None)
        with frozen(MONDAY + 3 * HOUR):
            services.complete(actor=crew.installer, item_id=item_of(instance_id, "B").pk, values={})
        phase.refresh_from_db()
        assert phase.ended_at == MONDAY + 3 * HOUR
        assert [str(problem) for problem in check()] == []

    def test_come_back_to_it_runs_on_from_its_first_beginning(self, begin, crew):
        instance_id = started(begin)
        with frozen(MONDAY + HOUR):
            services.complete(actor=crew.clerk, item_id=item_of(instance_id, "A").pk, values={})
            services.complete(actor=crew.installer, item_id=item_of(instance_id, "B").pk, values={})
        with frozen(MONDAY + 5 * HOUR):
            services.return_to(
                actor=crew.service,
                item_id=item_of(instance_id, "C").pk,
                node="B",
                reason="再去一次",
            )
        phase = Phase.objects.get(instance_id=instance_id)
        assert (phase.created_at, phase.due_at, phase.ended_at) == (MONDAY, WEDNESDAY, None)

    def test_it_stands_while_its_work_is_suspended_and_warns_by_itself(self, begin, crew, heard):
        instance_id = started(begin)
        item = item_of(instance_id, "A")
        with frozen(MONDAY + 5 * HOUR):  # 14:00
            services.suspend(
                actor=crew.clerk, item_id=item.pk, reason_code="away", until=MONDAY + 20 * HOUR
            )
        with frozen(MONDAY + 7 * HOUR):
            services.resume(actor=crew.clerk, item_id=item.pk)
        phase = Phase.objects.get(instance_id=instance_id)
        late = datetime(2026, 3, 5, 2, 30, tzinfo=UTC)  # two hours of Thursday
        assert phase.due_at == late
        (fact,) = queries.phases_of(crew.clerk, [phase.business_id])[phase.business_id]
        assert fact.due_at == late
        with frozen(late - HOUR):
            assert not fact.late
        WorkItem.objects.update(alarm_at=None)
        heard.clear()
        assert watch(late - timedelta(minutes=61)) == 0
        assert watch(late - timedelta(minutes=60)) == 1
        assert watch(late) == 0
        assert [(f.event, f.tell) for f in heard] == [("soon", ("supervisor",))]
        assert History.objects.filter(instance_id=instance_id, kind="phase-alarmed").count() == 1

    def test_a_change_of_the_calendar_moves_it_and_says_so(self, begin):
        instance_id = started(begin)
        with frozen(MONDAY + HOUR):
            edit_days(
                actor_id=None,
                key="cn",
                days={date(2026, 3, 3): Day(False, "放假")},
                reason="县里放假",
            )
            worktime.forget()
            while recount_batch():
                pass
        phase = Phase.objects.get(instance_id=instance_id)
        assert phase.due_at == WEDNESDAY + timedelta(days=1)
        assert phase.alarm_at == phase.due_at - HOUR
        (line,) = History.objects.filter(instance_id=instance_id, kind="phase-recounted")
        assert line.data["reason"] == "县里放假"
        rows = list(
            History.objects.filter(instance_id=instance_id)
            .order_by("seq")
            .values_list("seq", flat=True)
        )
        assert rows == list(range(1, len(rows) + 1))
