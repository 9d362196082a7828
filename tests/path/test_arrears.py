"""欠费停机 and 缴费复机 by machine, against the real AAA server: each once, paid is on again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from kaitong.charging import services as charging
from kaitong.charging.models import Bill
from kaitong.core.clock import frozen, now
from kaitong.inventory import services as inventory
from kaitong.inventory.models import Suspension
from kaitong.messaging.models import Notice
from kaitong.ordering import barring, dunning
from kaitong.ordering.errors import OrderForbidden
from kaitong.ordering.models import Order, ServiceChange
from tests.path.moves_kit import SYSTEM, ask, fresh, opened

pytestmark = [pytest.mark.radius, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def owing(office, radius, lab, modem):
    """A line whose month is billed and long overdue; how late the day is."""
    line = opened(office, lab, modem)
    today = timezone.localdate(now())
    charging.bill_service(actor=SYSTEM, service_id=line.id, through=today + timedelta(days=1))
    Bill.objects.update(due_on=today - timedelta(days=60))
    assert Bill.objects.filter(paid_fen=0).count() == 1
    return line


def pay(office, line) -> None:
    bill = Bill.objects.get()
    charging.receive(
        actor=office.people["clerk"], customer_id=line.customer_id,
        amount_fen=bill.total_fen - bill.paid_fen, method="cash", key=f"pay-{now()}",
    )  # fmt: skip


def of(line, procedure):
    return Order.objects.filter(items__procedure__key=procedure, items__service_id=line.id)


def kinds(line) -> set[str]:
    rows = Suspension.objects.filter(service_id=line.id, ended_at=None)
    return set(rows.values_list("kind", flat=True))


def test_overdue_is_reminded_once_then_stopped_and_paying_brings_it_back(owing, office, modem):
    assert dunning.remind() == 1
    assert dunning.remind() == 0
    assert barring.suspend_due() == 1
    order = of(owing, "suspend-arrears").get()
    office.work_until_state(order, "completed", seconds=60)
    assert (fresh(owing.id).state, kinds(owing)) == ("inactive", {"arrears"})
    assert modem.open_sessions(owing.account) == []
    assert Notice.objects.filter(kind="suspended-arrears").count() == 1
    assert barring.suspend_due() == 0
    assert barring.resume_paid() == 0  # nothing paid yet

    pay(office, owing)
    assert barring.resume_paid() == 1
    back = of(owing, "resume-arrears").get()
    office.work_until_state(back, "completed", seconds=60)
    assert (fresh(owing.id).state, kinds(owing)) == ("active", set())
    assert Notice.objects.filter(kind="resumed-arrears").count() == 1
    assert barring.resume_paid() == 0
    assert not ServiceChange.objects.filter(ended_at=None).exists()


def test_two_workers_at_once_stop_it_once(owing, office):
    def go(_n):
        try:
            return barring.suspend_due()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(go, range(4)))
    assert of(owing, "suspend-arrears").count() == 1
    assert sum(counts) >= 1
    office.work_until_state(of(owing, "suspend-arrears").get(), "completed", seconds=60)
    assert Suspension.objects.filter(service_id=owing.id).count() == 1


def test_two_reasons_are_two_and_paying_ends_one(owing, office):
    inventory.suspend(actor=SYSTEM, service_id=owing.id, kind="request", reason="外出")
    assert barring.suspend_due() == 1
    office.work_until_state(of(owing, "suspend-arrears").get(), "completed", seconds=60)
    assert kinds(owing) == {"request", "arrears"}
    pay(office, owing)
    assert barring.resume_paid() == 1
    office.work_until_state(of(owing, "resume-arrears").get(), "completed", seconds=60)
    assert kinds(owing) == {"request"}
    assert fresh(owing.id).state == "inactive"


def test_who_has_just_paid_is_not_stopped(owing, office):
    pay(office, owing)
    assert barring.suspend_due() == 0
    assert not of(owing, "suspend-arrears").exists()


def test_a_line_busy_with_something_else_is_stopped_later(owing, office, monkeypatch):
    first = ServiceChange.objects.count()
    ServiceChange.objects.create(
        branch_id=owing.branch_id,
        item=Order.objects.get(items__service_id=owing.id).items.get(),
        service_id=owing.id,
        procedure="transfer",
    )
    assert barring.suspend_due() == 0
    ServiceChange.objects.update(ended_at=now())
    with frozen(now() + timedelta(minutes=1)):
        assert barring.suspend_due() == 1
    assert ServiceChange.objects.count() == first + 2


@pytest.mark.parametrize("who", ["clerk", "supervisor"])
def test_nobody_asks_for_it_at_the_counter(owing, office, who):
    with pytest.raises(OrderForbidden, match="欠费停机"):
        ask(office, owing, "suspend-arrears", by=who, proven=False)
    assert not of(owing, "suspend-arrears").exists()
