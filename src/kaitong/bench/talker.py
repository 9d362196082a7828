"""A worker process of the `broadband` benchmark: only what the network takes of the changes.

{"do": "talk", "seconds": 10}  write, cut and prove what the changer's procedures make; counts

What it writes was worked out before. No order, no process, no proof kept, nothing of Kaitong's
database is read or written: what is left is the server's rows and the customer's logins.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

FIRST = "First-2026"  # what the changer's reset gives


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m kaitong.bench.talker")
    parser.add_argument("--first", type=int, required=True, help="the first line of this worker")
    parser.add_argument("--lines", type=int, required=True, help="how many lines it has")
    asked = parser.parse_args()
    import django

    django.setup()
    talker = Talker(asked.first, asked.lines)
    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in sys.stdin:
        answer = talker.timed(float(json.loads(line)["seconds"]))
        print(json.dumps(answer), flush=True)
    return 0


@dataclass(slots=True)
class Talker:
    """Goes round its own lines; each is left as the loader laid it."""

    first: int
    lines: int
    element: Any = None
    adapter: Any = None
    rounds: list[list[Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        from kaitong.activation import queries, services
        from kaitong.activation.choices import ElementKind
        from kaitong.bench import broadband

        for service, _document in broadband.lines(self.first, self.lines):
            if self.element is None:
                self.element = queries.element_for(ElementKind.AAA, service.branch_id)
                self.adapter = services.adapter(self.element)
            self.rounds.append(self._round(service))

    def _round(self, service: Any) -> list[Callable[[], None]]:
        """Suspend, resume, other data (the network hears nothing), two passwords."""
        from kaitong.activation import kinds
        from kaitong.activation.adapters.base import ProofKind
        from kaitong.bench.broadband import PASSWORD

        kind = kinds.of(self.element.kind)

        def change(password: str, barred_for: str = "") -> Any:
            return kind.desired(
                service, self.element, password=password, barred_for=barred_for, former=()
            )

        def subject(password: str, former: str = "", barred_for: str = "") -> Any:
            return kind.subject(
                service, password=password, former_password=former, barred_for=barred_for
            )

        barred = "request"
        return [
            self._said(
                change(PASSWORD, barred),
                ProofKind.SUSPENDED,
                subject(PASSWORD, barred_for=barred),
                cut=True,
            ),
            self._said(change(PASSWORD), ProofKind.ACCOUNT, subject(PASSWORD)),
            lambda: None,
            self._said(change(FIRST), ProofKind.PASSWORD, subject(FIRST, PASSWORD)),
            self._said(change(PASSWORD), ProofKind.PASSWORD, subject(PASSWORD, FIRST)),
        ]

    def _said(
        self, change: Any, kind: Any, subject: Any, *, cut: bool = False
    ) -> Callable[[], None]:
        from kaitong.activation.adapters.base import Conversation
        from kaitong.bench.commits import BenchError

        def say() -> None:
            self.adapter.apply(change, Conversation())
            if cut:
                self.adapter.sessions(change.account, Conversation())
            proof = self.adapter.prove(subject, kind, Conversation())
            if not proof.ok:
                raise BenchError(f"The network does not do as told: {proof.result}.")

        return say

    def timed(self, seconds: float) -> dict[str, Any]:
        done = 0
        begun, before = time.monotonic(), os.times()
        lines = cycle(self.rounds)
        while time.monotonic() < begun + seconds:
            for say in next(lines):
                say()
                done += 1
        took, after = time.monotonic() - begun, os.times()
        cpu = after.user + after.system - before.user - before.system
        return {"orders": done, "took": took, "cpu": cpu, "seconds": []}


if __name__ == "__main__":
    sys.exit(main())
