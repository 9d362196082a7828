"""What begins an instance by itself: a message, a signal or a timer at a start event.

Start events belong to the newest version of a process: deploying it withdraws those of the version
before in the same transaction. A beginning is one transaction with what caused it (the message
delivered, the signal's row, the timer's next occurrence), so that it happens exactly once, however
many workers look and whoever is killed. A starter is held (`for share`, a timer's for itself)
while an instance begins by it: a deployment at that moment comes before or after, never between.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.core.ids import uuid7
from kaitong.org import queries as org
from kaitong.process import due, model, values
from kaitong.process.beginning import begin
from kaitong.process.choices import StarterKind, StarterState
from kaitong.process.cycles import cycle_of, following
from kaitong.process.definitions import model_of
from kaitong.process.errors import ProcessRefused
from kaitong.process.feel.temporal import format_duration, moment_of
from kaitong.process.models import Definition, Starter

TIMERS = """select id from process_starter where state = 'open' and kind = 'timer'
 and next_attempt_at <= %s order by next_attempt_at limit %s for update skip locked"""
SIGNALS = """select id from process_beginning where done_at is null and next_attempt_at <= %s
 order by next_attempt_at, id limit %s for update skip locked"""
_STARTER = """select id, definition_id, branch_id, parameters::text as parameters, node, kind, name,
 text, due_at, count from process_starter where id = %s and state = 'open' for share skip locked"""

Row = dict[str, Any]


# ---- deployment -------------------------------------------------------------------------------


def put(
    definition: Definition,
    process: model.Model,
    *,
    branch_id: UUID | None,
    parameters: Mapping[str, Any],
) -> None:
    """Let the start events of this version stand in the place of those of the version before."""
    with connection.cursor() as cursor:  # two deployments of one process take turns
        name = f"process:{definition.playbook}:{definition.key}"
        cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", [name])
    mine = Starter.objects.filter(
        definition__playbook=definition.playbook, definition__key=definition.key
    )
    old = list(mine.filter(state=StarterState.OPEN).select_for_update(of=("self",)))
    wanted = [node for node in process.nodes.values() if _kind(node)]
    plain = json.loads(values.dump(parameters))
    if {row.definition_id for row in old} == {definition.pk} and _same(old, wanted):
        for row in old:  # the figures may have changed, and where
            row.parameters, row.branch_id = plain, branch_id or row.branch_id
        Starter.objects.bulk_update(old, ["parameters", "branch_id"])
        return
    Starter.objects.filter(pk__in=[row.pk for row in old]).update(state=StarterState.WITHDRAWN)
    if not wanted:
        return
    branch = branch_id or getattr(org.top_branch(), "pk", None)
    if branch is None:
        raise ProcessRefused(
            _("流程由消息、信号或定时开始，但不知道在哪个分公司。"),
            _("请先建立分公司，部署时指明分公司。"),
            field="branch",
        )
    timers = {(row.node, row.text): row for row in old if row.kind == StarterKind.TIMER}
    spent = set(mine.filter(state=StarterState.SPENT).values_list("node", "text"))
    made = []
    for node in wanted:
        if (node.id, _text(node)) in spent:
            continue  # the same timer has no further occurrence, in whichever version
        row = Starter(
            definition=definition,
            branch_id=branch,
            parameters=plain,
            node=node.id,
            kind=_kind(node),
            name=node.message or node.signal,
            text=_text(node),
        )
        before = timers.get((node.id, row.text))
        if before is not None:  # the same timer goes on, wherever it is
            row.due_at, row.count = before.due_at, before.count
        elif node.timer is not None:
            row.due_at, row.count = _first(node.timer, clock_now(), branch, parameters)
            if row.due_at is None:
                continue  # its time has passed
        row.next_attempt_at = row.due_at
        made.append(row)
    _no_rivals(made)
    Starter.objects.bulk_create(made)


def withdraw(definition_id: UUID) -> None:
    """A retired version begins nothing more."""
    Starter.objects.filter(definition_id=definition_id, state=StarterState.OPEN).update(
        state=StarterState.WITHDRAWN
    )


def _kind(node: model.Node) -> str:
    if node.parent:
        return ""  # it begins an event sub-process
    if node.kind is model.NodeKind.TIMER_START:
        return StarterKind.TIMER
    if node.kind is model.NodeKind.SIGNAL_START:
        return StarterKind.SIGNAL
    if node.kind is model.NodeKind.MESSAGE_START or node.instantiate:
        return StarterKind.MESSAGE
    return ""


def _same(old: list[Starter], wanted: list[model.Node]) -> bool:
    """Whether these start events stand already; a timer that is spent stands no more."""
    there = {row.node for row in old}
    return there <= {node.id for node in wanted} and all(
        node.id in there or node.timer is not None for node in wanted
    )


def _text(node: model.Node) -> str:
    if node.timer is None:
        return ""
    spec = node.timer
    text = (spec.cycle or spec.date).text
    return f"{text}{' working' if spec.working else ''}"[:200]


def _no_rivals(made: list[Starter]) -> None:
    """A message begins one thing: another process that it begins in that branch is in the way."""
    for row in made:
        if row.kind != StarterKind.MESSAGE:
            continue
        rival = (
            Starter.objects.filter(
                kind=StarterKind.MESSAGE,
                name=row.name,
                branch_id=row.branch_id,
                state=StarterState.OPEN,
            )
            .select_related("definition")
            .first()
        )
        if rival is not None:
            raise ProcessRefused(
                _("消息 %(name)s 已经开始流程 %(process)s。")
                % {"name": row.name, "process": rival.definition.key},
                _("一个消息只开始一个流程：请换一个消息，或停用那个流程。"),
                field=row.node,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A start event in force."""

    kind: str
    name: str  # of the message or signal; of a timer what is written there
    playbook: str
    process: str
    node: str
    branch: str  # its code
    due_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "due_at": self.due_at.isoformat() if self.due_at else None}


