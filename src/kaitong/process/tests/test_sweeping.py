"""A wait that nobody watches cannot exist: damaged by hand, each kind becomes an incident."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction

from kaitong.core import db
from kaitong.process import alarms, commands, inbound, overdue, services, store, sweeping, worker
from kaitong.process.models import (
    Call,
    Command,
    History,
    Inbox,
    Incident,
    Instance,
    Subscription,
    Suspension,
    Timer,
    Token,
    WorkItem,
)
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import crowd, item_of

pytestmark = pytest.mark.django_db(transaction=True)

END = "user U clerk form=f\nend E clerk\n"
INSIDE = "start S clerk\nuser W clerk form=w\nend E clerk\nS > W > E"
# What a token waits for -> a process that waits so at node N, and the table that watches it.
WAITS = {
    "work": (f"start S clerk\nuser N clerk form=n\n{END}S > N > U > E", WorkItem),
    "command": (f"start S clerk\nservice N clerk action=write-data\n{END}S > N > U > E", Command),
    "timer": (f"start S clerk\ntimer N clerk after=PT5H\n{END}S > N > U > E", Timer),
    "message": (
        f"start S clerk\nreceive N clerk message=m key=order\n{END}S > N > U > E",
        Subscription,
    ),
    "signal": (f"start S clerk\ncatch N clerk signal=go\n{END}S > N > U > E", Subscription),
    "condition": (f"start S clerk\ncatch N clerk when=ready\n{END}S > N > U > E", Subscription),
    "child": (f"start S clerk\ncall N clerk called=inside\n{END}S > N > U > E", Call),
    "event": (
        "start S clerk\nevents N clerk\ncatch C clerk message=m key=order\n"
        f"timer T clerk after=PT5H\n{END}S > N > C > U > E\nN > T > U",
        Subscription,
    ),
}


@pytest.fixture
def at(begin, crew, receiver):
    """An instance whose token waits at N."""

    def make(wait):
        text, _model = WAITS[wait]
        called = {"inside": INSIDE} if wait == "child" else None
        instance_id = begin(text, called=called, order="o", ready=False)
        if wait == "child":
            assert inbound.begin_children() == 1
        return instance_id

    return make


def rules(instance_id):
    return {problem.rule for problem in check(instance_id)}


def mend_twice_at_once():
    """Two sweepers; what each acted on."""
    barrier = Barrier(2)

    def run(_number):
        try:
            barrier.wait(10)
            return sweeping.mend()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        return [problem for done in pool.map(run, range(2)) for problem in done]


def damage(instance_id, wait, how):
    _text, model = WAITS[wait]
    rows = model.objects.filter(instance_id=instance_id)
    assert rows.exists()
    if how == "deleted":
        rows.delete()
    else:
        rows.update(state="done" if wait in ("work", "command", "child") else "cancelled")
    if wait == "event":
        Timer.objects.filter(instance_id=instance_id).delete()


@pytest.mark.parametrize("how", ["deleted", "closed"])
@pytest.mark.parametrize("wait", WAITS)
def test_an_unwatched_wait_becomes_an_incident_and_can_be_retried(at, crew, wait, how):
    instance_id = at(wait)
    children = list(Instance.objects.filter(parent_id=instance_id).values_list("pk", flat=True))
    damage(instance_id, wait, how)
    assert rules(instance_id) == {"unwatched"}
    told = [p for p in mend_twice_at_once() if p.instance_id == instance_id]
    assert [p.rule for p in told] == ["unwatched"]
    incident = Incident.objects.get(instance_id=instance_id)
    assert (incident.state, incident.cause, incident.node) == ("open", "orphan", "N")
    assert "不会有人来唤醒它" in incident.message
    assert rules(instance_id) == set()
    sweeping.mend()  # the call of a deleted row was lost: its child learns of it now
    worker.drain_all()
    assert not Instance.objects.filter(pk__in=children, state="running").exists()

    services.retry_incident(actor=crew.supervisor, incident_id=incident.pk)
    assert rules(instance_id) == set()
    if wait == "command":
        assert commands.drain() == 1
        assert item_of(instance_id, "U").state == "todo"
    else:
        assert Token.objects.get(instance_id=instance_id).wait == wait
        _text, model = WAITS[wait]
        assert model.objects.filter(
            instance_id=instance_id, state__in=("open", "todo", "pending")
        ).exists()


def test_a_lost_incident_comes_back(begin, crew, receiver):
    receiver.answers = [ValueError("no")]
    instance_id = begin(WAITS["command"][0])
    commands.drain()
    Incident.objects.filter(instance_id=instance_id).update(state="resolved")
    assert rules(instance_id) == {"unwatched"}
    sweeping.mend()
    assert Incident.objects.get(instance_id=instance_id, state="open").node == "N"
    assert rules(instance_id) == set()


def test_a_called_process_that_ended_unheard_is_an_incident_of_the_call(at, crew):
    instance_id = at("child")
    child = Instance.objects.get(parent_id=instance_id)
    services.complete(actor=crew.clerk, item_id=item_of(child.pk, "W").pk, values={})
    Inbox.objects.filter(instance_id=instance_id).delete()
    assert rules(instance_id) == {"unwatched"}
    sweeping.mend()
    assert Incident.objects.get(instance_id=instance_id).node == "N"
    assert check() == []


def test_a_watcher_of_nobody_is_closed_with_its_suspension(begin, crew):
    text = """
