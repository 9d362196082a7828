"""Incidents, signals, undoing and loops mixed with repetition and event handling."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kaitong.core.clock import now
from kaitong.core.errors import Forbidden, KaitongError, Refused
from kaitong.org import standing_in
from kaitong.org.queries import actor_of
from kaitong.process import actions, queries, services, worker
from kaitong.process.models import (
    Incident,
    Instance,
    Subscription,
    Timer,
)
from kaitong.process.tests.shell_kit import external
from kaitong.process.tests.test_concurrency import at_once
from kaitong.process.tests.test_mixed import (  # noqa: F401
    due_now,
    finish,
    histories,
    items,
    nodes,
    second,
    state,
    whole,
)

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_a_branch_returned_while_the_other_is_being_undone(begin, crew):
    text = """
start S n
user Plan clerk form=p
and F n
{ Line n
start L0 n
user A clerk form=a
on-undo UA n host=A by=XA
user XA clerk form=x undoes=1
user B clerk form=b
on-undo UB n host=B by=XB
user XB clerk form=y undoes=1
undo Back n
end L1 n
}
user Visit installer form=v
and J n
end E n
S > Plan > F > Line > J > E
F > Visit > J
L0 > A > B > Back > L1
"""
    instance_id = begin(text)
    for node in ("Plan", "A", "B"):
        finish(crew.clerk, instance_id, node)
    assert nodes(instance_id) == ["Back", "Line", "Visit", "XB"]
    xb = items(instance_id, "XB")[0]
    with pytest.raises(Refused):
        services.return_to(actor=crew.clerk, item_id=xb.pk, node="Plan", reason="x")
    visit = items(instance_id, "Visit")[0]
    plan = queries.return_plan(crew.installer, visit.pk, "Plan")
    assert [line.node for line in plan.ends] == ["XB"]
    services.return_to(actor=crew.installer, item_id=visit.pk, node="Plan", reason="x")
    assert nodes(instance_id) == ["Plan"]
    for node in ("Plan", "A", "B", "XB", "XA"):
        finish(crew.clerk, instance_id, node)
    finish(crew.installer, instance_id, "Visit")
    assert state(instance_id) == "completed"


def test_undoing_by_machines_calls_and_repetition_with_incidents(begin, crew):
    text = """
start S n
user A clerk form=a
on-undo UA n host=A by=XA
call XA n called=point undoes=1 in=at=point
user B clerk form=b
on-undo UB n host=B by=XB
user XB clerk form=y undoes=1 each=points item=p
service C n action=write
on-undo UC n host=C by=XC
service XC n action=erase undoes=1 in=v=value/1
user D clerk form=d
undo Back n
user Z clerk form=z
end E n
S > A > B > C > D > Back > Z > E
"""
    point = "start S n\nuser Visit installer form=v\nend E n\nS > Visit > E"
    erased = []
    with actions.installed(
        external("write", lambda _c: {}),
        external("erase", lambda c: erased.append(c.inputs["v"]) or {}),
    ):
        instance_id = begin(
            text, called={"point": point}, points=["甲", "乙"], value="x", point="p"
        )
        finish(crew.clerk, instance_id, "A")
        finish(crew.clerk, instance_id, "B")
        worker.drain_all()
        finish(crew.clerk, instance_id, "D")
        incident = Incident.objects.get(state="open")
        assert (incident.node, nodes(instance_id)) == ("XC", ["Back", "XC"])
        services.correct_incident(
            actor=crew.supervisor, incident_id=incident.pk, values={"value": 4}, reason="改"
        )
        worker.drain_all()
        assert erased == [4]
        for _ in range(2):
            finish(crew.clerk, instance_id, "XB")
        worker.drain_all()
        whole(instance_id)
        child = Instance.objects.get(parent_id=instance_id)
        finish(crew.installer, child.pk, "Visit")
        worker.drain_all()
        finish(crew.clerk, instance_id, "Z")
    assert state(instance_id) == "completed"


def test_a_loop_with_a_timer_message_and_error_each_round(begin, crew):
    text = """
start S n
{ Try n
start T0 n
and F n
user Fit installer form=f
receive Sign n message=signed key=order out=who=who
and J n
xor Ok n
error-end Bad n code=bad
end T1 n
}
on-timer Late n host=Try after=PT4H
on-error No n host=Try code=bad
xor Again n
user After clerk form=a
end E n
S > Again > Try > After > E
Late > Again
No > Again
T0 > F > Fit > J > Ok
F > Sign > J
Ok > Bad : who = "nobody"
Ok !> T1
"""
    instance_id = begin(text, order="o")
    due_now(node="Late")
    finish(crew.installer, instance_id, "Fit")
    services.publish(name="signed", key="o", sender_id="1", values={"who": "nobody"})
    worker.drain_all()
    assert nodes(instance_id) == ["Fit", "Sign", "Try"]
    services.publish(name="signed", key="o", sender_id="2", values={"who": "王"})
    at_once(
        worker.drain_inbound,
        lambda: services.complete(
            actor=crew.installer, item_id=items(instance_id, "Fit")[0].pk, values={}
        ),
        worker.drain_inbound,
    )
    worker.drain_all()
    finish(crew.clerk, instance_id, "After")
    assert state(instance_id) == "completed"
    assert Subscription.objects.filter(state="open").count() == 0


def test_an_escalation_out_of_many_into_event_handling_beside_the_work(begin, crew):
    text = """
start S n
{ Room n each=rooms item=room
start R0 n
user Fit installer form=f
throw Tell n escalation=late in=where=room
user Test clerk form=t
end R1 n
{! In n
on-start I0 n escalation=other keep=1
user Never clerk form=n
end I1 n
}
}
end E n
{! Out n
on-start O0 n escalation=late keep=1
user Look clerk form=l
end O1 n
}
S > Room > E
R0 > Fit > Tell > Test > R1
I0 > Never > I1
O0 > Look > O1
"""
    instance_id = begin(text, rooms=["一", "二"])
    for _ in range(2):
        finish(crew.installer, instance_id, "Fit")
    assert nodes(instance_id) == ["Look", "Look", "Out", "Out", "Room", "Test", "Test"]
    for _ in range(2):
        finish(crew.clerk, instance_id, "Test")
    for _ in range(2):
        finish(crew.clerk, instance_id, "Look")
    assert state(instance_id) == "completed"
