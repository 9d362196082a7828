"""`ports`: 32 clients take 10,000 ports for drafts; none twice, none left, none refused too early.

Neighbouring takes meet at the same splitter, so that clients contend. The peer is the machine's
commit limit with as many clients: taking a port is one commit.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass

from django.db import connection

from kaitong.bench import commits
from kaitong.bench.figures import Figure, say
from kaitong.bench.orders import world_template
from kaitong.bench.place import COMMITS, Place, child

SHARE_OF_COMMITS = 0.05


@dataclass(frozen=True, slots=True)
class Size:
    clients: int = 32
    processes: int = 4
    ports: int = 10_000
    seconds: float = 4.0  # of pgbench


SMALL = Size(clients=4, processes=1, ports=64, seconds=1)


def run(place: Place, size: Size) -> list[Figure]:
    """Take the ports, then count who has what."""
    boxes = size.ports // 8
    with place.database("bench_ports", world_template(place)), place.scratch(COMMITS) as commit_url:
        commits.prepare(commit_url)
        _narrow(boxes)
        before = commits.limit(commit_url, clients=size.clients, seconds=size.seconds, commits=1)
        say(f"{size.clients} clients take {size.ports:,} ports")
        threads = size.clients // size.processes
        team = [
            child(
                "kaitong.bench.porter",
                *(str(n) for n in (part, size.processes, threads, size.ports)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for part in range(size.processes)
        ]
        for process in team:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise commits.BenchError("A client process ended.", "See its message above.")
        begun = time.perf_counter()
        for process in team:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.close()
        refused = 0
        for process in team:
            assert process.stdout is not None
            refused += int(process.stdout.readline() or "-1")
            process.wait()
        took = time.perf_counter() - begun
        after = commits.limit(commit_url, clients=size.clients, seconds=size.seconds, commits=1)
        taken, twice, held = _counted()
    limit = (before + after) / 2
    speed = size.ports / took
    return [
        Figure("ports: taken", taken, "ports", ">=", size.ports),
        Figure("ports: taken twice", twice, "ports", "<=", 0),
        Figure("ports: refused while some were free", refused, "answers", "<=", 0),
        Figure("ports: state and holder disagree", taken - held, "ports", "<=", 0),
        Figure("ports: speed", speed, "ports/s", note=f"{size.clients} clients"),
        Figure("ports: commit limit", limit, "commits/s", note=f"pgbench, {size.clients} clients"),
        Figure("ports: share of the limit", speed / limit, "", ">=", SHARE_OF_COMMITS),
    ]


def _narrow(boxes: int) -> None:
    """Only so many boxes stay in service, so that the last port is really the last."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inventory_resource SET state = 'kept' WHERE specification = 'splitter'"
            " AND id NOT IN (SELECT c.box_id FROM inventory_coverage c"
            " JOIN places_address a ON a.id = c.address_id WHERE a.code < %s)",
            [f"B{boxes:06d}"],
        )


def _counted() -> tuple[int, int, int]:
    """Ports with a living assignment, those with more than one, those whose own state agrees."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT resource_id), count(*) - count(DISTINCT resource_id),"
            " (SELECT count(*) FROM inventory_resource WHERE state = 'pre-empted')"
            " FROM inventory_assignment WHERE state <> 'released'"
        )
        taken, twice, held = cursor.fetchone()
    return int(taken), int(twice), int(held)
