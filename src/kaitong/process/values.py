"""Values between Python and jsonb: numbers are Decimal, never float."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import orjson

from kaitong.process.errors import ProcessError


def _decimal(value: Decimal) -> int | float:
    if value == value.to_integral_value():
        return int(value)
    number = float(value)
    if Decimal(repr(number)) != value:
        raise ProcessError(
            f"The number {value} has more digits than a variable can hold.",
            "Round it to 15 digits.",
        )
    return number


def _uuid(value: UUID) -> str:
    text = f"{value.int:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


# by exact type first: a step encodes some thirty identifiers and instants
_BY_TYPE: dict[type, Callable[[Any], Any]] = {
    UUID: _uuid,
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    Decimal: _decimal,
    set: list,
    frozenset: list,
}


def _plain(value: Any) -> Any:
    known = _BY_TYPE.get(type(value))
    if known is not None:
        return known(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise ProcessError(
        f"A variable cannot hold a {type(value).__name__}.",
        "Hold a reference, an answer or a result: text, number, truth value, date, list, object.",
    )


_encoder = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain, check_circular=False
)
# what JSONEncoder.encode makes anew for every document, made once; None without C
_chunks: Callable[[Any, int], Iterable[str]] | None = None
_make: Any = getattr(json.encoder, "c_make_encoder", None)
if _make is not None:
    _chunks = _make(
        None, _plain, json.encoder.encode_basestring, None, ":", ",", False, False, False
    )
_decoder = json.JSONDecoder(parse_float=Decimal)


def dump(value: Any) -> str:
    """JSON text of a value; raises ProcessError for what jsonb cannot hold exactly.

    >>> dump({"a": Decimal("1.50"), "b": [True, None]})
    '{"a":1.5,"b":[true,null]}'
    """
    return written(value).decode()


def written(value: Any) -> bytes:
    """As `dump`, in UTF-8. What the quick encoder does not write, or would write as null because it
    is no number, the careful one writes or refuses."""
    try:
        found = orjson.dumps(value, default=_plain, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:
        return _carefully(value)
    return _carefully(value) if b"null" in found else found


def _carefully(value: Any) -> bytes:
    text = _encoder.encode(value) if _chunks is None else "".join(_chunks(value, 0))
    return text.encode()


def load(text: str | bytes | None) -> Any:
    """The value of JSON text, with Decimal for fractions.

    >>> load('{"a": 1.5}')
    {'a': Decimal('1.5')}
    """
    return (
        None if text is None else _decoder.decode(text if isinstance(text, str) else text.decode())
    )
