"""A decision table and its hit policies (DMN 1.3, 8.2.8 to 8.2.11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kaitong.process.dmn.errors import DecisionError
from kaitong.process.dmn.types import ANYTHING, Type
from kaitong.process.feel import Expression, FeelError, UnaryTests
from kaitong.process.feel.builtins import BUILTINS
from kaitong.process.feel.errors import Problem
from kaitong.process.feel.values import equal


class Hit(StrEnum):
    UNIQUE = "UNIQUE"  # at most one rule applies
    ANY = "ANY"  # several may, with the same outcome
    PRIORITY = "PRIORITY"  # the first by the order of the outputs' allowed values
    FIRST = "FIRST"  # the first by the order of the rules
    RULE_ORDER = "RULE ORDER"  # all, by the order of the rules
    OUTPUT_ORDER = "OUTPUT ORDER"  # all, by the order of the outputs' allowed values
    COLLECT = "COLLECT"  # all, or what an aggregation makes of them


SINGLE = frozenset({Hit.UNIQUE, Hit.ANY, Hit.PRIORITY, Hit.FIRST})
BY_OUTPUT = frozenset({Hit.PRIORITY, Hit.OUTPUT_ORDER})
AGGREGATIONS = {"SUM": "sum", "COUNT": "count", "MIN": "min", "MAX": "max"}


class NoRule(DecisionError):
    """No rule applies, and there is no default."""


@dataclass(frozen=True)
class Input:
    label: str
    expression: Expression
    type: Type = ANYTHING  # with the column's allowed values


@dataclass(frozen=True)
class Output:
    name: str  # "" where it is the only one
    label: str
    type: Type = ANYTHING
    order: tuple[Any, ...] = ()  # its allowed values, best first
    default: Expression | None = None


@dataclass(frozen=True)
class Rule:
    tests: tuple[UnaryTests, ...]
    outcomes: tuple[Expression, ...]


@dataclass(frozen=True)
class Table:
    """`evaluate` gives the outcome: a value, or a context of several outputs; a list if several."""

    hit: Hit
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]
    aggregation: str = ""

    @property
    def gives_list(self) -> bool:
        return self.hit not in SINGLE and not self.aggregation

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        values = [_read(column, scope) for column in self.inputs]
        found = []
        for number, rule in enumerate(self.rules, 1):
            if self._applies(number, rule, values, scope):
                found.append(number)
                if self.hit is Hit.FIRST:
                    break
        if not found:
            return self._default(scope)
        if self.hit is Hit.UNIQUE and len(found) > 1:
            raise DecisionError(
                f"规则 {'、'.join(map(str, found))} 同时适用，而这张表只许一条适用。"
            )
        if self.aggregation == "COUNT":
            return BUILTINS["count"].run([*found])
        made = [self._outcome(number, scope) for number in found]
        return self._one_or_all(found, made)

    def _applies(
        self, number: int, rule: Rule, values: list[Any], scope: Mapping[str, Any]
    ) -> bool:
        for column, test, value in zip(self.inputs, rule.tests, values, strict=True):
            try:
                if test.matches(value, scope) is not True:
                    return False
            except FeelError as error:
                raise DecisionError(error.what, where=f"规则 {number}，{column.label}") from None
        return True

    def _one_or_all(self, found: list[int], made: list[dict[str, Any]]) -> Any:
        if self.hit is Hit.ANY:
            for number, outcome in zip(found, made, strict=True):
                if equal(outcome, made[0]) is not True:
                    raise DecisionError(f"规则 {found[0]} 和 {number} 同时适用，结果却不同。")
        if self.hit in BY_OUTPUT:
            made = sorted(made, key=self._rank)  # stable: rules of one rank keep their order
        if self.hit in SINGLE:
            return self._shape(made[0])
        outcomes = [self._shape(outcome) for outcome in made]
        if not self.aggregation:
            return outcomes
        try:
            return BUILTINS[AGGREGATIONS[self.aggregation]].run(outcomes)
        except Problem as problem:
            raise DecisionError(problem.what) from None

    def _outcome(self, number: int, scope: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for output, entry in zip(self.outputs, self.rules[number - 1].outcomes, strict=True):
            where = f"规则 {number}，{output.label}"
            try:
                made[output.name] = output.type.take(entry.evaluate(scope), output.label)
            except FeelError as error:
                raise DecisionError(error.what, where=where) from None
            except DecisionError as error:
                raise DecisionError(str(error.what), where=where) from None
        return made

    def _rank(self, outcome: Mapping[str, Any]) -> tuple[int, ...]:
        """The places of an outcome's values among the allowed ones, outputs from left to right."""
        ranks = []
        for output in self.outputs:
            if output.order:
                value = outcome[output.name]
                places = [at for at, one in enumerate(output.order) if equal(one, value) is True]
                ranks.append(places[0] if places else len(output.order))
        return tuple(ranks)

    def _default(self, scope: Mapping[str, Any]) -> Any:
        if not any(output.default for output in self.outputs):
            if self.hit in SINGLE:
                raise NoRule("没有一条规则适用，也没有默认结果。")
            return None
        made: dict[str, Any] = {}
        for output in self.outputs:
            try:
                made[output.name] = output.default and output.default.evaluate(scope)
            except FeelError as error:
                raise DecisionError(error.what, where=f"默认结果，{output.label}") from None
        return self._shape(made)

    def _shape(self, outcome: Mapping[str, Any]) -> Any:
        return next(iter(outcome.values())) if len(self.outputs) == 1 else dict(outcome)


def _read(column: Input, scope: Mapping[str, Any]) -> Any:
    try:
        return column.type.take(column.expression.evaluate(scope), column.label)
    except FeelError as error:
        raise DecisionError(error.what, where=column.label) from None
