"""Boxed contexts and invocations (DMN 1.3, 7.3.5 and 7.3.6): logic made of named pieces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kaitong.process.dmn.errors import DecisionError
from kaitong.process.dmn.table import Table
from kaitong.process.dmn.types import ANYTHING, Type
from kaitong.process.feel import Expression, FeelError
from kaitong.process.feel.errors import Problem


@dataclass(frozen=True)
class Entry:
    """A piece by its name; later ones of the same context read it."""

    name: str
    logic: Logic
    type: Type = ANYTHING

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        try:
            return self.type.take(self.logic.evaluate(scope), self.name)
        except FeelError as error:
            raise DecisionError(str(error), where=self.name) from None
        except DecisionError as error:
            where = "，".join(part for part in (self.name, error.where) if part)
            raise DecisionError(error.what, error.remedy, where=where) from None


@dataclass(frozen=True)
class Context:
    """Its outcome is the entry without a name, else all entries by their names."""

    entries: tuple[Entry, ...]
    result: Logic | None = None

    gives_list = False  # a table's outcome of several rules is one

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        made: dict[str, Any] = {}
        for entry in self.entries:
            made[entry.name] = entry.evaluate({**scope, **made})
        if self.result is None:
            return made
        return self.result.evaluate({**scope, **made})


@dataclass(frozen=True)
class Invocation:
    """Calls a business knowledge model; `arguments` in the order of its parameters."""

    function: str
    arguments: tuple[Entry, ...]

    gives_list = False

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        values = [argument.evaluate(scope) for argument in self.arguments]
        try:
            return scope[self.function](*values)
        except Problem as problem:
            raise DecisionError(problem.what) from None


Logic = Expression | Table | Context | Invocation


def texts(logic: Logic) -> Iterator[Expression]:
    """The expressions whose constant texts a decision may give."""
    if isinstance(logic, Expression):
        yield logic
    elif isinstance(logic, Table):
        yield from (entry for rule in logic.rules for entry in rule.outcomes)
        yield from (output.default for output in logic.outputs if output.default is not None)
    elif isinstance(logic, Context):
        pieces = [entry.logic for entry in logic.entries]
        for piece in [*pieces, *([logic.result] if logic.result is not None else [])]:
            yield from texts(piece)
    else:
        for argument in logic.arguments:
            yield from texts(argument.logic)
