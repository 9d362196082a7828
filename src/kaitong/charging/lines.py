"""Lines of bills: what rents and charges put on the bill come to, as sets.

The core of the billing run and of every correction: it computes what a month should have come to,
looks at what was billed before, and adds the difference. Again it adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from django.db.models import Count, Sum
from django.utils import timezone

from kaitong.charging import accounts
from kaitong.charging.choices import AccountKey, ChargeState, EntryKind, LineKind
from kaitong.charging.days import start_of, today
from kaitong.charging.journal import post
from kaitong.charging.models import Bill, BillLine, Charge, Payment, Rent
from kaitong.charging.policies import Rules, every_rules
from kaitong.charging.proration import Paused, month_due, next_month
from kaitong.core import clock
from kaitong.inventory import queries as inventory
from kaitong.org.actor import Actor


@dataclass(frozen=True, slots=True)
class Billed:
    """What a step of billing added."""

    services: int = 0
    lines: int = 0
    total_fen: int = 0


def bill_rents(
    actor: Actor,
    rents: Sequence[Rent],
    month: date,
    *,
    through: date | None = None,
    charges: bool = True,
) -> Billed:
    """Bring the bills of a month up to what these rents come to, and settle from the balances.

    The caller holds the accounts' locks and has read the rents behind them. `through` cuts a month
    that has not ended; `charges` takes along what was put on the bill (并入账单).
    """
    end = next_month(month)
    cut = end if through is None else min(through, end)
    made = _of_rents(rents, month, cut)
    owners = {row.pk: row.account_id for row in rents}
    found = [(owners[line.rent_id], line) for line in made if line.rent_id]
    if charges:
        found += _of_charges({row.account_id for row in rents}, month, cut)
    done = _write(actor, found, month, {row.account_id: row.playbook for row in rents})
    stale = [row for row in rents if row.billed_to is None or row.billed_to < cut]
    for row in stale:
        row.billed_to = cut
    Rent.objects.bulk_update(stale, ["billed_to"], batch_size=1000)
    return Billed(len({row.service_id for row in rents}), len(found), done)


def bill_charges(actor: Actor, account_ids: Iterable[UUID], month: date) -> Billed:
    """Put on the bill of a month what accounts without rents have there (并入账单)."""
    found = _of_charges(set(account_ids), month, next_month(month))
    return Billed(0, len(found), _write(actor, found, month, {}))


def take_off(actor: Actor, refund: Payment, charge: Charge, fen: int) -> None:
    """A charge that stands on a bill is given back (冲减): the bill is less by so much.

    What had been paid of it goes to the balance. Not on a bill yet: it will stand there as less.
    """
    account_id = Payment.objects.values_list("account_id", flat=True).get(pk=charge.payment_id)
    if account_id is None:
        return
    accounts.lock_accounts([account_id])
    line = BillLine.objects.filter(charge=charge, kind=LineKind.CHARGE).first()
    if line is None:
        return
    bill = Bill.objects.get(pk=line.bill_id)
    BillLine.objects.create(
        bill=bill,
        kind=LineKind.REFUND,
        month=bill.month,
        charge=charge,
        refund=refund,
        title=charge.title,
        amount_fen=-fen,
    )
    _change(actor, bill, -fen)
    bill.save(update_fields=["total_fen", "paid_fen", "settled_at"])
    accounts.settle(actor, [account_id])


# ---- inside --------------------------------------------------------------------------------------


def _of_rents(rents: Sequence[Rent], month: date, cut: date) -> list[BillLine]:
    ids = [row.pk for row in rents]
    before = {
        row["rent"]: (row["sum"], row["n"])
        for row in BillLine.objects.filter(rent__in=ids, month=month)
        .values("rent")
        .annotate(sum=Sum("amount_fen"), n=Count("pk"))
    }
    pauses = _pauses(rents, month, cut)
    lines = []
    for row in rents:
        until = cut if row.until is None else min(row.until, cut)
        due = month_due(
            row.amount_fen, row.prorate, row.since, until, pauses.get(row.pk, ()), month
        )
        billed, number = before.get(row.pk, (0, 0))
        target = due.amount_fen if due else 0
        if (not number and due is None) or (number and target == billed):
            continue
        lines.append(
            BillLine(
                kind=LineKind.CORRECTION if number else LineKind.RENT,
                service_id=row.service_id,
                rent=row,
                month=month,
                number=number + 1,
                title=row.title,
                amount_fen=target - billed,
                days=due.days if due else 0,
                paused_days=due.paused_days if due else 0,
                of_days=due.of_days if due else (next_month(month) - month).days,
                since=due.since if due else None,
            )
        )
    return lines


def _pauses(rents: Sequence[Rent], month: date, cut: date) -> dict[UUID, list[Paused]]:
    """Days the services stood still in a month, priced as the rents' playbooks say, by rent."""
    found: dict[UUID, list[Paused]] = {}
    ids = {row.service_id for row in rents}
    stood = inventory.suspended_between(ids, start_of(month), start_of(cut))
    if not stood:
        return found
    rules = every_rules()
    for row in rents:
        said = rules.get(row.playbook, Rules())
        for one in stood.get(row.service_id, ()):
            percent, keep = said.paused(one.kind)
            until = timezone.localdate(one.ended_at) if one.ended_at else None
            paused = Paused(timezone.localdate(one.since), until, percent, keep)
            found.setdefault(row.pk, []).append(paused)
    return found


