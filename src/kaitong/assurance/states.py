"""Moving tickets along TMF621's states, their clock, and the lines of their timeline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.assurance.choices import FINAL, TRANSITIONS, TicketState
from kaitong.assurance.errors import NoSuchFault, WrongFaultState
from kaitong.assurance.models import CommonCause, Fault, Handling, Note
from kaitong.core.clock import now
from kaitong.core.locks import lock_row
from kaitong.ordering import clock
from kaitong.org import queries as org
from kaitong.process import queries as process
from kaitong.process import reasons
from kaitong.worktime import queries as worktime
from kaitong.worktime.errors import WorktimeError

Clocked = Fault | CommonCause


def locked(fault_id: UUID) -> Fault:
    """The ticket, locked as an order would be: after its instance, before everything else."""
    fault = lock_row(Fault.objects.all(), fault_id)
    if fault is None:
        raise NoSuchFault(_("没有这张故障单。"), _("请核对故障号。"))
    return fault


def locked_cause(cause_id: UUID) -> CommonCause:
    cause = lock_row(CommonCause.objects.all(), cause_id)
    if cause is None:
        raise NoSuchFault(_("没有这个群障。"), _("请核对群障号。"))
    return cause


def note(
    ticket_id: UUID, kind: str, *, actor_id: UUID | None, data: Mapping[str, Any] | None = None
) -> None:
    """Add a line to the timeline of a ticket or a common cause. Facts only, no people's data."""
    Note.objects.create(ticket_id=ticket_id, kind=kind, actor_id=actor_id, data=dict(data or {}))


def move(fault: Fault, state: str, *, reason: str = "") -> None:
    """Change a locked ticket's state; raises WrongFaultState for a move that does not exist.

    What waits (held, pending) goes on before it ends: TMF621 knows no step from there to the end.
    """
    if fault.state == state:
        return
    if state not in TRANSITIONS.get(fault.state, frozenset()):
        between = TRANSITIONS.get(fault.state, frozenset()) & {TicketState.IN_PROGRESS}
        if not between or state not in TRANSITIONS[TicketState.IN_PROGRESS]:
            raise WrongFaultState(
                _("这张单现在是%(now)s，不能改为%(wanted)s。")
                % {"now": fault.get_state_display(), "wanted": TicketState(state).label},
                _("请刷新后再试。"),
                field="state",
            )
    moment = now()
    fault.state, fault.state_since, fault.reason = state, moment, reason[:300]
    if state == TicketState.RESOLVED:
        fault.resolved_at = moment
    if state in FINAL:
        fault.closed_at = moment
    fault.save(update_fields=["state", "state_since", "reason", "resolved_at", "closed_at"])


# ---- 客户时限 ------------------------------------------------------------------------------------


def set_due(row: Clocked, handling: Handling, budget: str, start: datetime) -> None:
    """The clock of a ticket starts with its taking in. It can say why it is what it is."""
    given = handling.parameters.get(budget) if budget else None
    if given is None:
        return
    calendar = org.calendar_key(row.branch_id)
    row.due_basis = {
        "budget": given,
        "name": budget,
        "calendar": calendar,
        "start": start.isoformat(),
    }
    row.due_at = worktime.deadline(given, start, calendar_key=calendar).due_at


def ledger_changed(business_id: UUID, _now: datetime) -> None:
    """Work of a ticket was suspended, or went on: TMF621's pending and held say so, and its clock
    is counted anew. Called within that step, after its instance was locked."""
    fault = lock_row(Fault.objects.all(), business_id)
    if fault is None or fault.state in FINAL or fault.state == TicketState.RESOLVED:
        return
    waiting = _waits(fault)
    if waiting is not None:
        state, reason = waiting
        if fault.state == TicketState.ACKNOWLEDGED:
            move(fault, TicketState.IN_PROGRESS)
        if fault.state != state:
            if fault.state in (TicketState.PENDING, TicketState.HELD):
                move(fault, TicketState.IN_PROGRESS)
            move(fault, state, reason=reason)
    elif fault.state in (TicketState.PENDING, TicketState.HELD) and not stands_in_cause(fault):
        move(fault, TicketState.IN_PROGRESS)
    recount(fault)


def stands_in_cause(fault: Fault) -> bool:
    """Whether the ticket waits for a common cause that is being mended."""
    return bool(fault.ext.get("in_cause"))


def _waits(fault: Fault) -> tuple[str, str] | None:
    """(state, reason in words) while work of it stands still."""
    for one in process.suspensions_of(fault.pk):
        if one.ended is None and one.voided_at is None:
            why = reasons.reason(fault.handling.parameters, one.reason_code)
            state = TicketState.PENDING if why.customer else TicketState.HELD
            return state, why.title
    return None


def recount(fault: Fault) -> None:
    """Count a locked ticket's due time anew from its ledger; what moved it stands in its lines."""
    if not fault.due_basis:
        return
    try:
        found = clock.deadline_of(fault.pk, fault.due_basis)
    except WorktimeError:
        return
    if found is None or found.due_at == fault.due_at:
        return
    was, fault.due_at = fault.due_at, found.due_at
    fault.save(update_fields=["due_at"])
    data = {"was": was.isoformat() if was else "", "due_at": found.due_at.isoformat()}
    note(fault.pk, "due-moved", actor_id=None, data=data)
