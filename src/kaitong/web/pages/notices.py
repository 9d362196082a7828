"""What customers were told: the list of the desk, and the small one of an order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.core.clock import now as clock_now
from kaitong.messaging import queries as messaging
from kaitong.messaging.choices import UNSENT, Channel, NoticeState, To
from kaitong.messaging.models import Notice
from kaitong.org.actor import Actor
from kaitong.web.pages.facts import facts_of
from kaitong.web.pages.parts import Empty, Filter, Pager, Tab, choose, page_number

PAGE_SIZE = 50
_TONES = {
    NoticeState.QUEUED: "wait",
    NoticeState.SENDING: "wait",
    NoticeState.SENT: "ok",
    NoticeState.FAILED: "late",
    NoticeState.SKIPPED: "soon",
}
_TABS = {"unsent": UNSENT, "waiting": ("queued", "sending"), "sent": ("sent",)}


@dataclass(frozen=True, slots=True)
class NoticeRow:
    id: UUID
    title: str
    to: str
    address: str
    channel: str
    tone: str
    state_text: str
    why: str
    detail: str
    at: datetime
    tries: int
    retry: bool
    order_id: UUID | None = None
    order_number: str = ""


@dataclass(frozen=True, slots=True)
class NoticesPane:
    """The tab of an order."""

    rows: tuple[NoticeRow, ...]
    template: str = "web/order/notices.html"


@dataclass(frozen=True, slots=True)
class NoticePage:
    """The desk: what has not reached anybody comes first."""

    tabs: tuple[Tab, ...]
    filters: tuple[Filter, ...]
    rows: tuple[NoticeRow, ...]
    retries: bool
    total: int
    trying: int
    pager: Pager
    empty: Empty
    at: datetime


def pane(actor: Actor, order: Any) -> NoticesPane:
    rows = messaging.of_order(actor, order.id)
    return NoticesPane(tuple(_row(row) for row in reversed(rows)))


def notice_page(actor: Actor, query: QueryDict) -> NoticePage:
    tab = query.get("tab", "")
    tab = tab if tab in _TABS else "unsent"
    channel = query.get("channel", "")
    channel = channel if channel in Channel.values else ""
    number = page_number(query)
    found, total = messaging.notices(
        actor,
        states=_TABS[tab],
        channel=channel,
        offset=(number - 1) * PAGE_SIZE,
        limit=PAGE_SIZE,
    )
    counts = messaging.counts(actor)
    labels = {"unsent": _("没有发出"), "waiting": _("待发送"), "sent": _("已发送")}
    numbers = {name: sum(counts.get(s, 0) for s in states) for name, states in _TABS.items()}
    facts = facts_of(actor, [row.order_id for row in found])

    def order_number(row: Notice) -> str:
        order = facts.get(row.order_id) if row.order_id else None
        return order.number if order else ""

    channels = [(str(c), str(c.label)) for c in Channel]
    return NoticePage(
        tabs=tuple(
            Tab(key, label, None if key == "sent" else numbers[key], key == tab)
            for key, label in labels.items()
        ),
        filters=(choose(query, "channel", _("方式"), channels, everything=_("全部")),),
        rows=tuple(_row(row, order_number) for row in found),
        retries=tab == "unsent",
        total=total,
        trying=counts["trying"],
        pager=Pager(number, PAGE_SIZE, total),
        empty=_empty(tab, filtered=bool(channel)),
        at=clock_now(),
    )


def _row(row: Notice, order_number: Callable[[Notice], str] = lambda _row: "") -> NoticeRow:
    state = NoticeState(row.state)
    english = wording.english()
    why = str(row.get_trouble_display()) if row.trouble else ""
    return NoticeRow(
        id=row.id,
        title=row.title_en if english and row.title_en else row.title,
        to=str(To(row.to).label),
        address=row.address_masked,
        channel=str(Channel(row.channel).label),
        tone=_TONES[state],
        state_text=str(state.label),
        why=why,
        detail=row.last_error,
        at=row.sent_at or row.created_at,
        tries=row.tries,
        retry=row.state in UNSENT,
        order_id=row.order_id,
        order_number=order_number(row),
    )


def _empty(tab: str, *, filtered: bool) -> Empty:
    if filtered:
        return Empty(
            "filter-off",
            _("没有符合的通知"),
            _("筛选条件挡住了其余的通知。"),
            f"{reverse('web:notices')}?tab={tab}",
            _("清除全部条件"),
        )
    if tab == "unsent":
        return Empty("circle-check", _("通知都已发出"), _("发不出去的通知会列在这里，等人决定。"))
    if tab == "waiting":
        return Empty("inbox", _("没有待发送的通知"), _("等到点或等重试的通知会列在这里。"))
    return Empty("inbox", _("还没有发过通知"), _("发给客户和员工的通知会列在这里。"))
