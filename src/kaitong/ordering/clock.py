"""客户时限: the customer's clock of an order, stopped by the customer's causes only.

`due_basis` keeps what `due_at` is derived from; the ledger of suspensions stands with the work of
the order. Whoever changes either calls `recount`, under the order's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kaitong.core import wording
from kaitong.core.clock import now as clock_now
from kaitong.core.locks import lock_row
from kaitong.ordering.choices import FINAL
from kaitong.ordering.models import Order
from kaitong.ordering.states import note
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.process import reasons
from kaitong.worktime import explain, rules
from kaitong.worktime import queries as worktime
from kaitong.worktime.errors import WorktimeError

Say = Callable[[str], str]


def deadline_of(
    order_id: UUID, basis: Mapping[str, Any], *, say: Say | None = None
) -> rules.Deadline | None:
    """The customer's due time with every step of the count; None without a budget.

    `say` words the reasons of suspensions for a reader; without it they keep their codes. Raises
    WorktimeError where it cannot be counted.
    """
    if not basis.get("budget") or not basis.get("start"):
        return None
    agreed = basis.get("agreed")
    return worktime.deadline(
        basis["budget"],
        datetime.fromisoformat(basis["start"]),
        calendar_key=basis["calendar"],
        suspensions=process.ledger_of(order_id, _titles(order_id, say) if say else None),
        on=rules.Clock.CUSTOMER,
        agreed=datetime.fromisoformat(agreed) if agreed else None,
    )


def recount(order: Order, *, why: str, actor_id: UUID | None = None) -> bool:
    """Count a locked order's due time anew; whether it moved. What moved it stands in its timeline.

    A calendar that cannot be counted leaves the due time as it was: nothing of it is lost.
    """
    if not order.due_basis or order.state in FINAL:
        return False
    try:
        found = deadline_of(order.pk, order.due_basis)
    except WorktimeError:
        return False
    if found is None or found.due_at == order.due_at:
        return False
    was, order.due_at = order.due_at, found.due_at
    order.save(update_fields=["due_at"])
    note(
        order.pk,
        "due-moved",
        actor_id=actor_id,
        data={
            "was": was.isoformat() if was else "",
            "due_at": found.due_at.isoformat(),
            "why": why,
        },
    )
    return True


def ledger_changed(business_id: UUID, _now: datetime) -> None:
    """Work of an order was suspended, went on, or its ledger was corrected. Called in that step,
    after its instance was locked."""
    order = lock_row(Order.objects.all(), business_id)
    if order is not None:
        recount(order, why="ledger")


def spent(order_id: UUID, basis: Mapping[str, Any], start: datetime, end: datetime) -> rules.Spent:
    """全程历时 and 净历时 of an order: the net time is without what the customer's causes took."""
    return rules.spent(
        start,
        end,
        worktime.calendar((basis or {}).get("calendar", "")),
        process.ledger_of(order_id),
        clock=rules.Clock.CUSTOMER,
    )


@dataclass(frozen=True, slots=True)
class ClockText:
    """One clock of an order in words, for whoever has no page: the command line, an interface."""

    clock: str  # customer, step, phase
    id: UUID  # of the order, of the work item, of the phase
    title: str
    due_at: datetime | None
    state: str  # running, stopped, late
    provisional: bool
    why: str


def told(actor: Actor, order: Order, *, say: Say = str) -> list[ClockText]:
    """The customer's clock and the clocks of its open steps, each with its `why` in the reader's
    language. `say` words what the playbook calls steps and reasons."""
    found = []
    deadline = _counted(lambda: deadline_of(order.pk, order.due_basis, say=say))
    if order.due_at is not None and order.state not in FINAL:
        found.append(_text("customer", order.pk, order.number or "", order.due_at, deadline))
    for row in process.open_items_of(actor, [order.pk]).get(order.pk, ()):
        if row.due_at is not None:
            found.append(step_told(actor, row, say=say))
    for phase in process.phases_of(actor, [order.pk]).get(order.pk, ()):
        if phase.due_at is not None and phase.ended_at is None:
            why = _counted(lambda: process.explain_phase(actor, phase.id, say=say))  # noqa: B023
            found.append(_text("phase", phase.id, say(phase.title), phase.due_at, why))
    return found


def step_told(actor: Actor, row: process.WorkRow, *, say: Say = str) -> ClockText:
    """The clock of one work item in words."""
    deadline = _counted(lambda: process.explain_due(actor, row.id, say=say))
    return _text("step", row.id, say(row.title), row.due_at, deadline)


def _counted(count: Callable[[], rules.Deadline | None]) -> rules.Deadline | None:
    try:
        return count()
    except WorktimeError:
        return None


def _text(
    clock: str, id_: UUID, title: str, due_at: datetime | None, deadline: rules.Deadline | None
) -> ClockText:
    english = wording.english()
    stopped = deadline is not None and deadline.stopped
    late = due_at is not None and due_at < clock_now()
    return ClockText(
        clock=clock,
        id=id_,
        title=title,
        due_at=due_at,
        state="stopped" if stopped else "late" if late else "running",
        provisional=deadline is not None and deadline.provisional,
        why=explain.sentence(deadline, "en" if english else "zh") if deadline else "",
    )


def _titles(order_id: UUID, say: Say) -> dict[str, str]:
    rows = Order.objects.filter(pk=order_id)
    for table in rows.values_list(f"parameters__{reasons.TABLE}", flat=True):
        named = reasons.titles({reasons.TABLE: table})
        return {code: say(title) for code, title in named.items()}
    return {}
