"""Summaries made anew from the facts, in SQL: all of them, or whatever holds one day.

What `adding` adds one by one, written a second time: the two must agree, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.db import transaction

from kaitong.core import db
from kaitong.org import queries as org
from kaitong.reporting import adding
from kaitong.reporting.adding import (
    CAUSES,
    DESKS,
    OPINERS,
    OPINIONS,
    ORDERS,
    SURVEYS,
    TICKETS,
    TIMES,
    VISITS,
    WORK,
)  # fmt: skip
from kaitong.reporting.bins import BOUNDS
from kaitong.reporting.choices import Clock, Cut, Grain
from kaitong.reporting.folding import SUMMARIES

Sums = Mapping[str, str]  # column of a summary -> its sum over facts
_START = {
    Grain.DAY: "{day}",
    Grain.WEEK: "date_trunc('week', {day})::date",
    Grain.MONTH: "date_trunc('month', {day})::date",
}
_CUT = {Cut.PLAN: "offering", Cut.GRID: "grid"}
_DONE = "outcome = 'completed'"
# Columns of ORDERS as sums over the facts that ended; 0 where it is a matter of receipt.
_ENDED = {
    "n": "count(*)",
    "received": "0",
    "rejected": "count(*) filter (where outcome = 'rejected')",
    "completed": f"count(*) filter (where {_DONE})",
    "failed": "count(*) filter (where outcome = 'failed')",
    "withdrawn": "count(*) filter (where outcome = 'withdrawn')",
    "timed": "count(on_time)",
    "on_time": "count(*) filter (where on_time)",
    "gross": "coalesce(sum(gross), 0)",
    "net": "coalesce(sum(net), 0)",
    "contacted": "count(contact)",
    "contact": "coalesce(sum(contact), 0)",
    "contact_timed": "count(contact_on_time)",
    "contact_on_time": "count(*) filter (where contact_on_time)",
    "appointed": "count(kept)",
    "kept": "count(*) filter (where kept)",
    "visited": f"count(*) filter (where {_DONE} and visits > 0)",
    "visits": f"coalesce(sum(visits) filter (where {_DONE}), 0)",
    "one_visit": f"count(*) filter (where {_DONE} and visits = 1)",
    "judged": "count(right_first)",
    "right_first": "count(*) filter (where right_first)",
    "suspended": "count(*) filter (where suspended)",
    "delayed": "count(*) filter (where delayed)",
    "sent_back": "count(*) filter (where sent_back)",
}
_REPAIRED = {
    "n": "count(*)",
    "received": "0",
    "resolved": "count(*) filter (where outcome = 'resolved')",
    "withdrawn": "count(*) filter (where outcome = 'withdrawn')",
    "rejected": "count(*) filter (where outcome = 'rejected')",
    "timed": "count(on_time)",
    "on_time": "count(*) filter (where on_time)",
    "gross": "coalesce(sum(gross), 0)",
    "net": "coalesce(sum(net), 0)",
    "responded": "count(response)",
    "response": "coalesce(sum(response), 0)",
    "repeats": "count(*) filter (where repeats)",
    "common": "count(*) filter (where common)",
    "reopened": "count(*) filter (where reopened)",
    "urged": "count(*) filter (where urged)",
}
_REPORTED = {name: "count(*)" if name in ("n", "received") else "0" for name in _REPAIRED}
_RECEIVED = {name: "count(*)" if name in ("n", "received") else "0" for name in _ENDED}


def recount(day: date | None = None) -> int:
    """Make the summaries anew from the facts: all, or the day, the week and the month that hold
    `day`. Whoever folds waits meanwhile; readers see the old ones until it is done. How many rows
    stand now."""
    with transaction.atomic():
        db.execute("select pg_advisory_xact_lock(%s)", [SUMMARIES])
        for grain in Grain:
            first = adding.start_of(grain, day) if day is not None else None
            for table in _MAKE:
                for one in (grain, adding.BELOW.get(grain, grain)):
                    if first is None:
                        db.execute(f"delete from {table} where grain = %s", [one])
                    else:
                        db.execute(
                            f"delete from {table} where grain = %s and start = %s", [one, first]
                        )
        return make({table: table for table in _MAKE}, day)


def make(tables: Mapping[str, str], day: date | None = None) -> int:
    """Add the summaries up from the facts, each into the table named beside it, empty of what is
    made; how many rows."""
    return sum(_make(tables, grain, day) for grain in Grain)


def _make(tables: Mapping[str, str], grain: Grain, day: date | None) -> int:
    first = adding.start_of(grain, day) if day is not None else None
    span = [first, _next(grain, first)] if first is not None else []
    total = 0
    for table, statements in _MAKE.items():
        if grain is Grain.DAY and table != ORDERS:
            continue
        into = tables[table]
        for days, sql, params in statements(grain):
            for day in days:  # conditions stand behind the statement's own parameters, in order
                where = f" and {day} >= %s and {day} < %s" if span else ""
                sql = sql.replace(f"{{{day}}}", where)
            sql = sql.replace(f"insert into {table} ", f"insert into {into} ", 1)
            total += db.execute(sql, [*params, *span * len(days)])
        if grain in adding.BELOW and table in adding.SUMMED:
            total += _below(table, into, grain, first)
    return total


def _below(table: str, into: str, grain: Grain, first: date | None) -> int:
    """What stands below each branch, from the rows of the branches themselves."""
    keys, sums = adding.KEYS[table], adding.SUMS[table]
    pairs = [(one, over) for one, chain in org.above().items() for over in chain]
    told = {"grain": f"'{adding.BELOW[grain]}'", "branch_id": "up.over"}
    sql = f"""insert into {into} ({", ".join((*keys, *sums))})
 select {", ".join(told.get(key, f"t.{key}") for key in keys)},
 {", ".join(f"sum(t.{one})" for one in sums)}
 from {into} t join (
     select branch, over from unnest(%s::uuid[], %s::uuid[]) as pair (branch, over)
     union all select distinct branch_id, %s::uuid from {into} where grain = '{grain}'
 ) up on up.branch = t.branch_id
 where t.grain = '{grain}'{" and t.start = %s" if first else ""}
 group by up.over, {", ".join(f"t.{key}" for key in keys if key not in told)}"""
    one, over = [p[0] for p in pairs], [p[1] for p in pairs]
    return db.execute(sql, [one, over, adding.EVERYWHERE, *([first] if first else [])])


def _next(grain: Grain, first: date) -> date:
    match grain:
        case Grain.WEEK:
            return first + timedelta(days=7)
        case Grain.MONTH:
            return (first + timedelta(days=32)).replace(day=1)
    return first + timedelta(days=1)


def _start(grain: Grain, column: str) -> str:
    return _START[grain].format(day=column)


Statements = list[tuple[tuple[str, ...], str, list[Any]]]  # days it is narrowed by, SQL, values


def _twice(
    grain: Grain, table: str, facts: str, own: Sequence[str], received: Sums, ended: Sums
) -> str:
    """What counts on the day of receipt and what on the day of the end, in one pass each. `own` are
    constants and columns that a row of the summary is told apart by, besides branch and start."""
    keys = [key for key in adding.KEYS[table] if key not in ("grain", "by")]
    parts = []
    for day, sums in (("received_day", received), ("ended_day", ended)):
        columns = ", ".join(f"{sum_} as {name}" for name, sum_ in sums.items())
        parts.append(
            f"select branch_id, {_start(grain, day)} as start, {', '.join(own)}, {columns}"
            f" from {facts} where {day} is not null{{{day}}} group by 1, 2,"
            f" {', '.join(str(n + 3) for n in range(len(own)))}"
        )
    told = ", ".join(f"sum({name})" for name in ended)
    return (
        f"{', '.join(keys)}, {told} from ({' union all '.join(parts)}) u group by {', '.join(keys)}"
    )


def _orders(grain: Grain) -> Statements:
    columns = ", ".join((*adding.KEYS[ORDERS], *_ENDED))
    found: Statements = []
    for cut, key in _CUT.items():
        if grain not in adding.GRAINS[cut]:
            continue
        own = ("action", f"{key} as key")
        rest = _twice(grain, ORDERS, "reporting_orderfact", own, _RECEIVED, _ENDED)
        sql = f"insert into {ORDERS} ({columns}) select '{grain}', '{cut}', {rest}"
        found.append((("received_day", "ended_day"), sql, []))
    return found


def _times(grain: Grain) -> Statements:
    found: Statements = []
    every = f"'{adding.ALL}'"
    for of in (("action", "offering"), ("action", every), (every, every)):
        for clock, column in _CLOCKS.items():
            sql = f"""insert into {TIMES} (grain, clock, branch_id, start, action, key, bin, n)
 select '{grain}', '{clock}', branch_id, {_start(grain, "ended_day")}, {", ".join(of)},
 width_bucket({column}, %s::bigint[]), count(*) from reporting_orderfact
 where ended_day is not null and {column} is not null{{ended_day}} group by 3, 4, 5, 6, 7"""
            found.append((("ended_day",), sql, [list(BOUNDS)]))
    repair = f"""insert into {TIMES} (grain, clock, branch_id, start, action, key, bin, n)
 select '{grain}', '{Clock.REPAIR}', branch_id, {_start(grain, "ended_day")}, kind, place,
 width_bucket(gross, %s::bigint[]), count(*) from reporting_ticketfact
 where gross is not null{{ended_day}} group by 3, 4, 5, 6, 7"""
    found.append((("ended_day",), repair, [list(BOUNDS)]))
    for clock, column in ((Clock.WAIT, "waited"), (Clock.SERVE, "handled")):
        hall = f"""insert into {TIMES} (grain, clock, branch_id, start, action, key, bin, n)
 select '{grain}', '{clock}', branch_id, {_start(grain, "day")}, kind, '',
 width_bucket({column}, %s::bigint[]), count(*) from reporting_visitfact
 where {column} is not null{{day}} group by 3, 4, 5, 6, 7"""
        found.append((("day",), hall, [list(BOUNDS)]))
    return found


def _causes(grain: Grain) -> Statements:
    columns = ", ".join((*adding.KEYS[CAUSES], "n"))
    sql = f"""insert into {CAUSES} ({columns})
 select '{grain}', branch_id, {_start(grain, "ended_day")}, outcome, action, offering,
 cause_group, cause, count(*) from reporting_orderfact
 where ended_day is not null and outcome <> 'completed'{{ended_day}} group by 2, 3, 4, 5, 6, 7, 8"""
    faults = f"""insert into {CAUSES} ({columns})
 select '{grain}', branch_id, {_start(grain, "ended_day")}, outcome, kind, place,
 cause_group, cause, count(*) from reporting_ticketfact
 where outcome = 'resolved'{{ended_day}} group by 2, 3, 4, 5, 6, 7, 8"""
    return [(("ended_day",), sql, []), (("ended_day",), faults, [])]


def _tickets(grain: Grain) -> Statements:
    columns = ", ".join((*adding.KEYS[TICKETS], *_REPAIRED))
    rest = _twice(grain, TICKETS, "reporting_ticketfact", ("kind", "place"), _REPORTED, _REPAIRED)
    sql = f"insert into {TICKETS} ({columns}) select '{grain}', {rest}"
    return [(("received_day", "ended_day"), sql, [])]


def _surveys(grain: Grain) -> Statements:
    columns = ", ".join((*adding.KEYS[SURVEYS], *adding.SUMS[SURVEYS]))
    sql = f"""insert into {SURVEYS} ({columns})
 select '{grain}', branch_id, {_start(grain, "asked_day")}, kind, count(*),
 count(*) filter (where reached), count(fixed), count(*) filter (where fixed), count(score),
 coalesce(sum(score), 0), count(*) filter (where score >= {adding.CONTENT})
 from reporting_surveyfact where true{{asked_day}} group by 2, 3, 4"""
    return [(("asked_day",), sql, [])]


def _visits(grain: Grain) -> Statements:
    columns = ", ".join((*adding.KEYS[VISITS], *adding.SUMS[VISITS]))
    sql = f"""insert into {VISITS} ({columns})
 select '{grain}', branch_id, {_start(grain, "day")}, kind, count(*),
 count(*) filter (where outcome = 'served'), count(*) filter (where outcome = 'missed'),
 count(*) filter (where outcome = 'closed'), count(waited), coalesce(sum(waited), 0),
 count(on_time), count(*) filter (where on_time), count(handled), coalesce(sum(handled), 0)
 from reporting_visitfact where true{{day}} group by 2, 3, 4"""
    return [(("day",), sql, [])]


def _desks(grain: Grain) -> Statements:
    columns = ", ".join((*adding.KEYS[DESKS], *adding.SUMS[DESKS]))
    sql = f"""insert into {DESKS} ({columns})
 select '{grain}', branch_id, {_start(grain, "day")}, person::text, hour, count(*),
 count(handled), coalesce(sum(handled), 0)
 from reporting_deskfact where true{{day}} group by 2, 3, 4, 5"""
    return [(("day",), sql, [])]


_OPINION = f"""count(*), count(*) filter (where reached), count(score), coalesce(sum(score), 0),
 count(*) filter (where score >= {adding.CONTENT}),
 count(*) filter (where score <= {adding.UNHAPPY}) from reporting_opinionfact"""


def _opinions(grain: Grain) -> Statements:
    columns = ", ".join((*adding.KEYS[OPINIONS], *adding.SUMS[OPINIONS]))
    found: Statements = []
    for by, key, where in (
        ("", "''", "true"),
        (adding.PLAN, "offering", "offering <> ''"),
        (adding.REASON, f"reason_group || '{adding.BETWEEN}' || reason", "reason <> ''"),
    ):
        sql = f"""insert into {OPINIONS} ({columns})
 select '{grain}', '{by}', branch_id, {_start(grain, "asked_day")}, source, {key}, {_OPINION}
 where {where}{{asked_day}} group by 3, 4, 5, 6"""
        found.append((("asked_day",), sql, []))
    return found


def _opiners(grain: Grain) -> Statements:
    columns = ", ".join((*adding.KEYS[OPINERS], *adding.SUMS[OPINERS]))
    sql = f"""insert into {OPINERS} ({columns})
 select '{grain}', branch_id, {_start(grain, "asked_day")}, source, post,
 coalesce(person::text, ''), {_OPINION} where true{{asked_day}} group by 2, 3, 4, 5, 6"""
    return [(("asked_day",), sql, [])]


def _work(grain: Grain) -> Statements:
    columns = ", ".join((*adding.KEYS[WORK], *adding.SUMS[WORK]))
    sql = f"""insert into {WORK} ({columns})
 select '{grain}', branch_id, {_start(grain, "done_day")}, post, coalesce(person::text, ''), step,
 count(*), count(on_time), count(*) filter (where on_time), count(*) filter (where sent_back),
 sum(waited), sum(held) from reporting_workfact where true{{done_day}} group by 2, 3, 4, 5, 6"""
    return [(("done_day",), sql, [])]


_CLOCKS = {Clock.GROSS: "gross", Clock.NET: "net", Clock.CONTACT: "contact"}
_MAKE = {
    ORDERS: _orders,
    TIMES: _times,
    CAUSES: _causes,
    WORK: _work,
    TICKETS: _tickets,
    SURVEYS: _surveys,
    VISITS: _visits,
    DESKS: _desks,
    OPINIONS: _opinions,
    OPINERS: _opiners,
}
