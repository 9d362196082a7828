"""Called processes in the database: child instances with locks of their own."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from kaitong.core import db
from kaitong.process import actions, inbound, services, store, worker
from kaitong.process.definitions import model_of
from kaitong.process.errors import ProcessRefused
from kaitong.process.models import Call, Inbox, Incident, Instance, Token, WorkItem
from kaitong.process.queries import (
    history,
    picture,
    positions,
    steps,
    still_running,
    waits,
)
from kaitong.process.shell import Play
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import item_of, transactional
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)

CALLER = """
start S n
call C n called=review in=order=order_id out=verdict=outcome
user After clerk form=a
on-error Refused n host=C code=invalid
user Mend clerk form=m
end E n
S > C > After > E
Refused > Mend > E
"""

REVIEW = """
start S n
user Review clerk form=r budget=review_within
xor Ok n
error-end Bad n code=invalid
end E n
S > Review > Ok
Ok > Bad : outcome = "invalid"
Ok !> E
"""

AT_ONCE = """
start S n
end E n
S > E
"""


def child_of(instance_id):
    return Instance.objects.get(parent_id=instance_id)


def nodes(instance_id):
    return sorted(Token.objects.filter(instance_id=instance_id).values_list("node", flat=True))


@pytest.fixture
def called(begin):
    """The caller has called, and the worker has begun the review."""
    instance_id = begin(CALLER, called={"review": REVIEW}, order_id="o1", secret=1)
    worker.drain_all()
    return instance_id


def test_a_child_is_begun_after_commit_with_its_inputs(begin):
    instance_id = begin(
        CALLER,
        called={"review": REVIEW},
        parameters={"review_within": {"kind": "elapsed", "amount": "2 hours"}},
        order_id="o1",
        secret=1,
    )
    call = Call.objects.get()
    assert (call.state, call.called, nodes(instance_id)) == ("pending", "review", ["C"])
    assert not Instance.objects.filter(pk=call.child_id).exists()
    assert [str(problem) for problem in check()] == []
    worker.drain_all()
    caller, child = Instance.objects.get(pk=instance_id), child_of(instance_id)
    assert child.pk == call.child_id
    assert child.variables == {"order": "o1"}
    assert (child.business_id, child.branch_id) == (caller.business_id, caller.branch_id)
    assert child.parameters == caller.parameters != {}
    assert item_of(child.pk, "Review").business_id == caller.business_id
    assert Call.objects.get().state == "running"


def test_its_end_goes_to_the_caller_through_the_inbox(called, crew):
    child = child_of(called)
    item = item_of(child.pk, "Review")
    services.complete(actor=crew.clerk, item_id=item.pk, values={"outcome": "valid", "x": 1})
    assert nodes(called) == ["C"]  # two instances are never locked at once
    assert Inbox.objects.get().instance_id == called
    assert [str(problem) for problem in check()] == []
    worker.drain_all()
    assert nodes(called) == ["After"]
    assert Instance.objects.get(pk=called).variables == {
        "order_id": "o1",
        "secret": 1,
        "verdict": "valid",
    }
    assert Call.objects.get().state == "done"
    assert Inbox.objects.get().outcome == "done"


def test_an_error_end_of_the_child_is_caught_at_the_call(called, crew):
    item = item_of(child_of(called).pk, "Review")
    services.complete(actor=crew.clerk, item_id=item.pk, values={"outcome": "invalid"})
    worker.drain_all()
    assert nodes(called) == ["Mend"]
    assert Instance.objects.get(pk=called).variables["error_code"] == "invalid"
    assert child_of(called).state == "terminated"


def test_an_error_of_an_action_in_the_child_reaches_the_callers_boundary(begin):
    def invalid(context):
        raise actions.BusinessError("invalid", "证件过期", {"fault": "expired"})

    inner = "start S n\nservice Check n action=check\nend E n\nS > Check > E"
    with actions.installed(transactional("check", invalid)):
        instance_id = begin(CALLER, called={"review": inner}, order_id="o1")
        worker.drain_all()
    assert nodes(instance_id) == ["Mend"]
    variables = Instance.objects.get(pk=instance_id).variables
    assert (variables["fault"], variables["error_message"]) == ("expired", "证件过期")
    assert not Incident.objects.exists()


def test_an_error_nobody_catches_stays_with_the_child_as_an_incident(begin, crew):
    def odd(context):
        raise actions.BusinessError("odd", "奇怪")

    inner = "start S n\nservice Check clerk action=check\nend E n\nS > Check > E"
    with actions.installed(transactional("check", odd)):
        instance_id = begin(CALLER, called={"review": inner}, order_id="o1")
        worker.drain_all()
    caller = Instance.objects.get(pk=instance_id)
    incident = Incident.objects.get()
    assert incident.instance_id == child_of(instance_id).pk
    assert incident.business_id == caller.business_id
    with actions.installed(transactional("check", lambda context: {})):
        services.retry_incident(actor=crew.clerk, incident_id=incident.pk)
        worker.drain_all()
    assert nodes(instance_id) == ["After"]


def test_a_child_that_ends_at_once(begin):
    instance_id = begin(CALLER, called={"review": AT_ONCE}, order_id="o1")
    worker.drain_all()
    assert nodes(instance_id) == ["After"]
    assert child_of(instance_id).state == "completed"


def test_cancelling_the_caller_cancels_children_and_their_children(begin, crew):
    middle = "start S n\ncall D n called=inner\nend E n\nS > D > E"
    instance_id = begin(CALLER, called={"inner": REVIEW, "review": middle}, order_id="o1")
    worker.drain_all()
    grandchild = child_of(child_of(instance_id).pk)
    assert nodes(grandchild.pk) == ["Review"]
    services.cancel(actor=crew.supervisor, instance_id=instance_id, reason="撤单")
    assert [str(problem) for problem in check()] == []
    worker.drain_all()
    assert set(Instance.objects.values_list("state", flat=True)) == {"cancelled"}
    assert not Token.objects.exists()
    assert item_of(grandchild.pk, "Review").state == "cancelled"


def test_who_undoes_waits_until_called_processes_have_heard_of_it(called, crew):
    business_id = Instance.objects.get(pk=called).business_id
    assert still_running(business_id, but=called) is None
    services.cancel(actor=crew.supervisor, instance_id=called, reason="撤单")
    assert still_running(business_id, but=called) is not None
    worker.drain_all()
    assert still_running(business_id, but=called) is None


def test_cancelling_before_the_child_began(begin, crew):
    instance_id = begin(CALLER, called={"review": REVIEW}, order_id="o1")
    services.cancel(actor=crew.supervisor, instance_id=instance_id, reason="撤单")
    worker.drain_all()
    assert not Instance.objects.filter(parent_id=instance_id).exists()
    assert Call.objects.get().state == "cancelled"


TIMED = """
start S n
call C n called=review
on-timer T n host=C after=PT1H
user Late clerk form=l
end E n
S > C > E
T > Late > E
"""


def test_a_boundary_timer_cancels_the_child(begin):
    from kaitong.process.models import Timer

    instance_id = begin(TIMED, called={"review": REVIEW})
    worker.drain_all()
    timer = Timer.objects.get()
    Timer.objects.update(next_attempt_at=timer.created_at)
    worker.drain_all()
    assert nodes(instance_id) == ["Late"]
    assert child_of(instance_id).state == "cancelled"
    assert not WorkItem.objects.filter(node="Review", state="todo").exists()


def test_a_terminate_end_of_the_caller_cancels_the_child(begin, crew):
    text = """
