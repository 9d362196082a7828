"""What people do to tickets beside their work items: urge, take back, say it is not mended."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.assurance import papers
from kaitong.assurance.choices import FINAL, TicketState
from kaitong.assurance.errors import FaultRefused, WrongFaultState
from kaitong.assurance.intake import require_taker
from kaitong.assurance.models import Fault
from kaitong.assurance.queries import fault as own_fault
from kaitong.assurance.states import locked, move, note
from kaitong.core import audit
from kaitong.core.errors import BadInput, Conflict, InputFault
from kaitong.org.actor import Actor
from kaitong.process import queries as process_queries
from kaitong.process import services as process


def urge(*, actor: Actor, fault_id: UUID, words: str = "") -> Fault:
    """催单: the customer asks how long it takes. Counted, and told to whoever has the work."""
    seen = own_fault(actor, fault_id)
    with audit.acting(actor.id, "urge a fault"), transaction.atomic():
        for row in process_queries.open_items_of(actor, [seen.pk]).get(seen.pk, ()):
            try:
                process.urge(actor=actor, item_id=row.id)
            except Conflict:
                continue  # it was just completed
        fault = locked(fault_id)
        if fault.state in FINAL or fault.state == TicketState.RESOLVED:
            raise WrongFaultState(
                _("这张单已经%(state)s，不用催。") % {"state": fault.get_state_display()},
                _("客户说没有修好的，请登记“没有修好”。"),
            )
        fault.urged += 1
        fault.save(update_fields=["urged"])
        data = {"times": fault.urged, "words": words.strip()[:200]}
        note(fault.pk, "urged", actor_id=actor.id, data=data)
    return fault


def cancel(*, actor: Actor, fault_id: UUID, reason: str) -> Fault:
    """撤销: the customer takes the report back (it works again, it was a mistake)."""
    seen = own_fault(actor, fault_id)
    require_taker(actor, seen.handling)
    if not reason.strip():
        raise BadInput([InputFault("reason", _("没有写撤销原因。"), _("请写客户怎么说。"))])
    with audit.acting(actor.id, "cancel a fault"), transaction.atomic():
        if seen.instance_id is not None:
            process.hold(instances=[seen.instance_id])
        fault = locked(fault_id)
        if fault.state == TicketState.CANCELLED:
            return fault
        if fault.state in FINAL or fault.state == TicketState.RESOLVED:
            raise WrongFaultState(
                _("这张单已经%(state)s，不能撤销。") % {"state": fault.get_state_display()},
                _("请刷新后再试。"),
            )
        if fault.instance_id is not None:
            process.cancel(
                actor=Actor.system(branch_id=fault.branch_id),
                instance_id=fault.instance_id,
                reason=reason.strip()[:200],
            )
        fault.refresh_from_db()
        fault.common_cause = None
        fault.save(update_fields=["common_cause"])
        move(fault, TicketState.CANCELLED, reason=reason.strip())
        papers.void_work(Actor.system(branch_id=fault.branch_id), fault.pk)
        note(fault.pk, "cancelled", actor_id=actor.id, data={"reason": reason.strip()[:200]})
    return fault


def not_mended(*, actor: Actor, fault_id: UUID) -> Fault:
    """The customer calls by himself before he was asked: it is not mended, the ticket opens again.

    Said to the process, which is the one that opens it; said twice of one mending it is heard once.
    """
    seen = own_fault(actor, fault_id)
    require_taker(actor, seen.handling)
    with audit.acting(actor.id, "not mended"), transaction.atomic():
        fault = locked(fault_id)
        if fault.state in FINAL:
            raise FaultRefused(
                _("这张单已经%(state)s。") % {"state": fault.get_state_display()},
                _("请另受理一张，会记为重复故障。"),
            )
        if fault.state != TicketState.RESOLVED:
            raise WrongFaultState(_("这张单还没有修复。"), _("客户催办请催单。"))
        process.publish(
            name="still-broken",
            key=f"{fault.pk}:{fault.reopened}",
            sender_id=f"still-broken:{fault.pk}:{fault.reopened}",
            values={},
            branch_id=fault.branch_id,
        )
        note(fault.pk, "not-mended", actor_id=actor.id, data={})
    return fault
