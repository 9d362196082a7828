"""The network by the hundred thousand: checked as a set, written by COPY, changed where it differs.

A resource is known by its path, a terminal by its serial, coverage by its pair. Bringing the same
rows in again changes nothing. What people have done since (states, assignments) is never undone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from kaitong.core import audit, db, wording
from kaitong.core.clock import now
from kaitong.core.errors import Forbidden
from kaitong.core.ids import uuid7
from kaitong.core.rows import Mode, Put, RowFault, Tick, copy_in, silent
from kaitong.inventory.choices import BOXES, LINE_PORTS, Kind, ResourceState
from kaitong.inventory.models import Resource
from kaitong.org.actor import Actor

SEPARATOR = ">"
ANALYZE_FROM = 500
_LONGEST = {
    name: getattr(Resource._meta.get_field(name), "max_length", 0) or 0
    for name in ("name", "code", "note")
}
_LONGEST_PATH = Resource._meta.get_field("path").max_length or 0
_MOST_PORTS = 1024
# What a piece may stand under, where that is settled; others may stand anywhere.
_PARENTS: Mapping[str, tuple[str, ...]] = {
    Kind.OLT: (Kind.SITE,),
    Kind.PON_PORT: (Kind.OLT,),
    Kind.SPLITTER_PORT: (Kind.SPLITTER,),
    Kind.ONU_PORT: (Kind.ONU,),
}

_KINDS = frozenset(Kind.values)
_STATES = frozenset(ResourceState.values) - {ResourceState.PRE_EMPTED.value}


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


def with_ports(rows: Iterable[ResourceRow]) -> Iterator[ResourceRow]:
    """Each row, and the user ports it asks for behind it."""
    for row in rows:
        yield row
        if row.ports:
            yield from _ports(row)


def _ports(row: ResourceRow) -> Iterator[ResourceRow]:
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


def may_build(actor: Actor, branch_id: UUID) -> None:
    """Imports of one branch take turns, so that two of the same file do not collide."""
    if not actor.sees(branch_id):
        raise Forbidden(_("不能为别的分公司导入资源。"), field="branch_id")
    db.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"plant:{branch_id}"])


@dataclass(frozen=True, slots=True)
class _Known:
    """A resource that stands there already."""

    id: UUID
    path: str
    specification: str
    code: str
    position: int | None
    note: str
    attributes: Mapping[str, Any]
    pon_id: UUID | None
    pon_path: str


@transaction.atomic
def put_resources(
    *,
    actor: Actor,
    branch_id: UUID,
    rows: Iterable[ResourceRow],
    mode: Mode = Mode.ALL,
    update: bool = True,
    tick: Tick = silent,
) -> Put:
    """Add equipment and ports, and change code, position, note and attributes that differ.

    `mode` says what becomes of rows with faults; nothing that hangs on a refused row is written.
    Parents may come before or after children. States of what stands there stay: people have worked
    since.
    """
    may_build(actor, branch_id)
    listed = [_tidy(row) for row in rows]
    known = _known(branch_id, listed)
    faults = _faults(branch_id, listed, known, update)
    write = mode.writes(faults)
    bad = {fault.row for fault in faults}
    good = [_on_its_pon(row, known) for number, row in enumerate(listed) if number not in bad]
    new: list[ResourceRow] = []
    changes: list[tuple[UUID, ResourceRow]] = []
    same = 0
    for row in with_ports(good):
        there = known.get(row.path)
        if there is None:
            new.append(row)
        elif update and _differs(there, row):
            changes.append((there.id, row))
        else:
            same += 1
    if write:
        ids = {path: there.id for path, there in known.items()}
        ids |= {there.pon_path: there.pon_id for there in known.values() if there.pon_id}
        _insert(new, branch_id, ids, tick)
        _update(changes)
        if new or changes:
            data = {"count": len(new), "changed": len(changes)}
            _record(actor, branch_id, "resources-added", data)
    return Put(len(new), len(changes), same, tuple(faults))


def _tidy(row: ResourceRow) -> ResourceRow:
    return replace(row, name=row.name.strip(), code=row.code.strip(), note=row.note.strip())


def _on_its_pon(row: ResourceRow, known: Mapping[str, _Known]) -> ResourceRow:
    """New ports of a known box hang where the box hangs."""
    there = known.get(row.path)
    return replace(row, pon_port=there.pon_path) if there and not row.pon_port else row


_KNOWN = """
SELECT r.id, r.path, r.specification, r.code, r.position, r.note, r.attributes::text,
       p.id, coalesce(p.path, '')
