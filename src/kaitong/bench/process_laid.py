"""What a worker of `process-scale` does with what was laid: steps, looks at lists, timers."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection

from kaitong.bench.process_order import ANSWERS
from kaitong.core import db
from kaitong.org.actor import Actor
from kaitong.org.queries import actor_of
from kaitong.process import queries as process
from kaitong.process import services, worker
from kaitong.process.choices import OPEN_WORK
from kaitong.process.worklist import visible

_PICKED = 20  # neighbours taken from each place


@cache
def _clerk() -> Actor:
    return actor_of("clerk")


def _of(branch: UUID) -> Actor:
    """The clerk as one of another branch."""
    return replace(_clerk(), branch_id=branch, branch_ids=(branch,))


@cache
def _supervisor() -> Actor:
    """Somebody who sees every branch."""
    rows = db.rows("select id from org_branch order by path")
    return replace(actor_of("supervisor"), branch_ids=tuple(row["id"] for row in rows))


_asked = 0


def _begin() -> int:
    """Where this turn begins: not where the one before did."""
    return _asked * 1_000_003


# Steps of one turn at most: the smaller of the two databases must have some left for the last turn.
_MOST = 1_200


def _waiting() -> Iterator[dict[str, Any]]:
    """First steps of instances laid before, from places all over the table."""
    pages = db.one(
        "select greatest(relpages, 1) as n from pg_class where relname = 'process_workitem'"
    )
    assert pages is not None
    stride = 7919 if pages["n"] % 7919 else 7907  # a prime: every page once, in no order
    for number in range(pages["n"]):
        page = (_begin() + number * stride) % pages["n"]
        rows = db.rows(
            "select id, branch_id from process_workitem where node = 'feasibility'"
            " and state = 'todo' and ctid >= %s::tid and ctid < %s::tid limit %s",
            [f"({page},0)", f"({page + 1},0)", _PICKED],
        )
        yield from rows


def _complete(told: dict[str, Any]) -> dict[str, Any]:
    from kaitong.bench.process_worker import run

    global _asked
    _asked += 1
    ready = list(islice(_waiting(), min(round(1000 * told["seconds"]) + 20, _MOST)))

    def one() -> Iterator[None]:
        item = ready.pop()
        services.complete(
            actor=_of(item["branch_id"]), item_id=item["id"], values=ANSWERS["feasibility"]
        )
        yield

    connection.ensure_connection()
    pid: int = connection.connection.info.backend_pid
    return run(one, pid, seconds=float(told["seconds"]), most=len(ready))


def _look(told: dict[str, Any]) -> dict[str, Any]:
    """One look after the other; `until` timers are fired, or so many times."""
    branch = db.one("select id from org_branch where code = 'B000'")
    assert branch is not None
    actor = _supervisor() if told["who"] == "supervisor" else _of(branch["id"])
    lists: list[float] = []
    counts: list[float] = []
    numbers = process.counts(actor)
    while len(lists) < told["times"]:
        begun = time.perf_counter()
        process.work_items(actor, limit=50, counted=numbers["todo"])
        lists.append(1000 * (time.perf_counter() - begun))
        if told.get("until"):
            if len(lists) % 20 == 0 and not _due():
                break
            time.sleep(0.05)  # a person looks, and looks again
            continue
        if len(counts) * 10 < len(lists):
            begun = time.perf_counter()
            numbers = process.counts(actor)
            counts.append(1000 * (time.perf_counter() - begun))
    seen = visible(actor).filter(state__in=OPEN_WORK).count()
    return {"list": lists, "counts": counts, "open": seen}


def _due() -> bool:
    found = db.one(
        "select exists (select 1 from process_timer where state = 'open'"
        " and next_attempt_at <= now()) as due"
    )
    return bool(found and found["due"])


def _fire(_told: dict[str, Any]) -> dict[str, Any]:
    fired = 0
    while _due():
        fired += worker.drain_politely()
    return {"fired": fired}


def _memory(_told: dict[str, Any]) -> dict[str, Any]:
    # Not getrusage's maximum: that is inherited from whoever started this process.
    resident = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return {"bytes": int(resident) * resource.getpagesize()}


DO: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "complete": _complete,
    "look": _look,
    "fire": _fire,
    "memory": _memory,
}
