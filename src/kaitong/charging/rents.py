"""What runs by the month (起租, 停租): verbs for whoever opens, changes and ends services.

Suspensions are read from the inventory when a month is billed; nobody tells them here. A change
that reaches into months already billed is corrected on the bill at once; repeated with the same
day every verb changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from kaitong.charging import accounts
from kaitong.charging.errors import ChargingConflict
from kaitong.charging.lines import bill_rents, coming
from kaitong.charging.models import Account, Rent
from kaitong.charging.proration import first_of, next_month
from kaitong.core import db
from kaitong.org.actor import Actor


@dataclass(frozen=True, slots=True)
class NewRent:
    """A monthly price item, its sum as the order pinned it (with the marketing case)."""

    code: str
    title: str
    amount_fen: int
    prorate: str = ""
    offering: str = ""


def begin_rent(
    *,
    actor: Actor,
    service_id: UUID,
    customer_id: UUID,
    since: date,
    rents: Sequence[NewRent],
    playbook: str = "",
    order_id: UUID | None = None,
) -> list[Rent]:
    """A service is paid by the month from this day (起租). Items that run already stay."""
    wanted = [one for one in rents if one.amount_fen > 0]
    with db.whole():
        account = accounts.account_of(actor=actor, customer_id=customer_id)
        accounts.lock_accounts([account.pk])
        running = set(_living(service_id).values_list("code", flat=True))
        _run_again(service_id, since, [one for one in wanted if one.code not in running], account)
        rows = [
            Rent(
                branch_id=account.branch_id,
                account=account,
                service_id=service_id,
                order_id=order_id,
                playbook=playbook,
                offering=one.offering,
                code=one.code,
                title=one.title,
                amount_fen=one.amount_fen,
                prorate=one.prorate,
                since=since,
            )
            for one in wanted
            if one.code not in running
        ]
        Rent.objects.bulk_create(rows, ignore_conflicts=True)
        found = list(_living(service_id).order_by("code"))
        _correct(actor, found, since)
    return found


def change_rent(
    *,
    actor: Actor,
    service_id: UUID,
    since: date,
    rents: Sequence[NewRent],
    customer_id: UUID | None = None,
    playbook: str = "",
    order_id: UUID | None = None,
) -> list[Rent]:
    """From this day other items are paid instead (套餐变更), or another customer pays (过户).

    What is the same for the same customer runs on.
    """
    with db.whole():
        old = _locked(service_id)
        payer = customer_id or _payer(old)
        account = accounts.account_of(actor=actor, customer_id=payer)
        same = {
            (row.code, row.amount_fen)
            for row in old
            if row.until is None and row.account_id == account.pk
        }
        keep = {(one.code, one.amount_fen) for one in rents} & same
        gone = [r for r in old if r.until is None and (r.code, r.amount_fen) not in keep]
        _end(actor, gone, since)
        book = playbook or next((row.playbook for row in old if row.playbook), "")
        return begin_rent(
            actor=actor,
            service_id=service_id,
            customer_id=payer,
            since=since,
            rents=rents,
            playbook=book,
            order_id=order_id,
        )


def transfer_rent(
    *, actor: Actor, service_id: UUID, customer_id: UUID, since: date, order_id: UUID | None = None
) -> list[Rent]:
    """From this day another customer pays what the service pays now (过户)."""
    with db.whole():
        running = [row for row in _locked(service_id) if row.until is None]
        return change_rent(
            actor=actor,
            service_id=service_id,
            since=since,
            rents=[NewRent(r.code, r.title, r.amount_fen, r.prorate, r.offering) for r in running],
            customer_id=customer_id,
            order_id=order_id,
        )


def end_rent(*, actor: Actor, service_id: UUID, until: date, bill_now: bool = True) -> list[Rent]:
    """The service is paid no longer from this day on (停租): cancelled, or taken back.

    With `bill_now` what it owes up to that day is billed at once (结清), so that arrears tell it.
    """
    with db.whole():
        rows = [row for row in _locked(service_id) if row.until is None]
        _end(actor, rows, until)
        if bill_now:
            bill_service(actor=actor, service_id=service_id, through=until)
    return rows


def bill_service(*, actor: Actor, service_id: UUID, through: date) -> int:
    """Bill all that a service owes up to this day (not counted) now (实时结清); fen billed.

    Of a month that has not ended only what lies before the day is billed; the run of that month
    adds what is wanting.
    """
    total = 0
    with db.whole():
        rows = _locked(service_id)
        if not rows:
            return 0
        month = first_of(min(row.billed_to or row.since for row in rows))
        while month < through:
            total += bill_rents(actor, rows, month, through=through).total_fen
            month = next_month(month)
    return total


def unbilled_rent(service_id: UUID, through: date) -> int:
    """What `bill_service` would bill of a service's rents up to this day, in fen: to be told."""
    rows = list(Rent.objects.filter(service_id=service_id).order_by("since", "code"))
    left = [r for r in rows if (r.billed_to or r.since) < min(r.until or through, through)]
    month, total = first_of(min((r.billed_to or r.since for r in left), default=through)), 0
    while left and month < through:
        total += coming(left, month, through)
        month = next_month(month)
    return total


