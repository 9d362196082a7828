"""Compensation in the database: what was done is kept with the instance, and undone once."""

from __future__ import annotations

import time

import pytest
from django.db import connection

from kaitong.process import actions, commands, services, store, worker
from kaitong.process.models import Incident, Instance, Token, WorkItem
from kaitong.process.queries import history, steps
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import external, item_of
from kaitong.process.tests.test_calls import Killed
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)

ORDER = """
start S0 n
{ Build n
start I0 n
service Data n action=write in=n="data"
on-undo UndoData n host=Data by=Remove
service Remove n action=erase undoes=1 in=port=port
user Visit installer form=v
on-undo UndoVisit n host=Visit by=Dismantle
user Dismantle installer form=d undoes=1
end I1 n
}
user Accept clerk form=a
xor Ok n
undo Back n
end E n
end E2 n
S0 > Build > Accept > Ok
Ok > Back : accepted = false
Ok !> E
Back > E2
I0 > Data > Visit > I1
"""


def nodes(instance_id):
    return sorted(Token.objects.filter(instance_id=instance_id).values_list("node", flat=True))


def finish(actor, instance_id, node, **values):
    services.complete(actor=actor, item_id=item_of(instance_id, node).pk, values=values)


class Plant:
    """The receiving end: which keys wrote, and which erased."""

    def __init__(self):
        self.written, self.erased, self.fail = [], [], 0

    def write(self, context):
        self.written.append(context.key)
        return {"port": "7"}

    def erase(self, context):
        if self.fail:
            self.fail -= 1
            raise ValueError("broken")
        if context.key not in self.erased:
            self.erased.append(context.key)
        return {}


@pytest.fixture
def plant():
    double = Plant()
    with actions.installed(external("write", double.write), external("erase", double.erase)):
        yield double


@pytest.fixture
def refused(begin, crew, plant):
    """Built, and not accepted: what was built is being undone."""
    instance_id = begin(ORDER)
    worker.drain_all()
    finish(crew.installer, instance_id, "Visit")
    done = Instance.objects.get(pk=instance_id).scopes["scopes"]["root"]["done"]
    assert [(name, [inner[0] for inner in more]) for name, _vars, more in done] == [
        ("Build", ["Data", "Visit"])
    ]
    finish(crew.clerk, instance_id, "Accept", accepted=False)
    return instance_id


def test_what_was_built_is_undone_the_latest_first(refused, crew, plant):
    assert nodes(refused) == ["Back", "Dismantle"]
    assert plant.erased == []
    worker.drain_all()
    assert plant.erased == []  # one after the other
    assert [str(problem) for problem in check()] == []
    finish(crew.installer, refused, "Dismantle")
    worker.drain_all()
    assert len(plant.erased) == 1
    row = Instance.objects.get(pk=refused)
    assert (row.state, row.scopes["scopes"]) == ("completed", {})
    assert [r.node for r in history(refused) if r.kind == "fired"] == ["UndoVisit", "UndoData"]
    shown = {row.node: row.status for row in steps(refused)}
    assert (shown["Dismantle"], shown["Remove"], shown["Visit"]) == ("done", "done", "done")


def test_accepted_nothing_is_undone(begin, crew, plant):
    instance_id = begin(ORDER)
    worker.drain_all()
    finish(crew.installer, instance_id, "Visit")
    finish(crew.clerk, instance_id, "Accept", accepted=True)
    assert Instance.objects.get(pk=instance_id).state == "completed"
    assert not WorkItem.objects.filter(instance_id=instance_id, node="Dismantle").exists()


def test_a_handler_that_fails_waits_in_the_fallout_desk(refused, crew, plant):
    plant.fail = 1
    finish(crew.installer, refused, "Dismantle")
    worker.drain_all()
    incident = Incident.objects.get(state="open")
    assert (incident.node, nodes(refused)) == ("Remove", ["Back", "Remove"])
    services.retry_incident(actor=crew.supervisor, incident_id=incident.pk)
    worker.drain_all()
    assert Instance.objects.get(pk=refused).state == "completed"
    assert len(plant.erased) == 1


def test_handled_and_cancelled_at_once(refused, crew, plant):
    item = item_of(refused, "Dismantle")
    at_once(
        lambda: services.complete(actor=crew.installer, item_id=item.pk, values={}),
        lambda: services.cancel(actor=crew.supervisor, instance_id=refused, reason="撤单"),
    )
    worker.drain_all()
    assert Instance.objects.get(pk=refused).state in ("cancelled", "completed")
    assert nodes(refused) == []


def test_killed_before_the_record_it_is_undone_once(refused, crew, plant, monkeypatch):
    finish(crew.installer, refused, "Dismantle")
    monkeypatch.setenv("KAITONG_LEASE_SECONDS", "0.05")

    def dying(*_args, **_kwargs):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(store, "write", dying)
        with pytest.raises(Killed):
            commands.drain()
    connection.close()
    assert nodes(refused) == ["Back", "Remove"]
    assert [str(problem) for problem in check()] == []
    time.sleep(0.1)
    worker.drain_all()
    assert Instance.objects.get(pk=refused).state == "completed"
    assert len(plant.erased) == 1


def test_without_any_sub_process_what_was_done_is_kept_too(begin, crew):
    text = """
start S n
user A clerk form=a
on-undo UA n host=A by=XA
user XA clerk form=x undoes=1
user B clerk form=b
undo Back n
end E n
S > A > B > Back > E
"""
    instance_id = begin(text)
    finish(crew.clerk, instance_id, "A")
    finish(crew.clerk, instance_id, "B")
    assert nodes(instance_id) == ["Back", "XA"]
    finish(crew.clerk, instance_id, "XA")
    assert Instance.objects.get(pk=instance_id).state == "completed"
