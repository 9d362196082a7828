"""A calendar has changed: open phases (阶段时限) are counted anew, as `recount` does for steps."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.core.ids import uuid7
from kaitong.process import due, phases, planned, suspension, values
from kaitong.process.definitions import model_of
from kaitong.process.models import Phase, Suspension
from kaitong.process.recount import lock_free
from kaitong.worktime import services as worktime_verbs

BATCH = 500
PART = "phases"
_WRITE = """with d as (select %s::jsonb as j),
 rows as (update process_phase r set due_at = u.due_at, due_basis = u.due_basis,
 provisional = u.provisional, alarm_at = u.alarm_at from d,
 jsonb_to_recordset(d.j->'phases') as u(id uuid, due_at timestamptz, due_basis jsonb,
 provisional boolean, alarm_at timestamptz) where r.id = u.id),
 held as (update process_instance i set version = i.version + 1, seq = u.seq from d,
 jsonb_to_recordset(d.j->'instances') as u(id uuid, seq bigint) where i.id = u.id)
 insert into process_history (id, instance_id, seq, actor_id, at, lines)
 select u.id, u.instance_id, u.seq, u.actor_id, u.at,
 jsonb_build_array(jsonb_build_array('phase-recounted', '', null, u.data)) from d,
 jsonb_to_recordset(d.j->'history') as u(id uuid, instance_id uuid, seq bigint, actor_id uuid,
 at timestamptz, data jsonb)"""


def recount_batch(limit: int = BATCH) -> int:
    """Recount one batch of open phases; rows looked at and tasks ended, 0 when there is none."""
    with transaction.atomic():
        task = worktime_verbs.claim(PART)
        if task is None:
            return 0
        wanted = Phase.objects.filter(
            ended_at=None, due_basis__calendar__in=list(task.calendars)
        ).order_by("pk")
        rows = wanted if task.cursor is None else wanted.filter(pk__gt=task.cursor)
        found = list(rows.values_list("pk", "instance_id")[:limit])
        again = not found and bool(task.left)
        if again:
            left_ids = task.left[:limit]
            found = list(wanted.filter(pk__in=left_ids).values_list("pk", "instance_id"))
        free = lock_free(instance for _pk, instance in found)
        mine = [pk for pk, instance in found if instance in free]
        held = [pk for pk, instance in found if instance not in free]
        moved = _recount(mine, task)
        left = [*(task.left[limit:] if again else task.left), *held]
        done = (again or len(found) < limit) and not left
        worktime_verbs.advance(
            task,
            cursor=None if again or not found else found[-1][0],
            left=left,
            looked=len(mine),
            moved=moved,
            done=done,
        )
        return len(mine) + done


def _recount(ids: list[UUID], task: worktime_verbs.Task) -> int:
    """Count and write what differs, in a constant number of statements."""
    if not ids:
        return 0
    rows = list(Phase.objects.filter(pk__in=ids, ended_at=None).select_related("instance"))
    tasks = {row.pk: phases.nodes_of(model_of(row.instance.definition_id), row.key) for row in rows}
    lines = list(
        Suspension.objects.filter(
            workitem__instance_id__in={row.instance_id for row in rows}, voided_at=None
        )
        .select_related("workitem")
        .order_by("since")
    )
    at = clock_now()
    seqs = {row.instance_id: row.instance.seq for row in rows}
    changed: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    moved = 0
    for row in rows:
        own = [
            line
            for line in lines
            if line.workitem.instance_id == row.instance_id and line.workitem.node in tasks[row.pk]
        ]
        counted = suspension.ledger(own)
        found = due.recount(row.due_basis or {}, counted)
        if found.at is None or (found.at, found.provisional) == (row.due_at, row.provisional):
            continue
        moved += found.at != row.due_at
        parameters = row.instance.parameters
        table = parameters.get(str(phases.entry(parameters, row.key).get("levels", "")))
        timed = planned.plan_of(table, basis=found.basis, due_at=found.at, suspensions=counted)
        seqs[row.instance_id] += 1
        changed.append(
            {
                "id": row.pk,
                "due_at": found.at,
                "due_basis": found.basis,
                "provisional": found.provisional,
                "alarm_at": planned.following(timed, row.alarms or ()),
            }
        )
        history.append(
            {
                "id": uuid7(),
                "instance_id": row.instance_id,
                "seq": seqs[row.instance_id],
                "actor_id": task.actor_id,
                "at": at,
                "data": {
                    "phase": row.key,
                    "title": row.title,
                    "was": row.due_at,
                    "due_at": found.at,
                    "change": task.change_id,
                    "reason": task.reason,
                },
            }
        )
    if changed:
        touched = {line["instance_id"] for line in history}
        document = {
            "phases": changed,
            "instances": [{"id": key, "seq": seqs[key]} for key in touched],
            "history": history,
        }
        db.execute(_WRITE, [values.dump(document)])
    return moved
