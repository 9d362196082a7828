"""Folding what has changed into facts and summaries (汇总), a batch at a time.

Two steps, each a transaction of its own. *Gathering* writes down what something was written about
since the watermark (`Touched`) and moves the watermark. *Draining* takes a batch of it, reads
everything the house knows of these orders now, and writes their facts together with the difference
to the summaries. Killed anywhere, what was not committed is done again; twice at once, each takes
another batch; the same order again makes no difference.

What was written is found by the UUIDv7 of the rows that tell of it, which is real time. A
transaction that is still open may hold rows older than now, so the watermark never passes the
beginning of the oldest one that is writing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple, fields
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from kaitong.core import db
from kaitong.fieldwork import facts as fieldwork
from kaitong.ordering import facts as ordering
from kaitong.places import grids
from kaitong.process import facts as process
from kaitong.reporting import adding
from kaitong.reporting.judging import Order, Work, order_fact, work_facts
from kaitong.reporting.models import OrderFact, Touched, Watermark, WorkFact
from kaitong.worktime import queries as worktime
from kaitong.worktime.calendars import Calendar
from kaitong.worktime.errors import WorktimeError

BATCH = 500
SLACK = timedelta(seconds=5)  # between making an identifier and the first write under it
READERS = timedelta(minutes=1)  # who has written nothing for so long only reads
SUMMARIES = 7_120_431  # shared by whoever adds to them, exclusive for who makes them anew
_GATHERING = 7_120_432
_NAME = "changes"

# Real time of the database, and the beginning of the oldest transaction that may yet commit rows.
# One that holds no transaction number after a minute is a reader (a backup, an export).
_HORIZON = """select clock_timestamp() as now, min(xact_start) as oldest from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
 and backend_type = 'client backend'
 and (backend_xid is not null or xact_start > clock_timestamp() - %s)"""
_TOUCH = """insert into reporting_touched (business_id)
 select unnest(%s::uuid[]) on conflict do nothing"""
_TAKE = """delete from reporting_touched where business_id in (
 select business_id from reporting_touched order by business_id
 for update skip locked limit %s) returning business_id"""


def fold(limit: int = BATCH) -> int:
    """Gather what has changed, and drain all of it; how many orders and other things were read."""
    gather()
    total = 0
    while done := drain(limit):
        total += done
    return total


def gather() -> int:
    """Write down what has changed since the watermark; how much. One at a time, others leave."""
    with transaction.atomic():
        found = db.one("select pg_try_advisory_xact_lock(%s) as taken", [_GATHERING])
        if not found or not found["taken"]:
            return 0
        until = _horizon()
        mark = Watermark.objects.filter(name=_NAME).first()
        if mark is None:  # nothing was ever looked at: everything is
            Watermark.objects.create(name=_NAME, at=until)
            return _touch_all()
        if until <= mark.at:
            return 0
        changed = process.changed_since(mark.at, until)
        changed |= ordering.changed_since(mark.at, until)
        changed |= fieldwork.changed_since(mark.at, until)
        db.execute(_TOUCH, [sorted(changed)])
        mark.at = until
        mark.save(update_fields=["at"])
        return len(changed)


def drain(limit: int = BATCH) -> int:
    """Read a batch of what was written down again; how much. 0 when there is nothing to take."""
    with transaction.atomic():
        db.execute("select pg_advisory_xact_lock_shared(%s)", [SUMMARIES])
        ids = [row["business_id"] for row in db.rows(_TAKE, [limit])]
        if ids:
            put(*read(ids), business_ids=ids)
        return len(ids)


def touch(business_ids: Iterable[UUID]) -> None:
    """Have these read again."""
    db.execute(_TOUCH, [sorted(business_ids)])


def as_of() -> datetime | None:
    """Up to when figures are true; None before the first fold. What waits to be read is not."""
    mark = Watermark.objects.filter(name=_NAME).first()
    return mark.at if mark is not None else None


def behind() -> int:
    """How much waits to be read."""
    return Touched.objects.count()


def read(business_ids: Iterable[UUID]) -> tuple[list[Order], list[Work]]:
    """Facts of these as they stand now, from the other packages' queries."""
    ids = list(business_ids)
    work: dict[UUID, list[process.WorkRow]] = {}
    for row in process.work_of(ids):
        work.setdefault(row.business_id, []).append(row)
    stops = process.stops_of(ids)
    orders = ordering.read(ids)
    on_site = fieldwork.of_orders(row.id for row in orders)
    drawn = grids.grids_of({row.address_id for row in orders if row.address_id})
    facts = [
        order_fact(
            row,
            work=work.get(row.id, ()),
            stops=stops.get(row.id, ()),
            on_site=on_site.get(row.id),
            grid=drawn.get(row.address_id, "") if row.address_id else "",
            calendar=_calendar(row.calendar),
            day_of=day_of,
        )
        for row in orders
    ]
    return facts, [fact for rows in work.values() for fact in work_facts(rows, day_of=day_of)]


