"""The tabs of a customer's and of a line's page, each read only when it is looked at (BB-07 "choose
the data type"). A kind of data is added by one entry of `PANES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.catalog import names
from kaitong.catalog import queries as catalog
from kaitong.charging import of_orders as charging
from kaitong.charging.choices import ChargeState, Method, PaymentKind
from kaitong.core import audit, wording
from kaitong.core.clock import now
from kaitong.documents import queries as documents
from kaitong.documents.choices import PaperState
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import AssignmentState, SuspensionKind
from kaitong.inventory.ownership import FORMER
from kaitong.ordering import bundles, customers
from kaitong.ordering.choices import FindBy, OrderState
from kaitong.ordering.service_timeline import service_timeline
from kaitong.org import queries as org
from kaitong.process import queries as process
from kaitong.web import format as fmt
from kaitong.web.pages import order_timeline, spoken
from kaitong.web.pages.customer import Look, contract_end, lines_pane, plan_title
from kaitong.web.pages.facts import of_orders
from kaitong.web.pages.faults_pane import faults_pane
from kaitong.web.pages.money import AccountPane, account_pane
from kaitong.web.pages.names import post_names
from kaitong.web.pages.order import TONES
from kaitong.web.pages.order_tabs import CHARGE_TONES, PaperRow, PapersPane
from kaitong.web.pages.parts import Pager, Tab, page_number
from kaitong.web.pages.survey_parts import surveys_pane
from kaitong.web.pages.usage_pane import usage_pane

PAGE = 50
_READ = 500


@dataclass(frozen=True, slots=True)
class PaneOf:
    """A kind of data: its tab's word, what reads it, and on whose page it stands."""

    label: Callable[[], str]
    read: Callable[[Look], Any]
    of: tuple[str, ...] = ("customer", "service")


def tabs(look: Look, current: str) -> list[Tab]:
    return [
        Tab(key, one.label(), None, key == current)
        for key, one in PANES.items()
        if look.kind in one.of
    ]


def known(look: Look, name: str) -> str:
    """The tab asked for, else the first of this page."""
    first = next(key for key, one in PANES.items() if look.kind in one.of)
    return name if name in PANES and look.kind in PANES[name].of else first


def pane(look: Look, tab: str) -> Any:
    return PANES[tab].read(look)


# ------------------------------------------------------------------ overview of a line


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    text: str
    note: str = ""
    tone: str = ""
    mono: bool = False
    sign: bool = False  # letters and digits of it must not be confused


@dataclass(frozen=True, slots=True)
class OverviewPane:
    groups: tuple[tuple[str, tuple[Fact, ...]], ...]
    template: str = "web/customer/overview.html"


def _overview(look: Look) -> OverviewPane:
    service = look.service
    assert service is not None, "a line's own tab"
    said, say = look.terms, look.say
    case = said.get("case") or {}
    until = contract_end(look)
    monthly = [c for c in said.get("charges", ()) if c.get("when") == "monthly"]
    terminals = inventory.terminals_of([service.id]).get(service.id, [])
    port = service.port
    plan = (
        Fact(_("套餐"), plan_title(look), str(say(said.get("description", "")))),
        Fact(
            _("月费"),
            fmt.mark("，").join(f"{say(c['title'])} {fmt.yuan(c['amount'])}" for c in monthly),
        ),
        Fact(_("营销案"), str(say(case.get("title", ""))), case.get("bound_number", "")),
        Fact(_("合约到期"), fmt.day(until) if until else "", _left(until)),
    )
    line = (
        Fact(names.of(service).account, service.account, mono=True),
        Fact(_("逻辑 SN"), service.logical_id, mono=True, sign=True),
        Fact(_("OLT / PON 口"), port.pon_text if port else ""),
        Fact(
            _("箱体 / 端口"),
            port.box_text if port else "",
            str(AssignmentState(service.port_state).label) if service.port_state else "",
        ),
        *(
            Fact(_("终端"), f"{one.model} {one.serial}", str(one.get_state_display()))
            for one in terminals
        ),
        Fact(_("装机地址"), service.address_full),
    )
    moments = (
        Fact(
            _("状态"),
            str(service.state.label),
            spoken.reason(service.reason, look.say),
            service.state.tone,
        ),
        *(
            Fact(
                str(SuspensionKind(one.kind).label),
                _("自 %(at)s") % {"at": fmt.when(one.since)},
                spoken.reason(one.reason, look.say),
                "soon",
            )
            for one in inventory.suspensions([service.id]).get(service.id, [])
        ),
        Fact(_("原账号"), wording.several(service.ext.get(FORMER, ())), mono=True),
        Fact(_("建立"), fmt.when(service.created_at)),
        Fact(_("开通时间"), fmt.when(service.started_at) if service.started_at else ""),
        Fact(_("终止"), fmt.when(service.ended_at) if service.ended_at else ""),
        *(
            Fact(
                _("账号验证") if proof.kind == "account" else _("线路验证"),
                _("通过") if proof.ok else _("未通过"),
                f"{fmt.when(proof.at)} {proof.summary}",
                "ok" if proof.ok else "late",
            )
            for kind, proof in sorted(service.latest.items())
            if kind in ("account", "line")
        ),
    )
    parts = tuple(
        Fact(
            str(say(one.title)),
            str(one.state.label),
            bundles.reached_by(one),
            one.state.tone,
        )
        for one in inventory.parts_of([service.id]).get(service.id, [])
    )
    groups = (
        (_("状态"), moments),
        (_("套餐与合约"), plan),
        (_("线路"), line),
        *(((_("融合业务"), parts),) if parts else ()),
    )
    return OverviewPane(
        tuple((title, tuple(fact for fact in facts if fact.text)) for title, facts in groups)
    )