start S n
and F n
call C n called=review
user Stop clerk form=s
end E n
terminate X n
S > F > C > E
F > Stop > X
"""
    instance_id = begin(text, called={"review": REVIEW})
    worker.drain_all()
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Stop").pk, values={})
    worker.drain_all()
    assert Instance.objects.get(pk=instance_id).state == "terminated"
    assert child_of(instance_id).state == "cancelled"


def test_a_child_is_not_cancelled_past_its_caller(called, crew):
    with pytest.raises(ProcessRefused):
        services.cancel(actor=crew.supervisor, instance_id=child_of(called).pk, reason="x")
    assert child_of(called).state == "running"


def test_a_definition_pins_what_it_calls(begin, crew):
    instance_id = begin(CALLER, called={"review": REVIEW}, order_id="o1")
    other = begin(CALLER, called={"review": AT_ONCE}, order_id="o2")
    worker.drain_all()
    assert nodes(instance_id) == ["C"]  # the review it was deployed with
    assert nodes(other) == ["After"]
    mine, others = Instance.objects.get(pk=instance_id), Instance.objects.get(pk=other)
    assert mine.definition_id != others.definition_id


def test_the_sweeper_sees_what_is_wrong_between_caller_and_called(called):
    child = child_of(called)
    with transaction.atomic():
        db.execute("update process_call set state = 'cancelled'")
        assert {(p.rule, p.instance_id) for p in check()} == {
            ("unwatched", called),
            ("called for nobody", child.pk),
        }
        transaction.set_rollback(True)
    with transaction.atomic():
        db.execute("delete from process_token where instance_id = %s", [child.pk])
        db.execute("update process_instance set state = 'completed' where id = %s", [child.pk])
        assert ("unwatched", called) in {(p.rule, p.instance_id) for p in check()}
        transaction.set_rollback(True)


# ---- what an order's pages are told


def test_what_a_child_waits_for_is_what_its_caller_waits_for(begin, crew):
    instance_id = begin(CALLER, called={"review": REVIEW}, order_id="o1")
    (fact,) = waits([instance_id])[instance_id]
    assert (fact.kind, fact.node, fact.place) == ("child", "C", "C")  # not begun yet
    worker.drain_all()
    child = child_of(instance_id)
    (fact,) = waits([instance_id])[instance_id]
    assert (fact.kind, fact.node, fact.place) == ("work", "Review", "C")
    assert (fact.instance_id, fact.post) == (child.pk, "clerk")
    assert waits([child.pk])[child.pk][0].place == "Review"
    item = item_of(child.pk, "Review")
    services.complete(actor=crew.clerk, item_id=item.pk, values={"outcome": "valid"})
    (fact,) = waits([instance_id])[instance_id]
    assert (fact.kind, fact.node) == ("child", "C")  # it ended, the caller will hear of it


def test_steps_and_positions_hold_the_called_process(called, crew):
    shown = [(row.level, row.node, row.status) for row in steps(called)]
    assert shown == [
        (0, "C", "active"),
        (1, "Review", "active"),
        (0, "After", "not-reached"),
        (0, "Mend", "not-reached"),
    ]
    assert positions(called)["C"] == "active"
    item = item_of(child_of(called).pk, "Review")
    services.claim(actor=crew.clerk, item_id=item.pk)
    row = steps(called)[1]
    assert (row.item_id, row.person, row.instance_id) == (
        item.pk,
        crew.clerk.id,
        child_of(called).pk,
    )
    services.complete(actor=crew.clerk, item_id=item.pk, values={"outcome": "valid"})
    worker.drain_all()
    shown = [(row.node, row.status) for row in steps(called)]
    assert shown[:3] == [("C", "done"), ("Review", "done"), ("After", "active")]


def test_an_incident_of_the_child_marks_the_call(begin):
    def fails(context):
        raise RuntimeError("broken")

    inner = "start S n\nservice Check clerk action=check\nend E n\nS > Check > E"
    with actions.installed(transactional("check", fails)):
        instance_id = begin(CALLER, called={"review": inner}, order_id="o1")
        worker.drain_all()
    assert positions(instance_id)["C"] == "failed"
    (fact,) = waits([instance_id])[instance_id]
    assert (fact.kind, fact.node, fact.place) == ("incident", "Check", "C")
    rows = {row.node: row for row in steps(instance_id)}
    assert rows["C"].incident_id == rows["Check"].incident_id == fact.row_id
    assert rows["C"].reason == fact.reason


def test_the_history_of_the_family_is_one_list_in_time(called, crew):
    item = item_of(child_of(called).pk, "Review")
    services.complete(actor=crew.clerk, item_id=item.pk, values={"outcome": "valid"})
    worker.drain_all()
    told = [(row.kind, row.node) for row in history(called, called=True)]
    assert told.index(("entered", "C")) < told.index(("completed", "Review"))
    assert told.index(("completed", "Review")) < told.index(("child", "C"))
    assert ("completed", "Review") not in [(r.kind, r.node) for r in history(called)]
    assert [row.seq for row in history(called)] == list(range(1, len(history(called)) + 1))


def test_a_family_costs_as_many_queries_as_one_instance(begin, crew):
    def counted(instance_id, show):
        model_of(Instance.objects.get(pk=instance_id).definition_id)
        with CaptureQueriesContext(connection) as captured:
            show(instance_id)
        return len(captured)

    alone = begin("start S n\nuser Review clerk form=r\nend E n\nS > Review > E")
    middle = "start S n\ncall D n called=inner\nend E n\nS > D > E"
    family = begin(CALLER, called={"inner": REVIEW, "review": middle}, order_id="o1")
    worker.drain_all()
    services.claim(actor=crew.clerk, item_id=item_of(alone, "Review").pk)
    services.claim(actor=crew.clerk, item_id=item_of(child_of(child_of(family).pk).pk, "Review").pk)
    for show in (
        picture,
        steps,
        positions,
        lambda instance_id: waits([instance_id]),
        lambda instance_id: history(instance_id, called=True),
    ):
        show(family)
        assert counted(family, show) == counted(alone, show)


# ---- at once, and killed between any two lines


def test_two_children_ending_at_once_complete_the_join_once(begin, crew):
    text = """
