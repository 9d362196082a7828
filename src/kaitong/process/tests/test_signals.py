"""Signals in the database: broadcast in a branch, through inboxes, exactly once each."""

from __future__ import annotations

import pytest
from django.db import transaction

from kaitong.org.actor import Actor
from kaitong.process import inbound, queries, services, worker
from kaitong.process.errors import ProcessForbidden, ProcessNotFound, ProcessRefused
from kaitong.process.models import Inbox, Instance, Subscription, Token
from kaitong.process.tests.shell_kit import item_of
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)

LISTENER = """
start S clerk
catch Wait clerk signal=olt.down out=olt=olt
user After clerk form=a
end E clerk
S > Wait > After > E
"""
THROWER = """
start S clerk
user Say clerk form=a
throw Throw clerk signal=olt.down in=olt=name
end E clerk
S > Say > Throw > E
"""
WATCHED = """
start S clerk
user Visit installer form=v
on Down installer host=Visit signal=olt.down
user Recheck clerk form=r
end E clerk
end E2 clerk
S > Visit > E
Down > Recheck > E2
"""


def at(instance_id):
    rows = Token.objects.filter(instance_id=instance_id).order_by("node", "id")
    return [(row.node, row.wait) for row in rows]


def throw(branch, sender="nms:1", name="olt.down", **told):
    return services.signal(
        actor=Actor.system(), name=name, branch_id=branch.pk, sender_id=sender, told=told
    )


def test_a_thrown_signal_is_heard_by_everybody_who_listens_once(begin, crew):
    listeners = [begin(LISTENER) for _ in range(3)]
    thrower = begin(THROWER, name="OLT-1")
    services.complete(actor=crew.clerk, item_id=item_of(thrower, "Say").pk, values={})
    assert [at(one) for one in listeners] == [[("Wait", "signal")]] * 3  # in their inboxes
    worker.drain_all()
    for one in listeners:
        assert at(one) == [("After", "work")]
        assert Instance.objects.get(pk=one).variables == {"olt": "OLT-1"}
        kinds = [row.kind for row in queries.history(one)]
        assert kinds.count("signal") == 1
    assert Inbox.objects.count() == 3
    later = begin(LISTENER)  # kept for nobody who listens later
    worker.drain_all()
    assert at(later) == [("Wait", "signal")]


def test_from_outside_it_counts_once_by_its_senders_id(begin, county):
    one = begin(LISTENER)
    assert throw(county, olt="A") is True
    assert throw(county, olt="B") is False
    worker.drain_all()
    assert Instance.objects.get(pk=one).variables == {"olt": "A"}
    assert Inbox.objects.count() == 1
    with pytest.raises(ProcessRefused):
        throw(county, sender="2", name=" ")


def test_a_supervisor_throws_signals_a_clerk_does_not(begin, county, crew):
    one = begin(LISTENER)
    asked = {"name": "olt.down", "branch_id": county.pk, "sender_id": "1", "told": {}}
    with pytest.raises(ProcessForbidden):
        services.signal(actor=crew.clerk, **asked)
    assert services.signal(actor=crew.supervisor, **asked)
    worker.drain_all()
    assert at(one) == [("After", "work")]


def test_the_same_sender_at_once_throws_once(begin, county):
    begin(LISTENER)
    outcomes = at_once(*[lambda: throw(county, olt="A")] * 4)
    assert sorted(outcomes) == [False, False, False, True]
    assert Inbox.objects.count() == 1


def test_it_is_heard_in_its_branch_and_below(begin, county, other_county, crew):
    one = begin(LISTENER)
    city = county.parent
    assert throw(other_county, "1")
    worker.drain_all()
    assert at(one) == [("Wait", "signal")]
    with pytest.raises(ProcessNotFound):
        services.signal(
            actor=crew.stranger, name="olt.down", branch_id=county.pk, sender_id="x", told={}
        )
    if city is not None:
        assert throw(city, "2", olt="X")
    else:
        assert throw(county, "2", olt="X")
    worker.drain_all()
    assert at(one) == [("After", "work")]


