"""Verbs that bring in others, and the watch over due times: who may, what changes, told once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kaitong.core.clock import frozen, now
from kaitong.core.errors import Conflict, Forbidden, NotFound, Refused
from kaitong.process import listening, overdue, queries, services
from kaitong.process.models import Feedback, Helper, History, WorkItem
from kaitong.process.tests.shell_kit import item_of
from kaitong.process.tests.test_concurrency import at_once
from kaitong.worktime import queries as worktime
from kaitong.worktime.services import seed_calendar

WATCHED = """
start S clerk
user U clerk form=f budget=within warn=PT1H escalate-to=supervisor notice=late
end E clerk
S > U > E
"""
WITHIN = {"within": {"kind": "elapsed", "amount": "4 hours"}}


def kinds(instance_id):
    rows = History.objects.filter(instance_id=instance_id).order_by("seq")
    return [kind for kind in rows.values_list("kind", flat=True) if kind != "entered"]


@pytest.fixture
def calendar(db):
    seed_calendar(key="cn", years=range(2025, 2027))
    worktime.forget()
    yield
    worktime.forget()


@pytest.fixture
def heard():
    facts = []
    before = listening._listener
    listening.listen(facts.append)
    yield facts
    listening.listen(before)


@pytest.mark.django_db
class TestHelp:
    def test_helper_sees_the_item_and_gives_feedback_while_the_owner_stays(self, begin, crew):
        item = item_of(begin(), "Check")
        services.claim(actor=crew.clerk, item_id=item.pk)
        with pytest.raises(Forbidden):
            services.feedback(actor=crew.installer, item_id=item.pk, text="在路上")
        services.ask_help(
            actor=crew.clerk, item_id=item.pk, to=crew.installer.id, reason="核对箱体"
        )
        row = WorkItem.objects.get(pk=item.pk)
        assert (row.claimed_by, row.state) == (crew.clerk.id, "claimed")
        (helped,) = queries.work_items(crew.installer, tab="helping").rows
        assert helped.id == item.pk
        assert queries.counts(crew.installer)["helping"] == 1
        services.feedback(actor=crew.installer, item_id=item.pk, text="箱体已核对")
        assert Feedback.objects.get().by == crew.installer.id
        detail = queries.work_item(crew.installer, item.pk)
        assert [person for person, _name in detail.helpers] == [crew.installer.id]
        assert (detail.may_feedback, detail.may_act) == (True, False)
        with pytest.raises(Forbidden):
            services.complete(actor=crew.installer, item_id=item.pk, values={})

    def test_the_same_helper_twice_is_once(self, begin, crew):
        instance_id = begin()
        item = item_of(instance_id, "Check")
        services.claim(actor=crew.clerk, item_id=item.pk)
        for _twice in range(2):
            services.ask_help(actor=crew.clerk, item_id=item.pk, to=crew.installer.id)
        assert Helper.objects.count() == 1
        assert kinds(instance_id).count("helped") == 1

    def test_only_the_owner_or_a_supervisor_asks_and_only_in_the_branch(self, begin, crew):
        item = item_of(begin(), "Check")
        services.claim(actor=crew.clerk, item_id=item.pk)
        ask = services.ask_help
        with pytest.raises(Forbidden):
            ask(actor=crew.installer, item_id=item.pk, to=crew.service.id)
        with pytest.raises(NotFound):
            ask(actor=crew.stranger, item_id=item.pk, to=crew.service.id)
        with pytest.raises(Refused):
            ask(actor=crew.clerk, item_id=item.pk, to=crew.stranger.id)
        with pytest.raises(Refused):
            ask(actor=crew.supervisor, item_id=item.pk, to=crew.clerk.id)
        assert not Helper.objects.exists()
        ask(actor=crew.supervisor, item_id=item.pk, to=crew.service.id)
        assert Helper.objects.count() == 1

    def test_done_work_needs_no_help(self, begin, crew):
        item = item_of(begin(), "Check")
        services.complete(actor=crew.clerk, item_id=item.pk, values={})
        with pytest.raises(Conflict):
            services.ask_help(actor=crew.supervisor, item_id=item.pk, to=crew.service.id)
        assert queries.work_items(crew.service, tab="helping").rows == []


@pytest.mark.django_db(transaction=True)
def test_two_ask_for_the_same_helper_at_once(begin, crew):
    instance_id = begin()
    item = item_of(instance_id, "Check")
    services.claim(actor=crew.clerk, item_id=item.pk)
    outcomes = at_once(
        *[
            lambda who=who: services.ask_help(actor=who, item_id=item.pk, to=crew.service.id)
            for who in (crew.clerk, crew.supervisor, crew.clerk)
        ]
    )
    assert outcomes == [None, None, None]
    assert kinds(instance_id).count("helped") == 1


@pytest.mark.django_db(transaction=True)
def test_transfer_and_claim_at_once_leave_one_of_both(begin, crew):
    for _round in range(5):
        item = item_of(begin(), "Check")
        at_once(
            lambda item=item: services.claim(actor=crew.clerk, item_id=item.pk),
            lambda item=item: services.transfer(
                actor=crew.supervisor, item_id=item.pk, post="service", reason="误派"
            ),
        )
        row = WorkItem.objects.get(pk=item.pk)
        # whoever came second found what the first had done
        assert (row.post, row.claimed_by, row.state) == ("service", None, "todo")


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
class TestOverdue:
    def test_short_of_time_is_marked_once_and_tells_who_has_it(self, begin, crew, heard):
        instance_id = begin(WATCHED, parameters=WITHIN)
        item = item_of(instance_id, "U")
        services.claim(actor=crew.clerk, item_id=item.pk)
        heard.clear()
        assert overdue.watch() == 0
        with frozen(item.due_at - timedelta(minutes=59)):
            assert overdue.watch() == 1
            assert overdue.watch() == 0
        assert kinds(instance_id).count("warned") == 1
        soon = [fact for fact in heard if fact.event == "soon"]
        assert [fact.person for fact in soon] == [crew.clerk.id]

    def test_late_work_is_reported_once(self, begin, crew, heard):
        instance_id = begin(WATCHED, parameters=WITHIN)
        item = item_of(instance_id, "U")
        with frozen(item.due_at + timedelta(minutes=1)):
            assert overdue.watch() == 2  # the warning and the report
            assert overdue.watch() == 0
        (line,) = History.objects.filter(instance_id=instance_id, kind="escalated")
        assert line.data["post"] == "supervisor"
        assert [f.event for f in heard if f.event == "overdue"] == ["overdue"]
        (row,) = queries.work_items(crew.supervisor, tab="todo").rows
        assert row.escalated_at is not None

    def test_two_watchers_at_once_report_once(self, begin, crew, heard):
        item = item_of(begin(WATCHED, parameters=WITHIN), "U")
        with frozen(item.due_at + timedelta(minutes=1)):
            overdue.watch()
            overdue.watch()
        assert len([f for f in heard if f.event == "overdue"]) == 1

    def test_suspended_work_is_left_alone_and_new_time_counts_anew(self, begin, crew, heard):
        item = item_of(begin(WATCHED, parameters=WITHIN), "U")
        services.suspend(
            actor=crew.clerk, item_id=item.pk, reason_code="customer-away", note="外出",
            until=now() + timedelta(days=2),
        )  # fmt: skip
        with frozen(now() + timedelta(days=1)):
            assert overdue.watch() == 0
            services.resume(actor=crew.clerk, item_id=item.pk)
            row = WorkItem.objects.get(pk=item.pk)
            assert row.due_at > now()
            assert row.warn_at == row.due_at - timedelta(hours=1)

    def test_warning_may_name_a_parameter(self, begin):
        text = WATCHED.replace("warn=PT1H", "warn=soon")
        soon = {"soon": {"kind": "elapsed", "amount": "30 minutes"}}
        item = item_of(begin(text, parameters={**WITHIN, **soon}), "U")
        assert item.warn_at == item.due_at - timedelta(minutes=30)

    def test_step_without_attributes_is_never_reported(self, begin, heard):
        text = WATCHED.replace(" warn=PT1H escalate-to=supervisor", "")
        item = item_of(begin(text, parameters=WITHIN), "U")
        with frozen(item.due_at + timedelta(days=9)):
            assert overdue.watch() == 0


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
def test_listener_hears_entered_given_and_done(begin, crew, heard):
    item = item_of(begin(WATCHED, parameters=WITHIN), "U")
    assert [f.event for f in heard] == ["entered"]
    services.claim(actor=crew.clerk, item_id=item.pk)
    services.complete(actor=crew.clerk, item_id=item.pk, values={})
    assert [(f.event, f.person) for f in heard[1:]] == [
        ("given", crew.clerk.id),
        ("done", crew.clerk.id),
    ]
