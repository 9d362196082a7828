"""The public reading of the inventory, in one place.

Each function asks a constant number of queries.

Functions that take an `actor` are for faces and show only the actor's branches; those that take
identifiers fill in rows the actor already sees.
"""

from kaitong.inventory.coverage import (
    coverage_verdict,
    coverage_verdicts,
    free_address,
    free_boxes,
    free_ports,
    free_ports_on,
    full_box_address,
    ports_nearby,
    serves,
)
from kaitong.inventory.former import former_account
from kaitong.inventory.network import (
    behind,
    children,
    find_port,
    history_of_port,
    ids_by_path,
    living,
    olt_of,
    port_counts,
    port_text,
    port_text_of,
    port_texts,
    port_texts_of_services,
    port_view,
    resource,
    stock,
    terminal,
    terminal_mistaken,
    terminals_held,
    terminals_of,
    with_line,
)
from kaitong.inventory.operating import operating, titles_of
from kaitong.inventory.running import (
    expected_line,
    expected_lines,
    lines_of_orders,
    missing_proofs,
    parts_of,
    service,
    service_by_account,
    services,
    services_at,
    services_by_ids,
    services_of_order,
    services_of_orders,
)
from kaitong.inventory.suspended import between as suspended_between
from kaitong.inventory.suspended import standing as suspensions

__all__ = [
    "behind",
    "children",
    "coverage_verdict",
    "coverage_verdicts",
    "expected_line",
    "expected_lines",
    "find_port",
    "former_account",
    "free_address",
    "free_boxes",
    "free_ports",
    "free_ports_on",
    "full_box_address",
    "history_of_port",
    "ids_by_path",
    "lines_of_orders",
    "living",
    "missing_proofs",
    "olt_of",
    "operating",
    "parts_of",
    "port_counts",
    "port_text",
    "port_text_of",
    "port_texts",
    "port_texts_of_services",
    "port_view",
    "ports_nearby",
    "resource",
    "serves",
    "service",
    "service_by_account",
    "services",
    "services_at",
    "services_by_ids",
    "services_of_order",
    "services_of_orders",
    "stock",
    "suspended_between",
    "suspensions",
    "terminal",
    "terminal_mistaken",
    "terminals_held",
    "terminals_of",
    "titles_of",
    "with_line",
]
