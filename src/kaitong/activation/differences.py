"""Reading differences that `activation.reconciling` found: only what the actor sees.

Who reads and repairs them is `reconciling.may_repair`.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count
from django.utils.translation import gettext as _

from kaitong.activation import queries, reconciling
from kaitong.activation.choices import ElementKind
from kaitong.activation.errors import ElementProblem
from kaitong.activation.models import Difference, Reconciliation
from kaitong.core.errors import Forbidden, NotFound
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import awaiting


def require_reader(actor: Actor) -> None:
    """Raises Forbidden for who is neither at the network's post nor a supervisor."""
    if not reconciling.may_repair(actor):
        raise Forbidden(_("处理对账差异的是网络岗位或班长。"))


def differences(
    actor: Actor,
    *,
    kind: str = "",
    closed: bool = False,
    branch_id: UUID | None = None,
    account: str = "",
    offset: int = 0,
    limit: int = 50,
) -> tuple[list[Difference], int]:
    """Those that stand, the oldest first; those that are gone, the youngest first."""
    require_reader(actor)
    rows = org.visible_to(Difference.objects.filter(closed_at__isnull=not closed), actor)
    if kind:
        rows = rows.filter(kind=kind)
    if branch_id is not None:
        rows = rows.filter(branch_id=branch_id)
    if account:
        rows = rows.filter(account__startswith=account)
    page = rows.select_related("element").order_by("-id" if closed else "id")
    return list(page[offset : offset + limit]), rows.count()


def difference(actor: Actor, difference_id: UUID) -> Difference:
    """One of them, whether it stands or not; NotFound for another branch's."""
    require_reader(actor)
    rows = org.visible_to(Difference.objects.filter(pk=difference_id), actor)
    found = rows.select_related("element").first()
    if found is None:
        raise NotFound(_("没有这条差异。"), _("请核对编号和所在分公司。"))
    return found


def by_ids(actor: Actor, ids: Iterable[UUID]) -> list[Difference]:
    """Those of these that the actor's branches have, for lists of work."""
    rows = org.visible_to(Difference.objects.filter(pk__in=list(ids)), actor)
    return list(rows.select_related("element"))


def counts(actor: Actor) -> dict[UUID, int]:
    """How many stand, by element."""
    rows = org.visible_to(Difference.objects.filter(closed_at=None), actor)
    return dict(rows.order_by().values_list("element_id").annotate(n=Count("pk")))


def work_of(actor: Actor, rows: Iterable[Difference]) -> dict[UUID, UUID]:
    """The open work item of each that has one: it waits for both to agree."""
    found = awaiting.work_awaiting(actor, reconciling.AGREES, [str(row.pk) for row in rows])
    return {UUID(key): item for key, item in found.items()}


def last_run(actor: Actor) -> Reconciliation | None:
    """The last comparison that came to its end, of the server that serves the actor's branch."""
    rows = Reconciliation.objects.filter(ended_at__isnull=False)
    if actor.branch_id is not None:
        try:
            rows = rows.filter(element=queries.element_for(ElementKind.AAA, actor.branch_id))
        except ElementProblem:
            return None
    return rows.order_by("-id").first()
