"""What comes to an instance by itself: due timers, messages, inbox events, wake-up dates.

Batches of instances in one transaction, a savepoint each. A batch takes only locks that are free,
so two workers never wait for each other here. What cannot be handled is put off with back-off and
logged; it never stops the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.org.actor import Actor
from kaitong.process import hearing, model, starting, suspension, values
from kaitong.process.beginning import begin
from kaitong.process.choices import Cause, InstanceState
from kaitong.process.errors import ProcessConflict
from kaitong.process.failing import cause_of, describe, place
from kaitong.process.models.work import NEXT_LOOK
from kaitong.process.shell import Play

log = logging.getLogger(__name__)

BATCH = 50  # instances a transaction
_PUT_OFF = (1, 5, 30, 300)  # seconds before the next try of what failed
_LONGEST = 3600  # a message nobody waits for is looked at so often; a subscription wakes it at once

# each worker takes others: what one has in hand, the next passes over
_TIMERS = """select id, instance_id from process_timer
 where state = 'open' and next_attempt_at <= %s order by next_attempt_at limit %s
 for no key update skip locked"""
# items that are to be looked at now, and of them those for one reason
LOOKED_AT = f"""select id, instance_id from process_workitem, (select %s::timestamptz as now) m
 where {{0}} and {NEXT_LOOK} <= now order by {NEXT_LOOK} limit %s"""
_WAKES = LOOKED_AT.format("state = 'suspended' and suspended_until <= now")
_INBOX = """select id, instance_id from process_inbox
 where processed_at is null and next_attempt_at <= %s order by next_attempt_at, id limit %s"""
_CALLS = """select id, instance_id from process_call
 where state = 'pending' and next_attempt_at <= %s order by next_attempt_at, id limit %s"""
_MESSAGES = """select m.id, s.instance_id, s.id as subscription_id,
 s.id is null and exists (select from process_starter t where t.state = 'open'
 and t.kind = 'message' and t.name = m.name) as begins from (
 select id, name, key, scope from process_message where state = 'kept' and next_attempt_at <= %s
 order by next_attempt_at limit %s for update skip locked) m
 left join lateral (select id, instance_id from process_subscription s where s.state = 'open'
 and s.kind = 'message' and s.name = m.name and s.key = m.key order by s.id limit 1) s on true"""

Row = dict[str, Any]


def fire_timers(limit: int = BATCH) -> int:
    """Fire due timers; how many."""
    return batch(_TIMERS, limit, _fire, "process_timer")


def wake_suspended(limit: int = BATCH) -> int:
    """Resume work whose wake-up date (预计解挂) has come; how many."""
    return batch(_WAKES, limit, _wake, None)


def read_inboxes(limit: int = BATCH) -> int:
    """Handle events that other instances left; how many."""
    return batch(_INBOX, limit, _read, "process_inbox")


def deliver_messages(limit: int = BATCH) -> int:
    """Deliver kept messages somebody waits for; how many."""
    return batch(_MESSAGES, limit, _deliver, "process_message")


def begin_children(limit: int = BATCH) -> int:
    """Begin processes that call activities wait for; how many."""
    return batch(_CALLS, limit, _begin, "process_call")


def begin_by_timers(limit: int = BATCH) -> int:
    """Begin instances whose start timer is due; how many."""
    return batch(starting.TIMERS, limit, starting.by_timer, "process_starter")


def begin_by_signals(limit: int = BATCH) -> int:
    """Begin instances by signals their start events heard; how many."""
    return batch(starting.SIGNALS, limit, starting.by_signal, "process_beginning")


def batch(sql: str, limit: int, handle: Callable[[Row, datetime], bool], table: str | None) -> int:
    """Handle rows that are due, each in a savepoint; what fails is put off in its `table`."""
    done = 0
    with transaction.atomic():
        now = clock_now()
        # by instance, so that effects of one instance stay in the order in which they fell due
        for row in db.rows(sql, [now, limit]):
            try:
                with transaction.atomic():
                    done += handle(row, now)
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:
                log.error(
                    "put off table=%s id=%s error=%s at=%s",
                    table,
                    row["id"],
                    type(error).__name__,
                    place(error),
                )
                if table is not None:
                    _put_off(table, row["id"], now)
    return done


def _put_off(table: str, row_id: UUID, now: datetime) -> None:
    found = db.one(f"select attempts from {table} where id = %s", [row_id])
    attempts = found["attempts"] if found else 0
    seconds = _PUT_OFF[min(attempts, len(_PUT_OFF) - 1)]
    _look_again(table, row_id, now + timedelta(seconds=seconds))


def _look_again(table: str, row_id: UUID, at: datetime) -> None:
    db.execute(
        f"update {table} set attempts = attempts + 1, next_attempt_at = %s where id = %s",
        [at, row_id],
    )


def _fire(row: Row, now: datetime) -> bool:
    play = Play.if_free(row["instance_id"], "timer", row["id"])
    if play is None:
        return False
    timer, token_id = play.row, UUID(play.row["token_id"])
    if timer["state"] != "open" or not play.holds(token_id):
        return False
    play.close_timer(token_id, timer["node"], "fired")
    told = {"due_at": timer["due_at"]}
    if timer["count"] > 1:
        told["count"] = timer["count"]
    play.note("timer", timer["node"], token_id, told)
    play.advance(
        model.TimerFired(
            now=play.now,
            token=token_id,
            node=timer["node"],
            count=timer["count"],
            due=datetime.fromisoformat(timer["due_at"]),
        )
    )
    play.save()
    return True


def _wake(row: Row, now: datetime) -> bool:
    if Play.if_free(row["instance_id"], "workitem", row["id"]) is None:
        return False
    try:
        suspension.resume(actor=Actor.system(), item_id=row["id"])
    except ProcessConflict:  # somebody resumed it meanwhile
        return False
    return True


def _deliver(row: Row, now: datetime) -> bool:
    if row["begins"] and starting.by_message(row["id"], now):
        return True
    if row["subscription_id"] is None:
        attempts = db.one("select attempts from process_message where id = %s", [row["id"]])
        seconds = min(2 ** min(attempts["attempts"] if attempts else 0, 12), _LONGEST)
        _look_again("process_message", row["id"], now + timedelta(seconds=seconds))
        return False
    play = Play.if_free(row["instance_id"], "subscription", row["subscription_id"])
    if play is None or play.row["state"] != "open":
        return False
    told = db.one(
        """update process_message set state = 'delivered', delivered_at = %s, instance_id = %s
 where id = %s and state = 'kept' returning name, "values"::text as document""",
        [now, row["instance_id"], row["id"]],
    )
    if told is None:
        return False
    _arrive(play, play.row, values.load(told["document"]), {"message": row["id"]})
    play.save()
    return True


def _arrive(play: Play, subscription: Row, answers: Row, data: Row) -> None:
    token_id, node = UUID(str(subscription["token_id"])), subscription["node"]
    play.heard(token_id, node)
    play.note("message", node, token_id, {"name": subscription["name"], **data})
    play.advance(model.MessageArrived(now=play.now, token=token_id, node=node, values=answers))


def _begin(row: Row, now: datetime) -> bool:
    """Begin a called process under its caller's lock, which nobody else then takes away."""
    play = Play.if_free(row["instance_id"], "call", row["id"])
    if play is None or play.row["state"] != "pending":
        return False
    call, caller = play.row, play.loaded
    try:
        with transaction.atomic():
            begin(
                instance_id=UUID(call["child_id"]),
                definition_id=UUID(call["definition_id"]),
                business_id=caller.business_id,
                branch_id=caller.branch_id,
                variables=call["inputs"],
                parameters=caller.parameters,
                actor_id=UUID(call["actor_id"]) if call["actor_id"] else None,
                parent_id=caller.id,
                catches=call["catches"],
            )
            db.execute("update process_call set state = 'running' where id = %s", [row["id"]])
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if call["attempts"] < len(_PUT_OFF):
            raise
        token_id = UUID(call["token_id"])
        message = describe(error, node=call["node"], action=call["called"])
        play.advance(
            model.Failed(now=play.now, token=token_id, cause=cause_of(error), message=message)
        )
        play.save()
    return True


