"""From a service in inventory to the body of a TMF638 answer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.inventory.choices import ServiceState
from kaitong.inventory.results import ServiceView
from kaitong.tmf.errors import BadQuery
from kaitong.tmf.filters import Criterion
from kaitong.tmf.mapping.incoming import INSTALLATION
from kaitong.tmf.mapping.outgoing import moment
from kaitong.tmf.mapping.persons import CUSTOMER

Address = Callable[[UUID], str]


def service(view: ServiceView, *, href: Address, order_href: Address) -> dict[str, Any]:
    """The whole TMF638 body of a service. Secrets of the line are no part of it."""
    body: dict[str, Any] = {
        "id": str(view.id),
        "href": href(view.id),
        "category": "CFS",
        "name": view.title,
        "state": str(view.state),
        "hasStarted": view.started_at is not None,
        "isServiceEnabled": view.state == ServiceState.ACTIVE,
        "serviceDate": moment(view.created_at),
        "serviceSpecification": {
            "id": f"{view.playbook}.{view.specification}" if view.playbook else view.specification,
            "@referredType": "ServiceSpecification",
        },
        "serviceCharacteristic": _characteristics(view),
        "@type": "Service",
    }
    if view.started_at is not None:
        body["startDate"] = moment(view.started_at)
    if view.ended_at is not None:
        body["endDate"] = moment(view.ended_at)
    if view.reason:
        body["note"] = [{"text": view.reason}]
    if view.customer_id is not None:
        body["relatedParty"] = [
            {"id": str(view.customer_id), "role": CUSTOMER, "@referredType": "Party"}
        ]
    if view.address_id is not None:
        body["place"] = [
            {
                "id": str(view.address_id),
                "role": INSTALLATION,
                "@referredType": "GeographicAddress",
            }
        ]
    if view.port is not None:
        body["supportingResource"] = [
            {"id": str(view.port.id), "name": view.port.text, "@referredType": "Resource"}
        ]
    if view.order_id is not None:
        body["relatedEntity"] = [
            {
                "id": str(view.order_id),
                "href": order_href(view.order_id),
                "role": "order",
                "@referredType": "ServiceOrder",
            }
        ]
    return body


def _characteristics(view: ServiceView) -> list[dict[str, Any]]:
    """What was asked for, what names it in the network, and what proves it works."""
    values: dict[str, Any] = dict(view.characteristics)
    if view.account:
        values["account"] = view.account
    if view.logical_id:
        values["logicalId"] = view.logical_id
    if view.proofs:
        values["proof"] = [
            {"kind": proof.kind, "ok": proof.ok, "at": moment(proof.at), "counts": proof.counts}
            for proof in view.proofs
        ]
    return [{"name": name, "value": value} for name, value in values.items() if value is not None]


@dataclass
class Wanted:
    """What inventory can be asked for."""

    states: list[str] = field(default_factory=list)
    customer_id: UUID | None = None
    address_id: UUID | None = None
    text: str = ""
    nothing: bool = False  # the demands contradict each other or name nothing of ours


def wanted(criteria: Iterable[Criterion]) -> Wanted:
    """The criteria in inventory's words. Inventory is asked by state, customer and address."""
    found = Wanted()
    for criterion in criteria:
        if criterion.op not in ("eq", "in"):
            raise BadQuery(_("只能比相等，不能比大小。"), field=criterion.name)
        match criterion.path:
            case ("state",):
                states = list(criterion.value) if criterion.op == "in" else [criterion.value]
                kept = [s for s in states if s in found.states] if found.states else states
                found.nothing |= not kept
                found.states = kept
            case ("relatedParty", "id"):
                found.customer_id = _same(found, found.customer_id, criterion.value)
            case ("place", "id"):
                found.address_id = _same(found, found.address_id, criterion.value)
            case _:
                raise BadQuery(
                    _("不能用作筛选条件。"),
                    _("业务可按 state、relatedParty.id 和 place.id 查。"),
                    field=criterion.name,
                )
    return found


def _same(found: Wanted, known: UUID | None, value: Any) -> UUID | None:
    try:
        number = UUID(str(value))
    except ValueError:
        found.nothing = True
        return known
    if known is not None and known != number:
        found.nothing = True
    return number
