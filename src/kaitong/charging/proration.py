"""What a month costs (按天折算): pure, over days. Money is integer fen, rounded half up once.

Stretches are half open: the first day counts, `until` does not. A day on which several pauses
lie costs what the cheapest of them says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

DAILY = "daily"


@dataclass(frozen=True, slots=True)
class Paused:
    """Days of a suspension: `percent` of the rent is due, and `keep_fen` a month to keep it."""

    since: date
    until: date | None
    percent: int = 0
    keep_fen: int = 0


@dataclass(frozen=True, slots=True)
class Month:
    """What is due for a month: so many days in full, so many paused, out of so many."""

    amount_fen: int
    days: int
    paused_days: int
    of_days: int
    since: date


def first_of(day: date) -> date:
    """The first day of a day's month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """
    >>> next_month(date(2026, 12, 1))
    datetime.date(2027, 1, 1)
    """
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def month_due(
    amount_fen: int,
    prorate: str,
    since: date,
    until: date | None,
    pauses: Sequence[Paused],
    month: date,
) -> Month | None:
    """The charge of one rent for one month; None when it did not run then.

    >>> month_due(9900, "daily", date(2026, 11, 9), None, (), date(2026, 11, 1)).amount_fen
    7260
    """
    end = next_month(month)
    of_days = (end - month).days
    first, last = max(since, month), end if until is None else min(until, end)
    if first >= last:
        return None
    here = [p for p in pauses if p.since < last and (p.until is None or p.until > first)]
    days, paused, weighted = (last - first).days, 0, 0
    if here:
        for offset in range(days):
            day = first + timedelta(days=offset)
            costs = [
                amount_fen * p.percent + 100 * p.keep_fen
                for p in here
                if p.since <= day and (p.until is None or day < p.until)
            ]
            if costs:
                paused += 1
                weighted += min(min(costs), amount_fen * 100)
    full = days - paused
    if prorate == DAILY:
        whole = amount_fen * 100 * full + weighted
    else:  # by the month: one day in operation is a month; else what the pauses say
        whole = of_days * (amount_fen * 100 if full else weighted // max(paused, 1))
    return Month(_half_up(whole, 100 * of_days), full, paused, of_days, first)


def _half_up(number: int, by: int) -> int:
    return (2 * number + by) // (2 * by)
