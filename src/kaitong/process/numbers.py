"""How many there are, as far as anybody needs to know.

A clerk's tabs hold hundreds. Somebody who sees a million pieces of work is told "10000+", in the
time that counting ten thousand takes; no number says more than was counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from django.db.models import QuerySet

MOST = 10_000  # counted one by one; beyond it a number says that there are more


class Number(int):
    """How many. With `more` there are at least so many; pages show it as "10000+"."""

    more: bool

    def __new__(cls, value: int, *, more: bool = False) -> Self:
        found = super().__new__(cls, value)
        found.more = more
        return found

    def __str__(self) -> str:
        return f"{int(self)}+" if self.more else int.__repr__(self)


def number(found: int) -> Number:
    """What counting up to one more than MOST found."""
    return Number(min(found, MOST), more=found > MOST)


def numbers(found: Mapping[str, Any]) -> dict[str, int]:
    return {name: number(value) for name, value in found.items()}


def counted(rows: QuerySet[Any]) -> Number:
    """How many rows there are, in one statement that stops where it is enough."""
    return number(rows.order_by()[: MOST + 1].count())
