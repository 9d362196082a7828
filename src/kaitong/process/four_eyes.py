"""四眼原则: who did one step of a pair may not do the other, whichever comes first.

Within a repeated activity the pair is that of one instance: who installed at one access point may
check another's. `passage` of a work item names the instances it lies in, from the outside in.

Work done on somebody's behalf (委托) counts for both: neither the one who did it nor the one it was
done for may do the other step, in person or by another delegate.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.org.actor import Actor
from kaitong.process import model
from kaitong.process.advance_graph import around
from kaitong.process.choices import WorkState
from kaitong.process.errors import ProcessForbidden
from kaitong.process.models import WorkItem
from kaitong.process.scopes import Scope, ScopeKind

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


def _repeated(process: model.Model, node: str) -> list[str]:
    """The repeated sub-processes around a step."""
    return [id_ for id_ in around(process, node) if process.nodes[id_].repeat is not None]


def passage(process: model.Model, node: str, scopes: Mapping[str, Scope], scope_id: str) -> str:
    """Which instances of the repeated activities around it a step lies in, as a path."""
    inside, path = set(_repeated(process, node)), []
    while inside and scope_id in scopes:
        scope = scopes[scope_id]
        if scope.kind is ScopeKind.ONE and scope.node in inside:
            path.append(scope_id)
        scope_id = scope.parent
    return "/".join(reversed(path))


def together(process: model.Model, mine: tuple[str, str], theirs: tuple[str, str]) -> bool:
    """Whether two steps (node, passage) lie in one instance of what is repeated around both.

    A passage that does not tell (a handler that undoes from further out) counts as the same.
    """
    around_both = set(_repeated(process, mine[0])) & set(_repeated(process, theirs[0]))
    told = zip(mine[1].split("/"), theirs[1].split("/"), strict=False)
    pairs = list(told)[: len(around_both)]
    return all(one == other or not one or not other for one, other in pairs)


def doers(process: model.Model, instance_id: UUID, node: model.Node, place: str) -> set[UUID]:
    """Who completed the other step of a pair, and on whose behalf."""
    others = partners(process, node)
    if not others:
        return set()
    rows = WorkItem.objects.filter(
        instance_id=instance_id, node__in=list(others), state=WorkState.DONE
    ).values_list("node", "passage", "completed_by", "completed_for")
    return {
        person
        for other, where, *people in rows
        if together(process, (node.id, place), (other, where))
        for person in people
        if person is not None
    }


def refuses(
    process: model.Model,
    instance_id: UUID,
    node: model.Node,
    actor: Actor,
    behalf: UUID | None,
    place: str = "",
) -> bool:
    """Whether the actor, or the one they act for, has done the other step."""
    if actor.id is None:
        return False
    return bool({actor.id, behalf} & doers(process, instance_id, node, place))


def require(
    process: model.Model,
    instance_id: UUID,
    node: model.Node,
    actor: Actor,
    behalf: UUID | None,
    place: str = "",
) -> None:
    if refuses(process, instance_id, node, actor, behalf, place):
        raise ProcessForbidden(_("这一环节须由他人复核。"), _("请由没有办理过另一环节的人员办理。"))
