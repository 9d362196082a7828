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
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from kaitong.assurance import facts as assurance
from kaitong.core import db
from kaitong.core.horizon import horizon
from kaitong.fieldwork import facts as fieldwork
from kaitong.hall import facts as hall
from kaitong.ordering import facts as ordering
from kaitong.org import queries as org
from kaitong.places import grids
from kaitong.process import facts as process
from kaitong.reporting import adding
from kaitong.reporting.judging import (
    Order,
    Survey,
    Ticket,
    Work,
    order_fact,
    survey_fact,
    ticket_fact,
    work_facts,
)
from kaitong.reporting.models import (
    DeskFact,
    OpinionFact,
    OrderFact,
    SurveyFact,
    TicketFact,
    Touched,
    VisitFact,
    Watermark,
    WorkFact,
)
from kaitong.reporting.opining import Opinion, of_survey, of_ticket
from kaitong.reporting.visiting import Desk, Visit, desk_fact, visit_fact
from kaitong.surveys import facts as opinions
from kaitong.worktime import queries as worktime
from kaitong.worktime.calendars import Calendar
from kaitong.worktime.errors import WorktimeError

log = logging.getLogger(__name__)

BATCH = 500
SUMMARIES = 7_120_431  # shared by whoever adds to them, exclusive for who makes them anew
_GATHERING = 7_120_432
_NAME = "changes"

_TOUCH = """insert into reporting_touched (business_id)
 select unnest(%s::uuid[]) on conflict (business_id) do update set tries = 0
 where reporting_touched.tries > 0"""
_TAKE = """delete from reporting_touched where business_id in (
 select business_id from reporting_touched where tries < %s order by tries, business_id
 for update skip locked limit %s) returning business_id"""
_TAKE_ONE = "delete from reporting_touched where business_id = %s returning business_id"
_FAILED = "update reporting_touched set tries = tries + 1 where business_id = %s"
_ALL = (ordering.identifiers, assurance.identifiers, hall.identifiers, opinions.identifiers)
TRIES = 5  # then it stands aside until something is written about it again


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
        until = horizon()
        mark = Watermark.objects.filter(name=_NAME).first()
        if mark is None:  # nothing was ever looked at: everything is
            Watermark.objects.create(name=_NAME, at=until)
            return _touch_all()
        if until <= mark.at:
            return 0
        changed = process.changed_since(mark.at, until)
        changed |= ordering.changed_since(mark.at, until)
        changed |= fieldwork.changed_since(mark.at, until)
        changed |= assurance.changed_since(mark.at, until)
        changed |= hall.changed_since(mark.at, until)
        changed |= opinions.changed_since(mark.at, until)
        db.execute(_TOUCH, [sorted(changed)])
        mark.at = until
        mark.save(update_fields=["at"])
        return len(changed)


def drain(limit: int = BATCH) -> int:
    """Read a batch of what was written down again; how much. 0 when there is nothing to take.

    What cannot be read holds up nothing else: a batch that fails is read one by one, and the one at
    fault is logged, tried again behind the others, and after TRIES left aside.
    """
    try:
        return _drain(_TAKE, [TRIES, limit])
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.warning("a batch of figures could not be read, and is read one by one", exc_info=True)
    waiting = Touched.objects.filter(tries__lt=TRIES).order_by("tries", "pk")
    done = 0
    for one in list(waiting.values_list("pk", flat=True)[:limit]):
        try:
            done += _drain(_TAKE_ONE, [one])
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("figures of %s cannot be read", one)
            done += db.execute(_FAILED, [one])
    return done


