"""One timeline of an order: order, work, network commands, resources, money and papers together.

Entries are facts with a title; who reads them in English gets English titles. Newest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.activation import queries as activation
from kaitong.charging import queries as charging
from kaitong.core import wording
from kaitong.documents import queries as documents
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ProofView, ServiceView
from kaitong.messaging import queries as messaging
from kaitong.messaging.choices import NoticeState
from kaitong.messaging.models import Notice
from kaitong.ordering.models import Order, OrderNote
from kaitong.ordering.queries import events
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.org.queries import staff_names
from kaitong.process import queries as process
from kaitong.process import telling


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


# What people did to work, and what machines could not do; steps of machines stand as exchanges.
_WORK = frozenset(telling.TOLD | {"incident"}) - {
    "started", "left", "error", "fired", "ended", "terminated",
}  # fmt: skip


_RESOURCE = ("port-assigned", "port-named", "data-made", "given-back")


def _event_titles() -> dict[str, str]:
    return {
        "accepted": _("受理订单"),
        "rejected": _("不予受理"),
        "documents-checked": _("证件核验通过"),
        "port-assigned": _("自动配线"),
        "port-named": _("另配端口"),
        "data-made": _("自动数据制作"),
        "appointment": _("预约上门"),
        "refused": _("退单"),
        "port-changed": _("现场换端口"),
        "port-corrected": _("更正端口登记"),
        "terminal-changed": _("现场换终端"),
        "data-resent": _("现场重发数据"),
        "resource-check": _("资源核查"),
        "given-up": _("现场申请退单"),
        "check-overridden": _("现网核验未通过，班长放行"),
        "completed": _("竣工归档"),
        "withdrawal": _("客户撤单"),
        "given-back": _("资源退回"),
        "refund-approved": _("同意退费"),
        "refund-rejected": _("不予退费"),
        "withdrawn": _("已撤单"),
        "due-moved": _("客户时限重算"),
        "amended": _("改单"),
        "transferred": _("过户"),
        "data-changed": _("资料修改"),
        "account-renamed": _("修改账号"),
        "described": _("修改订单说明"),
        "bound": _("号码绑定"),
        "case-changed": _("营销案变更"),
        "fee-waived": _("减免违约金"),
        "line-free": _("宽带可办他事"),
        "day-rechecked": _("到日复核"),
        "unbound": _("号码解绑"),
        "ceased": _("销户"),
        "taken-down": _("拆机"),
        "refund-called": _("联系客户退费"),
        "refund-settled": _("退单退费"),
        "reappointed": _("客户改约"),
        "plan-scheduled": _("约定新套餐"),
        "plan-set": _("变更套餐"),
        "line-switched": _("割接到新址"),
        "old-port-released": _("旧端口预释放"),
        "demand-told": _("通知客户可以办理了"),
        "demand-served": _("待装需求已受理"),
        "demand-withdrawn": _("撤销待装需求"),
        "suspended": _("登记停机"),
        "resumed": _("登记复机"),
        "password-set": _("密码登记"),
        "password-restored": _("密码恢复"),
        "account-restored": _("账号恢复"),
        "plan-restored": _("套餐恢复"),
        "owner-restored": _("恢复原机主"),
        "suspension-restored": _("恢复停机"),
        "changed": _("变更办结"),
        "parts-reserved": _("融合业务配号"),
        "part-ended": _("退订业务"),
        "part-added": _("加装业务"),
    }


def _event_text(data: dict[str, Any]) -> str:
    if data.get("due_at"):
        words = {"was": _clock(data.get("was", "")), "due": _clock(data["due_at"])}
        why = {"ledger": _("挂起记录有变"), "calendar": _("工作日历有变")}
        text = _("%(was)s 改为 %(due)s") % words
        return " · ".join(filter(None, (text, why.get(data.get("why", ""), ""))))
    if "fields" in data:  # 改单
        names = {"appointment": _("上门时间"), "phone": _("联系电话"), "remark": _("备注")}
        changed = [names.get(field, field) for field in data["fields"]]
        return " · ".join(filter(None, (" ".join(changed), data.get("reason", ""))))
    if data.get("until"):
        return _("留到 %(t)s") % {"t": _clock(data["until"])}
    if data.get("start"):
        return timezone.localtime(datetime.fromisoformat(data["start"])).strftime("%m-%d %H:%M")
    if "covered" in data and data.get("reason"):  # a port of a box that does not cover the address
        return f"{data['port']} · {data['reason']}"
    told = ("port", "reason", "plan", "account", "sum", "part")
    return next((str(data[key]) for key in told if data.get(key)), "")


def _clock(text: str) -> str:
    return f"{timezone.localtime(datetime.fromisoformat(text)):%m-%d %H:%M}" if text else "—"


def _proof_title(proof: ProofView) -> str:
    match proof.kind:
        case "account":
            return _("账号已验证") if proof.ok else _("账号验证未通过")
        case "removed":
            return _("撤下已验证") if proof.ok else _("撤下后仍能登录")
        case _:
            return _("线路已验证") if proof.ok else _("开通验证未通过")


def proof_entry(proof: ProofView) -> Entry:
    """What the network was asked to prove, and whether it did."""
    return Entry(
        at=proof.at,
        kind="network",
        title=_proof_title(proof),
        text=proof.summary,
        tone="ok" if proof.ok else "late",
    )


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
        entries += [proof_entry(proof) for proof in service.proofs]
    entries += [
        Entry(at=line["at"], kind="money", title=line["title"], text=line["text"], who=line["who"])
        for line in charging.timeline(actor, order.id)
    ]
    entries += [
        Entry(at=paper.created_at, kind="paper", title=paper.title, text=paper.number)
        for paper in documents.papers_of_order(actor, order.id)
    ]
    entries += [notice_entry(row) for row in messaging.of_order(actor, order.id)]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def notice_entry(row: Notice) -> Entry:
    """What somebody was told: to whom, masked, by which way, and what became of it."""
    english = wording.english()
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
    return entries_of(events(order.id))


def entries_of(rows: Sequence[OrderNote]) -> list[Entry]:
    """What orders recorded themselves, as entries; the names of who did it in one query."""
    names = staff_names(row.actor_id for row in rows)
    titles = _event_titles()
    return [
        Entry(
            at=row.created_at,
            kind="resource" if row.kind in _RESOURCE else "order",
            title=titles.get(row.kind, row.kind),
            text=_event_text(row.data),
            who=names.get(row.actor_id, "") if row.actor_id else "",
            tone="late" if row.kind in ("rejected", "refused") else "plain",
            data=row.data,
        )
        for row in rows
    ]


def _work_entries(order: Order) -> list[Entry]:
    rows = [
        row
        for item in order.items.all()
        for one in item.instances
        for row in process.history(one, called=True)
        if row.kind in _WORK
    ]
    names, posts = telling.people(rows), _posts()
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


def _posts() -> dict[str, str]:
    english = wording.english()
    return {
        key: (post.name_en if english else "") or post.name
        for key, post in org.posts_by_key().items()
    }
