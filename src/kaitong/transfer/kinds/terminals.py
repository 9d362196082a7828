"""Terminals (光猫) counted into stock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from kaitong.core.rows import Mode, Put
from kaitong.inventory import services as inventory
from kaitong.org.actor import Actor
from kaitong.transfer.columns import Column
from kaitong.transfer.kinds.base import Layout
from kaitong.transfer.watch import Watch


class Terminals(Layout):
    key = "terminals"
    title = _("终端库存")

    @cached_property
    def columns(self) -> Sequence[Column]:  # type: ignore[override]
        return (
            Column(
                "serial",
                "串号",
                "Serial",
                _("标签上的串号，全国唯一。把这一列设为文本格式。"),
                ("HWTCA0001EEF", "ZTEGA0003DDE"),
                required=True,
                aliases=("序列号", "sn"),
            ),
            Column(
                "model", "型号", "Model", _("照标签填写。"), ("HG8145X6", "F7607P"), required=True
            ),
            Column("mac", "MAC", "MAC address", _("可空。"), ("02:55:59:00:00:01", "")),
        )

    def make(self, values: Mapping[str, Any]) -> Any:
        return inventory.TerminalRow(**values)

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
        return inventory.put_terminals(
            actor=actor,
            branch_id=branch_id,
            rows=rows,
            mode=mode,
            tick=watch.tick,
        )


TERMINALS = Terminals()
