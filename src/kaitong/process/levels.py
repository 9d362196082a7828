"""预警 and 督办 in several levels, as a playbook's table has them. Pure.

    visit_levels:
      kind: table
      default:
        - {at: 50%, tell: [installer]}
        - {before: 2 hours, tell: [installer, supervisor]}
        - {after: 0 hours, tell: [supervisor]}
        - {after: 4 hours, tell: [network]}

A task's (or phase's) `levels` names such a table. `at` is a share of the time, counted as the
budget counts it; `before` and `after` are elapsed time before and after the due time. Each level is
told once, to the posts it names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kaitong.worktime import rules
from kaitong.worktime.budgets import BudgetKind, parse_budget
from kaitong.worktime.calendars import Calendar
from kaitong.worktime.errors import BudgetError

KEYS = frozenset({"at", "before", "after", "tell"})
_SHARE = re.compile(r"(\d{1,2})\s*%")


@dataclass(frozen=True, slots=True)
class Level:
    """One level. `key` is its words in the playbook: the same after a recount."""

    key: str
    tell: tuple[str, ...]
    share: float | None = None
    shift: timedelta | None = None  # from the due time; negative is before it

    @property
    def late(self) -> bool:
        """Whether it is 督办, after the due time, rather than 预警 before it."""
        return self.shift is not None and self.shift >= timedelta()


def read(table: Any) -> list[Level]:
    """The levels of a table that was checked; what cannot be read is left out."""
    found = []
    for entry in table if isinstance(table, Sequence) and not isinstance(table, str) else ():
        level = _level(entry)
        if isinstance(level, Level):
            found.append(level)
    return found


def faults(table: Any, posts: Collection[str]) -> Iterator[tuple[int, str, str]]:
    """What is wrong with a table: (number of the level, what, remedy)."""
    if not isinstance(table, Sequence) or isinstance(table, str) or not table:
        yield 0, "Levels are a list.", "Write - {at: 80%, tell: [post]}."
        return
    seen: set[str] = set()
    for number, entry in enumerate(table):
        level = _level(entry)
        if isinstance(level, str):
            remedy = "Write {at: 80%, tell: [post]}, {before: 2 hours ...} or {after: ...}."
            yield number, level, remedy
            continue
        if level.key in seen:
            yield number, f"The level {level.key} stands twice.", "Leave one."
        seen.add(level.key)
        for post in level.tell:
            if post not in posts:
                yield number, f"No post {post!r}.", "Name one of posts:."


def times(
    levels: Iterable[Level],
    *,
    budget: Mapping[str, Any] | str,
    start: datetime,
    due_at: datetime,
    calendar: Calendar,
    suspensions: Sequence[rules.Suspension] = (),
) -> list[tuple[datetime, Level]]:
    """When each level is reached, in order of time."""
    found = []
    for level in levels:
        if level.share is not None:
            at = rules.after(
                level.share, parse_budget(budget), start, due_at, calendar, suspensions
            )
        else:
            at = due_at + (level.shift or timedelta())
        found.append((at, level))
    return sorted(found, key=lambda pair: (pair[0], pair[1].key))


def _level(entry: Any) -> Level | str:
    """A level, or what is wrong with it."""
    if not isinstance(entry, Mapping) or set(entry) - KEYS:
        return f"A level has at, before or after, and tell; not {entry!r}."
    given = [name for name in ("at", "before", "after") if name in entry]
    tell = entry.get("tell")
    if len(given) != 1:
        return "A level has one of at, before and after."
    if not isinstance(tell, Sequence) or isinstance(tell, str) or not tell:
        return "A level tells a list of posts."
    name, value = given[0], str(entry[given[0]]).strip()
    told = tuple(map(str, tell))
    if name == "at":
        share = _SHARE.fullmatch(value)
        if share is None or not 0 < int(share[1]) < 100:
            return f"{value!r} is no share of the time."
        return Level(f"at {value}", told, share=int(share[1]) / 100)
    shift = _elapsed(value)
    if shift is None:
        return f"{value!r} is no elapsed time."
    return Level(f"{name} {value}", told, shift=shift if name == "after" else -shift)


def _elapsed(text: str) -> timedelta | None:
    if re.fullmatch(r"0\s*(h|hours?|minutes?|小时|分钟)?", text):
        return timedelta()
    try:
        budget = parse_budget(text)
    except BudgetError:
        return None
    if budget.kind is not BudgetKind.ELAPSED:
        return None
    return timedelta(seconds=budget.seconds)
