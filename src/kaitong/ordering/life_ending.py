"""The end of a service in operation (销户, BB-03): what is charged, what is given back, what
is fetched at the customer's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from kaitong.core.errors import BadInput, InputFault, KaitongError
from kaitong.core.masking import mask_account
from kaitong.inventory import ownership
from kaitong.inventory import queries as inventory
from kaitong.ordering import bindings, bundles, changes, life_money
from kaitong.ordering.actions import subject_of
from kaitong.ordering.life_checks import Subject
from kaitong.ordering.life_costs import PINNED, fee_of
from kaitong.ordering.models import OrderNote
from kaitong.ordering.states import note
from kaitong.process.actions import ActionContext
from kaitong.process.services import StepContext

CEASED = "ceased"  # the note that says what the service left behind


def cease(ctx: ActionContext) -> dict[str, Any]:
    """销户登记: the service has ended; port, numbers and terminal begin their way back, bound
    numbers are free, leaving early is charged."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    change = changes.of_item(item.id)
    reason = change.reason if change else ""
    _charge(ctx)
    ended = bindings.end_of_service(item.service_id)
    left_for = f"销户：{reason}" if reason else "销户"
    rest = timedelta(days=int(ctx.parameters.get("port_rest_days", 0)))
    left = ownership.cease_service(
        actor=actor,
        service_id=item.service_id,
        reason=left_for,
        rest=rest or None,
    )
    parts = [
        ownership.cease_service(actor=actor, service_id=one, reason=left_for)
        for one in bundles.service_ids(item)
    ]
    life_money.ended(actor=actor, service_id=item.service_id)
    if not OrderNote.objects.filter(order_id=order.id, kind=CEASED).exists():
        note(
            order.id,
            CEASED,
            actor_id=None,
            data={
                "account": mask_account(left.account),
                "port": left.port,
                "port_id": str(left.port_id or ""),
                "terminals": [*left.terminals, *(t for one in parts for t in one.terminals)],
                "unbound": len(ended),
            },
        )
    return {"terminals": len(left.terminals)}


def take_down(ctx: ActionContext) -> dict[str, Any]:
    """拆机登记: the line is taken down, its port is free for the next customer."""
    order, _item, actor = subject_of(ctx)
    found = OrderNote.objects.filter(order_id=order.id, kind=CEASED).first()
    port_id = str((found.data if found else {}).get("port_id", ""))
    if port_id and ownership.line_taken_down(actor=actor, port_id=UUID(port_id)):
        note(order.id, "taken-down", actor_id=ctx.actor_id, data={"port": found.data["port"]})
    return {}


def recovered_serial(step: StepContext, value: str) -> None:
    """The terminal fetched at the customer's (回收), checked against what stands there."""
    service_id = UUID(str(step.variables["service_id"]))
    try:
        ownership.terminal_recovered(actor=step.actor, service_id=service_id, serial=value)
    except KaitongError as error:
        raise BadInput([InputFault("recovered_serial", error.what, error.remedy)]) from None


# ---- inside --------------------------------------------------------------------------------------


def _charge(ctx: ActionContext) -> None:
    """The fee as it was told when the customer asked, once; before the service forgets its
    contract. A change begun before fees were pinned pays what stood when it was asked for."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    assert item.procedure is not None
    change = changes.of_item(item.id)
    kept = change.agreed if change is not None else {}
    if PINNED in kept:
        fee = kept[PINNED]
    else:
        service = inventory.service(actor, item.service_id)
        found = fee_of(Subject(actor, service, item.procedure, order.ordered_at))
        fee = found.pinned() if found is not None else None
    if not fee:
        return
    life_money.owed(
        actor=actor,
        order=order,
        item_id=item.item_id,
        code=fee["code"],
        title=fee["title"],
        fen=fee["fen"],
        note=fee["note"],
        refund_rule="",
    )
