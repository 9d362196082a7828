"""What a change of a service asks for, read by the actions that carry it out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import F, Q

from kaitong.core import plain, wording
from kaitong.core.clock import now
from kaitong.ordering.models import Authentication, OrderItem, Procedure, ServiceChange


def wanted(item: OrderItem) -> dict[str, Any]:
    """The answers of an item's form by target, such as `change.password`; in clear.

    For the verb that carries the change out, within its transaction: never for a variable, a
    history or a log.
    """
    row = of_item(item.id)
    return dict(json.loads(row.sealed)) if row is not None and row.sealed else {}


def of_item(item_id: UUID) -> ServiceChange | None:
    """The change an order's item makes, if it is one."""
    found = plain.where(ServiceChange, "item_id = %s", [item_id])
    return found[0] if found else None


def of_items(item_ids: Iterable[UUID]) -> dict[UUID, ServiceChange]:
    """Changes by their items, in one query."""
    where = "item_id = any(%s::uuid[])"
    rows = plain.where(ServiceChange, where, [plain.array(item_ids)], without=("sealed",))
    proofs = plain.array(row.authentication_id for row in rows if row.authentication_id)
    known = {row.pk: row for row in plain.where(Authentication, "id = any(%s::uuid[])", [proofs])}
    for row in rows:
        row.authentication = known.get(row.authentication_id) if row.authentication_id else None
    return {row.item_id: row for row in rows}


def titles(procedure_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """What these procedures are called by the reader; no query where there is none."""
    wanted = {i for i in procedure_ids if i is not None}
    if not wanted:
        return {}
    english = wording.english()
    rows = Procedure.objects.filter(pk__in=wanted).values_list("pk", "title", "title_en")
    return {pk: (english and title_en) or title for pk, title, title_en in rows}


_OPEN = """select 1 from ordering_servicechange
 where service_id = %s and ended_at is null limit 1"""


def open_of(service_id: UUID, procedure: str = "") -> ServiceChange | None:
    """The change under way on a service, with its item and order: the one that holds the line, or,
    for who asks for the same procedure again, one that waits for its day."""
    if not plain.ask(_OPEN, [service_id]):
        return None  # as it mostly is: nothing is joined to say so
    rows = ServiceChange.objects.defer("sealed").filter(service_id=service_id, ended_at=None)
    rows = rows.filter(Q(waits_until=None) | Q(procedure=procedure))
    rows = rows.select_related("item__order", "item__procedure")
    return rows.order_by(F("waits_until").asc(nulls_first=True)).first()


def end(item_id: UUID) -> None:
    """A change is over, however it ended: what it asked for is forgotten, the service is free."""
    ended = {"ended_at": now(), "sealed": None}
    plain.update(ServiceChange, ended, "item_id = %s and ended_at is null", [item_id])
