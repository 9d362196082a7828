"""Elements mixed as playbooks mix them: repetition with boundary events, handling of events,
compensation, return, incidents and migration, each inside or across another."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kaitong.core.clock import now
from kaitong.core.errors import Forbidden, KaitongError, Refused
from kaitong.org import standing_in
from kaitong.org.queries import actor_of
from kaitong.process import actions, queries, services, worker
from kaitong.process.models import (
    History,
    Incident,
    Instance,
    Suspension,
    Timer,
    Token,
    WorkItem,
)
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import external, transactional
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def nodes(instance_id):
    return sorted(Token.objects.filter(instance_id=instance_id).values_list("node", flat=True))


def items(instance_id, node):
    rows = WorkItem.objects.filter(instance_id=instance_id, node=node, state="todo")
    return list(rows.order_by("id"))


def finish(actor, instance_id, node, **values):
    services.complete(actor=actor, item_id=items(instance_id, node)[0].pk, values=values)


def state(instance_id):
    return Instance.objects.get(pk=instance_id).state


def whole(instance_id):
    """Nothing is orphaned, the history is without gaps."""
    assert [str(problem) for problem in check()] == []
    seqs = list(
        History.objects.filter(instance_id=instance_id)
        .order_by("seq")
        .values_list("seq", flat=True)
    )
    assert seqs == list(range(1, len(seqs) + 1))


def due_now(**of):
    Timer.objects.filter(state="open", **of).update(
        due_at="2020-01-01T00:00:00Z", next_attempt_at="2020-01-01T00:00:00Z"
    )
    worker.drain_all()


@pytest.fixture
def crew(crew, county, staff_of):
    crew.second = staff_of(county, "boss2", "supervisor")
    return crew


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


# ---- incidents ---------------------------------------------------------------------------------


def test_a_completion_condition_without_meaning_is_corrected(begin, crew):
    text = """
start S n
user Visit installer form=v each=points item=p until=enough<=numberOfCompletedInstances
on-timer Late n host=Visit after=PT1H
end E n
end E2 n
S > Visit > E
Late > E2
"""
    instance_id = begin(text, points=["甲", "乙", "丙"], enough="two")
    finish(crew.installer, instance_id, "Visit")
    incident = Incident.objects.get(state="open")
    whole(instance_id)
    finish(crew.installer, instance_id, "Visit")  # the others go on meanwhile
    assert nodes(instance_id) == ["Visit", "Visit"]
    services.correct_incident(
        actor=crew.supervisor, incident_id=incident.pk, values={"enough": 2}, reason="写错"
    )
    assert state(instance_id) == "completed"


def test_a_completion_condition_without_meaning_and_the_timer(begin, crew):
    text = """
start S n
user Visit installer form=v each=points item=p until=nothing
on-timer Late n host=Visit after=PT1H
end E n
user Hurry clerk form=h
end E2 n
S > Visit > E
Late > Hurry > E2
"""
    instance_id = begin(text, points=["甲", "乙", "丙"])
    finish(crew.installer, instance_id, "Visit")
    due_now()
    assert nodes(instance_id) == ["Hurry"]
    assert not Incident.objects.filter(state="open").exists()
    finish(crew.clerk, instance_id, "Hurry")
    assert state(instance_id) == "completed"


def test_an_incident_in_a_loop_corrected_each_round(begin, crew):
    text = """
start S n
xor In n
service Write n action=write in=v=value
user Check clerk form=c
xor Out n
end E n
S > In > Write > Check > Out
Out > In : again = true
Out !> E
"""

    def write(context):
        if context.inputs["v"] == "bad":
            raise ValueError("bad")
        return {}

    with actions.installed(external("write", write)):
        instance_id = begin(text, value="bad")
        for _ in range(3):
            worker.drain_all()
            incident = Incident.objects.get(state="open")
            services.correct_incident(
                actor=crew.supervisor, incident_id=incident.pk, values={"value": "ok"}, reason="改"
            )
            worker.drain_all()
            finish(crew.clerk, instance_id, "Check", again=True, value="bad")
        worker.drain_all()
        incident = Incident.objects.get(state="open")
        services.done_by_hand(
            actor=crew.supervisor,
            incident_id=incident.pk,
            second=crew.second,
            evidence="已写",
            values={},
        )
        finish(crew.clerk, instance_id, "Check", again=False)
    assert state(instance_id) == "completed"


def test_an_inclusive_join_hears_of_a_sibling_done_by_hand(begin, crew):
    text = """
