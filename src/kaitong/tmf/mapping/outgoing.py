"""From an order of the domain to the body of a TMF641 answer.

What the requester sent is given back as it was kept; what the server owns lies over it. An order
that came another way (the counter, an import) is told from its rows alone.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.charging.choices import ChargeState
from kaitong.charging.queries import yuan
from kaitong.core import wording
from kaitong.core.clock import now
from kaitong.ordering.choices import FINAL, OrderState
from kaitong.ordering.fees import Fee
from kaitong.ordering.models import Order, OrderItem
from kaitong.ordering.queries import withdrawal_of
from kaitong.tmf.mapping.incoming import DOCUMENT, INSTALLATION, OFFERING
from kaitong.tmf.mapping.persons import CUSTOMER, is_role

#: States in which an order's reason says why it will not be delivered.
_UNSUCCESSFUL = frozenset({OrderState.REJECTED, OrderState.FAILED, OrderState.PARTIAL})

Address = Callable[[UUID], str]


def moment(value: datetime) -> str:
    """A moment of the server's own, in UTC with milliseconds."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def service_order(
    order: Order,
    *,
    href: Address,
    service_states: Mapping[UUID, str],
    milestones: Sequence[Mapping[str, Any]] = (),
    fees: Sequence[Fee] = (),
) -> dict[str, Any]:
    """The whole TMF641 body of an order. `service_states` holds the states of its services,
    `milestones` its two clocks, `fees` what leaving a contract early costs, told as notes."""
    kept = order.ext.get(DOCUMENT)
    body: dict[str, Any] = dict(kept) if kept else told(order)
    items = _items(order, body.get("serviceOrderItem", []), service_states)
    parties = _parties(order, body.get("relatedParty", []))
    body |= {
        "id": str(order.pk),
        "href": href(order.pk),
        "state": order.state,
        "orderDate": moment(order.ordered_at),
        "serviceOrderItem": items,
        "priority": body.get("priority", order.priority),
    }
    if parties:
        body["relatedParty"] = parties
    for name, value in {
        "startDate": order.started_at,
        "expectedCompletionDate": None if order.state in FINAL else order.due_at,
        "completionDate": order.completed_at,
    }.items():
        if value is not None:
            body[name] = moment(value)
    withdrawal = withdrawal_of(order)
    if withdrawal is not None:
        body["cancellationReason"] = withdrawal.reason
        if order.completed_at is not None:
            body["cancellationDate"] = moment(order.completed_at)
    if order.reason and order.state in _UNSUCCESSFUL:
        body["errorMessage"] = {"reason": wording.read(order.reason)}
    if fees:
        body["note"] = [*body.get("note", []), *(_fee(order, one) for one in fees)]
    if milestones:
        body["milestone"] = list(milestones)
    if order.due_at and order.state not in FINAL and order.due_at < now():
        body["jeopardyAlert"] = [
            {
                "alertDate": moment(order.due_at),
                "jeopardyType": "overdue",
                "name": "due date passed",
            }
        ]
    return body


def _fee(order: Order, fee: Fee) -> dict[str, Any]:
    """TMF641 has no prices: a fee is told as a note of ours."""
    state = str(ChargeState(fee.state).label) if fee.state else _("办结时收取")
    return {
        "@type": "Note",
        "author": "Kaitong",
        "date": moment(order.ordered_at),
        "text": f"{wording.read(fee.title)} {yuan(fee.amount_fen)}"
        f" ({wording.read(fee.note)}, {state})",
    }


def customer_milestone(order: Order, why: str = "") -> dict[str, Any]:
    """The customer's clock (客户时限)."""
    late = order.due_at is not None and order.due_at < now()
    return _milestone("customer-due", "customer due time", order.due_at, late, why)


def step_milestone(
    id_: UUID, title: str, due_at: datetime | None, *, late: bool, why: str = ""
) -> dict[str, Any]:
    """The clock of a step that is open (环节时限)."""
    return _milestone(str(id_), title, due_at, late, why)


def _milestone(
    id_: str, name: str, due_at: datetime | None, late: bool, why: str
) -> dict[str, Any]:
    body = {
        "@type": "ServiceOrderMilestone",
        "id": id_,
        "name": name,
        "status": "overdue" if late else "open",
    }
    if due_at is not None:
        body["milestoneDate"] = moment(due_at)
    if why:
        body["message"] = why
    return body


def told(order: Order) -> dict[str, Any]:
    """What the rows of an order say that has no document."""
    body: dict[str, Any] = {"@type": "ServiceOrder"}
    for name, text in {
        "externalId": order.external_id,
        "category": order.category,
        "description": order.description,
    }.items():
        if text:
            body[name] = text
    for name, value in {
        "requestedStartDate": order.requested_start,
        "requestedCompletionDate": order.requested_completion,
    }.items():
        if value is not None:
            body[name] = moment(value)
    return body


def _items(
    order: Order,
    kept: list[dict[str, Any]],
    service_states: Mapping[UUID, str],
) -> list[dict[str, Any]]:
    documents = {item.get("id"): item for item in kept}
    rows = sorted(order.items.all(), key=lambda row: (row.position, row.item_id))
    answer = []
    for row in rows:
        item = dict(documents.get(row.item_id) or _told_item(row))
        item |= {"id": row.item_id, "action": row.action, "state": row.state}
        service = dict(item.get("service") or {})
        if row.service_id is not None:
            service["id"] = str(row.service_id)
            if row.service_id in service_states:
                service["state"] = service_states[row.service_id]
        item["service"] = service
        related = _related(row, rows)
        if related:
            item["serviceOrderItemRelationship"] = [
                *item.get("serviceOrderItemRelationship", []),
                *related,
            ]
        answer.append(item)
    return answer


def _related(row: OrderItem, rows: Sequence[OrderItem]) -> list[dict[str, Any]]:
    """融合套餐: a line's item bundles those that come with it, and each of them relies on it."""
    others = [("bundles", one) for one in rows if one.lead_id == row.pk]
    others += [("reliesOn", one) for one in rows if one.pk == row.lead_id]
    return [
        {
            "relationshipType": kind,
            "orderItem": {"itemId": one.item_id, "serviceOrderId": str(one.order_id)},
        }
        for kind, one in others
    ]


def _told_item(row: OrderItem) -> dict[str, Any]:
    characteristics = [{"name": name, "value": value} for name, value in row.payload.items()]
    if row.offering:
        characteristics.insert(0, {"name": OFFERING, "value": row.offering})
    service: dict[str, Any] = {"serviceSpecification": {"id": row.specification}}
    if characteristics:
        service["serviceCharacteristic"] = characteristics
    if row.address_id is not None:
        service["place"] = [
            {
                "id": str(row.address_id),
                "role": INSTALLATION,
                "@referredType": "GeographicAddress",
            }
        ]
    return {"service": service}


def _parties(order: Order, kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The related parties; the customer carries the id under which Kaitong knows them."""
    if order.party_id is None:
        return kept
    number = str(order.party_id)
    if not any(is_role(party, CUSTOMER) for party in kept):
        return [*kept, {"id": number, "role": CUSTOMER, "@referredType": "Party"}]
    return [
        {"@referredType": "Party", **party, "id": party.get("id") or number}
        if is_role(party, CUSTOMER)
        else party
        for party in kept
    ]
