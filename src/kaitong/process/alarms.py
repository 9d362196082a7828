"""Levels of 预警 and 督办 of work items: when the next is due, and telling those that are.

An item keeps the time of its next level (`alarm_at`) and the levels told (`alarms`). Each is told
once, under the instance's lock, with a line of history; a suspended item is left alone. A change of
a calendar moves levels that are yet to come and repeats none; new time (解挂, 改约) tells again
what lies ahead once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from kaitong.process import inbound, listening, planned, suspension
from kaitong.process.choices import GOING_WORK
from kaitong.process.shell import Play

DUE = inbound.LOOKED_AT.format("state in ('todo', 'claimed') and alarm_at <= now")


def alarm(row: Mapping[str, Any], now: datetime) -> bool:
    """Tell the levels of an item that are due; for `inbound.batch`."""
    play = Play.if_free(row["instance_id"], "workitem", row["id"])
    if play is None or play.row["state"] not in GOING_WORK or not play.row["alarm_at"]:
        return False
    if datetime.fromisoformat(play.row["alarm_at"]) > play.now:
        return False
    item, node = play.row, play.model.nodes[play.row["node"]]
    due_at = datetime.fromisoformat(item["due_at"]) if item["due_at"] else None
    timed = planned.plan(
        node,
        play.loaded.parameters,
        basis=item["due_basis"],
        due_at=due_at,
        suspensions=suspension.ledger(suspension.lines_of(UUID(item["id"]))),
    )
    told = list(item["alarms"] or ())
    known = {str(one["level"]) for one in told}
    reached = [level for at, level in timed if at <= play.now and level.key not in known]
    for level in reached:
        told.append({"level": level.key, "at": play.now.isoformat()})
        play.note_item(
            "alarmed",
            level=level.key,
            tell=list(level.tell),
            late=level.late,
            due_at=item["due_at"],
        )
    play.patch(alarms=told, alarm_at=planned.following(timed, told))
    play.save()
    for level in reached:
        tell(play, "overdue" if level.late else "soon", level=level.key, to=level.tell)
    return bool(reached)


def tell(play: Play, event: listening.Event, *, level: str = "", to: tuple[str, ...] = ()) -> None:
    """Let who listens know that the item's time is short or over (of its levels, by which)."""
    item, node = play.row, play.model.nodes[play.row["node"]]
    if not listening.named(node):
        return
    person = item["claimed_by"] or item["candidate"]
    listening.tell(
        listening.StepFact(
            event=event,
            instance_id=play.loaded.id,
            business_id=play.loaded.business_id,
            branch_id=UUID(item["branch_id"]),
            item_id=UUID(item["id"]),
            node=node,
            post=item["post"],
            person=UUID(person) if person else None,
            due_at=datetime.fromisoformat(item["due_at"]) if item["due_at"] else None,
            now=play.now,
            level=level,
            tell=to,
        )
    )