def _left(until: date | None) -> str:
    if until is None:
        return ""
    days = (until - fmt.local_time(now()).date()).days
    return _("还有 %(n)s 天") % {"n": days} if days >= 0 else _("已到期")


# ------------------------------------------------------------------ orders


@dataclass(frozen=True, slots=True)
class OrderLine:
    url: str
    number: str
    product: str
    action: str
    state_text: str
    tone: str
    reason: str
    waiting: str
    address: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OrdersPane:
    rows: tuple[OrderLine, ...]
    total: int
    pager: Pager
    template: str = "web/customer/orders.html"


def _orders(look: Look) -> OrdersPane:
    number = page_number(look.query)
    rows, total = customers.orders_of(look.actor, offset=(number - 1) * PAGE, limit=PAGE, **look.of)
    facts, work, posts = of_orders(rows), {}, post_names()
    if rows:
        work = process.open_items_of(look.actor, [row.id for row in rows])
    return OrdersPane(
        tuple(
            OrderLine(
                url=reverse("web:order", args=[row.id]),
                number=facts[row.id].number,
                product=facts[row.id].product,
                action=facts[row.id].action,
                state_text=str(OrderState(row.state).label),
                tone=TONES[OrderState(row.state)],
                reason=wording.read(row.reason),
                waiting=fmt.mark("，").join(
                    f"{w.claimed_name or posts.get(w.post, w.post)} {facts[row.id].say(w.title)}"
                    for w in work.get(row.id, [])
                ),
                address=facts[row.id].address,
                at=row.ordered_at,
            )
            for row in rows
        ),
        total,
        Pager(number, PAGE, total),
    )


# ------------------------------------------------------------------ bindings


@dataclass(frozen=True, slots=True)
class BindingRow:
    number: str
    case: str
    since: datetime
    ended: datetime | None
    order: str
    url: str


@dataclass(frozen=True, slots=True)
class BindingsPane:
    rows: tuple[BindingRow, ...]
    template: str = "web/customer/bindings.html"


def _bindings(look: Look) -> BindingsPane:
    found = customers.bindings_of(look.actor, **look.of)
    offered = catalog.offerings({row.case for row in found if row.case}) if found else {}
    return BindingsPane(
        tuple(
            BindingRow(
                number=row.masked,
                case=_title_of(offered.get(row.case), row.case),
                since=row.created_at,
                ended=row.ended_at,
                order=row.order.number or "",
                url=reverse("web:order", args=[row.order_id]),
            )
            for row in found
        )
    )


def _title_of(entry: Any, key: str) -> str:
    if entry is None:
        return key
    return str(entry.title if fmt.in_chinese() or not entry.title_en else entry.title_en)


# ------------------------------------------------------------------ money


@dataclass(frozen=True, slots=True)
class ChargeRow:
    title: str
    note: str
    amount: int
    state_text: str
    tone: str
    at: datetime
    order: str
    url: str


@dataclass(frozen=True, slots=True)
class PaidRow:
    at: datetime
    what: str
    tone: str
    amount: int
    method: str
    who: str
    reason: str
    order: str
    url: str


@dataclass(frozen=True, slots=True)
class MoneyPane:
    due: int
    charges: tuple[ChargeRow, ...]
    paid: tuple[PaidRow, ...]
    template: str = "web/customer/money.html"


