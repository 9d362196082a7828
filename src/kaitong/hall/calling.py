"""The clerk's verbs: call next, call again, not there, begin, end, hand on, back into the line.

Locks: the clerk's counter (of a hand-over both, by key), then the number. Two clerks who call at
once pass over what the other has in hand, so that no number is called twice.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from kaitong.core import db
from kaitong.core.clock import now
from kaitong.hall import rules as tables
from kaitong.hall.choices import Act, TicketState
from kaitong.hall.errors import HallRefused, NoSuchTicket, WrongTicketState
from kaitong.hall.forms import put_away, to_draft
from kaitong.hall.history import note
from kaitong.hall.models import Link, Seat, Stint, Ticket
from kaitong.hall.papers import issue_forms
from kaitong.hall.seats import at_hand, required_seat
from kaitong.hall.taking import today
from kaitong.org.actor import Actor

CALLS, BACK_WITHIN, BACK_BEHIND = 2, 3600, 3


def call_next(*, actor: Actor) -> Ticket | None:
    """Call the next number to the actor's counter; None when nobody waits for it.

    First what was handed to this counter, then the line. Who has called one already is given that
    one again (a double click calls one number); who serves one is told to end it.
    """
    with transaction.atomic():
        seat = required_seat(actor)
        ticket = at_hand(seat)
        if ticket is not None and ticket.state == TicketState.CALLED:
            return ticket
        if ticket is not None:
            raise WrongTicketState(
                _("%(number)s 号还没有办结。") % {"number": ticket.number}, _("请先办结。")
            )
        line = Ticket.objects.filter(
            Q(to_seat=seat) | (Q(to_seat=None) & (Q(kind__in=seat.kinds) if seat.kinds else Q())),
            branch_id=seat.branch_id,
            day=today(),
            state=TicketState.WAITING,
        )
        ticket = (
            line.order_by(F("to_seat").asc(nulls_last=True), "turn_at", "pk")
            .select_for_update(no_key=True, skip_locked=True)
            .first()
        )
        if ticket is None:
            return None
        ticket.state, ticket.seat, ticket.to_seat = TicketState.CALLED, seat, None
        ticket.called_at, ticket.calls = now(), 1
        ticket.save(update_fields=["state", "seat", "to_seat", "called_at", "calls"])
        note(ticket, Act.CALLED, actor, seat)
    return ticket


def call_again(*, actor: Actor, ticket_id: UUID) -> Ticket:
    """重呼: the board shows it anew."""
    with transaction.atomic():
        seat, ticket = _own(actor, ticket_id, TicketState.CALLED)
        ticket.calls += 1
        ticket.called_at = now()
        ticket.save(update_fields=["calls", "called_at"])
        note(ticket, Act.AGAIN, actor, seat)
    return ticket


def miss(*, actor: Actor, ticket_id: UUID) -> Ticket:
    """过号: called as often as the playbook wants, and nobody came. Again changes nothing."""
    with transaction.atomic():
        seat = required_seat(actor)
        ticket = _ticket(actor, ticket_id)
        if ticket.state == TicketState.MISSED and ticket.seat_id == seat.pk:
            return ticket
        _at(ticket, seat, TicketState.CALLED)
        wanted = tables.number(ticket.rules, "calls", CALLS)
        if ticket.calls < wanted:
            raise HallRefused(
                _("%(number)s 号只叫过 %(n)s 次。") % {"number": ticket.number, "n": ticket.calls},
                _("叫满 %(n)s 次再按过号处理，请先重呼。") % {"n": wanted},
            )
        ticket.state, ticket.ended_at = TicketState.MISSED, now()
        ticket.save(update_fields=["state", "ended_at"])
        note(ticket, Act.MISSED, actor, seat)
    return ticket


def bring_back(*, actor: Actor, ticket_id: UUID) -> Ticket:
    """恢复排队: a customer comes after all. He stands behind a few others, as the playbook says.

    Only for a while, and on the same day. Who stands in the line already stays where he is.
    """
    rules = tables.required()
    tables.require(tables.may_take(actor, rules) or tables.may_serve(actor, rules))
    with transaction.atomic():
        ticket = _ticket(actor, ticket_id)
        if ticket.state == TicketState.WAITING:
            return ticket
        if ticket.state != TicketState.MISSED:
            raise _wrong(ticket)
        within = tables.seconds(ticket.rules, "back-within", BACK_WITHIN)
        late = ticket.ended_at is None or now() > ticket.ended_at + timedelta(seconds=within)
        if ticket.day != today() or late:
            raise HallRefused(
                _("%(number)s 号过号太久，不能恢复。") % {"number": ticket.number},
                _("请客户重新取号。"),
            )
        behind = tables.number(ticket.rules, "back-behind", BACK_BEHIND)
        ahead = Ticket.objects.filter(
            branch_id=ticket.branch_id, day=ticket.day, kind=ticket.kind, state=TicketState.WAITING
        ).order_by("turn_at", "pk")
        turns = list(ahead.values_list("turn_at", flat=True)[:behind])
        last = turns[-1] if turns else ticket.turn_at
        ticket.turn_at = last + timedelta(microseconds=1)
        ticket.state, ticket.seat, ticket.ended_at = TicketState.WAITING, None, None
        ticket.calls, ticket.called_at = 0, None
        ticket.save(update_fields=["turn_at", "state", "seat", "ended_at", "calls", "called_at"])
        note(ticket, Act.BACK, actor)
    return ticket


def begin(*, actor: Actor, ticket_id: UUID) -> Ticket:
    """The customer is at the counter. A form filled in beforehand becomes the clerk's draft.

    Again gives the number as it is.
    """
    with transaction.atomic():
        seat = required_seat(actor)
        ticket = _ticket(actor, ticket_id)
        if ticket.state == TicketState.SERVING and ticket.seat_id == seat.pk:
            return ticket
        _at(ticket, seat, TicketState.CALLED)
        moment = now()
        ticket.state = TicketState.SERVING
        ticket.begun_at = ticket.begun_at or moment
        ticket.save(update_fields=["state", "begun_at"])
        Stint.objects.create(
            ticket=ticket,
            branch_id=ticket.branch_id,
            kind=ticket.kind,
            seat=seat,
            clerk_id=seat.clerk_id,
            begun_at=moment,
        )
        note(ticket, Act.BEGUN, actor, seat)
        draft = to_draft(actor, ticket)
        if draft is not None:
            _link(actor, ticket, draft, seat)
    return ticket


def end(*, actor: Actor, ticket_id: UUID) -> Ticket:
    """办结: once. What was ordered gets its application form (F-38), where it has none yet."""
    with transaction.atomic():
        seat = required_seat(actor)
        ticket = _ticket(actor, ticket_id)
        if ticket.state == TicketState.ENDED and ticket.seat_id == seat.pk:
            return ticket
        _at(ticket, seat, TicketState.SERVING)
        _stop(ticket)
        ticket.state, ticket.ended_at = TicketState.ENDED, now()
        ticket.save(update_fields=["state", "ended_at"])
        note(ticket, Act.ENDED, actor, seat)
        issue_forms(actor, ticket)
        put_away(ticket)
    return ticket


def hand_over(*, actor: Actor, ticket_id: UUID, seat_id: UUID) -> Ticket:
    """转窗口: the customer goes on at another counter, which calls him before all others."""
    with transaction.atomic():
        own = required_id(actor)
        if own == seat_id:
            raise HallRefused(_("这就是你的窗口。"), _("请选别的窗口。"), field="seat")
        rows = Seat.objects.filter(pk__in=[own, seat_id], left_at=None).order_by("pk")
        seats = {row.pk: row for row in rows.select_for_update(no_key=True)}
        seat, to = seats.get(own), seats.get(seat_id)
        if seat is None:
            raise HallRefused(_("你还没有坐在窗口。"), _("请先选窗口。"))
        ticket = _ticket(actor, ticket_id)
        if to is None or to.branch_id != seat.branch_id:
            raise NoSuchTicket(_("这个窗口现在没有人。"), _("请另选窗口。"))
        if ticket.state == TicketState.WAITING and ticket.to_seat_id == to.pk:
            return ticket
        _at(ticket, seat, TicketState.CALLED, TicketState.SERVING)
        if ticket.state == TicketState.SERVING:
            _stop(ticket)
        ticket.state, ticket.seat, ticket.to_seat = TicketState.WAITING, None, to
        ticket.calls, ticket.called_at = 0, None
        ticket.save(update_fields=["state", "seat", "to_seat", "calls", "called_at"])
        note(ticket, Act.HANDED, actor, to)
    return ticket


def link(*, actor: Actor, business_id: UUID) -> Ticket | None:
    """Say that a draft, an order or a change is made for the number the actor serves now, if any.

    Said before the act, so that nothing that was made can be without its number; what comes to
    nothing is passed over by whoever reads. Again changes nothing.
    """
    if actor.id is None:
        return None
    rows = Ticket.objects.filter(
        seat__clerk_id=actor.id, seat__left_at=None, state=TicketState.SERVING
    )
    with db.whole():
        ticket = rows.select_related("seat").order_by("pk").first()
        if ticket is not None:
            _link(actor, ticket, business_id, ticket.seat)
    return ticket


def issue_form(*, actor: Actor) -> None:
    """Issue the application form of what was just ordered, so that it can be signed now; whatever
    is missed, the end of the number issues. Again changes nothing."""
    with transaction.atomic():
        ticket = (
            Ticket.objects.filter(
                seat__clerk_id=actor.id, seat__left_at=None, state=TicketState.SERVING
            )
            .select_related("rules")
            .first()
        )
        if ticket is not None:
            issue_forms(actor, ticket)


# ---- inside --------------------------------------------------------------------------------------


def required_id(actor: Actor) -> UUID:
    """The actor's counter, not locked yet: a hand-over locks two in one order."""
    found = Seat.objects.filter(clerk_id=actor.id, left_at=None).values_list("pk", flat=True)
    own = found.first() if actor.id is not None else None
    if own is None:
        raise HallRefused(_("你还没有坐在窗口。"), _("请先选窗口。"))
    return own


