"""Figures of the fallout desk (异常统计): how many, how long open, how solved, how often again.

One statement for a period, from an index alone; nothing is read of orders or instances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.org.actor import Actor

BY = ("cause", "node", "definition", "week")

_FIGURES = """with r as (
 select i.cause, i.node, i.title, i.definition_id, i.state, i.resolution, i.created_at,
 (date_trunc('week', i.created_at at time zone %s))::date as week,
 extract(epoch from coalesce(i.resolved_at, %s) - i.created_at)::float8 as seconds,
 row_number() over (partition by i.token_id order by i.created_at) > 1 as again
 from process_incident i where i.created_at >= %s and i.created_at < %s{0})
 select grouping(cause, node, definition_id, week) as level, cause, node, max(title) as title,
 definition_id, week, count(*) as total,
 count(*) filter (where state in ('open', 'retrying')) as still,
 count(*) filter (where state = 'resolved' and resolution = 'retried') as retried,
 count(*) filter (where state = 'resolved' and resolution = 'corrected') as corrected,
 count(*) filter (where state = 'resolved' and resolution = 'done-by-hand') as by_hand,
 count(*) filter (where state = 'cancelled') as gone,
 count(*) filter (where again) as again,
 percentile_cont(0.5) within group (order by seconds) as middle,
 avg(seconds) as mean, max(seconds) as longest
 from r group by grouping sets ((), (cause), (node), (definition_id), (week))"""
_LEVELS = {15: "all", 7: "cause", 11: "node", 13: "definition", 14: "week"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Of the incidents of a cause, a step, a version or a week. Seconds are how long one was open.

    `again` came up at a token that had failed before in the period: a retry that did not help, or
    the next trouble. `gone` ended otherwise: a newer one took its place, or it was withdrawn.
    """

    key: str
    title: str
    total: int
    still: int
    retried: int
    corrected: int
    by_hand: int
    gone: int
    again: int
    middle: float
    mean: float
    longest: float


@dataclass(frozen=True, slots=True)
class Figures:
    whole: Figure | None
    cause: tuple[Figure, ...]
    node: tuple[Figure, ...]
    definition: tuple[Figure, ...]
    week: tuple[Figure, ...]


def figures(
    actor: Actor,
    *,
    since: datetime,
    until: datetime | None = None,
    branch_ids: Sequence[UUID] | None = None,
) -> Figures:
    """Figures of the incidents that came up in a period, most first; weeks in their order."""
    moment = clock_now()
    where, params = "", [settings.TIME_ZONE, moment, since, until or moment + timedelta(days=1)]
    seen: list[UUID] | None = None if actor.is_system else list(actor.branch_ids)
    if branch_ids is not None:
        seen = [one for one in branch_ids if actor.sees(one)]
    if seen is not None:
        where, params = " and i.branch_id = any(%s)", [*params, seen]
    found: dict[str, list[Figure]] = {name: [] for name in _LEVELS.values()}
    for row in db.rows(_FIGURES.format(where), params):
        by = _LEVELS[row["level"]]
        if row["total"]:
            found[by].append(_figure(by, row))
    for by, rows in found.items():
        rows.sort(key=lambda one: one.key if by == "week" else (-one.total, one.key))
    return Figures(next(iter(found["all"]), None), *(tuple(found[by]) for by in BY))


def _figure(by: str, row: dict[str, Any]) -> Figure:
    key: Any = {"cause": row["cause"], "node": row["node"], "week": row["week"]}.get(by, "")
    if by == "definition":
        key = row["definition_id"] or ""
    if isinstance(key, date):
        key = key.isoformat()
    names = ["total", "still", "retried", "corrected", "by_hand", "gone", "again"]
    names += ["middle", "mean", "longest"]
    return Figure(
        key=str(key), title=row["title"] or "", **{name: row[name] or 0 for name in names}
    )
