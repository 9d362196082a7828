"""A calendar has changed: timers whose duration runs in working time are counted anew.

As `recount` does for the due times of work: a batch and its progress are one transaction, instances
that somebody holds are left for the end, and what stands right already is not written again. A
timer that is due earlier than now fires at the worker's next look; one that has fired stays fired.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from kaitong.core.clock import now as clock_now
from kaitong.process import due, store
from kaitong.process.choices import TimerState
from kaitong.process.models import Timer
from kaitong.process.recount import lock_free
from kaitong.process.shell import Play
from kaitong.worktime import services as worktime_verbs

BATCH = 200
PART = "timers"


def recount_batch(limit: int = BATCH) -> int:
    """Recount one batch of open timers; rows looked at and tasks ended, 0 when there is none."""
    with transaction.atomic():
        task = worktime_verbs.claim(PART)
        if task is None:
            return 0
        wanted = Timer.objects.filter(
            state=TimerState.OPEN, due_basis__calendar__in=list(task.calendars)
        ).order_by("pk")
        rows = wanted if task.cursor is None else wanted.filter(pk__gt=task.cursor)
        found = list(rows.values_list("pk", "instance_id")[:limit])
        again = not found and bool(task.left)
        if again:
            found = list(wanted.filter(pk__in=task.left[:limit]).values_list("pk", "instance_id"))
        free = lock_free(instance for _pk, instance in found)
        held = [pk for pk, instance in found if instance not in free]
        mine: dict[UUID, list[UUID]] = {}
        for pk, instance in found:
            if instance in free:
                mine.setdefault(instance, []).append(pk)
        moved = sum(_recount(instance, timers, task) for instance, timers in sorted(mine.items()))
        left = [*(task.left[limit:] if again else task.left), *held]
        done = (again or len(found) < limit) and not left
        worktime_verbs.advance(
            task,
            cursor=None if again or not found else found[-1][0],
            left=left,
            looked=len(found) - len(held),
            moved=moved,
            done=done,
        )
        return len(found) - len(held) + done


def _recount(instance_id: UUID, timers: list[UUID], task: worktime_verbs.Task) -> int:
    """Count the timers of one instance, which is locked, and write those that stand elsewhere."""
    moved: list[tuple[Timer, datetime]] = []
    for timer in Timer.objects.filter(pk__in=timers, state=TimerState.OPEN).order_by("pk"):
        basis: dict[str, Any] = timer.due_basis or {}
        start = datetime.fromisoformat(basis["start"])
        at = due.working_duration(basis["duration"], start, basis["calendar"])
        if at != timer.due_at:
            moved.append((timer, at))
    if not moved:
        return 0
    play = Play(store.load(instance_id), actor_id=task.actor_id, now=clock_now())
    for timer, at in moved:
        told = {"was": timer.due_at, "due_at": at, "change": task.change_id}
        if task.reason:
            told["reason"] = task.reason
        play.note("recounted", timer.node, timer.token_id, told)
        Timer.objects.filter(pk=timer.pk).update(due_at=at, next_attempt_at=at)
        play.change.notify = play.change.notify or at <= play.now
    play.save()
    return len(moved)
