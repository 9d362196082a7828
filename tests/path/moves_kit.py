"""A line that works, and asking for changes of it as a clerk does: for tests of changes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kaitong.activation import nasport
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.ordering import authenticating
from kaitong.ordering import services as ordering
from kaitong.ordering.life_plans import plan_of
from kaitong.ordering.models import Order
from kaitong.org.actor import Actor
from kaitong.playbooks import changing

SYSTEM = Actor.system()
DOCUMENT = "341022197001151214"


def text_of(lab: Any, service: ServiceView) -> str:
    """How the network names the line a service is registered on."""
    pattern = nasport.pattern(lab.settings().nas_port_pattern)
    line = inventory.expected_line(service.id)
    return pattern.format(line)


def opened(office: Any, lab: Any, modem: Any, **changes: Any) -> ServiceView:
    """A line that was opened as all are, and its modem online."""
    order = office.submit(**changes)
    office.work()
    (service,) = inventory.services_of_order(order.id)
    office.complete(order, "Appoint")
    assert modem.start(service.account, text_of(lab, service)).ok
    office.complete(order, "Install")
    office.work_until(order, "Accept")
    office.complete(order, "Accept")
    ordering.pay(actor=office.people["clerk"], order_id=order.id, method="cash", key=str(order.id))
    return fresh(service.id)


def fresh(service_id: UUID) -> ServiceView:
    return inventory.service(SYSTEM, service_id)


def prove(
    office: Any,
    service: ServiceView,
    procedure: str,
    by: str = "clerk",
    document: str = DOCUMENT,
) -> None:
    """The customer shows who he is (VER-09)."""
    plan = plan_of(office.people[by], service.id, procedure)
    authenticating.authenticate(
        actor=office.people[by],
        service_id=service.id,
        kind="account-document",
        given={"account": service.account, "document_number": document},
        limits=authenticating.limits_of(plan.procedure.parameters),
        procedure=procedure,
    )


def ask(
    office: Any, service: ServiceView, procedure: str, *, by: str = "clerk", **data: Any
) -> Order:
    """Ask for a change with the customer's proof, and the answers of its form."""
    reason = data.pop("reason", "")
    if data.pop("proven", True):
        prove(office, service, procedure, by)
    return changing.request_change(
        actor=office.people[by],
        service_id=service.id,
        procedure=procedure,
        key=str(data.pop("key", uuid7())),
        data=data,
        reason=reason,
    )
