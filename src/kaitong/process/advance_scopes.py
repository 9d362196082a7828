"""Scopes in the token game: sub-processes, repeated activities, event sub-processes.

A token that enters a sub-process or a repeated activity rests there (`WaitKind.SCOPE`), watched by
the tokens in the scope it opened; boundary events hang on it. When nothing is left in the scope
but listeners, `settle_scopes` closes it and the token goes on. An instance of a repeated activity
is a scope of its own (`ScopeKind.ONE`) inside the activity's (`MANY`): of a task it holds a token
at the same node, of a sub-process the tokens of that.

What may go wrong while a scope begins or ends (a mapping, a collection or condition without a
value) makes the waiting token an incident; a retry goes on where it stopped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from kaitong.process import bounds
from kaitong.process.advance_graph import around
from kaitong.process.advance_tokens import Tokens
from kaitong.process.feel import FeelError, plain
from kaitong.process.model import (
    SUB_PROCESSES,
    Node,
    NodeKind,
    Token,
    WaitKind,
)
from kaitong.process.scopes import ROOT, Loop, Scope, ScopeKind

MAX_MOVES = 10_000  # gateways and services passed in one step before it counts as an endless loop
MAX_TOKENS = bounds.TOKENS  # tokens of one instance
MAX_INSTANCES = bounds.INSTANCES  # of one multi-instance activity


class _EndlessError(ValueError):
    """A loop that waits for nothing and does not end."""


class Scopes(Tokens):
    """Opening and closing scopes."""

    def looping(self, token: Token, node: Node) -> bool:
        self.moves += 1
        if self.moves <= MAX_MOVES and len(self.queue) + len(self.resting) <= MAX_TOKENS:
            return False
        self.incident(token, node, "loop", "流程在这里循环不止，又不等待任何事。")
        return True

    # ---- embedded sub-processes

    def enter_sub(self, token: Token, node: Node) -> None:
        if self.looping(token, node):
            return
        if self.tree.hosted(token.id) is not None:  # a retry: the scope is there, and ends again
            self.rest(token, WaitKind.SCOPE)
            return
        try:
            inputs = self.inputs(node)
        except FeelError as error:
            self.incident(token, node, "data", f"子流程的输入算不出来：{error}")
            return
        first = self.rest(token, WaitKind.SCOPE)
        scope = Scope(ScopeKind.SUB, node.id, token.scope, token.id, inputs)
        self.begin_inside(self.tree.open(scope), node.begin, node.events)
        if first and node.boundaries:
            self.open_boundaries(token, node)

    def begin_inside(self, scope_id: str, start: str, events: tuple[str, ...]) -> None:
        """A token at the start event of a scope, and listeners for its event sub-processes."""
        was, self.here = self.here, scope_id
        for event_id in events:
            self.listen(scope_id, self.model.nodes[event_id])
        self.here = was
        self.queue.appendleft(Token(self.new_id(), start, None, scope_id))

    def settle_scopes(self) -> bool:
        """Close the innermost scope in which nothing is left; whether there was one."""
        if not self.tree:
            return False
        busy = {token.scope for token in self.resting.values() if not self.idle(token)}
        for scope_id in reversed(list(self.tree.scopes)):
            scope = self.tree[scope_id]
            if scope_id in busy or scope_id == ROOT:
                continue
            if scope.kind not in (ScopeKind.SUB, ScopeKind.ONE):
                continue
            host = self.host_of(scope_id)
            if host is not None and host.wait is WaitKind.SCOPE:
                self.here = scope_id
                if scope.kind is ScopeKind.SUB:
                    self._sub_ended(scope_id, host)
                else:
                    self._one_ended(scope_id, scope, host)
                return True
        return False

    def _sub_ended(self, scope_id: str, host: Token) -> None:
        node = self.model.nodes[host.node]
        try:
            answers = self._told(node)
        except FeelError as error:
            self.incident(host, node, "data", f"子流程的结果算不出来：{error}")
            return
        self.here = host.scope
        self.set_variables(answers)
        self.leave(host, node)

    def _told(self, node: Node) -> Mapping[str, Any]:
        """What `kaitong:out` of a sub-process makes of the variables as they stand in it."""
        seen = self.variables
        return {name: plain(expression.evaluate(seen)) for name, expression in node.outputs.items()}

    def end_scope(
        self, scope_id: str, reason: str = "terminated", data: Mapping[str, Any] | None = None
    ) -> None:
        """Take away all that is in a scope; the scope stays, empty."""
        self.clear(self.tree.within(scope_id) - {scope_id}, reason, data)
        self.queue = deque(token for token in self.queue if token.scope != scope_id)
        for token in [t for t in self.resting.values() if t.scope == scope_id]:
            if token.id in self.resting:
                self.take_away(token, reason, data)

    # ---- repeated activities

    def repeat(self, token: Token, node: Node) -> None:
        """Begin a repeated activity, or go on with it after an incident."""
        if self.looping(token, node):
            return
        scope_id = self.tree.hosted(token.id)
        if scope_id is not None:
            self.rest(token, WaitKind.SCOPE)
            self.go_on(scope_id)
            return
        try:
            loop = self._loop(node)
        except (FeelError, ValueError) as error:
            self.incident(token, node, "data", f"多实例的次数算不出来：{error}")
            return
        first = self.rest(token, WaitKind.SCOPE)
        scope_id = self.tree.open(Scope(ScopeKind.MANY, node.id, token.scope, token.id, {}, loop))
        if first and node.boundaries:
            self.open_boundaries(token, node)
        self.go_on(scope_id)

    def _loop(self, node: Node) -> Loop:
        repeat = node.repeat
        assert repeat is not None
        if not repeat.many:
            return Loop(None)
        if repeat.collection is not None:
            found = plain(repeat.collection.evaluate(self.variables))
            if not isinstance(found, list):
                raise ValueError(f"{repeat.collection.text} 不是一组值。")
            items, total = tuple(found), len(found)
        else:
            count = plain(repeat.cardinality.evaluate(self.variables))
            if isinstance(count, bool) or count is None or isinstance(count, str | list | dict):
                raise ValueError(f"{repeat.cardinality.text} 不是数。")
            if count < 0 or count != int(count):
                raise ValueError(f"{repeat.cardinality.text} 不是非负整数：{count}。")
            items, total = (), int(count)
        if total > MAX_INSTANCES:
            raise ValueError(f"一次最多 {MAX_INSTANCES} 个，现在是 {total} 个。")
        return Loop(total, items=items)

    def go_on(self, scope_id: str) -> None:
        """Begin what is due of a repeated activity, or end it."""
        scope = self.tree[scope_id]
        host, node = self.resting[scope.host], self.model.nodes[scope.node]  # type: ignore[index]
        loop, repeat = scope.loop, node.repeat
        assert loop is not None
        assert repeat is not None
        self._count(scope_id, loop)
        self.here = scope_id
        try:
            if self._enough(scope_id, node, loop):
                self._many_ended(scope_id, host, node)
                return
        except (FeelError, ValueError) as error:
            cause = "loop" if isinstance(error, _EndlessError) else "data"
            self.incident(host, node, cause, str(error))
            return
        if repeat.parallel:
            due = range(loop.begun, loop.total or 0)
        else:
            due = range(loop.begun, loop.done + 1)
        made: list[Token] = []
        for at in due:
            try:
                made += self._begin_one(scope_id, node, at)
            except FeelError as error:
                self.here = scope_id
                self.incident(host, node, "data", f"子流程的输入算不出来：{error}")
                break
        self.queue.extendleft(reversed(made))

    def _enough(self, scope_id: str, node: Node, loop: Loop) -> bool:
        """Whether no further instance is to be begun, and none under way is waited for."""
        repeat = node.repeat
        assert repeat is not None
        if loop.total is not None:
            if loop.done >= loop.total:
                return True
            if not loop.done or repeat.until is None:
                return False
            return self._truth(repeat.until, "完成条件")
        if loop.begun > loop.done:
            return False
        if repeat.maximum is not None and loop.done >= repeat.maximum:
            return True
        self.moves += 1
        if self.moves > MAX_MOVES:
            raise _EndlessError("流程在这里循环不止，又不等待任何事。")
        if not loop.done and not repeat.test_before:
            return False
        return repeat.condition is not None and not self._truth(repeat.condition, "循环条件")

    def _truth(self, condition: Any, what: str) -> bool:
        answer = condition.evaluate(self.variables)
        if isinstance(answer, bool):
            return answer
        told = "未知（null）" if answer is None else "既不是真也不是假"
        raise ValueError(f"{what}{told}：{condition.text}")

    def _count(self, scope_id: str, loop: Loop) -> None:
        """The numbers a completion condition may ask for (BPMN 2.0.2, table 10.30)."""
        numbers: dict[str, Any] = {"loopCounter": loop.done}
        if loop.total is not None:
            numbers = {
                "numberOfInstances": loop.total,
                "numberOfActiveInstances": loop.begun - loop.done,
                "numberOfCompletedInstances": loop.done,
                "numberOfTerminatedInstances": 0,
            }
        self.tree.change(scope_id, variables=numbers)

    def _begin_one(self, scope_id: str, node: Node, at: int) -> list[Token]:
        """Open an instance's scope; the token to begin with."""
        scope, repeat = self.tree[scope_id], node.repeat
        assert scope.loop is not None
        assert repeat is not None
        own: dict[str, Any] = {"loopCounter": at + 1}
        if repeat.item:
            own[repeat.item] = scope.loop.items[at] if scope.loop.items else None
        if repeat.result:
            own[repeat.result] = None
        one = self.tree.open(Scope(ScopeKind.ONE, node.id, scope_id, None, own, at=at))
        self.here = one
        try:
            if node.kind in SUB_PROCESSES:
                self.tree.change(one, variables={**own, **self.inputs(node)})
        except FeelError:
            self.tree.forget([one])
            raise
        loop = replace(scope.loop, begun=scope.loop.begun + 1)
        self._count(scope_id, loop)
        self.tree.change(scope_id, loop=loop)
        if node.kind in SUB_PROCESSES:
            self.begin_inside(one, node.begin, node.events)
            return [self.queue.popleft()]
        return [Token(self.new_id(), node.id, None, one)]

    def _one_ended(self, scope_id: str, scope: Scope, host: Token) -> None:
        if self.tree[scope.parent].kind is ScopeKind.UNDO:
            self.clear({scope_id}, "completed")
            self.undo_next(scope.parent)
            return
        node = self.model.nodes[scope.node]
        repeat = node.repeat
        many = self.tree[scope.parent]
        assert repeat is not None
        assert many.loop is not None
        if node.kind in SUB_PROCESSES:
            try:
                answers = self._told(node)
            except FeelError as error:
                self.incident(host, node, "data", f"子流程的结果算不出来：{error}")
                return
            # an instance's result is its own; the rest goes out
            self.set_variables(answers)
            self.remember_one(scope_id, host, node)
        results = dict(many.loop.results)
        if repeat.results:
            results[scope.at] = self.variables.get(repeat.result)
        self.clear({scope_id}, "completed")
        loop = replace(many.loop, done=many.loop.done + 1, results=results)
        self.tree.change(scope.parent, loop=loop)
        self.go_on(scope.parent)

    def _many_ended(self, scope_id: str, host: Token, node: Node) -> None:
        """The activity goes on its way; instances still under way are taken away with its token."""
        loop, repeat = self.tree[scope_id].loop, node.repeat
        assert loop is not None
        assert repeat is not None
        self.here = host.scope
        if repeat.results:
            self.set_variables({repeat.results: [loop.results[at] for at in sorted(loop.results)]})
        self.leave(host, node)

    # ---- errors, on their way out

    def catchers(self, token: Token, node: Node) -> Iterator[list[tuple[Node, Token | str]]]:
        """Who may catch what is thrown at a node, from the nearest outwards.

        Each level is a list of boundary events with their host, or of start events of event
        sub-processes with their scope. What an event sub-process throws is not caught by another
        one of the same scope, but further out.
        """
        nodes = self.model.nodes
        host: Token | None = token
        if self.is_one(token, node):
            host = self.host_of(token.scope)
        while host is not None:
            at = nodes[host.node]
            yield [(nodes[boundary], host) for boundary in at.boundaries]
            scope_id = host.scope
            if at.kind is not NodeKind.EVENT_SUB:
                if scope_id == ROOT:
                    events = self.model.events
                else:
                    events = nodes[self.tree[scope_id].node].events
                yield [(nodes[nodes[event].begin], scope_id) for event in events]
            host = None if scope_id == ROOT else self.host_of(scope_id)

    def catching_error(
        self, token: Token, node: Node, code: str
    ) -> tuple[Node, Token | str] | None:
        """The nearest that catches an error: of one level who names it before who catches all."""
        kinds = (NodeKind.BOUNDARY_ERROR, NodeKind.ERROR_START)
        for level in self.catchers(token, node):
            able = [found for found in level if found[0].kind in kinds]
            for wanted in (code, None):
                for found in able:
                    if found[0].error_code == wanted:
                        return found
        return None

    def caught_codes(self, token: Token, node: Node) -> set[str | None]:
        """The codes of errors that something in this process catches there; None: every one."""
        kinds = (NodeKind.BOUNDARY_ERROR, NodeKind.ERROR_START)
        return {
            catcher.error_code
            for level in self.catchers(token, node)
            for catcher, _where in level
            if catcher.kind in kinds
        }

    def caught(self, catcher: Node, where: Token | str) -> None:
        """Go on at what caught: a boundary event, or an event sub-process of a scope."""
        if isinstance(where, str):
            self.trigger(catcher, where)
        else:
            self.fire(catcher, where)

    # ---- event sub-processes

    def listen(self, scope_id: str, event: Node) -> None:
        """A token that listens for the start of an event sub-process, if a row watches that."""
        start = self.model.nodes[event.begin]
        if start.kind in (NodeKind.ERROR_START, NodeKind.ESCALATION_START):
            return
        token = Token(self.new_id(), start.id, None, scope_id)
        self.note("listens", start.id, token.id, {"scope": scope_id} if scope_id != ROOT else {})
        self.open_listener(token, start)

    def open_listener(self, token: Token, start: Node) -> None:
        """Watch, or try again after an incident; the scope's own work goes on meanwhile."""
        self.here = token.scope
        try:
            opened = self.watcher(token.id, start)
        except (FeelError, ValueError) as error:
            self.incident(token, start, "data", str(error))
            return
        rested = Token(token.id, token.node, WaitKind.LISTEN, token.scope)
        self.rest(rested, WaitKind.LISTEN)
        self.effects.append(opened)
        self.awaits(rested, start)

    def begin_start(self, token: Token, node: Node) -> None:
        """At a start event: of a scope's own, go on; of an event sub-process outside, listen."""
        if (token.scope != ROOT and self.tree[token.scope].node == node.parent) or not node.parent:
            self.leave(token, node)
        else:
            self.open_listener(token, node)

    def heard(self, token: Token, start: Node) -> None:
        """What a listener waits for has come."""
        if start.condition is not None and not start.interrupting:
            self.trigger(start, token.scope)  # it goes on listening: it must become false first
            return
        self.note("unheard", start.id, token.id, {"reason": "heard"})
        self.drop(token, "completed")
        self.trigger(start, token.scope)

    def heard_with(self, token: Token, start: Node, values: Mapping[str, Any]) -> None:
        """A message or signal that an event sub-process listens for, with its values."""
        try:
            answers = self.answers(start, values)
        except FeelError as error:
            told = {"values": dict(values)}
            self.incident(token, start, "data", f"回填的值算不出来：{error}", told)
            return
        self.set_variables(answers)
        self.heard(token, start)

    def trigger(self, start: Node, scope_id: str) -> None:
        """Run an event sub-process in a scope; an interrupting one takes away all that is there."""
        event = self.model.nodes[start.parent]
        if start.interrupting:
            self.end_scope(scope_id, "interrupted", {"by": start.id})
        elif start.message or start.signal:
            self.listen(scope_id, event)  # it may come again
        host = Token(self.new_id(), event.id, None, scope_id)
        scope = {"scope": scope_id} if scope_id != ROOT else {}
        self.note("entered", event.id, host.id, {"flow": "", **scope})
        self.rest(host, WaitKind.SCOPE)
        inner = self.tree.open(Scope(ScopeKind.SUB, event.id, scope_id, host.id))
        self.here = inner
        for nested in event.events:
            self.listen(inner, self.model.nodes[nested])
        token = Token(self.new_id(), start.id, None, inner)
        self.note("fired", start.id, token.id, {"host": event.id, "scope": inner})
        self.leave(token, start)

    # ---- going back (退回)

    def shared_scope(self, token: Token, target: Node) -> tuple[str, Token]:
        """The innermost scope around a token in which a step lies too, and what of the token's
        work stands there: the token itself, or one that waits for the scope it is in."""
        inside = {"", *around(self.model, target.id)}
        here = token
        while here.scope != ROOT and self.tree[here.scope].node not in inside:
            host = self.host_of(here.scope)
            assert host is not None
            here = host
        return here.scope, here

    def reopen(self, scope_id: str, here: Token, target: Node) -> dict[str, str]:
        """Open the completed sub-processes around a step again; the scope of each container."""
        node = self.model.nodes[here.node]
        if node.kind is NodeKind.EVENT_SUB and self.model.nodes[node.begin].interrupting:
            self.listen_all(scope_id)  # what that took away listens again
        at = "" if scope_id == ROOT else self.tree[scope_id].node
        scope_of = {at: scope_id}
        closed = around(self.model, target.id)
        closed = closed[: closed.index(at)] if at else closed
        for node_id in reversed(closed):
            node = self.model.nodes[node_id]
            self.here = scope_id
            host = Token(self.new_id(), node_id, None, scope_id)
            self.note("entered", node_id, host.id, self.place(host, node))
            inputs = self.inputs(node)
            self.rest(host, WaitKind.SCOPE)
            self.open_boundaries(host, node)
            scope_id = self.tree.open(Scope(ScopeKind.SUB, node_id, scope_id, host.id, inputs))
            self.reopened(scope_id, node)
            self.listen_all(scope_id)
            scope_of[node_id] = scope_id
        return scope_of

    def listen_all(self, scope_id: str) -> None:
        events = (
            self.model.events
            if scope_id == ROOT
            else self.model.nodes[self.tree[scope_id].node].events
        )
        for event in events:
            self.listen(scope_id, self.model.nodes[event])

    def place(self, token: Token, node: Node) -> dict[str, Any]:
        """What the history says of where a token came to."""
        if token.scope == ROOT:
            return {"flow": token.arrived_by}
        told: dict[str, Any] = {"flow": token.arrived_by, "scope": token.scope}
        if self.is_one(token, node):
            told["number"] = self.tree[token.scope].at + 1
        return told

    # ---- compensation (`advance_undo`)

    def remember_one(self, scope_id: str, host: Token, node: Node) -> None:
        raise NotImplementedError

    def undo_next(self, scope_id: str) -> None:
        raise NotImplementedError

    def reopened(self, scope_id: str, node: Node) -> None:
        raise NotImplementedError
