"""Who acts: an immutable picture of a signed-in person, or of the system, that verbs are given."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.org.models import Staff

SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class Mandate:
    """委托: posts of a colleague whose work this person may do on their behalf, now."""

    principal: UUID
    name: str
    posts: frozenset[str]

    def covers(self, post: str) -> bool:
        return post in self.posts or SUPERVISOR in self.posts


@dataclass(frozen=True, slots=True)
class Actor:
    """`branch_ids` holds the actor's own branch first, then everything below it.

    `posts` are those held and those handed over by `mandates`; `own_posts` those held.
    """

    id: UUID | None
    username: str
    name: str
    branch_id: UUID | None
    branch_ids: tuple[UUID, ...] = ()
    posts: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    is_system: bool = False
    department: str = ""  # its key
    own_posts: frozenset[str] = frozenset()
    mandates: tuple[Mandate, ...] = ()
    device: bool = False  # no person: a tablet or a board that is signed in (org.devices)

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

    def principals(self, post: str) -> tuple[UUID, ...]:
        """On whose behalf this person may do work of a post."""
        if not self.mandates:
            return ()
        return tuple(m.principal for m in self.mandates if m.covers(post))

    def is_hand(self, post: str, person: UUID | None) -> bool:
        """Whether work of a post that somebody has is this person's to do: their own, or a
        colleague's who has handed the post over."""
        return person is not None and (person == self.id or person in self.principals(post))

    def behalf(self, post: str, hand: UUID | None) -> UUID | None:
        """On whose behalf this person does a piece of work of a post that is in `hand`: the one who
        has it, or whoever handed the post over; None when it is their own work."""
        covering = self.principals(post)
        if hand in covering:
            return hand
        if not covering or post in self.own_posts or SUPERVISOR in self.own_posts:
            return None
        return covering[0]


_OWN_AND_BELOW = """select b.id from org_branch own
 join org_branch b on b.id = own.id or starts_with(b.path, own.path || '.')
 where own.id = %s order by b.path"""
# Posts held; those of colleagues who have handed theirs over for now; the department.
_POSTS = """select p.key, null::uuid as principal, '' as name, '' as department
 from org_postholding h join org_post p on p.id = h.post_id where h.staff_id = %(me)s
union all select p.key, d.principal_id, s.name, ''
 from org_delegation d join org_staff s on s.id = d.principal_id and s.is_active
 join org_postholding h on h.staff_id = d.principal_id join org_post p on p.id = h.post_id
 where d.delegate_id = %(me)s and d.ended_at is null and d.since <= %(now)s and d.until > %(now)s
 and (cardinality(d.posts) = 0 or p.key = any(d.posts))
union all select %(device)s, null, '', '' from org_device v where v.staff_id = %(me)s
union all select '', null, '', d.key from org_department d where d.id = %(department)s"""
_DEVICE = "#device"  # no key of a post


def actor_for(user: Staff) -> Actor:
    """The actor of a signed-in person, in two queries."""
    branch_ids: tuple[UUID, ...] = ()
    if user.branch_id is not None:
        branch_ids = tuple(row["id"] for row in db.rows(_OWN_AND_BELOW, [user.branch_id]))
    params = {
        "me": user.pk, "now": clock_now(), "department": user.department_id, "device": _DEVICE,
    }  # fmt: skip
    own: set[str] = set()
    handed: dict[UUID, tuple[str, set[str]]] = {}
    department = ""
    for row in db.rows(_POSTS, params):
        if row["department"]:
            department = row["department"]
        elif row["principal"] is None:
            own.add(row["key"])
        else:
            handed.setdefault(row["principal"], (row["name"], set()))[1].add(row["key"])
    device = _DEVICE in own
    own.discard(_DEVICE)
    mandates = tuple(
        Mandate(principal, name, frozenset(posts))
        for principal, (name, posts) in sorted(handed.items())
    )
    return Actor(
        id=user.pk,
        username=user.username,
        name=user.name,
        branch_id=user.branch_id,
        branch_ids=branch_ids,
        posts=frozenset(own).union(*(m.posts for m in mandates)),
        permissions=frozenset({"admin"} if user.is_staff else ()),
        department=department,
        own_posts=frozenset(own),
        mandates=mandates,
        device=device,
    )
