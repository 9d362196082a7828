"""Figures with their limit, progress on stderr, and what machine they were taken on."""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["Figure", "keyed", "machine", "median", "percentile", "say", "table"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `limit` with `sense` ("<=" or ">=") decides pass or miss; a figure
    without a limit is told beside its peer, which is measured in the same run."""

    name: str
    value: float
    unit: str
    sense: str = ""
    limit: float | None = None
    note: str = ""
    key: tuple[str, ...] = ()  # where it stands in the JSON object: a name, and for whom

    @property
    def mark(self) -> str:
        if self.limit is None:
            return ""
        good = self.value <= self.limit if self.sense == "<=" else self.value >= self.limit
        return "pass" if good else "miss"

    def as_dict(self) -> dict[str, Any]:
        told = {**asdict(self), "value": round(self.value, 4), "mark": self.mark}
        del told["key"]
        return told


def keyed(figures: Iterable[Figure]) -> dict[str, Any]:
    """The figures that have a key, as the JSON object holds them.

    >>> keyed([Figure("a", 3.0, "orders/s", key=("orders_per_s", "4"))])
    {'orders_per_s': {'4': 3.0}}
    """
    found: dict[str, Any] = {}
    for figure in figures:
        if len(figure.key) == 1:
            found[figure.key[0]] = round(figure.value, 4)
        elif figure.key:
            found.setdefault(figure.key[0], {})[figure.key[1]] = round(figure.value, 4)
    return found


def say(text: str) -> None:
    """A line of progress; stdout is for figures alone."""
    print(f"· {text}", file=sys.stderr, flush=True)


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which that share of all lies (nearest rank).

    >>> percentile([5, 1, 4, 2, 3], 0.95)
    5
    """
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def table(figures: Sequence[Figure]) -> str:
    """The figures as lines people read."""
    width = max((len(figure.name) for figure in figures), default=0)
    lines = []
    for figure in figures:
        limit = f"{figure.sense} {_number(figure.limit)}" if figure.limit is not None else ""
        lines.append(
            f"  {figure.name:<{width}}  {_number(figure.value):>10} {figure.unit:<12}"
            f" {limit:<10} {figure.mark:<5} {figure.note}".rstrip()
        )
    return "\n".join(lines)


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    facts: dict[str, Any] = {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
    }
    try:
        info = Path("/proc/cpuinfo").read_text()
        names = [line for line in info.splitlines() if line.startswith("model name")]
        facts["cpu"] = names[0].split(":", 1)[1].strip() if names else platform.machine()
        memory = Path("/proc/meminfo").read_text().split("\n", 1)[0]
        facts["memory_gb"] = round(int(memory.split()[1]) / 1048576, 1)
    except OSError:
        facts["cpu"] = platform.machine()
    return facts