start S n
and F n
call A n called=review out=a=outcome
call B n called=review out=b=outcome
and J n
user After clerk form=a
end E n
S > F > A > J > After > E
F > B > J
"""
    for _ in range(5):
        instance_id = begin(text, called={"review": REVIEW})
        worker.drain_all()
        children = Instance.objects.filter(parent_id=instance_id)
        items = [item_of(child.pk, "Review").pk for child in children]
        assert len(items) == 2
        done = at_once(
            *(
                lambda item=item: services.complete(
                    actor=crew.clerk, item_id=item, values={"outcome": "ok"}
                )
                for item in items
            )
        )
        assert [type(outcome).__name__ for outcome in done] == ["Progress", "Progress"]
        at_once(*[worker.drain_inbound] * 3)
        worker.drain_all()
        assert nodes(instance_id) == ["After"]
        assert Instance.objects.get(pk=instance_id).variables == {"a": "ok", "b": "ok"}


def test_several_workers_begin_a_child_once(begin):
    for _ in range(5):
        instance_id = begin(CALLER, called={"review": REVIEW}, order_id="o1")
        at_once(*[inbound.begin_children] * 4)
        worker.drain_all()
        assert Instance.objects.filter(parent_id=instance_id).count() == 1


def test_beginning_against_cancelling_leaves_no_orphan(begin, crew):
    for _ in range(10):
        instance_id = begin(CALLER, called={"review": REVIEW}, order_id="o1")
        at_once(
            inbound.begin_children,
            lambda instance_id=instance_id: services.cancel(
                actor=crew.supervisor, instance_id=instance_id, reason="撤单"
            ),
        )
        worker.drain_all()
        assert Instance.objects.get(pk=instance_id).state == "cancelled"
        children = Instance.objects.filter(parent_id=instance_id)
        assert set(children.values_list("state", flat=True)) <= {"cancelled"}
        assert [str(problem) for problem in check()] == []


def test_the_child_ends_while_the_caller_is_cancelled(begin, crew):
    for _ in range(10):
        instance_id = begin(CALLER, called={"review": REVIEW}, order_id="o1")
        worker.drain_all()
        item = item_of(child_of(instance_id).pk, "Review")
        at_once(
            lambda item=item: services.complete(
                actor=crew.clerk, item_id=item.pk, values={"outcome": "ok"}
            ),
            lambda instance_id=instance_id: services.cancel(
                actor=crew.supervisor, instance_id=instance_id, reason="撤单"
            ),
        )
        at_once(*[worker.drain_inbound] * 2)
        worker.drain_all()
        assert Instance.objects.get(pk=instance_id).state == "cancelled"
        assert child_of(instance_id).state in ("completed", "cancelled")
        assert not Inbox.objects.filter(processed_at=None).exists()


class Killed(BaseException):
    """The process dies here."""


def kill_after(verb):
    verb()
    raise Killed


@pytest.mark.parametrize("at", range(3))
def test_killed_while_a_child_is_begun(begin, monkeypatch, at):
    """Before the child is written, after it, and after the call's row: nothing of it stays."""
    instance_id = begin(CALLER, called={"review": REVIEW}, order_id="o1")
    moments = iter(range(10))

    def dying(real):
        def run(*args, **kwargs):
            if next(moments) == at:
                raise Killed
            return real(*args, **kwargs)

        return run

    with monkeypatch.context() as patched:
        patched.setattr(store, "write", dying(store.write))
        patched.setattr(inbound.db, "execute", dying(inbound.db.execute))
        with pytest.raises(Killed), transaction.atomic():
            kill_after(inbound.begin_children)
    connection.close()
    assert not Instance.objects.filter(parent_id=instance_id).exists()
    assert Call.objects.get().state == "pending"
    assert [str(problem) for problem in check()] == []
    worker.drain_all()
    assert nodes(child_of(instance_id).pk) == ["Review"]


