"""Verbs of ports over their life: take, hold, confirm, change, release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import audit, db
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault
from kaitong.core.ids import uuid7
from kaitong.inventory import queries
from kaitong.inventory.choices import (
    LINE_PORTS,
    RESOURCE_MOVES,
    AssignmentState,
    ResourceState,
)
from kaitong.inventory.errors import NoSuchResource, PortTakenElsewhere, ReservationGone, WrongState
from kaitong.inventory.locking import living_assignment, locked_resources, locked_service
from kaitong.inventory.models import Assignment, Resource
from kaitong.inventory.results import NoPort, PortTaken, Released
from kaitong.org.actor import Actor
from kaitong.places import queries as places
from kaitong.places.choices import CoverageStatus

PORT = "port"
_AFTER_RELEASE = frozenset({ResourceState.FREE, ResourceState.PRE_RELEASED, ResourceState.DAMAGED})

# Taking a port is the hottest verb of the house: these statements are SQL, not the ORM.
_PICK = """
WITH boxes AS MATERIALIZED (
    SELECT b.id, row_number() OVER (ORDER BY c.rank, b.name, b.id) AS place
    FROM inventory_coverage c
    JOIN inventory_resource b ON b.id = c.box_id AND b.state NOT IN ('damaged', 'kept')
    JOIN inventory_resource pon
      ON pon.id = b.pon_port_id AND pon.state NOT IN ('damaged', 'kept')
    WHERE c.address_id = %(address)s
)
SELECT p.id, p.branch_id
FROM boxes JOIN inventory_resource p ON p.parent_id = boxes.id
WHERE p.state = 'free' AND p.specification = ANY(%(kinds)s) AND p.id <> ALL(%(without)s::uuid[])
ORDER BY boxes.place, p.position, p.id
LIMIT 1
"""
_PICK_FREE = _PICK + "FOR NO KEY UPDATE OF p SKIP LOCKED"
_LOCK_FREE = """
SELECT id, branch_id FROM inventory_resource WHERE id = %s AND state = 'free' FOR NO KEY UPDATE
"""

_ASSIGN = """
WITH taken AS (
    UPDATE inventory_resource SET state = %(port_state)s WHERE id = %(port)s
)
INSERT INTO inventory_assignment
    (id, created_at, branch_id, resource_id, service_id, order_id, role, state, reserved_until,
     reason, actor_id)
VALUES (%(id)s, %(now)s, %(branch)s, %(port)s, %(service)s, %(order)s, %(role)s, %(state)s,
        %(until)s, '', %(actor)s)
