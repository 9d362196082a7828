"""The two clocks (客户时限, 环节时限) with their explanations."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core.errors import KaitongError
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.process.due import explain as explained
from kaitong.web import format as fmt
from kaitong.web.pages.facts import OrderFacts
from kaitong.web.why import Why, explain
from kaitong.worktime.budgets import parse_budget


def of_item(actor: Actor, item: process.WorkDetail, *, title: str) -> Why | None:
    """Why the step is due when it is; None where it has no budget or cannot be counted."""
    if item.due_at is None:
        return None
    try:
        deadline = process.explain_due(actor, item.id)
    except KaitongError:
        return None
    if deadline is None:
        return None
    name = item.definition.extension.get("budget", "")
    budget = parse_budget(item.parameters.get(name, name))
    until = item.completed_at or timezone.now()
    return explain(
        deadline,
        budget,
        title=title,
        start=item.created_at,
        gross=until - item.created_at,
        parameter=_("参数 %(name)s，取自下单时的业务流程包。") % {"name": name},
    )


def of_order(facts: OrderFacts, moment: datetime) -> Why | None:
    """Why the customer's due time is what it is."""
    basis = facts.due_basis
    if facts.due_at is None or not basis.get("budget") or not basis.get("start"):
        return None
    try:
        deadline = explained(basis)
    except KaitongError:
        return None
    start = datetime.fromisoformat(basis["start"])
    return explain(
        deadline,
        parse_budget(basis["budget"]),
        title=facts.product,
        start=start,
        gross=(facts.completed_at or moment) - start,
        parameter=_("参数 %(name)s，取自下单时的业务流程包。") % {"name": basis.get("name", "")},
    )


def customer_due(facts: OrderFacts, moment: datetime) -> fmt.Due:
    return fmt.due(
        facts.due_at,
        now=moment,
        start=facts.ordered_at,
        ended_at=facts.completed_at,
    )
