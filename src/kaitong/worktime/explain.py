"""Explanations of a due time in words, Chinese (the source) and English. Pure: no Django here.

Both languages stand side by side here rather than in message catalogues, because the order of the
parts differs and because explanations are also printed and stored, where no request language is.
"""

from datetime import date, datetime
from typing import Literal

from kaitong.worktime.rules import Deadline, ExplainedStep, StepKind

Language = Literal["zh", "en"]

WEEKDAYS_ZH = "一二三四五六日"
WEEKDAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS_EN = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
UNITS_ZH = {
    "minutes": "分钟",
    "hours": "小时",
    "days": "天",
    "weeks": "周",
    "months": "个月",
    "years": "年",
}
HOLIDAYS_EN = {
    "元旦": "New Year's Day",
    "春节": "Spring Festival",
    "清明节": "Tomb-sweeping Day",
    "劳动节": "Labour Day",
    "端午节": "Dragon Boat Festival",
    "中秋节": "Mid-Autumn Festival",
    "国庆节": "National Day",
}


def rows(deadline: Deadline, language: Language = "zh") -> list[str]:
    """One sentence a step, in the order of the count."""
    word = _zh if language == "zh" else _en
    kinds = {s.kind for s in deadline.steps}
    counted = any(s.counted for s in deadline.steps) and StepKind.ROLLING not in kinds
    days = (counted and StepKind.CUT_OFF not in kinds) or bool(
        kinds & {StepKind.LAST_DAY, StepKind.MONTH_END}
    )
    return [word(step, days) for step in deadline.steps]


def sentence(deadline: Deadline, language: Language = "zh") -> str:
    """The whole explanation in one line, for a title or a printed sheet."""
    return ("；" if language == "zh" else "; ").join(rows(deadline, language))


# ------------------------------------------------------------------ Chinese


def _zh(step: ExplainedStep, days: bool) -> str:
    name = step.name
    match step.kind:
        case StepKind.RECEIVED:
            return f"{_at_zh(step)} 收到" + ("，当日不计" if days else "")
        case StepKind.CUT_OFF:
            return f"过 {name} 截止时间，按 {_days_zh(step)} 收到，当日不计"
        case StepKind.OPENING:
            return f"不在营业时间内，自 {_at_zh(step)} 起计"
        case StepKind.ROLLING:
            return f"滚动计，自 {_at_zh(step)} 起每日到同一时刻"
        case StepKind.WORKED | StepKind.MAKE_UP:
            made_up = "调休上班" if step.kind is StepKind.MAKE_UP else "工作日"
            return f"{_days_zh(step)} {made_up}" + _counted_zh(step)
        case StepKind.HOLIDAY:
            return f"{_days_zh(step)} {name or '放假'}{'放假' if name else ''}，不计"
        case StepKind.WEEKEND:
            return f"{_days_zh(step)} 休息日，不计"
        case StepKind.ELAPSED:
            return f"连续计 {step.amount} {UNITS_ZH[name]}，含夜间和节假日"
        case StepKind.LAST_DAY:
            return f"期间 {step.amount} {UNITS_ZH[name]}，末日为 {_days_zh(step)}"
        case StepKind.MONTH_END:
            return f"期间 {step.amount} {UNITS_ZH[name]}，无对应日，末日为月末 {_days_zh(step)}"
        case StepKind.EXTENDED:
            return f"扣除挂起，末日顺延至 {_days_zh(step)}"
        case StepKind.MOVED:
            return f"末日不是工作日，顺延至 {_days_zh(step)}"
        case StepKind.STOPPED:
            stood = _length_zh(step.amount) + ("（营业时间）" if step.business else "")
            return f"挂起“{name}”{_range_zh(step)}{_lasted_zh(step)}，停计 {stood}"
        case StepKind.RUNS_ON:
            return f"挂起“{name}”{_range_zh(step)}{_lasted_zh(step)}，不停本时限"
        case StepKind.AGREED:
            return f"客户另约 {_at_zh(step)}，以此为准"
        case StepKind.PROVISIONAL:
            return f"{step.amount} 年放假安排尚未录入，按每周常规暂计"
        case StepKind.DUE:
            return f"{_at_zh(step)} 到期"


def _counted_zh(step: ExplainedStep) -> str:
    if step.counted:
        a, b = step.counted
        return f"，第 {a} 天" if a == b else f"，第 {a} 至 {b} 天"
    return f"，计 {_length_zh(step.amount)}" if step.amount else ""


def _at_zh(step: ExplainedStep) -> str:
    return _moment_zh(step.at) if step.at else ""


def _moment_zh(at: datetime) -> str:
    return f"{_day_zh(at.date())} {at:%H:%M}"


def _range_zh(step: ExplainedStep) -> str:
    end = _moment_zh(step.until) if step.until else "今（未解挂）"
    return f"{_at_zh(step)} 至{'预计 ' if step.expected else ' '}{end}"


def _lasted_zh(step: ExplainedStep) -> str:
    lasted = lasting(step)
    return f"，共 {_long_zh(lasted)}" if lasted else ""


