"""External actions as commands: lease, run outside any transaction, record with the step.

A worker takes a lease and commits; only then does it run the action; the outcome and the step it
causes are recorded in one transaction. Killed between the effect and the recording, the lease runs
out and the action is run again with the same idempotency key. `worker` names one lease: an outcome
that comes after the lease was given to another is dropped.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError

from kaitong.core import audit, db, plain
from kaitong.core.clock import now as clock_now
from kaitong.core.ids import uuid7
from kaitong.core.swift import swift
from kaitong.process import actions, model, values
from kaitong.process.choices import Cause, CommandState
from kaitong.process.failing import MESSAGE_LENGTH, cause_of, describe
from kaitong.process.shell import Play

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0  # KAITONG_LEASE_SECONDS; an action bounds its own waiting below that
BACK_OFF = (1, 2, 5, 15, 60, 300)  # seconds before a failed attempt is repeated
CHUNK = 5  # commands a lease statement takes

_LEASE = """with due as materialized (select id from process_command
 where (state in ('pending', 'waiting') and next_attempt_at <= %s)
 or (state = 'running' and lease_until <= %s)
 order by next_attempt_at limit %s for update skip locked)
 update process_command c set state = 'running', worker = %s, lease_until = %s,
 runs = c.runs + 1, attempts = c.attempts + (c.state = 'running')::int,
 last_error = case when c.state = 'running' then 'lease expired' else c.last_error end
 from due, process_instance i where c.id = due.id and i.id = c.instance_id
 returning c.id, c.instance_id, c.business_id, c.branch_id, c.token_id, c.node, c.action,
 c.inputs::text as inputs, c.idempotency_key, c.actor_id, c.attempts, c.retries,
 c.result::text as result, i.parameters::text as parameters"""
_LEASED = (
    "id", "instance_id", "business_id", "branch_id", "token_id", "node", "action", "inputs",
    "idempotency_key", "actor_id", "attempts", "retries", "result", "parameters",
)  # fmt: skip
_SETTLE = """update process_command set state = %s, next_attempt_at = %s, reason = %s,
 last_error = %s, attempts = %s, result = coalesce(%s::jsonb, result), lease_until = null
 where id = %s and worker = %s and state = 'running'"""
# what a cancelled command did after all is kept, and that it runs no longer is said
_LATE = """update process_command set lease_until = null, result = coalesce(result, %s::jsonb)
 where id = %s and worker = %s and state = 'cancelled'"""
_PUT_BACK = """update process_command set state = 'pending', runs = runs - 1, lease_until = null
 where id = %s and worker = %s and state = 'running'"""


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt went wrong. `again`: worth another try."""

    cause: str
    message: str
    again: bool


Result = Mapping[str, Any] | actions.Wait | actions.BusinessError | Failure


@dataclass(frozen=True, slots=True)
class Leased:
    """A command this process may run until the lease ends (`ends`, on the monotonic clock)."""

    id: UUID
    worker: str
    action: str
    context: actions.ActionContext
    attempts: int
    retries: int
    ends: float


def lease_seconds() -> float:
    return float(os.environ.get("KAITONG_LEASE_SECONDS") or LEASE_SECONDS)


def lease(limit: int = CHUNK) -> list[Leased]:
    """Take ready commands, and those whose lease ran out (which counts as a failed attempt)."""
    now, seconds = clock_now(), lease_seconds()
    worker = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid7()}"
    ends = time.monotonic() + seconds
    # one statement, which is its own transaction: nothing is begun or ended around it
    found = plain.ask(_LEASE, [now, now, limit, worker, now + timedelta(seconds=seconds)])
    rows = [dict(zip(_LEASED, row, strict=True)) for row in found]
    return [
        Leased(
            id=row["id"],
            worker=worker,
            action=row["action"],
            attempts=row["attempts"],
            retries=row["retries"],
            ends=ends,
            context=actions.ActionContext(
                instance_id=row["instance_id"],
                business_id=row["business_id"],
                branch_id=row["branch_id"],
                node=row["node"],
                token_id=row["token_id"],
                key=row["idempotency_key"],
                inputs=values.load(row["inputs"]),
                actor_id=row["actor_id"],
                now=now,
                parameters=values.load(row["parameters"]),
                attempt=row["attempts"] + 1,
                memory=values.load(row["result"]) or {},
            ),
        )
        for row in rows
    ]


def drain(limit: int = 50) -> int:
    """Run ready commands one after the other; how many were run."""
    done = 0
    while done < limit:
        taken = lease(min(CHUNK, limit - done))
        if not taken:
            break
        for position, leased in enumerate(taken):
            if position and time.monotonic() > leased.ends - lease_seconds() / 2:
                put_back(leased)  # its turn came too late to be safe within the lease
                continue
            record(leased, run(leased))
            done += 1
    return done


