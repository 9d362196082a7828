"""Filters of a list: `attribute=value`, `attribute.gt=value`, ANDed (TMF630).

Any first-level attribute may be named, an extension attribute included; the parts of a nested
one by a dotted path (`note.author=...`). A quoted value equals the bare one. Several words of an
enumeration, or several identifiers, parted by commas, mean any of them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils.timezone import get_default_timezone_name
from django.utils.translation import gettext as _

from kaitong.tmf.contract.schemas import parse_date
from kaitong.tmf.contract.vocabulary import Attribute, Contract, Enumeration, Kind
from kaitong.tmf.errors import BadQuery
from kaitong.tmf.wire import is_keepable

RESERVED = frozenset({"fields", "offset", "limit"})
NOT_SERVED = frozenset({"sort", "filter"})
Op = Literal["eq", "in", "gt", "gte", "lt", "lte"]
_OPERATORS: dict[str, Op] = {"eq": "eq", "gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte"}
#: `attribute>value` arrives as one name without a value, `attribute>=value` as "attribute>".
_SIGN = re.compile(r"(?P<name>[\w@.]+)(?P<sign>[<>])(?P<value>.*)", re.DOTALL)
_SIGNS: dict[str, tuple[Op, Op]] = {">": ("gt", "gte"), "<": ("lt", "lte")}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One demand on a resource. `path` has one part, or more for something nested.

    `attributes` are the declarations along the path; the last is None for an extension attribute.
    For op "in" the value is a tuple.
    """

    path: tuple[str, ...]
    attributes: tuple[Attribute | None, ...]
    op: Op
    value: Any
    written: str  # the value as it was sent, unquoted

    @property
    def name(self) -> str:
        return ".".join(self.path)


def parse_filters(
    contract: Contract, query: QueryDict, reserved: Iterable[str] = RESERVED
) -> list[Criterion]:
    """Every filter of a query string; BadQuery names the one at fault."""
    skipped = frozenset(reserved)
    found = []
    for name, values in query.lists():
        if name in skipped:
            continue
        if name in NOT_SERVED:
            raise BadQuery(_("这里不支持。"), _("列表从新到旧排列。"), field=name)
        for value in values:
            found.append(_criterion(contract, name, value))
    return found


def _criterion(contract: Contract, name: str, value: str) -> Criterion:
    shown = name[:60]
    if not name or not is_keepable(name) or not is_keepable(value):
        raise BadQuery(_("不能用作筛选条件。"), field=shown.replace("\x00", "?"))
    op: Op = "eq"
    path = name.split(".")
    sign = _SIGN.fullmatch(name)
    if sign is not None and (bool(sign["value"]) != bool(value)):
        op = _SIGNS[sign["sign"]][bool(value)]
        path, value, shown = sign["name"].split("."), value or sign["value"], sign["name"]
    elif len(path) > 1 and path[-1] in _OPERATORS:
        op = _OPERATORS[path.pop()]
    if not all(path):
        raise BadQuery(_("没有指出属性。"), field=shown)
    attributes = _declared(contract, path, shown)
    last = attributes[-1]
    text = _unquoted(value)
    if last is not None and not last.is_simple and last.type is not Kind.ANY:
        raise BadQuery(
            _("不是简单属性。"),
            _("请写它的一部分，如 %(name)s.id。") % {"name": shown},
            field=shown,
        )
    if op != "eq" and (last is None or last.type not in (Kind.DATE, Kind.WHOLE, Kind.TEXT)):
        raise BadQuery(_("只能比相等，不能比大小。"), field=shown)
    several = (
        op == "eq"
        and text == value
        and "," in value
        and last is not None
        and (isinstance(last.type, Enumeration) or last.name == "id")
    )
    if several:
        parts = [_unquoted(part) for part in value.split(",")]
        return Criterion(
            tuple(path), attributes, "in", tuple(_read(last, p, shown) for p in parts), text
        )
    return Criterion(tuple(path), attributes, op, _read(last, text, shown), text)


def _declared(
    contract: Contract, path: list[str], shown: str
) -> tuple[Attribute | None, ...]:  # fmt: skip
    attributes: list[Attribute | None] = []
    structure = contract.resource
    for number, part in enumerate(path):
        item = structure.get(part)
        attributes.append(item)
        if number == len(path) - 1:
            break
        if item is None or isinstance(item.type, Kind | Enumeration):
            raise BadQuery(
                _("要的是 %(name)s 的一部分，它没有下级属性。") % {"name": part}, field=shown
            )
        structure = contract.structure(item.type)
    return tuple(attributes)


def _unquoted(text: str) -> str:
    stripped = text.strip()
    if len(stripped) >= 2 and stripped[0] == stripped[-1] and stripped[0] in "\"'":
        return stripped[1:-1]
    return text


def _read(attribute: Attribute | None, text: str, shown: str) -> Any:
    """The value as the attribute's type has it."""
    kind = attribute.type if attribute else Kind.TEXT
    if isinstance(kind, Enumeration):
        if text not in kind.values:
            raise BadQuery(
                _("不是认识的词：%(text)s。") % {"text": text[:40]},
                _("应是其中之一：%(list)s。") % {"list": ", ".join(kind.values)},
                field=shown,
            )
        return text
    if kind is Kind.DATE:
        return _moment(text, shown)
    if kind is Kind.FLAG:
        if text not in ("true", "false"):
            raise BadQuery(_("应是 true 或 false。"), field=shown)
        return text == "true"
    if kind is Kind.WHOLE:
        try:
            return int(text[:20])
        except ValueError:
            raise BadQuery(_("应是整数。"), field=shown) from None
    return text


def _moment(text: str, shown: str) -> datetime:
    """A date and time; a date alone is its beginning where Kaitong stands.

    A "+" that was not escaped arrives as a space, and is read as the "+" it was.
    """
    candidate = text.strip()
    if len(candidate) > 6 and candidate[-6] == " ":
        candidate = f"{candidate[:-6]}+{candidate[-5:]}"
    try:
        if len(candidate) == 10:
            day = datetime.fromisoformat(candidate).date()
            return datetime.combine(day, time(), ZoneInfo(get_default_timezone_name()))
        return parse_date(candidate)
    except ValueError:
        raise BadQuery(
            _("不是日期，也不是 2026-11-22T09:00:00+08:00 这样的日期时间。"), field=shown
        ) from None
