"""The fallout desk's verbs: two retry once, corrections recorded, four eyes, claims, equal ones."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from kaitong.core.errors import Conflict, Forbidden, NotFound, Refused
from kaitong.process import actions, queries, services
from kaitong.process.models import History, Incident, IncidentNote, Instance, Proposal
from kaitong.process.tests.shell_kit import item_of, transactional

pytestmark = pytest.mark.django_db

SPEED = """
start S clerk
user Check clerk form=f
service Assign resource action=assign in=speed=speed;owner=owner_id{more}
user After clerk form=f
end E clerk
S > Check > Assign > After > E
"""
WAY = """
start S clerk
user Ask clerk form=f
xor Which clerk
user Fibre installer form=f
end E clerk
S > Ask > Which
Which > Fibre: way = "fibre"
Which > E: way = "none"
Fibre > E
"""


def assign(context):
    if not isinstance(context.inputs["speed"], int):
        raise Refused(f"速率 {context.inputs['speed']} 不对。", "请改正。")
    return {"port": context.inputs["speed"]}


def stuck(begin, crew, text=SPEED.format(more=""), **values):
    instance_id = begin(text, speed="很快", owner_id="0199aaaa-0000-7000-8000-000000000001")
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values=values)
    return Incident.objects.get(instance_id=instance_id)


@pytest.fixture
def installed():
    with actions.installed(transactional("assign", assign)):
        yield


@pytest.fixture
def planner(staff_of, county):
    return staff_of(county, "planner", "resource")


def test_a_retry_names_how_often_it_was_tried_and_a_second_click_is_told(begin, crew, installed):
    row = stuck(begin, crew)
    services.retry_incident(actor=crew.supervisor, incident_id=row.pk, tries=0)
    row.refresh_from_db()
    assert (row.state, row.tries) == ("open", 1)
    with pytest.raises(Conflict, match="刚刚重试过"):
        services.retry_incident(actor=crew.supervisor, incident_id=row.pk, tries=0)
    row.refresh_from_db()
    assert row.tries == 1
    assert History.objects.filter(instance_id=row.instance_id, kind="retried").count() == 1


def test_correcting_writes_the_variable_runs_the_step_and_keeps_before_and_after(
    begin, crew, installed, planner
):
    row = stuck(begin, crew)
    services.correct_incident(
        actor=planner, incident_id=row.pk, values={"speed": 300}, reason="受理时填错", tries=0
    )
    row.refresh_from_db()
    assert (row.state, row.resolution, row.resolved_by) == ("resolved", "corrected", planner.id)
    assert Instance.objects.get(pk=row.instance_id).variables["speed"] == 300
    assert item_of(row.instance_id, "After").state == "todo"
    kept = IncidentNote.objects.get(incident=row, kind="corrected")
    assert (kept.by, kept.text) == (planner.id, "受理时填错")
    assert kept.data == {"before": {"speed": "很快"}, "after": {"speed": 300}}
    line = History.objects.get(instance_id=row.instance_id, kind="corrected")
    assert (line.actor_id, line.data["keys"]) == (planner.id, ["speed"])


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"owner_id": "x"}, "r", "owner_id"),  # a reference
        ({"port": 1}, "r", "port"),  # nothing this step reads
        ({"speed": "很快"}, "r", "values"),  # as it was
        ({"speed": 3}, " ", "reason"),
    ],
)
def test_what_may_not_be_corrected_changes_nothing(begin, crew, installed, values, reason, field):
    row = stuck(begin, crew)
    with pytest.raises(Refused) as refused:
        services.correct_incident(
            actor=crew.supervisor, incident_id=row.pk, values=values, reason=reason
        )
    assert refused.value.field == field
    row.refresh_from_db()
    assert (row.state, row.tries) == ("open", 0)
    assert Instance.objects.get(pk=row.instance_id).variables["speed"] == "很快"
    assert not IncidentNote.objects.exists()


def test_a_gateway_with_no_way_out_is_corrected_by_the_answer_it_reads(begin, crew, staff_of):
    instance_id = begin(WAY)
    services.complete(
        actor=crew.clerk, item_id=item_of(instance_id, "Ask").pk, values={"way": "radio"}
    )
    row = Incident.objects.get(instance_id=instance_id)
    services.correct_incident(
        actor=crew.clerk, incident_id=row.pk, values={"way": "fibre"}, reason="选错"
    )
    assert item_of(instance_id, "Fibre").state == "todo"


def test_a_correction_the_playbook_wants_four_eyes_on_waits_for_the_second(
    begin, crew, installed, planner
):
    row = stuck(begin, crew, SPEED.format(more=" correct=speed correct-second=true"))
    with pytest.raises(Refused) as refused:
        services.correct_incident(
            actor=planner, incident_id=row.pk, values={"speed": 3}, reason="r"
        )
    assert refused.value.field == "second"
    services.propose(
        actor=planner, incident_id=row.pk, kind="correct", text="填错", values={"speed": 3}
    )
    with pytest.raises(Forbidden):
        services.agree_proposal(actor=planner, incident_id=row.pk, proposer=planner)
    row.refresh_from_db()
    assert row.state == "open"
    services.agree_proposal(actor=crew.supervisor, incident_id=row.pk, proposer=planner)
    row.refresh_from_db()
    assert (row.state, row.resolved_by, row.second_person) == (
        "resolved",
        planner.id,
        crew.supervisor.id,
    )
    assert Instance.objects.get(pk=row.instance_id).variables["speed"] == 3


@pytest.mark.parametrize("first", ["planner", "boss"])
def test_done_by_hand_happens_when_the_other_agrees_whoever_asks(
    begin, crew, installed, planner, first
):
    row = stuck(begin, crew)
    asks, agrees = (planner, crew.supervisor) if first == "planner" else (crew.supervisor, planner)
    services.propose(
        actor=asks, incident_id=row.pk, kind="by-hand", text="已在网管上做好", values={"port": 7}
    )
    with pytest.raises(Conflict, match="在等复核"):
        services.propose(
            actor=agrees, incident_id=row.pk, kind="by-hand", text="我也做了", values={}
        )
    row.refresh_from_db()
    assert (row.state, row.evidence) == ("open", "")
    services.agree_proposal(actor=agrees, incident_id=row.pk, proposer=asks)
    row.refresh_from_db()
    assert (row.state, row.resolution, row.evidence) == (
        "resolved",
        "done-by-hand",
        "已在网管上做好",
    )
    assert (row.resolved_by, row.second_person) == (asks.id, agrees.id)
    assert item_of(row.instance_id, "After").state == "todo"
    assert Instance.objects.get(pk=row.instance_id).variables["port"] == 7
    with pytest.raises(Conflict):
        services.agree_proposal(actor=agrees, incident_id=row.pk, proposer=asks)


def test_a_second_person_declines_with_a_reason_and_the_incident_stays(
    begin, crew, installed, planner
):
    row = stuck(begin, crew)
    services.propose(actor=planner, incident_id=row.pk, kind="by-hand", text="做了", values={})
    with pytest.raises(Refused):
        services.decline_proposal(actor=crew.supervisor, incident_id=row.pk, remark=" ")
    services.decline_proposal(actor=crew.supervisor, incident_id=row.pk, remark="没有截图")
    row.refresh_from_db()
    assert row.state == "open"
    assert Proposal.objects.get(incident=row).state == "declined"
    services.propose(actor=planner, incident_id=row.pk, kind="by-hand", text="补截图", values={})
    services.retry_incident(actor=crew.supervisor, incident_id=row.pk)  # settled otherwise
    assert set(Proposal.objects.values_list("state", flat=True)) == {"declined", "void"}


def test_what_one_looks_after_others_leave_and_a_supervisor_may_take(
    begin, crew, installed, planner, staff_of, county
):
    other = staff_of(county, "planner2", "resource")
    row = stuck(begin, crew)
    services.claim_incident(actor=planner, incident_id=row.pk)
    services.claim_incident(actor=planner, incident_id=row.pk)  # again changes nothing
    for act in (services.claim_incident, services.retry_incident, services.release_incident):
        with pytest.raises(Conflict, match="在处理"):
            act(actor=other, incident_id=row.pk)
    with pytest.raises(Forbidden):
        services.assign_incident(actor=other, incident_id=row.pk, to=other)
    with pytest.raises(Refused):
        services.assign_incident(actor=planner, incident_id=row.pk, to=crew.clerk)
    services.assign_incident(actor=planner, incident_id=row.pk, to=other)
    row.refresh_from_db()
    assert row.claimed_by == other.id
    services.release_incident(actor=other, incident_id=row.pk)
    kinds = IncidentNote.objects.order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["claimed", "assigned", "released"]


def test_another_branch_and_another_post_do_nothing_here(begin, crew, installed):
    row = stuck(begin, crew)
    acts = [
        lambda who: services.claim_incident(actor=who, incident_id=row.pk),
        lambda who: services.retry_incident(actor=who, incident_id=row.pk),
        lambda who: services.correct_incident(
            actor=who, incident_id=row.pk, values={"speed": 1}, reason="r"
        ),
        lambda who: services.propose(
            actor=who, incident_id=row.pk, kind="by-hand", text="t", values={}
        ),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            act(crew.stranger)
        with pytest.raises(Forbidden):
            act(crew.clerk)
    with pytest.raises(NotFound):
        services.add_note(actor=crew.stranger, incident_id=row.pk, text="看看")
    services.add_note(actor=crew.clerk, incident_id=row.pk, text="客户催了")  # anybody who sees it
    assert IncidentNote.objects.get().text == "客户催了"
    row.refresh_from_db()
    assert (row.state, row.tries, row.claimed_by) == ("open", 0, None)


def test_equal_troubles_are_one_line_and_causes_are_counted(begin, crew):
    def broken(context):
        raise Refused(f"分光器 POS-{context.inputs['n']} 没有端口 {context.inputs['n']}。", "")

    text = SPEED.format(more="").replace("in=speed=speed;owner=owner_id", "in=n=n")
    with actions.installed(transactional("assign", broken)):
        for n in (3, 41, 5):
            instance_id = begin(text, n=n)
            services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={})
    with actions.installed():
        instance_id = begin(text, n=9)
        services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={})
    page = queries.incident_groups(crew.supervisor)
    assert page.total == 2
    big = page.rows[0]
    assert (big.count, big.orders, big.sample.cause, big.sample.action) == (
        3,
        3,
        "business",
        "assign",
    )
    assert queries.incident_causes(crew.supervisor) == {"business": 3, "bug": 1}
    assert queries.incidents(crew.supervisor, sameness=big.sameness).total == 3
    assert queries.incident_groups(crew.stranger).total == 0
    assert queries.incident_causes(crew.stranger) == {}


@pytest.mark.django_db(transaction=True)
def test_two_people_retry_at_once_and_the_step_runs_once(begin, crew):
    runs = []
    gate = threading.Barrier(2, timeout=10)

    def count(context):
        runs.append(context.key)
        raise Refused("还是不行。", "")

    with actions.installed(transactional("assign", count)):
        instance_id = begin(SPEED.format(more=""), speed=1, owner_id="x")
        services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={})
        row = Incident.objects.get(instance_id=instance_id)
        runs.clear()
        told = []

        def press():
            gate.wait()
            try:
                services.retry_incident(actor=crew.supervisor, incident_id=row.pk, tries=0)
                told.append("done")
            except Conflict:
                told.append("told")
            finally:
                connection.close()

        threads = [threading.Thread(target=press) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(told) == ["done", "told"]
    assert len(runs) == 1
    row.refresh_from_db()
    assert row.tries == 1


def test_the_desk_reads_its_index_alone(begin, crew, installed):
    row = stuck(begin, crew)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute(
            "explain select sameness, count(*), min(created_at) from process_incident"
            " where branch_id = %s and state = 'open' group by sameness",
            [row.branch_id],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Only Scan using process_incident_same" in plan


MANY = """
start S clerk
user Check clerk form=f
service Assign resource action=assign in=speed=n each=lines item=n
user After clerk form=f
end E clerk
S > Check > Assign > After > E
"""


def test_what_one_of_many_reads_is_corrected_in_its_own_scope(begin, crew):
    def needs(context):
        if not context.inputs["speed"]:
            raise Refused("没有速率。", "")
        return {}

    with actions.installed(transactional("assign", needs)):
        instance_id = begin(MANY, lines=[100, 0, 0])
        services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={})
        first, second = Incident.objects.filter(instance_id=instance_id).order_by("id")
        services.correct_incident(
            actor=crew.supervisor, incident_id=first.pk, values={"n": 300}, reason="漏填"
        )
        assert IncidentNote.objects.get(incident=first).data == {
            "before": {"n": 0},
            "after": {"n": 300},
        }
        second.refresh_from_db()
        assert second.state == "open"  # its own is as it was
        assert queries.settling(crew.supervisor, second.pk).values["n"] == 0
        assert "n" not in Instance.objects.get(pk=instance_id).variables
        services.correct_incident(
            actor=crew.supervisor, incident_id=second.pk, values={"n": 50}, reason="漏填"
        )
    assert item_of(instance_id, "After").state == "todo"