def _drain(take: str, params: list[Any]) -> int:
    with transaction.atomic():
        db.execute("select pg_advisory_xact_lock_shared(%s)", [SUMMARIES])
        ids = [row["business_id"] for row in db.rows(take, params)]
        if ids:
            put(read(ids), business_ids=ids)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was read of some orders, tickets and other things."""

    orders: Sequence[Order] = ()
    work: Sequence[Work] = ()
    tickets: Sequence[Ticket] = ()
    surveys: Sequence[Survey] = ()
    visits: Sequence[Visit] = ()
    desks: Sequence[Desk] = ()
    opinions: Sequence[Opinion] = ()


# Facts, their rows, their key, and by which column they hang on what was touched.
_KINDS: tuple[tuple[str, Any, Any, str, str], ...] = (
    ("orders", Order, OrderFact, "order_id", "order_id"),
    ("tickets", Ticket, TicketFact, "ticket_id", "ticket_id"),
    ("work", Work, WorkFact, "item_id", "business_id"),
    ("surveys", Survey, SurveyFact, "survey_id", "business_id"),
    ("visits", Visit, VisitFact, "ticket_id", "ticket_id"),
    ("desks", Desk, DeskFact, "stint_id", "ticket_id"),
    ("opinions", Opinion, OpinionFact, "asked_id", "business_id"),
)


def read(business_ids: Iterable[UUID]) -> Facts:
    """Facts of these as they stand now, from the other packages' queries."""
    ids = list(business_ids)
    work: dict[UUID, list[process.WorkRow]] = {}
    for row in process.work_of(ids):
        work.setdefault(row.business_id, []).append(row)
    stops = process.stops_of(ids)
    stints: dict[UUID, list[hall.StintRow]] = {}
    for stint in hall.stints(ids):
        stints.setdefault(stint.ticket_id, []).append(stint)
    orders = ordering.read(ids)
    on_site = fieldwork.of_orders(row.id for row in orders)
    tickets = assurance.tickets(ids)
    said = assurance.surveys(ids)
    calls: dict[UUID, list[assurance.SurveyRow]] = {}
    for call in said:
        calls.setdefault(call.business_id, []).append(call)
    drawn = grids.grids_of({row.address_id for row in orders if row.address_id})
    return Facts(
        orders=[
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
        ],
        work=[fact for rows in work.values() for fact in work_facts(rows, day_of=day_of)],
        tickets=[
            ticket_fact(
                ticket,
                work=work.get(ticket.id, ()),
                stops=stops.get(ticket.id, ()),
                calendar=_calendar(ticket.calendar),
                day_of=day_of,
            )
            for ticket in tickets
        ],
        surveys=[survey_fact(row, day_of=day_of) for row in said],
        visits=[visit_fact(row, stints.get(row.id, ())) for row in hall.visits(ids)],
        desks=[desk_fact(row, local=_local) for rows in stints.values() for row in rows],
        opinions=[
            *(of_survey(row, day_of=day_of) for row in opinions.opinions(ids)),
            *(
                one
                for ticket in tickets
                for one in of_ticket(
                    ticket,
                    calls.get(ticket.id, ()),
                    work=work.get(ticket.id, ()),
                    day_of=day_of,
                )
            ),
        ],
    )


def put(facts: Facts, *, business_ids: Iterable[UUID]) -> int:
    """Write facts with the difference they make; how many were new or other than before.

    In the caller's transaction, which holds SUMMARIES and their rows of `Touched`: two that put the
    same order at once would both think it new. What these had and have no longer (work that was
    sent back since) is taken away.
    """
    ids = sorted(business_ids)
    before: list[adding.Fact] = []
    after: list[adding.Fact] = []
    for name, shape, model, key, hangs_by in _KINDS:
        columns = _columns(shape)
        rows = model.objects.filter(**{f"{hangs_by}__in": ids}).order_by("pk")
        old = {
            getattr(row, key): shape(**{column: getattr(row, column) for column in columns})
            for row in rows.select_for_update()
        }
        read_now = getattr(facts, name)
        new = [fact for fact in read_now if old.get(getattr(fact, key)) != fact]
        gone = old.keys() - {getattr(fact, key) for fact in read_now}
        before += [old[getattr(fact, key)] for fact in new if getattr(fact, key) in old]
        before += [old[one] for one in gone]
        after += new
        _write(model, key, columns, new)
        if gone:
            model.objects.filter(pk__in=gone).delete()
    apply(adding.difference(before, after, org.above() if before or after else {}))
    return max(len(before), len(after))


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
    return _local(moment).date()


def _local(moment: datetime) -> datetime:
    return moment.astimezone(timezone.get_default_timezone())


# ---- inside --------------------------------------------------------------------------------------

_ADD: dict[str, str] = {}
_TYPES = {
    "branch_id": "uuid",
    "start": "date",
    "bin": "smallint",
    "hour": "smallint",
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


@cache
def _columns(shape: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields(shape))


def _write(model: Any, key: str, columns: Sequence[str], facts: Sequence[Any]) -> None:
    if facts:
        model.objects.bulk_create(
            [model(**{column: getattr(fact, column) for column in columns}) for fact in facts],
            update_conflicts=True,
            unique_fields=[key],
            update_fields=[column for column in columns if column != key],
        )


def _touch_all() -> int:
    total = 0
    for identifiers in _ALL:
        after: UUID | None = None
        while page := identifiers(after, 10_000):
            touch(page)
            total, after = total + len(page), page[-1]
    return total


def _calendar(key: str) -> Calendar:
    try:
        return worktime.calendar(key)
    except WorktimeError:
        return worktime.calendar("")


__all__ = [
    "BATCH",
    "Facts",
    "apply",
    "as_of",
    "behind",
    "drain",
    "fold",
    "gather",
    "put",
    "read",
    "touch",
]
