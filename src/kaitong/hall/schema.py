"""The vocabulary of `hall:` in playbook.yaml, as JSON Schema, and what a schema cannot see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kaitong.core.schemas import KEY, TITLE, closed, list_of

_KIND = closed(
    {
        "key": KEY,
        "title": TITLE,
        "prefix": {"type": "string", "pattern": "^[A-Z]{1,2}$"},
        "minutes": {"type": "integer", "minimum": 1, "maximum": 240},
        "wait": KEY,
        "form": {"type": "boolean"},
        "changes": {"type": "boolean"},
        "identity": {"type": "boolean"},
        "icon": {"type": "string", "pattern": "^[a-z0-9-]+$"},
        "bring": list_of(TITLE),
    },
    "key", "title", "prefix", "minutes", "wait",
)  # fmt: skip
_PAPER = closed(
    {
        "file": {"type": "string", "minLength": 1},
        "title": TITLE,
        "form": {"type": "string", "minLength": 1},
        "number": KEY,
        "post": KEY,
        "copies": list_of({"type": "string"}),
        "terms": list_of({"type": "string"}),
    },
    "file", "title", "form", "number", "post", "copies",
)  # fmt: skip

SCHEMA: dict[str, Any] = closed(
    {
        "posts": closed(
            {"take": list_of(KEY), "serve": list_of(KEY), "device": list_of(KEY)}, "take", "serve"
        ),
        "device-days": KEY,
        "counters": KEY,
        "calls": KEY,
        "back-within": KEY,
        "back-behind": KEY,
        "kinds": list_of(_KIND),
        "subjects": list_of(closed({"key": KEY, "title": TITLE}, "key", "title")),
        "papers": closed({"application": _PAPER}),
    },
    "posts", "kinds",
)  # fmt: skip


def texts(content: Mapping[str, Any]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Texts beside titles that need their English."""
    for n, entry in enumerate(content.get("hall", {}).get("kinds", [])):
        for i, text in enumerate(entry.get("bring", [])):
            yield ("hall", "kinds", n, "bring", i), text


def faults(content: Mapping[str, Any], files: set[str]) -> Iterator[tuple[list[Any], str, str]]:
    """(place, what, remedy) of what the schema cannot see; `files` are those of the folder."""
    entry = content.get("hall", {})
    if not entry:
        return
    parameters = content.get("parameters", {})
    for field, posts in entry["posts"].items():
        for post in posts:
            if post not in content["posts"]:
                yield ["hall", "posts", field], f"No post {post!r}.", "Name it under posts:."
    for field in ("counters", "calls", "back-behind", "device-days"):
        if field in entry and parameters.get(entry[field], {}).get("kind") != "count":
            yield ["hall", field], f"No number {entry[field]!r}.", "Add a parameter: kind count."
    spans = [(["hall", "kinds", n, "wait"], k["wait"]) for n, k in enumerate(entry["kinds"])]
    if "back-within" in entry:
        spans.append((["hall", "back-within"], entry["back-within"]))
    for place, name in spans:
        if parameters.get(name, {}).get("kind") != "elapsed":
            yield place, f"No length {name!r}.", "Add a parameter: kind elapsed."
    asked = [one["key"] for one in entry.get("subjects", [])]
    for n, key in enumerate(asked):
        if key in asked[:n]:
            yield ["hall", "subjects", n, "key"], f"{key!r} stands twice.", "Give it another key."
    for field in ("key", "prefix"):
        seen: set[str] = set()
        for n, kind in enumerate(entry["kinds"]):
            if kind[field] in seen:
                place = ["hall", "kinds", n, field]
                yield place, f"{kind[field]!r} stands twice.", "Numbers would be given twice."
            seen.add(kind[field])
    if any(kind.get("form") for kind in entry["kinds"]) and "application" not in entry.get(
        "papers", {}
    ):
        yield ["hall", "papers"], "There is no application form.", "Add papers: application."
    for key, paper in entry.get("papers", {}).items():
        if paper["number"] not in content["numbers"]:
            yield ["hall", "papers", key], f"No number rule {paper['number']!r}.", "Add it."
        if paper["post"] not in content["posts"]:
            yield ["hall", "papers", key], f"No post {paper['post']!r}.", "Name it."
        if paper["file"] not in files:
            yield ["hall", "papers", key, "file"], f"No file {paper['file']}.", "Add it."
