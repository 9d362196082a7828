"""Visits to the hall, as figures are made of them: many at a time (QA-06).

For `reporting`, which sees every branch and applies who may see what when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from kaitong.core.ids import uuid7_at
from kaitong.hall import rules as tables
from kaitong.hall.models import Event, Rules, Stint, Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRow:
    """A queue number. `wait`: the seconds within which it was to begin; nought: nobody says."""

    id: UUID
    branch_id: UUID
    day: date
    kind: str
    number: str
    state: str
    taken_at: datetime
    begun_at: datetime | None
    ended_at: datetime | None
    wait: int
    playbook: str = ""
    counter: int | None = None  # where it was served last


@dataclass(frozen=True, slots=True, kw_only=True)
class StintRow:
    """One clerk serving one number, to its end. `cut`: its length says nothing."""

    id: UUID
    ticket_id: UUID
    branch_id: UUID
    kind: str
    clerk_id: UUID
    begun_at: datetime
    ended_at: datetime
    cut: bool


def changed_since(since: datetime, until: datetime) -> set[UUID]:
    """Numbers to which something was done in this stretch of real time."""
    rows = Event.objects.filter(id__gte=uuid7_at(since), id__lt=uuid7_at(until))
    return set(rows.values_list("ticket_id", flat=True).distinct())


def identifiers(after: UUID | None, limit: int) -> list[UUID]:
    """All numbers by key, a page at a time."""
    rows = Ticket.objects.order_by("pk")
    if after is not None:
        rows = rows.filter(pk__gt=after)
    return list(rows.values_list("pk", flat=True)[:limit])


def visits(ids: Iterable[UUID]) -> list[VisitRow]:
    """These numbers; what is none is left out; two queries."""
    rows = list(Ticket.objects.filter(pk__in=list(ids)).select_related("seat").order_by("pk"))
    rules = Rules.objects.in_bulk({row.rules_id for row in rows})
    waits = {(key, kind.key): kind.wait for key, one in rules.items() for kind in tables.kinds(one)}
    return [
        VisitRow(
            id=row.pk,
            branch_id=row.branch_id,
            day=row.day,
            kind=row.kind,
            number=row.number,
            state=row.state,
            taken_at=row.taken_at,
            begun_at=row.begun_at,
            ended_at=row.ended_at,
            wait=waits.get((row.rules_id, row.kind), 0),
            playbook=rules[row.rules_id].playbook,
            counter=row.seat.counter if row.seat is not None else None,
        )
        for row in rows
    ]


def stints(ids: Iterable[UUID]) -> list[StintRow]:
    """What clerks did for these numbers and have ended; one query."""
    rows = Stint.objects.filter(ticket__in=list(ids)).exclude(ended_at=None).order_by("pk")
    return [
        StintRow(
            id=row.pk,
            ticket_id=row.ticket_id,
            branch_id=row.branch_id,
            kind=row.kind,
            clerk_id=row.clerk_id,
            begun_at=row.begun_at,
            ended_at=row.ended_at,
            cut=row.cut,
        )
        for row in rows
        if row.ended_at is not None
    ]


def titles() -> dict[str, tuple[str, str]]:
    """Kinds by key, in Chinese and English: of the rules in force."""
    rules = tables.current()
    return {one.key: (one.title, one.title_en) for one in tables.kinds(rules)} if rules else {}
