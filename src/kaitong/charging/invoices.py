"""Tax invoices (发票, F-31): asked for at the counter, issued by a platform, taken back on refund.

Verbs write rows only; `drain` in a worker speaks to the platform, outside of any transaction, under
the row's key: a worker killed after the platform answered asks again and hears the same number.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.charging import tax
from kaitong.charging.choices import BuyerKind, InvoiceKind, InvoiceState, Method, PaymentKind
from kaitong.charging.errors import (
    BadInvoice,
    ChargingConflict,
    ChargingForbidden,
    ChargingNotFound,
    ChargingRefused,
)
from kaitong.charging.models import Charge, Invoice, Payment, TaxPlatform
from kaitong.core import wording
from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.core.ids import uuid7
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party.numbers import FORMATS

log = logging.getLogger(__name__)

CLERK = "clerk"
ACCOUNT_TITLE = "通信服务费"
BACK_OFF = (1, 2, 5, 15, 60, 300)  # seconds before the platform is asked again
LEASE = timedelta(seconds=30)  # longer than the platform is waited for
Adapters = Callable[[TaxPlatform], tax.Adapter]


@transaction.atomic
def register_tax_platform(
    *,
    key: str,
    branch_id: UUID,
    title: str,
    url: str,
    secret: str,
    seller_name: str,
    seller_number: str,
    is_test: bool = False,
) -> TaxPlatform:
    """Make a platform known, or bring its row up to date; safe to call again."""
    if not url.startswith(("http://", "https://")):
        raise ChargingRefused(_("开票平台的地址应以 http 开头。"), field="url")
    wanted = {
        "branch_id": branch_id,
        "title": title,
        "url": url,
        "seller_name": seller_name,
        "seller_number": seller_number,
        "is_test": is_test,
    }
    row = TaxPlatform.objects.select_for_update().filter(key=key).first()
    if row is None:
        return TaxPlatform.objects.create(key=key, secret=secret, **wanted)
    if any(getattr(row, k) != v for k, v in wanted.items()) or row.secret != secret:
        for name, value in wanted.items():
            setattr(row, name, value)
        row.secret = secret
        row.save()
    return row


def platform_for(branch_id: UUID) -> TaxPlatform | None:
    """The platform that serves a branch: its own, else the nearest above it."""
    parts = org.branch(branch_id).path.split(".")
    above = [".".join(parts[: n + 1]) for n in range(len(parts))]
    rows = TaxPlatform.objects.filter(in_service=True, branch__path__in=above)
    found = sorted(rows.select_related("branch"), key=lambda row: -len(row.branch.path))
    return found[0] if found else None


def request_invoice(
    *,
    actor: Actor,
    payment_id: UUID,
    buyer_kind: str,
    title: str,
    taxpayer_number: str = "",
) -> Invoice:
    """Ask for the invoice of a payment (开具发票); asked for before, it stays as it is.

    An organisation needs its unified social credit code. Raises BadInvoice with every fault.
    """
    if not (actor.has_post(CLERK) or actor.is_supervisor):
        raise ChargingForbidden(_("只有营业员或班长可以开票。"), _("请由营业员办理。"))
    name, number = title.strip(), taxpayer_number.strip().upper()
    with transaction.atomic():
        payment = _payment(actor, payment_id)
        before = Invoice.objects.filter(payment=payment).first()
        if before is not None:
            return before
        _require_invoiceable(payment)
        faults = list(_faults(buyer_kind, name, number))
        if faults:
            raise BadInvoice(faults)
        back = sum(p.amount_fen for p in payment.refunds.all())
        if back >= payment.amount_fen:
            raise ChargingConflict(_("这笔费用已经全退，不能开票。"), _("请刷新页面。"))
        row = Invoice(
            branch_id=payment.branch_id,
            order_id=payment.order_id,
            payment=payment,
            kind=InvoiceKind.BLUE,
            amount_fen=payment.amount_fen - back,
            key=f"blue:{payment.pk}",
            buyer_kind=buyer_kind,
            buyer=_masked(buyer_kind, name),
            requested_by=actor.id,
        )
        row.buyer_name = name
        row.buyer_number = number or None
        row.save(force_insert=True)
    return row


def red_letter(*, actor: Actor, refund: Payment) -> Invoice | None:
    """Money was given back: its invoice is taken back for that much. Within the refund's
    transaction; None where nothing was invoiced."""
    blue = Invoice.objects.select_for_update().filter(payment_id=refund.refund_of_id).first()
    if blue is None or blue.state in (InvoiceState.CANCELLED, InvoiceState.RED_LETTERED):
        return None
    untouched = blue.state == InvoiceState.REQUESTED and not blue.attempts and not blue.lease_until
    surely_not = blue.state == InvoiceState.FAILED and blue.refused
    if untouched or surely_not:
        back = sum(p.amount_fen for p in Payment.objects.filter(refund_of_id=refund.refund_of_id))
        left = blue.payment.amount_fen - back
        if left > 0:
            blue.amount_fen = left
        else:
            blue.state = InvoiceState.CANCELLED
        blue.save(update_fields=["amount_fen", "state"])
        return None
    row = Invoice(
        branch_id=blue.branch_id,
        order_id=blue.order_id,
        payment=refund,
        kind=InvoiceKind.RED,
        of=blue,
        amount_fen=refund.amount_fen,
        key=f"red:{refund.pk}",
        buyer_kind=blue.buyer_kind,
        buyer=blue.buyer,
        requested_by=actor.id,
    )
    row.buyer_name, row.buyer_number = blue.buyer_name, blue.buyer_number
    row.save(force_insert=True)
    if blue.state == InvoiceState.ISSUED:
        blue.state = InvoiceState.RED_REQUESTED
        blue.save(update_fields=["state"])
    return row


def retry_invoice(*, actor: Actor, invoice_id: UUID) -> Invoice:
    """Try again what failed (重试), under the same key.

    What the platform did not refuse it may have issued, its answer lost: that stays a row that was
    asked for, so that a refund does not take it for one that nobody has heard of.
    """
    if not (actor.has_post(CLERK) or actor.is_supervisor):
        raise ChargingForbidden(_("只有营业员或班长可以开票。"), _("请由营业员办理。"))
    with transaction.atomic():
        rows = org.visible_to(Invoice.objects.all(), actor)
        row = rows.select_for_update().filter(pk=invoice_id).first()
        if row is None:
            raise ChargingNotFound(_("没有这张发票。"), _("请核对编号和所在分公司。"))
        if row.state != InvoiceState.FAILED:
            raise ChargingConflict(_("这张发票没有失败。"), _("请刷新页面。"))
        row.attempts, row.next_attempt_at = 0 if row.refused else 1, now()
        row.state, row.error, row.refused = InvoiceState.REQUESTED, "", False
        row.save(update_fields=["state", "error", "refused", "attempts", "next_attempt_at"])
    return row


# ---- the worker ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leased:
    """An invoice this process may ask for until its lease ends."""

    id: UUID
    worker: str
    platform: TaxPlatform | None
    asked: tax.Asked


def adapter(platform: TaxPlatform) -> tax.Adapter:
    """What speaks to a platform. One kind so far."""
    return tax.SignedHttp(platform.url, str(platform.secret))


def drain(limit: int = 20, *, speak: Adapters = adapter) -> int:
    """Ask the platform for what is due, one after the other; how many were asked."""
    done = 0
    while done < limit:
        leased = lease()
        if leased is None:
            break
        record(leased, ask(leased, speak))
        done += 1
    return done


def lease() -> Leased | None:
    """Take one invoice that is due, or whose lease ran out. A red one waits for its blue one's
    number."""
    moment = now()
    with transaction.atomic():
        due = Invoice.objects.filter(state=InvoiceState.REQUESTED, next_attempt_at__lte=moment)
        due = due.exclude(lease_until__gt=moment).exclude(kind=InvoiceKind.RED, of__number="")
        row = due.select_for_update(skip_locked=True, of=("self",)).order_by("pk").first()
        if row is None:
            return None
        row.worker, row.lease_until = f"{os.getpid()}:{uuid7()}", moment + LEASE
        row.save(update_fields=["worker", "lease_until"])
        platform = platform_for(row.branch_id)
        return Leased(row.pk, row.worker, platform, _asked(row, platform))


def ask(leased: Leased, speak: Adapters = adapter) -> tax.Issued | tax.PlatformRefused | str:
    """The platform's answer: the invoice, its refusal, or why there is none yet."""
    if leased.platform is None:
        with wording.stored():
            return _("本分公司没有接入开票平台。")
    try:
        with wording.stored():
            return speak(leased.platform).issue(leased.asked)
    except tax.PlatformRefused as refused:
        return refused
    except tax.PlatformAway as away:
        return str(away.what)


