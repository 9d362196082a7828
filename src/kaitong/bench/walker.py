"""A worker process of the `orders` benchmark: reads commands on stdin, answers in JSON lines.

{"do": "walk", "seconds": 10}    walk orders so long; counts, CPU seconds, times
{"do": "finish"}                 carry on what is open, take in nothing more
{"do": "calibrate", "orders": 5} how many writing commits and steps an order takes
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import ExitStack
from typing import Any


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m kaitong.bench.walker")
    parser.add_argument("--first", type=int, required=True, help="the first room of this walker")
    parser.add_argument("--network", action="store_true", help="activate on the lab's FreeRADIUS")
    asked = parser.parse_args()
    import django

    django.setup()
    from kaitong.bench import walking

    with ExitStack() as stack:
        if not asked.network:
            stack.enter_context(walking.offline())
        dial = walking.modem() if asked.network else None
        walker = walking.Walker(asked.first, dial)
        _tell({"ready": os.getpid()})
        for line in sys.stdin:
            order = json.loads(line)
            if order["do"] == "walk":
                _tell(_walk(walker, float(order["seconds"]), order.get("orders")))
            elif order["do"] == "calibrate":
                _tell(_calibrate(walker, int(order["orders"])))
            elif order["do"] == "finish":
                walker.finish()
                _tell({})
    return 0


def _walk(walker: Any, seconds: float, most: int | None) -> dict[str, Any]:
    begun, before = time.monotonic(), os.times()
    counted = walker.run(seconds, most)
    took, after = time.monotonic() - begun, os.times()
    return {
        "orders": counted.orders,
        "steps": counted.steps,
        "took": took,
        "cpu": after.user + after.system - before.user - before.system,
        "cpu_children": after.children_user
        + after.children_system
        - before.children_user
        - before.children_system,
        "seconds": counted.seconds,
    }


def _calibrate(walker: Any, orders: int) -> dict[str, Any]:
    """Empty-handed before and after, so that exactly these orders are counted."""
    from kaitong.bench import walking

    walker.finish()
    with walking.counting_commits() as commits:
        kept, walking.IN_FLIGHT = walking.IN_FLIGHT, 1
        try:
            steps = 0
            for _number in range(orders):
                counted = walker.run(120.0, most=1)
                steps += counted.steps
        finally:
            walking.IN_FLIGHT = kept
    return {"orders": orders, "commits": commits[0] / orders, "steps": steps / orders}


def _tell(facts: dict[str, Any]) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    sys.exit(main())
