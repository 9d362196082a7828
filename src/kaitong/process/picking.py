"""候选规则: to whom new work is proposed, and why.

`pick="grid,roster,least-loaded"`: filters narrow the holders of the post, then one is chosen. Who
is absent (缺勤) is never chosen; where a filter leaves only somebody absent, their deputy (代理人)
stands in. A filter that leaves nobody is passed over, and the reason says so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count

from kaitong.org import duty
from kaitong.process.choices import OPEN_WORK
from kaitong.process.models import WorkItem

FILTERS = ("grid", "roster")
CHOOSERS = ("least-loaded", "round-robin")
GRID = "grid"  # the variable that holds the key of the address's grid (网格)
PATTERN = (
    r"^(?:(?:grid|roster)(?:[ ,]+(?:grid|roster))*(?:[ ,]+(?:least-loaded|round-robin))?"
    r"|least-loaded|round-robin)$"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Who was chosen (None: nobody is there), by which steps. `steps` goes into the history."""

    person: UUID | None
    rule: str
    steps: tuple[dict[str, Any], ...]


def well_formed(rule: str) -> bool:
    """Filters first, then at most one way to choose."""
    return re.fullmatch(PATTERN, rule) is not None


def choose(
    rule: str,
    *,
    branch_id: UUID,
    post: str,
    at: datetime,
    grid: str = "",
    only_department: str = "",
    but: Collection[UUID] = (),
) -> Choice | None:
    """Whom to propose for new work of a post; None where the rule names nothing or nobody holds it.

    `but`: who may not do it (four eyes). `round-robin` gives two items at once to two people.
    """
    words = rule.replace(",", " ").split()
    if not words:
        return None
    everyone = duty.post_holders(branch_id, post, at)
    if only_department:
        everyone = [p for p in everyone if p.department == only_department]
    if not everyone:
        return None
    steps: list[dict[str, Any]] = []
    pool: Sequence[duty.Holder] = everyone
    for word in words:
        if word == "grid" and grid:
            pool = _narrowed(pool, everyone, duty.grid_holders(branch_id, grid, post), word, steps)
            steps[-1]["grid"] = grid
        elif word == "grid":
            steps.append({"by": word, "passed": True})
        elif word == "roster":
            pool = _narrowed(pool, everyone, duty.on_shift(branch_id, post, at), word, steps)
    free = _present(pool, everyone, steps)
    allowed = [p for p in free if p.id not in but]
    if len(allowed) < len(free):
        steps.append({"by": "four-eyes", "people": len(allowed)})
    if not allowed:
        return Choice(None, rule, (*steps, {"by": "nobody"}))
    if "round-robin" in words:
        chosen = duty.take_turn(allowed)
        steps.append({"by": "round-robin"})
    elif len(allowed) == 1 and words[-1] not in CHOOSERS:
        chosen = allowed[0]
    else:
        load = loads(p.id for p in allowed)
        chosen = min(allowed, key=lambda p: load[p.id])
        steps.append({"by": "least-loaded", "load": load[chosen.id]})
    return Choice(chosen.id, rule, tuple(steps))


def stand_in(
    person: UUID, *, branch_id: UUID, post: str, at: datetime, but: Collection[UUID] = ()
) -> UUID | None:
    """Somebody in particular, or their deputy while they are absent; None when neither is there."""
    everyone = duty.post_holders(branch_id, post, at)
    found = _present([p for p in everyone if p.id == person], everyone, [])
    return next((p.id for p in found if p.id not in but), None)


def loads(people: Iterable[UUID]) -> dict[UUID, int]:
    """How much open work each has, in hand or proposed."""
    load: dict[UUID, int] = dict.fromkeys(people, 0)
    open_items = WorkItem.objects.filter(state__in=OPEN_WORK)
    for column in ("claimed_by", "candidate"):
        counted = open_items.filter(**{f"{column}__in": list(load)})
        if column == "candidate":
            counted = counted.filter(claimed_by=None)
        for row in counted.values(column).annotate(count=Count("id")):
            load[row[column]] += row["count"]
    return load


def _narrowed(
    pool: Sequence[duty.Holder],
    everyone: Sequence[duty.Holder],
    wanted: set[UUID],
    word: str,
    steps: list[dict[str, Any]],
) -> Sequence[duty.Holder]:
    """Those of the pool who are wanted, unless nobody of them is there, nor a deputy."""
    left = [p for p in pool if p.id in wanted]
    if not _present(left, everyone, []):
        steps.append({"by": word, "passed": True})
        return pool
    steps.append({"by": word, "people": len(left)})
    return left


def _present(
    pool: Sequence[duty.Holder], everyone: Sequence[duty.Holder], steps: list[dict[str, Any]]
) -> list[duty.Holder]:
    """Who of the pool is there; for those who are not, the deputy who is and holds the post."""
    there = {p.id: p for p in everyone if not p.absent}
    found: dict[UUID, duty.Holder] = {p.id: p for p in pool if not p.absent}
    for person in pool:
        if person.absent and person.deputy in there and person.deputy not in found:
            found[person.deputy] = there[person.deputy]
            steps.append({"by": "deputy", "of": str(person.id), "for": str(person.deputy)})
    away = sum(p.absent for p in pool)
    if away:
        steps.append({"by": "absent", "people": away})
    return sorted(found.values(), key=lambda p: p.username)
