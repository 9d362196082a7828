"""Reading figures: from the summaries, for whoever may see the branch.

Figures are for those who lead: holders of a post of `READERS`, for their branch and what is below
it. A page reads a fixed number of statements, none of which touches an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.core.errors import Forbidden
from kaitong.ordering import facts as ordering
from kaitong.org import queries as org
from kaitong.org.actor import SUPERVISOR, Actor
from kaitong.reporting import adding, folding
from kaitong.reporting.bins import percentile
from kaitong.reporting.choices import Clock, Cut, Grain, Outcome, Repair
from kaitong.reporting.definitions import DEFINITIONS, Definition, Unit
from kaitong.reporting.errors import FiguresNotFound
from kaitong.reporting.models import OrderFact
from kaitong.worktime.budgets import SECONDS, parse_budget
from kaitong.worktime.errors import BudgetError

READERS = frozenset({SUPERVISOR, "manager"})
_SUMS = ", ".join(f"sum({s})::bigint as {s}" for s in adding.SUMS[adding.ORDERS])
_OF_ORDERS = [str(clock) for clock in (Clock.GROSS, Clock.NET, Clock.CONTACT)]
_GROUPS = {"start": "start", "action": "action", "key": "key", "branch": "branch_id", "": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which figures: of what time, branches, action, plan. Empty means all of it."""

    grain: str
    start: date
    branch_id: UUID | None = None
    action: str = ""
    offering: str = ""

    @property
    def end(self) -> date:
        """The first day after."""
        return next_start(self.grain, self.start)


@dataclass(slots=True)
class Bucket:
    """What was counted of one group, and the histograms of its clocks."""

    sums: dict[str, int] = field(default_factory=dict)
    times: dict[str, dict[int, int]] = field(default_factory=dict)

    def value(self, one: Definition) -> float | None:
        """A figure of this group; None where nothing was there to be counted."""
        if one.clock:
            return percentile(self.times.get(one.clock, {}), one.share)
        part = self.sums.get(one.part, 0)
        if one.unit is Unit.COUNT:
            return part
        whole = self.whole(one)
        return part / whole if whole else None

    def whole(self, one: Definition) -> int:
        """Out of how many a figure is."""
        if one.clock:
            return sum(self.times.get(one.clock, {}).values())
        return sum(self.sums.get(name, 0) for name in one.whole)


@dataclass(frozen=True, slots=True)
class Open:
    """What is under way now, and what of it is past the customer's time."""

    total: int
    late: int


@dataclass(frozen=True, slots=True)
class Why:
    outcome: str
    group: str
    cause: str
    count: int


@dataclass(frozen=True, slots=True)
class Done:
    """Work done by one person at one post, or by a whole post (`person` empty)."""

    post: str
    person: str
    name: str
    done: int
    timed: int
    on_time: int
    sent_back: int
    waited: float  # seconds a piece, on average
    held: float


def may_read(actor: Actor) -> bool:
    """Whether figures are for this person at all."""
    return actor.is_system or bool(READERS & actor.posts)


def branches(actor: Actor, branch_id: UUID | None = None) -> list[UUID] | None:
    """The branches whose figures are read: one and what is below it, or all the reader sees.

    None: every branch there is. Forbidden for who does not lead; a foreign branch is not found.
    """
    if not may_read(actor):
        raise Forbidden(_("运营指标由班长和经理查看。"), _("请向本部门负责人索取。"))
    if branch_id is None:
        return None if actor.is_system else list(actor.branch_ids)
    if not actor.sees(branch_id):
        raise FiguresNotFound(_("没有这个分公司的指标。"), _("请从列出的分公司里选。"))
    return [branch_id, *org.branches_below(branch_id)]


def buckets(
    actor: Actor, asked: Asked, *, group: str = "", by: str = Cut.PLAN, since: date | None = None
) -> dict[Any, Bucket]:
    """Figures grouped by start, action, key (the plan, or the grid `by` it), or branch; without a
    group under None. From `since` on, or of the time asked about alone. Two statements."""
    where_of = _own if group == "branch" else _whole
    column = _GROUPS[group]
    where, params = where_of(actor, asked, since, by)
    found: dict[Any, Bucket] = {}
    sql = f"select {column} as grp, {_SUMS} from reporting_orderfigure where by = %s and {where}"
    for row in db.rows(f"{sql} group by 1", [by, *params]):
        key = row.pop("grp")
        found[key if group else None] = Bucket({k: v or 0 for k, v in row.items()})
    if by != Cut.PLAN:
        return found
    where, params = where_of(actor, asked, since, "")
    for name, wanted, split in (
        ("action", asked.action, group == "action" or group == "key" or bool(asked.offering)),
        ("key", asked.offering, group == "key"),
    ):
        if wanted:
            where, params = f"{where} and {name} = %s", [*params, wanted]
        else:  # what stands for all of them, or each of them
            where += f" and {name} {'<>' if split else '='} '{adding.ALL}'"
    sql = f"select {column} as grp, clock, bin, sum(n)::bigint as n from reporting_timefigure"
    sql += f" where clock = any(%s) and {where} group by 1, 2, 3"
    for row in db.rows(sql, [_OF_ORDERS, *params]):
        bucket = found.setdefault(row["grp"] if group else None, Bucket())
        bucket.times.setdefault(row["clock"], {})[row["bin"]] = row["n"]
    return found


