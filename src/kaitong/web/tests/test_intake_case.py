"""Marketing cases at the counter: shown with their prices, the number masked, charged as shown."""

from __future__ import annotations

import re

import pytest

from kaitong.charging.models import Charge, Payment
from kaitong.ordering.models import NumberBinding, Order
from kaitong.web.tests.test_intake import GOOD, errors_of, hold, post, resident_number, text_of

FAMILY = {"case": "home-300-family", "bound_number": "13855901234", "method": "", "total": "0"}


@pytest.fixture
def desk(world, signed_in):
    return signed_in("clerk")


def test_cases_of_the_chosen_plan_are_shown_with_their_prices(world, desk):
    draft_id = hold(desk, world.addresses[0])
    page = text_of(desk.get(f"/intake/{draft_id}/"))
    assert "300M 全家享" in page
    assert "¥79.00" in page
    assert "1000M 存费优惠" not in page
    assert 'name="bound_number"' not in page
    other = text_of(
        desk.post(f"/intake/{draft_id}/keep", {**GOOD, "offering": "home-1000"}, follow=True)
    )
    assert "1000M 存费优惠" in other
    assert "300M 全家享" not in other


def test_a_case_asks_for_its_number_and_then_shows_it_masked(world, desk, part):
    draft_id = hold(desk, world.addresses[0])
    url = f"/intake/{draft_id}/keep"
    asked = text_of(desk.post(url, {**GOOD, "case": "home-300-family"}, headers=part))
    assert 'name="bound_number"' in asked
    assert "还差 1 项" in asked
    wrong = desk.post(url, {**GOOD, **FAMILY, "bound_number": "1385590"}, headers=part)
    assert "不是手机号码" in errors_of(wrong)["bound_number"]
    good = text_of(desk.post(url, {**GOOD, **FAMILY}, headers=part))
    assert "138****1234" in good
    assert "可绑定" in good
    assert "13855901234" not in good
    assert "都齐了" in good
    assert re.search(r"<s[^>]*>¥100.00</s>", good)
    again = text_of(desk.post(url, {**GOOD, **FAMILY, "bound_number": "kept"}, headers=part))
    assert "138****1234" in again
    changed = text_of(desk.post(f"{url}?rebind=", {**GOOD, **FAMILY}, headers=part))
    assert 'id="f-bound_number" inputmode="tel"' in changed


def test_what_stood_on_the_page_is_what_is_charged(world, desk):
    draft_id = hold(desk, world.addresses[0], **FAMILY)
    answer = post(desk, draft_id, **{**FAMILY, "bound_number": "kept"})
    assert answer.status_code == 302, errors_of(answer)
    order = Order.objects.get(pk=draft_id)
    assert order.prices[0]["case"]["title"] == "300M 全家享"
    assert not Charge.objects.exists()
    assert not Payment.objects.exists()
    assert NumberBinding.objects.get().masked == "138****1234"
    somebody_else = {"name": "汪晓东", "number": resident_number(8), "phone": "13855912399"}
    prepaid = {"offering": "home-1000", "case": "home-1000-prepaid", "total": "34000"}
    prepaid |= somebody_else
    second = hold(desk, world.addresses[1], **prepaid)
    assert "收费并受理 ¥340.00" in text_of(desk.get(f"/intake/{second}/"))
    assert post(desk, second, **prepaid).status_code == 302
    assert Payment.objects.get().amount_fen == 34000


def test_a_number_bound_elsewhere_is_said_at_its_field(world, desk):
    first = hold(desk, world.addresses[0], **FAMILY)
    assert post(desk, first, **FAMILY).status_code == 302
    second = hold(desk, world.addresses[1], **FAMILY)
    answer = post(desk, second, **FAMILY)
    assert answer.status_code == 422
    assert "已绑定在另一项业务上" in errors_of(answer)["bound_number"]
    assert Order.objects.count() == 1


def test_a_case_of_another_plan_does_not_count(world, desk):
    draft_id = hold(desk, world.addresses[0])
    answer = post(desk, draft_id, case="home-1000-prepaid")
    assert answer.status_code == 302
    assert Order.objects.get().prices[0]["case"] is None
    assert Payment.objects.get().amount_fen == 10000
