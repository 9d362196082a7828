"""Compensation (BPMN 2.0.2, 10.7 and 13.5.5): completed work is undone by its handlers.

Every completed activity with a compensation handler is kept in its scope, in the order of
completion; a completed sub-process keeps what was completed in it, with the variables as they then
were. A throw event takes what is kept (of one activity, or of its whole scope), runs the handlers
one after the other, the latest first, and goes on when the last has ended. What was taken is not
undone a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
        self.tree.change(scope_id, done=(*self.tree.done(scope_id), done))

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
        """Activities with handlers; of a sub-process without one, what was completed in it."""
        for one in done:
            if self.model.nodes[one.node].handler:
                yield one
                continue
            for inner in self._handled(one.inner):
                yield Done(inner.node, {**one.variables, **inner.variables}, inner.inner)

    def undo_next(self, scope_id: str) -> None:
        """Run the next handler of a compensation, or go on behind it."""
        scope = self.tree[scope_id]
        host = self.resting[scope.host]  # type: ignore[index]
        if not scope.pending:
            self.leave(host, self.model.nodes[host.node])
            return
        done = scope.pending[-1]
        self.tree.change(scope_id, pending=scope.pending[:-1])
        node = self.model.nodes[done.node]
        event = next(
            self.model.nodes[boundary]
            for boundary in node.boundaries
            if self.model.nodes[boundary].kind is NodeKind.BOUNDARY_COMPENSATE
        )
        one = self.tree.open(Scope(ScopeKind.ONE, scope.node, scope_id, None, done.variables))
        token = Token(self.new_id(), event.id, None, one)
        self.note("fired", event.id, token.id, {"host": node.id, "scope": one})
        self.note("left", event.id, token.id)
        self.queue.appendleft(Token(self.new_id(), node.handler, None, one))
