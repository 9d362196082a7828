"""The work list (工作台): which pieces of work somebody sees, tab by tab, and how many they are.

Every list is paged, takes the actor, and costs a constant number of queries whatever its length.
Numbers are counted as far as anybody needs them (`numbers`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db.models import (
    Case,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.org import duty
from kaitong.org import queries as org
from kaitong.org.actor import SUPERVISOR, Actor
from kaitong.process import numbers
from kaitong.process.choices import GOING_WORK, OPEN_WORK, WorkState
from kaitong.process.errors import ProcessNotFound
from kaitong.process.models import Helper, WorkItem

TABS = ("todo", "mine", "helping", "suspended", "done")  # 待接单, 处理中, 协办, 已挂起, 今日已办
OPEN_TABS = (*TABS, "open")
DUES = ("today", "soon", "late")  # 今日到期, 临期, 超时


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRow:
    """A work item as a list shows it. Names of staff are plain."""

    id: UUID
    instance_id: UUID
    definition_id: UUID
    business_id: UUID | None
    branch_id: UUID
    node: str
    title: str
    part: str  # which of many it is about
    post: str
    department: str
    state: str
    candidate: UUID | None
    candidate_name: str
    assigned_by: UUID | None
    claimed_by: UUID | None
    claimed_name: str
    due_at: datetime | None
    provisional: bool
    overdue: bool
    warn_at: datetime | None
    escalated_at: datetime | None
    urged: int
    returned_from: str
    suspended_until: datetime | None
    created_at: datetime
    claimed_at: datetime | None
    completed_at: datetime | None
    completed_by: UUID | None
    completed_name: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. `total` counts all pages."""

    rows: Sequence[Any] = field(default_factory=list)
    total: int = 0


def work_items(
    actor: Actor,
    *,
    tab: str = "todo",
    post: str | None = None,
    node: str | None = None,
    business_id: UUID | None = None,
    business_ids: Iterable[UUID] | None = None,
    business: Subquery | None = None,
    title: str | None = None,
    due: str = "",
    everyone: bool = False,
    offset: int = 0,
    limit: int = 50,
    counted: int | None = None,
) -> Page:
    """A tab of the workbench, most urgent first. `counted`: how many there are, where the caller
    has just counted them.

    `tab` is one of TABS, or "open": all open work of the actor's posts. `everyone` shows a
    supervisor the whole team's mine/suspended/done. Done is what was completed today. `due` is
    one of DUES. `business` is another package's look at a row's business, null where not wanted.
    """
    rows = _wanted(_tab(actor, tab, everyone), post, node, title, due, business)
    if business_id is not None:
        rows = rows.filter(business_id=business_id)
    if business_ids is not None:
        rows = rows.filter(business_id__in=list(business_ids))
    order = _urgent(tab)
    total = numbers.counted(rows) if counted is None else counted
    # identifiers first, from the index alone; then only this page's rows
    ids = list(rows.order_by(*order).values_list("pk", flat=True)[offset : offset + limit])
    return Page(work_rows_of(WorkItem.objects.filter(pk__in=ids).order_by(*order)), total)


def work_batches(
    actor: Actor,
    *,
    tab: str = "open",
    post: str | None = None,
    node: str | None = None,
    title: str | None = None,
    due: str = "",
    business: Subquery | None = None,
    everyone: bool = False,
    size: int = 500,
) -> tuple[int, Iterator[Sequence[WorkRow]]]:
    """All rows of a tab in its order, so many at a time; and how many there are."""
    rows = _wanted(_tab(actor, tab, everyone), post, node, title, due, business)
    order = _urgent(tab)
    ids = list(rows.order_by(*order).values_list("pk", flat=True))

    def read() -> Iterator[Sequence[WorkRow]]:
        for start in range(0, len(ids), size):
            page = WorkItem.objects.filter(pk__in=ids[start : start + size])
            yield work_rows_of(page.order_by(*order))

    return len(ids), read()


