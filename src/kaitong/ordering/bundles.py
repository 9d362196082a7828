"""融合套餐: further services in one order, carried by the process of their line (BB-15).

An offering names them (`with:` of a playbook). Each is an item of the order and a service of the
inventory of its own, made, shut off, given away and ended in the same transaction as its line; what
goes to the network is done for each by the line's process, which has them as variable `parts`
(`[{item_id, service_id, service}]`, and `bundled = true` where there are any).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.activation import queries as activation
from kaitong.activation.choices import ElementKind
from kaitong.catalog import queries as catalog
from kaitong.catalog.models import Offering
from kaitong.core import plain, wording
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.results import ServiceView
from kaitong.ordering.choices import OrderState
from kaitong.ordering.models import Order, OrderItem
from kaitong.org.actor import Actor
from kaitong.process.definitions import model_of

PARTS = "parts"  # the variable of a process that its activities are repeated over

# ---- intake --------------------------------------------------------------------------------------


def item_id(lead: str, part: str) -> str:
    """What the item of a part is called in its order."""
    return f"{lead[:40]}.{part}"[:60]


def add_items(order: Order, lead: OrderItem, offering: Offering | None) -> list[OrderItem]:
    """An item for each further service of the offering, behind that of its line."""
    parts = offering.parts if offering is not None else []
    return [
        OrderItem.objects.create(
            order=order,
            branch_id=order.branch_id,
            item_id=item_id(lead.item_id, part["key"]),
            position=lead.position,
            action=lead.action,
            state=lead.state,
            specification=f"{offering.playbook}.{part['service']}" if offering else "",
            offering=lead.offering,
            procedure=lead.procedure,
            lead=lead,
            address_id=lead.address_id,
            payload={"part": part["key"], **part.get("characteristics", {})},
        )
        for part in parts
    ]


def create_services(
    *, actor: Actor, order: Order, lead: OrderItem, offering: Offering | None
) -> dict[str, Any]:
    """The services of a new line's parts; the variables its process begins with."""
    made = {part["key"]: part for part in (offering.parts if offering is not None else [])}
    if not made:
        return {}
    assert offering is not None
    rows = list(parts_of(lead))
    for row in rows:
        part = made[row.payload["part"]]
        specification = catalog.service_specification(
            part["service"], playbook=offering.playbook, version=offering.version
        )
        row.service_id = inventory_verbs.create_service(
            actor=actor,
            branch_id=order.branch_id,
            specification=specification.key,
            playbook=specification.playbook,
            version=specification.version,
            title=part["title"],
            order_id=order.id,
            customer_id=order.party_id,
            address_id=lead.address_id,
            characteristics=part.get("characteristics", {}),
            proven_by=specification.proven_by,
            state=ServiceState.FEASIBILITY_CHECKED,
            lead_id=lead.service_id,
        ).id
        row.state = OrderState.IN_PROGRESS
        row.save(update_fields=["service_id", "state"])
    return variables(rows)


def told(offering: Offering, lead: str) -> list[dict[str, str]]:
    """The parts as an order's pinned price names them."""
    return [
        {"key": part["key"], "title": part["title"], "item": item_id(lead, part["key"])}
        for part in offering.parts
    ]


def variables(rows: Iterable[OrderItem]) -> dict[str, Any]:
    """What a process must know of the parts of its line; nothing where there are none."""
    parts = [
        {
            "item_id": str(row.id),
            "service_id": str(row.service_id),
            "service": row.specification.rpartition(".")[2],
        }
        for row in rows
    ]
    return {"bundled": True, PARTS: parts} if parts else {}


# ---- what the branch has for them ----------------------------------------------------------------


def platforms_missing(
    offerings: Iterable[Offering], branch_id: UUID | None
) -> dict[UUID, tuple[str, ...]]:
    """By plan: the kinds of element it lives at of which the branch has none in service.

    Such a plan would be sold, visited and then wait at its activation: it is not offered, and
    refused (`asked`). What lives at the AAA server is not asked about: that is the branch's first.
    Constant queries.
    """
    offered = list(offerings)
    if not offered or branch_id is None:
        return {}
    there = activation.kinds_in_service(branch_id)
    found: dict[UUID, tuple[str, ...]] = {}
    read: dict[tuple[str, str], dict[str, list[str]]] = {}
    for offering in offered:
        book = (offering.playbook, offering.version)
        if book not in read:
            rows = catalog.service_specifications(playbook=book[0], version=book[1])
            read[book] = {row.key: [str(a.get("on")) for a in row.activates] for row in rows}
        services = [*offering.services, *(part["service"] for part in offering.parts)]
        kinds = [kind for service in services for kind in read[book].get(service, ())]
        lacking = tuple(
            kind for kind in dict.fromkeys(kinds) if kind not in there and kind != ElementKind.AAA
        )
        if lacking:
            found[offering.pk] = lacking
    return found