def record(leased: Leased, outcome: tax.Issued | tax.PlatformRefused | str) -> None:
    """Write an outcome down, unless the lease was given to another meanwhile."""
    moment = now()
    with transaction.atomic():
        row = Invoice.objects.select_for_update().filter(pk=leased.id).first()
        if row is None or row.worker != leased.worker or row.state != InvoiceState.REQUESTED:
            return
        row.lease_until, row.attempts = None, row.attempts + 1
        if isinstance(outcome, tax.Issued):
            row.state, row.error, row.refused = InvoiceState.ISSUED, "", False
            row.number, row.code, row.issued_at = outcome.number, outcome.code, outcome.at
            row.platform = outcome.platform
            row.is_test = leased.platform is not None and leased.platform.is_test
        elif isinstance(outcome, tax.PlatformRefused):
            row.state, row.error, row.refused = InvoiceState.FAILED, str(outcome.what)[:300], True
        elif row.attempts > len(BACK_OFF):
            row.state, row.error = InvoiceState.FAILED, outcome[:300]
        else:
            row.error = outcome[:300]
            row.next_attempt_at = moment + timedelta(seconds=BACK_OFF[row.attempts - 1])
        row.save()
        _follow(row)


# ---- inside --------------------------------------------------------------------------------------


def _follow(row: Invoice) -> None:
    """What an outcome means for the blue invoice of a red one, or for one refunded meanwhile."""
    blue = row if row.of_id is None else Invoice.objects.select_for_update().get(pk=row.of_id)
    if not blue.number:
        return
    reds = list(Invoice.objects.filter(of=blue))
    taken = sum(r.amount_fen for r in reds if r.state == InvoiceState.ISSUED)
    if taken >= blue.amount_fen:
        blue.state = InvoiceState.RED_LETTERED
    elif any(r.state != InvoiceState.ISSUED for r in reds):
        blue.state = InvoiceState.RED_REQUESTED
    else:
        blue.state = InvoiceState.ISSUED
    blue.save(update_fields=["state"])


