"""Adding up how long tokens rested where (各环节用时), from the history, a day's lines at a time.

The history is not read by pages: it has tens of millions of lines. A worker adds up each day's
lines once they are over, and today's every few minutes; again is the same.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import transaction

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.core.ids import uuid7_at
from kaitong.process.models import NodeBatch

KEPT_DAYS = 70  # how far back is added up where it never was (an upgrade)
STALE = timedelta(minutes=5)  # today's lines are added up anew
SETTLED = timedelta(hours=1)  # after midnight: what was being written then has been
_LOCK = 7_120_411  # one worker at a time

_ADD_UP = """with gone as (
 select l.instance_id, l.node, l.at, i.definition_id, i.branch_id,
 extract(epoch from l.at - e.at)::float8 as seconds
 from process_line l join process_instance i on i.id = l.instance_id
 cross join lateral (select e.at from process_line e
  where e.instance_id = l.instance_id and e.id >= i.id and e.seq < l.seq and e.node = l.node
  and e.token = l.token and e.kind in ('entered', 'fired') order by e.seq desc limit 1) e
 where l.id >= %s and l.id < %s and l.kind in ('left', 'interrupted') and l.token is not null
 and l.at > e.at)
 insert into process_nodeday (batch, day, definition_id, branch_id, node, count, seconds, longest)
 select %s, (at at time zone %s)::date, definition_id, branch_id, node, count(*), sum(seconds),
 max(seconds) from gone group by 2, 3, 4, 5"""


def add_up() -> int:
    """Add up what is due: today's lines, and of the days before one that never was; how many days.

    Safe twice at once: the second finds the lock taken and leaves.
    """
    now = clock_now()
    today = now.astimezone(UTC).date()
    known = {row.batch: row for row in NodeBatch.objects.filter(batch__gte=_first(today))}
    due = []
    if today not in known or now - known[today].at >= STALE:
        due.append(today)
    days = (today - timedelta(days=back) for back in range(1, KEPT_DAYS))
    settled = (day for day in days if now >= _start(day + timedelta(days=1)) + SETTLED)
    missing = next((day for day in settled if day not in known or not known[day].whole), None)
    if missing is not None:
        due.append(missing)
    return sum(_add_up(day, now) for day in due)


def _first(today: date) -> date:
    return today - timedelta(days=KEPT_DAYS)


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _add_up(day: date, now: datetime) -> bool:
    start, end = _start(day), _start(day + timedelta(days=1))
    with transaction.atomic():
        found = db.one("select pg_try_advisory_xact_lock(%s) as taken", [_LOCK])
        if not found or not found["taken"]:
            return False
        db.execute("delete from process_nodeday where batch = %s", [day])
        db.execute(_ADD_UP, [uuid7_at(start), uuid7_at(end), day, settings.TIME_ZONE])
        NodeBatch.objects.update_or_create(
            batch=day, defaults={"at": now, "whole": now >= end + SETTLED}
        )
    return True
