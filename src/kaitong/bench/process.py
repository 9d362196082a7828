"""`process`: the process runtime beside the commit limit, a bare token table and SpiffWorkflow.

One order of twelve steps (`process_order`), six transactions: one start, five completions of
people. In each round every engine has its turn with 1, 4 and 16 workers on one durable cluster, so
that what else the machine does meets all of them. pgbench does as many commits, each with as many
bytes of log as one of Kaitong's.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection

from kaitong.bench import commits, process_order, process_peers, world
from kaitong.bench.figures import Figure, median, say
from kaitong.bench.place import COMMITS, Place, child

SHARE_OF_BARE = 0.65
TIMES_SPIFF = 2.5
CPU_MS_A_STEP = 1.0
ENGINES = ("bare", "kaitong", "spiff", "kaitong-command")
SPIFF_WORKERS = 4  # more of them on two processors only wait
SHAPED_BY = ("src/kaitong/demo/people.py", "src/kaitong/worktime/*.py")
_KEYS = {
    "limit": "limit_orders_per_s",
    "bare": "base_orders_per_s",
    "kaitong": "kaitong_orders_per_s",
    "spiff": "spiff_orders_per_s",
    "kaitong-command": "kaitong_with_command_orders_per_s",
}


@dataclass(frozen=True, slots=True)
class Size:
    """Every engine's turn lasts `seconds`, in each of `rounds`, with each number of workers."""

    seconds: float = 4.0
    rounds: int = 4
    workers: tuple[int, ...] = (1, 4, 16)


SMALL = Size(seconds=0.2, rounds=1, workers=(1, 2))


@dataclass(slots=True)
class _Turn:
    """What one engine did with one number of workers, round by round."""

    orders: list[float] = field(default_factory=list)
    done: int = 0
    transactions: int = 0
    cpu: float = 0.0
    server_cpu: float = 0.0


def run(place: Place, size: Size) -> list[Figure]:
    """All figures of `process`."""
    with (
        place.database("bench_process", world_template(place)),
        place.scratch(COMMITS) as peers,
        tempfile.TemporaryDirectory(prefix="kaitong-bench-") as folder,
    ):
        commits.prepare(peers)
        with psycopg.connect(peers, autocommit=True) as raw:
            raw.execute(process_peers.BARE_SCHEMA)
        file = Path(folder) / "order.bpmn"
        file.write_bytes(process_order.drawing(spiff=True))
        plain, with_command = definitions()
        team = _Team(
            max(size.workers),
            "--peers", peers, "--spiff", str(file),
            "--definition", plain, "--command-definition", with_command,
        )  # fmt: skip
        try:
            return list(_told(_rounds(team, peers, size), size))
        finally:
            team.stop()


def world_template(place: Place) -> str:
    """A migrated database with the demo's branch and staff and the statutory calendar."""
    migrated = place.template(
        "migrated", world.migrate, shaped_by=("src/kaitong/*/migrations/*.py",)
    )
    return place.template("staffed", world.staff, shaped_by=SHAPED_BY, base=migrated)


def definitions() -> tuple[str, str]:
    """Deploy the order, without and with an external action; the definitions' identifiers."""
    from kaitong.process import services

    made = []
    for command in (False, True):
        data = process_order.drawing(command=command)
        row = services.deploy(playbook="bench", key=process_order.KEY, data=data, file="bench.bpmn")
        made.append(str(row.pk))
    return made[0], made[1]


