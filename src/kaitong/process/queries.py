"""Reading the process runtime: work lists (工作台), incidents (异常单), what acting needs.

Every list is paged, takes the actor, and costs a constant number of queries whatever its length.
Where an instance stands is told by `positions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db.models import (
    Case,
    Count,
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
from django.utils.translation import gettext as _

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.org import duty
from kaitong.org import queries as org
from kaitong.org.actor import SUPERVISOR, Actor
from kaitong.process import (
    access,
    due,
    four_eyes,
    listening,
    phase_clock,
    reasons,
    returning,
    suspension,
)
from kaitong.process.choices import GOING_WORK, OPEN_WORK, WorkState
from kaitong.process.definitions import model_of
from kaitong.process.errors import ProcessNotFound
from kaitong.process.incidents import (
    GroupRow,
    IncidentRow,
    NoteRow,
    ProposalRow,
    Settling,
    group_rows,
    incident,
    incident_causes,
    incident_groups,
    incident_notes,
    incident_rows,
    incidents,
    proposal,
    settling,
)
from kaitong.process.listening import StepFact
from kaitong.process.model import Node, NodeKind, WaitKind
from kaitong.process.models import (
    Definition,
    Feedback,
    Helper,
    Instance,
    Suspension,
    Token,
    WorkItem,
)
from kaitong.process.phase_clock import PhaseFact
from kaitong.process.positions import (
    HistoryRow,
    Picture,
    StepRow,
    flows_taken,
    history,
    passed,
    picture,
    positions,
    steps,
    still_running,
)
from kaitong.process.returning import Open as ReturnOpen
from kaitong.process.returning import ReturnPlan, return_plan
from kaitong.process.scoped import variables_at
from kaitong.process.standing import WaitFact, waits
from kaitong.process.standstill import Standstill
from kaitong.process.standstill import of_business as standstill
from kaitong.process.starting import Start
from kaitong.process.starting import in_force as starts
from kaitong.process.sweeper import Problem, check
from kaitong.worktime import queries as worktime
from kaitong.worktime import rules

__all__ = [
    "DUES",
    "TABS",
    "GroupRow",
    "HistoryRow",
    "IncidentRow",
    "NoteRow",
    "Page",
    "PhaseFact",
    "Picture",
    "Problem",
    "ProposalRow",
    "ReturnOpen",
    "ReturnPlan",
    "Settling",
    "Standstill",
    "Start",
    "StepClock",
    "StepRow",
    "WaitFact",
    "WorkDetail",
    "WorkRow",
    "check",
    "counts",
    "definition",
    "definitions",
    "explain_due",
    "explain_phase",
    "flows_taken",
    "group_rows",
    "held_by_absent",
    "history",
    "incident",
    "incident_causes",
    "incident_groups",
    "incident_notes",
    "incident_rows",
    "incidents",
    "ledger_of",
    "ledgers_of",
    "open_items_of",
    "passed",
    "phases_of",
    "picture",
    "positions",
    "proposal",
    "provisional_by_calendar",
    "return_plan",
    "settling",
    "standing_at",
    "standstill",
    "starts",
    "state_of",
    "step_clock",
    "steps",
    "steps_with_notice",
    "still_running",
    "suspensions_of",
    "tasks",
    "waiting",
    "waits",
    "work_batches",
    "work_item",
    "work_items",
    "work_rows",
]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkDetail(WorkRow):
    """A work item with what acting on it needs."""

    definition: Node  # the task: form, documentation, extension attributes
    playbook: str
    process_hash: str
    variables: Mapping[str, Any]
    parameters: Mapping[str, Any]
    return_targets: tuple[tuple[str, str], ...]  # (node, title)
    suspend_reasons: tuple[str, ...]
    suspensions: tuple[Suspension, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    helpers: tuple[tuple[UUID, str], ...] = ()  # who helps (协办)
    may_act: bool = False
    may_feedback: bool = False
    barred: bool = False  # four eyes: this person, or whom they act for, did the other step


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
    total = rows.count() if counted is None else counted
    # identifiers first, from the index alone; then only this page's rows
    ids = list(rows.order_by(*order).values_list("pk", flat=True)[offset : offset + limit])
    return Page(_work_rows(WorkItem.objects.filter(pk__in=ids).order_by(*order)), total)


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
            yield _work_rows(page.order_by(*order))

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
    return _tab(actor, "todo", False).count()


def counts(actor: Actor, *, everyone: bool = False) -> dict[str, int]:
    """How many items stand in each tab, how many are open ("open"), and how many of those are due
    today, soon, or late; in one statement, in which the open ones are read once."""
    parts: list[str] = []
    params: list[Any] = []
    for tab in TABS:
        sql, values = _sql(_tab(actor, tab, everyone).values_list(Value(1)), "1")
        parts.append(f"(select count(*) from ({sql}) c) as {tab}")
        params += values
    flags = {f"due_{which}": _flag(_due(which)) for which in DUES}
    opened = _tab(actor, "open", everyone).annotate(**flags).values_list(*flags)
    sql, values = _sql(opened, "null::boolean, null::boolean, null::boolean")
    columns = ", ".join(f"count(*) filter (where o.{which}) as {which}" for which in DUES)
    named = f"({sql}) o ({', '.join(DUES)})"
    parts += [f"o.{name}" for name in ("open", *DUES)]
    params += values
    found = db.one(
        f"select {', '.join(parts)} from (select count(*) as open, {columns} from {named}) o",
        params,
    )
    assert found is not None
    return found


def _flag(condition: Q) -> Case:
    return Case(When(condition, then=True), default=False)


def _sql(rows: QuerySet[Any], columns: str) -> tuple[str, Sequence[Any]]:
    """The statement of a query; of somebody without a post, or a branch, one without rows."""
    try:
        sql, values = rows.query.sql_with_params()
    except EmptyResultSet:
        return f"select {columns} where false", ()
    return sql, values


def work_item(actor: Actor, item_id: UUID) -> WorkDetail:
    """A work item with its form, ledger and targets of return. NotFound for another branch's."""
    item = _visible(actor).select_related("instance__definition").filter(pk=item_id).first()
    if item is None:
        raise ProcessNotFound(_("没有这张工单。"), _("请核对编号和所在分公司。"))
    process = model_of(item.instance.definition_id)
    node = process.nodes[item.node]
    codes = node.extension.get("suspend-reasons", "").replace(",", " ").replace(";", " ").split()
    targets = (
        returning.return_targets(item.instance_id, process, item.node)
        if item.state in OPEN_WORK
        else set()
    )
    row = _work_rows(WorkItem.objects.filter(pk=item_id))[0]
    helping = list(
        Helper.objects.filter(workitem_id=item_id).order_by("id").values_list("staff_id", flat=True)
    )
    names = org.staff_names(helping)
    may_act = actor.is_supervisor or (
        actor.has_post(item.post) and access.in_department(actor, item.only_department)
    )
    return WorkDetail(
        **{name: getattr(row, name) for name in WorkRow.__dataclass_fields__},
        definition=node,
        playbook=item.instance.definition.playbook,
        process_hash=item.instance.definition.hash,
        variables=variables_at(item.instance, item.token_id),
        parameters=item.instance.parameters,
        return_targets=tuple((n.id, n.name) for n in process.nodes.values() if n.id in targets),
        suspend_reasons=tuple(codes),
        suspensions=tuple(
            Suspension.objects.filter(workitem_id=item_id, voided_at=None).order_by("since")
        ),
        feedback=tuple(Feedback.objects.filter(workitem_id=item_id).order_by("created_at")),
        helpers=tuple((person, names.get(person, "")) for person in helping),
        may_act=may_act,
        barred=item.state in OPEN_WORK
        and four_eyes.refuses(
            process,
            item.instance_id,
            node,
            actor,
            actor.behalf(item.post, item.claimed_by),
            item.passage,
        ),
        may_feedback=item.state in OPEN_WORK and (may_act or actor.id in helping),
    )


