"""What the machine does in the processes of faults, common causes and complaints (BB-12, BB-14).

All transactional: they run inside the step, under the instance's lock, and use domain verbs only.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from kaitong.assurance import causes, notices, papers
from kaitong.assurance.choices import CauseState, SurveyKind, TicketState
from kaitong.assurance.models import CommonCause, Fault, Survey
from kaitong.assurance.states import (
    locked,
    locked_cause,
    move,
    note,
    recount,
)
from kaitong.core.clock import now
from kaitong.inventory import beneath
from kaitong.org.actor import Actor
from kaitong.process.actions import ActionContext
from kaitong.process.errors import ProcessError


def _fault(ctx: ActionContext) -> Fault:
    if ctx.business_id is None:
        raise ProcessError("动作没有得到故障单。")
    return locked(ctx.business_id)


def _cause(ctx: ActionContext) -> CommonCause:
    """The common cause, locked. The OLT's turn comes first: whoever takes in a fault has it when it
    writes a cause's row."""
    place = CommonCause.objects.filter(pk=ctx.business_id).values_list("resource_id", flat=True)
    if ctx.business_id is None or not place:
        raise ProcessError("动作没有得到群障。")
    here = beneath.piece(Actor.system(), place[0])
    causes.take_turn(here.olt_id if here else None)
    return locked_cause(ctx.business_id)


def record(ctx: ActionContext) -> dict[str, Any]:
    """Keep what was asked and found on the ticket: the guided answers, whose trouble it is.

    In: `answers` (a context, as they were given), `place` (phone, network, system, inside, outside,
    cable, data), `why` (of a decision, in words). The ticket is in progress from now on.
    """
    fault = _fault(ctx)
    place, why = str(ctx.inputs.get("place") or ""), str(ctx.inputs.get("why") or "")
    given = ctx.inputs.get("answers")
    if isinstance(given, dict):
        kept = list(fault.ext.get("answers", []))
        known = {key: value for key, value in given.items() if value not in (None, "")}
        kept.append({"at": ctx.now.isoformat(), "node": ctx.node, "answers": known})
        fault.ext = {**fault.ext, "answers": kept[-20:]}
        fault.answers = {**fault.answers, **known}
    if place:
        fault.place = place[:12]
        data = {"place": place, "why": why}
        note(fault.pk, "placed", actor_id=ctx.actor_id, data=data)
    fault.save(update_fields=["ext", "answers", "place"])
    if fault.state == TicketState.ACKNOWLEDGED:
        move(fault, TicketState.IN_PROGRESS)
    return {}


def hold(ctx: ActionContext) -> dict[str, Any]:
    """The ticket waits for its common cause to be mended."""
    fault = _fault(ctx)
    fault.ext = {**fault.ext, "in_cause": True}
    fault.save(update_fields=["ext"])
    if fault.state == TicketState.ACKNOWLEDGED:
        move(fault, TicketState.IN_PROGRESS)
    if fault.state in (TicketState.IN_PROGRESS, TicketState.PENDING):
        if fault.state == TicketState.PENDING:
            move(fault, TicketState.IN_PROGRESS)
        move(fault, TicketState.HELD, reason="等待群障修复")
    cause = fault.common_cause
    told = {"place": cause.resource_text, "expected": cause.expected_at} if cause else {}
    notices.tell(fault=fault, when="attached", once=str(fault.common_cause_id), values=told)
    return {}


def go_alone(ctx: ActionContext) -> dict[str, Any]:
    """The common cause was not this ticket's, or none at all: it goes on by itself."""
    fault = _fault(ctx)
    fault.ext = {key: value for key, value in fault.ext.items() if key != "in_cause"}
    fault.common_cause = None
    fault.save(update_fields=["ext", "common_cause"])
    if fault.state == TicketState.HELD:
        move(fault, TicketState.IN_PROGRESS)
    note(fault.pk, "alone", actor_id=ctx.actor_id, data={})
    return {"straight": True}


