"""Transactional action of 营销案变更: the case, its number, its price and what is due, at once."""

from __future__ import annotations

from typing import Any

from kaitong.catalog.models import Offering
from kaitong.charging import services as charging
from kaitong.inventory import queries as inventory
from kaitong.ordering import bindings, case_rules, changes, leaving, life_money
from kaitong.ordering.actions import subject_of
from kaitong.ordering.case_change import CASE, offer_named, price_of
from kaitong.ordering.errors import OrderRefused
from kaitong.ordering.life_checks import Subject
from kaitong.ordering.life_numbers import monthly_of, yuan
from kaitong.ordering.models import Order, OrderItem
from kaitong.ordering.states import note
from kaitong.org.actor import Actor
from kaitong.process.actions import ActionContext


def set_case(ctx: ActionContext) -> dict[str, Any]:
    """营销案登记: from today the line has the case that was agreed, or none: its bound number goes
    with it or is free, its price counts, leaving early and what the case adds are due."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    assert item.procedure is not None
    wanted = changes.wanted(item).get(CASE)
    if not wanted:
        raise OrderRefused("没有选营销案。", "请重新受理。")
    service = inventory.service(actor, item.service_id)
    case_rules.take_turns(service.customer_id)
    subject = Subject(actor, service, item.procedure, order.ordered_at)
    offer = offer_named(subject, str(wanted))
    price = price_of(subject, offer, item.item_id)
    carry(order, item, offer.case)
    order.prices = [price]
    order.save(update_fields=["prices"])
    life_money.repriced(actor=actor, order=order, item_id=item.item_id, service_id=item.service_id)
    raise_charges(actor, order, item, offer.case, offer.fee_fen, offer.months_left)
    note(
        order.id,
        "case-changed",
        actor_id=None,
        data={
            "before": offer.leaves,
            "case": offer.case.title if offer.case is not None else "",
            "sum": yuan(monthly_of(price["charges"])),
        },
    )
    return {}


def carry(order: Order, item: OrderItem, case: Offering | None) -> str:
    """The line's bound number is bound to the new case, where that has one, and told masked; else
    it is free."""
    assert item.service_id is not None
    ended = bindings.end_of_service(item.service_id)
    number = bindings.mobile(ended[0].number) if ended else None
    if case is not None and case.bound_number and number is not None:
        return bindings.bind(order, item_id=item.item_id, case=case.key, number=number).masked
    return ""


def raise_charges(
    actor: Actor,
    order: Order,
    item: OrderItem,
    case: Offering | None,
    fee_fen: int = 0,
    months: int = 0,
) -> None:
    """What a case adds when it begins, and the fee for leaving another one early."""
    added = case.charges if case is not None else ()
    charges = [
        charging.NewCharge(
            item=item.item_id,
            code=f"{case.key if case else ''}.{number}",
            title=one["title"],
            amount_fen=one["amount"],
            refund_rule="full" if one.get("refund") else "",
        )
        for number, one in enumerate(added)
        if one["when"] == "accepted"
    ]
    if fee_fen:
        charges.append(
            charging.NewCharge(
                item=item.item_id,
                code=leaving.CODE,
                title=leaving.TITLE,
                amount_fen=fee_fen,
                refund_rule="full",
                note=f"营销案剩余 {months} 个月",
            )
        )
    if charges:
        charging.raise_charges(
            actor=actor, order_id=order.id, branch_id=order.branch_id, charges=charges
        )
