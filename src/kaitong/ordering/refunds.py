"""退单退费 (BB-10, LIM-25): money of orders that failed goes back at the counter, to whoever proves
by account and password (VER-10) that it is his; the invoice comes back first.

Whether it waits there is the playbook's parameter `failed_refund` (`at-counter`; otherwise it goes
back at once). What was put on the bill and what nobody paid never wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.charging import queries as charges
from kaitong.charging import services as charging
from kaitong.charging.choices import InvoiceKind, InvoiceState, Method, PaymentKind
from kaitong.core import audit, db
from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.core.locks import lock_row
from kaitong.inventory import queries
from kaitong.inventory import services as inventory
from kaitong.ordering import papers
from kaitong.ordering.authenticating import limits_of, locked_until
from kaitong.ordering.errors import BadOrder, OrderForbidden, OrderNotFound, OrderRefused
from kaitong.ordering.life_choices import AuthenticationKind
from kaitong.ordering.models import Authentication, FailedRefund, Order, OrderItem
from kaitong.ordering.states import note
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.party import queries as parties

AT_COUNTER = "at-counter"
POSTS = ("clerk",)
CALLERS = ("clerk", "community")  # BB-10 step 2: clerk or community manager calls the customer


@dataclass(frozen=True, slots=True)
class Reason:
    key: str
    title: str


def waits_at_counter(order: Order, back: Mapping[UUID, int]) -> bool:
    """Whether the customer fetches the sum at the counter, where he paid it."""
    if order.parameters.get("failed_refund") != AT_COUNTER or not any(back.values()):
        return False
    taken = charges.payments(Actor.system(), order.id)
    return all(
        row.method != Method.BILL for row in taken if row.kind == PaymentKind.PAYMENT
    ) and bool(taken)


@dataclass(frozen=True, slots=True)
class Proof:
    """By what the customer of a failed line proves himself; empty where there was no line yet."""

    account: str = ""
    password: str | None = field(default=None, repr=False)


def credentials(actor: Actor, order: Order, item: OrderItem) -> Proof:
    """A line's account and password, where money of it may wait at the counter."""
    if order.parameters.get("failed_refund") != AT_COUNTER or item.service_id is None:
        return Proof()
    service = queries.service(actor, item.service_id)
    if not service.account or not service.has_password:
        return Proof()
    password = inventory.reveal_password(actor=actor, service_id=service.id, reason="退单退费鉴权")
    return Proof(service.account, password)


def keep(
    *, actor: Actor, order: Order, item: OrderItem, proof: Proof, amount_fen: int, reason: str
) -> None:
    """Remember a failed line's sum, account and password; within the transaction of the failure,
    again changes nothing."""
    FailedRefund.objects.get_or_create(
        item=item,
        defaults={
            "order": order,
            "branch_id": order.branch_id,
            "account": proof.account,
            "password": proof.password,
            "amount_fen": amount_fen,
            "failed_for": reason[:300],
        },
    )


def refunds(
    actor: Actor, *, settled: bool, offset: int = 0, limit: int = 50
) -> tuple[list[FailedRefund], int]:
    """A page of failed orders whose money waits, or went back; the newest first."""
    rows = visible_to(FailedRefund.objects.defer("password").select_related("order"), actor)
    rows = rows.filter(settled_at__isnull=not settled).order_by("-settled_at", "-pk")
    return list(rows[offset : offset + limit]), rows.count()


def refund_of(actor: Actor, refund_id: UUID) -> FailedRefund:
    """One of them; OrderNotFound when absent or another branch's."""
    rows = visible_to(FailedRefund.objects.select_related("order", "item"), actor)
    found = rows.filter(pk=refund_id).first()
    if found is None:
        raise OrderNotFound(
            _("没有这笔待退费用。"), _("只有施工失败、费用未退的订单列在退单退费里。")
        )
    return found


def reasons_of(order: Order) -> list[Reason]:
    """The reasons to pick from: the parameter `failed_refund_reasons`, key and title."""
    table = order.parameters.get("failed_refund_reasons") or {}
    return [Reason(key, str(entry["title"])) for key, entry in table.items()]


def invoice_out(actor: Actor, order_id: UUID) -> bool:
    """Whether an invoice of the order is out that has to come back (LIM-25)."""
    rows = charges.invoices(actor, order_id)
    red = {row.of_id for row in rows if row.kind == InvoiceKind.RED}
    return any(
        row.kind != InvoiceKind.RED
        and row.state in (InvoiceState.REQUESTED, InvoiceState.ISSUED)
        and row.pk not in red
        for row in rows
    )


@transaction.atomic
def called(*, actor: Actor, refund_id: UUID) -> FailedRefund:
    """The customer was called to the hall (联系客户); who and when, the first time."""
    if not may_call(actor):
        raise OrderForbidden(_("您的岗位不能联系退费客户。"), _("请由营业员或小区经理联系。"))
    row = _locked(actor, refund_id)
    if row.called_at is None:
        row.called_at, row.called_by = now(), actor.id
        row.save(update_fields=["called_at", "called_by"])
        note(row.order_id, "refund-called", actor_id=actor.id)
    return row


