"""The shift roster (排班): who is on duty for a post, by day."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from kaitong.core.rows import Mode, Put
from kaitong.org import standing_in
from kaitong.org.actor import Actor
from kaitong.transfer.columns import Column
from kaitong.transfer.kinds.base import BadCells, Layout
from kaitong.transfer.watch import Watch

_CLOCK = re.compile(r"([01]?\d|2[0-4])[:：]([0-5]\d)(?:[:：]00)?")


class Roster(Layout):
    key = "roster"
    title = _("排班")
    posts = frozenset({"supervisor"})

    @cached_property
    def columns(self) -> Sequence[Column]:  # type: ignore[override]
        return (
            Column(
                "username",
                "人员",
                "Person",
                _("用户名；本分公司没有重名的，写姓名也可以。"),
                ("wangzq", "汪志强"),
                required=True,
                aliases=("用户名", "姓名"),
            ),
            Column("post", "岗位", "Post", "", ("装维班组", "装维班组"), required=True),
            Column(
                "day",
                "日期",
                "Date",
                _("班次开始的那天。"),
                ("2027-03-01", "2027-03-01"),
                required=True,
                kind="date",
            ),
            Column("since", "开始", "From", _("如 08:30。"), ("08:30", "20:00"), required=True),
            Column(
                "until",
                "结束",
                "Until",
                _("不晚于开始的，算到第二天：夜班 20:00 至 08:00。"),
                ("17:30", "08:00"),
                required=True,
            ),
        )

    def make(self, values: Mapping[str, Any]) -> Any:
        day = values["day"]
        moments = []
        for name in ("since", "until"):
            found = _CLOCK.fullmatch(values[name].strip())
            hour, minute = (int(part) for part in found.groups()) if found else (99, 0)
            if hour > 24 or (hour == 24 and minute):
                what = _now("%(text)s 不是钟点。") % {"text": values[name][:20]}
                raise BadCells((name, what, _now("写成 08:30，单元格设为文本格式。")))
            start = timezone.make_aware(datetime.combine(day, time()))
            moments.append(start + timedelta(hours=hour, minutes=minute))
        since, until = moments
        if until <= since:
            until += timedelta(days=1)
        return standing_in.ShiftRow(values["username"], values["post"], since, until)

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
        put = standing_in.put_shifts(actor=actor, branch_id=branch_id, rows=rows, mode=mode)
        watch.tick(len(rows))
        return put


ROSTER = Roster()
