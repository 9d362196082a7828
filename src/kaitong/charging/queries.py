"""Reading money: an order's charges and payments, its part of the timeline, a branch's balances."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext as _

from kaitong.charging.account_queries import (
    account,
    account_money,
    account_payment,
    can_pay_online,
    closing,
    customer_of,
    owing,
    pay_request,
    payers,
    playbooks_of,
    returnable_fen,
    runs,
    unrented,
)
from kaitong.charging.account_queries import running as rents_running
from kaitong.charging.arrears import (
    arrears,
    arrears_of,
    cancellation_due,
    notices_due,
    settled_since,
    suspension_due,
)
from kaitong.charging.choices import (
    AccountKey,
    ChargeState,
    InvoiceKind,
    InvoiceState,
    Method,
    PaymentKind,
)
from kaitong.charging.invoices import platform_for
from kaitong.charging.models import Charge, Invoice, JournalLine, Payment
from kaitong.charging.rents import rents_of
from kaitong.core import plain, wording
from kaitong.org.actor import Actor
from kaitong.org.queries import staff_names, visible_rows, visible_to

__all__ = [
    "account",
    "account_money",
    "account_payment",
    "arrears",
    "arrears_of",
    "balances",
    "can_invoice",
    "can_pay_online",
    "cancellation_due",
    "charges",
    "closing",
    "customer_of",
    "due_by_order",
    "invoice_words",
    "invoiceable",
    "invoices",
    "is_test_platform",
    "money",
    "notices_due",
    "owing",
    "pay_request",
    "payers",
    "payments",
    "playbooks_of",
    "red_label",
    "rents_of",
    "rents_running",
    "returnable_fen",
    "runs",
    "settled_since",
    "suspension_due",
    "timeline",
    "unrented",
    "yuan",
]


@dataclass(frozen=True, slots=True)
class Money:
    """What an order costs and what became of it, in fen. ``collected`` includes what was put on
    the bill; ``refunded`` is given back out of it."""

    total_fen: int
    due_fen: int
    collected_fen: int
    refunded_fen: int
    charges: list[Charge]
    payments: list[Payment]
    clerks: dict[UUID, str]

    @property
    def settled(self) -> bool:
        return self.due_fen == 0


def yuan(fen: int) -> str:
    """Fen as people read them.

    >>> yuan(1844505)
    '¥18,445.05'
    """
    whole, cents = divmod(abs(fen), 100)
    return f"{'−' if fen < 0 else ''}¥{whole:,}.{cents:02}"


def charges(actor: Actor, order_id: UUID) -> list[Charge]:
    """An order's charges in the order they were raised."""
    return visible_rows(Charge, actor, "order_id = %s", [order_id], "order by id")


def charges_of(actor: Actor, order_ids: Iterable[UUID], codes: Iterable[str]) -> list[Charge]:
    """The charges of these codes on these orders, in one query."""
    asked = [plain.array(order_ids), plain.array(codes)]
    where = "order_id = any(%s::uuid[]) and code = any(%s::text[])"
    return visible_rows(Charge, actor, where, asked, "order by id")


def owed_on_orders(actor: Actor, order_ids: Iterable[UUID]) -> int:
    """What is unpaid on these orders, in fen."""
    return sum(row.amount_fen for row in due_on_orders(actor, order_ids))


def due_on_orders(actor: Actor, order_ids: Iterable[UUID]) -> list[Charge]:
    """The charges that are unpaid on these orders."""
    asked = [plain.array(order_ids), ChargeState.DUE.value]
    return visible_rows(Charge, actor, "order_id = any(%s::uuid[]) and state = %s", asked)


def payments(actor: Actor, order_id: UUID) -> list[Payment]:
    """Money taken and given back for an order, oldest first."""
    return visible_rows(Payment, actor, "order_id = %s", [order_id], "order by id")


def money(actor: Actor, order_id: UUID) -> Money:
    """All of an order's money in three queries."""
    rows, paid = charges(actor, order_id), payments(actor, order_id)
    standing = [row for row in rows if row.state != ChargeState.VOID]
    return Money(
        total_fen=sum(row.amount_fen for row in standing),
        due_fen=sum(row.amount_fen for row in rows if row.state == ChargeState.DUE),
        collected_fen=sum(p.amount_fen for p in paid if p.kind == PaymentKind.PAYMENT),
        refunded_fen=sum(p.amount_fen for p in paid if p.kind == PaymentKind.REFUND),
        charges=rows,
        payments=paid,
        clerks=staff_names(i for p in paid for i in (p.clerk_id, p.approved_by)),
    )


def invoices(actor: Actor, order_id: UUID) -> list[Invoice]:
    """Invoices of an order, the oldest first; the buyer's data stay sealed."""
    rows = visible_to(Invoice.objects.filter(order_id=order_id), actor)
    return list(rows.defer("buyer_name", "buyer_number").select_related("of").order_by("pk"))


