"""Reading suspensions (停机): what stands still now, and what did in a span of time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from kaitong.core import plain
from kaitong.inventory.models import Suspension


def standing(service_ids: Iterable[UUID]) -> dict[UUID, list[Suspension]]:
    """The reasons for which services stand still now, by service, in one query."""
    found: dict[UUID, list[Suspension]] = {}
    where = "service_id = any(%s::uuid[]) and ended_at is null order by since"
    for row in plain.where(Suspension, where, [plain.array(service_ids)]):
        found.setdefault(row.service_id, []).append(row)
    return found


def between(
    service_ids: Iterable[UUID], start: datetime, end: datetime
) -> dict[UUID, list[Suspension]]:
    """Suspensions that touch a span of time, by service: for what is charged in it."""
    rows = Suspension.objects.filter(service_id__in=list(service_ids), since__lt=end)
    found: dict[UUID, list[Suspension]] = {}
    for row in rows.filter(Q(ended_at=None) | Q(ended_at__gt=start)).order_by("since"):
        found.setdefault(row.service_id, []).append(row)
    return found
