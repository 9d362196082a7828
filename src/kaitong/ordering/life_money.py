"""What changes of services mean for money by the month: who pays from now on, how much, until when.

One place, so that a flow says what happened and charging says what it costs. A line that pays
nothing yet (brought in as it stood) is left alone.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.utils import timezone

from kaitong.charging import queries as charges
from kaitong.charging import services as charging
from kaitong.core.clock import now
from kaitong.ordering.models import Order
from kaitong.ordering.rents import monthly
from kaitong.org.actor import Actor


def given_to(*, actor: Actor, order: Order, service_id: UUID, customer_id: UUID) -> None:
    """过户: from today another customer pays, what the order pins where it pins a price."""
    if service_id not in charges.rents_running([service_id]):
        return
    pinned = monthly(order.prices, order.prices[0]["item"]) if order.prices else []
    if pinned:
        charging.change_rent(
            actor=actor,
            service_id=service_id,
            since=_today(),
            rents=pinned,
            customer_id=customer_id,
            order_id=order.id,
        )
        return
    charging.transfer_rent(
        actor=actor,
        service_id=service_id,
        customer_id=customer_id,
        since=_today(),
        order_id=order.id,
    )


def repriced(*, actor: Actor, order: Order, item_id: str, service_id: UUID) -> None:
    """From today the line costs what the order pins."""
    if service_id in charges.rents_running([service_id]):
        charging.change_rent(
            actor=actor,
            service_id=service_id,
            since=_today(),
            rents=monthly(order.prices, item_id),
            order_id=order.id,
        )


def owed(
    *,
    actor: Actor,
    order: Order,
    item_id: str,
    code: str,
    title: str,
    fen: int,
    note: str = "",
    refund_rule: str = "full",
) -> None:
    """An item costs this besides what its offering does, once a `code`."""
    charging.raise_charges(
        actor=actor,
        order_id=order.id,
        branch_id=order.branch_id,
        charges=[
            charging.NewCharge(
                item=item_id,
                code=code,
                title=title,
                amount_fen=fen,
                note=note,
                refund_rule=refund_rule,
            )
        ],
    )


def given_back(*, actor: Actor, order: Order, item_id: str, key: str, reason: str) -> int:
    """Nothing of the item is due any more, and what was collected goes back, once a `key`; how
    much."""
    mine = [c for c in charges.charges(actor, order.id) if c.item in (item_id, "")]
    if not mine:
        return 0
    charging.void_due(actor=actor, order_id=order.id, charge_ids=[c.pk for c in mine])
    back = {c.pk: c.amount_fen - c.refunded_fen for c in mine if c.state in charging.COLLECTED}
    if any(back.values()):
        charging.refund(
            actor=actor,
            order_id=order.id,
            key=key,
            reason=reason,
            amounts=back,
        )
    return sum(back.values())


def ended(*, actor: Actor, service_id: UUID) -> None:
    """停租: what is owed up to today is billed at once (结清)."""
    charging.end_rent(actor=actor, service_id=service_id, until=_today())


def _today() -> date:
    return timezone.localdate(now())
