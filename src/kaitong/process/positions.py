"""Where instances stand: what each waits for, the picture's positions, the step table, the history.

Read from tokens, from the rows that watch them, and from the history; never from guesses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.org import queries as org
from kaitong.process import values
from kaitong.process.advance_graph import around, reach
from kaitong.process.choices import CommandState, Position
from kaitong.process.model import NodeKind, WaitKind
from kaitong.process.models import Command, Inbox, WorkItem
from kaitong.process.standing import Standing, Visits, WaitFact, earliest, family, renamings
from kaitong.process.standing import standing as standing_of

STEP_KINDS = (
    NodeKind.USER,
    NodeKind.MANUAL,
    NodeKind.SERVICE,
    NodeKind.RULE,
    NodeKind.CALL,
    NodeKind.SUB,
    NodeKind.RECEIVE,
    NodeKind.SCRIPT,
    NodeKind.SEND,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    instance_id: UUID
    seq: int
    kind: str
    node: str
    node_kind: str  # of NodeKind; "" where the line is about no node
    title: str
    token: UUID | None
    actor_id: UUID | None
    actor_name: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """A row of the step table: 流程环节, 责任角色, 本环节具体工作及职责, 状态, 用时.

    `level` is 0 in the process asked about, 1 in a process it called, and so on.
    """

    instance_id: UUID
    level: int
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


def picture(instance_id: UUID) -> Picture:
    """Steps, positions, flows and waits of an instance, all of one reading."""
    standing = standing_of(instance_id)
    ahead = _ahead(standing)
    return Picture(
        steps=_steps(standing),
        nodes=_nodes(standing, ahead),
        flows=standing.flows,
        waits=standing.waits,
    )


def positions(instance_id: UUID) -> dict[str, str]:
    """The position of every node of an instance's process, for the picture."""
    standing = standing_of(instance_id)
    return _nodes(standing, _ahead(standing))


def flows_taken(instance_id: UUID) -> set[str]:
    """The sequence flows an instance has passed, for the picture."""
    return standing_of(instance_id).flows


def passed(instance_id: UUID) -> set[str]:
    """The nodes an instance has left at least once: what was done there stays done."""
    rows = db.rows(
        """select distinct node from process_line
 where instance_id = %s and id >= %s and kind = 'left'""",
        [instance_id, earliest(instance_id)],
    )
    return {row["node"] for row in rows}


def still_running(business_id: UUID, *, but: UUID) -> datetime | None:
    """Until when a worker may still be running a command of a process that was taken back.

    Cancelling an instance closes its commands, but a worker in the middle of one cannot be
    stopped: who undoes what such a command does waits for its outcome, or for its lease to end.
    A called process that is yet to hear that its caller was taken back is asked about again.
    `but` names the instance that asks. None when nothing runs.
    """
    unheard = Inbox.objects.filter(
        instance__business_id=business_id, key="caller", processed_at=None
    ).exclude(instance_id=but)
    if unheard.exists():
        return clock_now() + timedelta(seconds=1)
    running = Command.objects.filter(
        instance__business_id=business_id,
        state=CommandState.CANCELLED,
        lease_until__gt=clock_now(),
    ).exclude(instance_id=but)
    return running.order_by("-lease_until").values_list("lease_until", flat=True).first()


def steps(instance_id: UUID) -> list[StepRow]:
    """The step table of an instance: what people and machines do, in the model's order."""
    standing = standing_of(instance_id)
    return _steps(standing)


def _nodes(standing: Standing, ahead: set[str]) -> dict[str, str]:
    return {node: _position(standing, node, ahead) for node in standing.model.nodes}


def _family(standing: Standing) -> Iterator[Standing]:
    yield standing
    for child in standing.called.values():
        yield from _family(child)