def lasting(step: ExplainedStep) -> int:
    """Seconds a suspension lasts, or is expected to."""
    return int((step.until - step.at).total_seconds()) if step.at and step.until else 0


def _long_zh(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    parts = ([f"{days} 天"] if days else []) + ([_length_zh(rest)] if rest else [])
    return " ".join(parts)


def _long_en(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    parts = ([f"{days} d"] if days else []) + ([_length_en(rest)] if rest else [])
    return " ".join(parts)


def _days_zh(step: ExplainedStep) -> str:
    first, last = step.first, step.last
    if first is None:
        return ""
    if last is None or first == last:
        return _day_zh(first)
    end = f"{last:%m-%d}" if first.year == last.year else f"{last:%Y-%m-%d}"
    return f"{first:%Y-%m-%d} 至 {end}"


def _day_zh(day: date) -> str:
    return f"{day:%Y-%m-%d} 周{WEEKDAYS_ZH[day.weekday()]}"


def _length_zh(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    parts = ([f"{hours} 小时"] if hours else []) + ([f"{minutes} 分"] if minutes else [])
    return " ".join(parts) or "0 分"


# ------------------------------------------------------------------ English


def _en(step: ExplainedStep, days: bool) -> str:
    name = HOLIDAYS_EN.get(step.name, step.name)
    match step.kind:
        case StepKind.RECEIVED:
            return f"received {_at_en(step)}" + (", day not counted" if days else "")
        case StepKind.CUT_OFF:
            return f"after the cut-off at {name}: received {_days_en(step)}, day not counted"
        case StepKind.OPENING:
            return f"outside business hours: runs from {_at_en(step)}"
        case StepKind.ROLLING:
            return f"rolling count from {_at_en(step)}, each day to the same time"
        case StepKind.WORKED | StepKind.MAKE_UP:
            sort = "make-up working day" if step.kind is StepKind.MAKE_UP else "working day"
            return f"{_days_en(step)} {sort}{_plural(step)}{_counted_en(step)}"
        case StepKind.HOLIDAY:
            return f"{_days_en(step)} public holiday" + (f" ({name})" if name else "")
        case StepKind.WEEKEND:
            return f"{_days_en(step)} {'days' if _plural(step) else 'day'} off"
        case StepKind.ELAPSED:
            return f"{_unit_en(step)} run through, nights and holidays included"
        case StepKind.LAST_DAY:
            return f"period of {_unit_en(step)}: last day {_days_en(step)}"
        case StepKind.MONTH_END:
            return f"period of {_unit_en(step)}: no such day, last of the month {_days_en(step)}"
        case StepKind.EXTENDED:
            return f"suspensions move the last day to {_days_en(step)}"
        case StepKind.MOVED:
            return f"last day is no working day, moves on to {_days_en(step)}"
        case StepKind.STOPPED:
            stood = _length_en(step.amount) + (" of business time" if step.business else "")
            return f"suspended {_lasted_en(step)}({name}) {_range_en(step)}: clock stood {stood}"
        case StepKind.RUNS_ON:
            return f"suspended {_lasted_en(step)}({name}) {_range_en(step)}: this clock runs on"
        case StepKind.AGREED:
            return f"the customer chose {_at_en(step)}, which counts"
        case StepKind.PROVISIONAL:
            return f"holidays of {step.amount} are not entered, the weekly pattern stands in"
        case StepKind.DUE:
            return f"due {_at_en(step)}"


def _counted_en(step: ExplainedStep) -> str:
    if step.counted:
        a, b = step.counted
        return f", day {a}" if a == b else f", days {a} to {b}"
    return f", {_length_en(step.amount)} counted" if step.amount else ""


def _plural(step: ExplainedStep) -> str:
    return "s" if step.first and step.last and step.first != step.last else ""


def _unit_en(step: ExplainedStep) -> str:
    return f"{step.amount} {step.name.removesuffix('s') if step.amount == 1 else step.name}"


def _at_en(step: ExplainedStep) -> str:
    return _moment_en(step.at) if step.at else ""


def _moment_en(at: datetime) -> str:
    return f"{_day_en(at.date())} {at:%H:%M}"


def _range_en(step: ExplainedStep) -> str:
    end = _moment_en(step.until) if step.until else "now (still suspended)"
    return f"{_at_en(step)} to {'(expected) ' if step.expected else ''}{end}"


def _lasted_en(step: ExplainedStep) -> str:
    lasted = lasting(step)
    return f"{_long_en(lasted)} " if lasted else ""


def _days_en(step: ExplainedStep) -> str:
    first, last = step.first, step.last
    if first is None:
        return ""
    if last is None or first == last:
        return _day_en(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}-{last.day} {MONTHS_EN[last.month - 1]} {last.year}"
    return f"{_day_en(first)} to {_day_en(last)}"


def _day_en(day: date) -> str:
    return f"{WEEKDAYS_EN[day.weekday()]} {day.day} {MONTHS_EN[day.month - 1]} {day.year}"


def _length_en(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    parts = ([f"{hours} h"] if hours else []) + ([f"{minutes} min"] if minutes else [])
    return " ".join(parts) or "0 min"
