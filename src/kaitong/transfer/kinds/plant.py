"""The network: sites, OLTs, PON ports, boxes with their ports, and which addresses boxes serve.

One sheet for all of it: the type of a row says what it is. A row of type 覆盖 says that the box in
上级 serves the address in 地址.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from kaitong.core.rows import Mode, Put, RowFault
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import BOXES, LINE_PORTS, Kind, ResourceState
from kaitong.org.actor import Actor
from kaitong.transfer.columns import Column, folded
from kaitong.transfer.kinds.base import BadCells, Layout, choices
from kaitong.transfer.watch import Watch

COVERAGE = "coverage"
_ATTRIBUTES = ("number", "area_code", "node")


class Plant(Layout):
    key = "plant"
    title = _("网络资源")

    @cached_property
    def columns(self) -> Sequence[Column]:  # type: ignore[override]
        kinds = {
            folded("覆盖"): COVERAGE,
            "coverage": COVERAGE,
            **choices(Kind),
            "pon": Kind.PON_PORT.value,
            "onu": Kind.ONU.value,
            folded("分光器箱"): Kind.SPLITTER.value,
        }
        return (
            Column(
                "specification",
                "类型",
                "Type",
                _("站点、OLT、PON 口、分光器、楼道 ONU，或覆盖（箱体服务的地址）。"),
                ("分光器", "覆盖"),
                required=True,
                choices=kinds,
            ),
            Column(
                "name",
                "名称",
                "Name",
                _("同一上级下唯一，不能含 >。覆盖行不填。"),
                ("6栋1单元 POS-01", ""),
            ),
            Column(
                "parent",
                "上级",
                "Parent",
                _("上级的路径，各级用 > 隔开；站点可空。覆盖行填箱体的路径。"),
                ("横江花园", "横江花园>6栋1单元 POS-01"),
                aliases=("箱体", "box"),
            ),
            Column(
                "pon_port",
                "所接PON口",
                "Fed by",
                _("分光器和 ONU 必填：PON 口的路径。"),
                ("海阳机房>OLT-01>0/3/6", ""),
                aliases=("pon路径", "pon path", "上联pon口"),
            ),
            Column(
                "ports",
                "用户端口数",
                "User ports",
                _("分光器从 01、ONU 从 00 起编号；再次导入时只增不减。"),
                (8, ""),
                kind="whole",
            ),
            Column(
                "position",
                "序号",
                "Position",
                _("排序用；覆盖行为优先次序，小的先用。"),
                ("", 0),
                kind="whole",
                aliases=("优先次序", "rank"),
            ),
            Column(
                "state",
                "状态",
                "State",
                _("可空：设备为占用，端口为空闲。已有资源的状态不随导入改变。"),
                choices=choices(
                    ResourceState, without=(ResourceState.PRE_EMPTED, ResourceState.PRE_RELEASED)
                ),
            ),
            Column("code", "资源编码", "Resource code", _("本公司自己的编码，可空。"), ("", "")),
            Column("note", "说明", "Note", _("如箱体的安装位置。"), ("一层弱电井", "")),
            Column(
                "address",
                "地址",
                "Address",
                _("覆盖行：地址编码，或九级地址全文。"),
                ("", "341022100-E01-06-2-301"),
                aliases=("地址编码", "address code"),
            ),
            Column("number", "OLT编号", "OLT number", _("OLT 行：编号规则用。"), kind="whole"),
            Column("area_code", "区号", "Area code", _("OLT 行：长途区号，如 0559。")),
            Column("node", "接入节点名", "Access node", _("OLT 行：网络里的名称，如与名称不同。")),
        )

    def make(self, values: Mapping[str, Any]) -> Any:
        given = {key: value for key, value in values.items() if value not in ("", None)}
        specification = given.pop("specification")
        if specification == COVERAGE:
            return _coverage(given)
        if "address" in given:
            raise BadCells(
                ("address", gettext("只有覆盖行才填地址。"), gettext("改类型，或删去。"))
            )
        if not given.get("name"):
            raise BadCells(("name", gettext("缺名称。"), gettext("补填。")))
        attributes = {key: given.pop(key) for key in _ATTRIBUTES if key in given}
        if attributes and specification != Kind.OLT:
            only = gettext("只有 OLT 行才填这一列。")
            raise BadCells(*((key, only, gettext("删去。")) for key in attributes))
        if specification in BOXES and "pon_port" not in given and "ports" in given:
            raise BadCells(
                (
                    "pon_port",
                    gettext("分光器和 ONU 要接在 PON 口上。"),
                    gettext("填 PON 口的路径。"),
                )
            )
        default = ResourceState.FREE if specification in LINE_PORTS else ResourceState.IN_USE
        given.setdefault("state", default)
        return inventory.ResourceRow(specification=specification, attributes=attributes, **given)

    def put(
        self,
        *,
        actor: Actor,
        branch_id: UUID | None,
        rows: Sequence[Any],
        mode: Mode,
        watch: Watch,
    ) -> Put:
        assert branch_id is not None
        cover = [n for n, row in enumerate(rows) if isinstance(row, inventory.CoverRow)]
        build = [n for n, row in enumerate(rows) if not isinstance(row, inventory.CoverRow)]
        options: dict[str, Any] = {"actor": actor, "branch_id": branch_id}
        inventory.ensure_kinds(actor=actor)
        built = inventory.put_resources(
            rows=[rows[n] for n in build], mode=mode, tick=watch.tick, **options
        )
        bad = {build[fault.row] for fault in built.faults}
        covered = inventory.put_coverage(
            rows=[rows[n] for n in cover],
            coming={rows[n].path for n in build if n not in bad},
            # Boxes that were not written can be covered by nothing: only look then.
            mode=mode if mode is Mode.GOOD_ONES or not bad else Mode.CHECK,
            tick=lambda done: watch.tick(len(build) + done),
            **options,
        )
        return Put(
            built.added + covered.added,
            built.changed + covered.changed,
            built.same + covered.same,
            (*_numbered(built.faults, build), *_numbered(covered.faults, cover)),
        )


def _coverage(given: dict[str, Any]) -> inventory.CoverRow:
    faults = [
        (key, gettext("覆盖行缺箱体。") if key == "parent" else gettext("覆盖行缺地址。"), "")
        for key in ("parent", "address")
        if key not in given
    ]
    faults += [
        (key, gettext("覆盖行不填这一列。"), gettext("删去。"))
        for key in given
        if key not in ("parent", "address", "position", "note")
    ]
    if faults:
        raise BadCells(*faults)
    return inventory.CoverRow(given["parent"], given["address"], given.get("position", 0))


def _numbered(faults: Sequence[RowFault], rows: Sequence[int]) -> list[RowFault]:
    """Faults with the numbers of the whole sheet's rows."""
    named = {"box": "parent", "rank": "position"}
    return [
        replace(
            fault,
            row=rows[fault.row],
            column=named.get(fault.column, fault.column),
            twin=None if fault.twin is None else rows[fault.twin],
        )
        for fault in faults
    ]


PLANT = Plant()
