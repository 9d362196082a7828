"""The values of FEEL and what operators do with them.

Null follows three-valued logic: an operator on null gives null, two values of different kinds are
neither equal nor ordered (null). Where DMN hides a wrong type or a division by zero behind null,
this raises a Problem, because a process must stop visibly rather than take a wrong branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException
from enum import Enum
from math import isfinite
from typing import Any
from uuid import UUID

from kaitong.process.feel.budget import spend, spend_on_text
from kaitong.process.feel.errors import MAX_ITEMS, MAX_STRING, Problem
from kaitong.process.feel.temporal import YearMonths, add_months, format_duration, in_zone

# 34 digits as DMN demands (IEEE 754-2008 decimal128); magnitudes end at 10^100.
ARITHMETIC = Context(prec=34, rounding=ROUND_HALF_EVEN, Emin=-99, Emax=99)
_STORED = Context(prec=15, rounding=ROUND_HALF_EVEN)

_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    Decimal: "number",
    str: "string",
    date: "date",
    time: "time",
    datetime: "date and time",
    timedelta: "days and time duration",
    YearMonths: "years and months duration",
    list: "list",
    tuple: "list",
    dict: "context",
}
_EXACT = frozenset({int, Decimal})
_ORDERED = frozenset(_KINDS.values()) - {"null", "boolean", "list", "context"}


class Range:
    """An interval such as `[1..5)`; an end that is null makes membership null."""

    __slots__ = ("high", "high_closed", "low", "low_closed")

    def __init__(self, low: Any, high: Any, low_closed: bool, high_closed: bool):
        self.low, self.high = low, high
        self.low_closed, self.high_closed = low_closed, high_closed

    def contains(self, value: Any) -> bool | None:
        above = less(self.low, value, or_equal=self.low_closed)
        below = less(value, self.high, or_equal=self.high_closed)
        if above is False or below is False:
            return False
        return None if above is None or below is None else True


def kind(value: Any) -> str:
    found = _KINDS.get(type(value))
    if found is not None:
        return found
    if isinstance(value, Range):
        return "range"
    if isinstance(value, Mapping):
        return "context"
    for known, name in _KINDS.items():  # subclasses, such as an enumeration of strings
        if isinstance(value, known):
            return name
    raise Problem(f"a value of the Python type {type(value).__name__} has no meaning in FEEL")


def number(value: Any) -> Decimal:
    """A number as Decimal; a JSON float by its shortest decimal text."""
    made = value
    if type(value) is float:
        made = Decimal(repr(value))
    elif type(value) is int:
        if value.bit_length() > 340:
            raise Problem("a number is larger than 10^100")
        made = Decimal(value)
    if type(made) is not Decimal:
        raise Problem(f"a number is needed, this is a {kind(value)}")
    if not made.is_finite() or made.adjusted() > 99:
        raise Problem("a number is not finite or larger than 10^100")
    if made.adjusted() < -99:  # next to nothing: written out it would be as long as it is small
        made = ARITHMETIC.plus(made)
    return made


def less(a: Any, b: Any, *, or_equal: bool = False) -> bool | None:
    if type(a) in _EXACT and type(b) in _EXACT:
        return bool(a <= b if or_equal else a < b)
    if a is None or b is None:
        return None
    of_a = kind(a)
    if of_a not in _ORDERED or of_a != kind(b):
        return None
    if of_a == "number":
        a, b = number(a), number(b)
    elif of_a == "string":
        spend_on_text(a)
    elif of_a == "date and time":
        a, b = in_zone(a), in_zone(b)
    elif of_a == "time" and (a.tzinfo is None) != (b.tzinfo is None):
        return None
    return bool(a <= b if or_equal else a < b)


def equal(a: Any, b: Any) -> bool | None:
    """Null equals only null; values of different kinds are not comparable (null)."""
    if a is None or b is None:
        return a is b
    if type(a) is str and type(b) is str:
        if len(a) == len(b):
            spend_on_text(a)
        return a == b
    of_a = kind(a)
    if of_a != kind(b):
        return None
    if of_a == "number":
        return number(a) == number(b)
    if of_a == "date and time":
        return bool(in_zone(a) == in_zone(b))
    if of_a in ("list", "context"):
        spend(len(a))
    if of_a == "list":
        return len(a) == len(b) and _all_equal(zip(a, b, strict=True))
    if of_a == "context":
        return set(a) == set(b) and _all_equal((a[key], b[key]) for key in a)
    if of_a == "range":
        mine = (a.low, a.high, a.low_closed, a.high_closed)
        return _all_equal(zip(mine, (b.low, b.high, b.low_closed, b.high_closed), strict=True))
    return bool(a == b)


def _all_equal(pairs: Any) -> bool:
    return all(equal(x, y) is True for x, y in pairs)


def member(value: Any, target: Any) -> bool | None:
    """`value in target`: a range, a list (of values or ranges), or one value."""
    of_target = kind(target)
    if of_target == "range":
        return target.contains(value)  # type: ignore[no-any-return]
    if of_target == "list":
        spend(len(target))
    if of_target == "list" and kind(value) != "list":
        return any_true(member(value, item) for item in target)
    return equal(value, target)


def any_true(answers: Any) -> bool | None:
    unknown = False
    for answer in answers:
        if answer is True:
            return True
        if answer is not False:
            unknown = True
    return None if unknown else False


def all_true(answers: Any) -> bool | None:
    unknown = False
    for answer in answers:
        if answer is False:
            return False
        if answer is not True:
            unknown = True
    return None if unknown else True


def negate(value: Any) -> bool | None:
    return not value if type(value) is bool else None


# ---- arithmetic ----------------------------------------------------------------------------------


def arithmetic(sign: str, a: Any, b: Any) -> Any:
    """`a sign b` for + - * / **; null with anything is null."""
    if a is None or b is None:
        return None
    of_a, of_b = kind(a), kind(b)
    try:
        if of_a == of_b == "number":
            return _numbers(sign, number(a), number(b))
        if of_a == of_b == "string" and sign == "+":
            return bounded_text(a + b)
        made = _temporal(sign, a, b, of_a, of_b)
    except ZeroDivisionError:
        raise Problem("division by zero") from None
    except DecimalException:
        raise Problem("the number is too large or has no value") from None
    except (OverflowError, ValueError) as error:
        raise Problem(f"the result is out of bounds: {error}") from None
    if made is None:
        raise Problem(f"`{sign}` has no meaning between a {of_a} and a {of_b}")
    return made


def _numbers(sign: str, a: Decimal, b: Decimal) -> Decimal:
    if sign == "+":
        return ARITHMETIC.add(a, b)
    if sign == "-":
        return ARITHMETIC.subtract(a, b)
    if sign == "*":
        return ARITHMETIC.multiply(a, b)
    if sign == "**":
        power = ARITHMETIC.power(a, b)
        if not power.is_finite():
            raise Problem("the number is too large or has no value")
        return power
    if not b:
        raise Problem("division by zero")
    return ARITHMETIC.divide(a, b)


def _temporal(sign: str, a: Any, b: Any, of_a: str, of_b: str) -> Any:
    durations = ("days and time duration", "years and months duration")
    points = ("date", "date and time", "time")
    if sign in "+-":
        if of_a in points and of_b in durations:
            return _shift(a, b if sign == "+" else -1 * b if of_b == durations[0] else _minus(b))
        if sign == "+" and of_a in durations and of_b in points:
            return _shift(b, a)
        if sign == "-" and of_a == of_b and of_a in ("date", "date and time"):
            return in_zone(a) - in_zone(b) if of_a == "date and time" else a - b
        if of_a == of_b == durations[0]:
            return a + b if sign == "+" else a - b
        if of_a == of_b == durations[1]:
            return YearMonths(a.months + (b.months if sign == "+" else -b.months))
    if sign == "*" and of_a == "number" and of_b in durations:
        a, b, of_a, of_b = b, a, of_b, of_a
    if sign in "*/" and of_a == durations[0]:
        if of_b == "number":
            factor = float(number(b))
            return a * factor if sign == "*" else a / factor
        if sign == "/" and of_b == of_a:
            return Decimal(repr(a / b))
    if sign in "*/" and of_a == durations[1] and of_b == "number":
        return YearMonths(int(_numbers(sign, Decimal(a.months), number(b))))
    return None


def _minus(duration: YearMonths) -> YearMonths:
    return YearMonths(-duration.months)


def _shift(point: Any, duration: timedelta | YearMonths) -> Any:
    if isinstance(duration, YearMonths):
        if type(point) is time:
            raise Problem("months cannot be added to a time of day")
        return add_months(point, duration.months)
    if type(point) is time:
        return (datetime.combine(date(2000, 1, 1), point) + duration).timetz()
    return point + duration


def opposite(value: Any) -> Any:
    if value is None:
        return None
    of_value = kind(value)
    if of_value == "number":
        return ARITHMETIC.minus(number(value))
    if of_value == "days and time duration":
        return -value
    if of_value == "years and months duration":
        return _minus(value)
    raise Problem(f"`-` has no meaning before a {of_value}")


# ---- bounds and texts ----------------------------------------------------------------------------


def bounded_text(text: str) -> str:
    spend_on_text(text)
    if len(text) > MAX_STRING:
        raise Problem(f"a string grows beyond {MAX_STRING} characters")
    return text


def bounded_list(items: list[Any]) -> list[Any]:
    if len(items) > MAX_ITEMS:
        raise Problem(f"a list grows beyond {MAX_ITEMS} items")
    return items


def write_number(value: Any) -> str:
    text = format(number(value), "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def plain(value: Any) -> Any:
    """The value as JSON can hold it, so that it reads the same before and after it was stored.

    Temporal values become ISO 8601 texts, identifiers and enumerations their texts or values. A
    Decimal stays one, rounded to the 15 digits every JSON number keeps; what is no number is null.
    """
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if isfinite(value) else None
    if type(value) is Decimal:
        if not value.is_finite():
            return None
        return value if value == value.to_integral_value() else _STORED.plus(value)
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, timedelta | YearMonths):
        return format_duration(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Range):
        ends = ("[" if value.low_closed else "(", "]" if value.high_closed else ")")
        return f"{ends[0]}{plain(value.low)}..{plain(value.high)}{ends[1]}"
    return value
