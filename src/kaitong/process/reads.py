"""Which variables a node reads, whatever kind it is: what a person may want to correct there.

Pure: it looks through a node's expressions, wherever they stand, and asks each what it reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from kaitong.process.model import SUB_PROCESSES, Model, Node

_DEPTH = 8  # of parts within parts; a model refers to other nodes by name, so this is never met
_RESULTS = "outputs"  # what these read are an action's results, not variables (but see below)


def names_read(model: Model, node: Node) -> list[str]:
    """Names of variables that the node's expressions read, its decision's inputs included."""
    found: set[str] = set()
    for one in fields(node):
        if one.name != _RESULTS or node.kind in SUB_PROCESSES:  # a sub-process reads its variables
            found.update(_names(getattr(node, one.name), 0))
    if node.decision:
        found.update(_names(model.decisions.get(node.decision.partition("#")[0]), 0))
    return sorted(found)


def names_written(node: Node) -> list[str]:
    """Names of variables that the node's results become."""
    return sorted(node.outputs)


def _names(thing: Any, depth: int) -> Iterator[str]:
    if depth > _DEPTH or thing is None or isinstance(thing, str | bytes | int | float):
        return
    names = getattr(thing, "names", None)
    if isinstance(names, frozenset):  # a compiled expression
        yield from names
    elif is_dataclass(thing) and not isinstance(thing, type):
        for one in fields(thing):
            yield from _names(getattr(thing, one.name), depth + 1)
    elif isinstance(thing, Mapping):
        for value in thing.values():
            yield from _names(value, depth + 1)
    elif isinstance(thing, tuple | list | set | frozenset):
        for value in thing:
            yield from _names(value, depth + 1)