@pytest.mark.parametrize("at", range(2))
def test_killed_while_the_caller_hears_of_the_end(called, crew, monkeypatch, at):
    item = item_of(child_of(called).pk, "Review")
    services.complete(actor=crew.clerk, item_id=item.pk, values={"outcome": "valid"})
    moments = iter(range(10))

    def dying(real):
        def run(*args, **kwargs):
            if next(moments) == at:
                raise Killed
            return real(*args, **kwargs)

        return run

    with monkeypatch.context() as patched:
        patched.setattr(store, "write", dying(store.write))
        patched.setattr(inbound.db, "execute", dying(inbound.db.execute))
        with pytest.raises(Killed):
            inbound.read_inboxes()
    connection.close()
    assert nodes(called) == ["C"]
    worker.drain_all()
    assert nodes(called) == ["After"]


def test_the_caller_is_busy_while_its_child_ends(called, crew):
    """The child writes and commits while somebody holds the caller's lock."""
    held, go_on = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            play = Play.on_instance(called, actor_id=None)
            held.set()
            assert go_on.wait(10)
            return play.loaded.version

    def finish():
        assert held.wait(10)
        item = item_of(child_of(called).pk, "Review")
        done = services.complete(actor=crew.clerk, item_id=item.pk, values={"outcome": "ok"})
        assert worker.drain_inbound() == 0  # the inbox waits for the lock, and nothing for it
        go_on.set()
        return done.state

    assert at_once(hold, finish)[1] == "completed"
    worker.drain_all()
    assert nodes(called) == ["After"]


