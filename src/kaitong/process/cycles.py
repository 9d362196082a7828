"""Repeating timers (timeCycle): ISO 8601 repeating intervals, pure.

`R3/PT1H` happens three times, an hour, two and three after it began; `R/P1D` goes on for ever.
`R5/2026-01-01T08:00:00+08:00/P1D` has its first occurrence at that moment, and
`R/PT1H/2026-01-02T00:00:00+08:00` none after it. `Rn` means n occurrences (BPMN engines agree on
that, ISO 8601 may be read as n further ones).

A counted cycle keeps its count: late occurrences happen one after the other. An endless one does
not catch up: after a late occurrence comes the first one that is still ahead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from kaitong.process.feel.temporal import YearMonths, add_months, moment_of, parse_duration

_SHAPE = re.compile(r"R(?P<count>\d{0,6})/(?P<one>[^/]+)(?:/(?P<two>[^/]+))?", re.ASCII)
_SHORTEST = timedelta(seconds=1)
Interval = timedelta | YearMonths


@dataclass(frozen=True, slots=True)
class Cycle:
    """`count` is None for an endless cycle; `first` its given first moment, `last` its end."""

    interval: Interval
    count: int | None = None
    first: datetime | None = None
    last: datetime | None = None

    def after(self, moment: datetime, times: int = 1) -> datetime:
        if isinstance(self.interval, YearMonths):
            return add_months(moment, self.interval.months * times)
        return moment + self.interval * times

    def begins(self, now: datetime) -> datetime:
        """The moment of the first occurrence of a cycle that begins now."""
        return self.first if self.first is not None else self.after(now)

    def ends(self, at: datetime, number: int) -> bool:
        """Whether the occurrence `number` (from 1) at `at` no longer belongs to the cycle."""
        if self.count is not None and number > self.count:
            return True
        return self.last is not None and at > self.last


def cycle_of(value: object) -> Cycle:
    """The cycle a text says; ValueError in words."""
    text = value.strip() if isinstance(value, str) else ""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(f"'{value}' is not an ISO 8601 repeating interval such as R3/PT1H")
    count = int(match["count"]) if match["count"] else None
    if count == 0:
        raise ValueError(f"'{text}' never happens")
    one, two = match["one"], match["two"]
    if two is None:
        return Cycle(_interval(one), count)
    if one.startswith("P"):
        return Cycle(_interval(one), count, last=moment_of(two))
    first = moment_of(one)
    if two.startswith("P"):
        return Cycle(_interval(two), count, first=first)
    return Cycle(_positive(moment_of(two) - first), count, first=first)


def following(
    cycle: Cycle, at: datetime, number: int, now: datetime
) -> tuple[datetime, int] | None:
    """The moment and number of the occurrence after the one numbered `number`, due at `at`."""
    step = 1
    try:
        if cycle.count is None and cycle.after(at) <= now:
            step = _steps(cycle, at, now)
        moment = cycle.after(at, step)
    except OverflowError:
        return None
    number += step
    return None if cycle.ends(moment, number) else (moment, number)


def _steps(cycle: Cycle, at: datetime, now: datetime) -> int:
    """How many intervals after `at` the first moment later than `now` lies."""
    if isinstance(cycle.interval, timedelta):
        return (now - at) // cycle.interval + 1
    months = (now.year - at.year) * 12 + now.month - at.month
    step = max(months // cycle.interval.months, 1)
    while cycle.after(at, step) <= now:
        step += 1
    return step


def _interval(text: str) -> Interval:
    return _positive(parse_duration(text))


def _positive(interval: Interval) -> Interval:
    if isinstance(interval, YearMonths):
        if interval.months < 1:
            raise ValueError("the interval of a cycle must be longer than nothing")
    elif interval < _SHORTEST:
        raise ValueError("the interval of a cycle must be at least a second")
    return interval
