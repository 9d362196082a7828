"""Reasons to suspend (挂起原因), as a playbook's table `suspend-reasons` has them. Pure.

    suspend-reasons:
      customer-away: {title: 客户外出, customer: true, evidence: true, longest: 30, most: 3}
      resource: {title: 等待资源, cause: resource}

`customer` and `step` say which clocks stand still; `cause` whose time it was; `evidence` that a
photo must be there; `longest` how many days one suspension may last; `most` how often the reason
may be used in one order. Waiting for resource never stops the customer's clock (practice.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TABLE = "suspend-reasons"
CUSTOMER = "customer"
CAUSES = (CUSTOMER, "resource", "third-party", "force", "own")
KEYS = frozenset({"title", "customer", "step", "cause", "evidence", "longest", "most"})


@dataclass(frozen=True, slots=True)
class Reason:
    """One code with its effect on each clock and its limits."""

    code: str
    title: str
    customer: bool
    step: bool
    cause: str
    evidence: bool = False
    longest: int | None = None  # days
    most: int | None = None  # times in one order


def reason(parameters: Mapping[str, Any], code: str) -> Reason:
    """What a code means. Without a table, codes that begin with `customer` are the customer's."""
    table = parameters.get(TABLE)
    entry = table.get(code) if isinstance(table, Mapping) else None
    if not isinstance(entry, Mapping):
        entry = {}
    theirs = bool(entry.get("customer", code.startswith(CUSTOMER)))
    cause = str(entry.get("cause") or (CUSTOMER if theirs else _cause(code)))
    return Reason(
        code=code,
        title=str(entry.get("title") or code),
        customer=theirs and cause == CUSTOMER,
        step=bool(entry.get("step", True)),
        cause=cause,
        evidence=bool(entry.get("evidence", False)),
        longest=_number(entry.get("longest")),
        most=_number(entry.get("most")),
    )


def titles(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Titles by code."""
    table = parameters.get(TABLE)
    return {code: reason(parameters, code).title for code in table} if table else {}


def faults(table: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a table: (code, what, remedy)."""
    for code, entry in table.items():
        if not isinstance(entry, Mapping):
            yield code, "A reason is a mapping.", "Write {title: ..., customer: true or false}."
            continue
        for key in sorted(set(entry) - KEYS):
            yield code, f"A reason has no entry {key!r}.", f"Known: {', '.join(sorted(KEYS))}."
        cause = entry.get("cause")
        if cause is not None and cause not in CAUSES:
            yield code, f"{cause!r} is no cause.", f"Use one of {', '.join(CAUSES)}."
        elif entry.get("customer") and cause not in (None, CUSTOMER):
            yield (
                code,
                f"Cause {cause} cannot stop the customer's clock.",
                "Only the customer's causes stop it: remove customer, or correct the cause.",
            )
        for key in ("longest", "most"):
            if key in entry and _number(entry[key]) is None:
                yield code, f"{key} is a whole number above 0.", "Correct it."


def _cause(code: str) -> str:
    return code if code in CAUSES else "own"


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