def _money(look: Look) -> MoneyPane:
    """Charges and payments of all orders of this page; the newest of them."""
    ids, numbers = look.order_ids, look.order_numbers
    charges = charging.charges_of(look.actor, ids, limit=PAGE)
    paid = charging.payments_of(look.actor, ids, limit=PAGE)
    names = org.staff_names(row.clerk_id for row in paid)
    return MoneyPane(
        due=charging.due_of(look.actor, ids),
        charges=tuple(
            ChargeRow(
                title=look.say(row.title),
                note=wording.read(look.say(row.note)),
                amount=row.amount_fen,
                state_text=str(ChargeState(row.state).label),
                tone=CHARGE_TONES[ChargeState(row.state)],
                at=row.created_at,
                order=numbers.get(row.order_id, ""),
                url=reverse("web:order", args=[row.order_id]) + "?tab=money",
            )
            for row in charges
        ),
        paid=tuple(
            PaidRow(
                at=row.paid_at,
                what=str(PaymentKind(row.kind).label),
                tone="soon" if row.kind == PaymentKind.REFUND else "ok",
                amount=-row.amount_fen if row.kind == PaymentKind.REFUND else row.amount_fen,
                method=str(Method(row.method).label),
                who=names.get(row.clerk_id, "") if row.clerk_id else _("系统"),
                reason=wording.read(row.reason),
                order=numbers.get(row.order_id, ""),
                url=reverse("web:order", args=[row.order_id]) + "?tab=money",
            )
            for row in paid
        ),
    )


def _account(look: Look) -> AccountPane:
    """账务: the balance, bills, payments and monthly fees of whose page it is."""
    return account_pane(look.actor, look.party_id)


# ------------------------------------------------------------------ papers


def _papers(look: Look) -> PapersPane:
    """Papers of all orders of this page, and the pictures that were kept."""
    papers = documents.papers_of_orders(look.actor, look.order_ids, limit=_READ)
    owners = [*look.order_ids, *filter(None, (look.party_id, look.service and look.service.id))]
    files = [f for found in documents.attachments(look.actor, owners).values() for f in found]
    names = org.staff_names([*(p.issued_by for p in papers), *(f.stored_by for f in files)])
    void = fmt.mark("") + _("（作废）")
    rows = [
        PaperRow(
            name=look.say(p.title) + (void if p.state == PaperState.VOID else ""),
            number=p.number,
            at=p.created_at,
            who=names.get(p.issued_by, "") if p.issued_by else "",
            url=reverse("web:paper", args=[p.id]),
        )
        for p in papers
    ]
    rows += [
        PaperRow(
            name=look.say(f.title) or str(f.get_kind_display()),
            number="",
            at=f.created_at,
            who=names.get(f.stored_by, "") if f.stored_by else "",
            url=reverse("web:attachment", args=[f.id]),
        )
        for f in files
    ]
    return PapersPane(tuple(sorted(rows, key=lambda row: row.at, reverse=True)))


# ------------------------------------------------------------------ timeline


def _timeline(look: Look) -> order_timeline.TimelinePane:
    assert look.service is not None, "a line's own tab"
    told = service_timeline(look.actor, look.service, look.order_ids)
    return order_timeline.pane_of(told, look.say)


# ------------------------------------------------------------------ who looked


@dataclass(frozen=True, slots=True)
class LookRow:
    at: datetime
    who: str
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class LooksPane:
    rows: tuple[LookRow, ...]
    template: str = "web/customer/looks.html"


def _looks(look: Look) -> LooksPane:
    """Who looked at this customer and what was read in clear, the newest first."""
    subjects = [one for one in (look.party_id,) if one is not None]
    entries = [e for e in audit.entries(subjects) if look.actor.sees(e.branch_id)]
    names = org.staff_names(entry.actor_id for entry in entries)
    return LooksPane(
        tuple(
            LookRow(
                at=one.at,
                who=names.get(one.actor_id, "") if one.actor_id else _("系统"),
                what=_acts().get(one.kind, one.kind),
                text=_told(one.data),
            )
            for one in entries
        )
    )


def _acts() -> dict[str, str]:
    return {
        "party.viewed": _("查看客户"),
        "party.reveal": _("显示客户全号"),
        "party.name-corrected": _("更正姓名"),
        "document.verified": _("核验证件"),
    }


def _told(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    fields = {"name": _("姓名"), "phone": _("电话"), "document": _("证件"), "contacts": _("联系人")}
    by = str(data.get("by", ""))
    parts = [fields.get(str(data.get("field", "")), ""), str(data.get("reason", ""))]
    parts += [_("按%(by)s查到") % {"by": FindBy(by).label}] if by in FindBy.values else []
    return fmt.mark("，").join(filter(None, parts))


PANES: dict[str, PaneOf] = {
    "lines": PaneOf(lambda: _("业务"), lines_pane, ("customer",)),
    "overview": PaneOf(lambda: _("概况"), _overview, ("service",)),
    "orders": PaneOf(lambda: _("订单"), _orders),
    "bindings": PaneOf(lambda: _("绑定"), _bindings),
    "money": PaneOf(lambda: _("费用"), _money),
    "account": PaneOf(lambda: _("账务"), _account),
    "papers": PaneOf(lambda: _("单据"), _papers),
    "usage": PaneOf(lambda: _("会话与用量"), usage_pane),
    "faults": PaneOf(lambda: _("故障"), faults_pane),
    "surveys": PaneOf(lambda: _("满意度"), surveys_pane),
    "timeline": PaneOf(lambda: _("时间线"), _timeline, ("service",)),
    "looks": PaneOf(lambda: _("查看记录"), _looks),
}
