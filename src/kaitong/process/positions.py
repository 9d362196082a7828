"""Where instances stand: what each waits for, the picture's positions, the step table, the history.

Read from tokens, from the rows that watch them, and from the history; never from guesses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import db, wording
from kaitong.core.clock import now as clock_now
from kaitong.org import queries as org
from kaitong.process import values
from kaitong.process.advance_graph import reach
from kaitong.process.choices import OPEN_COMMAND, OPEN_WORK, CommandState, Position
from kaitong.process.definitions import model_of
from kaitong.process.errors import ProcessNotFound
from kaitong.process.model import Model, NodeKind, WaitKind
from kaitong.process.models import (
    Command,
    Incident,
    Instance,
    Subscription,
    Timer,
    Token,
    WorkItem,
)

STEP_KINDS = (
    NodeKind.USER,
    NodeKind.MANUAL,
    NodeKind.SERVICE,
    NodeKind.RULE,
    NodeKind.RECEIVE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFact:
    """What one token waits for. `kind`: work, command, timer, message, incident, join."""

    kind: str
    node: str
    title: str
    reason: str
    since: datetime
    next_attempt_at: datetime | None = None
    due_at: datetime | None = None
    post: str = ""
    person: UUID | None = None
    row_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    seq: int
    kind: str
    node: str
    title: str
    token: UUID | None
    actor_id: UUID | None
    actor_name: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """A row of the step table: 流程环节, 责任角色, 本环节具体工作及职责, 状态, 用时."""

    node: str
    title: str
    kind: str
    post: str
    lane: str
    documentation: str
    status: str
    reason: str = ""
    visits: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    took: timedelta | None = None  # of the last visit, up to now while it lasts
    due_at: datetime | None = None
    overdue: bool = False
    next_attempt_at: datetime | None = None
    candidate: UUID | None = None
    person: UUID | None = None  # who has it in hand, or did it
    person_name: str = ""
    item_id: UUID | None = None
    incident_id: UUID | None = None
    command_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is shown of where one instance stands."""

    steps: list[StepRow]
    nodes: dict[str, str]  # the position of every node
    flows: set[str]  # sequence flows passed
    waits: list[WaitFact]


@dataclass(slots=True)
class _Visits:
    """What the history says of one node."""

    entered: datetime | None = None
    ended: datetime | None = None
    count: int = 0
    last: str = ""  # the last of entered, left, joined, interrupted, fired
    seq: int = 0


@dataclass(slots=True)
class _Standing:
    """Everything read about one instance."""

    instance_id: UUID
    model: Model
    tokens: list[Token]
    visits: Mapping[str, _Visits]
    flows: set[str]
    waits: list[WaitFact]
    facts: dict[str, WaitFact] = field(default_factory=dict)  # by node, the gravest


_GRAVITY = ("incident", "command", "event", "message", "timer", "join", "work")


def waits(instance_ids: Iterable[UUID]) -> dict[UUID, list[WaitFact]]:
    """What each running instance waits for, in words of facts; one entry a resting token."""
    ids = list(instance_ids)
    found: dict[UUID, list[WaitFact]] = {instance_id: [] for instance_id in ids}
    tokens = list(Token.objects.filter(instance_id__in=ids).order_by("id"))
    models = {
        row_id: model_of(definition)
        for row_id, definition in Instance.objects.filter(
            id__in={t.instance_id for t in tokens}
        ).values_list("id", "definition_id")
    }
    for token, fact in _facts(tokens, models):
        found[token.instance_id].append(fact)
    return found


def _facts(
    tokens: Sequence[Token], models: Mapping[UUID, Model]
) -> Iterator[tuple[Token, WaitFact]]:
    """What each of these tokens waits for."""
    of_kind = defaultdict(list)
    for token in tokens:
        of_kind[token.wait].append(token.id)
    work = _by_token(WorkItem, of_kind[WaitKind.WORK], state__in=OPEN_WORK)
    commands = _by_token(Command, of_kind[WaitKind.COMMAND], state__in=OPEN_COMMAND)
    timing = [*of_kind[WaitKind.TIMER], *of_kind[WaitKind.EVENT]]
    timers = _by_token(Timer, timing, state="open")  # of an event gateway the earliest
    heard = _by_token(Subscription, of_kind[WaitKind.MESSAGE], state="open")
    incidents = _by_token(Incident, of_kind[WaitKind.INCIDENT], state="open")
    for token in tokens:
        node = models[token.instance_id].nodes[token.node]
        told: dict[str, Any] = {"reason": ""}
        match token.wait:
            case WaitKind.WORK if item := work.get(token.id):
                told = {
                    "reason": _work_reason(item),
                    "due_at": item.due_at,
                    "post": item.post,
                    "person": item.claimed_by or item.candidate,
                    "row_id": item.pk,
                }
            case WaitKind.COMMAND if command := commands.get(token.id):
                told = {
                    "reason": _command_reason(command),
                    "next_attempt_at": command.next_attempt_at
                    if command.state != CommandState.RUNNING
                    else None,
                    "row_id": command.pk,
                }
            case WaitKind.TIMER if timer := timers.get(token.id):
                told = {"reason": _("到时继续"), "due_at": timer.due_at, "row_id": timer.pk}
            case WaitKind.MESSAGE if subscription := heard.get(token.id):
                told = {"reason": _("等待消息"), "row_id": subscription.pk}
            case WaitKind.EVENT:
                first = timers.get(token.id)
                told = {"reason": _("等待最先发生的事"), "due_at": first.due_at if first else None}
            case WaitKind.INCIDENT if incident := incidents.get(token.id):
                told = {
                    "reason": wording.read(incident.message),
                    "post": incident.post,
                    "row_id": incident.pk,
                }
            case WaitKind.JOIN:
                told = {"reason": _("等待其他并行环节")}
        yield (
            token,
            WaitFact(
                kind=token.wait, node=node.id, title=node.name, since=token.created_at, **told
            ),
        )


