"""Due times by table: the four kinds on the real calendar of 2026, suspensions, missing years."""

import pytest

from kaitong.worktime import explain
from kaitong.worktime.rules import (
    Clock,
    StepKind,
    Suspension,
    deadline,
    parse_budget,
    spent,
)
from kaitong.worktime.tests.calendar_2026 import CALENDAR, at

CUT_OFF = {"kind": "working-days", "amount": 1, "cutoff": "16:00"}
ROLLING = {"kind": "working-days", "amount": 1, "rolling": True}
CASES = [
    # working days: the starting day is not counted, the last ends with business hours
    ("1 working day", "2026-11-02 09:00", "2026-11-03 17:30"),
    ("1 working day", "2026-11-02 23:59", "2026-11-03 17:30"),
    ("2 working days", "2026-11-06 10:00", "2026-11-10 17:30"),
    # the State Council's days: 28-30 Sep, then 8 and 9 Oct
    ("5 working days", "2026-09-25 16:40", "2026-10-09 17:30"),
    # a make-up Saturday counts and has hours
    ("2 working days", "2026-10-08 09:00", "2026-10-10 17:30"),
    ("1 working day", "2026-02-13 09:00", "2026-02-14 17:30"),
    ("1 working day", "2026-02-14 09:00", "2026-02-24 17:30"),
    # received on a day off
    ("1 working day", "2026-11-07 11:00", "2026-11-09 17:30"),
    # cut-off hour
    (
        CUT_OFF,
        "2026-11-02 16:00",
        "2026-11-03 17:30",
    ),
    (
        CUT_OFF,
        "2026-11-02 16:01",
        "2026-11-04 17:30",
    ),
    (
        CUT_OFF,
        "2026-11-07 09:00",
        "2026-11-10 17:30",
    ),
    # rolling count
    (
        ROLLING,
        "2026-11-06 16:40",
        "2026-11-09 16:40",
    ),
    (
        ROLLING,
        "2026-11-06 13:00",
        "2026-11-09 14:00",
    ),
    (
        ROLLING,
        "2026-11-06 19:00",
        "2026-11-10 08:30",
    ),
    # working hours
    ("8 working hours", "2026-09-30 16:40", "2026-10-09 08:40"),
    ("3 working hours", "2026-11-02 10:00", "2026-11-02 15:00"),
    ("3.5 working hours", "2026-11-02 07:00", "2026-11-02 12:00"),
    ("4 working hours", "2026-11-07 07:00", "2026-11-09 14:30"),
    # elapsed: through nights and holidays
    ("48 hours", "2026-09-30 16:40", "2026-10-02 16:40"),
    ("90 minutes", "2026-11-02 23:00", "2026-11-03 00:30"),
    ({"kind": "elapsed", "amount": "2 days"}, "2026-11-02 23:00", "2026-11-04 23:00"),
    # calendar: art. 202 corresponding day, art. 203 moves on
    ("1 month", "2026-10-16 09:00", "2026-11-16 17:30"),
    ("1 month", "2026-01-31 09:00", "2026-02-28 17:30"),
    ("1 month", "2026-01-15 09:00", "2026-02-24 17:30"),
    ("1 week", "2026-09-25 09:00", "2026-10-08 17:30"),
    ("2天", "2026-11-05 09:00", "2026-11-09 17:30"),
    ("1年", "2025-11-02 09:00", "2026-11-02 17:30"),
]


@pytest.mark.parametrize(("budget", "start", "due"), CASES, ids=lambda v: str(v))
def test_due_time(budget, start, due):
    assert deadline(parse_budget(budget), at(start), CALENDAR).due_at == at(due)


def suspension(start, end, *, customer=True, step=True, reason="客户改期"):
    return Suspension(at(start), at(end) if end else None, reason, customer, step)


@pytest.mark.parametrize(
    ("budget", "ledger", "due"),
    [
        # a clock that stood 8 business hours loses exactly these
        ("3 working days", [("2026-11-03 09:00", "2026-11-04 10:00")], "2026-11-09 09:30"),
        # a night's suspension stops no business time
        ("3 working days", [("2026-11-03 18:00", "2026-11-04 08:00")], "2026-11-05 17:30"),
        # overlapping suspensions count once
        (
            "48 hours",
            [("2026-11-02 12:00", "2026-11-03 12:00"), ("2026-11-03 00:00", "2026-11-03 18:00")],
            "2026-11-05 15:00",
        ),
        # one that begins after the due time changes nothing
        ("48 hours", [("2026-11-05 12:00", "2026-11-06 12:00")], "2026-11-04 09:00"),
        # one that began before the start counts from the start
        ("48 hours", [("2026-11-01 12:00", "2026-11-02 12:00")], "2026-11-04 12:00"),
        ("8 working hours", [("2026-11-02 09:00", "2026-11-02 10:00")], "2026-11-03 11:00"),
        # days are whole for calendar periods, and the last moves on over a weekend
        ("1 week", [("2026-11-03 09:00", "2026-11-06 10:00")], "2026-11-13 17:30"),
        ("1 week", [("2026-11-03 09:00", "2026-11-07 10:00")], "2026-11-16 17:30"),
    ],
)
def test_suspension_moves_the_due_time(budget, ledger, due):
    rows = [suspension(*row) for row in ledger]
    assert deadline(parse_budget(budget), at("2026-11-02 09:00"), CALENDAR, rows).due_at == at(due)


