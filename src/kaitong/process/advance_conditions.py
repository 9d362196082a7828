"""Conditional events (条件事件): looked at in the step that changes variables, never by polling.

BPMN 2.0.2, 10.5.1: a condition triggers when it becomes true. On arrival one that is true already
triggers at once; afterwards it must have been other than true before the change. What is unknown
(null), or has no meaning for the values as they stand, is not true: a variable may come later.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kaitong.process.feel import FeelError
from kaitong.process.model import Node, Token, WaitKind

if TYPE_CHECKING:
    from kaitong.process.advance_moves import Moves
    from kaitong.process.advance_tokens import Tokens


def true(tokens: Tokens, token: Token, node: Node) -> bool:
    """Whether the condition holds where the token stands."""
    try:
        seen = tokens.tree.seen(token.scope, tokens.values)
        return node.condition.evaluate(seen) is True
    except FeelError:
        return False


def watched(tokens: Tokens) -> Iterator[tuple[Token, Node]]:
    """Every conditional event that tokens at rest wait for, with the token."""
    nodes = tokens.model.nodes
    for token in tokens.resting.values():
        node = nodes[token.node]
        if token.wait is WaitKind.CONDITION:
            yield token, node
        elif token.wait is WaitKind.LISTEN:
            if node.condition is not None:
                yield token, node
        elif token.wait is WaitKind.EVENT:
            arms = (nodes[flow.target] for flow in node.outgoing)
            yield from ((token, arm) for arm in arms if arm.condition is not None)
        if node.boundaries and tokens.is_one(token, node):
            continue  # they belong to the repeated activity as a whole
        for boundary in node.boundaries:
            if nodes[boundary].condition is not None:
                yield token, nodes[boundary]


def remember(tokens: Tokens) -> None:
    """Before variables change: how conditions stand."""
    if tokens.stirred:
        return
    tokens.stirred = True
    for token, node in watched(tokens):
        tokens.truths[token.id, node.id] = true(tokens, token, node)


def arrive(tokens: Tokens, token: Token, node: Node) -> None:
    """A token begins to wait for a condition, which may be true already."""
    if true(tokens, token, node):
        tokens.truths[token.id, node.id] = True
        tokens.due.append((token.id, node.id))


def look(moves: Moves) -> None:
    """What became true by the changes since `remember` happens now, in the order of waiting."""
    if moves.stirred:
        moves.stirred = False
        for token, node in list(watched(moves)):
            was = moves.truths.get((token.id, node.id), False)
            now = moves.truths[token.id, node.id] = true(moves, token, node)
            if now and not was:
                moves.due.append((token.id, node.id))
    due, moves.due = moves.due, []
    for token_id, node_id in due:
        for token, node in watched(moves):
            if (token.id, node.id) == (token_id, node_id):
                moves.here = token.scope
                if not moves.looping(token, moves.model.nodes[token.node]):
                    moves.happened(token, node)
                break
