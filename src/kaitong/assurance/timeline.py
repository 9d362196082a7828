"""One timeline of a ticket or a common cause: what was decided, work, network, notices, sheets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.activation import queries as activation
from kaitong.assurance.choices import Ownership
from kaitong.assurance.handling import say
from kaitong.assurance.models import CommonCause, Fault, Routing
from kaitong.assurance.queries import notes, surveys
from kaitong.core import wording
from kaitong.documents import queries as documents
from kaitong.messaging import queries as messaging
from kaitong.messaging.choices import NoticeState
from kaitong.ordering.timeline import Entry
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.process import telling

_WORK = frozenset(telling.TOLD | {"incident"}) - {
    "started", "left", "error", "fired", "ended", "terminated",
}  # fmt: skip
_LATE = frozenset({"rejected", "reopened", "not-mended", "urged", "repeat"})
_GOOD = frozenset({"resolved", "closed", "alarm-cleared"})


def place_titles() -> dict[str, str]:
    """Whose trouble it is, in words."""
    return {
        "phone": _("电话解决"),
        "system": _("系统故障"),
        "network": _("网络故障"),
        "inside": _("机房内"),
        "outside": _("外线"),
        "restored": _("线路已恢复"),
        "complaint": _("投诉"),
    }


def titles() -> dict[str, str]:
    return {
        "accepted": _("受理报障"),
        "rejected": _("不予受理"),
        "repeat": _("重复故障"),
        "placed": _("判定"),
        "attached": _("归入群障"),
        "alone": _("单独处理"),
        "resolved": _("已修复"),
        "called-back": _("回访"),
        "reopened": _("重开"),
        "not-mended": _("客户说没有修好"),
        "urged": _("催单"),
        "closed": _("结案"),
        "cancelled": _("撤销"),
        "due-moved": _("时限重算"),
        "port-changed": _("现场换端口"),
        "port-corrected": _("更正端口登记"),
        "terminal-changed": _("现场换终端"),
        "data-resent": _("现场重发数据"),
        "resource-check": _("资源核查"),
        "check-overridden": _("现网核验未通过，班长放行"),
        "proposed": _("提出群障"),
        "confirmed": _("确认群障"),
        "dismissed": _("不是群障"),
        "merged": _("并入更大的群障"),
        "alarm": _("告警"),
        "alarm-cleared": _("告警消失"),
    }


def of_fault(actor: Actor, fault: Fault, *, channels: Callable[[str], str]) -> list[Entry]:
    """Everything that happened to a ticket the actor sees, newest first, in constant queries."""
    entries = _notes(fault.pk, channels)
    entries += _work([fault.instance_id])
    if fault.service_id is not None:
        entries += [
            Entry(
                at=one.at,
                kind="network",
                title=one.verb_title,
                text=one.element if one.ok else f"{one.element}：{one.cause}",
                tone="ok" if one.ok else "late",
                request=one.request,
                response=one.response,
                took_ms=one.took_ms,
            )
            for one in activation.exchanges(actor, order_id=fault.pk)
        ]
    entries += [
        Entry(
            at=row.created_at,
            kind="order",
            title=_("热线转接"),
            text=f"{row.hotline} → {row.routed_to}" if row.routed_to else row.hotline,
            data={"ownership": Ownership(row.ownership).label},
        )
        for row in Routing.objects.filter(fault=fault)
    ]
    entries += [
        Entry(
            at=row.asked_at,
            kind="order",
            title=_("客户意见"),
            text=" · ".join(filter(None, (say(fault.handling, row.reason_title), row.remark))),
            tone="late",
        )
        for row in surveys(fault.pk)
        if row.reason_title or row.remark
    ]
    return _with_sheets(actor, fault.pk, entries)


def of_cause(actor: Actor, cause: CommonCause) -> list[Entry]:
    entries = [*_notes(cause.pk, str), *_work([cause.instance_id])]
    return _with_sheets(actor, cause.pk, entries)


# ---- inside --------------------------------------------------------------------------------------


def _with_sheets(actor: Actor, ticket_id: UUID, entries: list[Entry]) -> list[Entry]:
    entries += [
        Entry(at=paper.created_at, kind="paper", title=paper.title, text=paper.number)
        for paper in documents.papers_of_order(actor, ticket_id)
    ]
    english = wording.english()
    for row in messaging.of_order(actor, ticket_id):
        state = str(row.get_trouble_display()) if row.trouble else str(row.get_state_display())
        said = [
            str(row.get_to_display()), row.address_masked, str(row.get_channel_display()), state,
        ]  # fmt: skip
        entries.append(
            Entry(
                at=row.sent_at or row.created_at,
                kind="notice",
                title=(row.title_en if english else "") or row.title,
                text=" ".join(filter(None, said)),
                tone="late" if row.state == NoticeState.FAILED else "plain",
            )
        )
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _notes(ticket_id: UUID, channels: Callable[[str], str]) -> list[Entry]:
    rows = notes(ticket_id)
    names, words = org.staff_names(row.actor_id for row in rows), titles()
    return [
        Entry(
            at=row.created_at,
            kind="order",
            title=words.get(row.kind, row.kind),
            text=_text(row.kind, row.data, channels),
            who=names.get(row.actor_id, "") if row.actor_id else "",
            tone="late" if row.kind in _LATE else "ok" if row.kind in _GOOD else "plain",
            data=row.data,
        )
        for row in rows
    ]


def _text(kind: str, data: dict[str, Any], channels: Callable[[str], str]) -> str:
    match kind:
        case "accepted" | "rejected":
            parts = [channels(str(data.get("channel", ""))), str(data.get("reason", ""))]
        case "placed" | "resolved":
            place = str(data.get("place", ""))
            parts = [place_titles().get(place, ""), str(data.get("why") or data.get("cause") or "")]
        case "urged":
            parts = [_("第 %(n)s 次") % {"n": data.get("times", 1)}, str(data.get("words", ""))]
        case "reopened":
            parts = [_("第 %(n)s 次") % {"n": data.get("times", 1)}]
        case "called-back":
            parts = [_said(data)]
        case "confirmed":
            parts = [
                _("影响 %(n)s 户") % {"n": data.get("affected", 0)},
                _("归入 %(n)s 张故障单") % {"n": data.get("faults", 0)},
                str(data.get("finding", "")),
            ]
        case "proposed":
            parts = [_("由告警提出") if data.get("by") == "alarm" else _("同处多户报障")]
        case "due-moved":
            parts = [f"{_clock(data.get('was', ''))} → {_clock(data.get('due_at', ''))}"]
        case "alarm" | "alarm-cleared":
            parts = [str(data.get(key, "")) for key in ("element", "component", "kind")]
        case _:
            names = ("number", "place", "reason", "finding", "port", "now")
            parts = [str(data[key]) for key in names if data.get(key)]
    return " · ".join(part for part in parts if part)


def _said(data: dict[str, Any]) -> str:
    if not data.get("reached"):
        return _("没有联系到客户")
    told = _("客户说已经解决") if data.get("fixed") == "yes" else _("客户说没有解决")
    if data.get("score"):
        told += " · " + _("满意度 %(n)s 分") % {"n": data["score"]}
    return told


def _clock(text: str) -> str:
    return f"{timezone.localtime(datetime.fromisoformat(text)):%m-%d %H:%M}" if text else "—"


def _work(instances: Iterable[UUID | None]) -> list[Entry]:
    rows = [
        row
        for one in instances
        if one is not None
        for row in process.history(one, called=True)
        if row.kind in _WORK
    ]
    names = telling.people(rows)
    english = wording.english()
    posts = {
        key: (post.name_en if english else "") or post.name
        for key, post in org.posts_by_key().items()
    }
    return [
        Entry(
            at=row.at,
            kind="work",
            title=row.title or _("流程"),
            text=telling.sentence(
                row, names=names, posts=lambda key: posts.get(key, key), titled=False
            ),
            who=row.actor_name,
            tone="late" if row.kind in ("incident", "escalated") else "plain",
            node=row.node,
        )
        for row in rows
    ]