start S clerk
and F clerk
user A clerk form=a
user B clerk form=b
and J clerk
end E clerk
S > F > A > J > E
F > B > J
"""
    instance_id = begin(text)
    from datetime import timedelta

    from kaitong.core.clock import now

    item = item_of(instance_id, "A")
    services.suspend(
        actor=crew.clerk, item_id=item.pk, reason_code="x", until=now() + timedelta(days=1)
    )
    with transaction.atomic():
        db.execute("delete from process_token where id = %s", [item.token_id])
    assert rules(instance_id) == {"watches nobody", "open_waits"}
    sweeping.mend()
    sweeping.mend()
    assert rules(instance_id) == set()
    assert WorkItem.objects.get(pk=item.pk).state == "cancelled"
    assert not Suspension.objects.filter(ended=None).exists()
    instance = Instance.objects.get(pk=instance_id)
    assert instance.open_waits == 1
    assert History.objects.filter(instance_id=instance_id, kind="swept").count() == 2


def test_a_second_watcher_of_a_wait_is_closed(begin, crew, receiver):
    instance_id = begin(WAITS["work"][0])
    item = item_of(instance_id, "N")
    row = Incident(
        branch_id=item.branch_id, instance_id=instance_id, token_id=item.token_id, node="N",
        cause="bug", state="open",
    )  # fmt: skip
    row.save()
    assert rules(instance_id) == {"watched twice"}
    sweeping.mend()
    row.refresh_from_db()
    assert row.state == "cancelled"
    assert WorkItem.objects.get(pk=item.pk).state == "todo"
    assert rules(instance_id) == set()


def test_a_counter_that_disagrees_is_counted_anew(begin, crew):
    instance_id = begin(WAITS["work"][0])
    Instance.objects.filter(pk=instance_id).update(open_waits=7)
    assert rules(instance_id) == {"open_waits"}
    sweeping.mend()
    assert Instance.objects.get(pk=instance_id).open_waits == 1
    assert rules(instance_id) == set()


def test_a_step_in_flight_is_left_alone(begin, crew):
    """Who holds the instance is at work on it: the sweeper comes again."""
    instance_id = begin(WAITS["work"][0])
    WorkItem.objects.filter(instance_id=instance_id).delete()
    with transaction.atomic():
        store.lock(instance_id)
        with ThreadPoolExecutor(1) as pool:

            def run():
                try:
                    return sweeping.mend()
                finally:
                    connection.close()

            assert pool.submit(run).result(20) == []
    assert not Incident.objects.filter(instance_id=instance_id).exists()
    assert len(sweeping.mend()) == 1
    assert Incident.objects.filter(instance_id=instance_id).count() == 1


def test_what_is_in_order_is_not_touched(at, crew):
    for wait in WAITS:
        instance_id = at(wait)
        before = Instance.objects.get(pk=instance_id).version
        assert sweeping.mend() == []
        assert Instance.objects.get(pk=instance_id).version == before


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        ("branch_id", "of no branch"),
        ("definition_id", "of no definition"),
        ("parent_id", "called by nobody"),
    ],
)
def test_what_the_database_does_not_ask_at_each_commit_the_sweeper_does(begin, crew, column, rule):
    """No foreign key is looked up by a step: a row of nothing is found all the same."""
    instance_id = begin(INSIDE)
    with transaction.atomic():
        db.execute(
            f"update process_instance set {column} = gen_random_uuid() where id = %s", [instance_id]
        )
        assert rule in {problem.rule for problem in check(instance_id)}
        transaction.set_rollback(True)


def test_a_command_of_nothing_is_found_as_well(at):
    instance_id = at("command")
    for column, rule in (("branch_id", "of no branch"), ("instance_id", "of no instance")):
        with transaction.atomic():
            set_ = f"update process_command set {column} = gen_random_uuid()"
            assert db.execute(f"{set_} where instance_id = %s", [instance_id]) == 1
            assert rule in {problem.rule for problem in check()}
            transaction.set_rollback(True)


def test_work_to_be_looked_at_is_found_by_one_index(crew):
    """What is to be resumed, warned of or escalated, among millions that are not yet."""
    asked = (inbound._WAKES, overdue._SOON, overdue._LATE, alarms.DUE)
    with transaction.atomic():
        crowd(crew.clerk.branch_id)
        db.execute("set local enable_seqscan = off")
        plans = [
            "\n".join(str(row) for row in db.rows(f"explain {sql}", ["2026-01-01", 50]))
            for sql in asked
        ]
        transaction.set_rollback(True)
    assert all("process_workitem_next_look" in plan for plan in plans), plans
    assert all("Index Cond" in plan for plan in plans), plans
