"""`process-scale`: whether a step, a list and a timer cost more when there is much.

Two databases of the same state of the code: one with few waiting instances, one with a million of
them and ten million lines of history, brought in by COPY (`process_copies`). A worker on each
carries orders and completes steps of what was laid, in turn, so that what else the machine does
meets both. Then very many timers fall due at once and two workers fire them, while somebody looks
at a work list again and again.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from kaitong.bench import process_copies
from kaitong.bench.figures import Figure, median, percentile, say
from kaitong.bench.place import Place, child
from kaitong.bench.process import definitions, hear, world_template
from kaitong.core.clock import now

RATIO = 1.2
BYTES = 6 * 1024
LIST_MS = 20.0
NUMBERS_MS = 150.0  # of somebody who sees everything
TIMERS_SECONDS = 300.0
TIMES_SLOWER = 2.0
RUNNING = "state = 'running'"
FIRST, MIDDLE, WHOLE = 1, 2, 6  # transactions of an order: waits for its first step; two branches


@dataclass(frozen=True, slots=True)
class Size:
    """How much is laid, and how long is measured."""

    few: int = 10_000
    many: int = 1_000_000
    lines: int = 10_000_000
    timers: int = 100_000
    branches: int = 100
    seconds: float = 5.0
    rounds: int = 4
    looks: int = 100


SMALL = Size(
    few=500, many=1_000, lines=9_000, timers=60, branches=3, seconds=0.2, rounds=1, looks=10
)


def run(place: Place, size: Size) -> list[Figure]:
    """All figures of `process-scale`."""
    template = world_template(place)
    figures: list[Figure] = []
    with ExitStack() as stack:
        workers = {}
        for name, waiting in (("few", size.few), ("many", size.many)):
            url = stack.enter_context(place.database(f"bench_scale_{name}", template))
            figures += _lay(name, waiting, size)
            workers[name] = _Worker(os.environ["KAITONG_DATABASE_URL"] or url, definitions()[0])
            stack.callback(workers[name].stop)
        figures += _steps(workers, size)
        figures += _lists(workers["many"], size)
        figures += _timers(workers["many"], size)
    return figures


# ---- what is laid --------------------------------------------------------------------------------


def _lay(name: str, waiting: int, size: Size) -> Iterator[Figure]:
    from kaitong.bench.process_kaitong import Kaitong

    kaitong = Kaitong(UUID(definitions()[0]))
    begun = time.monotonic()
    first = process_copies.taken(kaitong, FIRST)
    homes = _branches(size.branches, kaitong.branch)
    before = _bytes()
    process_copies.lay(first, waiting, homes)
    each = (_bytes() - before) / waiting
    if name == "many":
        ended = process_copies.taken(kaitong, WHOLE)
        lines = ended.lines
        missing = size.lines - _lines()
        process_copies.lay(ended, max(missing // lines, 1), homes)
        yield Figure("process-scale: waiting instances", _count("process_instance", RUNNING), "")
        yield Figure("process-scale: lines of history", _lines(), "")
        yield Figure("process-scale: on disk a waiting instance", each, "bytes", "<=", BYTES)
    else:
        middle = process_copies.taken(kaitong, MIDDLE)
        before = _bytes()
        process_copies.lay(middle, max(waiting // 10, 1), homes)
        yield Figure(
            "process-scale: on disk an instance waiting for two steps, with timers",
            (_bytes() - before) / max(waiting // 10, 1),
            "bytes",
            note="its done step and 19 lines of history included",
        )
    _settle()
    say(f"{name}: laid in {time.monotonic() - begun:.0f} s")


def _branches(wanted: int, county: UUID) -> list[UUID]:
    """So many counties beside the demo's."""
    from kaitong.org import queries, services

    city = queries.branch(county).parent
    return [
        services.ensure_branch(
            code=f"B{number:03d}",
            name=f"第{number}分公司",
            name_en=f"Branch {number}",
            kind="county",
            parent=city,
        ).pk
        for number in range(wanted)
    ]


def _bytes() -> int:
    return int(_value("select pg_database_size(current_database())"))


def _count(table: str, where: str = "true") -> int:
    return int(_value(f"select count(*) from {table} where {where}"))


def _lines() -> int:
    return int(_value("select coalesce(sum(jsonb_array_length(lines)), 0) from process_history"))


