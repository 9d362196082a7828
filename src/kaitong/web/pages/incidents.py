"""The fallout desk (异常单): equal troubles as one line, the drawer, and the ways out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.core.clock import now as clock_now
from kaitong.documents import queries as documents
from kaitong.inventory import queries as inventory
from kaitong.ordering import queries as ordering
from kaitong.org import queries as org
from kaitong.org.actor import SUPERVISOR, Actor
from kaitong.org.models import Staff
from kaitong.process import queries as process
from kaitong.process.choices import Cause, IncidentState, NoteKind, ProposalKind
from kaitong.web import format as fmt
from kaitong.web.forms import Field
from kaitong.web.pages import incident_fix, narrate
from kaitong.web.pages.facts import OrderFacts, facts_of
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import (
    Choice,
    Empty,
    Filter,
    Line,
    Pager,
    Tab,
    choose,
    page_number,
)

PAGE_SIZE = 50
_TONES = {
    IncidentState.OPEN: "late",
    IncidentState.RETRYING: "wait",
    IncidentState.RESOLVED: "ok",
    IncidentState.CANCELLED: "wait",
}


@dataclass(frozen=True, slots=True)
class IncidentView:
    """A line: one incident, or (with `group`) equal ones together."""

    id: UUID
    open: bool
    tries: int
    cause: str
    order_number: str
    step: str
    message: str
    tone: str
    state_text: str
    since: datetime
    age: str
    due: fmt.Due
    who: str
    group: str = ""
    count: int = 1
    affected: str = ""


@dataclass(frozen=True, slots=True)
class GroupHead:
    """What all incidents of a group have in common, above their list."""

    sameness: str
    step: str
    cause: str
    message: str
    count: int
    affected: str
    tries: int


@dataclass(frozen=True, slots=True)
class IncidentPage:
    tabs: tuple[Tab, ...]
    causes: tuple[Choice, ...]
    view: tuple[Choice, ...]
    filters: tuple[Filter, ...]
    mine: Choice
    group: GroupHead | None
    rows: tuple[IncidentView, ...]
    total: int
    pager: Pager
    empty: Empty
    at: datetime
    seen: str


@dataclass(frozen=True, slots=True)
class NoteView:
    at: datetime
    text: str
    who: str


@dataclass(frozen=True, slots=True)
class Pending:
    """What waits for a second person's word."""

    what: str
    who: str
    at: datetime
    text: str
    changes: tuple[str, ...]
    mine: bool
    may: bool


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    id: UUID
    tries: int
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
    links: tuple[Link, ...]
    history: tuple[Line, ...]
    notes: tuple[NoteView, ...]
    evidence: tuple[tuple[UUID, str], ...]
    same: int
    same_url: str
    claimed: str
    claimed_by_me: bool
    people: tuple[tuple[str, str], ...]
    open: bool
    pending: Pending | None
    correct: tuple[Field, ...]
    needs_second: bool
    results: tuple[Field, ...]


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
    sort = query.get("sort", "")
    mine = query.get("mine") == "1"
    node = query.get("node", "") or None
    number = page_number(query)
    is_open = tab == IncidentState.OPEN
    same = query.get("group", "") if is_open else ""
    together = is_open and not same and query.get("view") != "each"
    counted = process.incident_causes(actor, state=tab)
    asked: dict[str, Any] = {"cause": cause or None, "node": node, "mine": mine}
    asked |= {"offset": (number - 1) * PAGE_SIZE, "limit": PAGE_SIZE}
    rows: tuple[IncidentView, ...]
    if together:
        found = process.incident_groups(
            actor, due=ordering.due_of(), party=ordering.customer_of(), sort=sort, **asked
        )
        samples = [group.sample for group in found.rows]
        facts = facts_of(actor, [row.business_id for row in samples])
        rows = tuple(_group(group, facts) for group in found.rows)
    else:
        found = process.incidents(
            actor, state=tab, sameness=same or None, due=ordering.due_of(), sort=sort, **asked
        )
        facts = facts_of(actor, [row.business_id for row in found.rows])
        rows = tuple(_view(row, _of(row, facts)) for row in found.rows)
    total = sum(counted.values())
    return IncidentPage(
        tabs=tuple(
            Tab(key, label, total if key == tab else None, key == tab)
            for key, label in labels.items()
        ),
        causes=(
            Choice(_("全部"), _url(query, cause=""), not cause, total),
            *(
                Choice(_cause(key), _url(query, cause=key), key == cause, counted.get(key, 0))
                for key in dict.fromkeys([*counted, *([cause] if cause else [])])
            ),
        ),
        view=(
            Choice(_("合并同类"), _url(query, view="", group=""), together),
            Choice(_("逐条"), _url(query, view="each", group=""), not together and not same),
        )
        if is_open
        else (),
        filters=(
            choose(
                query,
                "sort",
                _("排序"),
                [("age", _("最早发生")), ("due", _("订单最急"))],
                everything=_("影响最大") if together else _("最早发生"),
            ),
        )
        if is_open
        else (),
        mine=Choice(_("我的"), _url(query, mine="" if mine else "1"), mine),
        group=_head(actor, same, found, facts) if same else None,
        rows=rows,
        total=found.total,
        pager=Pager(number, PAGE_SIZE, found.total),
        empty=_empty(tab, cause, mine or bool(same) or bool(node)),
        at=clock_now(),
        seen=clock_now().isoformat(),
    )