FROM inventory_resource r LEFT JOIN inventory_resource p ON p.id = r.pon_port_id
WHERE r.branch_id = %s AND r.path = ANY(%s)
"""


def _known(branch_id: UUID, rows: Sequence[ResourceRow]) -> dict[str, _Known]:
    """What stands there already of the rows, their ports, parents and PON ports."""
    wanted = {p for row in with_ports(rows) for p in (row.path, row.parent, row.pon_port) if p}
    found: dict[str, _Known] = {}
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [branch_id, list(wanted)])
        for i, path, specification, code, position, note, attributes, *pon in cursor:
            found[path] = _Known(
                i, path, specification, code, position, note, json.loads(attributes), *pon
            )
    return found


def _differs(known: _Known, row: ResourceRow) -> bool:
    """Whether the file says something else; what it leaves empty stays."""
    return (
        (bool(row.code) and row.code != known.code)
        or (row.position is not None and row.position != known.position)
        or (bool(row.note) and row.note != known.note)
        or any(known.attributes.get(k) != v for k, v in row.attributes.items())
    )


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


def _insert(
    rows: Sequence[ResourceRow], branch_id: UUID, known: Mapping[str, UUID], tick: Tick
) -> None:
    if not rows:
        return
    ids = dict(known) | {row.path: uuid7() for row in rows}
    moment = now()
    copy_in(
        "inventory_resource",
        _COPIED,
        (
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
                json.dumps(dict(row.attributes), ensure_ascii=False) if row.attributes else "{}",
            )
            for row in rows
        ),
        tick,
    )
    if len(rows) >= ANALYZE_FROM:
        db.execute("ANALYZE inventory_resource")


def _update(changes: Sequence[tuple[UUID, ResourceRow]]) -> None:
    if not changes:
        return
    db.execute("DROP TABLE IF EXISTS inventory_incoming")
    db.execute(
        "CREATE TEMPORARY TABLE inventory_incoming"
        " (id uuid, code text, position int, note text, attributes jsonb) ON COMMIT DROP"
    )
    copy_in(
        "inventory_incoming",
        ("id", "code", "position", "note", "attributes"),
        (
            (resource_id, row.code, row.position, row.note, json.dumps(dict(row.attributes)))
            for resource_id, row in changes
        ),
    )
    db.execute(
        "UPDATE inventory_resource r SET code = coalesce(nullif(i.code, ''), r.code),"
        " position = coalesce(i.position, r.position),"
        " note = coalesce(nullif(i.note, ''), r.note),"
        " attributes = r.attributes || i.attributes"
        " FROM inventory_incoming i WHERE r.id = i.id"
    )
    db.execute("DROP TABLE inventory_incoming")


def _record(actor: Actor, branch_id: UUID, kind: str, data: Mapping[str, Any]) -> None:
    audit.record(
        kind,
        actor_id=actor.id,
        subject_type="inventory.resource",
        subject_id=None,
        branch_id=branch_id,
        data=data,
    )


# ---- faults --------------------------------------------------------------------------------------


def _faults(
    branch_id: UUID, rows: Sequence[ResourceRow], known: Mapping[str, _Known], update: bool
) -> list[RowFault]:
    faults: list[RowFault] = []

    def fault(column: str, what: str, remedy: str = "", twin: int | None = None) -> None:
        faults.append(RowFault(number, column, what, remedy, twin))

    kinds = {path: there.specification for path, there in known.items()}
    given = {row.path: row.specification for row in rows}
    for port in with_ports(rows):
        given.setdefault(port.path, port.specification)
    first: dict[str, int] = {}
    codes = _codes(branch_id, rows)
    for number, row in enumerate(rows):
        _alone(row, fault)
        twin = next(
            (
                first[p.path]
                for p in with_ports([row])
                if first.setdefault(p.path, number) != number
            ),
            None,
        )
        if twin is not None:
            fault(
                "name",
                _("%(path)s 或它的端口重复。") % {"path": row.path},
                _("同一上级下名称要唯一。"),
                twin,
            )
        if row.code and codes.setdefault(row.code, row.path) != row.path:
            fault(
                "code",
                _("编码 %(code)s 已是 %(path)s 的。") % {"code": row.code, "path": codes[row.code]},
                _("每个资源一个编码。"),
            )
        _places(row, kinds, given, fault)
        if update and (there := known.get(row.path)) is not None:
            _against_known(row, there, known, fault)
    _cascade(rows, known, faults)
    return sorted(faults, key=lambda found: found.row)


_Fault = Callable[..., None]


def _codes(branch_id: UUID, rows: Sequence[ResourceRow]) -> dict[str, str]:
    """Paths of resources that have these codes already."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT code, path FROM inventory_resource"
            " WHERE branch_id = %s AND code = ANY(%s) AND code <> ''",
            [branch_id, [row.code for row in rows if row.code]],
        )
        return dict(cursor.fetchall())