def work_rows(actor: Actor, item_ids: Iterable[UUID]) -> list[WorkRow]:
    """These items as lists show them; what the actor does not see is left out."""
    return _work_rows(_visible(actor).filter(pk__in=list(item_ids)))


def held_by_absent(actor: Actor, *, limit: int = 200) -> list[WorkRow]:
    """Open work in the hands of people who are not there now: a supervisor gives it to others."""
    away = list(duty.absent_now(actor.branch_ids))
    if not away or not actor.is_supervisor:
        return []
    rows = _visible(actor).filter(claimed_by__in=away, state__in=OPEN_WORK)
    ids = list(rows.order_by(*_urgent("open")).values_list("pk", flat=True)[:limit])
    return _work_rows(WorkItem.objects.filter(pk__in=ids).order_by(*_urgent("open")))


def open_items_of(actor: Actor, business_ids: Iterable[UUID]) -> dict[UUID, list[WorkRow]]:
    """Open work items by business id, whatever the actor's posts (an order page shows them)."""
    rows = _visible(actor).filter(business_id__in=list(business_ids), state__in=OPEN_WORK)
    found: dict[UUID, list[WorkRow]] = {}
    for row in _work_rows(rows.order_by("id")):
        assert row.business_id is not None
        found.setdefault(row.business_id, []).append(row)
    return found


