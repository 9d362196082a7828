"""The vocabulary of `faults:` in playbook.yaml, as JSON Schema, and what a schema cannot see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from kaitong.assurance.choices import Level, Severity, TicketKind
from kaitong.assurance.notices import MOMENTS, PLACES
from kaitong.core.schemas import KEY, TITLE, closed, list_of
from kaitong.messaging.choices import Channel
from kaitong.ordering.notices import places_in

FILE = {"type": "string", "minLength": 1}
BUDGET_KINDS = ("working-days", "working-hours", "elapsed", "calendar")


_ENTRY = closed({"key": KEY, "title": TITLE}, "key", "title")
_GRAVE = closed({"key": KEY, "title": TITLE, "severity": {"enum": Severity.values}}, "key", "title")
_REASONS = list_of(
    closed({"key": KEY, "title": TITLE, "reasons": list_of(_ENTRY)}, "key", "title", "reasons")
)
_PAPER = closed(
    {
        "file": FILE,
        "title": TITLE,
        "form": {"type": "string", "minLength": 1},
        "number": KEY,
        "post": KEY,
        "copies": list_of({"type": "string"}),
        "limits": {"type": "string"},
        "steps": list_of({"type": "string"}),
    },
    "file", "title", "form", "number", "post", "copies",
)  # fmt: skip
_NOTICE = closed(
    {
        "title": TITLE,
        "when": {"enum": list(MOMENTS)},
        "for": {"enum": TicketKind.values},
        "to": {"enum": ["customer"]},
        "by": list_of({"enum": Channel.values}),
        "text": {"type": "string", "minLength": 1, "maxLength": 500},
        "text_en": {"type": "string", "minLength": 1, "maxLength": 500},
        "quiet": {"type": "string", "minLength": 1},
    },
    "title", "when", "to", "by", "text",
)  # fmt: skip
_NUMBERS = ("fault", "cause", "complaint", "hand-over")

SCHEMA: dict[str, Any] = closed(
    {
        "services": list_of(KEY),
        "process": FILE,
        "cause": FILE,
        "complaint": FILE,
        "budgets": closed(dict.fromkeys(TicketKind.values, KEY), *TicketKind.values),
        "cause-budget": KEY,
        "numbers": closed(dict.fromkeys(_NUMBERS, KEY), *_NUMBERS),
        "takers": list_of(KEY),
        "desk": list_of(KEY),
        "hotlines": list_of(
            closed(
                {
                    "number": {"type": "string", "pattern": "^[0-9]{3,12}$"},
                    "title": TITLE,
                    "to": {"type": "string", "pattern": "^[0-9]{3,12}$"},
                },
                "number",
                "title",
            )
        ),
        "channels": list_of(_ENTRY),
        "symptoms": list_of(_GRAVE),
        "complaints": list_of(_GRAVE),
        "causes": _REASONS,
        "survey-reasons": _REASONS,
        "common-causes": closed({"window": KEY, "counts": KEY}, "window", "counts"),
        "alarms": {"type": "array", "items": KEY},
        "repeat-days": KEY,
        "call-back-tries": KEY,
        "papers": closed({"repair-order": _PAPER, "hand-over": _PAPER}),
        "notices": {"type": "object", "propertyNames": KEY, "additionalProperties": _NOTICE},
    },
    "services", "process", "cause", "complaint", "budgets", "numbers", "takers", "desk",
    "channels", "symptoms", "complaints", "causes", "survey-reasons", "common-causes",
)  # fmt: skip

# What stands for which process, by its name among the definitions of a handling.
PROCESSES = {"fault": "process", "cause": "cause", "complaint": "complaint"}


def named_files(content: Mapping[str, Any]) -> dict[str, tuple[str, list[str]]]:
    """The processes of `faults:` by their names there: file, and where playbook.yaml names it."""
    entry = content.get("faults", {})
    return {
        name: (entry[field], ["faults", field])
        for name, field in PROCESSES.items()
        if field in entry
    }


def process_files(content: Mapping[str, Any]) -> dict[str, tuple[str, list[str]]]:
    """The same by the processes' keys: their files' names."""
    return {
        PurePosixPath(file).stem: (file, place) for file, place in named_files(content).values()
    }


def texts(content: Mapping[str, Any]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Texts beside titles that need their English."""
    for key, entry in content.get("faults", {}).get("notices", {}).items():
        if not entry.get("text_en"):
            yield ("faults", "notices", key, "text"), entry["text"]


