"""YAML as playbooks are written in it: values, the line of each, and keys that stand twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml

YAMLError, MarkedYAMLError = yaml.YAMLError, yaml.MarkedYAMLError

# libyaml reads ten times as fast, where PyYAML has it; nodes, values and marks are alike.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):
    """YAML as 1.2 has it: only true and false are truth values, `on` and `no` are words."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), ["t", "f"])


@lru_cache(maxsize=8)
def values(text: str) -> Any:
    """A YAML text as values; nobody changes what is answered."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a SafeLoader


def composed(text: str) -> Any:
    """The root node of a text, which knows its lines; None when it holds nothing."""
    return yaml.compose(text, Loader=_Loader)


def constructed(root: Any) -> Any:
    """The values of a composed document, without reading its text again."""
    if root is None:
        return None
    loader = _Loader("")
    try:
        return loader.construct_document(root)
    finally:
        loader.dispose()


def twice(node: Any) -> Iterator[tuple[int, str]]:
    """Keys a mapping has twice with different values, which YAML's readers pass over in silence."""
    if isinstance(node, yaml.MappingNode):
        before: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in before and yaml.serialize(before[name]) != yaml.serialize(value):
                yield key.start_mark.line + 1, name
            before[name] = value
            yield from twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from twice(value)


def positions(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    """Line numbers of every key and element of a YAML document."""
    if node is None:
        return
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, str(key.value)), key.start_mark.line + 1
            yield from (
                (p, line)
                for p, line in positions(value, (*path, str(key.value)))
                if p != (*path, str(key.value))
            )
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from positions(value, (*path, str(number)))
