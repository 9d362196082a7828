"""From the syntax tree to Python closures: an expression is compiled once and evaluated often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from lark import Token, Tree

from kaitong.process.feel import temporal
from kaitong.process.feel.budget import spend, spend_on_text
from kaitong.process.feel.builtins import BUILTINS
from kaitong.process.feel.errors import MAX_DEPTH, FeelError, Problem
from kaitong.process.feel.values import (
    Range,
    all_true,
    any_true,
    arithmetic,
    equal,
    less,
    member,
    negate,
    number,
    opposite,
)
from kaitong.process.feel.walking import Env, Run, filtered, inside, property_of, walked

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "/": "/"}


class Compiler:
    """Compiles one expression; `names` collects the variables it reads."""

    def __init__(self, text: str, functions: frozenset[tuple[str, int]] = frozenset()):
        self.text = text
        self.functions = functions  # callable variables: name and number of arguments
        self.names: set[str] = set()
        self.inner = 0  # inside a filter, loop or context: names may be those of the inner scope
        self.local: list[str] = []  # loop variables, which are no variables of the process
        self.depth = 0
        self.size = 0  # parts compiled so far: what one evaluation of them costs

    def fault(self, what: str, tree: Tree[Token] | Token) -> FeelError:
        line, column = _place(tree)
        return FeelError(what, text=self.text, line=line, column=column)

    def make(self, tree: Any) -> Run:
        if isinstance(tree, Token):
            raise self.fault(f"`{tree}` is not expected here", tree)
        self.depth += 1
        self.size += 1
        if self.depth > MAX_DEPTH:
            raise self.fault(f"the expression is nested deeper than {MAX_DEPTH}", tree)
        run: Run = getattr(self, "_" + str(tree.data))(tree, *tree.children)
        self.depth -= 1
        return run

    def guarded(self, tree: Tree[Token], operation: Callable[..., Any], *parts: Run) -> Run:
        """Operands first, then the operation; its Problem gets this place."""
        place = _place(tree)
        if len(parts) == 2:
            left, right = parts

            def run_two(env: Env) -> Any:
                a, b = left(env), right(env)
                try:
                    return operation(a, b)
                except Exception as error:
                    raise placed(error, place) from None

            return run_two

        def run(env: Env) -> Any:
            values = [part(env) for part in parts]
            try:
                return operation(*values)
            except Exception as error:
                raise placed(error, place) from None

        return run

    # ---- leaves

    def _start(self, tree: Tree[Token], inside: Any) -> Run:
        return self.make(inside)

    def constant(self, value: Any) -> Run:
        return lambda env: value

    def _number(self, tree: Tree[Token], digits: Token) -> Run:
        try:
            return self.constant(number(Decimal(str(digits))))
        except Problem as problem:
            raise self.fault(problem.what, tree) from None

    def _string(self, tree: Tree[Token], quoted: Token) -> Run:
        return self.constant(self.unquote(quoted))

    def unquote(self, quoted: Token) -> str:
        inside = str(quoted)[1:-1]
        if "\\" not in inside:
            return inside
        made, at = [], 0
        while at < len(inside):
            char = inside[at]
            if char != "\\":
                made.append(char)
                at += 1
                continue
            sign = inside[at + 1]
            digits = inside[at + 2 : at + 6]
            if (
                sign == "u"
                and len(digits) == 4
                and all(c in "0123456789abcdefABCDEF" for c in digits)
            ):
                made.append(chr(int(digits, 16)))
                at += 6
            elif sign in _ESCAPES:
                made.append(_ESCAPES[sign])
                at += 2
            else:
                raise self.fault(f"`\\{sign}` is not an escape of a string", quoted)
        text = "".join(made)
        if any("\ud800" <= char <= "\udfff" for char in made):  # halves of one character
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if "\x00" in text or "\ufffd" in text:
            raise self.fault("a string holds a character that no text can hold", quoted)
        return text

    def _true(self, tree: Tree[Token]) -> Run:
        return self.constant(True)

    def _false(self, tree: Tree[Token]) -> Run:
        return self.constant(False)

    def _null(self, tree: Tree[Token]) -> Run:
        return self.constant(None)

    def _at(self, tree: Tree[Token], quoted: Token) -> Run:
        text = self.unquote(quoted)
        for read in (
            temporal.parse_date,
            temporal.parse_date_time,
            temporal.parse_time,
            temporal.parse_duration,
        ):
            try:
                return self.constant(read(text))
            except (ValueError, OverflowError):
                continue
        raise self.fault(f"'{text}' is no date, time or duration", tree)

    def _name(self, tree: Tree[Token], token: Token) -> Run:
        name = str(token)
        if name not in self.local:
            self.names.add(name)
        if not self.inner:
            return lambda env: env.variables.get(name)

        def run(env: Env) -> Any:
            for scope in reversed(env.scopes):
                if name in scope:
                    return scope[name]
            return env.variables.get(name)

        return run

    def _names(self, tree: Tree[Token], first: Token, *rest: Token) -> Run:
        run = self._name(tree, first)
        for part in rest:
            run = self.guarded(tree, property_of(str(part)), run)
        return run

    # ---- structures

    def _paren(self, tree: Tree[Token], inside: Any, *more: Any) -> Run:
        if more:
            raise self.fault("several tests in parentheses have a meaning only after `in`", tree)
        return self.make(inside)

    def _list(self, tree: Tree[Token], *items: Any) -> Run:
        parts = [self.make(item) for item in items]
        return lambda env: [part(env) for part in parts]

    def _context(self, tree: Tree[Token], *entries: Any) -> Run:
        self.inner += 1
        parts: dict[str, Run] = {}
        for entry in entries:
            key_token, value = entry.children
            key = self.unquote(key_token) if key_token.type == "STRING" else str(key_token)
            if key in parts:
                raise self.fault(f"the entry `{key}` stands twice", entry)
            parts[key] = self.make(value)
            self.local.append(key)
        del self.local[len(self.local) - len(parts) :]
        self.inner -= 1

        def run(env: Env) -> Any:
            made: dict[str, Any] = {}
            env.scopes.append(made)
            try:
                for key, part in parts.items():
                    made[key] = part(env)
            finally:
                env.scopes.pop()
            return made

        return run

    def _range(self, tree: Tree[Token], opening: Token, low: Any, *rest: Any) -> Run:
        _dots, high, closing = rest
        low_closed, high_closed = str(opening) == "[", str(closing) == "]"
        return self.guarded(
            tree,
            lambda a, b: Range(a, b, low_closed, high_closed),
            self.make(low),
            self.make(high),
        )

    _outer_range = _range

    def _path(self, tree: Tree[Token], base: Any, name: Token) -> Run:
        return self.guarded(tree, property_of(str(name)), self.make(base))

    def _filter(self, tree: Tree[Token], base: Any, condition: Any) -> Run:
        source = self.make(base)
        self.inner += 1
        self.local.append("item")
        # A position is not evaluated for each item: it is evaluated once, without an inner scope.
        before = self.size
        test = self.make(condition)
        size = self.size - before
        self.local.pop()
        self.inner -= 1
        place = _place(tree)

        def run(env: Env) -> Any:
            items = source(env)
            if items is None:
                return None
            if not isinstance(items, list | tuple):
                items = [items]
            try:
                return filtered(env, items, test, size)
            except Exception as error:
                raise placed(error, place) from None

        return run

    def _loop_parts(self, name: Token, source: Any, body: Any) -> tuple[Run, Run, str, int]:
        over = self.make(source)
        self.inner += 1
        self.local.append(str(name))
        before = self.size
        run = self.make(body)
        self.local.pop()
        self.inner -= 1
        return over, run, str(name), self.size - before

    def _loop(self, tree: Tree[Token], *parts: Any) -> Run:
        return self._walker(tree, *self._loop_parts(*parts), list)

    def _some(self, tree: Tree[Token], *parts: Any) -> Run:
        return self._walker(tree, *self._loop_parts(*parts), any_true)

    def _every(self, tree: Tree[Token], *parts: Any) -> Run:
        return self._walker(tree, *self._loop_parts(*parts), all_true)

    def _walker(
        self,
        tree: Tree[Token],
        over: Run,
        body: Run,
        name: str,
        size: int,
        gather: Callable[..., Any],
    ) -> Run:
        place = _place(tree)

        def run(env: Env) -> Any:
            items = over(env)
            if items is None:
                return None
            try:
                return gather([inside(env, {name: item}, body) for item in walked(items, size)])
            except Exception as error:
                raise placed(error, place) from None

        return run

    # ---- logic

    def _conditional(self, tree: Tree[Token], condition: Any, then: Any, other: Any) -> Run:
        test, yes, no = self.make(condition), self.make(then), self.make(other)
        return lambda env: yes(env) if test(env) is True else no(env)

    def _disjunction(self, tree: Tree[Token], *parts: Any) -> Run:
        runs = [self.make(part) for part in parts]

        def run(env: Env) -> Any:
            unknown = False
            for part in runs:
                answer = part(env)
                if answer is True:
                    return True
                unknown = unknown or answer is not False
            return None if unknown else False

        return run

    def _conjunction(self, tree: Tree[Token], *parts: Any) -> Run:
        runs = [self.make(part) for part in parts]

        def run(env: Env) -> Any:
            unknown = False
            for part in runs:
                answer = part(env)
                if answer is False:
                    return False
                unknown = unknown or answer is not True
            return None if unknown else True

        return run

    def _compare(self, tree: Tree[Token], left: Any, sign: Token, right: Any) -> Run:
        return self.guarded(tree, _COMPARE[str(sign)], self.make(left), self.make(right))

    def _between(self, tree: Tree[Token], value: Any, low: Any, high: Any) -> Run:
        def within(value: Any, low: Any, high: Any) -> Any:
            return Range(low, high, True, True).contains(value)

        return self.guarded(tree, within, self.make(value), self.make(low), self.make(high))

    def _member(self, tree: Tree[Token], value: Any, target: Any) -> Run:
        subject = self.make(value)
        tests = [self.test(part) for part in _tests_of(target)]

        def run(env: Env) -> Any:
            candidate = subject(env)
            return any_true([test(env, candidate) for test in tests])

        return run

    def test(self, part: Any) -> Callable[[Env, Any], Any]:
        """A positive unary test: `< 5`, `[1..5]`, a value or a list of values."""
        place = _place(part)
        compare: Callable[[Any, Any], Any] = member
        operand = part
        if part.data == "operator_test":
            sign, operand = part.children
            compare = _COMPARE[str(sign)]
        run = self.make(operand)

        def test(env: Env, candidate: Any) -> Any:
            target = run(env)
            try:
                return compare(candidate, target)
            except Exception as error:
                raise placed(error, place) from None

        return test

    def _operator_test(self, tree: Tree[Token], sign: Token, *rest: Any) -> Run:
        raise self.fault(f"`{sign}` lacks its left side", tree)

    # ---- arithmetic and functions

    def _arithmetic(self, tree: Tree[Token], left: Any, sign: Token, right: Any) -> Run:
        operator = str(sign)
        return self.guarded(
            tree, lambda a, b: arithmetic(operator, a, b), self.make(left), self.make(right)
        )

    def _sign(self, tree: Tree[Token], sign: Token, operand: Any) -> Run:
        if isinstance(operand, Token):  # the end of a range: `-5`
            operand = Tree("number", [operand], tree.meta)
        if str(sign) == "+":
            return self.guarded(
                tree, lambda a: None if a is None else number(a), self.make(operand)
            )
        return self.guarded(tree, opposite, self.make(operand))

    def _call(self, tree: Tree[Token], token: Token, *arguments: Any) -> Run:
        name = " ".join(str(token).split())
        builtin = BUILTINS.get(name)
        if builtin is None:
            return self._call_variable(tree, name, arguments)
        count = len(arguments)
        if count < builtin.least or (builtin.most is not None and count > builtin.most):
            most = "more" if builtin.most is None else builtin.most
            number_of = builtin.least if most == builtin.least else f"{builtin.least} to {most}"
            raise self.fault(f"{name}() takes {number_of} arguments, not {count}", tree)
        runs = [self.make(argument) for argument in arguments]
        place = _place(tree)
        function = builtin.run

        def run(env: Env) -> Any:
            values = [part(env) for part in runs]
            try:
                for value in values:
                    _pay(value, builtin.searches)
                answer = function(*values)
                _pay(answer)
            except Exception as error:
                raise placed(error, place) from None
            return answer

        return run

    def _call_variable(self, tree: Tree[Token], name: str, arguments: tuple[Any, ...]) -> Run:
        wanted = dict(self.functions).get(name)
        if wanted is None:
            raise self.fault(f"there is no function {name}()", tree)
        if len(arguments) != wanted:
            raise self.fault(f"{name}() takes {wanted} arguments, not {len(arguments)}", tree)
        self.names.add(name)
        runs = [self.make(argument) for argument in arguments]
        place = _place(tree)

        def run(env: Env) -> Any:
            values = [part(env) for part in runs]
            try:
                return env.variables[name](*values)
            except Exception as error:
                raise placed(error, place) from None

        return run


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": equal,
    "!=": lambda a, b: negate(equal(a, b)),
    "<": less,
    "<=": lambda a, b: less(a, b, or_equal=True),
    ">": lambda a, b: less(b, a),
    ">=": lambda a, b: less(b, a, or_equal=True),
}


def _place(tree: Any) -> tuple[int, int]:
    if isinstance(tree, Token):
        return tree.line or 1, tree.column or 1
    return getattr(tree.meta, "line", 1), getattr(tree.meta, "column", 1)


def placed(error: Exception, place: tuple[int, int] | None) -> Problem:
    """What went wrong, at this place if nothing inside knows a better one.

    Values come from outside: whatever they do to an operator is the expression's fault.
    """
    if isinstance(error, Problem):
        problem = error
    elif isinstance(error, RecursionError):
        problem = Problem("a value is nested too deeply")
    elif isinstance(error, ArithmeticError):
        problem = Problem("the number is too large or has no value")
    else:
        problem = Problem(f"the values make no sense here ({type(error).__name__})")
    problem.place = problem.place or place
    return problem


def _pay(value: Any, searches: bool = False) -> None:
    """A function's arguments and its answer, by their size."""
    if isinstance(value, str):
        spend_on_text(value, 8 if searches else 1)
    elif isinstance(value, list | tuple | Mapping):
        spend(len(value))


def _tests_of(target: Any) -> list[Any]:
    """`in (a, < 5)` are several tests; anything else is one."""
    return list(target.children) if target.data == "paren" else [target]
