"""The installer's phone: today's visits as cards in the order of appointment, and what he holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core.clock import now as clock_now
from kaitong.inventory import queries as inventory
from kaitong.ordering import moves
from kaitong.ordering import queries as ordering
from kaitong.ordering.step_rules import SITE
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.process.choices import WorkState
from kaitong.process.definitions import model_of
from kaitong.web import format as fmt
from kaitong.web.pages import customers
from kaitong.web.pages.facts import OrderFacts, of_orders
from kaitong.web.pages.fault_facts import of_tickets
from kaitong.web.pages.maps import map_link
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import Person
from kaitong.web.pages.sites import Site, current, sites
from kaitong.web.pages.workbench import work_due

_MOST = 60


@dataclass(frozen=True, slots=True)
class Card:
    """One visit."""

    id: UUID
    step: str
    product: str
    address: str
    map_url: str
    customer: Person | None
    window: str
    day: str
    port: str
    due: fmt.Due
    tone: str
    state: str
    next: bool
    claimable: bool
    suspended: bool
    sites: tuple[Site, ...]  # of a move: both addresses


@dataclass(frozen=True, slots=True)
class Past:
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Today:
    tab: str
    title: str
    day: str
    team: str
    cards: tuple[Card, ...]
    past: tuple[Past, ...]
    done: int
    doing: int
    waiting: int
    on_time: str
    pool: int


@dataclass(frozen=True, slots=True)
class Held:
    """A terminal in his hands."""

    serial: str
    model: str
    mac: str


def today(actor: Actor, tab: str) -> Today:
    """`tab`: today (what is mine), or pool (what may be taken). Constant queries."""
    mine = list(process.work_items(actor, tab="mine", limit=_MOST).rows)
    held = list(process.work_items(actor, tab="suspended", limit=_MOST).rows)
    pool = process.work_items(actor, tab="todo", limit=_MOST)
    done = process.work_items(actor, tab="done", limit=_MOST)
    bound = [row for row in pool.rows if row.assigned_by and actor.is_hand(row.post, row.candidate)]
    rows = [*mine, *bound, *held] if tab == "today" else [r for r in pool.rows if r not in bound]
    ids = {r.business_id for r in (*rows, *done.rows) if r.business_id}
    orders = ordering.by_ids(actor, ids)
    lines = inventory.services_of_orders([order.id for order in orders])
    facts = of_orders(orders, people=True, lines=lines)
    facts |= of_tickets(actor, ids - set(facts), people=True)
    about = [f.service_id for f in facts.values() if f.service_id]
    ports = inventory.port_texts_of_services(about) if about else {}
    moment = clock_now()
    moving = moves.of_orders([order.id for order in orders])
    cards = sorted(
        (
            _card(actor, row, facts.get(row.business_id), lines, ports, moving, moment)
            for row in rows
        ),
        key=lambda pair: pair[0],
    )
    found = [card for _key, card in cards]
    if tab == "today":
        found = _first_is_next(found)
    past = tuple(
        Past(row.completed_at, _past(row, facts.get(row.business_id)))
        for row in done.rows
        if row.completed_at
    )
    kept = [r for r in done.rows if r.due_at and r.completed_at]
    good = sum(r.completed_at <= r.due_at for r in kept)
    names = post_names()
    count = len(mine) + len(bound)
    return Today(
        tab=tab,
        title=_("今日 %s 单") % count if tab == "today" else _("领单 %s") % len(rows),
        day=fmt.day(moment),
        team="　".join([*(names[p] for p in sorted(actor.posts) if p in names), actor.name]),
        cards=tuple(found),
        past=past if tab == "today" else (),
        done=done.total,
        doing=len(mine),
        waiting=len(bound) + len(held),
        on_time=f"{round(100 * good / len(kept))}%" if kept else "—",
        pool=pool.total - len(bound),
    )


def _card(
    actor: Actor,
    row: process.WorkRow,
    facts: OrderFacts | None,
    lines: Any,
    ports: Mapping[UUID, str],
    moving: Mapping[UUID, moves.Move],
    moment: datetime,
) -> tuple[tuple[bool, datetime], Card]:
    start = facts.appointment_start if facts else None
    line = next(iter(lines.get(row.business_id, ())), None)
    suspended = row.state == WorkState.SUSPENDED
    mine = actor.is_hand(row.post, row.claimed_by)
    tone, state = ("you", _("处理中")) if mine else ("wait", _("待接单"))
    if suspended:
        tone, state = "wait", _("已挂起")
    ends = sites(moving.get(row.business_id) if row.business_id else None, _site_of(row))
    here = current(ends)
    address = here.whole if here else facts.address_full if facts else ""
    card = Card(
        id=row.id,
        step=fmt.of_many(facts.say(row.title) if facts else row.title, row.part),
        product=facts.product if facts else "",
        address=here.address if here else facts.address if facts else "",
        map_url=map_link(address),
        customer=customers.masked(facts.customer, scope=f"c{str(row.id)[-12:]}")
        if facts and facts.customer
        else None,
        window=_window(facts),
        day=_other_day(start, moment),
        port=line.port_text
        if line
        else ports.get(facts.service_id, "")
        if facts and facts.service_id
        else "",
        due=work_due(row, moment),
        tone=tone,
        state=state,
        next=False,
        claimable=row.claimed_by is None and not suspended,
        suspended=suspended,
        sites=ends,
    )
    far = datetime.max.replace(tzinfo=moment.tzinfo)
    return (suspended, start or row.due_at or far), card


def _site_of(row: process.WorkRow) -> str:
    """At which end of a move its step is done, as the process says."""
    node = model_of(row.definition_id).nodes.get(row.node)
    return node.extension.get(SITE, "") if node is not None else ""


def _other_day(start: datetime | None, moment: datetime) -> str:
    """The day of a visit, where it is not today."""
    if start is None or timezone.localtime(start).date() == timezone.localtime(moment).date():
        return ""
    return fmt.day(start)


def _window(facts: OrderFacts | None) -> str:
    if facts is None or facts.appointment_start is None:
        return ""
    text = f"{timezone.localtime(facts.appointment_start):%H:%M}"
    if facts.appointment_end:
        text += f"–{timezone.localtime(facts.appointment_end):%H:%M}"
    return text


def _first_is_next(cards: list[Card]) -> list[Card]:
    for place, card in enumerate(cards):
        if not card.suspended:
            return [*cards[:place], replace(card, next=True), *cards[place + 1 :]]
    return cards


def _past(row: process.WorkRow, facts: OrderFacts | None) -> str:
    if facts is None:
        return row.title
    title = fmt.of_many(facts.say(row.title), row.part)
    return fmt.mark("，").join(p for p in (title, facts.product, facts.address) if p)


def terminals(actor: Actor) -> list[Held]:
    """The terminals handed out to him."""
    return [Held(t.serial, t.model, t.mac) for t in inventory.terminals_held(actor)]
