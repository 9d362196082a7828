"""Verbs that bring the network into the inventory in bulk: equipment, ports, what they cover."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from kaitong.catalog import services as catalog
from kaitong.catalog.choices import ResourceCategory
from kaitong.catalog.services import ResourceEntry
from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault
from kaitong.core.ids import uuid7
from kaitong.core.rows import Mode, Put, RowFault, Tick, copy_in, silent
from kaitong.inventory.bulk import ResourceRow, may_build, put_resources, with_ports
from kaitong.inventory.choices import BOXES, Kind
from kaitong.org.actor import Actor
from kaitong.places import queries as address_queries
from kaitong.places import services as places
from kaitong.places.choices import CoverageStatus

__all__ = [
    "Built",
    "CoverRow",
    "ResourceRow",
    "add_resources",
    "cover",
    "ensure_kinds",
    "put_coverage",
    "put_resources",
    "with_ports",
]
_ANALYZE_FROM = 500
_SEEN_FAULTS = 200

_KINDS = (
    ResourceEntry(Kind.SITE, "站点", "Site", ResourceCategory.EQUIPMENT),
    ResourceEntry(Kind.OLT, "OLT", "OLT", ResourceCategory.EQUIPMENT),
    ResourceEntry(Kind.PON_PORT, "PON 口", "PON port", ResourceCategory.EQUIPMENT),
    ResourceEntry(Kind.SPLITTER, "分光器", "Splitter", ResourceCategory.EQUIPMENT),
    ResourceEntry(Kind.SPLITTER_PORT, "分光器端口", "Splitter port", ResourceCategory.PORT),
    ResourceEntry(Kind.ONU, "楼道 ONU", "Building ONU", ResourceCategory.EQUIPMENT),
    ResourceEntry(Kind.ONU_PORT, "ONU 用户端口", "ONU user port", ResourceCategory.PORT),
    ResourceEntry("account", "业务账号", "Service account", ResourceCategory.NUMBER),
    ResourceEntry("logical-id", "逻辑 SN", "Logical identifier", ResourceCategory.NUMBER),
    ResourceEntry("ont", "光猫", "ONT", ResourceCategory.TERMINAL),
)


@dataclass(frozen=True, slots=True)
class Built:
    """How many resources were new (ports included), and how many stood there already."""

    added: int
    existing: int


def ensure_kinds(*, actor: Actor) -> int:
    """Make the kinds of resources known that the inventory is built around."""
    return catalog.define_resources(actor=actor, entries=_KINDS)


def add_resources(*, actor: Actor, branch_id: UUID, rows: Iterable[ResourceRow]) -> Built:
    """Add equipment and ports; what stands there already is left as it is.

    All rows or none: raises BadInput with every fault. Parents may come before or after children.
    `put_resources` also changes what differs.
    """
    put = put_resources(actor=actor, branch_id=branch_id, rows=rows, update=False)
    return Built(put.added, put.same)


@transaction.atomic
def cover(*, actor: Actor, branch_id: UUID, rows: Iterable[tuple[str, UUID]], rank: int = 0) -> int:
    """Say which boxes (by path) serve which addresses; how many pairs were new.

    Addresses of which nothing was known (未覆盖) become covered; planned ones and those without
    entry stay what they are until somebody says otherwise.
    """
    may_build(actor, branch_id)
    listed = list(rows)
    paths = {path for path, _ in listed}
    boxes = _boxes(branch_id, paths)
    if missing := sorted(paths - set(boxes)):
        raise BadInput(
            [
                InputFault(
                    "rows.box", _("没有分光器或 ONU %(path)s。") % {"path": path}, _("先导入资源。")
                )
                for path in missing[:_SEEN_FAULTS]
            ]
        )
    pairs = [(boxes[path], address_id, rank) for path, address_id in listed]
    return _lay(actor, branch_id, pairs)[0]


@dataclass(frozen=True, slots=True)
class CoverRow:
    """A box (by path) serves an address, by the operator's code or its full text.

    Boxes of a lower `rank` are taken first.
    """

    box: str
    address: str
    rank: int = 0


@transaction.atomic
def put_coverage(
    *,
    actor: Actor,
    branch_id: UUID,
    rows: Sequence[CoverRow],
    coming: Collection[str] = (),
    mode: Mode = Mode.ALL,
    tick: Tick = silent,
) -> Put:
    """Say which boxes serve which addresses; a known pair takes the rank the row names.

    `mode` says what becomes of rows with faults. Boxes that are not there yet, but will be when
    the rows are written, are named by `coming`.
    """
    may_build(actor, branch_id)
    boxes = _boxes(branch_id, {row.box for row in rows})
    wanted = [row.address for row in rows]
    addresses = address_queries.ids_by_text(branch_id, wanted)
    addresses |= address_queries.ids_by_code(branch_id, wanted)
    faults: list[RowFault] = []
    first: dict[tuple[str, UUID], int] = {}
    for number, row in enumerate(rows):
        address_id = addresses.get(row.address)
        if row.box not in boxes and row.box not in coming:
            what = _("没有分光器或 ONU %(path)s。") % {"path": row.box}
            faults.append(RowFault(number, "box", what, _("先导入资源。")))
        elif address_id is None:
            what = _("没有地址 %(address)s。") % {"address": row.address}
            remedy = _("用地址编码或完整地址；先导入地址。")
            faults.append(RowFault(number, "address", what, remedy))
        elif (twin := first.setdefault((row.box, address_id), number)) != number:
            faults.append(RowFault(number, "address", _("覆盖关系重复。"), _("只留一行。"), twin))
    if not mode.writes(faults):
        return Put(faults=tuple(faults))
    bad = {fault.row for fault in faults}
    pairs = [
        (boxes[row.box], addresses[row.address], row.rank)
        for number, row in enumerate(rows)
        if number not in bad
    ]
    added, changed = _lay(actor, branch_id, pairs, ranked=True, tick=tick)
    return Put(added, changed, len(pairs) - added - changed, tuple(faults))


def _boxes(branch_id: UUID, paths: Collection[str]) -> dict[str, UUID]:
    """Splitters and ONUs by path."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT path, id FROM inventory_resource"
            " WHERE branch_id = %s AND path = ANY(%s) AND specification = ANY(%s)",
            [branch_id, list(paths), [str(kind) for kind in BOXES]],
        )
        return dict(cursor.fetchall())


