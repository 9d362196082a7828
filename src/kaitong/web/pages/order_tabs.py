"""The tabs of the order page, each read only when it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.catalog import names
from kaitong.charging import queries as charging
from kaitong.charging.choices import (
    ChargeState,
    InvoiceKind,
    InvoiceState,
    Method,
    PaymentKind,
)
from kaitong.charging.models import Invoice
from kaitong.charging.queries import Money
from kaitong.core import audit, wording
from kaitong.documents import queries as documents
from kaitong.documents.choices import PaperState
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import AssignmentState
from kaitong.inventory.results import ServiceView
from kaitong.ordering import fees
from kaitong.ordering.choices import ItemAction, OrderState
from kaitong.ordering.plans import may_withdraw, method_back
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.party.choices import PartyKind
from kaitong.playbooks import queries as playbooks
from kaitong.process import queries as process
from kaitong.process.definitions import model_of
from kaitong.web import format as fmt
from kaitong.web.pages import narrate, notices, order_duty, order_proof, order_timeline
from kaitong.web.pages.facts import of_orders
from kaitong.web.pages.order import TONES
from kaitong.web.pages.parts import Tab
from kaitong.web.pages.reading import Reading

_AUDIT_MOST = 500
CHARGE_TONES = {
    ChargeState.DUE: "soon",
    ChargeState.PAID: "ok",
    ChargeState.BILLED: "ok",
    ChargeState.REFUNDED: "wait",
    ChargeState.VOID: "wait",
}


@dataclass(frozen=True, slots=True)
class ItemRow:
    name: str
    action: str
    state_text: str
    tone: str
    spec: str
    resource: str
    hold: str
    mono: bool = False
    sign: bool = False  # letters and digits of it must not be confused


@dataclass(frozen=True, slots=True)
class ItemsPane:
    rows: tuple[ItemRow, ...]
    template: str = "web/order/items.html"


@dataclass(frozen=True, slots=True)
class PaperRow:
    name: str
    number: str
    at: Any
    who: str
    url: str


@dataclass(frozen=True, slots=True)
class PapersPane:
    rows: tuple[PaperRow, ...]
    template: str = "web/order/papers.html"


@dataclass(frozen=True, slots=True)
class MoneyRow:
    title: str
    basis: str
    amount: int
    state_text: str
    tone: str
    paid_text: str
    waive_url: str = ""  # for who may let it go


@dataclass(frozen=True, slots=True)
class MovedRow:
    """Money taken or given back at once: 收退费记录."""

    at: Any
    what: str
    amount: int
    method: str
    who: str
    approved: str
    reason: str
    voucher: str
    url: str
    void: bool
    tone: str
    invoice: InvoiceView | None = None
    invoice_url: str = ""  # where one is asked for


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """A tax invoice as it stands: words, number, whose name it bears, what went wrong."""

    text: str
    tone: str
    number: str
    buyer: str
    error: str
    test: bool
    retry_url: str


@dataclass(frozen=True, slots=True)
class MoneyPane:
    rows: tuple[MoneyRow, ...]
    moved: tuple[MovedRow, ...]
    paid: int
    open: int
    template: str = "web/order/money.html"


@dataclass(frozen=True, slots=True)
class AuditRow:
    at: Any
    who: str
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class AuditPane:
    rows: tuple[AuditRow, ...]
    template: str = "web/order/audit.html"


def labels() -> dict[str, str]:
    return {
        "timeline": _("时间线"),
        "items": _("订单项与资源"),
        "proof": _("网络验证"),
        "papers": _("单据"),
        "money": _("费用"),
        "duty": _("责任历时"),
        "notices": _("通知"),
        "audit": _("审计"),
    }


def known(name: str) -> str:
    return name if name in labels() else "timeline"


def tabs(current: str) -> list[Tab]:
    return [Tab(key, label, None, key == current) for key, label in labels().items()]


def pane(actor: Actor, order_id: UUID, tab: str) -> Any:
    """The pane of a tab; NotFound for another branch's order."""
    return pane_of(Reading(actor, order_id), tab)


def pane_of(reading: Reading, tab: str) -> Any:
    """The same, of an order that a request is reading."""
    if tab == "timeline":
        return order_timeline.pane(reading)
    if tab == "duty":
        return order_duty.pane(reading)
    panes: dict[str, Callable[[Actor, Any], Any]] = {
        "items": _items,
        "proof": order_proof.pane,
        "papers": _papers,
        "money": _money,
        "notices": notices.pane,
        "audit": _audit,
    }
    return panes[tab](reading.actor, reading.order)


