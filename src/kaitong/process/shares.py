"""责任历时: who held an order how long. Pure: no Django, no clock.

A *holding* is a stretch in which one post or person, a machine, a wait or a suspension had the
order. Several may run beside each other; at every instant one of them **answers** for it, so that
what the rows answer for adds up to the whole time, to the second:

1. work somebody has in hand or in his queue, 2. an incident, 3. work that is suspended, 4. a
machine at work, 5. a wait for a time or a message; among the same the one that began first.

Who could act answers for the time, before anything that merely stood. Where nothing held the order
the system itself answers (between two steps).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

NOTHING = timedelta()


class Kind(StrEnum):
    """What holds an order; the order of the members is who answers first."""

    WORK = "work"  # in the hands of a person, or in a post's queue
    INCIDENT = "incident"  # 异常单
    SUSPENDED = "suspended"  # 挂起
    MACHINE = "machine"  # an external action under way
    WAIT = "wait"  # for a time, a message, a called process
    SYSTEM = "system"  # nothing held it: between two steps


RANK = {kind: number for number, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One stretch. `counted` is the part this holding answers for."""

    key: str  # tells holdings apart and orders equal ones
    kind: Kind
    start: datetime
    end: datetime  # or the end of the sheet while it lasts
    node: str = ""
    title: str = ""
    post: str = ""
    department: str = ""
    person: str = ""  # identifier
    cause: str = ""  # of a suspension: whose time it was
    reason: str = ""  # code of a suspension, or a sentence
    calendar: str = ""
    open: bool = False
    item: str = ""  # the work item
    evidence: tuple[str, ...] = ()
    counted: timedelta = NOTHING

    @property
    def elapsed(self) -> timedelta:
        return self.end - self.start


def sheet(holdings: Iterable[Holding], start: datetime, end: datetime) -> list[Holding]:
    """Rows of the sheet in order of time; their `counted` adds up to `end - start` exactly.

    Times are cut to whole seconds first, so that what is shown adds up as well.
    """
    start, end = start.replace(microsecond=0), end.replace(microsecond=0)
    if end <= start:
        return []
    rows = []
    for one in holdings:
        a = max(one.start.replace(microsecond=0), start)
        b = min(one.end.replace(microsecond=0), end)
        if a < b:
            rows.append(replace(one, start=a, end=b, counted=NOTHING))
    rows.sort(key=lambda r: (r.start, RANK[r.kind], r.key))
    counted = [NOTHING] * len(rows)
    gaps: list[Holding] = []
    for a, b, answers in _stretches(rows, start, end):
        if answers is not None:
            counted[answers] += b - a
        elif gaps and gaps[-1].end == a:
            gaps[-1] = replace(gaps[-1], end=b, counted=gaps[-1].counted + (b - a))
        else:
            gaps.append(Holding(key=f"gap:{a}", kind=Kind.SYSTEM, start=a, end=b, counted=b - a))
    whole = [replace(row, counted=part) for row, part in zip(rows, counted, strict=True)]
    return sorted([*whole, *gaps], key=lambda r: (r.start, RANK[r.kind], r.key))


def _stretches(
    rows: Sequence[Holding], start: datetime, end: datetime
) -> Iterable[tuple[datetime, datetime, int | None]]:
    """Stretches between all beginnings and ends, each with the row that answers for it."""
    edges: dict[datetime, tuple[list[int], list[int]]] = {start: ([], []), end: ([], [])}
    for number, row in enumerate(rows):
        edges.setdefault(row.start, ([], []))[0].append(number)
        edges.setdefault(row.end, ([], []))[1].append(number)

    def first(number: int) -> tuple[int, datetime, str]:
        row = rows[number]
        return RANK[row.kind], row.start, row.key

    open_now: set[int] = set()
    before: datetime | None = None
    for moment in sorted(edges):
        if before is not None and before < moment:
            yield before, moment, min(open_now, key=first, default=None)
        begun, ended = edges[moment]
        open_now |= set(begun)
        open_now -= set(ended)
        before = moment