def _wanted(
    rows: QuerySet[WorkItem],
    post: str | None,
    node: str | None,
    title: str | None,
    due: str,
    business: Subquery | None,
) -> QuerySet[WorkItem]:
    if post is not None:
        rows = rows.filter(post=post)
    if node is not None:
        rows = rows.filter(node=node)
    if title is not None:
        rows = rows.filter(title=title)
    if business is not None:
        rows = rows.alias(wanted=business).filter(wanted__isnull=False)
    return rows.filter(_due(due)) if due else rows


def _due(which: str) -> Q:
    """Work whose clock runs (挂起 stands still) by how its time stands: the words of the chip."""
    moment = clock_now()
    match which:
        case "late":
            found = Q(due_at__lt=moment)
        case "soon":  # from its warning on; without one, in the last fifth of its time
            whole = F("due_at") - F("created_at")
            fifth = ExpressionWrapper(whole / Value(5), DurationField())
            since = ExpressionWrapper(F("due_at") - fifth, DateTimeField())
            last = Q(
                LessThanOrEqual(since, Value(moment)), warn_at=None, created_at__lt=F("due_at")
            )
            found = Q(due_at__gte=moment) & (Q(warn_at__lte=moment) | last)
        case "today":
            found = Q(due_at__gte=midnight(), due_at__lt=midnight() + timedelta(days=1))
        case _:
            raise ProcessNotFound(f"There is no due {which!r}.", f"Use one of: {', '.join(DUES)}.")
    return found & Q(state__in=GOING_WORK)


def _urgent(tab: str) -> tuple[Any, str]:
    """Most urgent first; what is done, by when."""
    order = F("completed_at").desc() if tab == "done" else F("due_at").asc(nulls_last=True)
    return order, "id"


def waiting(actor: Actor) -> int:
    """How many items wait for somebody to take them: the workbench's first tab."""
    return numbers.counted(_tab(actor, "todo", False))


def totals(actor: Actor, wanted: Sequence[Mapping[str, Any]]) -> list[numbers.Number]:
    """How many rows each of these lists would have (`tab`, `post`, `title`, `business`, `due`,
    `everyone`, as `work_items` takes them), in one statement; none beyond `numbers.MOST`."""
    if not wanted:
        return []
    parts: list[str] = []
    params: list[Any] = []
    for one in wanted:
        rows = _wanted(
            _tab(actor, one["tab"], bool(one.get("everyone"))),
            one.get("post"),
            None,
            one.get("title"),
            one.get("due", ""),
            one.get("business"),
        )
        sql, values = _sql(rows.order_by().values_list(Value(1))[: numbers.MOST + 1], "1")
        parts.append(f"(select count(*) from ({sql}) c)")
        params += values
    (row,) = db.rows(f"select array[{', '.join(parts)}] as found", params)
    return [numbers.number(n) for n in row["found"]]


def counts(actor: Actor, *, everyone: bool = False) -> dict[str, int]:
    """How many items stand in each tab, how many are open ("open"), and how many of those are due
    today, soon, or late; in one statement, in which the open ones are read once.

    Nothing is counted beyond `numbers.MOST`. Of so much open work a second statement looks which is
    due by when; "soon" is then told of the next that fall due.
    """
    parts: list[str] = []
    params: list[Any] = []
    enough = numbers.MOST + 1
    for tab in TABS:
        sql, values = _sql(_tab(actor, tab, everyone).values_list(Value(1))[:enough], "1")
        parts.append(f"(select count(*) from ({sql}) c) as {tab}")
        params += values
    opened = _tab(actor, "open", everyone)
    sql, values = _flags(opened, DUES)
    parts += [f"o.{name}" for name in ("open", *DUES)]
    found = db.one(f"select {', '.join(parts)} from ({sql}) o", [*params, *values])
    assert found is not None
    told = numbers.numbers(found)
    if found["open"] > numbers.MOST:
        told |= _dues_of_many(opened)
    return told


