"""When is it due, and why (时限计算): pure counting, no Django, no clock.

Four kinds of budget, as ``practice.md`` of the requirements and PRC Civil Code arts. 201-203 have
them: the starting day is not counted; the last day ends when business hours end; a last day that
is no working day moves on; a month ends on the corresponding day, or on the last of the month.

Suspensions (挂起) stop the customer's clock, the step's clock, both or none. A stopped clock loses
exactly what it would have counted meanwhile: business time for working days and hours, elapsed
time otherwise. So many small suspensions give no more than one long one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from kaitong.worktime.budgets import Budget, BudgetKind, Unit, parse_budget
from kaitong.worktime.calendars import HORIZON, ONE_DAY, Calendar, Day
from kaitong.worktime.errors import BudgetError, CalendarError
from kaitong.worktime.steps import ExplainedStep, StepKind, day_runs

__all__ = [
    "Budget",
    "BudgetError",
    "BudgetKind",
    "Calendar",
    "CalendarError",
    "Clock",
    "Day",
    "Deadline",
    "ExplainedStep",
    "Spent",
    "StepKind",
    "Suspension",
    "Unit",
    "after",
    "deadline",
    "parse_budget",
    "spent",
]

Stretch = tuple[datetime, datetime]
NOTHING = timedelta()


class Clock(StrEnum):
    CUSTOMER = "customer"  # 客户时限: stopped by the customer's causes only
    STEP = "step"  # 环节时限


@dataclass(frozen=True, slots=True)
class Suspension:
    """A time in which a clock stood still (挂起 to 解挂); ``end`` is None while it lasts, or the
    date it is expected to end on, with ``expected``."""

    start: datetime
    end: datetime | None
    reason: str
    stops_customer: bool
    stops_step: bool
    expected: bool = False

    def stops(self, clock: Clock) -> bool:
        return self.stops_customer if clock is Clock.CUSTOMER else self.stops_step


@dataclass(frozen=True, slots=True)
class Deadline:
    """``due_at`` is UTC. ``provisional``: a year was counted whose holidays are not entered.
    ``stopped``: the clock stands now, so ``due_at`` holds only if it went on at once."""

    due_at: datetime
    provisional: bool
    steps: tuple[ExplainedStep, ...]
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Spent:
    """Time something took: ``gross`` (全程历时), ``net`` of suspensions (净历时), and the part of
    the net time within business hours."""

    gross: timedelta
    net: timedelta
    business: timedelta


def deadline(
    budget: Budget,
    start: datetime,
    calendar: Calendar,
    suspensions: Iterable[Suspension] = (),
    *,
    clock: Clock = Clock.STEP,
    agreed: datetime | None = None,
    now: datetime | None = None,
) -> Deadline:
    """Due time of ``budget`` from ``start`` with every step of the count.

    ``agreed`` is a later time the customer chose (改约): it becomes the due time. ``now`` bounds a
    suspension that still lasts. All times carry a zone; ``due_at`` is UTC.
    """
    start = start.astimezone(UTC)
    ledger = sorted(suspensions, key=lambda s: s.start)
    blocked = _blocked(ledger, clock, start, now)
    steps = [ExplainedStep(StepKind.RECEIVED, at=calendar.local(start))]
    due = _COUNT[budget.kind](budget, start, calendar, blocked, steps)
    steps += _suspension_steps(budget, ledger, clock, start, due, now, calendar)
    unknown = _unknown_years(budget, start, due, calendar)
    if agreed is not None and agreed > due:
        due = agreed.astimezone(UTC)
        steps.append(ExplainedStep(StepKind.AGREED, at=calendar.local(due)))
    steps += [ExplainedStep(StepKind.PROVISIONAL, amount=year) for year in unknown]
    steps.append(ExplainedStep(StepKind.DUE, at=calendar.local(due)))
    stopped = any(
        (s.end is None or s.expected) and s.stops(clock) and s.start < due for s in ledger
    )
    return Deadline(due, bool(unknown), tuple(steps), stopped)


def due_time(
    budget: Budget,
    start: datetime,
    calendar: Calendar,
    suspensions: Iterable[Suspension] = (),
    *,
    clock: Clock = Clock.STEP,
    agreed: datetime | None = None,
    now: datetime | None = None,
) -> tuple[datetime, bool]:
    """``due_at`` and ``provisional`` of ``deadline``, without telling how it was counted: what a
    step of a process needs."""
    start = start.astimezone(UTC)
    ledger = sorted(suspensions, key=lambda s: s.start)
    blocked = _blocked(ledger, clock, start, now) if ledger else ()
    due = _COUNT[budget.kind](budget, start, calendar, blocked, None)
    unknown = bool(_unknown_years(budget, start, due, calendar))
    if agreed is not None and agreed > due:
        due = agreed.astimezone(UTC)
    return due, unknown


def after(
    share: float,
    budget: Budget,
    start: datetime,
    due: datetime,
    calendar: Calendar,
    suspensions: Iterable[Suspension] = (),
    *,
    clock: Clock = Clock.STEP,
    now: datetime | None = None,
) -> datetime:
    """When this share of the time up to ``due`` has run (预警 at 80 %), as the budget counts time:
    within business hours for working days and hours, round the clock otherwise; never while the
    clock stands."""
    start, due = start.astimezone(UTC), due.astimezone(UTC)
    blocked = _blocked(suspensions, clock, start, now)
    free = list(_free((start, due), blocked)) if start < due else []
    if budget.kind in (BudgetKind.WORKING_DAYS, BudgetKind.WORKING_HOURS):
        whole = sum((b - a for x, y in free for a, b in calendar.business(x, y)), NOTHING)
        return _consume_business(start, whole * share, calendar, blocked) if whole else due
    whole = sum((b - a for a, b in free), NOTHING)
    return _consume(start, whole * share, blocked)


def spent(
    start: datetime,
    end: datetime,
    calendar: Calendar,
    suspensions: Iterable[Suspension] = (),
    *,
    clock: Clock = Clock.STEP,
) -> Spent:
    """How long something took, gross and net."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    blocked = _blocked(suspensions, clock, start, end)
    free = list(_free((start, end), blocked)) if start < end else []
    business = (b - a for x, y in free for a, b in calendar.business(x, y))
    return Spent(
        gross=max(end - start, NOTHING),
        net=sum((b - a for a, b in free), NOTHING),
        business=sum(business, NOTHING),
    )


