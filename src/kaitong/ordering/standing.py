"""TMF641's `held` and `pending`: an order that does not go on says so, and for whose sake.

- *held* (已挂起): it waits for us. One of its processes has an open incident (异常单), or all its
  work stands suspended and not for the customer alone (待装: no port, material, weather).
- *pending* (待客户): all its work stands suspended, and only for the customer's causes (缓装).
  TMF's "pending" is an order that needs something of the customer before it can go on.

Either ends by itself when work goes on. Which reasons are the customer's the playbook says
(`suspend-reasons`). An order being withdrawn stays *pendingCancellation* whatever happens in it.
"""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.core.locks import lock_row
from kaitong.ordering.choices import OrderState
from kaitong.ordering.models import Order
from kaitong.ordering.states import GOING, move
from kaitong.process import queries as process


def standstill_changed(business_id: UUID) -> None:
    """Work of an order may have come to a standstill, or gone on. Called within that step, under
    its instance's lock."""
    order = lock_row(Order.objects.all(), business_id)
    if order is None or order.state not in GOING:
        return
    found = process.standstill(business_id)
    state, reason = OrderState.IN_PROGRESS, ""
    if found.incident:
        with wording.stored():
            state, reason = OrderState.HELD, _("流程出了异常，正在处理。")
    elif found.reasons:
        state = OrderState.PENDING if found.customer else OrderState.HELD
        reason = next((r.title for r in found.reasons if not r.customer), found.reasons[0].title)
    if state != order.state or (state != OrderState.IN_PROGRESS and reason != order.reason):
        move(order, OrderState.IN_PROGRESS)
        move(order, state, reason=reason)