def _payment(actor: Actor, payment_id: UUID) -> Payment:
    rows = org.visible_to(Payment.objects.all(), actor)
    payment = rows.select_for_update(no_key=True).filter(pk=payment_id).first()
    if payment is None:
        raise ChargingNotFound(_("没有这笔收费。"), _("请核对编号和所在分公司。"))
    return payment


def _require_invoiceable(payment: Payment) -> None:
    if payment.kind != PaymentKind.PAYMENT:
        raise ChargingRefused(_("退费不单独开票。"), _("原发票会自动红冲。"))
    if payment.method == Method.BILL:
        raise ChargingRefused(_("并入账单的费用随账单开票。"), _("请在出账后开具。"))
    if platform_for(payment.branch_id) is None:
        raise ChargingRefused(_("本分公司没有接入开票平台。"), _("请联系管理员接入。"))


def _faults(buyer_kind: str, name: str, number: str) -> list[InputFault]:
    found = []
    if buyer_kind not in BuyerKind.values:
        found.append(InputFault("buyer_kind", _("请选抬头类型。")))
    if not 2 <= len(name) <= 100:
        found.append(InputFault("title", _("抬头应为 2 到 100 个字。"), _("请填写全称。")))
    if buyer_kind == BuyerKind.ORGANIZATION and not number:
        found.append(InputFault("taxpayer_number", _("单位抬头要填纳税人识别号。")))
    elif number and FORMATS["social-credit"](number):
        what = _("纳税人识别号不对：应是 18 位统一社会信用代码。")
        found.append(InputFault("taxpayer_number", what, _("请逐位核对，末位是校验码。")))
    return found


def _masked(buyer_kind: str, name: str) -> str:
    """Names of organisations are public; a person's keeps its first and last sign."""
    if buyer_kind == BuyerKind.ORGANIZATION:
        return name
    return name[0] + "*" * max(len(name) - 2, 1) + (name[-1] if len(name) > 2 else "")


def _asked(row: Invoice, platform: TaxPlatform | None) -> tax.Asked:
    paid = row.of.payment_id if row.of is not None else row.payment_id
    charges = Charge.objects.filter(payment_id=paid).order_by("pk")
    lines = [(charge.title, charge.amount_fen) for charge in charges]
    if row.kind == InvoiceKind.RED or sum(fen for _t, fen in lines) != row.amount_fen:
        # money of an account has no charges of its own
        whole = "、".join(title for title, _fen in lines) or ACCOUNT_TITLE
        lines = [(whole, row.amount_fen)]
    return tax.Asked(
        key=row.key,
        kind=row.kind,
        amount_fen=row.amount_fen,
        lines=lines,
        buyer_name=row.buyer_name,
        buyer_number=row.buyer_number or "",
        seller_name=platform.seller_name if platform else "",
        seller_number=platform.seller_number if platform else "",
        red_of=row.of.number if row.of is not None else "",
    )