def causes(actor: Actor, asked: Asked) -> list[Why]:
    """Why orders were not done, most first."""
    where, params = _whole(actor, asked, None, Cut.PLAN)
    rows = db.rows(
        "select outcome, cause_group, cause, sum(n)::bigint as n from reporting_causefigure"
        f" where outcome <> '{Repair.RESOLVED}' and {where}"
        " group by 1, 2, 3 order by 4 desc, 1, 2, 3",
        params,
    )
    return [Why(r["outcome"], r["cause_group"], r["cause"], r["n"]) for r in rows]


def work(actor: Actor, asked: Asked) -> list[Done]:
    """Work done by post and person, and by post alone: posts with most first, then their people.
    Work is of no plan: only time and branch are asked about."""
    where, params = _own(actor, asked, None, "")
    rows = db.rows(
        "select post, person, grouping(person) as whole, sum(n)::bigint as n,"
        " sum(timed)::bigint as timed, sum(on_time)::bigint as on_time,"
        " sum(sent_back)::bigint as back, sum(waited)::bigint as waited, sum(held)::bigint as held"
        f" from reporting_workfigure where {where}"
        " group by grouping sets ((post), (post, person))",
        params,
    )
    names = org.staff_names(UUID(r["person"]) for r in rows if r["person"])
    total = {r["post"]: r["n"] for r in rows if r["whole"]}
    rows.sort(key=lambda r: (-total[r["post"]], r["post"], -r["whole"], -r["n"], r["person"] or ""))
    return [
        Done(
            post=r["post"],
            person=r["person"] or "",
            name="" if r["whole"] else names.get(UUID(r["person"]), "") if r["person"] else "",
            done=r["n"],
            timed=r["timed"],
            on_time=r["on_time"],
            sent_back=r["back"],
            waited=r["waited"] / r["n"],
            held=r["held"] / r["n"],
        )
        for r in rows
        if r["n"]
    ]


def under_way(actor: Actor, asked: Asked) -> Open:
    """Orders under way now and those past the customer's time; one statement on an index."""
    seen = branches(actor, asked.branch_id)
    rows = OrderFact.objects.filter(ended_day=None)
    if seen is not None:
        rows = rows.filter(branch_id__in=seen)
    if asked.action:
        rows = rows.filter(action=asked.action)
    if asked.offering:
        rows = rows.filter(offering=asked.offering)
    found = rows.aggregate(total=Count("pk"), late=Count("pk", filter=Q(due_at__lt=clock_now())))
    return Open(found["total"], found["late"])


def orders(
    actor: Actor, asked: Asked, figure: Definition, *, offset: int = 0, limit: int | None = None
) -> tuple[list[OrderFact], int]:
    """The orders behind a figure: those that missed it, most recent first; of a time all that
    finished, the longest first; of a count all it counts. And how many in all."""
    seen = branches(actor, asked.branch_id)
    day = "received_day" if figure.key in ("received", "rejected") else "ended_day"
    rows = OrderFact.objects.filter(
        **{f"{day}__gte": asked.start, f"{day}__lt": asked.end}, **_BEHIND.get(figure.key, {})
    )
    if seen is not None:
        rows = rows.filter(branch_id__in=seen)
    if asked.action:
        rows = rows.filter(action=asked.action)
    if asked.offering:
        rows = rows.filter(offering=asked.offering)
    order = ["-received_at"]
    if figure.unit is Unit.TIME:
        rows = rows.filter(**{f"{figure.clock}__isnull": False})
        order = [f"-{figure.clock}"]
    total = rows.count()
    end = None if limit is None else offset + limit
    return list(rows.order_by(*order, "-order_id")[offset:end]), total


