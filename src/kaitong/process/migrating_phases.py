"""Phases (阶段时限) of an instance carried over to a version whose tasks lie in other phases.

What lasts is what the new version says of the steps that are open; each phase that lasts is counted
anew from when a token first came to one of its tasks, with the ledger of their work. Phases that
ended stay as they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Min

from kaitong.process import due, phases, planned, suspension
from kaitong.process.migration_plan import Names
from kaitong.process.model import Model
from kaitong.process.models import Command, Phase, WorkItem
from kaitong.process.phase_clock import lines_of
from kaitong.process.shell import Play


def carry(play: Play, old: Model, stood_at: Iterable[str], names: Names, *, reason: str) -> None:
    """`stood_at`: the nodes of the old version where tokens stood."""
    was, now = phases.of_model(old), phases.of_model(play.model)
    if {names.get(node, node): key for node, key in was.items()} == now:
        return
    stood = {was[node] for node in stood_at if node in was}
    stands = {now[token.node] for token in play.state.tokens if token.node in now}
    play.change.phases_begun.clear()
    play.change.phases_ended.clear()
    ended = sorted(stood - stands)
    Phase.objects.filter(instance_id=play.loaded.id, key__in=ended, ended_at=None).update(
        ended_at=play.now
    )
    for key in sorted(stands):
        _count(play, key, reason)


def _count(play: Play, key: str, reason: str) -> None:
    """Begin a phase, or count one that lasts by its new tasks."""
    row = Phase.objects.filter(instance_id=play.loaded.id, key=key).first()
    made = phases.begun(play.loaded, key, _first_come(play, key))
    counted = suspension.ledger(lines_of(play.loaded.id, play.model, key).order_by("since"))
    found = due.recount(made["due_basis"], counted) if made["due_basis"] else due.Due(None, None)
    table = play.loaded.parameters.get(
        str(phases.entry(play.loaded.parameters, key).get("levels", ""))
    )
    timed = planned.plan_of(table, basis=found.basis, due_at=found.at, suspensions=counted)
    told = planned.ahead(timed, (row.alarms if row is not None else None) or (), play.now)
    Phase.objects.update_or_create(
        instance_id=play.loaded.id,
        key=key,
        defaults={
            "created_at": made["created_at"],
            "branch_id": made["branch_id"],
            "business_id": made["business_id"],
            "title": made["title"],
            "due_at": found.at,
            "due_basis": found.basis,
            "provisional": found.provisional,
            "alarm_at": planned.following(timed, told),
            "alarms": list(told) or None,
            "ended_at": None,
        },
    )
    before = row.due_at if row is not None else None
    if before != found.at:
        data = {"phase": key, "title": made["title"], "was": before, "due_at": found.at}
        play.note("phase-recounted", data={**data, "reason": reason})


def _first_come(play: Play, key: str) -> datetime:
    """When a token first came to one of the phase's tasks."""
    tasks = phases.nodes_of(play.model, key)
    times = [
        table.objects.filter(instance_id=play.loaded.id, node__in=tasks).aggregate(
            at=Min("created_at")
        )["at"]
        for table in (WorkItem, Command)
    ]
    return min((at for at in times if at is not None), default=play.now)
