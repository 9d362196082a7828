"""The facts of one row of a list: what is behind it, whoever keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kaitong.party import queries as party


@dataclass(frozen=True, slots=True)
class OrderFacts:
    id: UUID
    number: str
    state: str
    product: str
    action: str
    customer_name: str
    customer: party.Summary | None  # only where it was asked for
    address: str
    address_full: str
    say: Callable[[str], str]  # the order's playbook in the reader's language
    due_at: datetime | None
    due_basis: Mapping[str, Any]
    ordered_at: datetime
    completed_at: datetime | None
    appointment_start: datetime | None
    appointment_end: datetime | None
    service_id: UUID | None = None  # of a ticket; an order's are asked by the order
