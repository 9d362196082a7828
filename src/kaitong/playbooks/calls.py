"""Called processes (`called:` of a playbook): where their files stand, and who calls whom.

A file beginning with `/` belongs to the library and is shared: `/common/processes/review.bpmn`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kaitong.process.model import Model


def files(content: Mapping[str, Any]) -> dict[str, tuple[str, list[str]]]:
    """The called processes by key: their files, and where playbook.yaml names them."""
    return {
        key: (entry["file"], ["called", key, "file"])
        for key, entry in content.get("called", {}).items()
    }


def shared(content: Any) -> Iterator[str]:
    """The files of processes that are named in the library outright."""
    for part in ("called", "processes"):
        listed = content.get(part) if isinstance(content, Mapping) else None
        for entry in listed.values() if isinstance(listed, Mapping) else ():
            file = entry.get("file") if isinstance(entry, Mapping) else None
            if isinstance(file, str) and file.startswith("/"):
                yield file


def in_order(called: Mapping[str, Model]) -> list[str] | str:
    """The called processes, each after those it calls itself; or the one that calls itself."""
    done: list[str] = []
    for start in called:
        waiting = [(start, False)]
        inside: set[str] = set()
        while waiting:
            key, leaving = waiting.pop()
            if leaving:
                inside.discard(key)
                done.append(key)
            elif key in inside:
                return key
            elif key not in done:
                inside.add(key)
                waiting.append((key, True))
                waiting += [(name, False) for name in calls(called[key]) if name in called]
    return done


def calls(model: Model) -> set[str]:
    """The processes its call activities name."""
    return {node.called for node in model.nodes.values() if node.called}
