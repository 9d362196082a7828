"""From a TMF641 item that changes or ends a service to a flow of the counter (变更办理).

One order changes one service, since its flow has its own proof, checks and end. What the flow's
form asks for comes as characteristics and is kept as the counter's answers are: sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, InputFault
from kaitong.inventory import queries as inventory
from kaitong.ordering import life_plans
from kaitong.org.actor import Actor
from kaitong.tmf.mapping.incoming import NAMED, Reading

#: Characteristics that say which flow, and why; the others are the form's.
PROCEDURE, REASON = "procedure", "reason"
_TOLD = frozenset({PROCEDURE, REASON})
CHANGING = frozenset({"modify", "delete"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A change as it was asked for; `places` says where each field of the form stood."""

    service_id: UUID
    procedure: str
    reason: str
    data: Mapping[str, Any] = field(repr=False)
    places: Mapping[str, str]

    def translated(self, error: BadInput) -> BadInput:
        item = "serviceOrderItem[0].service.serviceCharacteristic"
        return BadInput(
            InputFault(self.places.get(f.field, f"{item}.{f.field}"), f.what, f.remedy)
            for f in error.faults
        )


def changes(reading: Reading) -> bool:
    """Whether the request changes services; then it does nothing else."""
    return any(item.action in CHANGING for item in reading.order.items)


def asked(actor: Actor, reading: Reading) -> Asked:
    """The change that a request asks for. Raises BadInput, or NotFound for a foreign service."""
    items = reading.order.items
    if len(items) != 1:
        what = _("应是唯一的一项")
        raise BadInput(
            [InputFault("serviceOrderItem", what, _("每项要变更的业务各提交一个订单。"))]
        )
    item = items[0]
    assert item.service_id is not None  # reading saw it
    service = inventory.service(actor, item.service_id)
    known = [
        one.key
        for one in life_plans.procedures(service)
        if one.action == item.action and not one.counter.get("machine")
    ]
    given = dict(item.characteristics)
    places = {name: reading.place(f"items[0].characteristics.{name}") for name in given}
    for name, column in NAMED.items():  # of an order to build these are its item's, here the form's
        if value := getattr(item, column):
            given[name], places[name] = value, reading.place(f"items[0].{column}")
    said = str(given.pop(PROCEDURE, "") or (known[0] if len(known) == 1 else ""))
    if said not in known:
        where = places.get(PROCEDURE, "serviceOrderItem[0].service.serviceCharacteristic")
        what = (
            _("不是这项业务的变更")
            if said
            else _("要有一个名为 %(name)s 的特性") % {"name": PROCEDURE}
        )
        raise BadInput(
            [InputFault(where, what, _("应是其中之一：%(list)s。") % {"list": ", ".join(known)})]
        )
    reason = str(given.pop(REASON, "") or "")
    return Asked(item.service_id, said, reason, given, places)


def keepable(document: Mapping[str, Any], procedure: str) -> dict[str, Any]:
    """The document to keep with the order: without what the form was told, which is sealed."""
    kept = dict(document)
    items = []
    for item in kept.get("serviceOrderItem", []):
        service = dict(item.get("service") or {})
        told = [c for c in service.get("serviceCharacteristic", []) if c.get("name") in _TOLD]
        if not any(c.get("name") == PROCEDURE for c in told):
            told.append({"name": PROCEDURE, "value": procedure})
        service["serviceCharacteristic"] = told
        items.append({**item, "service": service})
    kept["serviceOrderItem"] = items
    return kept
