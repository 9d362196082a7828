"""Event sub-processes in the database: watched by rows, counted as nothing, heard once each."""

from __future__ import annotations

import pytest

from kaitong.process import actions, inbound, services, worker
from kaitong.process.models import Instance, Subscription, Timer, Token, WorkItem
from kaitong.process.queries import positions, steps, waits
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import item_of, transactional
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)

LATE = """
start S0 n
{ Site n
start I0 n
user Visit installer form=v
end I1 n
{! Late n
on-start L0 n after=PT4H
user Hurry clerk form=h
end L1 n
}
{! Told n
on-start T0 n message=told key=order keep=1 out=said=text
user Read clerk form=r
end T1 n
}
}
user Confirm clerk form=c
end E n
S0 > Site > Confirm > E
I0 > Visit > I1
L0 > Hurry > L1
T0 > Read > T1
"""


def nodes(instance_id):
    return sorted(Token.objects.filter(instance_id=instance_id).values_list("node", flat=True))


def finish(actor, instance_id, node, **values):
    services.complete(actor=actor, item_id=item_of(instance_id, node).pk, values=values)


def due_now():
    Timer.objects.filter(state="open").update(
        due_at="2020-01-01T00:00:00Z", next_attempt_at="2020-01-01T00:00:00Z"
    )


def say(number=1):
    assert services.publish(
        name="told", key="o1", sender_id=f"m{number}", values={"text": f"t{number}"}
    )
    worker.drain_all()


def test_listeners_are_watched_and_not_counted(begin, crew):
    instance_id = begin(LATE, order="o1")
    assert nodes(instance_id) == ["L0", "Site", "T0", "Visit"]
    assert Instance.objects.get(pk=instance_id).open_waits == 1
    assert [fact.node for fact in waits([instance_id])[instance_id]] == ["Visit"]
    assert positions(instance_id)["L0"] == "waiting"
    assert [str(problem) for problem in check()] == []
    Timer.objects.all().delete()
    assert [problem.rule for problem in check()] == ["unwatched"]
    token = Token.objects.get(node="L0")
    Timer.objects.create(
        instance_id=instance_id,
        token_id=token.pk,
        node="L0",
        due_at=token.created_at,
        next_attempt_at=token.created_at,
    )
    finish(crew.installer, instance_id, "Visit")
    assert nodes(instance_id) == ["Confirm"]
    assert not Timer.objects.filter(state="open").exists()
    assert not Subscription.objects.filter(state="open").exists()


def test_a_timer_takes_the_work_away(begin, crew):
    instance_id = begin(LATE, order="o1")
    due_now()
    worker.drain_all()
    assert nodes(instance_id) == ["Hurry", "Late", "Site"]
    assert item_of(instance_id, "Visit").state == "cancelled"
    assert {row.node: row.status for row in steps(instance_id)}["Visit"] == "cancelled"
    finish(crew.clerk, instance_id, "Hurry")
    assert nodes(instance_id) == ["Confirm"]


def test_a_message_is_heard_beside_the_work_every_time(begin, crew):
    instance_id = begin(LATE, order="o1")
    say(1)
    say(2)
    assert nodes(instance_id) == ["L0", "Read", "Read", "Site", "T0", "Told", "Told", "Visit"]
    assert Instance.objects.get(pk=instance_id).variables["said"] == "t2"
    finish(crew.installer, instance_id, "Visit")
    for item in WorkItem.objects.filter(node="Read"):
        services.complete(actor=crew.clerk, item_id=item.pk, values={})
    assert nodes(instance_id) == ["Confirm"]


def test_the_timer_and_the_completion_at_once_are_one_or_the_other(begin, crew):
    for _ in range(8):
        instance_id = begin(LATE, order="o1")
        due_now()
        item = item_of(instance_id, "Visit")
        done, _fired = at_once(
            lambda item=item: services.complete(actor=crew.installer, item_id=item.pk, values={}),
            inbound.fire_timers,
        )
        worker.drain_all()
        won = type(done).__name__ == "Progress"
        assert nodes(instance_id) == (["Confirm"] if won else ["Hurry", "Late", "Site"])


def test_an_error_of_an_action_is_handled_in_its_scope(begin, crew):
    text = """
start S0 n
{ Site n
start I0 n
user Visit installer form=v
service Data n action=write
end I1 n
{! Mend n
on-start M0 n code=no-port
user Find clerk form=f
end M1 n
}
}
user Confirm clerk form=c
end E n
S0 > Site > Confirm > E
I0 > Visit > Data > I1
M0 > Find > M1
"""

    def refuse(_context):
        raise actions.BusinessError("no-port", "没有空闲端口", {"port": "none"})

    with actions.installed(transactional("write", refuse)):
        instance_id = begin(text)
        finish(crew.installer, instance_id, "Visit")
    assert nodes(instance_id) == ["Find", "Mend", "Site"]
    assert Instance.objects.get(pk=instance_id).variables["error_code"] == "no-port"
    finish(crew.clerk, instance_id, "Find")
    assert nodes(instance_id) == ["Confirm"]


def test_an_error_of_a_called_process_is_handled_around_the_call(begin, crew):
    text = """
start S0 n
call Open n called=review
end E n
{! Mend n
on-start M0 n code=invalid
user Find clerk form=f
end M1 n
}
S0 > Open > E
M0 > Find > M1
"""
    review = """
start S n
user Review clerk form=r
error-end Bad n code=invalid
S > Review > Bad
"""
    instance_id = begin(text, called={"review": review})
    worker.drain_all()
    child = Instance.objects.get(parent_id=instance_id)
    finish(crew.clerk, child.pk, "Review")
    worker.drain_all()
    assert nodes(instance_id) == ["Find", "Mend"]
    finish(crew.clerk, instance_id, "Find")
    assert Instance.objects.get(pk=instance_id).state == "completed"


def test_of_the_process_itself_and_cancelled(begin, crew):
    text = """
start S0 n
user Visit installer form=v
end E n
{! Late n
on-start L0 n after=PT4H keep=1
user Hurry clerk form=h
end L1 n
}
S0 > Visit > E
L0 > Hurry > L1
"""
    instance_id = begin(text)
    due_now()
    worker.drain_all()
    assert nodes(instance_id) == ["Hurry", "Late", "Visit"]
    services.cancel(actor=crew.supervisor, instance_id=instance_id, reason="撤单")
    assert nodes(instance_id) == []
    other = begin(text)
    finish(crew.installer, other, "Visit")
    assert Instance.objects.get(pk=other).state == "completed"
    assert not Timer.objects.filter(instance_id=other, state="open").exists()
