"""Reading where instances stand, with the processes they called: tokens, waits, visits.

A called process is an instance of its own; whoever asks about an instance is told of its family:
itself and what it called, at any depth, in a constant number of statements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import db, wording
from kaitong.process import values
from kaitong.process.choices import OPEN_COMMAND, OPEN_WORK, CommandState
from kaitong.process.definitions import model_of
from kaitong.process.errors import ProcessNotFound
from kaitong.process.model import Model, WaitKind
from kaitong.process.models import Command, Incident, Subscription, Timer, Token, WorkItem

_FAMILY = """with recursive family as (
 select i.id as root, i.id, i.definition_id, i.parent_id, ''::varchar as node, null::uuid as token,
 0 as depth from process_instance i where i.id = any(%s)
 union all select f.root, c.id, c.definition_id, c.parent_id, k.node, k.token_id, f.depth + 1
 from family f join process_instance c on c.parent_id = f.id
 join process_call k on k.child_id = c.id)
 select root, id, definition_id, parent_id, node, token, depth from family order by depth, id"""
# an instance of a repeated activity (data.number) is no visit of its own
_VISITS = """select instance_id, node, kind, max(seq) as seq,
 max(at) filter (where not data ? 'number') as at,
 count(*) filter (where not data ? 'number') as count,
 array_agg(distinct data->>'flow') filter (where kind = 'entered') as flows,
 bool_or(kind = 'migrated') as moved
 from process_line where instance_id = any(%s) and id >= %s
 and kind in ('entered', 'left', 'joined', 'interrupted', 'fired', 'migrated')
 group by instance_id, node, kind"""
# Nodes that were given other names when the instance was carried over to another version.
_RENAMED = """select instance_id, data->'names' as names from process_line
 where instance_id = any(%s) and id >= %s and kind = 'migrated' and data ? 'names' order by seq"""
_GRAVITY: tuple[str, ...] = ("incident", "command", "event", "message", "signal", "condition")
_GRAVITY += ("timer", "child", "listen", "scope", "join", "work")


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFact:
    """What one token waits for. `kind` is one of WaitKind.

    `node` is a step of `instance_id`; `place` where that is in the process that was asked about: a
    call activity, if the token stands in a process called there.
    """

    kind: str
    instance_id: UUID
    node: str
    place: str
    title: str
    reason: str
    since: datetime
    next_attempt_at: datetime | None = None
    due_at: datetime | None = None
    suspended_until: datetime | None = None
    post: str = ""
    person: UUID | None = None
    row_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """An instance of a family. `node` and `token` are those of its caller's call activity."""

    root: UUID
    id: UUID
    definition_id: UUID
    parent_id: UUID | None
    node: str
    token: UUID | None
    depth: int

    @property
    def model(self) -> Model:
        return model_of(self.definition_id)


@dataclass(slots=True)
class Visits:
    """What the history says of one node."""

    entered: datetime | None = None
    ended: datetime | None = None
    count: int = 0
    last: str = ""  # the last of entered, left, joined, interrupted, fired
    seq: int = 0


@dataclass(slots=True)
class Standing:
    """Everything read about one instance of a family."""

    instance_id: UUID
    level: int
    model: Model
    tokens: list[Token] = field(default_factory=list)
    visits: dict[str, Visits] = field(default_factory=lambda: defaultdict(Visits))
    flows: set[str] = field(default_factory=set)
    facts: dict[str, WaitFact] = field(default_factory=dict)  # by node, the gravest
    called: dict[str, Standing] = field(default_factory=dict)  # by call activity, the newest
    waits: list[WaitFact] = field(default_factory=list)  # of the whole family; only at its root

    def watch(self, fact: WaitFact, node: str) -> None:
        held = self.facts.get(node)
        if held is None or _GRAVITY.index(fact.kind) < _GRAVITY.index(held.kind):
            self.facts[node] = fact


def family(instance_ids: Iterable[UUID]) -> list[Member]:
    """These instances and all they called, callers before the called."""
    return [Member(**row) for row in db.rows(_FAMILY, [list(instance_ids)])]


def waits(instance_ids: Iterable[UUID]) -> dict[UUID, list[WaitFact]]:
    """What each running instance, and what it called, waits for: one entry a resting token.

    A token that waits for a called process is told of by what that waits for, unless it has not
    begun, or has ended and its caller has not heard of it yet.
    """
    ids = list(instance_ids)
    found: dict[UUID, list[WaitFact]] = {instance_id: [] for instance_id in ids}
    members = family(ids)
    tokens = list(Token.objects.filter(instance_id__in=[m.id for m in members]).order_by("id"))
    models = {member.id: member.model for member in members if tokens}
    for member, fact in _told(members, _facts(tokens, models)):
        found[member.root].append(fact)
    return found


def _told(
    members: Iterable[Member], facts: Iterable[tuple[Token, WaitFact]]
) -> Iterator[tuple[Member, WaitFact]]:
    """Facts with their place in the root's process, without those a called process tells."""
    by_id = {member.id: member for member in members}
    known = list(facts)
    living = {token.instance_id for token, _fact in known}
    spoken_for = {m.token for m in by_id.values() if m.id in living}
    for token, fact in known:
        if token.wait == WaitKind.CHILD and token.id in spoken_for:
            continue
        if token.wait in (WaitKind.SCOPE, WaitKind.LISTEN):
            continue  # what runs inside tells of it; a listener carries nothing on
        member, place = by_id[token.instance_id], fact.node
        at: Member = member
        while at.parent_id is not None and at.id != at.root and at.parent_id in by_id:
            at, place = by_id[at.parent_id], at.node
        yield member, replace(fact, place=place)