def picture(instance_id: UUID) -> Picture:
    """Steps, positions, flows and waits of an instance, all of one reading."""
    standing = _standing(instance_id)
    ahead = _ahead(standing)
    return Picture(
        steps=_steps(standing, ahead),
        nodes=_nodes(standing, ahead),
        flows=standing.flows,
        waits=standing.waits,
    )


def positions(instance_id: UUID) -> dict[str, str]:
    """The position of every node of an instance's process, for the picture."""
    standing = _standing(instance_id)
    return _nodes(standing, _ahead(standing))


def flows_taken(instance_id: UUID) -> set[str]:
    """The sequence flows an instance has passed, for the picture."""
    return _standing(instance_id).flows


def passed(instance_id: UUID) -> set[str]:
    """The nodes an instance has left at least once: what was done there stays done."""
    rows = db.rows(
        """select distinct node from process_history
 where instance_id = %s and id >= %s and kind = 'left'""",
        [instance_id, _earliest(instance_id)],
    )
    return {row["node"] for row in rows}


def still_running(business_id: UUID, *, but: UUID) -> datetime | None:
    """Until when a worker may still be running a command of a process that was taken back.

    Cancelling an instance closes its commands, but a worker in the middle of one cannot be
    stopped: who undoes what such a command does waits for its outcome, or for its lease to end.
    `but` names the instance that asks. None when nothing runs.
    """
    running = Command.objects.filter(
        instance__business_id=business_id,
        state=CommandState.CANCELLED,
        lease_until__gt=clock_now(),
    ).exclude(instance_id=but)
    return running.order_by("-lease_until").values_list("lease_until", flat=True).first()


def steps(instance_id: UUID) -> list[StepRow]:
    """The step table of an instance: what people and machines do, in the model's order."""
    standing = _standing(instance_id)
    return _steps(standing, _ahead(standing))


def _nodes(standing: _Standing, ahead: set[str]) -> dict[str, str]:
    return {node: _position(standing, node, ahead) for node in standing.model.nodes}


def _steps(standing: _Standing, ahead: set[str]) -> list[StepRow]:
    items: dict[str, WorkItem] = {
        item.node: item  # the newest of each node stays
        for item in WorkItem.objects.filter(instance_id=standing.instance_id).order_by("id")
    }
    names = org.staff_names(
        i for w in items.values() for i in (w.candidate, w.claimed_by, w.completed_by)
    )
    lanes = {lane.post: lane.name for lane in standing.model.lanes}
    moment = clock_now()
    table = []
    for node in standing.model.nodes.values():
        if node.kind not in STEP_KINDS:
            continue
        status = _position(standing, node.id, ahead)
        visits = standing.visits.get(node.id, _Visits())
        fact = standing.facts.get(node.id)
        item = items.get(node.id)
        person = (item.completed_by or item.claimed_by or item.candidate) if item else None
        ended = None if fact else visits.ended
        until = ended or moment
        due_at = item.due_at if item else None
        table.append(
            StepRow(
                node=node.id,
                title=node.name,
                kind=node.kind,
                post=item.post if item else node.lane,
                lane=lanes.get(node.lane, node.lane),
                documentation=node.documentation,
                status=status,
                reason=fact.reason if fact else "",
                visits=visits.count,
                started_at=visits.entered,
                ended_at=ended,
                took=until - visits.entered if visits.entered and (ended or fact) else None,
                due_at=due_at,
                overdue=due_at is not None and until > due_at,
                next_attempt_at=fact.next_attempt_at if fact else None,
                candidate=item.candidate if item else None,
                person=person,
                person_name=names.get(person, "") if person else "",
                item_id=item.pk if item else None,
                incident_id=fact.row_id if fact and fact.kind == "incident" else None,
                command_id=fact.row_id if fact and fact.kind == "command" else None,
            )
        )
    return table


