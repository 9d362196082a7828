"""What listeners may hear of: orders (TMF641), services (TMF638), trouble tickets (TMF621).

Each is read from the audit of its table, and told as its interface answers it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kaitong.assurance import queries as assurance
from kaitong.assurance.choices import TicketState
from kaitong.core.trail import Trail
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import ServiceState
from kaitong.ordering import describing
from kaitong.ordering import queries as ordering
from kaitong.ordering.choices import OrderState
from kaitong.org.actor import Actor
from kaitong.tmf.contract.events import ORDER_EVENTS, SERVICE_EVENTS, TICKET_EVENTS
from kaitong.tmf.mapping.outgoing import service_order
from kaitong.tmf.mapping.services import service
from kaitong.tmf.mapping.tickets import trouble_ticket

Body = Callable[[Actor, UUID], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Source:
    """One interface's events. `state` is what it calls the state; `body` tells the thing as it
    stands, or raises NotFound where it is not the listener's to see."""

    api: str
    resource: str
    domain: str
    state: str
    states: frozenset[str]
    events: Mapping[str, str]
    trail: Trail
    body: Body


def _order(actor: Actor, number: UUID) -> dict[str, Any]:
    row = ordering.order(actor, number)
    return service_order(row, href=_at("serviceOrder"), service_states={})


def _service(actor: Actor, number: UUID) -> dict[str, Any]:
    view = inventory.service(actor, number)
    return service(view, href=_at("service"), order_href=_at("serviceOrder"))


def _ticket(actor: Actor, number: UUID) -> dict[str, Any]:
    row = assurance.fault(actor, number)
    return trouble_ticket(row, href=_at("troubleTicket"), service_href=_at("service"))


def _at(collection: str) -> Callable[[UUID], str]:
    return lambda number: f"{collection}/{number}"


_SERVICE_TRAIL = Trail(
    "inventory_serviceevent",
    (
        *("title", "account", "logical_id", "customer_id", "address_id", "order_id"),
        *("characteristics", "reason", "started_at", "ended_at"),
    ),
)
_TICKET_TRAIL = Trail(
    "assurance_faultevent",
    ("severity", "symptom_title", "description", "external_id", "reason", "due_at", "resolved_at"),
)

ORDERS = Source(
    api="TMF641",
    resource="serviceOrder",
    domain="serviceOrdering",
    state="state",
    states=frozenset(OrderState.values),
    events=ORDER_EVENTS,
    trail=describing.TRAIL,
    body=_order,
)
SERVICES = Source(
    api="TMF638",
    resource="service",
    domain="serviceInventory",
    state="state",
    states=frozenset(ServiceState.values),
    events=SERVICE_EVENTS,
    trail=_SERVICE_TRAIL,
    body=_service,
)
TICKETS = Source(
    api="TMF621",
    resource="troubleTicket",
    domain="troubleTicket",
    state="status",
    states=frozenset(TicketState.values),
    events=TICKET_EVENTS,
    trail=_TICKET_TRAIL,
    body=_ticket,
)
SOURCES: Mapping[str, Source] = {one.api: one for one in (ORDERS, SERVICES, TICKETS)}
