"""A worker process of the `broadband` benchmark: changes lines in use by the counter's verbs.

{"do": "change", "seconds": 10}  prove the customer, ask for a change, let machines do it; counts
{"do": "finish"}                 carry on what is open, ask for nothing more
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m kaitong.bench.changer")
    parser.add_argument("--first", type=int, required=True, help="the first line of this worker")
    parser.add_argument("--lines", type=int, required=True, help="how many lines it has")
    asked = parser.parse_args()
    import django

    django.setup()
    changer = Changer(asked.first, asked.lines)
    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "change":
            answer = changer.timed(float(order["seconds"]))
        else:
            changer.finish()
            answer = {}
        print(json.dumps(answer), flush=True)
    return 0


# Changes that lead back to a line in use, in this order on each line: the procedure and what is
# answered instead of its form's example. No change of plan: within its term it owes a sum, and who
# owes is refused the next change.
ROUND: tuple[tuple[str, dict[str, Any]], ...] = (
    ("suspend", {}),
    ("resume", {}),
    ("change-data", {}),
    ("reset-password", {"password": "First-2026", "password_again": "First-2026"}),
    ("change-password", {"old_password": "First-2026"}),
)
IN_FLIGHT = 4


@dataclass(slots=True)
class _Open:
    order: Any
    began: float
    line: Any
    what: str


@dataclass(slots=True)
class Changer:
    """Changes its own lines one after the other, some in flight at a time, as a counter does."""

    first: int
    lines: int
    done: int = 0
    seconds: list[float] = field(default_factory=list)
    open: deque[_Open] = field(default_factory=deque)
    ready: deque[Any] = field(default_factory=deque)
    clerk: Any = None

    def __post_init__(self) -> None:
        from kaitong.bench import broadband
        from kaitong.org.queries import actor_of

        self.clerk = actor_of("clerk")
        for service, document in broadband.lines(self.first, self.lines):
            self.ready.append((service, document, cycle(broadband.round_of())))

    def timed(self, seconds: float) -> dict[str, Any]:
        self.done, self.seconds = 0, []
        begun, before = time.monotonic(), os.times()
        while time.monotonic() < begun + seconds:
            while len(self.open) < IN_FLIGHT and self.ready:
                self._ask(self.ready.popleft())
            self._carry_on()
        took, after = time.monotonic() - begun, os.times()
        return {
            "orders": self.done,
            "took": took,
            "cpu": after.user + after.system - before.user - before.system,
            "seconds": self.seconds,
        }

    def finish(self, seconds: float = 120.0) -> None:
        from kaitong.bench.commits import BenchError

        end = time.monotonic() + seconds
        while self.open:
            if time.monotonic() > end:
                raise BenchError(f"{len(self.open)} changes do not end.", "See their incidents.")
            self._carry_on()

    def _ask(self, line: Any) -> None:
        from kaitong.bench import broadband

        service, document, rounds = line
        began, (what, answers) = time.monotonic(), next(rounds)
        order = broadband.ask(self.clerk, service, what, document, answers)
        self.open.append(_Open(order, began, line, what))

    def _carry_on(self) -> None:
        from kaitong.bench.commits import BenchError
        from kaitong.ordering.models import Order
        from kaitong.process import commands

        worked = commands.drain(10)
        states = dict(
            Order.objects.filter(pk__in=[o.order.pk for o in self.open]).values_list("pk", "state")
        )
        for _n in range(len(self.open)):
            one = self.open.popleft()
            match states[one.order.pk]:
                case "completed":
                    self.done += 1
                    self.seconds.append(time.monotonic() - one.began)
                    self.ready.append(one.line)
                case "failed" | "cancelled" | "rejected":
                    raise BenchError(f"A change ({one.what}) ended as {states[one.order.pk]}.")
                case _:
                    self.open.append(one)
        if not worked:
            time.sleep(0.02)  # what is left is with others, or waits to be asked again


if __name__ == "__main__":
    sys.exit(main())
