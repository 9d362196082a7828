"""工作日历: a year at a glance, what follows what, who changed what, what is yet to be entered."""

from __future__ import annotations

from calendar import Calendar as Weeks
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.core.clock import now as clock_now
from kaitong.core.errors import NotFound
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.transfer import calendars
from kaitong.web import format as fmt
from kaitong.web.why import LETTERS
from kaitong.worktime import queries as worktime
from kaitong.worktime.calendars import WEEKDAYS, Calendar, Day
from kaitong.worktime.explain import MONTHS_EN
from kaitong.worktime.models import CalendarChange, WorkCalendar

_YEARS = range(2000, 2101)
_SHOWN = 12  # days named in a line of the trail


@dataclass(frozen=True, slots=True)
class DayCell:
    """A day of a month. `look`: is-off, is-holiday, is-makeup, is-own, is-today."""

    date: date
    number: int
    look: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Month:
    title: str
    weeks: tuple[tuple[DayCell | None, ...], ...]
    working: int


@dataclass(frozen=True, slots=True)
class Choice:
    label: str
    url: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class HoursRow:
    days: str
    text: str


@dataclass(frozen=True, slots=True)
class TrailRow:
    at: datetime
    who: str
    what: str
    reason: str
    state: str
    tone: str


@dataclass(frozen=True, slots=True)
class Task:
    """A year nobody has entered, which due times need."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class CalendarPage:
    key: str
    name: str
    year: int
    known: bool
    observes: bool
    follows: str
    follows_url: str
    followers: tuple[Choice, ...]
    calendars: tuple[Choice, ...]
    before_url: str
    after_url: str
    letters: tuple[str, ...]
    months: tuple[Month, ...]
    hours: tuple[HoursRow, ...]
    makeup: str
    users: tuple[str, ...]
    trail: tuple[TrailRow, ...]
    tasks: tuple[Task, ...]
    working: int
    off: int
    provisional: int
    editing: bool


def calendar_page(actor: Actor, key: str, year_text: str) -> CalendarPage:
    """A calendar's year; the number of queries does not depend on what is in it."""
    rows = {row.key: row for row in worktime.calendars()}
    if not rows:
        raise NotFound(_("还没有工作日历。"))
    key = key or (worktime.DEFAULT if worktime.DEFAULT in rows else next(iter(rows)))
    if key not in rows:
        raise NotFound(_("没有这个工作日历。"), _("请从列表中选择。"))
    today = timezone.localtime(clock_now()).date()
    year = _year(year_text, today)
    row = worktime.calendar_row(key)
    value = worktime.fresh(row)
    waiting = process.provisional_by_calendar()
    months = tuple(_month(row, value, year, number, today) for number in range(1, 13))
    working = sum(month.working for month in months)
    length = (date(year + 1, 1, 1) - date(year, 1, 1)).days
    trail = worktime.trail(key)
    names = org.staff_names(one.change.actor_id for one in trail)
    followers = [one for one in rows.values() if one.follows_id == row.pk]
    affected = [key, *(one.key for one in followers)]
    return CalendarPage(
        key=key,
        name=wording.read(row.name),
        year=year,
        known=value.known(date(year, 1, 1)),
        observes=row.observes_holidays,
        follows=wording.read(row.follows.name) if row.follows else "",
        follows_url=_url(row.follows.key, year) if row.follows else "",
        followers=tuple(Choice(wording.read(one.name), _url(one.key, year)) for one in followers),
        calendars=tuple(
            Choice(wording.read(one.name), _url(one.key, year), one.key == key)
            for one in rows.values()
        ),
        before_url=_url(key, year - 1),
        after_url=_url(key, year + 1),
        letters=tuple(map(str, LETTERS)),
        months=months,
        hours=tuple(_hours(row.hours)),
        makeup=_spread(row.makeup_hours),
        users=tuple(org.calendar_users([key]).get(key, ())),
        trail=tuple(_trail_row(one, names) for one in trail),
        tasks=tuple(_tasks(rows, waiting)),
        working=working,
        off=length - working,
        provisional=sum(waiting.get(one, 0) for one in affected),
        editing=calendars.may_edit(actor),
    )


def year_of(text: str) -> int:
    """A year as an address names it; this year where it names none."""
    return _year(text, timezone.localtime(clock_now()).date())


@dataclass(frozen=True, slots=True)
class DayForm:
    key: str
    calendar: str
    date: date
    title: str
    stands: str
    inherited: str
    choice: str  # off, work, pattern
    name: str
    reason: str = ""
    fault: str = ""


def day_form(key: str, day: date) -> DayForm:
    """How a day stands, and where from, for the dialog that changes it."""
    row = worktime.calendar_row(key)
    own = next((d for d in row.days.all() if d.date == day), None)
    shared = row.follows.days.all() if row.follows else ()
    above = next((d for d in shared if d.date == day), None)
    value = worktime.fresh(row)
    choice = "pattern" if own is None else "work" if own.working else "off"
    inherited = ""
    if row.follows is not None:
        inherited = _("%(name)s：%(day)s") % {
            "name": wording.read(row.follows.name),
            "day": _day_text(Day(above.working, above.name)) if above else _("按每周常规"),
        }
    return DayForm(
        key=key,
        calendar=wording.read(row.name),
        date=day,
        title=fmt.day(day),
        stands=_stands(value, day),
        inherited=inherited,
        choice=choice,
        name=own.name if own else (above.name if above else ""),
    )


