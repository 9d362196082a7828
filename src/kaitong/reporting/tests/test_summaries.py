"""Summaries stay what the facts say, whatever changes in whatever order, at once or again."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from django.db import connection, transaction

from kaitong.core import db
from kaitong.core.ids import uuid7
from kaitong.org.actor import Actor
from kaitong.org.models import Branch
from kaitong.reporting import adding, checking, complaints, folding
from kaitong.reporting.bins import BOUNDS, bin_of, percentile
from kaitong.reporting.checking import check
from kaitong.reporting.choices import Came, Outcome, Repair
from kaitong.reporting.judging import Order, Survey, Ticket, Work
from kaitong.reporting.models import Touched
from kaitong.reporting.opining import Opinion
from kaitong.reporting.queries import Asked, buckets, causes
from kaitong.reporting.recounting import recount
from kaitong.reporting.visiting import Desk, Visit

BRANCHES = [UUID(int=n + 1) for n in range(3)]
NEW_YEAR = datetime(2026, 1, 1, 1, tzinfo=UTC)


def random_order(draw: Random, order_id: UUID | None = None) -> Order:
    """Any order: under way or ended, with every figure or none of them."""
    received = NEW_YEAR + timedelta(minutes=draw.randrange(90 * 1440))
    fact = Order(
        order_id=order_id or uuid7(),
        branch_id=draw.choice(BRANCHES),
        number=f"N{draw.randrange(10**6)}",
        playbook="home-broadband",
        action=draw.choice(["open", "move"]),
        offering=draw.choice(["home-300", "home-1000", ""]),
        grid=draw.choice(["G1", "G2", ""]),
        channel="counter",
        received_at=received,
        received_day=folding.day_of(received),
        due_at=received + timedelta(hours=48),
    )
    if draw.random() < 0.2:
        return fact
    took = draw.choice([0, 59, 60, draw.randrange(10**6), draw.randrange(10**8)])
    ended = received + timedelta(seconds=took)
    outcome = draw.choice([*Outcome] + [Outcome.COMPLETED] * 4)
    fact = replace(fact, ended_at=ended, ended_day=folding.day_of(ended), outcome=str(outcome))
    if outcome is not Outcome.COMPLETED:
        cause = {
            "cause_group": draw.choice(["客户原因", ""]),
            "cause": draw.choice(["不要了", "x"]),
        }
        return replace(fact, **cause, contact=draw.choice([None, 300]))
    maybe = (None, True, False)
    return replace(
        fact,
        gross=took,
        net=draw.randrange(took + 1),
        on_time=draw.choice(maybe),
        contact=draw.choice([None, draw.randrange(9000)]),
        contact_on_time=draw.choice(maybe),
        kept=draw.choice(maybe),
        visits=draw.randrange(4),
        right_first=draw.random() < 0.8,
        suspended=draw.random() < 0.3,
        delayed=draw.random() < 0.3,
        sent_back=draw.random() < 0.1,
    )


def random_work(draw: Random, business_id: UUID, item_id: UUID | None = None) -> Work:
    return Work(
        item_id=item_id or uuid7(),
        business_id=business_id,
        branch_id=draw.choice(BRANCHES),
        post=draw.choice(["installer", "clerk"]),
        step=draw.choice(["上门安装", "预约派单"]),
        person=draw.choice([None, UUID(int=77), UUID(int=78)]),
        done_day=date(2026, 1, 1) + timedelta(days=draw.randrange(90)),
        waited=draw.randrange(10**5),
        held=draw.randrange(10**5),
        on_time=draw.choice((None, True, False)),
        sent_back=draw.random() < 0.1,
    )


def random_ticket(draw: Random, ticket_id: UUID) -> Ticket:
    received = NEW_YEAR + timedelta(minutes=draw.randrange(90 * 1440))
    fact = Ticket(
        ticket_id=ticket_id,
        branch_id=draw.choice(BRANCHES),
        kind=draw.choice(["fault", "complaint"]),
        number="F1",
        place=draw.choice(["phone", "outside", ""]),
        received_at=received,
        received_day=folding.day_of(received),
        due_at=None,
        response=draw.choice([None, draw.randrange(5000)]),
        repeats=draw.random() < 0.3,
        common=draw.random() < 0.3,
        reopened=draw.random() < 0.3,
        urged=draw.random() < 0.3,
    )
    if draw.random() < 0.2:
        return fact
    took = draw.randrange(10**6)
    ended = received + timedelta(seconds=took)
    outcome = draw.choice(list(Repair))
    fact = replace(fact, ended_at=ended, ended_day=folding.day_of(ended), outcome=str(outcome))
    if outcome is not Repair.RESOLVED:
        return fact
    return replace(
        fact,
        gross=took,
        net=draw.randrange(took + 1),
        on_time=draw.choice((None, True, False)),
        cause_group=draw.choice(["外线", ""]),
        cause=draw.choice(["断纤", "接头"]),
    )


def random_survey(draw: Random, business_id: UUID, survey_id: UUID) -> Survey:
    return Survey(
        survey_id=survey_id,
        business_id=business_id,
        branch_id=draw.choice(BRANCHES),
        kind=draw.choice(["call-back", "visit"]),
        asked_day=date(2026, 1, 1) + timedelta(days=draw.randrange(90)),
        reached=draw.random() < 0.8,
        fixed=draw.choice((None, True, False)),
        score=draw.choice((None, 1, 3, 4, 5)),
    )


def random_visit(draw: Random, ticket_id: UUID) -> Visit:
    waited = draw.choice([None, 0, draw.randrange(5000)])
    return Visit(
        ticket_id=ticket_id,
        branch_id=draw.choice(BRANCHES),
        kind=draw.choice(["open", "pay"]),
        number="A001",
        day=date(2026, 1, 1) + timedelta(days=draw.randrange(90)),
        outcome=draw.choice(["", *Came.values]),
        waited=waited,
        on_time=None if waited is None else draw.choice((None, True, False)),
        handled=draw.choice([None, draw.randrange(5000)]),
    )


def random_desk(draw: Random, ticket_id: UUID, stint_id: UUID) -> Desk:
    return Desk(
        stint_id=stint_id,
        ticket_id=ticket_id,
        branch_id=draw.choice(BRANCHES),
        kind="pay",
        person=draw.choice([UUID(int=77), UUID(int=78)]),
        day=date(2026, 1, 1) + timedelta(days=draw.randrange(90)),
        hour=draw.randrange(8, 18),
        handled=draw.choice([None, draw.randrange(5000)]),
    )


def random_opinion(draw: Random, asked_id: UUID) -> Opinion:
    score = draw.choice((None, 1, 2, 3, 4, 5))
    unhappy = score is not None and score < 3 and draw.random() < 0.7
    return Opinion(
        asked_id=asked_id,
        business_id=asked_id,
        branch_id=draw.choice(BRANCHES),
        source=draw.choice(["order", "hall", "fault"]),
        asked_day=date(2026, 1, 1) + timedelta(days=draw.randrange(90)),
        offering=draw.choice(["home-300", ""]),
        person=draw.choice([None, UUID(int=77), UUID(int=78)]),
        post=draw.choice(["installer", ""]),
        reached=score is not None or draw.random() < 0.5,
        score=score,
        reason_group=draw.choice(["时间", ""]) if unhappy else "",
        reason="等得太久" if unhappy else "",
    )


def put(orders, work, ids, tickets=(), surveys=(), visits=(), desks=(), opinions=()):
    with transaction.atomic():
        db.execute("select pg_advisory_xact_lock_shared(%s)", [folding.SUMMARIES])
        folding.touch(ids)
        Touched.objects.filter(pk__in=ids).delete()
        facts = folding.Facts(
            orders=orders,
            work=work,
            tickets=tickets,
            surveys=surveys,
            visits=visits,
            desks=desks,
            opinions=opinions,
        )
        return folding.put(facts, business_ids=ids)


def summaries() -> dict[str, set]:
    found = {}
    for table, keys in adding.KEYS.items():
        columns = (*keys, *adding.SUMS[table])
        with connection.cursor() as cursor:
            cursor.execute(f"select {', '.join(columns)} from {table}")
            rows = cursor.fetchall()
        assert len(rows) == len(set(rows))
        found[table] = set(rows)
    return found


@pytest.fixture
def tree():
    """BRANCHES as the organisation has them: the first above the two others."""
    city = Branch.objects.create(id=BRANCHES[0], code="T0", name="市", kind="city", path="T0")
    for n, one in enumerate(BRANCHES[1:], start=1):
        Branch.objects.create(
            id=one, code=f"T{n}", name="县", kind="county", parent=city, path=f"T0.T{n}"
        )


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(6))
def test_added_one_by_one_is_what_is_added_up_anew(seed, tree):
    """Random histories of orders that change their minds: late amendments, another branch, an end
    that is put right, work that is sent back. Python adds the differences, SQL adds up anew."""
    draw = Random(seed)
    ids = [uuid7() for _ in range(60)]
    items = {one: [uuid7() for _ in range(3)] for one in ids}
    lines = [uuid7() for _ in range(40)]
    said = {one: uuid7() for one in lines}
    numbers = [uuid7() for _ in range(40)]
    served = {one: [uuid7(), uuid7()] for one in numbers}
    asked = [uuid7() for _ in range(40)]
    for _round in range(8):
        some = draw.sample(ids, draw.randrange(1, 40))
        orders = [random_order(draw, one) for one in some]
        work = [
            random_work(draw, one, item)
            for one in some
            for item in items[one]
            if draw.random() < 0.7  # some of it is gone: it was sent back
        ]
        faults = draw.sample(lines, draw.randrange(1, 30))
        tickets = [random_ticket(draw, one) for one in faults]
        surveys = [random_survey(draw, one, said[one]) for one in faults if draw.random() < 0.6]
        came = draw.sample(numbers, draw.randrange(1, 20))
        visits = [random_visit(draw, one) for one in came]
        desks = [
            random_desk(draw, one, stint)
            for one in came
            for stint in served[one]
            if draw.random() < 0.7
        ]
        heard = draw.sample(asked, draw.randrange(1, 30))
        opinions = [random_opinion(draw, one) for one in heard]
        ids_told = [*some, *faults, *came, *heard]
        told = (orders, work, ids_told, tickets, surveys, visits, desks, opinions)
        assert put(*told) > 0
        assert put(*told) == 0  # the same again makes no difference
    added = summaries()
    assert all(added.values())
    assert check() == []
    recount()
    assert summaries() == added


@pytest.mark.django_db
def test_one_day_made_anew_mends_what_was_spoilt_and_leaves_the_rest(tree, monkeypatch):
    draw = Random(11)
    orders = [random_order(draw) for _ in range(80)]
    work = [random_work(draw, order.order_id) for order in orders]
    put(orders, work, [order.order_id for order in orders])
    right = summaries()
    day = date(2026, 1, 14)
    week, month = adding.start_of("w", day), adding.start_of("m", day)
    assert db.execute("update reporting_orderfigure set completed = completed + 7 "
                      "where (grain = 'd' and start = %s) or (grain = 'w' and start = %s)",
                      [day, week])  # fmt: skip
    assert db.execute("update reporting_timefigure set n = n + 1 where grain = 'm' and start = %s",
                      [month])  # fmt: skip
    assert db.execute("delete from reporting_workfigure where grain = 'w' and start = %s", [week])
    assert db.execute("update reporting_timefigure set n = n + 1 where grain = 'W' and start = %s",
                      [week])  # fmt: skip
    assert db.execute("delete from reporting_orderfigure where grain = 'M' and start = %s", [month])
    assert summaries() != right
    monkeypatch.setattr(checking, "MOST", 10_000)
    told = check()
    for table, what in (
        ("orderfigure: w", "differs from the facts"),
        ("orderfigure: M", "is missing"),
        ("timefigure: W", "differs from the facts"),
        ("workfigure: w", "is missing"),
    ):
        assert any(table in one and what in one for one in told), (table, told)
    recount(day)
    assert check() == []
    assert summaries() == right


@pytest.mark.django_db(transaction=True)
def test_many_at_once_add_up_to_the_same():
    """Several workers put facts of the same branches and days, some of them the same orders."""
    draw = Random(3)
    shared = [uuid7() for _ in range(30)]
    batches = [
        [random_order(draw, one) for one in [*shared, *(uuid7() for _ in range(30))]]
        for _ in range(4)
    ]
    faults = []

    def work(batch):
        try:
            for n in range(0, len(batch), 10):
                part = batch[n : n + 10]
                put(part, [], [order.order_id for order in part])
        except Exception as fault:  # told below
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    added = summaries()
    recount()
    assert summaries() == added
    total = db.one("select sum(received) as n from reporting_orderfigure "
                   "where grain = 'm' and by = 'plan'")  # fmt: skip
    assert total["n"] == 30 + 4 * 30


@pytest.mark.django_db
def test_however_it_is_grouped_the_parts_are_the_whole():
    """Times are kept for each plan, for all plans of a business, and for everything."""
    draw = Random(21)
    orders = [random_order(draw) for _ in range(300)]
    put(orders, [], [order.order_id for order in orders])
    system, month = Actor.system(), Asked(grain="m", start=date(2026, 2, 1))

    def whole(found) -> tuple[int, dict[int, int]]:
        counts: dict[int, int] = {}
        for bucket in found.values():
            for number, n in bucket.times.get("gross", {}).items():
                counts[number] = counts.get(number, 0) + n
        return sum(b.sums.get("completed", 0) for b in found.values()), counts

    for action in ("", "open"):
        for plan in ("", "home-300"):
            asked = replace(month, action=action, offering=plan)
            mine = [
                order
                for order in orders
                if order.outcome == "completed"
                and order.ended_day.strftime("%Y-%m") == "2026-02"
                and action in ("", order.action)
                and plan in ("", order.offering)
            ]
            right: dict[int, int] = {}
            for order in mine:
                right[bin_of(order.gross)] = right.get(bin_of(order.gross), 0) + 1
            for group in ("", "start", "action", "key", "branch"):
                assert whole(buckets(system, asked, group=group)) == (len(mine), right), group
            assert right


@pytest.mark.django_db
def test_a_branch_is_read_with_what_is_below_it(tree):
    """Added up beforehand or from each branch's rows, what a reader sees is the same."""
    draw = Random(31)
    orders = [random_order(draw) for _ in range(200)]
    tickets = [random_ticket(draw, uuid7()) for _ in range(60)]
    put(orders, [], [fact.order_id for fact in orders] + [fact.ticket_id for fact in tickets],
        tickets)  # fmt: skip
    month = Asked(grain="m", start=date(2026, 2, 1))
    lead = Actor(
        None, "l", "l", BRANCHES[0], branch_ids=tuple(BRANCHES), posts=frozenset({"manager"})
    )
    county = replace(lead, branch_id=BRANCHES[2], branch_ids=(BRANCHES[2],))
    for actor, mine in (
        (Actor.system(), BRANCHES),
        (lead, BRANCHES),
        (county, BRANCHES[2:]),
    ):
        ended = [o for o in orders if o.branch_id in mine and o.ended_day is not None]
        here = [o for o in ended if o.ended_day.strftime("%Y-%m") == "2026-02"]
        done = [o for o in here if o.outcome == "completed"]
        found = buckets(actor, month)[None]
        assert found.sums["completed"] == len(done)
        assert found.sums["on_time"] == sum(bool(o.on_time) for o in done)
        bins = [bin_of(o.gross) for o in done]
        assert found.times["gross"] == {one: bins.count(one) for one in bins}
        by_branch = buckets(actor, month, group="branch")
        assert set(by_branch) <= set(mine)
        assert sum(b.sums["completed"] for b in by_branch.values()) == len(done)
        assert sum(one.count for one in causes(actor, month)) == len(here) - len(done)
        mended = [
            t for t in tickets
            if t.branch_id in mine and t.gross is not None
            and t.ended_day.strftime("%Y-%m") == "2026-02"
        ]  # fmt: skip
        told = complaints.tickets(actor, month, since=month.start)
        assert sum(
            sum(bucket.times.get("repair", {}).values())
            for series in told.values() for bucket in series.values()
        ) == len(mended)  # fmt: skip
    below = buckets(lead, replace(month, branch_id=BRANCHES[1]))[None]
    assert below.sums == buckets(Actor.system(), month, group="branch")[BRANCHES[1]].sums


def test_percentiles_are_within_the_width_of_a_bin():
    draw = Random(5)
    spans = sorted(int(draw.lognormvariate(10, 1.2)) for _ in range(5000))
    counts = {}
    for span in spans:
        counts[bin_of(span)] = counts.get(bin_of(span), 0) + 1
    for share in (0.5, 0.9):
        exact = spans[int(share * len(spans))]
        assert percentile(counts, share) == pytest.approx(exact, rel=0.08)
    assert percentile({bin_of(120): 1}, 0.5) == pytest.approx(150)
    assert percentile({len(BOUNDS): 2}, 0.9) > BOUNDS[-1]
