"""日结: a clerk's own day to close, and the days a supervisor confirms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.charging import closing as charging
from kaitong.charging.choices import ClosingState, Method
from kaitong.charging.models import CashClosing
from kaitong.core import clock
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.web import format as fmt
from kaitong.web.pages.money import as_typed, tabs
from kaitong.web.pages.parts import Tab

DAYS = 31
TONES = {ClosingState.OPEN: "wait", ClosingState.CLOSED: "soon", ClosingState.CONFIRMED: "ok"}


@dataclass(frozen=True, slots=True)
class SumRow:
    method: str
    taken: int
    taken_times: int
    back: int
    back_times: int
    net: int


@dataclass(frozen=True, slots=True)
class ClosedRow:
    id: UUID
    day: date
    clerk: str
    expected: int
    counted: int
    difference: int
    reason: str
    state: str
    tone: str
    confirmed_by: str
    sheet_url: str
    confirm_url: str
    reopen_url: str


@dataclass(frozen=True, slots=True)
class WantingRow:
    day: date
    clerk: str
    net: int
    url: str  # where its own clerk closes it


@dataclass(frozen=True, slots=True)
class Typed:
    counted: str = ""
    reason: str = ""
    fault: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class ClosingPage:
    day: date
    before: date
    after: date | None
    rows: tuple[SumRow, ...]
    cash: int
    closed: ClosedRow | None
    closings: tuple[ClosedRow, ...]
    wanting: tuple[WantingRow, ...]
    typed: Typed
    own: bool  # a clerk, with a day of his own to close
    supervisor: bool
    tabs: list[Tab]


def page_of(actor: Actor, day: date, typed: Typed | None = None) -> ClosingPage:
    assert actor.id is not None
    today = fmt.local_time(clock.now()).date()
    own = charging.day_of(actor, actor.id, day)
    rows = charging.closings(actor, since=today - timedelta(days=DAYS), until=today)
    wanting = charging.unclosed(actor, before=today, days=DAYS)
    people = [row.clerk_id for row in rows] + [row.confirmed_by for row in rows]
    names = org.staff_names([*people, *(clerk for clerk, _day, _net in wanting)])
    closed = {row.pk: _closed(actor, row, names) for row in rows}
    mine = own.closing
    return ClosingPage(
        day=day,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1) if day < today else None,
        rows=tuple(
            SumRow(
                str(Method(row.method).label),
                row.taken_fen,
                row.taken,
                row.back_fen,
                row.back,
                row.net_fen,
            )
            for row in own.rows
        ),
        cash=own.cash_fen,
        closed=_closed(actor, mine, names) if mine is not None and own.closed else None,
        closings=tuple(closed.values()),
        wanting=tuple(
            WantingRow(
                on,
                names.get(clerk, ""),
                net,
                f"{reverse('web:closing')}?day={on:%Y-%m-%d}" if clerk == actor.id else "",
            )
            for clerk, on, net in wanting
        ),
        typed=typed or Typed(as_typed(own.cash_fen) or "0.00"),
        own=actor.has_post("clerk") or bool(own.rows),
        supervisor=actor.is_supervisor,
        tabs=tabs("closing"),
    )


def _closed(actor: Actor, row: CashClosing, names: dict[UUID, str]) -> ClosedRow:
    state = ClosingState(row.state)
    open_one = state == ClosingState.CLOSED
    return ClosedRow(
        id=row.pk,
        day=row.day,
        clerk=names.get(row.clerk_id, actor.name if row.clerk_id == actor.id else ""),
        expected=row.expected_fen,
        counted=row.counted_fen,
        difference=row.difference_fen,
        reason=row.reason,
        state=str(state.label),
        tone=TONES[state],
        confirmed_by=names.get(row.confirmed_by, "") if row.confirmed_by else "",
        sheet_url=reverse("web:closing_sheet", args=[row.pk]),
        confirm_url=reverse("web:closing_confirm", args=[row.pk])
        if open_one and actor.is_supervisor and row.clerk_id != actor.id
        else "",
        reopen_url=reverse("web:closing_reopen", args=[row.pk])
        if open_one and (row.clerk_id == actor.id or actor.is_supervisor)
        else "",
    )


def said(row: CashClosing) -> str:
    """What just happened to a day, for the toast."""
    return {
        ClosingState.OPEN: _("日结已撤回"),
        ClosingState.CLOSED: _("已日结，等班长确认"),
        ClosingState.CONFIRMED: _("日结已确认"),
    }[ClosingState(row.state)]