# Which orders a figure's reader wants to see: those that make it worse.
_BEHIND: Mapping[str, Mapping[str, Any]] = {
    "completed": {"outcome": Outcome.COMPLETED},
    "on_time": {"on_time": False},
    "contact_on_time": {"contact_on_time": False},
    "kept": {"kept": False},
    "one_visit": {"outcome": Outcome.COMPLETED, "visits__gt": 1},
    "right_first": {"right_first": False},
    "suspended": {"suspended": True},
    "delayed": {"delayed": True},
    "sent_back": {"sent_back": True},
    "failed": {"outcome": Outcome.FAILED},
    "withdrawn": {"outcome": Outcome.WITHDRAWN},
    "rejected": {"outcome": Outcome.REJECTED},
}


def targets(playbook: str = "") -> dict[str, float]:
    """Targets by figure: a share of 0 to 1, or seconds; of one playbook, or of the first that names
    a figure."""
    found: dict[str, float] = {}
    known = ordering.current(ordering.TARGETS)
    for key in [playbook] if playbook else sorted(known):
        for figure, entry in (known.get(key) or {}).items():
            value = _target(entry)
            if value is not None:
                found.setdefault(figure, value)
    return found


def passes(one: Definition, value: float | None, target: float | None) -> bool | None:
    """Whether a figure reaches its target; None where there is nothing to judge."""
    if value is None or target is None or not one.better:
        return None
    return value >= target if one.better == "high" else value <= target


def next_start(grain: str, start: date) -> date:
    if grain == Grain.WEEK:
        return start + timedelta(days=7)
    return (start + timedelta(days=32)).replace(day=1)


def previous_start(grain: str, start: date, steps: int = 1) -> date:
    """The beginning of the week or month so many before."""
    for _step in range(steps):
        start = adding.start_of(grain, start - timedelta(days=1))
    return start


def this_start(grain: str) -> date:
    """The beginning of the week or month that runs now."""
    return adding.start_of(grain, folding.day_of(clock_now()))


def as_of() -> datetime | None:
    """Up to when figures are true."""
    return folding.as_of()


# ---- inside --------------------------------------------------------------------------------------


Where = tuple[str, list[Any]]


def scope(actor: Actor, asked: Asked) -> Where:
    """The condition for all that is read added up: a branch's own rows and what stands below it,
    or what stands below everything."""
    seen = branches(actor, asked.branch_id)
    if seen is None:
        return "grain = %s and branch_id = %s", [adding.BELOW[asked.grain], adding.EVERYWHERE]
    # a branch comes before what is below it
    both = [asked.grain, adding.BELOW[asked.grain]]
    return "grain = any(%s) and branch_id = any(%s)", [both, seen[:1]]


def _whole(actor: Actor, asked: Asked, since: date | None, by: str) -> Where:
    """Conditions on summaries of which the rows of branches are added up already."""
    where, params = scope(actor, asked)
    return _narrowed([where], params, asked, since, by)


def _own(actor: Actor, asked: Asked, since: date | None, by: str) -> Where:
    """Conditions on the rows of each branch, where branches or people are told apart."""
    seen = branches(actor, asked.branch_id)
    parts, params = ["grain = %s"], [asked.grain]
    if seen is not None:
        parts.append("branch_id = any(%s)")
        params.append(seen)  # type: ignore[arg-type]
    return _narrowed(parts, params, asked, since, by)


def _narrowed(
    parts: list[str], params: list[Any], asked: Asked, since: date | None, by: str
) -> Where:
    """By time, business and plan; `by` empty: a summary that knows neither business nor plan."""
    if since is None:
        parts.append("start = %s")
        params.append(asked.start)
    else:
        parts.append("start between %s and %s")
        params += [since, asked.start]
    if by and asked.action:
        parts.append("action = %s")
        params.append(asked.action)
    if by == Cut.PLAN and asked.offering:
        parts.append("key = %s")
        params.append(asked.offering)
    return " and ".join(parts), params


def _target(entry: Any) -> float | None:
    """A target as the playbook writes it; one that cannot be read is none."""
    if not isinstance(entry, Mapping):
        return None
    try:
        if "share" in entry:
            return float(entry["share"]) / 100
        return float(_seconds(str(entry["time"])))
    except (BudgetError, KeyError, TypeError, ValueError):
        return None


def _seconds(text: str) -> int:
    budget = parse_budget(text)
    return budget.amount * SECONDS[budget.unit]


__all__ = [
    "DEFINITIONS", "Asked", "Bucket", "Done", "Open", "Why", "as_of", "branches", "buckets",
    "causes", "may_read", "passes", "targets", "under_way", "work",
]  # fmt: skip
