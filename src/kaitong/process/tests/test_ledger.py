"""The ledger of suspensions: each reason's effect, its limits, evidence, corrections, calendars."""

from datetime import UTC, datetime, timedelta

import pytest

from kaitong.core.clock import frozen
from kaitong.core.errors import Conflict, Forbidden, Refused
from kaitong.org.models import Department
from kaitong.process import listening, queries, reasons, services
from kaitong.process.models import History, Suspension
from kaitong.process.tests.shell_kit import item_of
from kaitong.process.tests.test_concurrency import at_once
from kaitong.process.tests.test_verbs import done
from kaitong.worktime.services import define_calendar, seed_calendar

MONDAY = datetime(2026, 3, 2, 1, tzinfo=UTC)  # 09:00 in China
HOURS = timedelta(hours=1)
TABLE = {
    "customer-absent": {"title": "客户不在家", "customer": True, "most": 2},
    "no-port": {"title": "等待资源", "cause": "resource", "longest": 3},
}
PARAMETERS = {
    "install_within": {"kind": "elapsed", "amount": "48 hours"},
    "suspend-reasons": TABLE,
}


@pytest.fixture
def visit(begin, crew, receiver):
    seed_calendar("cn", [2026])
    with frozen(MONDAY):
        instance_id = begin(parameters=PARAMETERS)
        done(crew.clerk, instance_id, "Check")
        yield item_of(instance_id, "Visit")


def suspend(crew, item, code="customer-absent", *, days=1, **more):
    from kaitong.core.clock import now

    services.suspend(
        actor=crew.installer,
        item_id=item.pk,
        reason_code=code,
        until=now() + timedelta(days=days),
        **more,
    )


def stand(crew, item, code, since, hours):
    with frozen(MONDAY + since * HOURS):
        suspend(crew, item, code)
    with frozen(MONDAY + (since + hours) * HOURS):
        services.resume(actor=crew.installer, item_id=item.pk)


@pytest.mark.django_db
class TestReasons:
    def test_a_reason_lasts_no_longer_than_its_limit(self, visit, crew):
        with pytest.raises(Refused, match="最多挂起 3 天"):
            suspend(crew, visit, "no-port", days=4)
        assert not Suspension.objects.exists()
        suspend(crew, visit, "no-port", days=3)
        line = Suspension.objects.get()
        assert (line.stops_customer, line.stops_step, line.cause) == (False, True, "resource")

    def test_a_reason_is_used_no_oftener_than_its_limit(self, visit, crew):
        stand(crew, visit, "customer-absent", 1, 1)
        stand(crew, visit, "customer-absent", 3, 1)
        with frozen(MONDAY + 6 * HOURS), pytest.raises(Refused, match="已经以这个原因挂起 2 次"):
            suspend(crew, visit)
        assert Suspension.objects.count() == 2

    def test_evidence_is_asked_for_where_the_playbook_does(self, begin, crew, receiver):
        seed_calendar("cn", [2026])
        table = {"customer-absent": {"title": "客户不在家", "customer": True, "evidence": True}}
        instance_id = begin(parameters={**PARAMETERS, "suspend-reasons": table})
        done(crew.clerk, instance_id, "Check")
        item = item_of(instance_id, "Visit")
        with pytest.raises(Refused, match="要有凭据") as refused:
            suspend(crew, item)
        assert refused.value.field == "evidence"
        suspend(crew, item, evidence=["0190-photo"])
        assert Suspension.objects.get().evidence == ["0190-photo"]

    def test_a_reason_that_stops_no_clock_leaves_the_due_time(self, begin, crew, receiver):
        seed_calendar("cn", [2026])
        table = {"no-port": {"title": "等待会审", "cause": "own", "step": False}}
        with frozen(MONDAY):
            instance_id = begin(parameters={**PARAMETERS, "suspend-reasons": table})
            done(crew.clerk, instance_id, "Check")
            item = item_of(instance_id, "Visit")
            suspend(crew, item, "no-port")
            assert item_of(instance_id, "Visit").due_at == item.due_at

    @pytest.mark.parametrize(
        ("entry", "what"),
        [
            ({"title": "等资源", "cause": "resource", "customer": True}, "cannot stop"),
            ({"title": "?", "cause": "nobody"}, "no cause"),
            ({"title": "?", "most": 0}, "above 0"),
            ({"title": "?", "longst": 3}, "no entry"),
        ],
    )
    def test_a_table_that_breaks_the_rules_is_refused(self, entry, what):
        (fault,) = reasons.faults({"x": entry})
        assert what in fault[1]

    def test_waiting_for_resource_never_stops_the_customers_clock(self):
        """practice.md, whatever a table that slipped through says."""
        table = {"suspend-reasons": {"r": {"customer": True, "cause": "resource"}}}
        assert not reasons.reason(table, "r").customer


