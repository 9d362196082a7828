"""The vocabulary of `fieldwork:` in playbook.yaml, as JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from pathlib import PurePosixPath
from typing import Any

from kaitong.core.schemas import KEY, TITLE, closed, list_of

SCHEMA: dict[str, Any] = closed(
    {
        "resource-check": {"type": "string", "minLength": 1},
        "resend": {"type": "string", "minLength": 1},
        "on-site": {"type": "array", "items": KEY},
        "posts": {"type": "array", "items": KEY},
        "port-reasons": list_of(
            closed(
                {
                    "key": KEY,
                    "title": TITLE,
                    "old": {"enum": ["free", "damaged"]},
                    "resource-check": {"type": "boolean"},
                },
                "key",
                "title",
                "old",
            )
        ),
        "correction": KEY,
        "terminal-reasons": list_of(
            closed(
                {
                    "key": KEY,
                    "title": TITLE,
                    "old": {"enum": ["issued", "in-stock", "to-recover", "scrapped"]},
                },
                "key",
                "title",
                "old",
            )
        ),
        "return-reasons": list_of(
            closed(
                {
                    "key": KEY,
                    "title": TITLE,
                    "reasons": list_of(closed({"key": KEY, "title": TITLE}, "key", "title")),
                },
                "key",
                "title",
                "reasons",
            )
        ),
    },
    "resource-check",
    "resend",
    "port-reasons",
    "correction",
    "terminal-reasons",
    "return-reasons",
)

PROCESSES = ("resource-check", "resend")


def named_files(content: Mapping[str, Any]) -> dict[str, tuple[str, list[str]]]:
    """What `fieldwork:` starts, by its name there: the file, and where playbook.yaml names it."""
    entry = content.get("fieldwork", {})
    return {name: (entry[name], ["fieldwork", name]) for name in PROCESSES if name in entry}


def process_files(content: Mapping[str, Any]) -> dict[str, tuple[str, list[str]]]:
    """The same by the processes' keys: their files' names."""
    return {
        PurePosixPath(file).stem: (file, place) for file, place in named_files(content).values()
    }


def faults(content: Mapping[str, Any], fields: Set[str]) -> Iterator[tuple[list[Any], str, str]]:
    """(place, what, remedy) of what the schema cannot see; `fields` are all forms'."""
    entry = content.get("fieldwork", {})
    if not entry:
        return
    if entry["correction"] not in {reason["key"] for reason in entry["port-reasons"]}:
        what = f"No port reason {entry['correction']!r}."
        yield ["fieldwork", "correction"], what, "Name a key of port-reasons."
    for post in entry.get("posts", ()):
        if post not in content["posts"]:
            yield ["fieldwork", "posts"], f"No post {post!r}.", "Name it under posts:."
    for name in entry.get("on-site", ()):
        if name not in fields:
            yield ["fieldwork", "on-site"], f"No form asks {name!r}.", "Name a field of a form."
