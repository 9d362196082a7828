"""终端库存: how many of each model are where, who has them, and what a count found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.core.ids import uuid7
from kaitong.inventory import by_hand, stock
from kaitong.inventory.choices import TerminalState
from kaitong.inventory.models import StockCount, Terminal
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.web.access import reads_customers
from kaitong.web.pages.parts import Choice, Pager, page_number

PAGE = 100
TONES = {
    TerminalState.IN_STOCK: "ok",
    TerminalState.ISSUED: "soon",
    TerminalState.INSTALLED: "ok",
    TerminalState.TO_RECOVER: "late",
    TerminalState.SCRAPPED: "wait",
}
STATES = tuple(TerminalState)


@dataclass(frozen=True, slots=True)
class ModelRow:
    model: str
    counts: tuple[tuple[str, int], ...]  # state and number
    total: int


@dataclass(frozen=True, slots=True)
class Piece:
    serial: str
    model: str
    kind: str
    state: str
    tone: str
    where: str
    url: str
    since: datetime


@dataclass(frozen=True, slots=True)
class CountRow:
    url: str
    at: datetime
    by: str
    model: str
    expected: int
    found: int
    differs: int


@dataclass(frozen=True, slots=True)
class StockPage:
    states: tuple[str, ...]
    models: tuple[ModelRow, ...]
    filters: tuple[Choice, ...]
    asked: str
    state: str
    rows: tuple[Piece, ...]
    total: int
    pager: Pager
    keeps: bool
    installers: tuple[tuple[str, str], ...]
    counts: tuple[CountRow, ...]
    key: str
    given: dict[str, str]
    act: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    serial: str
    said: str  # what stood against it when it was counted
    now: str
    tone: str


@dataclass(frozen=True, slots=True)
class CountPage:
    id: UUID
    at: datetime
    by: str
    model: str
    note: str
    expected: int
    found: int
    missing: tuple[Difference, ...]
    surplus: tuple[Difference, ...]
    unknown: tuple[str, ...]
    lost: str  # serials still missing, one a line
    back: str  # serials that lie on the shelf and stand in an installer's name
    keeps: bool


def page_of(
    actor: Actor,
    query: QueryDict,
    *,
    given: dict[str, str] | None = None,
    act: str = "",
    fault: str = "",
) -> StockPage:
    """A constant number of queries, however many pieces there are."""
    state, asked = query.get("state", ""), query.get("q", "").strip()[:40]
    counted = stock.counted(actor)
    rows = stock.pieces(actor, state=state, asked=asked)
    number, total = page_number(query), rows.count()
    shown = list(rows[(number - 1) * PAGE : number * PAGE])
    counts = stock.counts(actor)
    known = org.staff_names([*(r.holder_id for r in shown), *(c.counted_by for c in counts)])
    keeps = by_hand.may_keep(actor) and actor.branch_id is not None
    installers = org.holders(actor.branch_id, "installer") if keeps and actor.branch_id else []
    looks = reads_customers(actor)
    return StockPage(
        states=tuple(str(one.label) for one in STATES),
        models=tuple(
            ModelRow(model, tuple((str(one.label), n[one]) for one in STATES), sum(n.values()))
            for model, n in stock.models(actor)
        ),
        filters=_filters(state, counted),
        asked=asked,
        state=state,
        rows=tuple(_piece(one, known, looks) for one in shown),
        total=total,
        pager=Pager(number, PAGE, total),
        keeps=keeps,
        installers=tuple((str(one.pk), one.name) for one in installers),
        counts=tuple(_count(one, known) for one in counts),
        key=str(uuid7()),
        given=given or {},
        act=act,
        fault=fault,
    )


def count_page(actor: Actor, count_id: UUID) -> CountPage:
    row = stock.count_of(actor, count_id)
    wanted = [*row.missing, *(one["serial"] for one in row.surplus)]
    there = stock.now_of(actor, wanted)
    lost = sorted(one.serial for one in stock.still_lost(row, there.values()))
    back = [o["serial"] for o in row.surplus if _is(there, o["serial"], TerminalState.ISSUED)]
    return CountPage(
        id=row.pk,
        at=row.counted_at,
        by=org.staff_names([row.counted_by]).get(row.counted_by, ""),
        model=row.model,
        note=row.note,
        expected=row.expected,
        found=row.found,
        missing=tuple(_difference(s, TerminalState.IN_STOCK, there) for s in row.missing),
        surplus=tuple(_difference(o["serial"], o["state"], there) for o in row.surplus),
        unknown=tuple(row.unknown),
        lost="\n".join(lost[: stock.MOST]),  # so many go at once; the next when these are gone
        back="\n".join(back[: stock.MOST]),
        keeps=by_hand.may_keep(actor),
    )


# ---- inside --------------------------------------------------------------------------------------


def _filters(chosen: str, counted: dict[str, int]) -> tuple[Choice, ...]:
    top = reverse("web:stock")
    every = Choice(_("全部"), top, chosen not in TerminalState.values, sum(counted.values()))
    return (
        every,
        *(
            Choice(str(one.label), f"{top}?state={one.value}", chosen == one, counted[one])
            for one in STATES
        ),
    )


def _piece(row: Terminal, known: dict[UUID, str], looks: bool) -> Piece:
    state = TerminalState(row.state)
    service, url = row.service, ""
    if service is not None:
        where = service.account or _("已拆的线路")
        url = reverse("web:service", args=[service.pk]) if looks else ""
    else:
        where = known.get(row.holder_id, "") if row.holder_id else ""
    return Piece(
        serial=row.serial,
        model=row.model,
        kind=str(row.get_kind_display()),
        state=str(state.label),
        tone=TONES[state],
        where=where,
        url=url,
        since=row.updated_at,
    )


def _count(row: StockCount, known: dict[UUID, str]) -> CountRow:
    return CountRow(
        url=reverse("web:stock_counted", args=[row.pk]),
        at=row.counted_at,
        by=known.get(row.counted_by, ""),
        model=row.model,
        expected=row.expected,
        found=row.found,
        differs=len(row.missing) + len(row.surplus) + len(row.unknown),
    )


def _is(there: dict[str, Any], serial: str, state: str) -> bool:
    return serial in there and there[serial].state == state


def _difference(serial: str, said: str, there: dict[str, Terminal]) -> Difference:
    now = TerminalState(there[serial].state) if serial in there else None
    return Difference(
        serial=serial,
        said=str(TerminalState(said).label),
        now=str(now.label) if now is not None else "",
        tone=TONES[now] if now is not None else "wait",
    )
