"""The lines of customers, for lists: whose they are, where, under which account, in which state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from kaitong.inventory.choices import ServiceState
from kaitong.inventory.models import Service
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to


@dataclass(frozen=True, slots=True)
class CustomerLine:
    """One line of a customer; nothing of it is secret."""

    service_id: UUID
    customer_id: UUID | None
    order_id: UUID | None
    title: str
    account: str
    state: ServiceState
    address_short: str
    address_full: str


def lines(
    actor: Actor,
    *,
    customers: Iterable[UUID] | None = None,
    addresses: Iterable[UUID] | None = None,
    orders: Iterable[UUID] | None = None,
    services: Iterable[UUID] | None = None,
    limit: int,
) -> list[CustomerLine]:
    """The lines the actor sees of these customers, and at these addresses; the youngest first."""
    rows = visible_to(Service.objects.all(), actor)
    if customers is not None:
        rows = rows.filter(customer_id__in=list(customers))
    if addresses is not None:
        rows = rows.filter(address_id__in=list(addresses))
    if orders is not None:
        rows = rows.filter(order_id__in=list(orders))
    if services is not None:
        rows = rows.filter(pk__in=list(services))
    else:
        rows = rows.filter(lead=None)  # a bundle's further services stand with their line
    return _lines(rows, limit)


def lines_of_account(actor: Actor, account: str, *, limit: int) -> list[CustomerLine]:
    """The line an account names; the number of a bundle's telephone names its line. At the counter
    people leave out what stands behind the `@`."""
    name = account.strip()
    if not name:
        return []
    wanted = Q(account=name) if "@" in name else Q(account=name) | Q(account__startswith=f"{name}@")
    named = Service.objects.filter(wanted)
    rows = Service.objects.filter(
        Q(pk__in=named.filter(lead=None).values("pk")) | Q(pk__in=named.values("lead"))
    )
    return _lines(visible_to(rows, actor), limit)


def account_taken(account: str) -> bool:
    """Whether a service anywhere goes by this account; whose is not told."""
    return Service.objects.filter(account=account.strip()).exclude(account="").exists()


def _lines(rows: QuerySet[Service, Any], limit: int) -> list[CustomerLine]:
    found = rows.order_by("-pk").values_list(
        "pk", "customer_id", "order_id", "title", "account", "state",
        "address__short_text", "address__full_text",
    )[:limit]  # fmt: skip
    return [
        CustomerLine(
            service_id=pk,
            customer_id=customer,
            order_id=order,
            title=title,
            account=account,
            state=ServiceState(state),
            address_short=short or "",
            address_full=full or "",
        )
        for pk, customer, order, title, account, state, short, full in found
    ]
