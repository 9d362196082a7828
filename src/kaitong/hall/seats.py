"""Sitting down at a counter (坐席) and leaving it. Locks: the seat, then numbers by key."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.hall import rules as tables
from kaitong.hall.choices import TicketState
from kaitong.hall.errors import BadHall, HallRefused, NoSuchTicket, WrongTicketState
from kaitong.hall.models import Seat, Ticket
from kaitong.org import queries as org
from kaitong.org.actor import Actor

AT_HAND = (TicketState.CALLED, TicketState.SERVING)
COUNTERS = 6


def sit(*, actor: Actor, counter: int, kinds: Sequence[str] = ()) -> Seat:
    """Sit down at a counter, to be called there for some business kinds (none: for all).

    Who sits already moves: to another counter, or to other kinds. The counter of somebody else is
    refused.
    """
    rules = tables.required()
    tables.require(tables.may_serve(actor, rules))
    known = {one.key for one in tables.kinds(rules)}
    most = tables.number(rules, "counters", COUNTERS)
    faults = []
    if not 1 <= counter <= most:
        text = _("没有 %(n)s 号窗口。") % {"n": counter}
        faults.append(InputFault("counter", text, _("请选 1 到 %(most)s 号。") % {"most": most}))
    if set(kinds) - known:
        faults.append(InputFault("kinds", _("没有这种业务。"), _("请从列出的业务里选。")))
    if faults:
        raise BadHall(faults)
    if actor.branch_id is None or actor.id is None:
        raise HallRefused(_("没有所在的营业厅。"), _("请用营业厅人员的账号。"))
    wanted = [] if set(kinds) == known else [key for key in sorted(known) if key in kinds]
    with transaction.atomic():
        seat = locked_seat(actor)
        if seat is not None and seat.counter == counter:
            seat.kinds = wanted
            seat.save(update_fields=["kinds"])
            return seat
        if seat is not None:
            _leave(seat)
        try:
            with transaction.atomic():  # somebody may sit down there now
                return Seat.objects.create(
                    branch_id=actor.branch_id, counter=counter, clerk_id=actor.id, kinds=wanted
                )
        except IntegrityError:
            there = Seat.objects.filter(
                branch_id=actor.branch_id, counter=counter, left_at=None
            ).first()
            if there is not None and there.clerk_id == actor.id:
                return there  # a double click
            if there is None:
                raise WrongTicketState(_("你刚刚坐在了另一个窗口。"), _("请刷新页面。")) from None
            name = org.staff_names([there.clerk_id]).get(there.clerk_id, "")
            raise HallRefused(
                _("%(n)s 号窗口已经有人（%(name)s）。") % {"n": counter, "name": name},
                _("请换一个窗口，或请对方先离开。"),
                field="counter",
            ) from None


def leave(*, actor: Actor) -> None:
    """Leave the counter. Numbers handed to it wait for any; again changes nothing."""
    with transaction.atomic():
        seat = locked_seat(actor)
        if seat is not None:
            _leave(seat)


def locked_seat(actor: Actor) -> Seat | None:
    """The actor's own counter, locked; None where he sits at none."""
    if actor.id is None:
        return None
    rows = Seat.objects.filter(clerk_id=actor.id, left_at=None).order_by("pk")
    return rows.select_for_update(no_key=True).first()


def required_seat(actor: Actor) -> Seat:
    seat = locked_seat(actor)
    if seat is None:
        raise HallRefused(_("你还没有坐在窗口。"), _("请先选窗口。"))
    return seat


def open_seat(actor: Actor, seat_id: UUID) -> Seat:
    """A counter somebody sits at now, locked: numbers may be handed to it."""
    seat = Seat.objects.select_for_update(no_key=True).filter(pk=seat_id, left_at=None).first()
    if seat is None or not actor.sees(seat.branch_id):
        raise NoSuchTicket(_("这个窗口现在没有人。"), _("请另选窗口。"))
    return seat


def at_hand(seat: Seat) -> Ticket | None:
    """The number called to a counter or being served there, locked with it."""
    rows = Ticket.objects.filter(seat=seat, state__in=AT_HAND).order_by("pk")
    return rows.select_for_update(no_key=True).first()


def _leave(seat: Seat) -> None:
    ticket = at_hand(seat)
    if ticket is not None:
        raise WrongTicketState(
            _("%(number)s 号还在这个窗口。") % {"number": ticket.number},
            _("请先办结、转窗口或按过号处理，再离开。"),
        )
    seat.left_at = now()
    seat.save(update_fields=["left_at"])
    Ticket.objects.filter(to_seat=seat, state=TicketState.WAITING).update(to_seat=None)
