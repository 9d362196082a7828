"""`figures`: the page of figures over a million orders, and how fast what changes is folded in.

A million facts of orders and three million of work are made up and brought in by COPY, as if they
had been folded over two years; the summaries are then added up from them. Orders that are folded
are real ones: walked by the verbs and copied (`loader`). The peer of the page is the same figures
counted from the facts without summaries.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.http import QueryDict

from kaitong.bench import loader, pages
from kaitong.bench.commits import BenchError
from kaitong.bench.figures import Figure, percentile, say
from kaitong.bench.place import Place
from kaitong.core import db
from kaitong.core.clock import now
from kaitong.core.ids import uuid7
from kaitong.core.rows import copy_in
from kaitong.org import services as org
from kaitong.org.actor import Actor
from kaitong.org.models import Branch
from kaitong.org.queries import actor_of
from kaitong.reporting import adding, folding
from kaitong.reporting import services as reporting
from kaitong.reporting.models import OrderFact
from kaitong.web.pages import figure_orders, figures

PAGE_MS = 1000.0
FOLDED_A_SECOND = 100.0
DAYS = 730
_ACTIONS = ("open", "move", "cease", "transfer", "suspend", "resume")
_PLANS = ("home-300", "home-1000", "home-500", "")
_CAUSES = (("客户原因", "不再需要"), ("现场原因", "管路不通"), ("资源原因", "箱体无可用端口"))
_STEPS = (("installer", "预约派单"), ("installer", "上门安装"), ("service", "竣工验收"))
_ORDER = (
    "order_id", "branch_id", "number", "playbook", "action", "offering", "grid", "channel",
    "received_at", "received_day", "due_at", "ended_at", "ended_day", "outcome", "cause_group",
    "cause", "gross", "net", "on_time", "contact", "contact_on_time", "kept", "visits",
    "right_first", "suspended", "delayed", "sent_back",
)  # fmt: skip
_WORK = (
    "item_id", "business_id", "branch_id", "post", "step", "person", "done_day", "waited", "held",
    "on_time", "sent_back",
)  # fmt: skip
# What the page's line over a year shows, straight from the facts.
_SCAN = """select date_trunc('month', ended_day), count(*) filter (where outcome = 'completed'),
 count(*) filter (where on_time), count(on_time), count(*) filter (where visits = 1),
 count(*) filter (where suspended), count(*) filter (where right_first),
 percentile_cont(array[0.5, 0.9]) within group (order by gross),
 percentile_cont(0.5) within group (order by net),
 percentile_cont(0.5) within group (order by contact)
 from reporting_orderfact where ended_day >= %s group by 1"""


@dataclass(frozen=True, slots=True)
class Size:
    orders: int = 1_000_000
    branches: int = 60
    folded: int = 4_000
    views: int = 12  # of each page


SMALL = Size(orders=300, branches=3, folded=40, views=2)


def run(place: Place, size: Size) -> list[Figure]:
    """Load, add up, look, fold."""
    with place.database("bench_figures", pages.loaded(place, size.folded)):
        if place.borrowed:
            loader.load(size.folded)
        copied = _copied(size)
        say("adding up")
        added = _seconds(reporting.recount)
        connection.close()  # VACUUM stands outside transactions
        db.execute("VACUUM ANALYZE")
        found = [
            Figure("figures: orders in the facts", OrderFact.objects.count(), "orders"),
            Figure("figures: facts brought in by COPY", copied, "s"),
            Figure("figures: all summaries added up anew", added, "s"),
            Figure("figures: rows of summaries", _rows(), "rows"),
            *_looked(size),
            *_folded(size),
        ]
        connection.close()
        return found


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _rows() -> int:
    tables = (db.one(f"select count(*) as n from {table}") for table in adding.KEYS)
    return sum(int(row["n"]) for row in tables if row)


# ---- a million facts -----------------------------------------------------------------------------


def _copied(size: Size) -> float:
    """Seconds to bring in the facts of so many orders, over as many branches of the province."""
    city = Branch.objects.get(code="XN").parent
    assert city is not None
    branches = [
        org.ensure_branch(code=f"Q{n:02d}", name=f"第{n}县分公司", kind="county", parent=city)
        for n in range(size.branches)
    ]
    draw = random.Random(7)  # noqa: S311 (nothing secret)
    ended: list[tuple[Any, Any, Any]] = []
    say(f"copying {size.orders:,} orders")

    def tell(done: int) -> None:
        if done % 100_000 == 0:
            say(f"{done:,} rows")

    def copy() -> None:
        copy_in("reporting_orderfact", _ORDER, _made(size, branches, draw, ended), tell)
        copy_in("reporting_workfact", _WORK, _work(ended, draw), tell)

    return _seconds(copy)


def _made(
    size: Size, branches: list[Branch], draw: random.Random, ended_ones: list[tuple[Any, Any, Any]]
) -> Iterator[tuple[Any, ...]]:
    end = now()
    for n in range(size.orders):
        received = end - timedelta(seconds=draw.randrange(DAYS * 86400))
        branch = branches[min(int(draw.expovariate(3) * len(branches)), len(branches) - 1)]
        took = int(draw.lognormvariate(11.6, 0.7))  # a day and a bit, some of them weeks
        ended = received + timedelta(seconds=took)
        under_way = ended > end
        done = not under_way and draw.random() < 0.93
        outcome = "" if under_way else "completed" if done else draw.choice(["failed", "withdrawn"])
        cause = ("", "") if done or under_way else draw.choice(_CAUSES)
        order_id = uuid7()
        if not under_way:
            ended_ones.append((order_id, branch.pk, folding.day_of(ended)))
        yield (
            order_id, branch.pk, f"Q-{n:07d}", "home-broadband", draw.choice(_ACTIONS),
            draw.choice(_PLANS), f"G{draw.randrange(12):02d}", "counter", received,
            folding.day_of(received), received + timedelta(hours=48),
            None if under_way else ended, None if under_way else folding.day_of(ended), outcome,
            *cause,
            took if done else None, took * 9 // 10 if done else None,
            took < 48 * 3600 if done else None, None if under_way else draw.randrange(20_000),
            None if under_way else draw.random() < 0.95, draw.random() < 0.9 if done else None,
            1 + (draw.random() < 0.1) if done else 0, draw.random() < 0.85 if done else None,
            draw.random() < 0.1, draw.random() < 0.1, draw.random() < 0.03,
        )  # fmt: skip


def _work(orders: list[tuple[Any, Any, Any]], draw: random.Random) -> Iterator[tuple[Any, ...]]:
    people: dict[Any, list[Any]] = {}
    for order_id, branch, day in orders:
        own = people.setdefault(branch, [uuid7() for _ in range(15)])
        for post, step in _STEPS:
            yield (
                uuid7(), order_id, branch, post, step, draw.choice(own), day,
                draw.randrange(9000), draw.randrange(9000), draw.random() < 0.95,
                draw.random() < 0.02,
            )  # fmt: skip


# ---- looking -------------------------------------------------------------------------------------


def _looked(size: Size) -> list[Figure]:
    """p95 of the page for a county and for everything, by week and month; and the peer."""
    lead, everybody = actor_of("supervisor"), Actor.system()
    one = Branch.objects.get(code="Q00").pk
    asked: list[tuple[str, Actor, str]] = [
        ("the largest branch, week", everybody, f"branch={one}&period=week"),
        ("the largest branch, month", everybody, f"branch={one}&period=month"),
        ("all branches, week", everybody, "period=week&action=all"),
        ("all branches, month", everybody, "period=month&action=all"),
        ("a small branch, month", lead, "period=month"),
    ]
    found = []
    figures.figures_page(lead, QueryDict(""))  # what a process reads once: playbooks, words
    for name, actor, query in asked:
        times = [
            1000 * _seconds(lambda a=actor, q=query: figures.figures_page(a, QueryDict(q)))  # type: ignore[misc]
            for _view in range(size.views)
        ]
        p95 = percentile(times, 0.95)
        note = f"median {percentile(times, 0.5):.0f} ms, first {times[0]:.0f} ms"
        found.append(Figure(f"figures: page, {name}, p95", p95, "ms", "<=", PAGE_MS, note))
    query = "period=month&action=all&figure=on_time"
    behind = [
        1000 * _seconds(lambda: figure_orders.behind_page(everybody, QueryDict(query)))
        for _view in range(size.views)
    ]
    found.append(
        Figure(
            "figures: orders behind a figure, p95", percentile(behind, 0.95), "ms", "<=", PAGE_MS
        )
    )
    first = (now() - timedelta(days=395)).date()
    scan = 1000 * min(_seconds(lambda: db.rows(_SCAN, [first])) for _try in range(2))
    found.append(Figure("figures: a year counted from the facts", scan, "ms", note="the peer"))
    return found


# ---- folding -------------------------------------------------------------------------------------


def _folded(size: Size) -> list[Figure]:
    """Real orders folded into the summaries of a million, new and again; and an idle look."""
    before = OrderFact.objects.count()
    say(f"folding {size.folded:,} orders")
    new = _seconds(reporting.fold)
    folded = OrderFact.objects.count() - before
    if folded < size.folded:
        raise BenchError(f"{folded} orders were folded, not {size.folded}.")
    folding.touch(OrderFact.objects.exclude(number__startswith="Q-").values_list("pk", flat=True))
    again = _seconds(reporting.fold)
    idle = 1000 * _seconds(reporting.gather)
    return [
        Figure(
            "figures: new orders folded", folded / new, "orders/s", ">=", FOLDED_A_SECOND,
            note="one worker",
        ),
        Figure("figures: the same again", folded / again, "orders/s", note="changes nothing"),
        Figure("figures: a look when nothing has changed", idle, "ms"),
    ]  # fmt: skip
