"""Daily cash closing (日结): a clerk's money of a day, counted, explained, confirmed by another.

A closed day takes no more money of that clerk: the verbs say so, and a trigger of the database
refuses what would get past them. Closing and paying take turns by an advisory lock of the clerk.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.charging.choices import AccountKey, ClosingState, EntryKind, Method, PaymentKind
from kaitong.charging.days import start_of, today
from kaitong.charging.errors import (
    ChargingConflict,
    ChargingForbidden,
    ChargingNotFound,
    ChargingRefused,
)
from kaitong.charging.journal import post
from kaitong.charging.models import CashClosing, Payment
from kaitong.core import clock, db
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to

CLERK = "clerk"


@dataclass(frozen=True, slots=True)
class MethodSum:
    """A day's money by one method, in fen and times."""

    method: str
    taken_fen: int
    taken: int
    back_fen: int
    back: int

    @property
    def net_fen(self) -> int:
        return self.taken_fen - self.back_fen


@dataclass(frozen=True, slots=True)
class Day:
    """What a clerk took and gave on a day, by method; `closing` where it was closed."""

    clerk_id: UUID
    day: date
    rows: tuple[MethodSum, ...]
    closing: CashClosing | None

    @property
    def cash_fen(self) -> int:
        return sum(row.net_fen for row in self.rows if row.method == Method.CASH)

    @property
    def closed(self) -> bool:
        return self.closing is not None and self.closing.state != ClosingState.OPEN


def require_open_day(actor: Actor, at: datetime) -> None:
    """Refuse money of a clerk on a day that he has closed. Within the paying transaction."""
    if actor.id is None:
        return
    _turns(actor.id, shared=True)
    day = timezone.localdate(at)
    if (
        CashClosing.objects.filter(clerk_id=actor.id, day=day)
        .exclude(state=ClosingState.OPEN)
        .exists()
    ):
        raise ChargingConflict(
            _("您 %(day)s 已日结，不能再收退费。") % {"day": f"{day:%Y-%m-%d}"},
            _("未确认的日结可以撤回；已确认的请由其他营业员办理。"),
        )


def day_of(actor: Actor, clerk_id: UUID, day: date) -> Day:
    """A clerk's day as it stands, in two queries. His own, or a supervisor's to look at."""
    if clerk_id != actor.id and not actor.is_supervisor:
        raise ChargingForbidden(_("只能查看自己的日结。"), _("请由班长查看。"))
    closing = (
        visible_to(CashClosing.objects.all(), actor).filter(clerk_id=clerk_id, day=day).first()
    )
    return Day(clerk_id, day, _sums(actor, clerk_id, day), closing)


def close_day(
    *, actor: Actor, day: date, counted_fen: int, reason: str = "", expected_fen: int | None = None
) -> CashClosing:
    """Close the actor's own day with the cash that was counted (日结).

    Counted is without the float (备用金); what was given back out of it on a day with more refunds
    than takings is a sum below zero. A difference needs a reason. `expected_fen` is what the page
    showed: other money by now is a conflict. Closed already with the same count it stays as it is.
    """
    if actor.id is None or actor.branch_id is None:
        raise ChargingRefused(_("只有人员可以日结。"))
    if not (actor.has_post(CLERK) or actor.is_supervisor):
        raise ChargingForbidden(_("只有营业员或班长可以日结。"), _("请由营业员办理。"))
    this_day = today()
    if day > this_day:
        raise ChargingRefused(_("这一天还没有到，不能日结。"), _("请核对日期。"), field="day")
    with db.whole():
        _turns(actor.id, shared=False)
        row = CashClosing.objects.select_for_update().filter(clerk_id=actor.id, day=day).first()
        if row is not None and row.state != ClosingState.OPEN:
            if row.counted_fen == counted_fen:
                return row
            raise ChargingConflict(_("这一天已经日结。"), _("未确认的日结可以撤回后重做。"))
        sums = _sums(actor, actor.id, day)
        expected = sum(one.net_fen for one in sums if one.method == Method.CASH)
        if expected_fen is not None and expected_fen != expected:
            raise ChargingConflict(_("应有现金已变动。"), _("请刷新页面，核对后再日结。"))
        if counted_fen < min(0, expected):
            raise ChargingRefused(
                _("实点现金太少：只有退费比收费多的日子可以是负数，也不能比应有的更少。"),
                _("请核对金额。"),
                field="counted",
            )
        if counted_fen != expected and not reason.strip():
            raise ChargingRefused(
                _("实点现金与应有现金不符，要写明原因。"), _("请填写原因。"), field="reason"
            )
        row = row or CashClosing(branch_id=actor.branch_id, clerk_id=actor.id, day=day)
        row.state, row.reason = ClosingState.CLOSED, reason.strip()[:200]
        row.expected_fen, row.counted_fen, row.closed_at = expected, counted_fen, clock.now()
        row.sums = {
            one.method: {
                "taken_fen": one.taken_fen,
                "taken": one.taken,
                "back_fen": one.back_fen,
                "back": one.back,
            }
            for one in sums
        }
        row.save()
    return row


