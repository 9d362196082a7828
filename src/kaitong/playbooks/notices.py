"""What can be wrong with a playbook's `notices:`, and with the tasks that name them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kaitong.messaging import quiet
from kaitong.messaging.choices import To
from kaitong.ordering.notices import PLACES, STEPS, places_in
from kaitong.playbooks import calls, withdrawal
from kaitong.process.due import is_warning
from kaitong.process.listening import named
from kaitong.process.model import Fault, Model, NodeKind

FILE = "playbook.yaml"
_PEOPLE = (NodeKind.USER, NodeKind.MANUAL)


def notice_texts(content: Mapping[str, Any]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Texts that need an English line: those without a `text_en` of their own."""
    for key, entry in content.get("notices", {}).items():
        if not entry.get("text_en"):
            yield ("notices", key, "text"), entry["text"]


def notice_faults(
    content: Mapping[str, Any],
    models: Mapping[str, Model],
    english: Mapping[str, str],
    line: Callable[[Iterable[Any]], int],
) -> list[Fault]:
    """Every fault: unknown places, parameters, posts, notices, and steps that cannot tell."""
    notices: Mapping[str, Any] = content.get("notices", {})
    faults: list[Fault] = []

    def fault(path: list[Any], what: str, remedy: str) -> None:
        faults.append(Fault(FILE, line(path), ".".join(map(str, path)), what, remedy))

    told = _named_by_tasks(models, content, faults)
    for key, entry in notices.items():
        path = ["notices", key]
        _places(fault, path, entry, english)
        hours = entry.get("quiet")
        if hours:
            known = content.get("parameters", {}).get(hours)
            if known is None:
                fault([*path, "quiet"], f"No parameter {hours!r}.", "Add it.")
            elif quiet.parse(str(known["default"])) is None:
                fault(
                    ["parameters", hours, "default"],
                    f"{known['default']!r} is no span of hours.",
                    "Write two times of day, such as 21:00-08:00.",
                )
        post = entry.get("post")
        if post and post not in content["posts"]:
            fault([*path, "post"], f"No post {post!r}.", "Name it under posts:.")
        if post and entry["to"] != To.STAFF:
            fault([*path, "post"], "Only staff have a post.", "Leave it out.")
        step = entry["when"] in STEPS
        if entry["to"] == To.STAFF and not post and not step:
            fault([*path, "to"], "Nobody says which staff.", "Add post:.")
        if step and key not in told and set(withdrawal.files(content)) <= set(models):
            fault(
                [*path, "when"],
                f"No task names it, so it is never {entry['when']}.",
                f'Add kaitong:notice="{key}" to a task, or choose another `when`.',
            )
    return faults


def _places(
    fault: Callable[[list[Any], str, str], None],
    path: list[Any],
    entry: Mapping[str, Any],
    english: Mapping[str, str],
) -> None:
    known = PLACES[entry["when"]]
    texts = [("text", entry["text"])]
    translated = entry.get("text_en") or english.get(entry["text"])
    if translated:
        texts.append(("text_en", translated))
    found: dict[str, set[str]] = {}
    for name, text in texts:
        try:
            found[name] = places_in(text)
        except ValueError as error:
            fault([*path, name], f"The text cannot be read: {error}", "Write places as {name}.")
            continue
        for place in sorted(found[name] - known):
            fault(
                [*path, name],
                f"There is no place {{{place}}} when {entry['when']}.",
                f"Known: {', '.join(sorted(known))}.",
            )
    if len(found) == 2 and found["text"] != found["text_en"]:
        other = ", ".join(f"{{{p}}}" for p in sorted(found["text"] ^ found["text_en"]))
        fault([*path, "text"], f"Chinese and English differ in {other}.", "Name the same places.")


def _named_by_tasks(
    models: Mapping[str, Model], content: Mapping[str, Any], faults: list[Fault]
) -> set[str]:
    """Notices named by tasks; a name nobody knows, or that no step sends, is a fault there."""
    notices: Mapping[str, Any] = content.get("notices", {})
    told = set()
    for process, model in models.items():
        file = {**calls.files(content), **withdrawal.files(content)}[process][0]
        for node in model.nodes.values():
            escalate = node.extension.get("escalate-to", "")
            if escalate and escalate not in content["posts"]:
                faults.append(
                    Fault(file, 1, node.id, f"No post {escalate!r}.", "Correct escalate-to.")
                )
            warn = node.extension.get("warn", "")
            known = content.get("parameters", {}).get(warn, {}).get("kind")
            if warn and known != "elapsed" and not is_warning(warn):
                what = f"{warn!r} is no time before the due time."
                remedy = "Write it as PT2H, or name a parameter of kind elapsed."
                faults.append(Fault(file, 1, node.id, what, remedy))
            for key in named(node):
                entry = notices.get(key)
                if entry is None:
                    faults.append(
                        Fault(file, 1, node.id, f"No notice {key!r}.", "Name it under notices:.")
                    )
                elif entry["when"] not in STEPS:
                    what = f"The notice {key!r} is sent when {entry['when']}, not by a step."
                    faults.append(Fault(file, 1, node.id, what, "Take it off the task."))
                elif node.kind not in _PEOPLE:
                    what = "Only work of people sends notices."
                    faults.append(Fault(file, 1, node.id, what, "Name it on a user task."))
                else:
                    told.add(key)
    return told
