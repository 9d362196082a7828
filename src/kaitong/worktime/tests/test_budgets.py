"""Reading budgets as people write them, and refusing what cannot be meant."""

import pytest

from kaitong.worktime.budgets import Budget, BudgetKind, Unit, parse_budget
from kaitong.worktime.calendars import Calendar, hours_text, parse_hours, weekly
from kaitong.worktime.errors import BudgetError, CalendarError


@pytest.mark.parametrize(
    ("source", "kind", "amount", "unit"),
    [
        ("48 hours", BudgetKind.ELAPSED, 48, Unit.HOURS),
        ("48小时", BudgetKind.ELAPSED, 48, Unit.HOURS),
        ("1.5 hours", BudgetKind.ELAPSED, 90, Unit.MINUTES),
        ("30 minutes", BudgetKind.ELAPSED, 30, Unit.MINUTES),
        ("3 working days", BudgetKind.WORKING_DAYS, 3, Unit.DAYS),
        ("1 working day", BudgetKind.WORKING_DAYS, 1, Unit.DAYS),
        ("3个工作日", BudgetKind.WORKING_DAYS, 3, Unit.DAYS),
        ("8 working hours", BudgetKind.WORKING_HOURS, 8, Unit.HOURS),
        ("8个工作小时", BudgetKind.WORKING_HOURS, 8, Unit.HOURS),
        ("1 month", BudgetKind.CALENDAR, 1, Unit.MONTHS),
        ("2周", BudgetKind.CALENDAR, 2, Unit.WEEKS),
        ({"kind": "elapsed", "amount": "48 hours"}, BudgetKind.ELAPSED, 48, Unit.HOURS),
        ({"kind": "working-days", "amount": 3}, BudgetKind.WORKING_DAYS, 3, Unit.DAYS),
        ({"kind": "working-days", "amount": "3 days"}, BudgetKind.WORKING_DAYS, 3, Unit.DAYS),
        ({"kind": "calendar", "amount": 1, "unit": "month"}, BudgetKind.CALENDAR, 1, Unit.MONTHS),
        ({"kind": "elapsed", "amount": 2, "unit": "天"}, BudgetKind.ELAPSED, 2, Unit.DAYS),
    ],
    ids=str,
)
def test_budget_is_read(source, kind, amount, unit):
    budget = parse_budget(source)
    assert (budget.kind, budget.amount, budget.unit) == (kind, amount, unit)
    assert parse_budget(budget.as_json()) == budget


@pytest.mark.parametrize(
    "source",
    [
        "",
        "soon",
        "0 hours",
        "-3 hours",
        "3",
        "3 fortnights",
        "1.5 months",
        "99999 days",
        None,
        {"kind": "working-days"},
        {"kind": "working-days", "amount": True},
        {"kind": "sometimes", "amount": 1},
        {"kind": "elapsed", "amount": 3, "unit": "months"},
        {"kind": "elapsed", "amount": "3 working days"},
        {"kind": "elapsed", "amount": 3, "cutoff": "16:00"},
        {"kind": "working-days", "amount": 3, "cutoff": "25:00"},
        {"kind": "working-days", "amount": 3, "cut-off": "16:00"},
        {"kind": "working-days", "amount": 3, "cutoff": "16:00", "rolling": True},
    ],
    ids=str,
)
def test_budget_is_refused_with_a_remedy(source):
    with pytest.raises(BudgetError) as caught:
        parse_budget(source)
    assert caught.value.what
    assert caught.value.remedy


def test_budget_keeps_its_cut_off():
    budget = parse_budget(
        {"kind": "working-days", "amount": 2, "cutoff": "16:00", "rolling": False}
    )
    assert budget.as_json() == {
        "kind": "working-days",
        "amount": 2,
        "unit": "days",
        "cutoff": "16:00",
    }
    assert isinstance(budget, Budget)


def test_hours_are_read_and_written():
    assert hours_text(parse_hours(" 08:30-12:00 , 14:00-24:00 ")) == "08:30-12:00,14:00-24:00"
    assert parse_hours("") == ()


@pytest.mark.parametrize("text", ["8-12", "08:30", "12:00-08:30x", "08:30-25:00", "08:61-09:00"])
def test_wrong_hours_are_refused(text):
    with pytest.raises(CalendarError):
        parse_hours(text)


@pytest.mark.parametrize(
    "hours",
    [
        {},
        {"mon": "14:00-12:00"},
        {"mon": "08:00-12:00,11:00-15:00"},
    ],
    ids=str,
)
def test_calendar_without_usable_hours_is_refused(hours):
    with pytest.raises(CalendarError):
        Calendar("x", "x", weekly(hours), parse_hours("08:00-12:00"))


def test_unknown_weekday_is_refused():
    with pytest.raises(CalendarError, match="monday"):
        weekly({"monday": "08:00-12:00"})
