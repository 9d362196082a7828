"""Run a playbook's scenarios on the pure core: seconds of work, no database, no network.

`given` says what the machines answer: one answer, or a list used up one by one (the last stays).
Each word maps to the outcome of an action; a word nobody knows fails the scenario.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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


# Action -> the `given` it listens to, and what each word means: values, or a business error.
ANSWERS: dict[str, tuple[str, dict[str, str | Failure]]] = {
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
    "activation.prove-account": ("account", {"accepted": "", "refused": "account-not-proven"}),
    "activation.prove-line": (
        "line",
        {"right-port": "", "wrong-port": "line-not-proven", "not-seen": "line-not-proven"},
    ),
    "activation.prove-removed": ("login", {"refused": "", "accepted": "login-accepted"}),
}


_NO_ANSWER: tuple[str, dict[str, str | Failure]] = ("", {"": ""})


class ScenarioFailed(AssertionError):
    """A scenario ended otherwise than its `then` says."""


@dataclass
class Run:
    """One scenario under way."""

    process: m.Model
    given: dict[str, list[str]]
    state: m.State = field(default_factory=m.State)
    clock: datetime = datetime(2026, 10, 12, 1, 0, tzinfo=UTC)
    passed: list[str] = field(default_factory=list)
    commands: list[tuple[Any, str, str]] = field(default_factory=list)
    finished: str = ""
    names: dict[int, UUID] = field(default_factory=dict)
    serial: count[int] = field(default_factory=lambda: count(1))

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
        while self.commands:
            token, _node, action = self.commands.pop(0)
            self.tell(self._answer(action, self._name(token)))

    def _take(self, step: m.Step) -> None:
        for effect in step.effects:
            if isinstance(effect, m.Record) and effect.kind == "entered":
                self.passed.append(effect.node)
            elif isinstance(effect, m.OpenCommand):
                self.commands.append((effect.token, effect.node, effect.action))
            elif isinstance(effect, m.OpenIncident):
                raise ScenarioFailed(f"{effect.node}: {effect.message}")
            elif isinstance(effect, m.Finish):
                self.finished = effect.state

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
        if meaning:
            return m.BpmnError(now=self.clock, token=token, code=meaning, message=answer)
        return m.Returned(now=self.clock, token=token, values={})

    def _name(self, token: UUID | int) -> UUID:
        if isinstance(token, UUID):
            return token
        return self.names.setdefault(token, UUID(int=next(self.serial)))

    def _named(self, state: m.State) -> m.State:
        from dataclasses import replace

        self.names = {}
        tokens = tuple(replace(token, id=self._name(token.id)) for token in state.tokens)
        return replace(state, tokens=tokens)


def run(book: Playbook, key: str, scenario: Mapping[str, Any]) -> None:
    """Walk one scenario; raises ScenarioFailed with what differed."""
    process = book.processes[key]
    given = {
        word: list(value) if isinstance(value, list) else [value]
        for word, value in scenario.get("given", {}).items()
    }
    known = {word for word, _ in ANSWERS.values()}
    for word in given:
        if word not in known:
            raise ScenarioFailed(f"given.{word}: nothing listens to it.")
    at = Run(process, given)
    parameters = {k: v for k, v in book.parameters.items() if not isinstance(v, dict | list)}
    variables = {"service_id": "s-1", "parameters": parameters, **scenario.get("start", {})}
    at.tell(m.Started(now=at.clock, variables=variables))
    for number, step in enumerate(scenario.get("when", []), 1):
        at.clock += timedelta(minutes=10)
        if "message" in step:
            _message(at, step["message"], number)
            continue
        node = process.nodes[step["does"]]
        token = next((t for t in at.state.tokens if t.node == node.id), None)
        if token is None or token.wait is not m.WaitKind.WORK:
            where = ", ".join(t.node for t in at.state.tokens) or at.finished or "nowhere"
            raise ScenarioFailed(
                f"step {number}: {node.id} does not wait; the order is at {where}."
            )
        if node.lane != step["who"]:
            raise ScenarioFailed(f"step {number}: {node.id} is the work of {node.lane}.")
        if "gives-up" in step:  # 退单: the step ends by saying so, its form is not answered
            variable = node.extension.get("returns", "")
            if not variable:
                raise ScenarioFailed(f"step {number}: {node.id} has no kaitong:returns.")
            given_up = {variable: "return", "decision_reason": str(step["gives-up"])}
            at.tell(m.Completed(now=at.clock, token=token.id, values=given_up))
            continue
        example = book.forms[node.form].example(lambda kind: f"<{kind}>", **step.get("with", {}))
        values, _writes = book.forms[node.form].split(example)
        at.tell(m.Completed(now=at.clock, token=token.id, values=values))
    _compare(at, scenario.get("then", {}))


def _message(at: Run, name: str, number: int) -> None:
    for token in at.state.tokens:
        for boundary in at.process.nodes[token.node].boundaries:
            if at.process.nodes[boundary].message == name:
                at.tell(m.MessageArrived(now=at.clock, token=token.id, node=boundary))
                return
    raise ScenarioFailed(f"step {number}: nobody waits for the message {name}.")


def _compare(at: Run, then: Mapping[str, Any]) -> None:
    if "process" in then and at.finished != then["process"]:
        where = ", ".join(t.node for t in at.state.tokens)
        raise ScenarioFailed(f"ended {at.finished or 'not at all'}, waits at {where or 'nothing'}.")
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
