"""Finding a customer at the counter, and what was asked for him and his lines (客户统一视图, BB-07,
BB-18).

Staff look without authentication (VER-13); `find` records the search, `party.looks.look` each page.
Nothing typed is kept: it may be a document's number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.core.crypto import blind_index
from kaitong.core.errors import InputFault
from kaitong.inventory import customers as lines
from kaitong.inventory.customers import CustomerLine
from kaitong.ordering.choices import FINAL, FindBy, OrderState
from kaitong.ordering.errors import BadOrder
from kaitong.ordering.models import NUMBER_PURPOSE, NumberBinding, Order, OrderItem, OrderNote
from kaitong.ordering.queries import ITEMS, UNLISTED
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.party import looks
from kaitong.party import queries as parties
from kaitong.party.names import parse_phone
from kaitong.places import queries as places

SHOWN = 50  # hits a search shows; who gets more says more
_READ = 200  # customers and addresses that a name and an address are compared over


@dataclass(frozen=True, slots=True)
class Hit:
    """A customer who was found, with one of his lines, if he has any."""

    customer: parties.Summary | None
    line: CustomerLine | None


@dataclass(frozen=True, slots=True)
class Hits:
    rows: tuple[Hit, ...]
    more: bool


def find(*, actor: Actor, by: str, text: str, address: str = "") -> Hits:
    """Customers by one of `FindBy`, each with his lines. A foreign branch's are not found.

    Raises BadOrder for what cannot be searched for; the search is recorded, not its text.
    """
    text, address = text.strip(), address.strip()
    if by not in FindBy.values:
        raise BadOrder([InputFault("by", _("没有这种查法。"), wording.several(FindBy.values))])
    if not text and not (by == FindBy.NAME and address):
        raise BadOrder([InputFault("q", _("没有填要查的内容。"), _("请填写后再查。"))])
    found, people = _FINDERS[by](actor, text, address)
    hits = _with_people(found, people)
    looks.looked_for(actor=actor, by=by, found=len(hits))
    return Hits(tuple(hits[:SHOWN]), len(hits) > SHOWN)


def bound_lines(actor: Actor, number: str, *, limit: int = SHOWN) -> list[CustomerLine]:
    """The lines a mobile number is bound to now (VER-11)."""
    phone = parse_phone(number)
    if phone is None:
        return []
    index = blind_index(NUMBER_PURPOSE, phone.e164)
    rows = visible_to(NumberBinding.objects.filter(number_index=index, ended_at=None), actor)
    bound = list(rows.values_list("order_id", "item_id")[:limit])
    items = OrderItem.objects.filter(order_id__in=[order for order, _item in bound])
    services = {
        service
        for order, item, service in items.values_list("order_id", "item_id", "service_id")
        if (order, item) in bound and service is not None
    }
    return lines.lines(actor, services=services, limit=limit) if services else []


# ------------------------------------------------------------- what was asked for them


def orders_of(
    actor: Actor,
    *,
    party_id: UUID | None = None,
    service_id: UUID | None = None,
    open_only: bool = False,
    offset: int = 0,
    limit: int = SHOWN,
) -> tuple[list[Order], int]:
    """A page of the orders of a customer or of a line, newest first, and how many there are."""
    rows = _orders(actor, party_id, service_id)
    if open_only:
        rows = rows.exclude(state__in=list(FINAL))
    ids = list(rows.order_by("-ordered_at", "-id").values_list("id", flat=True))
    page = Order.objects.filter(pk__in=ids[offset : offset + limit]).order_by("-ordered_at", "-id")
    return list(page.defer(*UNLISTED).prefetch_related(ITEMS)), len(ids)


def order_ids_of(
    actor: Actor, *, party_id: UUID | None = None, service_id: UUID | None = None, limit: int
) -> list[UUID]:
    """The newest orders of a customer or of a line."""
    rows = _orders(actor, party_id, service_id).order_by("-ordered_at", "-id")
    return list(rows.values_list("id", flat=True)[:limit])


def terms_of(actor: Actor, service_ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """Under which plan, case and prices each line runs: what its newest order that had a price
    said. Keys as in `Order.prices`, with `order_id`, `ordered_at` and `completed_at`."""
    rows = (
        visible_to(OrderItem.objects.filter(service_id__in=list(service_ids)), actor)
        .exclude(order__prices=[])
        .exclude(order__state__in=[OrderState.REJECTED, OrderState.CANCELLED, OrderState.FAILED])
        .select_related("order")
        .only(
            "item_id", "service_id", "order__prices", "order__ordered_at", "order__completed_at",
            "order__playbook", "order__playbook_hash",
        )
        .order_by("order__ordered_at", "pk")
    )  # fmt: skip
    found: dict[UUID, dict[str, Any]] = {}
    for row in rows:
        price = next((p for p in row.order.prices if p.get("item") == row.item_id), None)
        if price is not None and row.service_id is not None:
            found[row.service_id] = {
                **price,
                "order_id": row.order_id,
                "ordered_at": row.order.ordered_at,
                "completed_at": row.order.completed_at,
                "playbook": row.order.playbook,
                "playbook_hash": row.order.playbook_hash,
            }
    return found


def bindings_of(
    actor: Actor, *, party_id: UUID | None = None, service_id: UUID | None = None, limit: int = 200
) -> list[NumberBinding]:
    """Numbers bound to a customer's lines or to one of them, the living first; masked."""
    rows = visible_to(NumberBinding.objects.select_related("order"), actor)
    if service_id is not None:
        asked = OrderItem.objects.filter(service_id=service_id).values("order_id")
        rows = rows.filter(order_id__in=asked)
    else:
        rows = rows.filter(order__party_id=party_id)
    found = list(rows.defer("number").order_by("-pk")[:limit])
    return sorted(found, key=lambda row: row.ended_at is not None)


