"""Working calendars as people change them: a day, the hours, a year from a sheet.

Each may be looked at before it is saved: what would change, and how many open due times would move.
Calendars belong to no branch: a supervisor's word counts for all, as with other shared tables.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kaitong.core import audit
from kaitong.core.errors import BadInput, Forbidden, InputFault
from kaitong.core.rows import Mode, Put
from kaitong.ordering import recount as orders
from kaitong.org.actor import Actor
from kaitong.process import recount as work
from kaitong.transfer import tables
from kaitong.transfer.columns import Column, Fault, shown
from kaitong.transfer.importing import read_rows
from kaitong.transfer.kinds.base import BadCells, Layout
from kaitong.transfer.watch import Watch
from kaitong.worktime import queries as worktime
from kaitong.worktime import services as worktime_verbs
from kaitong.worktime.calendars import Calendar, Day
from kaitong.worktime.models import CalendarChange
from kaitong.worktime.services import DayEntry

EDITORS = frozenset({"supervisor"})
LOOKED = 20_000  # open due times a preview looks at; beyond, it says "at least"
_OFF, _ON = "off", "on"


class CalendarSheet(Layout):
    """A year's public holidays and make-up working days."""

    key = "calendar"
    title = gettext_lazy("放假安排")
    posts = EDITORS
    shared = True

    @cached_property
    def columns(self) -> Sequence[Column]:  # type: ignore[override]
        kinds = {
            "放假": _OFF, "休息": _OFF, "off": _OFF, "holiday": _OFF,
            "上班": _ON, "调休上班": _ON, "补班": _ON, "work": _ON, "make-up": _ON,
        }  # fmt: skip
        return (
            Column(
                "date",
                "日期",
                "Date",
                gettext_lazy("这一天；都在要导入的那一年里。"),
                ("2027-01-01", "2027-02-20"),
                required=True,
                kind="date",
            ),
            Column(
                "kind",
                "放假或上班",
                "Off or work",
                gettext_lazy("平日放假写“放假”，周末调休写“上班”；其余日子按每周常规，不必写。"),
                ("放假", "上班"),
                required=True,
                choices=kinds,
                aliases=("类别", "安排"),
            ),
            Column("name", "名称", "Name", gettext_lazy("如：元旦、春节。"), ("元旦", "春节")),
        )

    def make(self, values: Mapping[str, Any]) -> DayEntry:
        name = str(values["name"] or "")
        if len(name) > 40:
            raise BadCells(("name", _("名称过长。"), _("不超过 40 个字。")))
        return DayEntry(values["date"], values["kind"] == _ON, name)

    def put(
        self,
        *,
        actor: Actor,
        branch_id: UUID | None,
        rows: Sequence[Any],
        mode: Mode,
        watch: Watch,
    ) -> Put:
        raise NotImplementedError("A year is read by `read_year` and entered by `enter_year`.")


SHEET = CalendarSheet()


@dataclass(frozen=True, slots=True)
class DayChange:
    """A day that would be another: its exceptions before and after, None for the weekly pattern."""

    date: date
    before: Day | None
    after: Day | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change would do. `whole`: every open due time it may touch was looked at."""

    days: tuple[DayChange, ...]
    steps: int
    orders: int
    whole: bool
    same: bool = False  # it stands so already


def may_edit(actor: Actor) -> bool:
    return actor.is_system or "admin" in actor.permissions or bool(EDITORS & actor.posts)


def require_editor(actor: Actor) -> None:
    if not may_edit(actor):
        raise Forbidden(_("您的岗位不能改工作日历。"), _("请由班长改。"))


# ---- verbs ---------------------------------------------------------------------------------------


def edit_day(
    *, actor: Actor, key: str, day: date, entry: Day | None, reason: str
) -> CalendarChange | None:
    """One day's exception, or back to the weekly pattern (None), with its reason."""
    require_editor(actor)
    with audit.acting(actor.id, "calendar"):
        return worktime_verbs.edit_days(
            actor_id=actor.id, key=key, days={day: entry}, reason=reason
        )


def edit_hours(
    *,
    actor: Actor,
    key: str,
    hours: Mapping[str, str],
    makeup_hours: str,
    reason: str,
) -> CalendarChange | None:
    """Weekly business hours and those of make-up days."""
    require_editor(actor)
    return worktime_verbs.edit_hours(
        actor_id=actor.id, key=key, hours=hours, makeup_hours=makeup_hours, reason=reason
    )