def _value(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def _settle() -> None:
    """Statistics and visibility as a database has them that was not filled a moment ago."""
    connection.close()  # VACUUM stands outside transactions
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
        cursor.execute("checkpoint")


# ---- what is measured ----------------------------------------------------------------------------


class _Worker:
    """A worker process on one of the databases."""

    def __init__(self, url: str, definition: str) -> None:
        self.process = child(
            "kaitong.bench.process_worker",
            *("--peers", url, "--spiff", "", "--definition", definition),
            *("--command-definition", definition),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            url=url,
        )
        self.hear()

    def tell(self, **order: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        return hear(self.process)

    def ask(self, **order: Any) -> dict[str, Any]:
        self.tell(**order)
        return self.hear()

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _steps(workers: dict[str, _Worker], size: Size) -> Iterator[Figure]:
    """New orders, and steps of instances that were laid, in turn on both databases."""
    kinds = {"new orders": "run", "steps of instances laid before": "complete"}
    for title, do in kinds.items():
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in workers}
        for worker in workers.values():
            worker.ask(do=do, engine="kaitong", seconds=size.seconds / 4)
        for _round in range(size.rounds):
            for name, worker in workers.items():
                found[name].append(worker.ask(do=do, engine="kaitong", seconds=size.seconds))
        ms = {
            name: [1000 * a["took"] / a["transactions"] for a in all_]
            for name, all_ in found.items()
        }
        cpu = {
            name: [1000 * (a["cpu"] + a["server_cpu"]) / a["transactions"] for a in all_]
            for name, all_ in found.items()
        }
        for name in workers:
            yield Figure(
                f"process-scale: a step, {title}, {name}",
                median(ms[name]),
                "ms",
                note=f"{median(cpu[name]):.2f} ms CPU with the database's",
            )
        yield Figure(
            f"process-scale: a step with much over a step with little, {title}",
            median([b / a for a, b in zip(cpu["few"], cpu["many"], strict=True)]),
            "times",
            "<=",
            RATIO,
            note="CPU of worker and database; by the clock"
            f" {median([b / a for a, b in zip(ms['few'], ms['many'], strict=True)]):.2f}",
        )
    memory = workers["many"].ask(do="memory")["bytes"] / workers["few"].ask(do="memory")["bytes"]
    yield Figure(
        "process-scale: memory of a worker, much over little", memory, "times", "<=", RATIO
    )


def _lists(worker: _Worker, size: Size) -> Iterator[Figure]:
    """A clerk's list, and the list of a supervisor who sees every branch."""
    for who in ("clerk", "supervisor"):
        found = worker.ask(do="look", who=who, times=size.looks)
        yield Figure(
            f"process-scale: work list of 50, {who}, p95",
            percentile(found["list"], 0.95),
            "ms",
            "<=",
            LIST_MS,
            note=f"of {found['open']:,} open items the actor sees",
        )
        yield Figure(
            f"process-scale: numbers of all tabs, {who}, p95",
            percentile(found["counts"], 0.95),
            "ms",
            "<=",
            LIST_MS if who == "clerk" else NUMBERS_MS,
        )


def _timers(watcher: _Worker, size: Size) -> Iterator[Figure]:
    """Very many timers fall due at once; two workers fire them while somebody looks at a list."""
    from kaitong.bench.process_kaitong import Kaitong

    url, definition = os.environ["KAITONG_DATABASE_URL"], definitions()[0]
    kaitong = Kaitong(UUID(definition))
    template = process_copies.taken(kaitong, MIDDLE)
    each = template.texts["process_timer"][0].count("\n")
    homes = _branches(size.branches, kaitong.branch)
    process_copies.lay(template, max(size.timers // each, 1), homes, due=now() + timedelta(hours=1))
    _settle()
    team = [_Worker(url, definition) for _number in range(2)]
    try:
        quiet = watcher.ask(do="look", who="clerk", times=size.looks)["list"]
        with connection.cursor() as cursor:
            cursor.execute(
                "update process_timer set due_at = now(), next_attempt_at = now()"
                " where state = 'open' and due_at < now() + interval '2 hours'"
            )
            due = cursor.rowcount
        begun = time.monotonic()
        for worker in team:
            worker.tell(do="fire")
        watcher.tell(do="look", who="clerk", times=10**9, until="fired")
        fired = [worker.hear()["fired"] for worker in team]
        took = time.monotonic() - begun
        watched = watcher.hear()["list"]
    finally:
        for worker in team:
            worker.stop()
    yield Figure("process-scale: timers due at once", due, "", note=f"fired {sum(fired)}")
    yield Figure(
        "process-scale: until two workers had fired them", took, "s", "<=", TIMERS_SECONDS,
        note=f"{sum(fired) / took:.0f} a second",
    )  # fmt: skip
    yield Figure(
        "process-scale: work list meanwhile over before, p95",
        percentile(watched, 0.95) / percentile(quiet, 0.95),
        "times",
        "<=",
        TIMES_SLOWER,
        note=f"{percentile(quiet, 0.95):.1f} to {percentile(watched, 0.95):.1f} ms",
    )