# ---- inside --------------------------------------------------------------------------------------


def _living(service_id: UUID) -> QuerySet[Rent]:
    return Rent.objects.filter(service_id=service_id, until=None)


def _locked(service_id: UUID) -> list[Rent]:
    """A service's rents, read behind the locks of their accounts."""
    ids = set(Rent.objects.filter(service_id=service_id).values_list("account_id", flat=True))
    accounts.lock_accounts(ids)
    return list(Rent.objects.filter(service_id=service_id).order_by("since", "code"))


def _run_again(service_id: UUID, since: date, wanted: Sequence[NewRent], account: Account) -> None:
    """An item that began and ended on this same day runs after all: there is one row of it."""
    by_code = {one.code: one for one in wanted}
    rows = Rent.objects.filter(service_id=service_id, since=since, code__in=by_code)
    for row in rows.exclude(until=None):
        one = by_code[row.code]
        row.until, row.amount_fen, row.prorate = None, one.amount_fen, one.prorate
        row.account = account
        row.save(update_fields=["until", "amount_fen", "prorate", "account"])


def _payer(rows: Sequence[Rent]) -> UUID:
    running = [row for row in rows if row.until is None]
    if not running:
        raise ChargingConflict(_("这个服务没有在计的月租。"), _("请先核对是否已停租。"))
    return running[-1].account.customer_id


def _end(actor: Actor, rows: Sequence[Rent], until: date) -> None:
    for row in rows:
        row.until = max(until, row.since)
        row.save(update_fields=["until"])
    _correct(actor, rows, until)


def _correct(actor: Actor, rows: Sequence[Rent], since: date) -> None:
    """Months that were billed before something from `since` on was known are put right."""
    billed = [row for row in rows if row.billed_to is not None and row.billed_to > since]
    if not billed:
        return
    month, last = first_of(since), max(row.billed_to for row in billed if row.billed_to)
    while month < last:
        here = [row for row in billed if row.billed_to and row.billed_to > month]
        bill_rents(actor, here, month)
        month = next_month(month)


def rents_of(service_ids: Sequence[UUID], on: date) -> dict[UUID, list[Rent]]:
    """What services pay by the month on a day, in one query."""
    found: dict[UUID, list[Rent]] = {}
    rows = Rent.objects.filter(Q(until=None) | Q(until__gt=on), since__lte=on)
    for row in rows.filter(service_id__in=service_ids).order_by("code"):
        found.setdefault(row.service_id, []).append(row)
    return found


def unrented(service_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these services never began to pay, in one query."""
    known = Rent.objects.filter(service_id__in=service_ids).values_list("service_id", flat=True)
    return set(service_ids) - set(known)


def running(service_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these services pay still, in one query."""
    rows = Rent.objects.filter(service_id__in=service_ids, until=None)
    return set(rows.values_list("service_id", flat=True))


def payers(service_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The customers who pay for these services now, by service, in one query."""
    rows = Rent.objects.filter(service_id__in=service_ids, until=None)
    return dict(rows.values_list("service_id", "account__customer_id"))