"""

_LIVING = """
SELECT id, resource_id, state, reserved_until FROM inventory_assignment
WHERE state <> 'released' AND role = %(role)s AND {holder}
"""


@dataclass(frozen=True, slots=True)
class _Port:
    """A free port whose row we hold."""

    id: UUID
    branch_id: UUID


@db.whole()
def take_port(
    *,
    actor: Actor,
    order_id: UUID | None,
    service_id: UUID | None = None,
    address_id: UUID | None = None,
    hold_for: timedelta | None = None,
    port_id: UUID | None = None,
    role: str = PORT,
) -> PortTaken | NoPort:
    """Take a free port for a service, or for a draft order that has no service yet (自动配线).

    Without `port_id` the system chooses: the first free port of the boxes that serve the address
    (the service's own when `address_id` is left out). With `hold_for` the port is held for an
    unpaid draft and given back by `expire_reservations`; without, it is pre-empted until completion
    or withdrawal. Who already has a port keeps that one. NoPort is an answer, not an error; a port
    named by `port_id` that is not free raises PortTakenElsewhere.
    """
    if service_id is None and order_id is None:
        raise BadInput([InputFault("service_id", _("要说明是哪个服务或哪张订单占用端口。"))])
    service = _lock_holder(actor, service_id) if service_id else None
    held = _living(service_id, order_id, role)
    if held is not None:
        return held
    if service is not None:
        address_id, order_id = address_id or service["address_id"], order_id or service["order_id"]
    if port_id is not None:
        named = _named_port(actor, port_id)
        port = _Port(named.pk, named.branch_id)
    else:
        if address_id is None:
            raise BadInput([InputFault("address_id", _("没有装机地址，无法配线。"))])
        found = _pick(address_id)
        if found is None:
            return queries.coverage_verdict(address_id).no_port()
        port = found
    state = AssignmentState.PRE_EMPTED if hold_for is None else AssignmentState.HELD
    until = now() + hold_for if hold_for is not None else None
    return _assign(actor, port, service_id, order_id, role, state, until)


def _lock_holder(actor: Actor, service_id: UUID) -> dict[str, Any]:
    found = db.one(
        "SELECT branch_id, address_id, order_id FROM inventory_service WHERE id = %s "
        "FOR NO KEY UPDATE",
        [service_id],
    )
    if found is None or not actor.sees(found["branch_id"]):
        raise NoSuchResource(_("没有这个服务。"), _("请核对编号和所在分公司。"), field="service_id")
    return found


def _living(service_id: UUID | None, order_id: UUID | None, role: str) -> PortTaken | None:
    holder = "service_id = %(holder)s"
    if service_id is None:
        holder = "order_id = %(holder)s AND service_id IS NULL"
    found = db.one(_LIVING.format(holder=holder), {"role": role, "holder": service_id or order_id})
    if found is None:
        return None
    text = queries.port_text_of(found["resource_id"])
    return PortTaken(
        found["id"], found["resource_id"], text, found["state"], found["reserved_until"]
    )


def _pick(address_id: UUID, without: Sequence[UUID] = ()) -> _Port | None:
    """Lock the first free port of the boxes that serve an address, the boxes in their order.

    Ports that others are taking at this instant are skipped. When only such ports are left we wait
    for them, one in each statement: their takers may yet roll back, and "no free port" must be true
    when it is said. PostgreSQL keeps the lock of a row that turns out to be taken; a statement that
    waited for row after row would hold such locks under an old snapshot, and two of them deadlock.
    With a fresh snapshot before each wait nobody waits for a row that was taken before it looked.
    """
    if places.coverage_status(address_id) in ("", CoverageStatus.PLANNED, CoverageStatus.NO_ENTRY):
        return None
    params = {"address": address_id, "kinds": list(LINE_PORTS), "without": list(without)}
    found = db.one(_PICK_FREE, params)
    while found is None:
        next_free = db.one(_PICK, params)
        if next_free is None:
            return None
        found = db.one(_LOCK_FREE, [next_free["id"]])
    return _Port(found["id"], found["branch_id"])


def _named_port(actor: Actor, port_id: UUID) -> Resource:
    port = locked_resources(actor, [port_id])[port_id]
    if port.specification not in LINE_PORTS:
        raise WrongState(
            _("%(name)s 不是用户端口。") % {"name": port.name},
            _("请选择分光器端口或 ONU 用户端口。"),
        )
    if port.state != ResourceState.FREE:
        raise PortTakenElsewhere(
            _("端口 %(port)s 现在是%(state)s，不能占用。")
            % {"port": queries.port_text_of(port.pk), "state": port.get_state_display()},
            _("请刷新后另选一个空闲端口。"),
            field="port_id",
        )
    return port


def _assign(
    actor: Actor,
    port: _Port,
    service_id: UUID | None,
    order_id: UUID | None,
    role: str,
    state: AssignmentState,
    until: datetime | None,
) -> PortTaken:
    in_use = state == AssignmentState.IN_USE
    assignment_id = uuid7()
    db.execute(
        _ASSIGN,
        {
            "id": assignment_id,
            "now": now(),
            "branch": port.branch_id,
            "port": port.id,
            "port_state": str(ResourceState.IN_USE if in_use else ResourceState.PRE_EMPTED),
            "service": service_id,
            "order": order_id,
            "role": role,
            "state": str(state),
            "until": until,
            "actor": actor.id,
        },
    )
    return PortTaken(assignment_id, port.id, queries.port_text_of(port.id), state, until)


def _taken(assignment: Assignment) -> PortTaken:
    return PortTaken(
        assignment_id=assignment.pk,
        resource_id=assignment.resource_id,
        text=queries.port_text_of(assignment.resource_id),
        state=assignment.state,
        reserved_until=assignment.reserved_until,
    )


@db.whole()
def hold(
    *, actor: Actor, order_id: UUID, service_id: UUID | None = None, role: str = PORT
) -> PortTaken:
    """Make a draft's held port firm: payment calls this before it takes money.

    Wins or raises ReservationGone, never both: the resource row decides between it and
    `expire_reservations`. A countdown that has run out wins as long as nobody gave the port back.
    With `service_id` the port becomes that service's. A port that is firm already stays so.
    """
    rows = Assignment.objects.exclude(state=AssignmentState.RELEASED)
    seen = rows.filter(order_id=order_id, role=role).order_by("pk").first()
    if seen is None:
        raise _gone()
    service = locked_service(actor, service_id) if service_id else None
    locked_resources(actor, [seen.resource_id])
    assignment = rows.filter(pk=seen.pk).select_for_update(no_key=True).first()
    if assignment is None:
        raise _gone()
    if assignment.state == AssignmentState.HELD:
        assignment.state, assignment.reserved_until = AssignmentState.PRE_EMPTED, None
    if service is not None and assignment.service_id is None:
        assignment.service = service
    assignment.save(update_fields=["state", "reserved_until", "service"])
    return _taken(assignment)


def _gone() -> ReservationGone:
    return ReservationGone(_("端口预占已到时放开。"), _("请重新配线，再收款。"), field="port")


@db.whole()
def confirm_use(*, actor: Actor, service_id: UUID, role: str = PORT) -> PortTaken:
    """The service works over its port: pre-empted becomes in use."""
    assignment, port = _own(actor, service_id, role)
    if assignment.state != AssignmentState.IN_USE:
        move(port, ResourceState.IN_USE)
        assignment.state, assignment.reserved_until = AssignmentState.IN_USE, None
        assignment.save(update_fields=["state", "reserved_until"])
    return _taken(assignment)


def _own(actor: Actor, service_id: UUID, role: str) -> tuple[Assignment, Resource]:
    """The service's assignment and port, both locked behind the service."""
    locked_service(actor, service_id)
    assignment = living_assignment(service_id=service_id, order_id=None, role=role)
    if assignment is None:
        raise ReservationGone(_("这个服务没有占用端口。"), _("请先配线。"), field="port")
    port = locked_resources(actor, [assignment.resource_id])[assignment.resource_id]
    assignment.refresh_from_db()
    return assignment, port


def move(resource: Resource, state: str, note: str | None = None) -> None:
    if resource.state != state and state not in RESOURCE_MOVES[resource.state]:
        raise WrongState(
            _("%(name)s 现在是%(state)s，不能改为%(target)s。")
            % {
                "name": resource.name,
                "state": resource.get_state_display(),
                "target": ResourceState(state).label,
            },
            _("请先核对资源状态。"),
            field="state",
        )
    resource.state, resource.rests_until = state, None
    if note is not None:
        resource.note = note[:200]
    resource.save(update_fields=["state", "rests_until", "note"])


@db.whole()
def release_port(
    *,
    actor: Actor,
    service_id: UUID | None = None,
    order_id: UUID | None = None,
    role: str = PORT,
    becomes: str = ResourceState.FREE,
    rest: timedelta | None = None,
    reason: str = "",
) -> Released | None:
    """Give a service's (or a draft's) port back; None when there is none to give.

    `becomes` is what the port is afterwards: free, pre-released 预释放 (until the line is taken
    down) or damaged. With `rest` it rests so long before it is free (冷冻期).
    """
    if becomes not in _AFTER_RELEASE:
        raise BadInput(
            [InputFault("becomes", _("端口释放后不能是 %(becomes)s。") % {"becomes": becomes})]
        )
    if service_id is not None:
        locked_service(actor, service_id)
    assignment = living_assignment(service_id=service_id, order_id=order_id, role=role)
    if assignment is None:
        return None
    port = locked_resources(actor, [assignment.resource_id])[assignment.resource_id]
    assignment.refresh_from_db()
    if assignment.state == AssignmentState.RELEASED:
        return None
    end_assignment(assignment, port, becomes, rest, reason)
    return Released(
        port.pk, assignment.service_id, assignment.order_id, queries.port_text_of(port.pk)
    )


def end_assignment(
    assignment: Assignment, port: Resource, becomes: str, rest: timedelta | None, reason: str
) -> None:
    if rest and becomes == ResourceState.FREE:
        becomes = ResourceState.PRE_RELEASED
    move(port, becomes, reason if becomes == ResourceState.DAMAGED else None)
    if rest and becomes == ResourceState.PRE_RELEASED:
        port.rests_until = now() + rest
        port.save(update_fields=["rests_until"])
    assignment.state, assignment.released_at = AssignmentState.RELEASED, now()
    assignment.reserved_until, assignment.reason = None, reason[:200]
    assignment.save(update_fields=["state", "released_at", "reserved_until", "reason"])


@db.whole()
def change_port(
    *,
    actor: Actor,
    service_id: UUID,
    to_port_id: UUID | None = None,
    old_becomes: str = ResourceState.FREE,
    reason: str,
    role: str = PORT,
) -> PortTaken | NoPort:
    """Move a service to another port: the installer's change, or a correction of the record.

    Without `to_port_id` the system chooses another port at the same address. The new port is held
    as firmly as the old one was. Proofs made before no longer count. Raises PortTakenElsewhere when
    the named port is not free; asking for the port it has changes nothing.
    """
    if old_becomes not in _AFTER_RELEASE:
        raise BadInput(
            [
                InputFault(
                    "old_becomes",
                    _("端口释放后不能是 %(becomes)s。") % {"becomes": old_becomes},
                )
            ]
        )
    service = locked_service(actor, service_id)
    old = living_assignment(service_id=service_id, order_id=None, role=role)
    if old is None:
        return take_port(
            actor=actor,
            order_id=service.order_id,
            service_id=service_id,
            port_id=to_port_id,
            role=role,
        )
    if to_port_id == old.resource_id:
        return _taken(old)
    wanted = [old.resource_id] + ([to_port_id] if to_port_id else [])
    old_port = locked_resources(actor, wanted)[old.resource_id]
    old.refresh_from_db()
    if to_port_id is not None:
        named = _named_port(actor, to_port_id)
        new_port = _Port(named.pk, named.branch_id)
    else:
        if service.address_id is None:
            raise BadInput([InputFault("to_port_id", _("服务没有装机地址，请指明端口。"))])
        found = _pick(service.address_id, [old.resource_id])
        if found is None:
            return queries.coverage_verdict(service.address_id).no_port()
        new_port = found
    state, until = AssignmentState(old.state), old.reserved_until
    end_assignment(old, old_port, old_becomes, None, reason)
    taken = _assign(actor, new_port, service_id, old.order_id, role, state, until)
    service.prove_since = service.updated_at = now()
    service.save(update_fields=["prove_since", "updated_at"])
    audit.record(
        "port-changed",
        actor_id=actor.id,
        subject_type="inventory.service",
        subject_id=service.pk,
        branch_id=service.branch_id,
        data={"from": str(old_port.pk), "to": str(new_port.id), "reason": reason},
    )
    return taken
