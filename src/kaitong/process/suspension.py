"""挂起, 解挂, 改约: the step's clock stands still, goes on, or follows the customer's choice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core.clock import now as clock_now
from kaitong.org.actor import Actor
from kaitong.process import access, due
from kaitong.process.choices import WorkState
from kaitong.process.errors import ProcessConflict, ProcessRefused
from kaitong.process.models import Suspension
from kaitong.process.shell import Play
from kaitong.worktime import rules

CUSTOMER = "customer"  # reason codes that begin so stop the customer's clock too


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
    The customer's clock stands only for the customer's causes: where the parameters' table
    `suspend-reasons` says so, else codes that begin with `customer`.
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
        longest = timedelta(days=int(play.loaded.parameters.get("suspend_longest_days", 366)))
        if until > play.now + longest:
            raise ProcessRefused(
                _("预计解挂时间太远。"),
                _("最多挂起 %s 天；更久的请退单。") % longest.days,
                field="until",
            )
        line = Suspension(
            workitem_id=item_id,
            reason_code=reason_code,
            note=note,
            evidence=evidence or [],
            stops_customer=_stops_customer(play.loaded.parameters, reason_code),
            since=play.now,
            until_expected=until,
            suspended_by=actor.id,
        )
        columns = [f.attname for f in Suspension._meta.concrete_fields]
        play.change.suspensions_opened.append({name: getattr(line, name) for name in columns})
        play.patch(state=WorkState.SUSPENDED, suspended_until=until)
        _recount(play, [*_ledger(item_id), line])
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
        _recount(play, lines)
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
            _recount(play, _ledger(item_id))
        play.note_item("agreed", reason=reason, at=at)
        play.save()


def ledger(lines: list[Suspension]) -> list[rules.Suspension]:
    """The ledger as the clock counts it; one that lasts is taken to end as expected."""
    return [
        rules.Suspension(
            start=line.since,
            end=line.ended or max(line.until_expected, clock_now()),
            reason=line.reason_code,
            stops_customer=line.stops_customer,
            stops_step=True,
        )
        for line in lines
    ]


def _stops_customer(parameters: Mapping[str, Any], code: str) -> bool:
    table = parameters.get("suspend-reasons")
    entry = table.get(code) if isinstance(table, Mapping) else None
    if isinstance(entry, Mapping) and "customer" in entry:
        return bool(entry["customer"])
    return code.startswith(CUSTOMER)


def _ledger(item_id: UUID) -> list[Suspension]:
    return list(Suspension.objects.filter(workitem_id=item_id).order_by("since"))


def end(play: Play) -> None:
    if play.row["state"] == WorkState.SUSPENDED:
        play.change.suspensions_ended.append(
            {"token": play.row["token_id"], "at": play.now, "by": play.actor_id}
        )


def _recount(play: Play, lines: list[Suspension]) -> None:
    basis = play.row["due_basis"]
    if basis:
        found = due.recount(basis, ledger(lines))
        node = play.model.nodes[play.row["node"]]
        play.patch(
            due_at=found.at,
            due_basis=found.basis,
            provisional=found.provisional,
            warn_at=due.warn_at(node, found.at, play.loaded.parameters),
        )
        if found.at is not None and found.at > play.now:
            play.patch(warned_at=None, escalated_at=None)  # it has time again
