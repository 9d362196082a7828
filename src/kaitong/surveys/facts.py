"""Who was asked and what was answered, as figures are made of it: many at a time (QA-07).

For `reporting`, which sees every branch and applies who may see what when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

from kaitong.core.ids import uuid7_at
from kaitong.surveys.choices import State
from kaitong.surveys.models import Answer, Call, Invitation


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionRow:
    """One person asked about one event. `reached`: he answered, or was on the telephone."""

    id: UUID
    branch_id: UUID
    source: str
    asked_at: datetime
    offering: str
    person: UUID | None
    post: str
    reached: bool
    score: int | None
    reason: str


def changed_since(since: datetime, until: datetime) -> set[UUID]:
    """Invitations of which something was written in this stretch of real time."""
    between = {"id__gte": uuid7_at(since), "id__lt": uuid7_at(until)}
    found = set(Invitation.objects.filter(**between).values_list("pk", flat=True))
    for model in (Answer, Call):
        found |= set(model.objects.filter(**between).values_list("invitation_id", flat=True))
    return found


def identifiers(after: UUID | None, limit: int) -> list[UUID]:
    """All invitations by key, a page at a time."""
    rows = Invitation.objects.order_by("pk")
    if after is not None:
        rows = rows.filter(pk__gt=after)
    return list(rows.values_list("pk", flat=True)[:limit])


def opinions(ids: Iterable[UUID]) -> list[OpinionRow]:
    """These invitations; what is none is left out; one query."""
    there = Call.objects.filter(invitation=OuterRef("pk"), reached=True)
    rows = Invitation.objects.filter(pk__in=list(ids)).order_by("pk")
    told = rows.annotate(spoken=Exists(there)).values_list(
        "pk", "branch_id", "source", "asked_at", "offering", "person_id", "post", "spoken",
        "state", "answer__score", "answer__reason_title",
    )  # fmt: skip
    return [
        OpinionRow(
            id=pk, branch_id=branch, source=source, asked_at=at, offering=offering, person=person,
            post=post, reached=spoken or state == State.ANSWERED, score=score, reason=why or "",
        )
        for pk, branch, source, at, offering, person, post, spoken, state, score, why in told
    ]  # fmt: skip
