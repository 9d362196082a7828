"""Picking something that will do, for examples and drills: never for real work."""

from __future__ import annotations

from uuid import UUID

from kaitong.core import db
from kaitong.inventory.choices import TerminalKind, TerminalState


def any_terminal_in_stock(branch_id: UUID, kind: str = TerminalKind.ONU) -> str | None:
    """The serial of some terminal of a branch that can be installed; None when stock is empty."""
    found = db.one(
        "SELECT serial FROM inventory_terminal WHERE branch_id = %s AND state = %s"
        " AND kind = %s ORDER BY random() LIMIT 1",
        [branch_id, TerminalState.IN_STOCK, kind],
    )
    return str(found["serial"]) if found else None
