"""What hangs beneath a piece of the network, and where a line hangs: for faults and alarms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kaitong.core import db
from kaitong.inventory.choices import BOXES, Kind
from kaitong.inventory.models import Resource
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to


@dataclass(frozen=True, slots=True)
class LinePlaces:
    """Where a service's line hangs, from the box in the stairwell up to the OLT."""

    port_id: UUID
    box_id: UUID | None
    pon_id: UUID | None
    olt_id: UUID | None
    box: str
    pon: str
    olt: str


_PLACES = """
SELECT a.service_id, p.id AS port_id, box.id AS box_id, pon.id AS pon_id, olt.id AS olt_id,
       coalesce(box.name, '') AS box, coalesce(pon.name, '') AS pon, coalesce(olt.name, '') AS olt
FROM inventory_assignment a
JOIN inventory_resource p ON p.id = a.resource_id
LEFT JOIN inventory_resource box ON box.id = p.parent_id
LEFT JOIN inventory_resource pon ON pon.id = p.pon_port_id
LEFT JOIN inventory_resource up ON up.id = pon.parent_id
LEFT JOIN inventory_resource olt
    ON olt.id = CASE WHEN up.specification = 'olt' THEN up.id ELSE up.parent_id END
    AND olt.specification = 'olt'
WHERE a.service_id = ANY(%s) AND a.role = 'port' AND a.state <> 'released'
"""


def line_places(service_ids: Iterable[UUID]) -> dict[UUID, LinePlaces]:
    """Box, PON port and OLT of services; those without a port are left out."""
    return {
        row.pop("service_id"): LinePlaces(**row) for row in db.rows(_PLACES, [list(service_ids)])
    }


@dataclass(frozen=True, slots=True)
class Piece:
    """A box, PON port or OLT by what people call it."""

    id: UUID
    branch_id: UUID
    kind: str
    text: str
    olt_id: UUID | None


def piece(actor: Actor, resource_id: UUID) -> Piece | None:
    """A box, PON port or OLT the actor sees, in words from the OLT down."""
    rows = visible_to(Resource.objects.filter(pk=resource_id), actor)
    row = rows.select_related("parent__parent", "pon_port__parent__parent").first()
    return _piece(row) if row is not None else None


def element_named(element: str, component: str | None = None) -> Piece | None:
    """What a network element calls itself: an OLT by its name in the network (attribute `node`) or
    its name, and a PON port of it by `component`. None when it is not in the inventory.

    An alarm comes from the network and names no branch; two elements of one name are no element.
    """
    olts = Resource.objects.filter(specification=Kind.OLT)
    found = list(olts.filter(attributes__node=element)[:2]) or list(olts.filter(name=element)[:2])
    if len(found) != 1:
        return None
    if not component:
        return _piece(found[0])
    ports = Resource.objects.filter(specification=Kind.PON_PORT, name=component)
    rows = ports.select_related("parent__parent")
    below = rows.filter(parent=found[0]).first() or rows.filter(parent__parent=found[0]).first()
    return _piece(below or found[0])


def _piece(row: Resource) -> Piece:
    pon = row if row.specification == Kind.PON_PORT else row.pon_port
    above = pon.parent if pon else row
    while above is not None and above.specification != Kind.OLT:
        above = above.parent
    parts = [above.name if above else ""]
    if pon is not None:
        parts.append(pon.name)
    text = " ".join(part for part in parts if part)
    if row.specification in BOXES:
        text = f"{text} · {row.name}".strip(" ·")
    return Piece(row.pk, row.branch_id, row.specification, text, above.pk if above else None)


_BENEATH = """
FROM inventory_assignment a
JOIN inventory_service s ON s.id = a.service_id
JOIN inventory_resource p ON p.id = a.resource_id
LEFT JOIN inventory_resource pon ON pon.id = p.pon_port_id
LEFT JOIN inventory_resource up ON up.id = pon.parent_id
WHERE a.role = 'port' AND a.state <> 'released' AND s.state IN ('active', 'inactive')
  AND s.withdrawn_at IS NULL
  AND (p.parent_id = %(id)s OR p.pon_port_id = %(id)s OR up.id = %(id)s OR up.parent_id = %(id)s)
"""


def services_beneath(
    resource_id: UUID, *, offset: int = 0, limit: int | None = 50
) -> tuple[list[dict[str, Any]], int]:
    """Services whose line hangs beneath a box, PON port or OLT, by port, and how many there are.

    For rows a face has found visible: no actor. Each is service, customer, address, account, state.
    """
    params: dict[str, Any] = {"id": resource_id, "offset": offset, "limit": limit}
    total = db.rows(f"SELECT count(*) AS n {_BENEATH}", params)[0]["n"]
    rows = db.rows(
        "SELECT s.id AS service_id, s.customer_id, s.address_id, s.account, s.state, p.id AS port"
        f" {_BENEATH} ORDER BY p.path, s.id OFFSET %(offset)s LIMIT %(limit)s",
        params,
    )
    return rows, int(total)
