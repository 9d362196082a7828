"""What a customer has used, by the AAA server's accounting: sessions, and days of a span.

Accounting knows a session's octets as a whole. A session that spans days is spread over them by the
time it lasted in each; months are sums of days. Octets are counted as the customer sees them: down
is what came to him.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from django.utils import timezone

from kaitong.activation import queries, services, wanting
from kaitong.core.clock import now
from kaitong.inventory.results import ServiceView

_MOST = 2000  # sessions of a span; a modem that redials every minute must not cost a page


@dataclass(frozen=True, slots=True)
class UsedSession:
    """One session: `ended_at` None while it stands, `heard_at` the last the server heard of it."""

    started_at: datetime
    ended_at: datetime | None
    heard_at: datetime
    down: int
    up: int
    address: str
    nas_port_id: str
    ended_by: str  # as RADIUS names it, such as Admin-Reset

    @property
    def seconds(self) -> int:
        return max(int(((self.ended_at or self.heard_at) - self.started_at).total_seconds()), 0)


@dataclass(frozen=True, slots=True)
class Used:
    """What was used in a day or a month that begins with `day`."""

    day: date
    seconds: int
    down: int
    up: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Sessions newest first, days and months with use in them oldest first."""

    sessions: tuple[UsedSession, ...]
    days: tuple[Used, ...]
    months: tuple[Used, ...]
    whole: bool  # False when there were more sessions than are read


def usage(service: ServiceView, start: datetime, end: datetime | None = None) -> Usage:
    """What a service has used in a span. Raises ActivationError when the server cannot be asked."""
    until = end or now()
    element = queries.element_for(wanting.kind_of(service), service.branch_id)
    rows = services.aaa(element).sessions_between(service.account, start, until, _MOST + 1)
    sessions = [UsedSession(*row) for row in rows[:_MOST]]
    days = by_day(sessions, start, until, timezone.get_current_timezone())
    return Usage(tuple(sessions), tuple(days), tuple(by_month(days)), len(rows) <= _MOST)


def by_day(
    sessions: Sequence[UsedSession], start: datetime, end: datetime, zone: tzinfo
) -> list[Used]:
    """Days of the span with use in them. Nothing of a session is counted twice or lost between
    days: each day gets what is due until its end, less what the days before got."""
    found: dict[date, list[int]] = {}
    for one in sessions:
        last = one.ended_at or one.heard_at
        length = (last - one.started_at).total_seconds()
        before, at = (0, 0, 0), one.started_at.astimezone(zone)
        while True:
            midnight = datetime.combine(at.date() + timedelta(days=1), datetime.min.time(), zone)
            stop = min(midnight, last)
            share = 1.0 if length <= 0 else (stop - one.started_at).total_seconds() / length
            due = (int(one.seconds * share), int(one.down * share), int(one.up * share))
            if stop > start and at < end:
                sums = found.setdefault(at.date(), [0, 0, 0])
                for place, (new, old) in enumerate(zip(due, before, strict=True)):
                    sums[place] += new - old
            before, at = due, midnight.astimezone(zone)
            if midnight >= last:
                break
    return [Used(day, *sums) for day, sums in sorted(found.items())]


def by_month(days: Sequence[Used]) -> list[Used]:
    found: dict[date, list[int]] = {}
    for one in days:
        sums = found.setdefault(one.day.replace(day=1), [0, 0, 0])
        for place, value in enumerate((one.seconds, one.down, one.up)):
            sums[place] += value
    return [Used(month, *sums) for month, sums in sorted(found.items())]
