"""What listeners may hear of: orders (TMF641), services (TMF638), trouble tickets (TMF621).

Each is read from the audit of its table, and told as its interface answers it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.assurance import queries as assurance
from kaitong.assurance.choices import TicketState
from kaitong.core.errors import NotFound
from kaitong.core.trail import Happening, Trail
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import ServiceState
from kaitong.ordering import describing
from kaitong.ordering import queries as ordering
from kaitong.ordering.choices import OrderState
from kaitong.org.actor import Actor
from kaitong.tmf.contract.events import (
    CANCELLATION_EVENTS,
    ORDER_EVENTS,
    SERVICE_EVENTS,
    TICKET_EVENTS,
)
from kaitong.tmf.mapping.cancellation import cancellation
from kaitong.tmf.mapping.outgoing import service_order
from kaitong.tmf.mapping.services import service
from kaitong.tmf.mapping.tickets import trouble_ticket

Body = Callable[[Actor, UUID], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Thing:
    """What an event is about: what it is called there, what it calls its state, and how it is
    told as it stands; `body` raises NotFound where it is not the listener's to see."""

    resource: str
    state: str
    body: Body


@dataclass(frozen=True, slots=True)
class Telling:
    """One event of something that happened, with the state that is told."""

    event: str
    state: str


@dataclass(frozen=True, slots=True)
class Source:
    """One interface's events. `state` and `states` are what a query may say; `things` says of each
    event what it is about, `tellings` which events something is, in their order."""

    api: str
    domain: str
    state: str
    states: frozenset[str]
    things: Mapping[str, Thing]
    trail: Trail
    tellings: Callable[[Happening], list[Telling]]


def _order(actor: Actor, number: UUID) -> dict[str, Any]:
    row = ordering.order(actor, number)
    return service_order(row, href=_at("serviceOrder"), service_states={})


def _cancellation(actor: Actor, order_id: UUID) -> dict[str, Any]:
    (row,) = ordering.withdrawals(actor, order_ids=[order_id], limit=1)[0] or (None,)
    if row is None:
        raise NotFound(_("没有这次撤单。"))
    return cancellation(row, href=_at("cancelServiceOrder"), order_href=_at("serviceOrder"))


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


# ---- which events something is -------------------------------------------------------------------


def _of_order(one: Happening) -> list[Telling]:
    found = [Telling(ORDER_EVENTS[one.kind], one.state)]
    if one.kind != "state":
        return found
    if one.state == OrderState.PENDING:  # it needs something of the customer (ordering.standing)
        found.append(Telling(ORDER_EVENTS["information"], one.state))
    if one.state == OrderState.PENDING_CANCELLATION:  # a withdrawal has begun
        found.append(Telling(CANCELLATION_EVENTS["created"], "inProgress"))
    if one.was == OrderState.PENDING_CANCELLATION:
        found.append(Telling(CANCELLATION_EVENTS["state"], "done"))
    return found


def _of_service(one: Happening) -> list[Telling]:
    return [Telling(SERVICE_EVENTS[one.kind], one.state)]


def _of_ticket(one: Happening) -> list[Telling]:
    found = [Telling(TICKET_EVENTS[one.kind], one.state)]
    if one.kind == "state" and one.state == TicketState.RESOLVED:
        found.append(Telling(TICKET_EVENTS["resolved"], one.state))
    if one.kind == "state" and one.state == TicketState.PENDING:  # waits for the customer
        found.append(Telling(TICKET_EVENTS["information"], one.state))
    return found


ORDERS = Source(
    api="TMF641",
    domain="serviceOrdering",
    state="state",
    states=frozenset((*OrderState.values, "done")),  # done: of a cancellation
    things={
        **dict.fromkeys(ORDER_EVENTS.values(), Thing("serviceOrder", "state", _order)),
        **dict.fromkeys(
            CANCELLATION_EVENTS.values(), Thing("cancelServiceOrder", "state", _cancellation)
        ),
    },
    trail=describing.TRAIL,
    tellings=_of_order,
)
SERVICES = Source(
    api="TMF638",
    domain="serviceInventory",
    state="state",
    states=frozenset(ServiceState.values),
    things=dict.fromkeys(SERVICE_EVENTS.values(), Thing("service", "state", _service)),
    trail=_SERVICE_TRAIL,
    tellings=_of_service,
)
TICKETS = Source(
    api="TMF621",
    domain="troubleTicket",
    state="status",
    states=frozenset(TicketState.values),
    things=dict.fromkeys(TICKET_EVENTS.values(), Thing("troubleTicket", "status", _ticket)),
    trail=_TICKET_TRAIL,
    tellings=_of_ticket,
)
SOURCES: Mapping[str, Source] = {one.api: one for one in (ORDERS, SERVICES, TICKETS)}