@pytest.mark.django_db
class TestCorrection:
    def test_a_supervisor_puts_a_line_right_and_both_stay(self, visit, crew):
        stand(crew, visit, "customer-absent", 1, 10)
        wrong = Suspension.objects.get()
        with frozen(MONDAY + 12 * HOURS):
            services.correct_suspension(
                actor=crew.supervisor,
                suspension_id=wrong.pk,
                why="客户四点就回来了",
                ended=MONDAY + 7 * HOURS,
            )
        wrong.refresh_from_db()
        right = Suspension.objects.get(corrects_id=wrong.pk)
        assert (wrong.ended, wrong.voided_by) == (MONDAY + 11 * HOURS, crew.supervisor.id)
        assert (right.since, right.ended) == (wrong.since, MONDAY + 7 * HOURS)
        item = item_of(visit.instance_id, "Visit")
        assert item.due_at == MONDAY + (48 + 6) * HOURS
        line = History.objects.get(instance_id=visit.instance_id, kind="suspension-corrected")
        assert line.data["due_at"] != line.data["was"]

    def test_another_reason_changes_which_clocks_stood(self, visit, crew):
        stand(crew, visit, "customer-absent", 1, 10)
        with frozen(MONDAY + 12 * HOURS):
            services.correct_suspension(
                actor=crew.supervisor,
                suspension_id=Suspension.objects.get().pk,
                why="其实是没有端口",
                reason_code="no-port",
            )
        right = Suspension.objects.get(voided_at=None)
        assert (right.stops_customer, right.cause) == (False, "resource")

    def test_a_void_line_counts_no_more(self, visit, crew):
        stand(crew, visit, "customer-absent", 1, 10)
        with frozen(MONDAY + 12 * HOURS):
            services.correct_suspension(
                actor=crew.supervisor,
                suspension_id=Suspension.objects.get().pk,
                why="误挂",
                void=True,
            )
        assert item_of(visit.instance_id, "Visit").due_at == MONDAY + 48 * HOURS
        assert Suspension.objects.count() == 1

    def test_who_may_not_and_what_cannot_be_is_refused(self, visit, crew):
        stand(crew, visit, "customer-absent", 1, 2)
        stand(crew, visit, "no-port", 5, 2)
        first, _second = Suspension.objects.order_by("since")
        given = {"suspension_id": first.pk, "why": "更正"}
        with frozen(MONDAY + 12 * HOURS):
            with pytest.raises(Forbidden):
                services.correct_suspension(actor=crew.installer, void=True, **given)
            for wrong in (
                {"since": MONDAY - HOURS},
                {"ended": MONDAY + 20 * HOURS},
                {"ended": MONDAY + 6 * HOURS},  # into the other one
                {"reason_code": "nonsense"},
            ):
                with pytest.raises(Refused):
                    services.correct_suspension(actor=crew.supervisor, **given, **wrong)
        assert not Suspension.objects.exclude(voided_at=None).exists()

    def test_a_line_that_lasts_may_be_put_right_and_then_resumed(self, visit, crew):
        suspend(crew, visit)
        with frozen(MONDAY + 2 * HOURS):
            services.correct_suspension(
                actor=crew.supervisor,
                suspension_id=Suspension.objects.get().pk,
                why="其实是没有端口",
                reason_code="no-port",
            )
        with frozen(MONDAY + 4 * HOURS):
            services.resume(actor=crew.installer, item_id=visit.pk)
        right = Suspension.objects.get(voided_at=None)
        assert (right.reason_code, right.ended) == ("no-port", MONDAY + 4 * HOURS)
        assert Suspension.objects.exclude(voided_at=None).get().ended is None


@pytest.mark.django_db
def test_listeners_hear_of_every_change_of_the_ledger(visit, crew, monkeypatch):
    heard = []
    monkeypatch.setattr(listening, "_ledger", lambda business, now: heard.append(business))
    item = item_of(visit.instance_id, "Visit")
    stand(crew, item, "customer-absent", 1, 1)
    assert heard == [item.business_id] * 2


@pytest.mark.django_db
def test_a_team_with_another_calendar_counts_by_its_own(begin, crew, receiver):
    """practice.md: departments' hours. A transfer recounts, and says so."""
    seed_calendar("cn", [2026])
    define_calendar(key="nights", name="夜班", hours=dict.fromkeys(_WEEK, "20:00-24:00"))
    with frozen(MONDAY):
        instance_id = begin(parameters={"check_within": "4 working hours"})
        item = item_of(instance_id, "Check")
        assert item.due_at == MONDAY + 6 * HOURS  # without lunch
        Department.objects.create(
            branch_id=item.branch_id, key="night", name="夜班", calendar="nights"
        )
        services.transfer(
            actor=crew.supervisor, item_id=item.pk, post="clerk", department="night", reason="夜班"
        )
        moved = item_of(instance_id, "Check")
        assert moved.due_at == MONDAY + 15 * HOURS  # 24:00 in China
        assert moved.due_basis["calendar"] == "nights"
    line = History.objects.get(instance_id=instance_id, kind="recounted")
    assert line.data["calendar"] == "nights"


_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.mark.django_db
def test_gross_and_net_of_a_step(visit, crew):
    stand(crew, visit, "customer-absent", 1, 10)
    with frozen(MONDAY + 20 * HOURS):
        clock = queries.step_clock(crew.installer, visit.pk)
    assert clock.spent.gross == timedelta(hours=20)
    assert clock.spent.net == timedelta(hours=10)
    stopped = [s for s in clock.deadline.steps if s.kind == "stopped"]
    assert [s.name for s in stopped] == ["客户不在家"]


@pytest.mark.django_db(transaction=True)
def test_two_corrections_at_once_leave_one(begin, crew, receiver):
    seed_calendar("cn", [2026])
    instance_id = begin(parameters=PARAMETERS)
    done(crew.clerk, instance_id, "Check")
    item = item_of(instance_id, "Visit")
    suspend(crew, item)
    services.resume(actor=crew.installer, item_id=item.pk)
    wrong = Suspension.objects.get()

    outcomes = at_once(
        *[
            lambda: services.correct_suspension(
                actor=crew.supervisor, suspension_id=wrong.pk, why="误挂", void=True
            )
            for _ in range(3)
        ]
    )
    assert sum(isinstance(o, Conflict) for o in outcomes) == 2
    assert History.objects.filter(kind="suspension-corrected").count() == 1
