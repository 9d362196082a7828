"""Services that have worked, page by page: for what is counted and charged over all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kaitong.inventory.models import Service
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to


@dataclass(frozen=True, slots=True)
class Operating:
    """A service that works or has worked: whose, since when, and until when if it ended."""

    id: UUID
    branch_id: UUID
    customer_id: UUID | None
    playbook: str
    started_at: datetime
    ended_at: datetime | None


def operating(actor: Actor, *, after: UUID, limit: int = 1000) -> list[Operating]:
    """The next services behind an identifier that have ever worked, in the order of identifiers; a
    bundle's further services are paid with their line and not among them."""
    rows = visible_to(Service.objects.filter(pk__gt=after, started_at__isnull=False), actor)
    rows = rows.filter(withdrawn_at=None, lead=None).order_by("pk")
    names = ("pk", "branch_id", "customer_id", "playbook", "started_at", "ended_at")
    return [Operating(*row) for row in rows.values_list(*names)[:limit]]


def titles_of(service_ids: Iterable[UUID]) -> dict[UUID, str]:
    """What services are called, with their account, for lists; one query."""
    rows = Service.objects.filter(pk__in=set(service_ids))
    return {
        pk: "　".join(part for part in (title, account) if part)
        for pk, title, account in rows.values_list("pk", "title", "account")
    }
