"""Who listens to steps: what a task's `notice` attribute asks for is written by a package above.

Called inside the step's transaction, after the step is written and under the instance's lock. The
listener writes rows of its own and nothing else; it is set once, where actions are installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from kaitong.process import model

# entered: work was opened; given: it has a person now; done: it was completed;
# soon, overdue: its time is running out, or has
Event = Literal["entered", "given", "done", "soon", "overdue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFact:
    """Something happened to a work item whose task names a notice."""

    event: Event
    instance_id: UUID
    business_id: UUID | None
    branch_id: UUID
    item_id: UUID
    node: model.Node
    post: str
    person: UUID | None
    due_at: datetime | None
    now: datetime
    level: str = ""  # of several warnings, or escalations, which one
    tell: tuple[str, ...] = ()  # the posts that level names


Listener = Callable[[StepFact], None]
_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """Call this for every step of a task that names a notice; None calls nobody."""
    global _listener
    _listener = listener


LedgerListener = Callable[[UUID, datetime], None]
_ledger: LedgerListener | None = None


def listen_to_ledger(listener: LedgerListener | None) -> None:
    """Call this with the business whose ledger of suspensions has changed, within the step: its
    own clock (客户时限) stands above this package."""
    global _ledger
    _ledger = listener


def ledger_changed(business_id: UUID, now: datetime) -> None:
    if _ledger is not None:
        _ledger(business_id, now)


StandstillListener = Callable[[UUID], None]
_standstill: StandstillListener | None = None


def listen_to_standstill(listener: StandstillListener | None) -> None:
    """Call this with a business whose work may have come to a standstill, or gone on, within the
    step: an incident, all work suspended (`standstill`)."""
    global _standstill
    _standstill = listener


def hears_standstill() -> bool:
    return _standstill is not None


def standstill_changed(business_id: UUID) -> None:
    if _standstill is not None:
        _standstill(business_id)


def tell(fact: StepFact) -> None:
    if _listener is not None:
        _listener(fact)


def named(node: model.Node) -> list[str]:
    """Keys of the notices a task names."""
    return node.extension.get("notice", "").replace(",", " ").replace(";", " ").split()


def facts(
    process: model.Model,
    *,
    instance_id: UUID,
    business_id: UUID | None,
    now: datetime,
    opened: list[dict[str, Any]],
    changed: list[dict[str, Any]],
) -> list[StepFact]:
    """What a step's work rows mean to a listener."""
    found: list[StepFact] = []
    if not any(process.nodes[row["node"]].extension.get("notice") for row in opened + changed):
        return found
    events: list[tuple[dict[str, Any], Event]] = [(row, "entered") for row in opened]
    events += [(row, "given") for row in opened]
    events += [(row, "done" if row["state"] == "done" else "given") for row in changed]
    for row, event in events:
        node = process.nodes[row["node"]]
        person = row.get("completed_by") or row.get("claimed_by") or row.get("candidate")
        if not named(node) or (event == "given" and not person):
            continue
        due_at = row.get("due_at")
        found.append(
            StepFact(
                event=event,
                instance_id=instance_id,
                business_id=business_id,
                branch_id=UUID(str(row["branch_id"])),
                item_id=UUID(str(row["id"])),
                node=node,
                post=row["post"],
                person=UUID(str(person)) if person else None,
                due_at=datetime.fromisoformat(due_at) if isinstance(due_at, str) else due_at,
                now=now,
            )
        )
    return found
