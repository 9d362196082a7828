"""A working calendar (工作日历) as an immutable value: which days work, in which hours.

Pure: no Django here. Times of day are minutes after midnight, so that a desk open round the clock
(00:00-24:00) can be written.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from zoneinfo import ZoneInfo

from kaitong.worktime.errors import CalendarError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON = 4_000  # days looked ahead before a calendar is called unusable
ONE_DAY = timedelta(days=1)
_DAYS_KEPT = 3_000

Hours = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Day:
    """An exception to the weekly pattern: public holiday (法定节假日) or make-up day (调休上班)."""

    working: bool
    name: str = ""


@dataclass(frozen=True)
class Calendar:
    """``hours`` are seven entries from Monday, each a row of (opening, closing) minutes. A working
    day whose weekday has no hours (a make-up Saturday) takes ``makeup_hours``. Only ``years`` are
    known; a date of another year follows the weekly pattern and makes a deadline provisional.
    ``years=None`` says that this calendar has no holidays at all (a desk that never closes)."""

    key: str
    name: str
    hours: tuple[Hours, ...]
    makeup_hours: Hours
    days: Mapping[date, Day] = field(default_factory=dict)
    years: frozenset[int] | None = frozenset()
    time_zone: str = "Asia/Shanghai"

    def __post_init__(self) -> None:
        if len(self.hours) != 7:
            raise CalendarError("A calendar has hours for seven weekdays.", "Give seven rows.")
        for row in (*self.hours, self.makeup_hours):
            end = 0
            for opening, closing in row:
                if not end <= opening < closing <= 1440:
                    raise CalendarError(
                        f"Hours of calendar {self.key!r} overlap, run backwards or pass midnight.",
                        "Write them in order, like 08:30-12:00,14:00-17:30.",
                    )
                end = closing
        if not self.makeup_hours or not any(self.hours):
            raise CalendarError(
                f"Calendar {self.key!r} has no business hours.",
                "Give hours for at least one weekday and for make-up days.",
            )
        object.__setattr__(self, "days", MappingProxyType(dict(self.days)))

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @cached_property
    def _days_seen(self) -> dict[date, list[tuple[datetime, datetime]]]:
        """Business hours of days asked about before: every step counts over the same few."""
        return {}

    def known(self, day: date) -> bool:
        """Whether the holidays of this day's year have been published and entered."""
        return self.years is None or day.year in self.years

    def working(self, day: date) -> bool:
        exception = self.days.get(day)
        return bool(self.hours[day.weekday()]) if exception is None else exception.working

    def minutes(self, day: date) -> Hours:
        """Opening and closing minutes of a day; empty when it does not work."""
        return (self.hours[day.weekday()] or self.makeup_hours) if self.working(day) else ()

    def local(self, instant: datetime) -> datetime:
        if instant.tzinfo is None:
            raise CalendarError("A time without time zone cannot be counted.", "Pass UTC times.")
        return instant.astimezone(self.zone)

    def instant(self, day: date, minute: int) -> datetime:
        """UTC instant of a minute after local midnight."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        wall = midnight.replace(tzinfo=None) + timedelta(minutes=minute)
        return wall.replace(tzinfo=self.zone).astimezone(UTC)

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """Business hours of a day as UTC instants."""
        found = self._days_seen.get(day)
        if found is None:
            found = [(self.instant(day, a), self.instant(day, b)) for a, b in self.minutes(day)]
            if len(self._days_seen) >= _DAYS_KEPT:
                self._days_seen.clear()
            self._days_seen[day] = found
        return found

    def closing(self, day: date) -> datetime:
        """When business ends on a working day (art. 203: that is when the last day ends)."""
        return self.spans(day)[-1][1]

    def on_or_after(self, day: date) -> date:
        """First working day from ``day`` on."""
        for _ in range(HORIZON):
            if self.working(day):
                return day
            day += ONE_DAY
        raise CalendarError(
            f"Calendar {self.key!r} has no working day within {HORIZON} days.",
            "Check the days entered for it.",
        )

    def business(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Stretches of business time between two instants, in order."""
        day, last = self.local(since).date(), self.local(until).date()
        while day <= last:
            for opening, closing in self.spans(day):
                a, b = max(opening, since), min(closing, until)
                if a < b:
                    yield a, b
            day += ONE_DAY


def parse_hours(text: str) -> Hours:
    """Read ``08:30-12:00,14:00-17:30``; an empty text is a day off.

    >>> parse_hours("08:30-12:00, 14:00-17:30")
    ((510, 720), (840, 1050))
    """
    rows = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        try:
            opening, closing = (_minutes(t) for t in part.split("-"))
        except ValueError:
            raise CalendarError(
                f"{part!r} are no business hours.", "Write them like 08:30-12:00,14:00-17:30."
            ) from None
        rows.append((opening, closing))
    return tuple(rows)


def weekly(hours: Mapping[str, str]) -> tuple[Hours, ...]:
    """Seven rows from a mapping of weekday keys ``mon``..``sun`` to texts of hours."""
    unknown = set(hours) - set(WEEKDAYS)
    if unknown:
        raise CalendarError(
            f"{', '.join(sorted(unknown))} are no weekdays.", f"Use {', '.join(WEEKDAYS)}."
        )
    return tuple(parse_hours(hours.get(weekday, "")) for weekday in WEEKDAYS)


def hours_text(rows: Iterable[tuple[int, int]]) -> str:
    """The inverse of ``parse_hours``."""
    return ",".join(f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in rows)


def _minutes(text: str) -> int:
    hour, minute = text.strip().split(":")
    value = int(hour) * 60 + int(minute)
    if not (0 <= int(minute) < 60 and 0 <= value <= 1440):
        raise ValueError(text)
    return value
