"""What a playbook says of time, checked at deployment: reasons to suspend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kaitong.process import reasons
from kaitong.process.model import Fault, Model

FILE = "playbook.yaml"


def clock_faults(
    content: Mapping[str, Any],
    models: Mapping[str, Model],
    line: Callable[[Iterable[Any]], int],
) -> list[Fault]:
    """Every fault of a playbook's clocks; `line` finds a path in playbook.yaml."""
    return list(_reasons(content, models, line))


def _reasons(
    content: Mapping[str, Any],
    models: Mapping[str, Model],
    line: Callable[[Iterable[Any]], int],
) -> Iterator[Fault]:
    entry = content.get("parameters", {}).get(reasons.TABLE)
    table = entry.get("default") if isinstance(entry, Mapping) else None
    if not isinstance(table, Mapping):
        return
    for code, what, remedy in reasons.faults(table):
        path = ["parameters", reasons.TABLE, "default", code]
        yield Fault(FILE, line(path), ".".join(path), what, remedy)
    for model in models.values():
        for node in model.nodes.values():
            named = node.extension.get("suspend-reasons", "").replace(",", " ").replace(";", " ")
            for code in named.split():
                if code not in table:
                    what = f"No reason {code!r} in the table {reasons.TABLE}."
                    yield Fault(model.key, 1, node.id, what, "Add it, or correct the name.")
