"""What a fact adds to which rows of the summaries, and the difference two facts make. Pure.

Whole numbers only, so that what was added can be taken away without a trace. `recounting` adds the
same up from the facts in SQL; a test compares the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from kaitong.reporting.bins import bin_of
from kaitong.reporting.choices import Clock, Cut, Grain, Outcome, Repair
from kaitong.reporting.judging import Order, Survey, Ticket, Work
from kaitong.reporting.opining import Opinion
from kaitong.reporting.visiting import Desk, Visit

ORDERS, TIMES, CAUSES, WORK, TICKETS, SURVEYS, VISITS, DESKS, OPINIONS, OPINERS = (
    "reporting_orderfigure",
    "reporting_timefigure",
    "reporting_causefigure",
    "reporting_workfigure",
    "reporting_ticketfigure",
    "reporting_surveyfigure",
    "reporting_visitfigure",
    "reporting_deskfigure",
    "reporting_opinionfigure",
    "reporting_opinionperson",
)
KEYS: Mapping[str, tuple[str, ...]] = {
    ORDERS: ("grain", "by", "branch_id", "start", "action", "key"),
    TIMES: ("grain", "clock", "branch_id", "start", "action", "key", "bin"),
    CAUSES: (
        "grain", "branch_id", "start", "outcome", "action", "key", "cause_group", "cause",
    ),
    WORK: ("grain", "branch_id", "start", "post", "person", "step"),
    TICKETS: ("grain", "branch_id", "start", "kind", "place"),
    SURVEYS: ("grain", "branch_id", "start", "kind"),
    VISITS: ("grain", "branch_id", "start", "kind"),
    DESKS: ("grain", "branch_id", "start", "person", "hour"),
    OPINIONS: ("grain", "by", "branch_id", "start", "source", "key"),
    OPINERS: ("grain", "branch_id", "start", "source", "post", "person"),
}  # fmt: skip
SUMS: Mapping[str, tuple[str, ...]] = {
    ORDERS: (
        "n", "received", "rejected", "completed", "failed", "withdrawn", "timed", "on_time",
        "gross", "net", "contacted", "contact", "contact_timed", "contact_on_time", "appointed",
        "kept", "visited", "visits", "one_visit", "judged", "right_first", "suspended", "delayed",
        "sent_back",
    ),
    TIMES: ("n",),
    CAUSES: ("n",),
    WORK: ("n", "timed", "on_time", "sent_back", "waited", "held"),
    TICKETS: (
        "n", "received", "resolved", "withdrawn", "rejected", "timed", "on_time", "gross", "net",
        "responded", "response", "repeats", "common", "reopened", "urged",
    ),
    SURVEYS: ("n", "reached", "asked_fixed", "fixed", "scored", "score", "content"),
    VISITS: (
        "n", "served", "missed", "closed", "begun", "waited", "timed", "on_time", "handled_n",
        "handled",
    ),
    DESKS: ("n", "timed", "handled"),
    OPINIONS: ("n", "reached", "answered", "score", "content", "unhappy"),
    OPINERS: ("n", "reached", "answered", "score", "content", "unhappy"),
}  # fmt: skip
DAILY = (Grain.DAY, Grain.WEEK, Grain.MONTH)
WEEKLY = (Grain.WEEK, Grain.MONTH)
# A day by grid would be a row for each order.
GRAINS: Mapping[str, tuple[Grain, ...]] = {Cut.PLAN: DAILY, Cut.GRID: WEEKLY}

# Weeks and months are also added up for whoever leads several branches: under these grains a row
# holds what stands below a branch, without its own; below EVERYWHERE stands every branch there is.
# What is told apart by person is of one branch each: adding it up would make no row fewer.
BELOW: Mapping[str, str] = {Grain.WEEK: "W", Grain.MONTH: "M"}
EVERYWHERE = UUID(int=0)
SUMMED = (ORDERS, TIMES, CAUSES, TICKETS, SURVEYS, VISITS, OPINIONS)
Above = Mapping[UUID, Sequence[UUID]]  # branch -> those above it

# In the histograms of orders: all plans together, all business together. A page over many branches
# reads these, and the rows of each plan only where it shows plans.
ALL = "*"
CONTENT = 4  # of 5: from this score on a customer is content
UNHAPPY = 2  # and down from this one he is not
PLAN, REASON = "plan", "reason"  # what opinions are also told apart by
BETWEEN = "："  # both levels of a reason
Fact = Order | Work | Ticket | Survey | Visit | Desk | Opinion
Key = tuple[Any, ...]
Change = dict[str, dict[Key, dict[str, int]]]  # table -> key -> column -> difference


def start_of(grain: str, day: date) -> date:
    """The first day of the week or month a day is in, or the day itself.

    >>> start_of("w", date(2026, 11, 25)), start_of("m", date(2026, 11, 25))
    (datetime.date(2026, 11, 23), datetime.date(2026, 11, 1))
    """
    match grain:
        case Grain.WEEK:
            return day - timedelta(days=day.weekday())
        case Grain.MONTH:
            return day.replace(day=1)
    return day


def difference(before: Iterable[Fact], after: Iterable[Fact], above: Above) -> Change:
    """What has to be added to the summaries when these facts become those."""
    change: Change = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for facts, sign in ((before, -1), (after, 1)):
        for fact in facts:
            for table, key, sums in _parts(fact):
                row = change[table][key]
                for column, value in sums.items():
                    row[column] += sign * value
    for table in SUMMED:
        if table in change:
            _add_below(table, change[table], above)
    return {
        table: {key: dict(row) for key, row in rows.items() if any(row.values())}
        for table, rows in change.items()
    }


def _add_below(table: str, rows: dict[Key, dict[str, int]], above: Above) -> None:
    """What these rows are to the branches above theirs."""
    at = KEYS[table].index("branch_id")
    for key, sums in list(rows.items()):
        grain = BELOW.get(key[0])
        if grain is None:
            continue
        for branch in (EVERYWHERE, *above.get(key[at], ())):
            row = rows[(grain, *key[1:at], branch, *key[at + 1 :])]
            for column, value in sums.items():
                row[column] += value


def _parts(fact: Fact) -> Iterator[tuple[str, Key, Mapping[str, int]]]:
    match fact:
        case Order():
            yield from _order(fact)
        case Work():
            person = str(fact.person or "")
            for grain in WEEKLY:
                start = start_of(grain, fact.done_day)
                key = (grain, fact.branch_id, start, fact.post, person, fact.step)
                yield WORK, key, _work_sums(fact)
        case Ticket():
            yield from _ticket(fact)
        case Survey():
            for grain in WEEKLY:
                start = start_of(grain, fact.asked_day)
                yield SURVEYS, (grain, fact.branch_id, start, fact.kind), _survey_sums(fact)
        case Visit():
            yield from _visit(fact)
        case Opinion():
            yield from _opinion(fact)
        case Desk():
            for grain in WEEKLY:
                start = start_of(grain, fact.day)
                sums = {
                    "n": 1,
                    "timed": int(fact.handled is not None),
                    "handled": fact.handled or 0,
                }
                yield DESKS, (grain, fact.branch_id, start, str(fact.person), fact.hour), sums


def _order(fact: Order) -> Iterator[tuple[str, Key, Mapping[str, int]]]:
    cuts = ((Cut.PLAN, fact.offering), (Cut.GRID, fact.grid))
    for day, sums in _order_sums(fact):
        for by, key in cuts:
            for grain in GRAINS[by]:
                start = start_of(grain, day)
                yield ORDERS, (grain, by, fact.branch_id, start, fact.action, key), sums
    if fact.ended_day is None:
        return
    spans = ((Clock.GROSS, fact.gross), (Clock.NET, fact.net), (Clock.CONTACT, fact.contact))
    for grain in WEEKLY:
        start = start_of(grain, fact.ended_day)
        own = (fact.action, fact.offering)
        for clock, seconds in spans:
            if seconds is not None:
                for of in (own, (fact.action, ALL), (ALL, ALL)):
                    key = (grain, clock, fact.branch_id, start, *of, bin_of(seconds))
                    yield TIMES, key, {"n": 1}
        if fact.outcome != Outcome.COMPLETED:
            why = (fact.cause_group, fact.cause)
            yield CAUSES, (grain, fact.branch_id, start, fact.outcome, *own, *why), {"n": 1}


def _ticket(fact: Ticket) -> Iterator[tuple[str, Key, Mapping[str, int]]]:
    """Tickets are of no plan: in the tables of times and causes their kind stands for the business,
    their place for the plan."""
    own = (fact.kind, fact.place)
    for grain in WEEKLY:
        start = start_of(grain, fact.received_day)
        yield TICKETS, (grain, fact.branch_id, start, *own), {"n": 1, "received": 1}
        if fact.ended_day is None:
            continue
        start = start_of(grain, fact.ended_day)
        yield TICKETS, (grain, fact.branch_id, start, *own), _ticket_sums(fact)
        if fact.gross is not None:
            key = (grain, Clock.REPAIR, fact.branch_id, start, *own, bin_of(fact.gross))
            yield TIMES, key, {"n": 1}
        if fact.outcome == Repair.RESOLVED:
            why = (fact.cause_group, fact.cause)
            yield CAUSES, (grain, fact.branch_id, start, fact.outcome, *own, *why), {"n": 1}


def _visit(fact: Visit) -> Iterator[tuple[str, Key, Mapping[str, int]]]:
    """In the table of times the kind of business stands for the procedure."""
    sums = {
        "n": 1,
        "begun": int(fact.waited is not None),
        "waited": fact.waited or 0,
        "timed": int(fact.on_time is not None),
        "on_time": int(bool(fact.on_time)),
        "handled_n": int(fact.handled is not None),
        "handled": fact.handled or 0,
    }
    if fact.outcome:
        sums[fact.outcome] = 1
    for grain in WEEKLY:
        start = start_of(grain, fact.day)
        yield VISITS, (grain, fact.branch_id, start, fact.kind), sums
        for clock, seconds in ((Clock.WAIT, fact.waited), (Clock.SERVE, fact.handled)):
            if seconds is not None:
                key = (grain, clock, fact.branch_id, start, fact.kind, "", bin_of(seconds))
                yield TIMES, key, {"n": 1}


def _opinion(fact: Opinion) -> Iterator[tuple[str, Key, Mapping[str, int]]]:
    sums = {
        "n": 1,
        "reached": int(fact.reached),
        "answered": int(fact.score is not None),
        "score": fact.score or 0,
        "content": int((fact.score or 0) >= CONTENT),
        "unhappy": int(fact.score is not None and fact.score <= UNHAPPY),
    }
    cuts = [("", ""), (PLAN, fact.offering)] if fact.offering else [("", "")]
    if fact.reason:
        cuts.append((REASON, f"{fact.reason_group}{BETWEEN}{fact.reason}"))
    for grain in WEEKLY:
        start = start_of(grain, fact.asked_day)
        for by, key in cuts:
            yield OPINIONS, (grain, by, fact.branch_id, start, fact.source, key), sums
        own = (fact.source, fact.post, str(fact.person or ""))
        yield OPINERS, (grain, fact.branch_id, start, *own), sums


def _order_sums(fact: Order) -> Iterator[tuple[date, dict[str, int]]]:
    """What counts on the day of receipt, and what on the day of the end."""
    yield fact.received_day, {"n": 1, "received": 1}
    if fact.ended_day is None:
        return
    done = fact.outcome == Outcome.COMPLETED
    yield (
        fact.ended_day,
        {
            "n": 1,
            fact.outcome: 1,
            "timed": int(fact.on_time is not None),
            "on_time": int(bool(fact.on_time)),
            "gross": fact.gross or 0,
            "net": fact.net or 0,
            "contacted": int(fact.contact is not None),
            "contact": fact.contact or 0,
            "contact_timed": int(fact.contact_on_time is not None),
            "contact_on_time": int(bool(fact.contact_on_time)),
            "appointed": int(fact.kept is not None),
            "kept": int(bool(fact.kept)),
            "visited": int(done and fact.visits > 0),
            "visits": fact.visits if done else 0,
            "one_visit": int(done and fact.visits == 1),
            "judged": int(fact.right_first is not None),
            "right_first": int(bool(fact.right_first)),
            "suspended": int(fact.suspended),
            "delayed": int(fact.delayed),
            "sent_back": int(fact.sent_back),
        },
    )


def _work_sums(fact: Work) -> dict[str, int]:
    return {
        "n": 1,
        "timed": int(fact.on_time is not None),
        "on_time": int(bool(fact.on_time)),
        "sent_back": int(fact.sent_back),
        "waited": fact.waited,
        "held": fact.held,
    }


def _ticket_sums(fact: Ticket) -> dict[str, int]:
    return {
        "n": 1,
        fact.outcome: 1,
        "timed": int(fact.on_time is not None),
        "on_time": int(bool(fact.on_time)),
        "gross": fact.gross or 0,
        "net": fact.net or 0,
        "responded": int(fact.response is not None),
        "response": fact.response or 0,
        "repeats": int(fact.repeats),
        "common": int(fact.common),
        "reopened": int(fact.reopened),
        "urged": int(fact.urged),
    }


def _survey_sums(fact: Survey) -> dict[str, int]:
    return {
        "n": 1,
        "reached": int(fact.reached),
        "asked_fixed": int(fact.fixed is not None),
        "fixed": int(bool(fact.fixed)),
        "scored": int(fact.score is not None),
        "score": fact.score or 0,
        "content": int((fact.score or 0) >= CONTENT),
    }
