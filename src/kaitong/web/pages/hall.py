"""The hall's pages (营业厅排队): the greeter's tablet, the board on the wall, the clerk's strip."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.hall import asking
from kaitong.hall import forms as application
from kaitong.hall import queries as hall
from kaitong.hall import rules as tables
from kaitong.hall.choices import TicketState
from kaitong.hall.models import Ticket
from kaitong.hall.queries import Hall, SeatNow
from kaitong.hall.rules import Kind
from kaitong.ordering import counter
from kaitong.org.actor import Actor
from kaitong.party.choices import PartyKind
from kaitong.party.kinds import accepted_on
from kaitong.surveys import queries as surveys
from kaitong.web import format as fmt
from kaitong.web.pages.intake_parts import branch_name

BOARD_CALLS = 8
STATES = {
    TicketState.WAITING: "wait",
    TicketState.CALLED: "soon",
    TicketState.SERVING: "you",
    TicketState.MISSED: "late",
    TicketState.ENDED: "ok",
    TicketState.CLOSED: "wait",
}


@dataclass(frozen=True, slots=True)
class KindRow:
    """One business on the tablet: a big button."""

    key: str
    title: str
    icon: str
    waiting: int
    minutes: str
    form: bool
    bring: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TicketRow:
    id: UUID
    number: str
    kind: str
    taken_at: datetime
    waited: str
    late: bool
    state: str
    tone: str
    phone: str = ""
    counter: int | None = None
    to: int | None = None
    form: bool = False
    minutes: str = ""


@dataclass(frozen=True, slots=True)
class SeatRow:
    id: UUID
    counter: int
    clerk: str
    kinds: str
    ticket: str
    state: str
    tone: str
    mine: bool


@dataclass(frozen=True, slots=True)
class Strip:
    """The clerk's strip: his counter, the number there, what can be done with it."""

    version: str
    counter: int
    waiting: int
    ticket: TicketRow | None
    called: bool
    serving: bool
    calls: int
    may_miss: bool
    since: datetime | None
    others: tuple[tuple[str, str], ...]
    orders: tuple[tuple[str, str], ...]
    draft: str
    form: str
    told: str  # where what a change's form says is read
    subjects: tuple[tuple[str, str, bool], ...] = ()  # key, title, asked about
    fault: str = ""


@dataclass(frozen=True, slots=True)
class QueuePage:
    branch: str
    closed: bool
    line: tuple[TicketRow, ...]
    missed: tuple[TicketRow, ...]
    seats: tuple[SeatRow, ...]
    kinds: tuple[KindRow, ...]
    chosen: frozenset[str]
    counters: tuple[tuple[int, str], ...]
    own: int | None
    may_take: bool
    may_serve: bool
    may_close: bool
    may_lead: bool
    version: str
    asked: tuple[tuple[str, int], ...] = ()  # what was asked about today
    rated: bool = False  # customers rate at a device
    fault: str = ""


@dataclass(frozen=True, slots=True)
class TakePage:
    branch: str
    closed: bool
    kinds: tuple[KindRow, ...]
    key: str
    fault: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class TicketPage:
    branch: str
    row: TicketRow
    ahead: int
    waiting: bool
    bring: tuple[str, ...]
    documents: tuple[str, ...]
    may_fill: bool
    filled: bool
    counter: int | None


@dataclass(frozen=True, slots=True)
class Board:
    branch: str
    at: datetime
    closed: bool
    calls: tuple[tuple[str, int, str, bool], ...]  # number, counter, business, called just now
    more: int
    kinds: tuple[KindRow, ...]
    next: tuple[str, ...]
    missed: tuple[str, ...]
    version: str


def seen(actor: Actor) -> Hall:
    """The hall, refused where there is none."""
    tables.required()
    found = hall.hall(actor)
    assert found is not None
    return found


def title(kind: Kind | None, key: str = "") -> str:
    if kind is None:
        return key
    return kind.title if fmt.in_chinese() else kind.title_en or kind.title


def words(pair: tuple[str, str]) -> str:
    return pair[0] if fmt.in_chinese() else pair[1] or pair[0]


def about(seconds: float | None) -> str:
    """A wait in words a customer reads: never more exact than it can be."""
    if seconds is None:
        return ""
    minutes = math.ceil(seconds / 60)
    if minutes <= 1:
        return _("马上")
    if minutes > 20:
        minutes = 5 * math.ceil(minutes / 5)
    return _("约 %(n)s 分钟") % {"n": minutes}


