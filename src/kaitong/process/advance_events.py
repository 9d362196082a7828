"""Signals and escalations: what is thrown, and who hears of it.

A signal (BPMN 2.0.2, 10.5.1) is heard by everybody who listens when it is thrown, in this instance
and in others, and by nobody later. An escalation goes outwards until something catches it: the
nearest boundary event that names its code, else one that names none; what nothing catches in the
process goes to its caller, and is nobody's there without harm: an escalation ends no work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kaitong.process.feel import FeelError
from kaitong.process.model import (
    Broadcast,
    Escalate,
    Node,
    NodeKind,
    Token,
)

if TYPE_CHECKING:
    from kaitong.process.advance_moves import Moves


def throw_signal(moves: Moves, token: Token, node: Node) -> None:
    if moves.looping(token, node):
        return
    try:
        values = moves.inputs(node)
    except FeelError as error:
        moves.incident(token, node, "data", f"信号的值算不出来：{error}")
        return
    moves.note("signalled", node.id, token.id, {"name": node.signal})
    moves.effects.append(Broadcast(token.id, node.id, node.signal, values))
    moves.leave(token, node)


def throw_escalation(moves: Moves, token: Token, node: Node) -> None:
    """Tell who is further out, and go on (or end): an interrupting catcher takes the rest away."""
    if moves.looping(token, node):
        return
    try:
        values = moves.inputs(node)
    except FeelError as error:
        moves.incident(token, node, "data", f"升级的值算不出来：{error}")
        return
    moves.leave(token, node)
    escalate(moves, token, node, node.escalation or "", values)


def escalate(moves: Moves, token: Token, node: Node, code: str, values: Mapping[str, Any]) -> None:
    """An escalation on its way out from a node, from what a process called there tells as well."""
    found = _catcher(moves, token, node, code)
    told = {"code": code, "caught": found[0].id if found else ""}
    moves.note("escalation", node.id, token.id, told)
    if found is None:
        moves.effects.append(Escalate(token.id, node.id, code, values))
        return
    moves.here = token.scope
    moves.set_variables({**values, "escalation_code": code})
    moves.caught(*found)


_CATCHING = (NodeKind.BOUNDARY_ESCALATION, NodeKind.ESCALATION_START)


def _catcher(moves: Moves, token: Token, node: Node, code: str) -> tuple[Node, Token | str] | None:
    """The nearest that catches an escalation, with the token it hangs on, or the scope it is of:
    of one place who names the code before who catches all."""
    for level in moves.catchers(token, node):
        able = [found for found in level if found[0].kind in _CATCHING]
        for wanted in (code, None):
            for found in able:
                if found[0].escalation == wanted:
                    return found
    return None
