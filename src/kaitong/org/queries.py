"""Reading the organisation, and the one rule of who sees what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext as _

from kaitong.core import plain, wording
from kaitong.core.errors import NotFound
from kaitong.org.actor import Actor, actor_for
from kaitong.org.models import Branch, Department, Post, Staff

M = TypeVar("M", bound=models.Model)


def visible_to(
    queryset: models.QuerySet[M], actor: Actor, field: str = "branch_id"
) -> models.QuerySet[M]:
    """Only rows of the actor's branch and of what lies below it. Machines see everything."""
    if actor.is_system:
        return queryset
    if not actor.branch_ids:
        return queryset.none()
    if len(actor.branch_ids) == 1:
        return queryset.filter(**{field: actor.branch_ids[0]})
    return queryset.filter(**{f"{field}__in": actor.branch_ids})


def branches_seen(actor: Actor) -> Sequence[UUID] | None:
    """The same for rows read plainly: of these branches, or of any (None)."""
    return None if actor.is_system else actor.branch_ids


def visible_rows(
    model: type[M], actor: Actor, condition: str, params: Sequence[Any], then: str = ""
) -> list[M]:
    """Rows by a condition in SQL (`core.plain.where`) that an actor sees; `then` goes behind it: an
    order, a limit."""
    branches = branches_seen(actor)
    if branches is None:
        return plain.where(model, f"{condition} {then}", params)
    only = f"{condition} and branch_id = any(%s::uuid[]) {then}"
    return plain.where(model, only, [*params, plain.array(branches)])


def require_visible(row: Any, actor: Actor, what: str = "") -> Any:
    """The row, or NotFound when it is absent or another branch's: both sound the same."""
    if row is None or not actor.sees(row.branch_id):
        raise NotFound(what or _("没有这条记录。"), _("请核对编号和所在分公司。"))
    return row


def staff_names(ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Names by identifier, in one query."""
    wanted = {i for i in ids if i is not None}
    if not wanted:
        return {}
    rows = plain.ask(
        "select id, name from org_staff where id = any(%s::uuid[])", [plain.array(wanted)]
    )
    return dict(rows)


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a member of staff is told something."""

    name: str
    phone: str
    email: str


def reach(staff_id: UUID | None) -> Reach | None:
    """An active member of staff's name, telephone and mail address."""
    found = Staff.objects.filter(pk=staff_id, is_active=True).first() if staff_id else None
    return Reach(found.name, found.phone, found.email) if found else None


def posts_by_key() -> dict[str, Post]:
    return {post.key: post for post in Post.objects.all()}


def actor_of(username: str) -> Actor:
    """The actor of an active member of staff by user name."""
    user = Staff.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise NotFound(
            _("没有名为 %s 的在用人员。") % username, _("用 ./run kaitong staff list 查看。")
        )
    return actor_for(user)


def actor_of_id(staff_id: UUID) -> Actor:
    """The actor of an active member of staff by identifier."""
    user = Staff.objects.filter(pk=staff_id, is_active=True).first()
    if user is None:
        raise NotFound(_("这个人已不在用。"), _("请由他人办理。"))
    return actor_for(user)


def holders(branch_id: UUID, post: str) -> list[Staff]:
    """Active staff of a branch who hold a post, by name."""
    return list(
        Staff.objects.filter(
            branch_id=branch_id, is_active=True, holdings__post__key=post
        ).order_by("username")
    )


def colleagues(branch_id: UUID) -> list[Staff]:
    """Active staff of a branch, by name."""
    rows = Staff.objects.filter(branch_id=branch_id, is_active=True, device=None)
    return list(rows.order_by("username"))


def branch(branch_id: UUID) -> Branch:
    found = _branch(branch_id)
    if found is None:
        raise NotFound(_("没有这个分公司。"))
    return found


def _branch(branch_id: UUID) -> Branch | None:
    return next(iter(plain.kept(Branch, "id = %s", [branch_id])), None)


def branches_below(branch_id: UUID) -> list[UUID]:
    """A branch and all below it."""
    path = Branch.objects.filter(pk=branch_id).values_list("path", flat=True).first()
    if path is None:
        return []
    below = Branch.objects.filter(models.Q(path=path) | models.Q(path__startswith=f"{path}."))
    return list(below.values_list("id", flat=True))


# the paths a branch's own begins with are looked up, each by the index
_ABOVE = """path in (select array_to_string((own.parts)[1:length], '.')
 from (select string_to_array(path, '.') as parts from org_branch where id = %s) own,
 generate_series(1, cardinality(own.parts)) length) order by length(path) desc"""


def branches_above(branch_id: UUID) -> list[UUID]:
    """A branch and all above it, the nearest first."""
    return [row.pk for row in plain.kept(Branch, _ABOVE, [branch_id])]


def above() -> dict[UUID, list[UUID]]:
    """Every branch with those above it, the nearest first; in one query."""
    parents = dict(Branch.objects.values_list("id", "parent"))
    found: dict[UUID, list[UUID]] = {}
    for branch, parent in parents.items():
        chain = found.setdefault(branch, [])
        while parent is not None:
            chain.append(parent)
            parent = parents.get(parent)
    return found


def top_branch() -> Branch | None:
    """The branch all others lie below; None where there is none, or several."""
    tops = list(Branch.objects.filter(parent=None)[:2])
    return tops[0] if len(tops) == 1 else None


def branch_by_code(code: str) -> Branch:
    rows = plain.kept(Branch, "code = %s", [code])
    if not rows:
        raise NotFound(_("没有代码为 %s 的分公司。") % code)
    return rows[0]


def department_names(branch_id: UUID) -> dict[str, str]:
    """Names of a branch's departments by key, in the reader's language."""
    english = wording.english()
    rows = Department.objects.filter(branch_id=branch_id)
    return {row.key: (row.name_en if english else "") or row.name for row in rows}


def calendar_users(keys: Iterable[str]) -> dict[str, list[str]]:
    """Names of the branches and departments that work by each calendar."""
    english = wording.english()
    found: dict[str, list[str]] = {}
    for branch in Branch.objects.filter(calendar__in=list(keys)).order_by("path"):
        found.setdefault(branch.calendar, []).append(
            (branch.name_en if english else "") or branch.name
        )
    rows = Department.objects.filter(calendar__in=list(keys)).select_related("branch")
    for row in rows.order_by("branch__path", "key"):
        names = [(one.name_en if english else "") or one.name for one in (row.branch, row)]
        found.setdefault(row.calendar, []).append(" · ".join(names))
    return found


def calendar_key(branch_id: UUID, department: str = "") -> str:
    """The working calendar that counts for a department of a branch."""
    if department:
        where = "branch_id = %s and key = %s"
        own = next(iter(plain.kept(Department, where, [branch_id, department])), None)
        if own is not None and own.calendar:
            return own.calendar
    found = _branch(branch_id)
    return (found.calendar if found is not None else "") or "cn"


def branch_names(actor: Actor) -> dict[UUID, str]:
    """Names of the branches the actor sees, in the reader's language."""
    english = wording.english()
    rows = visible_to(Branch.objects.all(), actor, "id").values_list("id", "name", "name_en")
    return {key: (name_en if english else "") or name for key, name, name_en in rows}
