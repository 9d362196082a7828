"""The ports of lines that move (移机), in words, by the role each is held under."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from kaitong.inventory.network import living, port_texts
from kaitong.inventory.ports import PORT
from kaitong.inventory.relocation import FORMER, MOVING


def ports_of_moves(service_ids: Iterable[UUID]) -> dict[UUID, tuple[str, str]]:
    """What a service leaves and where it goes; an end that holds nothing (any more) is empty.

    Before the switch the line is on its old port and the new one is set aside; after it the line is
    on the new one and the old one is kept until the move is done. Two statements for any number.
    """
    roles = (PORT, MOVING, FORMER)
    rows = living().filter(service_id__in=list(service_ids), role__in=roles)
    held = list(rows.values_list("service_id", "role", "resource_id"))
    texts = port_texts([resource for _service, _role, resource in held]) if held else {}
    ends: dict[UUID, dict[str, str]] = {}
    for service, role, resource in held:
        if service is not None:
            ends.setdefault(service, {})[role] = texts.get(resource, "")
    return {service: _ends(by_role) for service, by_role in ends.items()}


def _ends(by_role: dict[str, str]) -> tuple[str, str]:
    if MOVING in by_role:
        return by_role.get(PORT, ""), by_role[MOVING]
    return by_role.get(FORMER, ""), by_role.get(PORT, "")
