"""What lists say of the order behind a row: product, customer, address, clocks.

One place, a constant number of queries for any number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.activation import differences
from kaitong.activation.choices import DifferenceKind
from kaitong.catalog import queries as catalog
from kaitong.core import wording
from kaitong.core.masking import mask_account
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import LineView, ServiceView
from kaitong.ordering import changes
from kaitong.ordering import queries as ordering
from kaitong.ordering.choices import ItemAction
from kaitong.org.actor import Actor
from kaitong.party import queries as party
from kaitong.places import queries as places
from kaitong.playbooks import queries as playbooks
from kaitong.surveys import queries as surveys
from kaitong.web.pages.fault_facts import of_tickets
from kaitong.web.pages.order_facts import OrderFacts

__all__ = ["OrderFacts", "facts_of", "of_orders"]


def facts_of(
    actor: Actor, order_ids: Iterable[UUID | None], *, people: bool = False
) -> dict[UUID, OrderFacts]:
    """Facts by order id, of the orders the actor may see; of tickets by theirs."""
    wanted = {i for i in order_ids if i is not None}
    if not wanted:
        return {}
    found = of_orders(ordering.by_ids(actor, wanted), people=people)
    found |= of_tickets(actor, wanted - set(found), people=people)
    found |= of_differences(actor, wanted - set(found))
    return found | of_surveys(actor, wanted - set(found))


def of_surveys(actor: Actor, ids: Collection[UUID]) -> dict[UUID, OrderFacts]:
    """Surveys (满意度) among these: what was asked about stands for the order."""
    rows = surveys.by_ids(actor, ids) if ids else []
    if not rows:
        return {}
    people = party.summaries([row.party_id for row in rows if row.party_id])
    titles = {
        row.pk: next(a["title"] for a in row.rules.content["asks"] if a["key"] == row.ask)
        for row in rows
    }
    wanted = {row.service_id for row in rows if row.service_id is not None}
    lines = {one.id: one for one in inventory.services_by_ids(wanted)} if wanted else {}
    found = {}
    for row in rows:
        say = playbooks.words(row.rules.playbook, row.rules.playbook_hash)
        line = lines.get(row.service_id) if row.service_id else None
        customer = people.get(row.party_id) if row.party_id else None
        found[row.pk] = OrderFacts(
            id=row.pk,
            number=row.number,
            state="",
            product=say(titles[row.pk]),
            action=_("满意度"),
            customer_name=customer.name if customer else "",
            customer=customer,
            address=line.address_short if line else "",
            address_full=line.address_full if line else "",
            say=say,
            due_at=None,
            due_basis={},
            ordered_at=row.asked_at,
            completed_at=None,
            appointment_start=None,
            appointment_end=None,
            service_id=row.service_id,
        )
    return found


def of_differences(actor: Actor, ids: Collection[UUID]) -> dict[UUID, OrderFacts]:
    """Differences of reconciliation (对账) among these: the account is what they are called by."""
    rows = differences.by_ids(actor, ids) if ids else []
    say = playbooks.current_words() if rows else str
    return {
        row.pk: OrderFacts(
            id=row.pk,
            number=mask_account(row.account),
            state="",
            product=str(DifferenceKind(row.kind).label),
            action=_("对账"),
            customer_name="",
            customer=None,
            address=row.element.title,
            address_full=row.element.title,
            say=say,
            due_at=None,
            due_basis={},
            ordered_at=row.created_at,
            completed_at=row.closed_at,
            appointment_start=None,
            appointment_end=None,
        )
        for row in rows
    }


def of_orders(
    orders: Iterable[Any],
    *,
    people: bool = False,
    lines: Mapping[UUID, Sequence[LineView | ServiceView]] | None = None,
) -> dict[UUID, OrderFacts]:
    """Facts of orders already read (with their items). `people`: with phone and documents of the
    customers, masked. `lines`: their services, where they have been read."""
    rows = list(orders)
    items = {  # a bundle is sold, and called, by its line
        order.id: [item for item in order.items.all() if item.lead_id is None] for order in rows
    }
    offered = catalog.offerings(
        {i.offering for found in items.values() for i in found if i.offering}
    )
    persons = [order.party_id for order in rows if order.party_id]
    customers = party.summaries(persons) if people else {}
    names = {i: one.name for i, one in customers.items()} if people else party.names(persons)
    if lines is None:
        lines = inventory.lines_of_orders([order.id for order in rows])
    # an order that was refused at once has an address but no line
    bare = {i.address_id for order in rows if not lines.get(order.id) for i in items[order.id]}
    addresses = places.addresses([a for a in bare if a]) if bare - {None} else {}
    english = wording.english()
    procedures = _changes([i for found in items.values() for i in found])
    facts = {}
    for order in rows:
        line = next(iter(lines.get(order.id, ())), None)
        first = items[order.id][0] if items[order.id] else None
        address = addresses.get(first.address_id) if first and not line else None
        changed = procedures.get(first.procedure_id, "") if first else ""
        facts[order.id] = OrderFacts(
            id=order.id,
            number=order.number or str(order.id)[:8],
            state=order.state,
            product=_say(order)(line.title)
            if changed and line is not None and line.title
            else " + ".join(_title(offered, order, i, english) for i in items[order.id]),
            action=changed or (str(ItemAction(first.action).label) if first else ""),
            customer_name=names.get(order.party_id, ""),
            customer=customers.get(order.party_id),
            address=line.address_short if line else address.short_text if address else "",
            address_full=line.address_full if line else address.full_text if address else "",
            say=_say(order),
            due_at=order.due_at,
            due_basis=order.due_basis or {},
            ordered_at=order.ordered_at,
            completed_at=order.completed_at,
            appointment_start=order.appointment_start,
            appointment_end=order.appointment_end,
        )
    return facts


def _changes(items: Iterable[Any]) -> dict[UUID, str]:
    """What changes of services are called (停机, 过户...), by their procedure."""
    return changes.titles({i.procedure_id for i in items if i.action != ItemAction.ADD})


def _title(offered: dict[str, Any], order: Any, item: Any, english: bool) -> str:
    """The title as it was sold; the catalogue's in English, where it has one."""
    entry = offered.get(item.offering)
    if english and entry is not None and entry.title_en:
        return str(entry.title_en)
    for price in order.prices:
        if price.get("item") == item.item_id and price.get("title"):
            return str(price["title"])
    return str(entry.title) if entry is not None else str(item.specification)


def _say(order: Any) -> Callable[[str], str]:
    if not order.playbook or not order.playbook_hash:
        return str
    return playbooks.words(order.playbook, order.playbook_hash)
