"""Scopes in the database: sub-processes as they are stored, watched, shown and returned to."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kaitong.process import actions, services, worker
from kaitong.process.models import Instance, Timer, Token, WorkItem
from kaitong.process.queries import history, picture, positions, steps, waits, work_item
from kaitong.process.tests.shell_kit import external, item_of

pytestmark = pytest.mark.django_db(transaction=True)

SITE = """
start S0 n
user Check clerk form=a
{ Site installer in=room=building out=done_in=room
start I0 n
and Fork n
user Visit installer form=b
service Data installer action=write-data
and Join n
end I1 n
}
on-timer Late n host=Site after=PT4H keep=1
user Remind clerk form=c
user Confirm service form=d
end E n
end E2 n
S0 > Check > Site > Confirm > E
I0 > Fork > Visit > Join > I1
Fork > Data > Join
Late > Remind > E2
"""


def nodes(instance_id):
    return sorted(Token.objects.filter(instance_id=instance_id).values_list("node", flat=True))


def finish(actor, instance_id, node, **values):
    services.complete(actor=actor, item_id=item_of(instance_id, node).pk, values=values)


def test_a_sub_process_is_stored_and_goes_on(begin, crew, receiver):
    instance_id = begin(SITE, building="7")
    assert Instance.objects.get(pk=instance_id).scopes is None  # it costs nothing before
    finish(crew.clerk, instance_id, "Check")
    row = Instance.objects.get(pk=instance_id)
    assert nodes(instance_id) == ["Data", "Site", "Visit"]
    assert row.open_waits == 2  # what waits for its own inside is not counted
    assert row.scopes["scopes"]["s1"]["variables"] == {"room": "7"}
    assert set(Token.objects.filter(instance_id=instance_id).values_list("node", "scope")) == {
        ("Site", "root"),
        ("Visit", "s1"),
        ("Data", "s1"),
    }
    worker.drain_all()
    assert nodes(instance_id) == ["Join", "Site", "Visit"]
    finish(crew.installer, instance_id, "Visit", room="8")
    assert nodes(instance_id) == ["Confirm"]
    row.refresh_from_db()
    assert row.variables == {"building": "7", "written": True, "done_in": "8"}
    assert row.scopes == {"opened": 1, "scopes": {}}
    assert Timer.objects.get().state == "cancelled"
    finish(crew.service, instance_id, "Confirm")
    assert Instance.objects.get(pk=instance_id).state == "completed"


def test_who_works_inside_sees_the_variables_of_the_scope(begin, crew, receiver):
    instance_id = begin(SITE, building="7")
    finish(crew.clerk, instance_id, "Check")
    item = item_of(instance_id, "Visit")
    assert work_item(crew.installer, item.pk).variables == {"building": "7", "room": "7"}
    seen = []

    def within(context):
        seen.append(dict(context.variables))

    services.complete(actor=crew.installer, item_id=item.pk, values={}, within=within)
    assert seen == [{"building": "7", "room": "7"}]


def test_a_timer_of_the_sub_process_leaves_it_going(begin, crew, receiver):
    instance_id = begin(SITE)
    finish(crew.clerk, instance_id, "Check")
    Timer.objects.update(due_at="2020-01-01T00:00:00Z", next_attempt_at="2020-01-01T00:00:00Z")
    worker.drain_all()
    assert nodes(instance_id) == ["Join", "Remind", "Site", "Visit"]


def test_the_pages_see_inside(begin, crew, receiver):
    instance_id = begin(SITE, building="7")
    finish(crew.clerk, instance_id, "Check")
    assert {fact.node for fact in waits([instance_id])[instance_id]} == {"Visit", "Data"}
    rows = {row.node: row for row in steps(instance_id)}
    assert list(rows) == ["Check", "Site", "Visit", "Data", "Remind", "Confirm"]
    assert (rows["Site"].status, rows["Site"].level, rows["Site"].visits) == ("active", 0, 1)
    assert (rows["Visit"].status, rows["Visit"].level) == ("active", 1)
    shown = positions(instance_id)
    assert (shown["I0"], shown["Join"], shown["Confirm"]) == ("done", "not-reached", "not-reached")
    worker.drain_all()
    finish(crew.installer, instance_id, "Visit")
    assert positions(instance_id)["Site"] == "done"
    assert picture(instance_id).nodes["Late"] == "skipped"
    line = next(r for r in history(instance_id) if r.kind == "entered" and r.node == "Visit")
    assert line.data["scope"] == "s1"


def test_returning_into_and_out_of_it(begin, crew, receiver):
    instance_id = begin(SITE, building="7")
    finish(crew.clerk, instance_id, "Check")
    worker.drain_all()
    finish(crew.installer, instance_id, "Visit")
    item = item_of(instance_id, "Confirm")
    targets = {node for node, _title in work_item(crew.service, item.pk).return_targets}
    assert targets == {"Check", "Visit"}
    services.return_to(actor=crew.service, item_id=item.pk, node="Visit", reason="漏拍照片")
    assert nodes(instance_id) == ["Join", "Site", "Visit"]  # the data stay written
    again = item_of(instance_id, "Visit")
    assert (again.returned_from, again.candidate) == ("Confirm", crew.installer.id)
    services.return_to(actor=crew.installer, item_id=again.pk, node="Check", reason="地址不对")
    assert nodes(instance_id) == ["Check"]
    assert Instance.objects.get(pk=instance_id).scopes["scopes"] == {}


def test_an_incident_inside_is_retried_in_its_scope(begin, crew):
    answers = [ValueError("broken"), {"port": "1"}]

    def act(context):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with actions.installed(external("write-data", act)):
        instance_id = begin(SITE)
        finish(crew.clerk, instance_id, "Check")
        worker.drain_all()
        assert {row.node: row.status for row in steps(instance_id)}["Data"] == "failed"
        from kaitong.process.models import Incident

        services.retry_incident(actor=crew.supervisor, incident_id=Incident.objects.get().pk)
        worker.drain_all()
    assert nodes(instance_id) == ["Join", "Site", "Visit"]


def test_cancelling_closes_everything_inside(begin, crew, receiver):
    instance_id = begin(SITE)
    finish(crew.clerk, instance_id, "Check")
    services.cancel(actor=crew.supervisor, instance_id=instance_id, reason="撤单")
    assert not Token.objects.filter(instance_id=instance_id).exists()
    assert not WorkItem.objects.filter(instance_id=instance_id, state="todo").exists()
    assert Instance.objects.get(pk=instance_id).scopes["scopes"] == {}


def test_a_step_inside_costs_no_more_statements(begin, crew, receiver):
    instance_id = begin(SITE)
    finish(crew.clerk, instance_id, "Check")
    worker.drain_all()
    item = item_of(instance_id, "Visit")
    with CaptureQueriesContext(connection) as inside:
        services.complete(actor=crew.installer, item_id=item.pk, values={})
    item = item_of(instance_id, "Confirm")
    with CaptureQueriesContext(connection) as outside:
        services.complete(actor=crew.service, item_id=item.pk, values={})
    assert len(inside) <= len(outside)
