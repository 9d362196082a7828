"""What `cancel:` of a procedure means: until when an order may be withdrawn (撤单), why, by what.

`until` names steps, or milestones that steps carry: once one of them is done there is no way back.
The milestone `installed` ends the refund of charges `full-until-installed`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from kaitong.assurance import schema as assurance
from kaitong.fieldwork import schema as onsite
from kaitong.process.model import Model
from kaitong.surveys import schema as surveys

INSTALLED = "installed"
NO_FEE = "none"


def key_of(file: str) -> str:
    """The key of the process in this file: its name without the suffix."""
    return PurePosixPath(file).stem


def files(content: Mapping[str, Any]) -> dict[str, tuple[str, list[str]]]:
    """Every process of a playbook by key: its file, and where playbook.yaml names it."""
    found = {
        key: (entry["file"], ["processes", key, "file"])
        for key, entry in content["processes"].items()
    }
    for key, (file, place) in onsite.process_files(content).items():
        found.setdefault(key, (file, place))
    for key, (file, place) in surveys.process_files(content).items():
        found.setdefault(key, (file, place))
    for key, (file, place) in assurance.process_files(content).items():
        found.setdefault(key, (file, place))
    for key, entry in content["processes"].items():
        if "cancel" in entry:
            file = entry["cancel"]["process"]
            found.setdefault(key_of(file), (file, ["processes", key, "cancel", "process"]))
    return found


def nodes(model: Model, name: str) -> list[str]:
    """The steps a name stands for: a step's own id, or a milestone."""
    return [
        node.id
        for node in model.nodes.values()
        if node.id == name or node.extension.get("milestone") == name
    ]


def faults(
    content: Mapping[str, Any], key: str, model: Model | None
) -> Iterator[tuple[list[Any], str, str]]:
    """Each fault of a procedure's `cancel:`: where within it, what, remedy."""
    entry = content["processes"][key]
    cancel = entry["cancel"]
    parameters = content.get("parameters", {})
    for name in ("fee", "approve-above"):
        value = cancel.get(name, NO_FEE)
        if value != NO_FEE and parameters.get(value, {}).get("kind") != "money":
            yield [name], f"{value!r} is no sum of money.", "Name a parameter of kind money."
        elif value != NO_FEE and not _is_sum(parameters[value]["default"]):
            yield [name], f"{value!r} is not in whole fen.", "Give its default in fen, 0 or more."
    other = content["processes"].get(key_of(cancel["process"]))
    if other is not None and other["file"] != cancel["process"]:
        yield ["process"], f"Another process is named {key_of(cancel['process'])!r}.", "Rename it."
    seen: set[str] = set()
    for number, group in enumerate(cancel["reasons"]):
        for reason in group["reasons"]:
            code = f"{group['key']}.{reason['key']}"
            if code in seen:
                yield ["reasons", number], f"The reason {code!r} stands twice.", "Rename one."
            seen.add(code)
    if model is None:
        return  # its file was refused: that is the fault to mend
    for number, name in enumerate(cancel["until"]):
        if not nodes(model, name):
            yield (
                ["until", number],
                f"No step and no milestone {name!r} in {entry['file']}.",
                "Use the id of a task, or mark one with kaitong:milestone.",
            )
    early = [
        charge["title"]
        for offer in content.get("offerings", [])
        if offer["service"] == entry["service"]
        for charge in offer.get("charges", [])
        if charge.get("refund") == "full-until-installed"
    ]
    if early and entry["for"] == "add" and not nodes(model, INSTALLED):
        yield (
            [],
            f"{early[0]} is refunded until installed, but no step is that milestone.",
            f'Mark the step of the installation with kaitong:milestone="{INSTALLED}".',
        )


def _is_sum(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def resolved(
    content: Mapping[str, Any],
    key: str,
    model: Model,
    *,
    definition_id: str,
    english: Mapping[str, str],
) -> dict[str, Any]:
    """`cancel:` as a procedure carries it: steps by id, sums in fen, the process deployed."""
    cancel = content["processes"][key].get("cancel")
    if cancel is None:
        return {}
    parameters = content.get("parameters", {})

    def fen(name: str) -> int | None:
        value = cancel.get(name, NO_FEE)
        return None if value == NO_FEE else int(parameters[value]["default"])

    return {
        "until": [node for name in cancel["until"] for node in nodes(model, name)],
        "installed": nodes(model, INSTALLED),
        # a step that can be given up (退单) proves nothing by itself: a terminal must be there
        "installed_by_terminal": any(
            model.nodes[node].extension.get("returns") for node in nodes(model, INSTALLED)
        ),
        "fee_fen": fen("fee") or 0,
        "approve_above_fen": fen("approve-above"),
        "reasons": [
            {
                "key": group["key"],
                "title": group["title"],
                "title_en": english.get(group["title"], ""),
                "reasons": [
                    {**reason, "title_en": english.get(reason["title"], "")}
                    for reason in group["reasons"]
                ],
            }
            for group in cancel["reasons"]
        ],
        "definition_id": definition_id,
    }