def resolve(ctx: ActionContext) -> dict[str, Any]:
    """归档: mended, as far as we know; the customer is told and will be asked (BB-14).

    In: `place` where it was mended, when no step has said so before.
    """
    fault = _fault(ctx)
    place = str(ctx.inputs.get("place") or "")
    if place:
        fault.place = place[:12]
    cause = fault.common_cause
    if cause is not None and fault.ext.get("in_cause"):
        fault.cause_title = f"群障：{cause.finding or cause.resource_text}"[:130]
        fault.cause_code = "common.cause"
    fault.ext = {key: value for key, value in fault.ext.items() if key != "in_cause"}
    fault.save(update_fields=["place", "cause_title", "cause_code", "ext"])
    if fault.state == TicketState.ACKNOWLEDGED:
        move(fault, TicketState.IN_PROGRESS)
    move(fault, TicketState.RESOLVED)
    data = {"place": fault.place, "cause": fault.cause_title}
    note(fault.pk, "resolved", actor_id=ctx.actor_id, data=data)
    told = {"cause": fault.cause_title}
    notices.tell(fault=fault, when="resolved", once=str(fault.reopened), values=told)
    return {}


def close(ctx: ActionContext) -> dict[str, Any]:
    """The ticket ends: the customer agrees, or was asked often enough."""
    fault = _fault(ctx)
    reason = str(ctx.inputs.get("reason") or "")
    move(fault, TicketState.CLOSED, reason=reason)
    papers.void_work(Actor.system(branch_id=fault.branch_id), fault.pk)
    note(fault.pk, "closed", actor_id=ctx.actor_id, data={"reason": reason})
    notices.tell(fault=fault, when="closed")
    return {}


def reopen(ctx: ActionContext) -> dict[str, Any]:
    """The customer says it is not mended: the ticket is in progress again, and that is counted.

    Its clock runs on from its first beginning. `fault_key` is new, so that what was said of its
    common cause before is not heard again.
    """
    fault = _fault(ctx)
    fault.reopened += 1
    fault.resolved_at = None
    fault.common_cause = None
    fault.save(update_fields=["reopened", "resolved_at", "common_cause"])
    move(fault, TicketState.IN_PROGRESS, reason="客户反映没有修好")
    recount(fault)
    note(fault.pk, "reopened", actor_id=ctx.actor_id, data={"times": fault.reopened})
    notices.tell(fault=fault, when="reopened", once=str(fault.reopened))
    return {"fault_key": causes.message_key(fault), "calls": 0, "straight": True, "route": ""}


def called_back(ctx: ActionContext) -> dict[str, Any]:
    """回访 was done: what the customer said becomes a row for the figures (BB-14, HALL-11).

    In: `reached` (yes, no), `fixed` (yes, no), `score` (5 to 1), `calls` made before. Gives
    `call_next`: fixed, broken, again, or enough (not reached, and asked often enough).
    """
    fault = _fault(ctx)
    reached = str(ctx.inputs.get("reached")) == "yes"
    fixed = str(ctx.inputs.get("fixed") or "") if reached else ""
    calls = int(ctx.inputs.get("calls") or 0) + 1
    score = ctx.inputs.get("score")
    pending = fault.ext.get("survey", {})
    Survey.objects.update_or_create(
        key=f"{fault.pk}:{fault.reopened}:{calls}",
        defaults={
            "branch_id": fault.branch_id,
            "kind": SurveyKind.CALL_BACK,
            "ticket": fault,
            "reached": reached,
            "fixed": {"yes": True, "no": False}.get(fixed),
            "score": int(score) if reached and score not in (None, "") else None,
            "reason_code": pending.get("reason_code", ""),
            "reason_title": pending.get("reason_title", ""),
            "remark": pending.get("remark", ""),
            "asked_by": ctx.actor_id,
            "asked_at": ctx.now,
        },
    )
    fault.ext = {key: value for key, value in fault.ext.items() if key != "survey"}
    fault.save(update_fields=["ext"])
    data = {"reached": reached, "fixed": fixed, "score": score, "times": calls}
    note(fault.pk, "called-back", actor_id=ctx.actor_id, data=data)
    if fixed:
        return {"call_next": "fixed" if fixed == "yes" else "broken", "calls": calls}
    most = int(ctx.parameters.get(fault.handling.content.get("call-back-tries", ""), 3) or 3)
    return {"call_next": "enough" if calls >= most else "again", "calls": calls}


