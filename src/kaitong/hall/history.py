"""What was done to a number, one row each."""

from __future__ import annotations

from kaitong.core.clock import now
from kaitong.hall.choices import Act
from kaitong.hall.models import Event, Seat, Ticket
from kaitong.org.actor import Actor


def note(ticket: Ticket, act: Act, actor: Actor, seat: Seat | None = None) -> None:
    Event.objects.create(
        ticket=ticket,
        act=act,
        at=now(),
        actor_id=actor.id,
        counter=seat.counter if seat is not None else None,
    )
