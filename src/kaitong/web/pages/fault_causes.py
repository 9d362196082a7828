"""Common causes (群障): the list, and one with its tickets and affected customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.assurance import queries as assurance
from kaitong.assurance import timeline
from kaitong.assurance.choices import OPEN_CAUSES, CauseState, Level, TicketState
from kaitong.assurance.models import Alarm, CommonCause
from kaitong.core.clock import now as clock_now
from kaitong.documents import queries as documents
from kaitong.inventory import beneath
from kaitong.org.actor import Actor
from kaitong.party import queries as party
from kaitong.places import queries as places
from kaitong.process import queries as process
from kaitong.web import format as fmt
from kaitong.web.pages import drawer, order_timeline
from kaitong.web.pages.fault import Sheet
from kaitong.web.pages.fault_facts import of_faults, of_tickets, words
from kaitong.web.pages.faults import TONES, waiting
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import Empty, Pager, Tab, page_number

PAGE_SIZE = 50
CAUSE_TONES = {
    CauseState.PROPOSED: "you",
    CauseState.CONFIRMED: "late",
    CauseState.RESOLVED: "ok",
    CauseState.DISMISSED: "wait",
    CauseState.MERGED: "wait",
}
_TABS = {
    "open": tuple(OPEN_CAUSES),
    "ended": (CauseState.RESOLVED, CauseState.DISMISSED, CauseState.MERGED),
}


@dataclass(frozen=True, slots=True)
class CauseRow:
    id: UUID
    number: str
    level: str
    place: str
    state_text: str
    tone: str
    reported: int
    affected: int
    waiting: str
    due: fmt.Due
    at: datetime


@dataclass(frozen=True, slots=True)
class CausesPage:
    tabs: tuple[Tab, ...]
    rows: tuple[CauseRow, ...]
    alarms: tuple[Alarm, ...]
    total: int
    pager: Pager
    empty: Empty
    at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    id: UUID
    number: str
    symptom: str
    address: str
    state_text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Affected:
    account: str
    customer: str
    phone: str
    address: str
    state: str
    reported: bool


@dataclass(frozen=True, slots=True)
class CausePage:
    id: UUID
    number: str
    level: str
    place: str
    state_text: str
    tone: str
    finding: str
    expected_at: datetime | None
    by_alarm: bool
    due: fmt.Due
    waiting: str
    work: tuple[drawer.WorkDetail, ...]
    members: tuple[Member, ...]
    affected: tuple[Affected, ...]
    total: int
    pager: Pager
    alarms: tuple[Alarm, ...]
    sheets: tuple[Sheet, ...]
    timeline: order_timeline.TimelinePane
    export_url: str
    fault: str = ""


def causes_page(actor: Actor, query: QueryDict) -> CausesPage:
    tab = query.get("tab", "open")
    tab = tab if tab in _TABS else "open"
    number = page_number(query)
    rows, total = assurance.causes(
        actor, states=_TABS[tab], offset=(number - 1) * PAGE_SIZE, limit=PAGE_SIZE
    )
    work = process.open_items_of(actor, [row.pk for row in rows])
    facts = of_tickets(actor, [row.pk for row in rows])
    posts, moment = post_names(), clock_now()
    alarms, _count = assurance.alarms(actor, limit=10)
    return CausesPage(
        tabs=(
            Tab("open", _("在办"), None, tab == "open"),
            Tab("ended", _("已结束"), None, tab == "ended"),
        ),
        rows=tuple(
            CauseRow(
                id=row.pk,
                number=row.number or str(row.pk)[:8],
                level=str(Level(row.level).label),
                place=row.resource_text,
                state_text=str(CauseState(row.state).label),
                tone=CAUSE_TONES[CauseState(row.state)],
                reported=row.reported,  # type: ignore[attr-defined]
                affected=row.affected,
                waiting=waiting(work.get(row.pk, []), facts[row.pk], posts),
                due=_due(row, moment),
                at=row.created_at,
            )
            for row in rows
        ),
        alarms=tuple(alarms),
        total=total,
        pager=Pager(number, PAGE_SIZE, total),
        empty=Empty(
            "circle-check" if tab == "open" else "network",
            _("没有在办的群障") if tab == "open" else _("没有群障"),
            _("同一分光器、PON 口或 OLT 下几户同时报障，或网元告警时，会自动列在这里等监控确认。"),
        ),
        at=moment,
    )


def cause_page(
    actor: Actor,
    cause_id: UUID,
    query: QueryDict,
    *,
    item_id: UUID | None = None,
    values: Any = None,
    faults: Any = (),
    fault: str = "",
) -> CausePage:
    row = assurance.cause(actor, cause_id)
    facts = of_tickets(actor, [row.pk])[row.pk]
    items = process.open_items_of(actor, [row.pk]).get(row.pk, [])
    details = [
        drawer.work_detail(
            actor,
            item.id,
            values=values if item.id == item_id else None,
            faults=list(faults) if item.id == item_id else (),
        )
        for item in items
    ]
    number = page_number(query)
    found, total = beneath.services_beneath(
        row.resource_id, offset=(number - 1) * PAGE_SIZE, limit=PAGE_SIZE
    )
    members = assurance.members(actor, row.pk)
    told = of_faults(members)
    reported = {one.service_id for one in members}
    return CausePage(
        id=row.pk,
        number=facts.number,
        level=str(Level(row.level).label),
        place=row.resource_text,
        state_text=str(CauseState(row.state).label),
        tone=CAUSE_TONES[CauseState(row.state)],
        finding=row.finding,
        expected_at=row.expected_at,
        by_alarm=row.by_alarm,
        due=_due(row, clock_now()),
        waiting=waiting(items, facts, post_names()),
        work=tuple(one for one in details if one.can.any),
        members=tuple(
            Member(
                one.pk,
                told[one.pk].number,
                told[one.pk].product,
                told[one.pk].address,
                str(TicketState(one.state).label),
                TONES[TicketState(one.state)],
            )
            for one in members
        ),
        affected=tuple(affected(found, reported)),
        total=total,
        pager=Pager(number, PAGE_SIZE, total),
        alarms=tuple(assurance.alarms_of_cause(actor, row.pk)),
        sheets=tuple(
            Sheet(words(row.handling)(one.title), one.number, reverse("web:paper", args=[one.pk]))
            for one in documents.papers_of_order(actor, row.pk)
        ),
        timeline=order_timeline.pane_of(
            timeline.of_cause(actor, row), words(row.handling), own=_("群障")
        ),
        export_url=reverse("web:cause_export", args=[row.pk]),
        fault=fault,
    )


def affected(rows: list[dict[str, Any]], reported: set[Any]) -> list[Affected]:
    """Services beneath a piece of the network as the list shows them: masked."""
    people = party.summaries([row["customer_id"] for row in rows if row["customer_id"]])
    spots = places.addresses(row["address_id"] for row in rows if row["address_id"])
    found = []
    for row in rows:
        person, spot = people.get(row["customer_id"]), spots.get(row["address_id"])
        found.append(
            Affected(
                account=row["account"],
                customer=person.name if person else "",
                phone=person.phone if person else "",
                address=spot.short_text if spot else "",
                state=_("在用") if row["state"] == "active" else _("未激活"),
                reported=row["service_id"] in reported,
            )
        )
    return found


def _due(row: CommonCause, moment: datetime) -> fmt.Due:
    return fmt.due(row.due_at, now=moment, start=row.created_at, ended_at=row.resolved_at)
