"""Public verbs of working time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import chinese_calendar
from django.db import transaction

from kaitong.worktime.calendars import hours_text, parse_hours, weekly
from kaitong.worktime.errors import CalendarError
from kaitong.worktime.models import CalendarDay, CalendarYear, WorkCalendar
from kaitong.worktime.queries import forget

STATUTORY = "cn"
STATUTORY_NAME = "法定工作日历"
SOURCE = "国务院办公厅放假安排 (chinesecalendar)"
FULL_NAMES = {"清明": "清明节", "端午": "端午节", "中秋": "中秋节"}


@dataclass(frozen=True, slots=True)
class DayEntry:
    """One exception of a year, as entered or imported."""

    date: date
    working: bool
    name: str = ""


def define_calendar(
    *,
    key: str,
    name: str,
    hours: Mapping[str, str] | None = None,
    makeup_hours: str | None = None,
    follows: str = STATUTORY,
    observes_holidays: bool = True,
    time_zone: str = "Asia/Shanghai",
) -> WorkCalendar:
    """Create a calendar or change its hours; entered days stay. Hours are checked first.

    ``follows`` is the key of the calendar whose holidays it shares, "" for none but its own.
    """
    shared = None
    if follows and follows != key:
        shared = WorkCalendar.objects.filter(key=follows).first()
        if shared is None:
            raise CalendarError(f"There is no calendar {follows!r}.", "Seed it first.")
    values: dict[str, object] = {
        "name": name,
        "follows": shared,
        "observes_holidays": observes_holidays,
        "time_zone": time_zone,
    }
    if hours is not None:
        rows = zip(hours, (hours[day] for day in hours), strict=True)
        weekly(hours)
        values["hours"] = {day: hours_text(parse_hours(text)) for day, text in rows if text}
    if makeup_hours is not None:
        values["makeup_hours"] = hours_text(parse_hours(makeup_hours))
    with transaction.atomic():
        row, _created = WorkCalendar.objects.update_or_create(key=key, defaults=values)
        transaction.on_commit(forget)
    return row


def set_year(*, key: str, year: int, days: Iterable[DayEntry], source: str = "") -> tuple[int, int]:
    """Enter all exceptions of a year, replacing what was entered for it; (holidays, make-ups)."""
    entries = list(days)
    wrong = [entry.date for entry in entries if entry.date.year != year]
    if wrong:
        raise CalendarError(
            f"{wrong[0]} is not a day of {year}.", "Enter each year's days with their own year."
        )
    with transaction.atomic():
        calendar = WorkCalendar.objects.select_for_update().filter(key=key).first()
        if calendar is None:
            raise CalendarError(f"There is no calendar {key!r}.", "Define it first.")
        CalendarDay.objects.filter(calendar=calendar, date__year=year).delete()
        CalendarDay.objects.bulk_create(
            CalendarDay(calendar=calendar, date=e.date, working=e.working, name=e.name)
            for e in entries
        )
        CalendarYear.objects.update_or_create(
            calendar=calendar, year=year, defaults={"source": source}
        )
        transaction.on_commit(forget)
    working = sum(entry.working for entry in entries)
    return len(entries) - working, working


def seed_calendar(key: str = STATUTORY, years: Iterable[int] = (2025, 2026)) -> WorkCalendar:
    """Make sure the calendar stands with the PRC public holidays of ``years``.

    Years already entered are left as they are, so that corrections survive. A year nobody has
    published raises ``CalendarError``: guessing would be worse than a provisional deadline.
    """
    with transaction.atomic():
        calendar, _created = WorkCalendar.objects.get_or_create(
            key=key, defaults={"name": STATUTORY_NAME}
        )
        known = set(calendar.years.values_list("year", flat=True))
        for year in sorted(set(years) - known):
            set_year(key=key, year=year, days=published_days(year), source=SOURCE)
    return calendar


def published_days(year: int) -> list[DayEntry]:
    """Public holidays and make-up working days of a published year."""
    entries = []
    day = date(year, 1, 1)
    while day.year == year:
        try:
            off, english = chinese_calendar.get_holiday_detail(day)
        except NotImplementedError:
            raise CalendarError(
                f"The public holidays of {year} are not published yet.",
                "Enter them in the calendar's days when the State Council has announced them.",
            ) from None
        if english is not None:
            chinese = chinese_calendar.Holiday(english).chinese
            entries.append(DayEntry(day, not off, FULL_NAMES.get(chinese, chinese)))
        day += timedelta(days=1)
    return entries
