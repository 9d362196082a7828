"""The decisions of a file and what they require of each other (DMN 1.3, chapter 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kaitong.process.dmn.boxed import Logic, texts
from kaitong.process.dmn.errors import DecisionError
from kaitong.process.dmn.names import Names
from kaitong.process.dmn.types import ANYTHING, Type
from kaitong.process.feel import FeelError
from kaitong.process.feel.budget import shared
from kaitong.process.feel.errors import MAX_DECISION_STEPS, Problem


@dataclass(frozen=True)
class Knowledge:
    """A business knowledge model: a function that decisions requiring it may call."""

    name: str
    parameters: tuple[str, ...]
    logic: Logic
    types: tuple[Type, ...] = ()
    requires: tuple[str, ...] = ()  # ids of other models it calls


@dataclass(frozen=True)
class Decision:
    """`variable` is the name its outcome has for decisions that require it, and in a process."""

    id: str
    name: str
    variable: str
    logic: Logic
    type: Type = ANYTHING
    inputs: Mapping[str, Type] = field(default_factory=dict)  # input data it requires, by name
    requires: tuple[str, ...] = ()  # ids of decisions
    knowledge: tuple[str, ...] = ()  # ids of business knowledge models


@dataclass(frozen=True)
class Decisions:
    """A checked DMN file. Requirements are acyclic, so every evaluation ends."""

    file: str
    name: str
    decisions: Mapping[str, Decision]  # by id
    knowledge: Mapping[str, Knowledge]
    names: Names

    def outcomes(self) -> Iterator[str]:
        """The constant texts its tables and expressions give: a person may read them."""
        for logic in (decision.logic for decision in self.decisions.values()):
            for expression in texts(logic):
                if not expression.names and isinstance(text := expression.evaluate({}), str):
                    yield text

    def find(self, reference: str) -> Decision | None:
        """A decision by its id, else by its name."""
        found = self.decisions.get(reference)
        return found or next((d for d in self.decisions.values() if d.name == reference), None)

    def decide(self, reference: str, variables: Mapping[str, Any]) -> Any:
        """The outcome of a decision for these variables; DecisionError where there is none."""
        decision = self.find(reference)
        if decision is None:
            raise DecisionError("没有这个决策。", decision=reference)
        return self._whole(decision, variables, lenient=False)

    def evaluate(self, reference: str, variables: Mapping[str, Any]) -> Any:
        """As `decide`, but with the null DMN asks for where there is no outcome."""
        decision = self.find(reference)
        if decision is None:
            raise DecisionError("没有这个决策。", decision=reference)
        return self._whole(decision, variables, lenient=True)

    def _whole(self, decision: Decision, variables: Mapping[str, Any], *, lenient: bool) -> Any:
        """The decision with all it requires, on one budget: models call each other freely."""
        given = {name: self.names.keys(value) for name, value in variables.items()}
        with shared(MAX_DECISION_STEPS):
            return self._make(decision, given, {}, lenient=lenient)

    def _make(
        self,
        decision: Decision,
        given: Mapping[str, Any],
        made: dict[str, Any],
        *,
        lenient: bool,
    ) -> Any:
        if decision.id in made:
            return made[decision.id]
        try:
            scope = dict(given)
            for name, type_ in decision.inputs.items():
                scope[name] = type_.take(given.get(name), name)
            for required in decision.requires:
                other = self.decisions[required]
                scope[other.variable] = self._make(other, given, made, lenient=lenient)
            scope |= self._functions(decision.knowledge)
            outcome = decision.type.take(decision.logic.evaluate(scope), decision.name)
        except (FeelError, Problem) as error:
            if not lenient:
                raise DecisionError(str(error), decision=decision.name) from None
            outcome = None
        except DecisionError as error:
            if not lenient:
                error.decision = error.decision or decision.name
                raise
            outcome = None
        made[decision.id] = outcome
        return outcome

    def _functions(self, ids: tuple[str, ...]) -> dict[str, Callable[..., Any]]:
        return {self.knowledge[id_].name: self._function(self.knowledge[id_]) for id_ in ids}

    def _function(self, model: Knowledge) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            named = zip(model.parameters, model.types, arguments, strict=True)
            try:
                scope = {name: type_.take(value, name) for name, type_, value in named}
                return model.logic.evaluate({**scope, **self._functions(model.requires)})
            except (FeelError, DecisionError) as error:
                raise Problem(f"{model.name}(): {error}") from None

        return call
