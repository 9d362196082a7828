"""Reading the hall: the line, the board, the counters, how long it will take.

A branch's own: whoever sits in another hears *not found*.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import db
from kaitong.core.clock import now
from kaitong.hall import estimating
from kaitong.hall import rules as tables
from kaitong.hall.choices import FormState, TicketState
from kaitong.hall.errors import NoSuchTicket
from kaitong.hall.models import Day, Form, Link, Rules, Seat, Ticket
from kaitong.hall.rules import Kind, may_see, may_serve, may_take
from kaitong.hall.taking import begin_of, today
from kaitong.ordering import queries as orders
from kaitong.ordering.models import Order
from kaitong.org import queries as org
from kaitong.org.actor import Actor

RECENT = timedelta(days=14)
AT_HAND = (TicketState.CALLED, TicketState.SERVING)
_LIVING = (TicketState.WAITING, *AT_HAND, TicketState.MISSED)
_TAKEN = """select kind,
 coalesce(avg(extract(epoch from ended_at - begun_at)), 0)::float as recent, count(*) as n,
 coalesce(avg(extract(epoch from ended_at - begun_at)) filter (where ended_at >= %s), 0)::float
 as today, count(*) filter (where ended_at >= %s) as n_today
 from hall_stint where branch_id = %s and ended_at >= %s and not cut group by kind"""


@dataclass(frozen=True, slots=True)
class SeatNow:
    """A counter somebody sits at, and the number there."""

    id: UUID
    counter: int
    clerk_id: UUID
    clerk: str
    kinds: tuple[str, ...]
    ticket: Ticket | None

    def serves(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds


@dataclass(frozen=True)
class Hall:
    """One branch's hall as it stands: a fixed number of statements, whatever is in it."""

    rules: Rules
    kinds: tuple[Kind, ...]
    day: date
    closed_at: datetime | None
    tickets: tuple[Ticket, ...]  # waiting, at a counter, missed; in the order of their turns
    seats: tuple[SeatNow, ...]
    usual: Mapping[str, float]  # seconds a visit takes, by kind
    at: datetime

    @cached_property
    def line(self) -> list[Ticket]:
        return [one for one in self.tickets if one.state == TicketState.WAITING]

    @property
    def missed(self) -> list[Ticket]:
        rows = [one for one in self.tickets if one.state == TicketState.MISSED]
        return sorted(rows, key=lambda one: one.ended_at or one.taken_at, reverse=True)

    @property
    def calls(self) -> list[tuple[Ticket, int]]:
        """Numbers at the counters, the last called first, with their counters."""
        at = {one.id: one.counter for one in self.seats}
        rows = [one for one in self.tickets if one.state in AT_HAND and one.seat_id in at]
        rows.sort(key=lambda one: one.called_at or one.taken_at, reverse=True)
        return [(one, at[one.seat_id]) for one in rows if one.seat_id]

    def kind(self, key: str) -> Kind | None:
        return next((one for one in self.kinds if one.key == key), None)

    def ahead(self, ticket: Ticket) -> int:
        """People of the line before a number who wait for the same counters."""
        place = (ticket.turn_at, ticket.pk)
        mine = [seat for seat in self.seats if seat.serves(ticket.kind)]
        return sum(
            (one.turn_at, one.pk) < place
            and (one.kind == ticket.kind or any(seat.serves(one.kind) for seat in mine))
            for one in self.line
        )

    def waiting(self, kind: str) -> int:
        return sum(one.kind == kind for one in self.line)

    @cached_property
    def _counters(self) -> list[estimating.Counter]:
        return [
            estimating.Counter(one.id, frozenset(one.kinds), self._free_in(one))
            for one in self.seats
        ]

    def _free_in(self, seat: SeatNow) -> float:
        if seat.ticket is None:
            return 0.0
        begun = seat.ticket.begun_at if seat.ticket.state == TicketState.SERVING else None
        elapsed = (self.at - begun).total_seconds() if begun is not None else 0.0
        return estimating.left(self.usual.get(seat.ticket.kind, 0.0), elapsed)

    @cached_property
    def _line(self) -> list[estimating.Waiting]:
        return [estimating.Waiting(one.pk, one.kind, one.to_seat_id) for one in self.line]

    @cached_property
    def turns(self) -> dict[object, float]:
        """In how many seconds who waits is called; who nobody serves now is left out."""
        return estimating.turns(self._line, self._counters, self.usual)

    def next_turn(self, kind: str) -> float | None:
        """The same for whoever took a number of a kind now."""
        line = [*self._line, estimating.Waiting(None, kind)]
        return estimating.turns(line, self._counters, self.usual).get(None)

    @property
    def version(self) -> str:
        """Changes with whatever the board or a strip shows."""
        parts: list[object] = [self.day, self.closed_at]
        parts += [(t.pk, t.state, t.calls, t.called_at, t.seat_id, t.to_seat_id, t.turn_at)
                  for t in self.tickets]  # fmt: skip
        parts += [(s.id, s.counter, s.kinds) for s in self.seats]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def hall(actor: Actor) -> Hall | None:
    """The actor's own branch's hall; None where no playbook has one. Refused for who has nothing to
    do with it."""
    rules = tables.current()
    if rules is None or actor.branch_id is None:
        return None
    tables.require(may_see(actor, rules))
    return _hall(rules, actor.branch_id)


