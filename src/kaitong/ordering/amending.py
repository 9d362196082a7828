"""改单: changing what the steps where an order stands allow, by whom they allow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit, wording
from kaitong.core.clock import now, read_local
from kaitong.core.errors import InputFault, KaitongError
from kaitong.ordering import answers, papers
from kaitong.ordering.choices import FINAL, OrderState
from kaitong.ordering.errors import BadOrder, OrderNotFound, PlanChanged, WrongOrderState
from kaitong.ordering.models import Order, OrderItem
from kaitong.ordering.states import locked, note
from kaitong.ordering.step_rules import (
    AMEND,
    APPOINTMENT,
    FIELDS,
    PHONE,
    REMARK,
    holds,
    named,
    parse,
)
from kaitong.org.actor import Actor
from kaitong.party import services as party
from kaitong.process import queries as process
from kaitong.process import services as runtime
from kaitong.process.model import Node

LONGEST_REMARK = 500


def labels() -> dict[str, str]:
    return {
        APPOINTMENT: _("上门时间"),
        PHONE: _("联系电话"),
        REMARK: _("备注"),
    }


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Whether a field may be changed now by this person; `why_not` is empty when it may."""

    field: str
    label: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class AmendPlan:
    """What of an order this person may change where it stands."""

    order_id: UUID
    number: str
    steps: tuple[str, ...]  # where it stands
    fields: tuple[FieldRule, ...]
    refusal: str = ""  # nothing at all may be changed, and why
    at: str = ""  # fingerprint of where it stands

    @property
    def possible(self) -> bool:
        return not self.refusal and any(not rule.why_not for rule in self.fields)


def amend_plan(actor: Actor, order_id: UUID) -> AmendPlan:
    """What of an order the actor may change now, and why not the rest; in constant queries."""
    order = Order.objects.filter(pk=order_id).first()
    if order is None or not actor.sees(order.branch_id):
        raise OrderNotFound(_("没有这个订单。"), _("请核对订单号和所在分公司。"))
    return _plan(actor, order, standing(order_id))


def amend(
    *,
    actor: Actor,
    order_id: UUID,
    changes: Mapping[str, str],
    reason: str,
    expected: str = "",
) -> AmendPlan:
    """Change fields of an order under way (改单), each as the step where it stands allows.

    `appointment` is a local time, optionally with `/MINUTES`. Locks: the order's instances by
    primary key, the order, then what is written: whoever completes work at that instant is first
    or is told. `expected` is the plan's `at`: PlanChanged when the order stands elsewhere by now.
    Every fault at once; then nothing was changed.
    """
    wanted = {field: text.strip() for field, text in changes.items()}
    bad = [
        InputFault(field, _("没有可改的 %(field)s。") % {"field": field}, _("请刷新页面。"))
        for field in wanted
        if field not in FIELDS
    ]
    if not wanted:
        bad.append(InputFault("changes", _("没有要改的内容。"), _("请填写要改的项。")))
    if not reason.strip():
        bad.append(InputFault("reason", _("改单需要说明原因。"), _("请填写原因。")))
    if bad:
        raise BadOrder(bad)
    amend_plan(actor, order_id)  # another branch's order is not found
    with audit.acting(actor.id, "amend order"), transaction.atomic():
        runtime.hold(instances=_running(order_id))
        order = locked(order_id)
        nodes = standing(order_id)
        plan = _plan(actor, order, nodes)
        if expected and expected != plan.at:
            raise PlanChanged(_("订单刚刚走到了别的环节。"), _("请核对后再改。"))
        if plan.refusal:
            raise WrongOrderState(plan.refusal, _("请刷新页面。"))
        rules = {rule.field: rule for rule in plan.fields}
        refused = [
            InputFault(field, rules[field].why_not) for field in wanted if rules[field].why_not
        ]
        if refused:
            raise BadOrder(refused)
        for field, text in wanted.items():
            try:
                _APPLY[field](actor, order, text)
            except KaitongError as error:
                raise BadOrder([InputFault(field, str(error.what), str(error.remedy))]) from None
        said = reason.strip()[:200]
        note(
            order.pk,
            "amended",
            actor_id=actor.id,
            data={"fields": sorted(wanted), "reason": said, "at": list(plan.steps)},
        )
        audit.record(
            "order.amend",
            actor_id=actor.id,
            subject_type="ordering.order",
            subject_id=order.pk,
            branch_id=order.branch_id,
            data={"fields": sorted(wanted)},
        )
        if APPOINTMENT in wanted:
            papers.renew(actor=actor, order_id=order.pk)
    return amend_plan(actor, order_id)