def _items(actor: Actor, order: Any) -> ItemsPane:
    facts = of_orders([order])[order.id]
    services = {s.id: s for s in inventory.services_of_order(order.id)}
    rows: list[ItemRow] = []
    for item in order.items.all():
        service = services.get(item.service_id)
        state = OrderState(item.state)
        rows.append(
            ItemRow(
                name=facts.say(service.title) if item.lead_id and service else facts.product,
                action=str(ItemAction(item.action).label),
                state_text=str(state.label),
                tone=TONES[state],
                spec=_characteristics(service.characteristics if service else item.payload),
                resource=facts.address,
                hold="",
            )
        )
        if service is None:
            continue
        if item.lead_id is not None:
            rows += _part(service)
            continue
        held = str(AssignmentState(service.port_state).label) if service.port_state else ""
        rows.append(
            ItemRow(
                name=_("接入端口"),
                action=_("分配"),
                state_text=str(service.state.label),
                tone=service.state.tone,
                spec=service.port.pon_text if service.port else "",
                resource=service.port.box_text if service.port else "",
                hold=held,
            )
        )
        for name, value, sign in (
            (names.of(service).account, service.account, False),
            (_("逻辑 SN"), service.logical_id, True),
        ):
            done = _("已分配") if value else _("未分配")
            tone = "ok" if value else "wait"
            rows.append(ItemRow(name, _("分配"), done, tone, value, "", "", mono=True, sign=sign))
    return ItemsPane(tuple(rows))


def _part(service: ServiceView) -> list[ItemRow]:
    """What a further service of a bundle has of its own: number, circuit, set-top box."""
    values = service.characteristics
    boxes = inventory.terminals_of([service.id]).get(service.id, [])
    found = [
        (_("电话号码"), str(values.get("number", ""))),
        (_("电路标识"), str(values.get("circuit_id", ""))),
        *((str(box.get_kind_display()), f"{box.model} {box.serial}") for box in boxes),
    ]
    return [
        ItemRow(name, _("分配"), _("已分配"), "ok", value, "", "", mono=True)
        for name, value in found
        if value
    ]


def _characteristics(values: Any) -> str:
    """Characteristics in words; what is unknown is shown by its own name."""
    words = {
        "down_mbps": _("下行 %(v)sM"),
        "up_mbps": _("上行 %(v)sM"),
        "power_dbm": _("接收光功率 %(v)s dBm"),
    }
    told = []
    for key, value in dict(values or {}).items():
        if isinstance(value, dict | list) or key in ("number", "circuit_id", "part", "procedure"):
            continue
        told.append(words[key] % {"v": value} if key in words else f"{key} {value}")
    return fmt.mark("，").join(told)


def _papers(actor: Actor, order: Any) -> PapersPane:
    papers = documents.papers_of_order(actor, order.id)
    organization = parties.kind_of(order.party_id) == PartyKind.ORGANIZATION
    agent = _("经办人") if organization else _("代办人")
    people = {order.party_id: _("客户"), order.agent_id: agent}
    owners = [order.id, *(i.service_id for i in order.items.all() if i.service_id)]
    owners += [party_id for party_id in people if party_id is not None]
    files = [f for found in documents.attachments(actor, owners).values() for f in found]
    names = org.staff_names([*(p.issued_by for p in papers), *(f.stored_by for f in files)])
    say = _words(order)
    void = fmt.mark("") + _("（作废）")
    rows = [
        PaperRow(
            name=say(p.title) + (void if p.state == PaperState.VOID else ""),
            number=p.number,
            at=p.created_at,
            who=names.get(p.issued_by, "") if p.issued_by else "",
            url=reverse("web:paper", args=[p.id]),
        )
        for p in papers
    ]
    rows += [
        PaperRow(
            name=say(f.title) or _whose(people.get(f.owner_id, ""), str(f.get_kind_display())),
            number="",
            at=f.created_at,
            who=names.get(f.stored_by, "") if f.stored_by else "",
            url=reverse("web:attachment", args=[f.id]),
        )
        for f in files
    ]
    return PapersPane(tuple(sorted(rows, key=lambda row: row.at, reverse=True)))


def _whose(person: str, kind: str) -> str:
    """A picture of somebody's document; the document itself is read by a recorded click."""
    return f"{person}{fmt.mark('：')}{kind}" if person else kind


def _money(actor: Actor, order: Any) -> MoneyPane:
    money = charging.money(actor, order.id)
    payments = {p.id: p for p in money.payments}
    say = _words(order)
    rows = []
    for charge in money.charges:
        payment = payments.get(charge.payment_id) if charge.payment_id else None
        paid = ""
        if payment is not None:
            clerk = money.clerks.get(payment.clerk_id, "") if payment.clerk_id else ""
            paid = f"{Method(payment.method).label}　{clerk}".strip()
        rows.append(
            MoneyRow(
                title=wording.read(say(charge.title)),
                basis=wording.read(say(charge.note)),
                amount=charge.amount_fen,
                state_text=str(ChargeState(charge.state).label),
                tone=CHARGE_TONES[ChargeState(charge.state)],
                paid_text=paid,
                waive_url=reverse("web:waive_fee", args=[order.id, charge.pk])
                if fees.may_waive(actor, order, charge)
                else "",
            )
        )
    return MoneyPane(
        tuple(rows),
        tuple(_moved(actor, order, money, say)),
        money.collected_fen - money.refunded_fen,
        money.due_fen,
    )


