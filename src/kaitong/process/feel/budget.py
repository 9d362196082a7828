"""What an evaluation may cost, counted in steps: neither a clock nor a thread is asked.

One step is one part of the expression evaluated, one item of a list or entry of a context walked,
or so many characters of text handled. Whoever is outermost opens the budget: everything evaluated
inside (functions of a decision, tables, what they require) spends from the same one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kaitong.process.feel.errors import (
    CHARACTERS_A_STEP,
    MAX_STEPS,
    MAX_VALUE_DEPTH,
    Problem,
)


class Budget:
    __slots__ = ("left", "limit")

    def __init__(self, limit: int):
        self.limit = self.left = limit

    @property
    def spent(self) -> int:
        return self.limit - self.left


_running = threading.local()


def enter(limit: int = MAX_STEPS) -> bool:
    """Open a budget if none is open; True for whoever must `leave` it."""
    if getattr(_running, "budget", None) is not None:
        return False
    _running.budget = Budget(limit)
    return True


def leave() -> None:
    _running.budget = None


@contextmanager
def shared(limit: int = MAX_STEPS) -> Iterator[Budget]:
    """One budget for all that is evaluated inside; the one already open, if there is one."""
    opened = enter(limit)
    try:
        yield _running.budget
    finally:
        if opened:
            leave()


def spend(steps: int) -> None:
    """Pay for work about to be done; outside of an evaluation it costs nothing."""
    budget = getattr(_running, "budget", None)
    if budget is None:
        return
    budget.left -= steps
    if budget.left < 0:
        budget.left = 0
        raise Problem(f"the expression takes more than {budget.limit} steps")


def spend_on_text(text: str, times: int = 1) -> None:
    steps = len(text) * times // CHARACTERS_A_STEP
    if steps:
        spend(steps)


def weigh(value: Any) -> None:
    """Pay for all of a value as it would be written out, however often its parts are shared."""
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        if isinstance(one, str):
            spend_on_text(one)
            continue
        if isinstance(one, Mapping):
            inside = list(one.values())
        elif isinstance(one, list | tuple):
            inside = list(one)
        else:
            continue
        if depth >= MAX_VALUE_DEPTH:
            raise Problem(f"a value is nested deeper than {MAX_VALUE_DEPTH}")
        spend(len(inside))
        waiting += [(part, depth + 1) for part in inside]
