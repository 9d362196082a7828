"""The inclusive gateway (包容网关): whom its join waits for, and which ways its fork takes.

BPMN 2.0.2, 13.4.3. The join is activated when a token stands at one of its incoming flows, and
every token elsewhere that could still come by an empty incoming flow, without visiting the join,
could as well come by a filled one. It then takes one token from each filled flow.

The question is asked whenever nothing moves any more in a step: a token that died, left another
way, or came is thereby heard of at once. Tokens wait for their fellows of the same scope only.
While an incident stands at the gateway a person decides there, and it does not go on by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaitong.process.feel import FeelError
from kaitong.process.model import Flow, Node, NodeKind, Token, WaitKind

if TYPE_CHECKING:
    from kaitong.process.advance_moves import Moves


def arrive(moves: Moves, token: Token, node: Node) -> None:
    """A token comes to the gateway: a join parks it, a mere fork lets it go on."""
    if moves.looping(token, node):
        return
    if node.incoming > 1:
        moves.rest(token, WaitKind.JOIN)
    else:
        fork(moves, token, node)


def release(moves: Moves) -> bool:
    """Let the first inclusive join that is activated go on; whether there was one."""
    seen: set[tuple[str, str]] = set()
    for token in list(moves.resting.values()):
        node = moves.model.nodes[token.node]
        if node.kind is not NodeKind.INCLUSIVE or token.wait is not WaitKind.JOIN:
            continue
        if (token.scope, node.id) in seen:
            continue
        seen.add((token.scope, node.id))
        if _activated(moves, node, token.scope):
            fork(moves, token, node)
            return True
    return False


def _activated(moves: Moves, node: Node, scope: str) -> bool:
    paths = moves.model.inclusive[node.id]
    fellows = [token for token in moves.resting.values() if token.scope == scope]
    here = [token for token in fellows if token.node == node.id]
    if any(token.wait is not WaitKind.JOIN for token in here):
        return False
    filled = {token.arrived_by for token in here}
    if filled >= set(paths):
        return True
    for token in fellows:
        if token.node == node.id:
            continue
        comes_by = {flow for flow, nodes in paths.items() if token.node in nodes}
        if comes_by and not comes_by & filled:
            return False
    return True


def fork(moves: Moves, token: Token, node: Node) -> None:
    """Take the token, with one of each other filled flow, and go every way whose condition holds;
    the default flow if none does."""
    if moves.looping(token, node):
        return
    moves.here = token.scope
    try:
        flows = _chosen(moves, node)
    except (FeelError, ValueError) as error:
        moves.incident(token, node, "data", str(error))
        return
    partners: dict[str, Token] = {}
    for other in moves.resting.values():
        same = (other.node, other.scope, other.wait) == (node.id, token.scope, WaitKind.JOIN)
        if same and other.id != token.id and other.arrived_by != token.arrived_by:
            partners.setdefault(other.arrived_by, other)
    moves.merge(partners.values())
    moves.leave(token, node, flows)


def _chosen(moves: Moves, node: Node) -> list[Flow]:
    chosen = []
    for flow in node.outgoing:
        if flow.id == node.default:
            continue
        answer = True if flow.condition is None else flow.condition.evaluate(moves.variables)
        if answer is True:
            chosen.append(flow)
        elif answer is not False:
            what = "未知（null）" if answer is None else "既不是真也不是假"
            raise ValueError(f"流向 {flow.name or flow.id} 的条件{what}：{flow.condition.text}")
    if not chosen:
        chosen = [flow for flow in node.outgoing if flow.id == node.default]
    if not chosen:
        raise ValueError("没有一个条件成立，也没有默认流向。")
    return chosen
