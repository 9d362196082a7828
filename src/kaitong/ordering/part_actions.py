"""Transactional actions of one part of a bundle alone (拆分, 加装).

The line's order carries the one part as an item of its own, and the process as `part`; also as
`parts`, by which forms and whoever has a visit in hand know what is there.
"""

from __future__ import annotations

from typing import Any

from kaitong.catalog import queries as catalog
from kaitong.inventory import ownership
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState
from kaitong.ordering import bundles, changes, life_money, notices, papers
from kaitong.ordering.actions import subject_of
from kaitong.ordering.choices import ItemAction, OrderState
from kaitong.ordering.errors import OrderRefused
from kaitong.ordering.life_checks import Subject
from kaitong.ordering.models import OrderItem, ServiceChange
from kaitong.ordering.number_choice import page_of
from kaitong.ordering.part_change import (
    JOIN,
    LEAVE,
    TELEPHONE,
    addition_named,
    ending_named,
    range_of_part,
)
from kaitong.ordering.plan_actions import agree, set_plan
from kaitong.ordering.plan_change import EFFECTIVE, NEXT_MONTH, NOW, starts
from kaitong.ordering.states import finish_item, note
from kaitong.process.actions import ActionContext

# ---- one leaves ----------------------------------------------------------------------------------


def schedule_end(ctx: ActionContext) -> dict[str, Any]:
    """拆分排期: what was told is pinned, and the part that leaves is an item of the order.

    `later` and `effective_at` steer the process, `part` is who leaves.
    """
    order, item, actor = subject_of(ctx)
    subject, wanted = _subject(ctx), changes.wanted(item)
    offer = ending_named(subject, str(wanted.get(LEAVE) or ""))
    part = offer.leaving
    assert part is not None
    timing = agree(ctx, subject, offer.plan, later=wanted.get(EFFECTIVE) == NEXT_MONTH)
    row, _made = OrderItem.objects.get_or_create(
        order=order,
        item_id=bundles.item_id(item.item_id, part.specification),
        defaults=bundles.changed(item, part, ItemAction.DELETE),
    )
    inventory_verbs.attach_order(actor=actor, service_id=part.id, order_id=order.pk)
    return {**timing, **_carried(row)}


def end_part(ctx: ActionContext) -> dict[str, Any]:
    """退订登记: the part has ended, its number rests; `boxes` says how many devices are to be
    fetched. Twice changes nothing."""
    order, item, actor = subject_of(ctx)
    change = changes.of_item(item.id)
    reason = change.reason if change else ""
    boxes: list[str] = []
    for service_id in bundles.service_ids(item):
        title = bundles.named([inventory.service(actor, service_id)])[0]
        left = ownership.cease_service(
            actor=actor, service_id=service_id, reason=f"退订：{reason}" if reason else "退订"
        )
        boxes += left.terminals
        note(order.id, "part-ended", actor_id=None, data={"part": title})
    return {"boxes": len(boxes)}


# ---- one comes -----------------------------------------------------------------------------------


