"""The customer's clock (客户时限) of an order, begun when it is taken in."""

from __future__ import annotations

from datetime import datetime

from kaitong.ordering.models import Order, Procedure
from kaitong.org import queries as org
from kaitong.worktime import queries as worktime


def set_due(order: Order, procedure: Procedure, start: datetime) -> None:
    """The customer's clock starts with acceptance. It can say why it is what it is."""
    budget = procedure.parameters.get(procedure.budget) if procedure.budget else None
    if budget is None:
        return
    calendar = org.calendar_key(order.branch_id)
    order.due_basis = {
        "budget": budget,
        "name": procedure.budget,
        "calendar": calendar,
        "start": start.isoformat(),
    }
    order.due_at = worktime.deadline(budget, start, calendar_key=calendar).due_at
