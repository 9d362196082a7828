"""A calendar has changed: the customers' clocks of open orders are counted anew, in batches.

As `process.recount` does for steps: set-based, killed and repeated safely, nobody waited for.
`recount_due` is what a worker calls: it does a batch of every part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from kaitong.ordering.choices import FINAL
from kaitong.ordering.models import Order, OrderNote
from kaitong.process import queries as process
from kaitong.process import recount as work
from kaitong.process import recount_phases, recount_timers
from kaitong.worktime import queries as worktime
from kaitong.worktime import rules
from kaitong.worktime import services as worktime_verbs
from kaitong.worktime.calendars import Calendar
from kaitong.worktime.errors import WorktimeError

BATCH = 500
PART = "orders"


def recount_due(limit: int = BATCH) -> int:
    """One batch of everything that hangs on a changed calendar; 0 when all stands by it."""
    of_process = work.recount_batch(limit) + recount_phases.recount_batch(limit)
    return of_process + recount_timers.recount_batch() + recount_orders(limit)


def recount_orders(limit: int = BATCH) -> int:
    """Recount one batch of open orders; rows looked at and tasks ended."""
    with transaction.atomic():
        task = worktime_verbs.claim(PART)
        if task is None:
            return 0
        wanted = _touched(task.calendars, task.first, task.last)
        if task.cursor is not None:
            wanted = wanted.filter(pk__gt=task.cursor)
        ids = list(wanted.order_by("pk").values_list("pk", flat=True)[:limit])
        again = not ids and bool(task.left)
        if again:
            ids = task.left[:limit]
        locked = list(
            _touched(task.calendars, task.first, task.last)
            .filter(pk__in=ids)
            .order_by("pk")
            .select_for_update(skip_locked=True, no_key=True)
            .only("pk", "due_at", "due_basis")
        )
        free = {row.pk for row in locked}
        held = _held(ids, free)
        moved = _write(list(_counted(locked)), task)
        left = [*(task.left[limit:] if again else task.left), *held]
        done = (again or len(ids) < limit) and not left
        worktime_verbs.advance(
            task,
            cursor=None if again or not ids else ids[-1],
            left=left,
            looked=len(locked),
            moved=moved,
            done=done,
        )
        return len(locked) + done


def would_move(
    calendars: Mapping[str, Calendar], *, first: date | None, last: date | None, most: int
) -> tuple[int, bool]:
    """How many customers' clocks would move with these calendars; whether that is all of them."""
    rows = list(
        _touched(calendars, first, last)
        .order_by("pk")
        .only("pk", "due_at", "due_basis")[: most + 1]
    )
    with worktime.imagining(calendars):
        return sum(1 for _ in _counted(rows[:most])), len(rows) <= most


def _touched(calendars: Iterable[str], first: date | None, last: date | None) -> QuerySet[Order]:
    """Open orders whose due time may hang on these days: it lies after them, its start before."""
    rows = Order.objects.exclude(state__in=FINAL).filter(
        due_at__isnull=False, due_basis__calendar__in=list(calendars)
    )
    if first is None or last is None:
        return rows
    begin = datetime.combine(first, time(), UTC) - timedelta(days=1)
    end = datetime.combine(last, time(), UTC) + timedelta(days=2)
    return rows.filter(due_at__gt=begin, ordered_at__lt=end)


def _counted(rows: Iterable[Order]) -> Iterator[tuple[Order, datetime]]:
    """Orders whose due time differs from what stands, with the right one."""
    orders = list(rows)
    ledgers = process.ledgers_of(row.pk for row in orders)
    for row in orders:
        basis: Mapping[str, Any] = row.due_basis
        agreed = basis.get("agreed")
        try:
            found = worktime.deadline(
                basis["budget"],
                datetime.fromisoformat(basis["start"]),
                calendar_key=basis["calendar"],
                suspensions=ledgers.get(row.pk, ()),
                on=rules.Clock.CUSTOMER,
                agreed=datetime.fromisoformat(agreed) if agreed else None,
            )
        except (WorktimeError, KeyError):  # what cannot be counted keeps what it has
            continue
        if found.due_at != row.due_at:
            yield row, found.due_at


def _write(changed: list[tuple[Order, datetime]], task: worktime_verbs.Task) -> int:
    """All that moved, and a line of each order's timeline that says from where and why."""
    notes = []
    for row, due_at in changed:
        notes.append(
            OrderNote(
                order_id=row.pk,
                kind="due-moved",
                actor_id=task.actor_id,
                data={
                    "was": row.due_at.isoformat() if row.due_at else "",
                    "due_at": due_at.isoformat(),
                    "why": "calendar",
                    "change": str(task.change_id),
                    "reason": task.reason,
                },
            )
        )
        row.due_at = due_at
    Order.objects.bulk_update([row for row, _due in changed], ["due_at"], batch_size=BATCH)
    OrderNote.objects.bulk_create(notes, batch_size=BATCH)
    return len(changed)


def _held(ids: Iterable[UUID], free: set[UUID]) -> list[UUID]:
    """Those of the batch that somebody holds; what was closed meanwhile is none of them."""
    missing = [one for one in ids if one not in free]
    return list(
        Order.objects.exclude(state__in=FINAL).filter(pk__in=missing).values_list("pk", flat=True)
    )
