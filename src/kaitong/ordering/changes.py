"""What a change of a service asks for, read by the actions that carry it out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.utils.translation import get_language

from kaitong.core.clock import now
from kaitong.ordering.models import OrderItem, Procedure, ServiceChange


def wanted(item: OrderItem) -> dict[str, Any]:
    """The answers of an item's form by target, such as `change.password`; in clear.

    For the verb that carries the change out, within its transaction: never for a variable, a
    history or a log.
    """
    row = ServiceChange.objects.filter(item=item).first()
    return dict(json.loads(row.sealed)) if row is not None and row.sealed else {}


def of_item(item_id: UUID) -> ServiceChange | None:
    """The change an order's item makes, if it is one."""
    return ServiceChange.objects.defer("sealed").filter(item_id=item_id).first()


def of_items(item_ids: Iterable[UUID]) -> dict[UUID, ServiceChange]:
    """Changes by their items, in one query."""
    rows = ServiceChange.objects.defer("sealed").filter(item_id__in=list(item_ids))
    rows = rows.select_related("authentication")
    return {row.item_id: row for row in rows}


def titles(procedure_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """What these procedures are called by the reader; no query where there is none."""
    wanted = {i for i in procedure_ids if i is not None}
    if not wanted:
        return {}
    english = (get_language() or "zh").startswith("en")
    rows = Procedure.objects.filter(pk__in=wanted).values_list("pk", "title", "title_en")
    return {pk: (english and title_en) or title for pk, title, title_en in rows}


def open_of(service_id: UUID, procedure: str = "") -> ServiceChange | None:
    """The change under way on a service, with its item and order: the one that holds the line, or,
    for who asks for the same procedure again, one that waits for its day."""
    rows = ServiceChange.objects.defer("sealed").filter(service_id=service_id, ended_at=None)
    rows = rows.filter(Q(waits_until=None) | Q(procedure=procedure))
    rows = rows.select_related("item__order", "item__procedure")
    return rows.order_by(F("waits_until").asc(nulls_first=True)).first()


def end(item_id: UUID) -> None:
    """A change is over, however it ended: what it asked for is forgotten, the service is free."""
    ServiceChange.objects.filter(item_id=item_id, ended_at=None).update(ended_at=now(), sealed=None)