start S n
or F n
service Write n action=write
on-timer Late n host=Write after=PT1H keep=1
user Papers clerk form=p
or J n
user Hurry clerk form=h
end E n
end E2 n
S > F > Write > J > E
F > Papers > J
Late > Hurry > E2
"""

    def write(_context):
        raise ValueError("bad")

    with actions.installed(external("write", write)):
        instance_id = begin(text)
        worker.drain_all()
        finish(crew.clerk, instance_id, "Papers")
        assert nodes(instance_id) == ["J", "Write"]
        incident = Incident.objects.get(state="open")
        due_now(node="Late")
        finish(crew.clerk, instance_id, "Hurry")
        outcomes = at_once(
            *[
                lambda: services.done_by_hand(
                    actor=crew.supervisor,
                    incident_id=incident.pk,
                    second=crew.second,
                    evidence="已写",
                    values={},
                ),
                lambda: services.retry_incident(actor=crew.supervisor, incident_id=incident.pk),
            ]
        )
        assert sum(isinstance(o, KaitongError) for o in outcomes) == 1
        worker.drain_all()
        for open_ in Incident.objects.filter(state="open"):
            services.done_by_hand(
                actor=crew.supervisor,
                incident_id=open_.pk,
                second=crew.second,
                evidence="已写",
                values={},
            )
    assert state(instance_id) == "completed"


def test_a_subs_result_without_meaning_and_what_still_listens(begin, crew):
    text = """
start S n
{ Site n out=sum=a+b
start I0 n
user Visit installer form=v
end I1 n
{! Told n
on-start T0 n message=told key=order keep=1
user Read clerk form=r
end T1 n
}
}
end E n
S > Site > E
I0 > Visit > I1
T0 > Read > T1
"""
    instance_id = begin(text, order="o", a=1, b="x")
    finish(crew.installer, instance_id, "Visit")
    incident = Incident.objects.get(state="open")
    services.publish(name="told", key="o", sender_id="1", values={})
    worker.drain_all()
    whole(instance_id)
    services.correct_incident(
        actor=crew.supervisor, incident_id=incident.pk, values={"b": 2}, reason="改"
    )
    whole(instance_id)
    assert "Read" in nodes(instance_id)
    finish(crew.clerk, instance_id, "Read")
    assert state(instance_id) == "completed"


def test_what_only_the_scope_sees_is_corrected_there(begin, crew):
    text = """
start S n
{ Site n in=b=first out=sum=b+1
start I0 n
user Visit installer form=v
end I1 n
}
end E n
S > Site > E
I0 > Visit > I1
"""
    instance_id = begin(text, first="x", b=5)
    finish(crew.installer, instance_id, "Visit")
    incident = Incident.objects.get(state="open")
    services.correct_incident(
        actor=crew.supervisor, incident_id=incident.pk, values={"b": 5}, reason="改"
    )
    row = Instance.objects.get(pk=instance_id)
    assert (row.state, row.variables["sum"]) == ("completed", 6)


# ---- signals, messages, starts -----------------------------------------------------------------


def test_an_instance_hears_its_own_signal_everywhere_once(begin, crew):
    text = """
start S n
and F n
user Go clerk form=g
throw Shout n signal=storm
user Visit installer form=v each=points item=p
on Hit n host=Visit signal=storm keep=1
user Tell clerk form=t
catch Wait n signal=storm
end E n
end E2 n
end E3 n
end E4 n
S > F > Go > Shout > E
F > Visit > E2
F > Wait > E3
Hit > Tell > E4
{! Ev n
on-start Ev0 n signal=storm keep=1
user Read clerk form=r
end Ev1 n
}
Ev0 > Read > Ev1
"""
    instance_id = begin(text, points=["甲", "乙"])
    finish(crew.clerk, instance_id, "Go")
    at_once(*[worker.drain_inbound] * 2)
    worker.drain_all()
    assert nodes(instance_id) == ["Ev", "Ev0", "Read", "Tell", "Visit", "Visit", "Visit"]
    for node in ("Read", "Tell"):
        finish(crew.clerk, instance_id, node)
    for _ in range(2):
        finish(crew.installer, instance_id, "Visit")
    assert state(instance_id) == "completed"


def test_done_by_hand_where_a_timer_watches(begin, crew):
    text = """