class _Team:
    """Worker processes, started once and told to work together."""

    def __init__(self, workers: int, *arguments: str) -> None:
        say(f"starting {workers} workers")
        self.processes = [
            child(
                "kaitong.bench.process_worker",
                *arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for _number in range(workers)
        ]
        for process in self.processes:
            hear(process)

    def do(self, workers: int, engine: str, seconds: float) -> list[dict[str, Any]]:
        told = self.processes[:workers]
        for process in told:
            assert process.stdin is not None
            order = {"do": "run", "engine": engine, "seconds": seconds}
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        return [hear(process) for process in told]

    def stop(self) -> None:
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self.processes:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def hear(process: subprocess.Popen[str]) -> dict[str, Any]:
    """A worker's next answer."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait(timeout=10)
        raise commits.BenchError("A worker of the benchmark ended.", "See its message above.")
    found: dict[str, Any] = json.loads(line)
    return found


def _plan(size: Size) -> Iterator[tuple[str, int]]:
    """The turns of a round."""
    for workers in size.workers:
        yield "limit", workers
        yield "bare", workers
        yield "kaitong", workers
        if workers <= SPIFF_WORKERS:
            yield "spiff", workers
    yield "kaitong-command", min(SPIFF_WORKERS, max(size.workers))


def _rounds(team: _Team, peers: str, size: Size) -> dict[tuple[str, int], _Turn]:
    found = {turn: _Turn() for turn in _plan(size)}
    for engine in ENGINES:  # everything is in memory and prepared before the first round
        team.do(max(w for e, w in found if e == engine), engine, 0.0)
    bytes_each = round(_log_bytes(team))
    say(f"a transaction of Kaitong writes {bytes_each:,} bytes of log")
    for number in range(size.rounds):
        for (engine, workers), turn in found.items():
            if engine == "limit":
                turn.orders.append(
                    commits.limit(
                        peers,
                        clients=workers,
                        seconds=size.seconds,
                        commits=process_order.TRANSACTIONS,
                        size=bytes_each,
                    )
                )
                continue
            answers = team.do(workers, engine, size.seconds)
            turn.orders.append(sum(a["orders"] / a["took"] for a in answers))
            turn.done += sum(a["orders"] for a in answers)
            turn.transactions += sum(a["transactions"] for a in answers)
            turn.cpu += sum(a["cpu"] for a in answers)
            turn.server_cpu += sum(a["server_cpu"] for a in answers)
        said = ", ".join(f"{e} {w}: {t.orders[-1]:.0f}" for (e, w), t in found.items())
        say(f"round {number + 1}/{size.rounds}: {said}")
    return found


def _log_bytes(team: _Team) -> float:
    """How much log a transaction of Kaitong writes."""
    before = _log_position()
    answers = team.do(1, "kaitong", 1.0)
    return (_log_position() - before) / int(sum(a["transactions"] for a in answers))


def _log_position() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")
        return int(cursor.fetchone()[0])


def _told(found: dict[tuple[str, int], _Turn], size: Size) -> Iterator[Figure]:
    speed = {turn: median(each.orders) for turn, each in found.items()}
    for (engine, workers), turn in found.items():
        who = _who(workers)
        name = {"bare": "bare table", "limit": "commit limit", "spiff": "SpiffWorkflow"}.get(
            engine, "Kaitong" + (", a command besides" if engine.endswith("command") else "")
        )
        spread = f"{min(turn.orders):.0f} to {max(turn.orders):.0f}"
        yield Figure(
            f"process, {who}: {name}",
            speed[engine, workers],
            "orders/s",
            note=spread + (f", {turn.done} orders" if turn.done else ""),
            key=(_KEYS[engine], str(workers)),
        )
        if engine == "limit" or not turn.transactions:
            continue
        cpu, server = (1000 * x / turn.transactions for x in (turn.cpu, turn.server_cpu))
        kaitong = engine == "kaitong"
        yield Figure(
            f"process, {who}: {name}, CPU a step",
            cpu,
            "ms",
            "<=" if kaitong else "",
            CPU_MS_A_STEP if kaitong else None,
            note=f"of Python; PostgreSQL {server:.2f} ms besides",
            key=("kaitong_cpu_ms_per_step", str(workers)) if kaitong else (),
        )
        if kaitong:
            yield Figure(
                f"process, {who}: {name}, CPU a task of the drawing",
                1000 * turn.cpu / turn.done / process_order.NODES,
                "ms",
                key=("kaitong_cpu_ms_per_node", str(workers)),
            )
    for workers in size.workers:
        ratio = _ratio(found, ("kaitong", workers), ("bare", workers))
        four = workers == SPIFF_WORKERS
        yield Figure(
            f"process, {_who(workers)}: Kaitong, share of the bare table",
            ratio,
            "",
            ">=" if four else "",
            SHARE_OF_BARE if four else None,
            key=("kaitong_share_of_base", str(workers)),
        )
        yield Figure(
            f"process, {_who(workers)}: Kaitong, share of the commit limit",
            _ratio(found, ("kaitong", workers), ("limit", workers)),
            "",
            key=("kaitong_share_of_limit", str(workers)),
        )
        if workers <= SPIFF_WORKERS:
            yield Figure(
                f"process, {_who(workers)}: Kaitong, times SpiffWorkflow",
                _ratio(found, ("kaitong", workers), ("spiff", workers)),
                "times",
                ">=" if four else "",
                TIMES_SPIFF if four else None,
                key=("kaitong_times_spiff", str(workers)),
            )


def _who(workers: int) -> str:
    return f"{workers} worker{'s' if workers > 1 else ''}"


def _ratio(
    found: dict[tuple[str, int], _Turn], one: tuple[str, int], other: tuple[str, int]
) -> float:
    """The median over rounds: what else the machine did in a round met both."""
    pairs = zip(found[one].orders, found[other].orders, strict=True)
    return median([a / b for a, b in pairs])
