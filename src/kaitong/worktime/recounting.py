"""After a change of a calendar: whose turn it is to be recounted, and how far each part is.

The rows that are recounted stand with packages above, which call `claim` inside their own
transaction, recount a batch, and write the progress by `advance` in that same transaction: killed
anywhere, a batch is done whole or not at all, and what was done is not done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from kaitong.core.clock import now
from kaitong.worktime.models import CalendarChange, Recount
from kaitong.worktime.queries import KEPT_SECONDS, affected, forget

PARTS = ("work", "phases", "timers", "orders")
# Every process keeps calendars for a while: what it opens meanwhile is recounted a second time.
AGAIN = timedelta(seconds=KEPT_SECONDS + 30)
_TRAIL = 500  # changes looked at for parts that were never begun


@dataclass(frozen=True, slots=True)
class Task:
    """One part of one change, locked by who recounts it."""

    row: Recount
    change_id: UUID
    actor_id: UUID | None
    reason: str
    calendars: tuple[str, ...]
    first: date | None
    last: date | None

    @property
    def cursor(self) -> UUID | None:
        return self.row.cursor

    @property
    def left(self) -> list[UUID]:
        return [UUID(one) for one in self.row.left]


def claim(part: str) -> Task | None:
    """The newest part that is ready and nobody works at, locked; None when all is recounted.

    Must run inside a transaction. Counting begins with calendars as they are now.
    """
    _open(part)
    row = (
        Recount.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("change__calendar")
        .filter(part=part, done_at=None, ready_at__lte=now())
        .order_by("passed", "-ready_at", "-id")  # the newest says why, where several moved it
        .first()
    )
    if row is None:
        return None
    forget()
    change = row.change
    return Task(
        row=row,
        change_id=change.pk,
        actor_id=change.actor_id,
        reason=change.reason,
        calendars=tuple(affected(change.calendar.key)),
        first=change.first,
        last=change.last,
    )


def advance(
    task: Task, *, cursor: UUID | None, left: Sequence[UUID], looked: int, moved: int, done: bool
) -> None:
    """How far a batch came, in its transaction. What was `left` is taken up again at the end."""
    row = task.row
    row.cursor = cursor or row.cursor
    row.left = [str(one) for one in left]
    row.looked, row.moved = row.looked + looked, row.moved + moved
    row.done_at = now() if done else None
    row.save(update_fields=["cursor", "left", "looked", "moved", "done_at"])


def pending() -> bool:
    """Whether anything is yet to be recounted, now or in a while."""
    parts = len(PARTS) * 2
    open_ = Recount.objects.filter(done_at=None).exists()
    return open_ or any(
        Recount.objects.filter(change=change).count() < parts
        for change in CalendarChange.objects.order_by("-created_at")[:1]
    )


def _open(part: str) -> None:
    """Rows for changes that have none for this part; whoever else makes them at once is first."""
    missing = CalendarChange.objects.exclude(recounts__part=part).order_by("created_at")[:_TRAIL]
    Recount.objects.bulk_create(_rows(missing, part), ignore_conflicts=True)


def _rows(changes: Iterable[CalendarChange], part: str) -> list[Recount]:
    return [
        Recount(
            change=change, part=part, passed=passed, ready_at=change.created_at + passed * AGAIN
        )
        for change in changes
        for passed in (0, 1)
    ]
