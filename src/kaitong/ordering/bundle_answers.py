"""Answers of work forms about the further services of a bundle (`writes:`): the set-top box."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.catalog import queries as catalog
from kaitong.core.errors import BadInput, InputFault, KaitongError
from kaitong.inventory import ownership
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import TerminalKind
from kaitong.process.services import StepContext

SET_TOP = "service.set_top_serial"
TERMINAL = "terminal"  # a need of the specification whose service has a set-top box


def set_top_serial(step: StepContext, value: str) -> None:
    """The set-top box's serial (机顶盒串号), checked against stock and bound to its service."""
    try:
        inventory_verbs.install_terminal(
            actor=step.actor,
            service_id=_with_box(step, "set_top_serial"),
            serial=value,
            kind=TerminalKind.SET_TOP,
        )
    except KaitongError as error:
        raise _at("set_top_serial", error) from None


def recovered_set_top(step: StepContext, value: str) -> None:
    """The set-top box fetched at the customer's (回收), checked against what stands there."""
    try:
        ownership.terminal_recovered(
            actor=step.actor, service_id=_with_box(step, "recovered_set_top"), serial=value
        )
    except KaitongError as error:
        raise _at("recovered_set_top", error) from None


def _with_box(step: StepContext, field: str) -> UUID:
    """The part of the order that has a box of its own."""
    ids = [UUID(str(part["service_id"])) for part in step.variables.get("parts") or ()]
    for service in inventory.services_by_ids(ids):
        needs = catalog.service_specification(
            service.specification, playbook=service.playbook, version=service.version
        ).needs
        if TERMINAL in needs:
            return service.id
    what = _("这个订单没有带机顶盒的业务。")
    raise BadInput([InputFault(field, what, _("请删去这一项。"))])


def _at(field: str, error: KaitongError) -> BadInput:
    if isinstance(error, BadInput):
        return error
    return BadInput([InputFault(field, error.what, error.remedy)])
