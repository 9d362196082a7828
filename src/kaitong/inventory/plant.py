"""Verbs that bring the network into the inventory in bulk: equipment, ports, what they cover."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from kaitong.catalog import services as catalog
from kaitong.catalog.choices import ResourceCategory
from kaitong.catalog.services import ResourceEntry
from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, Forbidden, InputFault
from kaitong.core.ids import uuid7
from kaitong.inventory.choices import BOXES, LINE_PORTS, Kind, ResourceState
from kaitong.inventory.models import Resource
from kaitong.org.actor import Actor
from kaitong.places import services as places
from kaitong.places.choices import CoverageStatus

SEPARATOR = ">"
_ANALYZE_FROM = 500
_SEEN_FAULTS = 200
_LONGEST_NAME = 80

_KINDS = (
    ResourceEntry(Kind.SITE, "站点", "Site", ResourceCategory.EQUIPMENT),
    ResourceEntry(Kind.OLT, "OLT", "OLT", ResourceCategory.EQUIPMENT),
    ResourceEntry(Kind.PON_PORT, "PON 口", "PON port", ResourceCategory.EQUIPMENT),
    ResourceEntry(Kind.SPLITTER, "分光器", "Splitter", ResourceCategory.EQUIPMENT),
    ResourceEntry(Kind.SPLITTER_PORT, "分光器端口", "Splitter port", ResourceCategory.PORT),
    ResourceEntry(Kind.ONU, "楼道 ONU", "Building ONU", ResourceCategory.EQUIPMENT),
    ResourceEntry(Kind.ONU_PORT, "ONU 用户端口", "ONU user port", ResourceCategory.PORT),
    ResourceEntry("account", "宽带账号", "Broadband account", ResourceCategory.NUMBER),
    ResourceEntry("logical-id", "逻辑 SN", "Logical identifier", ResourceCategory.NUMBER),
    ResourceEntry("ont", "光猫", "ONT", ResourceCategory.TERMINAL),
)


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """One piece of the network to add.

    `parent` and `pon_port` are paths (`海阳机房>OLT-01>0/3/6`). `ports` makes that many user ports
    under a splitter (numbered from 1) or an ONU (from 0, ONU-03); they hang on the same PON port.
    """

    specification: str
    name: str
    parent: str = ""
    pon_port: str = ""
    position: int | None = None
    state: str = ResourceState.IN_USE
    code: str = ""
    note: str = ""
    ports: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"{self.parent}{SEPARATOR}{self.name}" if self.parent else self.name


@dataclass(frozen=True, slots=True)
class Built:
    """How many resources were new (ports included), and how many stood there already."""

    added: int
    existing: int


def ensure_kinds(*, actor: Actor) -> int:
    """Make the kinds of resources known that the inventory is built around."""
    return catalog.define_resources(actor=actor, entries=_KINDS)


def with_ports(rows: Iterable[ResourceRow]) -> Iterator[ResourceRow]:
    """Each row, and the user ports it asks for behind it."""
    for row in rows:
        yield row
        onu = row.specification == Kind.ONU
        first = 0 if onu else 1
        for number in range(first, first + row.ports):
            yield ResourceRow(
                specification=Kind.ONU_PORT if onu else Kind.SPLITTER_PORT,
                name=f"{number:02d}",
                parent=row.path,
                pon_port=row.pon_port,
                position=number,
                state=ResourceState.FREE,
            )


def check_rows(rows: list[ResourceRow], known: Mapping[str, Any]) -> list[InputFault]:
    """Every fault of resource rows, named `rows[N].column`; `known` are paths that exist."""
    paths = {row.path for row in rows} | set(known)
    seen: set[str] = set()
    faults: list[InputFault] = []

    def fault(number: int, column: str, what: str, remedy: str = "") -> None:
        faults.append(InputFault(f"rows[{number}].{column}", what, remedy))

    for number, row in enumerate(rows):
        if not row.name.strip() or len(row.name) > _LONGEST_NAME or SEPARATOR in row.name:
            fault(
                number,
                "name",
                _("名称要有 1 至 %(longest)s 字，不能含 %(separator)s。")
                % {"longest": _LONGEST_NAME, "separator": SEPARATOR},
            )
        own = [part.path for part in with_ports([row])]
        if not seen.isdisjoint(own):
            fault(
                number,
                "name",
                _("%(path)s 或它的端口重复。") % {"path": row.path},
                _("同一上级下名称要唯一。"),
            )
        seen.update(own)
        if row.specification not in Kind.values:
            fault(
                number,
                "specification",
                _("不认识的资源规格 %(specification)s。") % {"specification": row.specification},
            )
        if row.parent and row.parent not in paths:
            fault(
                number,
                "parent",
                _("没有上级资源 %(parent)s。") % {"parent": row.parent},
                _("先导入上级资源。"),
            )
        if row.pon_port and row.pon_port not in paths:
            fault(
                number,
                "pon_port",
                _("没有 PON 口 %(pon_port)s。") % {"pon_port": row.pon_port},
                _("先导入 OLT 和 PON 口。"),
            )
        if row.state not in ResourceState.values or row.state == ResourceState.PRE_EMPTED:
            fault(number, "state", _("资源不能以状态 %(state)s 导入。") % {"state": row.state})
        if row.state == ResourceState.IN_USE and row.specification in LINE_PORTS:
            fault(
                number,
                "state",
                _("用户端口的占用随服务导入，不随资源导入。"),
                _("改为空闲或保留。"),
            )
        if row.ports and row.specification not in BOXES:
            fault(number, "ports", _("只有分光器和 ONU 有用户端口。"))
        if len(faults) >= _SEEN_FAULTS:
            break
    return faults


_COPIED = (
    "id",
    "created_at",
    "ext",
    "branch_id",
    "specification",
    "name",
    "code",
    "parent_id",
    "path",
    "state",
    "position",
    "pon_port_id",
    "note",
    "attributes",
)


@transaction.atomic
def add_resources(*, actor: Actor, branch_id: UUID, rows: Iterable[ResourceRow]) -> Built:
    """Add equipment and ports; what stands there already is left as it is.

    All rows or none: raises BadInput with every fault. Parents may come before or after children.
    """
    may_build(actor, branch_id)
    given = [_tidy(row) for row in rows]
    listed = list(with_ports(given))
    wanted = {p for row in listed for p in (row.path, row.parent, row.pon_port) if p}
    known = dict(
        Resource.objects.filter(branch_id=branch_id, path__in=wanted).values_list("path", "id")
    )
    if faults := check_rows(given, known):
        raise BadInput(faults)
    new = [row for row in listed if row.path not in known]
    ids = known | {row.path: uuid7() for row in new}
    moment = now()
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY inventory_resource ({', '.join(_COPIED)}) FROM STDIN") as copy:
            for row in new:
                copy.write_row(
                    (
                        ids[row.path],
                        moment,
                        "{}",
                        branch_id,
                        row.specification,
                        row.name,
                        row.code,
                        ids.get(row.parent),
                        row.path,
                        row.state,
                        row.position,
                        ids.get(row.pon_port),
                        row.note,
                        Jsonb(dict(row.attributes)),
                    )
                )
        if len(new) >= _ANALYZE_FROM:
            cursor.execute("ANALYZE inventory_resource")
    _record(actor, branch_id, "resources-added", len(new))
    return Built(len(new), len(listed) - len(new))


def _tidy(row: ResourceRow) -> ResourceRow:
    return replace(row, name=row.name.strip(), code=row.code.strip(), note=row.note.strip())


def may_build(actor: Actor, branch_id: UUID) -> None:
    """Imports of one branch take turns, so that two of the same file do not collide."""
    if not actor.sees(branch_id):
        raise Forbidden(_("不能为别的分公司导入资源。"), field="branch_id")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"plant:{branch_id}"])


def _record(actor: Actor, branch_id: UUID, kind: str, count: int) -> None:
    if count:
        audit.record(
            kind,
            actor_id=actor.id,
            subject_type="inventory.resource",
            subject_id=None,
            branch_id=branch_id,
            data={"count": count},
        )


@transaction.atomic
def cover(*, actor: Actor, branch_id: UUID, rows: Iterable[tuple[str, UUID]], rank: int = 0) -> int:
    """Say which boxes (by path) serve which addresses; how many pairs were new.

    Addresses of which nothing was known (未覆盖) become covered; planned ones and those without
    entry stay what they are until somebody says otherwise.
    """
    may_build(actor, branch_id)
    listed = list(rows)
    paths = {path for path, _ in listed}
    boxes = dict(
        Resource.objects.filter(
            branch_id=branch_id, path__in=paths, specification__in=BOXES
        ).values_list("path", "id")
    )
    if missing := sorted(paths - set(boxes)):
        raise BadInput(
            [
                InputFault(
                    "rows.box", _("没有分光器或 ONU %(path)s。") % {"path": path}, _("先导入资源。")
                )
                for path in missing[:_SEEN_FAULTS]
            ]
        )
    moment = now()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS inventory_incoming")
        cursor.execute(
            "CREATE TEMPORARY TABLE inventory_incoming ON COMMIT DROP AS "
            "SELECT id, box_id, address_id FROM inventory_coverage WITH NO DATA"
        )
        with cursor.copy("COPY inventory_incoming (id, box_id, address_id) FROM STDIN") as copy:
            for path, address_id in listed:
                copy.write_row((uuid7(), boxes[path], address_id))
        cursor.execute(
            "INSERT INTO inventory_coverage (id, created_at, branch_id, box_id, address_id, rank) "
            "SELECT id, %s, %s, box_id, address_id, %s FROM inventory_incoming ORDER BY id "
            "ON CONFLICT DO NOTHING",
            [moment, branch_id, rank],
        )
        added = int(cursor.rowcount)
        cursor.execute("DROP TABLE inventory_incoming")
        if added >= _ANALYZE_FROM:
            cursor.execute("ANALYZE inventory_coverage")
    places.set_coverage(
        actor=actor,
        address_ids={address_id for _box, address_id in listed},
        status=CoverageStatus.COVERED,
        only_from=(CoverageStatus.NONE,),
    )
    _record(actor, branch_id, "coverage-added", added)
    return added
