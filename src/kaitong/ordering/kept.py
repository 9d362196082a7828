"""Items of orders with the procedures that run them: read by every step of an order.

A procedure is long and changes only when its playbook is deployed, so a process keeps those it has
read (`core.plain.kept`).
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from kaitong.core import plain
from kaitong.ordering.models import OrderItem, Procedure


def items_of(order_id: UUID) -> list[OrderItem]:
    """An order's items in their order, each with its procedure."""
    rows = plain.where(OrderItem, "order_id = %s order by position, item_id", [order_id])
    return with_procedures(rows)


def with_procedures(rows: Iterable[OrderItem]) -> list[OrderItem]:
    """The same items, each with its procedure."""
    found = list(rows)
    known = procedures(row.procedure_id for row in found)
    for row in found:
        row.procedure = known.get(row.procedure_id) if row.procedure_id else None
    return found


def procedures(ids: Iterable[UUID | None]) -> dict[UUID, Procedure]:
    """Procedures by identifier. Their documents are shared: they are not changed."""
    wanted = {i for i in ids if i is not None}
    if not wanted:
        return {}
    rows = plain.kept(Procedure, "id = any(%s::uuid[])", [plain.array(wanted)])
    return {row.pk: row for row in rows}