def issue_repair_order(ctx: ActionContext) -> dict[str, Any]:
    """外线修障单 (F-30) for whoever goes outside: of a ticket, or of a common cause."""
    assert ctx.business_id is not None
    machine = Actor.system(branch_id=ctx.branch_id)
    fault = Fault.objects.filter(pk=ctx.business_id).first()
    if fault is not None:
        papers.repair_order(machine, locked(fault.pk))
    else:
        papers.cause_order(machine, _cause(ctx))
    return {}


# ---- common causes -------------------------------------------------------------------------------


def confirm_cause(ctx: ActionContext) -> dict[str, Any]:
    """群障确认: one repair for all; its tickets wait for it, and later ones join at once.

    In: `finding`, `expected_hours`. Affected customers are counted as they stand now.
    """
    cause = _cause(ctx)
    if cause.state != CauseState.PROPOSED:
        return {}
    moment = now()
    hours = ctx.inputs.get("expected_hours")
    cause.state, cause.confirmed_at, cause.confirmed_by = (
        CauseState.CONFIRMED,
        moment,
        ctx.actor_id,
    )
    cause.finding = str(ctx.inputs.get("finding") or "")[:200]
    cause.expected_at = moment + timedelta(hours=float(hours)) if hours else None
    _rows, cause.affected = beneath.services_beneath(cause.resource_id, limit=0)
    cause.save()
    causes.gather_broken(cause, moment - causes.window(cause.handling))
    joined = causes.members(cause)
    for fault in joined:
        causes.tell(cause, fault, "cause-confirmed")
    data = {"affected": cause.affected, "faults": len(joined), "finding": cause.finding}
    note(cause.pk, "confirmed", actor_id=ctx.actor_id, data=data)
    return {"affected": cause.affected}


def dismiss_cause(ctx: ActionContext) -> dict[str, Any]:
    """Not a common cause: its tickets go on one by one."""
    cause = _cause(ctx)
    reason = str(ctx.inputs.get("finding") or "")[:200]
    cause.state, cause.resolved_at, cause.finding = CauseState.DISMISSED, now(), reason
    cause.save(update_fields=["state", "resolved_at", "finding"])
    for fault in causes.members(cause):
        fault.common_cause = None
        fault.save(update_fields=["common_cause"])
        note(fault.pk, "alone", actor_id=ctx.actor_id, data={"cause": cause.number or ""})
    note(cause.pk, "dismissed", actor_id=ctx.actor_id, data={"reason": reason})
    return {}


def solve_cause(ctx: ActionContext) -> dict[str, Any]:
    """The common cause is mended: each of its tickets is told and archived, its customer asked."""
    cause = _cause(ctx)
    if cause.state != CauseState.CONFIRMED:
        return {}
    cause.state, cause.resolved_at = CauseState.RESOLVED, now()
    finding = str(ctx.inputs.get("finding") or "")
    cause.finding = finding[:200] or cause.finding
    cause.save(update_fields=["state", "resolved_at", "finding"])
    joined = causes.members(cause)
    for fault in joined:
        causes.tell(cause, fault, "cause-solved")
    papers.void_work(Actor.system(branch_id=cause.branch_id), cause.pk)
    data = {"faults": len(joined), "finding": cause.finding}
    note(cause.pk, "resolved", actor_id=ctx.actor_id, data=data)
    return {}
