"""Reading figures of the hall: waiting, handling, missed, by business, branch, clerk and hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from kaitong.core import db
from kaitong.hall import facts as hall
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.reporting import adding
from kaitong.reporting.choices import Clock
from kaitong.reporting.queries import Asked, Bucket, branches, scope

CLOCKS = [str(Clock.WAIT), str(Clock.SERVE)]
_SUMS = ", ".join(f"sum({s})::bigint as {s}" for s in adding.SUMS[adding.VISITS])
# What rows are told apart by: in the table of counts, and in that of times.
_GROUPS = {
    "start": ("start", "start"),
    "kind": ("kind", "action"),
    "branch": ("branch_id", "branch_id"),
}

titles = hall.titles


@dataclass(frozen=True, slots=True)
class Served:
    """What was served by one clerk, or within one hour of the day."""

    name: str
    hour: int | None
    count: int
    timed: int
    handled: int  # seconds, of those that have a length

    @property
    def mean(self) -> float | None:
        return self.handled / self.timed if self.timed else None

    @property
    def an_hour(self) -> float | None:
        """Numbers in an hour of serving: what was cut short does not count."""
        return 3600 * self.timed / self.handled if self.handled else None


def buckets(
    actor: Actor, asked: Asked, *, group: str, since: date | None = None
) -> dict[Any, Bucket]:
    """Figures by start, kind or branch; two statements. Visits are of no plan and no procedure:
    these of what is asked are passed over."""
    counts, times = _GROUPS[group]
    where, params = _own(actor, asked) if group == "branch" else scope(actor, asked)
    where += " and start between %s and %s"
    params = [*params, since or asked.start, asked.start]
    found: dict[Any, Bucket] = {}
    sql = f"select {counts} as grp, {_SUMS} from reporting_visitfigure where {where} group by 1"
    for row in db.rows(sql, params):
        key = row.pop("grp")
        found[key] = Bucket({k: v or 0 for k, v in row.items()})
    sql = f"select {times} as grp, clock, bin, sum(n)::bigint as n from reporting_timefigure"
    for row in db.rows(f"{sql} where clock = any(%s) and {where} group by 1, 2, 3",
                       [CLOCKS, *params]):  # fmt: skip
        bucket = found.setdefault(row["grp"], Bucket())
        bucket.times.setdefault(row["clock"], {})[row["bin"]] = row["n"]
    return found


def served(actor: Actor, asked: Asked) -> tuple[list[Served], list[Served]]:
    """By clerk, who served most first; and by the hour it began. Two statements."""
    where, params = _own(actor, asked)
    rows = db.rows(
        "select person, hour, grouping(person) as whole, sum(n)::bigint as n,"
        " sum(timed)::bigint as timed, sum(handled)::bigint as handled"
        f" from reporting_deskfigure where {where} and start = %s"
        " group by grouping sets ((person), (hour)) having sum(n) > 0",
        [*params, asked.start],
    )
    names = org.staff_names(UUID(row["person"]) for row in rows if row["person"])
    people = [
        Served(names.get(UUID(r["person"]), ""), None, r["n"], r["timed"], r["handled"])
        for r in rows
        if not r["whole"]
    ]
    hours = [Served("", r["hour"], r["n"], r["timed"], r["handled"]) for r in rows if r["whole"]]
    people.sort(key=lambda one: (-one.count, one.name))
    hours.sort(key=lambda one: one.hour or 0)
    return people, hours


def _own(actor: Actor, asked: Asked) -> tuple[str, list[Any]]:
    """The rows of each branch, where branches or people are told apart."""
    seen = branches(actor, asked.branch_id)
    if seen is None:
        return "grain = %s", [asked.grain]
    return "grain = %s and branch_id = any(%s)", [asked.grain, seen]
