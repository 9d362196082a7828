"""Money at the counter: a customer's account (账务), taking and giving back, who owes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.charging import queries as charging
from kaitong.charging.account_queries import AccountMoney
from kaitong.charging.choices import LineKind, Method, PaymentKind, RequestState
from kaitong.charging.models import Bill, BillLine, Invoice, Payment, PayRequest
from kaitong.core import clock, wording
from kaitong.core.errors import BadInput, InputFault, NotFound
from kaitong.documents.choices import PaperState
from kaitong.documents.models import Paper
from kaitong.inventory import queries as inventory
from kaitong.ordering import till
from kaitong.ordering.plans import may_withdraw, method_back
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.playbooks import queries as playbooks
from kaitong.web import format as fmt
from kaitong.web.pages import customers
from kaitong.web.pages.order_tabs import InvoiceView, invoice_view
from kaitong.web.pages.parts import Person, Tab

METHODS = (Method.CASH, Method.CARD, Method.RECHARGE, Method.ONLINE)
_SUM = re.compile(r"(\d{1,9})(?:\.(\d{1,2}))?")


@dataclass(frozen=True, slots=True)
class LineRow:
    title: str
    basis: str
    amount: int


@dataclass(frozen=True, slots=True)
class BillRow:
    month: str
    total: int
    paid: int
    open: int
    due: date
    state: str
    tone: str
    lines: tuple[LineRow, ...]


@dataclass(frozen=True, slots=True)
class PaidRow:
    id: UUID
    at: datetime
    what: str
    amount: int
    method: str
    who: str
    reason: str
    voucher: str
    url: str
    void: bool
    tone: str
    back_url: str  # where it is given back
    invoice: InvoiceView | None
    invoice_url: str  # where one is asked for


@dataclass(frozen=True, slots=True)
class RentRow:
    title: str
    amount: int
    since: date
    product: str


@dataclass(frozen=True, slots=True)
class AccountPane:
    """账务 of a customer: for the page of money and for the view of the customer."""

    customer_id: UUID | None
    balance: int
    open: int
    overdue: int
    oldest: date | None
    unbilled: tuple[LineRow, ...]
    unbilled_sum: int
    to_pay: int
    bills: tuple[BillRow, ...]
    paid: tuple[PaidRow, ...]
    rents: tuple[RentRow, ...]
    may: bool
    key: str
    methods: tuple[tuple[str, str], ...]
    template: str = "web/money/pane.html"


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed into the form of a payment, and what was wrong with it."""

    amount: str = ""
    method: str = Method.CASH
    reference: str = ""
    serial: str = ""
    fault: str = ""
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """The payment just made, with its voucher."""

    amount: int
    back: bool
    voucher: str
    url: str


@dataclass(frozen=True, slots=True)
class Asked:
    """An online payment the customer is to make now."""

    id: UUID
    amount: int
    url: str
    state: str
    error: str
    test: bool
    over: bool  # decided: nothing more to wait for


@dataclass(frozen=True, slots=True)
class CustomerPage:
    name: str
    number: str
    person: Person
    grade: str
    pane: AccountPane
    typed: Typed
    done: Done | None
    asked: Asked | None
    tabs: list[Tab]


@dataclass(frozen=True, slots=True)
class Found:
    url: str
    name: str
    phone: str
    number: str
    document: str


@dataclass(frozen=True, slots=True)
class OwingRow:
    url: str
    name: str
    phone: str
    overdue: int
    oldest: date
    days: int


@dataclass(frozen=True, slots=True)
class SearchPage:
    text: str
    found: tuple[Found, ...]
    owing: tuple[OwingRow, ...]
    tab: str
    tabs: list[Tab]


def tabs(current: str) -> list[Tab]:
    labels = {"pay": _("收费"), "owing": _("欠费客户"), "closing": _("日结")}
    return [Tab(key, label, None, key == current) for key, label in labels.items()]


