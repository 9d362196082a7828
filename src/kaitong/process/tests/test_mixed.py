"""Elements mixed as playbooks mix them: repetition with boundary events, handling of events,
compensation, return, incidents and migration, each inside or across another."""

from __future__ import annotations

import pytest

from kaitong.core.errors import Refused
from kaitong.org.queries import actor_of
from kaitong.process import actions, queries, replay, services, worker
from kaitong.process.models import (
    Instance,
    Suspension,
    Timer,
    Token,
    WorkItem,
)
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import transactional
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def nodes(instance_id):
    return sorted(Token.objects.filter(instance_id=instance_id).values_list("node", flat=True))


def items(instance_id, node):
    rows = WorkItem.objects.filter(instance_id=instance_id, node=node, state="todo")
    return list(rows.order_by("id"))


def finish(actor, instance_id, node, **values):
    whole(instance_id)
    services.complete(actor=actor, item_id=items(instance_id, node)[0].pk, values=values)


def state(instance_id):
    return Instance.objects.get(pk=instance_id).state


def whole(instance_id):
    """Nothing is orphaned; the history is without gaps and tells where tokens stand."""
    assert [str(problem) for problem in check()] == []
    rows = [row for row in queries.history(instance_id) if row.instance_id == instance_id]
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    standing = Token.objects.filter(instance_id=instance_id).exclude(wait="listen")
    assert sorted(standing.values_list("node", flat=True)) == list(replay.frames(rows)[-1].tokens)
    picture = queries.picture(instance_id)
    waiting = {fact.node for fact in picture.waits}
    at_rest = standing.exclude(wait__in=["join", "scope", "child"])
    assert waiting >= set(at_rest.values_list("node", flat=True)), waiting
    for item in WorkItem.objects.filter(instance_id=instance_id, state="todo"):
        boss = actor_of("boss")
        try:
            plan = queries.return_plan(boss, item.pk)
        except Refused:
            continue
        for target, _title in plan.targets:
            queries.return_plan(boss, item.pk, target)


def due_now(**of):
    Timer.objects.filter(state="open", **of).update(
        due_at="2020-01-01T00:00:00Z", next_attempt_at="2020-01-01T00:00:00Z"
    )
    worker.drain_all()


@pytest.fixture(autouse=True)
def second(crew, county, staff_of):
    """Another supervisor, who agrees."""
    crew.second = staff_of(county, "boss2", "supervisor")


@pytest.fixture(autouse=True)
def histories(request):
    yield
    for instance in Instance.objects.all() if "county" in request.fixturenames else ():
        whole(instance.pk)
        assert not Suspension.objects.filter(
            ended=None, workitem__state__in=["done", "cancelled", "returned"]
        ).exists()


# ---- return and its compensations --------------------------------------------------------------

ROOMS = """
start S n
{ Room n each=rooms item=room
start R0 n
user Plan clerk form=p
service Take n action=take compensate=give in=r=room;n=loopCounter out=got=port
user Fit installer form=f
end R1 n
}
end E n
S > Room > E
R0 > Plan > Take > Fit > R1
"""


@pytest.fixture
def given():
    seen = []

    def give(context):
        seen.append(dict(context.inputs))
        return {"got": None}

    with actions.installed(
        transactional("take", lambda context: {"port": context.inputs["r"]}),
        transactional("give", give),
    ):
        yield seen


def test_a_return_inside_a_scope_undoes_with_what_the_scope_sees(begin, crew, given):
    instance_id = begin(ROOMS, rooms=["一", "二"])
    for item in items(instance_id, "Plan"):
        services.complete(actor=crew.clerk, item_id=item.pk, values={})
    second = items(instance_id, "Fit")[1]
    services.return_to(actor=crew.installer, item_id=second.pk, node="Plan", reason="端口不对")
    assert given == [{"r": "二", "n": 2}]
    assert nodes(instance_id) == ["Fit", "Plan", "Room"]
    finish(crew.clerk, instance_id, "Plan")
    for item in items(instance_id, "Fit"):
        services.complete(actor=crew.installer, item_id=item.pk, values={})
    assert state(instance_id) == "completed"