def enter_year(
    *,
    actor: Actor,
    key: str,
    year: int,
    entries: Sequence[DayEntry],
    seen: str,
    reason: str,
) -> CalendarChange | None:
    """All exceptions of a year, as they were looked at: `seen` is the fingerprint of what stood
    then, and somebody else's change since is told instead of being lost."""
    require_editor(actor)
    if not reason.strip():
        raise BadInput(
            [InputFault("reason", _("请说明为什么改日历。"), _("如：国办发通知调整放假。"))]
        )
    with transaction.atomic():
        worktime_verbs.locked(key)
        if seen != fingerprint(key, year):
            raise BadInput([InputFault("", _("预览以后有人改了这一年。"), _("请重新导入并核对。"))])
        return worktime_verbs.replace_year(
            actor_id=actor.id,
            key=key,
            year=year,
            entries=entries,
            source=reason,
            reason=reason,
        )


# ---- looking before saving -----------------------------------------------------------------------


def read_year(data: bytes, name: str, year: int) -> tuple[list[DayEntry], list[Fault]]:
    """A year's days of a sheet, or every fault by row and column. Nothing is written."""
    table = tables.read(data, name)
    rows, faults = read_rows(SHEET, table)
    first: dict[date, int] = {}
    letter = next(
        (
            table.letter(position)
            for position, cell in enumerate(table.head.cells)
            if str(cell).strip() in SHEET.columns[0].headings
        ),
        "",
    )
    for line, entry in rows:
        what = remedy = ""
        if entry.date.year != year:
            what = _("%(day)s 不在 %(year)s 年。") % {"day": entry.date, "year": year}
            remedy = _("一次导入一年；请改正日期，或换一年导入。")
        elif entry.date in first:
            what = _("这一天与第 %(row)s 行重复。") % {"row": first[entry.date]}
            remedy = _("只留一行。")
        if what:
            heading = SHEET.columns[0].label
            value = shown(entry.date.isoformat())
            faults.append(Fault(line.number, letter, heading, value, what, remedy))
        first.setdefault(entry.date, line.number)
    if not rows and not faults:
        faults.append(
            Fault(table.head.number, "", "", "", _("没有一行日子。"), _("请按模板填写。"))
        )
    return [entry for _line, entry in rows], sorted(faults, key=lambda f: f.row)


def effect_of_days(key: str, days: Mapping[date, Day | None], *, year: int | None = None) -> Effect:
    """What entering these days (and, with `year`, only these of that year) would do."""
    row = worktime.calendar_row(key)
    stood = {d.date: Day(d.working, d.name) for d in row.days.all()}
    asked = dict(days)
    if year is not None:
        asked |= {d: None for d in stood if d.year == year and d not in days}
    changes = tuple(
        DayChange(day, stood.get(day), entry)
        for day, entry in sorted(asked.items())
        if stood.get(day) != entry
    )
    known = year is None or any(y.year == year for y in row.years.all())
    if not changes and known:
        return Effect((), 0, 0, True, same=True)
    imagined = worktime.after_change(key, days=asked, year=year)
    first = min((c.date for c in changes), default=None)
    last = max((c.date for c in changes), default=None)
    if year is not None and not known:
        first, last = date(year, 1, 1), date(year, 12, 31)
    return Effect(changes, *_moved(imagined, first, last))


def effect_of_hours(key: str, hours: Mapping[str, str], makeup_hours: str) -> Effect:
    """What other hours would do. Raises CalendarError where they cannot be read."""
    imagined = worktime.after_change(key, hours=hours, makeup_hours=makeup_hours)
    return Effect((), *_moved(imagined, None, None))


def _moved(
    imagined: Mapping[str, Calendar], first: date | None, last: date | None
) -> tuple[int, int, bool]:
    steps, all_steps = work.would_move(imagined, first=first, last=last, most=LOOKED)
    moved, all_orders = orders.would_move(imagined, first=first, last=last, most=LOOKED)
    return steps, moved, all_steps and all_orders


def fingerprint(key: str, year: int) -> str:
    """What stands of a year, to notice that it has changed."""
    row = worktime.calendar_row(key)
    days = sorted((d.date, d.working, d.name) for d in row.days.all() if d.date.year == year)
    return hashlib.blake2s(json.dumps(days, default=str).encode(), digest_size=8).hexdigest()


def pack(entries: Sequence[DayEntry]) -> str:
    """Entries on their way from the preview to the saving."""
    return json.dumps([[e.date.isoformat(), e.working, e.name] for e in entries])


def unpack(text: str) -> list[DayEntry]:
    try:
        return [
            DayEntry(date.fromisoformat(day), bool(working), str(name)[:40])
            for day, working, name in json.loads(text)
        ]
    except (ValueError, TypeError):
        raise BadInput([InputFault("", _("预览已经失效。"), _("请重新导入。"))]) from None
