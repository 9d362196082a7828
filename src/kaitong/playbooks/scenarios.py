"""Run a playbook's scenarios on the pure core: seconds of work, no database, no network.

`given` says what the machines answer: one answer, or a list used up one by one (the last stays).
Each word maps to the outcome of an action; a word nobody knows fails the scenario.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from kaitong.playbooks.model import Playbook
from kaitong.playbooks.wiring import ACTIONS
from kaitong.process import model as m
from kaitong.process.advance import advance


@dataclass(frozen=True)
class Failure:
    """A business error with the values that come with it."""

    code: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Values:
    """What an action gives back."""

    values: Mapping[str, Any]


# Action -> the `given` it listens to, and what each word means: values, or a business error.
ANSWERS: dict[str, tuple[str, dict[str, str | Failure | Values]]] = {
    "ordering.check-documents": ("document", {"valid": "", "invalid": "document-invalid"}),
    "ordering.assign-port": (
        "port",
        {
            "free": "",
            "none": Failure("no-port", {"verdict": "no-free-port"}),
            "planned": Failure("no-port", {"verdict": "planned"}),
            "not-covered": Failure("no-port", {"verdict": "not-covered"}),
            "no-entry": Failure("no-port", {"verdict": "no-entry"}),
        },
    ),
    "ordering.make-data": ("number", {"": "", "had": "", "none": "part-not-had"}),
    "ordering.end-part": (
        "left",
        {"": Values({"boxes": 0}), "nothing": Values({"boxes": 0}), "box": Values({"boxes": 1})},
    ),
    "ordering.reserve-parts": ("parts", {"had": "", "none": "part-not-had"}),
    "ordering.reserve-move": (
        "move-port",
        {"free": "", "none": Failure("no-port", {"verdict": "no-free-port"})},
    ),
    "ordering.take-turn": ("turn", {"free": "", "busy": "busy"}),
    "ordering.recheck": ("day", {"": "", "good": "", "not-now": "not-now"}),
    "activation.prove-account": (
        "account",
        {
            "accepted": "",
            "refused": "account-not-proven",
            "let-in": "login-accepted",
            "online": "still-online",
        },
    ),
    "activation.prove-line": (
        "line",
        {"right-port": "", "wrong-port": "line-not-proven", "not-seen": "line-not-proven"},
    ),
    "activation.prove-removed": ("login", {"refused": "", "accepted": "login-accepted"}),
    "activation.prove-suspended": (
        "suspended-login",
        {"refused": "", "accepted": "login-accepted", "online": "still-online"},
    ),
    "ordering.suspend": ("record", {"works": "", "wrong-state": "wrong-state"}),
    "ordering.suspend-arrears": ("record", {"works": "", "wrong-state": "wrong-state"}),
    "activation.suspend": ("service", {"works": "", "wrong-state": "wrong-state"}),
    "activation.prove-password": (
        "new-password",
        {
            "accepted": "",
            "refused": "password-not-proven",
            "let-in": "login-accepted",  # of a line that is shut off
            "online": "still-online",
        },
    ),
    "activation.prove-renamed": (
        "new-account",
        {
            "accepted": "",
            "refused": "account-not-proven",
            "old-accepted": "login-accepted",
            "online": "still-online",
        },
    ),
    "activation.change-plan": ("live", {"changed": "", "refused": "not-changed-live"}),
    "activation.prove-plan": (
        "new-plan",
        {
            "given": "",
            "other": "plan-not-proven",
            "let-in": "login-accepted",
            "online": "still-online",
        },
    ),
    "activation.disconnect": ("session", {"ended": "", "stands": "still-online"}),
    "assurance.call-back": (
        "call",
        {word: Values({"call_next": word}) for word in ("fixed", "broken", "again", "enough")},
    ),
    "surveys.followed-up": (
        "follow",
        {word: Values({"follow_next": word}) for word in ("done", "ticket", "again", "enough")},
    ),
    "assurance.reopen": ("reopen", {"": Values({"straight": True, "route": ""})}),
    "assurance.alone": ("alone", {"": Values({"straight": True})}),
}


_NO_ANSWER: tuple[str, dict[str, str | Failure | Values]] = ("", {"": ""})


class ScenarioFailed(AssertionError):
    """A scenario ended otherwise than its `then` says."""


@dataclass
class Run:
    """An instance of one scenario under way, and the processes it has called."""

    book: Playbook
    process: m.Model
    given: dict[str, list[str]]
    passed: list[str] = field(default_factory=list)  # of all of them
    state: m.State = field(default_factory=m.State)
    clock: datetime = datetime(2026, 10, 12, 1, 0, tzinfo=UTC)
    caller: tuple[Run, UUID] | None = None
    called: dict[UUID, Run] = field(default_factory=dict)  # by the token that waits for it
    asked: list[m.OpenCommand | m.OpenCall] = field(default_factory=list)
    thrown: list[m.Broadcast | m.Escalate] = field(default_factory=list)
    end: m.Finish | None = None
    names: dict[int, UUID] = field(default_factory=dict)
    serial: count[int] = field(default_factory=lambda: count(1))

    @property
    def finished(self) -> str:
        return self.end.state if self.end else ""

    def tell(self, event: m.Event) -> None:
        external = frozenset(a.name for a in ACTIONS.values() if a.kind == "external")
        step = advance(self.process, self.state, event, external=external)
        while True:
            self._take(step)
            if step.call is None:
                break
            answer = self._answer(step.call.action, step.call.token)
            step = advance(self.process, step.state, answer, external=external)
        self.state = self._named(step.state)
        waiting = {token.id for token in self.state.tokens}
        self.called = {token: run for token, run in self.called.items() if token in waiting}
        asked, self.asked = [(self._name(one.token), one) for one in self.asked], []
        thrown, self.thrown = self.thrown, []
        for said in thrown:
            self._throw(said)
        for token, one in asked:
            if any(t.id == token and t.node == one.node for t in self.state.tokens):
                self._ask(token, one)
        if self.end is not None and self.caller is not None:
            self._return(*self.caller, self.end)

    def _throw(self, said: m.Broadcast | m.Escalate) -> None:
        """A signal goes to everybody who listens, an escalation to the caller."""
        if isinstance(said, m.Broadcast):
            top = self
            while top.caller is not None:
                top = top.caller[0]
            top.signal(said.signal, said.values)
        elif self.caller is not None and self.caller[1] in self.caller[0].called:
            caller, token = self.caller
            caller.clock = self.clock
            caller.tell(
                m.Escalated(now=self.clock, token=token, code=said.code, values=said.values)
            )

    def signal(self, name: str, values: Mapping[str, Any]) -> int:
        """Let everybody hear a signal who listens now; how many."""
        heard = [
            (one, token.id, node.id)
            for one in self.everyone()
            for token, node in _watched(one)
            if node.signal == name
        ]
        for one, token, node in heard:
            if any(token == now.id for now, _node in _watched(one)):
                one.tell(m.SignalArrived(now=one.clock, token=token, node=node, values=values))
        return len(heard)

    def _ask(self, token: UUID, one: m.OpenCommand | m.OpenCall) -> None:
        if isinstance(one, m.OpenCommand):
            self.tell(self._answer(one.action, token))
            return
        child = Run(
            self.book,
            self.book.called[one.called],
            self.given,
            self.passed,
            m.State(catches=one.catches),
            self.clock,
            (self, token),
        )
        self.called[token] = child
        child.tell(m.Started(now=self.clock, variables=one.inputs))

    def _return(self, caller: Run, token: UUID, end: m.Finish) -> None:
        if caller.called.pop(token, None) is not self:
            return
        event: m.Event = m.Returned(now=self.clock, token=token, values=self.state.variables)
        if end.error:
            event = m.BpmnError(
                now=self.clock, token=token, code=end.error, message=end.message, values=end.values
            )
        caller.clock = self.clock
        caller.tell(event)

    def everyone(self) -> Iterator[Run]:
        """This instance and those it called that still run."""
        yield self
        for child in list(self.called.values()):
            yield from child.everyone()

    def later(self) -> None:
        """Time passes, for all of them."""
        now = self.clock + timedelta(minutes=10)
        for one in self.everyone():
            one.clock = now

    def standing(self) -> str:
        found = [token.node for one in self.everyone() for token in one.state.tokens]
        return ", ".join(found) or self.finished or "nowhere"

    def _take(self, step: m.Step) -> None:
        for effect in step.effects:
            if isinstance(effect, m.Record) and effect.kind == "entered":
                self.passed.append(effect.node)
            elif isinstance(effect, m.OpenCommand | m.OpenCall):
                self.asked.append(effect)
            elif isinstance(effect, m.Broadcast | m.Escalate):
                self.thrown.append(effect)
            elif isinstance(effect, m.OpenIncident):
                raise ScenarioFailed(f"{effect.node}: {effect.message}")
            elif isinstance(effect, m.Finish):
                self.end = effect

    def _answer(self, action: str, token: UUID | int) -> m.Event:
        word, meanings = ANSWERS.get(action, _NO_ANSWER)
        answers = self.given.get(word) or [next(iter(meanings))]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer not in meanings:
            raise ScenarioFailed(f"given.{word}: {answer!r} is none of {', '.join(meanings)}.")
        meaning = meanings[answer]
        if isinstance(meaning, Failure):
            return m.BpmnError(
                now=self.clock,
                token=token,
                code=meaning.code,
                message=answer,
                values=meaning.values,
            )
        if isinstance(meaning, Values):
            return m.Returned(now=self.clock, token=token, values=meaning.values)
        if meaning:
            return m.BpmnError(now=self.clock, token=token, code=meaning, message=answer)
        return m.Returned(now=self.clock, token=token, values={})

    def _name(self, token: UUID | int) -> UUID:
        if isinstance(token, UUID):
            return token
        return self.names.setdefault(token, UUID(int=next(self.serial)))

    def _named(self, state: m.State) -> m.State:
        self.names = {}
        tokens = tuple(replace(token, id=self._name(token.id)) for token in state.tokens)
        scopes = {
            id_: scope if scope.host is None else replace(scope, host=self._name(scope.host))
            for id_, scope in state.scopes.items()
        }
        return replace(state, tokens=tokens, scopes=scopes)


def run(book: Playbook, key: str, scenario: Mapping[str, Any]) -> None:
    """Walk one scenario; raises ScenarioFailed with what differed."""
    given = {
        word: list(value) if isinstance(value, list) else [value]
        for word, value in scenario.get("given", {}).items()
    }
    known = {word for word, _ in ANSWERS.values()}
    for word in given:
        if word not in known:
            raise ScenarioFailed(f"given.{word}: nothing listens to it.")
    at = Run(book, book.processes[key], given)
    parameters = {k: v for k, v in book.parameters.items() if not isinstance(v, dict | list)}
    variables = {"service_id": "s-1", "parameters": parameters, **scenario.get("start", {})}
    at.tell(m.Started(now=at.clock, variables=variables))
    for number, step in enumerate(scenario.get("when", []), 1):
        at.later()
        if "message" in step:
            _message(at, step["message"], number)
        elif "timer" in step:
            _timer(at, step["timer"], number)
        elif "signal" in step:
            if not at.signal(step["signal"], step.get("with", {})):
                raise ScenarioFailed(f"step {number}: nobody waits for {step['signal']}.")
        else:
            _work(at, step, number)
    _compare(at, scenario.get("then", {}))


def _work(at: Run, step: Mapping[str, Any], number: int) -> None:
    does = step["does"]
    for one in at.everyone():
        for token in one.state.tokens:
            if token.node == does and token.wait is m.WaitKind.WORK:
                node = one.process.nodes[does]
                if node.lane != step["who"]:
                    raise ScenarioFailed(f"step {number}: {does} is the work of {node.lane}.")
                values: Mapping[str, Any] = step.get("with", {})
                if "gives-up" in step:  # 退单: the step ends by saying so, its form is not answered
                    variable = node.extension.get("returns", "")
                    if not variable:
                        raise ScenarioFailed(f"step {number}: {does} has no kaitong:returns.")
                    values = {variable: "return", "decision_reason": str(step["gives-up"])}
                elif node.form:
                    form = at.book.forms[node.form]
                    values, _writes = form.split(form.example(lambda kind: f"<{kind}>", **values))
                one.tell(m.Completed(now=one.clock, token=token.id, values=values))
                return
    raise ScenarioFailed(f"step {number}: {does} does not wait; the order is at {at.standing()}.")


def _watched(one: Run) -> Iterator[tuple[m.Token, m.Node]]:
    """Every event that tokens at rest would hear of, with the token."""
    for token in one.state.tokens:
        node = one.process.nodes[token.node]
        if token.wait in (
            m.WaitKind.TIMER,
            m.WaitKind.MESSAGE,
            m.WaitKind.SIGNAL,
            m.WaitKind.LISTEN,
        ):
            yield token, node
        elif token.wait is m.WaitKind.EVENT:
            yield from ((token, one.process.nodes[flow.target]) for flow in node.outgoing)
        yield from ((token, one.process.nodes[boundary]) for boundary in node.boundaries)


def _message(at: Run, name: str, number: int) -> None:
    for one in at.everyone():
        for token, node in _watched(one):
            if node.message == name:
                one.tell(m.MessageArrived(now=one.clock, token=token.id, node=node.id))
                return
    raise ScenarioFailed(f"step {number}: nobody waits for the message {name}.")


def _timer(at: Run, name: str, number: int) -> None:
    for one in at.everyone():
        for token, node in _watched(one):
            if node.id == name and node.timer is not None:
                one.tell(m.TimerFired(now=one.clock, token=token.id, node=node.id))
                return
    raise ScenarioFailed(f"step {number}: nobody waits for the timer {name}.")


def _compare(at: Run, then: Mapping[str, Any]) -> None:
    if "process" in then and at.finished != then["process"]:
        where = at.standing() if at.state.tokens else "nothing"
        raise ScenarioFailed(f"ended {at.finished or 'not at all'}, waits at {where}.")
    for node in then.get("passed", []):
        if node not in at.passed:
            raise ScenarioFailed(f"never came to {node}.")
    for node in then.get("not", []):
        if node in at.passed:
            raise ScenarioFailed(f"came to {node}, which it should not.")


def run_all(book: Playbook) -> list[tuple[str, str]]:
    """Every scenario of a playbook: (name, "" or what differed)."""
    outcomes = []
    for key, scenarios in book.scenarios.items():
        for scenario in scenarios:
            name = f"{key}: {scenario['name']}"
            try:
                run(book, key, scenario)
            except ScenarioFailed as failure:
                outcomes.append((name, str(failure)))
            else:
                outcomes.append((name, ""))
    return outcomes
