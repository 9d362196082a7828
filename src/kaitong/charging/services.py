"""Public verbs of charging. Every one may be repeated and run twice at once: the rows of an order's
charges are the lock, keys make repetition harmless."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.charging.accounts import account_of, receive, settle_open, take_back
from kaitong.charging.billing import run as run_billing
from kaitong.charging.choices import AccountKey, ChargeState, EntryKind, Method, PaymentKind
from kaitong.charging.closing import close_day, confirm_day, reopen_day, require_open_day
from kaitong.charging.errors import ChargingConflict, ChargingNotFound, ChargingRefused
from kaitong.charging.invoices import drain as drain_invoices
from kaitong.charging.invoices import (
    red_letter,
    register_tax_platform,
    request_invoice,
    retry_invoice,
)
from kaitong.charging.journal import post
from kaitong.charging.lines import take_off
from kaitong.charging.models import Charge, Payment
from kaitong.charging.policies import put_policy
from kaitong.charging.rents import (
    NewRent,
    begin_rent,
    bill_service,
    change_rent,
    end_rent,
    transfer_rent,
)
from kaitong.core import clock, db, plain, wording
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_rows

__all__ = [
    "COLLECTED",
    "NewCharge",
    "NewRent",
    "begin_rent",
    "bill_service",
    "change_rent",
    "close_day",
    "confirm_day",
    "drain_invoices",
    "end_rent",
    "pay",
    "put_policy",
    "raise_charges",
    "receive",
    "refund",
    "register_tax_platform",
    "reopen_day",
    "request_invoice",
    "retry_invoice",
    "run_billing",
    "settle_open",
    "take_back",
    "transfer_rent",
    "void_due",
]

COUNTER_ACCOUNT = {
    Method.CASH: AccountKey.CASH,
    Method.CARD: AccountKey.CARD,
    Method.BILL: AccountKey.BILL,
}
COLLECTED = (ChargeState.PAID, ChargeState.BILLED)


@dataclass(frozen=True, slots=True)
class NewCharge:
    """A charge to raise. ``code`` is unique within the item: ``install``, ``monthly-2026-10``."""

    code: str
    title: str
    amount_fen: int
    item: str = ""
    note: str = ""
    refund_rule: str = ""


_POSTED = "select key from charging_journalentry where key = any(%s::text[])"


def raise_charges(
    *, actor: Actor, branch_id: UUID, order_id: UUID, charges: Iterable[NewCharge]
) -> list[Charge]:
    """Put charges on an order, due. Raised already (same item and code) they stay as they are.

    A charge of nothing is not raised. Receivable against revenue.
    """
    wanted = [one for one in charges if one.amount_fen]
    if any(one.amount_fen < 0 for one in wanted):
        raise ChargingRefused(_("费用不能为负数。"), _("退费请用退费办理。"))
    if not actor.sees(branch_id):
        raise ChargingNotFound(_("没有这个订单。"))
    if not wanted:
        return []
    with db.whole():
        for one in wanted:  # one that was raised before stays as it is
            plain.add(
                Charge(
                    branch_id=branch_id,
                    order_id=order_id,
                    item=one.item,
                    code=one.code,
                    title=one.title,
                    note=one.note,
                    amount_fen=one.amount_fen,
                    refund_rule=one.refund_rule,
                )
            )
        rows = _locked(actor, order_id)
        known = {(one.item, one.code) for one in wanted}
        asked = [row for row in rows if (row.item, row.code) in known]
        keys = plain.array(_charge_key(row) for row in asked)
        posted = {key for (key,) in plain.ask(_POSTED, [keys])}
        for row in asked:
            if _charge_key(row) not in posted:
                _post(
                    actor,
                    row,
                    EntryKind.CHARGE,
                    _charge_key(row),
                    {AccountKey.RECEIVABLE: row.amount_fen, AccountKey.REVENUE: -row.amount_fen},
                )
    return asked


def pay(
    *,
    actor: Actor,
    order_id: UUID,
    method: str,
    key: str,
    reference: str = "",
    expected_fen: int | None = None,
    customer_id: UUID | None = None,
) -> Payment:
    """Collect all that is due on an order (收费), or put it on the bill (并入账单, TAR-09).

    On the bill it comes with the next one of the account of `customer_id`.

    The same ``key`` again returns the first payment: a double click changes nothing. Another key
    when all is collected is a conflict. ``expected_fen`` is what the page showed: a different sum
    by now is a conflict too, so nobody pays what he did not see.
    """
    chosen = _method(method)
    with transaction.atomic():
        rows = _locked(actor, order_id)
        done = Payment.objects.filter(order_id=order_id, key=key).first()
        if done is not None:
            if done.kind != PaymentKind.PAYMENT or done.method != chosen:
                raise ChargingConflict(_("这次操作已按另一方式办理。"), _("请刷新页面。"))
            return done
        due = [row for row in rows if row.state == ChargeState.DUE]
        if not due:
            if any(row.state in COLLECTED for row in rows):
                raise ChargingConflict(_("费用已收。"), _("请刷新页面查看收费记录。"))
            raise ChargingRefused(_("没有待收的费用。"), _("无需收费。"))
        total = sum(row.amount_fen for row in due)
        if expected_fen is not None and expected_fen != total:
            raise ChargingConflict(_("应收金额已变动。"), _("请刷新页面，核对后再收。"))
        moment, billed = clock.now(), chosen is Method.BILL
        if not billed:
            require_open_day(actor, moment)
        payment = Payment.objects.create(
            branch_id=due[0].branch_id,
            order_id=order_id,
            account=account_of(actor=actor, customer_id=customer_id)
            if billed and customer_id is not None
            else None,
            method=chosen,
            amount_fen=total,
            key=key,
            reference=reference,
            clerk_id=actor.id,
            paid_at=moment,
        )
        state = ChargeState.BILLED if chosen is Method.BILL else ChargeState.PAID
        Charge.objects.filter(pk__in=[row.pk for row in due]).update(state=state, payment=payment)
        _post(
            actor,
            payment,
            EntryKind.PAYMENT,
            f"payment:{payment.pk}",
            {COUNTER_ACCOUNT[chosen]: total, AccountKey.RECEIVABLE: -total},
        )
    return payment


def refund(
    *,
    actor: Actor,
    order_id: UUID,
    key: str,
    reason: str,
    amounts: Mapping[UUID, int] | None = None,
    approved_by: UUID | None = None,
) -> list[Payment]:
    """Give back what was collected (退费), the way it was paid; one refund for each payment.

    ``amounts`` maps charges to fen; without it everything not yet given back is. The same ``key``
    again returns the same refunds, and with another sum is a conflict. ``approved_by`` is the
    second person, where one had to agree.
    """
    if approved_by is not None and approved_by == actor.id:
        raise ChargingRefused(_("退费要由另一人复核。"), _("请由他人复核。"))
    if not reason.strip():
        raise ChargingRefused(_("没有填写退费原因。"), _("请填写原因。"), field="reason")
    with transaction.atomic():
        rows = _locked(actor, order_id)
        done = list(
            Payment.objects.filter(order_id=order_id, key__startswith=f"{key}#").order_by("pk")
        )
        if done:
            asked = None if amounts is None else sum(amounts.values())
            if asked is not None and asked != sum(row.amount_fen for row in done):
                raise ChargingConflict(
                    _("这次操作已按另一金额退费。"), _("请刷新页面，核对后再退。")
                )
            return done
        back = _to_give_back(rows, amounts)
        return [
            _refund_one(
                actor,
                payment_id,
                parts,
                key=f"{key}#{number}",
                reason=reason.strip(),
                approved_by=approved_by,
            )
            for number, (payment_id, parts) in enumerate(sorted(back.items()), start=1)
        ]


def void_due(
    *, actor: Actor, order_id: UUID, charge_ids: Collection[UUID] | None = None
) -> list[Charge]:
    """Take back charges nobody paid, all of them or these. Nothing due: nothing happens."""
    with transaction.atomic():
        due = [
            row
            for row in _locked(actor, order_id, may_be_none=True)
            if row.state == ChargeState.DUE and (charge_ids is None or row.pk in charge_ids)
        ]
        for row in due:
            row.state = ChargeState.VOID
            row.save(update_fields=["state"])
            _post(
                actor,
                row,
                EntryKind.VOID,
                f"void:{row.pk}",
                {AccountKey.REVENUE: row.amount_fen, AccountKey.RECEIVABLE: -row.amount_fen},
            )
    return due


# ------------------------------------------------------------------ inside


def _locked(actor: Actor, order_id: UUID, *, may_be_none: bool = False) -> list[Charge]:
    """All charges of an order, locked in primary key order: the lock of every verb here."""
    rows = visible_rows(Charge, actor, "order_id = %s", [order_id], "order by id for no key update")
    if not rows and not may_be_none:
        if Charge.objects.filter(order_id=order_id).exists():
            raise ChargingNotFound(_("没有这个订单。"), _("请核对编号和所在分公司。"))
        raise ChargingRefused(_("没有待收的费用。"), _("无需收费。"))
    return rows


def _to_give_back(
    rows: Sequence[Charge], amounts: Mapping[UUID, int] | None
) -> dict[UUID, list[tuple[Charge, int]]]:
    """Charges and fen to give back, by the payment that collected them."""
    open_rows = {r.pk: r for r in rows if r.state in COLLECTED and r.refunded_fen < r.amount_fen}
    wanted = (
        {pk: row.amount_fen - row.refunded_fen for pk, row in open_rows.items()}
        if amounts is None
        else {pk: fen for pk, fen in amounts.items() if fen}
    )
    if not wanted:
        raise ChargingRefused(_("没有可退的费用。"), _("请查看收费记录。"))
    by_payment: dict[UUID, list[tuple[Charge, int]]] = {}
    for pk, fen in sorted(wanted.items()):
        row = open_rows.get(pk)
        if row is None or not 0 < fen <= row.amount_fen - row.refunded_fen or not row.payment_id:
            raise ChargingConflict(_("退费金额超过已收未退的金额。"), _("请刷新页面，核对后再退。"))
        by_payment.setdefault(row.payment_id, []).append((row, fen))
    return by_payment


def _refund_one(
    actor: Actor,
    payment_id: UUID,
    parts: Sequence[tuple[Charge, int]],
    *,
    key: str,
    reason: str,
    approved_by: UUID | None,
) -> Payment:
    # Locked as `request_invoice` does: an invoice being asked for now is waited for and taken back.
    original = Payment.objects.select_for_update(no_key=True).get(pk=payment_id)
    total = sum(fen for _row, fen in parts)
    moment = clock.now()
    if original.method != Method.BILL:
        require_open_day(actor, moment)
    payment = Payment.objects.create(
        branch_id=original.branch_id,
        order_id=original.order_id,
        account_id=original.account_id,
        kind=PaymentKind.REFUND,
        method=original.method,
        amount_fen=total,
        key=key,
        reason=reason[:200],
        refund_of=original,
        approved_by=approved_by,
        clerk_id=actor.id,
        paid_at=moment,
    )
    red_letter(actor=actor, refund=payment)  # its invoice is taken back with it (F-31)
    for row, fen in parts:
        row.refunded_fen += fen
        row.refund = payment
        if row.refunded_fen == row.amount_fen:
            row.state = ChargeState.REFUNDED
        row.save(update_fields=["refunded_fen", "refund", "state"])
    _post(
        actor,
        payment,
        EntryKind.REFUND,
        f"refund:{payment.pk}",
        {AccountKey.REVENUE: total, COUNTER_ACCOUNT[Method(original.method)]: -total},
    )
    if original.method == Method.BILL:
        for row, fen in parts:
            take_off(actor, payment, row, fen)
    return payment


def _method(method: str) -> Method:
    if method in COUNTER_ACCOUNT:
        return Method(method)
    known = wording.several(str(one.label) for one in COUNTER_ACCOUNT)
    raise ChargingRefused(_("没有这种收费方式。"), f"{_('可用：')}{known}", field="method")


def _charge_key(row: Charge) -> str:
    return f"charge:{row.pk}"


def _post(
    actor: Actor,
    about: Charge | Payment,
    kind: EntryKind,
    key: str,
    lines: Mapping[AccountKey, int],
) -> None:
    post(
        actor,
        branch_id=about.branch_id,
        order_id=about.order_id,
        kind=kind,
        key=key,
        lines=lines,
    )
