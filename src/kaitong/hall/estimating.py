"""How long it will be: what businesses take here, and when whose turn comes. Pure.

The line is played through: each counter, when it is free, takes the first who may be served there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WEIGHT = 5  # so many visits' worth is what was known before
LEAST = 60  # seconds: who is being served is not gone at once


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter somebody sits at: which kinds it serves (none: all), and when it is free."""

    id: object
    kinds: frozenset[str]
    free_in: float  # seconds


@dataclass(frozen=True, slots=True)
class Waiting:
    id: object
    kind: str
    to: object = None  # the one counter it was handed to


def mean(prior: float, recent: float, n: int, today: float, n_today: int) -> float:
    """What a kind takes: the playbook's guess, moved by recent days, moved by today.

    >>> mean(600, 0, 0, 0, 0), mean(600, 300, 5, 0, 0), mean(600, 600, 0, 1200, 5)
    (600.0, 450.0, 900.0)
    """
    before = (n * recent + WEIGHT * prior) / (n + WEIGHT)
    return (n_today * today + WEIGHT * before) / (n_today + WEIGHT)


def left(usual: float, elapsed: float) -> float:
    """What remains of a visit that has run for a while.

    >>> left(600, 100), left(600, 900)
    (500, 60)
    """
    return max(usual - elapsed, LEAST)


def turns(
    line: Sequence[Waiting], counters: Sequence[Counter], usual: Mapping[str, float]
) -> dict[object, float]:
    """In how many seconds each of the line is called; who nobody serves is left out.

    >>> usual = {"a": 100.0, "b": 10.0}
    >>> both = [Counter(1, frozenset(), 0), Counter(2, frozenset("b"), 5)]
    >>> turns([Waiting("x", "a"), Waiting("y", "a"), Waiting("z", "b"), Waiting("o", "c")], both,
    ...       usual)
    {'x': 0, 'z': 5, 'y': 100.0, 'o': 200.0}
    >>> turns([Waiting("x", "a", to=2), Waiting("y", "b")], both, usual)
    {'y': 0, 'x': 5}
    """
    found: dict[object, float] = {}
    free = {one.id: one.free_in for one in counters}
    waiting = list(line)
    while waiting and free:
        at = min(free, key=lambda key: free[key])
        counter = next(one for one in counters if one.id == at)
        mine = [w for w in waiting if w.to == at] or [
            w for w in waiting if w.to is None and (not counter.kinds or w.kind in counter.kinds)
        ]
        if not mine:  # nothing will come to this one
            del free[at]
            continue
        found[mine[0].id] = free[at]
        free[at] += usual.get(mine[0].kind, 0.0)
        waiting.remove(mine[0])
    return found