def test_what_undoing_gives_stays_in_the_scope_that_declares_it(begin, crew, given):
    text = ROOMS.replace("each=rooms item=room", "in=room=rooms[1];got=null")
    instance_id = begin(text, rooms=["一"], got="另外的")
    finish(crew.clerk, instance_id, "Plan")
    inside = Instance.objects.get(pk=instance_id).scopes["scopes"].values()
    assert [s["variables"]["got"] for s in inside] == ["一"]
    item = items(instance_id, "Fit")[0]
    services.return_to(actor=crew.installer, item_id=item.pk, node="Plan", reason="端口不对")
    row = Instance.objects.get(pk=instance_id)
    assert [s["variables"]["got"] for s in row.scopes["scopes"].values()] == [None]
    assert row.variables["got"] == "另外的"


def test_an_undoing_whose_inputs_have_no_value_refuses_the_return(begin, crew, given):
    text = ROOMS.replace("n=loopCounter", "n=bad/1").replace("compensate=give", "compensate=give")
    instance_id = begin(text, rooms=["一"], bad=1)
    finish(crew.clerk, instance_id, "Plan")
    item = items(instance_id, "Fit")[0]
    Instance.objects.filter(pk=instance_id).update(variables={"rooms": ["一"], "bad": "x"})
    with pytest.raises(Refused):
        services.return_to(actor=crew.installer, item_id=item.pk, node="Plan", reason="端口不对")
    assert nodes(instance_id) == ["Fit", "Room"]
    assert given == []


def test_what_was_done_for_each_of_many_is_not_undone_at_once(begin, crew, given):
    text = """
start S n
user Plan clerk form=p
service Take n action=take compensate=give each=rooms item=room in=r=room
user Fit installer form=f
end E n
S > Plan > Take > Fit > E
"""
    instance_id = begin(text, rooms=["一", "二"])
    finish(crew.clerk, instance_id, "Plan")
    item = items(instance_id, "Fit")[0]
    with pytest.raises(Refused, match="办了多次"):
        services.return_to(actor=crew.installer, item_id=item.pk, node="Plan", reason="重来")
    assert (nodes(instance_id), given) == (["Fit"], [])


# ---- repetition with boundary events -----------------------------------------------------------


def test_a_condition_on_a_repeated_task_takes_all_of_it_away(begin, crew):
    text = """
start S n
and F n
user Visit installer form=v each=points item=p
on Stop n host=Visit when=stop=true
user Tell clerk form=t
user Watch clerk form=w
end E n
end E2 n
end E3 n
S > F > Visit > E
F > Watch > E2
Stop > Tell > E3
"""
    instance_id = begin(text, points=["甲", "乙"], stop=False)
    finish(crew.clerk, instance_id, "Watch", stop=True)
    assert nodes(instance_id) == ["Tell"]
    finish(crew.clerk, instance_id, "Tell")
    assert state(instance_id) == "completed"


def test_a_condition_beside_a_repeated_task_happens_once(begin, crew):
    text = """
start S n
and F n
user Visit installer form=v each=points item=p
on Stop n host=Visit when=stop=true keep=1
user Tell clerk form=t
user Watch clerk form=w
end E n
end E2 n
end E3 n
S > F > Visit > E
F > Watch > E2
Stop > Tell > E3
"""
    instance_id = begin(text, points=["甲", "乙"], stop=False)
    finish(crew.clerk, instance_id, "Watch", stop=True)
    assert nodes(instance_id) == ["Tell", "Visit", "Visit", "Visit"]
    finish(crew.clerk, instance_id, "Tell")
    for item in items(instance_id, "Visit"):
        services.complete(actor=crew.installer, item_id=item.pk, values={})
    assert state(instance_id) == "completed"


DEEP = """
start S n
user Check clerk form=c
end E n
S > Check > E
{! Storm n
on-start St n message=storm key=order
{ Room n each=rooms item=room
start R0 n
user Fit installer form=f
on-undo UF n host=Fit by=Unfit
user Unfit installer form=u undoes=1
user Test clerk form=t
end R1 n
}
on-timer Late n host=Room after=PT4H
undo Back n
user Sum clerk form=s
end Z n
end Z2 n
}
St > Room > Sum > Z
Late > Back > Z2
R0 > Fit > Test > R1
"""


def test_many_rooms_in_an_event_handling_interrupted_and_undone(begin, crew):
    instance_id = begin(DEEP, order="o", rooms=["一", "二", "三"])
    services.publish(name="storm", key="o", sender_id="x", values={})
    worker.drain_all()
    assert nodes(instance_id) == ["Fit", "Fit", "Fit", "Room", "Storm"]
    finish(crew.installer, instance_id, "Fit")
    finish(crew.clerk, instance_id, "Test")  # one room is complete
    finish(crew.installer, instance_id, "Fit")  # one is half complete
    due_now(node="Late")
    assert nodes(instance_id) == ["Back", "Storm", "Unfit"]
    item = items(instance_id, "Unfit")[0]
    seen = queries.work_item(crew.installer, item.pk).variables
    assert (seen["room"], seen["loopCounter"]) == ("一", 1)
    finish(crew.installer, instance_id, "Unfit")
    assert state(instance_id) == "completed"


