"""Where a process is hot (热力图): how many tokens rest at each node, how long, how many are late.

Everything a page shows of a process is one grouped statement over what runs now, or one over what
`figures` has added up; never the history, and never an instance alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max, Min, Sum
from django.db.models.functions import TruncWeek
from django.utils import timezone

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.org.actor import Actor
from kaitong.process.choices import OPEN_WORK
from kaitong.process.models import Definition, NodeDay

_BRANCH = " and i.branch_id = any(%s)"
_RUNNING = """select i.definition_id, count(*) as running, min(i.started_at) as oldest
 from process_instance i where i.state = 'running'{0} group by 1"""
_LATE = """select i.definition_id, count(*) as late from process_workitem w
 join process_instance i on i.id = w.instance_id
 where w.state in ('todo', 'claimed', 'suspended') and w.due_at < %s{0} group by 1"""
_STUCK = """select i.definition_id, count(*) as stuck from process_incident i
 where i.state = 'open'{0} group by 1"""
_HEAT = """select t.node, count(*) as waiting,
 percentile_disc(0.5) within group (order by t.created_at) as middle,
 min(t.created_at) as oldest,
 count(*) filter (where w.due_at < %s and w.state <> 'suspended') as late,
 count(*) filter (where w.state = 'todo') as unclaimed,
 count(*) filter (where w.state = 'suspended') as suspended,
 count(*) filter (where t.wait = 'incident') as stuck,
 count(*) filter (where t.wait = 'join') as joining
 from process_instance i join process_token t on t.instance_id = i.id
 left join process_workitem w on w.token_id = t.id and w.state = any(%s)
 where i.state = 'running' and i.definition_id = any(%s){0} group by t.node"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessHeat:
    """One process, all its versions, newest first."""

    playbook: str
    key: str
    title: str
    versions: tuple[Definition, ...]
    running: int
    late: int
    stuck: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHeat:
    """What rests at one node now. `middle` and `longest` are how long, up to now."""

    node: str
    waiting: int
    middle: timedelta
    longest: timedelta
    late: int
    unclaimed: int
    suspended: int
    stuck: int
    joining: int


@dataclass(slots=True)
class NodePast:
    """How long tokens rested at one node, over the weeks asked about; by week, oldest first."""

    node: str
    count: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    weeks: dict[date, tuple[int, float]] = field(
        default_factory=lambda: defaultdict(lambda: (0, 0.0))
    )

    @property
    def mean(self) -> timedelta:
        return timedelta(seconds=self.seconds / self.count if self.count else 0)


def processes(actor: Actor) -> list[ProcessHeat]:
    """Every process that is deployed, or that something still runs on, with what runs."""
    scoped, where = _scope(actor)
    running = {r["definition_id"]: r for r in db.rows(_RUNNING.format(where), scoped)}
    late = _counted(_LATE.format(where), [clock_now(), *scoped], "late")
    stuck = _counted(_STUCK.format(where), scoped, "stuck")
    of: dict[tuple[str, str], list[Definition]] = defaultdict(list)
    rows = Definition.objects.defer("bpmn", "decisions").order_by("-deployed_at", "-id")
    for row in rows:
        of[row.playbook, row.key].append(row)
    found = []
    for (playbook, key), versions in of.items():
        ids = [version.pk for version in versions]
        begun = [running[i]["oldest"] for i in ids if i in running]
        count = sum(running[i]["running"] for i in ids if i in running)
        if not count and all(version.retired_at for version in versions):
            continue
        found.append(
            ProcessHeat(
                playbook=playbook,
                key=key,
                title=versions[0].title,
                versions=tuple(versions),
                running=count,
                late=sum(late.get(i, 0) for i in ids),
                stuck=sum(stuck.get(i, 0) for i in ids),
                oldest=min(begun, default=None),
            )
        )
    return sorted(found, key=lambda one: (-one.running, one.playbook, one.key))


def running_by_version(actor: Actor, definition_ids: Iterable[UUID]) -> dict[UUID, int]:
    """How many instances run on each of these definitions."""
    scoped, where = _scope(actor)
    sql = _RUNNING.format(where + " and i.definition_id = any(%s)")
    rows = db.rows(sql, [*scoped, list(definition_ids)])
    return {row["definition_id"]: row["running"] for row in rows}


def heat(
    actor: Actor,
    definition_ids: Iterable[UUID],
    *,
    branch_ids: Sequence[UUID] | None = None,
    since: datetime | None = None,
) -> dict[str, NodeHeat]:
    """What rests at each node of these definitions, in one statement.

    `branch_ids` narrows to some of the actor's branches, `since` to instances begun from then on.
    """
    moment = clock_now()
    scoped, where = _scope(actor, branch_ids)
    params: list[Any] = [moment, list(OPEN_WORK), list(definition_ids), *scoped]
    if since is not None:
        where += " and i.started_at >= %s"
        params.append(since)
    return {
        row["node"]: NodeHeat(
            node=row["node"],
            waiting=row["waiting"],
            middle=moment - row["middle"],
            longest=moment - row["oldest"],
            late=row["late"],
            unclaimed=row["unclaimed"],
            suspended=row["suspended"],
            stuck=row["stuck"],
            joining=row["joining"],
        )
        for row in db.rows(_HEAT.format(where), params)
    }


def past(
    actor: Actor,
    definition_ids: Iterable[UUID],
    *,
    weeks: int,
    branch_ids: Sequence[UUID] | None = None,
) -> dict[str, NodePast]:
    """How long tokens rested at each node in the last weeks, this one among them."""
    rows = NodeDay.objects.filter(definition_id__in=list(definition_ids), day__gte=first_day(weeks))
    seen = _seen(actor, branch_ids)
    if seen is not None:
        rows = rows.filter(branch_id__in=seen)
    grouped = (
        rows.annotate(week=TruncWeek("day"))
        .order_by()
        .values("node", "week")
        .annotate(n=Sum("count"), total=Sum("seconds"), most=Max("longest"), first=Min("day"))
    )
    found: dict[str, NodePast] = {}
    for row in grouped:
        one = found.setdefault(row["node"], NodePast(row["node"]))
        one.count += row["n"]
        one.seconds += row["total"]
        one.longest = max(one.longest, row["most"])
        one.weeks[row["week"]] = (row["n"], row["total"])
    return found


def first_day(weeks: int) -> date:
    """The Monday on which the first of so many weeks begins."""
    today = timezone.localdate(clock_now())
    return today - timedelta(days=today.weekday(), weeks=weeks - 1)


# ---- inside --------------------------------------------------------------------------------------


def _seen(actor: Actor, branch_ids: Sequence[UUID] | None) -> list[UUID] | None:
    """The branches to look at; None: every one."""
    if branch_ids is None:
        return None if actor.is_system else list(actor.branch_ids)
    return [one for one in branch_ids if actor.sees(one)]


def _scope(actor: Actor, branch_ids: Sequence[UUID] | None = None) -> tuple[list[Any], str]:
    seen = _seen(actor, branch_ids)
    return ([], "") if seen is None else ([seen], _BRANCH)


def _counted(sql: str, params: Sequence[Any], name: str) -> dict[UUID, int]:
    return {row["definition_id"]: row[name] for row in db.rows(sql, params)}
