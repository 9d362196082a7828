"""The vocabulary of `surveys:` in playbook.yaml, as JSON Schema, and what a schema cannot see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from string import Formatter
from typing import Any

from kaitong.core.schemas import TITLE, closed, list_of
from kaitong.surveys.choices import MOMENTS, Source, Way

KEY = {"type": "string", "pattern": "^[a-z][a-z0-9_-]*$", "maxLength": 60}
PLACES = frozenset({"branch", "number", "link", "days"})
SCORE, YES_NO, TEXT = "score", "yes-no", "text"
RESERVED = frozenset({"reason", "wants", "seen", "result", "csrfmiddlewaretoken"})  # of its page


_ASK = closed(
    {
        "key": KEY,
        "title": TITLE,
        "when": {"enum": list(MOMENTS)},
        "of": list_of(KEY),
        "by": {"enum": Way.values},
        "then": {"const": str(Way.CALL)},
        "share": {"type": "integer", "minimum": 1, "maximum": 100},
        "within": KEY,
        "bad": {"type": "integer", "minimum": 1, "maximum": 4},
        "questions": list_of(
            closed(
                {"key": KEY, "title": TITLE, "kind": {"enum": [SCORE, YES_NO, TEXT]}},
                "key", "title", "kind",
            )
        ),
        "text": {"type": "string", "minLength": 1, "maxLength": 300},
    },
    "key", "title", "when", "by", "share", "within", "bad", "questions",
)  # fmt: skip

SCHEMA: dict[str, Any] = closed(
    {
        "desk": list_of(KEY),
        "again-after": KEY,
        "quiet": KEY,
        "tries": KEY,
        "pause": KEY,
        "process": {"type": "string", "minLength": 1},
        "complaint": KEY,
        "reasons": list_of(
            closed(
                {
                    "key": KEY,
                    "title": TITLE,
                    "of": list_of({"enum": Source.values}),
                    "reasons": list_of(closed({"key": KEY, "title": TITLE}, "key", "title")),
                },
                "key", "title", "reasons",
            )
        ),
        "asks": list_of(_ASK),
    },
    "desk", "again-after", "asks",
)  # fmt: skip


def named_files(content: Mapping[str, Any]) -> dict[str, tuple[str, list[Any]]]:
    """The processes the section begins: name -> (file, place)."""
    entry = content.get("surveys", {})
    return {"bad": (entry["process"], ["surveys", "process"])} if "process" in entry else {}


def process_files(content: Mapping[str, Any]) -> dict[str, tuple[str, list[Any]]]:
    """The same by the key of the process: its file's name without the suffix."""
    return {PurePosixPath(file).stem: (file, at) for file, at in named_files(content).values()}


