"""The inclusive join in the database: under real threads, interrupted, retried."""

from __future__ import annotations

import pytest

from kaitong.process import queries, services, worker
from kaitong.process.actions import BusinessError
from kaitong.process.models import Incident, Instance, Token
from kaitong.process.tests.shell_kit import item_of
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)

BRANCHES = """
start S clerk
script Count clerk text={n:1,b:n1>0}
or Fork clerk
user A clerk form=a
user B installer form=b
user C installer form=c
or Join clerk
user After clerk form=d
end E clerk
S > Count > Fork > A > Join > After > E
Fork > B : b
B > Join
Fork > C : c
C > Join
"""


def resting(instance_id):
    rows = Token.objects.filter(instance_id=instance_id).order_by("node", "id")
    return [(row.node, row.wait) for row in rows]


def test_two_completers_before_an_inclusive_join(begin, crew):
    for _ in range(10):
        instance_id = begin(BRANCHES, n1=1, c=False)
        a, b = item_of(instance_id, "A"), item_of(instance_id, "B")
        assert item_of(instance_id, "C") is None
        outcomes = at_once(
            lambda a=a: services.complete(actor=crew.clerk, item_id=a.pk, values={"x": 1}),
            lambda b=b: services.complete(actor=crew.installer, item_id=b.pk, values={"y": 2}),
        )
        assert [type(o).__name__ for o in outcomes] == ["Progress", "Progress"]
        assert resting(instance_id) == [("After", "work")]
        assert Instance.objects.get(pk=instance_id).variables == {
            "n1": 1, "n": 1, "b": True, "c": False, "x": 1, "y": 2,
        }  # fmt: skip


def test_a_branch_that_ends_lets_the_join_go_on(begin, crew, receiver):
    """Its last awaited branch ends in a business error that leads elsewhere."""
    receiver.answers = [BusinessError("no-port", "没有端口")]
    instance_id = begin(
        """
start S clerk
or Fork clerk
user A clerk form=a
service Data network action=write-data retries=2
on-error Lost network host=Data code=no-port
or Join clerk
user After clerk form=d
end E clerk
end Gone clerk
S > Fork > A > Join > After > E
Fork > Data > Join
Lost > Gone
"""
    )
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "A").pk, values={})
    assert resting(instance_id) == [("Data", "command"), ("Join", "join")]
    told = queries.waits([instance_id])[instance_id]
    assert sorted(fact.kind for fact in told) == ["command", "join"]
    worker.drain_all()
    assert resting(instance_id) == [("After", "work")]
    shown = queries.picture(instance_id)
    assert (shown.nodes["Join"], shown.nodes["After"]) == ("done", "active")
    assert {step.node for step in shown.steps} == {"A", "Data", "After"}


def test_a_join_stuck_for_good_is_settled_in_the_fallout_desk(begin, crew):
    instance_id = begin(
        """
start S clerk
and Fork clerk
user A clerk form=a
user B clerk form=b
and Both clerk
xor Ask clerk
or Join clerk
user After clerk form=d
end E clerk
end Other clerk
S > Fork > A > Join > After > E
Fork > B > Both > Join
Fork > Ask
Ask > Both : never
!Ask > Other
""",
        never=False,
    )
    for node in ("A", "B"):
        services.complete(actor=crew.clerk, item_id=item_of(instance_id, node).pk, values={})
    assert resting(instance_id) == [("Both", "incident"), ("Join", "incident")]
    stuck = Incident.objects.get(instance_id=instance_id, node="Join")
    services.retry_incident(actor=crew.supervisor, incident_id=stuck.pk)
    assert resting(instance_id) == [("Both", "incident"), ("Join", "join")]
    both = Incident.objects.get(instance_id=instance_id, node="Both", state="open")
    services.done_by_hand(
        actor=crew.clerk, second=crew.supervisor, incident_id=both.pk, evidence="x", values={}
    )
    assert resting(instance_id) == [("After", "work")]


def test_a_completer_and_a_withdrawal_at_once(begin, crew):
    for _ in range(6):
        instance_id = begin(BRANCHES, n1=1, c=False)
        services.complete(actor=crew.clerk, item_id=item_of(instance_id, "A").pk, values={})
        b = item_of(instance_id, "B")
        at_once(
            lambda b=b: services.complete(actor=crew.installer, item_id=b.pk, values={}),
            lambda i=instance_id: services.cancel(actor=crew.clerk, instance_id=i, reason="x"),
        )
        assert Instance.objects.get(pk=instance_id).state == "cancelled"
        assert resting(instance_id) == []


def test_a_completer_and_a_branch_that_dies_at_once(begin, crew, receiver):
    """Whoever of both is the later lets the join go on."""
    text = """
start S clerk
or Fork clerk
user A clerk form=a
service Data network action=write-data retries=2
on-error Lost network host=Data code=no-port
or Join clerk
user After clerk form=d
end E clerk
end Gone clerk
S > Fork > A > Join > After > E
Fork > Data > Join
Lost > Gone
"""
    for _ in range(6):
        receiver.answers = [BusinessError("no-port", "没有端口")]
        instance_id = begin(text)
        a = item_of(instance_id, "A")
        at_once(
            lambda a=a: services.complete(actor=crew.clerk, item_id=a.pk, values={}),
            worker.drain_once,
        )
        worker.drain_all()
        assert resting(instance_id) == [("After", "work")]
