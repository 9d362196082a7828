"""Reading what can be had at an address: covered with a free port, or why not (BB-17)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import db
from kaitong.inventory.choices import (
    LINE_PORTS,
    Kind,
    ResourceState,
    Verdict,
)
from kaitong.inventory.errors import NoSuchResource
from kaitong.inventory.models import Resource
from kaitong.inventory.network import port_view, with_line
from kaitong.inventory.results import (
    CoverageVerdict,
    NearPort,
    PortView,
)
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.places import queries as places
from kaitong.places.choices import CoverageStatus
from kaitong.places.models import Address

_BOXES = """
SELECT c.address_id, b.id, b.name, b.specification, c.rank,
       b.state NOT IN ('damaged', 'kept') AND pon.id IS NOT NULL
           AND pon.state NOT IN ('damaged', 'kept') AS usable,
       count(p.id) AS ports, count(p.id) FILTER (WHERE p.state = 'free') AS free
FROM inventory_coverage c
JOIN inventory_resource b ON b.id = c.box_id
LEFT JOIN inventory_resource pon ON pon.id = b.pon_port_id
LEFT JOIN inventory_resource p ON p.parent_id = b.id AND p.specification = ANY(%s)
WHERE c.address_id = ANY(%s)
GROUP BY c.address_id, b.id, b.name, b.specification, c.rank, b.state, pon.id, pon.state
ORDER BY c.address_id, c.rank, b.name, b.id
"""


def coverage_verdict(address_id: UUID) -> CoverageVerdict:
    """What can be had at an address, the refusals told apart (BB-17)."""
    found = coverage_verdicts([address_id]).get(address_id)
    if found is None:
        raise NoSuchResource(_("没有这个地址。"), _("请重新搜索地址。"), field="address_id")
    return found


def coverage_verdicts(address_ids: Iterable[UUID]) -> dict[UUID, CoverageVerdict]:
    """The verdict of many addresses, in two queries."""
    wanted = list(dict.fromkeys(address_ids))
    known = places.addresses(wanted)
    boxes: dict[UUID, list[dict[str, Any]]] = {}
    for row in db.rows(_BOXES, [list(LINE_PORTS), list(known)]) if known else []:
        boxes.setdefault(row["address_id"], []).append(row)
    return {i: _verdict(known[i], boxes.get(i, [])) for i in wanted if i in known}


def _verdict(address: Address, boxes: list[dict[str, Any]]) -> CoverageVerdict:
    usable = [b for b in boxes if b["usable"]]
    free, ports = sum(b["free"] for b in usable), sum(b["ports"] for b in usable)
    names = tuple(b["name"] for b in boxes)
    if address.coverage == CoverageStatus.NO_ENTRY:
        verdict = Verdict.NO_ENTRY
        text = address.coverage_reason or str(verdict.label)
    elif address.coverage == CoverageStatus.PLANNED:
        verdict = Verdict.PLANNED
        text = _("计划 %(date)s 建成") % {"date": f"{address.planned_date:%Y-%m-%d}"}
    elif not boxes:
        verdict = Verdict.NOT_COVERED
        text = address.coverage_reason or str(verdict.label)
    elif free:
        verdict = Verdict.AVAILABLE
        best = next(b for b in usable if b["free"])
        kind = "FTTB" if best["specification"] == Kind.ONU else "FTTH"
        text = _("%(kind)s，%(box)s 空闲 %(free)s 口") % {
            "kind": kind,
            "box": best["name"],
            "free": best["free"],
        }
    else:
        verdict = Verdict.NO_FREE_PORT
        text = (
            _("%(ports)s 口已全部占用") % {"ports": ports}
            if usable
            else _("%(box)s 没有可用的 PON 口") % {"box": names[0]}
        )
    return CoverageVerdict(
        address_id=address.pk,
        verdict=verdict,
        text=text,
        free_ports=free,
        ports=ports,
        boxes=names,
        planned_date=address.planned_date,
        reason=address.coverage_reason,
        boxes_usable=tuple(b["id"] for b in usable),
    )


_FREE_BOXES = """
SELECT c.address_id, b.id AS box, count(*) AS free
FROM inventory_coverage c
JOIN places_address a ON a.id = c.address_id AND a.coverage NOT IN ('planned', 'no-entry')
JOIN inventory_resource b ON b.id = c.box_id AND b.state NOT IN ('damaged', 'kept')
JOIN inventory_resource pon ON pon.id = b.pon_port_id AND pon.state NOT IN ('damaged', 'kept')
JOIN inventory_resource p
  ON p.parent_id = b.id AND p.state = 'free' AND p.specification = ANY(%s)