def _alone(row: ResourceRow, fault: _Fault) -> None:
    """Faults of a row by itself."""
    if not row.name or len(row.name) > _LONGEST["name"] or SEPARATOR in row.name:
        fault(
            "name",
            _("名称要有 1 至 %(longest)s 字，不能含 %(separator)s。")
            % {"longest": _LONGEST["name"], "separator": SEPARATOR},
        )
    for column in ("code", "note"):
        if len(getattr(row, column)) > _LONGEST[column]:
            fault(column, _("文字过长，最多 %(longest)s 字。") % {"longest": _LONGEST[column]})
    if len(row.path) > _LONGEST_PATH - 5:
        fault("parent", _("上级与名称合起来过长。"), _("缩短名称。"))
    if row.specification not in _KINDS:
        fault(
            "specification",
            _("不认识的资源规格 %(specification)s。") % {"specification": row.specification},
        )
    if row.state not in _STATES:
        fault("state", _("资源不能以状态 %(state)s 导入。") % {"state": row.state})
    if row.state == ResourceState.IN_USE and row.specification in LINE_PORTS:
        fault("state", _("用户端口的占用随服务导入，不随资源导入。"), _("改为空闲或保留。"))
    if row.ports and row.specification not in BOXES:
        fault("ports", _("只有分光器和 ONU 有用户端口。"))
    if not 0 <= row.ports <= _MOST_PORTS:
        fault("ports", _("用户端口数要在 0 至 %(most)s 之间。") % {"most": _MOST_PORTS})
    if row.position is not None and not 0 <= row.position <= 1_000_000:
        fault("position", _("序号要在 0 至 1000000 之间。"))


def _places(
    row: ResourceRow, kinds: Mapping[str, str], given: Mapping[str, str], fault: _Fault
) -> None:
    """Whether parent and PON port exist, here or in the rows, and are what they should be."""
    if row.parent:
        kind = kinds.get(row.parent) or given.get(row.parent)
        allowed = _PARENTS.get(row.specification)
        if kind is None:
            fault(
                "parent",
                _("没有上级资源 %(parent)s。") % {"parent": row.parent},
                _("先导入上级资源。"),
            )
        elif allowed is not None and kind not in allowed:
            fault(
                "parent",
                _("上级 %(parent)s 的类型不对。") % {"parent": row.parent},
                _("应为%(kinds)s。")
                % {"kinds": wording.several(str(Kind(k).label) for k in allowed)},
            )
    elif row.specification in _PARENTS:
        fault("parent", _("缺上级资源。"), _("填上级的路径，各级之间用 > 隔开。"))
    if row.pon_port:
        kind = kinds.get(row.pon_port) or given.get(row.pon_port)
        if kind != Kind.PON_PORT:
            fault(
                "pon_port",
                _("没有 PON 口 %(pon_port)s。") % {"pon_port": row.pon_port},
                _("先导入 OLT 和 PON 口。"),
            )


def _against_known(
    row: ResourceRow, there: _Known, known: Mapping[str, _Known], fault: _Fault
) -> None:
    """What an import may not change of what stands there."""
    if row.specification != there.specification:
        label = Kind(there.specification).label if there.specification in Kind.values else ""
        fault(
            "specification",
            _("%(path)s 已登记为%(kind)s。") % {"path": row.path, "kind": label},
            _("改类型，或换一个名称。"),
        )
    elif row.pon_port and there.pon_path != row.pon_port:
        fault(
            "pon_port",
            _("%(path)s 现在接在 %(pon)s 上。")
            % {"path": row.path, "pon": there.pon_path or _("无 PON 口")},
            _("割接不随导入进行；填现在的 PON 口。"),
        )


def _cascade(
    rows: Sequence[ResourceRow], known: Mapping[str, _Known], faults: list[RowFault]
) -> None:
    """Rows that hang on a refused row cannot be taken either."""
    if not faults:
        return
    behind: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        for path in {row.parent, row.pon_port} - {""}:
            behind.setdefault(path, []).append(number)
    bad = {found.row for found in faults}
    # The path of a row that collides with an earlier one is still there by that one.
    good = {rows[n].path for n in range(len(rows)) if n not in bad}
    queue = list(bad)
    while queue:
        cause = queue.pop()
        paths = {p.path for p in with_ports([rows[cause]])} - good - set(known)
        for path in paths:
            for number in behind.get(path, ()):
                if number not in bad:
                    bad.add(number)
                    queue.append(number)
                    good.discard(rows[number].path)
                    column = "parent" if rows[number].parent == path else "pon_port"
                    faults.append(
                        RowFault(
                            number,
                            column,
                            _("%(path)s 那一行有错误。") % {"path": path},
                            _("先改正那一行。"),
                            cause,
                        )
                    )
