"""What a playbook says of time, checked at deployment: reasons to suspend, levels of warning,
phases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kaitong.process import levels, phases, reasons
from kaitong.process.model import Fault, Model

FILE = "playbook.yaml"


def clock_faults(
    content: Mapping[str, Any],
    models: Mapping[str, Model],
    line: Callable[[Iterable[Any]], int],
    *,
    whole: bool = True,
) -> list[Fault]:
    """Every fault of a playbook's clocks; `line` finds a path in playbook.yaml. Without the `whole`
    of its processes (one was refused) nothing is called unused."""
    return [
        *_reasons(content, models, line),
        *_levels(content, models, line),
        *_phases(content, models, line, whole),
    ]


def _table(content: Mapping[str, Any], name: str) -> Any:
    entry = content.get("parameters", {}).get(name)
    return entry.get("default") if isinstance(entry, Mapping) else None


def _levels(
    content: Mapping[str, Any],
    models: Mapping[str, Model],
    line: Callable[[Iterable[Any]], int],
) -> Iterator[Fault]:
    """Tables that tasks and phases name as their levels."""
    wanted: dict[str, list[str]] = {}
    for model in models.values():
        for node in model.nodes.values():
            if name := node.extension.get("levels"):
                wanted.setdefault(name, []).append(node.id)
    given = _table(content, phases.TABLE)
    for key, entry in (given if isinstance(given, Mapping) else {}).items():
        if isinstance(entry, Mapping) and entry.get("levels"):
            wanted.setdefault(str(entry["levels"]), []).append(f"phases.{key}")
    for name, users in wanted.items():
        table = _table(content, name)
        if table is None:
            what = f"No parameter {name!r} that holds levels."
            yield Fault(FILE, line(["parameters"]), ", ".join(users), what, "Add it, kind: table.")
            continue
        for number, what, remedy in levels.faults(table, content["posts"]):
            path = ["parameters", name, "default", number]
            yield Fault(FILE, line(path), f"parameters.{name}.{number + 1}", what, remedy)


def _phases(
    content: Mapping[str, Any],
    models: Mapping[str, Model],
    line: Callable[[Iterable[Any]], int],
    whole: bool,
) -> Iterator[Fault]:
    given = _table(content, phases.TABLE)
    table = given if isinstance(given, Mapping) else {}
    used: set[str] = set()
    for model in models.values():
        for node in model.nodes.values():
            key = node.extension.get("phase")
            if not key:
                continue
            used.add(key)
            if key not in table:
                what = f"No phase {key!r} in the table {phases.TABLE}."
                yield Fault(model.key, 1, node.id, what, "Add it, or correct the name.")
    for key, entry in table.items():
        path = ["parameters", phases.TABLE, "default", key]
        where = ".".join(path)
        if not isinstance(entry, Mapping) or set(entry) - {"title", "budget", "levels"}:
            what = "A phase has title, budget and levels."
            yield Fault(FILE, line(path), where, what, "Leave out what else there is.")
        elif not entry.get("budget") or _table(content, str(entry["budget"])) is None:
            what = "A phase names a parameter that is its time budget."
            yield Fault(FILE, line(path), where, what, "Write budget: NAME.")
        elif whole and key not in used:
            yield Fault(FILE, line(path), where, "No task is in this phase.", "Set kaitong:phase.")


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
