"""Transactional actions of 变更套餐: when it happens, whose turn it is, and what stands then.

A change for next month leaves the line to other changes until its day: it holds the line only while
it acts (`waits_until`).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import IntegrityError, transaction

from kaitong.catalog import queries as catalog
from kaitong.charging import services as charging
from kaitong.inventory import queries as inventory
from kaitong.inventory import replanning
from kaitong.ordering import (
    bindings,
    case_actions,
    case_rules,
    changes,
    leaving,
    life_money,
    rents,
    undoing,
)
from kaitong.ordering.actions import subject_of
from kaitong.ordering.errors import OrderRefused
from kaitong.ordering.life_checks import Subject
from kaitong.ordering.models import OrderItem, ServiceChange
from kaitong.ordering.plan_change import (
    EARLY,
    EFFECTIVE,
    NEXT_MONTH,
    NOW,
    OFFERING,
    WITH,
    PlanOffer,
    beginning_of,
    offer_named,
    price_of,
    starts,
    terms_of,
)
from kaitong.ordering.states import note
from kaitong.process.actions import ActionContext, BusinessError

BUSY = "busy"


def schedule_plan(ctx: ActionContext) -> dict[str, Any]:
    """变更排期: what was agreed is pinned, the fee for leaving early is due now, and a change for
    next month waits for its day. `later` and `effective_at` steer the process.
    """
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    assert item.procedure is not None
    wanted = changes.wanted(item)
    if not wanted.get(OFFERING):
        raise OrderRefused("没有选新套餐。", "请重新受理。")
    service = inventory.service(actor, item.service_id)
    if WITH in str(wanted[OFFERING]):
        case_rules.take_turns(service.customer_id)
    subject = Subject(actor, service, item.procedure, order.ordered_at)
    offer = offer_named(subject, str(wanted[OFFERING]))
    return agree(ctx, subject, offer, later=wanted.get(EFFECTIVE) == NEXT_MONTH)


def agree(ctx: ActionContext, subject: Subject, offer: PlanOffer, *, later: bool) -> dict[str, Any]:
    """Pin what was told of another plan, and what leaving the contract costs; when it begins."""
    order, item, actor = subject_of(ctx)
    since = starts(subject, NEXT_MONTH if later else NOW)
    moment = beginning_of(since) if later else ctx.now
    ServiceChange.objects.filter(item=item).update(
        waits_until=moment if later else None,
        agreed={
            "price": price_of(offer, item.item_id),
            "characteristics": offer.offering.characteristics,
            "parts": {part["service"]: part["title"] for part in offer.offering.parts},
            "part_values": _part_values(subject, offer),
            "keeps_case": offer.case is not None and not offer.chosen,
            "joins": offer.case.key if offer.case is not None and offer.chosen else "",
            "since": since.isoformat(),
        },
    )
    if offer.chosen:
        case_actions.raise_charges(actor, order, item, offer.case)
    if offer.fee_fen:
        life_money.owed(
            actor=actor,
            order=order,
            item_id=item.item_id,
            code=leaving.CODE if offer.of_case else EARLY,
            title=leaving.TITLE if offer.of_case else "提前变更违约金",
            fen=offer.fee_fen,
            note=f"{'营销案' if offer.of_case else '合约'}剩余 {offer.months_left} 个月",
        )
    note(
        order.id,
        "plan-scheduled",
        actor_id=ctx.actor_id,
        data={"plan": offer.offering.title, "on": since.isoformat() if later else ""},
    )
    return {"later": later, "effective_at": moment.isoformat()}


def take_turn(ctx: ActionContext) -> dict[str, Any]:
    """A change whose day has come holds the line; BusinessError `busy` while another does."""
    _order, item, _actor = subject_of(ctx)
    try:
        with transaction.atomic():
            ServiceChange.objects.filter(item=item).update(waits_until=None)
    except IntegrityError:
        raise BusinessError(BUSY, "这项业务正在办理另一项变更，稍后再办。") from None
    return {}


def set_plan(ctx: ActionContext) -> dict[str, Any]:
    """套餐登记: the line has the new plan, is paid by it, and its contract begins anew; a marketing
    case that does not go with it ends, with its number."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    change = changes.of_item(item.id)
    if change is None or not change.agreed:
        raise OrderRefused("没有约定新套餐。", "请重新受理。")
    agreed, price = change.agreed, change.agreed["price"]
    before = inventory.service(actor, item.service_id)
    stood, bound = undoing.how_it_stands(actor, item), bindings.living_of(item.service_id)
    replanning.change_plan(
        actor=actor,
        service_id=item.service_id,
        title=price["title"],
        characteristics=agreed["characteristics"],
    )
    for part in inventory.parts_of([item.service_id]).get(item.service_id, []):
        title = agreed.get("parts", {}).get(part.specification, part.title)
        values = agreed.get("part_values", {}).get(part.specification, {})
        replanning.change_plan(actor=actor, service_id=part.id, title=title, characteristics=values)
    joined = agreed.get("joins", "")
    if joined:  # its number goes over to the new case, or is free
        masked = case_actions.carry(order, item, catalog.offerings([joined]).get(joined))
        price = {**price, "case": {**price["case"], "bound_number": masked}}
    elif not agreed["keeps_case"]:
        sold = OrderItem.objects.filter(service_id=item.service_id)
        for order_id, item_id in sold.values_list("order_id", "item_id"):
            bindings.end(order_id, item_id)
    still = {row.pk for row in bindings.living_of(item.service_id)}
    undoing.remember(
        item, stood, unbound=[row for row in bound if row.pk not in still], since=agreed["since"]
    )
    order.prices = [price]
    order.save(update_fields=["prices"])
    new = rents.monthly(order.prices, item.item_id)
    payer = before.customer_id or order.party_id  # whose the line is on this day
    if payer is not None and new:
        charging.change_rent(
            actor=actor,
            service_id=item.service_id,
            customer_id=payer,
            since=date.fromisoformat(agreed["since"]),
            rents=new,
            playbook=order.playbook,
            order_id=order.id,
        )
    note(order.id, "plan-set", actor_id=None, data={"before": before.title, "plan": price["title"]})
    return {}


# ---- inside --------------------------------------------------------------------------------------


def _part_values(subject: Subject, offer: PlanOffer) -> dict[str, dict[str, Any]]:
    """What the plan says of each further service, by the service; None for what only the plan
    before said."""
    before = catalog.offerings([str((terms_of(subject) or {}).get("offering", ""))])
    gone: dict[str, dict[str, Any]] = {}
    for plan in before.values():
        for part in plan.parts:
            gone[part["service"]] = dict.fromkeys(part.get("characteristics", {}))
    return {
        part["service"]: {**gone.get(part["service"], {}), **part.get("characteristics", {})}
        for part in offer.offering.parts
    }
