"""The history of a process told in sentences, for drawers and the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.org import queries as org
from kaitong.process import queries as process
from kaitong.process.model import Model, NodeKind
from kaitong.web import format as fmt
from kaitong.web.pages.parts import Line

Say = Callable[[str], str]

# What a reader of a drawer wants to know; tokens moving from node to node are the picture's.
TOLD = frozenset(
    {
        "started",
        "claimed",
        "released",
        "dispatched",
        "redispatched",
        "transferred",
        "returned",
        "suspended",
        "resumed",
        "agreed",
        "urged",
        "feedback",
        "completed",
        "retried",
        "done-by-hand",
        "cancelled",
        "error",
        "fired",
        "ended",
        "terminated",
    }
)


def lines(
    rows: Iterable[process.HistoryRow],
    *,
    say: Say,
    reasons: Callable[[str], str] = str,
    model: Model | None = None,
) -> list[Line]:
    """Newest first. With the `model` the end of machines' tasks is told as well, and an error is
    told once, not again at the boundary event that caught it."""
    nodes = model.nodes if model is not None else {}
    machines = {n.id for n in nodes.values() if n.kind in (NodeKind.SERVICE, NodeKind.RULE)}
    catches = {n.id for n in nodes.values() if n.kind is NodeKind.BOUNDARY_ERROR}
    told = [
        row
        for row in rows
        if (row.kind in TOLD and not (row.kind == "fired" and row.node in catches))
        or (row.kind == "left" and row.node in machines)
    ]
    names = org.staff_names(_people(row.data) for row in told)
    return [
        Line(
            row.at,
            sentence(row, say, reasons, names),
            # a machine's step is the machine's, whoever's act it followed
            "" if row.kind == "left" else row.actor_name,
        )
        for row in told[::-1]
    ]


def sentence(
    row: process.HistoryRow, say: Say, reasons: Callable[[str], str], names: dict[UUID, str]
) -> str:
    title = say(row.title)
    reason = str(row.data.get("reason", ""))
    text = _verb(row, title, reasons, names)
    if reason and row.kind not in ("suspended", "error"):
        text = _("%(text)s：%(reason)s") % {"text": text, "reason": reason}
    return text


def _people(data: Any) -> UUID | None:
    for key in ("to", "second"):
        try:
            return UUID(str(data[key]))
        except (KeyError, ValueError):
            continue
    return None


def _verb(
    row: process.HistoryRow, title: str, reasons: Callable[[str], str], names: dict[UUID, str]
) -> str:
    other = _people(row.data)
    words = {"title": title, "who": names.get(other, "") if other else ""}
    match row.kind:
        case "started":
            return _("流程开始")
        case "claimed":
            return _("%(title)s 接单") % words
        case "released":
            return _("%(title)s 放回待接单") % words
        case "dispatched":
            return _("%(title)s 派给 %(who)s") % words
        case "redispatched":
            return _("%(title)s 改派给 %(who)s") % words
        case "transferred":
            return _("%(title)s 转派") % words
        case "returned":
            return _("%(title)s 退回") % words
        case "suspended":
            words["reason"] = reasons(str(row.data.get("reason", "")))
            words["until"] = _moment(str(row.data.get("until", "")))
            return _("%(title)s 挂起至 %(until)s：%(reason)s") % words
        case "resumed":
            return _("%(title)s 解挂") % words
        case "agreed":
            return _("%(title)s 改约") % words
        case "urged":
            return _("%(title)s 催办") % words
        case "feedback":
            return _("%(title)s 阶段反馈") % words
        case "completed":
            return _("%(title)s 办结") % words
        case "left":
            return _("%(title)s 完成") % words
        case "retried":
            return _("%(title)s 重试") % words
        case "done-by-hand":
            return _("%(title)s 已人工处理，%(who)s 核对") % words
        case "cancelled":
            return _("流程撤销")
        case "error":
            code = str(row.data.get("message") or row.data.get("code") or "")
            return _("%(title)s 没有通过：%(code)s") % {**words, "code": code}
        case "fired":
            return _("%(title)s，往下走") % words
        case "terminated":
            return _("流程终止")
    return _("流程结束")


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return fmt.when(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