def _own(actor: Actor, ticket_id: UUID, *states: TicketState) -> tuple[Seat, Ticket]:
    seat = required_seat(actor)
    ticket = _ticket(actor, ticket_id)
    _at(ticket, seat, *states)
    return seat, ticket


def _ticket(actor: Actor, ticket_id: UUID) -> Ticket:
    rows = Ticket.objects.select_for_update(no_key=True, of=("self",)).select_related("rules")
    ticket = rows.filter(pk=ticket_id).first()
    if ticket is None or not actor.sees(ticket.branch_id):
        raise NoSuchTicket(_("没有这个排队号。"), _("请刷新页面。"))
    return ticket


def _at(ticket: Ticket, seat: Seat, *states: TicketState) -> None:
    if ticket.state not in states or ticket.seat_id != seat.pk:
        raise _wrong(ticket)


def _wrong(ticket: Ticket) -> WrongTicketState:
    state = TicketState(ticket.state).label
    return WrongTicketState(
        _("%(number)s 号现在是“%(state)s”，不在你的窗口。")
        % {"number": ticket.number, "state": state},
        _("请刷新页面。"),
    )


def _stop(ticket: Ticket) -> None:
    Stint.objects.filter(ticket=ticket, ended_at=None).update(ended_at=now())


def _link(actor: Actor, ticket: Ticket, business_id: UUID, seat: Seat | None) -> None:
    _row, made = Link.objects.get_or_create(ticket=ticket, business_id=business_id)
    if made:
        note(ticket, Act.LINKED, actor, seat)
