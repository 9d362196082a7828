"""挂起, 解挂, 改约: the step's clock stands still, goes on, or follows the customer's choice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core.clock import now as clock_now
from kaitong.org.actor import Actor
from kaitong.process import access, due, phase_clock, planned, reasons
from kaitong.process.choices import WorkState
from kaitong.process.errors import ProcessConflict, ProcessRefused
from kaitong.process.models import Suspension
from kaitong.process.shell import Play
from kaitong.worktime import rules


def suspend(
    *,
    actor: Actor,
    item_id: UUID,
    reason_code: str,
    note: str = "",
    until: datetime,
    evidence: list[str] | None = None,
) -> None:
    """挂起: the step's clock stands until somebody resumes, at the latest until the wake-up date.

    `evidence` names attachments. Only the node's `suspend-reasons` are taken, where it has any.
    What the reason does to each clock, how long it may last, how often it may be used and whether
    evidence must be there stands in the parameters' table `suspend-reasons` (see `reasons`).
    """
    with transaction.atomic():
        play = access.work(actor, item_id)
        item = play.row
        access.require_going(item)
        access.require_hand(actor, item)
        allowed = play.model.nodes[item["node"]].extension.get("suspend-reasons", "")
        codes = allowed.replace(",", " ").replace(";", " ").split()
        if not reason_code or (codes and reason_code not in codes):
            raise ProcessRefused(
                _("不能以这个原因挂起。"), _("请选择列出的原因。"), field="reason_code"
            )
        if until <= play.now:
            raise ProcessRefused(_("预计解挂时间已过。"), _("请填写将来的时间。"), field="until")
        why = reasons.reason(play.loaded.parameters, reason_code)
        days = int(play.loaded.parameters.get("suspend_longest_days", 366))
        days = min(days, why.longest or days)
        if until > play.now + timedelta(days=days):
            raise ProcessRefused(
                _("预计解挂时间太远。"),
                _("最多挂起 %s 天；更久的请退单。") % days,
                field="until",
            )
        if why.evidence and not evidence:
            raise ProcessRefused(
                _("以这个原因挂起要有凭据。"), _("请拍照或上传图片。"), field="evidence"
            )
        if why.most is not None and _used(play, reason_code) >= why.most:
            raise ProcessRefused(
                _("这张订单已经以这个原因挂起 %s 次，不能再用。") % why.most,
                _("请继续办理，或退单。"),
                field="reason_code",
            )
        line = Suspension(
            workitem_id=item_id,
            reason_code=reason_code,
            note=note,
            evidence=evidence or [],
            stops_customer=why.customer,
            stops_step=why.step,
            cause=why.cause,
            created_at=play.now,
            since=play.now,
            until_expected=until,
            suspended_by=actor.id,
        )
        columns = [f.attname for f in Suspension._meta.concrete_fields]
        play.change.suspensions_opened.append({name: getattr(line, name) for name in columns})
        play.patch(state=WorkState.SUSPENDED, suspended_until=until)
        recount(play, [*_ledger(item_id), line])
        play.note_item("suspended", reason=reason_code, until=until)
        play.save()


def resume(*, actor: Actor, item_id: UUID) -> None:
    """解挂: the clock goes on; the due time moves by what stood still."""
    with transaction.atomic():
        play = access.work(actor, item_id)
        item = play.row
        if item["state"] != WorkState.SUSPENDED:
            raise ProcessConflict(_("这张工单没有挂起。"), _("请刷新页面。"))
        access.require_hand(actor, item)
        lines = _ledger(item_id)
        for line in lines:
            line.ended = line.ended or play.now
        end(play)
        play.patch(
            state=WorkState.CLAIMED if item["claimed_by"] else WorkState.TODO,
            suspended_until=None,
        )
        recount(play, lines)
        play.note_item("resumed")
        play.save()


def agree(*, actor: Actor, item_id: UUID, at: datetime, reason: str = "") -> None:
    """改约: a later time the customer chose becomes the due time."""
    with transaction.atomic():
        play = access.work(actor, item_id)
        access.require_open(play.row)
        access.require_hand(actor, play.row)
        if at <= play.now:
            raise ProcessRefused(_("约定的时间已过。"), _("请填写将来的时间。"), field="at")
        if play.row["due_basis"] is not None:
            play.row["due_basis"] = {**play.row["due_basis"], "agreed": at.isoformat()}
            recount(play, _ledger(item_id))
        play.note_item("agreed", reason=reason, at=at)
        play.save()


def ledger(
    lines: Iterable[Suspension], titles: Mapping[str, str] | None = None
) -> list[rules.Suspension]:
    """The ledger as the clock counts it; one that lasts is taken to end as expected.

    Voided lines do not count. `titles` word the reasons.
    """
    return [
        rules.Suspension(
            start=line.since,
            end=line.ended or max(line.until_expected, clock_now()),
            reason=(titles or {}).get(line.reason_code, line.reason_code),
            stops_customer=line.stops_customer,
            stops_step=line.stops_step,
            expected=line.ended is None,
        )
        for line in lines
        if line.voided_at is None
    ]


def lines_of(item_id: UUID) -> list[Suspension]:
    """The lines of an item that count."""
    return _ledger(item_id)


def _ledger(item_id: UUID) -> list[Suspension]:
    rows = Suspension.objects.filter(workitem_id=item_id, voided_at=None)
    return list(rows.order_by("since"))


def _used(play: Play, code: str) -> int:
    """How often a reason was used in this order, or in this instance where it has no business."""
    rows = Suspension.objects.filter(reason_code=code, voided_at=None)
    if play.loaded.business_id is not None:
        return rows.filter(workitem__business_id=play.loaded.business_id).count()
    return rows.filter(workitem__instance_id=play.loaded.id).count()


def moved(play: Play, *, branch_id: UUID, department: str) -> None:
    """Another team's calendar (工作日历) counts from now on: the due time is counted anew by it."""
    basis = play.row["due_basis"]
    key = due.calendar_key(branch_id, department, play.loaded.parameters)
    if basis and key != basis["calendar"]:
        play.row["due_basis"] = {**basis, "calendar": key}
        was = play.row["due_at"]
        recount(play, _ledger(UUID(play.row["id"])))
        play.note_item("recounted", was=was, due_at=play.patched("due_at"), calendar=key)


def end(play: Play) -> None:
    if play.row["state"] == WorkState.SUSPENDED:
        play.change.suspensions_ended.append(
            {"token": play.row["token_id"], "at": play.now, "by": play.actor_id}
        )


def taken_away(play: Play) -> None:
    """A step ended suspensions: phases that go on are counted anew."""
    phase_clock.taken_away(play, ledger)


def recount(play: Play, lines: list[Suspension]) -> None:
    """Count the due time of the item anew, with this ledger, and that of its phase."""
    phase_clock.recount(play, lines, ledger)
    basis = play.row["due_basis"]
    if basis:
        counted = ledger(lines)
        found = due.recount(basis, counted)
        node = play.model.nodes[play.row["node"]]
        timed = planned.plan(
            node,
            play.loaded.parameters,
            basis=found.basis,
            due_at=found.at,
            suspensions=counted,
        )
        told = planned.ahead(timed, play.row.get("alarms") or (), play.now)
        play.patch(
            alarms=told or None,
            alarm_at=planned.following(timed, told),
            due_at=found.at,
            due_basis=found.basis,
            provisional=found.provisional,
            warn_at=due.warn_at(node, found.at, play.loaded.parameters),
        )
        if found.at is not None and found.at > play.now:
            play.patch(warned_at=None, escalated_at=None)  # it has time again
