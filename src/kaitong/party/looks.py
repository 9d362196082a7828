"""Looks at customers: who was looked for by what, and whose page was opened (VER-13, QA privacy).

The unified customer view needs no authentication by the customer; what stands instead is that every
look is recorded with who looked, at what, and how the customer was found.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from kaitong.core import audit
from kaitong.core.crypto import blind_index
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.party import kinds as tables
from kaitong.party import queries
from kaitong.party.models import DOCUMENT_PURPOSE, IdentityDocument, PartyPhone
from kaitong.party.numbers import normalize


@transaction.atomic
def look(*, actor: Actor, party_id: UUID, at: str, found_by: str = "") -> queries.Summary:
    """Open a customer's page: masked facts, after the look is recorded. Raises PartyNotFound."""
    party = queries.own_party(actor, party_id)
    data = {"at": at} | ({"by": found_by} if found_by else {})
    audit.record(
        "party.viewed",
        actor_id=actor.id,
        subject_type="party",
        subject_id=party.pk,
        branch_id=party.branch_id,
        data=data,
    )
    return queries.summaries([party.pk])[party.pk]


@transaction.atomic
def looked_for(*, actor: Actor, by: str, found: int) -> None:
    """Record that somebody searched for customers, and how many he was shown; never what he typed:
    it may be a document's number."""
    audit.record(
        "party.searched",
        actor_id=actor.id,
        subject_type="party",
        subject_id=None,
        branch_id=actor.branch_id,
        data={"by": by, "found": found},
    )


def by_document(actor: Actor, number: str) -> list[UUID]:
    """Customers who showed a document of this number, of whichever kind; by its blind index."""
    plain = normalize(number)
    if not plain:
        return []
    families = sorted({rule.family for rule in tables.DEFAULT_KINDS})
    indexes = [blind_index(DOCUMENT_PURPOSE, f"{family}:{plain}") for family in families]
    rows = visible_to(IdentityDocument.objects.filter(number_index__in=indexes), actor)
    return list(rows.order_by("party_id").values_list("party_id", flat=True).distinct())


def by_phone(actor: Actor, digits: str, *, limit: int) -> list[UUID]:
    """Customers with this telephone number, whole: a part of it is for `party.queries.find`."""
    rows = visible_to(PartyPhone.objects.filter(digits=digits), actor, "party__branch_id")
    return list(rows.order_by("party_id").values_list("party_id", flat=True).distinct()[:limit])