def _facts(
    tokens: Iterable[Token], models: Mapping[UUID, Model]
) -> Iterator[tuple[Token, WaitFact]]:
    """What each of these tokens waits for."""
    of_kind = defaultdict(list)
    for token in tokens:
        of_kind[token.wait].append(token.id)
    work = _by_token(WorkItem, of_kind[WaitKind.WORK], state__in=OPEN_WORK)
    commands = _by_token(Command, of_kind[WaitKind.COMMAND], state__in=OPEN_COMMAND)
    timing = [*of_kind[WaitKind.TIMER], *of_kind[WaitKind.EVENT], *of_kind[WaitKind.LISTEN]]
    timers = _by_token(Timer, timing, state="open")  # of an event gateway the earliest
    listening = (WaitKind.MESSAGE, WaitKind.SIGNAL, WaitKind.CONDITION)
    heard = _by_token(Subscription, [i for k in listening for i in of_kind[k]], state="open")
    incidents = _by_token(Incident, of_kind[WaitKind.INCIDENT], state="open")
    for token in tokens:
        node = models[token.instance_id].nodes[token.node]
        told: dict[str, Any] = {"reason": ""}
        match token.wait:
            case WaitKind.WORK if item := work.get(token.id):
                told = {
                    "reason": _work_reason(item),
                    "due_at": item.due_at,
                    "suspended_until": item.suspended_until,
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
            case WaitKind.SIGNAL if subscription := heard.get(token.id):
                told = {"reason": _("等待信号"), "row_id": subscription.pk}
            case WaitKind.CONDITION if subscription := heard.get(token.id):
                told = {"reason": _("等待条件成立"), "row_id": subscription.pk}
            case WaitKind.EVENT:
                first = timers.get(token.id)
                told = {"reason": _("等待最先发生的事"), "due_at": first.due_at if first else None}
            case WaitKind.LISTEN:
                told = {"due_at": timers[token.id].due_at} if token.id in timers else {}
                told["reason"] = _("如有发生，另行处理")
            case WaitKind.SCOPE:
                told = {"reason": _("内部环节进行中")}
            case WaitKind.CHILD:
                told = {"reason": _("等待被调用的流程")}
            case WaitKind.INCIDENT if incident := incidents.get(token.id):
                told = {
                    "reason": wording.read(incident.message),
                    "post": incident.post,
                    "row_id": incident.pk,
                }
            case WaitKind.JOIN:
                told = {"reason": _("等待其他并行环节")}
        fact = WaitFact(
            kind=token.wait,
            instance_id=token.instance_id,
            node=node.id,
            place=node.id,
            title=node.name,
            since=token.created_at,
            **told,
        )
        yield token, fact


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


def standing(instance_id: UUID) -> Standing:
    """Where an instance stands, with what it called; ProcessNotFound where there is none."""
    members = family([instance_id])
    if not members:
        raise ProcessNotFound(_("没有这个流程实例。"))
    found = {m.id: Standing(m.id, m.depth, m.model) for m in members}
    rows = db.rows(_VISITS, [list(found), earliest(instance_id)])
    renamed = renamings(instance_id, list(found)) if any(r["moved"] for r in rows) else {}
    for row in rows:
        if row["node"]:
            names = renamed.get(row["instance_id"], {})
            _visit(found[row["instance_id"]], {**row, "node": names.get(row["node"], row["node"])})
    tokens = list(Token.objects.filter(instance_id__in=list(found)).order_by("id"))
    for token in tokens:
        found[token.instance_id].tokens.append(token)
    facts = list(_facts(tokens, {id_: one.model for id_, one in found.items()}))
    for token, fact in facts:
        found[token.instance_id].watch(fact, fact.node)
    for member in reversed(members):  # the called before their callers: the gravest goes up
        if member.parent_id in found:
            caller, child = found[member.parent_id], found[member.id]
            caller.called.setdefault(member.node, child)
            if any(token.id == member.token for token in caller.tokens):
                for fact in child.facts.values():
                    if fact.kind == WaitKind.INCIDENT:
                        caller.watch(fact, member.node)
    root = found[instance_id]
    root.waits = [fact for _member, fact in _told(members, facts)]
    return root


def _visit(of: Standing, row: Mapping[str, Any]) -> None:
    of.flows.update(flow for flow in row["flows"] or () if flow)
    visit = of.visits[row["node"]]
    if row["kind"] in ("entered", "fired"):
        visit.entered = max(visit.entered or row["at"], row["at"])
        visit.count += row["count"]
    elif visit.ended is None or row["at"] > visit.ended:
        visit.ended = row["at"]
    if row["seq"] > visit.seq:
        visit.seq, visit.last = row["seq"], row["kind"]


def renamings(instance_id: UUID, members: list[UUID]) -> dict[UUID, dict[str, str]]:
    """By instance: what nodes of its earlier versions are called in the one it runs on now."""
    found: dict[UUID, dict[str, str]] = {}
    for row in db.rows(_RENAMED, [members, earliest(instance_id)]):
        names = found.setdefault(row["instance_id"], {})
        later = values.load(row["names"]) if isinstance(row["names"], str) else row["names"]
        for old, new in names.items():
            names[old] = later.get(new, new)
        for old, new in later.items():
            names.setdefault(old, new)
    return found


def earliest(instance_id: UUID) -> UUID:
    """A bound that spares old partitions: no line is older than its instance (a day of skew)."""
    day = 24 * 60 * 60 * 1000
    return UUID(int=max((instance_id.int >> 80) - day, 0) << 80)
