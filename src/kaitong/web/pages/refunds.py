"""退单退费 at the counter (BB-10): the failed orders whose money waits, and one of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.catalog.names import Names
from kaitong.catalog.names import of_specification as names_of
from kaitong.core import wording
from kaitong.ordering import refunds
from kaitong.ordering.life_choices import AuthenticationKind
from kaitong.ordering.models import FailedRefund
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.web.access import reads_customers
from kaitong.web.pages import customers
from kaitong.web.pages.facts import facts_of
from kaitong.web.pages.parts import Empty, Pager, Person, Tab, page_number

PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    url: str
    number: str
    product: str
    customer: str
    customer_url: str  # where whoever calls finds the number
    address: str
    failed_for: str
    amount: int
    at: datetime
    called: str  # by whom and when, empty where nobody did
    call_url: str
    settled: datetime | None
    who: str


@dataclass(frozen=True, slots=True)
class ListPage:
    tabs: tuple[Tab, ...]
    rows: tuple[Row, ...]
    total: int
    pager: Pager
    empty: Empty


def list_page(actor: Actor, query: QueryDict) -> ListPage:
    done = query.get("tab") == "done"
    number = page_number(query)
    found, total = refunds.refunds(actor, settled=done, offset=(number - 1) * PAGE, limit=PAGE)
    facts = facts_of(actor, [row.order_id for row in found])
    names = org.staff_names([i for row in found for i in (row.called_by, row.settled_by)])
    gives, looks = refunds.may_refund(actor), reads_customers(actor)
    return ListPage(
        tabs=(
            Tab("open", _("待退费"), total if not done else None, not done),
            Tab("done", _("已退费"), total if done else None, done),
        ),
        rows=tuple(
            Row(
                url=reverse("web:refund", args=[row.pk]) if gives else "",
                number=facts[row.order_id].number,
                product=facts[row.order_id].product,
                customer=facts[row.order_id].customer_name,
                customer_url=_customer(row.order.party_id, looks),
                address=facts[row.order_id].address,
                failed_for=wording.read(row.failed_for),
                amount=row.amount_fen,
                at=row.created_at,
                called=_called(row, names),
                call_url="" if row.called_at or done else reverse("web:refund_call", args=[row.pk]),
                settled=row.settled_at,
                who=names.get(row.settled_by, "") if row.settled_by else "",
            )
            for row in found
        ),
        total=total,
        pager=Pager(number, PAGE, total),
        empty=Empty(
            "receipt",
            _("没有已退的费用") if done else _("没有待退的费用"),
            _("施工失败、在营业厅收过费的订单列在这里，联系客户来厅办理退费。"),
        ),
    )


def _customer(party_id: UUID | None, looks: bool) -> str:
    return reverse("web:customer", args=[party_id]) if party_id and looks else ""


def _called(row: FailedRefund, names: dict[UUID, str]) -> str:
    if row.called_at is None or row.called_by is None:
        return ""
    return f"{names.get(row.called_by, '')} {timezone.localtime(row.called_at):%m-%d %H:%M}"


@dataclass(frozen=True, slots=True)
class RefundPage:
    id: UUID
    number: str
    order_url: str
    product: str
    address: str
    failed_for: str
    amount: int
    customer: Person | None
    by_password: bool
    called: Names
    proven: bool
    proven_until: str
    settled: datetime | None
    reasons: tuple[tuple[str, str], ...]
    invoice_out: bool
    reason: str = ""
    account: str = ""
    errors: dict[str, str] | None = None
    fault: str = ""


def refund_page(
    actor: Actor,
    refund_id: UUID,
    *,
    errors: dict[str, str] | None = None,
    fault: str = "",
    reason: str = "",
    account: str = "",
) -> RefundPage:
    row = refunds.refund_of(actor, refund_id)
    one = facts_of(actor, [row.order_id], people=True)[row.order_id]
    proof = refunds.proven(actor, row)
    made = row.item.procedure  # none for what came in without a playbook
    say = playbooks.words(row.order.playbook, row.order.playbook_hash)
    until = proof.good_until if proof else None
    return RefundPage(
        id=row.pk,
        number=one.number,
        order_url=reverse("web:order", args=[row.order_id]) + "?tab=money",
        product=one.product,
        address=one.address_full,
        failed_for=wording.read(row.failed_for),
        amount=row.amount_fen,
        customer=customers.masked(one.customer, scope="refund") if one.customer else None,
        by_password=refunds.kind_of(row) == AuthenticationKind.ACCOUNT_PASSWORD,
        called=names_of(
            row.order.playbook, row.order.playbook_hash, made.specification if made else ""
        ),
        proven=proof is not None,
        proven_until=f"{timezone.localtime(until):%H:%M}" if until else "",
        settled=row.settled_at,
        reasons=tuple((r.key, say(r.title)) for r in refunds.reasons_of(row.order)),
        invoice_out=refunds.invoice_out(actor, row.order_id),
        reason=reason,
        account=account,
        errors=errors,
        fault=fault,
    )
