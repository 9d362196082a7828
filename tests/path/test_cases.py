"""Marketing cases (营销案, BB-15): chosen, pinned, charged right, printed; a number bound once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, BrokenBarrierError

import pytest
from django.db import connection, transaction

from kaitong.catalog import queries as catalog
from kaitong.charging import queries as charges
from kaitong.charging.models import Charge
from kaitong.core.clock import frozen, now
from kaitong.core.errors import KaitongError
from kaitong.documents import queries as documents
from kaitong.documents import services as document_verbs
from kaitong.ordering import bindings
from kaitong.ordering import services as ordering
from kaitong.ordering.choices import OrderState
from kaitong.ordering.errors import BadOrder, OrderRefused
from kaitong.ordering.models import NumberBinding, Order, OrderItem
from kaitong.ordering.requests import AddressRef, PaymentData
from kaitong.ordering.states import finish_item, locked, move

pytestmark = pytest.mark.django_db(transaction=True)

MOBILE = "13855901234"


def request(office, *, case="home-300-family", number=MOBILE, offering="home-300", **more):
    asked = office.request(**more)
    item = replace(asked.items[0], case=case, bound_number=number, offering=offering)
    return replace(asked, items=(item,))


def take(office, **more):
    return ordering.submit(actor=office.people["clerk"], request=request(office, **more))


def faults(office, **more) -> dict[str, str]:
    with pytest.raises(BadOrder) as bad:
        take(office, **more)
    assert not Order.objects.exists()
    return {fault.field: fault.what for fault in bad.value.faults}


def paper(office, order, kind):
    clerk = office.people["clerk"]
    found = [p for p in documents.papers_of_order(clerk, order.id) if p.kind == kind]
    found[0].refresh_from_db()
    return document_verbs.paper_data(found[0])


def test_a_case_is_pinned_and_its_prices_are_charged(office):
    order = take(office)
    (price,) = order.prices
    assert price["case"]["key"] == "home-300-family"
    assert price["case"]["bound_number"] == "138****1234"
    assert price["term"] == "24 months"
    assert {c["title"]: c["amount"] for c in price["charges"]} == {"安装费": 0, "月租费": 7900}
    assert not Charge.objects.filter(order_id=order.id).exists()  # nothing to collect
    assert charges.money(office.people["clerk"], order.id).collected_fen == 0
    binding = NumberBinding.objects.get()
    assert (binding.masked, binding.order_id, binding.ended_at) == ("138****1234", order.id, None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM ordering_numberbinding")
        assert MOBILE not in str(cursor.fetchone()[0])
    assert MOBILE not in json.dumps([order.prices, order.ext, order.parameters])


def test_a_prepayment_is_collected_and_stands_on_receipt_and_voucher(office):
    order = take(
        office,
        case="home-1000-prepaid",
        offering="home-1000",
        number="",
        payment=PaymentData(method="cash", expected_fen=34000),
    )
    receipt, voucher = paper(office, order, "receipt"), paper(office, order, "voucher")
    assert receipt["marketing_case"] == voucher["marketing_case"] == "1000M 存费优惠"
    assert receipt["term"] == "24 个月"
    assert receipt["bound_number"] is None
    assert [(f["title"], f["amount"]) for f in receipt["fees"]] == [
        ("安装费", 10000),
        ("预存话费", 24000),
    ]
    assert receipt["items"][0]["monthly"] == 16900
    assert sum(f["amount"] for f in voucher["fees"]) == 34000


def test_the_bound_number_stands_masked_on_the_receipt(office):
    receipt = paper(office, take(office), "receipt")
    assert (receipt["marketing_case"], receipt["bound_number"]) == ("300M 全家享", "138****1234")
    assert MOBILE not in json.dumps(receipt)


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        ({"case": "no-such"}, "case", "没有营销案"),
        ({"offering": "home-1000"}, "case", "不适用于套餐"),
        ({"number": ""}, "bound_number", "没有填绑定号码"),
        ({"number": "05597512345"}, "bound_number", "不是手机号码"),
        ({"number": "1385590"}, "bound_number", "不是手机号码"),
        ({"case": ""}, "bound_number", "不绑定号码"),
        ({"offering": "home-300-family", "case": "", "number": ""}, "offering", "是营销案"),
    ],
)
def test_what_does_not_go_together_is_refused_at_its_field(office, asked, field, said):
    found = faults(office, **asked)
    assert said in found[f"items[0].{field}"]


def test_a_case_has_dates(office):
    with frozen(now() + timedelta(days=900)), pytest.raises(KaitongError, match="停办"):
        catalog.case("home-300-family", plan="home-300", on=(now()).date())
    early = now().date().replace(year=2025)
    with pytest.raises(KaitongError, match="起才可办理"):
        catalog.case("home-300-family", plan="home-300", on=early)
    assert catalog.cases(early) == []
    assert {c.key for c in catalog.cases(now().date(), ["home-300"])} == {"home-300-family"}


def test_a_number_is_bound_once_and_free_again_when_its_order_ends(office):
    first = take(office)
    with pytest.raises(BadOrder, match="已绑定"):
        take(office, address=office.plant.rooms[1])
    assert Order.objects.count() == 1
    with transaction.atomic():
        move(locked(first.id), "cancelled")
    assert NumberBinding.objects.get().ended_at is not None
    take(office, address=office.plant.rooms[1])
    assert NumberBinding.objects.filter(ended_at=None).count() == 1


def test_of_two_clerks_at_once_one_binds_the_number(office):
    gate = Barrier(2)

    def job(room):
        try:
            connection.ensure_connection()
            asked = request(office, address=room)
            gate.wait(timeout=30)
            return ordering.submit(actor=office.people["clerk"], request=asked)
        except (BadOrder, OrderRefused) as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(job, office.plant.rooms[:2]))
    orders = [one for one in answers if isinstance(one, Order)]
    assert len(orders) == 1, answers
    assert Order.objects.count() == 1  # the other left nothing behind
    assert NumberBinding.objects.get().order_id == orders[0].id


def test_two_orders_that_bind_the_same_numbers_the_other_way_round_never_deadlock(
    office, monkeypatch
):
    """Each has bound its first number before the other asks for its second: one gets both."""
    numbers, rooms = (MOBILE, "13855901235"), office.plant.rooms
    gate, met, real = Barrier(2), Barrier(2), bindings.bind

    def bind(*given, **more):
        made = real(*given, **more)
        with suppress(BrokenBarrierError):  # whoever waits for its turn does not come
            met.wait(timeout=1.5)
        return made

    monkeypatch.setattr(bindings, "bind", bind)

    def job(position):
        try:
            connection.ensure_connection()
            asked = request(office, address=rooms[position * 2], number=numbers[position])
            second = replace(
                asked.items[0],
                item_id="2",
                bound_number=numbers[1 - position],
                address=AddressRef(address_id=rooms[position * 2 + 1]),
            )
            asked = replace(asked, items=(asked.items[0], second))
            gate.wait(timeout=30)
            return ordering.submit(actor=office.people["clerk"], request=asked)
        except KaitongError as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(job, range(2)))
    assert sorted(type(one).__name__ for one in answers) == ["Order", "OrderRefused"], answers
    assert NumberBinding.objects.filter(ended_at=None).count() == 2
    assert Order.objects.count() == 1


def test_a_refused_line_frees_its_number_although_another_line_goes_on(office):
    """Else the number would stay bound to nothing, when the order ends as partly done."""
    asked = request(office)
    second = replace(
        asked.items[0],
        item_id="2",
        bound_number="13855901235",
        address=AddressRef(address_id=office.plant.rooms[1]),
    )
    order = ordering.submit(
        actor=office.people["clerk"], request=replace(asked, items=(asked.items[0], second))
    )
    item = OrderItem.objects.get(order=order, item_id="1")
    with transaction.atomic():
        finish_item(locked(order.pk), item, OrderState.FAILED)
    living = NumberBinding.objects.filter(ended_at=None)
    assert [row.item_id for row in living] == ["2"]
