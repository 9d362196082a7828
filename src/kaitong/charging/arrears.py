"""Arrears (欠费): who owes since when, what dunning asks for, who has paid again.

Nothing here suspends anybody: these are questions, and whoever runs the counter flows asks them.
A bill is overdue on the day after its due day. Levels (催缴级别) are data of the playbook.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Sum

from kaitong.charging.choices import ChargeState, DunningAct
from kaitong.charging.days import today
from kaitong.charging.models import Account, Bill, Charge, Rent
from kaitong.charging.policies import Level, Rules, every_rules
from kaitong.core import plain
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import SuspensionKind
from kaitong.org import queries as org
from kaitong.org.actor import Actor


@dataclass(frozen=True, slots=True)
class Arrears:
    """What a customer owes. `open_fen` is billed and not paid, `overdue_fen` of it past its due
    day; `unbilled_fen` stands on the account but on no bill yet (并入账单)."""

    open_fen: int = 0
    overdue_fen: int = 0
    unbilled_fen: int = 0
    balance_fen: int = 0
    oldest_due: date | None = None

    @property
    def owed_fen(self) -> int:
        """What is still to be paid, due or not: asked before a service changes hands or ends."""
        return max(0, self.open_fen + self.unbilled_fen - self.balance_fen)

    @property
    def owes(self) -> bool:
        return self.owed_fen > 0


@dataclass(frozen=True, slots=True)
class Dunned:
    """A service that a level of dunning has reached; of an account that has none any more, the one
    it paid for last."""

    service_id: UUID
    account_id: UUID
    customer_id: UUID
    branch_id: UUID
    level: Level
    overdue_fen: int
    oldest_due: date
    days: int
    quiet: str = ""


def arrears(
    *, customer_id: UUID | None = None, service_id: UUID | None = None, on: date | None = None
) -> Arrears:
    """What is owed by a customer, or by whoever pays for a service: three queries.

    For a verb that has found the customer or service visible; a customer without account owes
    nothing.
    """
    found = [customer_id] if customer_id is not None else []
    if service_id is not None:
        found += _payers(service_id)
    owed = arrears_of(found, on=on)
    if len(owed) < 2:
        return next(iter(owed.values()), Arrears())
    days = [one.oldest_due for one in owed.values() if one.oldest_due]
    return Arrears(
        sum(one.open_fen for one in owed.values()),
        sum(one.overdue_fen for one in owed.values()),
        sum(one.unbilled_fen for one in owed.values()),
        sum(one.balance_fen for one in owed.values()),
        min(days, default=None),
    )


def arrears_of(customer_ids: Iterable[UUID], *, on: date | None = None) -> dict[UUID, Arrears]:
    """What many customers owe, by customer, in three queries. Who has no account is absent."""
    day = on or today()
    where = "customer_id = any(%s::uuid[])"
    rows = plain.where(Account, where, [plain.array(set(customer_ids))])
    accounts = {row.pk: row for row in rows}
    if not accounts:
        return {}
    sums = {
        row["account"]: row
        for row in _open(Bill.objects.filter(account__in=accounts))
        .values("account")
        .annotate(
            open=Sum(F("total_fen") - F("paid_fen")),
            overdue=Sum(F("total_fen") - F("paid_fen"), filter=Q(due_on__lt=day), default=0),
            oldest=Min("due_on", filter=Q(due_on__lt=day)),
        )
    }
    waiting = dict(
        Charge.objects.filter(state=ChargeState.BILLED, payment__account__in=accounts, lines=None)
        .values_list("payment__account")
        .annotate(fen=Sum(F("amount_fen") - F("refunded_fen")))
    )
    return {
        account.customer_id: Arrears(
            open_fen=sums.get(pk, {}).get("open", 0),
            overdue_fen=sums.get(pk, {}).get("overdue", 0),
            unbilled_fen=waiting.get(pk, 0),
            balance_fen=account.balance_fen,
            oldest_due=sums.get(pk, {}).get("oldest"),
        )
        for pk, account in accounts.items()
    }


def due_for(act: str, branch_id: UUID, on: date, *, limit: int = 10_000) -> list[Dunned]:
    """Services of a branch and those below it that have reached a level of dunning of this kind:
    the highest one, by the rules of the playbook the service pays under. Constant queries.
    """
    rules = every_rules()
    after = [lv.after_days for r in rules.values() for lv in r.levels if lv.act == act]
    if not after:
        return []
    overdue = _overdue(branch_id, on, min(after))
    owing = {row["account"]: row for row in overdue[:limit]}
    rents = Rent.objects.filter(account__in=owing, until=None).select_related("account")
    found: dict[UUID, Dunned] = {}
    for rent in rents.order_by("service_id", "pk"):
        row = owing[rent.account_id]
        days = (on - row["oldest"]).days
        said = rules.get(rent.playbook, Rules())
        reached = [lv for lv in said.levels if lv.act == act and lv.after_days <= days]
        if reached:
            found[rent.service_id] = Dunned(
                rent.service_id,
                rent.account_id,
                rent.account.customer_id,
                rent.branch_id,
                reached[-1],
                row["overdue"],
                row["oldest"],
                days,
                said.quiet,
            )
    return sorted(found.values(), key=lambda one: (one.oldest_due, one.service_id))


def suspension_due(branch_id: UUID, on: date, *, limit: int = 10_000) -> list[Dunned]:
    """Services to be suspended for arrears (欠费停机) that do not stand still for arrears yet."""
    due = due_for(DunningAct.SUSPEND, branch_id, on, limit=limit)
    standing = inventory.suspensions([one.service_id for one in due])
    return [one for one in due if not _for_arrears(standing.get(one.service_id, ()))]


def cancellation_due(branch_id: UUID, on: date, *, limit: int = 10_000) -> list[Dunned]:
    """Services whose arrears are so old that a cancellation is proposed (建议销户)."""
    return due_for(DunningAct.CANCEL, branch_id, on, limit=limit)


def notices_due(branch_id: UUID, on: date, *, limit: int = 10_000) -> list[Dunned]:
    """Who is to be reminded (催缴提醒): the customers of services, and those who have none any more
    and still owe. Telling each level once is the teller's, by a key of account, level and
    `oldest_due`."""
    lines = due_for(DunningAct.NOTICE, branch_id, on, limit=limit)
    return [*lines, *_former(branch_id, on, limit)]


def settled_since(branch_id: UUID, since: datetime, on: date | None = None) -> list[UUID]:
    """Services that stand still for arrears whose account has paid since and owes nothing overdue:
    to be resumed (缴费复机). Ask with some overlap; resumed ones are not in it any more."""
    day = on or today()
    late = _open(Bill.objects.filter(account=OuterRef("account"), due_on__lt=day))
    paid = Bill.objects.filter(
        account=OuterRef("account"), settled_at__gte=since, branch__in=_below(branch_id)
    )
    rents = Rent.objects.filter(Exists(paid), ~Exists(late), branch__in=_below(branch_id))
    ids = set(rents.filter(until=None).values_list("service_id", flat=True))
    standing = inventory.suspensions(ids)
    return sorted(one for one in ids if _for_arrears(standing.get(one, ())))


# ---- inside --------------------------------------------------------------------------------------


_PAYERS = """select r.until, a.customer_id from charging_rent r
 join charging_account a on a.id = r.account_id where r.service_id = %s"""


def _payers(service_id: UUID) -> list[UUID]:
    """Whoever pays for a service, or paid for it last: a former owner's debts are his own."""
    rows = plain.ask(_PAYERS, [service_id])
    ends = [until for until, _payer in rows if until is not None]
    last = None if len(ends) < len(rows) else max(ends, default=None)
    return sorted({payer for until, payer in rows if until == last})


