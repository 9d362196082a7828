"""From the inventory to the bill: who works pays, at his case's price, as long as he works."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from kaitong.charging import books
from kaitong.charging import queries as charging
from kaitong.charging.days import start_of
from kaitong.charging.models import Bill, BillLine, Rent
from kaitong.core import clock
from kaitong.inventory import services as inventory
from kaitong.inventory.models import Service
from kaitong.messaging.models import Notice
from kaitong.ordering import dunning, life_checks, rents, till
from kaitong.ordering import services as ordering
from kaitong.party import services as party

pytestmark = pytest.mark.django_db
NOV, DEC = date(2026, 11, 1), date(2026, 12, 1)


def noon(day: date):
    return start_of(day) + timedelta(hours=12)


@pytest.fixture
def line(office):
    """A service that works since the ninth of November, opened by an order with a case."""
    asked = office.request()
    item = replace(asked.items[0], case="home-300-family", bound_number="13855901234")
    with clock.frozen(noon(date(2026, 11, 5))):
        order = ordering.submit(actor=office.people["clerk"], request=replace(asked, items=(item,)))
    service = order.items.get().service_id
    Service.objects.filter(pk=service).update(
        state="active", started_at=noon(date(2026, 11, 9)), proven_by=[]
    )
    return order, service


def bill(office, month):
    return rents.bill(actor=office.people["supervisor"], month=month)


def totals():
    return [(f"{b.month:%m}", b.total_fen) for b in Bill.objects.order_by("month", "pk")]


def test_what_works_pays_its_cases_price_although_nobody_told(office, line):
    with clock.frozen(noon(date(2026, 12, 2))):
        caught, did = bill(office, NOV)
        assert (caught.begun, caught.unpaid, did.lines) == (1, 0, 1)
        assert totals() == [("11", 5793)]  # 79 yuan, 22 of 30 days
        caught, did = bill(office, NOV)
        assert (caught.begun, did.lines) == (0, 0)
    assert books.check() == []


def test_days_that_a_customer_is_suspended_cost_what_the_playbook_says(office, line):
    order, service = line
    rents.begin(
        actor=office.people["clerk"], order=order, item=order.items.get(), since=date(2026, 11, 1)
    )
    clerk = office.people["clerk"]
    with clock.frozen(noon(date(2026, 11, 11))):
        inventory.suspend(actor=clerk, service_id=service, kind="request", reason="出国")
    with clock.frozen(noon(date(2026, 11, 26))):
        inventory.resume(actor=clerk, service_id=service, kind="request")
    with clock.frozen(noon(date(2026, 12, 2))):
        bill(office, NOV)
    one = BillLine.objects.get()
    assert (one.days, one.paused_days, one.amount_fen) == (15, 15, 3950 + 250)


def test_suspended_for_arrears_until_paid(office, line):
    _order, service = line
    clerk, branch = office.people["clerk"], office.people["clerk"].branch_id
    with clock.frozen(noon(date(2026, 12, 1))):
        bill(office, NOV)
    late = Bill.objects.get().due_on + timedelta(days=15)
    customer = Bill.objects.get().account.customer_id
    with clock.frozen(noon(late)):
        due = charging.suspension_due(branch, late)
        assert [(one.service_id, one.level.title) for one in due] == [(service, "欠费停机")]
        inventory.suspend(actor=clerk, service_id=service, kind="arrears", reason="欠费")
        assert charging.suspension_due(branch, late) == []
        assert charging.settled_since(branch, noon(DEC), late) == []
    with clock.frozen(noon(late + timedelta(days=1))):
        till.receive(actor=clerk, customer_id=customer, method="cash", amount_fen=5793, key="k")
        assert charging.settled_since(branch, noon(late), late) == [service]
        inventory.resume(actor=clerk, service_id=service, kind="arrears")
        assert charging.settled_since(branch, noon(late), late) == []


def test_ended_and_handed_over_by_the_inventorys_word(office, line):
    order, service = line
    clerk = office.people["clerk"]
    rents.begin(actor=clerk, order=order, item=order.items.get(), since=date(2026, 11, 1))
    buyer = party.register(actor=clerk, name="李四海", phone="13855900002").id
    with clock.frozen(noon(date(2026, 11, 11))):
        rents.transfer(actor=clerk, order=order, item=order.items.get(), customer_id=buyer)
        Service.objects.filter(pk=service).update(customer_id=buyer)
        caught = rents.catch_up(actor=office.people["supervisor"], month=NOV)
        assert (caught.begun, caught.ended, caught.moved) == (0, 0, 0)
    Service.objects.filter(pk=service).update(state="terminated", ended_at=noon(date(2026, 11, 21)))
    with clock.frozen(noon(date(2026, 12, 2))):
        caught, _did = bill(office, NOV)
        assert caught.ended == 1
    assert sorted(fen for _month, fen in totals()) == [2633, 2633]  # ten days each
    assert not Rent.objects.filter(until=None).exists()
    assert books.check() == []


def test_a_cancellation_sees_the_month_that_runs(office, line):
    order, service = line
    clerk = office.people["clerk"]
    rents.begin(actor=clerk, order=order, item=order.items.get(), since=date(2026, 11, 1))
    with clock.frozen(noon(date(2026, 11, 16))):
        assert charging.arrears(service_id=service).owed_fen == 0
        rents.bill_now(actor=clerk, service_id=service)
        assert charging.arrears(service_id=service).owed_fen == 3950
        rents.end(actor=clerk, service_id=service)
    assert totals() == [("11", 3950)]
    assert life_checks.charging.arrears(service_id=service).owes
    assert books.check() == []


def test_who_is_in_arrears_is_told_each_level_once(office, line):
    with clock.frozen(noon(date(2026, 12, 1))):
        bill(office, NOV)
    due = Bill.objects.get().due_on
    told = []
    for days in (0, 1, 1, 2, 8, 9, 15):
        with clock.frozen(noon(due + timedelta(days=days))):
            told.append(dunning.remind())
    assert [count > 0 for count in told] == [False, True, False, False, True, False, False]
    texts = {(n.title, n.text) for n in Notice.objects.filter(kind="dunning")}
    assert {title for title, _text in texts} == {"欠费提醒", "停机预告"}
    assert any("欠费¥57.93已8天" in text for _title, text in texts)
    assert not any("¥0" in text for _title, text in texts)
