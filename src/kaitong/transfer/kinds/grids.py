"""Grids (网格): what belongs to each, and who answers for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from kaitong.core.rows import Mode, Put, RowFault
from kaitong.org import standing_in
from kaitong.org.actor import Actor
from kaitong.places import grids
from kaitong.transfer.columns import Column
from kaitong.transfer.kinds.base import Layout
from kaitong.transfer.watch import Watch


@dataclass(frozen=True, slots=True)
class GridRow:
    area: grids.GridAreaRow
    post: str
    people: tuple[str, ...]


class Grids(Layout):
    key = "grids"
    title = _("网格和责任人")
    posts = frozenset({"supervisor"})

    @cached_property
    def columns(self) -> Sequence[Column]:  # type: ignore[override]
        return (
            Column("grid", "网格", "Grid", _("网格编码。"), ("G01", "G02"), required=True),
            Column("township", "乡镇街道", "Township", "", ("海阳镇", "海阳镇"), required=True),
            Column("road", "道路或村", "Road or village", _("可空：整个乡镇。"), ("齐云大道", "")),
            Column(
                "estate", "小区或门牌号", "Estate or number", _("可空：整条路。"), ("横江花园", "")
            ),
            Column("building", "楼栋", "Building", _("可空：整个小区。"), ("3栋", "")),
            Column("post", "岗位", "Post", _("可空：只划范围。"), ("装维班组", "装维班组")),
            Column(
                "people",
                "责任人",
                "People",
                _("用户名，几位之间用顿号或逗号。列出的就是全部责任人。"),
                ("wangzq", "wangzq、chenl"),
                aliases=("责任人员", "负责人"),
            ),
        )

    def make(self, values: Mapping[str, Any]) -> Any:
        area = grids.GridAreaRow(values["grid"], *(values[name] for name in grids.PARTS))
        names = values["people"].replace("、", ",").replace("，", ",").split(",")
        return GridRow(area, values["post"], tuple(filter(None, map(str.strip, names))))

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
        areas = [row.area for row in rows]
        people = [
            (number, standing_in.GridHolderRow(row.area.grid, row.post, name))
            for number, row in enumerate(rows)
            for name in row.people
        ]
        holders = [holder for _number, holder in people]
        place = grids.put_grid_areas(actor=actor, branch_id=branch_id, rows=areas, mode=Mode.CHECK)
        held = standing_in.put_grid_holders(
            actor=actor, branch_id=branch_id, rows=holders, mode=Mode.CHECK
        )
        named = {"username": "people"}
        faults = [
            *place.faults,
            *(
                RowFault(people[f.row][0], named.get(f.column, f.column), f.what, f.remedy)
                for f in held.faults
            ),
        ]
        faults.sort(key=lambda fault: fault.row)
        if mode.writes(faults):
            bad = {fault.row for fault in faults}
            grids.put_grid_areas(
                actor=actor,
                branch_id=branch_id,
                rows=[area for number, area in enumerate(areas) if number not in bad],
            )
            standing_in.put_grid_holders(
                actor=actor,
                branch_id=branch_id,
                rows=[holder for number, holder in people if number not in bad],
            )
        watch.tick(len(rows))
        return Put(
            place.added + held.added,
            place.changed + held.changed,
            place.same + held.same,
            tuple(faults),
        )


GRIDS = Grids()
