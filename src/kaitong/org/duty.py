"""Who is there now: what proposing work to people asks of the organisation."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.org.actor import Actor
from kaitong.org.models import Absence, Delegation, GridHolder, Shift, Staff
from kaitong.org.queries import visible_to

# An absence that lasts is one of the newest; of several the longest counts.
_HOLDERS = """select s.id, s.username, s.name, h.id as holding, h.turn,
 coalesce(d.key, '') as department, a.id is not null as absent, a.deputy_id as deputy
 from org_staff s join org_postholding h on h.staff_id = s.id join org_post p on p.id = h.post_id
 left join org_department d on d.id = s.department_id
 left join lateral (select a.id, a.deputy_id from org_absence a where a.staff_id = s.id
 and a.since <= %(at)s and a.until > %(at)s order by a.until desc limit 1) a on true
 where s.branch_id = %(branch)s and s.is_active and p.key = %(post)s order by s.username"""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who holds a post, and whether they are there."""

    id: UUID
    username: str
    name: str
    holding: UUID
    turn: int
    department: str
    absent: bool
    deputy: UUID | None


def post_holders(branch_id: UUID, post: str, at: datetime) -> list[Holder]:
    """Active holders of a post in a branch, by user name, with who is absent at that time."""
    params = {"branch": branch_id, "post": post, "at": at}
    return [Holder(**row) for row in db.rows(_HOLDERS, params)]


def on_shift(branch_id: UUID, post: str, at: datetime) -> set[UUID]:
    """Who is on duty for a post by the roster (排班)."""
    rows = Shift.objects.filter(branch_id=branch_id, post=post, since__lte=at, until__gt=at)
    return set(rows.values_list("staff_id", flat=True))


def grid_holders(branch_id: UUID, grid: str, post: str) -> set[UUID]:
    """Who answers for a grid in a post."""
    rows = GridHolder.objects.filter(branch_id=branch_id, grid=grid, post=post)
    return set(rows.values_list("staff_id", flat=True))


def take_turn(people: Sequence[Holder]) -> Holder:
    """Whose turn it is among these (轮流); their place in the row is given up for the last.

    Two at once get two people: whoever is being given work in another transaction is passed over,
    without waiting. The turn read is asked for again when it is taken, so that nobody who was
    given work a moment ago has the next as well. More at once than there are people: the rest
    fall to anybody.
    """
    passed: dict[UUID, int] = {}
    while True:
        rows = db.rows(
            "select id, turn from org_postholding where id = any(%s)",
            [[person.holding for person in people]],
        )
        turns = {row["id"]: row["turn"] for row in rows}
        # passed over while they were being given something; free again when their turn moved on
        waiting = [
            p for p in people if p.holding in turns and passed.get(p.holding) != turns[p.holding]
        ]
        if not waiting:
            return secrets.choice(people)
        first = min(waiting, key=lambda p: (turns[p.holding], p.username))
        taken = db.rows(
            "select id from org_postholding where id = %s and turn = %s"
            " for no key update skip locked",
            [first.holding, turns[first.holding]],
        )
        if taken:
            others = [turns[p.holding] for p in people if p is not first and p.holding in turns]
            # who comes new, or back, has no old turns to make up for
            mine = max(turns[first.holding] + 1, min(others, default=0))
            db.execute("update org_postholding set turn = %s where id = %s", [mine, first.holding])
            return first
        passed[first.holding] = turns[first.holding]


def absent_now(branch_ids: Iterable[UUID]) -> dict[UUID, Absence]:
    """Who of these branches is not there now, with the absence that lasts longest."""
    moment = clock_now()
    rows = Absence.objects.filter(
        staff__branch_id__in=list(branch_ids), since__lte=moment, until__gt=moment
    )
    return {row.staff_id: row for row in rows.select_related("staff", "deputy").order_by("until")}


def absences(actor: Actor, *, staff_id: UUID | None = None) -> list[Absence]:
    """Absences that last or are to come, soonest first; of one person, or of all one sees."""
    rows = visible_to(Absence.objects.filter(until__gt=clock_now()), actor, "staff__branch_id")
    if staff_id is not None:
        rows = rows.filter(staff_id=staff_id)
    return list(rows.select_related("staff", "deputy").order_by("since", "id"))


def delegations(actor: Actor, *, of: UUID | None = None) -> list[Delegation]:
    """Delegations that last or are to come: those somebody gave or got, or all one sees."""
    rows = visible_to(
        Delegation.objects.filter(until__gt=clock_now(), ended_at=None),
        actor,
        "principal__branch_id",
    )
    found = rows.select_related("principal", "delegate").order_by("since", "id")
    return [d for d in found if of is None or of in (d.principal_id, d.delegate_id)]


def shifts(actor: Actor, since: datetime, until: datetime) -> list[Shift]:
    """The roster between two moments, of the branches the actor sees."""
    rows = visible_to(Shift.objects.filter(since__lt=until, until__gt=since), actor)
    return list(rows.select_related("staff").order_by("post", "staff__username", "since"))


def team(actor: Actor) -> list[Staff]:
    """Active staff of the actor's own branch with their posts, in two queries."""
    rows = Staff.objects.filter(branch_id__in=actor.branch_ids[:1], is_active=True, device=None)
    return list(rows.prefetch_related("posts").order_by("username"))