def can_invoice(branch_id: UUID) -> bool:
    """Whether a tax platform serves this branch."""
    return platform_for(branch_id) is not None


def is_test_platform(branch_id: UUID) -> bool:
    """Whether what this branch's platform issues is worth nothing."""
    platform = platform_for(branch_id)
    return platform is not None and platform.is_test


def invoiceable(payment: Payment, money: Money) -> bool:
    """Whether an invoice may be asked for: collected here, and not wholly given back."""
    if payment.kind != PaymentKind.PAYMENT or payment.method == Method.BILL:
        return False
    back = sum(p.amount_fen for p in money.payments if p.refund_of_id == payment.pk)
    return back < payment.amount_fen


def invoice_words(payment: Payment) -> tuple[str, str | None]:
    """State and number of the invoice that stands behind a payment, or a refund's payment."""
    paid = payment.refund_of_id or payment.pk
    row = Invoice.objects.filter(payment_id=paid).defer("buyer_name", "buyer_number").first()
    if row is None:
        return _("未开票"), None
    return str(InvoiceState(row.state).label), row.number or None


def due_by_order(actor: Actor, order_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Fen still due by order, for lists, in one query. Orders owing nothing are absent."""
    rows = visible_to(
        Charge.objects.filter(order_id__in=list(order_ids), state=ChargeState.DUE), actor
    )
    return dict(rows.values_list("order_id").annotate(Sum("amount_fen")))


def timeline(actor: Actor, order_id: UUID) -> list[dict[str, Any]]:
    """Money's entries of an order's timeline: {at, kind, icon, title, text, who, detail}."""
    rows, paid = charges(actor, order_id), payments(actor, order_id)
    names = staff_names(i for p in paid for i in (p.clerk_id, p.approved_by))
    raised: dict[datetime, list[Charge]] = {}
    for row in rows:
        raised.setdefault(row.created_at.replace(microsecond=0), []).append(row)
    entries = [_raised(group) for group in raised.values()]
    for payment in paid:
        back = payment.kind == PaymentKind.REFUND
        covered = [r for r in rows if payment.pk in (r.payment_id, r.refund_id)]
        text = f"{yuan(payment.amount_fen)} · {Method(payment.method).label}"
        entries.append(
            {
                "at": payment.paid_at,
                "kind": "money",
                "icon": "receipt-refund" if back else "cash",
                "title": _("退费") if back else _("收费"),
                "text": f"{text} · {wording.read(payment.reason)}" if payment.reason else text,
                "who": names.get(payment.clerk_id, "") if payment.clerk_id else _("系统"),
                "detail": [
                    *(f"{row.title} {yuan(row.amount_fen)}" for row in covered),
                    *(
                        [_("复核 %s") % names.get(payment.approved_by, "")]
                        if payment.approved_by
                        else []
                    ),
                ],
            }
        )
    entries += [_invoiced(row) for row in invoices(actor, order_id)]
    return sorted(entries, key=lambda entry: entry["at"])


def _invoiced(row: Invoice) -> dict[str, Any]:
    """An invoice's line: what was asked for, and what became of it."""
    red = row.kind == InvoiceKind.RED
    label = InvoiceState(row.state).label if not red else red_label(row.state)
    parts = [yuan(row.amount_fen), str(label), row.number, wording.read(row.error)]
    return {
        "at": row.issued_at or row.created_at,
        "kind": "money",
        "icon": "receipt-tax",
        "title": _("红字发票") if red else _("发票"),
        "text": " · ".join(part for part in parts if part),
        "who": "",
        "detail": [],
    }


def red_label(state: str) -> str:
    return {
        InvoiceState.REQUESTED: str(InvoiceState.RED_REQUESTED.label),
        InvoiceState.ISSUED: str(InvoiceState.RED_LETTERED.label),
        InvoiceState.FAILED: _("红冲失败"),
    }.get(InvoiceState(state), str(InvoiceState(state).label))


def balances(actor: Actor) -> dict[str, int]:
    """Trial balance (试算平衡) of the branches an actor sees; it adds up to nothing."""
    found = dict(
        visible_to(JournalLine.objects.all(), actor)
        .values_list("account")
        .annotate(Sum("amount_fen"))
    )
    return {key: found.get(key, 0) for key in AccountKey.values}


def _raised(group: list[Charge]) -> dict[str, Any]:
    total = sum(row.amount_fen for row in group)
    return {
        "at": group[0].created_at,
        "kind": "money",
        "icon": "receipt",
        "title": _("计费"),
        "text": f"{wording.several(row.title for row in group)} · {yuan(total)}",
        "who": _("系统"),
        "detail": [f"{r.title} {yuan(r.amount_fen)}　{r.note}".rstrip("　") for r in group],
    }
