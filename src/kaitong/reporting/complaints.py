"""Reading figures of faults and complaints (QA-04), and of what customers said (QA-07)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from kaitong.core import db
from kaitong.org.actor import Actor
from kaitong.reporting import adding
from kaitong.reporting.choices import Clock, Repair
from kaitong.reporting.queries import Asked, Bucket, scope

_TICKETS = ", ".join(f"sum({s})::bigint as {s}" for s in adding.SUMS[adding.TICKETS])
_SURVEYS = ", ".join(f"sum({s})::bigint as {s}" for s in adding.SUMS[adding.SURVEYS])


@dataclass(frozen=True, slots=True)
class Why:
    kind: str
    group: str
    cause: str
    count: int


def tickets(actor: Actor, asked: Asked, *, since: date) -> dict[str, dict[date, Bucket]]:
    """Figures by kind (fault, complaint) and start, from `since` to the time asked about; two
    statements. Tickets are of no plan and no business: these of what is asked are passed over."""
    where, params = _where(actor, asked, since)
    found: dict[str, dict[date, Bucket]] = {}
    sql = f"select kind, start, {_TICKETS} from reporting_ticketfigure where {where} group by 1, 2"
    for row in db.rows(sql, params):
        kind, start = row.pop("kind"), row.pop("start")
        found.setdefault(kind, {})[start] = Bucket({k: v or 0 for k, v in row.items()})
    sql = "select action, start, bin, sum(n)::bigint as n from reporting_timefigure"
    sql += f" where clock = '{Clock.REPAIR}' and {where} group by 1, 2, 3"
    for row in db.rows(sql, params):
        bucket = found.setdefault(row["action"], {}).setdefault(row["start"], Bucket())
        bucket.times.setdefault(Clock.REPAIR, {})[row["bin"]] = row["n"]
    return found


def surveys(actor: Actor, asked: Asked, *, since: date) -> dict[str, dict[date, Bucket]]:
    """What customers said, by what they were asked about and start."""
    where, params = _where(actor, asked, since)
    found: dict[str, dict[date, Bucket]] = {}
    sql = f"select kind, start, {_SURVEYS} from reporting_surveyfigure where {where} group by 1, 2"
    for row in db.rows(sql, params):
        kind, start = row.pop("kind"), row.pop("start")
        found.setdefault(kind, {})[start] = Bucket({k: v or 0 for k, v in row.items()})
    return found


def causes(actor: Actor, asked: Asked) -> list[Why]:
    """Why what was repaired was broken, most first."""
    where, params = _where(actor, asked, None)
    rows: list[Mapping[str, Any]] = db.rows(
        "select action as kind, cause_group, cause, sum(n)::bigint as n"
        f" from reporting_causefigure where outcome = '{Repair.RESOLVED}' and {where}"
        " group by 1, 2, 3 order by 4 desc, 1, 2, 3",
        params,
    )
    return [Why(r["kind"], r["cause_group"], r["cause"], r["n"]) for r in rows]


def _where(actor: Actor, asked: Asked, since: date | None) -> tuple[str, list[Any]]:
    where, params = scope(actor, asked)
    return f"{where} and start between %s and %s", [*params, since or asked.start, asked.start]