WHERE c.address_id = ANY(%s)
GROUP BY c.address_id, b.id, b.name, c.rank
ORDER BY c.address_id, c.rank, b.name, b.id
"""


def free_boxes(address_ids: Iterable[UUID]) -> dict[UUID, list[tuple[UUID, int]]]:
    """Of many addresses those that can be served now: their boxes with free ports, best first."""
    wanted = list(address_ids)
    found: dict[UUID, list[tuple[UUID, int]]] = {}
    for row in db.rows(_FREE_BOXES, [list(LINE_PORTS), wanted]) if wanted else []:
        found.setdefault(row["address_id"], []).append((row["box"], row["free"]))
    return found


_FREE_ADDRESS = """
SELECT c.address_id
FROM (
    SELECT id, address_id, box_id FROM inventory_coverage
    WHERE {branches} ORDER BY id OFFSET %(offset)s LIMIT 400
) c
JOIN places_address a ON a.id = c.address_id AND a.coverage = 'covered'
JOIN inventory_resource b ON b.id = c.box_id AND b.state NOT IN ('damaged', 'kept')
JOIN inventory_resource pon ON pon.id = b.pon_port_id AND pon.state NOT IN ('damaged', 'kept')
WHERE EXISTS (
    SELECT 1 FROM inventory_resource p
    WHERE p.parent_id = b.id AND p.state = 'free' AND p.specification = ANY(%(kinds)s)
) AND NOT EXISTS (
    SELECT 1 FROM inventory_service s
    WHERE s.address_id = c.address_id AND s.state <> 'terminated' AND s.withdrawn_at IS NULL
)
ORDER BY random() LIMIT 1
"""


def free_address(actor: Actor) -> UUID | None:
    """Some covered address with a free port and no service, for examples and demonstrations.

    Chosen at random, so that many who ask at once rarely get the same; None when there is none.
    """
    params: dict[str, Any] = {"kinds": list(LINE_PORTS), "offset": 0}
    branches = "true"
    if not actor.is_system:
        branches, params["branches"] = "branch_id = ANY(%(branches)s)", list(actor.branch_ids)
    sql = _FREE_ADDRESS.format(branches=branches)
    total = db.one(f"SELECT count(*) AS n FROM inventory_coverage WHERE {branches}", params)
    count = int(total["n"]) if total else 0
    starts = db.one("SELECT floor(random() * %s)::int AS n", [count])
    start = int(starts["n"]) if starts else 0
    # From a random place on, then around.
    for step in range(0, count, 400):
        params["offset"] = (start + step) % count
        if found := db.one(sql, params):
            return UUID(str(found["address_id"]))
    params["offset"] = 0
    found = db.one(sql, params) if count else None
    return UUID(str(found["address_id"])) if found else None


_FULL_BOX_ADDRESS = """
SELECT c.address_id
FROM inventory_coverage c
JOIN places_address a ON a.id = c.address_id AND a.coverage = 'covered'
WHERE c.branch_id = %(branch)s
  AND NOT EXISTS (
    SELECT 1 FROM inventory_coverage d
    JOIN inventory_resource p ON p.parent_id = d.box_id
    WHERE d.address_id = c.address_id AND p.state = 'free' AND p.specification = ANY(%(kinds)s)
  ) AND NOT EXISTS (
    SELECT 1 FROM inventory_service s
    WHERE s.address_id = c.address_id AND s.state <> 'terminated' AND s.withdrawn_at IS NULL
  )
