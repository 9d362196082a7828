"""Where answers of forms go that tell what was found in the field (`writes:`)."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, InputFault, KaitongError
from kaitong.fieldwork import subject
from kaitong.inventory import queries
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import ResourceState
from kaitong.inventory.results import NoPort
from kaitong.process.services import StepContext

OTHER_PORT = "service.other_port"
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


def other_port(step: StepContext, value: str) -> None:
    """换端口 of a line whose account is not accepted: the next free port of its address, what was
    left is free or damaged. Where there is none the answer is refused, and nothing changes."""
    service_id = UUID(str(step.variables["service_id"]))
    was = queries.service(step.actor, service_id, proofs=False).port_text
    try:
        taken = inventory.change_port(
            actor=step.actor,
            service_id=service_id,
            old_becomes=_STATES.get(value, ResourceState.FREE),
            reason="账号未验证",
        )
    except KaitongError as error:
        raise BadInput([InputFault(OTHER_PORT, error.what, error.remedy)]) from None
    if isinstance(taken, NoPort):
        what = _("没有别的空闲端口：%s") % taken.text
        raise BadInput([InputFault(OTHER_PORT, what, _("另选处理办法，或请资源配置岗处理。"))])
    data = {"port": taken.text, "was": was, "reason": "账号未验证"}
    subject.note(step, "port-changed", data)
