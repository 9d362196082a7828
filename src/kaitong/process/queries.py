"""Reading the process runtime: what acting needs, clocks and ledgers, definitions.

Work lists (工作台) are of `worklist`, incidents (异常单) of `incidents`; `positions` tells where an
instance stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import (
    Count,
)
from django.utils.translation import gettext as _

from kaitong.core import plain
from kaitong.core.clock import now as clock_now
from kaitong.org import queries as org
from kaitong.org.actor import Actor
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
from kaitong.process.choices import OPEN_WORK
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
from kaitong.process.worklist import (
    DUES,
    TABS,
    Page,
    WorkRow,
    counts,
    held_by_absent,
    midnight,
    open_items_of,
    totals,
    visible,
    waiting,
    work_batches,
    work_items,
    work_rows,
    work_rows_of,
)
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
    "midnight",
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
    "totals",
    "waiting",
    "waits",
    "work_batches",
    "work_item",
    "work_items",
    "work_rows",
]


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


def work_item(actor: Actor, item_id: UUID) -> WorkDetail:
    """A work item with its form, ledger and targets of return. NotFound for another branch's."""
    item = visible(actor).select_related("instance__definition").filter(pk=item_id).first()
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
    row = work_rows_of(WorkItem.objects.filter(pk=item_id))[0]
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


_OPEN_WORK_OF = """select 1 from process_workitem
 where business_id = %s and state = any(%s::text[]) limit 1"""


def steps_with_notice(business_id: UUID) -> list[StepFact]:
    """Open work of an order whose tasks name notices, as a listener would have heard of it."""
    found: list[StepFact] = []
    if not plain.ask(_OPEN_WORK_OF, [business_id, plain.array(OPEN_WORK)]):
        return found
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
    item = visible(actor).select_related("instance").filter(pk=item_id).first()
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
