"""One disagreement between an element and the inventory, before it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kaitong.activation.choices import DifferenceKind


@dataclass(frozen=True, slots=True)
class Found:
    """`account`: what the element calls it; `fields`: name, by the inventory, at the element."""

    account: str
    kind: DifferenceKind
    branch_id: UUID
    service_id: UUID | None = None
    fields: tuple[tuple[str, str, str], ...] = ()
