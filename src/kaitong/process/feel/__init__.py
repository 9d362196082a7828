"""FEEL, the expression language of DMN, as far as gateways, mappings and tables need it.

    compile('speed >= 300 and region in ("城区", "郊区")', where="flow f4").evaluate(variables)

Numbers are Decimal, logic is three-valued, every evaluation is bounded; nothing is ever passed to
Python's eval. Names may hold Chinese letters, digits and underscores. A name that is not among the
variables is null. Compiled expressions are immutable, cached by text and may be shared by threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from kaitong.process.feel.budget import enter, leave, spend, weigh
from kaitong.process.feel.compiler import Compiler, placed
from kaitong.process.feel.errors import FeelError, Problem
from kaitong.process.feel.grammar import parse
from kaitong.process.feel.values import any_true, negate, plain
from kaitong.process.feel.walking import Env, Run

__all__ = ["Expression", "FeelError", "UnaryTests", "compile", "compile_unary_tests", "plain"]


class _Compiled:
    """A text, the variables it reads, and what it does."""

    __slots__ = ("_run", "names", "size", "text", "where")

    def __init__(
        self, text: str, run: Callable[..., Any], names: frozenset[str], size: int, where: str
    ):
        self.text = text
        self.size = size  # parts: the steps one evaluation costs at least
        self.names = names
        self.where = where
        self._run = run

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.text == self.text

    def __hash__(self) -> int:
        return hash((type(self), self.text))

    def _fault(self, problem: Problem) -> FeelError:
        line, column = problem.place or (1, 1)
        return FeelError(problem.what, text=self.text, where=self.where, line=line, column=column)


class Expression(_Compiled):
    """A compiled expression.

    `names` are the variables it may read: inside a filter a name may also be a part of the item.
    """

    __slots__ = ()

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """The value, or FeelError where the expression has no meaning for these variables."""
        opened = enter()
        try:
            spend(self.size)
            value = self._run(Env(variables))
            if type(value) not in _LIGHT:
                weigh(value)
            return value
        except Exception as error:
            raise self._fault(placed(error, None)) from None
        finally:
            if opened:
                leave()


class UnaryTests(_Compiled):
    """A compiled cell of a decision table: `-`, `< 5`, `[1..5], 9`, `not("a", "b")`."""

    __slots__ = ()

    def matches(self, value: Any, variables: Mapping[str, Any] | None = None) -> bool | None:
        """Whether `value` (also readable as `?`) satisfies the tests; None is unknown."""
        opened = enter()
        try:
            spend(self.size)
            answer: bool | None = self._run(Env({**(variables or {}), "?": value}), value)
        except Exception as error:
            raise self._fault(placed(error, None)) from None
        finally:
            if opened:
                leave()
        return answer


_LIGHT = frozenset({type(None), bool, int, Decimal, date, datetime, time, timedelta})
Functions = frozenset[tuple[str, int]]  # what may be called besides the built-in: name, arguments


def compile(text: str, *, where: str = "", functions: Functions = frozenset()) -> Expression:
    """The expression of a text; FeelError names `where` and the place inside the text.

    `functions` are variables that hold a callable (business knowledge models of a decision).
    """
    try:
        run, names, size = _expression(text, functions)
    except FeelError as error:
        raise _moved(error, where) from None
    return Expression(text, run, names, size, where)


def compile_unary_tests(
    text: str, *, where: str = "", functions: Functions = frozenset()
) -> UnaryTests:
    """The unary tests of a decision table's input entry (DMN 1.3, 7.3.3)."""
    try:
        run, names, size = _unary_tests(text, functions)
    except FeelError as error:
        raise _moved(error, where) from None
    return UnaryTests(text, run, names, size, where)


def _moved(error: FeelError, where: str) -> FeelError:
    return FeelError(error.what, text=error.text, where=where, line=error.line, column=error.column)


@lru_cache(maxsize=8192)
def _expression(text: str, functions: Functions) -> tuple[Run, frozenset[str], int]:
    compiler = Compiler(text, functions)
    run = compiler.make(parse(text))
    return run, frozenset(compiler.names), compiler.size


@lru_cache(maxsize=8192)
def _unary_tests(
    text: str, functions: Functions
) -> tuple[Callable[[Env, Any], Any], frozenset[str], int]:
    if text.strip() == "-":
        return (lambda env, value: True), frozenset(), 0
    compiler = Compiler(text, functions)
    parts = parse(text, unary=True).children
    negated = len(parts) == 1 and getattr(parts[0], "data", "") == "call"
    negated = negated and str(parts[0].children[0]) == "not"  # type: ignore[union-attr]
    tests = [_test(compiler, part) for part in (parts[0].children[1:] if negated else parts)]  # type: ignore[union-attr]

    def run(env: Env, value: Any) -> Any:
        answer = any_true([test(env, value) for test in tests])
        return negate(answer) if negated else answer

    return run, frozenset(compiler.names), compiler.size


def _test(compiler: Compiler, part: Any) -> Callable[[Env, Any], Any]:
    """A test that reads `?` is a condition; any other is compared with the value."""
    if "?" in compiler.text and part.data not in ("operator_test", "outer_range"):
        probe = Compiler(compiler.text, compiler.functions)
        condition = probe.make(part)
        if "?" in probe.names:
            compiler.names |= probe.names
            compiler.size += probe.size
            return lambda env, value: condition(env)
    return compiler.test(part)
