"""What a test run spent, by the parts of CI's budget: said at the end of every `./run test`."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

# Minutes of both processors, and where each part's tests lie: the first that fits counts. The
# table in CONTRIBUTING.md says the same.
BUDGET: dict[str, tuple[float, tuple[str, ...]]] = {
    "browser": (7, ("tests/browser",)),
    "whole path": (9, ("tests/path",)),
    "chaos, benchmarks": (4, ("tests/chaos", "src/kaitong/bench")),
    "lab": (4, ("src/kaitong/lab", "src/kaitong/demo", "src/kaitong/cli")),
    "API": (3, ("src/kaitong/tmf",)),
    "pages": (6, ("src/kaitong/web",)),
    "processes": (5, ("src/kaitong/process",)),
    "the rest": (4, ("src", "tests")),
}
SLOWEST = 8  # files named
WORTH_SAYING = 60.0  # a run of a few tests says nothing of its parts


def part_of(file: str) -> str:
    """The part of the budget a test file belongs to."""
    return next(
        (part for part, (_minutes, places) in BUDGET.items() if file.startswith(places)), "the rest"
    )


def told(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


class Spending:
    """A plugin of pytest: adds up what the tests' setting up, running and clearing away took."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.files: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.files[report.nodeid.split("::")[0]] += report.duration

    def lines(self) -> list[str]:
        """The parts with their shares, and the files that took longest."""
        parts: dict[str, float] = defaultdict(float)
        for file, seconds in self.files.items():
            parts[part_of(file)] += seconds
        said = [
            f"· {part}: {told(parts[part])} of {minutes:g} min"
            + (" — OVER ITS SHARE" if parts[part] > minutes * 60 else "")
            for part, (minutes, _places) in BUDGET.items()
            if part in parts
        ]
        slowest = sorted(self.files.items(), key=lambda pair: -pair[1])[:SLOWEST]
        said += [f"·   {told(seconds)}  {file}" for file, seconds in slowest]
        total = sum(self.files.values())
        return [*said, f"· {told(total)} of tests in {told(time.monotonic() - self.began)}"]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if time.monotonic() - self.began < WORTH_SAYING:
            return
        terminalreporter.section("where the time went (budget: CONTRIBUTING.md)")
        for line in self.lines():
            terminalreporter.write_line(line)
