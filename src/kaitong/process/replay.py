"""The history of an instance as moves of its tokens (令牌回放): where each stood after each line.

From the history alone, so that it tells of any instance, running or long ended. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from kaitong.process.positions import HistoryRow

_COMES = frozenset({"entered", "fired"})
_GOES = frozenset({"left", "joined", "interrupted"})
_ENDS = frozenset({"ended", "terminated"})


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of the history, and the nodes tokens stand at after it (one entry a token).

    `flow` is the sequence flow that was taken with this line, `gone` the node a token was taken
    away from without having done its work (interrupted, returned).
    """

    row: HistoryRow
    tokens: tuple[str, ...]
    flow: str = ""
    done: str = ""
    gone: str = ""


def frames(rows: Iterable[HistoryRow]) -> list[Frame]:
    """Frames of one instance's history, in its order."""
    standing: dict[UUID, str] = {}
    found = []
    for row in rows:
        flow = done = gone = ""
        if row.kind in _COMES and row.token is not None:
            standing[row.token] = row.node
            flow = str(row.data.get("flow") or "")
        elif row.kind == "moved" and row.token in standing:  # carried over to another version
            standing[row.token] = row.node  # what merely listens stands nowhere
        elif row.kind in _GOES and row.token is not None:
            standing.pop(row.token, None)
            done, gone = ("", row.node) if row.kind == "interrupted" else (row.node, "")
        elif row.kind in _ENDS:
            standing.clear()
        found.append(Frame(row, tuple(sorted(standing.values())), flow, done, gone))
    return found
