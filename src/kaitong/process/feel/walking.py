"""Walking lists, contexts and parts of values while an expression is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from kaitong.process.feel.budget import spend
from kaitong.process.feel.errors import MAX_ITEMS, Problem
from kaitong.process.feel.values import Range, bounded_list, kind, number


class Env:
    """What an evaluation sees: the variables, and inner scopes (of filters, loops)."""

    __slots__ = ("scopes", "variables")

    def __init__(self, variables: Mapping[str, Any]):
        self.variables = variables
        self.scopes: list[Mapping[str, Any]] = []


Run = Callable[[Env], Any]


def inside(env: Env, scope: Mapping[str, Any], run: Run) -> Any:
    env.scopes.append(scope)
    try:
        return run(env)
    finally:
        env.scopes.pop()


def walked(items: Any, size: int) -> list[Any]:
    """The items of a loop whose body has `size` parts."""
    if isinstance(items, Range):
        low, high = number(items.low), number(items.high)
        first = int(low.to_integral_value()) + (0 if items.low_closed else 1)
        last = int(high.to_integral_value()) - (0 if items.high_closed else 1)
        if last - first >= MAX_ITEMS:
            raise Problem(f"a range of more than {MAX_ITEMS} numbers")
        items = [Decimal(value) for value in range(first, last + 1)]
    if not isinstance(items, list | tuple):
        items = [items]
    spend(len(items) * size)
    return list(items)


def filtered(env: Env, items: Any, test: Run, size: int) -> Any:
    first = items[0] if items else None
    answer = inside(env, _scope(first), test)
    if kind(answer) == "number":
        at = int(number(answer))
        if at == 0 or abs(at) > len(items):
            return None
        return items[at - 1] if at > 0 else items[at]
    spend(len(items) * size)
    return bounded_list([item for item in items if inside(env, _scope(item), test) is True])


def _scope(item: Any) -> dict[str, Any]:
    return {**item, "item": item} if isinstance(item, Mapping) else {"item": item}


_PARTS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "date": {
        "year": lambda v: v.year,
        "month": lambda v: v.month,
        "day": lambda v: v.day,
        "weekday": lambda v: v.isoweekday(),
    },
    "time": {"hour": lambda v: v.hour, "minute": lambda v: v.minute, "second": lambda v: v.second},
    "days and time duration": {
        "days": lambda v: int(v / timedelta(days=1)),
        "hours": lambda v: int(v / timedelta(hours=1)) % 24,
        "minutes": lambda v: int(v / timedelta(minutes=1)) % 60,
        "seconds": lambda v: int(v.total_seconds()) % 60,
    },
    "years and months duration": {
        "years": lambda v: v.months // 12,
        "months": lambda v: v.months % 12,
    },
}
_PARTS["date and time"] = _PARTS["date"] | _PARTS["time"]


def property_of(name: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if isinstance(value, Mapping):
            return value.get(name)
        if value is None:
            return None
        if isinstance(value, list | tuple):
            spend(len(value))
            return [read(item) for item in value]
        of_value = kind(value)
        part = _PARTS.get(of_value, {}).get(name)
        if part is None:
            raise Problem(f"a {of_value} has no `{name}`")
        return Decimal(part(value))

    return read
