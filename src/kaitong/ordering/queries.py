"""Reading orders. Every read takes an actor and sees only that actor's branches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.inventory import queries as inventory
from kaitong.ordering import clock
from kaitong.ordering.choices import OrderState
from kaitong.ordering.errors import OrderNotFound
from kaitong.ordering.models import Order, OrderItem, OrderNote, Withdrawal
from kaitong.ordering.plans import WithdrawalPlan, plan_of
from kaitong.ordering.requests import OrderFilter
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.party import queries as parties
from kaitong.places import queries as places
from kaitong.process import queries as process
from kaitong.worktime import rules

ITEMS = Prefetch("items", queryset=OrderItem.objects.order_by("position", "item_id"))
# With the procedure that runs each, but for its tables, which are long.
RUN_ITEMS = Prefetch(
    "items",
    queryset=OrderItem.objects.order_by("position", "item_id")
    .select_related("procedure")
    .defer("procedure__parameters", "procedure__number_rule", "procedure__papers"),
)
# What no list of ours shows, and what no document of an interface tells.
UNLISTED = ("ext", "parameters", "description")
UNTOLD = ("parameters", "prices", "due_basis")
_OPS = {"eq": "exact", "in": "in", "gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte"}


def order(actor: Actor, order_id: UUID) -> Order:
    """One order with its items; OrderNotFound when absent or another branch's."""
    found = (
        visible_to(Order.objects.all(), actor)
        .filter(pk=order_id)
        .select_related("branch", "withdrawal")
        .prefetch_related(RUN_ITEMS)
        .first()
    )
    if found is None:
        raise OrderNotFound(_("没有这个订单。"), _("请核对订单号和所在分公司。"))
    return found


def order_by_text(actor: Actor, text: str) -> Order:
    """One order by its number or identifier."""
    try:
        return order(actor, UUID(text))
    except ValueError:
        pass
    row = visible_to(Order.objects.all(), actor).filter(number=text.strip()).first()
    if row is None:
        raise OrderNotFound(_("没有订单 %s。") % text[:40], _("请核对订单号和所在分公司。"))
    return order(actor, row.pk)


def orders(
    actor: Actor,
    filters: Iterable[OrderFilter] = (),
    offset: int = 0,
    limit: int | None = None,
    *,
    without: Iterable[str] = (),
) -> tuple[list[Order], int]:
    """A page of orders, newest first, and how many there are in all.

    `without` names columns the caller will not look at; some hold whole documents.
    """
    rows = _filtered(visible_to(Order.objects.all(), actor), filters)
    total = rows.count()
    end = None if limit is None else offset + limit
    newest = ("-ordered_at", "-id")
    # Identifiers first, from the index alone: a deep page never reads the rows it skips.
    ids = list(rows.order_by(*newest).values_list("id", flat=True)[offset:end])
    page = (
        Order.objects.filter(pk__in=ids)
        .order_by(*newest)
        .select_related("withdrawal")
        .defer(*without)
        .prefetch_related(ITEMS)
    )
    return list(page), total


def by_ids(actor: Actor, order_ids: Iterable[UUID]) -> list[Order]:
    """The visible orders among these, with their items: two queries, nothing counted, and no
    columns that lists do not show."""
    rows = visible_to(Order.objects.all(), actor).filter(pk__in=list(order_ids))
    return list(rows.defer(*UNLISTED).prefetch_related(ITEMS))


def sold(offering: str) -> Subquery:
    """For a list of work to be narrowed by: not null for the order of an offering, whose identifier
    is the row's `business_id`. One look into an index for each row of that list, whatever the
    number of orders; who may see what is the list's matter."""
    items = OrderItem.objects.filter(order_id=OuterRef("business_id"), offering=offering)
    return Subquery(items.values("order_id")[:1])


def due_of() -> Subquery:
    """For a list to be sorted by: when the order is due whose identifier is `business_id`."""
    return Subquery(Order.objects.filter(pk=OuterRef("business_id")).values("due_at")[:1])


def customer_of() -> Subquery:
    """For a list to count by: whose order it is whose identifier is the row's `business_id`."""
    return Subquery(Order.objects.filter(pk=OuterRef("business_id")).values("party_id")[:1])


def count(actor: Actor, filters: Iterable[OrderFilter] = ()) -> int:
    """How many visible orders match."""
    return _filtered(visible_to(Order.objects.all(), actor), filters).count()


def batches(
    actor: Actor, filters: Iterable[OrderFilter] = (), *, size: int = 500
) -> tuple[int, Iterator[list[Order]]]:
    """All visible orders that match, newest first, so many at a time; and how many there are."""
    newest = ("-ordered_at", "-id")
    rows = _filtered(visible_to(Order.objects.all(), actor), filters)
    ids = list(rows.order_by(*newest).values_list("id", flat=True))

    def read() -> Iterator[list[Order]]:
        for start in range(0, len(ids), size):
            page = Order.objects.filter(pk__in=ids[start : start + size]).order_by(*newest)
            yield list(page.defer(*UNLISTED).prefetch_related(ITEMS))

    return len(ids), read()


def _filtered(rows: QuerySet[Order], filters: Iterable[OrderFilter]) -> QuerySet[Order]:
    for condition in filters:
        if condition.op == "contains":
            rows = rows.filter(**{f"{condition.field}__contains": condition.value})
        else:
            rows = rows.filter(**{f"{condition.field}__{_OPS[condition.op]}": condition.value})
    return rows