def test_waiting_for_resource_stops_the_step_but_never_the_customers_clock():
    """practice.md, two clocks."""
    ledger = [suspension("2026-11-02 12:00", "2026-11-03 12:00", customer=False, reason="等资源")]
    budget, start = parse_budget("48 hours"), at("2026-11-02 09:00")

    customer = deadline(budget, start, CALENDAR, ledger, clock=Clock.CUSTOMER)
    step = deadline(budget, start, CALENDAR, ledger, clock=Clock.STEP)

    assert customer.due_at == at("2026-11-04 09:00")
    assert step.due_at == at("2026-11-05 09:00")
    assert "不停本时限" in explain.sentence(customer)
    assert "停计 24 小时" in explain.sentence(step)


def test_open_suspension_says_that_the_clock_stands():
    ledger = [suspension("2026-11-03 09:00", None)]
    budget, start = parse_budget("48 hours"), at("2026-11-02 09:00")

    result = deadline(budget, start, CALENDAR, ledger, now=at("2026-11-03 19:00"))

    assert result.stopped
    assert result.due_at == at("2026-11-04 19:00")
    assert "still suspended" in explain.sentence(result, "en")


def test_later_appointment_of_the_customer_becomes_the_due_time():
    budget, start = parse_budget("48 hours"), at("2026-11-02 09:00")
    agreed = at("2026-11-07 10:00")
    assert deadline(budget, start, CALENDAR, agreed=agreed).due_at == agreed
    earlier = deadline(budget, start, CALENDAR, agreed=at("2026-11-03 10:00"))
    assert earlier.due_at == at("2026-11-04 09:00")


def test_missing_year_is_provisional_and_said():
    result = deadline(parse_budget("3 working days"), at("2026-12-30 09:00"), CALENDAR)
    assert result.provisional
    assert result.due_at == at("2027-01-04 17:30")
    assert [s.amount for s in result.steps if s.kind is StepKind.PROVISIONAL] == [2027]
    assert "2027 年放假安排尚未录入，按每周常规暂计" in explain.rows(result)
    assert "holidays of 2027 are not entered" in explain.sentence(result, "en")


def test_elapsed_time_needs_no_calendar_and_is_never_provisional():
    result = deadline(parse_budget("48 hours"), at("2026-12-31 09:00"), CALENDAR)
    assert not result.provisional


def test_explanation_reads_like_a_sentence_in_both_languages():
    result = deadline(parse_budget("6 working days"), at("2026-09-25 16:40"), CALENDAR)
    assert explain.rows(result) == [
        "2026-09-25 周五 16:40 收到，当日不计",
        "2026-09-26 至 09-27 中秋节放假，不计",
        "2026-09-28 至 09-30 工作日，第 1 至 3 天",
        "2026-10-01 至 10-07 国庆节放假，不计",
        "2026-10-08 至 10-09 工作日，第 4 至 5 天",
        "2026-10-10 周六 调休上班，第 6 天",
        "2026-10-10 周六 17:30 到期",
    ]
    assert explain.rows(result, "en") == [
        "received Fri 25 Sep 2026 16:40, day not counted",
        "26-27 Sep 2026 public holiday (Mid-Autumn Festival)",
        "28-30 Sep 2026 working days, days 1 to 3",
        "1-7 Oct 2026 public holiday (National Day)",
        "8-9 Oct 2026 working days, days 4 to 5",
        "Sat 10 Oct 2026 make-up working day, day 6",
        "due Sat 10 Oct 2026 17:30",
    ]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("budget", "start", "due"), CASES[::3], ids=lambda v: str(v))
def test_every_explanation_ends_with_the_due_time(budget, start, due, language):
    rows = explain.rows(deadline(parse_budget(budget), at(start), CALENDAR), language)
    assert due[11:16] in rows[-1]
    assert all(rows)


def test_steps_are_ready_for_json():
    import json

    result = deadline(
        parse_budget("3 working days"),
        at("2026-11-02 09:00"),
        CALENDAR,
        [suspension("2026-11-03 09:00", "2026-11-04 10:00")],
    )
    rows = json.loads(json.dumps([s.as_json() for s in result.steps]))
    assert [r["kind"] for r in rows] == [
        "received", "worked", "worked", "weekend", "worked", "stopped", "due",
    ]  # fmt: skip
    assert rows[1]["counted"] == [1, 3]
    assert rows[5]["amount"] == 8 * 3600


def test_gross_and_net_time():
    took = spent(
        at("2026-11-02 09:00"),
        at("2026-11-04 10:00"),
        CALENDAR,
        [suspension("2026-11-03 09:00", "2026-11-03 15:00")],
    )
    assert took.gross.total_seconds() == 49 * 3600
    assert took.net.total_seconds() == 43 * 3600
    # Mon 6.5 h, Tue 7 h less 8:30-9:00 worked then stopped till 15:00 = 3 h, Wed 1.5 h
    assert took.business.total_seconds() == (6.5 + 3 + 1.5) * 3600
