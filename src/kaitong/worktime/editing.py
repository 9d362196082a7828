"""Changing a calendar: each act with who, why, and what stood before; then due times are recounted.

This package knows no staff: who may is asked above, and verbs here take the identifier alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.worktime.calendars import Calendar, Day, hours_text, parse_hours, weekly
from kaitong.worktime.choices import ChangeKind
from kaitong.worktime.errors import CalendarError
from kaitong.worktime.models import CalendarChange, CalendarDay, CalendarYear, WorkCalendar
from kaitong.worktime.queries import forget


@dataclass(frozen=True, slots=True)
class DayEntry:
    """One exception of a year, as entered or imported."""

    date: date
    working: bool
    name: str = ""


def edit_days(
    *, actor_id: UUID | None, key: str, days: Mapping[date, Day | None], reason: str
) -> CalendarChange | None:
    """Enter or clear (None) single days of a calendar. None when nothing differs.

    A cleared day follows the weekly pattern again, or the calendar that is followed.
    """
    _reasoned(reason)
    with transaction.atomic():
        calendar = locked(key)
        known = {d.date: d for d in calendar.days.filter(date__in=list(days))}
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        for day, entry in sorted(days.items()):
            was = known.get(day)
            old = Day(was.working, was.name) if was else None
            if old == entry:
                continue
            before[day.isoformat()], after[day.isoformat()] = _told(old), _told(entry)
            if entry is None:
                CalendarDay.objects.filter(calendar=calendar, date=day).delete()
            else:
                CalendarDay.objects.update_or_create(
                    calendar=calendar,
                    date=day,
                    defaults={"working": entry.working, "name": entry.name[:40]},
                )
        if not after:
            return None
        _usable(calendar)
        touched = [date.fromisoformat(day) for day in after]
        return record(
            calendar,
            ChangeKind.DAYS,
            actor_id=actor_id,
            reason=reason,
            span=(min(touched), max(touched)),
            before=before,
            after=after,
        )


def replace_year(
    *,
    actor_id: UUID | None,
    key: str,
    year: int,
    entries: Iterable[DayEntry],
    source: str = "",
    reason: str = "",
) -> CalendarChange | None:
    """Enter all exceptions of a year in place of what was entered for it, and call it known.

    None when it stood so already.
    """
    given = {entry.date: Day(entry.working, entry.name[:40]) for entry in entries}
    wrong = [day for day in given if day.year != year]
    if wrong:
        raise CalendarError(
            f"{wrong[0]} is not a day of {year}.", "Enter each year's days with their own year."
        )
    with transaction.atomic():
        calendar = locked(key)
        old = {
            d.date: Day(d.working, d.name)
            for d in CalendarDay.objects.filter(calendar=calendar, date__year=year)
        }
        _row, fresh = CalendarYear.objects.update_or_create(
            calendar=calendar, year=year, defaults={"source": source[:120]}
        )
        if old == given and not fresh:
            return None
        CalendarDay.objects.filter(calendar=calendar, date__year=year).delete()
        CalendarDay.objects.bulk_create(
            CalendarDay(calendar=calendar, date=day, working=e.working, name=e.name)
            for day, e in sorted(given.items())
        )
        _usable(calendar)
        touched = [day for day in {*old, *given} if old.get(day) != given.get(day)]
        return record(
            calendar,
            ChangeKind.YEAR,
            actor_id=actor_id,
            reason=reason or source,
            # a year that becomes known ends every provisional due time in it
            span=(date(year, 1, 1), date(year, 12, 31)) if fresh else (min(touched), max(touched)),
            before={day.isoformat(): _told(old.get(day)) for day in sorted(touched)},
            after={day.isoformat(): _told(given.get(day)) for day in sorted(touched)},
        )


def edit_hours(
    *,
    actor_id: UUID | None,
    key: str,
    hours: Mapping[str, str],
    makeup_hours: str,
    reason: str,
) -> CalendarChange | None:
    """Change the weekly business hours. None when nothing differs."""
    _reasoned(reason)
    weekly(hours)
    new = {day: hours_text(parse_hours(text)) for day, text in hours.items() if text.strip()}
    makeup = hours_text(parse_hours(makeup_hours))
    with transaction.atomic():
        calendar = locked(key)
        before = {"hours": calendar.hours, "makeup_hours": calendar.makeup_hours}
        after = {"hours": new, "makeup_hours": makeup}
        if before == after:
            return None
        calendar.hours, calendar.makeup_hours = new, makeup
        calendar.save(update_fields=["hours", "makeup_hours"])
        _usable(calendar)
        return record(
            calendar,
            ChangeKind.HOURS,
            actor_id=actor_id,
            reason=reason,
            before=before,
            after=after,
        )


def locked(key: str) -> WorkCalendar:
    """The calendar, locked: two who change it take turns."""
    calendar = WorkCalendar.objects.select_for_update().filter(key=key).first()
    if calendar is None:
        raise CalendarError(f"There is no calendar {key!r}.", "Define it first.")
    return calendar


def record(
    calendar: WorkCalendar,
    kind: ChangeKind,
    *,
    actor_id: UUID | None = None,
    reason: str = "",
    span: tuple[date, date] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> CalendarChange:
    """Write down a change within its transaction; recounting begins after the commit."""
    transaction.on_commit(forget)
    return CalendarChange.objects.create(
        calendar=calendar,
        kind=kind,
        actor_id=actor_id,
        reason=reason.strip()[:200],
        first=span[0] if span else None,
        last=span[1] if span else None,
        before=dict(before or {}),
        after=dict(after or {}),
    )


def _usable(calendar: WorkCalendar) -> None:
    """Refuse hours on which nothing could ever be counted."""
    Calendar(
        key=calendar.key,
        name=calendar.name,
        hours=weekly(calendar.hours),
        makeup_hours=parse_hours(calendar.makeup_hours),
    )


def _reasoned(reason: str) -> None:
    if not reason.strip():
        raise CalendarError(_("请说明为什么改日历。"), _("如：国办发通知调整放假。"))


def _told(day: Day | None) -> dict[str, Any] | None:
    return None if day is None else {"working": day.working, "name": day.name}