def incident_detail(
    actor: Actor,
    incident_id: UUID,
    *,
    typed: Mapping[str, Any] | None = None,
    faults: Any = (),
) -> IncidentDetail:
    """`typed` and `faults`: what was sent for a correction, and what was wrong with it."""
    row = process.incident(actor, incident_id)
    facts = facts_of(actor, [row.business_id]).get(row.business_id) if row.business_id else None
    say = facts.say if facts else str
    is_open = row.state == IncidentState.OPEN
    may = is_open and (actor.is_supervisor or actor.has_post(row.post))
    settling = process.settling(actor, incident_id) if may else None
    told = narrate.lines(
        [h for h in process.history(row.instance_id) if h.node == row.node], say=say
    )
    files = documents.attachments(actor, [row.id]).get(row.id, [])
    same = process.incidents(actor, sameness=row.sameness, limit=0).total if is_open else 0
    return IncidentDetail(
        id=row.id,
        tries=row.tries,
        step=say(row.title) or row.node,
        tone=_TONES[IncidentState(row.state)],
        state_text=str(IncidentState(row.state).label),
        cause=_cause(row.cause),
        message=row.message,
        remedy=_remedies().get(row.cause, ""),
        order_id=facts.id if facts else None,
        order_number=facts.number if facts else "",
        product=facts.product if facts else "",
        facts=tuple(_known(row, facts)),
        links=tuple(_links(row, facts)),
        history=tuple(told[:10]),
        notes=tuple(_note(note) for note in process.incident_notes(actor, incident_id)),
        evidence=tuple((file.pk, file.title or str(file.get_kind_display())) for file in files),
        same=same,
        same_url=f"{reverse('web:incidents')}?group={row.sameness}",
        claimed=row.claimed_name,
        claimed_by_me=row.claimed_by is not None and row.claimed_by == actor.id,
        people=tuple(_people(actor, row)) if may else (),
        open=may,
        pending=_pending(actor, row, may),
        correct=incident_fix.correction_fields(settling, facts, typed=typed, faults=faults)
        if settling and settling.correctable
        else (),
        needs_second=settling is not None and settling.needs_second,
        results=incident_fix.result_fields(settling, facts) if settling else (),
    )


# ---- inside --------------------------------------------------------------------------------------


def _able(row: process.IncidentRow) -> list[Staff]:
    people = {p.pk: p for p in org.holders(row.branch_id, row.post)}
    people |= {p.pk: p for p in org.holders(row.branch_id, SUPERVISOR)}
    return list(people.values())


