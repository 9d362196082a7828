"""改约: the customer agrees another time for the visit, at the counter or by telephone.

As 改单 it is allowed where the step allows it, with its locks; beyond that a reason of the
playbook's list (`reappoint-reasons`) is picked, the times are counted (`reappoint_most`: more only
by a supervisor), a receipt is issued, and customer and installer are told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core.clock import read_local
from kaitong.core.errors import InputFault
from kaitong.ordering import amending, papers
from kaitong.ordering.choices import AskedBy
from kaitong.ordering.errors import BadOrder, OrderForbidden, OrderRefused
from kaitong.ordering.models import Order, OrderNote
from kaitong.ordering.plans import Reason, ReasonGroup, reason_by_code, reasons_of
from kaitong.ordering.states import locked, note
from kaitong.ordering.step_rules import APPOINTMENT
from kaitong.org.actor import Actor

REASONS, MOST = "reappoint-reasons", "reappoint_most"
KIND = "reappointed"
LENGTHS = (60, 120, 240)


@dataclass(frozen=True, slots=True)
class ReappointPlan:
    """The visit as it is agreed now, and whether this person may agree another time."""

    order_id: UUID
    number: str
    start: datetime | None
    end: datetime | None
    minutes: int
    count: int  # how often it was moved before
    most: int
    reasons: tuple[ReasonGroup, ...]
    refusal: str
    remedy: str
    at: str

    @property
    def possible(self) -> bool:
        return not self.refusal


def plan_of(actor: Actor, order_id: UUID) -> ReappointPlan:
    """What changing the visit's time would mean, in constant queries; another branch's order is
    not found."""
    rules = amending.amend_plan(actor, order_id)
    order = Order.objects.get(pk=order_id)
    count = OrderNote.objects.filter(order_id=order_id, kind=KIND).count()
    most = int(order.parameters.get(MOST, 0))
    mine = next(rule for rule in rules.fields if rule.field == APPOINTMENT)
    refusal, remedy = rules.refusal or mine.why_not, ""
    if not refusal and order.appointment_start is None:
        refusal = _("这张订单还没有约过上门时间。")
        remedy = _("请由装维班组首次联系客户时约定。")
    if not refusal and most and count >= most and not actor.is_supervisor:
        refusal = _("已改约 %(n)s 次，到了上限。") % {"n": count}
        remedy = _("再改约请由班长办理。")
    groups = reasons_of({"reasons": order.parameters.get(REASONS, ())})
    return ReappointPlan(
        order_id=order.pk,
        number=rules.number,
        start=order.appointment_start,
        end=order.appointment_end,
        minutes=_minutes(order),
        count=count,
        most=most,
        reasons=groups,
        refusal=refusal,
        remedy=remedy,
        at=rules.at,
    )


def reappoint(
    *,
    actor: Actor,
    order_id: UUID,
    start: str,
    minutes: int,
    reason: str,
    asked_by: str,
    key: str,
    remark: str = "",
    expected: str = "",
) -> ReappointPlan:
    """Agree another time; the same `key` again changes nothing.

    Every fault at once: the time, the length, the reason. Whoever completes the visit at that
    instant is first, or is told.
    """
    plan = plan_of(actor, order_id)
    with transaction.atomic():
        if _done(order_id, key):
            return plan
        if plan.refusal:
            if plan.count >= plan.most > 0:
                raise OrderForbidden(plan.refusal, plan.remedy)
            raise OrderRefused(plan.refusal, plan.remedy)
        picked = _check(plan, start, minutes, reason, asked_by)
        said = "：".join(filter(None, (picked.full if picked else "", remark.strip()[:100])))
        amending.amend(
            actor=actor,
            order_id=order_id,
            changes={APPOINTMENT: f"{start.strip()}/{minutes}"},
            reason=said or str(_("客户改约")),
            expected=expected,
        )
        order = locked(order_id)
        if _done(order_id, key):  # the same click, which was first
            raise _Twice
        note(
            order_id,
            KIND,
            actor_id=actor.id,
            data={
                "key": key,
                "code": picked.code if picked else "",
                "reason": said,
                "by": asked_by,
                "was": plan.start.isoformat() if plan.start else "",
                "to": order.appointment_start.isoformat() if order.appointment_start else "",
                "n": plan.count + 1,
            },
        )
        papers.issue(actor=actor, order=order, when=(KIND,))
    return plan_of(actor, order_id)


class _Twice(Exception):
    """The same request was carried out in between."""


def once(**asked: Any) -> ReappointPlan:
    """`reappoint`, for faces: a click that came twice at once is answered as done."""
    try:
        return reappoint(**asked)
    except _Twice:
        return plan_of(asked["actor"], asked["order_id"])


# ---- inside --------------------------------------------------------------------------------------


def _done(order_id: UUID, key: str) -> bool:
    rows = OrderNote.objects.filter(order_id=order_id, kind=KIND)
    return rows.filter(data__key=key).exists()


def _minutes(order: Order) -> int:
    if order.appointment_start and order.appointment_end:
        return int((order.appointment_end - order.appointment_start).total_seconds() // 60)
    return LENGTHS[1]


def _check(
    plan: ReappointPlan, start: str, minutes: int, reason: str, asked_by: str
) -> Reason | None:
    faults = []
    try:
        moment = read_local(start.strip())
        if plan.start is not None and moment == plan.start and minutes == plan.minutes:
            at = f"{timezone.localtime(plan.start):%m-%d %H:%M}"
            faults.append(InputFault("start", _("现在约的就是 %s。") % at, _("请填新的上门时间。")))
    except ValueError:
        faults.append(InputFault("start", _("没有填上门时间。"), _("写成 2027-03-01T09:00。")))
    if minutes not in LENGTHS:
        faults.append(InputFault("minutes", _("没有这种时段。"), _("请选 1 小时、2 小时或半天。")))
    if asked_by not in AskedBy.values:
        faults.append(InputFault("asked_by", _("没有说明客户怎样提出的。"), _("请选一种。")))
    picked = None
    if plan.reasons:
        picked = reason_by_code(plan.reasons, reason.strip())
        if picked is None:
            faults.append(InputFault("reason", _("没有选原因。"), _("请选一个。")))
    if faults:
        raise BadOrder(faults)
    return picked