def test_a_child_that_cannot_be_begun_becomes_an_incident(begin, crew):
    instance_id = begin(CALLER, called={"review": REVIEW}, order_id="o1")
    call = Call.objects.get()
    broken = Call.objects.get().definition
    bpmn = bytes(broken.bpmn)
    type(broken).objects.filter(pk=broken.pk).update(bpmn=b"<gone/>")
    from kaitong.process import definitions

    definitions.forget()
    for _ in range(6):
        Call.objects.update(next_attempt_at=call.created_at)
        inbound.begin_children()
    incident = Incident.objects.get()
    assert (incident.node, incident.instance_id) == ("C", instance_id)
    assert Call.objects.get().state == "cancelled"
    type(broken).objects.filter(pk=broken.pk).update(bpmn=bpmn)
    services.retry_incident(actor=crew.supervisor, incident_id=incident.pk)
    worker.drain_all()
    assert nodes(child_of(instance_id).pk) == ["Review"]


def test_what_a_process_calls_must_be_known_when_it_is_deployed():
    from kaitong.process.model import RefusedProcess
    from kaitong.process.tests.shell_kit import drawing

    with pytest.raises(RefusedProcess, match="no process review"):
        services.deploy(playbook="kit", key="kit", data=drawing(CALLER), file="kit.bpmn")
