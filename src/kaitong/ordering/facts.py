"""Orders as figures are made of them: which have changed, and what they say, many at a time.

For `reporting`, which sees every branch and applies who may see what when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kaitong.core.ids import uuid7_at
from kaitong.ordering.choices import OrderState
from kaitong.ordering.models import Demand, Order, OrderItem, OrderNote, Procedure, Withdrawal

STEPS = "figure_steps"  # parameters of a playbook
TARGETS = "figure_targets"
_BETWEEN = "：:"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One order. `action` is its procedure, `offering` and `address_id` those of its first line:
    a bundle is one order. `appointments` are (agreed at, for when), oldest first."""

    id: UUID
    branch_id: UUID
    number: str
    playbook: str
    action: str
    offering: str
    address_id: UUID | None
    channel: str
    state: str
    ordered_at: datetime
    completed_at: datetime | None
    due_at: datetime | None
    first_due_at: datetime | None  # before anything moved it
    calendar: str
    appointment_end: datetime | None
    appointments: tuple[tuple[datetime, datetime], ...]
    cause_group: str
    cause: str
    steps: Mapping[str, Any]  # which steps count as what (STEPS)
    party_id: UUID | None = None
    service_id: UUID | None = None  # of its first line


def changed_since(since: datetime, until: datetime) -> set[UUID]:
    """Orders of which something was written in this stretch of real time, besides what their
    processes wrote: taken in, refused, amended, re-appointed, recounted, ended."""
    rows = OrderNote.objects.filter(id__gte=uuid7_at(since), id__lt=uuid7_at(until))
    return set(rows.values_list("order_id", flat=True).distinct())


def identifiers(after: UUID | None, limit: int) -> list[UUID]:
    """All orders by their key, a page at a time."""
    rows = Order.objects.order_by("pk")
    if after is not None:
        rows = rows.filter(pk__gt=after)
    return list(rows.values_list("pk", flat=True)[:limit])


def count() -> int:
    return Order.objects.count()


def read(order_ids: Iterable[UUID]) -> list[OrderRow]:
    """These orders; what is no order is left out. Seven queries, whatever their number."""
    ids = list(order_ids)
    orders = list(
        Order.objects.filter(pk__in=ids).order_by("pk").defer("prices", "ext", "description")
    )
    lines: dict[UUID, OrderItem] = {}
    items = OrderItem.objects.filter(order_id__in=ids).order_by("position", "item_id")
    for item in items.select_related("procedure").only(
        "order_id", "action", "offering", "address_id", "service_id", "procedure__key"
    ):
        lines.setdefault(item.order_id, item)
    withdrawn = {
        order_id: (code, reason)
        for order_id, code, reason in Withdrawal.objects.filter(order_id__in=ids).values_list(
            "order_id", "reason_code", "reason"
        )
    }
    refused = dict(
        Demand.objects.filter(order_id__in=ids).order_by("-id").values_list("order_id", "reason")
    )
    appointments: dict[UUID, list[tuple[datetime, datetime]]] = {}
    notes = OrderNote.objects.filter(order_id__in=ids, kind="appointment").order_by("id")
    for order_id, at, data in notes.values_list("order_id", "created_at", "data"):
        start = datetime.fromisoformat(data["start"])
        appointments.setdefault(order_id, []).append((at, start))
    first_due = _first_due(ids)
    plans = _plans([item for item in lines.values() if not item.offering])
    known = current(STEPS)
    found = []
    for order in orders:
        line = lines.get(order.pk)
        procedure = line.procedure if line is not None else None
        group, cause = _cause(order, withdrawn.get(order.pk), refused.get(order.pk, ""))
        found.append(
            OrderRow(
                id=order.pk,
                branch_id=order.branch_id,
                number=order.number or "",
                playbook=order.playbook,
                action=procedure.key if procedure else (line.action if line else ""),
                offering=(line.offering or plans.get(line.pk, "")) if line else "",
                address_id=line.address_id if line else None,
                channel=order.channel,
                state=order.state,
                ordered_at=order.ordered_at,
                completed_at=order.completed_at,
                due_at=order.due_at,
                first_due_at=first_due.get(order.pk, order.due_at),
                calendar=str((order.due_basis or {}).get("calendar", "")),
                appointment_end=order.appointment_end,
                appointments=tuple(appointments.get(order.pk, ())),
                cause_group=group,
                cause=cause,
                steps=order.parameters.get(STEPS) or known.get(order.playbook, {}),
                party_id=order.party_id,
                service_id=line.service_id if line else None,
            )
        )
    return found


def current(name: str) -> dict[str, Any]:
    """A parameter of the procedures in force, by playbook; those that do not name it are absent."""
    rows = Procedure.objects.filter(retired_at=None, **{f"parameters__{name}__isnull": False})
    return dict(rows.order_by("pk").values_list("playbook", f"parameters__{name}"))


def titles() -> dict[str, tuple[str, str, str]]:
    """Procedures by key: playbook, title and English title, as they are called now."""
    rows = Procedure.objects.order_by("retired_at", "pk")
    found: dict[str, tuple[str, str, str]] = {}
    for key, *told in rows.values_list("key", "playbook", "title", "title_en"):
        found.setdefault(key, (told[0], told[1], told[2]))
    return found


def levels(text: str) -> tuple[str, str]:
    """`客户原因：客户不要了` is of two levels; what names no group stands alone."""
    for sign in _BETWEEN:
        group, found, cause = text.partition(sign)
        if found and len(group) <= 20:
            return group.strip(), cause.strip()[:130]
    return "", text.strip()[:130]


# ---- inside --------------------------------------------------------------------------------------


def _first_due(ids: list[UUID]) -> dict[UUID, datetime]:
    """What was promised first, of orders whose due time has moved."""
    moved = OrderNote.objects.filter(order_id__in=ids, kind="due-moved")
    first = moved.order_by("order_id", "id").distinct("order_id")
    rows = first.values_list("order_id", "data__was")
    return {order_id: datetime.fromisoformat(was) for order_id, was in rows if was}


def _plans(changes: Iterable[OrderItem]) -> dict[UUID, str]:
    """The plan of the line that each of these changes is about, as it was ordered last before:
    a change of a line names none."""
    wanted = {item.pk: item.service_id for item in changes if item.service_id is not None}
    named: dict[UUID, list[tuple[UUID, str]]] = {}
    rows = OrderItem.objects.filter(service_id__in=set(wanted.values())).exclude(offering="")
    for service_id, item_id, offering in rows.order_by("id").values_list(
        "service_id", "id", "offering"
    ):
        if service_id is not None:
            named.setdefault(service_id, []).append((item_id, offering))
    found = {}
    for item_id, service_id in wanted.items():
        before = [plan for other, plan in named.get(service_id, ()) if other <= item_id]
        if before:
            found[item_id] = before[-1]
    return found


def _cause(order: Order, withdrawn: tuple[str, str] | None, refused: str) -> tuple[str, str]:
    """The two levels of why an order ended without being done, as titled then."""
    match order.state:
        case OrderState.CANCELLED if withdrawn is not None:
            return levels(withdrawn[1])
        case OrderState.FAILED:
            return levels(order.reason)
        case OrderState.REJECTED:
            return "", refused
    return "", ""
