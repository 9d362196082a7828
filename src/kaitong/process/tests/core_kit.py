"""A shell in memory: it plays processes and checks the core's promises after every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from kaitong.process import scopes as scope_tree
from kaitong.process import values as jsonb
from kaitong.process.advance import advance, settle
from kaitong.process.model import (
    UNCOUNTED,
    AddToken,
    BpmnError,
    Broadcast,
    ChangeWait,
    Completed,
    DoneByHand,
    Effect,
    Escalate,
    Escalated,
    Event,
    Failed,
    Finish,
    MessageArrived,
    Model,
    NodeKind,
    OpenCall,
    OpenCommand,
    OpenIncident,
    OpenTimer,
    OpenWork,
    Publish,
    Record,
    RemoveToken,
    Retried,
    Returned,
    SetVariables,
    SignalArrived,
    Started,
    State,
    Subscribe,
    TimerFired,
    Token,
    WaitKind,
)

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
EXTERNAL = frozenset({"send", "prove"})


class Fault(Exception):
    """An action's business error."""

    def __init__(self, code: str, values: Mapping[str, Any] | None = None):
        super().__init__(f"message of {code}")
        self.code = code
        self.values = values or {}


Act = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Game:
    """A shell in memory: it keeps rows, applies effects, and checks after every step that

    - the rows, rebuilt from effects alone, say what the step's state says;
    - every resting token except one parked at a join has exactly one primary row;
    - the history, replayed, puts every token where it stands;
    - the same event on the same state gives the same step.
    """

    def __init__(
        self,
        model: Model,
        actions: Mapping[str, Act] | None = None,
        external: frozenset[str] = EXTERNAL,
        catches: frozenset[str] = frozenset(),
        begins: str = "",
        **variables: Any,
    ):
        self.model = model
        self.catches = catches
        self.end = Finish("")
        self.actions = dict(actions or {})
        self.external = external
        self.tokens: dict[UUID, Token] = {}
        self.variables: dict[str, Any] = {}
        self.kept: Any = None  # the scopes, as they are stored
        self.work: dict[UUID, str] = {}
        self.commands: dict[UUID, OpenCommand] = {}
        self.incidents: dict[UUID, OpenIncident] = {}
        self.children: dict[UUID, OpenCall] = {}
        self.timers: dict[tuple[UUID, str], OpenTimer] = {}
        self.subscriptions: dict[tuple[UUID, str], Subscribe] = {}
        self.said: list[Any] = []  # messages, signals, escalations for the caller
        self.state = ""
        self.history: list[Record] = []
        self.places: dict[Any, str] = {}
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.serial = count(1)
        self.last: tuple[Effect, ...] = ()
        self.play(Started(now=NOW, variables=variables, node=begins))

    # ---- what the tests say

    @property
    def at(self) -> list[str]:
        """Where tokens rest, sorted."""
        return sorted(token.node for token in self.tokens.values())

    def token(self, node: str) -> UUID:
        found = [id_ for id_, token in self.tokens.items() if token.node == node]
        assert found, f"no token at {node}, but at {self.at}"
        return found[0]

    def complete(self, node: str, **values: Any) -> Game:
        return self.play(Completed(now=NOW, token=self.token(node), values=values))

    def returned(self, node: str, **values: Any) -> Game:
        return self.play(Returned(now=NOW, token=self.token(node), values=values))

    def failed(self, node: str, cause: str = "network") -> Game:
        return self.play(Failed(now=NOW, token=self.token(node), cause=cause, message="down"))

    def error(self, node: str, code: str, **values: Any) -> Game:
        token = self.token(node)
        return self.play(BpmnError(now=NOW, token=token, code=code, message="why", values=values))

    def retry(self, node: str) -> Game:
        return self.play(Retried(now=NOW, token=self.token(node)))

    def by_hand(self, node: str, **values: Any) -> Game:
        return self.play(DoneByHand(now=NOW, token=self.token(node), values=values))

    def fire(self, host: str, node: str = "", **of: Any) -> Game:
        """The timer fires; of a cycle as the occurrence that is open, unless `of` says another."""
        token, node = self.token(host), node or host
        opened = self.timers.get((token, node))
        if opened is not None and not of:
            of = {"count": opened.count, "due": opened.at}
        return self.play(TimerFired(now=of.pop("now", NOW), token=token, node=node, **of))

    def tell(self, host: str, node: str = "", **values: Any) -> Game:
        token = self.token(host)
        return self.play(MessageArrived(now=NOW, token=token, node=node or host, values=values))

    def signal(self, host: str, node: str = "", **values: Any) -> Game:
        token = self.token(host)
        return self.play(SignalArrived(now=NOW, token=token, node=node or host, values=values))

    def escalated(self, call: str, code: str, **values: Any) -> Game:
        return self.play(Escalated(now=NOW, token=self.token(call), code=code, values=values))

    def cause(self, node: str) -> str:
        return self.incidents[self.token(node)].cause

    def went(self, kind: str = "entered") -> list[str]:
        return [record.node for record in self.history if record.kind == kind]

    # ---- the shell

    def play(self, event: Event) -> Game:
        effects: list[Effect] = []
        state = State(
            tuple(self.tokens.values()),
            dict(self.variables),
            self.state == "",
            None,
            0,
            0,
            self.catches,
            *scope_tree.read(self.kept),
        )
        before = dict(state.variables)
        step = advance(self.model, state, event, external=self.external)
        assert step == advance(self.model, state, event, external=self.external)
        assert dict(state.variables) == before, "advance changed what it was given"
        effects += step.effects
        while step.call is not None:
            assert step.state.calling == step.call.token
            self.calls.append((step.call.action, step.call.inputs))
            state, outcome = step.state, self.run(step.call.action, step.call.inputs)
            step = advance(self.model, state, outcome(step.call.token), external=self.external)
            effects += step.effects
        self.resolve(event)
        names: dict[int, UUID] = {}
        for effect in settle(effects):
            self.apply(effect, names)
        self.last = settle(effects)
        self.check(step.state, names)
        return self

    def run(self, action: str, inputs: Mapping[str, Any]) -> Callable[[Any], Event]:
        act = self.actions.get(action, lambda inputs: {})
        try:
            values = act(inputs)
        except Fault as fault:
            code, told, more = fault.code, str(fault), fault.values
            return lambda token: BpmnError(
                now=NOW, token=token, code=code, message=told, values=more
            )
        except Exception as error:
            told = str(error)
            return lambda token: Failed(now=NOW, token=token, cause="bug", message=told)
        return lambda token: Returned(now=NOW, token=token, values=values)

    def resolve(self, event: Event) -> None:
        """The rows an event itself answers."""
        token = getattr(event, "token", None)
        if isinstance(event, Completed):
            self.work.pop(token, None)
        elif isinstance(event, Returned | Failed):
            self.commands.pop(token, None)
            self.children.pop(token, None)
        elif isinstance(event, Retried | DoneByHand):
            self.incidents.pop(token, None)
        elif isinstance(event, BpmnError):
            self.commands.pop(token, None)
            self.children.pop(token, None)
            self.work.pop(token, None)
        elif isinstance(event, TimerFired):
            self.timers.pop((token, event.node), None)
        elif isinstance(event, MessageArrived | SignalArrived):
            node = self.model.nodes[event.node]
            if node.interrupting or node.attached_to is None:
                self.subscriptions.pop((token, event.node), None)

    def apply(self, effect: Effect, names: dict[int, UUID]) -> None:
        def named(token: Any) -> UUID:
            if isinstance(token, UUID):
                return token
            if token not in names:
                names[token] = UUID(int=next(self.serial))
            return names[token]

        match effect:
            case AddToken(token):
                id_ = named(token.id)
                assert id_ not in self.tokens
                assert token.wait is not None
                self.tokens[id_] = Token(id_, token.node, token.wait, token.scope, token.arrived_by)
            case RemoveToken(token, node):
                assert isinstance(token, UUID), "a token of this step is settled"
                assert self.tokens.pop(token).node == node
                for rows in (self.work, self.commands, self.incidents, self.children):
                    rows.pop(token, None)
                for watched in (self.timers, self.subscriptions):
                    for key in [key for key in watched if key[0] == token]:
                        del watched[key]
            case ChangeWait(token, node, wait):
                assert isinstance(token, UUID)
                old = self.tokens[token]
                assert old.node == node
                self.tokens[token] = Token(token, node, wait, old.scope, old.arrived_by)
                for rows in (self.work, self.commands, self.incidents, self.children):
                    rows.pop(token, None)
                self.timers.pop((token, node), None)
                self.subscriptions.pop((token, node), None)
            case OpenWork(token, node):
                self.add(self.work, named(token), node)
            case OpenCommand(token):
                self.add(self.commands, named(token), effect)
            case OpenCall(token):
                self.add(self.children, named(token), effect)
            case OpenIncident(token):
                self.add(self.incidents, named(token), effect)
            case OpenTimer(token, node):
                self.add(self.timers, (named(token), node), effect)
            case Subscribe(token, node):
                self.add(self.subscriptions, (named(token), node), effect)
            case Publish() | Broadcast() | Escalate():
                self.said.append(effect)
            case SetVariables(values, scope):
                if scope == scope_tree.ROOT:
                    self.variables.update(values)
            case Finish(state):
                assert self.state == ""
                self.state, self.end = state, effect
            case Record(kind, node, token):
                self.history.append(effect)
                self.replay(kind, node, named(token) if token is not None else None)
            case _:
                raise AssertionError(effect)

    def awaits_all(self, token: Token) -> bool:
        """At an event-based gateway: a row for each event behind it."""
        node = self.model.nodes[token.node]
        if node.kind is not NodeKind.EVENT_BASED:
            return False
        watched = {**self.timers, **self.subscriptions}
        there = {(token.id, flow.target) in watched for flow in node.outgoing}
        assert len(there) == 1, "all waits of a gateway, or none"
        return there.pop()

    @staticmethod
    def add(rows: dict[Any, Any], key: Any, row: Any) -> None:
        assert key not in rows, f"{row} is open already"
        rows[key] = row

    def replay(self, kind: str, node: str, token: Any) -> None:
        if kind in ("entered", "fired", "listens"):
            assert token not in self.places
            self.places[token] = node
        elif kind in ("left", "joined", "interrupted", "unheard"):
            assert self.places.pop(token) == node

    @property
    def scopes(self) -> dict[str, scope_tree.Scope]:
        return scope_tree.read(self.kept)[0]

    def check_scopes(self) -> None:
        """Every token lives in a scope that is there; every scope is waited for, and not empty."""
        scopes = self.scopes
        lived_in = {token.scope for token in self.tokens.values()} | {scope_tree.ROOT}
        assert lived_in <= {*scopes, scope_tree.ROOT}
        parents = {scope.parent for scope in scopes.values()}
        for id_, scope in scopes.items():
            if id_ == scope_tree.ROOT:
                continue
            assert scope.parent == scope_tree.ROOT or scope.parent in scopes
            if scope.host is not None:
                host = self.tokens[scope.host]  # type: ignore[index]
                assert (host.node, host.scope) == (scope.node, scope.parent)
                assert host.wait in (WaitKind.SCOPE, WaitKind.INCIDENT)
                stopped = host.wait is WaitKind.INCIDENT
            else:
                above = scopes[scope.parent].host
                stopped = self.tokens[above].wait is WaitKind.INCIDENT  # type: ignore[index]
            assert stopped or id_ in lived_in or id_ in parents, f"{id_} is empty"

    def check(self, state: State, names: Mapping[int, UUID]) -> None:
        def named(token: Any) -> UUID:
            return names[token] if isinstance(token, int) else token

        self.kept = scope_tree.kept(state.scopes, state.opened, named)
        if self.kept is not None:
            self.kept = jsonb.load(jsonb.dump(self.kept))
            assert scope_tree.kept(*scope_tree.read(self.kept), named) == self.kept
        self.check_scopes()
        stored = {
            (names.get(t.id) if isinstance(t.id, int) else t.id, t.node, t.wait, t.arrived_by)
            for t in state.tokens
        }
        assert stored == {(t.id, t.node, t.wait, t.arrived_by) for t in self.tokens.values()}
        assert dict(state.variables) == self.variables
        assert state.running == (self.state == "")
        assert self.places == {id_: token.node for id_, token in self.tokens.items()}
        if self.state:
            assert not self.tokens
        else:
            assert any(token.wait not in UNCOUNTED for token in self.tokens.values())
        for id_, token in self.tokens.items():
            rows = {
                WaitKind.WORK: id_ in self.work,
                WaitKind.COMMAND: id_ in self.commands,
                WaitKind.INCIDENT: id_ in self.incidents,
                WaitKind.CHILD: id_ in self.children,
                WaitKind.TIMER: (id_, token.node) in self.timers,
                WaitKind.EVENT: self.awaits_all(token),
            }
            heard = self.subscriptions.get((id_, token.node))
            for kind in (WaitKind.MESSAGE, WaitKind.SIGNAL, WaitKind.CONDITION):
                rows[kind] = heard is not None and heard.kind is kind
            if token.wait is WaitKind.LISTEN:
                watched = (id_, token.node) in self.timers, (id_, token.node) in self.subscriptions
                assert sum(watched) == 1
                continue
            if token.wait is WaitKind.SCOPE:
                assert any(scope.host == id_ for scope in self.scopes.values())
                assert any(other.scope != scope_tree.ROOT for other in self.tokens.values())
                continue
            open_rows = {kind for kind, there in rows.items() if there}
            assert open_rows == ({token.wait} - {WaitKind.JOIN}), (token, open_rows)
        hosts = set(self.tokens)
        assert {key[0] for key in [*self.timers, *self.subscriptions]} <= hosts
        assert {*self.work, *self.commands, *self.incidents, *self.children} <= hosts
