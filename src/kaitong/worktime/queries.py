"""Reading calendars, and due times on them.

Calendars are read on every step of every order and change a few times a year, so each process
keeps them as immutable values for a minute.
"""

import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from kaitong.core import clock
from kaitong.worktime import explain, rules
from kaitong.worktime.calendars import Calendar, Day, parse_hours, weekly
from kaitong.worktime.errors import CalendarError
from kaitong.worktime.models import WorkCalendar

KEPT_SECONDS = 60
DEFAULT = "cn"
_kept: dict[str, tuple[float, Calendar]] = {}


def calendar(key: str = "") -> Calendar:
    """The calendar as an immutable value; an empty key is the statutory one.

    A calendar nobody defined raises ``CalendarError``.
    """
    key = key or DEFAULT
    kept = _kept.get(key)
    if kept and kept[0] > time.monotonic():
        return kept[1]
    row = (
        WorkCalendar.objects.filter(key=key)
        .select_related("follows")
        .prefetch_related("years", "days", "follows__years", "follows__days")
        .first()
    )
    if row is None:
        raise CalendarError(
            f"There is no calendar {key!r}.", "Seed it, or correct the department's calendar."
        )
    value = _value(row)
    _kept[key] = (time.monotonic() + KEPT_SECONDS, value)
    return value


def forget() -> None:
    """Drop the kept calendars of this process (after a change; other processes follow in time)."""
    _kept.clear()


def deadline(
    budget: str | Mapping[str, Any] | rules.Budget,
    start: datetime,
    *,
    calendar_key: str = "",
    suspensions: Iterable[rules.Suspension] = (),
    on: rules.Clock = rules.Clock.STEP,
    agreed: datetime | None = None,
) -> rules.Deadline:
    """Due time of a budget as written in parameters, on a stored calendar, as of now."""
    return rules.deadline(
        rules.parse_budget(budget),
        start,
        calendar(calendar_key),
        suspensions,
        clock=on,
        agreed=agreed,
        now=clock.now(),
    )


def explained(
    budget: str | Mapping[str, Any] | rules.Budget,
    start: datetime,
    *,
    calendar_key: str = "",
    suspensions: Iterable[rules.Suspension] = (),
    on: rules.Clock = rules.Clock.STEP,
    agreed: datetime | None = None,
    language: explain.Language = "zh",
) -> list[str]:
    """Rows that say why it is due when it is, in the reader's language."""
    return explain.rows(
        deadline(
            budget,
            start,
            calendar_key=calendar_key,
            suspensions=suspensions,
            on=on,
            agreed=agreed,
        ),
        language,
    )


def missing_years(*, months_ahead: int = 3) -> list[tuple[str, int]]:
    """(calendar key, year) pairs that deadlines will soon need and nobody has entered.

    The State Council announces a year's holidays in the November before, so an alarm three months
    ahead comes when they can be entered. Calendars that follow another need none of their own.
    """
    today = clock.now()
    month = today.month - 1 + months_ahead
    needed = range(today.year, today.year + month // 12 + 1)
    own = WorkCalendar.objects.filter(observes_holidays=True, follows=None)
    return [
        (row.key, year)
        for row in own.prefetch_related("years")
        for year in needed
        if year not in {known.year for known in row.years.all()}
    ]


def _value(row: WorkCalendar) -> Calendar:
    """A calendar's own days stand over those of the calendar it follows."""
    sources = [row.follows, row] if row.follows else [row]
    days = {d.date: Day(d.working, d.name) for source in sources for d in source.days.all()}
    years = frozenset(y.year for source in sources for y in source.years.all())
    return Calendar(
        key=row.key,
        name=row.name,
        hours=weekly(row.hours),
        makeup_hours=parse_hours(row.makeup_hours),
        days=days if row.observes_holidays else {},
        years=years if row.observes_holidays else None,
        time_zone=row.time_zone,
    )