# ------------------------------------------------------------------ the four kinds


def _working_days(
    budget: Budget,
    start: datetime,
    calendar: Calendar,
    blocked: Sequence[Stretch],
    steps: list[ExplainedStep] | None,
) -> datetime:
    local = calendar.local(start)
    if budget.rolling:
        local = calendar.local(_into_business(start, calendar))
        if steps is not None:
            steps.append(ExplainedStep(StepKind.ROLLING, at=local))
    first = local.date()
    late = budget.cutoff is not None and local.time() > budget.cutoff
    if budget.cutoff is not None and (late or not calendar.working(first)):
        # Also what comes on a day off: else a Saturday would be due before the late Friday.
        first = calendar.on_or_after(first + ONE_DAY if calendar.working(first) else first)
        if steps is not None:
            name = f"{budget.cutoff:%H:%M}"
            steps.append(ExplainedStep(StepKind.CUT_OFF, first=first, name=name))
    last = first
    for _ in range(budget.amount):
        last = calendar.on_or_after(last + ONE_DAY)
    due = _same_time(last, local, calendar) if budget.rolling else calendar.closing(last)
    moved = due
    if blocked:
        owed = sum((b - a for a, b in calendar.business(start, due)), NOTHING)
        moved = _consume_business(start, owed, calendar, blocked)
    if steps is not None:
        steps += day_runs(calendar, first + ONE_DAY, last, counting=True)
        if moved > due:
            steps += day_runs(calendar, last + ONE_DAY, calendar.local(moved).date())
    return max(due, moved)