def history(instance_id: UUID, *, after: int = 0, limit: int = 1000) -> list[HistoryRow]:
    """The history of an instance in order, from the line after `after`."""
    rows = db.rows(
        """select seq, kind, node, token, actor_id, at, data::text as data,
 (select definition_id from process_instance where id = instance_id) as definition_id
 from process_history where instance_id = %s and id >= %s and seq > %s order by seq limit %s""",
        [instance_id, _earliest(instance_id), after, limit],
    )
    if not rows:
        return []
    process = model_of(rows[0]["definition_id"])
    names = org.staff_names(row["actor_id"] for row in rows)
    return [
        HistoryRow(
            seq=row["seq"],
            kind=row["kind"],
            node=row["node"],
            title=process.nodes[row["node"]].name if row["node"] in process.nodes else "",
            token=row["token"],
            actor_id=row["actor_id"],
            actor_name=names.get(row["actor_id"], "") if row["actor_id"] else "",
            at=row["at"],
            data=values.load(row["data"]),
        )
        for row in rows
    ]


# ---- reading -------------------------------------------------------------------------------------


def _by_token(model: Any, token_ids: list[UUID], **filters: Any) -> dict[UUID, Any]:
    if not token_ids:
        return {}
    rows = model.objects.filter(token_id__in=token_ids, **filters)
    if model is Timer:
        rows = rows.order_by("-due_at")
    return {row.token_id: row for row in rows}


def _work_reason(item: WorkItem) -> str:
    match item.state:
        case "suspended":
            return _("已挂起")
        case "claimed":
            return _("处理中")
    return _("待接单")


def _command_reason(command: Command) -> str:
    match command.state:
        case CommandState.WAITING:
            return wording.read(command.reason)
        case CommandState.RUNNING:
            return _("执行中")
    if command.attempts:
        return _("失败 %(count)s 次，将重试：%(error)s") % {
            "count": command.attempts,
            "error": wording.read(command.last_error),
        }
    return _("等待执行")


def _standing(instance_id: UUID) -> _Standing:
    definition = (
        Instance.objects.filter(pk=instance_id).values_list("definition_id", flat=True).first()
    )
    if definition is None:
        raise ProcessNotFound(_("没有这个流程实例。"))
    model = model_of(definition)
    tokens = list(Token.objects.filter(instance_id=instance_id).order_by("id"))
    visits: dict[str, _Visits] = defaultdict(_Visits)
    flows: set[str] = set()
    for row in db.rows(
        """select node, kind, max(at) as at, max(seq) as seq, count(*) as count,
 array_agg(distinct data->>'flow') filter (where kind = 'entered') as flows
 from process_history where instance_id = %s and id >= %s
 and kind in ('entered', 'left', 'joined', 'interrupted', 'fired') group by node, kind""",
        [instance_id, _earliest(instance_id)],
    ):
        flows.update(flow for flow in row["flows"] or () if flow)
        visit = visits[row["node"]]
        if row["kind"] in ("entered", "fired"):
            visit.entered = row["at"]
            visit.count = row["count"]
        elif visit.ended is None or row["at"] > visit.ended:
            visit.ended = row["at"]
        if row["seq"] > visit.seq:
            visit.seq, visit.last = row["seq"], row["kind"]
    waits = [fact for _token, fact in _facts(tokens, {instance_id: model})]
    standing = _Standing(instance_id, model, tokens, visits, flows, waits)
    for fact in waits:
        held = standing.facts.get(fact.node)
        if held is None or _GRAVITY.index(fact.kind) < _GRAVITY.index(held.kind):
            standing.facts[fact.node] = fact
    return standing


def _ahead(standing: _Standing) -> set[str]:
    """The nodes tokens can still come to."""
    return reach(standing.model, {token.node for token in standing.tokens})


def _position(standing: _Standing, node: str, ahead: set[str]) -> str:
    fact = standing.facts.get(node)
    if fact is not None:
        match fact.kind:
            case WaitKind.INCIDENT:
                return Position.FAILED
            case WaitKind.WORK:
                return Position.ACTIVE
            case WaitKind.COMMAND if fact.next_attempt_at is None:
                return Position.ACTIVE
        return Position.WAITING
    visits = standing.visits.get(node)
    if visits is not None:
        return Position.CANCELLED if visits.last == "interrupted" else Position.DONE
    return Position.NOT_REACHED if node in ahead else Position.SKIPPED


def _earliest(instance_id: UUID) -> UUID:
    """A bound that spares old partitions: no line is older than its instance (a day of skew)."""
    day = 24 * 60 * 60 * 1000
    return UUID(int=max((instance_id.int >> 80) - day, 0) << 80)
