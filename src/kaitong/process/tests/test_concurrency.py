"""Real threads on real connections: the join is never missed, one verb wins, batches never wait."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from kaitong.core import db
from kaitong.core.errors import Conflict
from kaitong.process import actions, commands, inbound, services, store, sweeper, worker
from kaitong.process.models import Command, Instance, Token, WorkItem
from kaitong.process.tests.shell_kit import external, item_of, transactional

pytestmark = pytest.mark.django_db(transaction=True)

BRANCHES = """
start S clerk
and Fork clerk
user A clerk form=a
user B installer form=b
and Join clerk
user After clerk form=c
end E clerk
S > Fork > A > Join > After > E
Fork > B > Join
"""


def at_once(*verbs):
    """Run verbs in threads of their own that begin together; what each returned or raised."""
    barrier = threading.Barrier(len(verbs))

    def run(verb):
        try:
            barrier.wait(10)
            return verb()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(verbs)) as pool:
        return list(pool.map(run, verbs))


def test_two_completers_of_two_branches_never_miss_the_join(begin, crew):
    for _ in range(10):
        instance_id = begin(BRANCHES)
        a, b = item_of(instance_id, "A"), item_of(instance_id, "B")
        outcomes = at_once(
            lambda a=a: services.complete(actor=crew.clerk, item_id=a.pk, values={"a": 1}),
            lambda b=b: services.complete(actor=crew.installer, item_id=b.pk, values={"b": 2}),
        )
        assert [type(o).__name__ for o in outcomes] == ["Progress", "Progress"]
        tokens = Token.objects.filter(instance_id=instance_id)
        assert [(t.node, t.wait) for t in tokens] == [("After", "work")]
        assert Instance.objects.get(pk=instance_id).variables == {"a": 1, "b": 2}


def test_the_second_reads_after_it_got_the_lock(begin, crew):
    """The first holds the lock while the second waits; the second must see what the first wrote."""
    instance_id = begin(BRANCHES)
    locked, go_on = threading.Event(), threading.Event()

    def within(context):
        locked.set()
        assert go_on.wait(10)
        return {}

    def first():
        item = item_of(instance_id, "A")
        return services.complete(actor=crew.clerk, item_id=item.pk, values={}, within=within)

    def second():
        assert locked.wait(10)
        threading.Timer(0.3, go_on.set).start()
        item = item_of(instance_id, "B")
        return services.complete(actor=crew.installer, item_id=item.pk, values={})

    outcomes = at_once(first, second)
    assert [type(o).__name__ for o in outcomes] == ["Progress", "Progress"]
    assert [t.node for t in Token.objects.filter(instance_id=instance_id)] == ["After"]


def meanwhile(monkeypatch, verb):
    """Let somebody else do something right after the first look of whoever asks."""
    look, done = store.look, []

    def looked(item_id):
        found = look(item_id)
        if not done:
            done.append(item_id)
            done.extend(at_once(verb))
        return found

    monkeypatch.setattr(store, "look", looked)
    return done


def test_who_only_looked_begins_anew_when_another_branch_came_first(begin, crew, monkeypatch):
    instance_id = begin(BRANCHES)
    a, b = item_of(instance_id, "A"), item_of(instance_id, "B")
    done = meanwhile(
        monkeypatch,
        lambda: services.complete(actor=crew.installer, item_id=b.pk, values={"b": 2}),
    )
    services.complete(actor=crew.clerk, item_id=a.pk, values={"a": 1})
    assert done[0] == a.pk
    assert type(done[1]).__name__ == "Progress"
    assert [t.node for t in Token.objects.filter(instance_id=instance_id)] == ["After"]
    assert Instance.objects.get(pk=instance_id).variables == {"a": 1, "b": 2}
    assert sweeper.check(instance_id) == []


def test_who_only_looked_is_refused_as_who_waited_for_the_lock(begin, crew, monkeypatch):
    item = item_of(begin(BRANCHES), "B")
    done = meanwhile(
        monkeypatch, lambda: services.claim(actor=crew.other_installer, item_id=item.pk)
    )
    with pytest.raises(Conflict, match="已由他人接单"):
        services.complete(actor=crew.installer, item_id=item.pk, values={})
    assert done[1] is None
    item.refresh_from_db()
    assert (item.state, item.claimed_by) == ("claimed", crew.other_installer.id)


def test_an_action_runs_under_the_lock_and_once_when_somebody_came_first(begin, crew, monkeypatch):
    instance_id = begin(
        BRANCHES.replace("Fork > A > Join", "Fork > A > Act > Join").replace(
            "user B", "service Act resource action=assign\nuser B"
        )
    )
    a, b = item_of(instance_id, "A"), item_of(instance_id, "B")
    seen = []

    def act(context):
        held = "select id from process_instance where id = %s for update skip locked"
        free = at_once(lambda: db.rows(held, [context.instance_id]))
        seen.append(free)
        return {}

    meanwhile(monkeypatch, lambda: services.complete(actor=crew.installer, item_id=b.pk, values={}))
    with actions.installed(transactional("assign", act)):
        services.complete(actor=crew.clerk, item_id=a.pk, values={})
    assert seen == [[[]]]  # once, and nobody else could have had the instance
    assert [t.node for t in Token.objects.filter(instance_id=instance_id)] == ["After"]


def test_the_same_completion_twice_at_once(begin, crew):
    instance_id = begin(BRANCHES)
    item = item_of(instance_id, "A")

    def verb():
        return services.complete(actor=crew.clerk, item_id=item.pk, values={})

    outcomes = Counter(type(o).__name__ for o in at_once(verb, verb, verb, verb))
    assert outcomes == {"Progress": 1, "ProcessConflict": 3}
    assert WorkItem.objects.filter(instance_id=instance_id).count() == 2


def test_two_claimers(begin, crew):
    item = item_of(begin(BRANCHES), "B")
    outcomes = at_once(
        lambda: services.claim(actor=crew.installer, item_id=item.pk),
        lambda: services.claim(actor=crew.other_installer, item_id=item.pk),
    )
    assert sum(o is None for o in outcomes) == 1
    assert sum(isinstance(o, Conflict) for o in outcomes) == 1
    winner = (crew.installer, crew.other_installer)[outcomes.index(None)]
    assert WorkItem.objects.get(pk=item.pk).claimed_by == winner.id


def test_completing_against_cancelling(begin, crew):
    instance_id = begin(BRANCHES)
    item = item_of(instance_id, "A")
    at_once(
        lambda: services.complete(actor=crew.clerk, item_id=item.pk, values={}),
        lambda: services.cancel(actor=crew.supervisor, instance_id=instance_id, reason="撤单"),
    )
    assert Instance.objects.get(pk=instance_id).state == "cancelled"
    assert not Token.objects.filter(instance_id=instance_id).exists()


def test_an_action_that_raises_in_the_middle_keeps_the_completion(begin, crew):
    """With real transactions: the savepoint is rolled back, the completion is committed."""
    text = """