ORDER BY c.id LIMIT 1
"""


def full_box_address(branch_id: UUID) -> UUID | None:
    """Some address without service whose boxes are all full, for demonstrations (无空闲端口)."""
    found = db.one(_FULL_BOX_ADDRESS, {"branch": branch_id, "kinds": list(LINE_PORTS)})
    return UUID(str(found["address_id"])) if found else None


def free_ports_on(
    actor: Actor, access_node: str, pon_port: str, *, limit: int = 20
) -> list[PortView]:
    """Free user ports behind a PON port as the network names it, whatever address they cover."""
    rows = with_line(
        visible_to(Resource.objects.all(), actor).filter(
            state=ResourceState.FREE,
            specification__in=LINE_PORTS,
            pon_port__name=pon_port,
        )
    ).order_by("path")[: limit * 8]  # of all OLTs: their names in the network are attributes
    views = [port_view(row) for row in rows]
    return [view for view in views if view.access_node == access_node][:limit]


def free_ports(actor: Actor, address_id: UUID, *, limit: int = 100) -> list[PortView]:
    """Ports that could be taken for an address by hand, best first."""
    boxes = coverage_verdict(places.address(actor, address_id).pk).boxes_usable
    rows = with_line(
        visible_to(Resource.objects.all(), actor).filter(
            parent_id__in=boxes, state=ResourceState.FREE, specification__in=LINE_PORTS
        )
    )
    order: dict[UUID | None, int] = {box: place for place, box in enumerate(boxes)}
    found = sorted(rows, key=lambda r: (order[r.parent_id], r.position or 0))
    return [port_view(row) for row in found[:limit]]


_NEAR_PORTS = """
WITH boxes AS (
    SELECT c.box_id, min(n.far) AS far, min(c.rank) AS rank
    FROM unnest(%(addresses)s::uuid[], %(far)s::int[]) AS n (address_id, far)
    JOIN inventory_coverage c ON c.address_id = n.address_id
    GROUP BY c.box_id
), free AS (
    SELECT p.id, boxes.far, boxes.rank, b.name, b.id AS box_id,
           count(*) OVER (PARTITION BY b.id) - 1 AS left_over,
           row_number() OVER (PARTITION BY b.id ORDER BY p.position, p.id) AS place
    FROM boxes
    JOIN inventory_resource b ON b.id = boxes.box_id AND b.state NOT IN ('damaged', 'kept')
    JOIN inventory_resource pon
      ON pon.id = b.pon_port_id AND pon.state NOT IN ('damaged', 'kept')
    JOIN inventory_resource p ON p.parent_id = b.id AND p.state = 'free'
    WHERE p.specification = ANY(%(kinds)s)
)
SELECT id, far, left_over FROM free WHERE place <= %(a_box)s
ORDER BY far, rank, name, box_id, place LIMIT %(limit)s
"""


def ports_nearby(
    actor: Actor, address_id: UUID, *, a_box: int = 2, limit: int = 12
) -> list[NearPort]:
    """Free ports for a choice by hand (另配端口): of the boxes of the address, of its building, of
    its estate; the first few of each box."""
    near = places.near(places.address(actor, address_id))
    found = db.rows(
        _NEAR_PORTS,
        {
            "addresses": list(near),
            "far": list(near.values()),
            "kinds": list(LINE_PORTS),
            "a_box": a_box,
            "limit": limit,
        },
    )
    rows = with_line(
        visible_to(Resource.objects.all(), actor).filter(pk__in=[f["id"] for f in found])
    )
    views = {row.pk: port_view(row) for row in rows}
    return [NearPort(views[f["id"]], f["far"], f["left_over"]) for f in found if f["id"] in views]


def serves(port_id: UUID, address_id: UUID) -> bool:
    """Whether the box of a port covers an address."""
    return bool(
        db.one(
            "SELECT 1 AS yes FROM inventory_resource p"
            " JOIN inventory_coverage c ON c.box_id = p.parent_id AND c.address_id = %s"
            " WHERE p.id = %s",
            [address_id, port_id],
        )
    )
