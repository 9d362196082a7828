"""Event-based gateways and messages a process says, in the database and under real threads."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kaitong.process import inbound, services, worker
from kaitong.process.models import Instance, Message, Subscription, Timer, Token
from kaitong.process.queries import positions, waits
from kaitong.process.tests.shell_kit import item_of
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)

RACE = """
start S n
events G n
catch Heard n message=answered key=account
catch Late n after=PT1H
user AfterHeard clerk form=a
user AfterLate clerk form=b
end E n
S > G > Heard > AfterHeard > E
G > Late > AfterLate > E
"""

TALK = """
start S n
and Fork n
throw Say n message=answered key=account in=power=power
user A clerk form=a
receive R n message=answered key=account out=heard=power
end E1 n
end E2 n
S > Fork > Say > A > E1
Fork > R > E2
"""


def test_a_message_wins_and_the_timer_is_withdrawn(begin):
    instance_id = begin(RACE, account="a1")
    (fact,) = waits([instance_id])[instance_id]
    assert (fact.kind, fact.node) == ("event", "G")
    assert fact.due_at == Timer.objects.get(instance_id=instance_id).due_at
    assert positions(instance_id)["G"] == "waiting"
    services.publish(name="answered", key="a1", sender_id="1", values={"power": -20})
    worker.drain_all()
    assert [t.node for t in Token.objects.filter(instance_id=instance_id)] == ["AfterHeard"]
    assert Timer.objects.get(instance_id=instance_id).state == "cancelled"
    assert Subscription.objects.get(instance_id=instance_id).state == "delivered"
    assert Instance.objects.get(pk=instance_id).variables["power"] == -20


def test_the_timer_wins_and_the_subscription_is_withdrawn(begin):
    instance_id = begin(RACE, account="a1")
    Timer.objects.update(next_attempt_at=Timer.objects.get().due_at - timedelta(hours=2))
    worker.drain_all()
    assert [t.node for t in Token.objects.filter(instance_id=instance_id)] == ["AfterLate"]
    assert Subscription.objects.get(instance_id=instance_id).state == "cancelled"
    assert services.publish(name="answered", key="a1", sender_id="1", values={})
    worker.drain_all()
    assert Message.objects.get().state == "kept"


def test_message_and_timer_at_once_one_wins(begin):
    for number in range(6):
        account = f"a{number}"
        instance_id = begin(RACE, account=account)
        timer = Timer.objects.get(instance_id=instance_id)
        Timer.objects.filter(pk=timer.pk).update(next_attempt_at=timer.created_at)
        services.publish(name="answered", key=account, sender_id=account, values={})
        at_once(inbound.fire_timers, inbound.deliver_messages)
        (token,) = Token.objects.filter(instance_id=instance_id)
        state = Message.objects.get(sender_id=account).state
        assert (token.node, state) in [("AfterHeard", "delivered"), ("AfterLate", "kept")]
        assert not Subscription.objects.filter(instance_id=instance_id, state="open").exists()
        assert not Timer.objects.filter(instance_id=instance_id, state="open").exists()


def test_an_early_message_decides_at_once(begin):
    services.publish(name="answered", key="a1", sender_id="1", values={})
    instance_id = begin(RACE, account="a1")
    worker.drain_all()
    assert [t.node for t in Token.objects.filter(instance_id=instance_id)] == ["AfterHeard"]


def test_cancelling_closes_the_waits_of_a_gateway(begin, crew):
    instance_id = begin(RACE, account="a1")
    services.cancel(actor=crew.supervisor, instance_id=instance_id, reason="撤单")
    assert Timer.objects.get().state == "cancelled"
    assert Subscription.objects.get().state == "cancelled"


def test_a_message_one_branch_says_is_heard_by_the_other_once(begin):
    instance_id = begin(TALK, account="a1", power=-21)
    message = Message.objects.get()
    assert (message.name, message.key, message.values) == ("answered", "a1", {"power": -21})
    assert message.sender_id.startswith(f"{instance_id}:Say:")
    worker.drain_all()
    message.refresh_from_db()
    assert (message.state, message.instance_id) == ("delivered", instance_id)
    assert Instance.objects.get(pk=instance_id).variables["heard"] == -21


REPEAT = """
start S n
user A clerk form=a
throw Say n message=answered key=account
xor X n
user B clerk form=b
end E n
S > A > Say > B > X
X > Say : again
X !> E
"""


def test_each_visit_is_a_message_of_its_own_and_a_rolled_back_step_says_nothing(begin, crew):
    instance_id = begin(REPEAT, account="a1")
    item = item_of(instance_id, "A")

    def fails(context):
        raise RuntimeError("the transaction ends here")

    with pytest.raises(RuntimeError):
        services.complete(actor=crew.clerk, item_id=item.pk, values={}, within=fails)
    assert not Message.objects.exists()
    services.complete(actor=crew.clerk, item_id=item.pk, values={})
    assert Message.objects.count() == 1
    again = item_of(instance_id, "B")
    services.complete(actor=crew.clerk, item_id=again.pk, values={"again": True})
    assert Message.objects.count() == 2
