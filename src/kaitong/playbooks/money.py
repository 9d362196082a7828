"""What a playbook says about money beyond its prices, checked at deployment: when a bill is due,
what a suspended service costs, levels of dunning (催缴级别)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from kaitong.charging.choices import DunningAct
from kaitong.inventory.choices import SuspensionKind
from kaitong.ordering.notices import places_in
from kaitong.process.model import Fault

FILE = "playbook.yaml"
WHOLE = ("bill_due_days", "payment_most", "card_tries", "card_locked_minutes")
PLACES = frozenset({"branch", "sum", "due", "days"})
Spot = tuple[list[Any], str, str]  # path, what, remedy


def money_faults(content: Mapping[str, Any], line: Callable[[Iterable[Any]], int]) -> list[Fault]:
    """Every fault of a playbook's rules about money; `line` finds a path in playbook.yaml."""
    given = content.get("parameters", {})
    found = [*_numbers(given), *_suspended(given), *_levels(given)]
    return [
        Fault(
            FILE,
            line(["parameters", *path]),
            ".".join(str(part) for part in ["parameters", *path]),
            what,
            remedy,
        )
        for path, what, remedy in found
    ]


def _strange(text: Any) -> str:
    """What cannot be filled into a notice's text; "" when all can."""
    try:
        unknown = places_in(str(text)) - PLACES
    except ValueError as error:
        return str(error)
    return f"There is no place {', '.join(sorted(unknown))}." if unknown else ""


def _whole(value: Any, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _numbers(given: Mapping[str, Any]) -> Iterator[Spot]:
    for name in WHOLE:
        if name in given and not _whole(given[name]["default"], 1):
            yield [name, "default"], "Not a whole number above nothing.", "Write one, such as 20."


def _suspended(given: Mapping[str, Any]) -> Iterator[Spot]:
    if "suspended_rent" not in given:
        return
    path, table = ["suspended_rent", "default"], given["suspended_rent"]["default"]
    if not isinstance(table, Mapping):
        yield path, "Not a table by kind of suspension.", "Write request: {percent: 0, keep: 500}."
        return
    for kind, entry in table.items():
        if kind not in SuspensionKind.values:
            yield [*path, kind], f"No suspension {kind!r}.", "、".join(SuspensionKind.values)
        elif (
            not isinstance(entry, Mapping)
            or set(entry) - {"percent", "keep"}
            or not _whole(entry.get("percent", 0))
            or entry.get("percent", 0) > 100
            or not _whole(entry.get("keep", 0))
        ):
            yield (
                [*path, kind],
                "Not a price of a suspension.",
                "Write percent: 0 to 100 of the rent, and keep: fen a month.",
            )


def _levels(given: Mapping[str, Any]) -> Iterator[Spot]:
    if "dunning_levels" not in given:
        return
    path, table = ["dunning_levels", "default"], given["dunning_levels"]["default"]
    if not isinstance(table, Sequence) or isinstance(table, str):
        yield path, "Not a list of levels.", "Write - {after: 15, act: suspend, title: 欠费停机}."
        return
    seen: set[tuple[Any, Any]] = set()
    for number, entry in enumerate(table):
        good = (
            isinstance(entry, Mapping)
            and {"after", "act", "title"} <= set(entry) <= {"after", "act", "title", "text"}
            and _whole(entry["after"], 1)
            and entry["act"] in DunningAct.values
            and isinstance(entry["title"], str)
            and entry["title"].strip()
            and ("text" in entry) == (entry["act"] == DunningAct.NOTICE)
        )
        if not good:
            yield (
                [*path, number],
                "Not a level of dunning.",
                f"Write after: days, act: {'|'.join(DunningAct.values)}, title; a notice its text.",
            )
        elif strange := _strange(entry.get("text", "")):
            yield [*path, number, "text"], strange, f"It has: {', '.join(sorted(PLACES))}."
        elif (entry["after"], entry["act"]) in seen:
            yield [*path, number], "This level stands twice.", "Leave one of them out."
        else:
            seen.add((entry["after"], entry["act"]))
