"""Withdrawal (撤单): the customer takes back an order that is under way.

Locks: the items' process instances by primary key, the order, then what is written. Whoever
completes work at the same instant holds the instance's lock: one of the two is first, and the other
is told. What was sent to the network is taken back by a process of its own (`cancel: process:` of
the playbook), because that may take time, fail, and be tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.charging import queries as charging
from kaitong.core import audit, db, wording
from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.ordering import bundles, papers, queries
from kaitong.ordering.choices import FINAL, OrderState
from kaitong.ordering.errors import (
    BadOrder,
    OrderForbidden,
    OrderRefused,
    PlanChanged,
    WrongOrderState,
)
from kaitong.ordering.models import Order, OrderItem, Withdrawal
from kaitong.ordering.plans import Reason, WithdrawalPlan, may_withdraw, plan_of
from kaitong.ordering.states import locked, move, note
from kaitong.ordering.step_rules import withdrawal_refusal
from kaitong.org.actor import Actor
from kaitong.process import queries as process_queries
from kaitong.process import services as process
from kaitong.process.errors import ProcessConflict

# Kept texts: Chinese whoever asks.
_WORD = "撤单"
_CANCELLED = "客户撤单"


def withdraw(
    *,
    actor: Actor,
    order_id: UUID,
    reason: str,
    key: str,
    note_text: str = "",
    expected: str = "",
    channel: str = "counter",
    ext: Mapping[str, Any] | None = None,
) -> Withdrawal:
    """Take back an order: its processes end, and the one that undoes it begins.

    `reason` is a code of the playbook (GROUP.REASON, or REASON where that is clear). The same `key`
    again gives the withdrawal it made. `expected` is the fingerprint of the plan that was shown:
    when it is another by now (the installer has just finished) PlanChanged says so and nothing is
    done. Raises WrongOrderState when somebody was faster, OrderRefused past the point of no return.
    """
    queries.order(actor, order_id)  # another branch's order is not found
    if not may_withdraw(actor):
        raise OrderForbidden(_("只有营业员或班长可以撤单。"), _("请由营业员办理。"))
    if not key.strip():
        raise BadOrder([InputFault("key", _("撤单没有带办理编号。"), _("请刷新页面。"))])
    before = _made_before(order_id, key)
    if before is not None:
        return before
    try:
        with audit.acting(actor.id, "withdraw order"), transaction.atomic():
            return _withdraw(
                actor, order_id, reason, key, note_text, expected, channel, dict(ext or {})
            )
    except ProcessConflict:
        # Its process ended while we waited for it: completed, returned, or withdrawn before us.
        before = _made_before(order_id, key)
        if before is not None:
            return before
        plan = plan_of(actor, queries.order(actor, order_id))
        raise WrongOrderState(
            plan.refusal or _("订单刚刚有变化，没有撤单。"), plan.remedy or _("请刷新后再试。")
        ) from None


def withdrawn_under(*, actor: Actor, key: str) -> Withdrawal | None:
    """What this requester took back under a key, whichever order that was.

    Within a transaction: the same key at the same instant waits for its turn.
    """
    db.rows("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{actor.id} {key}"])
    rows = Withdrawal.objects.filter(requested_by=actor.id, key=key[:160])
    return rows.order_by("pk").first()


def _made_before(order_id: UUID, key: str) -> Withdrawal | None:
    return Withdrawal.objects.filter(order_id=order_id, key=key[:160]).first()


def _withdraw(
    actor: Actor,
    order_id: UUID,
    code: str,
    key: str,
    note_text: str,
    expected: str,
    channel: str,
    ext: dict[str, Any],
) -> Withdrawal:
    going = OrderItem.objects.filter(order_id=order_id, instance_id__isnull=False)
    running = going.exclude(state__in=[*FINAL, OrderState.PENDING_CANCELLATION])
    instances = list(running.order_by("instance_id").values_list("instance_id", flat=True))
    process.hold(instances=instances)
    what, remedy = withdrawal_refusal(actor, process_queries.standing_at(instances))
    if what:  # a rule of the step where it stands, looked at before it is taken away from there
        raise OrderRefused(what, remedy)
    for instance_id in instances:
        process.cancel(actor=actor, instance_id=instance_id, reason=_CANCELLED)
    order = locked(order_id)
    plan = plan_of(actor, order)
    if plan.refusal:
        raise (WrongOrderState if plan.conflict else OrderRefused)(plan.refusal, plan.remedy)
    if expected and expected != plan.fingerprint:
        raise PlanChanged(_("订单刚刚有变化，撤单的结果与刚才看到的不同。"), _("请核对后再撤。"))
    reason = _reason(plan, code)
    made = Withdrawal.objects.create(
        branch_id=order.branch_id,
        order=order,
        key=key[:160],
        reason_code=reason.code,
        reason=reason.full[:130],
        note=note_text.strip()[:300],
        requested_by=actor.id,
        channel=channel,
        plan=_kept(plan),
        ext=ext,
    )
    move(order, OrderState.ASSESSING_CANCELLATION)
    move(order, OrderState.PENDING_CANCELLATION, reason=f"{_WORD}：{made.reason}")
    note(
        order.pk,
        "withdrawal",
        actor_id=actor.id,
        data={"reason": made.reason, "refund_fen": plan.refund_fen},
    )
    audit.record(
        "order.withdraw",
        actor_id=actor.id,
        subject_type="ordering.order",
        subject_id=order.pk,
        branch_id=order.branch_id,
        data={"reason": made.reason_code},
    )
    _undo(actor, order, instances, plan)
    papers.void_work(actor=actor, order=order, reason=_CANCELLED)
    papers.issue(actor=actor, order=order, when=("withdrawn",))
    return made


def _undo(actor: Actor, order: Order, instances: list[UUID], plan: WithdrawalPlan) -> None:
    """Begin what takes each item back."""
    rows = OrderItem.objects.filter(order=order, instance_id__in=instances)
    for item in rows.select_related("procedure").order_by("position", "item_id"):
        assert item.procedure is not None
        item.state = OrderState.PENDING_CANCELLATION
        item.save(update_fields=["state"])
        OrderItem.objects.filter(lead=item).update(state=OrderState.PENDING_CANCELLATION)
        parameters = dict(order.parameters)
        steering = {k: v for k, v in parameters.items() if isinstance(v, int | str)}
        undo = process.start(
            actor=actor,
            definition_id=UUID(item.procedure.cancel["definition_id"]),
            business_id=order.pk,
            branch_id=order.branch_id,
            variables={
                "order_id": str(order.pk),
                "item_id": str(item.pk),
                "service_id": str(item.service_id) if item.service_id else None,
                "approval_needed": plan.needs_approval,
                "parameters": steering,
                **bundles.running(item),
            },
            parameters=parameters,
        )
        OrderItem.objects.filter(pk=item.pk).update(undo_instance_id=undo)


def _reason(plan: WithdrawalPlan, code: str) -> Reason:
    found = plan.reason(code.strip())
    if found is None:
        known = wording.several(f"{r.code}（{r.title}）" for g in plan.reasons for r in g.reasons)
        what = _("没有这个撤单原因。") if code.strip() else _("没有选撤单原因。")
        raise BadOrder([InputFault("reason", what, _("可选：%s。") % known)])
    return found


def _kept(plan: WithdrawalPlan) -> dict[str, Any]:
    """What was promised, as it is carried out later."""
    return {
        "money": [
            {
                "charge": str(line.charge_id),
                "item": line.item,
                "title": line.title,
                "amount_fen": line.amount_fen,
                "back_fen": line.back_fen,
                "method": line.method,
                "outcome": line.outcome,
            }
            for line in plan.money
        ],
        "refund_fen": plan.refund_fen,
        "fee_fen": plan.fee_fen,
        "needs_approval": plan.needs_approval,
        "terminals": [serial for service in plan.services for serial in service.terminals],
    }


def acting_for(withdrawal: Withdrawal, machine: Actor) -> Actor:
    """The machine that carries a withdrawal out, in the name of who asked for it."""
    return replace(machine, id=withdrawal.requested_by)


def of_order(order_id: UUID) -> Withdrawal:
    """The withdrawal of a locked order, locked behind it."""
    found = Withdrawal.objects.select_for_update(no_key=True).filter(order_id=order_id).first()
    if found is None:
        raise OrderRefused(_("这个订单没有撤单。"))
    return found


def decide_refund(
    *, actor: Actor, order_id: UUID, item_id: UUID, decision: str | None, why: str | None
) -> None:
    """The second person's word on a refund (退费复核): never the one who withdrew the order."""
    with transaction.atomic():
        locked(order_id)
        withdrawal = of_order(order_id)
        if actor.id is None or actor.id == withdrawal.requested_by:
            raise BadOrder(
                [
                    InputFault(
                        "decision",
                        _("办理撤单的人不能复核自己的退费。"),
                        _("请由另一位班长复核。"),
                    )
                ]
            )
        said = dict(withdrawal.approvals.get(str(item_id), {}))
        if decision is not None:
            said |= {"decision": decision, "by": str(actor.id), "at": now().isoformat()}
            note(
                order_id,
                "refund-approved" if decision == "approve" else "refund-rejected",
                actor_id=actor.id,
                data={"sum": charging.yuan(withdrawal.plan["refund_fen"])},
            )
        if why is not None:
            said["reason"] = why
        withdrawal.approvals = {**withdrawal.approvals, str(item_id): said}
        withdrawal.save(update_fields=["approvals"])
