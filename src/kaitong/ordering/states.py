"""Moving orders along TMF641's states, and the lines of their timeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import plain
from kaitong.core.clock import now
from kaitong.core.locks import lock_row
from kaitong.ordering import bindings, changes
from kaitong.ordering.choices import FINAL, TRANSITIONS, ItemAction, OrderState
from kaitong.ordering.errors import OrderNotFound, WrongOrderState
from kaitong.ordering.models import Order, OrderItem, OrderNote

# Orders that processes carry; those that stand still go on to any end through *inProgress*.
GOING = frozenset({OrderState.IN_PROGRESS, OrderState.PENDING, OrderState.HELD})


_ENDED = plain.array(sorted(FINAL))
_WITH_PARTS = "(id = %s or lead_id = %s) and state <> all(%s::text[])"
_STATES = "select distinct state from ordering_orderitem where order_id = %s"


def locked(order_id: UUID) -> Order:
    """The order, locked. The process instance, where there is one, was locked before."""
    order = lock_row(Order.objects.all(), order_id)
    if order is None:
        raise OrderNotFound(_("没有这个订单。"), _("请核对订单号。"))
    return order


def move(order: Order, state: str, *, reason: str = "") -> None:
    """Change a locked order's state; raises WrongOrderState for a move that does not exist."""
    if order.state == state:
        return
    ahead = TRANSITIONS.get(order.state, frozenset())
    if order.state in GOING and state not in ahead and OrderState.IN_PROGRESS in ahead:
        ahead = TRANSITIONS[OrderState.IN_PROGRESS]  # what stood still goes on in this very step
    if state not in ahead:
        raise WrongOrderState(
            _("订单现在是%(now)s，不能改为%(wanted)s。")
            % {"now": order.get_state_display(), "wanted": OrderState(state).label},
            _("请刷新后再试。"),
            field="state",
        )
    moment = now()
    order.state, order.state_since, order.reason = state, moment, reason[:300]
    if state == OrderState.IN_PROGRESS and order.started_at is None:
        order.started_at = moment
    if state in FINAL:
        order.completed_at = moment
    order.save(update_fields=["state", "state_since", "reason", "started_at", "completed_at"])
    if state in FINAL - {OrderState.COMPLETED, OrderState.PARTIAL}:
        bindings.end(order.pk)


def finish_item(order: Order, item: OrderItem, state: str, *, reason: str = "") -> None:
    """End an item of a locked order; the last item to end decides how the order ends."""
    item.state = state
    # what comes with it in a bundle ends with it, and alike
    plain.update(OrderItem, {"state": state}, _WITH_PARTS, [item.pk, item.pk, _ENDED])
    if item.action != ItemAction.ADD:  # a new line's item changes nothing
        changes.end(item.pk)
    if state != OrderState.COMPLETED:
        bindings.end(order.pk, item.item_id)  # whatever becomes of the order's other lines
    states = {one for (one,) in plain.ask(_STATES, [order.pk])}
    if not states <= FINAL:
        return
    if states == {state}:
        move(order, state, reason=reason)
    elif OrderState.COMPLETED in states:
        move(order, OrderState.PARTIAL, reason=reason)
    elif OrderState.CANCELLED in states:
        move(order, OrderState.CANCELLED, reason=reason)
    else:
        move(order, OrderState.FAILED, reason=reason)


def note(
    order_id: UUID, kind: str, *, actor_id: UUID | None, data: Mapping[str, Any] | None = None
) -> None:
    """Add a line to an order's timeline. Facts only, never people's data."""
    OrderNote.objects.create(order_id=order_id, kind=kind, actor_id=actor_id, data=dict(data or {}))