def _people(actor: Actor, row: process.IncidentRow) -> list[tuple[str, str]]:
    return [(str(p.pk), p.name) for p in _able(row) if p.pk != row.claimed_by]


def able(actor: Actor, incident_id: UUID, person: str) -> Staff | None:
    """Who may settle an incident, by identifier; None for anybody else."""
    row = process.incident(actor, incident_id)
    return next((p for p in _able(row) if str(p.pk) == person), None)


def _of(row: process.IncidentRow, facts: Mapping[UUID, OrderFacts]) -> OrderFacts | None:
    return facts.get(row.business_id) if row.business_id else None


def _view(row: process.IncidentRow, facts: OrderFacts | None, **more: Any) -> IncidentView:
    state = IncidentState(row.state)
    moment = clock_now()
    told = {
        "id": row.id,
        "open": state == IncidentState.OPEN,
        "tries": row.tries,
        "cause": _cause(row.cause),
        "order_number": facts.number if facts else "",
        "step": (facts.say(row.title) if facts else row.title) or row.node,
        "message": row.message,
        "tone": _TONES[state],
        "state_text": str(state.label),
        "since": row.created_at,
        "age": fmt.span((row.resolved_at or moment) - row.created_at),
        "due": _due(facts.due_at if facts and state == IncidentState.OPEN else None),
        "who": row.claimed_name or row.resolved_name,
    }
    return IncidentView(**{**told, **more})


def _group(group: process.GroupRow, facts: Mapping[UUID, OrderFacts]) -> IncidentView:
    sample = group.sample
    if group.count == 1:
        return _view(sample, _of(sample, facts))
    return _view(
        sample,
        _of(sample, facts),
        order_number="",
        group=group.sameness,
        count=group.count,
        affected=_affected(group.count, group.orders, group.customers),
        tries=group.tries,
        due=_due(group.due_at),
        who=_("%(n)s 张已认领") % {"n": group.claimed} if group.claimed else "",
    )


def _head(
    actor: Actor, same: str, found: Any, facts: Mapping[UUID, OrderFacts]
) -> GroupHead | None:
    if not found.rows:
        return None
    sample = found.rows[0]
    of = _of(sample, facts)
    return GroupHead(
        sameness=same,
        step=(of.say(sample.title) if of else sample.title) or sample.node,
        cause=_cause(sample.cause),
        message=sample.message,
        count=found.total,
        affected=_("%(n)s 张") % {"n": found.total},
        tries=max(row.tries for row in found.rows),
    )


def _affected(count: int, orders: int, customers: int) -> str:
    if count != orders:
        return _("%(n)s 条，%(m)s 张订单") % {"n": count, "m": orders}
    if customers in (0, orders):
        return _("%(n)s 张订单") % {"n": orders}
    return _("%(n)s 张订单，%(m)s 位客户") % {"n": orders, "m": customers}


def _due(at: datetime | None) -> fmt.Due:
    return fmt.due(at, now=clock_now())


def _known(row: process.IncidentRow, facts: OrderFacts | None) -> list[tuple[str, str]]:
    posts = post_names()
    known = [(_("岗位"), posts.get(row.post, row.post))]
    if row.claimed_name and row.state == IncidentState.OPEN:
        known.append((_("认领人"), row.claimed_name))
    known.append((_("已开"), fmt.span((row.resolved_at or clock_now()) - row.created_at)))
    if row.tries:
        text = _("%(n)s 次，最近 %(at)s") % {"n": row.tries, "at": fmt.short(row.retried_at)}
        known.append((_("已重试"), text))
    if facts is not None and facts.due_at is not None and row.state == IncidentState.OPEN:
        known.append((_("客户时限"), fmt.when(facts.due_at)))
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
    return known