def read_yuan(text: str, name: str = "amount", *, signed: bool = False) -> int:
    """Fen of a sum as people type it: `72.6`, `1,234`, `¥99.00`; `-10` only where it may be below
    zero. Raises BadInput."""
    plain = text.strip().translate(str.maketrans("０１２３４５６７８９．", "0123456789."))
    plain = plain.removeprefix("¥").removeprefix("￥").replace(",", "").replace("，", "").strip()
    below = signed and plain[:1] in ("-", "−", "－")
    plain = plain[below:].removeprefix("¥").strip() if below else plain
    found = _SUM.fullmatch(plain)
    if found is None:
        what = _("金额不对：“%(text)s”。") % {"text": text[:20]} if plain else _("请填写金额。")
        raise BadInput([InputFault(name, what, _("如 99 或 99.50，最多两位小数。"))])
    fen = int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))
    return -fen if below else fen


def as_typed(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02}" if fen else ""


def search_page(actor: Actor, text: str, tab: str) -> SearchPage:
    """Customers by what a clerk has in hand, or those who owe."""
    found: list[parties.Summary] = []
    if text:
        found = parties.find(actor, text, limit=20)
        service = inventory.service_by_account(actor, text)
        if service is not None and service.customer_id is not None:
            found += parties.summaries([service.customer_id]).values()
    owing = charging.owing(actor) if tab == "owing" else []
    people = parties.summaries(row["customer_id"] for row in owing)
    today = fmt.local_time(clock.now()).date()
    return SearchPage(
        text,
        tuple(
            Found(
                reverse("web:money_customer", args=[one.id]),
                one.name,
                one.phone,
                one.number,
                one.document_number,
            )
            for one in {one.id: one for one in found}.values()
        ),
        tuple(
            OwingRow(
                reverse("web:money_customer", args=[row["customer_id"]]),
                people[row["customer_id"]].name,
                people[row["customer_id"]].phone,
                row["overdue"],
                row["oldest"],
                (today - row["oldest"]).days,
            )
            for row in owing
            if row["customer_id"] in people
        ),
        tab,
        tabs(tab),
    )


def customer_page(
    actor: Actor,
    customer_id: UUID,
    typed: Typed | None = None,
    done: str = "",
    asked: str = "",
) -> CustomerPage:
    summary = parties.summary(actor, customer_id)
    pane = account_pane(actor, customer_id)
    return CustomerPage(
        name=summary.name,
        number=summary.number,
        person=customers.masked(summary, scope="money"),
        grade=summary.grade,
        pane=pane,
        typed=typed or Typed(amount=as_typed(pane.to_pay)),
        done=_done(pane, done),
        asked=_asked(actor, asked),
        tabs=tabs("pay"),
    )


def account_pane(actor: Actor, customer_id: UUID | None) -> AccountPane:
    """All of a customer's money; NotFound for another branch's customer, nothing for nobody's."""
    money = charging.account_money(actor, customer_id)
    papers = till.vouchers(actor, money.account_id) if money.account_id else {}
    may = may_withdraw(actor)
    say = playbooks.current_words()
    lines = inventory.titles_of({rent.service_id for rent in money.rents})
    return AccountPane(
        customer_id=customer_id,
        balance=money.owed.balance_fen,
        open=money.owed.open_fen,
        overdue=money.owed.overdue_fen,
        oldest=money.owed.oldest_due,
        unbilled=tuple(
            LineRow(say(row.title), "", row.amount_fen - row.refunded_fen) for row in money.unbilled
        ),
        unbilled_sum=money.owed.unbilled_fen,
        to_pay=money.to_pay_fen,
        bills=tuple(_bill(bill, money, say) for bill in money.bills),
        paid=tuple(_paid(row, money, papers, may) for row in money.payments),
        rents=tuple(
            RentRow(say(row.title), row.amount_fen, row.since, _line(lines, row.service_id, say))
            for row in money.rents
        ),
        may=may,
        key=str(uuid4()),
        methods=tuple(
            (str(one.value), str(one.label))
            for one in METHODS
            if one != Method.ONLINE or (may and charging.can_pay_online(actor.branch_id))
        ),
    )


def _bill(bill: Bill, money: AccountMoney, say: Callable[[str], str]) -> BillRow:
    today = fmt.local_time(clock.now()).date()
    if not bill.open_fen:
        state, tone = _("已结清"), "ok"
    elif bill.due_on < today:
        state, tone = _("已欠费"), "late"
    else:
        state, tone = _("待缴"), "soon"
    return BillRow(
        month=f"{bill.month:%Y-%m}",
        total=bill.total_fen,
        paid=bill.paid_fen,
        open=bill.open_fen,
        due=bill.due_on,
        state=state,
        tone=tone,
        lines=tuple(
            LineRow(say(line.title), line_basis(line), line.amount_fen)
            for line in money.lines.get(bill.pk, [])
        ),
    )