def standing(order_id: UUID) -> list[Node]:
    """The steps an order's running processes stand at."""
    return process.standing_at(_running(order_id))


# ---- inside --------------------------------------------------------------------------------------


def _running(order_id: UUID) -> list[UUID]:
    rows = OrderItem.objects.filter(order_id=order_id, instance_id__isnull=False)
    going = rows.exclude(state__in=[*FINAL, OrderState.PENDING_CANCELLATION])
    return list(going.order_by("instance_id").values_list("instance_id", flat=True))


def _plan(actor: Actor, order: Order, nodes: list[Node]) -> AmendPlan:
    names = labels()
    refusal = ""
    if order.state in FINAL or order.state == OrderState.PENDING_CANCELLATION:
        state = OrderState(order.state).label
        refusal = _("订单%(state)s，不能再改。") % {"state": state}
    return AmendPlan(
        order_id=order.pk,
        number=order.number or str(order.pk)[:8],
        steps=tuple(node.name for node in nodes),
        fields=tuple(
            FieldRule(field, names[field], _why_not(actor, field, nodes)) for field in FIELDS
        ),
        refusal=refusal,
        at=" ".join(sorted(node.id for node in nodes)),
    )


def _why_not(actor: Actor, field: str, nodes: list[Node]) -> str:
    """One step that allows it is enough: parallel machines' steps say nothing."""
    allowed: list[str] = []
    for node in nodes:
        rules = parse(node.extension.get(AMEND, ""))
        if field in rules:
            posts = rules[field] or ((node.lane,) if node.lane else ())
            if holds(actor, posts):
                return ""
            allowed += posts
    if allowed:
        return _("这一步只有%(who)s可以改。") % {"who": named(allowed)}
    steps = wording.several(dict.fromkeys(node.name for node in nodes)) or "-"
    return _("订单在“%(step)s”，这一步不能改。") % {"step": steps}


def _appointment(actor: Actor, order: Order, text: str) -> None:
    """The visit's time; the steps after the first appointment follow it (改约)."""
    time, _slash, minutes = text.partition("/")
    try:
        start = read_local(time)
        length = int(minutes) if minutes else None
    except ValueError:
        what = _("%(text)s 不是时间。") % {"text": text[:40]}
        raise BadOrder([InputFault(APPOINTMENT, what, _("写成 2027-03-01T09:00。"))]) from None
    if length is not None and not 15 <= length <= 24 * 60:
        what = _("时段要有 15 分钟到一天。")
        raise BadOrder([InputFault(APPOINTMENT, what, _("请改时段。"))])
    before: datetime | None = order.appointment_start
    answers.appoint(
        order, start, length, actor_id=actor.id, moment=now(), parameters=order.parameters
    )
    if before is None:
        return  # nothing hangs on it yet
    for item in process.open_items_of(Actor.system(), [order.pk]).get(order.pk, []):
        if item.due_at is not None and item.state != "todo":
            runtime.agree(actor=Actor.system(), item_id=item.id, at=start)


def _phone(actor: Actor, order: Order, text: str) -> None:
    if order.party_id is None:
        raise BadOrder([InputFault(PHONE, _("这张订单没有客户。"), _("请刷新页面。"))])
    party.add_phone(actor=actor, party_id=order.party_id, phone=text, primary=True)


def _remark(_actor: Actor, order: Order, text: str) -> None:
    if len(text) > LONGEST_REMARK:
        what = _("备注最长 %(n)s 个字。") % {"n": LONGEST_REMARK}
        raise BadOrder([InputFault(REMARK, what, _("请改短。"))])
    order.description = text
    order.save(update_fields=["description"])


_APPLY = {APPOINTMENT: _appointment, PHONE: _phone, REMARK: _remark}