def authenticate(*, actor: Actor, refund_id: UUID, given: Mapping[str, str]) -> Authentication:
    """Account and password of the failed line; an order without a line yet is proven by the
    document it was taken in with. Wrong answers count and lock, as for every authentication.

    Raises BadOrder with the wrong field, OrderRefused while tries are locked.
    """
    _require(actor)
    row = refund_of(actor, refund_id)
    limits = limits_of(row.order.parameters)
    with audit.acting(actor.id, "authenticate customer"), transaction.atomic():
        for key in sorted((f"authenticate {row.item_id}", f"authenticate {actor.id}")):
            db.rows("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
        until = locked_until(row.item_id, actor.id, limits)
        if until is not None:
            raise OrderRefused(
                _("鉴权错误次数过多，已锁定到 %(at)s。")
                % {"at": f"{timezone.localtime(until):%H:%M}"},
                _("请到时再试，或由班长核对客户身份。"),
                field="authentication",
                code="locked",
            )
        faults = _wrong(row, given)
        made = Authentication.objects.create(
            branch_id=row.branch_id,
            service_id=row.item_id,
            kind=kind_of(row),
            clerk_id=actor.id,
            ok=not faults,
            good_until=None if faults else _good_until(limits),
        )
    if faults:
        raise BadOrder(faults)
    return made


def kind_of(row: FailedRefund) -> str:
    """How the customer proves himself: account and password, where there was a line."""
    return str(
        AuthenticationKind.ACCOUNT_PASSWORD if row.account else AuthenticationKind.ACCOUNT_DOCUMENT
    )


def proven(actor: Actor, row: FailedRefund, *, lock: bool = False) -> Authentication | None:
    """The proof this clerk has for it that still holds and was not used."""
    rows = Authentication.objects.filter(
        service_id=row.item_id, clerk_id=actor.id, ok=True, used_at=None, good_until__gt=now()
    ).order_by("-created_at")
    return (rows.select_for_update() if lock else rows).first()


def settle(
    *, actor: Actor, refund_id: UUID, reason: str, invoice_back: bool = False
) -> FailedRefund:
    """Give the money back the way it was paid, with its voucher; twice is once.

    Raises OrderRefused without a proof or with an invoice still out, BadOrder for a reason that is
    not on the list, OrderForbidden where the sum needs a supervisor.
    """
    _require(actor)
    with audit.acting(actor.id, "refund failed order"), transaction.atomic():
        row = _locked(actor, refund_id)
        if row.settled_at is not None:
            return row
        order, order_id = row.order, row.order_id
        found = next((one for one in reasons_of(order) if one.key == reason.strip()), None)
        if found is None:
            raise BadOrder([InputFault("reason", _("没有选原因。"), _("请从列表里选一项。"))])
        if invoice_out(actor, order_id) and not invoice_back:
            what = _("发票还没有收回。")
            raise BadOrder([InputFault("invoice_back", what, _("请先收回发票，再退费。"))])
        above = int(order.parameters.get("refund_approval_above") or 0)
        if above and row.amount_fen > above and not actor.is_supervisor:
            raise OrderForbidden(
                _("退费超过 %(sum)s，营业员不能办理。") % {"sum": charges.yuan(above)},
                _("请由班长办理。"),
            )
        proof = proven(actor, row, lock=True)
        if proof is None:
            raise OrderRefused(
                _("还没有鉴权，或鉴权已过时。"), _("请先核对客户身份。"), field="authentication"
            )
        proof.used_at = now()
        proof.save(update_fields=["used_at"])
        back = {
            one.pk: one.amount_fen - one.refunded_fen
            for one in charges.charges(actor, order_id)
            if one.state in charging.COLLECTED and one.item in (row.item.item_id, "")
        }
        charging.refund(
            actor=actor,
            order_id=order_id,
            key=f"refused-{row.item_id}",
            reason=f"退单：{found.title}",
            amounts=back,
        )
        row.settled_at, row.settled_by, row.password = now(), actor.id, None
        row.reason_code, row.reason, row.invoice_back = found.key, found.title, invoice_back
        row.save()
        told = {"reason": found.title, "item": row.item.item_id}
        note(order_id, "refund-settled", actor_id=actor.id, data=told)
        papers.give_back(actor=actor, order=order)
        papers.issue(actor=actor, order=order, when=("refunded",))
    return row


def may_refund(actor: Actor) -> bool:
    """Who gives the money of a failed order back, and may read of it."""
    return actor.is_supervisor or any(actor.has_post(post) for post in POSTS)


def may_call(actor: Actor) -> bool:
    """Who reads which money waits and calls its customer, without giving any back."""
    return may_refund(actor) or any(actor.has_post(post) for post in CALLERS)


# ---- inside --------------------------------------------------------------------------------------


def _require(actor: Actor) -> None:
    if not may_refund(actor):
        raise OrderForbidden(_("您的岗位不能办理退单退费。"), _("请由营业员或班长办理。"))


def _locked(actor: Actor, refund_id: UUID) -> FailedRefund:
    row = refund_of(actor, refund_id)
    found = lock_row(FailedRefund.objects.all(), row.pk)
    assert found is not None, "rows of it are never deleted"
    found.order, found.item = row.order, row.item
    return found


def _wrong(row: FailedRefund, given: Mapping[str, str]) -> list[InputFault]:
    def said(name: str) -> str:
        return str(given.get(name, "")).strip()

    if not row.account:
        party = row.order.party_id
        if party is not None and parties.shows_document(party, said("document_number")):
            return []
        what = _("证件号码与受理时登记的不符。")
        return [InputFault("document_number", what, _("请核对客户证件原件。"))]
    faults = []
    if said("account").casefold() != row.account.casefold():
        faults.append(
            InputFault("account", _("不是这张订单的号码。"), _("请核对办理时给客户的号码。"))
        )
    if not compare_digest(said("password").encode(), str(row.password or "").encode()):
        faults.append(InputFault("password", _("密码不对。"), _("请客户重新输入。")))
    return faults


def _good_until(limits: Mapping[str, Any]) -> datetime:
    return now() + timedelta(minutes=int(limits["good_for_minutes"]))
