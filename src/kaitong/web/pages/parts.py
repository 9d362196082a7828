"""Pieces that several pages are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Tab:
    key: str
    label: str
    count: int | None = None
    current: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    label: str
    url: str
    current: bool = False
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """A pill "attribute value" that opens a menu."""

    label: str
    chosen: str
    choices: tuple[Choice, ...]
    set: bool = False


@dataclass(frozen=True, slots=True)
class Empty:
    icon: str
    title: str
    text: str
    link: str = ""
    link_text: str = ""


@dataclass(frozen=True, slots=True)
class Pager:
    number: int
    size: int
    total: int

    @property
    def count(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    @property
    def previous(self) -> int:
        return self.number - 1

    @property
    def next(self) -> int:
        return self.number + 1


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence on the page: what, then remedy."""

    tone: str
    icon: str
    strong: str
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a short history."""

    at: datetime
    text: str
    who: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as shown: masked, or after a recorded reading in clear (`shown`)."""

    scope: str
    name: str
    phone: str = ""
    reveal_url: str = ""
    shown: bool = False


def page_number(query: QueryDict) -> int:
    """The page asked for; nonsense is the first."""
    text = query.get("page", "1") or "1"
    return max(1, min(int(text[:7]), 100_000)) if text.isascii() and text.isdigit() else 1


def choose(
    query: QueryDict,
    key: str,
    label: str,
    options: list[tuple[str, str]] | list[tuple[str, str, int]],
    *,
    everything: str,
) -> Filter:
    """A filter over one key of the query; `everything` is the word for no choice."""
    current = query.get(key, "")

    def url(value: str) -> str:
        changed = query.copy()
        for gone in ("page", "item", key):
            changed.pop(gone, None)
        if value:
            changed[key] = value
        return "?" + changed.urlencode()

    choices = [Choice(everything, url(""), not current)]
    chosen = everything
    for option in options:
        value, text = option[0], option[1]
        if value == current:
            chosen = text
        choices.append(
            Choice(text, url(value), value == current, option[2] if len(option) > 2 else None)
        )
    return Filter(label, chosen, tuple(choices), bool(current) and chosen != everything)


def of_branch(query: QueryDict, names: Mapping[UUID, str]) -> list[Filter]:
    """The filter over branches, where there is a choice; `names` are those the reader sees."""
    if len(names) < 2:
        return []
    options = [(str(key), name) for key, name in names.items()]
    return [choose(query, "branch", _("分公司"), options, everything=_("全部"))]


def branch_asked(query: QueryDict, names: Mapping[UUID, str]) -> UUID | None:
    """The branch a reader chose, if he sees it."""
    return next((b for b in names if str(b) == query.get("branch", "")), None)
