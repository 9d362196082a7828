"""Actions: what a service task does, by name. Playbooks install the table at start-up.

A *transactional* action runs inside the step's transaction, in a savepoint, and uses domain verbs
only. An *external* action runs outside any transaction as a command: it may be run again with the
same `key`, and the receiver must count that as one effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from kaitong.process.choices import Cause
from kaitong.process.errors import ProcessError

Kind = Literal["transactional", "external"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """What an action is told. `key` is the idempotency key, the same over every attempt.

    `attempt` counts from 1; `memory` is what the last `Wait` of this command left behind.
    """

    instance_id: UUID
    business_id: UUID | None
    branch_id: UUID
    node: str
    token_id: UUID
    key: str
    inputs: Mapping[str, Any]
    actor_id: UUID | None
    now: datetime
    parameters: Mapping[str, Any]
    attempt: int = 1
    memory: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """Returned by an external action that must be asked again: not a failure.

    `reason` is shown to people; `values` come back as `ActionContext.memory`.
    """

    seconds: float
    reason: str
    values: Mapping[str, Any] = field(default_factory=dict)


class BusinessError(ProcessError):
    """An outcome the process may catch at an error boundary event of this code."""

    def __init__(self, code: str, message: str, values: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, code=code)
        self.values: Mapping[str, Any] = dict(values or {})


class Transient(ProcessError):
    """Worth another try: retried with back-off, then an incident of this cause class."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message, code=str(cause))
        self.cause = Cause(cause).value


Outcome = Mapping[str, Any] | Wait | None


@dataclass(frozen=True, slots=True)
class Action:
    """`run` returns the action's values, or (external only) a `Wait`."""

    name: str
    kind: Kind
    run: Callable[[ActionContext], Outcome]


_table: Mapping[str, Action] = {}
_external: frozenset[str] = frozenset()


def configure(actions: Mapping[str, Action]) -> None:
    """Install the table of actions, replacing the one before."""
    global _table, _external
    for name, action in actions.items():
        if name != action.name:
            raise ProcessError(f"The action {action.name!r} is installed as {name!r}.")
    _table = dict(actions)
    _external = frozenset(a.name for a in actions.values() if a.kind == "external")


@contextmanager
def installed(*actions: Action) -> Iterator[None]:
    """Within the block exactly these actions are installed (tests and scenarios)."""
    before = _table
    configure({action.name: action for action in actions})
    try:
        yield
    finally:
        configure(before)


def find(name: str) -> Action | None:
    return _table.get(name)


def names() -> frozenset[str]:
    return frozenset(_table)


def external() -> frozenset[str]:
    """Names of the actions that leave the database."""
    return _external
