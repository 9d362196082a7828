"""Reading calendars, and due times on them.

Calendars are read on every step of every order and change a few times a year, so each process
keeps them as immutable values for a minute.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Q, Sum

from kaitong.core import clock
from kaitong.worktime import explain, rules
from kaitong.worktime.calendars import Calendar, Day, parse_hours, weekly
from kaitong.worktime.errors import CalendarError
from kaitong.worktime.models import CalendarChange, WorkCalendar

KEPT_SECONDS = 60
DEFAULT = "cn"
_kept: dict[str, tuple[float, Calendar]] = {}
_imagined: ContextVar[Mapping[str, Calendar] | None] = ContextVar("imagined", default=None)


def calendar(key: str = "") -> Calendar:
    """The calendar as an immutable value; an empty key is the statutory one.

    A calendar nobody defined raises ``CalendarError``.
    """
    key = key or DEFAULT
    imagined = _imagined.get()
    if imagined is not None and key in imagined:
        return imagined[key]
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


@contextmanager
def imagining(calendars: Mapping[str, Calendar]) -> Iterator[None]:
    """Within the block these calendars count in place of the stored ones, here and nowhere else:
    what would become of due times is counted by the very code that counts them."""
    token = _imagined.set(dict(calendars))
    try:
        yield
    finally:
        _imagined.reset(token)


def affected(key: str) -> list[str]:
    """Keys of the calendars that a change of this one changes: itself and its followers."""
    rows = WorkCalendar.objects.filter(Q(key=key) | Q(follows__key=key))
    return sorted(rows.values_list("key", flat=True))


def after_change(
    key: str,
    *,
    days: Mapping[date, Day | None] | None = None,
    year: int | None = None,
    hours: Mapping[str, str] | None = None,
    makeup_hours: str | None = None,
) -> dict[str, Calendar]:
    """The affected calendars as they would be. `days` are entered, or cleared (None); with `year`
    all others of that year are cleared and the year is known; `hours` only change its own."""
    found = {}
    rows = WorkCalendar.objects.filter(key__in=affected(key))
    for row in rows.select_related("follows").prefetch_related(
        "years", "days", "follows__years", "follows__days"
    ):
        own = row.key == key
        shared = (
            {d.date: Day(d.working, d.name) for d in row.follows.days.all()} if row.follows else {}
        )
        mine = {d.date: Day(d.working, d.name) for d in row.days.all()}
        changed = mine if own else shared
        if year is not None:
            for day in [d for d in changed if d.year == year]:
                del changed[day]
        for day, entry in (days or {}).items():
            if entry is None:
                changed.pop(day, None)
            else:
                changed[day] = entry
        years = {y.year for s in ([row.follows] if row.follows else []) for y in s.years.all()}
        years |= {y.year for y in row.years.all()} | ({year} if year is not None else set())
        value = _value(row)
        found[row.key] = Calendar(
            key=row.key,
            name=row.name,
            hours=weekly(hours) if own and hours is not None else value.hours,
            makeup_hours=parse_hours(makeup_hours)
            if own and makeup_hours is not None
            else value.makeup_hours,
            days={**shared, **mine} if row.observes_holidays else {},
            years=frozenset(years) if row.observes_holidays else None,
            time_zone=row.time_zone,
        )
    return found


@dataclass(frozen=True, slots=True)
class Trail:
    """A change of a calendar with how far due times have been recounted because of it."""

    change: CalendarChange
    looked: int
    moved: int
    done: bool


def calendars() -> list[WorkCalendar]:
    """All calendars with what each follows and the years entered."""
    rows = WorkCalendar.objects.select_related("follows")
    return list(rows.prefetch_related("years", "follows__years"))


def calendar_row(key: str) -> WorkCalendar:
    """One calendar with its own days and those it follows."""
    row = (
        WorkCalendar.objects.filter(key=key)
        .select_related("follows")
        .prefetch_related("years", "days", "follows__years", "follows__days")
        .first()
    )
    if row is None:
        raise CalendarError(f"There is no calendar {key!r}.", "Seed it.")
    return row


def trail(key: str, *, limit: int = 30) -> list[Trail]:
    """The latest changes of a calendar, newest first."""
    rows = (
        CalendarChange.objects.filter(calendar__key=key)
        .annotate(
            parts=Count("recounts", filter=Q(recounts__passed=0)),
            open_parts=Count("recounts", filter=Q(recounts__passed=0, recounts__done_at=None)),
            looked=Sum("recounts__looked", filter=Q(recounts__passed=0)),
            moved=Sum("recounts__moved"),
        )
        .order_by("-created_at", "-id")[:limit]
    )
    return [
        Trail(row, row.looked or 0, row.moved or 0, bool(row.parts) and not row.open_parts)
        for row in rows
    ]


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


def due_time(
    budget: rules.Budget,
    start: datetime,
    *,
    calendar_key: str,
    suspensions: Iterable[rules.Suspension] = (),
    agreed: datetime | None = None,
) -> tuple[datetime, bool]:
    """`due_at` and `provisional` of `deadline` on a step's clock."""
    return rules.due_time(
        budget, start, calendar(calendar_key), suspensions, agreed=agreed, now=clock.now()
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


def fresh(row: WorkCalendar) -> Calendar:
    """A calendar that was just read, as an immutable value: not one kept from before."""
    return _value(row)


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
