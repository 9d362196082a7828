"""更正挂起记录: a supervisor voids a wrong line of the ledger; the right one stands beside it.

Nothing of the wrong line is changed or lost. Every clock it stopped is counted again: the step's
here, the business's own by who listens (`listening.listen_to_ledger`).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core.ids import uuid7
from kaitong.org.actor import Actor
from kaitong.process import access, reasons, suspension
from kaitong.process.choices import OPEN_WORK
from kaitong.process.errors import (
    ProcessConflict,
    ProcessForbidden,
    ProcessNotFound,
    ProcessRefused,
)
from kaitong.process.models import Suspension


def correct_suspension(
    *,
    actor: Actor,
    suspension_id: UUID,
    why: str,
    reason_code: str | None = None,
    since: datetime | None = None,
    ended: datetime | None = None,
    void: bool = False,
) -> UUID | None:
    """Put a wrong line right: another reason, another beginning or end; or `void` it altogether.

    What is not given stays as the wrong line has it. A line that lasts goes on lasting and ends by
    resuming. Returns the right line's identifier, None where the line was only voided.
    """
    if not why.strip():
        raise ProcessRefused(_("请说明为什么更正。"), "", field="why")
    item_id = (
        Suspension.objects.filter(pk=suspension_id).values_list("workitem_id", flat=True).first()
    )
    if item_id is None:
        raise ProcessNotFound(_("没有这条挂起记录。"), _("请刷新页面。"))
    with transaction.atomic():
        play = access.work(actor, item_id)
        if not actor.is_supervisor:
            raise ProcessForbidden(_("挂起记录只能由班长更正。"))
        lines = list(Suspension.objects.filter(workitem_id=item_id).order_by("since"))
        wrong = next(line for line in lines if line.pk == suspension_id)
        if wrong.voided_at is not None:
            raise ProcessConflict(_("这条挂起记录已经更正过。"), _("请刷新页面。"))
        if void and wrong.ended is None:
            raise ProcessRefused(_("挂起还没有结束，不能作废。"), _("请先解挂。"), field="void")
        if ended is not None and wrong.ended is None:
            raise ProcessRefused(_("挂起还没有结束。"), _("请先解挂。"), field="ended")
        others = [one for one in lines if one.pk != suspension_id and one.voided_at is None]
        right = None
        if not void:
            right = _right(wrong, play.loaded.parameters, reason_code, since, ended)
            right.suspended_by, right.created_at = actor.id, play.now
            opened = datetime.fromisoformat(play.row["created_at"])
            _possible(right, opened, play.now, others)
            columns = [f.attname for f in Suspension._meta.concrete_fields]
            play.change.suspensions_opened.append({c: getattr(right, c) for c in columns})
            others.append(right)
        play.change.suspensions_voided.append(
            {"id": wrong.pk, "at": play.now, "by": actor.id, "reason": why.strip()[:200]}
        )
        was = play.row["due_at"]
        if play.row["state"] in OPEN_WORK:
            suspension.recount(play, sorted(others, key=lambda one: one.since))
        play.note_item(
            "suspension-corrected",
            reason=why.strip()[:200],
            line=wrong.pk,
            was=was,
            due_at=play.patched("due_at"),
        )
        play.save()
    return right.pk if right else None


def _right(
    wrong: Suspension,
    parameters: dict[str, object],
    code: str | None,
    since: datetime | None,
    ended: datetime | None,
) -> Suspension:
    table = parameters.get(reasons.TABLE)
    if code is not None and isinstance(table, dict) and code not in table:
        raise ProcessRefused(
            _("不能以这个原因挂起。"), _("请选择列出的原因。"), field="reason_code"
        )
    why = reasons.reason(parameters, code or wrong.reason_code)
    return Suspension(
        id=uuid7(),
        workitem_id=wrong.workitem_id,
        reason_code=why.code,
        note=wrong.note,
        evidence=wrong.evidence,
        stops_customer=why.customer,
        stops_step=why.step,
        cause=why.cause,
        since=since or wrong.since,
        until_expected=wrong.until_expected,
        ended=ended or wrong.ended,
        ended_by=wrong.ended_by,
        corrects_id=wrong.pk,
    )


def _possible(line: Suspension, opened: datetime, now: datetime, others: list[Suspension]) -> None:
    """A line lies within the item's time so far, and beside every other one."""
    end = line.ended or now
    if not opened <= line.since < end <= now:
        raise ProcessRefused(
            _("挂起的起止时间不对。"), _("请填写工单到岗以后、现在以前的时间。"), field="since"
        )
    if any(one.since < end and line.since < (one.ended or now) for one in others):
        raise ProcessRefused(_("与另一段挂起重叠。"), _("请核对起止时间。"), field="since")