def line_basis(line: BillLine) -> str:
    """How a line came to its sum, in words."""
    parts = []
    if line.kind == LineKind.CORRECTION:
        parts.append(str(LineKind.CORRECTION.label))
    if line.kind in (LineKind.CHARGE, LineKind.REFUND):
        parts.append(str(LineKind(line.kind).label))
    if line.days is not None and line.days != line.of_days:
        parts.append(_("%(n)s / %(of)s 天") % {"n": line.days, "of": line.of_days})
    if line.paused_days:
        parts.append(_("停机 %(n)s 天") % {"n": line.paused_days})
    return fmt.mark("，").join(parts)


def _paid(row: Payment, money: AccountMoney, papers: dict[UUID, Paper], may: bool) -> PaidRow:
    back = row.kind == PaymentKind.REFUND
    paper = papers.get(row.pk)
    left = money.returnable.get(row.pk, 0)
    return PaidRow(
        id=row.pk,
        at=row.paid_at,
        what=str(PaymentKind(row.kind).label),
        amount=-row.amount_fen if back else row.amount_fen,
        method=method_back(row.method) if back else str(Method(row.method).label),
        who=money.clerks.get(row.clerk_id, "") if row.clerk_id else _("系统"),
        reason=wording.read(row.reason),
        voucher=paper.number if paper else "",
        url=reverse("web:paper", args=[paper.pk]) if paper else "",
        void=paper is not None and paper.state == PaperState.VOID,
        tone="soon" if back else "ok",
        back_url=reverse("web:money_back", args=[row.pk]) if may and left > 0 else "",
        invoice=_invoice(money.invoices[row.pk], may) if row.pk in money.invoices else None,
        invoice_url=reverse("web:money_invoice", args=[row.pk])
        if may and money.can_invoice and left > 0 and row.pk not in money.invoices
        else "",
    )


def _invoice(row: Invoice, may: bool) -> InvoiceView:
    return invoice_view(row, reverse("web:money_invoice_retry", args=[row.pk]) if may else "")


def _done(pane: AccountPane, payment_id: str) -> Done | None:
    for row in pane.paid:
        if str(row.id) == payment_id:
            return Done(abs(row.amount), row.amount < 0, row.voucher, row.url)
    return None


def _asked(actor: Actor, request_id: str) -> Asked | None:
    try:
        return asked_of(charging.pay_request(actor, UUID(request_id)))
    except (ValueError, NotFound):
        return None


def asked_of(row: PayRequest) -> Asked:
    return Asked(
        id=row.pk,
        amount=row.amount_fen,
        url=row.pay_url,
        state=str(RequestState(row.state).label),
        error=wording.read(row.error),
        test=row.channel.is_test,
        over=row.state in (RequestState.PAID, RequestState.FAILED),
    )


@dataclass(frozen=True, slots=True)
class BackPage:
    """退费 of one payment: what may go back, what was typed."""

    payment_id: UUID
    customer_id: UUID
    paid: int
    left: int
    method: str
    how: str
    key: str
    balance: int
    amount: str = ""
    reason: str = ""
    fault: str = ""


def back_page(actor: Actor, payment_id: UUID, **typed: Any) -> BackPage:
    payment = charging.account_payment(actor, payment_id)
    account = payment.account
    assert account is not None
    left = charging.returnable_fen(payment)
    typed.setdefault("amount", as_typed(left))
    typed.setdefault("key", str(uuid4()))
    return BackPage(
        payment_id=payment.pk,
        customer_id=account.customer_id,
        paid=payment.amount_fen,
        left=left,
        method=str(Method(payment.method).label),
        how=method_back(payment.method),
        balance=account.balance_fen,
        **typed,
    )


def _line(lines: Mapping[UUID, str], service_id: UUID | None, say: Callable[[str], str]) -> str:
    """What a service is called, with its account."""
    title, gap, account = lines.get(service_id, "").partition("　") if service_id else ("", "", "")
    return f"{say(title)}{gap}{account}"
