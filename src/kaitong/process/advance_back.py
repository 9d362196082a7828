"""Where going back (退回) meets compensation.

An activity once undone is not undone again, and nothing that stands is forgotten:

- What the return itself undoes (the playbook's `compensate`) is kept for compensation no longer.
- What stands stays kept, also where a sub-process it was done in is left for it or opened again.
  Done again after the return it counts once, as it was done last: a correction, not a second round.
- What was being undone in a branch that the return takes away, and what was still to be undone
  there, is kept again. Nothing of it is lost: the next throw event undoes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from kaitong.process.advance_undo import Undoing
from kaitong.process.model import Node, Token
from kaitong.process.scopes import ROOT, Done, Scope, ScopeKind


def rescue(moves: Undoing, host: Token) -> None:
    """Keep outside what was done in the scopes a token waits for, before it is taken away."""
    scope_id = moves.tree.hosted(host.id)
    if scope_id is None or not moves.model.undoes:
        return
    inside = moves.tree.within(scope_id)
    moves.put_back(inside, inside=True)
    for id_ in reversed([id_ for id_ in moves.tree.scopes if id_ in inside]):
        scope = moves.tree[id_]
        if not scope.done or _handles(moves, id_):
            continue
        outer = moves.tree[scope.parent].parent if scope.kind is ScopeKind.ONE else scope.parent
        kept = moves.tree.done(outer)
        moves.tree.change(outer, done=(*kept, *_lifted(moves.model.nodes[scope.node], scope)))


def _handles(moves: Undoing, scope_id: str) -> bool:
    """Whether a scope belongs to a handler: that begins anew, from the start."""
    around = (id_ for id_ in moves.tree.outwards(scope_id) if id_ != ROOT)
    return any(moves.tree[id_].kind is ScopeKind.UNDO for id_ in around)


def _lifted(node: Node, scope: Scope) -> Iterable[Done]:
    """What was done in a scope that did not end. The handler of a sub-process undoes a completed
    one only; what was done in this one is undone by itself."""
    if not node.handler:
        return (Done(node.id, scope.variables, scope.done),)
    return (replace(one, variables={**scope.variables, **one.variables}) for one in scope.done)


def return_over(
    moves: Undoing, scope_id: str, left: Iterable[str], undone: Collection[str]
) -> None:
    """Of what is kept in a scope: `left` are the nodes left since the step was reached to which
    the order goes back, each as often as it was left; `undone` those the return has undone."""
    kept = moves.tree.done(scope_id)
    if kept:
        counts, gone = Counter(left), set(undone)
        moves.tree.change(scope_id, done=_over(moves.model.nodes, kept, counts, gone))


def _over(
    nodes: Mapping[str, Node], kept: tuple[Done, ...], left: Counter[str], undone: set[str]
) -> tuple[Done, ...]:
    made: list[Done] = []
    for one in reversed(kept):
        if not nodes[one.node].handler:
            inner = _over(nodes, one.inner, left, undone)
            if inner:
                made.append(replace(one, inner=inner))
            continue
        if not left[one.node]:
            made.append(one)
            continue
        left[one.node] -= 1
        if one.node in undone:
            undone.discard(one.node)
        else:
            made.append(replace(one, again=True))
    return tuple(reversed(made))


def kept_names(done: Iterable[Done]) -> set[str]:
    """The activities compensation would undo, those inside sub-processes included."""
    found = set()
    for one in done:
        found |= {one.node, *kept_names(one.inner)}
    return found
