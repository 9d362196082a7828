"""The demo's days: every stage, every trouble, nothing ahead of its time, told once."""

from __future__ import annotations

from collections import Counter

import pytest

from kaitong.charging import arrears, books
from kaitong.charging.models import Bill, Payment
from kaitong.core import db
from kaitong.core.clock import now
from kaitong.demo import invented, life, network, story, tales
from kaitong.demo.acts import SYSTEM, Case, Stage
from kaitong.demo.past import Past
from kaitong.lab.session import AccessServer
from kaitong.ordering import queries as orders
from kaitong.ordering.choices import OrderState
from kaitong.ordering.models import ServiceChange
from kaitong.org.queries import actor_of
from kaitong.process import queries as process
from kaitong.worktime import queries as worktime


def all_orders():
    return orders.orders(SYSTEM, limit=None)[0]


def open_work() -> Counter[str]:
    found = process.open_items_of(SYSTEM, [order.id for order in all_orders()])
    return Counter(f"{row.node} {row.state}" for rows in found.values() for row in rows)


def times() -> list[str]:
    """Every instant that lies ahead, but for those that are meant to."""
    columns = db.rows(
        "SELECT table_name AS t, column_name AS c FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'"
        " AND column_name !~ 'due_at|warn_at|alarm_at|expire|_until|until_|appointment|next_a"
        "|lease|keep_'"
        " AND table_name ~ '^(process|ordering|inventory|activation|charging|documents|party)_'",
        [],
    )
    return [
        f"{row['t']}.{row['c']}"
        for row in columns
        if db.one(f'SELECT 1 FROM "{row["t"]}" WHERE "{row["c"]}" > %s LIMIT 1', [now()])
    ]


@pytest.fixture
def told(branch, lab):
    """One order of each kind, on the lab's AAA server; of earlier tests no history is left."""
    db.execute("DELETE FROM process_history", [])
    network.register(lab)
    story.tell(AccessServer(lab), scale="small", few=True)


@pytest.mark.django_db(transaction=True)
def test_every_stage_and_every_trouble_and_nothing_ahead_of_its_time(told):
    states = Counter(order.state for order in all_orders())
    work = open_work()

    assert story.told()
    assert states[OrderState.COMPLETED] >= 4
    assert states[OrderState.REJECTED] == 3
    assert states[OrderState.FAILED] == 3
    assert states[OrderState.CANCELLED] == 2
    assert {
        "Appoint todo", "Appoint claimed", "Install todo", "Install claimed", "Install suspended",
        "Accept todo", "ProofException todo", "Rework todo", "DocumentReview todo",
        "PortException todo", "PortException claimed",
    } <= set(work)  # fmt: skip
    open_incidents = process.incidents(SYSTEM).rows
    assert [(row.node, row.cause) for row in open_incidents] == [("Activate", "network")]
    changed = ServiceChange.objects.values_list("procedure", "item__state")
    assert sorted(changed) == [
        ("cancel", "inProgress"),  # the modem is to be fetched
        ("reset-password", "completed"),
        ("resume", "completed"),
        ("suspend", "completed"),
        ("suspend", "completed"),
    ]
    bills = list(Bill.objects.order_by("month"))
    assert len(bills) >= 2
    assert all(bill.paid_fen == bill.total_fen for bill in bills[:-1])
    assert books.check() == []
    assert times() == []
    assert process.check() == []
    backwards = db.one(
        "SELECT count(*) AS n FROM (SELECT at, lag(at) OVER (PARTITION BY instance_id ORDER BY seq)"
        " AS before FROM process_line) h WHERE at < before",
        [],
    )
    assert backwards == {"n": 0}
    late = process.work_items(actor_of("supervisor"), tab="open", due="late")
    assert late.total > 0
    assert len(story.drafts.drafts_of(actor_of("clerk"))) == 2
    assert work["ResourceCheck todo"] == 1
    carried = db.one("SELECT count(*) AS n FROM inventory_terminal WHERE state = 'issued'", [])
    assert carried is not None
    assert carried["n"] >= 30


@pytest.mark.django_db(transaction=True)
def test_a_telling_that_was_killed_goes_on_and_repeats_nothing(branch):
    class Killed(BaseException):
        pass

    def kill(done: int, _all: int) -> None:
        if done == 8:
            raise Killed

    with pytest.raises(Killed):
        story.tell(None, scale="small", few=True, progress=kill)
    assert not story.told()
    before = {order.number for order in all_orders()}

    wanted = story.tell(None, scale="small", few=True)

    assert story.told()
    after = all_orders()
    assert len(after) == wanted == len({order.idempotency_key for order in after})
    assert before < {order.number for order in after}
    assert process.check() == []


@pytest.mark.django_db(transaction=True)
def test_people_go_on_working_and_their_orders_are_completed(branch, lab, monkeypatch):
    network.register(lab)
    monkeypatch.setattr(life, "MOST", 1)
    found = life.Life(Stage(Past(worktime.calendar("cn"), now()), AccessServer(lab)))
    acts = [found.act()]
    found.stage.machines()
    [walked] = found.cases

    for _number in range(6):
        acts.append(found.act())
        found.stage.machines()

    assert acts == [
        "submit", "claim Appoint", "complete Appoint", "claim Install", "complete Install",
        "claim Accept", "complete Accept",
    ]  # fmt: skip
    assert orders.by_ids(SYSTEM, [walked.order.id])[0].state == OrderState.COMPLETED


@pytest.mark.django_db(transaction=True)
def test_a_firm_with_money_on_its_bill_ends_its_line(branch, lab, monkeypatch):
    """Its handler comes with its letter, shows its licence, and pays first what was put on the
    bill."""
    serial = 1131  # a firm's, and its method is the bill
    network.register(lab)

    def cast(stage, spots, *, few):
        case = Case(stage, serial, spots.take("free"))
        return [tales.left(case, ago=2000, visit=1700, called=1600)]

    monkeypatch.setattr(story, "cast", cast)
    story.tell(AccessServer(lab), scale="small", few=True)

    (change,) = ServiceChange.objects.all()
    assert change.procedure == "cancel"
    order = change.item.order
    assert (order.agent.name, order.introduction_letter) == (
        invented.person(serial + 500_000),
        True,
    )
    # the days since the visit, over a weekend perhaps, are billed by the line's end itself
    assert arrears.arrears(service_id=change.service_id).overdue_fen == 0
    paid = Payment.objects.get(key=f"demo-{serial}-bill")
    assert paid.amount_fen > 0