def _steps(standing: Standing) -> list[StepRow]:
    """Its steps; after a call activity those of the process it called last."""
    ids = [one.instance_id for one in _family(standing)]
    items: dict[tuple[UUID, str], WorkItem] = {
        (item.instance_id, item.node): item  # the newest of each node stays
        for item in WorkItem.objects.filter(instance_id__in=ids).order_by("id")
    }
    names = org.staff_names(
        i for w in items.values() for i in (w.candidate, w.claimed_by, w.completed_by)
    )
    return list(_rows(standing, items, names))


def _rows(
    standing: Standing, items: Mapping[tuple[UUID, str], WorkItem], names: Mapping[UUID, str]
) -> Iterator[StepRow]:
    ahead = _ahead(standing)
    lanes = {lane.post: lane.name for lane in standing.model.lanes}
    moment = clock_now()
    for node in standing.model.nodes.values():
        if node.kind not in STEP_KINDS:
            continue
        status = _position(standing, node.id, ahead)
        visits = standing.visits.get(node.id, Visits())
        fact = standing.facts.get(node.id)
        own = fact if fact and fact.instance_id == standing.instance_id else None
        item = items.get((standing.instance_id, node.id))
        person = (item.completed_by or item.claimed_by or item.candidate) if item else None
        ended = None if fact else visits.ended
        until = ended or moment
        due_at = item.due_at if item else None
        yield StepRow(
            instance_id=standing.instance_id,
            level=standing.level + len(around(standing.model, node.id)),
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
            next_attempt_at=own.next_attempt_at if own else None,
            candidate=item.candidate if item else None,
            person=person,
            person_name=names.get(person, "") if person else "",
            item_id=item.pk if item else None,
            incident_id=fact.row_id if fact and fact.kind == "incident" else None,
            command_id=own.row_id if own and own.kind == "command" else None,
        )
        if child := standing.called.get(node.id):
            yield from _rows(child, items, names)


def history(
    instance_id: UUID, *, after: int = 0, limit: int = 1000, called: bool = False
) -> list[HistoryRow]:
    """The history of an instance in order, from the line after `after`.

    With `called` the lines of the processes it called are among them, in the order of time.
    """
    members = {member.id: member for member in family([instance_id])}
    ids = list(members) if called else [instance_id]
    rows = db.rows(
        """select instance_id, seq, kind, node, token, actor_id, at, data::text as data
 from process_line where instance_id = any(%s) and id >= %s and (seq > %s or instance_id <> %s)
 order by """
        + ("at, id, seq" if called else "seq")
        + " limit %s",
        [ids, earliest(instance_id), after, instance_id, limit],
    )
    names = org.staff_names(row["actor_id"] for row in rows)
    renamed = renamings(instance_id, ids) if any(r["kind"] == "migrated" for r in rows) else {}
    found = []
    for row in rows:
        name = renamed.get(row["instance_id"], {}).get(row["node"], row["node"])
        node = members[row["instance_id"]].model.nodes.get(name)
        found.append(
            HistoryRow(
                instance_id=row["instance_id"],
                seq=row["seq"],
                kind=row["kind"],
                node=name,
                node_kind=node.kind if node else "",
                title=node.name if node else "",
                token=row["token"],
                actor_id=row["actor_id"],
                actor_name=names.get(row["actor_id"], "") if row["actor_id"] else "",
                at=row["at"],
                data=values.load(row["data"]),
            )
        )
    return found


def _ahead(standing: Standing) -> set[str]:
    """The nodes tokens can still come to."""
    return reach(standing.model, {token.node for token in standing.tokens})


def _position(standing: Standing, node: str, ahead: set[str]) -> str:
    fact = standing.facts.get(node)
    if fact is not None:
        match fact.kind:
            case WaitKind.INCIDENT:
                return Position.FAILED
            case WaitKind.WORK | WaitKind.CHILD | WaitKind.SCOPE:
                return Position.ACTIVE
            case WaitKind.COMMAND if fact.next_attempt_at is None:
                return Position.ACTIVE
        return Position.WAITING
    visits = standing.visits.get(node)
    if visits is not None:
        return Position.CANCELLED if visits.last == "interrupted" else Position.DONE
    return Position.NOT_REACHED if node in ahead else Position.SKIPPED
