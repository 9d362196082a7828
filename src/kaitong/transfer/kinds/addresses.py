"""Standard addresses of nine levels, with what is known of their coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from kaitong.core.rows import Mode, Put
from kaitong.org.actor import Actor
from kaitong.places import services as places
from kaitong.places.choices import CoverageStatus
from kaitong.transfer.columns import Column
from kaitong.transfer.kinds.base import Layout, choices
from kaitong.transfer.watch import Watch

_LEVEL = _("区划名称，与已导入的区划完全一致。")


class Addresses(Layout):
    key = "addresses"
    title = _("标准地址")

    @cached_property
    def columns(self) -> Sequence[Column]:  # type: ignore[override]
        return (
            Column(
                "code",
                "地址编码",
                "Address code",
                _("本公司自己的编码，可空；有编码时按编码认定同一地址，否则按全文。"),
                ("341022100-E01-06-2-301", ""),
            ),
            Column("province", "省", "Province", _LEVEL, ("安徽省",) * 2, required=True),
            Column("city", "市", "City", _LEVEL, ("黄山市",) * 2, required=True),
            Column("county", "区县", "County", _LEVEL, ("休宁县",) * 2, required=True),
            Column("township", "乡镇街道", "Township", _LEVEL, ("海阳镇", "溪口镇"), required=True),
            Column(
                "road",
                "道路或村",
                "Road or village",
                _("道路名，或行政村、社区。"),
                ("齐云大道88号", "溪口村"),
                aliases=("道路", "村"),
            ),
            Column(
                "estate",
                "小区或门牌号",
                "Estate or house",
                _("小区名；没有小区时填门牌号。"),
                ("横江花园", "12号"),
                aliases=("小区", "门牌号"),
            ),
            Column("building", "楼栋", "Building", "", ("6栋", "")),
            Column("unit", "单元", "Unit", "", ("2单元", "")),
            Column("room", "房号", "Room", "", ("301室", "")),
            Column(
                "coverage",
                "覆盖",
                "Coverage",
                _("可空。规划中要填计划日期。未覆盖不会撤销箱体已给的覆盖。"),
                ("已覆盖", "规划中"),
                choices=choices(CoverageStatus),
                aliases=("覆盖状态", "coverage status"),
            ),
            Column(
                "planned_date",
                "计划日期",
                "Planned date",
                _("规划中的地址建成的日期。"),
                ("", "2027-06-30"),
                kind="date",
            ),
            Column(
                "coverage_reason",
                "覆盖说明",
                "Coverage note",
                _("如物业不允许进入的原因。"),
                aliases=("说明",),
            ),
        )

    def make(self, values: Mapping[str, Any]) -> Any:
        return places.AddressRow(**values)

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
        return places.put_addresses(
            actor=actor,
            branch_id=branch_id,
            rows=rows,
            mode=mode,
            tick=watch.tick,
        )


ADDRESSES = Addresses()
