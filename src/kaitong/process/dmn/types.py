"""Types of decisions: FEEL's base types, allowed values, and structures of both (DMN 7.3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kaitong.process.dmn.errors import DecisionError
from kaitong.process.feel import UnaryTests
from kaitong.process.feel.temporal import (
    parse_date,
    parse_date_time,
    parse_duration,
    parse_time,
)
from kaitong.process.feel.values import kind

_READ = {
    "date": parse_date,
    "time": parse_time,
    "date and time": parse_date_time,
    "days and time duration": parse_duration,
    "years and months duration": parse_duration,
}
BASE = frozenset({"number", "string", "boolean", "context", "list", *_READ})
_OTHER_SPELLINGS = {
    "dateTime": "date and time",
    "dayTimeDuration": "days and time duration",
    "yearMonthDuration": "years and months duration",
    "integer": "number",
    "long": "number",
    "double": "number",
    "Any": "",
    "any": "",
    "": "",
}


def base_type(reference: str) -> str | None:
    """FEEL's name of a type reference such as `feel:dateTime`; "" is any; None is no base type."""
    name = reference.strip().rpartition(":")[2] if "{" not in reference else reference
    name = _OTHER_SPELLINGS.get(name, name)
    return name if name in BASE or not name else None


@dataclass(frozen=True)
class Type:
    """What a value may be. `base` "" is anything."""

    base: str = ""
    allowed: UnaryTests | None = None
    collection: bool = False
    parts: Mapping[str, Type] = field(default_factory=dict)

    def take(self, value: Any, name: str) -> Any:
        """The value as this type has it: temporal ones may come as ISO 8601 texts (JSON)."""
        if value is None:
            return None
        if self.collection:
            items = value if isinstance(value, list | tuple) else [value]
            return [self._one(item, name) for item in items]
        return self._one(value, name)

    def _one(self, value: Any, name: str) -> Any:
        if value is None:
            return None
        if self.parts:
            if not isinstance(value, Mapping):
                raise DecisionError(f"{name} 应是一组值。")
            taken = {
                key: part.take(value[key], f"{name}.{key}")
                for key, part in self.parts.items()
                if key in value
            }
            return {**value, **taken}
        if self.base in _READ and isinstance(value, str):
            try:
                value = _READ[self.base](value)
            except (ValueError, OverflowError) as error:
                raise DecisionError(f"{name}：{error}") from None
        found = kind(value)
        if self.base and found != self.base:
            raise DecisionError(f"{name} 应是 {self.base}，不是 {found}。")
        if self.allowed is not None and self.allowed.matches(value) is not True:
            raise DecisionError(f"{name} 的值不在允许的范围内（{self.allowed.text}）。")
        return value


ANYTHING = Type()