def _flags(rows: QuerySet[WorkItem], dues: Sequence[str]) -> tuple[str, list[Any]]:
    """The statement that counts rows, and of them those due so."""
    flags = {f"due_{which}": _flag(_due(which)) for which in dues}
    opened = rows.annotate(**flags).values_list(*flags)[: numbers.MOST + 1]
    sql, values = _sql(opened, ", ".join(["null::boolean"] * len(dues)))
    columns = ", ".join(f"count(*) filter (where f.{which}) as {which}" for which in dues)
    named = f"({sql}) f ({', '.join(dues)})"
    return f"select count(*) as open, {columns} from {named}", list(values)


def _dues_of_many(opened: QuerySet[WorkItem]) -> dict[str, int]:
    """Late, and due today, found by when they are due; soon, of the next that fall due."""
    parts: list[str] = []
    params: list[Any] = []
    enough = numbers.MOST + 1
    for which in ("late", "today"):
        sql, values = _sql(opened.filter(_due(which)).values_list(Value(1))[:enough], "1")
        parts.append(f"(select count(*) from ({sql}) c) as {which}")
        params += values
    coming = opened.filter(due_at__gte=clock_now()).order_by("due_at", "id")
    sql, values = _flags(coming, ("soon",))
    found = db.one(
        f"select {', '.join(parts)}, s.soon, s.open as coming from ({sql}) s", [*params, *values]
    )
    assert found is not None
    told = numbers.numbers({which: found[which] for which in ("late", "today")})
    return {**told, "soon": numbers.Number(found["soon"], more=found["coming"] > numbers.MOST)}


def _flag(condition: Q) -> Case:
    return Case(When(condition, then=True), default=False)


def _sql(rows: QuerySet[Any], columns: str) -> tuple[str, Sequence[Any]]:
    """The statement of a query; of somebody without a post, or a branch, one without rows."""
    try:
        sql, values = rows.query.sql_with_params()
    except EmptyResultSet:
        return f"select {columns} where false", ()
    return sql, values


def work_rows(actor: Actor, item_ids: Iterable[UUID]) -> list[WorkRow]:
    """These items as lists show them; what the actor does not see is left out."""
    return work_rows_of(visible(actor).filter(pk__in=list(item_ids)))


def held_by_absent(actor: Actor, *, limit: int = 200) -> list[WorkRow]:
    """Open work in the hands of people who are not there now: a supervisor gives it to others."""
    away = list(duty.absent_now(actor.branch_ids))
    if not away or not actor.is_supervisor:
        return []
    rows = visible(actor).filter(claimed_by__in=away, state__in=OPEN_WORK)
    ids = list(rows.order_by(*_urgent("open")).values_list("pk", flat=True)[:limit])
    return work_rows_of(WorkItem.objects.filter(pk__in=ids).order_by(*_urgent("open")))


def open_items_of(actor: Actor, business_ids: Iterable[UUID]) -> dict[UUID, list[WorkRow]]:
    """Open work items by business id, whatever the actor's posts (an order page shows them)."""
    rows = visible(actor).filter(business_id__in=list(business_ids), state__in=OPEN_WORK)
    found: dict[UUID, list[WorkRow]] = {}
    for row in work_rows_of(rows.order_by("id")):
        assert row.business_id is not None
        found.setdefault(row.business_id, []).append(row)
    return found


def midnight() -> datetime:
    """The beginning of today in the operator's time zone."""
    local = timezone.localtime(clock_now())
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


# ---- who sees what -------------------------------------------------------------------------------


def visible(actor: Actor) -> QuerySet[WorkItem]:
    return org.visible_to(WorkItem.objects.all(), actor)


def _posts(actor: Actor) -> Q:
    """Work of the actor's posts; a department's own only where it is theirs."""
    if actor.is_supervisor:
        return Q()
    return Q(post__in=sorted(actor.posts)) & _departments(actor)