def in_force() -> list[Start]:
    """What messages, signals and timers begin by itself."""
    rows = Starter.objects.filter(state=StarterState.OPEN).select_related("definition", "branch")
    return [
        Start(
            kind=row.kind,
            name=row.name or row.text,
            playbook=row.definition.playbook,
            process=row.definition.key,
            node=row.node,
            branch=row.branch.code,
            due_at=row.due_at,
        )
        for row in rows.order_by("kind", "name", "due_at", "id")
    ]


# ---- timers -----------------------------------------------------------------------------------


def _first(
    spec: model.TimerSpec, now: datetime, branch_id: UUID, parameters: Mapping[str, Any]
) -> tuple[datetime | None, int]:
    """The first occurrence that is still ahead, and its number."""
    if spec.cycle is None:
        at = moment_of(spec.date.evaluate({}))
        return (at if at > now else None), 1
    cycle = cycle_of(spec.cycle.evaluate({}))
    if spec.working and cycle.first is None:
        return _working(format_duration(cycle.interval), now, branch_id, parameters), 1
    at, number = cycle.begins(now), 1
    while at <= now:
        found = following(cycle, at, number, now)
        if found is None:
            return None, number
        at, number = found
    return (None if cycle.ends(at, number) else at), number


def _working(
    duration: str, after: datetime, branch_id: UUID, parameters: Mapping[str, Any]
) -> datetime:
    return due.working_duration(duration, after, due.calendar_key(branch_id, "", parameters))


def by_timer(row: Row, now: datetime) -> bool:
    """Begin the instance of a due occurrence, and set the next."""
    starter = _starter(row["id"])
    if starter is None:
        return False
    at, count = starter["due_at"], starter["count"]
    _begin(
        starter,
        branch_id=starter["branch_id"],
        variables={},
        why={"timer": starter["node"], "due_at": at, "count": count},
    )
    process = model_of(starter["definition_id"])
    upcoming = _upcoming(process.nodes[starter["node"]], starter, now)
    if upcoming is None:
        db.execute("update process_starter set state = 'spent' where id = %s", [row["id"]])
    else:
        db.execute(
            """update process_starter set due_at = %s, next_attempt_at = %s, count = %s,
 attempts = 0 where id = %s""",
            [upcoming[0], upcoming[0], upcoming[1], row["id"]],
        )
    return True


