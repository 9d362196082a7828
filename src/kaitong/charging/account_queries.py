"""Reading customers' accounts (账务): bills with their lines, payments, what runs by the month."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import F, Min, Q, Sum
from django.utils.translation import gettext as _

from kaitong.charging.accounts import returnable_fen
from kaitong.charging.arrears import Arrears, arrears
from kaitong.charging.channels import channel_for
from kaitong.charging.choices import ChargeState, PaymentKind
from kaitong.charging.days import today
from kaitong.charging.errors import ChargingNotFound
from kaitong.charging.invoices import platform_for
from kaitong.charging.models import (
    Account,
    Bill,
    BillingRun,
    BillLine,
    CashClosing,
    Charge,
    Invoice,
    Payment,
    PayRequest,
    Rent,
)
from kaitong.charging.rents import payers, running, unrented
from kaitong.org.actor import Actor
from kaitong.org.queries import staff_names, visible_to
from kaitong.party import queries as parties

__all__ = ["payers", "returnable_fen", "running", "unrented"]

MOST = 24  # bills and payments a page shows


@dataclass(frozen=True, slots=True)
class AccountMoney:
    """All of a customer's money on one page; without an account yet everything is nothing."""

    customer_id: UUID | None
    account_id: UUID | None
    owed: Arrears
    bills: list[Bill]
    lines: dict[UUID, list[BillLine]]
    unbilled: list[Charge]
    payments: list[Payment]
    returnable: dict[UUID, int]
    rents: list[Rent]
    clerks: dict[UUID, str]
    invoices: dict[UUID, Invoice]  # by payment or refund
    can_invoice: bool

    @property
    def to_pay_fen(self) -> int:
        """What settles everything that is billed."""
        return max(0, self.owed.open_fen - self.owed.balance_fen)


def account(actor: Actor, account_id: UUID) -> Account:
    found = visible_to(Account.objects.all(), actor).filter(pk=account_id).first()
    if found is None:
        raise ChargingNotFound(_("没有这个账户。"), _("请核对编号和所在分公司。"))
    return found


def playbooks_of(account_id: UUID) -> list[str]:
    """The playbooks an account pays under, the newest rent's first."""
    rows = Rent.objects.filter(account_id=account_id).order_by("-pk")
    return list(dict.fromkeys(rows.values_list("playbook", flat=True)))


def account_payment(actor: Actor, payment_id: UUID) -> Payment:
    """Money into or out of an account, with the account."""
    rows = visible_to(Payment.objects.select_related("account"), actor)
    found = rows.filter(pk=payment_id, account__isnull=False, order_id=None).first()
    if found is None:
        raise ChargingNotFound(_("没有这笔收费。"), _("请核对编号和所在分公司。"))
    return found


def pay_request(actor: Actor, request_id: UUID) -> PayRequest:
    """An online payment with its channel."""
    rows = visible_to(PayRequest.objects.select_related("channel"), actor)
    found = rows.filter(pk=request_id).first()
    if found is None:
        raise ChargingNotFound(_("没有这张支付单。"), _("请核对编号和所在分公司。"))
    return found


def customer_of(account_id: UUID) -> UUID:
    return Account.objects.values_list("customer_id", flat=True).get(pk=account_id)


def can_pay_online(branch_id: UUID | None) -> bool:
    """Whether an online channel serves this branch."""
    return branch_id is not None and channel_for(branch_id) is not None


def closing(actor: Actor, closing_id: UUID) -> CashClosing:
    """A closed day: one's own, or a supervisor's to look at."""
    row = visible_to(CashClosing.objects.all(), actor).filter(pk=closing_id).first()
    if row is None or not (actor.is_supervisor or row.clerk_id == actor.id):
        raise ChargingNotFound(_("没有这次日结。"), _("请核对编号和所在分公司。"))
    return row


def account_money(actor: Actor, customer_id: UUID | None, *, most: int = MOST) -> AccountMoney:
    """A customer's bills, open charges, payments and balance, in constant queries; another
    branch's customer is not found."""
    row = None
    if customer_id is not None:
        parties.own_party(actor, customer_id)
        row = visible_to(Account.objects.filter(customer_id=customer_id), actor).first()
    if row is None or customer_id is None:
        return AccountMoney(customer_id, None, Arrears(), [], {}, [], [], {}, [], {}, {}, False)
    bills = list(Bill.objects.filter(account=row).order_by("-month")[:most])
    lines: dict[UUID, list[BillLine]] = {}
    for line in BillLine.objects.filter(bill__in=bills).order_by("pk"):
        lines.setdefault(line.bill_id, []).append(line)
    paid = list(
        Payment.objects.filter(account=row, order_id=None).order_by("-paid_at", "-pk")[:most]
    )
    back: dict[UUID, int] = {}
    for refunded in Payment.objects.filter(refund_of__in=paid):
        if refunded.refund_of_id is not None:
            back[refunded.refund_of_id] = back.get(refunded.refund_of_id, 0) + refunded.amount_fen
    this_day = today()
    return AccountMoney(
        customer_id=customer_id,
        account_id=row.pk,
        owed=arrears(customer_id=customer_id),
        bills=bills,
        lines=lines,
        unbilled=list(
            Charge.objects.filter(
                state=ChargeState.BILLED, payment__account=row, lines=None
            ).order_by("pk")
        ),
        payments=paid,
        returnable={
            p.pk: p.amount_fen - back.get(p.pk, 0)
            for p in paid
            if p.kind == PaymentKind.PAYMENT and p.method in ("cash", "card")
        },
        rents=list(
            Rent.objects.filter(account=row, since__lte=this_day)
            .filter(Q(until=None) | Q(until__gt=this_day))
            .order_by("service_id", "code")
        ),
        clerks=staff_names(i for p in paid for i in (p.clerk_id, p.approved_by)),
        invoices={
            one.payment_id: one
            for one in Invoice.objects.filter(payment__in=paid).defer("buyer_name", "buyer_number")
        },
        can_invoice=platform_for(row.branch_id) is not None,
    )


def owing(actor: Actor, *, limit: int = 100) -> list[dict[str, Any]]:
    """Customers with overdue bills, the longest first: {customer_id, account, overdue, oldest}."""
    this_day = today()
    rows = visible_to(Bill.objects.filter(due_on__lt=this_day, paid_fen__lt=F("total_fen")), actor)
    found = rows.values("account", customer_id=F("account__customer_id")).annotate(
        oldest=Min("due_on"), overdue=Sum(F("total_fen") - F("paid_fen"))
    )
    return list(found.order_by("oldest", "account")[:limit])


def runs(actor: Actor, month: date | None = None, *, limit: int = 20) -> list[BillingRun]:
    """Billing runs of the branches the actor sees, the newest first."""
    rows = BillingRun.objects.all() if actor.is_system else BillingRun.objects.filter(
        branch_id__in=actor.branch_ids
    )  # fmt: skip
    if month is not None:
        rows = rows.filter(month=month)
    return list(rows.order_by("-pk")[:limit])


def accounts_by_customer(customer_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Account identifiers by customer, of customers already found visible."""
    rows = Account.objects.filter(customer_id__in=set(customer_ids))
    return dict(rows.values_list("customer_id", "pk"))