start S clerk
user Check clerk form=f
service Assign resource action=assign
end E clerk
S > Check > Assign > E
"""

    def boom(context):
        Instance.objects.filter(pk=context.instance_id).update(business_id=None)
        raise RuntimeError("no")

    instance_id = begin(text)
    item = item_of(instance_id, "Check")
    with actions.installed(transactional("assign", boom)):
        services.complete(actor=crew.clerk, item_id=item.pk, values={})
    assert WorkItem.objects.get(pk=item.pk).state == "done"
    assert Instance.objects.get(pk=instance_id).business_id is not None
    assert Token.objects.get(instance_id=instance_id).wait == "incident"


def test_many_workers_run_each_command_once(begin, crew, receiver):
    text = "start S n\nservice D n action=write-data\nuser U clerk form=f\nend E n\nS > D > U > E"
    instances = [begin(text) for _ in range(24)]
    done = at_once(*[lambda: commands.drain(50) for _ in range(4)])
    assert sum(done) == 24
    assert sorted(receiver.effects.values()) == [1] * 24
    assert WorkItem.objects.filter(instance_id__in=instances, node="U").count() == 24
    assert not Command.objects.exclude(state="done").exists()


def test_timers_fire_once_and_a_locked_instance_is_left_for_later(begin, crew):
    text = "start S n\ntimer T n after=PT0S\nuser U clerk form=f\nend E n\nS > T > U > E"
    instances = [begin(text) for _ in range(12)]
    with transaction.atomic():
        store.lock(instances[0])
        (fired,) = at_once(inbound.fire_timers)
        assert fired == 11
    fired = at_once(*[inbound.fire_timers for _ in range(4)])
    assert sum(fired) == 1
    assert WorkItem.objects.filter(instance_id__in=instances, node="U").count() == 12


def test_one_poisoned_timer_does_not_stop_the_others(begin, crew, monkeypatch):
    text = "start S n\ntimer T n after=PT0S\nuser U clerk form=f\nend E n\nS > T > U > E"
    bad, good = begin(text), begin(text)
    real = inbound.Play.advance

    def advance(play, event):
        if play.loaded.id == bad:
            raise RuntimeError("poison")
        real(play, event)

    monkeypatch.setattr(inbound.Play, "advance", advance)
    assert worker.drain_inbound() == 1
    assert item_of(good, "U") is not None
    timer = Instance.objects.get(pk=bad).timers.get()
    assert (timer.state, timer.attempts) == ("open", 1)
    assert timer.next_attempt_at > timer.due_at


def test_a_message_is_delivered_once_by_many_workers(begin, crew):
    text = """
start S n
receive R n message=seen key=account
receive R2 n message=seen key=account
end E n
S > R > R2 > E
"""
    instance_id = begin(text, account="a")
    services.publish(name="seen", key="a", sender_id="1", values={})
    assert sum(at_once(*[inbound.deliver_messages for _ in range(4)])) == 1
    assert Token.objects.get(instance_id=instance_id).node == "R2"


def test_an_external_action_runs_outside_any_transaction(begin, crew):
    seen = []

    def run(context):
        seen.append(connection.in_atomic_block)
        return {}

    text = "start S n\nservice D n action=out\nend E n\nS > D > E"
    with actions.installed(external("out", run)):
        begin(text)
        worker.drain_all()
    assert seen == [False]
