"""四眼原则: who did one step of a pair may not do the other, whichever comes first.

Work done on somebody's behalf (委托) counts for both: neither the one who did it nor the one it was
done for may do the other step, in person or by another delegate.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.org.actor import Actor
from kaitong.process import model
from kaitong.process.choices import WorkState
from kaitong.process.errors import ProcessForbidden
from kaitong.process.models import WorkItem

ATTRIBUTE = "four-eyes-with"
_KEPT = 5_000
_partners: dict[tuple[str, str], frozenset[str]] = {}  # by hash of the file, which says it all


def named(node: model.Node) -> set[str]:
    return set(node.extension.get(ATTRIBUTE, "").replace(",", " ").split())


def partners(process: model.Model, node: model.Node) -> frozenset[str]:
    """The steps of which somebody else must have done this one: named here, or naming this."""
    found = _partners.get((process.hash, node.id)) if process.hash else None
    if found is None:
        naming = {other.id for other in process.nodes.values() if node.id in named(other)}
        found = frozenset((named(node) | naming) - {node.id})
        if len(_partners) >= _KEPT:
            _partners.clear()
        _partners[process.hash, node.id] = found
    return found


def doers(instance_id: UUID, nodes: Collection[str]) -> set[UUID]:
    """Who completed these steps of an instance, and on whose behalf."""
    if not nodes:
        return set()
    rows = WorkItem.objects.filter(
        instance_id=instance_id, node__in=list(nodes), state=WorkState.DONE
    ).values_list("completed_by", "completed_for")
    return {person for row in rows for person in row if person is not None}


def refuses(
    process: model.Model, instance_id: UUID, node: model.Node, actor: Actor, behalf: UUID | None
) -> bool:
    """Whether the actor, or the one they act for, has done the other step."""
    if actor.id is None:
        return False
    others = partners(process, node)
    return bool(others) and bool({actor.id, behalf} & doers(instance_id, others))


def require(
    process: model.Model, instance_id: UUID, node: model.Node, actor: Actor, behalf: UUID | None
) -> None:
    if refuses(process, instance_id, node, actor, behalf):
        raise ProcessForbidden(_("这一环节须由他人复核。"), _("请由没有办理过另一环节的人员办理。"))
