"""Transactional actions around the day a change was agreed for, and of a line that is free again.

A change for next month was checked when it was asked for; its day is looked at anew. And a change
of which only a box is left to be fetched holds its line no longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import override

from kaitong.catalog import queries as catalog
from kaitong.charging import queries as charging
from kaitong.core.clock import now
from kaitong.inventory import queries as inventory
from kaitong.ordering import case_rules, changes, life_checks, life_plans
from kaitong.ordering.actions import subject_of
from kaitong.ordering.life_checks import Subject
from kaitong.ordering.states import note
from kaitong.process.actions import ActionContext, BusinessError

NOT_NOW = "not-now"
_CHINESE = "zh-hans"


def recheck(ctx: ActionContext) -> dict[str, Any]:
    """到日复核: the change that was agreed can still be: the line stands as its procedure wants it,
    its customer owes nothing that is due, the case it joins goes with what he has by now.

    BusinessError `not-now` says what is in the way; the line is left as it is. A bill that was
    written and is not due yet is no arrears here: on the first of a month there always is one.
    """
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    assert item.procedure is not None
    service = inventory.service(actor, item.service_id)
    change = changes.of_item(item.id)
    joins = str((change.agreed if change is not None else {}).get("joins") or "")
    if joins:
        case_rules.take_turns(service.customer_id)
    subject = Subject(actor, service, item.procedure, now())
    with override(_CHINESE):
        against = list(_against(subject, joins))
    if against:
        raise BusinessError(NOT_NOW, f"到日不能办：{''.join(against)}")
    note(order.id, "day-rechecked", actor_id=None)
    return {}


def free_line(ctx: ActionContext) -> dict[str, Any]:
    """宽带可办他事: the network has done what was asked; what is left is a box at the customer's, a
    work order of its own. From now on the line takes other changes. Twice changes nothing."""
    order, item, _actor = subject_of(ctx)
    change = changes.of_item(item.id)
    if change is not None and change.ended_at is None:
        changes.end(item.id)
        note(order.id, "line-free", actor_id=None)
    return {}


# ---- inside --------------------------------------------------------------------------------------


def _against(subject: Subject, joins: str) -> Iterator[str]:
    service = subject.service
    suspended = inventory.suspensions([service.id]).get(service.id, [])
    known = life_plans.procedures(service)
    standing = life_plans.standings(service, suspended)
    refusal, _remedy = life_plans.refused(subject, standing, None, "", known)
    if refusal:
        yield refusal
    if "arrears" in subject.procedure.counter.get("checks", {}):
        owed = life_checks.due_on_line(subject)
        owed += charging.arrears(service_id=service.id).overdue_fen
        if owed:
            yield f"还欠 {charging.yuan(owed)}。"
    if joins:
        case = catalog.offerings([joins]).get(joins)
        refused = case_rules.against(
            subject.actor,
            [case] if case is not None else [],
            customer_id=service.customer_id,
            service_id=service.id,
        )
        yield from refused.values()
