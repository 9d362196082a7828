"""Due times against an independent count: slow, minute by minute and day by day, without sharing
a line with the rules it judges."""

from __future__ import annotations

import calendar as months
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaitong.worktime.budgets import parse_budget
from kaitong.worktime.calendars import Calendar, Day, parse_hours
from kaitong.worktime.rules import Suspension, after, deadline

CHINA = timezone(timedelta(hours=8))
MINUTE = timedelta(minutes=1)
FIRST = datetime(2026, 1, 1, tzinfo=CHINA)

calendars = st.builds(
    lambda odd, saturday: Calendar(
        key="x",
        name="x",
        hours=(
            *[parse_hours("08:30-12:00,14:00-17:30")] * 5,
            parse_hours("09:00-12:00") if saturday else (),
            (),
        ),
        makeup_hours=parse_hours("09:00-16:00"),
        days={date(2026, 1, 1) + timedelta(days=n): Day(w) for n, w in odd.items()},
        years=frozenset({2026}),
    ),
    st.dictionaries(st.integers(0, 60), st.booleans(), max_size=20),
    st.booleans(),
)
starts = st.integers(0, 20 * 24 * 60).map(lambda n: FIRST + n * MINUTE)
ledgers = st.lists(st.tuples(st.integers(0, 20 * 24 * 60), st.integers(1, 3 * 24 * 60)), max_size=3)


def works(calendar: Calendar, day: date) -> list[tuple[int, int]]:
    """Opening hours of a day in minutes, from the calendar's plain data."""
    exception = calendar.days.get(day)
    usual = calendar.hours[day.weekday()]
    if exception is not None:
        return list(usual or calendar.makeup_hours) if exception.working else []
    return list(usual)


def open_at(calendar: Calendar, moment: datetime) -> bool:
    minute = moment.hour * 60 + moment.minute
    return any(a <= minute < b for a, b in works(calendar, moment.date()))


def stands(ledger: list[tuple[int, int]], moment: datetime) -> bool:
    since = (moment - FIRST) // MINUTE
    return any(a <= since < a + length for a, length in ledger)


def suspended(ledger: list[tuple[int, int]]) -> list[Suspension]:
    return [
        Suspension(FIRST + a * MINUTE, FIRST + (a + length) * MINUTE, "x", True, True)
        for a, length in ledger
    ]


@settings(max_examples=60, deadline=None)
@given(calendars, starts, st.integers(1, 900), ledgers, st.booleans())
def test_hours_are_counted_minute_by_minute(calendar, start, minutes, ledger, business):
    kind = "working-hours" if business else "elapsed"
    budget = parse_budget({"kind": kind, "amount": minutes, "unit": "minutes"})
    fast = deadline(budget, start, calendar, suspended(ledger)).due_at
    moment, owed = start, minutes
    while owed:
        if not stands(ledger, moment) and (not business or open_at(calendar, moment)):
            owed -= 1
        moment += MINUTE
    assert fast == moment


@settings(max_examples=60, deadline=None)
@given(calendars, starts, st.integers(1, 10))
def test_days_are_counted_day_by_day(calendar, start, amount):
    """PRC Civil Code arts. 201, 203: the first day is not counted, business hours end the last."""
    fast = deadline(parse_budget(f"{amount} working days"), start, calendar).due_at
    day, left = start.date(), amount
    while left:
        day += timedelta(days=1)
        left -= bool(works(calendar, day))
    closing = works(calendar, day)[-1][1]
    assert fast == datetime(day.year, day.month, day.day, tzinfo=CHINA) + closing * MINUTE


@settings(max_examples=60, deadline=None)
@given(calendars, starts, st.integers(1, 5), st.times())
def test_a_cut_off_hour_moves_the_receipt(calendar, start, amount, cutoff):
    cutoff = cutoff.replace(second=0, microsecond=0)
    budget = parse_budget({"kind": "working-days", "amount": amount, "cutoff": f"{cutoff:%H:%M}"})
    day = start.date()
    if not works(calendar, day) or start.time() > cutoff:
        day += timedelta(days=1) if works(calendar, day) else timedelta()
        while not works(calendar, day):
            day += timedelta(days=1)
    for _ in range(amount):
        day += timedelta(days=1)
        while not works(calendar, day):
            day += timedelta(days=1)
    assert deadline(budget, start, calendar).due_at.astimezone(CHINA).date() == day


@settings(max_examples=60, deadline=None)
@given(calendars, starts, st.integers(1, 4))
def test_months_end_on_the_corresponding_day_or_the_last(calendar, start, amount):
    """Arts. 202, 203."""
    index = start.year * 12 + start.month - 1 + amount
    year, month = index // 12, index % 12 + 1
    day = date(year, month, min(start.day, months.monthrange(year, month)[1]))
    while not works(calendar, day):
        day += timedelta(days=1)
    fast = deadline(parse_budget(f"{amount} months"), start, calendar).due_at
    assert fast.astimezone(CHINA).date() == day


@settings(max_examples=40, deadline=None)
@given(calendars, starts, st.integers(30, 900), ledgers, st.integers(1, 99))
def test_a_share_of_the_time_is_that_share_of_counted_minutes(
    calendar, start, minutes, ledger, percent
):
    budget = parse_budget({"kind": "working-hours", "amount": minutes, "unit": "minutes"})
    rows = suspended(ledger)
    due = deadline(budget, start, calendar, rows).due_at
    reached = after(percent / 100, budget, start, due, calendar, rows)
    counted, moment = 0, start
    while moment < reached:
        counted += not stands(ledger, moment) and open_at(calendar, moment)
        moment += MINUTE
    assert abs(counted - minutes * percent / 100) <= 1


def test_the_example_of_the_issue_reads_as_it_says():
    """received Fri 25 Sep 16:40, day not counted; 1-7 Oct public holiday; 10 Oct make-up working
    day; suspended 2 d 3 h (customer not at home); due ..."""
    from kaitong.worktime import explain
    from kaitong.worktime.tests.calendar_2026 import CALENDAR, at

    away = Suspension(
        at("2026-10-08 09:00"), at("2026-10-10 12:00"), "customer not at home", True, True
    )
    found = deadline(parse_budget("6 working days"), at("2026-09-25 16:40"), CALENDAR, [away])
    text = explain.sentence(found, "en")
    for part in (
        "received Fri 25 Sep 2026 16:40, day not counted",
        "1-7 Oct 2026 public holiday",
        "Sat 10 Oct 2026 make-up working day",
        "suspended 2 d 3 h (customer not at home)",
    ):
        assert part in text, text
    assert text.rpartition("; ")[2].startswith("due ")
    # 17.5 business hours stood: Thu and Fri 7.5 h less the half hour before nine, Saturday 3.5 h
    assert found.due_at > at("2026-10-12 17:30")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_suspension_that_lasts_says_that_its_end_is_expected(language):
    from kaitong.worktime import explain
    from kaitong.worktime.tests.calendar_2026 import CALENDAR, at

    away = Suspension(
        at("2026-11-03 09:00"), at("2026-11-04 09:00"), "x", True, True, expected=True
    )
    found = deadline(parse_budget("48 hours"), at("2026-11-02 09:00"), CALENDAR, [away])
    assert found.stopped
    assert ("预计" if language == "zh" else "(expected)") in explain.sentence(found, language)