def take_page(actor: Actor, key: str, *, fault: str = "", phone: str = "") -> TakePage:
    found = seen(actor)
    tables.require(tables.may_give(actor, found.rules))
    return TakePage(
        branch=branch_name(actor),
        closed=found.closed_at is not None,
        kinds=_kinds(found),
        key=key,
        fault=fault,
        phone=phone,
    )


def ticket_page(actor: Actor, ticket_id: UUID) -> TicketPage:
    ticket = hall.ticket(actor, ticket_id)
    found = seen(actor)
    kind = tables.kind(ticket.rules, ticket.kind)
    waiting = ticket.state == TicketState.WAITING
    filled = hall.has_form(ticket.pk)
    row = _row(found, ticket, {ticket.pk} if filled else set())
    return TicketPage(
        branch=branch_name(actor),
        row=row,
        ahead=found.ahead(ticket) if waiting else 0,
        waiting=waiting,
        bring=tuple(words(pair) for pair in kind.bring) if kind is not None else (),
        documents=documents(actor) if kind is not None and kind.identity else (),
        may_fill=kind is not None
        and kind.form
        and ticket.state in (TicketState.WAITING, TicketState.CALLED),
        filled=filled,
        counter=row.counter,
    )


def documents(actor: Actor) -> tuple[str, ...]:
    """Identity documents a person may show (VER-06): what the playbook accepts today."""
    kinds = application.document_kinds(counter.offers(actor))
    accepted = accepted_on(timezone.localdate(now()), str(PartyKind.INDIVIDUAL), kinds)
    return tuple(one.title if fmt.in_chinese() else one.title_en or one.title for one in accepted)


def queue_page(actor: Actor, *, fault: str = "") -> QueuePage:
    found = seen(actor)
    forms = hall.with_forms([*found.line, *found.missed])
    own = next((one for one in found.seats if one.clerk_id == actor.id), None)
    taken = {one.counter: one.clerk for one in found.seats if one is not own}
    most = tables.number(found.rules, "counters", 6)
    return QueuePage(
        branch=branch_name(actor),
        closed=found.closed_at is not None,
        line=tuple(_row(found, one, forms) for one in found.line),
        missed=tuple(_row(found, one, forms) for one in found.missed),
        seats=tuple(_seat(found, one, one is own) for one in found.seats),
        kinds=_kinds(found),
        chosen=frozenset(own.kinds if own and own.kinds else (k.key for k in found.kinds)),
        counters=tuple((n, taken.get(n, "")) for n in range(1, most + 1)),
        own=own.counter if own is not None else None,
        may_take=tables.may_take(actor, found.rules),
        may_serve=tables.may_serve(actor, found.rules),
        may_close=actor.has_post(tables.LEADING) or tables.may_take(actor, found.rules),
        may_lead=actor.is_supervisor,
        version=found.version,
        asked=_asked(actor, found),
        rated=surveys.has_device(actor),
        fault=fault,
    )


def strip(actor: Actor, *, fault: str = "") -> Strip | None:
    """None for who sits at no counter."""
    if hall.seat_of(actor) is None:
        return None
    found = hall.hall(actor)
    own = next((one for one in found.seats if one.clerk_id == actor.id), None) if found else None
    if found is None or own is None:
        return None
    ticket = own.ticket
    row = None
    orders: tuple[tuple[str, str], ...] = ()
    draft = form = told = ""
    if ticket is not None:
        row = _row(found, ticket, hall.with_forms([ticket]))
        made, unfinished = hall.made_for(actor, ticket)
        orders = tuple(
            (one.number or _("订单"), reverse("web:order", args=[one.pk])) for one in made
        )
        draft = reverse("web:intake_draft", args=[unfinished]) if unfinished else ""
        form = reverse("web:hall_form_sheet", args=[ticket.pk]) if row.form and not made else ""
        kind = found.kind(ticket.kind)
        if row.form and kind is not None and kind.changes and ticket.state == TicketState.SERVING:
            told = reverse("web:hall_form_told", args=[ticket.pk])
    called = ticket is not None and ticket.state == TicketState.CALLED
    since = ticket.called_at if called and ticket else ticket.begun_at if ticket else None
    return Strip(
        version=found.version,
        counter=own.counter,
        waiting=sum(
            (one.to_seat_id or own.id) == own.id and (one.to_seat_id or own.serves(one.kind))
            for one in found.line
        ),
        ticket=row,
        called=called,
        serving=ticket is not None and not called,
        calls=ticket.calls if ticket else 0,
        may_miss=bool(called and ticket and ticket.calls >= tables.number(found.rules, "calls", 2)),
        since=since,
        others=tuple(
            (str(one.id), _("%(n)s 号 %(name)s") % {"n": one.counter, "name": one.clerk})
            for one in found.seats
            if one is not own
        ),
        orders=orders,
        draft=draft,
        form=form,
        told=told,
        subjects=_subjects(ticket) if ticket and not called else (),
        fault=fault,
    )