def test_a_token_that_began_to_listen_earlier_in_the_step_hears_it(begin):
    one = begin(
        """
start S clerk
and Fork clerk
catch Wait clerk signal=go
throw Throw clerk signal=go
user After clerk form=a
end E clerk
end E2 clerk
S > Fork > Wait > After > E
Fork > Throw > E2
"""
    )
    worker.drain_all()
    assert at(one) == [("After", "work")]


def test_one_that_listens_later_in_the_step_does_not(begin):
    one = begin(
        """
start S clerk
throw Throw clerk signal=go
catch Wait clerk signal=go
end E clerk
S > Throw > Wait > E
"""
    )
    worker.drain_all()
    assert at(one) == [("Wait", "signal")]


def test_a_subscriber_that_completes_at_the_same_time_hears_it_or_has_gone(begin, county, crew):
    seen = set()
    for number in range(12):
        one = begin(WATCHED)
        item = item_of(one, "Visit")
        at_once(
            lambda n=number: throw(county, f"nms:{n}") and inbound.read_inboxes(),
            lambda item=item: services.complete(actor=crew.installer, item_id=item.pk, values={}),
        )
        worker.drain_all()
        where = at(one)
        assert where in ([], [("Recheck", "work")]), where
        seen.add(len(where))
        row = Inbox.objects.filter(instance_id=one).first()
        if row is not None:
            assert row.outcome == ("done" if where else "ignored")
    assert seen <= {0, 1}


def test_killed_while_a_signal_is_heard(begin, county):
    """The step is rolled back before it is committed: the signal is heard again, once."""
    one = begin(LISTENER)
    throw(county, olt="A")

    class Killed(Exception):
        pass

    def die():
        with transaction.atomic():
            inbound.read_inboxes()
            raise Killed

    with pytest.raises(Killed):
        die()
    assert at(one) == [("Wait", "signal")]
    worker.drain_all()
    assert at(one) == [("After", "work")]
    assert [row.kind for row in queries.history(one)].count("signal") == 1


def test_two_workers_deliver_a_signal_once_each(begin, county):
    ones = [begin(LISTENER) for _ in range(6)]
    throw(county, olt="A")
    at_once(*[inbound.read_inboxes] * 4)
    worker.drain_all()
    assert [at(one) for one in ones] == [[("After", "work")]] * 6
    for one in ones:
        assert [row.kind for row in queries.history(one)].count("signal") == 1


def test_a_boundary_that_does_not_interrupt_hears_every_signal(begin, county):
    one = begin(WATCHED.replace("host=Visit", "host=Visit keep=yes"))
    for number in range(3):
        throw(county, f"nms:{number}")
        worker.drain_all()
    assert at(one) == [("Recheck", "work")] * 3 + [("Visit", "work")]
    assert Subscription.objects.get(instance_id=one).state == "open"


def test_a_boundary_message_that_does_not_interrupt_hears_every_message(begin):
    one = begin(WATCHED.replace("signal=olt.down", 'message=olt.down key="k" keep=yes'))
    for number in range(2):
        services.publish(name="olt.down", key="k", sender_id=str(number), values={})
        worker.drain_all()
    assert at(one) == [("Recheck", "work")] * 2 + [("Visit", "work")]


def test_a_message_of_the_same_name_is_no_signal(begin):
    one = begin(LISTENER)
    services.publish(name="olt.down", key="", sender_id="1", values={})
    services.tell(instance_id=one, key="1", event={"kind": "message", "name": "olt.down"})
    worker.drain_all()
    assert at(one) == [("Wait", "signal")]
    told = queries.waits([one])[one]
    assert [fact.kind for fact in told] == ["signal"]
    assert queries.positions(one)["Wait"] == "waiting"


