"""The steps of a count as facts; words come from ``explain``. Pure: no Django here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from kaitong.worktime.calendars import ONE_DAY, Calendar


class StepKind(StrEnum):
    RECEIVED = "received"  # the start; its day is not counted where days are counted
    CUT_OFF = "cut-off"  # came after the cut-off hour: received on a later day
    OPENING = "opening"  # came outside business hours: runs from the next opening
    ROLLING = "rolling"  # each day runs to the same time of the next working day
    WORKED = "worked"  # working days
    MAKE_UP = "make-up"  # 调休上班
    HOLIDAY = "holiday"  # 法定节假日
    WEEKEND = "weekend"  # days off of the weekly pattern
    ELAPSED = "elapsed"
    LAST_DAY = "last-day"
    MONTH_END = "month-end"  # no corresponding day: the last of the month (art. 202)
    EXTENDED = "extended"  # suspensions moved the last day
    MOVED = "moved"  # the last day is no working day (art. 203)
    STOPPED = "stopped"  # a suspension that stops this clock
    RUNS_ON = "runs-on"  # a suspension that does not stop this clock
    AGREED = "agreed"  # a later time the customer chose
    PROVISIONAL = "provisional"  # ``amount`` is the year whose holidays are missing
    DUE = "due"


@dataclass(frozen=True, slots=True)
class ExplainedStep:
    """One row of an explanation. Times are local to the calendar. ``counted`` are the ordinals of
    the working days in this row, first and last. ``amount`` is seconds, except where said.
    ``expected``: a suspension that lasts, up to when it is expected to."""

    kind: StepKind
    at: datetime | None = None
    until: datetime | None = None
    first: date | None = None
    last: date | None = None
    name: str = ""
    amount: int = 0
    counted: tuple[int, int] | None = None
    business: bool = False
    expected: bool = False

    def as_json(self) -> dict[str, Any]:
        """Only what is set, ready for a JSON column."""
        data: dict[str, Any] = {"kind": str(self.kind)}
        for key in ("at", "until", "first", "last"):
            value = getattr(self, key)
            if value is not None:
                data[key] = value.isoformat()
        if self.name:
            data["name"] = self.name
        if self.amount:
            data["amount"] = self.amount
        if self.counted:
            data["counted"] = list(self.counted)
        if self.business:
            data["business"] = True
        if self.expected:
            data["expected"] = True
        return data


def day_runs(
    calendar: Calendar,
    first: date,
    last: date,
    *,
    counting: bool = False,
    seconds: Callable[[date], int] | None = None,
) -> list[ExplainedStep]:
    """Days from ``first`` to ``last`` in runs of one sort: working, make-up, holiday, weekend.

    ``counting`` numbers the working days; ``seconds`` tells how much of a day counted.
    """
    runs: list[ExplainedStep] = []
    ordinal = 0
    day = first
    while day <= last:
        kind, name = _sort(calendar, day)
        counted = None
        if counting and kind in (StepKind.WORKED, StepKind.MAKE_UP):
            ordinal += 1
            counted = (ordinal, ordinal)
        amount = seconds(day) if seconds else 0
        before = runs[-1] if runs else None
        if before is not None and (before.kind, before.name) == (kind, name):
            joined = (before.counted[0], counted[1]) if before.counted and counted else counted
            amount += before.amount
            runs[-1] = replace(before, last=day, amount=amount, counted=joined)
        else:
            runs.append(
                ExplainedStep(kind, first=day, last=day, name=name, amount=amount, counted=counted)
            )
        day += ONE_DAY
    return runs


def _sort(calendar: Calendar, day: date) -> tuple[StepKind, str]:
    exception = calendar.days.get(day)
    if calendar.working(day):
        if exception is not None and not calendar.hours[day.weekday()]:
            return StepKind.MAKE_UP, exception.name
        return StepKind.WORKED, ""
    if exception is not None and (exception.name or calendar.hours[day.weekday()]):
        return StepKind.HOLIDAY, exception.name
    return StepKind.WEEKEND, ""
