"""移机: a service moves to another address. The new port is set aside first, then the line is
switched over, then the old port is given back; until the switch everything can be undone.

The three ports of a move are assignments of one service under roles of their own: `moving` is the
new one before the switch, `former` the old one after it.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import audit, db
from kaitong.core.clock import now
from kaitong.inventory import pools, ports
from kaitong.inventory.choices import ResourceState
from kaitong.inventory.errors import WrongState
from kaitong.inventory.locking import living_assignment, locked_resources, locked_service
from kaitong.inventory.models import Service
from kaitong.inventory.results import NoPort, PortTaken, Released
from kaitong.org.actor import Actor

MOVING, FORMER = "moving", "former"


@db.whole()
def reserve(
    *, actor: Actor, service_id: UUID, address_id: UUID, order_id: UUID
) -> PortTaken | NoPort:
    """Set a port aside at the new address; one that was set aside stays."""
    return ports.take_port(
        actor=actor,
        order_id=order_id,
        service_id=service_id,
        address_id=address_id,
        role=MOVING,
    )


@db.whole()
def switch(*, actor: Actor, service_id: UUID, address_id: UUID, pattern: str) -> Service:
    """From now on the service is at the new address, on the new port, and must be proven there.

    Its logical identifier stays unless the new port hangs on another OLT than its number says
    (ONU-02); account and password stay. Switched already changes nothing. Raises WrongState where
    no port was set aside.
    """
    service = locked_service(actor, service_id)
    new = living_assignment(service_id=service_id, order_id=None, role=MOVING)
    if new is None:
        if service.address_id == address_id:
            return service
        raise WrongState(_("新址还没有预占端口。"), _("请先在新址配线。"), field="port")
    old = living_assignment(service_id=service_id, order_id=None, role=ports.PORT)
    held = [one for one in (old, new) if one is not None]
    locked_resources(actor, [one.resource_id for one in held])
    if old is not None:
        old.role = FORMER
        old.save(update_fields=["role"])
    new.role = ports.PORT
    new.save(update_fields=["role"])
    before = service.address_id
    service.address_id, service.prove_since = address_id, now()
    service.updated_at = now()
    service.reason = "移机中，等待新址验证"
    service.save(update_fields=["address", "prove_since", "updated_at", "reason"])
    pools.renew_logical_id(actor=actor, service_id=service_id, pattern=pattern)
    audit.record(
        "service-moved",
        actor_id=actor.id,
        subject_type="inventory.service",
        subject_id=service.pk,
        branch_id=service.branch_id,
        data={"from": str(before), "to": str(address_id)},
    )
    service.refresh_from_db()
    return service


@db.whole()
def follow(*, actor: Actor, service_id: UUID, address_id: UUID) -> Service:
    """A further service of a bundle is where its line is, and must be proven there. Twice changes
    nothing."""
    service = locked_service(actor, service_id)
    if service.address_id != address_id:
        service.address_id, service.prove_since = address_id, now()
        service.updated_at = now()
        service.reason = "移机中，等待新址验证"
        service.save(update_fields=["address", "prove_since", "updated_at", "reason"])
    return service


@db.whole()
def finish(*, actor: Actor, service_id: UUID, rest: timedelta | None = None) -> Released | None:
    """The line works at the new address: its port is in use, the old one is pre-released (预释放)
    and rests before it is free."""
    ports.confirm_use(actor=actor, service_id=service_id)
    service = locked_service(actor, service_id)
    service.reason, service.updated_at = "", now()
    service.save(update_fields=["reason", "updated_at"])
    return ports.release_port(
        actor=actor,
        service_id=service_id,
        role=FORMER,
        becomes=ResourceState.PRE_RELEASED,
        rest=rest,
        reason="移机",
    )


@db.whole()
def give_up(*, actor: Actor, service_id: UUID) -> Released | None:
    """The move does not happen: the new port is free again; the service stays where it is."""
    return ports.release_port(actor=actor, service_id=service_id, role=MOVING, reason="移机取消")