def reopen_day(*, actor: Actor, closing_id: UUID) -> CashClosing:
    """Take a closing back while nobody has confirmed it (撤回): its own clerk or a supervisor."""
    with db.whole():
        row = _locked(actor, closing_id)
        if row.clerk_id != actor.id and not actor.is_supervisor:
            raise ChargingForbidden(_("只能撤回自己的日结。"), _("请由班长撤回。"))
        if row.state == ClosingState.CONFIRMED:
            raise ChargingConflict(_("日结已确认，不能撤回。"), _("差额请在次日调整。"))
        row.state = ClosingState.OPEN
        row.save(update_fields=["state"])
    return row


def confirm_day(*, actor: Actor, closing_id: UUID, counted_fen: int | None = None) -> CashClosing:
    """Another person takes the cash over and confirms the day (复核确认); again changes nothing.

    The cash is handed in and a difference is booked as 长短款. `counted_fen` is what was shown.
    """
    if not actor.is_supervisor or actor.id is None:
        raise ChargingForbidden(_("日结由班长确认。"), _("请由班长确认。"))
    with db.whole():
        row = _locked(actor, closing_id)
        if row.clerk_id == actor.id:
            raise ChargingRefused(_("自己的日结要由另一人确认。"), _("请由其他班长确认。"))
        if row.state == ClosingState.CONFIRMED:
            return row
        if row.state == ClosingState.OPEN:
            raise ChargingConflict(_("这次日结已被撤回。"), _("请刷新页面。"))
        if counted_fen is not None and counted_fen != row.counted_fen:
            raise ChargingConflict(_("实点现金已变动。"), _("请刷新页面，核对后再确认。"))
        row.state, row.confirmed_by, row.confirmed_at = (
            ClosingState.CONFIRMED,
            actor.id,
            clock.now(),
        )
        row.save(update_fields=["state", "confirmed_by", "confirmed_at"])
        moved = {
            AccountKey.BANKED: row.counted_fen,
            AccountKey.CASH: -row.expected_fen,
            AccountKey.OVER_SHORT: row.expected_fen - row.counted_fen,
        }
        if any(moved.values()):
            post(
                actor,
                branch_id=row.branch_id,
                kind=EntryKind.CLOSING,
                key=f"closing:{row.pk}",
                lines=moved,
            )
    return row


def closings(actor: Actor, *, since: date, until: date) -> list[CashClosing]:
    """Closed days of the branches a supervisor sees, or one's own; the newest first."""
    rows = visible_to(CashClosing.objects.all(), actor).filter(day__gte=since, day__lte=until)
    if not actor.is_supervisor:
        rows = rows.filter(clerk_id=actor.id)
    return list(rows.order_by("-day", "-closed_at")[:500])


def unclosed(actor: Actor, *, before: date, days: int = 31) -> list[tuple[UUID, date, int]]:
    """Clerk, day and net cash of days with money that nobody has closed: two queries."""
    rows = visible_to(Payment.objects.all(), actor).filter(
        clerk_id__isnull=False, paid_at__gte=start_of(before - timedelta(days=days)),
        paid_at__lt=start_of(before),
    )  # fmt: skip
    if not actor.is_supervisor:
        rows = rows.filter(clerk_id=actor.id)
    cash = Sum("amount_fen", filter=Q(method=Method.CASH, kind=PaymentKind.PAYMENT), default=0)
    back = Sum("amount_fen", filter=Q(method=Method.CASH, kind=PaymentKind.REFUND), default=0)
    found = rows.values_list("clerk_id", "paid_at__date").annotate(net=cash - back).order_by()
    closed = set(
        visible_to(CashClosing.objects.exclude(state=ClosingState.OPEN), actor)
        .filter(day__gte=before - timedelta(days=days))
        .values_list("clerk_id", "day")
    )
    wanting = [(c, d, n) for c, d, n in found if (c, d) not in closed]
    return sorted(wanting, key=lambda row: (row[1], str(row[0])), reverse=True)


# ---- inside --------------------------------------------------------------------------------------


def _sums(actor: Actor, clerk_id: UUID, day: date) -> tuple[MethodSum, ...]:
    rows = visible_to(Payment.objects.all(), actor).filter(
        clerk_id=clerk_id, paid_at__gte=start_of(day), paid_at__lt=start_of(day + timedelta(days=1))
    )
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for method, kind, fen, times in rows.values_list("method", "kind").annotate(
        fen=Sum("amount_fen"), times=Count("pk")
    ):
        found.setdefault(method, {})[kind] = (fen, times)
    none = (0, 0)
    return tuple(
        MethodSum(
            method,
            *kinds.get(PaymentKind.PAYMENT, none),
            *kinds.get(PaymentKind.REFUND, none),
        )
        for method, kinds in sorted(found.items())
    )


def _locked(actor: Actor, closing_id: UUID) -> CashClosing:
    rows = visible_to(CashClosing.objects.all(), actor)
    row = rows.select_for_update().filter(pk=closing_id).first()
    if row is None:
        raise ChargingNotFound(_("没有这次日结。"), _("请核对编号和所在分公司。"))
    return row


def _turns(clerk_id: UUID, *, shared: bool) -> None:
    """Closing waits for payments of the clerk that are under way, and they for it."""
    verb = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {verb}(hashtextextended(%s, 0))", [f"charging.till:{clerk_id}"])
