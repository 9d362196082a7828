"""A calendar has changed: due times of open work are counted anew, many in one transaction.

Set-based: a batch costs the same few statements whatever its size. Instances that somebody holds
are left and taken up again at the end, so that nobody waits for anybody. A batch and its progress
are one transaction: killed, it is done whole or not at all, and what stands right already is not
written again. Nobody is warned a second time because of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.core.ids import uuid7
from kaitong.process import due, planned, suspension, values
from kaitong.process.definitions import model_of
from kaitong.process.models import Suspension
from kaitong.worktime import queries as worktime
from kaitong.worktime import rules
from kaitong.worktime import services as worktime_verbs
from kaitong.worktime.calendars import Calendar

BATCH = 500
PART = "work"

# A due time depends on the days between its start and itself, and on nothing else.
_TOUCHED = """ and w.state in ('todo', 'claimed', 'suspended') and w.due_basis is not null
 and w.due_basis->>'calendar' = any(%(calendars)s)
 and (%(first)s::date is null or w.due_at is null or w.provisional or
 (w.created_at < %(last)s::date + interval '2 days' and w.due_at > %(first)s::date
 - interval '1 day'))"""
_NEXT = (
    "select w.id, w.instance_id from process_workitem w where w.id > %(cursor)s"
    + _TOUCHED
    + " order by w.id limit %(limit)s"
)
_LEFT = "select w.id, w.instance_id from process_workitem w where w.id = any(%(left)s)" + _TOUCHED
_LOCK = """select id from process_instance where id = any(%s) order by id
 for no key update skip locked"""
# A statement of its own after the lock: it sees what the previous holder wrote.
_ROWS = """select w.id, w.instance_id, w.node, w.token_id, w.due_at, w.due_basis::text as basis,
 w.provisional, w.alarms::text as alarms, i.seq, i.definition_id from process_workitem w
 join process_instance i on i.id = w.instance_id
 where w.id = any(%s) and w.state in ('todo', 'claimed', 'suspended') order by w.id"""
_PARAMETERS = "select id, parameters::text as parameters from process_instance where id = any(%s)"
_WRITE = """with d as (select %s::jsonb as j),
 items as (update process_workitem w set due_at = u.due_at, due_basis = u.due_basis,
 provisional = u.provisional, warn_at = u.warn_at, alarm_at = u.alarm_at from d,
 jsonb_to_recordset(d.j->'items') as u(id uuid, due_at timestamptz, due_basis jsonb,
 provisional boolean, warn_at timestamptz, alarm_at timestamptz) where w.id = u.id),
 held as (update process_instance i set version = i.version + 1, seq = u.seq from d,
 jsonb_to_recordset(d.j->'instances') as u(id uuid, seq bigint) where i.id = u.id)
 insert into process_history (id, instance_id, seq, actor_id, at, lines)
 select u.id, u.instance_id, u.seq, u.actor_id, u.at,
 jsonb_build_array(jsonb_build_array('recounted', u.node, u.token, u.data)) from d,
 jsonb_to_recordset(d.j->'history') as u(id uuid, instance_id uuid, seq bigint, node text,
 token uuid, actor_id uuid, at timestamptz, data jsonb)"""
_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Moved:
    """A due time that stands elsewhere on another calendar."""

    row: Mapping[str, Any]
    found: due.Due
    ledger: list[rules.Suspension]


def recount_batch(limit: int = BATCH) -> int:
    """Recount one batch of open work after a change of a calendar; rows looked at and tasks ended.

    0 when there is nothing to do now. Any number of workers may call it at once.
    """
    with transaction.atomic():
        task = worktime_verbs.claim(PART)
        if task is None:
            return 0
        given = {"calendars": list(task.calendars), "first": task.first, "last": task.last}
        found = db.rows(_NEXT, {**given, "cursor": task.cursor or _FIRST, "limit": limit})
        again = not found and bool(task.left)
        if again:
            found = db.rows(_LEFT, {**given, "left": task.left[:limit]})
        free = lock_free(row["instance_id"] for row in found)
        mine = [row["id"] for row in found if row["instance_id"] in free]
        held = [row["id"] for row in found if row["instance_id"] not in free]
        moved = _write(_counted(mine), actor_id=task.actor_id, change=task)
        left = [*(task.left[limit:] if again else task.left), *held]
        done = (again or len(found) < limit) and not left
        worktime_verbs.advance(
            task,
            cursor=None if again or not found else found[-1]["id"],
            left=left,
            looked=len(mine),
            moved=moved,
            done=done,
        )
        # what somebody holds is no reason to run in circles
        return len(mine) + done


def would_move(
    calendars: Mapping[str, Calendar],
    *,
    first: date | None,
    last: date | None,
    most: int,
) -> tuple[int, bool]:
    """How many due times of open work would move with these calendars; whether that is all of it.

    Reads at most `most` rows and locks none: an answer for a page, not a promise.
    """
    given = {
        "calendars": list(calendars),
        "first": first,
        "last": last,
        "cursor": _FIRST,
        "limit": most + 1,
    }
    ids = [row["id"] for row in db.rows(_NEXT, given)]
    with worktime.imagining(calendars):
        moved = sum(1 for one in _counted(ids[:most]) if one.found.at != one.row["due_at"])
    return moved, len(ids) <= most


def lock_free(instances: Iterable[UUID]) -> set[UUID]:
    """Lock those instances that nobody holds, in order; which they are."""
    wanted = sorted(set(instances))
    return {row["id"] for row in db.rows(_LOCK, [wanted])} if wanted else set()


def _counted(ids: Sequence[UUID]) -> Iterator[Moved]:
    """Due times that differ from what stands, in two statements for any number of rows."""
    if not ids:
        return
    rows = db.rows(_ROWS, [list(ids)])
    ledger: dict[UUID, list[Suspension]] = defaultdict(list)
    for line in Suspension.objects.filter(workitem_id__in=ids, voided_at=None).order_by("since"):
        ledger[line.workitem_id].append(line)
    for row in rows:
        basis = values.load(row["basis"])
        counted = suspension.ledger(ledger.get(row["id"], ()))
        found = due.recount(basis, counted)
        if found.at is None:  # what cannot be counted keeps what it has
            continue
        if found.at != row["due_at"] or found.provisional != row["provisional"]:
            yield Moved(row, found, counted)


def _write(moved: Iterable[Moved], *, actor_id: UUID | None, change: worktime_verbs.Task) -> int:
    changed = list(moved)
    if not changed:
        return 0
    at = clock_now()
    instances = {one.row["instance_id"] for one in changed}
    parameters = {
        row["id"]: values.load(row["parameters"])
        for row in db.rows(_PARAMETERS, [sorted(instances)])
    }
    seqs = {one.row["instance_id"]: one.row["seq"] for one in changed}
    items, history = [], []
    for one in changed:
        row, found = one.row, one.found
        seqs[row["instance_id"]] += 1
        node = model_of(row["definition_id"]).nodes[row["node"]]
        given = parameters[row["instance_id"]]
        timed = planned.plan(
            node, given, basis=found.basis, due_at=found.at, suspensions=one.ledger
        )
        told = values.load(row["alarms"]) if row["alarms"] else ()
        items.append(
            {
                "alarm_at": planned.following(timed, told or ()),
                "id": row["id"],
                "due_at": found.at,
                "due_basis": found.basis,
                "provisional": found.provisional,
                "warn_at": due.warn_at(node, found.at, given),
            }
        )
        history.append(
            {
                "id": uuid7(),
                "instance_id": row["instance_id"],
                "seq": seqs[row["instance_id"]],
                "node": row["node"],
                "token": row["token_id"],
                "actor_id": actor_id,
                "at": at,
                "data": _told(row, found, change),
            }
        )
    document = {
        "items": items,
        "instances": [{"id": key, "seq": seq} for key, seq in seqs.items()],
        "history": history,
    }
    db.execute(_WRITE, [values.dump(document)])
    return sum(one.found.at != one.row["due_at"] for one in changed)


def _told(row: Mapping[str, Any], found: due.Due, change: worktime_verbs.Task) -> dict[str, Any]:
    told = {
        "item": row["id"],
        "was": row["due_at"],
        "due_at": found.at,
        "provisional": found.provisional,
        "change": change.change_id,
        "reason": change.reason,
    }
    return {key: value for key, value in told.items() if value not in (None, "", False)}