def _child_ended(play: Play, event: Row) -> bool:
    """A called process has ended; False when nobody waits for it any more."""
    call = db.one(
        """select c.token_id, c.node, i.variables::text as variables from process_call c
 join process_instance i on i.id = c.child_id
 where c.child_id = %s and c.instance_id = %s and c.state = 'running'""",
        [event["child"], play.loaded.id],
    )
    if call is None or not play.holds(call["token_id"], call["node"]):
        return False
    token_id = call["token_id"]
    play.ended_call = token_id
    told = {"child": event["child"], "state": event["state"]}
    play.note("child", call["node"], token_id, told)
    happened: model.Event
    if event["error"]:
        happened = model.BpmnError(
            now=play.now,
            token=token_id,
            code=event["error"],
            message=event["message"],
            values=event["values"],
        )
    elif event["state"] == InstanceState.CANCELLED:
        message = "被调用的流程已撤销。"
        happened = model.Failed(now=play.now, token=token_id, cause=Cause.BUSINESS, message=message)
    else:
        happened = model.Returned(
            now=play.now, token=token_id, values=values.load(call["variables"])
        )
    play.advance(happened)
    return True


def _read(row: Row, now: datetime) -> bool:
    play = Play.if_free(row["instance_id"], "inbox", row["id"])
    if play is None or play.row["processed_at"] is not None:
        return False
    event = play.row["event"]
    if not play.loaded.running:
        _processed(row, now, "ignored")  # it ended before the event came
        return True
    if event["kind"] == "cancel":
        reason = str(event.get("reason", ""))
        play.note("cancelled", data={"reason": reason, "inbox": play.row["key"]})
        play.advance(model.Cancelled(now=now, reason=reason))
    elif event["kind"] == "child":
        if hearing.unheard_escalations(play, event["child"]):
            return False  # in the order in which it said them; they are due as this is
        if not _child_ended(play, event):
            _processed(row, now, "ignored")  # its caller went on without it
            return True
    elif event["kind"] == "signal":
        if not hearing.signal(play, event):
            _processed(row, now, "ignored")  # what listened went on before it came
            return True
    elif event["kind"] == "escalation":
        if not hearing.escalation(play, event):
            _processed(row, now, "ignored")
            return True
    else:
        subscription = db.one(
            """select token_id, node, name from process_subscription
 where instance_id = %s and name = %s and state = 'open' and kind = 'message'
 order by id limit 1""",
            [row["instance_id"], event["name"]],
        )
        if subscription is None:  # not yet: opening one wakes this row
            _look_again("process_inbox", row["id"], now + timedelta(seconds=_LONGEST))
            return False
        _arrive(play, subscription, event.get("values") or {}, {"inbox": play.row["key"]})
    play.save()
    _processed(row, now, "done")
    return True


def _processed(row: Row, now: datetime, outcome: str) -> None:
    db.execute(
        "update process_inbox set processed_at = %s, outcome = %s where id = %s",
        [now, outcome, row["id"]],
    )
