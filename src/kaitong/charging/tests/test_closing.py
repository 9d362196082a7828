"""日结: a clerk's day is added up once, closed for good by the database, confirmed by another."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connections, transaction

from kaitong.charging import books, closing, services
from kaitong.charging.days import today
from kaitong.charging.models import CashClosing, Payment
from kaitong.charging.services import NewCharge
from kaitong.core import clock
from kaitong.core.errors import Conflict, Forbidden, NotFound, Refused
from kaitong.party import services as party


@pytest.fixture
def clerk(county, staff_of):
    return staff_of(county, "clerk", "clerk")


@pytest.fixture
def boss(county, staff_of):
    return staff_of(county, "boss", "supervisor", "clerk")


@pytest.fixture
def customer(clerk):
    return party.register(actor=clerk, name="王明远", phone="13855900001").id


def receive(clerk, customer, fen=5000, key="k", method="cash"):
    return services.receive(
        actor=clerk, customer_id=customer, method=method, amount_fen=fen, key=key
    )


def close(clerk, counted, **more):
    return services.close_day(actor=clerk, day=today(), counted_fen=counted, **more)


@pytest.mark.django_db
def test_sums_by_method_of_orders_and_accounts(clerk, customer):
    order = uuid4()
    services.raise_charges(
        actor=clerk,
        branch_id=clerk.branch_id,
        order_id=order,
        charges=[NewCharge("install", "安装费", 10000)],
    )
    services.pay(actor=clerk, order_id=order, method="cash", key="o")
    taken = receive(clerk, customer)
    receive(clerk, customer, 700, "k2", "card")
    services.take_back(actor=clerk, payment_id=taken.pk, key="r", reason="多收", amount_fen=1000)
    day = closing.day_of(clerk, clerk.id, today())
    assert {row.method: (row.taken_fen, row.back_fen) for row in day.rows} == {
        "cash": (15000, 1000),
        "card": (700, 0),
    }
    assert day.cash_fen == 14000
    with pytest.raises(Conflict, match="变动"):
        close(clerk, 14000, expected_fen=13000)
    row = close(clerk, 14000, expected_fen=14000)
    assert close(clerk, 14000).pk == row.pk
    with pytest.raises(Conflict, match="已经日结"):
        close(clerk, 13000, reason="x")


@pytest.mark.django_db
def test_a_difference_wants_its_reason(clerk, customer):
    receive(clerk, customer)
    with pytest.raises(Refused, match="写明原因"):
        close(clerk, 4990)
    assert not CashClosing.objects.exists()
    assert close(clerk, 4990, reason="找零差一角").difference_fen == -10


@pytest.mark.django_db
def test_a_day_with_more_refunds_than_takings_closes_below_zero(clerk, boss, customer):
    paid = receive(boss, customer)
    services.take_back(actor=clerk, payment_id=paid.pk, key="r", reason="多收", amount_fen=1000)
    assert closing.day_of(clerk, clerk.id, today()).cash_fen == -1000
    with pytest.raises(Refused, match="太少"):
        close(clerk, -1001, reason="少十元零一分")
    with pytest.raises(Refused, match="写明原因"):
        close(clerk, 0)
    row = close(clerk, -1000, expected_fen=-1000)
    assert (row.counted_fen, row.difference_fen) == (-1000, 0)
    with pytest.raises(IntegrityError), transaction.atomic():
        CashClosing.objects.filter(pk=row.pk).update(counted_fen=-1001, reason="x")


@pytest.mark.django_db
def test_a_closed_day_takes_no_more_money_whoever_writes(clerk, boss, customer):
    paid = receive(clerk, customer)
    row = close(clerk, 5000)
    with pytest.raises(Conflict, match="已日结"):
        receive(clerk, customer, key="k2")
    with pytest.raises(Conflict, match="已日结"):
        services.take_back(actor=clerk, payment_id=paid.pk, key="r", reason="x")
    with pytest.raises(IntegrityError, match="closed"), transaction.atomic():
        Payment.objects.create(
            branch_id=paid.branch_id, account_id=paid.account_id, method="cash", amount_fen=1,
            key="past the verbs", clerk_id=clerk.id, paid_at=clock.now(),
        )  # fmt: skip
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Payment.objects.filter(pk=paid.pk).update(amount_fen=1)
    assert receive(boss, customer, key="k3").clerk_id == boss.id  # another clerk's day is open
    services.reopen_day(actor=clerk, closing_id=row.pk)
    receive(clerk, customer, 100, key="k4")
    assert close(clerk, 5100).pk == row.pk
    assert books.check() == []


@pytest.mark.django_db
def test_confirmed_by_another_person_and_then_for_good(
    clerk, boss, customer, county, other_county, staff_of
):
    receive(boss, customer)
    row = close(boss, 4900, reason="少一元")
    foreigner = staff_of(other_county, "f", "supervisor")
    with pytest.raises(Refused, match="另一人"):
        services.confirm_day(actor=boss, closing_id=row.pk)
    with pytest.raises(Forbidden):
        services.confirm_day(actor=clerk, closing_id=row.pk)
    with pytest.raises(NotFound):
        services.confirm_day(actor=foreigner, closing_id=row.pk)
    second = staff_of(county, "second", "supervisor")
    with pytest.raises(Conflict):
        services.confirm_day(actor=second, closing_id=row.pk, counted_fen=5000)
    for _click in range(2):
        done = services.confirm_day(actor=second, closing_id=row.pk, counted_fen=4900)
    assert (done.state, done.confirmed_by) == ("confirmed", second.id)
    with pytest.raises(Conflict):
        services.reopen_day(actor=boss, closing_id=row.pk)
    balances = books.trial_balance()
    assert (balances["cash"], balances["banked"], balances["over-short"]) == (0, 4900, 100)
    assert books.check() == []


@pytest.mark.django_db
def test_days_with_money_that_nobody_closed_are_told(clerk, boss, customer):
    receive(clerk, customer)
    tomorrow = today() + timedelta(days=1)
    assert closing.unclosed(boss, before=tomorrow) == [(clerk.id, today(), 5000)]
    close(clerk, 5000)
    assert closing.unclosed(boss, before=tomorrow) == []


@pytest.mark.django_db(transaction=True)
def test_closing_and_paying_at_once_leave_nothing_out(county, staff_of):
    clerk = staff_of(county, "c", "clerk")
    customer = party.register(actor=clerk, name="王明远", phone="13855900001").id
    receive(clerk, customer, key="first")
    gate, said = threading.Barrier(7), []

    def at_once(act):
        gate.wait(10)
        try:
            act()
            said.append("done")
        except (Conflict, Refused) as refused:
            said.append(type(refused).__name__)
        finally:
            connections.close_all()

    acts = [lambda n=n: receive(clerk, customer, 100, f"k{n}") for n in range(6)]
    acts.append(lambda: close(clerk, 5000, reason="点钞时还有人缴费"))
    threads = [threading.Thread(target=at_once, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    row = CashClosing.objects.get()
    assert row.expected_fen == sum(p.amount_fen for p in Payment.objects.all())
    assert said.count("done") == Payment.objects.count()  # all but the first, and the closing
    assert books.check() == []
