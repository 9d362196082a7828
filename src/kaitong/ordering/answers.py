"""Where answers of work forms go that belong to orders, customers or services (`writes:`).

Each verb is called in the transaction that completes the work item, with the instance locked. A
refusal names the form's field and undoes the completion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, InputFault, KaitongError
from kaitong.documents import services as documents
from kaitong.documents.choices import AttachmentKind
from kaitong.inventory import queries as coverage
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import TerminalKind
from kaitong.inventory.results import NoPort
from kaitong.ordering import clock
from kaitong.ordering.models import Order
from kaitong.ordering.states import locked, note
from kaitong.ordering.withdrawals import decide_refund
from kaitong.party import queries as parties
from kaitong.party import services as party_verbs
from kaitong.process.services import StepContext
from kaitong.worktime import queries as worktime


def _order(step: StepContext) -> Order:
    assert step.business_id is not None
    return locked(step.business_id)


def _service_id(step: StepContext) -> UUID:
    return UUID(str(step.variables["service_id"]))


def document_read(step: StepContext, value: bool) -> None:
    """The clerk has read the originals of customer and agent with a reader (VER-05)."""
    if not value:
        return
    order = _order(step)
    for party_id in (order.party_id, order.agent_id):
        if party_id is None:
            continue
        for document in parties.documents(step.actor, party_id)[:1]:
            party_verbs.record_verification(
                actor=step.actor, document_id=document.id, reader_used=True
            )


def identity_photo(
    kind: str, target: str, *, agent: bool = False
) -> Callable[[StepContext, str], None]:
    """A picture of the customer's or the agent's document, kept with the document (VER-05).

    Refusals name the target; the form's field is found by it.
    """

    def keep(step: StepContext, value: str) -> None:
        order = _order(step)
        party_id = order.agent_id if agent else order.party_id
        known = parties.documents(step.actor, party_id)[:1] if party_id is not None else []
        if party_id is None or not known:
            what = _("这张订单没有代办人证件。") if agent else _("这张订单没有客户证件。")
            raise BadInput([InputFault(target, what, _("请删去这张照片。"))])
        documents.use_photo(
            actor=step.actor,
            attachment_id=UUID(value),
            kind=kind,
            from_id=step.item_id,
            owner_type="party",
            owner_id=party_id,
            field=target,
        )
        party_verbs.record_verification(
            actor=step.actor, document_id=known[0].id, evidence=[UUID(value)]
        )

    return keep


def appointment_start(step: StepContext, value: str) -> None:
    """The visit agreed with the customer; a later one than promised moves the promise."""
    start = datetime.fromisoformat(value)
    if start.tzinfo is None:
        start = start.replace(tzinfo=_zone(step))
    appoint(
        step.business_id, start, None,
        actor_id=step.actor.id, moment=step.now, parameters=step.parameters,
    )  # fmt: skip


def appoint(
    order: Order | UUID | None,
    start: datetime,
    minutes: int | None,
    *,
    actor_id: UUID | None,
    moment: datetime,
    parameters: Mapping[str, Any],
) -> None:
    """Set the visit's time, and how long it is; checked before the order is locked."""
    field = "appointment_start"
    if start < moment - timedelta(hours=1):
        raise BadInput([InputFault(field, _("上门时间已经过去。"), _("请重新与客户约定。"))])
    furthest = parameters.get("appointment_furthest_days")
    if furthest is not None and start > moment + timedelta(days=float(furthest)):
        remedy = _("请约在 %s 天以内。") % furthest
        raise BadInput([InputFault(field, _("上门时间太远。"), remedy)])
    if not isinstance(order, Order):
        assert order is not None
        order = locked(order)
    order.appointment_start = start
    if minutes is not None:
        order.due_basis = {**order.due_basis, "appointment_minutes": minutes}
    _set_end(order)
    if order.due_basis.get("budget"):
        order.due_basis = {**order.due_basis, "agreed": start.isoformat()}
        counted = clock.deadline_of(order.pk, order.due_basis)
        order.due_at = counted.due_at if counted else order.due_at
    order.save(update_fields=["appointment_start", "appointment_end", "due_basis", "due_at"])
    note(order.id, "appointment", actor_id=actor_id, data={"start": start.isoformat()})


def appointment_minutes(step: StepContext, value: int) -> None:
    """How long the visit's window is."""
    order = _order(step)
    order.due_basis = {**order.due_basis, "appointment_minutes": value}
    _set_end(order)
    order.save(update_fields=["appointment_end", "due_basis"])


