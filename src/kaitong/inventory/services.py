"""The public verbs of the inventory, in one place; each module beside this one holds one idea."""

from kaitong.inventory.adoption import LineRow, adopt_lines
from kaitong.inventory.operations import (
    attach_order,
    create_service,
    issue_password,
    record_proof,
    reveal_password,
    set_characteristics,
    set_password,
    set_reason,
    set_service_state,
    withdraw_service,
)
from kaitong.inventory.plant import (
    Built,
    ResourceRow,
    add_resources,
    cover,
    ensure_kinds,
)
from kaitong.inventory.pools import allocate_account, allocate_logical_id, give_back
from kaitong.inventory.ports import change_port, confirm_use, hold, release_port, take_port
from kaitong.inventory.results import NoPort, PortTaken, Released
from kaitong.inventory.terminals import (
    TerminalRow,
    add_terminals,
    install_terminal,
    issue_terminals,
    return_to_stock,
    to_recover,
)
from kaitong.inventory.upkeep import (
    expire_reservations,
    keep,
    mark_damaged,
    mark_repaired,
    set_resource_state,
)

__all__ = [
    "Built",
    "LineRow",
    "NoPort",
    "PortTaken",
    "Released",
    "ResourceRow",
    "TerminalRow",
    "add_resources",
    "add_terminals",
    "adopt_lines",
    "allocate_account",
    "allocate_logical_id",
    "attach_order",
    "change_port",
    "confirm_use",
    "cover",
    "create_service",
    "ensure_kinds",
    "expire_reservations",
    "give_back",
    "hold",
    "install_terminal",
    "issue_password",
    "issue_terminals",
    "keep",
    "mark_damaged",
    "mark_repaired",
    "record_proof",
    "release_port",
    "return_to_stock",
    "reveal_password",
    "set_characteristics",
    "set_password",
    "set_reason",
    "set_resource_state",
    "set_service_state",
    "take_port",
    "to_recover",
    "withdraw_service",
]
