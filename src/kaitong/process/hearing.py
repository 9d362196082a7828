"""What an instance hears of others through its inbox: signals, and escalations of what it called.

Each under the instance's lock. What nobody here waits for any more is no harm: the functions say
so by False, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from kaitong.core import db
from kaitong.process import model
from kaitong.process.shell import Play


def signal(play: Play, event: Mapping[str, Any]) -> bool:
    """A signal came for one subscription of this instance."""
    token_id, node = UUID(event["token"]), event["node"]
    found = db.one(
        """select id from process_subscription
 where instance_id = %s and token_id = %s and node = %s and kind = 'signal' and state = 'open'""",
        [play.loaded.id, token_id, node],
    )
    if found is None or not play.holds(token_id):
        return False
    play.heard(token_id, node)
    play.note("signal", node, token_id, {"name": event["name"], "inbox": play.row["key"]})
    told = event.get("values") or {}
    play.advance(model.SignalArrived(now=play.now, token=token_id, node=node, values=told))
    return True


def escalation(play: Play, event: Mapping[str, Any]) -> bool:
    """A called process raised an escalation; False when its call is over."""
    call = db.one(
        """select token_id, node from process_call
 where child_id = %s and instance_id = %s and state = 'running'""",
        [event["child"], play.loaded.id],
    )
    if call is None or not _at_call(play, call["token_id"]):
        return False
    play.advance(
        model.Escalated(
            now=play.now,
            token=call["token_id"],
            code=event["code"],
            values=event.get("values") or {},
        )
    )
    return True


def unheard_escalations(play: Play, child: str) -> bool:
    """Whether the called process raised what is not heard yet: its end waits for that."""
    sql = """select 1 from process_inbox
 where instance_id = %s and processed_at is null and key like %s limit 1"""
    return db.one(sql, [play.loaded.id, f"escalation:{child}:%"]) is not None


def _at_call(play: Play, token_id: UUID) -> bool:
    return any(
        token.id == token_id and token.wait is model.WaitKind.CHILD for token in play.state.tokens
    )
