"""What a step says to other instances: signals to everybody, escalations to its caller."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kaitong.core.ids import uuid7
from kaitong.process import model, signals

if TYPE_CHECKING:
    from kaitong.process.shell import Play


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