def search(actor: Actor, text: str, *, limit: int = 20) -> list[Order]:
    """Orders by number, account, logical identifier, customer or address; newest first."""
    text = text.strip()
    if len(text) < 2:
        return []
    visible = visible_to(Order.objects.all(), actor)
    found = list(visible.filter(number__startswith=text.upper()).order_by("-number")[:limit])
    service = inventory.service_by_account(actor, text)
    ids: set[UUID] = {service.order_id} if service and service.order_id else set()
    people = [summary.id for summary in parties.find(actor, text, limit=limit)]
    spots = [hit.id for hit in places.search(actor, text, limit=limit)]
    if spots:
        ids |= set(
            visible_to(OrderItem.objects.all(), actor)
            .filter(address_id__in=spots)
            .values_list("order_id", flat=True)[:limit]
        )
    if ids or people:
        more = visible.filter(pk__in=ids) | visible.filter(party_id__in=people)
        found += [row for row in more.order_by("-ordered_at")[:limit] if row not in found]
    return found[:limit]


def withdrawal_plan(actor: Actor, order_id: UUID) -> WithdrawalPlan:
    """What withdrawing an order would undo, cost and give back (撤单), in constant queries."""
    return plan_of(actor, order(actor, order_id))


def withdrawal_of(row: Order) -> Withdrawal | None:
    """How an order was withdrawn; None when it was not."""
    return getattr(row, "withdrawal", None)


def withdrawal(actor: Actor, withdrawal_id: UUID) -> Withdrawal:
    """One withdrawal; OrderNotFound when absent or another branch's."""
    rows = visible_to(Withdrawal.objects.select_related("order"), actor)
    found = rows.filter(pk=withdrawal_id).first()
    if found is None:
        raise OrderNotFound(_("没有这次撤单。"), _("请核对编号和所在分公司。"))
    return found


def withdrawals(
    actor: Actor,
    *,
    order_ids: Iterable[UUID] | None = None,
    ids: Iterable[UUID] | None = None,
    ended: bool | None = None,
    offset: int = 0,
    limit: int | None = None,
) -> tuple[list[Withdrawal], int]:
    """A page of withdrawals, newest first, and how many there are in all."""
    rows = visible_to(Withdrawal.objects.select_related("order"), actor)
    if order_ids is not None:
        rows = rows.filter(order_id__in=list(order_ids))
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    if ended is not None:
        rows = (
            rows.filter(order__state=OrderState.PENDING_CANCELLATION)
            if not ended
            else (rows.exclude(order__state=OrderState.PENDING_CANCELLATION))
        )
    end = None if limit is None else offset + limit
    return list(rows.order_by("-pk")[offset:end]), rows.count()


def why_due(row: Order) -> rules.Deadline | None:
    """The customer's deadline again, with every step of the count; None without a budget."""
    return clock.deadline_of(row.pk, row.due_basis)


def events(order_id: UUID) -> list[OrderNote]:
    """Lines that ordering itself wrote, oldest first."""
    return list(OrderNote.objects.filter(order_id=order_id).order_by("id"))


def described(actor: Actor, row: Order) -> dict[str, Any]:
    """An order as the command line shows it: keys id, number, state, items, waiting, ..."""
    instances = [one for item in row.items.all() for one in item.instances]
    waits = process.waits(instances)
    taken_back = withdrawal_of(row)
    work = process.open_items_of(actor, [row.id]).get(row.id, [])
    return {
        "id": str(row.id),
        "number": row.number,
        "state": row.state,
        "reason": wording.read(row.reason),
        "items": [
            {
                "id": item.item_id,
                "action": item.action,
                "state": item.state,
                "offering": item.offering,
                "service": str(item.service_id) if item.service_id else None,
            }
            for item in row.items.all()
        ],
        "waiting": [
            {
                "kind": fact.kind,
                "node": fact.node,
                "title": fact.title,
                "reason": fact.reason,
                "since": fact.since.isoformat(),
            }
            for found in waits.values()
            for fact in found
            if fact.kind != "join"  # its sibling branches are what it waits for
        ],
        "work_items": [
            {"id": str(w.id), "node": w.node, "title": w.title, "post": w.post, "state": w.state}
            for w in work
        ],
        "services": [
            {
                "id": str(service.id),
                "state": str(service.state),
                "reason": service.reason,
                "account": service.account,
                "logical_id": service.logical_id,
                "port": service.port_text,
                "proof": [
                    {
                        "kind": proof.kind,
                        "ok": proof.ok,
                        "at": proof.at.isoformat(),
                        "summary": proof.summary,
                    }
                    for proof in sorted(service.latest.values(), key=lambda p: p.at)
                ],
            }
            for service in inventory.services_of_order(row.id)
        ],
        "withdrawal": {
            "id": str(taken_back.id),
            "reason": taken_back.reason_code,
            "refund_fen": taken_back.plan["refund_fen"],
            "ended_at": taken_back.ended_at.isoformat() if taken_back.ended_at else None,
        }
        if taken_back
        else None,
        "due_at": row.due_at.isoformat() if row.due_at else None,
        "ordered_at": row.ordered_at.isoformat(),
    }
