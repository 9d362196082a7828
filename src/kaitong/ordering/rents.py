"""What an order's service pays by the month, told to charging: from the prices the order pinned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.utils import timezone

from kaitong.charging import queries as charges
from kaitong.charging import services as charging
from kaitong.charging.lines import Billed
from kaitong.core.clock import now
from kaitong.inventory import queries as inventory
from kaitong.ordering.choices import ItemAction
from kaitong.ordering.models import Order, OrderItem
from kaitong.org.actor import Actor

_PAGE = 1000


def monthly(prices: Iterable[Mapping[str, Any]], item_id: str) -> list[charging.NewRent]:
    """The monthly items of an order's pinned prices (with its marketing case) for one line."""
    return [
        charging.NewRent(
            code=f"{price['offering']}.{number}",
            title=charge["title"],
            amount_fen=charge["amount"],
            prorate=charge.get("prorate", ""),
            offering=price["offering"],
        )
        for price in prices
        if price["item"] == item_id
        for number, charge in enumerate(price["charges"])
        if charge["when"] == "monthly"
    ]


def begin(*, actor: Actor, order: Order, item: OrderItem, since: date | None = None) -> None:
    """From its completion on a line is paid by the month (起租). Again changes nothing.

    A line nobody is named for pays nothing: there is no account it could stand on.
    """
    if item.service_id is None or order.party_id is None:
        return
    wanted = monthly(order.prices, item.item_id)
    if wanted:
        charging.begin_rent(
            actor=actor,
            service_id=item.service_id,
            customer_id=order.party_id,
            since=since or timezone.localdate(now()),
            rents=wanted,
            playbook=order.playbook,
            order_id=order.id,
        )


def change(*, actor: Actor, order: Order, item: OrderItem, since: date | None = None) -> None:
    """From now on a line pays what this order's prices say instead (套餐变更)."""
    if item.service_id is not None:
        charging.change_rent(
            actor=actor,
            service_id=item.service_id,
            since=since or timezone.localdate(now()),
            rents=monthly(order.prices, item.item_id),
            customer_id=order.party_id,
            playbook=order.playbook,
            order_id=order.id,
        )


def transfer(*, actor: Actor, order: Order, item: OrderItem, customer_id: UUID) -> None:
    """From now on another customer pays for a line (过户); a line nobody pays for stays so."""
    if item.service_id is not None and charges.rents_running([item.service_id]):
        charging.transfer_rent(
            actor=actor,
            service_id=item.service_id,
            customer_id=customer_id,
            since=timezone.localdate(now()),
            order_id=order.id,
        )


def end(*, actor: Actor, service_id: UUID, until: date | None = None) -> None:
    """A line pays no longer from today on (销户); what it owes up to now is billed at once."""
    charging.end_rent(actor=actor, service_id=service_id, until=until or timezone.localdate(now()))


def bill_now(*, actor: Actor, service_id: UUID) -> None:
    """Bill what a line owes up to today (结清), before it is asked whether anything is owed."""
    charging.bill_service(actor=actor, service_id=service_id, through=timezone.localdate(now()))


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What was put right before a billing run: rents begun, ended, moved to who has the service
    now, and services nobody pays."""

    begun: int
    ended: int
    moved: int
    unpaid: int


def catch_up(*, actor: Actor, month: date) -> CaughtUp:
    """Bring rents up to what the inventory knows: services that work and were opened before rents
    existed begin to pay (not before `month`), ended ones stop, and whoever has a service now pays
    from today. Again changes nothing.

    Lines brought in as they stood (存量) have no order and so no price: they are counted.
    """
    begun = ended = moved = unpaid = 0
    after = UUID(int=0)
    while page := inventory.operating(actor, after=after, limit=_PAGE):
        after = page[-1].id
        here = {one.id: one for one in page}
        paying = charges.payers(list(here))
        for one in page:
            if one.ended_at is not None and one.id in paying:
                charging.end_rent(
                    actor=actor, service_id=one.id, until=timezone.localdate(one.ended_at)
                )
                ended += 1
            elif one.id in paying and one.customer_id not in (None, paying[one.id]):
                assert one.customer_id is not None
                charging.transfer_rent(
                    actor=actor,
                    service_id=one.id,
                    customer_id=one.customer_id,
                    since=timezone.localdate(now()),
                )
                moved += 1
        new = charges.unrented([one.id for one in page if one.ended_at is None])
        made = _opened(new)
        for service_id in sorted(new):
            item = made.get(service_id)
            started = timezone.localdate(here[service_id].started_at)
            wanted = monthly(item.order.prices, item.item_id) if item else []
            if item is None or item.order.party_id is None or not wanted:
                unpaid += 1
                continue
            begin(actor=actor, order=item.order, item=item, since=max(started, month))
            begun += 1
    return CaughtUp(begun, ended, moved, unpaid)


def bill(*, actor: Actor, month: date, batch: int | None = None) -> tuple[CaughtUp, Billed]:
    """The billing run of a month (出账), over all that works by the inventory's word."""
    done = catch_up(actor=actor, month=month)
    more = {} if batch is None else {"batch": batch}
    return done, charging.run_billing(actor=actor, month=month, **more)


def _opened(service_ids: Iterable[UUID]) -> dict[UUID, OrderItem]:
    """The order lines that opened services, in one query."""
    rows = OrderItem.objects.filter(service_id__in=list(service_ids), action=ItemAction.ADD)
    return {
        row.service_id: row
        for row in rows.select_related("order").order_by("pk")
        if row.service_id is not None
    }
