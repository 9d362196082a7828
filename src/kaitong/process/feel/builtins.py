"""The fixed set of FEEL functions. None reads a clock, none is random."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
    DecimalException,
)
from typing import Any, NamedTuple

from kaitong.process.feel import temporal
from kaitong.process.feel.budget import spend, spend_on_text
from kaitong.process.feel.errors import CHARACTERS_A_STEP, Problem
from kaitong.process.feel.values import (
    ARITHMETIC,
    all_true,
    any_true,
    bounded_list,
    bounded_text,
    equal,
    kind,
    less,
    negate,
    number,
    plain,
    write_number,
)


class Builtin(NamedTuple):
    """A function of `least` to `most` arguments; `None` as `most` means any number of them.

    `searches`: it looks for one text in another, which may take longer than reading both.
    """

    run: Callable[..., Any]
    least: int
    most: int | None
    searches: bool = False


def _text(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value
    raise Problem(f"{name}() needs a string, this is a {kind(value)}")


def _items(arguments: tuple[Any, ...]) -> list[Any]:
    """`sum([1, 2])` and `sum(1, 2)` mean the same."""
    if len(arguments) == 1 and isinstance(arguments[0], list | tuple):
        return list(arguments[0])
    return list(arguments)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _whole(value: Any, name: str) -> int:
    made = number(value)
    if made != made.to_integral_value():
        raise Problem(f"{name}() needs a whole number")
    return int(made)


def _of_strings(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        if None in arguments:
            return None
        return run(*(_text(argument, name) for argument in arguments))

    return call


def _count(*arguments: Any) -> Any:
    if arguments[0] is None and len(arguments) == 1:
        return None
    return Decimal(len(_items(arguments)))


def _sum(*arguments: Any) -> Any:
    items = _items(arguments)
    if not items or None in items:
        return None
    total = Decimal(0)
    for item in items:
        total = ARITHMETIC.add(total, number(item))
    return total


def _mean(*arguments: Any) -> Any:
    items = _items(arguments)
    total = _sum(*arguments)
    return None if total is None else ARITHMETIC.divide(total, Decimal(len(items)))


def _extreme(largest: bool) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        items = _items(arguments)
        if not items:
            return None
        best = items[0]
        for item in items[1:]:
            ordered = less(best, item) if largest else less(item, best)
            if ordered is None:
                return None
            best = item if ordered else best
        return best

    return call


def _substring(text: Any, start: Any, length: Any = None) -> Any:
    if text is None or start is None:
        return None
    text, first = _text(text, "substring"), _whole(start, "substring")
    if first == 0 or abs(first) > len(text):
        return ""
    begin = first - 1 if first > 0 else len(text) + first
    if length is None:
        return text[begin:]
    return text[begin : begin + max(_whole(length, "substring"), 0)]


def _string(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    return bounded_text(_write(value, top=True))


def _write(value: Any, top: bool = False) -> str:
    of_value = kind(value)
    if of_value in ("list", "context"):
        spend(len(value))
    elif of_value == "string":
        spend_on_text(value)
    if value is None or of_value == "boolean":
        return "null" if value is None else str(value).lower()
    if of_value == "number":
        return write_number(value)
    if of_value == "list":
        return "[" + ", ".join(_write(item) for item in value) + "]"
    if of_value == "context":
        return "{" + ", ".join(f"{key}: {_write(item)}" for key, item in value.items()) + "}"
    text = str(plain(value))
    return text if top or of_value != "string" else f'"{text}"'


def _number(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return number(Decimal(value.strip()))
        except DecimalException:
            raise Problem(f"'{value}' is not a number") from None
    return number(value)


def _not(value: Any) -> Any:
    return negate(value)


def _parsed(name: str, parse: Callable[[str], Any], value: Any) -> Any:
    try:
        return parse(_text(value, name))
    except (ValueError, OverflowError) as error:
        raise Problem(str(error)) from None


def _date(*arguments: Any) -> Any:
    if None in arguments:
        return None
    if len(arguments) == 3:
        year, month, day = (_whole(argument, "date") for argument in arguments)
        try:
            return date(year, month, day)
        except (ValueError, OverflowError) as error:
            raise Problem(str(error)) from None
    if len(arguments) == 2:
        raise Problem("date() takes a text, a date and time, or year, month and day")
    value = arguments[0]
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else _parsed("date", temporal.parse_date, value)


def _time(value: Any) -> Any:
    if value is None or isinstance(value, time):
        return value
    if isinstance(value, datetime):
        return value.timetz()
    return _parsed("time", temporal.parse_time, value)


def _date_and_time(*arguments: Any) -> Any:
    if None in arguments:
        return None
    if len(arguments) == 2:
        day, clock = _date(arguments[0]), _time(arguments[1])
        return datetime.combine(day, clock)
    value = arguments[0]
    if isinstance(value, datetime):
        return value
    return _parsed("date and time", temporal.parse_date_time, value)


def _duration(value: Any) -> Any:
    if value is None or isinstance(value, timedelta | temporal.YearMonths):
        return value
    return _parsed("duration", temporal.parse_duration, value)


def _rounded(mode: str) -> Callable[..., Any]:
    def call(value: Any, scale: Any = 0) -> Any:
        if value is None or scale is None:
            return None
        places = _whole(scale, "rounding")
        if not -60 <= places <= 60:
            raise Problem("a number is rounded to -60 up to 60 decimal places")
        try:
            made = number(value).quantize(Decimal(1).scaleb(-places), rounding=mode, context=_WIDE)
        except DecimalException:
            raise Problem("the number has too many digits to be rounded") from None
        return made if places >= 0 else number(Decimal(int(made)))

    return call


def _abs(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, timedelta):
        return abs(value)
    if isinstance(value, temporal.YearMonths):
        return temporal.YearMonths(abs(value.months))
    return ARITHMETIC.abs(number(value))


def _modulo(dividend: Any, divisor: Any) -> Any:
    """The sign follows the divisor, as DMN says."""
    if dividend is None or divisor is None:
        return None
    a, b = number(dividend), number(divisor)
    if not b:
        raise Problem("division by zero")
    whole = ARITHMETIC.divide(a, b).to_integral_value(rounding=ROUND_FLOOR)
    return ARITHMETIC.subtract(a, ARITHMETIC.multiply(b, whole))


def _list_contains(items: Any, value: Any) -> Any:
    if items is None:
        return None
    return any(equal(item, value) is True for item in _list(items))


def _append(items: Any, *values: Any) -> Any:
    return bounded_list([*_list(items), *values])


def _concatenate(*lists: Any) -> Any:
    return bounded_list([item for items in lists for item in _list(items)])


def _distinct(items: Any) -> Any:
    kept: list[Any] = []
    plain_ones: set[Any] = set()  # texts and numbers are found at once
    others: list[Any] = []  # anything else is compared with each other
    for item in _list(items):
        of_item = kind(item)
        if of_item in ("string", "number"):
            key = (of_item, number(item) if of_item == "number" else item)
            if key not in plain_ones:
                plain_ones.add(key)
                kept.append(item)
            continue
        spend(len(others))
        if not any(equal(item, other) is True for other in others):
            others.append(item)
            kept.append(item)
    return kept


def _joined(items: Any, between: Any = "") -> Any:
    texts = [_text(item, "string join") for item in _list(items) if item is not None]
    between = _text(between or "", "string join")
    spend(sum(len(text) + len(between) for text in texts) // CHARACTERS_A_STEP)
    return bounded_text(between.join(texts))


def _value(context: Any, key: Any) -> Any:
    if context is None or key is None:
        return None
    if kind(context) != "context":
        raise Problem(f"get value() needs a context, this is a {kind(context)}")
    return context.get(_text(key, "get value"))


_WIDE = ARITHMETIC.copy()
_WIDE.prec = 200

BUILTINS: dict[str, Builtin] = {
    "count": Builtin(_count, 1, None),
    "sum": Builtin(_sum, 1, None),
    "mean": Builtin(_mean, 1, None),
    "min": Builtin(_extreme(False), 1, None),
    "max": Builtin(_extreme(True), 1, None),
    "all": Builtin(lambda *a: all_true(_items(a)), 1, None),
    "any": Builtin(lambda *a: any_true(_items(a)), 1, None),
    "contains": Builtin(_of_strings("contains", lambda a, b: b in a), 2, 2, True),
    "starts with": Builtin(_of_strings("starts with", str.startswith), 2, 2),
    "ends with": Builtin(_of_strings("ends with", str.endswith), 2, 2),
    "upper case": Builtin(_of_strings("upper case", str.upper), 1, 1),
    "lower case": Builtin(_of_strings("lower case", str.lower), 1, 1),
    "string length": Builtin(_of_strings("string length", lambda a: Decimal(len(a))), 1, 1),
    "substring": Builtin(_substring, 2, 3),
    "substring before": Builtin(
        _of_strings("substring before", lambda a, b: a.partition(b)[0] if b and b in a else ""),
        2,
        2,
        True,
    ),
    "substring after": Builtin(
        _of_strings("substring after", lambda a, b: a.partition(b)[2] if b else a), 2, 2, True
    ),
    "string": Builtin(_string, 1, 1),
    "string join": Builtin(_joined, 1, 2),
    "number": Builtin(_number, 1, 1),
    "not": Builtin(_not, 1, 1),
    "date": Builtin(_date, 1, 3),
    "time": Builtin(_time, 1, 1),
    "date and time": Builtin(_date_and_time, 1, 2),
    "duration": Builtin(_duration, 1, 1),
    "decimal": Builtin(_rounded(ROUND_HALF_EVEN), 2, 2),
    "floor": Builtin(_rounded(ROUND_FLOOR), 1, 2),
    "ceiling": Builtin(_rounded(ROUND_CEILING), 1, 2),
    "round up": Builtin(_rounded(ROUND_UP), 1, 2),
    "round down": Builtin(_rounded(ROUND_DOWN), 1, 2),
    "round half up": Builtin(_rounded(ROUND_HALF_UP), 1, 2),
    "abs": Builtin(_abs, 1, 1),
    "modulo": Builtin(_modulo, 2, 2),
    "list contains": Builtin(_list_contains, 2, 2),
    "append": Builtin(_append, 2, None),
    "concatenate": Builtin(_concatenate, 1, None),
    "distinct values": Builtin(_distinct, 1, 1),
    "is defined": Builtin(lambda value: value is not None, 1, 1),
    "get value": Builtin(_value, 2, 2),
}
