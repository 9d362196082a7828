"""What an order's rows mean to figures: facts of orders and work, judged in one place. Pure.

The words of each definition (口径) stand in `definitions`; both are changed together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from kaitong.assurance.choices import TicketState
from kaitong.assurance.facts import SurveyRow, TicketRow
from kaitong.fieldwork.facts import OnSite
from kaitong.ordering.choices import FINAL, OrderState
from kaitong.ordering.facts import OrderRow, levels
from kaitong.process.choices import WorkState
from kaitong.process.facts import Stop, WorkRow
from kaitong.reporting.choices import Outcome, Repair
from kaitong.worktime import rules
from kaitong.worktime.calendars import Calendar

OUTCOMES: Mapping[str, Outcome] = {
    OrderState.COMPLETED: Outcome.COMPLETED,
    OrderState.PARTIAL: Outcome.COMPLETED,
    OrderState.FAILED: Outcome.FAILED,
    OrderState.CANCELLED: Outcome.WITHDRAWN,
    OrderState.REJECTED: Outcome.REJECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A row of `OrderFact`, by its columns."""

    order_id: UUID
    branch_id: UUID
    number: str
    playbook: str
    action: str
    offering: str
    grid: str
    channel: str
    received_at: datetime
    received_day: date
    due_at: datetime | None
    ended_at: datetime | None = None
    ended_day: date | None = None
    outcome: str = ""
    cause_group: str = ""
    cause: str = ""
    gross: int | None = None
    net: int | None = None
    on_time: bool | None = None
    contact: int | None = None
    contact_on_time: bool | None = None
    kept: bool | None = None
    visits: int = 0
    right_first: bool | None = None
    suspended: bool = False
    delayed: bool = False
    sent_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A row of `WorkFact`, by its columns."""

    item_id: UUID
    business_id: UUID
    branch_id: UUID
    post: str
    step: str
    person: UUID | None
    done_day: date
    waited: int
    held: int
    on_time: bool | None
    sent_back: bool


@dataclass(frozen=True, slots=True)
class Steps:
    """Which steps of a playbook count as what (parameter `figure_steps`)."""

    first_contact: frozenset[str] = frozenset()
    visits: frozenset[str] = frozenset()
    rework: frozenset[str] = frozenset()
    wasted: frozenset[str] = field(default=frozenset())  # reasons to suspend that cost a visit

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Steps:
        return cls(*(frozenset(entry.get(name) or ()) for name in cls.__slots__))


def order_fact(
    row: OrderRow,
    *,
    work: Sequence[WorkRow],
    stops: Sequence[Stop],
    on_site: OnSite | None,
    grid: str,
    calendar: Calendar,
    day_of: Callable[[datetime], date],
) -> Order:
    """What figures need to know of one order, from everything the house knows of it."""
    first = Order(
        order_id=row.id,
        branch_id=row.branch_id,
        number=row.number,
        playbook=row.playbook,
        action=row.action,
        offering=row.offering,
        grid=grid,
        channel=row.channel,
        received_at=row.ordered_at,
        received_day=day_of(row.ordered_at),
        due_at=row.due_at,
    )
    if row.state not in FINAL or row.completed_at is None:
        return first
    told = asdict(first)
    outcome = OUTCOMES[row.state]
    ended = row.completed_at
    told.update(
        ended_at=ended,
        ended_day=day_of(ended),
        outcome=str(outcome),
        cause_group=row.cause_group,
        cause=row.cause,
    )
    if outcome is Outcome.REJECTED:  # nothing was begun: no time, no work
        return Order(**told)
    steps = Steps.read(row.steps)
    done = [one for one in work if one.state == WorkState.DONE]
    spent = rules.spent(
        row.ordered_at,
        ended,
        calendar,
        _ledger(stops),
        clock=rules.Clock.CUSTOMER,
    )
    told.update(
        suspended=bool(stops),
        delayed=_moved_later(row),
        sent_back=any(one.again for one in work),
        visits=_visits(done, stops, steps),
    )
    if outcome is Outcome.FAILED and not row.cause_group and done:
        # a reason somebody wrote down: where it was decided stands for its group
        told["cause_group"] = max(done, key=lambda one: (one.completed_at or ended, one.id)).title
    told.update(_contact(row, done, steps))
    if outcome is Outcome.COMPLETED:
        told.update(
            gross=round(spent.gross.total_seconds()),
            net=round(spent.net.total_seconds()),
            on_time=None if row.due_at is None else ended <= row.due_at,
            kept=_kept(row, done, steps, on_site, day_of),
            right_first=not (
                any(one.again for one in work)
                or any(one.node in steps.rework for one in work)
                or (on_site is not None and on_site.moved)
            ),
        )
    return Order(**told)


def work_facts(work: Iterable[WorkRow], *, day_of: Callable[[datetime], date]) -> list[Work]:
    """One for each piece of work done; `sent_back` is what came back to its step afterwards."""
    rows = list(work)
    back: dict[tuple[UUID, str], datetime] = {}
    for row in rows:
        if row.again:
            at = back.get((row.instance_id, row.node), row.created_at)
            back[row.instance_id, row.node] = max(at, row.created_at)
    found = []
    for row in rows:
        if row.state != WorkState.DONE or row.completed_at is None:
            continue
        claimed = row.claimed_at or row.created_at
        returned = back.get((row.instance_id, row.node))
        found.append(
            Work(
                item_id=row.id,
                business_id=row.business_id,
                branch_id=row.branch_id,
                post=row.post,
                step=row.title,
                person=row.completed_by,
                done_day=day_of(row.completed_at),
                waited=_seconds(row.created_at, claimed),
                held=_seconds(claimed, row.completed_at),
                on_time=None if row.due_at is None else row.completed_at <= row.due_at,
                sent_back=returned is not None and returned >= row.completed_at,
            )
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A row of `TicketFact`, by its columns."""

    ticket_id: UUID
    branch_id: UUID
    kind: str
    number: str
    place: str
    received_at: datetime
    received_day: date
    due_at: datetime | None
    ended_at: datetime | None = None
    ended_day: date | None = None
    outcome: str = ""
    cause_group: str = ""
    cause: str = ""
    gross: int | None = None
    net: int | None = None
    response: int | None = None
    on_time: bool | None = None
    repeats: bool = False
    common: bool = False
    reopened: bool = False
    urged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A row of `SurveyFact`, by its columns."""

    survey_id: UUID
    business_id: UUID
    branch_id: UUID
    kind: str
    asked_day: date
    reached: bool
    fixed: bool | None
    score: int | None


# What a ticket came to, by its state; others are under way.
REPAIRS: Mapping[str, Repair] = {
    TicketState.RESOLVED: Repair.RESOLVED,
    TicketState.CLOSED: Repair.RESOLVED,
    TicketState.CANCELLED: Repair.WITHDRAWN,
    TicketState.REJECTED: Repair.REJECTED,
}


def ticket_fact(
    row: TicketRow,
    *,
    work: Sequence[WorkRow],
    stops: Sequence[Stop],
    calendar: Calendar,
    day_of: Callable[[datetime], date],
) -> Ticket:
    """What figures need to know of a fault or complaint: repaired when it is resolved, whenever the
    customer is called back; open again when he says that it is not."""
    claimed = [one.claimed_at for one in work if one.claimed_at is not None]
    told: dict[str, Any] = {
        "ticket_id": row.id,
        "branch_id": row.branch_id,
        "kind": row.kind,
        "number": row.number,
        "place": row.place,
        "received_at": row.reported_at,
        "received_day": day_of(row.reported_at),
        "due_at": row.due_at,
        "response": _seconds(row.reported_at, min(claimed)) if claimed else None,
        "repeats": row.repeats,
        "common": row.common,
        "reopened": row.reopened > 0,
        "urged": row.urged > 0,
    }
    outcome = REPAIRS.get(row.state)
    if outcome is None:
        return Ticket(**told)
    ended = row.resolved_at if outcome is Repair.RESOLVED and row.resolved_at else row.state_since
    group, cause = levels(row.cause)
    told |= {
        "ended_at": ended,
        "ended_day": day_of(ended),
        "outcome": str(outcome),
        "cause_group": group,
        "cause": cause,
    }
    if outcome is Repair.RESOLVED:
        spent = rules.spent(
            row.reported_at, ended, calendar, _ledger(stops), clock=rules.Clock.CUSTOMER
        )
        told |= {
            "gross": round(spent.gross.total_seconds()),
            "net": round(spent.net.total_seconds()),
            "on_time": None if row.due_at is None else ended <= row.due_at,
        }
    return Ticket(**told)


def survey_fact(row: SurveyRow, *, day_of: Callable[[datetime], date]) -> Survey:
    return Survey(
        survey_id=row.id,
        business_id=row.business_id,
        branch_id=row.branch_id,
        kind=row.kind,
        asked_day=day_of(row.asked_at),
        reached=row.reached,
        fixed=row.fixed,
        score=row.score,
    )


# ---- inside --------------------------------------------------------------------------------------


def _ledger(stops: Sequence[Stop]) -> list[rules.Suspension]:
    return [
        rules.Suspension(s.since, s.until, s.reason, s.stops_customer, s.stops_step, s.lasts)
        for s in stops
    ]


def _seconds(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds()))


def _moved_later(row: OrderRow) -> bool:
    return row.due_at is not None and row.first_due_at is not None and row.due_at > row.first_due_at


def _contact(row: OrderRow, done: Sequence[WorkRow], steps: Steps) -> dict[str, Any]:
    """When the customer was first spoken to: the end of the first step that is a first contact."""
    ends = [one for one in done if one.node in steps.first_contact and one.completed_at]
    if not ends:
        return {}
    first = min(ends, key=lambda one: (one.completed_at, one.id))
    assert first.completed_at is not None
    return {
        "contact": _seconds(row.ordered_at, first.completed_at),
        "contact_on_time": None if first.due_at is None else first.completed_at <= first.due_at,
    }


def _visits(done: Sequence[WorkRow], stops: Sequence[Stop], steps: Steps) -> int:
    """Work handed in at the customer's, and visits that ended in a suspension that cost one."""
    in_vain = sum(stop.node in steps.visits and stop.reason in steps.wasted for stop in stops)
    return sum(one.node in steps.visits for one in done) + in_vain


def _kept(
    row: OrderRow,
    done: Sequence[WorkRow],
    steps: Steps,
    on_site: OnSite | None,
    day_of: Callable[[datetime], date],
) -> bool | None:
    """Whether we were there as agreed: no appointment went by before another was made, and the
    first sign of somebody on the spot (a live check, else the work handed in) is no later than the
    end of the last one. None where nothing was agreed or nobody had to come."""
    if not row.appointments or row.appointment_end is None:
        return None
    ended = [one.completed_at for one in done if one.node in steps.visits and one.completed_at]
    if not ended:
        return None
    starts = [start for _made, start in row.appointments]
    agreed = [made for made, _start in row.appointments]
    if any(made > start for start, made in zip(starts, agreed[1:], strict=False)):
        return False
    last = day_of(starts[-1])
    signs = [at for at in (on_site.seen_at if on_site else ()) if day_of(at) >= last]
    return min([*signs, *ended]) <= row.appointment_end
