"""Customers' accounts (账户): money paid in (缴费, 预存), and what it settles (销账).

Everything paid in becomes balance; from it open bills are settled at once, the oldest first. The
account's row is the lock; payments, bills and their settlements change only behind it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from kaitong.charging.choices import AccountKey, EntryKind, Method, PaymentKind
from kaitong.charging.closing import require_open_day
from kaitong.charging.errors import (
    ChargingConflict,
    ChargingForbidden,
    ChargingNotFound,
    ChargingRefused,
)
from kaitong.charging.invoices import red_letter
from kaitong.charging.journal import post
from kaitong.charging.models import Account, Bill, Payment
from kaitong.charging.policies import MOST, every_rules
from kaitong.core import clock, db, wording
from kaitong.core.ids import uuid7_text
from kaitong.core.locks import lock_row, lock_rows
from kaitong.core.rows import copy_in
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.party import queries as parties

CLERK = "clerk"
AT_COUNTER = {Method.CASH: AccountKey.CASH, Method.CARD: AccountKey.CARD}
PAID_BY = AT_COUNTER | {Method.RECHARGE: AccountKey.RECHARGE, Method.ONLINE: AccountKey.ONLINE}


def account_of(*, actor: Actor, customer_id: UUID) -> Account:
    """A customer's account, opened when first needed; another branch's customer is not found."""
    found = Account.objects.filter(customer_id=customer_id).first()
    if found is None:
        party = parties.own_party(actor, customer_id)
        Account.objects.bulk_create(
            [Account(branch_id=party.branch_id, customer_id=party.pk)], ignore_conflicts=True
        )
        found = Account.objects.get(customer_id=customer_id)
    if not actor.sees(found.branch_id):
        raise ChargingNotFound(_("没有这位客户的账户。"), _("请核对编号和所在分公司。"))
    return found


def require_till(actor: Actor) -> None:
    """Who takes and gives money at the counter: clerks and supervisors."""
    if not (actor.has_post(CLERK) or actor.is_supervisor):
        raise ChargingForbidden(_("只有营业员或班长可以收退费。"), _("请由营业员办理。"))


def receive(
    *,
    actor: Actor,
    customer_id: UUID,
    method: str,
    amount_fen: int,
    key: str,
    reference: str = "",
) -> Payment:
    """Take money for a customer's account at the counter (缴费, 预存), and settle open bills.

    The same `key` again returns the first payment; with another sum or method it is a conflict.
    """
    require_till(actor)
    if method not in AT_COUNTER:
        known = wording.several(str(one.label) for one in AT_COUNTER)
        raise ChargingRefused(_("没有这种收费方式。"), f"{_('可用：')}{known}", field="method")
    most = max((rule.payment_most for rule in every_rules().values()), default=MOST)
    if not 0 < amount_fen <= most:
        raise ChargingRefused(
            _("金额应在 0.01 元到 %(most)s 元之间。") % {"most": most // 100},
            _("请核对金额。"),
            field="amount",
        )
    account = account_of(actor=actor, customer_id=customer_id)
    return deposit(
        actor=actor,
        account_id=account.pk,
        method=Method(method),
        amount_fen=amount_fen,
        key=key,
        reference=reference,
    )


def deposit(
    *,
    actor: Actor,
    account_id: UUID,
    method: Method,
    amount_fen: int,
    key: str,
    reference: str = "",
) -> Payment:
    """Money came into an account, whichever way; open bills are settled with it, once a `key`."""
    with db.whole():
        account = lock_row(Account.objects.all(), account_id)
        assert account is not None
        done = Payment.objects.filter(account=account, order_id=None, key=key).first()
        if done is not None:
            if (done.amount_fen, done.method, done.kind) != (
                amount_fen,
                method,
                PaymentKind.PAYMENT,
            ):
                raise ChargingConflict(
                    _("这次操作已按另一金额或方式办理。"), _("请刷新页面查看收费记录。")
                )
            return done
        moment = clock.now()
        require_open_day(actor, moment)
        payment = Payment.objects.create(
            branch_id=account.branch_id,
            account=account,
            method=method,
            amount_fen=amount_fen,
            key=key,
            reference=reference[:80],
            clerk_id=actor.id,
            paid_at=moment,
        )
        account.balance_fen += amount_fen
        account.save(update_fields=["balance_fen"])
        post(
            actor,
            branch_id=account.branch_id,
            kind=EntryKind.PAYMENT,
            key=f"payment:{payment.pk}",
            lines={PAID_BY[method]: amount_fen, AccountKey.PREPAID: -amount_fen},
        )
        settle(actor, [account.pk])
    return payment


def take_back(
    *,
    actor: Actor,
    payment_id: UUID,
    key: str,
    reason: str,
    amount_fen: int | None = None,
    approved_by: UUID | None = None,
) -> Payment:
    """Give back money paid into an account at the counter (退费, 返销), all of it or so much.

    What it had settled is open again, the newest bills first. The same `key` again returns the
    same refund. What came by a recharge card or online is not given back here.
    """
    require_till(actor)
    if not reason.strip():
        raise ChargingRefused(_("没有填写退费原因。"), _("请填写原因。"), field="reason")
    if approved_by is not None and approved_by == actor.id:
        raise ChargingRefused(_("退费要由另一人复核。"), _("请由他人复核。"))
    with db.whole():
        seen = visible_to(Payment.objects.all(), actor).filter(pk=payment_id).first()
        if seen is None or seen.account_id is None or seen.order_id is not None:
            raise ChargingNotFound(_("没有这笔收费。"), _("请核对编号和所在分公司。"))
        account = lock_row(Account.objects.all(), seen.account_id)
        assert account is not None
        original = Payment.objects.select_for_update(no_key=True).get(pk=payment_id)
        done = Payment.objects.filter(account=account, order_id=None, key=key).first()
        if done is not None:
            if done.refund_of_id != original.pk or amount_fen not in (None, done.amount_fen):
                raise ChargingConflict(
                    _("这次操作已按另一金额退费。"), _("请刷新页面，核对后再退。")
                )
            return done
        fen = _returnable(original, amount_fen)
        _may_return(actor, fen)
        moment = clock.now()
        require_open_day(actor, moment)
        if fen > account.balance_fen:
            _open_again(actor, account, fen - account.balance_fen)
        refund = Payment.objects.create(
            branch_id=account.branch_id,
            account=account,
            kind=PaymentKind.REFUND,
            method=original.method,
            amount_fen=fen,
            key=key,
            reason=reason.strip()[:200],
            refund_of=original,
            approved_by=approved_by,
            clerk_id=actor.id,
            paid_at=moment,
        )
        red_letter(actor=actor, refund=refund)
        account.balance_fen -= fen
        account.save(update_fields=["balance_fen"])
        post(
            actor,
            branch_id=account.branch_id,
            kind=EntryKind.REFUND,
            key=f"refund:{refund.pk}",
            lines={AccountKey.PREPAID: fen, PAID_BY[Method(original.method)]: -fen},
        )
    return refund


def _may_return(actor: Actor, fen: int) -> None:
    """Much money goes back by a supervisor's hand (`refund_approval_above`)."""
    most = [r.refund_most for r in every_rules().values() if r.refund_most is not None]
    if most and fen > min(most) and not actor.is_supervisor:
        raise ChargingForbidden(
            _("一次退费超过 %(most)s 元由班长办理。") % {"most": min(most) // 100},
            _("请班长登录后退费。"),
        )


def returnable_fen(payment: Payment) -> int:
    """What may still be given back of a payment into an account at the counter."""
    if payment.kind != PaymentKind.PAYMENT or payment.method not in AT_COUNTER:
        return 0
    if payment.order_id is not None:
        return 0
    back = payment.refunds.aggregate(sum=Sum("amount_fen"))["sum"] or 0
    return payment.amount_fen - int(back)


def _returnable(payment: Payment, amount_fen: int | None) -> int:
    if payment.kind == PaymentKind.PAYMENT and payment.method not in AT_COUNTER:
        raise ChargingRefused(
            _("充值卡和线上支付的款项不在柜台退。"), _("请按原支付渠道的规定办理。")
        )
    left = returnable_fen(payment)
    fen = left if amount_fen is None else amount_fen
    if not 0 < fen <= left:
        raise ChargingConflict(_("退费金额超过已收未退的金额。"), _("请刷新页面，核对后再退。"))
    return fen


# ---- settling ------------------------------------------------------------------------------------

_PARTS = """
WITH open AS (
    SELECT b.id, b.account_id, b.branch_id, a.balance_fen, b.total_fen - b.paid_fen AS fen,
        sum(b.total_fen - b.paid_fen) OVER (PARTITION BY b.account_id ORDER BY b.month, b.id)
            - (b.total_fen - b.paid_fen) AS before
    FROM charging_bill b JOIN charging_account a ON a.id = b.account_id
    WHERE b.account_id = ANY(%s) AND b.paid_fen < b.total_fen AND a.balance_fen > 0
)
SELECT id, account_id, branch_id, LEAST(fen, balance_fen - before)::bigint AS fen
FROM open WHERE balance_fen > before ORDER BY account_id, before
"""
_PAY = """
WITH part AS (
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS p(bill, account, fen)
), paid AS (
    UPDATE charging_bill b SET paid_fen = b.paid_fen + p.fen,
        settled_at = CASE WHEN b.paid_fen + p.fen = b.total_fen THEN %s ELSE b.settled_at END
    FROM part p WHERE b.id = p.bill
)
UPDATE charging_account a SET balance_fen = a.balance_fen - p.fen
FROM (SELECT account, sum(fen) AS fen FROM part GROUP BY account) p WHERE a.id = p.account
"""


def settle(actor: Actor, account_ids: Collection[UUID]) -> int:
    """Use these accounts' balances for their open bills, the oldest first; fen settled.

    Within a transaction that holds the accounts' locks. A set: so many accounts, so few statements.
    """
    parts = db.rows(_PARTS, [list(account_ids)])
    if not parts:
        return 0
    fens = [p["fen"] for p in parts]
    bills, owners = [p["id"] for p in parts], [p["account_id"] for p in parts]
    db.execute(_PAY, [bills, owners, fens, clock.now()])
    by_branch: dict[UUID, list[tuple[UUID, UUID, int]]] = {}
    for p in parts:
        mine = by_branch.setdefault(p["branch_id"], [])
        mine.append((p["account_id"], p["id"], p["fen"]))
    for branch_id, mine in sorted(by_branch.items()):
        _settled(actor, branch_id, mine)
    return sum(fens)


def release(actor: Actor, bill: Bill, fen: int) -> None:
    """So much of what settled a bill goes back to the balance: the bill is less, or open again.
    The caller holds the account and saves the bill."""
    bill.paid_fen -= fen
    bill.settled_at = None if bill.paid_fen < bill.total_fen else bill.settled_at
    Account.objects.filter(pk=bill.account_id).update(balance_fen=_balance(bill.account_id) + fen)
    _settled(actor, bill.branch_id, [(bill.account_id, bill.pk, -fen)])


def _balance(account_id: UUID) -> int:
    return Account.objects.values_list("balance_fen", flat=True).get(pk=account_id)


_SETTLEMENT = ("id", "created_at", "account_id", "bill_id", "amount_fen", "entry_id")


def _settled(actor: Actor, branch_id: UUID, rows: Sequence[tuple[UUID, UUID, int]]) -> None:
    """Write down and post so many fen of these accounts to these bills, of one branch."""
    ids = [uuid7_text() for _row in rows]
    total = sum(fen for _account, _bill, fen in rows)
    entry = post(
        actor,
        branch_id=branch_id,
        kind=EntryKind.SETTLE,
        key=f"settle:{ids[0]}",
        lines={AccountKey.PREPAID: total, AccountKey.BILL: -total},
    )
    moment = clock.now()
    copy_in(
        "charging_settlement",
        _SETTLEMENT,
        ((one, moment, *row, entry.pk) for one, row in zip(ids, rows, strict=True)),
    )


def _open_again(actor: Actor, account: Account, wanted: int) -> None:
    """Bills that were settled with money that goes back are open again, the newest first."""
    for bill in Bill.objects.filter(account=account, paid_fen__gt=0).order_by("-month", "-pk"):
        fen = min(wanted, bill.paid_fen)
        release(actor, bill, fen)
        bill.save(update_fields=["paid_fen", "settled_at"])
        wanted -= fen
        if not wanted:
            break
    account.refresh_from_db(fields=["balance_fen"])
    if wanted:
        raise ChargingConflict(_("账户余额不足以退这笔费用。"), _("请刷新页面，核对后再退。"))


def lock_accounts(ids: Iterable[UUID]) -> list[Account]:
    """The accounts, locked in the order of their keys."""
    return lock_rows(Account.objects.all(), set(ids))


@transaction.atomic
def settle_open(*, actor: Actor, customer_id: UUID) -> int:
    """Use a customer's balance for his open bills now; fen settled. Again settles nothing."""
    account = account_of(actor=actor, customer_id=customer_id)
    lock_accounts([account.pk])
    return settle(actor, [account.pk])