def begin_part(ctx: ActionContext) -> dict[str, Any]:
    """加装登记: the part is a service and an item from now on, and what was told is pinned; a visit
    is paid for. `visit` steers the process."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    subject = _subject(ctx)
    offer = addition_named(subject, str(changes.wanted(item).get(JOIN) or ""))
    new, plan = offer.joining, offer.offering
    assert new is not None
    agree(ctx, subject, offer.plan, later=False)
    number = str(changes.wanted(item).get(TELEPHONE) or "")
    chosen = range_of_part(subject, offer)
    if number and chosen is not None:
        chosen.keep(
            actor=actor,
            branch_id=order.branch_id,
            number=number,
            order_id=order.id,
            formerly=page_of(str(order.idempotency_key), order.requester_id),
        )
    specification = catalog.service_specification(
        new["service"], playbook=plan.playbook, version=plan.version
    )
    line = subject.service
    service = inventory_verbs.create_service(
        actor=actor,
        branch_id=order.branch_id,
        specification=specification.key,
        playbook=specification.playbook,
        version=specification.version,
        title=new["title"],
        order_id=order.id,
        customer_id=line.customer_id,
        address_id=line.address_id,
        characteristics=new.get("characteristics", {}),
        proven_by=specification.proven_by,
        state=ServiceState.FEASIBILITY_CHECKED,
        lead_id=line.id,
    )
    row = OrderItem.objects.create(
        order=order,
        branch_id=order.branch_id,
        item_id=bundles.item_id(item.item_id, new["key"]),
        position=item.position,
        action=ItemAction.ADD,
        state=OrderState.IN_PROGRESS,
        specification=f"{specification.playbook}.{specification.key}",
        offering=plan.key,
        procedure=item.procedure,
        service_id=service.id,
        lead=item,
        address_id=line.address_id,
        payload={"part": new["key"], **new.get("characteristics", {})},
    )
    if offer.visit_fen:
        life_money.owed(
            actor=actor,
            order=order,
            item_id=item.item_id,
            code="part-visit",
            title="上门费",
            fen=offer.visit_fen,
        )
    return {"visit": offer.visit, **_carried(row)}


def finish_part(ctx: ActionContext) -> dict[str, Any]:
    """加装竣工: the part works, and from today the line is of the plan that was told.

    The inventory refuses the state while a proof is missing: nobody's word makes a part work.
    """
    order, item, actor = subject_of(ctx)
    bundles.complete(actor=actor, item=item)
    change = changes.of_item(item.id)
    if change is None or not change.agreed:
        raise OrderRefused("没有约定新套餐。", "请重新受理。")
    since = starts(Subject(actor, _subject(ctx).service, _procedure(item), ctx.now), NOW)
    agreed = {**change.agreed, "since": since.isoformat()}
    ServiceChange.objects.filter(item=item).update(agreed=agreed)
    set_plan(ctx)
    for service_id in bundles.service_ids(item):
        title = bundles.named([inventory.service(actor, service_id)])[0]
        note(order.id, "part-added", actor_id=None, data={"part": title})
    return {}


def give_back_part(ctx: ActionContext) -> dict[str, Any]:
    """资源退回: the part does not come; its number is free, what was installed is to be fetched."""
    _order, item, actor = subject_of(ctx)
    bundles.withdraw(actor=actor, item=item, reason="加装没有办成")
    return {}


def refuse_part(ctx: ActionContext) -> dict[str, Any]:
    """加装退单: nothing is owed for it, what was paid goes back, the line stays as it is."""
    order, item, actor = subject_of(ctx)
    reason = str(ctx.inputs.get("reason") or "") or "不具备条件"
    back = life_money.given_back(
        actor=actor,
        order=order,
        item_id=item.item_id,
        key=f"refused-{item.id}",
        reason=f"退单：{reason}",
    )
    note(order.id, "refused", actor_id=ctx.actor_id, data={"reason": reason})
    finish_item(order, item, OrderState.FAILED, reason=reason)
    if order.number:  # else it is being taken in: intake tells it with the number
        papers.give_back(actor=actor, order=order)
        notices.tell(
            actor=actor,
            order=order,
            when="refused",
            once=item.item_id,
            values={"reason": reason, "refund": back},
        )
    return {}


def send_installer(ctx: ActionContext) -> dict[str, Any]:
    """派单: who goes has a work order with the line, the part and its number on it."""
    order, _item, actor = subject_of(ctx)
    if order.number:  # else it is being taken in: its papers come with its number
        papers.issue(actor=actor, order=order, when=("assigned",))
    return {}


# ---- a telephone's password ----------------------------------------------------------------------


def renew_telephones(ctx: ActionContext) -> dict[str, Any]:
    """固定电话密码重置: each telephone of the line has a new password and is an item of the order;
    `telephones` are those the network is told of next.

    It is made here and read at the counter on the day it is done: nobody types it into a form.
    """
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    rows: list[OrderItem] = []
    for part in inventory.parts_of([item.service_id]).get(item.service_id, []):
        if not part.has_password:
            continue
        row, made = OrderItem.objects.get_or_create(
            order=order,
            item_id=bundles.item_id(item.item_id, f"{part.specification}-{len(rows) + 1}"),
            defaults=bundles.changed(item, part, item.action),
        )
        rows.append(row)
        if made:
            inventory_verbs.attach_order(actor=actor, service_id=part.id, order_id=order.pk)
            inventory_verbs.issue_password(actor=actor, service_id=part.id, again=True)
    if not rows:
        raise OrderRefused("这项业务没有随带的固定电话。", "请只重置主业务的密码。")
    note(order.id, "password-set", actor_id=None)
    return {"telephones": bundles.variables(rows)[bundles.PARTS]}


# ---- inside --------------------------------------------------------------------------------------


def _subject(ctx: ActionContext) -> Subject:
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    service = inventory.service(actor, item.service_id)
    return Subject(actor, service, _procedure(item), order.ordered_at)


def _procedure(item: OrderItem) -> Any:
    assert item.procedure is not None
    return item.procedure


def _carried(row: OrderItem) -> dict[str, Any]:
    found = bundles.variables([row])
    return {**found, "part": found[bundles.PARTS][0]}
