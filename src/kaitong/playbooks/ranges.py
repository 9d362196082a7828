"""Number ranges (号段) of playbooks side by side: what may be shared, and what is refused.

A number, an account or a logical identifier is given by a pattern, and equal patterns of a branch
are one pool, whichever playbook asks: telephones sold alone and telephones of a bundle may so come
from the same range, and a number that one has given or holds the other does not offer. What may not
be is a range that lies partly within another: each of the two pools would make the shared numbers
its own, as they come, and the counter would show numbers as free that cannot be held. Equal ranges
must rest equally long, for the pool knows one quarantine. (That no number is ever given twice the
inventory holds by unique keys, whatever is deployed.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from kaitong.catalog import queries as catalog
from kaitong.core.errors import BadInput, InputFault
from kaitong.playbooks.models import Deployment

# needs of a service whose rule is a range of single values, and what pool each is of
POOLED = {"number": "number", "account": "account", "logical-id": "logical-id"}

_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)(?::(\d{1,2}))?\}")
_DIGIT, _ANY = "\0digit", "\0any"


@dataclass(frozen=True, slots=True)
class Range:
    """Where a range comes from: playbook, service, parameter, pattern, days of rest."""

    playbook: str
    service: str
    rule: str
    pool: str
    pattern: str
    quarantine: int

    def __str__(self) -> str:
        return f"{self.playbook}: {self.rule} {self.pattern}"


def of(
    playbook: str, services: Mapping[str, Mapping[str, Any]], parameters: Mapping[str, Any]
) -> Iterator[Range]:
    """The ranges of a playbook. `services` are needs by service, `parameters` their values."""
    for service, needs in services.items():
        for need, wanted in needs.items():
            pattern = parameters.get(wanted.get("rule", ""))
            if need in POOLED and isinstance(pattern, str):
                rest = int(wanted.get("quarantine", 0))
                yield Range(playbook, service, wanted["rule"], POOLED[need], pattern, rest)


def clashes(ranges: Iterable[Range]) -> Iterator[tuple[Range, Range, str, str]]:
    """Ranges that cannot stand side by side: the two, what is wrong, what to do."""
    for one, other in combinations(ranges, 2):
        if one.pool != other.pool:
            continue
        if one.pattern == other.pattern:
            if one.quarantine != other.quarantine:
                yield (
                    one,
                    other,
                    f"{one} and {other} are one range, resting {one.quarantine} and "
                    f"{other.quarantine} days.",
                    "Give both the same quarantine.",
                )
        elif overlap(one.pattern, other.pattern):
            yield (
                one,
                other,
                f"{one} and {other} lie partly within one another.",
                "Write the same pattern in both (one pool for both), or ranges that do not meet.",
            )


def overlap(one: str, other: str) -> bool:
    """Whether two patterns could make the same value in one branch.

    >>> overlap("0559755{seq:4}", "055975{seq:5}")
    True
    >>> overlap("0559755{seq:4}", "0559756{seq:4}")
    False
    """
    left, right = _signs(one), _signs(other)
    return len(left) == len(right) and all(map(_meet, left, right))


def require_apart(playbook: str, needs: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    """Refuse a playbook whose ranges clash with those of another that is deployed.

    Raises BadInput with each pair: its ranges, and whose the other is.
    """
    mine = list(of(playbook, needs, parameters))
    rows = (
        Deployment.objects.filter(retired_at=None).exclude(playbook=playbook).order_by("playbook")
    )
    theirs = [
        one
        for row in rows
        for one in of(
            row.playbook,
            {
                entry.key: entry.needs
                for entry in catalog.service_specifications(playbook=row.playbook, version=row.hash)
            },
            {
                name: entry.get("default")
                for name, entry in row.content.get("parameters", {}).items()
            },
        )
    ]
    faults = [
        InputFault(f"services.{one.service}", what, remedy)
        for one, other, what, remedy in clashes([*mine, *theirs])
        if playbook in (one.playbook, other.playbook) and one.playbook != other.playbook
    ]
    if faults:
        raise BadInput(faults)


# ---- inside --------------------------------------------------------------------------------------


def _signs(pattern: str) -> list[str]:
    """A pattern sign by sign: its own, a digit of the sequence, any sign of a value of fixed width.
    What a value of no width gives is the same for both in a branch, and stands as its name."""
    found: list[str] = []
    last = 0
    for place in _PLACE.finditer(pattern):
        found += pattern[last : place.start()]
        name, width = place[1], int(place[2] or 0)
        found += [_DIGIT if name == "seq" else _ANY] * width if width else [place[0]]
        last = place.end()
    return [*found, *pattern[last:]]


def _meet(one: str, other: str) -> bool:
    if one == other or _ANY in (one, other):
        return True
    if _DIGIT in (one, other):
        known = other if one == _DIGIT else one
        return known.isdigit()
    return False
