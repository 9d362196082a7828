"""Lines of bills: what rents and charges put on the bill come to, as sets.

The core of the billing run and of every correction: it computes what a month should have come to,
looks at what was billed before, and adds the difference. Again it adds nothing. A run handles
hundreds of thousands: a batch is a few statements, its rows are written by COPY and never become
models, and what the same sum comes to over the same days is computed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

from django.utils import timezone

from kaitong.charging import accounts
from kaitong.charging.choices import AccountKey, ChargeState, EntryKind, LineKind
from kaitong.charging.days import start_of, today
from kaitong.charging.journal import post
from kaitong.charging.models import Bill, BillLine, Charge, Payment
from kaitong.charging.policies import Rules, every_rules
from kaitong.charging.proration import Month, Paused, month_due, next_month
from kaitong.core import clock, db
from kaitong.core.ids import uuid7_text
from kaitong.core.rows import copy_in
from kaitong.inventory import queries as inventory
from kaitong.org.actor import Actor


@dataclass(frozen=True, slots=True)
class Billed:
    """What a step of billing added."""

    services: int = 0
    lines: int = 0
    total_fen: int = 0


class Rental(Protocol):
    """What billing reads of a rent: the model, or the row of a run."""

    @property
    def pk(self) -> UUID: ...

    account_id: UUID
    service_id: UUID
    playbook: str
    title: str
    amount_fen: int
    prorate: str
    since: date
    until: date | None
    billed_to: date | None


@dataclass(slots=True)
class Line:
    """A line that is to be written."""

    account_id: UUID
    kind: LineKind
    title: str
    amount_fen: int
    service_id: UUID | None = None
    rent_id: UUID | None = None
    number: int = 1
    charge_id: UUID | None = None
    days: int | None = None
    paused_days: int = 0
    of_days: int | None = None
    since: date | None = None


def bill_rents(
    actor: Actor,
    rents: Sequence[Rental],
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
    found = _of_rents(rents, month, cut)
    if charges:
        found += _of_charges({row.account_id for row in rents}, month, cut)
    done = _write(actor, found, month, {row.account_id: row.playbook for row in rents})
    stale = [row for row in rents if row.billed_to is None or row.billed_to < cut]
    if stale:
        db.execute(_BILLED_TO, [cut, [row.pk for row in stale]])
    for row in stale:
        row.billed_to = cut
    return Billed(len({row.service_id for row in rents}), len(found), done)


def coming(rents: Sequence[Rental], month: date, through: date) -> int:
    """What `bill_rents` would add to the bills of a month, in fen: nothing is written."""
    cut = min(through, next_month(month))
    return sum(line.amount_fen for line in _of_rents(rents, month, cut))


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

_BILLED_TO = "UPDATE charging_rent SET billed_to = %s WHERE id = ANY(%s)"
_BEFORE = """
SELECT rent_id, sum(amount_fen)::bigint AS fen, count(*) AS n
FROM charging_billline WHERE rent_id = ANY(%s) AND month = %s GROUP BY rent_id
"""
_BILLS = """
SELECT a.id AS account_id, a.branch_id, b.id::text AS id, b.total_fen, b.paid_fen
FROM charging_account a LEFT JOIN charging_bill b ON b.account_id = a.id AND b.month = %s
WHERE a.id = ANY(%s)
"""
_MORE = """
UPDATE charging_bill b SET total_fen = b.total_fen + p.fen,
    settled_at = CASE WHEN b.paid_fen = b.total_fen + p.fen THEN coalesce(b.settled_at, %s) END
