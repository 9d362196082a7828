"""What the resource post does with one piece of the network by hand, and who has its ports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, InputFault
from kaitong.inventory import network
from kaitong.inventory.choices import BOXES, LINE_PORTS, RESOURCE_MOVES, Kind, ResourceState
from kaitong.inventory.errors import NotKeeper, StateMoved
from kaitong.inventory.models import Resource
from kaitong.inventory.upkeep import set_resource_state
from kaitong.org.actor import Actor

KEEPERS = frozenset({"resource", "supervisor"})
READERS = KEEPERS | {"network", "monitor", "manager"}
# What a person may make of a port nobody has; everything else follows its service.
BY_HAND = (ResourceState.FREE, ResourceState.DAMAGED, ResourceState.KEPT)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a port, or had it last; a draft has an order and no service."""

    service_id: UUID | None
    order_id: UUID | None
    account: str
    since: datetime
    until: datetime | None  # a draft's countdown
    ended_at: datetime | None
    reason: str


def may_read(actor: Actor) -> bool:
    """资源台账: who builds, keeps and watches the network, and who leads."""
    return actor.is_supervisor or bool(READERS & actor.posts)


def may_keep(actor: Actor) -> bool:
    return actor.is_system or actor.is_supervisor or bool(KEEPERS & actor.posts)


def possible(resource: Resource) -> list[str]:
    """The states a person may give a piece that nobody has."""
    if resource.specification not in LINE_PORTS:
        return []
    if network.living().filter(resource_id=resource.pk).exists():
        return []
    return [s for s in BY_HAND if s in RESOURCE_MOVES[resource.state]]


@transaction.atomic
def put_state(*, actor: Actor, resource_id: UUID, state: str, reason: str, was: str) -> Resource:
    """Set a port's state by hand, with the reason and the state the person saw (SYS-04).

    `was` comes back with the click: a port that an order has taken meanwhile is left alone.
    """
    resource = network.resource(actor, resource_id, line=False)  # another branch's is not found
    if not may_keep(actor):
        raise NotKeeper(_("你的岗位不能改资源状态。"), _("请由资源配置岗办理。"))
    if state not in BY_HAND:
        raise BadInput([InputFault("state", _("只能改为空闲、损坏或保留。"), _("请重新选择。"))])
    if not reason.strip():
        raise BadInput([InputFault("reason", _("没有填写原因。"), _("请写明为什么。"))])
    locked = Resource.objects.select_for_update(no_key=True).get(pk=resource.pk)
    if locked.state == state:
        return locked  # the same click again
    if locked.state != was:
        raise StateMoved(
            _("%(name)s 现在是%(state)s。")
            % {"name": locked.name, "state": locked.get_state_display()},
            _("请按现在的状态重新办理。"),
            field="state",
        )
    return set_resource_state(
        actor=actor, resource_id=resource_id, state=state, reason=reason.strip()
    )


def holders(port_ids: Iterable[UUID]) -> dict[UUID, Holder]:
    """Who has these ports now, in one statement."""
    rows = network.living().filter(resource_id__in=list(port_ids)).select_related("service")
    return {row.resource_id: _holder(row) for row in rows.defer("service__password")}


def had_by(port_id: UUID) -> list[Holder]:
    """Who had a port, youngest first."""
    return [_holder(row) for row in network.history_of_port(port_id)]


def _holder(row) -> Holder:  # type: ignore[no-untyped-def]
    return Holder(
        service_id=row.service_id,
        order_id=row.order_id or (row.service.order_id if row.service else None),
        account=row.service.account if row.service else "",
        since=row.created_at,
        until=row.reserved_until,
        ended_at=row.released_at,
        reason=row.reason,
    )


def above(resource: Resource) -> list[Resource]:
    """What a piece stands in, from the top of the tree; its path names them all."""
    names = resource.path.split(">")
    paths = [">".join(names[:n]) for n in range(1, len(names))]
    rows = Resource.objects.filter(branch_id=resource.branch_id, path__in=paths)
    return sorted(rows, key=lambda row: len(row.path))


def below(actor: Actor, resource: Resource | None):  # type: ignore[no-untyped-def]
    """What stands under a piece; behind a PON port its boxes, which stand elsewhere."""
    if resource is not None and resource.specification == Kind.PON_PORT:
        return network.behind(actor, resource.pk)
    return network.children(actor, resource.pk if resource is not None else None)


def is_box(resource: Resource) -> bool:
    return resource.specification in BOXES


def is_port(resource: Resource) -> bool:
    return resource.specification in LINE_PORTS
