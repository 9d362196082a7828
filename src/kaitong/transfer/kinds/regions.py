"""Divisions of the country (行政区划), which addresses stand under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from kaitong.core.rows import Mode, Put
from kaitong.org.actor import Actor
from kaitong.places import services as places
from kaitong.places.choices import Level
from kaitong.transfer.columns import Column
from kaitong.transfer.kinds.base import Layout, choices
from kaitong.transfer.watch import Watch


class Regions(Layout):
    key = "regions"
    title = _("行政区划")
    posts = frozenset({"supervisor"})
    shared = True

    @cached_property
    def columns(self) -> Sequence[Column]:  # type: ignore[override]
        levels = dict(choices(Level)) | {str(level.value): level.value for level in Level}
        return (
            Column(
                "code",
                "区划代码",
                "Region code",
                _("统计用区划代码；已有的代码只改名称。"),
                ("341022", "341022100"),
                required=True,
                aliases=("代码",),
            ),
            Column("name", "名称", "Name", "", ("休宁县", "海阳镇"), required=True),
            Column(
                "level",
                "级别",
                "Level",
                _("省、市、区县、乡镇街道、道路或村，或 1 至 9。"),
                ("区县", "乡镇街道"),
                required=True,
                choices=levels,  # type: ignore[arg-type]
            ),
            Column(
                "parent_code",
                "上级代码",
                "Parent code",
                _("上级区划的代码；省没有上级。"),
                ("3410", "341022"),
            ),
        )

    def make(self, values: Mapping[str, Any]) -> Any:
        return places.RegionRow(**values)

    def put(
        self,
        *,
        actor: Actor,
        branch_id: UUID | None,
        rows: Sequence[Any],
        mode: Mode,
        watch: Watch,
    ) -> Put:
        put = places.put_regions(actor=actor, rows=rows, mode=mode)
        watch.tick(len(rows))
        return put


REGIONS = Regions()