def _set_end(order: Order) -> None:
    minutes = order.due_basis.get("appointment_minutes", 120)
    if order.appointment_start is not None:
        order.appointment_end = order.appointment_start + timedelta(minutes=minutes)


def _zone(step: StepContext) -> Any:
    return worktime.calendar(step.parameters.get("calendar", "")).zone


def terminal_serial(step: StepContext, value: str) -> None:
    """The terminal's own serial (串号), checked against stock and bound to the service."""
    try:
        inventory.install_terminal(
            actor=step.actor,
            service_id=_service_id(step),
            serial=value,
            kind=TerminalKind.ONU,
        )
    except KaitongError as error:
        raise BadInput([InputFault("terminal_serial", error.what, error.remedy)]) from None


def power_dbm(step: StepContext, value: float) -> None:
    """The optical power received at the terminal, in dBm; its limits stand in the form."""
    inventory.set_characteristics(
        actor=step.actor,
        service_id=_service_id(step),
        values={"power_dbm": str(Decimal(str(value)))},
    )


def letter_photo(step: StepContext, value: str) -> None:
    """The letter of introduction of an organisation, brought later (VER-04)."""
    order = _order(step)
    documents.use_photo(
        actor=step.actor,
        attachment_id=UUID(value),
        kind=AttachmentKind.LETTER,
        from_id=step.item_id,
        owner_type="order",
        owner_id=order.id,
        field="order.letter",
    )
    if not order.introduction_letter:
        order.introduction_letter = True
        order.save(update_fields=["introduction_letter"])


PORT, PORT_REASON = "service.port", "service.port_reason"


def port(step: StepContext, value: str) -> None:
    """另配端口: the resource post names the port; the assignment that follows keeps it.

    A port of a box that does not cover the address needs a reason, which stands in the timeline.
    """
    order = _order(step)
    service_id = _service_id(step)
    reason = str(step.values.get(PORT_REASON, "")).strip()
    item = order.items.get(service_id=service_id)
    try:
        wanted = UUID(value)
    except ValueError:
        what, remedy = _("没有这个端口。"), _("请从列出的端口里选一个。")
        raise BadInput([InputFault(PORT, what, remedy)]) from None
    covered = item.address_id is None or coverage.serves(wanted, item.address_id)
    if not covered and not reason:
        what = _("这个端口的分光器不覆盖装机地址。")
        raise BadInput([InputFault(PORT_REASON, what, _("请写明为什么用它，或另选端口。"))])
    try:
        taken = inventory.take_port(
            actor=step.actor, order_id=order.id, service_id=service_id, port_id=wanted
        )
    except KaitongError as error:
        raise BadInput([InputFault(PORT, error.what, error.remedy)]) from None
    if isinstance(taken, NoPort) or taken.resource_id != wanted:
        what = _("这个服务已经占用了端口 %s。") % taken.text
        raise BadInput([InputFault(PORT, what, _("请选重新配线。"))])
    data = {"port": taken.text, "reason": reason, "covered": covered}
    note(order.id, "port-named", actor_id=step.actor.id, data=data)


def port_reason(step: StepContext, value: str) -> None:
    """Why that port: `port` reads it beside its own answer."""


FRONT, BACK = AttachmentKind.IDENTITY_FRONT, AttachmentKind.IDENTITY_BACK
IDENTITY_PHOTOS = {
    "customer.identity_front": identity_photo(FRONT, "customer.identity_front"),
    "customer.identity_back": identity_photo(BACK, "customer.identity_back"),
    "customer.licence": identity_photo(AttachmentKind.LICENCE, "customer.licence"),
    "agent.identity_front": identity_photo(FRONT, "agent.identity_front", agent=True),
    "agent.identity_back": identity_photo(BACK, "agent.identity_back", agent=True),
    "order.letter": letter_photo,
}


def refund_decision(step: StepContext, value: str) -> None:
    """退费复核: another person than the one who withdrew the order agrees to the refund, or not."""
    _decide(step, decision=value)


def refund_decision_reason(step: StepContext, value: str) -> None:
    """Why the refund was agreed to or not."""
    _decide(step, why=value)


def _decide(step: StepContext, *, decision: str | None = None, why: str | None = None) -> None:
    assert step.business_id is not None
    decide_refund(
        actor=step.actor,
        order_id=step.business_id,
        item_id=UUID(str(step.variables["item_id"])),
        decision=decision,
        why=why,
    )
