"""责任历时单: per order, who held it how long and why; it adds up to the gross time, to the second.

(practice.md: "A sheet per order of who held it how long, with the evidence of each suspension".)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kaitong.core.clock import now
from kaitong.ordering.models import Order
from kaitong.org import queries as org
from kaitong.process import queries as process
from kaitong.process import reasons
from kaitong.process.models import Suspension
from kaitong.process.responsibility import holdings
from kaitong.process.shares import Holding, Kind
from kaitong.process.shares import sheet as shares
from kaitong.worktime import queries as worktime
from kaitong.worktime import rules
from kaitong.worktime.calendars import Calendar
from kaitong.worktime.errors import WorktimeError

NOTHING = timedelta()
OURS, MACHINE, IDLE = "ours", "machine", "idle"


@dataclass(frozen=True, slots=True)
class Row:
    """A holding with names and its working time, by the calendar of the team that had it."""

    holding: Holding
    person: str
    reason: str
    business: timedelta


@dataclass(frozen=True, slots=True)
class Total:
    """What one party answers for: a post of ours, the customer, a machine..."""

    party: str  # ours, machine, idle, or the cause of suspensions
    post: str
    department: str
    counted: timedelta


@dataclass(frozen=True, slots=True)
class Sheet:
    """`totals` and the `counted` of `rows` each add up to `gross`. `ledger` is every line of the
    ledger of suspensions, also those put right since."""

    start: datetime
    end: datetime
    ended: bool
    gross: timedelta
    net: timedelta
    rows: tuple[Row, ...]
    totals: tuple[Total, ...]
    ledger: tuple[Suspension, ...]
    people: dict[UUID, str]
    titles: dict[str, str]  # of reasons


def sheet(order: Order) -> Sheet:
    """The sheet of an order the caller has read for its actor; constant number of queries."""
    start = order.ordered_at.replace(microsecond=0)
    end = max(start, (order.completed_at or now()).replace(microsecond=0))
    instances = [one for item in order.items.all() for one in item.instances]
    held = shares(holdings(instances, until=end), start, end)
    ledger = process.suspensions_of(order.pk)
    titles = reasons.titles(order.parameters)
    people = org.staff_names(
        [
            *(UUID(h.person) for h in held if h.person),
            *(i for s in ledger for i in (s.suspended_by, s.ended_by, s.voided_by)),
        ]
    )
    own = str((order.due_basis or {}).get("calendar", ""))
    rows = tuple(
        Row(
            holding=one,
            person=people.get(UUID(one.person), "") if one.person else "",
            reason=titles.get(one.reason, one.reason) if one.kind is Kind.SUSPENDED else one.reason,
            business=_business(one.calendar or own, one.start, one.end),
        )
        for one in held
    )
    spent = rules.spent(
        start,
        end,
        _calendar(own),
        process.ledger_of(order.pk),
        clock=rules.Clock.CUSTOMER,
    )
    return Sheet(
        start=start,
        end=end,
        ended=order.completed_at is not None,
        gross=end - start,
        net=spent.net,
        rows=rows,
        totals=tuple(_totals(held)),
        ledger=tuple(ledger),
        people=people,
        titles=titles,
    )


def _calendar(key: str) -> Calendar:
    try:
        return worktime.calendar(key)
    except WorktimeError:
        return worktime.calendar("")


def _business(key: str, start: datetime, end: datetime) -> timedelta:
    try:
        return sum((b - a for a, b in worktime.calendar(key).business(start, end)), NOTHING)
    except WorktimeError:
        return NOTHING


def _totals(held: Iterable[Holding]) -> Iterable[Total]:
    """What each answers for, the longest first."""
    found: dict[tuple[str, str, str], timedelta] = {}
    for one in held:
        if not one.counted:
            continue
        match one.kind:
            case Kind.WORK | Kind.INCIDENT:
                key = (OURS, one.post, one.department)
            case Kind.SUSPENDED:
                key = (one.cause, "", "")
            case Kind.MACHINE:
                key = (MACHINE, "", "")
            case _:
                key = (IDLE, "", "")
        found[key] = found.get(key, NOTHING) + one.counted
    order = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Total(*key, counted) for key, counted in order]
