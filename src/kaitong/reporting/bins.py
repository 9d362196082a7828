"""Bins of spans: a histogram of whole numbers can be added and taken away exactly, and gives any
percentile within the width of a bin (8 %). Pure.

The bounds stand in the database with what was counted by them: they are never changed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping


def _bounds() -> tuple[int, ...]:
    found, at = [], 60
    while at < 200 * 86400:
        found.append(at)
        at = max(at + 60, at * 108 // 100)
    return tuple(found)


BOUNDS = _bounds()  # seconds; bin 0 is below the first, the last above them all


def bin_of(seconds: int) -> int:
    """The bin of a span.

    >>> bin_of(0), bin_of(59), bin_of(60), bin_of(10**9) == len(BOUNDS)
    (0, 0, 1, True)
    """
    return bisect_right(BOUNDS, seconds)


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """The span below which `share` of all lie, taken as spread evenly within its bin.

    >>> percentile({}, 0.5) is None
    True
    """
    total = sum(counts.values())
    if not total:
        return None
    wanted = share * total
    seen = 0
    for number in sorted(counts):
        here = counts[number]
        if here and seen + here >= wanted:
            low = BOUNDS[number - 1] if number else 0
            high = BOUNDS[number] if number < len(BOUNDS) else low * 1.08
            return low + (high - low) * (wanted - seen) / here
        seen += here
    return float(BOUNDS[-1])
