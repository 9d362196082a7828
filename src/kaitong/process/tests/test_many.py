"""Repeated activities in the database: completed at once, over called processes, and killed."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from kaitong.process import inbound, services, store, worker
from kaitong.process.models import Call, Inbox, Instance, Token, WorkItem
from kaitong.process.queries import history, steps, waits, work_item, work_items
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import item_of
from kaitong.process.tests.test_calls import Killed
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)

POINTS = """
start S n
user Visit installer form=v each=points item=point result=port results=ports
user Confirm clerk form=c
end E n
S > Visit > Confirm > E
"""
LINE = """
start S n
call Open n called=point each=points item=point result=port results=ports in=at=point out=port=p
user Confirm clerk form=c
end E n
S > Open > Confirm > E
"""
POINT = """
start S n
user Visit installer form=v
end E n
S > Visit > E
"""


def items(instance_id, node="Visit"):
    return list(WorkItem.objects.filter(instance_id=instance_id, node=node).order_by("id"))


def nodes(instance_id):
    return sorted(Token.objects.filter(instance_id=instance_id).values_list("node", flat=True))


def complete(crew, item, **values):
    return services.complete(actor=crew.installer, item_id=item.pk, values=values)


def test_each_has_work_of_its_own_and_sees_its_item(begin, crew):
    instance_id = begin(POINTS, points=["甲", "乙", "丙"])
    row = Instance.objects.get(pk=instance_id)
    assert row.open_waits == 3
    seen = [work_item(crew.installer, item.pk).variables for item in items(instance_id)]
    assert [(s["point"], s["loopCounter"]) for s in seen] == [("甲", 1), ("乙", 2), ("丙", 3)]
    rows = list(work_items(crew.installer, tab="todo").rows)
    assert sorted((row.title, row.part) for row in rows) == [
        ("Visit环节", part) for part in ("丙", "乙", "甲")
    ]
    step = next(row for row in steps(instance_id) if row.node == "Visit")
    assert (step.status, step.visits) == ("active", 1)
    assert len(waits([instance_id])[instance_id]) == 3
    for number, item in enumerate(items(instance_id)):
        complete(crew, item, port=number)
    assert nodes(instance_id) == ["Confirm"]
    assert Instance.objects.get(pk=instance_id).variables["ports"] == [0, 1, 2]
    entered = [r for r in history(instance_id) if (r.kind, r.node) == ("entered", "Visit")]
    assert [r.data.get("number") for r in entered] == [None, 1, 2, 3]


@pytest.mark.parametrize(
    ("more", "part"),
    [("times=2", "1"), ("each=points item=p subject=p.name", "甲"), ("subject=1/0", "")],
)
def test_work_says_which_of_many_it_is_about(begin, crew, more, part):
    text = f"start S n\nuser Visit installer form=v {more}\nend E n\nS > Visit > E"
    instance_id = begin(text, points=[{"name": "甲"}])
    assert items(instance_id)[0].part == part


def test_all_completed_at_once_end_the_activity_once(begin, crew):
    for _ in range(5):
        instance_id = begin(POINTS, points=["甲", "乙", "丙", "丁"])
        outcomes = at_once(
            *(
                lambda item=item, at=at: complete(crew, item, port=at)
                for at, item in enumerate(items(instance_id))
            )
        )
        assert [type(outcome).__name__ for outcome in outcomes] == ["Progress"] * 4
        assert nodes(instance_id) == ["Confirm"]
        assert Instance.objects.get(pk=instance_id).variables["ports"] == [0, 1, 2, 3]
        assert len(items(instance_id, "Confirm")) == 1


def test_the_one_that_ends_it_against_one_that_is_no_longer_needed(begin, crew):
    text = POINTS.replace("results=ports", "results=ports until=numberOfCompletedInstances=1")
    for _ in range(8):
        instance_id = begin(text, points=["甲", "乙"])
        outcomes = at_once(
            *(lambda item=item: complete(crew, item, port=1) for item in items(instance_id))
        )
        names = sorted(type(outcome).__name__ for outcome in outcomes)
        assert names == ["ProcessConflict", "Progress"]
        assert nodes(instance_id) == ["Confirm"]
        assert sorted(i.state for i in items(instance_id)) == ["cancelled", "done"]


def test_one_of_many_returned_takes_the_others_with_it(begin, crew):
    text = POINTS.replace("S > Visit", "user Plan clerk form=p\nS > Plan > Visit")
    instance_id = begin(text, points=["甲", "乙"])
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Plan").pk, values={})
    first, second = items(instance_id)
    services.return_to(actor=crew.installer, item_id=first.pk, node="Plan", reason="点位有误")
    assert nodes(instance_id) == ["Plan"]
    second.refresh_from_db()
    assert second.state == "cancelled"


def test_a_hundred_called_processes_run_side_by_side(begin, crew):
    points = [f"点{n}" for n in range(100)]
    instance_id = begin(LINE, called={"point": POINT}, points=points)
    assert Call.objects.filter(instance_id=instance_id, state="pending").count() == 100
    at_once(*[inbound.begin_children] * 3)
    worker.drain_all()
    children = Instance.objects.filter(parent_id=instance_id, state="running")
    assert children.count() == 100
    assert sorted(c.variables["at"] for c in children) == sorted(points)
    assert [str(problem) for problem in check()] == []
    work = list(WorkItem.objects.filter(instance__parent_id=instance_id).order_by("id"))
    for batch in range(0, 100, 25):  # four fitters at a time, and workers beside them
        verbs = [
            lambda some=work[batch + at : batch + 25 : 4]: [complete(crew, i, p=1) for i in some]
            for at in range(4)
        ]
        at_once(*verbs, worker.drain_inbound)
    worker.drain_all()
    assert nodes(instance_id) == ["Confirm"]
    assert Instance.objects.get(pk=instance_id).variables["ports"] == [1] * 100
    assert not Inbox.objects.filter(processed_at=None).exists()


def test_cancelled_in_between_every_called_process_is_taken_back(begin, crew):
    instance_id = begin(LINE, called={"point": POINT}, points=["甲", "乙", "丙"])
    inbound.begin_children(limit=2)  # the third has not begun
    services.cancel(actor=crew.supervisor, instance_id=instance_id, reason="撤单")
    worker.drain_all()
    states = Instance.objects.filter(parent_id=instance_id).values_list("state", flat=True)
    assert set(states) == {"cancelled"}
    assert not Call.objects.filter(state__in=["pending", "running"]).exists()


@pytest.mark.parametrize("at", range(3))
def test_killed_between_two_of_them(begin, crew, monkeypatch, at):
    """The process dies while it hears of the ends: what was heard is written or comes again."""
    instance_id = begin(LINE, called={"point": POINT}, points=["甲", "乙", "丙"])
    worker.drain_all()
    for item in WorkItem.objects.filter(instance__parent_id=instance_id):
        complete(crew, item, p=item.instance.variables["at"])
    moments = iter(range(10))

    def dying(real):
        def run(*args, **kwargs):
            if next(moments) == at:
                raise Killed
            return real(*args, **kwargs)

        return run

    with monkeypatch.context() as patched:
        patched.setattr(store, "write", dying(store.write))
        with pytest.raises(Killed), transaction.atomic():
            inbound.read_inboxes()
    connection.close()
    assert [str(problem) for problem in check()] == []
    worker.drain_all()
    assert nodes(instance_id) == ["Confirm"]
    assert Instance.objects.get(pk=instance_id).variables["ports"] == ["甲", "乙", "丙"]
    assert len(items(instance_id, "Confirm")) == 1
