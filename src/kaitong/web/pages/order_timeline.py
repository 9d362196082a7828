"""One timeline over order, work, network, resources, money and papers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.ordering.timeline import Entry, timeline
from kaitong.web import format as fmt
from kaitong.web.pages.reading import Reading

_ICONS = {
    "order": "clipboard-list",
    "work": "tool",
    "network": "terminal-2",
    "resource": "plug",
    "money": "coin",
    "paper": "file-text",
    "notice": "send",
}
_TONE_ICONS = {"ok": "circle-check", "late": "circle-x", "soon": "alert-triangle"}


@dataclass(frozen=True, slots=True)
class ExchangeView:
    element: str
    verb: str
    at: datetime
    took: str
    request: str
    response: str


@dataclass(frozen=True, slots=True)
class EntryView:
    at: datetime
    clock: str
    kind: str
    icon: str
    tone: str
    title: str
    text: str
    who: str
    result: str
    exchanges: tuple[ExchangeView, ...]


@dataclass(frozen=True, slots=True)
class DayView:
    at: datetime
    entries: tuple[EntryView, ...]


@dataclass(frozen=True, slots=True)
class Sieve:
    kinds: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class TimelinePane:
    days: tuple[DayView, ...]
    sieve: tuple[Sieve, ...]
    template: str = "web/order/timeline.html"


def pane(reading: Reading) -> TimelinePane:
    say = reading.facts.say
    return pane_of(timeline(reading.actor, reading.order, services=reading.services), say)


def pane_of(told: Iterable[Entry], say: Callable[[str], str], *, own: str = "") -> TimelinePane:
    """Entries by day; `own` is what stands beside those of the thing itself, else an order's."""
    entries = [_view(entry, say) for entry in told]
    if own:
        entries = [replace(e, result=own) if e.kind == "order" else e for e in entries]
    days = tuple(
        DayView(group[0].at, tuple(group))
        for group in (
            list(g) for _day, g in groupby(entries, lambda e: timezone.localtime(e.at).date())
        )
    )
    return TimelinePane(days, _sieve(entries))


def _view(entry: Entry, say: Any) -> EntryView:
    exchanges: tuple[ExchangeView, ...] = ()
    text = entry.text
    if entry.kind == "network" and "：" in text:
        element, _colon, cause = text.partition("：")
        if cause in _causes():
            text = _("%(text)s：%(reason)s") % {"text": element, "reason": _causes()[cause]}
    took = fmt.span(entry.took_ms / 1000) if entry.took_ms is not None else ""
    if entry.request or entry.response:
        exchanges = (
            ExchangeView(
                element=entry.text.partition("：")[0],
                verb=say(entry.title),
                at=entry.at,
                took=took,
                request=entry.request,
                response=entry.response,
            ),
        )
    tone = "" if entry.tone == "plain" or (entry.tone == "ok" and exchanges) else entry.tone
    icon = _ICONS.get(entry.kind, "circle-dot")
    return EntryView(
        at=entry.at,
        clock=f"{timezone.localtime(entry.at):%H:%M}",
        kind=entry.kind,
        icon=_TONE_ICONS.get(tone, icon),
        tone=tone,
        title=say(entry.title),
        text=_said(text, say),
        who=entry.who,
        result=took or _kinds().get(entry.kind, ""),
        exchanges=exchanges,
    )


_BETWEEN = re.compile("(：| · )")


def _said(text: str, say: Callable[[str], str]) -> str:
    """A text in the reader's language; one put together of a playbook's words, part by part."""
    whole = wording.read(say(text))
    if whole != text or not _BETWEEN.search(text):
        return whole
    parts = _BETWEEN.split(text)
    return "".join(fmt.mark(p) if p == "：" else wording.read(say(p)) for p in parts)


def _causes() -> dict[str, str]:
    """Why an exchange failed, as the adapters name it."""
    return {
        "network": _("没有应答"),
        "data": _("资料不对"),
        "refused": _("账号被拒绝"),
        "open-door": _("错误密码也被接受"),
        "not-seen": _("没有看到会话"),
        "wrong-port": _("会话在别的端口"),
        "still-open": _("撤下后仍能登录"),
    }


def _kinds() -> dict[str, str]:
    return {
        "order": _("订单"),
        "work": _("工单"),
        "network": _("网络"),
        "resource": _("资源"),
        "money": _("费用"),
        "paper": _("单据"),
        "notice": _("通知"),
    }


def _sieve(entries: list[EntryView]) -> tuple[Sieve, ...]:
    def count(*kinds: str) -> int:
        return sum(entry.kind in kinds for entry in entries)

    found = (
        Sieve("order work", _("订单工单"), count("order", "work")),
        Sieve("network", _("网络"), count("network")),
        Sieve("resource", _("资源"), count("resource")),
        Sieve("money paper", _("费用单据"), count("money", "paper")),
        Sieve("notice", _("通知"), count("notice")),
    )
    return (Sieve("", _("全部"), len(entries)), *(one for one in found if one.count))
