"""The fallout desk (异常单), and that a completion is never lost when an action raises."""

from __future__ import annotations

import pytest
from django.db import connection

from kaitong.core.errors import Conflict, Forbidden, NotFound, Refused
from kaitong.org.models import Post
from kaitong.process import actions, queries, services, worker
from kaitong.process.actions import BusinessError
from kaitong.process.models import Command, History, Incident, Instance, Token
from kaitong.process.tests.shell_kit import external, item_of, transactional

pytestmark = pytest.mark.django_db

AUTOMATIC = """
start S clerk
user Check clerk form=f
service Assign resource action=assign
user After clerk form=f
end E clerk
S > Check > Assign > After > E
"""


def boom(context):
    Post.objects.create(key="half-done", name="半途")
    raise RuntimeError("unexpected\nDETAIL: Key (phone)=(13812345678)")


def complete_check(crew, instance_id):
    return services.complete(
        actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={"ok": True}
    )


def incident_of(instance_id):
    return Incident.objects.filter(instance_id=instance_id).order_by("id").last()


@pytest.fixture
def parked(begin, crew):
    """A completion whose action raised."""
    instance_id = begin(AUTOMATIC)
    with actions.installed(transactional("assign", boom)):
        complete_check(crew, instance_id)
    return instance_id


def test_the_completion_is_kept_when_the_action_raises(parked, crew):
    item = item_of(parked, "Check")
    assert (item.state, item.completed_by) == ("done", crew.clerk.id)
    assert Instance.objects.get(pk=parked).variables == {"ok": True}
    assert not Post.objects.filter(key="half-done").exists()  # rolled back to the savepoint
    incident = incident_of(parked)
    assert (incident.node, incident.cause, incident.post) == ("Assign", "bug", "resource")
    assert incident.message.startswith("RuntimeError: unexpected")
    assert "138" not in incident.message


def test_a_database_error_in_an_action_is_rolled_back_and_parked(begin, crew):
    def broken(context):
        with connection.cursor() as cursor:
            cursor.execute("select 1 / 0")

    instance_id = begin(AUTOMATIC)
    with actions.installed(transactional("assign", broken)):
        complete_check(crew, instance_id)
    assert incident_of(instance_id).cause == "bug"
    assert item_of(instance_id, "Check").state == "done"


def test_a_rule_that_says_no_is_a_business_cause(begin, crew):
    def refuse(context):
        raise Refused("没有空闲端口。", "等待扩容。")

    instance_id = begin(AUTOMATIC)
    with actions.installed(transactional("assign", refuse)):
        complete_check(crew, instance_id)
    incident = incident_of(instance_id)
    assert (incident.cause, incident.message) == ("business", "没有空闲端口。 等待扩容。")


def test_a_transactional_business_error_takes_its_boundary_and_writes_nothing(begin, crew):
    def full(context):
        Post.objects.create(key="half-done", name="半途")
        raise BusinessError("full", "无空闲端口")

    text = (
        AUTOMATIC + "on-error O clerk host=Assign code=full\nuser Wait clerk form=f\nO > Wait > E"
    )
    instance_id = begin(text)
    with actions.installed(transactional("assign", full)):
        complete_check(crew, instance_id)
    assert item_of(instance_id, "Wait").state == "todo"
    assert not Post.objects.filter(key="half-done").exists()
    assert not Incident.objects.exists()


def test_several_actions_in_one_step_each_have_their_savepoint(begin, crew):
    done = []

    def first(context):
        Post.objects.create(key="first", name="第一")
        done.append(context.key)
        return {"port": "0/3/6"}

    text = AUTOMATIC.replace("Assign > After", "Assign > Second > After").replace(
        "user After", "service Second resource action=second in=port=port\nuser After"
    )
    instance_id = begin(text)
    with actions.installed(transactional("assign", first), transactional("second", boom)):
        complete_check(crew, instance_id)
    assert Post.objects.filter(key="first").exists()
    assert incident_of(instance_id).node == "Second"
    assert Instance.objects.get(pk=instance_id).variables["port"] == "0/3/6"
    with actions.installed(
        transactional("second", lambda context: {"seen": context.inputs["port"]})
    ):
        services.retry_incident(actor=crew.supervisor, incident_id=incident_of(instance_id).pk)
    assert Instance.objects.get(pk=instance_id).variables["seen"] == "0/3/6"
    assert len(done) == 1


def test_a_retry_that_fails_keeps_the_incident_open(parked, crew):
    incident = incident_of(parked)
    with actions.installed():
        services.retry_incident(actor=crew.supervisor, incident_id=incident.pk)
    again = incident_of(parked)
    assert (again.pk, again.state) == (incident.pk, "open")
    assert "assign" in again.message
    with actions.installed(transactional("assign", lambda context: {"port": 1})):
        services.retry_incident(actor=crew.supervisor, incident_id=incident.pk)
        with pytest.raises(Conflict):
            services.retry_incident(actor=crew.supervisor, incident_id=incident.pk)
    again = incident_of(parked)
    assert (again.state, again.resolution, again.resolved_by) == (
        "resolved",
        "retried",
        crew.supervisor.id,
    )
    assert item_of(parked, "After").state == "todo"