def steps_with_notice(business_id: UUID) -> list[StepFact]:
    """Open work of an order whose tasks name notices, as a listener would have heard of it."""
    found: list[StepFact] = []
    rows = WorkItem.objects.filter(business_id=business_id, state__in=OPEN_WORK)
    for item in rows.select_related("instance").order_by("id"):
        process = model_of(item.instance.definition_id)
        if listening.named(process.nodes[item.node]):
            columns = {f.attname: getattr(item, f.attname) for f in item._meta.concrete_fields}
            found += listening.facts(
                process,
                instance_id=item.instance_id,
                business_id=business_id,
                now=clock_now(),
                opened=[columns],
                changed=[],
            )
    return found


@dataclass(frozen=True, slots=True)
class StepClock:
    """The step's clock (环节时限) of one item: every step of the count, and the time it took."""

    deadline: rules.Deadline
    basis: Mapping[str, Any]
    spent: rules.Spent  # up to now, or to its end


def step_clock(actor: Actor, item_id: UUID, *, say: Callable[[str], str] = str) -> StepClock | None:
    """Why an item is due when it is; None when it has no budget. WorktimeError if uncountable.

    `say` words the titles of reasons, as the playbook has them, for the reader.
    """
    item = _visible(actor).select_related("instance").filter(pk=item_id).first()
    if item is None:
        raise ProcessNotFound(_("没有这张工单。"), _("请核对编号和所在分公司。"))
    if not item.due_basis:
        return None
    lines = list(Suspension.objects.filter(workitem_id=item_id).order_by("since"))
    titles = {c: say(t) for c, t in reasons.titles(item.instance.parameters).items()}
    found = due.explain(item.due_basis, suspension.ledger(lines, titles))
    calendar = worktime.calendar(item.due_basis["calendar"])
    end = item.completed_at or clock_now()
    counted = suspension.ledger(lines)
    return StepClock(found, item.due_basis, rules.spent(item.created_at, end, calendar, counted))


def explain_due(
    actor: Actor, item_id: UUID, *, say: Callable[[str], str] = str
) -> rules.Deadline | None:
    """Only the deadline of `step_clock`."""
    clock = step_clock(actor, item_id, say=say)
    return clock.deadline if clock else None


def ledger_of(business_id: UUID, titles: Mapping[str, str] | None = None) -> list[rules.Suspension]:
    """The suspensions of all work of one business, as its own clock counts them."""
    lines = Suspension.objects.filter(workitem__business_id=business_id, voided_at=None)
    return suspension.ledger(lines.order_by("since", "id"), titles)


def provisional_by_calendar() -> dict[str, int]:
    """How much open work has a due time that is provisional (暂计), by calendar."""
    rows = WorkItem.objects.filter(provisional=True, state__in=OPEN_WORK)
    counted = rows.values_list("due_basis__calendar").annotate(count=Count("id")).order_by()
    return {str(key): count for key, count in counted}