def _working_hours(
    budget: Budget,
    start: datetime,
    calendar: Calendar,
    blocked: Sequence[Stretch],
    steps: list[ExplainedStep] | None,
) -> datetime:
    begin = _into_business(start, calendar)
    due = _consume_business(start, timedelta(seconds=budget.seconds), calendar, blocked)
    if steps is None:
        return due
    if begin != start:
        steps.append(ExplainedStep(StepKind.OPENING, at=calendar.local(begin)))
    first, last = calendar.local(begin).date(), calendar.local(due).date()

    def counted(day: date) -> int:
        return _seconds(
            b - a
            for opening, closing in calendar.spans(day)
            if max(opening, start) < min(closing, due)
            for a, b in _free((max(opening, start), min(closing, due)), blocked)
        )

    steps += day_runs(calendar, first, last, seconds=counted)
    return due


def _elapsed(
    budget: Budget,
    start: datetime,
    calendar: Calendar,
    blocked: Sequence[Stretch],
    steps: list[ExplainedStep] | None,
) -> datetime:
    if steps is not None:
        told = ExplainedStep(StepKind.ELAPSED, amount=budget.amount, name=str(budget.unit))
        steps.append(told)
    return _consume(start, timedelta(seconds=budget.seconds), blocked)


def _calendar(
    budget: Budget,
    start: datetime,
    calendar: Calendar,
    blocked: Sequence[Stretch],
    steps: list[ExplainedStep] | None,
) -> datetime:
    first = calendar.local(start).date()
    if budget.unit in (Unit.MONTHS, Unit.YEARS):
        months = budget.amount * (12 if budget.unit is Unit.YEARS else 1)
        last, clipped = _months_later(first, months)
    else:
        days = budget.amount * (7 if budget.unit is Unit.WEEKS else 1)
        last, clipped = first + timedelta(days=days), False
    told = [
        ExplainedStep(
            StepKind.MONTH_END if clipped else StepKind.LAST_DAY,
            first=last,
            amount=budget.amount,
            name=str(budget.unit),
        )
    ]
    if blocked:
        end = _consume(start, calendar.instant(last, 1440) - start, blocked)
        resumed = calendar.local(end - timedelta(microseconds=1)).date()
        if resumed != last:
            last = resumed
            told.append(ExplainedStep(StepKind.EXTENDED, first=last))
    working = calendar.on_or_after(last)
    if working != last:
        told += day_runs(calendar, last, working - ONE_DAY)
        told.append(ExplainedStep(StepKind.MOVED, first=working))
    if steps is not None:
        steps += told
    return calendar.closing(working)


_COUNT = {
    BudgetKind.WORKING_DAYS: _working_days,
    BudgetKind.WORKING_HOURS: _working_hours,
    BudgetKind.ELAPSED: _elapsed,
    BudgetKind.CALENDAR: _calendar,
}


# ------------------------------------------------------------------ walking


def _into_business(start: datetime, calendar: Calendar) -> datetime:
    """``start``, or the next opening when it lies outside business hours."""
    day = calendar.local(start).date()
    for _ in range(HORIZON):
        for opening, closing in calendar.spans(day):
            if start < closing:
                return max(start, opening)
        day += ONE_DAY
    raise CalendarError(f"Calendar {calendar.key!r} never opens.", "Check the days entered for it.")


def _same_time(day: date, local: datetime, calendar: Calendar) -> datetime:
    """The same time of a working day, moved into its hours where it falls between or after."""
    minutes = calendar.minutes(day)
    wanted = local.replace(year=day.year, month=day.month, day=day.day).astimezone(UTC)
    for opening, closing in minutes:
        if wanted <= calendar.instant(day, closing):
            return max(wanted, calendar.instant(day, opening))
    return calendar.closing(day)