def texts(content: Mapping[str, Any]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Texts beside titles that need their English."""
    for n, entry in enumerate(content.get("surveys", {}).get("asks", [])):
        if "text" in entry:
            yield ("surveys", "asks", n, "text"), entry["text"]


def faults(
    content: Mapping[str, Any], english: Mapping[str, str]
) -> Iterator[tuple[list[Any], str, str]]:
    """(place, what, remedy) of what the schema cannot see."""
    entry = content.get("surveys", {})
    if not entry:
        return
    parameters = content.get("parameters", {})
    for post in entry["desk"]:
        if post not in content["posts"]:
            yield ["surveys", "desk"], f"No post {post!r}.", "Name it under posts:."
    for field, kinds in (
        ("again-after", ("count",)), ("tries", ("count",)), ("pause", ("elapsed",)),
        ("quiet", ("choice",)),
    ):  # fmt: skip
        if field in entry and parameters.get(entry[field], {}).get("kind") not in kinds:
            what = f"No parameter {entry[field]!r} of kind {kinds[0]}."
            yield ["surveys", field], what, f"Add a parameter: kind {kinds[0]}."
    yield from _complaint(content, entry)
    yield from _twice(["surveys", "reasons"], entry.get("reasons", []))
    for n, group in enumerate(entry.get("reasons", [])):
        yield from _twice(["surveys", "reasons", n, "reasons"], group["reasons"])
    yield from _twice(["surveys", "asks"], entry["asks"])
    for n, ask in enumerate(entry["asks"]):
        yield from _ask(content, n, ask, english)


def _complaint(
    content: Mapping[str, Any], entry: Mapping[str, Any]
) -> Iterator[tuple[list[Any], str, str]]:
    wanted = entry.get("complaint")
    known = [one["key"] for one in content.get("faults", {}).get("complaints", [])]
    if wanted and known and wanted not in known:
        what = f"No complaint {wanted!r}."
        yield ["surveys", "complaint"], what, "Name one of faults: complaints:."


def _ask(
    content: Mapping[str, Any], n: int, ask: Mapping[str, Any], english: Mapping[str, str]
) -> Iterator[tuple[list[Any], str, str]]:
    place: list[Any] = ["surveys", "asks", n]
    if content.get("parameters", {}).get(ask["within"], {}).get("kind") != "elapsed":
        yield [*place, "within"], f"No length {ask['within']!r}.", "Add a parameter: kind elapsed."
    hall = ask["when"] == "hall-served"
    if (ask["by"] == Way.DEVICE) is not hall:
        what = "Only what was served in the hall is rated at its device, and nowhere else."
        yield [*place, "by"], what, "by: device goes with when: hall-served."
    yield from _of(content, place, ask)
    scores = [one for one in ask["questions"] if one["kind"] == SCORE]
    if len(scores) != 1 or ask["questions"][0]["kind"] != SCORE:
        what = "The first question, and no other, is of kind score."
        yield [*place, "questions"], what, "Put the score first; ask further ones as yes-no."
    yield from _twice([*place, "questions"], ask["questions"])
    for m, one in enumerate(ask["questions"]):
        if one["key"] in RESERVED or (one["key"] == SCORE and one["kind"] != SCORE):
            what = f"{one['key']!r} is a name of the form's own."
            yield [*place, "questions", m, "key"], what, "Give the question another key."
    if (ask["by"] == Way.LINK) is not ("text" in ask):
        yield [*place, "text"], "A link, and nothing else, is sent with a text.", "See by: link."
    for text in filter(None, (ask.get("text", ""), english.get(ask.get("text", ""), ""))):
        try:
            named = {name for _t, name, _s, _c in Formatter().parse(text) if name is not None}
        except ValueError:
            yield [*place, "text"], f"{text[:30]!r} cannot be read.", "Close its braces."
            continue
        if named - PLACES:
            what = f"{sorted(named - PLACES)} is no place of this text."
            yield [*place, "text"], what, f"Use {', '.join(sorted(PLACES))}."
        if "link" not in named:
            yield [*place, "text"], f"{text[:30]!r} has no link.", "Put {link} into it."


def _of(
    content: Mapping[str, Any], place: list[Any], ask: Mapping[str, Any]
) -> Iterator[tuple[list[Any], str, str]]:
    """`of:` names procedures, of the hall kinds of business, of complaints and faults nothing."""
    if "of" not in ask:
        return
    match ask["when"]:
        case "hall-served":
            known = {one["key"] for one in content.get("hall", {}).get("kinds", [])}
        case "order-completed" | "visit-done":
            known = set(content["processes"])
        case _:
            known = set()
    for key in ask["of"]:
        if key not in known:
            what = f"Nothing is called {key!r} that {ask['when']!r} could be narrowed to."
            yield [*place, "of"], what, "Name procedures, or kinds of the hall's business."


def _twice(place: list[Any], rows: list[Mapping[str, Any]]) -> Iterator[tuple[list[Any], str, str]]:
    keys = [row["key"] for row in rows]
    for n, key in enumerate(keys):
        if key in keys[:n]:
            yield [*place, n, "key"], f"{key!r} stands twice.", "Give it another key."