def notes_of(order_ids: Sequence[UUID], *, limit: int) -> list[OrderNote]:
    """What orders themselves recorded, the newest first; the caller has found them visible."""
    return list(OrderNote.objects.filter(order_id__in=order_ids).order_by("-id")[:limit])


def numbers_of(order_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Order numbers by identifier."""
    rows = Order.objects.filter(pk__in=list(order_ids)).values_list("pk", "number")
    return {pk: number or str(pk)[:8] for pk, number in rows}


# ------------------------------------------------------------------ inside

_Found = tuple[list[CustomerLine], list[UUID]]


def _orders(actor: Actor, party_id: UUID | None, service_id: UUID | None) -> QuerySet[Order]:
    rows = visible_to(Order.objects.all(), actor)
    if service_id is not None:
        asked = OrderItem.objects.filter(service_id=service_id).values("order_id")
        return rows.filter(pk__in=asked)
    return rows.filter(Q(party_id=party_id))


def _with_people(found: Sequence[CustomerLine], people: Iterable[UUID]) -> list[Hit]:
    """Lines with their customers, then the customers without a line."""
    found = found[: SHOWN + 1]
    shown = {line.customer_id for line in found}
    bare = [one for one in dict.fromkeys(people) if one not in shown][: SHOWN + 1 - len(found)]
    told = parties.summaries({*(line.customer_id for line in found if line.customer_id), *bare})
    hits = [Hit(told.get(line.customer_id) if line.customer_id else None, line) for line in found]
    return hits + [Hit(told[one], None) for one in bare if one in told]


def _of_people(actor: Actor, people: list[UUID]) -> _Found:
    return (lines.lines(actor, customers=people, limit=SHOWN + 1) if people else [], people)


def _account(actor: Actor, text: str, _address: str) -> _Found:
    return lines.lines_of_account(actor, text, limit=SHOWN + 1), []


def _document(actor: Actor, text: str, _address: str) -> _Found:
    return _of_people(actor, looks.by_document(actor, text))


def _bound(actor: Actor, text: str, _address: str) -> _Found:
    _require_phone(text)
    return bound_lines(actor, text, limit=SHOWN + 1), []


def _phone(actor: Actor, text: str, _address: str) -> _Found:
    return _of_people(actor, looks.by_phone(actor, _require_phone(text), limit=SHOWN + 1))


def _name(actor: Actor, text: str, address: str) -> _Found:
    """A name alone, an address alone, or both: then only lines where both are true."""
    people = [one.id for one in parties.find(actor, text, limit=_READ)] if text else []
    if not address:
        return _of_people(actor, people)
    spots = [spot.id for spot in places.search(actor, address, limit=_READ)]
    there = lines.lines(actor, customers=people if text else None, addresses=spots, limit=SHOWN + 1)
    return there, []


def _order(actor: Actor, text: str, _address: str) -> _Found:
    rows = visible_to(Order.objects.filter(number=text.upper()), actor)
    found = rows.values_list("pk", "party_id").first()
    if found is None:
        return [], []
    items = OrderItem.objects.filter(order_id=found[0], service_id__isnull=False)
    services = list(items.values_list("service_id", flat=True))
    there = lines.lines(actor, services=services, limit=SHOWN + 1) if services else []
    return there, [found[1]] if found[1] else []


def _require_phone(text: str) -> str:
    phone = parse_phone(text)
    if phone is None:
        fault = InputFault("q", _("电话号码不对。"), _("手机 11 位；固定电话带区号。"))
        raise BadOrder([fault])
    return phone.digits


_FINDERS = {
    FindBy.ACCOUNT: _account,
    FindBy.DOCUMENT: _document,
    FindBy.BOUND: _bound,
    FindBy.PHONE: _phone,
    FindBy.NAME: _name,
    FindBy.ORDER: _order,
}
