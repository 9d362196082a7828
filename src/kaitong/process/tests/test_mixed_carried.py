"""Instances in the middle of repetition, event handling and compensation carried over to another
version; starts that come several times at once."""

from __future__ import annotations

import re

import pytest

from kaitong.core.errors import Refused
from kaitong.process import actions, definitions, inbound, migrating, services, worker
from kaitong.process.models import (
    Definition,
    Incident,
    Instance,
    Starter,
    Timer,
    WorkItem,
)
from kaitong.process.tests.shell_kit import drawing, transactional
from kaitong.process.tests.test_concurrency import at_once
from kaitong.process.tests.test_mixed import DEEP, due_now, finish, items, nodes, state, whole

pytestmark = pytest.mark.django_db(transaction=True)


def carry(crew, instance_id, text, names=None):
    definitions.forget()
    to = services.deploy(playbook="kit", key="kit", data=drawing(text), file="kit.bpmn").pk
    migrating.migrate(
        actor=crew.supervisor, instance_id=instance_id, to=to, names=names or {}, reason="改流程"
    )


MANY = """
start S n
user Visit installer form=v each=points item=p result=port results=ports
on-timer Late n host=Visit after=PT4H
user Hurry clerk form=h
user Sum clerk form=s
end E n
end E2 n
S > Visit > Sum > E
Late > Hurry > E2
"""


def test_in_the_middle_of_many(begin, crew):
    instance_id = begin(MANY, points=["甲", "乙", "丙"])
    finish(crew.installer, instance_id, "Visit", port=1)
    later = MANY.replace("Visit", "Fit").replace("Late", "Slow")
    carry(crew, instance_id, later, {"Visit": "Fit", "Late": "Slow"})
    whole(instance_id)
    assert Timer.objects.get(instance_id=instance_id, state="open").node == "Slow"
    for number, item in enumerate(items(instance_id, "Fit")):
        services.complete(actor=crew.installer, item_id=item.pk, values={"port": number + 2})
    assert Instance.objects.get(pk=instance_id).variables["ports"] == [1, 2, 3]
    finish(crew.clerk, instance_id, "Sum")
    assert state(instance_id) == "completed"


def test_of_many_one_gets_a_boundary_event_with_the_new_version(begin, crew):
    text = (
        MANY.replace("on-timer Late n host=Visit after=PT4H\n", "")
        .replace("Late > Hurry > E2", "")
        .replace("user Hurry clerk form=h\n", "")
        .replace("end E2 n\n", "")
    )
    instance_id = begin(text, points=["甲", "乙", "丙"])
    carry(crew, instance_id, MANY)
    whole(instance_id)
    assert Timer.objects.filter(instance_id=instance_id, state="open").count() == 1
    due_now(node="Late")
    assert nodes(instance_id) == ["Hurry"]
    finish(crew.clerk, instance_id, "Hurry")


def test_in_the_middle_of_undoing(begin, crew):
    instance_id = begin(DEEP, order="o", rooms=["一", "二"])
    services.publish(name="storm", key="o", sender_id="x", values={})
    worker.drain_all()
    for node in ("Fit", "Fit", "Test", "Test"):
        actor = crew.installer if node == "Fit" else crew.clerk
        if node == "Test" and not items(instance_id, "Test")[1:]:
            break
        finish(actor, instance_id, node)
    due_now(node="Late")
    assert nodes(instance_id) == ["Back", "Storm", "Unfit"]
    names = {old: f"New{old}" for old in ("Fit", "Unfit", "Back", "Room", "Storm", "UF")}
    later = re.sub(r"\b(Fit|Unfit|Back|Room|Storm|UF)\b", lambda m: names[m[1]], DEEP)
    carry(crew, instance_id, later, names)
    whole(instance_id)
    while items(instance_id, "NewUnfit"):
        finish(crew.installer, instance_id, "NewUnfit")
    assert state(instance_id) == "completed"


UNDO = """
start S n
user A clerk form=a
on-undo UA n host=A by=XA
user XA clerk form=x undoes=1
user B clerk form=b
on-undo UB n host=B by=XB
user XB clerk form=y undoes=1
undo Back n
end E n
S > A > B > Back > E
"""


def test_a_handler_still_to_come_must_be_in_the_new_version(begin, crew):
    instance_id = begin(UNDO)
    finish(crew.clerk, instance_id, "A")
    finish(crew.clerk, instance_id, "B")
    assert nodes(instance_id) == ["Back", "XB"]
    later = UNDO.replace("on-undo UA n host=A by=XA\nuser XA clerk form=x undoes=1\n", "")
    with pytest.raises(Refused, match="A"):
        carry(crew, instance_id, later)
    finish(crew.clerk, instance_id, "XB")
    finish(crew.clerk, instance_id, "XA")
    assert state(instance_id) == "completed"


HEARS = """
start S n
user A clerk form=a
end E n
{! Told n
on-start T0 n message=told key=order keep=1
user Read clerk form=r
end T1 n
}
S > A > E
T0 > Read > T1
"""


def test_what_a_listener_listens_for_is_not_exchanged(begin, crew):
    instance_id = begin(HEARS, order="o")
    with pytest.raises(Refused, match="heard"):
        carry(crew, instance_id, HEARS.replace("message=told", "message=heard"))
    carry(crew, instance_id, HEARS.replace("T0", "U0"), {"T0": "U0"})
    services.publish(name="told", key="o", sender_id="1", values={})
    worker.drain_all()
    assert nodes(instance_id) == ["A", "Read", "Told", "U0"]
    later = HEARS.replace("T0", "V0").replace("Read", "See")
    carry(crew, instance_id, later, {"U0": "V0", "Read": "See"})
    whole(instance_id)
    finish(crew.clerk, instance_id, "See")
    finish(crew.clerk, instance_id, "A")
    assert state(instance_id) == "completed"


