"""Work lists, positions, the step table: who sees what, in a constant number of queries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import OuterRef, Subquery
from django.template import Context, Template

from kaitong.core.clock import frozen, now
from kaitong.process import numbers, queries, services, worker
from kaitong.process.actions import Transient, Wait
from kaitong.process.errors import ProcessNotFound
from kaitong.process.models import Instance, WorkItem
from kaitong.process.tests.shell_kit import item_of

pytestmark = pytest.mark.django_db

CHOICE = """
start S clerk
user Ask clerk form=f
xor Which clerk
user Fibre installer form=f
user Copper installer form=f
on-timer Late installer host=Fibre after=PT1H keep=yes
user Remind supervisor form=f
end E clerk
S > Ask > Which
Which > Fibre: way = "fibre"
Which >! Copper
Fibre > E
Copper > E
Late > Remind > E
"""


def done(actor, instance_id, node, **values):
    services.complete(actor=actor, item_id=item_of(instance_id, node).pk, values=values)


def nodes(page):
    return sorted(row.node for row in page.rows)


def test_tabs_and_their_counts(begin, crew, receiver):
    first, second = begin(), begin()
    assert nodes(queries.work_items(crew.clerk)) == ["Check", "Check"]
    assert nodes(queries.work_items(crew.installer)) == []
    done(crew.clerk, first, "Check")
    assert nodes(queries.work_items(crew.installer)) == ["Visit"]
    services.claim(actor=crew.installer, item_id=item_of(first, "Visit").pk)
    assert nodes(queries.work_items(crew.installer)) == []
    assert nodes(queries.work_items(crew.installer, tab="mine")) == ["Visit"]
    assert nodes(queries.work_items(crew.other_installer, tab="mine")) == []
    assert nodes(queries.work_items(crew.supervisor, tab="mine")) == []
    assert nodes(queries.work_items(crew.supervisor, tab="mine", everyone=True)) == ["Visit"]
    assert nodes(queries.work_items(crew.clerk, tab="mine", everyone=True)) == []
    services.suspend(
        actor=crew.installer,
        item_id=item_of(first, "Visit").pk,
        reason_code="no-port",
        until=now() + timedelta(days=1),
    )
    assert nodes(queries.work_items(crew.installer, tab="suspended")) == ["Visit"]
    assert nodes(queries.work_items(crew.other_installer, tab="suspended")) == []
    assert nodes(queries.work_items(crew.clerk, tab="done")) == ["Check"]
    assert nodes(queries.work_items(crew.supervisor, tab="open")) == ["Check", "Visit"]
    assert queries.counts(crew.clerk) == {
        "todo": 1,
        "mine": 0,
        "helping": 0,
        "suspended": 0,
        "done": 1,
        "open": 1,
        "today": 0,
        "soon": 0,
        "late": 0,
    }
    assert queries.counts(crew.installer)["suspended"] == 1
    assert queries.counts(crew.stranger) == dict.fromkeys(queries.counts(crew.clerk), 0)
    assert queries.work_items(crew.stranger, tab="open").total == 0
    with frozen(now() + timedelta(days=2)):
        assert queries.counts(crew.clerk)["done"] == 0
    assert item_of(second, "Check").state == "todo"


def test_filters_and_pages(begin, crew, receiver):
    instances = [begin() for _ in range(5)]
    business = Instance.objects.get(pk=instances[2]).business_id
    assert queries.work_items(crew.clerk, business_id=business).total == 1
    assert queries.work_items(crew.clerk, business_ids=[business]).rows[0].business_id == business
    assert queries.work_items(crew.clerk, post="installer").total == 0
    assert queries.work_items(crew.clerk, node="Check").total == 5
    page = queries.work_items(crew.clerk, offset=3, limit=10)
    assert (len(page.rows), page.total) == (2, 5)
    assert queries.open_items_of(crew.installer, [business])[business][0].node == "Check"
    assert queries.open_items_of(crew.stranger, [business]) == {}


def test_the_most_urgent_stands_first_and_overdue_is_told(begin, crew, receiver):
    moment = datetime(2026, 3, 2, 1, tzinfo=UTC)
    from kaitong.worktime.services import seed_calendar

    seed_calendar("cn", [2026])
    with frozen(moment):
        late = begin(parameters={"check_within": "4 hours"})
        none = begin()
        later = begin(parameters={"check_within": "2 days"})
    with frozen(moment + timedelta(hours=5)):
        rows = queries.work_items(crew.clerk).rows
        assert [row.instance_id for row in rows] == [late, later, none]
        assert [row.overdue for row in rows] == [True, False, False]
        assert queries.work_items(crew.clerk, due="late").total == 1
        assert queries.counts(crew.clerk)["late"] == 1


def test_numbers_at_the_top_are_the_rows_they_lead_to(begin, crew, receiver, monkeypatch):
    from kaitong.worktime.services import seed_calendar

    seed_calendar("cn", [2026])
    moment = datetime(2026, 3, 2, 1, tzinfo=UTC)  # a Monday, nine o'clock
    with frozen(moment):
        late = begin(parameters={"check_within": "2 hours"})
        soon = begin(parameters={"check_within": "4 hours"})
        tomorrow = begin(parameters={"check_within": "2 days"})
        waiting = begin(parameters={"check_within": "2 hours"})
        begin()  # without a time of its own
        item = item_of(waiting, "Check").pk
        services.claim(actor=crew.clerk, item_id=item)
        services.suspend(
            actor=crew.clerk,
            item_id=item,
            reason_code="customer-absent",
            note="出差",
            until=moment + timedelta(days=3),
        )
        assert queries.counts(crew.clerk)["soon"] == 0
    WorkItem.objects.filter(instance_id=soon).update(warn_at=None)  # its last fifth
    for hours, expected in (
        (3.5, {"today": [late, soon], "soon": [soon], "late": [late]}),
        (5, {"today": [late, soon], "soon": [], "late": [late, soon]}),
        (24 * 7, {"today": [], "soon": [], "late": [late, soon, tomorrow]}),
    ):
        with frozen(moment + timedelta(hours=hours)):
            counted = queries.counts(crew.clerk)
            assert counted["open"] == 5
            for due, instances in expected.items():
                page = queries.work_items(crew.clerk, tab="open", due=due)
                assert [row.instance_id for row in page.rows] == instances, (hours, due)
                assert counted[due] == page.total == len(instances)
    # among more than anybody counts the few that are late or due are still told exactly
    monkeypatch.setattr(numbers, "MOST", 2)
    with frozen(moment + timedelta(hours=3.5)):
        told = queries.counts(crew.clerk)
        shown = {name: str(told[name]) for name in ("open", "todo", "today", "late")}
        assert shown == {"open": "2+", "todo": "2+", "today": "2", "late": "1"}
        assert int(told["soon"]) == 1
        page = queries.work_items(crew.clerk, tab="open", limit=1)
        assert Template("{{ n }}").render(Context({"n": page.total})) == "2+"
    with frozen(moment + timedelta(hours=24 * 7)):
        told = queries.counts(crew.clerk)
        assert {n: str(told[n]) for n in ("today", "late")} == {"today": "0", "late": "2+"}
    with pytest.raises(ProcessNotFound):
        queries.work_items(crew.clerk, due="yesterday")


def test_a_step_by_its_title_and_orders_by_a_query(begin, crew, receiver):
    first, second = begin(), begin()
    done(crew.clerk, first, "Check")
    title = item_of(first, "Visit").title
    found = queries.work_items(crew.supervisor, tab="open", title=title)
    assert [row.instance_id for row in found.rows] == [first]
    wanted = Subquery(
        Instance.objects.filter(pk=second, business_id=OuterRef("business_id")).values("pk")[:1]
    )
    found = queries.work_items(crew.supervisor, tab="open", business=wanted)
    assert [row.instance_id for row in found.rows] == [second]


def test_a_dispatched_item_is_shown_to_its_person_only(begin, crew, receiver):
    instance_id = begin()
    done(crew.clerk, instance_id, "Check")
    services.dispatch(
        actor=crew.supervisor, item_id=item_of(instance_id, "Visit").pk, to=crew.installer.id
    )
    assert nodes(queries.work_items(crew.installer)) == ["Visit"]
    assert queries.work_items(crew.installer).rows[0].candidate_name == "fitter"
    assert nodes(queries.work_items(crew.other_installer)) == []
    assert nodes(queries.work_items(crew.supervisor)) == ["Visit"]


def test_lists_cost_the_same_whatever_their_length(
    begin, crew, receiver, django_assert_max_num_queries, django_assert_num_queries
):
    first = begin()
    services.claim(actor=crew.clerk, item_id=item_of(first, "Check").pk)
    with django_assert_num_queries(4):  # count, identifiers, rows, names
        assert queries.work_items(crew.supervisor, tab="open").total == 1
    others = [begin() for _ in range(6)]
    for instance_id in others:
        services.claim(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk)
    with django_assert_num_queries(4):
        assert queries.work_items(crew.supervisor, tab="open").total == 7
    with django_assert_num_queries(1):
        queries.counts(crew.supervisor)
    done(crew.clerk, first, "Check")
    with django_assert_max_num_queries(12):
        queries.steps(first)
    with django_assert_max_num_queries(7):
        queries.waits([first, *others])


def test_a_detail_holds_what_acting_needs(begin, crew, receiver):
    instance_id = begin(plan="300M")
    done(crew.clerk, instance_id, "Check")
    detail = queries.work_item(crew.installer, item_of(instance_id, "Visit").pk)
    assert detail.definition.form == "visit"
    assert detail.variables["plan"] == "300M"
    assert detail.return_targets == (("Check", "Check环节"),)
    assert detail.suspend_reasons == ("customer-absent", "no-port")
    assert detail.may_act
    assert not queries.work_item(crew.clerk, detail.id).may_act


def test_positions_of_the_whole_path(begin, crew, receiver):
    instance_id = begin()
    assert queries.positions(instance_id)["Check"] == "active"
    assert queries.positions(instance_id)["Visit"] == "not-reached"
    done(crew.clerk, instance_id, "Check")
    found = queries.positions(instance_id)
    assert (found["Start"], found["Check"], found["Fork"]) == ("done", "done", "done")
    assert (found["Visit"], found["Data"], found["Join"]) == ("active", "waiting", "not-reached")
    worker.drain_all()
    found = queries.positions(instance_id)
    assert (found["Data"], found["Join"]) == ("done", "waiting")
    done(crew.installer, instance_id, "Visit")
    done(crew.service, instance_id, "Confirm")
    assert set(queries.positions(instance_id).values()) == {"done"}
    assert len(queries.flows_taken(instance_id)) == 8


def test_what_is_not_on_the_way_is_skipped(begin, crew):
    instance_id = begin(CHOICE)
    assert set(queries.positions(instance_id).values()) == {"done", "active", "not-reached"}
    done(crew.clerk, instance_id, "Ask", way="copper")
    found = queries.positions(instance_id)
    assert (found["Copper"], found["Fibre"], found["Remind"]) == ("active", "skipped", "skipped")
    services.cancel(actor=crew.clerk, instance_id=instance_id, reason="撤单")
    assert queries.positions(instance_id)["Copper"] == "cancelled"


def test_the_step_table(begin, crew, receiver):
    start = datetime(2026, 3, 2, 1, tzinfo=UTC)
    with frozen(start):
        instance_id = begin()
    with frozen(start + timedelta(minutes=20)):
        done(crew.clerk, instance_id, "Check")
        receiver.answers = [Wait(30, "等待用户拨号上线")]
        worker.drain_all()
    with frozen(start + timedelta(minutes=25)):
        table = queries.steps(instance_id)
    assert [row.node for row in table] == ["Check", "Visit", "Data", "Confirm"]
    check, visit, data, confirm = table
    assert (check.status, check.took, check.person_name) == (
        "done",
        timedelta(minutes=20),
        "clerk",
    )
    assert (visit.status, visit.lane, visit.took) == ("active", "installer", timedelta(minutes=5))
    assert (data.status, data.reason) == ("waiting", "等待用户拨号上线")
    assert data.next_attempt_at == start + timedelta(minutes=20, seconds=30)
    assert (confirm.status, confirm.took, confirm.started_at) == ("not-reached", None, None)


def test_a_failed_step_names_its_incident(begin, crew, receiver):
    receiver.answers = [ValueError("x")]
    instance_id = begin("start S n\nservice Data n action=write-data\nend E n\nS > Data > E")
    worker.drain_all()
    (row,) = queries.steps(instance_id)
    (incident,) = queries.incidents(crew.supervisor).rows
    assert (row.status, row.incident_id) == ("failed", incident.id)
    (fact,) = queries.waits([instance_id])[instance_id]
    assert (fact.kind, fact.reason, fact.row_id) == ("incident", incident.message, incident.id)


def test_waits_say_that_a_retry_is_coming(begin, crew, receiver):
    receiver.answers = [Transient("network", "AAA 连不上")]
    instance_id = begin("start S n\nservice Data n action=write-data\nend E n\nS > Data > E")
    worker.drain_all()
    (fact,) = queries.waits([instance_id])[instance_id]
    assert fact.reason == "失败 1 次，将重试：AAA 连不上"


def test_history_is_told_in_order_with_names(begin, crew, receiver):
    instance_id = begin()
    done(crew.clerk, instance_id, "Check")
    lines = queries.history(instance_id)
    assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
    (completed,) = [line for line in lines if line.kind == "completed"]
    assert (completed.title, completed.actor_name) == ("Check环节", "clerk")
    assert queries.history(instance_id, after=completed.seq)[0].seq == completed.seq + 1
