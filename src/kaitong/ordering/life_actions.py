"""Transactional actions of changes (变更): what a change does to the inventory, and its end.

As in `ordering.actions`, each works on `inputs["item_id"]` inside the step's transaction. They may
run once only by their step; what they call changes nothing the second time.
"""

from __future__ import annotations

from typing import Any

from kaitong.charging import queries as charging
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import SuspensionKind
from kaitong.inventory.errors import WrongState
from kaitong.ordering import (
    bundles,
    changes,
    life_money,
    life_passwords,
    notices,
    papers,
    undoing,
)
from kaitong.ordering.actions import subject_of
from kaitong.ordering.choices import OrderState
from kaitong.ordering.models import Order, OrderItem
from kaitong.ordering.states import finish_item, note
from kaitong.org.actor import Actor
from kaitong.process.actions import ActionContext, BusinessError


def suspend(ctx: ActionContext) -> dict[str, Any]:
    """停机: the service stands still, for the reason `kind` (request, arrears, administrative).

    BusinessError `wrong-state` for one that does not work any more.
    """
    order, item, actor = subject_of(ctx)
    change = changes.of_item(item.id)
    kind = str(ctx.inputs.get("kind") or SuspensionKind.REQUEST)
    _stop(actor, order, item, kind, change.reason if change else "")
    note(order.id, "suspended", actor_id=None, data={"reason": change.reason if change else ""})
    return {}


def resume(ctx: ActionContext) -> dict[str, Any]:
    """复机: one reason has ended; `works` says whether the line works, with none left."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    kind = str(ctx.inputs.get("kind") or SuspensionKind.REQUEST)
    works = inventory_verbs.resume(actor=actor, service_id=item.service_id, kind=kind)
    for service_id in bundles.service_ids(item):
        inventory_verbs.resume(actor=actor, service_id=service_id, kind=kind)
    note(order.id, "resumed", actor_id=None, data={"works": works})
    return {"works": works}


def set_password(ctx: ActionContext) -> dict[str, Any]:
    """密码登记: the customer's new password, or one made by us, is the service's; the network is
    told next."""
    order, item, actor = subject_of(ctx)
    asked = changes.wanted(item).get(life_passwords.TARGET)
    before = None if asked else undoing.how_it_stands(actor, item, passwords=True)
    life_passwords.give(actor=actor, item=item)
    if before is not None:  # nobody has said the new one: the one before is kept to be restored
        undoing.remember(item, before)
    note(order.id, "password-set", actor_id=None)
    return {}


def restore_password(ctx: ActionContext) -> dict[str, Any]:
    """改密撤回: the password before this change is the service's again; the network is told next.

    Twice is once: only what this change has set is taken back.
    """
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    service_id, mine = item.service_id, changes.wanted(item).get("change.password", "")
    if not mine:  # one made by us: what stood before was kept with the change
        undoing.restore_passwords(actor, order, item)
        return {}
    former = inventory_verbs.reveal_former_password(
        actor=actor, service_id=service_id, reason="改密撤回"
    )
    if former and mine and inventory_verbs.is_password(service_id=service_id, given=mine):
        inventory_verbs.set_password(actor=actor, service_id=service_id, password=former)
        note(order.id, "password-restored", actor_id=ctx.actor_id)
    return {}


def finish_change(ctx: ActionContext) -> dict[str, Any]:
    """变更办结: the item is completed, what it asked for is forgotten, the customer is told."""
    order, item, actor = subject_of(ctx)
    note(order.id, "changed", actor_id=ctx.actor_id, data={"procedure": item.payload["procedure"]})
    finish_item(order, item, OrderState.COMPLETED)
    if order.number:  # else it is being taken in: intake tells it with the number
        notices.tell(actor=actor, order=order, when="completed", once=item.item_id)
    return {}


def fail_change(ctx: ActionContext) -> dict[str, Any]:
    """变更退单: it cannot be done; the service stays as it is, and what was paid for it is given
    back, the way it came."""
    order, item, actor = subject_of(ctx)
    reason = str(ctx.inputs.get("reason") or "") or "变更没有办成"
    back = life_money.given_back(
        actor=actor,
        order=order,
        item_id=item.item_id,
        key=f"failed-{item.item_id}",
        reason=f"变更没有办成：{reason}",
    )
    note(order.id, "refused", actor_id=ctx.actor_id, data={"reason": reason})
    finish_item(order, item, OrderState.FAILED, reason=reason)
    if order.number:
        if back:
            papers.give_back(actor=actor, order=order)
        notices.tell(
            actor=actor,
            order=order,
            when="refused",
            once=item.item_id,
            values={"reason": reason, "refund": back},
        )
    return {}


def suspend_arrears(ctx: ActionContext) -> dict[str, Any]:
    """欠费停机: stands still for what is overdue now; `owes` is false where nothing is.

    BusinessError `wrong-state` for one that does not work any more.
    """
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    owed = charging.arrears(service_id=item.service_id).overdue_fen
    if not owed:
        return {"owes": False}
    reason = f"欠费 {charging.yuan(owed)}"
    _stop(actor, order, item, SuspensionKind.ARREARS, reason)
    note(order.id, "suspended", actor_id=None, data={"reason": reason})
    return {"owes": True}


# ---- inside --------------------------------------------------------------------------------------


def _stop(actor: Actor, order: Order, item: OrderItem, kind: str, reason: str) -> None:
    assert item.service_id is not None
    try:
        for service_id in (item.service_id, *bundles.service_ids(item)):
            inventory_verbs.suspend(
                actor=actor,
                service_id=service_id,
                kind=kind,
                reason=reason,
                order_id=order.id,
            )
    except WrongState as error:
        raise BusinessError("wrong-state", error.what) from None