def taken_on(actor: Actor, day: date) -> int:
    """How many numbers were taken in the actor's hall on a day."""
    if actor.branch_id is None:
        return 0
    return Ticket.objects.filter(branch_id=actor.branch_id, day=day).count()


def ticket(actor: Actor, ticket_id: UUID) -> Ticket:
    found = Ticket.objects.select_related("rules").filter(pk=ticket_id).first()
    if found is None or not actor.sees(found.branch_id):
        raise NoSuchTicket(_("没有这个排队号。"), _("请重新取号。"))
    tables.require(may_see(actor, found.rules))
    return found


def seat_of(actor: Actor) -> Seat | None:
    """The counter the actor sits at."""
    if actor.id is None:
        return None
    return Seat.objects.filter(clerk_id=actor.id, left_at=None).first()


def has_form(ticket_id: UUID) -> bool:
    """Whether an application form was filled in for a number."""
    rows = Form.objects.filter(ticket_id=ticket_id).exclude(state=FormState.FORGOTTEN)
    return rows.exists()


def with_forms(tickets: Sequence[Ticket]) -> set[UUID]:
    """Which of these numbers have a form."""
    rows = Form.objects.filter(ticket__in=tickets).exclude(state=FormState.FORGOTTEN)
    return set(rows.values_list("ticket_id", flat=True))


def made_for(actor: Actor, ticket: Ticket) -> tuple[list[Order], UUID | None]:
    """The orders made for a number, and the draft of its form that is not an order yet."""
    ids = list(
        Link.objects.filter(ticket=ticket).order_by("pk").values_list("business_id", flat=True)
    )
    found = orders.by_ids(actor, ids) if ids else []
    form = Form.objects.filter(ticket=ticket, state=FormState.TAKEN).first()
    draft = form.pk if form is not None and form.pk not in {o.pk for o in found} else None
    return found, draft


def ticket_of(actor: Actor, business_id: UUID) -> Ticket | None:
    """The number an order or a change was made for."""
    row = Link.objects.select_related("ticket").filter(business_id=business_id).first()
    return row.ticket if row is not None and actor.sees(row.ticket.branch_id) else None


# ---- inside --------------------------------------------------------------------------------------


def _hall(rules: Rules, branch_id: UUID) -> Hall:
    day, moment = today(), now()
    kinds = tables.kinds(rules)
    tickets = Ticket.objects.filter(branch_id=branch_id, day=day, state__in=_LIVING)
    living = tuple(tickets.order_by("turn_at", "pk"))
    at = {one.seat_id: one for one in living if one.state in AT_HAND}
    rows = list(Seat.objects.filter(branch_id=branch_id, left_at=None).order_by("counter"))
    names = org.staff_names([row.clerk_id for row in rows])
    begun = Day.objects.filter(branch_id=branch_id, day=day).first()
    return Hall(
        rules=rules,
        kinds=kinds,
        day=day,
        closed_at=begun.closed_at if begun is not None else None,
        tickets=living,
        seats=tuple(
            SeatNow(
                id=row.pk,
                counter=row.counter,
                clerk_id=row.clerk_id,
                clerk=names.get(row.clerk_id, ""),
                kinds=tuple(row.kinds),
                ticket=at.get(row.pk),
            )
            for row in rows
        ),
        usual=_usual(kinds, branch_id, day, moment),
        at=moment,
    )


def _usual(kinds: Sequence[Kind], branch_id: UUID, day: date, moment: datetime) -> dict[str, float]:
    midnight = begin_of(day)
    rows = db.rows(_TAKEN, [midnight, midnight, branch_id, moment - RECENT])
    known = {row.pop("kind"): row for row in rows}
    nothing = {"recent": 0.0, "n": 0, "today": 0.0, "n_today": 0}
    return {
        one.key: estimating.mean(60.0 * one.minutes, **known.get(one.key, nothing)) for one in kinds
    }


__all__ = [
    "Hall", "SeatNow", "hall", "has_form", "made_for", "may_see", "may_serve", "may_take",
    "seat_of", "taken_on", "ticket", "ticket_of", "with_forms",
]  # fmt: skip
