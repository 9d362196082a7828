"""Saved filters and chosen columns of lists: one's own, and a post's in a branch."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, Conflict, Forbidden, InputFault, NotFound
from kaitong.org.actor import Actor
from kaitong.org.models import ListChoice, SavedView, Staff

MOST = 12  # of one's own; more is no longer a short way
LONGEST_NAME = 20


def views(actor: Actor, place: str) -> list[SavedView]:
    """The saved filters of a list: one's own first, then those of one's posts (a supervisor: of
    every post of the branch)."""
    shared = Q(staff=None, branch_id=actor.branch_id)
    if not actor.is_supervisor:
        shared &= Q(post__in=sorted(actor.posts))
    rows = SavedView.objects.filter(Q(staff_id=actor.id) | shared, place=place)
    return sorted(rows, key=lambda row: (row.staff_id is None, row.created_at))


def choice(actor: Actor, place: str) -> ListChoice | None:
    """What somebody chose for a list, with the filter it opens with."""
    return ListChoice.objects.filter(staff_id=actor.id, place=place).select_related("view").first()


def save_view(
    *, actor: Actor, place: str, name: str, query: str, post: str = "", opens: bool = False
) -> SavedView:
    """Keep a filter under a name: for oneself, or for everybody of a post in one's branch.

    The same name again takes the new filter. `opens`: the list begins with it from now on.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        what = _("名称要有 1 至 %(n)s 个字。") % {"n": LONGEST_NAME}
        raise BadInput([InputFault("name", what, _("请改名称。"))])
    if len(query) > 400:
        raise BadInput([InputFault("query", _("筛选条件太长。"), _("请减少条件。"))])
    if post and not (actor.is_supervisor or post in actor.own_posts):
        raise Forbidden(_("只能与自己的岗位共用。"), _("请选择自己的岗位。"))
    if actor.id is None or (post and actor.branch_id is None):
        raise Forbidden(_("机器没有常用筛选。"))
    owner = {"staff_id": None, "branch_id": actor.branch_id, "post": post} if post else {
        "staff_id": actor.id, "branch_id": None, "post": ""
    }  # fmt: skip
    try:
        with transaction.atomic():
            Staff.objects.select_for_update(no_key=True).get(pk=actor.id)  # counting is alone
            same = {**owner, "place": place, "name": name}
            row = SavedView.objects.filter(**same).first()
            if row is None:
                if SavedView.objects.filter(**owner, place=place).count() >= MOST:
                    what = _("常用筛选最多 %(n)s 个。") % {"n": MOST}
                    raise Conflict(what, _("请先删去一个。"))
                row = SavedView(**same, made_by=actor.id)
            row.query = query
            row.save()
            if opens:
                _choose(actor, place, view=row)
    except IntegrityError:
        raise Conflict(_("这个名称刚被用了。"), _("请换一个名称。")) from None
    return row


@transaction.atomic
def forget_view(*, actor: Actor, view_id: UUID) -> None:
    """Delete a saved filter: one's own, or a shared one that one made or supervises."""
    row = SavedView.objects.select_for_update(no_key=True).filter(pk=view_id).first()
    mine = row is not None and row.staff_id == actor.id
    if row is None or not (mine or (row.staff_id is None and actor.sees(row.branch_id))):
        raise NotFound(_("没有这个常用筛选。"), _("请刷新页面。"))
    if not mine and row.made_by != actor.id and not actor.is_supervisor:
        raise Forbidden(_("共用的筛选由建立的人或班长删除。"))
    row.delete()


@transaction.atomic
def open_with(*, actor: Actor, place: str, view_id: UUID | None) -> None:
    """Which saved filter a list begins with; None: as it comes."""
    found = None
    if view_id is not None:
        found = next((row for row in views(actor, place) if row.pk == view_id), None)
        if found is None:
            raise NotFound(_("没有这个常用筛选。"), _("请刷新页面。"))
    _choose(actor, place, view=found)


@transaction.atomic
def choose_columns(
    *, actor: Actor, place: str, columns: Collection[str] | None, known: Collection[str]
) -> None:
    """Which columns a list shows, in its own order; None: as it comes."""
    if columns is not None and set(columns) - set(known):
        raise BadInput([InputFault("columns", _("没有这一列。"), _("请刷新页面。"))])
    chosen = None if columns is None else [name for name in known if name in columns]
    _choose(actor, place, columns=chosen)


def _choose(actor: Actor, place: str, **what: object) -> None:
    if actor.id is None:
        raise Forbidden(_("机器没有列表设置。"))
    ListChoice.objects.update_or_create(staff_id=actor.id, place=place, defaults=what)