def effect_text(effect: calendars.Effect) -> str:
    """How much would move, in a sentence."""
    words = {"steps": effect.steps, "orders": effect.orders}
    if not effect.whole:
        return _("至少 %(steps)s 张在办工单和 %(orders)s 张订单的时限会变") % words
    if not effect.steps and not effect.orders:
        return _("没有在办的时限会变")
    return _("%(steps)s 张在办工单和 %(orders)s 张订单的时限会变") % words


# ---- inside --------------------------------------------------------------------------------------


def _year(text: str, today: date) -> int:
    if text.isascii() and text.isdigit() and len(text) == 4 and int(text) in _YEARS:
        return int(text)
    return today.year


def _url(key: str, year: int) -> str:
    return f"{reverse('web:calendars')}?calendar={key}&year={year}"


def _month(row: WorkCalendar, value: Calendar, year: int, number: int, today: date) -> Month:
    own = {d.date for d in row.days.all()}
    weeks = []
    working = 0
    for week in Weeks().monthdatescalendar(year, number):
        cells: list[DayCell | None] = []
        for day in week:
            if day.month != number:
                cells.append(None)
                continue
            working += value.working(day)
            cells.append(
                DayCell(
                    date=day,
                    number=day.day,
                    look=_look(value, day, day in own and row.follows is not None, day == today),
                    title=f"{day} {_stands(value, day)}",
                    url=reverse("web:calendar_day", args=[row.key, day.isoformat()]),
                )
            )
        weeks.append(tuple(cells))
    english = wording.english()
    title = MONTHS_EN[number - 1] if english else f"{number} 月"
    return Month(title, tuple(weeks), working)


def _look(value: Calendar, day: date, own: bool, today: bool) -> str:
    exception = value.days.get(day)
    works, usual = value.working(day), bool(value.hours[day.weekday()])
    look = []
    if works and not usual:
        look.append("is-makeup")
    elif not works and (exception is not None and (usual or exception.name)):
        look.append("is-holiday")
    elif not works:
        look.append("is-off")
    if own:
        look.append("is-own")
    if today:
        look.append("is-today")
    return " ".join(look)


def _stands(value: Calendar, day: date) -> str:
    """How a day counts, in words."""
    exception = value.days.get(day)
    if exception is not None:
        return _day_text(exception)
    return _("工作日") if value.working(day) else _("休息日")


def _day_text(day: Day) -> str:
    if day.working:
        return _("上班（%(name)s）") % {"name": day.name} if day.name else _("上班")
    return _("放假（%(name)s）") % {"name": day.name} if day.name else _("放假")


def _hours(hours: Mapping[str, str]) -> list[HoursRow]:
    """Weekdays with the same hours in one row."""
    found: list[tuple[list[int], str]] = []
    for number, key in enumerate(WEEKDAYS):
        text = hours.get(key, "")
        if found and found[-1][1] == text:
            found[-1][0].append(number)
        else:
            found.append(([number], text))
    rows = []
    for numbers, text in found:
        words = {"a": str(LETTERS[numbers[0]]), "b": str(LETTERS[numbers[-1]])}
        days = _("周%(a)s至周%(b)s") % words if len(numbers) > 1 else _("周%(a)s") % words
        rows.append(HoursRow(days, _spread(text) or _("休息")))
    return rows


def _spread(text: str) -> str:
    return text.replace(",", "  ").replace("-", "–")


def _trail_row(one: worktime.Trail, names: Mapping[object, str]) -> TrailRow:
    change = one.change
    if one.done:
        state, tone = _("已重算，%(n)s 个时限有变") % {"n": one.moved}, "ok"
    else:
        state, tone = _("正在重算，已看 %(n)s 个") % {"n": one.looked}, "you"
    return TrailRow(
        at=change.created_at,
        who=names.get(change.actor_id, "") if change.actor_id else _("系统"),
        what=_changed(change),
        reason=wording.read(change.reason),
        state=state,
        tone=tone,
    )


def _changed(change: CalendarChange) -> str:
    if change.kind == "hours":
        return _("改了营业时间")
    days = [
        _("%(day)s %(was)s改为%(now)s")
        % {"day": day[5:], "was": _told(change.before.get(day)), "now": _told(after)}
        for day, after in change.after.items()
    ]
    if change.kind == "year":
        year = change.first.year if change.first else ""
        return _("录入 %(year)s 年，改了 %(n)s 天") % {"year": year, "n": len(days)}
    text = fmt.mark("；").join(days[:_SHOWN])
    if len(days) <= _SHOWN:
        return text
    return _("%(text)s 等 %(n)s 天") % {"text": text, "n": len(days)}


def _told(entry: Mapping[str, object] | None) -> str:
    if entry is None:
        return _("常规")
    return _day_text(Day(bool(entry["working"]), str(entry.get("name", ""))))


def _tasks(rows: Mapping[str, WorkCalendar], waiting: Mapping[str, int]) -> list[Task]:
    found = []
    for key, year in worktime.missing_years():
        if key not in rows:
            continue
        count = waiting.get(key, 0) + sum(
            waiting.get(one.key, 0) for one in rows.values() if one.follows_id == rows[key].pk
        )
        words = {"name": wording.read(rows[key].name), "year": year, "n": count}
        text = (
            _("%(name)s 还没有 %(year)s 年的放假安排；%(n)s 张在办工单的时限是暂定的。") % words
            if count
            else _("%(name)s 还没有 %(year)s 年的放假安排；到那一年的时限只能暂定。") % words
        )
        found.append(Task(text, _url(key, year)))
    return found
