"""Public verbs of working time."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import chinese_calendar
from django.db import transaction
from django.utils.translation import gettext_noop

from kaitong.worktime.calendars import hours_text, parse_hours, weekly
from kaitong.worktime.choices import ChangeKind
from kaitong.worktime.editing import (
    DayEntry,
    edit_days,
    edit_hours,
    locked,
    record,
    replace_year,
)
from kaitong.worktime.errors import CalendarError
from kaitong.worktime.models import WorkCalendar
from kaitong.worktime.queries import forget
from kaitong.worktime.recounting import Task, advance, claim

__all__ = [
    "DayEntry",
    "Task",
    "advance",
    "claim",
    "define_calendar",
    "edit_days",
    "edit_hours",
    "locked",
    "published_days",
    "replace_year",
    "seed_calendar",
    "set_year",
]

STATUTORY = "cn"
STATUTORY_NAME = gettext_noop("法定工作日历")
SOURCE = gettext_noop("国务院办公厅放假安排 (chinesecalendar)")
FULL_NAMES = {"清明": "清明节", "端午": "端午节", "中秋": "中秋节"}


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
        before = WorkCalendar.objects.select_for_update().filter(key=key).first()
        told = _told(before) if before else {}
        row, _created = WorkCalendar.objects.update_or_create(key=key, defaults=values)
        transaction.on_commit(forget)
        if before is not None and told != _told(row):
            record(row, ChangeKind.HOURS, reason=name, before=told, after=_told(row))
    return row


def _told(row: WorkCalendar) -> dict[str, object]:
    return {
        "hours": row.hours,
        "makeup_hours": row.makeup_hours,
        "follows": str(row.follows_id or ""),
        "observes_holidays": row.observes_holidays,
        "time_zone": row.time_zone,
    }


def set_year(*, key: str, year: int, days: Iterable[DayEntry], source: str = "") -> tuple[int, int]:
    """Enter all exceptions of a year, replacing what was entered for it; (holidays, make-ups)."""
    entries = list(days)
    replace_year(actor_id=None, key=key, year=year, entries=entries, source=source)
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
