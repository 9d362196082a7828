"""Laws of counting, on arbitrary calendars, budgets, starts and suspensions."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from kaitong.worktime.budgets import Budget, BudgetKind, Unit
from kaitong.worktime.calendars import Calendar, Day, parse_hours
from kaitong.worktime.rules import Clock, Suspension, deadline, due_time, spent

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
SHIFTS = [parse_hours(t) for t in ("08:30-12:00,14:00-17:30", "00:00-24:00", "09:00-18:00")]

instants = st.integers(0, 300 * 24 * 60).map(lambda m: FIRST + timedelta(minutes=m))
calendars = st.builds(
    lambda hours, makeup, odd: Calendar(
        key="any",
        name="",
        hours=tuple(hours),
        makeup_hours=makeup,
        days={date(2026, 1, 1) + timedelta(days=n): Day(w) for n, w in odd.items()},
        years=frozenset({2026}),
    ),
    st.lists(st.sampled_from([(), *SHIFTS]), min_size=7, max_size=7).filter(any),
    st.sampled_from(SHIFTS),
    st.dictionaries(st.integers(0, 400), st.booleans(), max_size=60),
)
day_budgets = st.one_of(
    st.builds(
        Budget,
        kind=st.just(BudgetKind.WORKING_DAYS),
        amount=st.integers(1, 12),
        unit=st.just(Unit.DAYS),
        cutoff=st.none() | st.times(),
    ),
    st.builds(
        Budget,
        kind=st.just(BudgetKind.WORKING_DAYS),
        amount=st.integers(1, 12),
        unit=st.just(Unit.DAYS),
        rolling=st.just(True),
    ),
)
hour_budgets = st.builds(
    Budget,
    kind=st.sampled_from([BudgetKind.WORKING_HOURS, BudgetKind.ELAPSED]),
    amount=st.integers(1, 5000),
    unit=st.just(Unit.MINUTES),
)
calendar_budgets = st.builds(
    Budget,
    kind=st.just(BudgetKind.CALENDAR),
    amount=st.integers(1, 5),
    unit=st.sampled_from([Unit.DAYS, Unit.WEEKS, Unit.MONTHS]),
)
budgets = st.one_of(day_budgets, hour_budgets, calendar_budgets)
ledgers = st.lists(
    st.builds(
        lambda start, minutes, customer, step: Suspension(
            start, start + timedelta(minutes=minutes), "", customer, step
        ),
        instants,
        st.integers(0, 20_000),
        st.booleans(),
        st.booleans(),
    ),
    max_size=4,
)
thorough = settings(max_examples=150, deadline=None)


@thorough
@given(budgets, calendars, instants, st.integers(0, 10_000))
def test_starting_later_is_never_due_earlier(budget, calendar, start, minutes):
    later = start + timedelta(minutes=minutes)
    assert deadline(budget, start, calendar).due_at <= deadline(budget, later, calendar).due_at


@thorough
@given(hour_budgets, calendars, instants, st.integers(0, 10_000), ledgers)
def test_starting_later_is_never_due_earlier_with_suspensions(
    budget, calendar, start, minutes, ledger
):
    later = start + timedelta(minutes=minutes)
    a = deadline(budget, start, calendar, ledger)
    assert due_time(budget, start, calendar, ledger) == (a.due_at, a.provisional)
    b = deadline(budget, later, calendar, ledger)
    assert a.due_at <= b.due_at


@thorough
@given(budgets, calendars, instants, ledgers, st.sampled_from(Clock))
def test_suspending_never_makes_due_earlier(budget, calendar, start, ledger, clock):
    without = deadline(budget, start, calendar, ledger[1:], clock=clock)
    with_it = deadline(budget, start, calendar, ledger, clock=clock)
    assert without.due_at <= with_it.due_at


@thorough
@given(budgets, calendars, instants, ledgers)
def test_suspension_of_the_other_clock_changes_nothing(budget, calendar, start, ledger):
    foreign = [s for s in ledger if not s.stops_customer]
    result = deadline(budget, start, calendar, foreign, clock=Clock.CUSTOMER)
    assert result.due_at == deadline(budget, start, calendar).due_at


@thorough
@given(st.one_of(day_budgets, calendar_budgets), calendars, instants, ledgers)
def test_days_end_inside_business_hours(budget, calendar, start, ledger):
    due = deadline(budget, start, calendar, ledger).due_at
    day = calendar.local(due - timedelta(microseconds=1)).date()
    spans = calendar.spans(day) + calendar.spans(calendar.local(due).date())
    assert any(a <= due <= b for a, b in spans)


@thorough
@given(hour_budgets, calendars, instants, ledgers)
def test_net_time_at_the_due_instant_is_exactly_the_budget(budget, calendar, start, ledger):
    due = deadline(budget, start, calendar, ledger).due_at
    took = spent(start, due, calendar, ledger)
    measure = took.business if budget.kind is BudgetKind.WORKING_HOURS else took.net
    assert measure.total_seconds() == budget.seconds


@thorough
@given(budgets, calendars, instants, ledgers)
def test_due_lies_after_the_start_and_is_the_last_row(budget, calendar, start, ledger):
    result = deadline(budget, start, calendar, ledger)
    assert result.due_at > start
    assert result.steps[-1].at == result.due_at
    reached = {calendar.local(start).year, calendar.local(result.due_at).year}
    needed = budget.kind is not BudgetKind.ELAPSED
    assert result.provisional == (needed and reached != {2026})


@thorough
@given(st.integers(1, 30), calendars, instants)
def test_counted_days_are_as_many_as_the_budget(amount, calendar, start):
    budget = Budget(BudgetKind.WORKING_DAYS, amount, Unit.DAYS)
    result = deadline(budget, start, calendar)
    ordinals = [s.counted for s in result.steps if s.counted]
    assert ordinals[0][0] == 1
    assert ordinals[-1][1] == amount
    assert all(a[1] + 1 == b[0] for a, b in pairwise(ordinals))