def _links(row: process.IncidentRow, facts: OrderFacts | None) -> list[Link]:
    """Where to look, and where to mend what no variable holds."""
    if facts is None:
        return []
    page = reverse("web:order", args=[facts.id])
    return [
        Link(_("流程图"), f"{page}#picture"),
        Link(_("端口、账号和地址"), f"{page}?tab=items#tabs"),
        Link(_("网络命令和验证"), f"{page}?tab=proof#tabs"),
        Link(_("时间线"), f"{page}?tab=timeline#tabs"),
    ]


def _note(note: process.NoteRow) -> NoteView:
    text = note.text
    match note.kind:
        case NoteKind.CORRECTED:
            before, after = note.data.get("before", {}), note.data.get("after", {})
            changes = fmt.mark("，").join(
                _("%(name)s 由 %(before)s 改为 %(after)s")
                % {
                    "name": name,
                    "before": incident_fix.said(before.get(name)),
                    "after": incident_fix.said(value),
                }
                for name, value in after.items()
            )
            text = _("%(text)s：%(reason)s") % {"text": changes, "reason": note.text}
        case NoteKind.ASSIGNED:
            text = _("指派给 %(who)s") % {"who": note.to_name}
        case NoteKind.NOTE:
            pass
        case _:
            label = str(NoteKind(note.kind).label)
            text = (
                _("%(text)s：%(reason)s") % {"text": label, "reason": note.text}
                if note.text
                else label
            )
    return NoteView(note.at, text, note.by_name)


def _pending(actor: Actor, row: process.IncidentRow, may: bool) -> Pending | None:
    made = process.proposal(actor, row.id)
    if made is None:
        return None
    return Pending(
        what=str(ProposalKind(made.kind).label),
        who=made.by_name,
        at=made.at,
        text=made.text,
        changes=tuple(
            _("%(name)s 改为 %(after)s") % {"name": n, "after": incident_fix.said(v)}
            for n, v in made.values.items()
        ),
        mine=made.by == actor.id,
        may=may and made.by != actor.id,
    )


def _url(query: QueryDict, **changes: str) -> str:
    changed = query.copy()
    for gone in ("page", "item", *changes):
        changed.pop(gone, None)
    for key, value in changes.items():
        if value:
            changed[key] = value
    return "?" + changed.urlencode()


def _cause(cause: str) -> str:
    return str(Cause(cause).label) if cause in Cause.values else cause


def _remedies() -> dict[str, str]:
    return {
        Cause.NETWORK: _("网元没有应答或拒绝了连接：先看网元是否在线，恢复后重试。"),
        Cause.DATA: _("资料不全或对不上：先在订单或资源里改好，再重试。"),
        Cause.TIMEOUT: _("等得太久：确认对方是否已经做成，再重试；重试不会做两遍。"),
        Cause.BUG: _("程序出错：把这段文字发给维护人员；改好以后重试。"),
        Cause.BUSINESS: _("业务规则不允许：看订单时间线里的原因，处理后重试。"),
        Cause.LOOP: _("流程在原地打转：改正让它打转的答案，再重试。"),
        Cause.ORPHAN: _("这一步在等，却没有人或机器看着它：重试会重新派出去，不会做两遍。"),
        Cause.DEADLOCK: _("汇合处等不到其他分支：看流程图哪一支没有走到，改正后重试。"),
    }


def _empty(tab: str, cause: str, narrowed: bool) -> Empty:
    home = reverse("web:incidents")
    if cause or narrowed:
        text = _("条件：原因类别 %(cause)s") % {"cause": _cause(cause)} if cause else ""
        return Empty(
            "filter-off",
            _("没有符合的异常单"),
            text or _("这一类已经没有待处理的了。"),
            f"{home}?tab={tab}",
            _("清除全部条件"),
        )
    if tab == IncidentState.OPEN:
        return Empty(
            "circle-check", _("没有待处理的异常单"), _("机器做不成的事会列在这里，等人决定。")
        )
    return Empty("inbox", _("没有异常单"), _("处理过的异常单会列在这里。"))
