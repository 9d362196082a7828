"""Transactional actions of 移机: reserve new, switch, release old.

Until the installer has been at the old address the customer may take it back, and the new port is
free again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from kaitong.core.masking import mask_account
from kaitong.inventory import queries as inventory
from kaitong.inventory import relocation
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.services import NoPort, set_service_state
from kaitong.ordering import bundle_actions, bundles, changes, life_money, papers
from kaitong.ordering.actions import subject_of
from kaitong.ordering.errors import OrderRefused
from kaitong.ordering.models import OrderItem
from kaitong.ordering.moving import ADDRESS, FEE
from kaitong.ordering.states import note
from kaitong.process.actions import ActionContext, BusinessError

REST = "port_rest_days"  # how long a port rests that a line has left


def reserve_move(ctx: ActionContext) -> dict[str, Any]:
    """新址配线: a port is set aside at the new address, and the fee is due.

    BusinessError `no-port` where somebody else was faster.
    """
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    wanted = changes.wanted(item).get(ADDRESS)
    if not wanted:
        raise OrderRefused("没有新地址。", "请重新受理。")
    taken = relocation.reserve(
        actor=actor, service_id=item.service_id, address_id=UUID(wanted), order_id=order.id
    )
    if isinstance(taken, NoPort):
        raise BusinessError("no-port", taken.text, {"verdict": str(taken.reason)})
    OrderItem.objects.filter(pk=item.pk).update(address_id=UUID(wanted))
    fee = ctx.parameters.get(FEE)
    if fee:
        life_money.owed(
            actor=actor,
            order=order,
            item_id=item.item_id,
            code="move",
            title="移机费",
            fen=int(fee),
        )
    note(order.id, "port-assigned", actor_id=ctx.actor_id, data={"port": taken.text})
    return {}


def switch_line(ctx: ActionContext) -> dict[str, Any]:
    """割接登记: the line is at the new address from now on, and has to be proven there."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    assert item.address_id is not None
    service = relocation.switch(
        actor=actor,
        service_id=item.service_id,
        address_id=item.address_id,
        pattern=ctx.parameters["logical_id_pattern"],
    )
    papers.issue(actor=actor, order=order, when=("assigned",))
    bundle_actions.follow(
        actor=actor, item=item, address_id=item.address_id, parameters=ctx.parameters
    )
    note(
        order.id,
        "line-switched",
        actor_id=ctx.actor_id,
        data={"account": mask_account(service.account)},
    )
    return {}


def finish_move(ctx: ActionContext) -> dict[str, Any]:
    """移机竣工: the line is proven at the new address; the old port is pre-released and rests.

    Refused while a proof is wanting: nobody's word makes a moved line work.
    """
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    days = int(ctx.parameters.get(REST, 0))
    parts = bundles.service_ids(item)
    for service_id in (item.service_id, *parts):
        if inventory.service(actor, service_id).missing_proofs:
            raise OrderRefused("新址的开通验证还没有通过。", "请先完成验证。")
        set_service_state(actor=actor, service_id=service_id, state=ServiceState.ACTIVE)
    released = relocation.finish(
        actor=actor, service_id=item.service_id, rest=timedelta(days=days) if days else None
    )
    if released is not None:
        note(order.id, "old-port-released", actor_id=None, data={"port": released.text})
    return {}


def give_back_move(ctx: ActionContext) -> dict[str, Any]:
    """新址端口退回: the move does not happen; the service stays as it is where it is."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    released = relocation.give_up(actor=actor, service_id=item.service_id)
    if released is not None:
        note(order.id, "given-back", actor_id=None, data={"port": released.text})
    return {}
