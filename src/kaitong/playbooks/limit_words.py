"""Time limits in Chinese words, for papers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from kaitong.playbooks.schema import BUDGET_KINDS
from kaitong.process.feel.temporal import YearMonths, duration_of
from kaitong.worktime.budgets import Budget, BudgetKind, Unit, parse_budget
from kaitong.worktime.errors import BudgetError

_UNITS = {
    Unit.MINUTES: "分钟",
    Unit.HOURS: "小时",
    Unit.DAYS: "天",
    Unit.WEEKS: "周",
    Unit.MONTHS: "个月",
    Unit.YEARS: "年",
}


def limit_text(value: Any) -> str:
    """A time limit in Chinese: `3 个工作日`, `48 小时`, `30 分钟`; anything else as it stands."""
    if value is None:
        return ""
    try:
        return _budget(parse_budget(value))
    except (BudgetError, TypeError, ValueError):
        pass
    try:
        return _duration(duration_of(value))
    except ValueError:
        return str(value)


def default_text(entry: Mapping[str, Any]) -> str:
    """The default of a parameter, with its unit."""
    value = entry.get("default")
    if entry.get("kind") in BUDGET_KINDS:
        return limit_text({"kind": entry["kind"], "amount": value})
    if isinstance(value, Mapping | list):
        return "见流程包"
    return f"{value} {entry['unit']}" if entry.get("unit") else str(value)


def _budget(budget: Budget) -> str:
    if budget.kind is BudgetKind.WORKING_DAYS:
        late = f"（{budget.cutoff:%H:%M} 后收到的顺延）" if budget.cutoff else ""
        return f"{budget.amount} 个工作日{late}"
    work = "个工作" if budget.kind is BudgetKind.WORKING_HOURS else ""
    return f"{budget.amount} {work}{_UNITS[budget.unit]}"


def _duration(value: timedelta | YearMonths) -> str:
    if isinstance(value, YearMonths):
        return f"{value.months} 个月"
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "天"), (hours, "小时"), (minutes, "分钟"), (seconds, "秒")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 秒"
