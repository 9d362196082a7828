"""Time budgets (时限): four kinds, written as people write them.

``48 hours`` or ``48小时`` is elapsed time; ``3 working days`` or ``3个工作日`` are working days;
``8 working hours`` count within business hours only; ``1 week``, ``1 month``, ``2 days`` follow the
calendar as PRC Civil Code arts. 201-203 count it. Pure: no Django here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from kaitong.worktime.errors import BudgetError


class BudgetKind(StrEnum):
    WORKING_DAYS = "working-days"  # 工作日
    WORKING_HOURS = "working-hours"  # 工作小时
    ELAPSED = "elapsed"  # 自然小时, nights and holidays included
    CALENDAR = "calendar"  # 日历: days, weeks, months, years


class Unit(StrEnum):
    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


UNITS_OF = {
    BudgetKind.WORKING_DAYS: (Unit.DAYS,),
    BudgetKind.WORKING_HOURS: (Unit.HOURS, Unit.MINUTES),
    BudgetKind.ELAPSED: (Unit.HOURS, Unit.MINUTES, Unit.DAYS, Unit.WEEKS),
    BudgetKind.CALENDAR: (Unit.DAYS, Unit.WEEKS, Unit.MONTHS, Unit.YEARS),
}
SECONDS = {
    Unit.MINUTES: 60,
    Unit.HOURS: 3_600,
    Unit.DAYS: 86_400,
    Unit.WEEKS: 604_800,
}
MOST = {  # a budget beyond this is a slip of the pen, and would be walked day by day
    Unit.MINUTES: 1_000_000,
    Unit.HOURS: 20_000,
    Unit.DAYS: 2_000,
    Unit.WEEKS: 300,
    Unit.MONTHS: 120,
    Unit.YEARS: 10,
}
WORDS = {
    "minute": Unit.MINUTES,
    "min": Unit.MINUTES,
    "分钟": Unit.MINUTES,
    "hour": Unit.HOURS,
    "h": Unit.HOURS,
    "小时": Unit.HOURS,
    "day": Unit.DAYS,
    "d": Unit.DAYS,
    "天": Unit.DAYS,
    "日": Unit.DAYS,
    "week": Unit.WEEKS,
    "周": Unit.WEEKS,
    "星期": Unit.WEEKS,
    "month": Unit.MONTHS,
    "月": Unit.MONTHS,
    "year": Unit.YEARS,
    "年": Unit.YEARS,
}
TEXT = re.compile(
    r"(?P<amount>\d+(?:\.\d+)?)\s*个?\s*(?P<working>working|work|工作|business)?[\s-]*"
    r"(?P<unit>[a-z]+|分钟|小时|天|日|周|星期|月|年)",
    re.IGNORECASE,
)
REMEDY = "Write it like '48 hours', '3 working days', '8 working hours' or '1 month'."
ALLOWED = {"kind", "amount", "unit", "cutoff", "rolling"}


@dataclass(frozen=True, slots=True)
class Budget:
    """So much time. ``cutoff`` (截止接收时间): what comes later counts as received the next working
    day. ``rolling``: a working day runs from the instant to the same time of the next one."""

    kind: BudgetKind
    amount: int
    unit: Unit
    cutoff: time | None = None
    rolling: bool = False

    def __post_init__(self) -> None:
        if self.unit not in UNITS_OF[self.kind]:
            raise BudgetError(f"A {self.kind} budget is not counted in {self.unit}.", REMEDY)
        if not 0 < self.amount <= MOST[self.unit]:
            raise BudgetError(
                f"A budget of {self.amount} {self.unit} is out of range.",
                f"Give between 1 and {MOST[self.unit]} {self.unit}.",
            )
        if (self.cutoff or self.rolling) and self.kind is not BudgetKind.WORKING_DAYS:
            raise BudgetError(
                f"A {self.kind} budget has no cut-off hour and no rolling count.",
                "Only working-days budgets have these.",
            )
        if self.cutoff and self.rolling:
            raise BudgetError(
                "A rolling count has no cut-off hour: it runs from the instant.",
                "Give one of the two.",
            )

    @property
    def seconds(self) -> int:
        """Length of a budget that is counted in time rather than in days."""
        return self.amount * SECONDS[self.unit]

    def as_json(self) -> dict[str, Any]:
        """The budget as ``parse_budget`` reads it back."""
        data: dict[str, Any] = {"kind": str(self.kind), "amount": self.amount}
        data["unit"] = str(self.unit)
        if self.cutoff:
            data["cutoff"] = self.cutoff.strftime("%H:%M")
        if self.rolling:
            data["rolling"] = True
        return data


def parse_budget(source: "str | Mapping[str, Any] | Budget") -> Budget:
    """Read a budget as written in a playbook's parameters or by an operator.

    Raises ``BudgetError`` with what is wrong and how to write it.

    >>> parse_budget("48 hours").kind.value
    'elapsed'
    >>> parse_budget("3个工作日").unit.value
    'days'
    """
    if isinstance(source, Budget):
        return source
    if isinstance(source, str):
        return _from_text(source)
    if not isinstance(source, Mapping):
        raise BudgetError(f"A time budget cannot be read from {type(source).__name__}.", REMEDY)
    unknown = set(source) - ALLOWED
    if unknown:
        raise BudgetError(
            f"A time budget has no entry {', '.join(sorted(map(str, unknown)))}.",
            f"Known entries: {', '.join(sorted(ALLOWED))}.",
        )
    return _from_mapping(source)


def _from_mapping(source: Mapping[str, Any]) -> Budget:
    kind = None
    if "kind" in source:
        try:
            kind = BudgetKind(str(source["kind"]))
        except ValueError:
            known = ", ".join(BudgetKind)
            raise BudgetError(
                f"There is no budget kind {source['kind']!r}.", f"Use one of: {known}."
            ) from None
    amount = source.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, int | str | Decimal):
        raise BudgetError("A time budget needs an amount.", REMEDY)
    text = str(amount).strip()
    if "unit" in source:
        text = f"{text} {source['unit']}"
    elif re.fullmatch(r"\d+(\.\d+)?", text) and kind is not None:
        text = f"{text} {UNITS_OF[kind][0]}"
    budget = _from_text(text, kind)
    cutoff = source.get("cutoff")
    return replace(
        budget,
        cutoff=_cutoff(cutoff) if cutoff is not None else None,
        rolling=bool(source.get("rolling", False)),
    )


def _from_text(text: str, kind: BudgetKind | None = None) -> Budget:
    found = TEXT.fullmatch(text.strip())
    if not found:
        raise BudgetError(f"{text!r} is no time budget.", REMEDY)
    word = found["unit"].lower()
    unit = WORDS.get(word) or WORDS.get(word.removesuffix("s"))
    if unit is None:
        raise BudgetError(f"{text!r}: {found['unit']!r} is no unit of time.", REMEDY)
    if found["working"]:
        said = BudgetKind.WORKING_DAYS if unit is Unit.DAYS else BudgetKind.WORKING_HOURS
        if kind not in (None, said):
            raise BudgetError(f"{text!r} is a {said} budget, its kind says {kind}.", REMEDY)
        kind = said
    if kind is None:
        timed = unit in (Unit.MINUTES, Unit.HOURS)
        kind = BudgetKind.ELAPSED if timed else BudgetKind.CALENDAR
    try:
        amount = Decimal(found["amount"])
    except InvalidOperation:  # the pattern admits digits that Decimal does not
        raise BudgetError(f"{text!r} is no time budget.", REMEDY) from None
    if amount != amount.to_integral_value() and unit is Unit.HOURS:
        amount, unit = amount * 60, Unit.MINUTES
    if amount != amount.to_integral_value():
        raise BudgetError(f"{text!r} is not a whole number of {unit}.", REMEDY)
    return Budget(kind=kind, amount=int(amount), unit=unit)


def _cutoff(value: object) -> time:
    if isinstance(value, time):
        return value
    try:
        return time.fromisoformat(str(value))
    except ValueError:
        raise BudgetError(f"{value!r} is no cut-off hour.", "Write it like '16:00'.") from None
