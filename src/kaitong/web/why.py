"""为什么是这个时间: a deadline's count as one sentence of rule, a strip of days and a ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kaitong.web import format as fmt
from kaitong.worktime.budgets import Budget, BudgetKind
from kaitong.worktime.explain import lasting
from kaitong.worktime.rules import Deadline
from kaitong.worktime.steps import ExplainedStep, StepKind

LETTERS = (
    gettext_lazy("一"),
    gettext_lazy("二"),
    gettext_lazy("三"),
    gettext_lazy("四"),
    gettext_lazy("五"),
    gettext_lazy("六"),
    gettext_lazy("日"),
)
_STRIP_MOST = 14
_COUNTED = (StepKind.WORKED, StepKind.MAKE_UP)


@dataclass(frozen=True, slots=True)
class WhyRow:
    when: str
    what: str
    note: str = ""
    result: str = ""
    look: str = ""


@dataclass(frozen=True, slots=True)
class WhyDay:
    number: int
    weekday: str
    look: str = ""


@dataclass(frozen=True, slots=True)
class Why:
    at: datetime
    rule: str
    rows: tuple[WhyRow, ...]
    days: tuple[WhyDay, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    parameter: str = ""


def explain(
    deadline: Deadline,
    budget: Budget,
    *,
    title: str,
    start: datetime,
    gross: timedelta | None = None,
    net: timedelta | None = None,
    parameter: str = "",
) -> Why:
    """`title` is what is due (a step or the order); `gross` how long it has taken so far, `net`
    without the time its clock stood."""
    counted = [s for s in deadline.steps if s.kind in _COUNTED]
    rows = [_row(step, deadline, bool(counted)) for step in deadline.steps if not _silent(step)]
    facts = [(_("全程历时"), fmt.span(gross))] if gross is not None else []
    if net is not None and gross is not None and net != gross:
        facts.append((_("净历时"), fmt.span(net)))
    stopped = sum(s.amount for s in deadline.steps if s.kind is StepKind.STOPPED)
    if stopped and gross is not None:
        facts.append((_("停计"), fmt.span(stopped)))
    return Why(
        at=deadline.due_at,
        rule=_rule(budget, title),
        rows=tuple(rows),
        days=_strip(deadline, start),
        facts=tuple(facts),
        parameter=parameter,
    )


def _rule(budget: Budget, title: str) -> str:
    n = budget.amount
    words = {"title": title, "n": n}
    if budget.kind is BudgetKind.WORKING_DAYS:
        if n == 1:  # English needs its singular
            return _("%(title)s要在 1 个工作日内办结；起算当天不计，到下班为止。") % words
        return _("%(title)s要在 %(n)s 个工作日内办结；起算当天不计，最后一天到下班为止。") % words
    words["unit"] = f"{n} {_unit(budget)}"
    if budget.kind is BudgetKind.WORKING_HOURS:
        return _("%(title)s要在 %(unit)s营业时间内办结；下班和节假日不计。") % words
    if budget.kind is BudgetKind.ELAPSED:
        return _("%(title)s要在 %(unit)s内办结，夜间和节假日都算。") % words
    return _("%(title)s要在 %(unit)s内办结；末日不是工作日的顺延。") % words


def _unit(budget: Budget) -> str:
    return {
        "minutes": _("分钟"),
        "hours": _("小时"),
        "days": _("天"),
        "weeks": _("周"),
        "months": _("个月"),
        "years": _("年"),
    }[str(budget.unit)]


def _silent(step: ExplainedStep) -> bool:
    return step.kind is StepKind.DUE


def _row(step: ExplainedStep, deadline: Deadline, by_days: bool) -> WhyRow:
    due_day = timezone.localtime(deadline.due_at).date()
    last = step.last or step.first
    ends = last == due_day and step.kind in _COUNTED
    match step.kind:
        case StepKind.RECEIVED:
            if by_days and not any(s.amount for s in deadline.steps if s.kind in _COUNTED):
                return WhyRow(fmt.when(step.at), _("到岗"), _("起算当天不计"), _("不计"))
            return WhyRow(fmt.when(step.at), _("到岗"), "", _("起算"))
        case StepKind.CUT_OFF:
            return WhyRow(
                _dates(step),
                _("过了 %(time)s 截止时间，按这天收到") % {"time": step.name},
                _("起算当天不计"),
                _("不计"),
            )
        case StepKind.OPENING:
            return WhyRow(fmt.when(step.at), _("不在营业时间，从这时起计"), "", _("起算"))
        case StepKind.ROLLING:
            return WhyRow(fmt.when(step.at), _("滚动计，每天到同一时刻"), "", "")
        case StepKind.WORKED | StepKind.MAKE_UP:
            what = _("调休上班") if step.kind is StepKind.MAKE_UP else _("工作日")
            if ends:
                at = f"{timezone.localtime(deadline.due_at):%H:%M}"
                what = _("%(day)s，%(time)s 到期") % {"day": what, "time": at}
            return WhyRow(
                _dates(step), what, step.name, _counted(step), "is-endrow" if ends else "is-hit"
            )
        case StepKind.HOLIDAY:
            return WhyRow(_dates(step), _("%(name)s放假") % {"name": step.name}, "", _("不计"))
        case StepKind.WEEKEND:
            return WhyRow(_dates(step), _("休息日"), "", _("不计"))
        case StepKind.ELAPSED:
            return WhyRow(
                fmt.when(deadline.due_at),
                _("连续计，夜间和节假日都算"),
                "",
                _("到期"),
                "is-endrow",
            )
        case StepKind.LAST_DAY | StepKind.MONTH_END | StepKind.EXTENDED | StepKind.MOVED:
            what = {
                StepKind.LAST_DAY: _("期间的末日"),
                StepKind.MONTH_END: _("当月没有对应日，取月末"),
                StepKind.EXTENDED: _("扣除挂起后的末日"),
                StepKind.MOVED: _("末日不是工作日，顺延"),
            }[step.kind]
            hit = step.first == due_day
            return WhyRow(
                _dates(step), what, "", _("到期") if hit else "", "is-endrow" if hit else ""
            )
        case StepKind.STOPPED | StepKind.RUNS_ON:
            stops = step.kind is StepKind.STOPPED
            end = fmt.when(step.until) if step.until else _("现在还没有解挂")
            until = _("预计至 %(end)s") if step.expected else _("至 %(end)s")
            lasted = lasting(step)
            words = {"reason": step.name, "span": fmt.span(lasted)}
            return WhyRow(
                fmt.when(step.at),
                _("挂起 %(span)s：%(reason)s") % words if lasted else _("挂起：%(reason)s") % words,
                until % {"end": end},
                _("停计 %(span)s") % {"span": fmt.span(step.amount)} if stops else _("照走"),
            )
        case StepKind.AGREED:
            return WhyRow(
                fmt.when(step.at), _("客户另约的时间，以它为准"), "", _("到期"), "is-endrow"
            )
        case StepKind.PROVISIONAL:
            return WhyRow(
                str(step.amount),
                _("放假安排没有导入，按每周常规暂计"),
                _("时限是暂定的"),
                _("暂定"),
            )
    return WhyRow("", str(step.kind))


def _counted(step: ExplainedStep) -> str:
    if step.counted:
        first, last = step.counted
        if first == last:
            return _("第 %(n)s 天") % {"n": first}
        return _("第 %(a)s–%(b)s 天") % {"a": first, "b": last}
    return _("计 %(span)s") % {"span": fmt.span(step.amount)} if step.amount else ""


def _dates(step: ExplainedStep) -> str:
    if step.first is None:
        return ""
    if step.last is None or step.last == step.first:
        return fmt.day(step.first)
    return _("%(a)s 至 %(b)s") % {"a": f"{step.first:%m-%d}", "b": f"{step.last:%m-%d}"}


def _strip(deadline: Deadline, start: datetime) -> tuple[WhyDay, ...]:
    """The days from start to due, coloured by what they count; none when it is one day or many."""
    first = timezone.localtime(start).date()
    last = timezone.localtime(deadline.due_at).date()
    length = (last - first).days + 1
    if not 2 <= length <= _STRIP_MOST:
        return ()
    return tuple(
        WhyDay(
            (first + timedelta(days=n)).day,
            str(LETTERS[(first + timedelta(days=n)).weekday()]),
            _look(first + timedelta(days=n), last, deadline),
        )
        for n in range(length)
    )


def _look(day: date, last: date, deadline: Deadline) -> str:
    if day == last:
        return "is-end"
    for step in deadline.steps:
        if (
            step.kind is StepKind.STOPPED
            and step.at
            and step.at.date() < day
            and (step.until is None or step.until.date() > day)
        ):
            return "is-hold"
    for step in deadline.steps:
        if step.first and step.first <= day <= (step.last or step.first):
            return "is-count" if step.kind in _COUNTED else "is-off"
    return "is-count" if any(s.kind is StepKind.ELAPSED for s in deadline.steps) else ""