def test_an_external_retry_uses_the_same_key_and_settles_with_its_outcome(
    begin, crew, receiver, staff_of, county
):
    network = staff_of(county, "net", "network")
    instance_id = begin()
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={})
    receiver.answers = [ValueError("bad attribute"), KeyError("still bad"), {"written": True}]
    worker.drain_all()
    first = incident_of(instance_id)
    services.retry_incident(actor=network, incident_id=first.pk)
    assert incident_of(instance_id).state == "retrying"
    worker.drain_all()
    second = incident_of(instance_id)
    assert second.pk != first.pk
    assert Incident.objects.get(pk=first.pk).state == "cancelled"  # a newer one took its place
    services.retry_incident(actor=network, incident_id=second.pk)
    worker.drain_all()
    assert Incident.objects.get(pk=second.pk).state == "resolved"
    assert len({c.key for c in receiver.calls}) == 1
    assert receiver.effects == {receiver.calls[0].key: 1}
    assert Command.objects.filter(instance_id=instance_id).count() == 1


def test_who_may_settle(parked, crew):
    incident_id = incident_of(parked).pk
    with pytest.raises(NotFound):
        services.retry_incident(actor=crew.stranger, incident_id=incident_id)
    with pytest.raises(Forbidden):
        services.retry_incident(actor=crew.clerk, incident_id=incident_id)
    assert incident_of(parked).state == "open"


def test_done_by_hand_needs_evidence_and_another_person(parked, crew, staff_of, county):
    planner = staff_of(county, "planner", "resource")
    incident_id = incident_of(parked).pk

    def by_hand(second, evidence="台账截图 2026-11"):
        return services.done_by_hand(
            actor=crew.supervisor,
            incident_id=incident_id,
            second=second,
            evidence=evidence,
            values={"port": "0/3/6"},
        )

    for second, evidence in [(crew.supervisor, "x"), (crew.clerk, "x"), (planner, "  ")]:
        with pytest.raises(Refused):
            by_hand(second, evidence)
        assert incident_of(parked).state == "open"
        assert Token.objects.get(instance_id=parked).wait == "incident"
    by_hand(planner)
    incident = incident_of(parked)
    assert (incident.state, incident.resolution, incident.second_person, incident.evidence) == (
        "resolved",
        "done-by-hand",
        planner.id,
        "台账截图 2026-11",
    )
    assert Instance.objects.get(pk=parked).variables == {"ok": True, "port": "0/3/6"}
    line = History.objects.get(instance_id=parked, kind="done-by-hand")
    assert (line.actor_id, line.data["second"]) == (crew.supervisor.id, str(planner.id))
    assert item_of(parked, "After").state == "todo"


def test_cancelling_closes_the_incident(parked, crew):
    services.cancel(actor=crew.clerk, instance_id=parked, reason="撤单")
    assert incident_of(parked).state == "cancelled"


def test_a_loop_without_a_wait_is_an_incident_not_a_hang(begin, crew):
    text = """
start S clerk
user Check clerk form=f
xor Again clerk
service Assign resource action=assign
xor Done clerk
end E clerk
S > Check > Again > Assign > Done
Done > E: finished = true
Done >! Again
"""
    instance_id = begin(text)
    with actions.installed(transactional("assign", lambda context: {"finished": False})):
        complete_check(crew, instance_id)
    assert incident_of(instance_id).cause == "loop"
    assert item_of(instance_id, "Check").state == "done"


def test_an_action_of_the_wrong_kind_of_answer_is_parked(begin, crew):
    instance_id = begin(AUTOMATIC)
    with actions.installed(transactional("assign", lambda context: "yes")):
        complete_check(crew, instance_id)
    assert "返回一组值" in incident_of(instance_id).message


def test_the_desk_lists_incidents_of_the_branch(parked, crew):
    page = queries.incidents(crew.supervisor)
    assert [(row.node, row.cause) for row in page.rows] == [("Assign", "bug")]
    assert queries.incidents(crew.stranger).total == 0
    assert queries.incident(crew.supervisor, page.rows[0].id) == page.rows[0]
    with pytest.raises(NotFound):
        queries.incident(crew.stranger, page.rows[0].id)
    assert queries.incidents(crew.supervisor, cause="network").total == 0


def test_the_action_acts_in_the_name_of_who_triggered_it(begin, crew):
    seen = []
    instance_id = begin(AUTOMATIC)

    def look(context):
        from kaitong.core.audit import current_actor_id

        seen.append((context.actor_id, current_actor_id()))

    with actions.installed(transactional("assign", look), external("x", look)):
        complete_check(crew, instance_id)
    assert seen == [(crew.clerk.id, crew.clerk.id)]
