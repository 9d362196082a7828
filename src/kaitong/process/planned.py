"""When levels of 预警 and 督办 are reached: of a step or a phase with its budget and ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from kaitong.process import levels
from kaitong.process.levels import Level
from kaitong.process.model import Node
from kaitong.worktime import queries as worktime
from kaitong.worktime import rules
from kaitong.worktime.errors import WorktimeError


def plan(
    node: Node,
    parameters: Mapping[str, Any],
    *,
    basis: Mapping[str, Any] | None,
    due_at: datetime | None,
    suspensions: Sequence[rules.Suspension] = (),
) -> list[tuple[datetime, Level]]:
    """When each level of a step is reached; nothing without levels or due time."""
    name = node.extension.get("levels", "")
    return plan_of(
        parameters.get(name) if name else None,
        basis=basis,
        due_at=due_at,
        suspensions=suspensions,
    )


def plan_of(
    table: Any,
    *,
    basis: Mapping[str, Any] | None,
    due_at: datetime | None,
    suspensions: Sequence[rules.Suspension] = (),
) -> list[tuple[datetime, Level]]:
    """The same of a table."""
    found = levels.read(table) if table else []
    if not found or not basis or due_at is None:
        return []
    try:
        return levels.times(
            found,
            budget=basis["budget"],
            start=datetime.fromisoformat(str(basis["start"])),
            due_at=due_at,
            calendar=worktime.calendar(str(basis["calendar"])),
            suspensions=suspensions,
        )
    except WorktimeError:
        return []


def following(
    planned: Iterable[tuple[datetime, Level]], told: Iterable[Mapping[str, Any]]
) -> datetime | None:
    """When the next level is reached that nobody was told of."""
    known = {str(one["level"]) for one in told}
    return min((at for at, level in planned if level.key not in known), default=None)


def ahead(
    planned: Iterable[tuple[datetime, Level]], told: Iterable[Mapping[str, Any]], now: datetime
) -> list[Mapping[str, Any]]:
    """What was told and need not be told again: levels that lie behind still."""
    behind = {level.key for at, level in planned if at <= now}
    return [one for one in told if str(one["level"]) in behind]