def test_many_rooms_in_an_event_handling_cancelled_in_the_middle(begin, crew):
    instance_id = begin(DEEP, order="o", rooms=["一", "二"])
    services.publish(name="storm", key="o", sender_id="x", values={})
    worker.drain_all()
    finish(crew.installer, instance_id, "Fit")
    at_once(
        lambda: services.cancel(actor=crew.supervisor, instance_id=instance_id, reason="撤单"),
        lambda: finish(crew.installer, instance_id, "Fit"),
        lambda: due_now(node="Late"),
    )
    worker.drain_all()
    assert state(instance_id) in ("cancelled", "completed")


# ---- return and repetition ---------------------------------------------------------------------

PARALLEL = """
start S n
user Plan clerk form=p
and F n
{ Room n each=rooms item=room
start R0 n
user Fit installer form=f
user Test installer form=t
end R1 n
}
user Papers clerk form=q
and J n
user Accept clerk form=a
end E n
S > Plan > F > Room > J > Accept > E
F > Papers > J
R0 > Fit > Test > R1
"""


def test_return_out_of_one_room_inside_it_and_from_behind(begin, crew):
    instance_id = begin(PARALLEL, rooms=["一", "二"])
    finish(crew.clerk, instance_id, "Plan")
    finish(crew.installer, instance_id, "Fit")
    finish(crew.clerk, instance_id, "Papers")
    test = items(instance_id, "Test")[0]
    services.return_to(actor=crew.installer, item_id=test.pk, node="Fit", reason="重做")
    assert nodes(instance_id) == ["Fit", "Fit", "J", "Room"]
    for _ in range(2):
        finish(crew.installer, instance_id, "Fit")
    plan = queries.return_plan(crew.installer, items(instance_id, "Test")[0].pk, "Plan")
    assert sorted(line.node for line in plan.ends) == ["J", "Test"]
    services.return_to(
        actor=crew.installer,
        item_id=items(instance_id, "Test")[0].pk,
        node="Plan",
        reason="重来",
        expected=plan.fingerprint,
    )
    assert nodes(instance_id) == ["Plan"]
    finish(crew.clerk, instance_id, "Plan")
    for _ in range(2):
        finish(crew.installer, instance_id, "Fit")
    for _ in range(2):
        finish(crew.installer, instance_id, "Test")
    assert nodes(instance_id) == ["J", "Papers"]
    finish(crew.clerk, instance_id, "Papers")
    accept = items(instance_id, "Accept")[0]
    targets = {name for name, _ in queries.return_plan(crew.clerk, accept.pk).targets}
    assert targets == {"Plan", "Papers"}
    services.return_to(actor=crew.clerk, item_id=accept.pk, node="Papers", reason="缺件")
    assert nodes(instance_id) == ["J", "Papers"]
    finish(crew.clerk, instance_id, "Papers")
    finish(crew.clerk, instance_id, "Accept")
    assert state(instance_id) == "completed"


def test_from_behind_back_to_a_repeated_task_as_a_whole(begin, crew):
    text = """
start S n
user Visit installer form=v each=points item=p result=port results=ports
on-timer Late n host=Visit after=PT1H keep=1
user Hurry clerk form=h
user Accept clerk form=a
end E n
end E2 n
S > Visit > Accept > E
Late > Hurry > E2
"""
    instance_id = begin(text, points=["甲", "乙"])
    due_now(node="Late")
    for number, item in enumerate(items(instance_id, "Visit")):
        services.complete(actor=crew.installer, item_id=item.pk, values={"port": number})
    assert nodes(instance_id) == ["Accept", "Hurry"]
    accept = items(instance_id, "Accept")[0]
    services.return_to(actor=crew.clerk, item_id=accept.pk, node="Visit", reason="重做")
    assert nodes(instance_id) == ["Visit", "Visit", "Visit"]
    assert Timer.objects.filter(instance_id=instance_id, state="open").count() == 1
    for item in items(instance_id, "Visit"):
        services.complete(actor=crew.installer, item_id=item.pk, values={"port": 9})
    finish(crew.clerk, instance_id, "Accept")
    assert state(instance_id) == "completed"