def phases_of(actor: Actor, business_ids: Iterable[UUID]) -> dict[UUID, list[PhaseFact]]:
    """Phases (阶段) by business, in the order in which they began."""
    return phase_clock.of_businesses(actor, business_ids)


def explain_phase(
    actor: Actor, phase_id: UUID, *, say: Callable[[str], str] = str
) -> rules.Deadline | None:
    """Why a phase is due when it is; None without a budget. WorktimeError if uncountable."""
    return phase_clock.explain(actor, phase_id, suspension.ledger, say)


def ledgers_of(business_ids: Iterable[UUID]) -> dict[UUID, list[rules.Suspension]]:
    """The same of many, in one query."""
    rows = Suspension.objects.filter(workitem__business_id__in=list(business_ids), voided_at=None)
    found: dict[UUID, list[rules.Suspension]] = {}
    for line in rows.select_related("workitem").order_by("since", "id"):
        business = line.workitem.business_id
        assert business is not None
        found.setdefault(business, []).extend(suspension.ledger([line]))
    return found


def suspensions_of(business_id: UUID) -> list[Suspension]:
    """The whole ledger of one business with its corrections, each line with its work item."""
    lines = Suspension.objects.filter(workitem__business_id=business_id)
    return list(lines.select_related("workitem").order_by("since", "id"))


def definitions(*, playbook: str | None = None, retired: bool = False) -> list[Definition]:
    """Deployed definitions, newest first, without their files."""
    rows = Definition.objects.defer("bpmn", "decisions").order_by("playbook", "key", "-deployed_at")
    if playbook is not None:
        rows = rows.filter(playbook=playbook)
    return list(rows if retired else rows.filter(retired_at=None))


def tasks() -> dict[str, tuple[Node, ...]]:
    """The steps done by people (环节) in what is deployed now, by playbook, in the files' order."""
    found: dict[str, tuple[Node, ...]] = {}
    for row in (
        Definition.objects.filter(retired_at=None)
        .order_by("playbook", "-key")
        .only("playbook", "key")
    ):
        nodes = model_of(row.pk).nodes.values()
        found[row.playbook] = (
            *found.get(row.playbook, ()),
            *(node for node in nodes if node.kind in (NodeKind.USER, NodeKind.MANUAL)),
        )
    return found


def definition(definition_id: UUID) -> Definition:
    """A definition with its BPMN file (for the picture)."""
    row = Definition.objects.filter(pk=definition_id).first()
    if row is None:
        raise ProcessNotFound(_("没有这个流程定义。"))
    return row


def standing_at(instance_ids: Iterable[UUID]) -> list[Node]:
    """The nodes where tokens of these instances rest; a join is where nobody stands."""
    rows = Token.objects.filter(instance_id__in=list(instance_ids)).exclude(wait=WaitKind.JOIN)
    found: dict[str, Node] = {}
    for node, definition_id in rows.order_by("id").values_list("node", "instance__definition_id"):
        found.setdefault(node, model_of(definition_id).nodes[node])
    return list(found.values())


def state_of(instance_id: UUID) -> str:
    """The state of an instance (InstanceState)."""
    found = Instance.objects.filter(pk=instance_id).values_list("state", flat=True).first()
    if found is None:
        raise ProcessNotFound(_("没有这个流程实例。"))
    return found


def midnight() -> datetime:
    """The beginning of today in the operator's time zone."""
    local = timezone.localtime(clock_now())
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


# ---- who sees what -------------------------------------------------------------------------------


def _visible(actor: Actor) -> QuerySet[WorkItem]:
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
    return Q() if everyone and actor.is_supervisor else _hands(actor)


def _suspended(actor: Actor, everyone: bool) -> Q:
    if everyone and actor.is_supervisor:
        return Q()
    return _hands(actor) | (Q(claimed_by=None) & _posts(actor) & _unbound(actor))


def _done_by(actor: Actor, everyone: bool) -> Q:
    return Q() if everyone and actor.is_supervisor else Q(completed_by=actor.id)


def _tab(actor: Actor, tab: str, everyone: bool) -> QuerySet[WorkItem]:
    rows = _visible(actor)
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


def _work_rows(rows: QuerySet[WorkItem]) -> list[WorkRow]:
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
