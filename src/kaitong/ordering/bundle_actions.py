"""Transactional actions for the further services of a bundle (融合套餐); see `bundles`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from kaitong.core.errors import KaitongError
from kaitong.inventory import queries as inventory
from kaitong.inventory import relocation
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.results import ServiceView
from kaitong.ordering import bundles
from kaitong.ordering.actions import subject_of
from kaitong.ordering.models import OrderItem
from kaitong.ordering.states import note
from kaitong.org.actor import Actor
from kaitong.process.actions import ActionContext, BusinessError

NOT_HAD = "part-not-had"  # a number or a circuit cannot be had now
# keys of a specification's `needs:`
NUMBER, CIRCUIT, PASSWORD = "number", "circuit-id", "password"


def reserve_parts(ctx: ActionContext) -> dict[str, Any]:
    """领号: what each part needs before anybody is sent: number and password, circuit.

    By `needs:` of its specification. Raises BusinessError `part-not-had` with the reason in words.
    """
    order, item, actor = subject_of(ctx)
    made = []
    for part in bundles.parts_of(item):
        if part.service_id is None:
            continue
        service = inventory.service(actor, part.service_id)
        try:
            made.append(_supply(actor, item, service, ctx.parameters))
        except KaitongError as error:
            what = f"{service.title}：{error.what}"
            raise BusinessError(NOT_HAD, what, {"trouble": what[:200]}) from None
        inventory_verbs.set_service_state(
            actor=actor,
            service_id=service.id,
            state=ServiceState.INACTIVE,
            reason="数据已制作，等待开通验证。",
        )
    note(order.id, "parts-reserved", actor_id=ctx.actor_id, data={"parts": made})
    return {}


def follow(
    *, actor: Actor, item: OrderItem, address_id: UUID, parameters: Mapping[str, Any]
) -> None:
    """移机: the parts are where their line is now; what hangs on its port is another."""
    for service_id in bundles.service_ids(item):
        relocation.follow(actor=actor, service_id=service_id, address_id=address_id)
        service = inventory.service(actor, service_id)
        needs = bundles.needs_of(service)
        if CIRCUIT in needs:
            inventory_verbs.derive_circuit(
                actor=actor,
                service_id=service_id,
                pattern=str(parameters[needs[CIRCUIT]["rule"]]),
            )


def _supply(
    actor: Actor, lead: OrderItem, service: ServiceView, parameters: Mapping[str, Any]
) -> dict[str, str]:
    """What a part's specification needs, taken; what of it may be told."""
    needs = bundles.needs_of(service)
    found = {"title": service.title}
    if NUMBER in needs:
        found["number"] = inventory_verbs.allocate_number(
            actor=actor,
            service_id=service.id,
            pattern=str(parameters[needs[NUMBER]["rule"]]),
            quarantine_days=int(needs[NUMBER].get("quarantine", 0)),
        )
    if CIRCUIT in needs:
        pattern = str(parameters[needs[CIRCUIT]["rule"]])
        if "{logical_id" in pattern and lead.service_id is not None:
            inventory_verbs.allocate_logical_id(
                actor=actor, service_id=lead.service_id, pattern=parameters["logical_id_pattern"]
            )
        found["circuit"] = inventory_verbs.derive_circuit(
            actor=actor, service_id=service.id, pattern=pattern
        )
    if PASSWORD in needs:
        inventory_verbs.issue_password(actor=actor, service_id=service.id)
    return found
