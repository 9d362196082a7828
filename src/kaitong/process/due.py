"""Due times (时限) of work items: a budget of the playbook's parameters on the team's calendar.

`due_at` is derived. `due_basis` keeps what it is derived from: `{budget, calendar, start}` and,
once the customer chose a later time, `agreed`. The ledger of suspensions is counted in on resuming.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from kaitong.org import queries as org
from kaitong.process.model import Node
from kaitong.worktime import queries as worktime
from kaitong.worktime import rules
from kaitong.worktime.budgets import Budget, parse_budget
from kaitong.worktime.errors import BudgetError, WorktimeError

_KEPT_SECONDS = 60
_BUDGETS_KEPT = 1_000
_budgets: dict[str, Budget] = {}
_calendars: dict[tuple[UUID, str], tuple[float, str]] = {}
_ISO = re.compile(
    r"P(?=.)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)(?:\.\d+)?S)?)?"
)


@dataclass(frozen=True, slots=True)
class Due:
    """When a piece of work is due; `basis` explains it later. No budget: all empty."""

    at: datetime | None = None
    basis: dict[str, Any] | None = None
    provisional: bool = False


def calendar_key(branch_id: UUID, department: str, parameters: Mapping[str, Any]) -> str:
    """The instance's `calendar` parameter, else the department's, else the branch's calendar."""
    named = parameters.get("calendar")
    if isinstance(named, str) and named:
        return named
    kept = _calendars.get((branch_id, department))
    if kept and kept[0] > time.monotonic():
        return kept[1]
    key = org.calendar_key(branch_id, department)
    _calendars[branch_id, department] = (time.monotonic() + _KEPT_SECONDS, key)
    return key


def due(
    budget_name: str,
    *,
    parameters: Mapping[str, Any],
    branch_id: UUID,
    department: str,
    start: datetime,
) -> Due:
    """The due time of a budget from now on. `budget_name` is a parameter's name, or a budget.

    A budget or calendar that cannot be counted leaves the work without a due time and says so in
    the basis: a missing holiday table must not stop an order.
    """
    if not budget_name:
        return Due()
    budget = parameters.get(budget_name, budget_name)
    key = calendar_key(branch_id, department, parameters)
    basis: dict[str, Any] = {
        "budget": budget,
        "name": budget_name,
        "calendar": key,
        "start": start.isoformat(),
    }
    try:
        at, provisional = worktime.due_time(_budget(budget), start, calendar_key=key)
    except WorktimeError as problem:
        return Due(basis={**basis, "problem": str(problem)})
    return Due(at, basis, provisional)


def recount(basis: Mapping[str, Any], suspensions: Iterable[rules.Suspension] = ()) -> Due:
    """The due time of a basis with its ledger."""
    kept = {key: value for key, value in basis.items() if key != "problem"}
    agreed = kept.get("agreed")
    try:
        at, provisional = worktime.due_time(
            _budget(kept["budget"]),
            datetime.fromisoformat(kept["start"]),
            calendar_key=kept["calendar"],
            suspensions=suspensions,
            agreed=datetime.fromisoformat(agreed) if agreed else None,
        )
    except WorktimeError as problem:
        return Due(basis={**kept, "problem": str(problem)})
    return Due(at, kept, provisional)


def explain(
    basis: Mapping[str, Any], suspensions: Iterable[rules.Suspension] = ()
) -> rules.Deadline:
    """The deadline again, with every step of the count. Raises WorktimeError."""
    agreed = basis.get("agreed")
    return worktime.deadline(
        _budget(basis["budget"]),
        datetime.fromisoformat(basis["start"]),
        calendar_key=basis["calendar"],
        suspensions=suspensions,
        agreed=datetime.fromisoformat(agreed) if agreed else None,
    )


def _budget(written: Any) -> Budget:
    """A budget as written, read once: an operator has a few dozen."""
    key = repr(written)
    found = _budgets.get(key)
    if found is None:
        found = parse_budget(written)
        if len(_budgets) >= _BUDGETS_KEPT:
            _budgets.clear()
        _budgets[key] = found
    return found


def warn_at(node: Node, due_at: datetime | None, parameters: Mapping[str, Any]) -> datetime | None:
    """When a step's time runs short (预警): `warn` before it is due. None without either.

    `warn` is an ISO 8601 duration, or the name of a parameter that holds an elapsed budget.
    """
    before = node.extension.get("warn", "")
    if not before or due_at is None:
        return None
    given = parameters.get(before)
    amount = given.get("amount") if isinstance(given, Mapping) else None
    if amount is not None:
        try:
            budget = parse_budget({"kind": "elapsed", "amount": amount})
        except BudgetError:
            return None
        return due_at - timedelta(**{str(budget.unit): budget.amount})
    found = _ISO.fullmatch(before)
    if not found:
        return None
    part = {name: int(value or 0) for name, value in found.groupdict().items()}
    return due_at - timedelta(
        days=part["years"] * 365 + part["months"] * 30 + part["weeks"] * 7 + part["days"],
        hours=part["hours"],
        minutes=part["minutes"],
        seconds=part["seconds"],
    )


def is_warning(text: str) -> bool:
    """Whether a `warn` that names no parameter can be read."""
    return _ISO.fullmatch(text) is not None


def working_duration(duration: str, start: datetime, calendar: str) -> datetime:
    """When an ISO 8601 duration has run in working time: days as working days, hours as hours.

    Weeks are five working days, months and years follow the calendar. What is no such duration
    ends at once, so that somebody sees it.
    """
    found = _ISO.fullmatch(duration.strip())
    if not found:
        return start
    part = {name: int(value or 0) for name, value in found.groupdict().items()}
    months = part["years"] * 12 + part["months"]
    days = part["weeks"] * 5 + part["days"]
    minutes = part["hours"] * 60 + part["minutes"] + (part["seconds"] > 0)
    at = start
    if months:
        budget = {"kind": "calendar", "amount": months, "unit": "months"}
        at = _after(budget, at, calendar, timedelta(days=30 * months))
    if days:
        budget = {"kind": "working-days", "amount": days, "unit": "days", "rolling": True}
        at = _after(budget, at, calendar, timedelta(days=days))
    if minutes:
        budget = {"kind": "working-hours", "amount": minutes, "unit": "minutes"}
        at = _after(budget, at, calendar, timedelta(minutes=minutes))
    return at


def _after(
    budget: Mapping[str, Any], start: datetime, calendar: str, otherwise: timedelta
) -> datetime:
    """Without a calendar elapsed time counts: it has its own alarm, and a timer must be set."""
    try:
        return worktime.deadline(budget, start, calendar_key=calendar).due_at
    except WorktimeError:
        return start + otherwise
