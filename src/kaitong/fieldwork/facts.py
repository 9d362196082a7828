"""What happened at the customer's, as figures are made of it: many orders at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kaitong.core.ids import uuid7_at
from kaitong.fieldwork.choices import ChangeKind
from kaitong.fieldwork.models import Change, Check


@dataclass(slots=True)
class OnSite:
    """`seen_at` are the live checks: somebody was there. `moved` counts ports changed or found to
    be others than registered."""

    seen_at: list[datetime]
    moved: int = 0


def changed_since(since: datetime, until: datetime) -> set[UUID]:
    """Orders at which a port, a record or a terminal was changed in this stretch of real time."""
    rows = Change.objects.filter(id__gte=uuid7_at(since), id__lt=uuid7_at(until))
    return {found for found in rows.values_list("order_id", flat=True) if found is not None}


def of_orders(order_ids: Iterable[UUID]) -> dict[UUID, OnSite]:
    """Orders at which somebody was seen on the spot; two queries."""
    ids = list(order_ids)
    found: dict[UUID, OnSite] = {}
    checks = Check.objects.filter(order_id__in=ids).order_by("id")
    for order_id, at in checks.values_list("order_id", "created_at"):
        found.setdefault(order_id, OnSite([])).seen_at.append(at)
    moved = Change.objects.filter(
        order_id__in=ids, kind__in=(ChangeKind.PORT, ChangeKind.CORRECT)
    ).values_list("order_id", flat=True)
    for order_id in moved:
        found.setdefault(order_id, OnSite([])).moved += 1
    return found
