"""The fallout desk (异常单): list, drawer, and recording that people did it by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.core.clock import now as clock_now
from kaitong.inventory import queries as inventory
from kaitong.org import queries as org
from kaitong.org.actor import SUPERVISOR, Actor, actor_for
from kaitong.org.models import Staff
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.process.choices import Cause, IncidentState
from kaitong.process.errors import ProcessRefused
from kaitong.web.pages import narrate
from kaitong.web.pages.facts import OrderFacts, facts_of
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import Empty, Filter, Line, Pager, Tab, choose, page_number

PAGE_SIZE = 50
_TONES = {
    IncidentState.OPEN: "late",
    IncidentState.RETRYING: "wait",
    IncidentState.RESOLVED: "ok",
    IncidentState.CANCELLED: "wait",
}


@dataclass(frozen=True, slots=True)
class IncidentView:
    id: UUID
    open: bool
    cause: str
    order_number: str
    step: str
    message: str
    tone: str
    state_text: str
    since: datetime


@dataclass(frozen=True, slots=True)
class IncidentPage:
    tabs: tuple[Tab, ...]
    filters: tuple[Filter, ...]
    rows: tuple[IncidentView, ...]
    total: int
    pager: Pager
    empty: Empty
    at: datetime


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    id: UUID
    step: str
    tone: str
    state_text: str
    cause: str
    message: str
    remedy: str
    order_id: UUID | None
    order_number: str
    product: str
    facts: tuple[tuple[str, str], ...]
    history: tuple[Line, ...]
    open: bool
    by_hand: bool
    seconds: tuple[tuple[str, str], ...]


def incident_page(actor: Actor, query: QueryDict) -> IncidentPage:
    labels = {
        str(IncidentState.OPEN): _("待处理"),
        str(IncidentState.RETRYING): _("重试中"),
        str(IncidentState.RESOLVED): _("已解决"),
    }
    tab = query.get("tab", "")
    tab = tab if tab in labels else str(IncidentState.OPEN)
    cause = query.get("cause", "")
    cause = cause if cause in Cause.values else ""
    number = page_number(query)
    found = process.incidents(
        actor,
        state=tab,
        cause=cause or None,
        offset=(number - 1) * PAGE_SIZE,
        limit=PAGE_SIZE,
    )
    facts = facts_of(actor, [row.business_id for row in found.rows])
    causes = [(str(c), str(c.label)) for c in Cause]
    return IncidentPage(
        tabs=tuple(
            Tab(key, label, found.total if key == tab and not cause else None, key == tab)
            for key, label in labels.items()
        ),
        filters=(choose(query, "cause", _("原因类别"), causes, everything=_("全部")),),
        rows=tuple(
            _view(row, facts.get(row.business_id) if row.business_id else None)
            for row in found.rows
        ),
        total=found.total,
        pager=Pager(number, PAGE_SIZE, found.total),
        empty=_empty(tab, cause),
        at=clock_now(),
    )


def incident_detail(actor: Actor, incident_id: UUID) -> IncidentDetail:
    row = process.incident(actor, incident_id)
    facts = facts_of(actor, [row.business_id]).get(row.business_id) if row.business_id else None
    say = facts.say if facts else str
    posts = post_names()
    is_open = row.state == IncidentState.OPEN
    settles = actor.is_supervisor or actor.has_post(row.post)
    told = narrate.lines(
        [h for h in process.history(row.instance_id) if h.node == row.node], say=say
    )
    known = [(_("岗位"), posts.get(row.post, row.post))]
    service = next(iter(inventory.services_of_order(facts.id)), None) if facts else None
    if service is not None:
        told_state = str(service.state.label)
        if service.reason:
            told_state = _("%(text)s：%(reason)s") % {"text": told_state, "reason": service.reason}
        known.append((_("业务状态"), told_state))
        known.append((_("端口"), service.port_text))
    if row.resolved_name:
        known.append((_("处理人"), row.resolved_name))
    if row.second_name:
        known.append((_("核对人"), row.second_name))
    if row.evidence:
        known.append((_("凭据"), row.evidence))
    return IncidentDetail(
        id=row.id,
        step=say(row.title),
        tone=_TONES[IncidentState(row.state)],
        state_text=str(IncidentState(row.state).label),
        cause=_cause(row.cause),
        message=row.message,
        remedy=_remedies().get(row.cause, ""),
        order_id=facts.id if facts else None,
        order_number=facts.number if facts else "",
        product=facts.product if facts else "",
        facts=tuple(known),
        history=tuple(told[:10]),
        open=is_open and settles,
        by_hand=is_open and settles,
        seconds=tuple(_seconds(actor, row)) if is_open and settles else (),
    )


def settle_by_hand(actor: Actor, incident_id: UUID, posted: QueryDict) -> None:
    """Record 已人工处理; the second person is chosen among those who may settle it."""
    row = process.incident(actor, incident_id)
    allowed = {key for key, _name in _seconds(actor, row)}
    chosen = posted.get("second", "")
    if chosen not in allowed:
        raise ProcessRefused(
            _("没有选核对人。"), _("请选择一位本岗位的同事或班长。"), field="second"
        )
    person = next(p for p in _able(row) if str(p.pk) == chosen)
    process_verbs.done_by_hand(
        actor=actor,
        incident_id=incident_id,
        second=actor_for(person),
        evidence=posted.get("evidence", ""),
        values={},
    )


# ---- inside --------------------------------------------------------------------------------------


def _able(row: process.IncidentRow) -> list[Staff]:
    people = {p.pk: p for p in org.holders(row.branch_id, row.post)}
    people |= {p.pk: p for p in org.holders(row.branch_id, SUPERVISOR)}
    return list(people.values())


def _seconds(actor: Actor, row: process.IncidentRow) -> list[tuple[str, str]]:
    return [(str(p.pk), p.name) for p in _able(row) if p.pk != actor.id]


def _view(row: process.IncidentRow, facts: OrderFacts | None) -> IncidentView:
    state = IncidentState(row.state)
    return IncidentView(
        id=row.id,
        open=state == IncidentState.OPEN,
        cause=_cause(row.cause),
        order_number=facts.number if facts else "",
        step=facts.say(row.title) if facts else row.title,
        message=row.message,
        tone=_TONES[state],
        state_text=str(state.label),
        since=row.created_at,
    )


def _cause(cause: str) -> str:
    return str(Cause(cause).label) if cause in Cause.values else cause


def _remedies() -> dict[str, str]:
    return {
        Cause.NETWORK: _("网元没有应答或拒绝了连接：先看网元是否在线，恢复后重试。"),
        Cause.DATA: _("资料不全或对不上：先在订单或资源里改好，再重试。"),
        Cause.TIMEOUT: _("等得太久：确认对方是否已经做成，再重试；重试不会做两遍。"),
        Cause.BUG: _("程序出错：把这段文字发给维护人员；改好以后重试。"),
        Cause.BUSINESS: _("业务规则不允许：看订单时间线里的原因，处理后重试。"),
    }


def _empty(tab: str, cause: str) -> Empty:
    home = reverse("web:incidents")
    if cause:
        return Empty(
            "filter-off",
            _("没有符合的异常单"),
            _("条件：原因类别 %(cause)s") % {"cause": _cause(cause)},
            f"{home}?tab={tab}",
            _("清除全部条件"),
        )
    if tab == IncidentState.OPEN:
        return Empty(
            "circle-check", _("没有待处理的异常单"), _("机器做不成的事会列在这里，等人决定。")
        )
    return Empty("inbox", _("没有异常单"), _("处理过的异常单会列在这里。"))
