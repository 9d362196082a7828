"""What a plan costs with a marketing case (营销案, BB-15): pure, over charges of the catalogue.

A case changes the amounts of charges that the plan has, found by moment and title, and may add
charges of its own. Amounts are integer fen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Charge = Mapping[str, Any]


def priced(
    charges: Sequence[Charge], prices: Sequence[Charge] = (), added: Sequence[Charge] = ()
) -> list[dict[str, Any]]:
    """The plan's charges as the case has them; `listed` keeps the amount without the case."""
    changes = {(one["when"], one["title"]): one["amount"] for one in prices}
    made = []
    for charge in charges:
        amount = changes.get((charge["when"], charge["title"]), charge["amount"])
        row = {**charge, "amount": amount}
        if amount != charge["amount"]:
            row["listed"] = charge["amount"]
        made.append(row)
    return [*made, *(dict(one) for one in added)]


def unmatched(charges: Sequence[Charge], prices: Sequence[Charge]) -> list[Charge]:
    """Price effects that name no charge of the plan: slips of whoever wrote the case."""
    there = {(one["when"], one["title"]) for one in charges}
    return [one for one in prices if (one["when"], one["title"]) not in there]
