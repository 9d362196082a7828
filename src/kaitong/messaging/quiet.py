"""Quiet hours (免打扰时段): when nobody wants to hear a telephone."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from django.utils import timezone

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def parse(text: str) -> tuple[time, time] | None:
    """``21:00-08:00`` as two times of day, which may lie on either side of midnight; None when
    the text says no such thing."""
    found = _HOURS.fullmatch(text.strip())
    if not found:
        return None
    one, two, three, four = map(int, found.groups())
    return time(one, two), time(three, four)


def earliest(moment: datetime, hours: str) -> datetime:
    """The moment itself, or the end of the quiet hours it falls into."""
    span = parse(hours)
    if span is None or span[0] == span[1]:
        return moment
    start, end = span
    local = timezone.localtime(moment)
    clock = local.time()
    over_midnight = start > end
    if not (start <= clock < end or (over_midnight and (clock >= start or clock < end))):
        return moment
    day = local.date() + timedelta(days=1 if over_midnight and clock >= start else 0)
    return datetime.combine(day, end, tzinfo=local.tzinfo)
