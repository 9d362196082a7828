"""预警 and 督办: work whose time runs short is marked, work that is late goes to who is told of it.

Each mark is made once for a due time, under the instance's lock, and recorded in the history. A
suspended item is left alone: its clock stands.
"""

from __future__ import annotations

from datetime import datetime

from kaitong.process import alarms, inbound, phase_clock, suspension
from kaitong.process.choices import GOING_WORK
from kaitong.process.shell import Play

_SOON = inbound.LOOKED_AT.format(
    "state in ('todo', 'claimed') and warned_at is null and warn_at <= now"
)
_LATE = inbound.LOOKED_AT.format(
    "state in ('todo', 'claimed') and escalated_at is null and escalate_to <> '' and due_at <= now"
)


def watch(limit: int = inbound.BATCH) -> int:
    """Mark what is short of time and report what is late; how many items."""
    return (
        inbound.batch(_SOON, limit, _warn, None)
        + inbound.batch(_LATE, limit, _escalate, None)
        + inbound.batch(alarms.DUE, limit, alarms.alarm, None)
        + inbound.batch(phase_clock.DUE, limit, phase_clock.alarm(suspension.ledger), None)
    )


def _warn(row: inbound.Row, now: datetime) -> bool:
    play = Play.if_free(row["instance_id"], "workitem", row["id"])
    if play is None or play.row["state"] not in GOING_WORK or play.row["warned_at"] is not None:
        return False
    play.patch(warned_at=play.now)
    play.note_item("warned", due_at=play.row["due_at"])
    play.save()
    alarms.tell(play, "soon")
    return True


def _escalate(row: inbound.Row, now: datetime) -> bool:
    play = Play.if_free(row["instance_id"], "workitem", row["id"])
    if play is None or play.row["state"] not in GOING_WORK or play.row["escalated_at"] is not None:
        return False
    play.patch(escalated_at=play.now)
    play.note_item("escalated", post=play.row["escalate_to"], due_at=play.row["due_at"])
    play.save()
    alarms.tell(play, "overdue")
    return True
