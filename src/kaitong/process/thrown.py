"""What a step says to other instances: signals to everybody, messages to whoever waits, and to its
caller escalations and how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from kaitong.core.ids import uuid7
from kaitong.process import model, signals

if TYPE_CHECKING:
    from kaitong.process.shell import Play

KEEP_MESSAGES = timedelta(days=30)  # an early message waits so long for somebody to subscribe


def throw(play: Play, signal: model.Broadcast, effects: Iterable[model.Effect]) -> None:
    """A signal thrown in this step: for who listened before it, and for the tokens of this
    instance that began to listen earlier in it, which the statement does not see."""
    signal_id = uuid7()
    play.change.signals_thrown.append(
        signals.row_of(signal_id, play.now, signal.signal, play.loaded.branch_id, signal.values)
    )
    play.change.signals_begun.append(play.change.signals_thrown[-1])
    at_rest = {token.id for token in play.state.tokens}
    for effect in effects:
        if effect is signal:
            break
        if (
            isinstance(effect, model.Subscribe)
            and effect.kind is model.WaitKind.SIGNAL
            and effect.message == signal.signal
            and effect.token in at_rest
        ):
            token = play.name(effect.token)
            event = {"kind": "signal", "name": signal.signal, "token": token, "node": effect.node}
            play.change.signals_kept.append(
                {
                    "id": uuid7(),
                    "at": play.now,
                    "key": f"signal:{signal_id}:{token}:{effect.node}"[:200],
                    "event": {**event, "values": dict(signal.values)},
                }
            )
    play.change.notify = True


def escalate(play: Play, effect: model.Escalate) -> None:
    """An escalation goes to the caller's inbox; without a caller it is nobody's."""
    loaded = play.loaded
    if loaded.parent_id is None:
        return
    row_id = uuid7()
    play.change.caller_told.append(
        {
            "id": row_id,
            "at": play.now,
            "parent": loaded.parent_id,
            "key": f"escalation:{loaded.id}:{row_id}",
            "event": {
                "kind": "escalation",
                "child": loaded.id,
                "code": effect.code,
                "values": dict(effect.values),
            },
        }
    )
    play.change.notify = True


def publish(play: Play, effect: model.Publish) -> None:
    """A message of this step. Its sender's id is the line of history that tells of the visit:
    the same when the step is done again after it was rolled back, another at another visit."""
    change, loaded = play.change, play.loaded
    seq = loaded.seq + len(change.history)
    change.messages_published.append(
        {
            "id": uuid7(),
            "at": play.now,
            "branch_id": loaded.branch_id,
            "name": effect.message,
            "key": effect.key,
            "sender_id": f"{loaded.id}:{effect.node}:{seq}"[:200],
            "values": dict(effect.values),
            "keep_until": play.now + KEEP_MESSAGES,
        }
    )
    change.notify = True


def tell_caller(play: Play, parent_id: UUID, end: model.Finish) -> None:
    """How this called process ended goes to the caller's inbox: never under two locks."""
    event = {
        "kind": "child",
        "child": play.loaded.id,
        "state": end.state,
        "error": end.error,
        "message": end.message,
        "values": dict(end.values),
    }
    play.change.caller_told.append(
        {
            "id": uuid7(),
            "at": play.now,
            "parent": parent_id,
            "key": f"child:{play.loaded.id}",
            "event": event,
        }
    )
    play.change.notify = True
