"""Tickets and what customers said, as figures are made of them: many at a time.

For `reporting`, which sees every branch and applies who may see what when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from kaitong.assurance.models import Fault, Note, Survey
from kaitong.core.ids import uuid7_at


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRow:
    """A fault or complaint. `repeats`: the same line had one shortly before."""

    id: UUID
    branch_id: UUID
    kind: str
    number: str
    state: str
    state_since: datetime
    place: str
    cause: str
    reported_at: datetime
    resolved_at: datetime | None
    due_at: datetime | None
    calendar: str
    repeats: bool
    common: bool
    reopened: int
    urged: int
    playbook: str = ""
    party_id: UUID | None = None
    service_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyRow:
    """What one customer said; `business_id` is the ticket or the order it was about, or itself."""

    id: UUID
    business_id: UUID
    branch_id: UUID
    kind: str
    asked_at: datetime
    reached: bool
    fixed: bool | None
    score: int | None
    reason: str = ""  # both levels


def changed_since(since: datetime, until: datetime) -> set[UUID]:
    """Tickets, and whatever surveys are about, of which something was written in this stretch of
    real time, besides what their processes wrote."""
    between = {"id__gte": uuid7_at(since), "id__lt": uuid7_at(until)}
    found = set(Fault.objects.filter(**between).values_list("pk", flat=True))
    found |= set(Note.objects.filter(**between).values_list("ticket_id", flat=True).distinct())
    surveys = Survey.objects.filter(**between).values_list("ticket_id", "order_id", "pk")
    return found | {ticket or order or own for ticket, order, own in surveys}


def identifiers(after: UUID | None, limit: int) -> list[UUID]:
    """All tickets, then what surveys without a ticket are about, by key, a page at a time."""
    tickets = Fault.objects.order_by("pk")
    surveys = Survey.objects.filter(ticket=None).order_by("pk")
    if after is not None:
        tickets, surveys = tickets.filter(pk__gt=after), surveys.filter(pk__gt=after)
    found = {*tickets.values_list("pk", flat=True)[:limit]}
    found |= {*surveys.values_list("pk", flat=True)[:limit]}
    return sorted(found)[:limit]


def tickets(ids: Iterable[UUID]) -> list[TicketRow]:
    """These tickets; what is none is left out; one query."""
    rows = Fault.objects.filter(pk__in=list(ids)).select_related("handling")
    return [
        TicketRow(
            id=row.pk,
            branch_id=row.branch_id,
            kind=row.kind,
            number=row.number or "",
            state=row.state,
            state_since=row.state_since,
            place=row.place,
            cause=row.cause_title,
            reported_at=row.reported_at,
            resolved_at=row.resolved_at,
            due_at=row.due_at,
            calendar=str((row.due_basis or {}).get("calendar", "")),
            repeats=row.repeats_id is not None,
            common=row.common_cause_id is not None,
            reopened=row.reopened,
            urged=row.urged,
            playbook=row.handling.playbook,
            party_id=row.party_id,
            service_id=row.service_id,
        )
        for row in rows.order_by("pk").defer("ext", "contact", "handling__content")
    ]


def surveys(ids: Iterable[UUID]) -> list[SurveyRow]:
    """What was said about these tickets and orders, or in these surveys themselves; one query."""
    wanted = list(ids)
    rows = Survey.objects.filter(
        Q(ticket_id__in=wanted)
        | Q(ticket=None, order_id__in=wanted)
        | Q(ticket=None, pk__in=wanted)
    )
    return [
        SurveyRow(
            id=row.pk,
            business_id=row.ticket_id or row.order_id or row.pk,
            branch_id=row.branch_id,
            kind=row.kind,
            asked_at=row.asked_at,
            reached=row.reached,
            fixed=row.fixed,
            score=row.score,
            reason=row.reason_title,
        )
        for row in rows.order_by("pk")
    ]
