"""The counter in a browser: search, hold, known fault, pay, order; nothing typed is lost."""

from __future__ import annotations

import re

import pytest

from kaitong.charging.models import Payment
from kaitong.inventory import queries as inventory
from kaitong.ordering.models import Draft, Order
from kaitong.web.tests.world import resident_number
from tests.browser.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

expect = pytest.importorskip("playwright.sync_api").expect


def take_in(page) -> None:
    """From the menu to all that is needed, typed as a clerk types."""
    page.get_by_role("link", name="受理", exact=True).click()
    page.wait_for_url("**/intake/")
    expect(page.locator("#missing")).to_have_text("还差 5 项")
    page.locator("#f-q").press_sequentially("hjhy")
    page.locator("#found button").first.click()
    expect(page.locator("#hold")).to_contain_text("POS-01/01")
    expect(page.locator("[data-left]")).to_have_text(re.compile(r"^(29|30):\d\d$"))
    page.locator("label.kt-plan").first.click()
    expect(page.locator("#total")).to_have_text("¥100.00")
    page.locator("#f-phone").press_sequentially("13855912345")
    page.locator("#f-name").press_sequentially("叶慧敏")
    page.locator("#f-document_kind").select_option("resident-id")


def test_a_clerk_takes_in_an_order_and_is_paid_once(county, sit):
    page = sit("clerk")
    take_in(page)
    page.locator("#f-number").fill("341022197001151213")
    page.locator("#f-valid_until").fill("2099-01-01")
    expect(page.locator("#e-number")).to_contain_text("校验位不对")
    page.locator("#f-number").fill(resident_number(7))
    page.locator("#f-number").press("Tab")
    expect(page.locator("#e-number")).to_have_count(0)
    page.locator("#f-reader").check()
    page.locator("#s-pay").get_by_text("刷卡").click()
    expect(page.locator("#missing")).to_have_text("都齐了")
    page.reload()  # the draft is kept
    expect(page.locator("#f-name")).to_have_value("叶慧敏")
    expect(page.locator("#missing")).to_have_text("都齐了")
    page.locator("#submit").dblclick()
    page.wait_for_url("**/orders/**")
    expect(page.locator("#order-head")).to_contain_text("施工中")
    order = Order.objects.get()
    assert [(p.method, p.amount_fen) for p in Payment.objects.all()] == [("card", 10000)]
    assert inventory.services_of_order(order.id)[0].port_text.endswith("POS-01/01")


def test_a_countdown_at_its_end_says_so_and_one_click_holds_again(county, sit):
    page = sit("clerk")
    take_in(page)
    page.locator("#f-number").fill("3410221970")
    page.locator("#f-number").press("Tab")
    expect(page.locator("#e-number")).to_contain_text("位数不对")
    draft = Draft.objects.get()
    page.evaluate("document.querySelector('[data-hold]').dataset.hold = '1'")
    held = draft.held_until
    Draft.objects.filter(pk=draft.pk).update(held_until=draft.created_at)
    page.locator("#f-reader").check()
    expect(page.locator("#gone")).to_contain_text("端口预占已到时放开")
    page.get_by_role("button", name="重新预占").click()
    expect(page.locator("#hold")).to_contain_text("POS-01/01")
    expect(page.locator("#f-number")).to_have_value("3410221970")
    assert Draft.objects.get().held_until > held


@pytest.mark.parametrize("size", [PHONE, {"width": 1280, "height": 800}])
def test_the_counter_fits_small_windows(county, sit, no_sideways, size):
    page = sit("clerk", size=size)
    take_in(page)
    no_sideways(page)
