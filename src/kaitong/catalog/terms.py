"""Contract terms (合约期) of plans and cases: how long, and when they are over. Pure."""

from __future__ import annotations

from calendar import monthrange
from datetime import date


def months_of(term: str) -> int:
    """The months of a term as the catalogue writes it.

    >>> months_of("12 months"), months_of("2 years"), months_of("")
    (12, 24, 0)
    """
    head, _space, unit = term.strip().partition(" ")
    if not head.isdigit():
        return 0
    return int(head) * (12 if unit.startswith("year") else 1 if unit.startswith("month") else 0)


def ends_on(start: date, term: str) -> date | None:
    """The last day of a contract that began on a day; None where it has no term.

    >>> ends_on(date(2026, 1, 31), "1 month"), ends_on(date(2026, 3, 15), "12 months")
    (datetime.date(2026, 2, 28), datetime.date(2027, 3, 15))
    """
    months = months_of(term)
    if not months:
        return None
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
