"""Locks of the inventory, always in this order: service, resources by primary key, numbers.

A resource row is the lock of its assignments: whoever changes an assignment holds its resource.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import plain
from kaitong.core.locks import lock_rows
from kaitong.inventory.choices import AssignmentState
from kaitong.inventory.errors import NoSuchResource
from kaitong.inventory.models import Assignment, Resource, Service
from kaitong.org.actor import Actor
from kaitong.org.queries import branches_seen, visible_to


def locked_service(actor: Actor, service_id: UUID) -> Service:
    """The service, locked; NoSuchResource when it is absent or another branch's."""
    found = plain.by_key(Service, service_id, lock=True, branches=branches_seen(actor))
    if found is None:
        raise NoSuchResource(_("没有这个服务。"), _("请核对编号和所在分公司。"), field="service_id")
    return found


def locked_resources(actor: Actor, resource_ids: Iterable[UUID]) -> dict[UUID, Resource]:
    """Resources by identifier, locked by primary key; all of them, or NoSuchResource."""
    wanted = set(resource_ids)
    rows = lock_rows(visible_to(Resource.objects.all(), actor), wanted)
    if len(rows) != len(wanted):
        raise NoSuchResource(
            _("没有这个资源。"), _("请核对编号和所在分公司。"), field="resource_id"
        )
    return {row.pk: row for row in rows}


def living_assignment(
    *, service_id: UUID | None, order_id: UUID | None, role: str
) -> Assignment | None:
    """What a service (or a draft without one) holds for a role; read without a lock."""
    where, holder = "service_id = %s", service_id
    if service_id is None:
        where, holder = "order_id = %s and service_id is null", order_id
    found = plain.where(
        Assignment,
        f"{where} and role = %s and state <> %s order by id limit 1",
        [holder, role, AssignmentState.RELEASED.value],
    )
    return found[0] if found else None