def _asked(actor: Actor, found: Hall) -> tuple[tuple[str, int], ...]:
    names = {one.title: words((one.title, one.title_en)) for one in asking.subjects(found.rules)}
    return tuple((names.get(name, name), n) for name, n in asking.asked_today(actor))


def _subjects(ticket: Ticket) -> tuple[tuple[str, str, bool], ...]:
    known = asking.subjects(ticket.rules)
    done = asking.asked(ticket) if known else []
    return tuple((one.key, words((one.title, one.title_en)), one.key in done) for one in known)


def board(actor: Actor) -> Board:
    found = seen(actor)
    calls = found.calls
    return Board(
        branch=branch_name(actor),
        at=found.at,
        closed=found.closed_at is not None,
        calls=tuple(
            (one.number, at, title(found.kind(one.kind), one.kind),
             one.state == TicketState.CALLED)
            for one, at in calls[:BOARD_CALLS]
        ),
        more=max(len(calls) - BOARD_CALLS, 0),
        kinds=_kinds(found),
        next=tuple(one.number for one in found.line[:6]),
        missed=tuple(one.number for one in found.missed[:6]),
        version=found.version,
    )  # fmt: skip


def fillable_page(actor: Actor) -> dict[str, object]:
    return {"rows": fillable(actor), "page": {"branch": branch_name(actor)}}


def fillable(actor: Actor) -> tuple[TicketRow, ...]:
    """Numbers whose form can be filled in now."""
    found = seen(actor)
    tables.require(tables.may_give(actor, found.rules))
    forms = hall.with_forms(found.line)
    return tuple(
        _row(found, one, forms)
        for one in found.line
        if (kind := found.kind(one.kind)) is not None and kind.form
    )


# ---- inside --------------------------------------------------------------------------------------


def _kinds(found: Hall) -> tuple[KindRow, ...]:
    return tuple(
        KindRow(
            key=one.key,
            title=title(one),
            icon=one.icon,
            waiting=found.waiting(one.key),
            minutes=about(found.next_turn(one.key)),
            form=one.form,
            bring=tuple(words(pair) for pair in one.bring),
        )
        for one in found.kinds
    )


def _row(found: Hall, ticket: Ticket, forms: set[UUID]) -> TicketRow:
    kind = found.kind(ticket.kind)
    state = TicketState(ticket.state)
    waited = ((ticket.begun_at or found.at) - ticket.taken_at).total_seconds()
    at = {one.id: one.counter for one in found.seats}
    return TicketRow(
        id=ticket.pk,
        number=ticket.number,
        kind=title(kind, ticket.kind),
        taken_at=ticket.taken_at,
        waited=fmt.span(waited),
        late=kind is not None and ticket.begun_at is None and waited > kind.wait,
        state=str(state.label),
        tone=STATES[state],
        phone=ticket.phone,
        counter=at.get(ticket.seat_id) if ticket.seat_id else None,
        to=at.get(ticket.to_seat_id) if ticket.to_seat_id else None,
        form=ticket.pk in forms,
        minutes=about(found.turns.get(ticket.pk)),
    )


def _seat(found: Hall, seat: SeatNow, mine: bool) -> SeatRow:
    kinds = [title(one) for one in found.kinds if one.key in seat.kinds]
    state = TicketState(seat.ticket.state) if seat.ticket is not None else None
    return SeatRow(
        id=seat.id,
        counter=seat.counter,
        clerk=seat.clerk,
        kinds=fmt.mark("、").join(kinds) or _("全部业务"),
        ticket=seat.ticket.number if seat.ticket is not None else "",
        state=str(state.label) if state is not None else _("空闲"),
        tone=STATES[state] if state is not None else "ok",
        mine=mine,
    )