def without_platforms(kinds: Iterable[str]) -> tuple[str, str]:
    """What is said of a plan whose platforms are missing: what, and what to do."""
    labels = dict(ElementKind.choices)
    names = wording.several(str(labels.get(kind, kind)) for kind in kinds)
    return (
        _("本分公司没有在用的%s，这个套餐开通不了。") % names,
        _("请改办别的套餐；要办这个套餐，先请网络岗登记网元，或把停用的恢复在用。"),
    )


# ---- reading -------------------------------------------------------------------------------------


def parts_of(item: OrderItem) -> list[OrderItem]:
    """The items that come with this one, in the order they were sold."""
    return plain.where(OrderItem, "lead_id = %s order by id", [item.pk])


def service_ids(item: OrderItem) -> list[UUID]:
    """The services of an item's parts."""
    return [row.service_id for row in parts_of(item) if row.service_id is not None]


def running(item: OrderItem) -> dict[str, Any]:
    """The variables of an order under way, for the process that takes it back."""
    return variables(row for row in parts_of(item) if row.service_id)


def titles(offering: Offering) -> list[str]:
    """What comes with a plan, in the reader's language."""
    english = wording.english()
    return [
        str(part["title_en"] if english and part.get("title_en") else part["title"])
        for part in offering.parts
    ]


def reached_by(service: ServiceView) -> str:
    """By what a part is known: its telephone number, its circuit; empty until it is supplied."""
    values = service.characteristics
    return str(values.get("number") or values.get("circuit_id") or "")


def named(services: Iterable[ServiceView], say: Callable[[str], str] = str) -> list[str]:
    """Each part as people name it, with its number where it has one: `固定电话 05597550001`."""
    return [f"{say(one.title)} {one.characteristics.get('number', '')}".strip() for one in services]


def pieces(services: Iterable[ServiceView]) -> str | None:
    """What an installer takes along, where parts bring more than a modem."""
    boxes = sum("circuit_id" in one.characteristics for one in services)
    return f"光猫 1 台；机顶盒 {boxes} 台" if boxes else None


def carried(definition_id: UUID) -> bool:
    """Whether a process does something for the parts of its line."""
    nodes = model_of(definition_id).nodes.values()
    return any(
        node.repeat is not None
        and node.repeat.collection is not None
        and node.repeat.collection.text == PARTS
        for node in nodes
    )


def same_parts(offering: Offering, services: Sequence[ServiceView]) -> bool:
    """Whether a plan comes with just the services a line has."""
    return sorted(part["service"] for part in offering.parts) == sorted(
        one.specification for one in services
    )


def needs_of(service: ServiceView) -> Mapping[str, Any]:
    """What a service must be supplied with, by its specification (`needs:`)."""
    found: Mapping[str, Any] = catalog.service_specification(
        service.specification, playbook=service.playbook, version=service.version
    ).needs
    return found


# ---- delivery ------------------------------------------------------------------------------------


def complete(*, actor: Actor, item: OrderItem) -> None:
    """竣工: each part is active; refused while a proof of it is missing."""
    for service_id in service_ids(item):
        inventory_verbs.set_service_state(
            actor=actor, service_id=service_id, state=ServiceState.ACTIVE
        )


def withdraw(*, actor: Actor, item: OrderItem, reason: str) -> None:
    """What the parts had taken is given back."""
    for service_id in service_ids(item):
        inventory_verbs.withdraw_service(actor=actor, service_id=service_id, reason=reason)


# ---- changes -------------------------------------------------------------------------------------


def changed(lead: OrderItem, service: ServiceView, action: str) -> dict[str, Any]:
    """What the item of a part says in a change of its line."""
    return {
        "branch_id": lead.branch_id,
        "position": lead.position,
        "action": action,
        "state": OrderState.IN_PROGRESS,
        "specification": f"{service.playbook}.{service.specification}",
        "procedure": lead.procedure,
        "service_id": service.id,
        "lead": lead,
        "address_id": service.address_id,
        "payload": {"procedure": lead.payload["procedure"]},
    }


def add_changed(
    *,
    actor: Actor,
    order: Order,
    lead: OrderItem,
    services: Sequence[ServiceView],
) -> dict[str, Any]:
    """A change that a line's parts take part in has an item for each; the process's variables.
    `services` are those parts, as the plan of the change has read them."""
    rows = []
    for position, service in enumerate(services):
        row = OrderItem.objects.create(
            order=order,
            item_id=f"{lead.item_id}.{position + 1}",
            **changed(lead, service, lead.action),
        )
        inventory_verbs.attach_order(actor=actor, service_id=service.id, order_id=order.pk)
        rows.append(row)
    return variables(rows)
