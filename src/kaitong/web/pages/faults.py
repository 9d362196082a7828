"""The fault desk (故障台): the list of tickets with its filters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.assurance import queries as assurance
from kaitong.assurance.choices import BROKEN, FINAL, Severity, TicketKind, TicketState
from kaitong.assurance.models import Fault
from kaitong.core.clock import now as clock_now
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.process.queries import WorkRow
from kaitong.web import format as fmt
from kaitong.web.access import at_desk, takes_faults
from kaitong.web.pages.fault_facts import of_faults, words
from kaitong.web.pages.names import post_names
from kaitong.web.pages.order_facts import OrderFacts
from kaitong.web.pages.parts import (
    Empty,
    Filter,
    Pager,
    Tab,
    branch_asked,
    choose,
    of_branch,
    page_number,
)

PAGE_SIZE = 50
TONES = {
    TicketState.ACKNOWLEDGED: "you",
    TicketState.IN_PROGRESS: "you",
    TicketState.PENDING: "wait",
    TicketState.HELD: "soon",
    TicketState.RESOLVED: "ok",
    TicketState.CLOSED: "ok",
    TicketState.CANCELLED: "wait",
    TicketState.REJECTED: "late",
}
SEVERITY_TONES = {Severity.CRITICAL: "late", Severity.MAJOR: "soon", Severity.MINOR: "wait"}
TABS = {
    "open": tuple(BROKEN),
    "resolved": (TicketState.RESOLVED,),
    "ended": tuple(FINAL),
}


@dataclass(frozen=True, slots=True)
class FaultRow:
    id: UUID
    number: str
    symptom: str
    severity: str
    severity_tone: str
    state_text: str
    tone: str
    customer: str
    address: str
    address_full: str
    waiting: str
    due: fmt.Due
    reported_at: datetime
    urged: int
    repeated: bool
    cause_id: UUID | None
    cause_number: str


@dataclass(frozen=True, slots=True)
class FaultsPage:
    tabs: tuple[Tab, ...]
    filters: tuple[Filter, ...]
    rows: tuple[FaultRow, ...]
    overdue: int
    causes: int
    total: int
    pager: Pager
    empty: Empty
    at: datetime
    may_take: bool
    may_hand_over: bool


def faults_page(actor: Actor, query: QueryDict) -> FaultsPage:
    tab = query.get("tab", "open")
    tab = tab if tab in TABS else "open"
    symptoms = _symptoms()
    kinds = [(str(k), str(k.label)) for k in TicketKind]
    branches = org.branch_names(actor)
    kind = query.get("kind", "")
    kind = kind if kind in TicketKind.values else ""
    symptom = query.get("symptom", "")
    symptom = symptom if symptom in dict(symptoms) else ""
    state = query.get("state", "")
    state = state if state in TABS[tab] else ""
    overdue, repeated = query.get("due") == "late", query.get("mark") == "repeat"
    branch = branch_asked(query, branches)
    number = page_number(query)
    rows, total = assurance.faults(
        actor,
        kind=kind,
        states=[state] if state else TABS[tab],
        symptom=symptom,
        branch_id=branch,
        overdue=overdue,
        repeated=repeated,
        offset=(number - 1) * PAGE_SIZE,
        limit=PAGE_SIZE,
    )
    counts = assurance.counts(actor)
    work = process.open_items_of(actor, [row.pk for row in rows])
    facts, posts, moment = of_faults(rows), post_names(), clock_now()
    everything = _("全部")
    states = [(str(s), str(s.label)) for s in TicketState if s in TABS[tab]]
    filters = [
        choose(query, "kind", _("类别"), kinds, everything=everything),
        choose(query, "symptom", _("现象"), symptoms, everything=everything),
        *of_branch(query, branches),
    ]
    if len(states) > 1:
        filters.insert(0, choose(query, "state", _("状态"), states, everything=everything))
    if tab == "open":
        late = [("late", _("超时"))]
        filters.append(choose(query, "due", _("时限"), late, everything=everything))
    marks = [("repeat", _("重复或重开"))]
    filters.append(choose(query, "mark", _("标记"), marks, everything=everything))
    _found, causes = assurance.causes(actor, limit=0)
    return FaultsPage(
        tabs=(
            Tab("open", _("在办"), sum(counts.get(s, 0) for s in BROKEN), tab == "open"),
            Tab("resolved", _("待回访"), counts.get("resolved", 0), tab == "resolved"),
            Tab("ended", _("已结束"), None, tab == "ended"),
        ),
        filters=tuple(filters),
        rows=tuple(_row(row, facts[row.pk], work.get(row.pk, []), posts, moment) for row in rows),
        overdue=counts["overdue"],
        causes=causes,
        total=total,
        pager=Pager(number, PAGE_SIZE, total),
        empty=_empty(tab, bool(kind or symptom or state or overdue or repeated or branch)),
        at=moment,
        may_take=takes_faults(actor),
        may_hand_over=at_desk(actor),
    )


def _symptoms() -> list[tuple[str, str]]:
    """Of every product that has faults, each key once: the list holds all their tickets."""
    found: dict[str, list[str]] = {}
    for rules in assurance.current():
        say = words(rules)
        for name in ("symptoms", "complaints"):
            for one in rules.content[name]:
                titles, title = found.setdefault(one["key"], []), say(one["title"])
                if title not in titles:
                    titles.append(title)
    return [(key, " / ".join(titles)) for key, titles in found.items()]


def _row(
    row: Fault,
    facts: OrderFacts,
    work: list[WorkRow],
    posts: dict[str, str],
    moment: datetime,
) -> FaultRow:
    cause = row.common_cause
    return FaultRow(
        id=row.pk,
        number=facts.number,
        symptom=facts.product,
        severity=str(Severity(row.severity).label),
        severity_tone=SEVERITY_TONES[Severity(row.severity)],
        state_text=str(TicketState(row.state).label),
        tone=TONES[TicketState(row.state)],
        customer=facts.customer_name,
        address=facts.address or row.port_text,
        address_full=facts.address_full or row.port_text,
        waiting=waiting(work, facts, posts),
        due=due_of(row, moment),
        reported_at=row.reported_at,
        urged=row.urged,
        repeated=row.repeats_id is not None or row.reopened > 0,
        cause_id=row.common_cause_id,
        cause_number=(cause.number or "") if cause else "",
    )


def waiting(work: list[WorkRow], facts: OrderFacts, posts: dict[str, str]) -> str:
    return fmt.mark("，").join(
        f"{one.claimed_name or posts.get(one.post, one.post)} {facts.say(one.title)}"
        for one in work
    )


def due_of(row: Fault, moment: datetime) -> fmt.Due:
    return fmt.due(
        row.due_at,
        now=moment,
        start=row.reported_at,
        held=row.state in (TicketState.PENDING,),
        ended_at=row.resolved_at or row.closed_at,
    )


def _empty(tab: str, filtered: bool) -> Empty:
    home = reverse("web:faults")
    if filtered:
        return Empty(
            "filter-off",
            _("没有符合的故障单"),
            _("筛选条件挡住了其余的故障单。"),
            f"{home}?tab={tab}",
            _("清除全部条件"),
        )
    if tab == "open":
        return Empty(
            "circle-check",
            _("没有在办的故障"),
            _("客户报的故障在修复之前列在这里。"),
            reverse("web:fault_new"),
            _("受理故障"),
        )
    return Empty("tool", _("没有故障单"), _("到了这一步的故障单列在这里。"))