def _of_charges(account_ids: set[UUID], month: date, cut: date) -> list[tuple[UUID, BillLine]]:
    """Charges that were put on the bill before this day and stand on none yet."""
    rows = Charge.objects.filter(
        state=ChargeState.BILLED,
        payment__account__in=account_ids,
        payment__paid_at__lt=start_of(cut),
        lines=None,
    )
    return [
        (
            account_id,
            BillLine(
                kind=LineKind.CHARGE,
                charge=row,
                month=month,
                title=row.title,
                amount_fen=row.amount_fen - row.refunded_fen,
            ),
        )
        for row, account_id in (
            (row, row.payment.account_id) for row in rows.select_related("payment").order_by("pk")
        )
        if row.payment is not None and account_id is not None
    ]


def _write(
    actor: Actor,
    found: Sequence[tuple[UUID, BillLine]],
    month: date,
    playbooks: dict[UUID, str],
) -> int:
    """Write lines onto the bills of their accounts; the fen they come to."""
    if not found:
        return 0
    bills = _bills({account_id for account_id, _line in found}, month, playbooks)
    sums: dict[UUID, int] = {}
    earned: dict[UUID, int] = {}  # by branch: what rents came to; charges were posted when paid
    for account_id, line in found:
        bill = bills[account_id]
        line.bill = bill
        sums[account_id] = sums.get(account_id, 0) + line.amount_fen
        if line.rent_id:
            earned[bill.branch_id] = earned.get(bill.branch_id, 0) + line.amount_fen
    entries = {
        branch_id: post(
            actor,
            branch_id=branch_id,
            kind=EntryKind.BILL,
            key=f"bill:{next(ln.pk for _a, ln in found if ln.bill.branch_id == branch_id)}",
            lines={AccountKey.BILL: fen, AccountKey.REVENUE: -fen},
        )
        for branch_id, fen in sorted(earned.items())
        if fen
    }
    for _account_id, line in found:
        if line.rent_id:
            line.entry = entries.get(line.bill.branch_id)
    BillLine.objects.bulk_create([line for _a, line in found], batch_size=1000)
    for account_id, fen in sums.items():
        _change(actor, bills[account_id], fen)
    Bill.objects.bulk_update(
        [bills[a] for a in sums], ["total_fen", "paid_fen", "settled_at"], batch_size=1000
    )
    accounts.settle(actor, list(sums))
    return sum(sums.values())


def _change(actor: Actor, bill: Bill, fen: int) -> None:
    """A bill is more or less by so much; what is paid beyond it goes to the balance."""
    bill.total_fen += fen
    if bill.paid_fen > bill.total_fen:
        accounts.release(actor, bill, bill.paid_fen - bill.total_fen)
    if bill.paid_fen == bill.total_fen:
        bill.settled_at = bill.settled_at or clock.now()
    else:
        bill.settled_at = None


def _bills(account_ids: set[UUID], month: date, playbooks: dict[UUID, str]) -> dict[UUID, Bill]:
    """The bills of a month by account, made where there are none."""
    rows = {b.account_id: b for b in Bill.objects.filter(account__in=account_ids, month=month)}
    missing = account_ids - rows.keys()
    if missing:
        rules = every_rules()
        this_day = today()
        owners = accounts.Account.objects.filter(pk__in=missing)
        made = [
            Bill(
                branch_id=owner.branch_id,
                account=owner,
                month=month,
                due_on=this_day
                + timedelta(days=rules.get(playbooks.get(owner.pk, ""), Rules()).bill_due_days),
            )
            for owner in owners.order_by("pk")
        ]
        Bill.objects.bulk_create(made, batch_size=1000)
        rows |= {bill.account_id: bill for bill in made}
    return rows
