"""The password before the last: kept, encrypted, until the network has been seen to refuse it."""

from __future__ import annotations

from uuid import UUID

from kaitong.core import audit, db
from kaitong.inventory.locking import locked_service
from kaitong.org.actor import Actor


@db.whole()
def reveal_former_password(*, actor: Actor, service_id: UUID, reason: str) -> str:
    """The password before the last, for asking the network whether it is refused; "" when none."""
    service = locked_service(actor, service_id)
    if service.former_password is None:
        return ""
    audit.record(
        "password-read",
        actor_id=actor.id,
        subject_type="inventory.service",
        subject_id=service.pk,
        branch_id=service.branch_id,
        data={"reason": reason[:200]},
    )
    return str(service.former_password)


@db.whole()
def forget_former_password(*, actor: Actor, service_id: UUID, password: str) -> None:
    """The network refuses it: it need not be kept. One that came meanwhile stays."""
    service = locked_service(actor, service_id)
    if service.former_password == password:
        service.former_password = None
        service.save(update_fields=["former_password"])
