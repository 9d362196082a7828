"""What the machine does after a bad score (不满意回访), in the process the playbook has for it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from kaitong.assurance import queries as assurance_queries
from kaitong.assurance import services as assurance
from kaitong.core.errors import BadInput, InputFault
from kaitong.core.masking import mask_mobiles
from kaitong.org.actor import Actor
from kaitong.process.actions import ActionContext
from kaitong.process.errors import ProcessError
from kaitong.process.services import StepContext
from kaitong.surveys import rules as tables
from kaitong.surveys.choices import Outcome
from kaitong.surveys.models import Invitation

NOTE = "survey.outcome_note"


def followed_up(ctx: ActionContext) -> dict[str, Any]:
    """回访 after a bad score was done. In: `reached` (yes, no), `outcome` (explained, solved,
    ticket), `calls` made before. Gives `follow_next`: done, ticket, again, or enough."""
    row = _row(ctx.business_id)
    calls = int(ctx.inputs.get("calls") or 0) + 1
    if str(ctx.inputs.get("reached")) != "yes":
        if calls < tables.number(row.rules, "tries", tables.TRIES):
            return {"follow_next": "again", "calls": calls}
        row.outcome = Outcome.UNREACHED
        row.save(update_fields=["outcome"])
        return {"follow_next": "enough", "calls": calls}
    row.outcome = Outcome(str(ctx.inputs.get("outcome")))
    row.save(update_fields=["outcome"])
    ticket = row.outcome == Outcome.TICKET
    return {"follow_next": "ticket" if ticket else "done", "calls": calls}


def complain(ctx: ActionContext) -> dict[str, Any]:
    """What the customer wants handled becomes a complaint of its own, once."""
    row = _row(ctx.business_id)
    answer = getattr(row, "answer", None)
    said = filter(
        None,
        (
            f"满意度 {answer.score} 分" if answer else "",
            answer.reason_title if answer else "",
            mask_mobiles(answer.words or "") if answer else "",
        ),
    )
    ticket = assurance.take_in(
        actor=Actor.system(branch_id=row.branch_id),
        report=assurance.Report(
            kind="complaint",
            service_id=row.service_id if handled_there(row) else None,
            party_id=row.party_id,
            symptom=_about(row),
            description="；".join(said)[:500],
            idempotency_key=f"survey:{row.pk}",
        ),
    )
    row.ticket_id, row.outcome = ticket.pk, Outcome.TICKET
    row.save(update_fields=["ticket_id", "outcome"])
    return {"ticket": ticket.number or ""}


def _about(row: Invitation) -> str:
    """What the complaint is about. A version deployed since may call it otherwise, or not know it:
    then what that version says, or the first that it lists; what a customer wants is not lost."""
    handlings = assurance_queries.current()
    rules = next((one for one in handlings if one.playbook == row.rules.playbook), None)
    rules = rules or next(iter(handlings), None)
    listed = [one["key"] for one in rules.content["complaints"]] if rules else []
    now = tables.current().get(row.rules.playbook)
    said = [str(one.content.get("complaint", "")) for one in (row.rules, now) if one]
    return next((key for key in said if key in listed), listed[0] if listed else said[0])


def handled_there(row: Invitation) -> bool:
    """Whether the line's own playbook handles complaints; else the customer's is taken in, which
    the first playbook that does handles."""
    return any(one.playbook == row.rules.playbook for one in assurance_queries.current())


def outcome_note(step: StepContext, value: str) -> None:
    """What was agreed with the customer, in words: sealed, and no variable of the process."""
    if len(value) > 300:
        raise BadInput([InputFault(NOTE, _("写得太长。"), _("请写在 300 字以内。"))])
    row = _row(step.business_id)
    row.outcome_note = value.strip() or None
    row.save(update_fields=["outcome_note"])


WRITES = {NOTE: outcome_note}


def _row(business_id: Any) -> Invitation:
    rows = Invitation.objects.select_related("rules", "answer")
    found = rows.select_for_update(no_key=True, of=("self",)).filter(pk=business_id).first()
    if found is None:
        raise ProcessError("动作没有得到调查。")
    return found
