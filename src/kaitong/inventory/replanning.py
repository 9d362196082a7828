"""A service in operation gets another plan: its title and what the network gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from kaitong.core import audit, db
from kaitong.core.clock import now
from kaitong.inventory.locking import locked_service
from kaitong.inventory.models import Service
from kaitong.org.actor import Actor


@db.whole()
def change_plan(
    *, actor: Actor, service_id: UUID, title: str, characteristics: Mapping[str, Any]
) -> Service:
    """Give a service another plan; the same one again changes nothing. The network is told next.

    A value of None is one the plan does not have any more.
    """
    service = locked_service(actor, service_id)
    merged = {**service.characteristics, **characteristics}
    merged = {key: value for key, value in merged.items() if value is not None}
    if service.title == title and service.characteristics == merged:
        return service
    before = service.title
    service.title, service.characteristics, service.updated_at = title, merged, now()
    service.save(update_fields=["title", "characteristics", "updated_at"])
    audit.record(
        "plan-changed",
        actor_id=actor.id,
        subject_type="inventory.service",
        subject_id=service.pk,
        branch_id=service.branch_id,
        data={"from": before, "to": title},
    )
    return service