def _lay(
    actor: Actor,
    branch_id: UUID,
    pairs: Sequence[tuple[UUID, UUID, int]],
    *,
    ranked: bool = False,
    tick: Tick = silent,
) -> tuple[int, int]:
    """Write pairs of box and address; how many were new, and how many took another rank."""
    moment = now()
    changed = 0
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS inventory_incoming")
        cursor.execute(
            "CREATE TEMPORARY TABLE inventory_incoming ON COMMIT DROP AS "
            "SELECT id, box_id, address_id, rank FROM inventory_coverage WITH NO DATA"
        )
        columns = ("id", "box_id", "address_id", "rank")
        copy_in("inventory_incoming", columns, ((uuid7(), *pair) for pair in pairs), tick)
        if ranked:
            cursor.execute(
                "UPDATE inventory_coverage c SET rank = i.rank FROM inventory_incoming i"
                " WHERE c.address_id = i.address_id AND c.box_id = i.box_id AND c.rank <> i.rank"
            )
            changed = int(cursor.rowcount)
        cursor.execute(
            "INSERT INTO inventory_coverage (id, created_at, branch_id, box_id, address_id, rank) "
            "SELECT id, %s, %s, box_id, address_id, rank FROM inventory_incoming ORDER BY id "
            "ON CONFLICT DO NOTHING",
            [moment, branch_id],
        )
        added = int(cursor.rowcount)
        cursor.execute("DROP TABLE inventory_incoming")
        if added >= _ANALYZE_FROM:
            cursor.execute("ANALYZE inventory_coverage")
    places.set_coverage(
        actor=actor,
        address_ids={address_id for _box, address_id, _rank in pairs},
        status=CoverageStatus.COVERED,
        only_from=(CoverageStatus.NONE,),
    )
    if added or changed:
        audit.record(
            "coverage-added",
            actor_id=actor.id,
            subject_type="inventory.resource",
            subject_id=None,
            branch_id=branch_id,
            data={"count": added, "changed": changed},
        )
    return added, changed