def test_a_condition_is_looked_at_in_the_step_of_whoever_changes_variables(begin, crew):
    one = begin(
        """
start S clerk
and Fork clerk
user Ask clerk form=a
catch Wait clerk when=speed=300
user After installer form=b
end E clerk
end E2 clerk
S > Fork > Ask > E
Fork > Wait > After > E2
"""
    )
    assert at(one) == [("Ask", "work"), ("Wait", "condition")]
    assert [f.kind for f in queries.waits([one])[one]] == ["work", "condition"]
    item = item_of(one, "Ask")
    services.complete(actor=crew.clerk, item_id=item.pk, values={"speed": 300})
    assert at(one) == [("After", "work")]
    assert not Subscription.objects.filter(state="open").exists()


CALLER = """
start S clerk
call K clerk called=inner out=done=done
on Late clerk host=K escalation=late keep=yes
user After clerk form=a
user Told clerk form=t
end E clerk
end E2 clerk
S > K > After > E
Late > Told > E2
"""
INNER = """
start S clerk
user In clerk form=a
throw Up clerk escalation=late in=days=days
say-end E clerk escalation=late
S > In > Up > E
"""


def test_an_escalation_is_heard_by_the_caller_before_the_end(begin, crew):
    one = begin(CALLER, called={"inner": INNER})
    worker.drain_all()
    child = Instance.objects.get(parent_id=one)
    item = item_of(child.pk, "In")
    services.complete(actor=crew.clerk, item_id=item.pk, values={"days": 3, "done": True})
    worker.drain_all()
    # twice: on its way and as it ended, both before the call ended
    assert at(one) == [("After", "work"), ("Told", "work"), ("Told", "work")]
    assert Instance.objects.get(pk=one).variables == {
        "days": 3, "escalation_code": "late", "done": True,
    }  # fmt: skip
    kinds = [row.kind for row in queries.history(one) if row.node == "K"]
    assert kinds.count("escalation") == 2


def test_an_end_that_is_due_first_waits_for_the_escalation(begin, crew):
    one = begin(CALLER, called={"inner": INNER})
    worker.drain_all()
    child = Instance.objects.get(parent_id=one)
    item = item_of(child.pk, "In")
    services.complete(actor=crew.clerk, item_id=item.pk, values={})
    Inbox.objects.filter(instance_id=one, key__startswith="child:").update(
        next_attempt_at="2020-01-01T00:00Z"
    )
    worker.drain_all()
    assert at(one) == [("After", "work"), ("Told", "work"), ("Told", "work")]


def test_an_interrupting_escalation_cancels_the_called_process(begin, crew):
    inner = INNER.replace("say-end E clerk escalation=late", "user Rest clerk form=r\nend E clerk")
    inner = inner.replace("> Up > E", "> Up > Rest > E")
    one = begin(CALLER.replace(" keep=yes", ""), called={"inner": inner})
    worker.drain_all()
    child = Instance.objects.get(parent_id=one)
    item = item_of(child.pk, "In")
    services.complete(actor=crew.clerk, item_id=item.pk, values={})
    worker.drain_all()
    assert at(one) == [("Told", "work")]
    assert Instance.objects.get(pk=child.pk).state == "cancelled"


def test_what_nobody_catches_harms_nobody(begin, crew):
    middle = "start S clerk\ncall K clerk called=inner\nend E clerk\nS > K > E"
    one = begin(CALLER.replace("called=inner", "called=middle"), called={
        "inner": INNER, "middle": middle,
    })  # fmt: skip
    worker.drain_all()
    inner = Instance.objects.get(parent__parent_id=one)
    services.complete(actor=crew.clerk, item_id=item_of(inner.pk, "In").pk, values={})
    worker.drain_all()
    assert at(one) == [("After", "work"), ("Told", "work"), ("Told", "work")]  # two levels up
    alone = begin(INNER)
    services.complete(actor=crew.clerk, item_id=item_of(alone, "In").pk, values={})
    assert Instance.objects.get(pk=alone).state == "completed"
