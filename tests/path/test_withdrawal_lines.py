"""Withdrawal (撤单) beside other ends: an order that was refused, and one of several lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import transaction

from kaitong.charging.models import Payment
from kaitong.core import clock
from kaitong.documents import queries as documents
from kaitong.ordering import actions
from kaitong.ordering.errors import WrongOrderState
from kaitong.ordering.models import OrderItem, Withdrawal
from kaitong.ordering.requests import AddressRef
from kaitong.process.models import Command, Instance
from tests.path.withdrawal_kit import at_once, money, pay, plan, service_of, withdraw

pytestmark = [pytest.mark.django_db(transaction=True)]


def test_an_order_that_was_refused_gives_the_money_back_once(office):
    """退单 at the document review: its refund stands beside 撤单 and is not done twice."""
    order = office.submit(read=False)
    at_once(order)
    pay(office, order)
    office.complete(order, "DocumentReview", decision="refuse", document_read=False)
    assert office.show(order)["state"] == "failed"
    assert money(office, order).refunded_fen == 10000
    vouchers = [
        p.state
        for p in documents.papers_of_order(office.people["clerk"], order.id)
        if p.kind == "voucher"
    ]
    assert vouchers == ["void", "issued"]
    with pytest.raises(WrongOrderState, match="没有可撤的"):
        withdraw(office, order)
    assert service_of(office, order).state == "terminated"


def two_lines(office):
    asked = office.request().items[0]
    second = replace(asked, item_id="2", address=AddressRef(address_id=office.plant.rooms[1]))
    order = office.submit(items=(asked, second))
    return order, {i.item_id: i for i in OrderItem.objects.filter(order=order)}


def test_a_refused_line_takes_back_its_own_charges_only(office):
    order, items = two_lines(office)
    at_once(order)
    pay(office, order)
    context = SimpleNamespace(
        inputs={"item_id": str(items["1"].id), "reason": "管路不通"}, actor_id=None
    )
    with transaction.atomic():
        actions.refuse(context)
    assert {c.item: c.state for c in money(office, order).charges} == {
        "1": "refunded", "2": "paid"
    }  # fmt: skip
    told = plan(office, order)
    assert {line.item: line.outcome for line in told.money} == {"1": "refunded", "2": "refund"}


def test_a_line_that_works_keeps_its_price_when_another_is_withdrawn(office):
    order, items = two_lines(office)
    pay(office, order)
    OrderItem.objects.filter(pk=items["1"].pk).update(state="completed")
    told = plan(office, order)
    assert {line.item: (line.outcome, line.back_fen) for line in told.money} == {
        "1": ("keep", 0), "2": ("refund", 10000)
    }  # fmt: skip


def test_of_two_lines_the_withdrawal_ends_with_the_last(office):
    order, _items = two_lines(office)
    pay(office, order)
    made = withdraw(office, order)
    first, second = Instance.objects.filter(
        business_id=order.id, definition__key="withdraw"
    ).order_by("pk")
    late = Command.objects.filter(instance=second)
    late.update(next_attempt_at=clock.now() + timedelta(hours=1))
    office.work()
    assert Instance.objects.get(pk=first.pk).state == "completed"
    assert Withdrawal.objects.get(pk=made.pk).ended_at is None
    late.update(next_attempt_at=clock.now())
    office.work_until_state(order, "cancelled")
    assert Withdrawal.objects.get(pk=made.pk).ended_at is not None
    assert {c.item: c.state for c in money(office, order).charges} == {
        "1": "refunded", "2": "refunded"
    }  # fmt: skip
    assert sum(p.amount_fen for p in Payment.objects.filter(kind="refund")) == 20000
