"""Monthly charges: prorated, billed once, settled from what was paid in, always balanced."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection, connections

from kaitong.charging import arrears, books, policies, queries, services
from kaitong.charging.days import start_of
from kaitong.charging.models import Bill, BillingRun, BillLine, Payment, Rent, Settlement
from kaitong.charging.services import NewCharge, NewRent
from kaitong.core import clock
from kaitong.core.errors import Conflict, Forbidden, NotFound, Refused
from kaitong.party import services as party

PLAN = NewRent("home-300.1", "月租费", 9900, "daily", "home-300")
NOV, DEC = date(2026, 11, 1), date(2026, 12, 1)


def noon(day: date) -> datetime:
    return start_of(day) + timedelta(hours=12)


@pytest.fixture
def today():
    """`today(day)` sets the clock to noon of a day until the test ends."""
    frames = []

    def at(day: date) -> None:
        frame = clock.frozen(noon(day))
        frame.__enter__()
        frames.append(frame)

    yield at
    for frame in reversed(frames):
        frame.__exit__(None, None, None)


@pytest.fixture
def clerk(county, staff_of):
    return staff_of(county, "clerk", "clerk")


@pytest.fixture
def boss(county, staff_of):
    return staff_of(county, "boss", "supervisor")


@pytest.fixture
def foreigner(other_county, staff_of):
    return staff_of(other_county, "foreign", "clerk", "supervisor")


@pytest.fixture
def customer(clerk):
    return party.register(actor=clerk, name="王明远", phone="13855900001").id


def rent(clerk, customer, since=date(2026, 11, 9), service=None, plan=PLAN):
    service = service or uuid4()
    services.begin_rent(
        actor=clerk,
        service_id=service,
        customer_id=customer,
        since=since,
        rents=[plan],
        playbook="home-broadband",
    )
    return service


def bill(boss, month=NOV):
    return services.run_billing(actor=boss, month=month)


def sums(customer):
    rows = Bill.objects.filter(account__customer_id=customer).order_by("month")
    return [(f"{b.month:%Y-%m}", b.total_fen, b.paid_fen) for b in rows]


@pytest.mark.django_db
def test_a_month_is_billed_by_its_days_and_once(clerk, boss, customer, today):
    today(date(2026, 12, 2))
    rent(clerk, customer)
    first = bill(boss)
    assert (first.services, first.lines, first.total_fen) == (1, 1, 7260)  # 22 of 30 days
    assert bill(boss).lines == 0
    assert sums(customer) == [("2026-11", 7260, 0)]
    line = BillLine.objects.get()
    assert (line.days, line.of_days) == (22, 30)
    assert queries.balances(clerk)["bill"] == 7260
    assert queries.balances(clerk)["revenue"] == -7260
    assert books.check() == []


@pytest.mark.django_db
def test_months_that_were_left_out_get_bills_of_their_own(clerk, boss, customer, today):
    today(date(2027, 1, 3))
    rent(clerk, customer)
    bill(boss, DEC)
    assert sums(customer) == [("2026-11", 7260, 0), ("2026-12", 9900, 0)]


@pytest.mark.django_db
def test_a_month_that_has_not_ended_is_refused(clerk, boss, customer, today):
    today(date(2026, 11, 30))
    rent(clerk, customer)
    with pytest.raises(Refused, match="没有结束"):
        bill(boss)
    with pytest.raises(Forbidden):
        bill(clerk)
    assert not Bill.objects.exists()


@pytest.mark.django_db
def test_money_paid_in_settles_the_oldest_first(clerk, boss, customer, today):
    today(date(2027, 1, 3))
    rent(clerk, customer)
    bill(boss, DEC)
    services.receive(actor=clerk, customer_id=customer, method="cash", amount_fen=10000, key="k1")
    assert sums(customer) == [("2026-11", 7260, 7260), ("2026-12", 9900, 2740)]
    owed = arrears.arrears(customer_id=customer)
    assert (owed.open_fen, owed.balance_fen) == (7160, 0)
    services.receive(actor=clerk, customer_id=customer, method="card", amount_fen=20000, key="k2")
    assert sums(customer)[1] == ("2026-12", 9900, 9900)
    assert arrears.arrears(customer_id=customer).balance_fen == 12840
    assert books.check() == []
    today(date(2027, 2, 1))
    bill(boss, date(2027, 1, 1))  # the balance settles a new bill by itself
    assert sums(customer)[2] == ("2027-01", 9900, 9900)
    assert books.check() == []


@pytest.mark.django_db
def test_a_double_click_pays_once(clerk, customer):
    first, again = (
        services.receive(actor=clerk, customer_id=customer, method="cash", amount_fen=5000, key="k")
        for _ in range(2)
    )
    assert first.pk == again.pk
    with pytest.raises(Conflict):
        services.receive(actor=clerk, customer_id=customer, method="cash", amount_fen=6000, key="k")
    assert Payment.objects.count() == 1
    assert queries.balances(clerk)["prepaid"] == -5000


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "fen"), [("cash", 0), ("cash", -5), ("bill", 5), ("online", 5)])
def test_what_is_no_payment_at_the_counter_is_refused(clerk, customer, method, fen):
    with pytest.raises(Refused):
        services.receive(actor=clerk, customer_id=customer, method=method, amount_fen=fen, key="k")
    assert not Payment.objects.exists()


@pytest.mark.django_db
def test_other_branches_and_other_posts_take_no_money(clerk, customer, foreigner, county, staff_of):
    with pytest.raises(NotFound):
        services.receive(
            actor=foreigner, customer_id=customer, method="cash", amount_fen=5, key="k"
        )
    with pytest.raises(Forbidden):
        services.receive(
            actor=staff_of(county, "fitter", "installer"),
            customer_id=customer,
            method="cash",
            amount_fen=5,
            key="k",
        )
    assert not Payment.objects.exists()


@pytest.mark.django_db
def test_money_given_back_opens_the_newest_bills_again(clerk, boss, customer, today):
    today(date(2027, 1, 3))
    rent(clerk, customer)
    bill(boss, DEC)
    paid = services.receive(
        actor=clerk, customer_id=customer, method="cash", amount_fen=20000, key="k1"
    )
    back = [
        services.take_back(
            actor=clerk, payment_id=paid.pk, key="r1", reason="多收", amount_fen=5000
        )
        for _ in range(2)
    ]
    assert back[0].pk == back[1].pk
    assert sums(customer) == [("2026-11", 7260, 7260), ("2026-12", 9900, 7740)]
    assert books.check() == []
    with pytest.raises(Conflict):
        services.take_back(
            actor=clerk, payment_id=paid.pk, key="r2", reason="多收", amount_fen=15001
        )
    services.take_back(actor=clerk, payment_id=paid.pk, key="r3", reason="收错客户")
    assert sums(customer) == [("2026-11", 7260, 0), ("2026-12", 9900, 0)]
    assert queries.balances(clerk)["cash"] == 0
    assert books.check() == []


@pytest.mark.django_db
def test_another_plan_and_another_customer_pay_from_their_day(clerk, boss, customer, today):
    today(date(2026, 12, 2))
    service = rent(clerk, customer, since=date(2026, 11, 1))
    faster = NewRent("home-1000.1", "月租费", 19900, "daily", "home-1000")
    services.change_rent(actor=clerk, service_id=service, since=date(2026, 11, 11), rents=[faster])
    buyer = party.register(actor=clerk, name="李四海", phone="13855900002").id
    for _again in range(2):
        services.transfer_rent(
            actor=clerk, service_id=service, customer_id=buyer, since=date(2026, 11, 21)
        )
    bill(boss)
    assert sums(customer) == [("2026-11", 3300 + 6633, 0)]
    assert sums(buyer) == [("2026-11", 6633, 0)]
    assert Rent.objects.count() == 3
    assert books.check() == []


@pytest.mark.django_db
def test_what_a_former_owner_owes_or_has_is_not_the_line_s(clerk, boss, customer, today):
    today(date(2026, 12, 2))
    service = rent(clerk, customer, since=date(2026, 11, 1))
    buyer = party.register(actor=clerk, name="李四海", phone="13855900002").id
    services.transfer_rent(
        actor=clerk, service_id=service, customer_id=buyer, since=date(2026, 11, 21)
    )
    bill(boss)
    assert arrears.arrears(service_id=service).owed_fen == 3300  # of the new owner alone
    services.receive(actor=clerk, customer_id=buyer, method="cash", amount_fen=3300, key="b")
    assert arrears.arrears(service_id=service).owed_fen == 0
    services.receive(actor=clerk, customer_id=customer, method="cash", amount_fen=50000, key="a")
    assert arrears.arrears(service_id=service).balance_fen == 0
    services.end_rent(actor=clerk, service_id=service, until=date(2026, 12, 2))
    assert arrears.arrears(service_id=service).owed_fen == 319  # one of December's days


@pytest.mark.django_db
def test_a_service_that_ends_is_billed_at_once_and_not_again(clerk, boss, customer, today):
    today(date(2026, 11, 16))
    service = rent(clerk, customer, since=date(2026, 11, 1))
    for _again in range(2):
        services.end_rent(actor=clerk, service_id=service, until=date(2026, 11, 16))
    assert sums(customer) == [("2026-11", 4950, 0)]
    assert arrears.arrears(service_id=service).owes
    today(date(2026, 12, 2))
    assert bill(boss).total_fen == 0
    assert sums(customer) == [("2026-11", 4950, 0)]


@pytest.mark.django_db
def test_an_end_that_is_told_late_corrects_the_bill_and_keeps_the_money(
    clerk, boss, customer, today
):
    today(date(2026, 12, 2))
    service = rent(clerk, customer, since=date(2026, 11, 1))
    bill(boss)
    services.receive(actor=clerk, customer_id=customer, method="cash", amount_fen=9900, key="k")
    services.end_rent(actor=clerk, service_id=service, until=date(2026, 11, 16))
    assert sums(customer) == [("2026-11", 4950, 4950)]
    assert arrears.arrears(customer_id=customer).balance_fen == 4950
    assert BillLine.objects.get(kind="correction").amount_fen == -4950
    assert books.check() == []


@pytest.mark.django_db
def test_billing_now_and_at_the_end_of_the_month_make_one_month(clerk, boss, customer, today):
    today(date(2026, 11, 11))
    service = rent(clerk, customer, since=date(2026, 11, 1))
    services.bill_service(actor=clerk, service_id=service, through=date(2026, 11, 11))
    assert sums(customer) == [("2026-11", 3300, 0)]
    today(date(2026, 12, 1))
    bill(boss)
    assert sums(customer) == [("2026-11", 9900, 0)]
    assert books.check() == []


@pytest.mark.django_db
def test_suspended_days_cost_what_the_playbook_says(clerk, boss, customer, today, monkeypatch):
    policies.put_policy(
        playbook="home-broadband",
        version="v",
        parameters={"suspended_rent": {"request": {"percent": 0, "keep": 600}}},
    )
    today(date(2026, 12, 2))
    service = rent(clerk, customer, since=date(2026, 11, 1))
    from types import SimpleNamespace

    stood = SimpleNamespace(
        kind="request", since=noon(date(2026, 11, 11)), ended_at=noon(date(2026, 11, 26))
    )
    monkeypatch.setattr(  # inventory's own tests show how services come to stand still
        "kaitong.charging.lines.inventory.suspended_between",
        lambda ids, start, end: {service: [stood]},
    )
    bill(boss)
    assert sums(customer) == [("2026-11", 4950 + 300, 0)]  # 15 days paid, 15 kept for 6 yuan
    assert BillLine.objects.get().paused_days == 15


@pytest.mark.django_db
def test_charges_put_on_the_bill_come_with_the_next_one(clerk, boss, customer, today):
    today(date(2026, 11, 5))
    order = uuid4()
    services.raise_charges(
        actor=clerk,
        branch_id=clerk.branch_id,
        order_id=order,
        charges=[NewCharge("move", "移机费", 5000)],
    )
    services.pay(actor=clerk, order_id=order, method="bill", key="k", customer_id=customer)
    assert arrears.arrears(customer_id=customer).unbilled_fen == 5000
    assert books.check() == []
    today(date(2026, 12, 2))
    assert bill(boss).total_fen == 5000
    assert bill(boss).total_fen == 0
    assert sums(customer) == [("2026-11", 5000, 0)]
    assert books.check() == []
    services.receive(actor=clerk, customer_id=customer, method="cash", amount_fen=5000, key="k")
    services.refund(actor=clerk, order_id=order, key="r", reason="未移成")
    assert sums(customer) == [("2026-11", 0, 0)]
    assert arrears.arrears(customer_id=customer).balance_fen == 5000
    assert books.check() == []


@pytest.mark.django_db
def test_levels_of_dunning_are_asked_for(clerk, boss, customer, today):
    policies.put_policy(
        playbook="home-broadband",
        version="v",
        parameters={
            "bill_due_days": 10,
            "dunning_levels": [
                {"after": 1, "act": "notice", "title": "催缴提醒"},
                {"after": 15, "act": "suspend", "title": "欠费停机"},
            ],
        },
    )
    today(date(2026, 12, 1))
    service = rent(clerk, customer)
    bill(boss)
    due = date(2026, 12, 11)
    assert Bill.objects.get().due_on == due
    branch = clerk.branch_id
    assert arrears.notices_due(branch, due) == []
    assert [one.service_id for one in arrears.notices_due(branch, due + timedelta(1))] == [service]
    assert arrears.suspension_due(branch, due + timedelta(14)) == []
    found = arrears.suspension_due(branch, due + timedelta(15))
    assert [(one.service_id, one.overdue_fen, one.days) for one in found] == [(service, 7260, 15)]
    services.receive(actor=clerk, customer_id=customer, method="cash", amount_fen=7260, key="k")
    assert arrears.suspension_due(branch, due + timedelta(15)) == []


@pytest.mark.django_db
def test_who_has_no_line_any_more_and_still_owes_is_reminded(clerk, boss, customer, today):
    levels = [
        {"after": 1, "act": "notice", "title": "催缴提醒", "text": "欠费{sum}"},
        {"after": 8, "act": "notice", "title": "停机预告", "text": "将停机"},
        {"after": 15, "act": "suspend", "title": "欠费停机"},
    ]
    parameters = {"bill_due_days": 10, "dunning_levels": levels}
    policies.put_policy(playbook="home-broadband", version="v", parameters=parameters)
    today(date(2026, 12, 1))
    service = rent(clerk, customer)
    bill(boss)
    heir = party.register(actor=clerk, name="程晓", phone="13855900077").id
    services.transfer_rent(
        actor=clerk, service_id=service, customer_id=heir, since=date(2026, 12, 1)
    )
    branch, due = clerk.branch_id, date(2026, 12, 11)
    assert arrears.notices_due(branch, due) == []
    for days, level in ((1, 1), (7, 1), (8, 8), (40, 8)):
        told = arrears.notices_due(branch, due + timedelta(days))
        assert [(one.customer_id, one.level.title, one.level.after_days) for one in told] == [
            (customer, "催缴提醒", level)
        ]
    assert arrears.suspension_due(branch, due + timedelta(40)) == []
    services.receive(actor=clerk, customer_id=customer, method="cash", amount_fen=9900, key="k")
    assert arrears.notices_due(branch, due + timedelta(40)) == []


@pytest.mark.django_db(transaction=True)
def test_two_runs_and_payments_at_once_bill_and_settle_once(county, staff_of, today):
    today(date(2026, 12, 2))
    clerk, boss = staff_of(county, "c", "clerk"), staff_of(county, "b", "supervisor")
    people = [
        party.register(
            actor=clerk, name="王明" + "甲乙丙丁戊己庚辛壬癸"[n % 10], phone=f"1385590{n:04d}"
        ).id
        for n in range(12)
    ]
    for one in people:
        rent(clerk, one)
    gate, failed = threading.Barrier(6), []
    day = noon(date(2026, 12, 2))

    def at_once(act):
        try:
            with clock.frozen(day):
                gate.wait(10)
                act()
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    def pay_all():
        for one in people:
            services.receive(
                actor=clerk, customer_id=one, method="cash", amount_fen=7260, key="once"
            )

    acts = [lambda: services.run_billing(actor=boss, month=NOV, batch=3)] * 3 + [pay_all] * 3
    threads = [threading.Thread(target=at_once, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert BillLine.objects.count() == 12
    assert Payment.objects.count() == 12
    assert Bill.objects.filter(paid_fen=7260, total_fen=7260).count() == 12
    assert Settlement.objects.count() == 12
    assert books.check() == []
    assert BillingRun.objects.exclude(finished_at=None).exists()
    connection.close()


@pytest.mark.django_db
def test_a_run_costs_the_same_however_many_there_are(
    clerk, boss, today, django_assert_max_num_queries
):
    today(date(2026, 12, 2))
    for n in range(30):
        rent(
            clerk,
            party.register(
                actor=clerk, name="王明" + "甲乙丙丁戊己庚辛壬癸"[n % 10], phone=f"1385590{n:04d}"
            ).id,
        )
    with django_assert_max_num_queries(45):
        assert bill(boss).lines == 30


@pytest.mark.django_db
def test_a_run_that_is_killed_between_batches_is_gone_on_with(clerk, boss, today):
    """Rents and charges in turn, so that each batch takes accounts of both kinds in their order."""
    today(date(2026, 11, 9))
    for n in range(7):
        name, phone = "王明" + "甲乙丙丁戊己庚"[n], f"1385590{n:04d}"
        one = party.register(actor=clerk, name=name, phone=phone).id
        if n != 3:
            rent(clerk, one)
        if n % 3 == 0:
            order = uuid4()
            move = [NewCharge("move", "移机费", 5000)]
            services.raise_charges(
                actor=clerk, branch_id=clerk.branch_id, order_id=order, charges=move
            )
            services.pay(actor=clerk, order_id=order, method="bill", key="k", customer_id=one)
        services.receive(actor=clerk, customer_id=one, method="cash", amount_fen=8000, key="k")
    today(date(2026, 12, 2))
    seen = []

    def killed(month, done):
        seen.append(Bill.objects.count())
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        services.run_billing(actor=boss, month=NOV, batch=2, tick=killed)
    assert seen == [2, 4]
    assert books.check() == []
    rest = services.run_billing(actor=boss, month=NOV, batch=2)
    assert (Bill.objects.count(), rest.services) == (7, 3)
    assert BillLine.objects.count() == 6 + 3
    expected = [7260 + 5000, 7260, 7260, 5000, 7260, 7260, 7260 + 5000]
    bills = Bill.objects.order_by("account__pk")
    assert [(b.total_fen, b.paid_fen) for b in bills] == [(fen, min(fen, 8000)) for fen in expected]
    assert bill(boss).lines == 0
    assert books.check() == []