def _words(order: Any) -> Callable[[str], str]:
    if not order.playbook or not order.playbook_hash:
        return str
    return playbooks.words(order.playbook, order.playbook_hash)


def _moved(actor: Actor, order: Any, money: Money, say: Callable[[str], str]) -> Iterable[MovedRow]:
    """Every time money was taken or given back, with its voucher; the newest last."""
    papers = {p.key.partition(":")[2]: p for p in documents.papers_of_order(actor, order.id)}
    invoices = {row.payment_id: row for row in charging.invoices(actor, order.id)}
    may = may_withdraw(actor)  # clerks and supervisors handle money
    served = may and charging.can_invoice(order.branch_id)
    colon = fmt.mark("：")
    for payment in money.payments:
        back = payment.kind == PaymentKind.REFUND
        paper = papers.get(str(payment.pk))
        reason = colon.join(wording.read(say(part)) for part in payment.reason.split("：") if part)
        yield MovedRow(
            at=payment.paid_at,
            what=str(PaymentKind(payment.kind).label),
            amount=-payment.amount_fen if back else payment.amount_fen,
            method=method_back(payment.method) if back else str(Method(payment.method).label),
            who=money.clerks.get(payment.clerk_id, "") if payment.clerk_id else _("系统"),
            approved=money.clerks.get(payment.approved_by, "") if payment.approved_by else "",
            reason=reason,
            voucher=paper.number if paper else "",
            url=reverse("web:paper", args=[paper.id]) if paper else "",
            void=paper is not None and paper.state == PaperState.VOID,
            tone="soon" if back else "ok",
            invoice=_invoice(order, invoices[payment.pk], may) if payment.pk in invoices else None,
            invoice_url=reverse("web:invoice", args=[order.id, payment.pk])
            if served and charging.invoiceable(payment, money) and payment.pk not in invoices
            else "",
        )


def _invoice(order: Any, row: Invoice, may: bool) -> InvoiceView:
    return invoice_view(row, reverse("web:invoice_retry", args=[order.id, row.pk]) if may else "")


def invoice_view(row: Invoice, retry_url: str) -> InvoiceView:
    state = InvoiceState(row.state)
    red = row.kind == InvoiceKind.RED
    return InvoiceView(
        text=charging.red_label(state) if red else str(state.label),
        tone=_INVOICE_TONES[state],
        number=row.number,
        buyer=row.buyer,
        error=wording.read(row.error),
        test=row.is_test,
        retry_url=retry_url if state == InvoiceState.FAILED else "",
    )


_INVOICE_TONES = {
    InvoiceState.REQUESTED: "wait",
    InvoiceState.ISSUED: "ok",
    InvoiceState.RED_REQUESTED: "wait",
    InvoiceState.RED_LETTERED: "wait",
    InvoiceState.FAILED: "late",
    InvoiceState.CANCELLED: "wait",
}


def _audit(actor: Actor, order: Any) -> AuditPane:
    """Recorded acts around the order, and every step of its process."""
    facts = of_orders([order])[order.id]
    subjects = [order.id, order.party_id, *(i.service_id for i in order.items.all())]
    acts = audit.entries([s for s in subjects if s], limit=_AUDIT_MOST)
    entries = [act for act in acts if actor.sees(act.branch_id)]
    names = org.staff_names(entry.actor_id for entry in entries)
    rows = [
        AuditRow(
            at=entry.at,
            who=names.get(entry.actor_id, _("系统")) if entry.actor_id else _("系统"),
            what=_acts().get(entry.kind, entry.kind),
            text=_told(entry.data),
        )
        for entry in entries
    ]
    for item in order.items.all():
        definitions = {item.instance_id: item.procedure and item.procedure.definition_id}
        if item.procedure and item.undo_instance_id:
            definitions[item.undo_instance_id] = UUID(item.procedure.cancel["definition_id"])
        for instance_id in item.instances:
            model = model_of(definitions[instance_id]) if definitions[instance_id] else None
            lines = narrate.lines(
                process.history(instance_id, called=True), say=facts.say, model=model
            )
            rows += [AuditRow(line.at, line.who or _("系统"), line.text, "") for line in lines]
    return AuditPane(tuple(sorted(rows, key=lambda row: row.at, reverse=True)[:_AUDIT_MOST]))


def _acts() -> dict[str, str]:
    return {
        "party.reveal": _("显示客户全号"),
        "password-read": _("读取业务密码"),
        "service.reveal": _("显示密码"),
        "attachment.read": _("查看附件"),
        "document.verified": _("核验证件"),
        "notice.read": _("查看通知内容"),
        "order.withdraw": _("撤单"),
    }


def _told(data: Any) -> str:
    fields = {"name": _("姓名"), "phone": _("电话"), "document": _("证件"), "contacts": _("联系人")}
    if not isinstance(data, dict):
        return ""
    parts = [fields.get(str(data["field"]), str(data["field"]))] if data.get("field") else []
    parts += [wording.read(str(data["reason"]))] if data.get("reason") else []
    return fmt.mark("，").join(parts)
