"""The two clocks (客户时限, 环节时限) with their explanations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.errors import KaitongError
from kaitong.ordering import clock
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.web import format as fmt
from kaitong.web.pages.facts import OrderFacts
from kaitong.web.why import Why, explain
from kaitong.worktime.budgets import parse_budget


def of_item(
    actor: Actor, item_id: UUID, *, title: str, say: Callable[[str], str] = str
) -> Why | None:
    """Why the step is due when it is; None where it has no budget or cannot be counted."""
    try:
        found = process.step_clock(actor, item_id, say=say)
    except KaitongError:
        return None
    if found is None:
        return None
    return explain(
        found.deadline,
        parse_budget(found.basis["budget"]),
        title=title,
        start=datetime.fromisoformat(found.basis["start"]),
        gross=found.spent.gross,
        net=found.spent.net,
        parameter=_parameter(found.basis.get("name", "")),
    )


def of_order(facts: OrderFacts, moment: datetime) -> Why | None:
    """Why the customer's due time is what it is."""
    if facts.due_at is None:
        return None
    try:
        deadline = clock.deadline_of(facts.id, facts.due_basis, say=facts.say)
    except KaitongError:
        return None
    if deadline is None:
        return None
    spent = clock.spent(facts.id, facts.due_basis, facts.ordered_at, facts.completed_at or moment)
    return explain(
        deadline,
        parse_budget(facts.due_basis["budget"]),
        title=facts.product,
        start=datetime.fromisoformat(facts.due_basis["start"]),
        gross=spent.gross,
        net=spent.net,
        parameter=_parameter(facts.due_basis.get("name", "")),
    )


def _parameter(name: str) -> str:
    if not name:
        return ""
    return _("参数 %(name)s，取自下单时的业务流程包。") % {"name": name}


def customer_due(facts: OrderFacts, moment: datetime) -> fmt.Due:
    return fmt.due(
        facts.due_at,
        now=moment,
        start=facts.ordered_at,
        ended_at=facts.completed_at,
    )
