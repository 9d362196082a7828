"""A worker of `bench process`: reads commands on stdin, answers in JSON lines.

{"do": "run", "engine": "kaitong", "seconds": 5}   carry orders so long; counts, CPU seconds
{"do": "complete", "seconds": 5}                   complete first steps of instances laid before
{"do": "look", "who": "clerk", "times": 100}       how long a work list and its numbers take, in ms
{"do": "fire"}                                     fire timers until none is due
{"do": "memory"}                                   what this process holds
Engines: kaitong, kaitong-command (with an external action), bare, spiff.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m kaitong.bench.process_worker")
    parser.add_argument("--peers", required=True, help="URL of the database of the peers' tables")
    parser.add_argument("--spiff", required=True, help="the file SpiffWorkflow reads")
    parser.add_argument("--definition", required=True)
    parser.add_argument("--command-definition", required=True)
    asked = parser.parse_args()
    import django

    django.setup()
    from kaitong.bench import process_laid, process_order
    from kaitong.process import actions

    actions.configure({action.name: action for action in process_order.actions()})
    engines: dict[str, tuple[Callable[[], Iterator[None]], int]] = {}
    _tell({"ready": os.getpid()})
    for line in sys.stdin:
        told = json.loads(line)
        if told["do"] != "run":
            _tell(process_laid.DO[told["do"]](told))
            continue
        name = told["engine"]
        if name not in engines:
            engines[name] = _engine(name, asked)
            run(*engines[name], seconds=0.0, least=6)  # in memory and prepared
        _tell(run(*engines[name], seconds=float(told["seconds"])))
    return 0


def _engine(name: str, asked: argparse.Namespace) -> tuple[Callable[[], Iterator[None]], int]:
    """How an order is carried, and the process that serves the engine's connection."""
    from kaitong.bench import process_peers

    if name.startswith("kaitong"):
        from kaitong.bench.process_kaitong import Kaitong

        command = name != "kaitong"
        definition = UUID(asked.command_definition if command else asked.definition)
        engine: Any = Kaitong(definition, command=command)
        return engine.order, engine.server()
    connection = psycopg.connect(asked.peers, autocommit=True)
    if name == "spiff":
        engine = process_peers.Spiff(connection, asked.spiff)
    else:
        engine = process_peers.Bare(connection)
    return engine.order, connection.info.backend_pid


def run(
    order: Callable[[], Iterator[None]],
    server: int,
    *,
    seconds: float,
    least: int = 1,
    most: int = 10**9,
) -> dict[str, Any]:
    """Carry orders so long; what was done, and what CPU it took here and at the database."""
    begun, before, served = time.monotonic(), time.process_time(), cpu_of(server)
    end = begun + seconds
    orders = transactions = 0
    while orders < least or (orders < most and time.monotonic() < end):
        for _transaction in order():
            transactions += 1
        orders += 1
    return {
        "orders": orders,
        "transactions": transactions,
        "took": time.monotonic() - begun,
        "cpu": time.process_time() - before,
        "server_cpu": cpu_of(server) - served,
    }


def cpu_of(pid: int) -> float:
    """CPU seconds of the server's process for our connection; 0 where it cannot be seen."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def _tell(facts: dict[str, Any]) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    sys.exit(main())
