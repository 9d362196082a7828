"""Where answers of forms go that tell what was found in the field (`writes:`)."""

from __future__ import annotations

from uuid import UUID

from kaitong.core.errors import BadInput, InputFault, KaitongError
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import ResourceState
from kaitong.process.services import StepContext

_STATES = {"free": ResourceState.FREE, "damaged": ResourceState.DAMAGED}


def port_found(step: StepContext, value: str) -> None:
    """资源核查: what the port that was left turned out to be; other words leave it as it is."""
    state = _STATES.get(value)
    if state is None:
        return
    try:
        inventory.set_resource_state(
            actor=step.actor,
            resource_id=UUID(str(step.variables["port_id"])),
            state=state,
            reason="资源核查",
        )
    except KaitongError as error:
        raise BadInput([InputFault("port.found", error.what, error.remedy)]) from None