def test_the_handling_of_an_event_that_is_new_listens_from_now(begin, crew):
    old = "start S n\nuser A clerk form=a\nend E n\nS > A > E"
    instance_id = begin(old, order="o")
    carry(crew, instance_id, HEARS)
    whole(instance_id)
    services.publish(name="told", key="o", sender_id="1", values={})
    worker.drain_all()
    assert nodes(instance_id) == ["A", "Read", "T0", "Told"]
    finish(crew.clerk, instance_id, "Read")
    finish(crew.clerk, instance_id, "A")
    assert state(instance_id) == "completed"


def test_a_new_condition_that_holds_already_happens_at_once(begin, crew):
    old = "start S n\nuser A clerk form=a\nend E n\nS > A > E"
    new = """
start S n
user A clerk form=a
on Big n host=A when=n>5
service Note n action=note
user Look clerk form=l
end E n
end E2 n
S > A > E
Big > Note > Look > E2
""".replace("n>5", "5<n")
    with actions.installed(transactional("note", lambda _context: {"noted": True})):
        instance_id = begin(old, n=7)
        carry(crew, instance_id, new)
        whole(instance_id)
        assert nodes(instance_id) == ["Look"]
        assert Instance.objects.get(pk=instance_id).variables["noted"] is True
        finish(crew.clerk, instance_id, "Look")
        assert state(instance_id) == "completed"


# ---- starts


CAME = """
begin S clerk message=came out=n=number
user A clerk form=a
end E clerk
S > A > E
"""


def test_one_message_several_times_at_once_begins_once(county):
    definitions.forget()
    services.deploy(
        playbook="kit",
        key="kit",
        data=drawing(CAME),
        file="kit.bpmn",
        branch_id=county.pk,
    )
    outcomes = at_once(
        *[
            lambda: services.publish(name="came", key="1", sender_id="s", values={"number": 1})
            for _ in range(4)
        ]
    )
    assert sorted(map(str, outcomes)) == ["False", "False", "False", "True"]
    at_once(*[worker.drain_inbound] * 3)
    worker.drain_all()
    assert Instance.objects.count() == 1


def test_a_message_for_who_waits_and_for_who_begins(begin, crew, county):
    definitions.forget()
    services.deploy(
        playbook="kit",
        key="starts",
        data=drawing(CAME, "starts"),
        file="starts.bpmn",
        branch_id=county.pk,
    )
    waiting = begin("start S n\nreceive R n message=came key=k\nend E n\nS > R > E", k="7")
    at_once(
        *[
            lambda n=n: services.publish(
                name="came", key="7", sender_id=f"s{n}", values={"number": n}
            )
            for n in range(3)
        ]
    )
    at_once(*[worker.drain_inbound] * 3)
    worker.drain_all()
    assert state(waiting) == "completed"
    assert Instance.objects.filter(definition__key="starts").count() == 2


def test_one_file_deployed_several_times_at_once_is_one(county):
    definitions.forget()
    text = CAME
    other = text.replace("form=a", "form=b")

    def deploy(body):
        return services.deploy(
            playbook="kit", key="kit", data=drawing(body), file="kit.bpmn", branch_id=county.pk
        ).pk

    outcomes = at_once(*[lambda body=body: deploy(body) for body in (text, text, other, other)])
    assert not [o for o in outcomes if isinstance(o, Exception)], outcomes
    assert len(set(outcomes)) == 2
    assert Definition.objects.count() == 2
    open_ = Starter.objects.filter(state="open")
    assert open_.count() == 1
    services.publish(name="came", key="1", sender_id="s", values={"number": 1})
    worker.drain_all()
    assert Instance.objects.count() == 1


def test_cancelled_while_a_hundred_children_begin(begin, crew):
    line = """
start S n
call Open n called=point each=points item=point in=at=point
on-timer Late n host=Open after=PT1H
user Confirm clerk form=c
end E n
end E2 n
S > Open > Confirm > E
Late > E2
"""
    point = "start S n\nuser Visit installer form=v\nend E n\nS > Visit > E"
    instance_id = begin(line, called={"point": point}, points=[f"点{n}" for n in range(60)])
    at_once(
        lambda: inbound.begin_children(limit=20),
        lambda: inbound.begin_children(limit=20),
        lambda: services.cancel(actor=crew.supervisor, instance_id=instance_id, reason="撤单"),
        worker.drain_inbound,
    )
    worker.drain_all()
    assert state(instance_id) == "cancelled"
    assert not Instance.objects.filter(state="running").exists()
    assert not WorkItem.objects.filter(state="todo").exists()


def test_five_hundred_of_one_step(begin, crew):
    text = """
start S n
user Visit installer form=v each=points item=p until=numberOfCompletedInstances=20
on-timer Late n host=Visit after=PT1H keep=1
end E n
end E2 n
S > Visit > E
Late > E2
"""
    instance_id = begin(text, points=[f"点{n}" for n in range(500)])
    due_now()
    found = items(instance_id, "Visit")
    assert len(found) == 500
    at_once(
        *[
            lambda some=some: [
                services.complete(actor=crew.installer, item_id=i.pk, values={"port": 1})
                for i in some
            ]
            for some in (found[:10], found[10:20])
        ]
    )
    assert state(instance_id) == "completed"
    too_many = begin(text, points=[f"点{n}" for n in range(501)])
    assert Incident.objects.get(instance_id=too_many).cause == "data"