def put_back(leased: Leased) -> None:
    """Give up a lease without having run the action."""
    if not db.execute(_PUT_BACK, [leased.id, leased.worker]):
        db.execute(_LATE, [None, leased.id, leased.worker])


def run(leased: Leased) -> Result:
    """Run the action, outside any transaction of ours; every exception becomes a result."""
    if leased.attempts > leased.retries:
        return Failure(Cause.TIMEOUT, "执行时多次中断，没有结果。", again=False)
    action = actions.find(leased.action)
    if action is None:
        return Failure(Cause.BUG, f"没有安装动作 {leased.action}。", again=False)
    node, name = leased.context.node, leased.action
    try:
        with audit.acting(leased.context.actor_id, reason=node):
            outcome = action.run(leased.context)
    except actions.BusinessError as error:
        return error
    except actions.Transient as error:
        return Failure(error.cause, error.what[:MESSAGE_LENGTH], again=True)
    except (OperationalError, InterfaceError) as error:
        return Failure(Cause.NETWORK, describe(error, node=node, action=name), again=True)
    except (ConnectionError, TimeoutError) as error:
        return Failure(cause_of(error), describe(error, node=node, action=name), again=True)
    except Exception as error:
        return Failure(cause_of(error), describe(error, node=node, action=name), again=False)
    if outcome is None:
        return {}
    if not isinstance(outcome, Mapping | actions.Wait):
        return Failure(Cause.BUG, f"动作 {name} 应返回一组值。", again=False)
    return outcome


def record(leased: Leased, result: Result) -> None:
    """Record an outcome and the step it causes, in one transaction."""
    now = clock_now()
    if isinstance(result, actions.Wait):
        at = now + timedelta(seconds=max(result.seconds, 0.05))
        _settle(leased, CommandState.WAITING, at, result.reason, "", leased.attempts, result.values)
    elif isinstance(result, Failure) and result.again and leased.attempts < leased.retries:
        at = now + timedelta(seconds=BACK_OFF[min(leased.attempts, len(BACK_OFF) - 1)])
        reason = Cause(result.cause).label
        _settle(
            leased, CommandState.PENDING, at, str(reason), result.message, leased.attempts + 1, None
        )
    else:
        try:
            _step(leased, result, now)
        except (OperationalError, InterfaceError):
            raise  # the database is away: the lease runs out and the action is asked again
        except Exception as error:
            # The step cannot be written: the completion is not lost but parked as an incident.
            message = describe(error, node=leased.context.node, action=leased.action)
            _step(leased, Failure(Cause.BUG, message, again=False), now)


def _settle(
    leased: Leased,
    state: str,
    at: datetime,
    reason: str,
    error: str,
    attempts: int,
    memory: Mapping[str, Any] | None,
) -> None:
    """The command goes on being a command: no step, so no lock on the instance."""
    kept = values.dump(memory) if memory else None
    row = [state, at, reason[:500], error, attempts, kept, leased.id, leased.worker]
    if not db.execute(_SETTLE, row):
        db.execute(_LATE, [None, leased.id, leased.worker])  # its process was taken back


def _step(leased: Leased, result: Result, now: datetime) -> None:
    token_id = leased.context.token_id
    with swift():
        play = Play.on_row("command", leased.id, actor_id=None)
        if play is None:
            return
        row = play.row
        if row["state"] != CommandState.RUNNING or row["worker"] != leased.worker:
            _keep_late(leased, result)
            return
        play.patch(lease_until=None, ended_at=now, reason="")
        event: model.Event
        if isinstance(result, Failure):
            play.patch(
                state=CommandState.FAILED,
                attempts=leased.attempts + 1,
                last_error=result.message,
            )
            event = model.Failed(
                now=now, token=token_id, cause=result.cause, message=result.message
            )
        elif isinstance(result, actions.BusinessError):
            play.patch(state=CommandState.DONE, result={"error": result.code, **result.values})
            event = model.BpmnError(
                now=now,
                token=token_id,
                code=result.code,
                message=result.what,
                values=result.values,
            )
        else:
            assert isinstance(result, Mapping)
            play.patch(state=CommandState.DONE, result=dict(result), last_error="")
            event = model.Returned(now=now, token=token_id, values=result)
        play.note(
            "command",
            leased.context.node,
            token_id,
            {
                "command": leased.id,
                "outcome": "failed" if isinstance(result, Failure) else "done",
                "attempts": leased.attempts + 1,
            },
        )
        play.advance(event)
        play.save(last=True)


def _keep_late(leased: Leased, result: Result) -> None:
    """The process went on without this command: keep what it did, for who undoes it."""
    log.warning("late outcome command=%s node=%s", leased.id, leased.context.node)
    did = values.dump(dict(result)) if isinstance(result, Mapping) else None
    db.execute(_LATE, [did, leased.id, leased.worker])
