"""The billing run (出账): every service in operation, each item and month once.

Months are billed after they have ended, so that starts, pauses, changes and ends are known. A run
goes through accounts in small transactions; killed anywhere, the next goes on with what is
wanting, and two at once take turns at each account.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Min, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.charging.choices import ChargeState
from kaitong.charging.days import start_of, today
from kaitong.charging.errors import ChargingForbidden, ChargingRefused
from kaitong.charging.lines import Billed, bill_charges, bill_rents
from kaitong.charging.models import Account, BillingRun, Charge, Rent
from kaitong.charging.proration import first_of, next_month
from kaitong.core import clock, db
from kaitong.core.locks import lock_ids
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to

BATCH = 500  # accounts in a transaction
Tick = Callable[[date, int], None]


def _silent(month: date, services: int) -> None:
    """Nobody watches."""


def last_month() -> date:
    """The month that ended last."""
    return first_of(first_of(today()) - timedelta(days=1))


def run(*, actor: Actor, month: date, batch: int = BATCH, tick: Tick = _silent) -> Billed:
    """Bill everything up to the end of a month for the branches the actor sees.

    Months before it that are not billed yet are billed first, each on its own bill. Safe to run
    again, twice at once, and killed between any two batches.
    """
    if not (actor.is_supervisor):
        raise ChargingForbidden(_("只有班长可以出账。"), _("请由班长办理。"))
    month = first_of(month)
    if next_month(month) > today():
        raise ChargingRefused(
            _("%(month)s 还没有结束，不能出账。") % {"month": f"{month:%Y-%m}"},
            _("请在次月出账；单个服务可实时结清。"),
            field="month",
        )
    total = Billed()
    current = earliest(actor, month)
    while current is not None and current <= month:
        did = _run_month(actor, current, batch, tick)
        total = _sum(total, did)
        current = next_month(current)
    return total


def earliest(actor: Actor, month: date) -> date | None:
    """The first month up to this one with something to bill; None when all is billed."""
    end = next_month(month)
    rents = visible_to(_unbilled(end), actor).aggregate(first=Min("unbilled_from"))["first"]
    charges = visible_to(_unbilled_charges(end), actor).aggregate(first=Min("payment__paid_at"))
    days = [rents] if rents else []
    if charges["first"]:
        days.append(timezone.localdate(charges["first"]))
    return min(first_of(min(days)), month) if days else None


def _unbilled(end: date) -> QuerySet[Rent]:
    """Rents with days before `end` that stand on no bill."""
    rows = Rent.objects.annotate(unbilled_from=Coalesce("billed_to", "since"))
    return rows.filter(unbilled_from__lt=end).filter(
        Q(until=None) | Q(until__gt=F("unbilled_from"))
    )


def _unbilled_charges(end: date) -> QuerySet[Charge]:
    start = start_of(end)
    return Charge.objects.filter(
        state=ChargeState.BILLED,
        payment__account__isnull=False,
        payment__paid_at__lt=start,
        lines=None,
    )


def _run_month(actor: Actor, month: date, batch: int, tick: Tick) -> Billed:
    end = next_month(month)
    row = BillingRun.objects.create(branch_id=actor.branch_id, month=month, actor_id=actor.id)
    total, after = Billed(), UUID(int=0)
    charged = _charged(actor, end)
    while True:
        did, after = _step(actor, row, month, end, after, batch, charged)
        if did is None:
            break
        total = _sum(total, did)
        tick(month, total.services)
    BillingRun.objects.filter(pk=row.pk).update(finished_at=clock.now())
    return total


@transaction.atomic
def _step(
    actor: Actor,
    run_row: BillingRun,
    month: date,
    end: date,
    after: UUID,
    batch: int,
    charged: Sequence[UUID],
) -> tuple[Billed | None, UUID]:
    """The next accounts with something to bill; None when there are none behind `after`."""
    ids = _next(actor, end, after, batch, charged)
    if not ids:
        return None, after
    lock_ids(Account.objects.all(), ids)
    # Read behind the locks: whoever was first at these accounts has billed them.
    rents = [_Rental(*row) for row in db.tuples(_RENTS, [ids, end, end])]
    did = bill_rents(actor, rents, month) if rents else Billed()
    without = set(ids) - {rent.account_id for rent in rents}
    if without:
        more = bill_charges(actor, without, month)
        did = _sum(did, more)
    BillingRun.objects.filter(pk=run_row.pk).update(
        services=F("services") + did.services,
        lines=F("lines") + did.lines,
        total_fen=F("total_fen") + did.total_fen,
    )
    return did, ids[-1]


def _next(actor: Actor, end: date, after: UUID, batch: int, charged: Sequence[UUID]) -> list[UUID]:
    """The next accounts in their order: with rents to bill, and with charges only (`charged`)."""
    rents = visible_to(_unbilled(end).filter(account__gt=after), actor, "account__branch_id")
    ids = list(rents.order_by("account").values_list("account", flat=True).distinct()[:batch])
    begin = bisect_right(charged, after)
    return sorted({*ids, *charged[begin : begin + batch]})[:batch]


def _charged(actor: Actor, end: date) -> list[UUID]:
    """Accounts with charges put on the bill before a day that stand on none, in order."""
    rows = visible_to(_unbilled_charges(end), actor, "payment__account__branch_id")
    return sorted(set(rows.values_list("payment__account", flat=True)))


@dataclass(slots=True)
class _Rental:
    """A rent as billing reads it (`lines.Rental`)."""

    pk: UUID
    account_id: UUID
    service_id: UUID
    playbook: str
    title: str
    amount_fen: int
    prorate: str
    since: date
    until: date | None
    billed_to: date | None


# As `_unbilled`, of accounts whose locks are held.
_RENTS = """
SELECT id, account_id, service_id, playbook, title, amount_fen, prorate, since, until, billed_to
FROM charging_rent
WHERE account_id = ANY(%s) AND since < %s AND coalesce(billed_to, since) < %s
    AND (until IS NULL OR until > coalesce(billed_to, since))
ORDER BY account_id, id
"""


def _sum(one: Billed, other: Billed) -> Billed:
    return Billed(
        one.services + other.services,
        one.lines + other.lines,
        one.total_fen + other.total_fen,
    )
