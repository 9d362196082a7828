"""Who acts: an immutable picture of a signed-in person, or of the system, that verbs are given."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kaitong.core import db
from kaitong.org.models import Staff

SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class Actor:
    """`branch_ids` holds the actor's own branch first, then everything below it."""

    id: UUID | None
    username: str
    name: str
    branch_id: UUID | None
    branch_ids: tuple[UUID, ...] = ()
    posts: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    is_system: bool = False

    @classmethod
    def system(cls, *, branch_id: UUID | None = None) -> Actor:
        """A machine of Kaitong: sees every branch, holds no post."""
        return cls(id=None, username="system", name="系统", branch_id=branch_id, is_system=True)

    def sees(self, branch_id: UUID | None) -> bool:
        return self.is_system or (branch_id is not None and branch_id in self.branch_ids)

    def has_post(self, key: str) -> bool:
        return self.is_system or key in self.posts

    @property
    def is_supervisor(self) -> bool:
        return self.is_system or SUPERVISOR in self.posts


_OWN_AND_BELOW = """select b.id from org_branch own
 join org_branch b on b.id = own.id or starts_with(b.path, own.path || '.')
 where own.id = %s order by b.path"""


def actor_for(user: Staff) -> Actor:
    """The actor of a signed-in person, in two queries."""
    branch_ids: tuple[UUID, ...] = ()
    if user.branch_id is not None:
        branch_ids = tuple(row["id"] for row in db.rows(_OWN_AND_BELOW, [user.branch_id]))
    posts = frozenset(user.holdings.values_list("post__key", flat=True))
    return Actor(
        id=user.pk,
        username=user.username,
        name=user.name,
        branch_id=user.branch_id,
        branch_ids=branch_ids,
        posts=posts,
        permissions=frozenset({"admin"} if user.is_staff else ()),
    )
