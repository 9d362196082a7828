"""What figures need to know of a visit to the hall (QA-06), from what the hall tells. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from kaitong.hall.choices import TicketState
from kaitong.hall.facts import StintRow, VisitRow
from kaitong.reporting.choices import Came


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A row of `VisitFact`, by its columns."""

    ticket_id: UUID
    branch_id: UUID
    kind: str
    number: str
    day: date
    outcome: str = ""
    waited: int | None = None
    on_time: bool | None = None
    handled: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A row of `DeskFact`, by its columns."""

    stint_id: UUID
    ticket_id: UUID
    branch_id: UUID
    kind: str
    person: UUID
    day: date
    hour: int
    handled: int | None = None


# What became of a number; others are in the line, at a counter, or missed and perhaps back yet.
CAME = {
    TicketState.ENDED: Came.SERVED,
    TicketState.MISSED: Came.MISSED,
    TicketState.CLOSED: Came.CLOSED,
}


def visit_fact(row: VisitRow, stints: Iterable[StintRow]) -> Visit:
    """Waiting ends when the service begins, for the first time; what a machine cut short has no
    length."""
    waited = None
    if row.begun_at is not None:
        waited = _seconds(row.taken_at, row.begun_at)
    parts = list(stints)
    ended = row.state == TicketState.ENDED and parts and not any(one.cut for one in parts)
    outcome = CAME.get(TicketState(row.state))
    return Visit(
        ticket_id=row.id,
        branch_id=row.branch_id,
        kind=row.kind,
        number=row.number,
        day=row.day,
        outcome=str(outcome) if outcome is not None else "",
        waited=waited,
        on_time=None if waited is None or not row.wait else waited <= row.wait,
        handled=sum(_seconds(one.begun_at, one.ended_at) for one in parts) if ended else None,
    )


def desk_fact(row: StintRow, *, local: Callable[[datetime], datetime]) -> Desk:
    """What one clerk did for one number, under the hour in which it began."""
    begun = local(row.begun_at)
    return Desk(
        stint_id=row.id,
        ticket_id=row.ticket_id,
        branch_id=row.branch_id,
        kind=row.kind,
        person=row.clerk_id,
        day=begun.date(),
        hour=begun.hour,
        handled=None if row.cut else _seconds(row.begun_at, row.ended_at),
    )


def _seconds(since: datetime, until: datetime) -> int:
    return max(round((until - since).total_seconds()), 0)
