"""Reading what customers think (QA-07): by source, branch, plan, reason, person and post."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from kaitong.core import db
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.reporting import adding
from kaitong.reporting.queries import Asked, Bucket, branches, scope

_SUMS = ", ".join(f"sum({s})::bigint as {s}" for s in adding.SUMS[adding.OPINIONS])


@dataclass(frozen=True, slots=True)
class Rated:
    """One person at one post, or a whole post (`person` empty), of all sources together."""

    post: str
    person: str
    name: str
    bucket: Bucket


def by_source(actor: Actor, asked: Asked, *, since: date) -> dict[str, dict[date, Bucket]]:
    """By what was asked about and start, from `since` on. Narrowed to a plan where one is asked."""
    where, params = scope(actor, asked)
    by = adding.PLAN if asked.offering else ""
    sql = f"""select source, start, {_SUMS} from reporting_opinionfigure where {where}
 and by = %s and key = %s and start between %s and %s group by 1, 2"""
    found: dict[str, dict[date, Bucket]] = {}
    for row in db.rows(sql, [*params, by, asked.offering, since, asked.start]):
        source, start = row.pop("source"), row.pop("start")
        found.setdefault(source, {})[start] = Bucket(dict(row))
    return found


def by_cut(actor: Actor, asked: Asked) -> dict[str, dict[tuple[str, str], Bucket]]:
    """By plan and by reason (`adding.PLAN`, `adding.REASON`), each told apart by source too."""
    where, params = scope(actor, asked)
    sql = f"""select by, source, key, {_SUMS} from reporting_opinionfigure where {where}
 and by = any(%s) and start = %s group by 1, 2, 3"""
    found: dict[str, dict[tuple[str, str], Bucket]] = {}
    for row in db.rows(sql, [*params, [adding.PLAN, adding.REASON], asked.start]):
        by, key = row.pop("by"), (row.pop("source"), row.pop("key"))
        found.setdefault(by, {})[key] = Bucket(dict(row))
    return found


def by_branch(actor: Actor, asked: Asked) -> dict[UUID, Bucket]:
    """All sources together, by branch."""
    where, params = _own(actor, asked)
    sql = f"""select branch_id, {_SUMS} from reporting_opinionfigure where {where}
 and by = '' and start = %s group by 1"""
    rows = db.rows(sql, [*params, asked.start])
    return {row.pop("branch_id"): Bucket(dict(row)) for row in rows}


def by_person(actor: Actor, asked: Asked) -> list[Rated]:
    """Posts with most answers first, each with its people."""
    where, params = _own(actor, asked)
    sql = f"""select post, person, grouping(person) as whole, {_SUMS} from reporting_opinionperson
 where {where} and start = %s group by grouping sets ((post), (post, person))"""
    rows = db.rows(sql, [*params, asked.start])
    names = org.staff_names(UUID(row["person"]) for row in rows if row["person"])
    total = {row["post"]: row["answered"] for row in rows if row["whole"]}

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        post = row["post"]
        return -total[post], post, -row["whole"], -row["answered"], row["person"] or ""

    found = []
    for row in sorted(rows, key=place):
        post, person, whole = row.pop("post"), row.pop("person") or "", row.pop("whole")
        if post and (whole or person):
            name = names.get(UUID(person), "") if person else ""
            found.append(Rated(post, "" if whole else person, name, Bucket(dict(row))))
    return found


def _own(actor: Actor, asked: Asked) -> tuple[str, list[Any]]:
    """The rows of each branch, where branches or people are told apart."""
    seen = branches(actor, asked.branch_id)
    if seen is None:
        return "grain = %s", [asked.grain]
    return "grain = %s and branch_id = any(%s)", [asked.grain, seen]