FROM unnest(%s::uuid[], %s::bigint[]) AS p(id, fen) WHERE b.id = p.id
"""
_BILL = (
    "id", "created_at", "branch_id", "account_id", "month", "total_fen", "paid_fen", "due_on",
    "settled_at",
)  # fmt: skip
_LINE = (
    "id", "created_at", "bill_id", "kind", "service_id", "rent_id", "month", "number", "charge_id",
    "refund_id", "title", "amount_fen", "days", "paused_days", "of_days", "since", "entry_id",
)  # fmt: skip


def _of_rents(rents: Sequence[Rental], month: date, cut: date) -> list[Line]:
    before = {
        row["rent_id"]: (row["fen"], row["n"])
        for row in db.rows(_BEFORE, [[row.pk for row in rents], month])
    }
    pauses = _pauses(rents, month, cut)
    end = next_month(month)
    lines = []
    for row in rents:
        rent_id = row.pk
        until = cut if row.until is None else min(row.until, cut)
        paused = pauses.get(rent_id)
        if paused:
            due = month_due(row.amount_fen, row.prorate, row.since, until, paused, month)
        else:
            first = max(row.since, month)
            due = _plain(row.amount_fen, row.prorate, first, min(until, end), month)
        billed, number = before.get(rent_id, (0, 0))
        target = due.amount_fen if due else 0
        if (not number and due is None) or (number and target == billed):
            continue
        lines.append(
            Line(
                account_id=row.account_id,
                kind=LineKind.CORRECTION if number else LineKind.RENT,
                service_id=row.service_id,
                rent_id=rent_id,
                number=number + 1,
                title=row.title,
                amount_fen=target - billed,
                days=due.days if due else 0,
                paused_days=due.paused_days if due else 0,
                of_days=due.of_days if due else (end - month).days,
                since=due.since if due else None,
            )
        )
    return lines


@lru_cache(maxsize=4096)
def _plain(amount_fen: int, prorate: str, first: date, last: date, month: date) -> Month | None:
    """What a sum comes to over days of a month without pauses: the same for all who pay it."""
    return month_due(amount_fen, prorate, first, last, (), month)


def _pauses(rents: Sequence[Rental], month: date, cut: date) -> dict[UUID, list[Paused]]:
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


def _of_charges(account_ids: set[UUID], month: date, cut: date) -> list[Line]:
    """Charges that were put on the bill before this day and stand on none yet."""
    rows = Charge.objects.filter(
        state=ChargeState.BILLED,
        payment__account__in=account_ids,
        payment__paid_at__lt=start_of(cut),
        lines=None,
    ).order_by("pk")
    return [
        Line(
            account_id=account_id,
            kind=LineKind.CHARGE,
            charge_id=charge_id,
            title=title,
            amount_fen=fen - refunded,
        )
        for charge_id, account_id, title, fen, refunded in rows.values_list(
            "pk", "payment__account", "title", "amount_fen", "refunded_fen"
        )
    ]


def _write(actor: Actor, found: Sequence[Line], month: date, playbooks: Mapping[UUID, str]) -> int:
    """Write lines onto the bills of their accounts; the fen they come to."""
    if not found:
        return 0
    sums: dict[UUID, int] = {}
    for line in found:
        sums[line.account_id] = sums.get(line.account_id, 0) + line.amount_fen
    bills = {row["account_id"]: row for row in db.rows(_BILLS, [month, list(sums)])}
    _put_bills(actor, bills, sums, month, playbooks)
    earned: dict[UUID, int] = {}  # by branch: what rents came to; charges were posted when paid
    names: dict[UUID, str] = {}  # by branch: the line its entry is named after
    rows = []
    for line in found:
        line_id = uuid7_text()
        branch_id = bills[line.account_id]["branch_id"]
        if line.rent_id:
            earned[branch_id] = earned.get(branch_id, 0) + line.amount_fen
            names.setdefault(branch_id, line_id)
        rows.append((line_id, branch_id, line))
    entries = {
        branch_id: post(
            actor,
            branch_id=branch_id,
            kind=EntryKind.BILL,
            key=f"bill:{names[branch_id]}",
            lines={AccountKey.BILL: fen, AccountKey.REVENUE: -fen},
        ).pk
        for branch_id, fen in sorted(earned.items())
        if fen
    }
    moment = clock.now()

    def written() -> Iterator[tuple[Any, ...]]:
        for line_id, branch_id, line in rows:
            yield (
                line_id, moment, bills[line.account_id]["id"], line.kind, line.service_id,
                line.rent_id, month, line.number, line.charge_id, None, line.title,
                line.amount_fen, line.days, line.paused_days, line.of_days, line.since,
                entries.get(branch_id) if line.rent_id else None,
            )  # fmt: skip

    copy_in("charging_billline", _LINE, written())
    accounts.settle(actor, list(sums))
    return sum(sums.values())


def _put_bills(
    actor: Actor,
    bills: Mapping[UUID, dict[str, Any]],
    sums: Mapping[UUID, int],
    month: date,
    playbooks: Mapping[UUID, str],
) -> None:
    """Bring the bills of a month, by account, up by these sums: new ones are made with theirs."""
    rules, this_day, moment = every_rules(), today(), clock.now()
    due = {key: this_day + timedelta(days=said.bill_due_days) for key, said in rules.items()}
    usual = this_day + timedelta(days=Rules().bill_due_days)
    made, more, less = [], [], []
    for account_id, row in bills.items():
        fen = sums[account_id]
        if row["id"] is None:
            row["id"] = uuid7_text()
            due_on = due.get(playbooks.get(account_id, ""), usual)
            made.append(
                (
                    row["id"], moment, row["branch_id"], account_id, month, fen, 0, due_on,
                    None if fen else moment,
                )
            )  # fmt: skip
        elif row["paid_fen"] > row["total_fen"] + fen:
            less.append((row["id"], fen))
        else:
            more.append((row["id"], fen))
    if made:
        copy_in("charging_bill", _BILL, made)
    if more:
        db.execute(_MORE, [moment, [one for one, _fen in more], [fen for _one, fen in more]])
    for bill_id, fen in less:
        bill = Bill.objects.get(pk=bill_id)
        _change(actor, bill, fen)
        bill.save(update_fields=["total_fen", "paid_fen", "settled_at"])


def _change(actor: Actor, bill: Bill, fen: int) -> None:
    """A bill is more or less by so much; what is paid beyond it goes to the balance."""
    bill.total_fen += fen
    if bill.paid_fen > bill.total_fen:
        accounts.release(actor, bill, bill.paid_fen - bill.total_fen)
    if bill.paid_fen == bill.total_fen:
        bill.settled_at = bill.settled_at or clock.now()
    else:
        bill.settled_at = None