def _consume(start: datetime, owed: timedelta, blocked: Sequence[Stretch]) -> datetime:
    """First instant at which ``owed`` has run outside the blocked stretches."""
    at = start
    for a, b in blocked:
        if at + owed <= a:
            break
        owed -= a - at
        at = b
    return at + owed


def _consume_business(
    start: datetime, owed: timedelta, calendar: Calendar, blocked: Sequence[Stretch]
) -> datetime:
    """First instant at which ``owed`` business time has run outside the blocked stretches."""
    day = calendar.local(start).date()
    for _ in range(HORIZON):
        for opening, closing in calendar.spans(day):
            if max(opening, start) >= closing:
                continue
            for a, b in _free((max(opening, start), closing), blocked):
                if owed <= b - a:
                    return a + owed
                owed -= b - a
        day += ONE_DAY
    raise CalendarError(
        f"Calendar {calendar.key!r} does not reach so far.", "Shorten the budget or suspension."
    )


def _free(stretch: Stretch, blocked: Sequence[Stretch]) -> Iterable[Stretch]:
    at, end = stretch
    for a, b in blocked:
        if b <= at:
            continue
        if a >= end:
            break
        if at < a:
            yield at, a
        at = b
        if at >= end:
            return
    if at < end:
        yield at, end


def _blocked(
    suspensions: Iterable[Suspension], clock: Clock, start: datetime, now: datetime | None
) -> list[Stretch]:
    """Merged stretches in which this clock stands, from ``start`` on."""
    merged: list[Stretch] = []
    for one in sorted(suspensions, key=lambda s: s.start):
        a, b = _extent(one, start, now)
        if not one.stops(clock) or b <= a:
            continue
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
        else:
            merged.append((a, b))
    return merged


def _extent(one: Suspension, start: datetime, now: datetime | None) -> Stretch:
    end = one.end if one.end is not None else (now or one.start)
    return max(one.start.astimezone(UTC), start), end.astimezone(UTC)


def _suspension_steps(
    budget: Budget,
    ledger: Sequence[Suspension],
    clock: Clock,
    start: datetime,
    due: datetime,
    now: datetime | None,
    calendar: Calendar,
) -> Iterable[ExplainedStep]:
    business = budget.kind in (BudgetKind.WORKING_DAYS, BudgetKind.WORKING_HOURS)
    covered: list[Suspension] = []
    for one in ledger:
        a, b = _extent(one, start, now)
        if a >= due or (one.end is not None and b <= a):
            continue
        stopped = 0
        if one.stops(clock) and b > a:
            alone = list(_free((a, b), _blocked(covered, clock, start, now)))
            covered.append(one)
            if business:
                stopped = _seconds(d - c for x, y in alone for c, d in calendar.business(x, y))
            else:
                stopped = _seconds(y - x for x, y in alone)
        yield ExplainedStep(
            StepKind.STOPPED if one.stops(clock) else StepKind.RUNS_ON,
            at=calendar.local(one.start),
            until=calendar.local(one.end) if one.end is not None else None,
            name=one.reason,
            amount=stopped,
            business=business,
            expected=one.expected,
        )


def _unknown_years(
    budget: Budget, start: datetime, due: datetime, calendar: Calendar
) -> Iterable[int]:
    if budget.kind is BudgetKind.ELAPSED:
        return []  # needs no calendar
    first, last = calendar.local(start).date(), calendar.local(due).date()
    years = range(first.year, last.year + 1)
    return [year for year in years if not calendar.known(date(year, 1, 1))]


def _months_later(day: date, months: int) -> tuple[date, bool]:
    """The corresponding day of a later month, or its last day (art. 202), and which it was."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    try:
        return date(year, month + 1, day.day), False
    except ValueError:
        return date(year + (month == 11), (month + 1) % 12 + 1, 1) - ONE_DAY, True


def _seconds(stretches: Iterable[timedelta]) -> int:
    return int(sum(stretches, NOTHING).total_seconds())
