"""移机 as the people on site need it: both addresses of an order and both ports, at any stage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kaitong.inventory.moved import ports_of_moves
from kaitong.ordering.models import ServiceChange
from kaitong.ordering.moving import ADDRESS
from kaitong.places import queries as places

WAS_AT = "address_id"  # of a change's `before`: where the service was


@dataclass(frozen=True, slots=True)
class End:
    """One end of a move. `address` is as lists show it, `whole` as a map wants it."""

    address: str
    whole: str
    port: str


@dataclass(frozen=True, slots=True)
class Move:
    old: End
    new: End


def of_orders(order_ids: Iterable[UUID]) -> dict[UUID, Move]:
    """The moves among these orders, which the reader sees; a constant number of statements, and one
    where nothing moves."""
    rows = list(
        ServiceChange.objects.filter(
            item__order_id__in=list(order_ids), told__contains=[{"target": ADDRESS}]
        )
        .defer("sealed")
        .select_related("item")
    )
    if not rows:
        return {}
    spots = places.addresses(_address_ids(rows))
    ports = ports_of_moves([row.service_id for row in rows if row.ended_at is None])
    return {row.item.order_id: _move(row, spots, ports) for row in rows}


def _address_ids(rows: list[ServiceChange]) -> Iterable[UUID | None]:
    for row in rows:
        yield _was_at(row)
        yield row.item.address_id


def _was_at(row: ServiceChange) -> UUID | None:
    """None for a change of before this was written down; its address is told in words."""
    kept = row.before.get(WAS_AT)
    return UUID(str(kept)) if kept else None


def _move(row: ServiceChange, spots: dict[UUID, Any], ports: dict[UUID, tuple[str, str]]) -> Move:
    told = next(one for one in row.told if one.get("target") == ADDRESS)
    was_at, goes_to = _was_at(row), row.item.address_id
    if goes_to == was_at:  # until a port is set aside there the item names where the line is
        goes_to = None
    leaves, arrives = ports.get(row.service_id, ("", ""))
    return Move(
        _end(spots.get(was_at) if was_at else None, str(told.get("before") or ""), leaves),
        _end(
            spots.get(goes_to) if goes_to and was_at else None,
            str(told.get("after") or ""),
            arrives,
        ),
    )


def _end(spot: Any, told: str, port: str) -> End:
    if spot is None:
        return End(told, told, port)
    return End(spot.short_text, spot.full_text, port)