def put(orders: list[Order], work: list[Work], *, business_ids: Iterable[UUID]) -> int:
    """Write facts with the difference they make; how many were new or other than before.

    In the caller's transaction, which holds SUMMARIES and their rows of `Touched`: two that put the
    same order at once would both think it new. Work that these had and have no longer (it was sent
    back since) is taken away.
    """
    ids = sorted(business_ids)
    old_orders = {
        row.order_id: _from_row(row)
        for row in OrderFact.objects.filter(pk__in=ids).order_by("pk").select_for_update()
    }
    rows = WorkFact.objects.filter(business_id__in=ids).order_by("pk").select_for_update()
    old_work = {row.item_id: _from_work_row(row) for row in rows}
    new_orders = [fact for fact in orders if old_orders.get(fact.order_id) != fact]
    new_work = [fact for fact in work if old_work.get(fact.item_id) != fact]
    gone = old_work.keys() - {fact.item_id for fact in work}
    before: list[Order | Work] = [
        *(old_orders[fact.order_id] for fact in new_orders if fact.order_id in old_orders),
        *(old_work[fact.item_id] for fact in new_work if fact.item_id in old_work),
        *(old_work[item] for item in gone),
    ]
    change = adding.difference(before, [*new_orders, *new_work])
    _write(OrderFact, "order_id", new_orders)
    _write(WorkFact, "item_id", new_work)
    if gone:
        WorkFact.objects.filter(pk__in=gone).delete()
    apply(change)
    return len(new_orders) + len(new_work) + len(gone)


def apply(change: adding.Change) -> None:
    """Add differences to the summaries, rows in one order everywhere, and drop rows of nothing."""
    for table in sorted(change):
        rows = change[table]
        if not rows:
            continue
        keys, sums = adding.KEYS[table], adding.SUMS[table]
        told = [
            {**dict(zip(keys, key, strict=True)), **{s: rows[key].get(s, 0) for s in sums}}
            for key in sorted(rows, key=lambda key: tuple(map(str, key)))
        ]
        _ADD.setdefault(table, _adding(table))
        db.execute(_ADD[table], [json.dumps(told, default=str)])
        if any(row["n"] < 0 for row in told):
            db.execute(_dropping(table), [json.dumps(told, default=str)])


def day_of(moment: datetime) -> date:
    """The operator's day of an instant."""
    return moment.astimezone(timezone.get_default_timezone()).date()


# ---- inside --------------------------------------------------------------------------------------

_ADD: dict[str, str] = {}
_TYPES = {
    "branch_id": "uuid",
    "start": "date",
    "bin": "smallint",
    **{s: "bigint" for sums in adding.SUMS.values() for s in sums},
}


def _adding(table: str) -> str:
    keys, sums = adding.KEYS[table], adding.SUMS[table]
    columns = ", ".join((*keys, *sums))
    return f"""insert into {table} as t ({columns})
 select {columns} from jsonb_to_recordset(%s::jsonb) as r ({_typed((*keys, *sums))})
 on conflict ({", ".join(keys)}) do update
 set {", ".join(f"{s} = t.{s} + excluded.{s}" for s in sums)}"""


def _dropping(table: str) -> str:
    keys = adding.KEYS[table]
    same = " and ".join(f"t.{k} = r.{k}" for k in keys)
    return f"""delete from {table} t
 using jsonb_to_recordset(%s::jsonb) as r ({_typed(keys)}) where {same} and t.n = 0"""


def _typed(columns: Iterable[str]) -> str:
    return ", ".join(f"{c} {_TYPES.get(c, 'text')}" for c in columns)


def _write(model: Any, key: str, facts: list[Any]) -> None:
    if not facts:
        return
    names = [f.name for f in fields(facts[0])]
    model.objects.bulk_create(
        [model(**dict(zip(names, _values(fact), strict=True))) for fact in facts],
        update_conflicts=True,
        unique_fields=[key],
        update_fields=[name for name in names if name != key],
    )


def _values(fact: Any) -> Iterator[Any]:
    yield from astuple(fact)


_ORDER = tuple(f.name for f in fields(Order))
_WORK = tuple(f.name for f in fields(Work))


def _from_row(row: OrderFact) -> Order:
    return Order(**{name: getattr(row, name) for name in _ORDER})


def _from_work_row(row: WorkFact) -> Work:
    return Work(**{name: getattr(row, name) for name in _WORK})


def _touch_all() -> int:
    total, after = 0, None
    while page := ordering.identifiers(after, 10_000):
        touch(page)
        total, after = total + len(page), page[-1]
    return total


def _horizon() -> datetime:
    found = db.one(_HORIZON, [READERS])
    assert found is not None
    times = [found["now"], *([found["oldest"]] if found["oldest"] else [])]
    return min(times) - SLACK


def _calendar(key: str) -> Calendar:
    try:
        return worktime.calendar(key)
    except WorktimeError:
        return worktime.calendar("")


__all__ = ["BATCH", "apply", "as_of", "behind", "drain", "fold", "gather", "put", "read", "touch"]
