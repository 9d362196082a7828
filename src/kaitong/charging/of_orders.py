"""Money over many orders, for the view of a customer or of a line: newest first, page by page."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Sum

from kaitong.charging.choices import ChargeState
from kaitong.charging.models import Charge, Payment
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to


def charges_of(actor: Actor, order_ids: Iterable[UUID], *, limit: int) -> list[Charge]:
    """The newest charges of these orders."""
    rows = visible_to(Charge.objects.filter(order_id__in=list(order_ids)), actor)
    return list(rows.order_by("-pk")[:limit])


def payments_of(actor: Actor, order_ids: Iterable[UUID], *, limit: int) -> list[Payment]:
    """The newest money taken and given back for these orders."""
    rows = visible_to(Payment.objects.filter(order_id__in=list(order_ids)), actor)
    return list(rows.order_by("-pk")[:limit])


def due_of(actor: Actor, order_ids: Iterable[UUID]) -> int:
    """What these orders still owe, in fen."""
    rows = Charge.objects.filter(order_id__in=list(order_ids), state=ChargeState.DUE)
    return int(visible_to(rows, actor).aggregate(sum=Sum("amount_fen"))["sum"] or 0)
