"""One timeline of an order: order, work, network commands, resources, money and papers together.

Entries are facts with a title; who reads them in English gets English titles. Newest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

from kaitong.activation import queries as activation
from kaitong.charging import queries as charging
from kaitong.documents import queries as documents
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.messaging import queries as messaging
from kaitong.messaging.choices import NoticeState
from kaitong.messaging.models import Notice
from kaitong.ordering.models import Order
from kaitong.ordering.queries import events
from kaitong.org.actor import Actor
from kaitong.org.queries import staff_names
from kaitong.process import queries as process


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`kind` is order, work, network, resource, money, paper or notice; `tone` is ok, late, you or
    plain.

    `request` and `response` hold the exact exchange with a network element, secrets masked.
    """

    at: datetime
    kind: str
    title: str
    text: str = ""
    who: str = ""
    tone: str = "plain"
    node: str = ""
    request: str = ""
    response: str = ""
    took_ms: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


_WORK_VERBS = {
    "claimed": gettext_noop("接单"),
    "released": gettext_noop("退回岗位"),
    "completed": gettext_noop("办结"),
    "dispatched": gettext_noop("派单"),
    "transferred": gettext_noop("转派"),
    "returned": gettext_noop("退回"),
    "suspended": gettext_noop("挂起"),
    "resumed": gettext_noop("解挂"),
    "urged": gettext_noop("催办"),
    "feedback": gettext_noop("阶段反馈"),
    "agreed": gettext_noop("改约"),
    "retried": gettext_noop("异常重试"),
    "done-by-hand": gettext_noop("人工处理"),
    "incident": gettext_noop("卡单"),
    "cancelled": gettext_noop("撤销"),
}


def _event_titles() -> dict[str, str]:
    return {
        "accepted": _("受理订单"),
        "rejected": _("不予受理"),
        "documents-checked": _("证件核验通过"),
        "port-assigned": _("自动配线"),
        "data-made": _("自动数据制作"),
        "appointment": _("预约上门"),
        "refused": _("退单"),
        "check-overridden": _("现网核验未通过，班长放行"),
        "completed": _("竣工归档"),
    }


def _event_text(data: dict[str, Any]) -> str:
    if data.get("start"):
        return timezone.localtime(datetime.fromisoformat(data["start"])).strftime("%m-%d %H:%M")
    return next((str(data[key]) for key in ("port", "reason", "account") if data.get(key)), "")


def timeline(
    actor: Actor, order: Order, *, services: Sequence[ServiceView] | None = None
) -> list[Entry]:
    """Everything that happened to an order the actor sees, newest first, in constant queries.

    `services`: the order's, where the caller has read them.
    """
    if services is None:
        services = inventory.services_of_order(order.id)
    entries = [*_order_entries(order), *_work_entries(order)]
    entries += [
        Entry(
            at=exchange.at,
            kind="network",
            title=exchange.verb_title,
            text=exchange.element if exchange.ok else f"{exchange.element}：{exchange.cause}",
            tone="ok" if exchange.ok else "late",
            request=exchange.request,
            response=exchange.response,
            took_ms=exchange.took_ms,
        )
        for exchange in activation.exchanges(actor, order_id=order.id)
    ]
    for service in services:
        entries += [
            Entry(
                at=proof.at,
                kind="network",
                title=_("账号已验证") if proof.kind == "account" else _("线路已验证"),
                text=proof.summary,
                tone="ok",
            )
            if proof.ok
            else Entry(
                at=proof.at,
                kind="network",
                title=_("账号验证未通过") if proof.kind == "account" else _("开通验证未通过"),
                text=proof.summary,
                tone="late",
            )
            for proof in service.proofs
        ]
    entries += [
        Entry(at=line["at"], kind="money", title=line["title"], text=line["text"], who=line["who"])
        for line in charging.timeline(actor, order.id)
    ]
    entries += [
        Entry(at=paper.created_at, kind="paper", title=paper.title, text=paper.number)
        for paper in documents.papers_of_order(actor, order.id)
    ]
    entries += [_notice(row) for row in messaging.of_order(actor, order.id)]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _notice(row: Notice) -> Entry:
    """What somebody was told: to whom, masked, by which way, and what became of it."""
    english = (get_language() or "zh").startswith("en")
    state = str(row.get_trouble_display()) if row.trouble else str(row.get_state_display())
    said = [str(row.get_to_display()), row.address_masked, str(row.get_channel_display()), state]
    return Entry(
        at=row.sent_at or row.created_at,
        kind="notice",
        title=(row.title_en if english else "") or row.title,
        text=" ".join(filter(None, said)),
        tone="late" if row.state == NoticeState.FAILED else "plain",
    )


def _order_entries(order: Order) -> list[Entry]:
    rows = events(order.id)
    names = staff_names(row.actor_id for row in rows)
    titles = _event_titles()
    return [
        Entry(
            at=row.created_at,
            kind="resource" if row.kind in ("port-assigned", "data-made") else "order",
            title=titles.get(row.kind, row.kind),
            text=_event_text(row.data),
            who=names.get(row.actor_id, "") if row.actor_id else "",
            tone="late" if row.kind in ("rejected", "refused") else "plain",
            data=row.data,
        )
        for row in rows
    ]


def _work_entries(order: Order) -> list[Entry]:
    entries = []
    for item in order.items.all():
        if item.instance_id is None:
            continue
        for row in process.history(item.instance_id):
            verb = _WORK_VERBS.get(row.kind)
            if verb is None:
                continue
            entries.append(
                Entry(
                    at=row.at,
                    kind="work",
                    title=row.title or _("流程"),
                    text=_(verb) + (f"：{row.data['reason']}" if row.data.get("reason") else ""),
                    who=row.actor_name,
                    tone="late" if row.kind == "incident" else "plain",
                    node=row.node,
                )
            )
    return entries
