"""Who held an instance, and what it called, how long: read from history, work, ledger, commands.

`shares` makes a sheet of it that adds up. A constant number of statements for any number of
instances.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from kaitong.core import db
from kaitong.process import values
from kaitong.process.choices import IncidentState
from kaitong.process.model import Model, NodeKind
from kaitong.process.models import Command, Incident, Instance, Suspension, WorkItem
from kaitong.process.shares import Holding, Kind
from kaitong.process.standing import earliest, family

_LINES = """select instance_id, kind, node, token, actor_id, at, data::text as data
 from process_line where instance_id = any(%s) and id >= %s and kind = any(%s)
 order by instance_id, seq"""
_MOVES = ("claimed", "released", "dispatched", "redispatched", "transferred")
_VISITS = ("entered", "left", "interrupted", "joined", "fired")
# Their time is told by work, commands, incidents and the processes they call, not by the visit.
_TOLD_OTHERWISE = frozenset(
    {NodeKind.USER, NodeKind.MANUAL, NodeKind.SERVICE, NodeKind.RULE, NodeKind.CALL}
) | {NodeKind.PARALLEL}


def holdings(instance_ids: Iterable[UUID], *, until: datetime) -> list[Holding]:
    """Every stretch in which somebody or something had these instances, up to `until`."""
    wanted = list(instance_ids)
    if not wanted:
        return []
    members = {member.id: member for member in family(wanted)}
    ids = list(members)
    ends = dict(Instance.objects.filter(pk__in=ids).values_list("pk", "ended_at"))
    rows = db.rows(_LINES, [ids, min(map(earliest, wanted)), [*_MOVES, *_VISITS]])
    lines: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        lines[row["instance_id"]].append({**row, "data": values.load(row["data"])})
    found: list[Holding] = []
    moves = _by_item(line for told in lines.values() for line in told if line["kind"] in _MOVES)
    ledger: dict[UUID, list[Suspension]] = defaultdict(list)
    for one in Suspension.objects.filter(workitem__instance_id__in=ids, voided_at=None):
        ledger[one.workitem_id].append(one)
    for item in WorkItem.objects.filter(instance_id__in=ids).order_by("created_at", "id"):
        found += _work(item, moves.get(str(item.pk), []), ledger.get(item.pk, []), until)
    for instance_id, told in lines.items():
        end = ends.get(instance_id) or until
        found += _waits(members[instance_id].model, told, end)
    found += [_command(one, members, until) for one in _commands(ids)]
    found += [_incident(one, until) for one in Incident.objects.filter(instance_id__in=ids)]
    return found


@dataclass(slots=True)
class _Held:
    """Whose a work item is from an instant on."""

    at: datetime
    post: str
    department: str
    person: str


def _by_item(lines: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        found[str(line["data"].get("item", ""))].append(line)
    return found


def _work(
    item: WorkItem, moves: list[Mapping[str, Any]], ledger: list[Suspension], until: datetime
) -> Iterator[Holding]:
    """A work item by who had it, and cut where it was suspended."""
    end = item.completed_at or until
    held = list(_holders(item, moves))
    cuts = [(one.since, one.ended or until, one) for one in sorted(ledger, key=lambda s: s.since)]
    calendar = str((item.due_basis or {}).get("calendar", ""))
    number = 0
    for here, after in zip(held, [*held[1:], None], strict=True):
        stop = after.at if after else end
        base = Holding(
            key="",
            kind=Kind.WORK,
            start=here.at,
            end=stop,
            node=item.node,
            title=item.title,
            post=here.post,
            department=here.department,
            person=here.person,
            calendar=calendar,
            open=after is None and item.completed_at is None,
            item=str(item.pk),
        )
        for piece in _cut(base, cuts, until):
            if piece.start < piece.end:
                yield replace(piece, key=f"{item.pk}:{number:04}")
                number += 1


def _holders(item: WorkItem, moves: list[Mapping[str, Any]]) -> Iterator[_Held]:
    moved = next((line["data"] for line in moves if line["kind"] == "transferred"), None)
    post = str(moved.get("was", item.post)) if moved else item.post
    department = str(moved.get("was_department", item.department)) if moved else item.department
    yield _Held(item.created_at, post, department, "")
    for line in moves:
        data, person = line["data"], ""
        match line["kind"]:
            case "claimed":
                person = str(line["actor_id"] or "")
            case "dispatched" | "redispatched":
                person = str(data.get("to", ""))
            case "transferred":
                post = str(data.get("post", post))
                department = str(data.get("department", department))
        yield _Held(line["at"], post, department, person)


def _cut(
    base: Holding, cuts: list[tuple[datetime, datetime, Suspension]], until: datetime
) -> Iterator[Holding]:
    at = base.start
    for since, ended, line in cuts:
        a, b = max(since, at), min(ended, base.end)
        if a >= b:
            continue
        yield replace(base, start=at, end=a, open=False)
        yield replace(
            base,
            kind=Kind.SUSPENDED,
            start=a,
            end=b,
            cause=line.cause or ("customer" if line.stops_customer else "own"),
            reason=line.reason_code,
            evidence=tuple(map(str, line.evidence or ())),
            open=line.ended is None and b == until,
        )
        at = b
    yield replace(base, start=at)


def _waits(model: Model, lines: list[dict[str, Any]], end: datetime) -> Iterator[Holding]:
    """Visits of nodes that merely wait, from their entering to their leaving."""
    entered: dict[tuple[Any, str], datetime] = {}
    number = 0
    for line in lines:
        node = model.nodes.get(line["node"])
        if line["kind"] not in _VISITS or node is None or node.kind in _TOLD_OTHERWISE:
            continue
        place = (line["token"], line["node"])
        if line["kind"] == "entered":
            entered.setdefault(place, line["at"])
        elif place in entered:
            yield _wait(model, place, entered.pop(place), line["at"], number, open_=False)
            number += 1
    for place, at in entered.items():
        yield _wait(model, place, at, end, number, open_=True)
        number += 1


def _wait(
    model: Model,
    place: tuple[Any, str],
    start: datetime,
    end: datetime,
    number: int,
    *,
    open_: bool,
) -> Holding:
    node = model.nodes[place[1]]
    return Holding(
        key=f"{place[0]}:{place[1]}:{number:04}",
        kind=Kind.WAIT,
        start=start,
        end=end,
        node=node.id,
        title=node.name,
        post=node.lane,
        open=open_,
    )


def _commands(ids: list[UUID]) -> Iterable[Command]:
    return Command.objects.filter(instance_id__in=ids).order_by("created_at", "id")


def _command(one: Command, members: Mapping[UUID, Any], until: datetime) -> Holding:
    node = members[one.instance_id].model.nodes.get(one.node)
    return Holding(
        key=str(one.pk),
        kind=Kind.MACHINE,
        start=one.created_at,
        end=one.ended_at or until,
        node=one.node,
        title=node.name if node else one.node,
        reason=one.reason,
        open=one.ended_at is None,
    )


def _incident(one: Incident, until: datetime) -> Holding:
    going = one.state in (IncidentState.OPEN, IncidentState.RETRYING)
    return Holding(
        key=str(one.pk),
        kind=Kind.INCIDENT,
        start=one.created_at,
        end=one.resolved_at or until,
        node=one.node,
        title=one.title or one.node,
        post=one.post,
        person=str(one.resolved_by or ""),
        reason=one.cause,
        open=going,
    )
