"""A worker of `bench process`: reads commands on stdin, answers in JSON lines.

{"do": "run", "engine": "kaitong", "seconds": 5}   carry orders so long; counts, CPU seconds
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

TICK = os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m kaitong.bench.process_worker")
    parser.add_argument("--peers", required=True, help="URL of the database of the peers' tables")
    parser.add_argument("--spiff", required=True, help="the file SpiffWorkflow reads")
    parser.add_argument("--definition", required=True)
    parser.add_argument("--command-definition", required=True)
    asked = parser.parse_args()
    import django

    django.setup()
    from kaitong.bench import process_order
    from kaitong.process import actions

    actions.configure({action.name: action for action in process_order.actions()})
    engines: dict[str, tuple[Callable[[], Iterator[None]], int]] = {}
    _tell({"ready": os.getpid()})
    for line in sys.stdin:
        told = json.loads(line)
        name = told["engine"]
        if name not in engines:
            engines[name] = _engine(name, asked)
            _run(*engines[name], seconds=0.0, least=6)  # in memory and prepared
        _tell(_run(*engines[name], seconds=float(told["seconds"])))
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


def _run(
    order: Callable[[], Iterator[None]], server: int, *, seconds: float, least: int = 1
) -> dict[str, Any]:
    begun, before, served = time.monotonic(), os.times(), _cpu_of(server)
    end = begun + seconds
    orders = transactions = 0
    while orders < least or time.monotonic() < end:
        for _transaction in order():
            transactions += 1
        orders += 1
    after = os.times()
    return {
        "orders": orders,
        "transactions": transactions,
        "took": time.monotonic() - begun,
        "cpu": after.user + after.system - before.user - before.system,
        "server_cpu": _cpu_of(server) - served,
    }


def _cpu_of(pid: int) -> float:
    """CPU seconds of the server's process for our connection; 0 where it cannot be seen."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(facts[11]) + int(facts[12])) / TICK


def _tell(facts: dict[str, Any]) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    sys.exit(main())
