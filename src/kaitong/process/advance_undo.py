"""Compensation (BPMN 2.0.2, 10.7 and 13.5.5): completed work is undone by its handlers.

Every completed activity with a compensation handler is kept in its scope, in the order of
completion; a completed sub-process keeps what was completed in it, with the variables as they then
were. A throw event takes what is kept (of one activity, or of its whole scope), runs the handlers
one after the other, the latest first, and goes on when the last has ended. What was taken is not
undone a second time; where the throw event is taken away before its handlers have ended (an
interrupting event, a return), what they have not undone is kept again.

Where a return (退回) meets compensation, see `advance_back`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from kaitong.process.advance_scopes import Scopes
from kaitong.process.model import Node, NodeKind, Token, WaitKind
from kaitong.process.scopes import ROOT, Done, Scope, ScopeKind


class Undoing(Scopes):
    """Keeping what was completed, and undoing it."""

    def remember(self, token: Token, node: Node) -> None:
        """Keep that an activity was completed, if compensation could undo it."""
        if self.is_one(token, node):
            host = self.host_of(token.scope)
            if host is not None and node.handler:
                self._keep(host.scope, Done(node.id, self.tree[token.scope].variables))
            return
        if node.repeat is not None:
            return  # each of its instances is kept by itself
        scope_id = self.tree.hosted(token.id)
        if scope_id is None or self.tree[scope_id].kind is ScopeKind.UNDO:
            if node.handler:
                self._keep(token.scope, Done(node.id))
            return
        self._keep_scope(scope_id, token.scope, node)

    def remember_one(self, scope_id: str, host: Token, node: Node) -> None:
        if self.model.undoes:
            self._keep_scope(scope_id, host.scope, node)

    def _keep_scope(self, scope_id: str, outer: str, node: Node) -> None:
        scope = self.tree[scope_id]
        if node.handler or scope.done:
            self._keep(outer, Done(node.id, scope.variables, scope.done))

    def _keep(self, scope_id: str, done: Done) -> None:
        kept = without_redone(self.model.nodes, self.tree.done(scope_id), done)
        self.tree.change(scope_id, done=(*kept, done))

    def compensate(self, token: Token, node: Node) -> None:
        """A compensation throw or end event: undo, then go on."""
        if self.looping(token, node):
            return
        pending = self._take(token.scope, node.compensates)
        if not pending:
            self.leave(token, node)
            return
        self.rest(token, WaitKind.SCOPE)
        scope = Scope(ScopeKind.UNDO, node.id, token.scope, token.id, pending=pending)
        self.undo_next(self.tree.open(scope))

    def _take(self, scope_id: str, wanted: str) -> tuple[Done, ...]:
        """What is to be undone, in the order of completion; it is kept no longer."""
        found: list[Done] = []
        for id_ in self._concerned(scope_id, wanted):
            done = self.tree.done(id_)
            taken = [one for one in done if not wanted or one.node == wanted]
            if taken:
                left = tuple(one for one in done if one not in taken)
                self.tree.change(id_, done=left)
                found = [*self._handled(taken), *found]
        return tuple(found)

    def _concerned(self, scope_id: str, wanted: str) -> Iterator[str]:
        """The scopes a throw speaks of: its own, and around an event sub-process the one whose
        work that handles; of an activity that is named, the scope in which it lies."""
        for id_ in self.tree.outwards(scope_id):
            if not wanted or any(one.node == wanted for one in self.tree.done(id_)):
                yield id_
            if id_ == ROOT:
                return
            scope = self.tree[id_]
            inside = self.model.nodes[scope.node].kind is NodeKind.EVENT_SUB
            if not wanted and not inside:
                return

    def _handled(self, done: Iterable[Done]) -> Iterator[Done]:
        """Activities with handlers, each in the sub-processes around it that have none."""
        for one in done:
            if self.model.nodes[one.node].handler:
                yield one
                continue
            for inner in self._handled(one.inner):
                yield Done(one.node, one.variables, (inner,), inner.again)

    def undo_next(self, scope_id: str) -> None:
        """Run the next handler of a compensation, or go on behind it."""
        scope = self.tree[scope_id]
        host = self.resting[scope.host]  # type: ignore[index]
        if not scope.pending:
            self.leave(host, self.model.nodes[host.node])
            return
        next_ = done = scope.pending[-1]
        self.tree.change(scope_id, pending=scope.pending[:-1])
        node, seen = self.model.nodes[done.node], dict(done.variables)
        while not node.handler:
            done = done.inner[0]
            node, seen = self.model.nodes[done.node], {**seen, **done.variables}
        event = next(
            self.model.nodes[boundary]
            for boundary in node.boundaries
            if self.model.nodes[boundary].kind is NodeKind.BOUNDARY_COMPENSATE
        )
        one = Scope(ScopeKind.ONE, scope.node, scope_id, None, seen, pending=(next_,))
        here = self.tree.open(one)
        token = Token(self.new_id(), event.id, None, here)
        self.note("fired", event.id, token.id, {"host": node.id, "scope": here})
        self.note("left", event.id, token.id)
        self.queue.appendleft(Token(self.new_id(), node.handler, None, here))

    def put_back(self, scope_ids: set[str], *, inside: bool = False) -> None:
        """Keep again, before these scopes are forgotten, what is still to be undone in them.

        In the order of completion: what a handler was undoing is the latest. It goes to the scope
        it lies in; if that is forgotten as well (unless `inside`), so is what was done in it.
        """
        for scope_id in sorted(scope_ids):
            undoing = self.tree.scopes.get(scope_id)
            if undoing is None or undoing.kind is not ScopeKind.UNDO:
                continue
            handlers = [id_ for id_, one in self.tree.scopes.items() if one.parent == scope_id]
            under_way = [one for id_ in handlers for one in self.tree[id_].pending]
            for one in reversed((*undoing.pending, *under_way)):
                place = self._place_of(one, undoing.parent)
                if inside or place not in scope_ids:
                    self.tree.change(place, done=(one, *self.tree.done(place)))
            for id_ in (scope_id, *handlers):
                self.tree.change(id_, pending=())

    def reopened(self, scope_id: str, node: Node) -> None:
        """A completed sub-process is open again: what was done in it is kept in it again."""
        outer = self.tree[scope_id].parent
        kept = self.tree.done(outer)
        last = max((at for at, one in enumerate(kept) if one.node == node.id), default=None)
        if last is None or node.handler:
            return
        self.tree.change(scope_id, done=kept[last].inner)
        self.tree.change(outer, done=(*kept[:last], *kept[last + 1 :]))

    def _place_of(self, done: Done, scope_id: str) -> str:
        """The scope, from here outwards, in which an activity lies."""
        lies_in = self.model.nodes[done.node].parent
        for id_ in self.tree.outwards(scope_id):
            if id_ == ROOT or self.tree[id_].node == lies_in:
                return id_
        return ROOT


def without_redone(
    nodes: Mapping[str, Node], kept: tuple[Done, ...], done: Done
) -> tuple[Done, ...]:
    """What is kept, without what was returned over and is now done again."""
    if not any(one.again for one in _all(kept)):
        return kept
    return _without(nodes, kept, set(_names(nodes, done)), ())


def _all(kept: Iterable[Done]) -> Iterator[Done]:
    for one in kept:
        yield one
        yield from _all(one.inner)


Which = tuple[Any, ...]


def _which(nodes: Mapping[str, Node], one: Done, around: Which) -> Which:
    """Which of many it was: by its value, else by its number."""
    if "loopCounter" not in one.variables:
        return around
    repeat = nodes[one.node].repeat
    item = repeat.item if repeat is not None else ""
    return (*around, repr(one.variables.get(item or "loopCounter")))


def _names(nodes: Mapping[str, Node], one: Done, around: Which = ()) -> Iterator[tuple[str, Which]]:
    which = _which(nodes, one, around)
    if nodes[one.node].handler:
        yield (one.node, which)
        return
    for inner in one.inner:
        yield from _names(nodes, inner, which)


def _without(
    nodes: Mapping[str, Node],
    kept: Iterable[Done],
    redone: Collection[tuple[str, Which]],
    around: Which,
) -> tuple[Done, ...]:
    left = []
    for one in kept:
        which = _which(nodes, one, around)
        if nodes[one.node].handler:
            if not (one.again and (one.node, which) in redone):
                left.append(one)
            continue
        inner = _without(nodes, one.inner, redone, which)
        if inner:
            left.append(Done(one.node, one.variables, inner, one.again))
    return tuple(left)