def _former(branch_id: UUID, on: date, limit: int) -> list[Dunned]:
    """Accounts that owe and pay for no line any more (过户, 销户), as the playbook they paid under
    last reminds. What it says of a line at its first level is all that is said to them: there is
    nothing to suspend. Two queries."""
    overdue = {row["account"]: row for row in _overdue(branch_id, on, 0)[:limit]}
    rents = Rent.objects.filter(account__in=overdue).select_related("account")
    last: dict[UUID, Rent] = {}
    for rent in rents.order_by(F("until").asc(nulls_last=True), "pk"):
        last[rent.account_id] = rent
    rules = every_rules()
    found = []
    for account, rent in last.items():
        levels = [
            lv for lv in rules.get(rent.playbook, Rules()).levels if lv.act == DunningAct.NOTICE
        ]
        row = overdue[account]
        days = (on - row["oldest"]).days
        reached = [lv for lv in levels if lv.after_days <= days]
        if rent.until is None or not reached:
            continue
        found.append(
            Dunned(
                rent.service_id,
                account,
                rent.account.customer_id,
                rent.account.branch_id,
                replace(levels[0], after_days=reached[-1].after_days),
                row["overdue"],
                row["oldest"],
                days,
                rules[rent.playbook].quiet,
            )
        )
    return sorted(found, key=lambda one: (one.oldest_due, one.account_id))


def _open(rows: QuerySet[Bill]) -> QuerySet[Bill]:
    return rows.filter(paid_fen__lt=F("total_fen"))


def _below(branch_id: UUID) -> list[UUID]:
    return org.branches_below(branch_id)


def _overdue(branch_id: UUID, on: date, after_days: int) -> list[dict]:  # type: ignore[type-arg]
    """Accounts with overdue bills, the oldest first."""
    rows = _open(Bill.objects.filter(branch__in=_below(branch_id), due_on__lt=on))
    found = rows.values("account").annotate(
        oldest=Min("due_on"), overdue=Sum(F("total_fen") - F("paid_fen"))
    )
    listed = [row for row in found if (on - row["oldest"]).days >= after_days]
    return sorted(listed, key=lambda row: (row["oldest"], row["account"]))


def _for_arrears(rows: Iterable[object]) -> bool:
    return any(getattr(row, "kind", "") == SuspensionKind.ARREARS for row in rows)


def visible_arrears(actor: Actor, customer_id: UUID) -> Arrears:
    """The same for a page: a foreign branch's customer owes nothing anybody hears of."""
    account = Account.objects.filter(customer_id=customer_id).first()
    if account is None or not actor.sees(account.branch_id):
        return Arrears()
    return arrears(customer_id=customer_id)