def _upcoming(node: model.Node, starter: Row, now: datetime) -> tuple[datetime, int] | None:
    spec = node.timer
    if spec is None or spec.cycle is None:
        return None
    cycle = cycle_of(spec.cycle.evaluate({}))
    at, count = starter["due_at"], starter["count"]
    if spec.working:
        if cycle.count is not None and count >= cycle.count:
            return None
        after = at if cycle.count is not None else max(at, now)
        parameters = values.load(starter["parameters"])
        duration = format_duration(cycle.interval)
        at = _working(duration, after, starter["branch_id"], parameters)
        return None if cycle.ends(at, count + 1) else (at, count + 1)
    return following(cycle, at, count, now)


# ---- signals and messages ---------------------------------------------------------------------


def by_signal(row: Row, now: datetime) -> bool:
    """Begin the instance of a signal a start event heard; the row is locked."""
    found = db.one(
        """select b.starter_id, b.branch_id, b.key, b."values"::text as told, t.name, t.state
 from process_beginning b join process_starter t on t.id = b.starter_id where b.id = %s""",
        [row["id"]],
    )
    assert found is not None
    starter = _starter(found["starter_id"])
    if starter is None and found["state"] == StarterState.OPEN:
        return False  # a deployment holds it: look again
    instance_id = None
    if starter is not None:  # a version withdrawn meanwhile begins nothing
        instance_id = _begin(
            starter,
            branch_id=found["branch_id"],
            variables=values.load(found["told"]),
            why={"signal": found["name"], "key": found["key"]},
        )
    db.execute(
        "update process_beginning set done_at = %s, instance_id = %s where id = %s",
        [now, instance_id, row["id"]],
    )
    return True


def by_message(message_id: UUID, now: datetime) -> bool:
    """Begin an instance by a kept message nobody waits for; False where nothing begins by it.

    The message's row is locked, and delivered in this transaction.
    """
    message = db.one(
        """select name, branch_id, "values"::text as told from process_message
 where id = %s and state = 'kept'""",
        [message_id],
    )
    if message is None:
        return False
    open_ones = Starter.objects.filter(
        kind=StarterKind.MESSAGE, name=message["name"], state=StarterState.OPEN
    ).order_by("id")
    by_branch = {row.branch_id: row.pk for row in open_ones}
    if not by_branch:
        return False
    branch_id = message["branch_id"] or next(iter(by_branch))
    nearest = [b for b in org.branches_above(branch_id) if b in by_branch]
    starter = _starter(by_branch[nearest[0]]) if nearest else None
    if starter is None:
        return False
    instance_id = _begin(
        starter,
        branch_id=branch_id,
        variables=values.load(message["told"]),
        why={"message": message_id, "name": message["name"]},
    )
    db.execute(
        """update process_message set state = 'delivered', delivered_at = %s, instance_id = %s
 where id = %s""",
        [now, instance_id, message_id],
    )
    return True


def _starter(starter_id: UUID) -> Row | None:
    return db.one(_STARTER, [starter_id])


def _about(variables: Mapping[str, Any]) -> UUID | None:
    """What a message that begins a process says it is about: a value named `business_id`."""
    try:
        return UUID(str(variables.get("business_id") or ""))
    except ValueError:
        return None


def _begin(
    starter: Row, *, branch_id: UUID, variables: Mapping[str, Any], why: Mapping[str, Any]
) -> UUID:
    play = begin(
        instance_id=uuid7(),
        definition_id=starter["definition_id"],
        business_id=_about(variables),
        branch_id=branch_id,
        variables=variables,
        parameters=values.load(starter["parameters"]),
        actor_id=None,
        node=starter["node"],
        why=why,
    )
    return play.loaded.id
