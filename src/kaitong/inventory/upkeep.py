"""Upkeep of resources: states by hand, and what is due to be given back."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit, db
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault
from kaitong.inventory import choosing, queries
from kaitong.inventory.choices import (
    LINE_PORTS,
    AssignmentState,
    NumberState,
    ResourceState,
)
from kaitong.inventory.errors import WrongState
from kaitong.inventory.locking import locked_resources
from kaitong.inventory.models import Assignment, PoolNumber, Resource
from kaitong.inventory.ports import end_assignment, move
from kaitong.inventory.results import Released
from kaitong.org.actor import Actor


@transaction.atomic
def set_resource_state(
    *, actor: Actor, resource_id: UUID, state: str, reason: str = ""
) -> Resource:
    """Change a resource's state by hand: damaged, repaired, kept, taken down. Recorded.

    A port somebody has is not changed by hand: release or change it through its service.
    """
    if state not in ResourceState.values:
        raise BadInput([InputFault("state", _("不认识的资源状态 %(state)s。") % {"state": state})])
    resource = locked_resources(actor, [resource_id])[resource_id]
    if resource.state == state:
        return resource
    taken = resource.assignments.exclude(state=AssignmentState.RELEASED).exists()
    if (
        taken
        or state == ResourceState.PRE_EMPTED
        or (state == ResourceState.IN_USE and resource.specification in LINE_PORTS)
    ):
        raise WrongState(
            _("%(name)s 现在是%(state)s，占用关系只随服务改变。")
            % {"name": resource.name, "state": resource.get_state_display()},
            _("请在服务上换端口或释放。"),
            field="state",
        )
    before = resource.state
    move(resource, state, reason)
    audit.record(
        "resource-state",
        actor_id=actor.id,
        subject_type="inventory.resource",
        subject_id=resource.pk,
        branch_id=resource.branch_id,
        data={"from": before, "to": state, "reason": reason},
    )
    return resource


def mark_damaged(*, actor: Actor, resource_id: UUID, reason: str) -> Resource:
    """A free or resting port was found bad (损坏)."""
    return set_resource_state(
        actor=actor, resource_id=resource_id, state=ResourceState.DAMAGED, reason=reason
    )


def mark_repaired(*, actor: Actor, resource_id: UUID, reason: str = "") -> Resource:
    """A damaged port works again; a pre-released line was taken down: the port is free."""
    return set_resource_state(
        actor=actor, resource_id=resource_id, state=ResourceState.FREE, reason=reason
    )


def keep(*, actor: Actor, resource_id: UUID, reason: str) -> Resource:
    """Set a free port aside (保留)."""
    return set_resource_state(
        actor=actor, resource_id=resource_id, state=ResourceState.KEPT, reason=reason
    )


_EXPIRED = """
SELECT a.id
FROM inventory_assignment a JOIN inventory_resource r ON r.id = a.resource_id
WHERE a.state = 'held' AND a.reserved_until <= %s
ORDER BY r.id
LIMIT %s
FOR NO KEY UPDATE OF r, a SKIP LOCKED
"""


@transaction.atomic
def expire_reservations(*, limit: int = 200) -> list[Released]:
    """Give back what is due: drafts' ports and picked numbers whose countdown ran out; ports and
    numbers that rested.

    Called by the worker every few seconds; any number of workers at once. Returns the drafts'
    ports, so that the caller can tell their orders.
    """
    moment = now()
    due = [row["id"] for row in db.rows(_EXPIRED, [moment, limit])]
    released = []
    rows = Assignment.objects.filter(pk__in=due).select_related("resource").order_by("resource_id")
    for assignment in rows:
        end_assignment(assignment, assignment.resource, ResourceState.FREE, None, "预占到时")
        released.append(
            Released(assignment.resource_id, assignment.service_id, assignment.order_id, "")
        )
    resting = Resource.objects.filter(
        state=ResourceState.PRE_RELEASED, rests_until__lte=moment
    ).order_by("pk")
    ids = [r.pk for r in resting.select_for_update(skip_locked=True, no_key=True)[:limit]]
    Resource.objects.filter(pk__in=ids).update(state=ResourceState.FREE, rests_until=None)
    numbers = PoolNumber.objects.filter(
        state=NumberState.QUARANTINE, rests_until__lte=moment
    ).order_by("pk")
    ids = [n.pk for n in numbers.select_for_update(skip_locked=True, no_key=True)[:limit]]
    PoolNumber.objects.filter(pk__in=ids).update(state=NumberState.FREE, rests_until=None)
    choosing.expire_holds()
    texts = queries.port_texts([r.resource_id for r in released])
    return [
        Released(r.resource_id, r.service_id, r.order_id, texts.get(r.resource_id, ""))
        for r in released
    ]