def _departments(actor: Actor) -> Q:
    if actor.is_supervisor:
        return Q()
    return Q(only_department__in=["", actor.department] if actor.department else [""])


def _hands(actor: Actor) -> Q:
    """What is in the actor's hand, or a colleague's who has handed the post over (委托)."""
    found = Q(claimed_by=actor.id)
    for mandate in actor.mandates:
        posts = Q() if SUPERVISOR in mandate.posts else Q(post__in=sorted(mandate.posts))
        found |= Q(claimed_by=mandate.principal) & posts
    return found


def _unbound(actor: Actor) -> Q:
    """Not dispatched by a person to somebody else."""
    if actor.is_supervisor:
        return Q()
    found = Q(candidate=None) | Q(assigned_by=None) | Q(candidate=actor.id)
    return (
        found | Q(candidate__in=[m.principal for m in actor.mandates]) if actor.mandates else found
    )


def _mine(actor: Actor, everyone: bool) -> Q:
    if everyone and actor.is_supervisor:
        return Q(claimed_by__isnull=False)  # as is all that is claimed: its index has no other
    return _hands(actor)


def _suspended(actor: Actor, everyone: bool) -> Q:
    if everyone and actor.is_supervisor:
        return Q()
    return _hands(actor) | (Q(claimed_by=None) & _posts(actor) & _unbound(actor))


def _done_by(actor: Actor, everyone: bool) -> Q:
    return Q() if everyone and actor.is_supervisor else Q(completed_by=actor.id)


def _tab(actor: Actor, tab: str, everyone: bool) -> QuerySet[WorkItem]:
    rows = visible(actor)
    match tab:
        case "todo":
            return rows.filter(_posts(actor), _unbound(actor), state=WorkState.TODO)
        case "mine":
            return rows.filter(_mine(actor, everyone), state=WorkState.CLAIMED)
        case "helping":
            if actor.id is None:
                return rows.none()
            helped = Helper.objects.filter(staff_id=actor.id).values("workitem_id")
            return rows.filter(pk__in=helped, state__in=OPEN_WORK)
        case "suspended":
            return rows.filter(_suspended(actor, everyone), state=WorkState.SUSPENDED)
        case "done":
            return rows.filter(
                _done_by(actor, everyone), state=WorkState.DONE, completed_at__gte=midnight()
            )
        case "open":
            return rows.filter(_posts(actor), state__in=OPEN_WORK)
    raise ProcessNotFound(f"There is no tab {tab!r}.", f"Use one of: {', '.join(OPEN_TABS)}.")


def work_rows_of(rows: QuerySet[WorkItem]) -> list[WorkRow]:
    items = list(rows.annotate(definition_id=F("instance__definition_id")))
    people = [i for w in items for i in (w.candidate, w.claimed_by, w.completed_by)]
    names = org.staff_names(people)
    moment = clock_now()

    def name(person: UUID | None) -> str:
        return names.get(person, "") if person else ""

    return [
        WorkRow(
            id=w.pk,
            instance_id=w.instance_id,
            definition_id=w.definition_id,
            business_id=w.business_id,
            branch_id=w.branch_id,
            node=w.node,
            title=w.title,
            part=w.part,
            post=w.post,
            department=w.department,
            state=w.state,
            candidate=w.candidate,
            candidate_name=name(w.candidate),
            assigned_by=w.assigned_by,
            claimed_by=w.claimed_by,
            claimed_name=name(w.claimed_by),
            due_at=w.due_at,
            provisional=w.provisional,
            overdue=w.due_at is not None and (w.completed_at or moment) > w.due_at,
            warn_at=w.warn_at,
            escalated_at=w.escalated_at,
            urged=w.urged,
            returned_from=w.returned_from,
            suspended_until=w.suspended_until,
            created_at=w.created_at,
            claimed_at=w.claimed_at,
            completed_at=w.completed_at,
            completed_by=w.completed_by,
            completed_name=name(w.completed_by),
        )
        for w in items
    ]
