"""Tokens of one step: where they stand and rest, how they leave, what watches them.

One `Moves` object (of `advance_moves`, which adds what each node does) lives for one call of
`advance`. It is the only mutable thing of the core, and nothing of it survives the call except the
immutable `Step` made by `step()`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from kaitong.process import advance_conditions
from kaitong.process.cycles import cycle_of, following
from kaitong.process.feel import FeelError, plain
from kaitong.process.feel.temporal import (
    YearMonths,
    add_months,
    duration_of,
    format_duration,
    moment_of,
)
from kaitong.process.model import (
    SUB_STARTS,
    AddToken,
    Call,
    ChangeWait,
    Effect,
    Finish,
    Flow,
    Model,
    Node,
    NodeKind,
    OpenIncident,
    OpenTimer,
    Record,
    RemoveToken,
    SetVariables,
    State,
    Step,
    Subscribe,
    TimerSpec,
    Token,
    WaitKind,
)
from kaitong.process.scopes import ROOT, ScopeKind, ScopeTree

TokenId = UUID | int
# Boundary events that no row watches: what their host does tells of them.
_UNWATCHED = frozenset(
    {NodeKind.BOUNDARY_ERROR, NodeKind.BOUNDARY_ESCALATION, NodeKind.BOUNDARY_COMPENSATE}
)


class Tokens:
    """The tokens, variables and effects of one step."""

    def __init__(self, model: Model, state: State, now: datetime, external: frozenset[str]):
        self.model = model
        self.now = now
        self.external = external
        self.queue: deque[Token] = deque()  # about to enter their node, next first
        self.resting: dict[TokenId, Token] = {}
        self.called: Token | None = None  # its transactional action is under way
        self.call: Call | None = None
        self.effects: list[Effect] = []
        self.values: Mapping[str, Any] = state.variables  # the instance's own
        self.tree = ScopeTree(state.scopes, state.opened)
        self.here = ROOT  # the scope in which expressions are read and values are set
        self.catches = state.catches
        self.serial = state.serial
        self.moves = 0 if state.calling is None else state.moves
        self.finished = ""
        self.stirred = False  # variables changed since conditions were looked at
        self.truths: dict[tuple[TokenId, str], bool] = {}  # how conditions stood
        self.due: list[tuple[TokenId, str]] = []  # conditions that became true: token, node
        self._own_variables = False
        for token in state.tokens:
            if type(token.id) is int and token.id < self.serial:
                self.serial = token.id
            if token.id == state.calling:
                self.called = token
            if token.wait is not None:
                self.resting[token.id] = token
            elif token.id != state.calling:
                self.queue.append(token)

    def step(self) -> Step:
        if self.call is None and not self.finished:
            if all(self.idle(token) and token.scope == ROOT for token in self.resting.values()):
                self.take_all_away("completed")
                self.finish("completed", "")
            else:
                self._break_deadlocks()
        if self.finished:
            opened = self.tree.opened
            ended = State((), self.values, False, None, self.serial, 0, self.catches, opened=opened)
            return Step(ended, tuple(self.effects))
        tokens = [*self.queue, *self.resting.values()]
        calling = None
        if self.call is not None and self.called is not None:
            calling = self.called.id
            if calling not in self.resting:
                tokens.insert(0, self.called)
        moves = self.moves if calling is not None else 0
        state = State(
            tuple(tokens),
            self.values,
            True,
            calling,
            self.serial,
            moves,
            self.catches,
            self.tree.scopes,
            self.tree.opened,
        )
        return Step(state, tuple(self.effects), self.call)

    @property
    def variables(self) -> Mapping[str, Any]:
        """The variables as they are read here: those of the scope before those further out."""
        if self.here == ROOT:
            return self.values
        return self.tree.seen(self.here, self.values)

    def note(
        self,
        kind: str,
        node: str,
        token: TokenId | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        self.effects.append(Record(kind, node, token, data or {}))

    def set_variables(self, values: Mapping[str, Any]) -> None:
        """Keep values as they will be read back from the database, within this step already."""
        if not values:
            return
        values = {name: plain(value) for name, value in values.items()}
        if self.model.conditional:
            advance_conditions.remember(self)
        if self.here != ROOT:
            values, made = self.tree.assign(self.here, values)
            self.effects += [SetVariables(own, scope_id) for scope_id, own in made.items()]
            if not values:
                return
        if not self._own_variables:
            self.values = dict(self.values)
            self._own_variables = True
        self.values.update(values)  # type: ignore[attr-defined]
        self.effects.append(SetVariables(values))

    def finish(
        self,
        state: str,
        node: str,
        error: str = "",
        message: str = "",
        values: Mapping[str, Any] | None = None,
    ) -> None:
        self.finished = state
        self.queue.clear()
        self.note("ended", node, None, {"state": state, **({"error": error} if error else {})})
        self.effects.append(Finish(state, error, message, values or {}))

    def escape(self, token: Token, error: str, message: str, values: Mapping[str, Any]) -> None:
        """A business error that only the caller of this process catches ends the process."""
        if token.id not in self.resting:
            self.note("interrupted", token.node, token.id, {"reason": "error"})
        self.take_all_away("error")
        self.finish("terminated", token.node, error, message, values)

    def new_id(self) -> int:
        self.serial -= 1
        return self.serial

    def rest(self, token: Token, wait: WaitKind) -> bool:
        """Let the token rest at its node; False if it rested there before (a retry)."""
        again = token.id in self.resting
        rested = Token(token.id, token.node, wait, token.scope, token.arrived_by)
        self.resting[token.id] = rested
        if again:
            self.effects.append(ChangeWait(token.id, token.node, wait))
        else:
            self.effects.append(AddToken(rested))
        return not again

    def drop(self, token: Token, reason: str, data: Mapping[str, Any] | None = None) -> None:
        """Forget the token; what rested there is closed, boundary incidents of it as well, and
        what is left in the scope that it waits for."""
        if self.resting.pop(token.id, None) is None:
            return
        if self.tree:
            self.end_inside(token, reason, data)
        self.effects.append(RemoveToken(token.id, token.node, reason))
        boundaries = self.model.nodes[token.node].boundaries
        if boundaries and not any(
            t.node == token.node and t.scope == token.scope for t in self.resting.values()
        ):
            for other in [
                t for t in self.resting.values() if t.node in boundaries and t.scope == token.scope
            ]:
                self.take_away(other, "interrupted")

    def end_inside(self, host: Token, reason: str, data: Mapping[str, Any] | None = None) -> None:
        """The scope a token waits for is gone, with every token in it."""
        scope_id = self.tree.hosted(host.id)
        if scope_id is not None:
            self.clear(self.tree.within(scope_id), reason, data)

    def clear(
        self, scope_ids: set[str], reason: str, data: Mapping[str, Any] | None = None
    ) -> None:
        """Take away all tokens of these scopes, and forget the scopes."""
        self.queue = deque(token for token in self.queue if token.scope not in scope_ids)
        if self.model.undoes:
            self.put_back(scope_ids)
        self.tree.forget(scope_ids)
        for token in [t for t in self.resting.values() if t.scope in scope_ids]:
            if token.id in self.resting:
                self.take_away(token, reason, data)

    def take_away(self, token: Token, reason: str, data: Mapping[str, Any] | None = None) -> None:
        """Remove a token that did not finish its node."""
        kind = "unheard" if token.wait is WaitKind.LISTEN else "interrupted"
        self.note(kind, token.node, token.id, {"reason": reason, **(data or {})})
        self.drop(token, reason, data)

    def idle(self, token: Token) -> bool:
        """Whether the token only listens for the start of an event sub-process: its scope ends
        without it."""
        node = self.model.nodes[token.node]
        return token.wait is WaitKind.LISTEN or (node.kind in SUB_STARTS and node.parent != "")

    def is_one(self, token: Token, node: Node) -> bool:
        """Whether the token stands at one instance of a repeated activity."""
        if node.repeat is None or token.scope == ROOT:
            return False
        scope = self.tree[token.scope]
        return scope.kind is ScopeKind.ONE and scope.node == node.id

    def host_of(self, scope_id: str) -> Token | None:
        """The token that waits for a scope."""
        host = self.tree[self.tree.owner(scope_id)].host
        return None if host is None else self.resting.get(host)

    def take_all_away(self, reason: str) -> None:
        self.queue.clear()
        for token in list(self.resting.values()):
            if token.id in self.resting:
                self.take_away(token, reason)

    def leave(self, token: Token, node: Node, flows: Iterable[Flow] | None = None) -> None:
        """Consume the token and send one along each flow; the first branch runs first."""
        reuse = type(token.id) is int and token.id not in self.resting
        self.note("left", node.id, token.id)
        if self.model.undoes:
            self.remember(token, node)
        one = self.is_one(token, node)
        self.drop(token, "completed")
        if one:
            return  # its scope is empty now: `settle_scopes` goes on from there
        made = []
        for flow in node.outgoing if flows is None else flows:
            new_id = token.id if reuse else self.new_id()
            reuse = False
            made.append(Token(new_id, flow.target, None, token.scope, flow.id))
        self.queue.extendleft(reversed(made))

    def incident(
        self,
        token: Token,
        node: Node,
        cause: str,
        message: str,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Park the token at its node until a person decides in the fallout desk (异常单)."""
        first = self.rest(token, WaitKind.INCIDENT)
        told = {"cause": cause, "message": message, **(data or {})}
        self.note("error", node.id, token.id, told)
        self.effects.append(OpenIncident(token.id, node.id, cause, message))
        if first and node.boundaries:
            self.open_boundaries(token, node)

    def inputs(self, node: Node) -> dict[str, Any]:
        return {
            name: plain(expression.evaluate(self.variables))
            for name, expression in node.inputs.items()
        }

    def remember(self, token: Token, node: Node) -> None:
        """Keep that an activity was completed, for a compensation (`advance_scopes`)."""
        raise NotImplementedError

    def put_back(self, scope_ids: set[str], *, inside: bool = False) -> None:
        """Keep again what is still to be undone where these scopes are taken away."""
        raise NotImplementedError

    def _break_deadlocks(self) -> None:
        """Only joins are left in a scope, and nobody will come: say so, for a person to decide."""
        if not any(token.wait is WaitKind.JOIN for token in self.resting.values()):
            return
        alive = {
            token.scope
            for token in self.resting.values()
            if token.wait is not WaitKind.JOIN and not self.idle(token)
        }
        seen: set[tuple[str, str]] = set()
        for token in list(self.resting.values()):
            place = (token.scope, token.node)
            if token.wait is WaitKind.JOIN and token.scope not in alive and place not in seen:
                seen.add(place)
                message = "汇合处还缺其他分支，而流程里已没有别的事在办。"
                self.incident(token, self.model.nodes[token.node], "deadlock", message)

    def open_boundaries(self, host: Token, node: Node) -> None:
        if self.is_one(host, node):
            return  # they belong to the activity as a whole
        for boundary_id in node.boundaries:
            boundary = self.model.nodes[boundary_id]
            if boundary.kind in _UNWATCHED:
                continue
            try:
                self.effects.append(self.watcher(host.id, boundary))
                self.awaits(host, boundary)
            except (FeelError, ValueError) as error:
                # The host's work goes on; the watch that failed is an incident of its own.
                token = Token(self.new_id(), boundary_id, None, host.scope)
                self.note("entered", boundary_id, token.id)
                self.incident(token, boundary, "data", str(error))

    def watcher(self, token: TokenId, node: Node) -> OpenTimer | Subscribe:
        """The timer or subscription of a catch or boundary event; ValueError if it has no value."""
        if node.signal:
            return Subscribe(token, node.id, node.signal, "", WaitKind.SIGNAL)
        if node.condition is not None:
            text = node.condition.text[:100]
            return Subscribe(token, node.id, text, "", WaitKind.CONDITION)
        if node.timer is None:
            return Subscribe(token, node.id, node.message, self.message_key(node))
        try:
            return self._timer(token, node.id, node.timer)
        except OverflowError:
            raise ValueError("定时超出了公元 1 年到 9999 年。") from None

    def awaits(self, token: Token, node: Node) -> None:
        """A watch was set: a condition may hold already."""
        if node.condition is not None:
            advance_conditions.arrive(self, token, node)

    def message_key(self, node: Node) -> str:
        key = plain(node.message_key.evaluate(self.variables))
        if key is None or isinstance(key, bool | list | dict) or key == "":
            raise ValueError(f"消息 {node.message} 的关联键没有值。")
        return str(key)

    def next_round(self, host: Token, boundary: Node, due: datetime, count: int) -> bool:
        """A cycle goes on: the watch for its next occurrence; False if it has none."""
        try:
            opened = self._next(host.id, boundary, due, count)
        except (FeelError, ValueError, OverflowError) as error:
            token = Token(self.new_id(), boundary.id, None, host.scope)
            self.note("entered", boundary.id, token.id)
            self.incident(token, boundary, "data", str(error))
            return False
        if opened is not None:
            self.effects.append(opened)
        return opened is not None

    def _next(self, token: TokenId, node: Node, due: datetime, count: int) -> OpenTimer | None:
        spec = node.timer
        assert spec is not None
        cycle = cycle_of(spec.cycle.evaluate(self.variables))
        if spec.working:  # counted by the calendar, one after the other
            if cycle.count is not None and count >= cycle.count:
                return None
            text = format_duration(cycle.interval)
            after = due if cycle.count is not None else max(due, self.now)
            return OpenTimer(token, node.id, None, text, True, count + 1, after)
        following_ = following(cycle, due, count, self.now)
        if following_ is None:
            return None
        return OpenTimer(token, node.id, at=following_[0], count=following_[1])

    def _timer(self, token: TokenId, node_id: str, spec: TimerSpec) -> OpenTimer:
        if spec.cycle is not None:
            cycle = cycle_of(spec.cycle.evaluate(self.variables))
            if spec.working and cycle.first is None:
                return OpenTimer(
                    token, node_id, duration=format_duration(cycle.interval), working=True
                )
            return OpenTimer(token, node_id, at=cycle.begins(self.now))
        if spec.date is not None:
            return OpenTimer(token, node_id, at=moment_of(spec.date.evaluate(self.variables)))
        duration = duration_of(spec.duration.evaluate(self.variables))
        if spec.working:
            return OpenTimer(token, node_id, duration=format_duration(duration), working=True)
        if isinstance(duration, YearMonths):
            return OpenTimer(token, node_id, at=add_months(self.now, duration.months))
        return OpenTimer(token, node_id, at=self.now + duration)

    def fire(self, boundary: Node, host: Token) -> None:
        """A boundary event fires: an interrupting one takes the host's token away."""
        if boundary.interrupting:
            self.take_away(host, "interrupted", {"by": boundary.id})
        token = Token(self.new_id(), boundary.id, None, host.scope)
        self.note("fired", boundary.id, token.id, {"host": host.node})
        self.leave(token, boundary)

    def give_up(self, token: Token) -> None:
        self.note("left", token.node, token.id)
        self.drop(token, "completed")

    def answers(self, node: Node, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the node sets: its values by name, or what `kaitong:out` makes of them.

        A called process gives only what `kaitong:out` takes: its variables are its own.
        """
        if not node.outputs:
            return {} if node.kind is NodeKind.CALL else values
        seen = {**self.variables, **values}
        return {name: plain(expression.evaluate(seen)) for name, expression in node.outputs.items()}