def faults(
    content: Mapping[str, Any], files: set[str], english: Mapping[str, str]
) -> Iterator[tuple[list[Any], str, str]]:
    """(place, what, remedy) of what the schema cannot see; `files` are those of the folder."""
    entry = content.get("faults", {})
    if not entry:
        return
    parameters = content.get("parameters", {})
    for key in entry["services"]:
        if key not in content["services"]:
            yield ["faults", "services"], f"No service {key!r}.", "Name it under services:."
    for field in ("takers", "desk"):
        for post in entry[field]:
            if post not in content["posts"]:
                yield ["faults", field], f"No post {post!r}.", "Name it under posts:."
    budgets = [(["faults", "budgets", kind], name) for kind, name in entry["budgets"].items()]
    budgets.append((["faults", "common-causes", "window"], entry["common-causes"]["window"]))
    if "cause-budget" in entry:
        budgets.append((["faults", "cause-budget"], entry["cause-budget"]))
    for place, name in budgets:
        if parameters.get(name, {}).get("kind") not in BUDGET_KINDS:
            yield place, f"No time budget {name!r}.", "Add the parameter."
    window = parameters.get(entry["common-causes"]["window"], {})
    if window and window.get("kind") != "elapsed":
        place = ["faults", "common-causes", "window"]
        yield place, "Faults count together over elapsed time.", "Use a parameter of kind elapsed."
    for field in ("repeat-days", "call-back-tries"):
        if field in entry and parameters.get(entry[field], {}).get("kind") != "count":
            yield ["faults", field], f"No number {entry[field]!r}.", "Add a parameter: kind count."
    for kind, name in entry["numbers"].items():
        if name not in content["numbers"]:
            yield ["faults", "numbers", kind], f"No number rule {name!r}.", "Add it."
    yield from _counts(entry, parameters)
    numbers = {line["number"] for line in entry.get("hotlines", [])}
    for n, line in enumerate(entry.get("hotlines", [])):
        if line.get("to") and line["to"] not in numbers:
            yield ["faults", "hotlines", n], f"No hotline {line['to']!r}.", "List it, too."
    for kind, paper in entry.get("papers", {}).items():
        if paper["number"] not in content["numbers"]:
            yield ["faults", "papers", kind], f"No number rule {paper['number']!r}.", "Add it."
        if paper["post"] not in content["posts"]:
            yield ["faults", "papers", kind], f"No post {paper['post']!r}.", "Name it."
        if paper["file"] not in files:
            yield ["faults", "papers", kind, "file"], f"No file {paper['file']}.", "Add it."
    yield from _notices(entry, parameters, english)


def _counts(
    entry: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Iterator[tuple[list[Any], str, str]]:
    name = entry["common-causes"]["counts"]
    place = ["faults", "common-causes", "counts"]
    table = parameters.get(name, {}).get("default")
    if not isinstance(table, Mapping):
        yield place, f"No table {name!r}.", "Add it: {splitter: {faults: 2}, ...}."
        return
    for level, rule in table.items():
        if level not in Level.values:
            yield place, f"{level!r} is no level.", f"Known: {', '.join(Level.values)}."
        elif not isinstance(rule, Mapping) or not all(
            isinstance(n, int) and n > 0 for n in rule.values()
        ):
            yield place, f"The counts of {level} are whole numbers.", "Write {faults: 2}."
        elif set(rule) - {"faults", "beneath"}:
            yield place, f"The counts of {level} have an unknown entry.", "faults, beneath."


def _notices(
    entry: Mapping[str, Any], parameters: Mapping[str, Any], english: Mapping[str, str]
) -> Iterator[tuple[list[Any], str, str]]:
    for key, notice in entry.get("notices", {}).items():
        place = ["faults", "notices", key]
        if notice.get("quiet") and notice["quiet"] not in parameters:
            yield [*place, "quiet"], f"No parameter {notice['quiet']!r}.", "Add it."
        found = []
        for text in (notice["text"], notice.get("text_en") or english.get(notice["text"], "")):
            if not text:
                continue
            try:
                found.append(places_in(text))
            except ValueError as error:
                yield [*place, "text"], f"The text cannot be read: {error}", "Write {name}."
        for name in sorted(set().union(*found) - PLACES[notice["when"]]):
            known = ", ".join(sorted(PLACES[notice["when"]]))
            yield [*place, "text"], f"There is no place {{{name}}}.", f"Known: {known}."
        if len(found) == 2 and found[0] != found[1]:
            yield [*place, "text"], "Chinese and English differ.", "Name the same places."