start S n
user Plan n form=p
service Write n action=write out=port=port+1
on-timer Late n host=Write after=PT1H keep=1
on-error No n host=Write code=no-port
user Hurry clerk form=h
user Find clerk form=f
user Accept clerk form=a
end E n
end E2 n
S > Plan > Write > Accept > E
Late > Hurry > E2
No > Find > E2
"""

    def write(_context):
        return {"port": "seven"}

    with actions.installed(external("write", write)):
        instance_id = begin(text)
        finish(crew.supervisor, instance_id, "Plan")
        worker.drain_all()  # its answer cannot be read
        incident = Incident.objects.get(state="open")
        whole(instance_id)
        outcomes = at_once(
            lambda: services.done_by_hand(
                actor=crew.supervisor,
                incident_id=incident.pk,
                second=crew.second,
                evidence="已写",
                values={"port": 7},
            ),
            lambda: due_now(node="Late"),
            lambda: services.cancel(actor=crew.supervisor, instance_id=instance_id, reason="撤单"),
        )
        wrong = [o for o in outcomes if isinstance(o, Exception)]
        assert all(isinstance(o, KaitongError) for o in wrong)
        worker.drain_all()
    assert state(instance_id) == "cancelled"
    assert not Timer.objects.filter(state="open").exists()


def test_returned_by_a_delegate_and_checked_by_four_eyes(begin, crew, county, staff_of):
    text = """
start S n
{ Room n each=rooms item=room
start R0 n
user Fit installer form=f
user Test installer form=t four-eyes-with=Fit
end R1 n
}
end E n
S > Room > E
R0 > Fit > Test > R1
"""
    day = timedelta(days=1)
    aide = staff_of(county, "aide", "clerk")
    instance_id = begin(text, rooms=["一"])
    finish(crew.installer, instance_id, "Fit")
    standing_in.delegate(
        actor=crew.installer, to=aide.id, since=now() - day, until=now() + day, reason="休假"
    )
    aide = actor_of("aide")
    test = items(instance_id, "Test")[0]
    with pytest.raises(Forbidden):
        services.complete(actor=aide, item_id=test.pk, values={})
    services.claim(actor=crew.other_installer, item_id=test.pk)
    services.return_to(actor=crew.other_installer, item_id=test.pk, node="Fit", reason="没做好")
    finish(aide, instance_id, "Fit")
    with pytest.raises(Forbidden):
        finish(crew.installer, instance_id, "Test")
    with pytest.raises(Forbidden):
        finish(aide, instance_id, "Test")
    finish(crew.other_installer, instance_id, "Test")
    assert state(instance_id) == "completed"


def test_an_error_and_escalation_in_many_undo_what_they_had_done(begin, crew):
    text = """
start S n
{ Line n
start L0 n
{ Point n each=points item=p in=at=p;mine=null
start P0 n
user Fit installer form=f out=mine=port
on-undo UF n host=Fit by=Unfit
user Unfit installer form=u undoes=1
xor Ok n
error-end Bad n code=broken
end P1 n
}
end L1 n
{! Mend n
on-start M0 n code=broken
undo Back n
user Note clerk form=n
end M1 n
}
}
user After clerk form=a
end E n
S > Line > After > E
L0 > Point > L1
P0 > Fit > Ok
Ok > Bad : mine = 0
Ok !> P1
M0 > Back > Note > M1
"""
    instance_id = begin(text, points=["甲", "乙", "丙"])
    for number in (3, 2):
        finish(crew.installer, instance_id, "Fit", port=number)
    finish(crew.installer, instance_id, "Fit", port=0)
    seen = []
    while items(instance_id, "Unfit"):
        item = items(instance_id, "Unfit")[0]
        inside = queries.work_item(crew.installer, item.pk).variables
        seen.append((inside["p"], inside["mine"]))
        whole(instance_id)
        finish(crew.installer, instance_id, "Unfit")
    assert seen == [("乙", 2), ("甲", 3)]
    finish(crew.clerk, instance_id, "Note")
    finish(crew.clerk, instance_id, "After")
    assert state(instance_id) == "completed"


def test_a_join_in_one_of_many_that_nobody_completes_is_an_incident(begin, crew):
    text = """
start S n
{ Room n each=rooms item=room
start R0 n
or F n
user A clerk form=a
user B clerk form=b
and J n
end R1 n
}
end E n
S > Room > E
R0 > F
F > A : way <= 2
F > B : way = 2
A > J
B > J
J > R1
"""
    instance_id = begin(text, rooms=[1, 2], way=1)
    finish(crew.clerk, instance_id, "A")
    incident = Incident.objects.get(state="open")
    assert incident.cause == "deadlock"
    whole(instance_id)
    services.done_by_hand(
        actor=crew.supervisor,
        incident_id=incident.pk,
        second=crew.second,
        evidence="不需要",
        values={},
    )
    finish(crew.clerk, instance_id, "A")
    incident = Incident.objects.get(state="open")
    services.done_by_hand(
        actor=crew.supervisor,
        incident_id=incident.pk,
        second=crew.second,
        evidence="不需要",
        values={},
    )
    assert state(instance_id) == "completed"
