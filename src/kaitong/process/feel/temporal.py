"""Dates, times and durations of FEEL (DMN 1.3, 10.3.2.3), read from and written as ISO 8601."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import TypeVar

# China has one time zone without summer time: a date-time without an offset means this one.
CHINA = timezone(timedelta(hours=8))

_D = TypeVar("_D", date, datetime)

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ZONE = r"(?:Z|[+-]\d{2}:\d{2})?"
_CLOCK = r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?"
_TIME = re.compile(_CLOCK + _ZONE, re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T" + _CLOCK + _ZONE, re.ASCII)
_DURATION = re.compile(
    r"(?P<sign>-)?P(?:(?P<weeks>\d{1,6})W|(?:(?P<years>\d{1,6})Y)?(?:(?P<months>\d{1,6})M)?"
    r"(?:(?P<days>\d{1,6})D)?"
    r"(?P<time>T(?:(?P<hours>\d{1,8})H)?(?:(?P<minutes>\d{1,9})M)?"
    r"(?:(?P<seconds>\d{1,10}(?:\.\d{1,6})?)S)?)?)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class YearMonths:
    """A years and months duration: its length in days depends on the day it is added to."""

    months: int


def parse_date(text: str) -> date:
    if _DATE.fullmatch(text):
        return date.fromisoformat(text)
    raise ValueError(f"'{text}' is not a date such as 2026-01-31")


def parse_time(text: str) -> time:
    if _TIME.fullmatch(text):
        return time.fromisoformat(text)
    raise ValueError(f"'{text}' is not a time such as 08:30:00")


def parse_date_time(text: str) -> datetime:
    if _DATE_TIME.fullmatch(text):
        return datetime.fromisoformat(text)
    raise ValueError(f"'{text}' is not a date and time such as 2026-01-31T08:30:00+08:00")


def parse_duration(text: str) -> timedelta | YearMonths:
    """`P2DT3H`, `PT90M`, `P1W` or `P1Y6M`; years or months never together with days or a time."""
    match = _DURATION.fullmatch(text)
    parts = {k: v for k, v in match.groupdict().items() if v} if match else {}
    sign = -1 if parts.pop("sign", "") else 1
    if not parts or parts.get("time") == "T":
        raise ValueError(f"'{text}' is not an ISO 8601 duration such as PT48H or P3D")
    parts.pop("time", None)
    if "years" in parts or "months" in parts:
        if set(parts) - {"years", "months"}:
            raise ValueError(f"'{text}' mixes months with days: their length is not comparable")
        return YearMonths(sign * (int(parts.get("years", 0)) * 12 + int(parts.get("months", 0))))
    return sign * timedelta(**{name: float(value) for name, value in parts.items()})


def format_duration(value: timedelta | YearMonths) -> str:
    if isinstance(value, YearMonths):
        sign = "-" if value.months < 0 else ""
        years, months = divmod(abs(value.months), 12)
        inside = (f"{years}Y" if years else "") + (f"{months}M" if months else "")
        return f"{sign}P{inside or '0M'}"
    micro = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    sign, micro = ("-", -micro) if micro < 0 else ("", micro)
    seconds, micro = divmod(micro, 1_000_000)
    days, seconds = divmod(seconds, 86_400)
    hours, seconds = divmod(seconds, 3_600)
    minutes, seconds = divmod(seconds, 60)
    clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    if micro:
        clock += f"{seconds}.{micro:06d}".rstrip("0") + "S"
    elif seconds:
        clock += f"{seconds}S"
    inside = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
    return f"{sign}P{inside or 'T0S'}"


def add_months(day: _D, months: int) -> _D:
    """Civil addition: 31 January plus one month is the last day of February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise ValueError("the date leaves the years 1 to 9999")
    last = monthrange(year, month + 1)[1]
    return day.replace(year=year, month=month + 1, day=min(day.day, last))


def in_zone(moment: datetime) -> datetime:
    """A date-time without an offset is China Standard Time."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=CHINA)


def moment_of(value: object) -> datetime:
    """The instant a timer's date means: a date is its first moment, in China Standard Time."""
    if isinstance(value, str):
        value = parse_date_time(value) if "T" in value else parse_date(value)
    if isinstance(value, datetime):
        return in_zone(value)
    if isinstance(value, date):
        return datetime.combine(value, time(0), CHINA)
    raise ValueError("a timer's date must be a date, or a date and time" + _but(value))


def duration_of(value: object) -> timedelta | YearMonths:
    """The duration a timer waits."""
    if isinstance(value, str):
        value = parse_duration(value)
    if isinstance(value, timedelta | YearMonths):
        return value
    raise ValueError("a timer's duration must be a duration such as PT48H" + _but(value))


def _but(value: object) -> str:
    return ", but it is null" if value is None else ""
