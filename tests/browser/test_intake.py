"""The counter in a browser: search, hold, known fault, pay, order; nothing typed is lost."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from kaitong.charging.models import Payment
from kaitong.core.clock import now
from kaitong.documents.models import Attachment
from kaitong.inventory import queries as inventory
from kaitong.ordering import drafts
from kaitong.ordering.models import Draft, Order
from kaitong.party import queries as parties
from kaitong.web.tests.world import resident_number
from tests.browser.conftest import PHONE
from tests.browser.test_photos import BROKEN, jpeg

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


def test_a_clerk_without_a_reader_photographs_both_sides(county, sit, no_sideways):
    page = sit("clerk")
    take_in(page)
    page.locator("#s-plan .kt-cases label.kt-plan").nth(1).click()
    page.locator("#f-bound_number").fill("13855901234")
    page.locator("#f-bound_number").press("Tab")
    expect(page.locator(".kt-bound")).to_contain_text("138****1234")
    page.locator("#f-number").fill(resident_number(7))
    page.locator("#f-valid_until").fill("2099-01-01")
    page.locator("#f-valid_until").press("Tab")
    expect(page.locator("#unread")).to_be_visible()
    front = page.locator("[data-photo=identity-front]")
    back = page.locator("[data-photo=identity-back]")
    front.locator("input[type=file]").set_input_files(BROKEN)
    expect(front.locator("[data-photo-error]")).to_contain_text("损坏")
    front.locator("input[type=file]").set_input_files(jpeg())
    back.locator("input[type=file]").set_input_files(jpeg((1300, 800)))
    page.locator("#f-name").fill("叶慧敏")  # typing goes on while pictures are on their way
    page.locator("#f-name").press("Tab")
    expect(front).to_have_attribute("data-state", "stored")
    expect(back).to_have_attribute("data-state", "stored")
    expect(page.locator("#unread")).to_have_count(0)
    expect(page.locator("#missing")).to_have_text("都齐了")
    no_sideways(page)
    page.reload()
    expect(front).to_have_attribute("data-state", "stored")
    expect(front.locator("img, canvas")).to_have_count(0)  # a document is read by a click only
    page.locator("#submit").dblclick()
    page.wait_for_url("**/orders/**")
    order = Order.objects.get()
    assert order.prices[0]["case"]["key"] == "home-300-family"
    assert len(parties.documents(county.actor("clerk"), order.party_id)[0].evidence) == 2
    expect(page.locator("#order-head")).to_contain_text("施工中")


def test_a_countdown_that_ends_during_an_upload_takes_neither_photo_nor_words(county, sit):
    page = sit("clerk", size=PHONE)
    take_in(page)
    front = page.locator("[data-photo=identity-front]")
    waiting = []
    page.route("**/photo?slot=*", lambda route: waiting.append(route))
    front.locator("input[type=file]").set_input_files(jpeg((1200, 800)))
    expect(front).to_have_attribute("data-state", "busy")
    Draft.objects.update(held_until=now() - timedelta(minutes=1))
    drafts.mark_expired()
    page.locator("#f-name").fill("叶惠敏")
    page.locator("#f-name").press("Tab")
    expect(page.locator("#gone")).to_be_visible()
    expect(front).to_have_attribute("data-state", "busy")
    while not waiting:
        page.wait_for_timeout(100)
    waiting[0].continue_()
    expect(front).to_have_attribute("data-state", "stored")
    page.locator("#gone button").dblclick()
    expect(page.locator("#hold")).to_be_visible()
    expect(front).to_have_attribute("data-state", "stored")
    expect(page.locator("#f-name")).to_have_value("叶惠敏")


def test_a_photo_chosen_while_the_form_was_renewed_is_neither_lost_nor_its_fault_forgotten(
    county, sit
):
    page = sit("clerk")
    take_in(page)
    front = page.locator("[data-photo=identity-front]")
    opened = front.locator("input[type=file]").element_handle()  # the camera is open on this one
    page.evaluate("document.querySelector('[data-photo=identity-front]').dataset.old = '1'")
    page.locator("#f-number").fill(resident_number(7))
    page.locator("#f-number").press("Tab")
    expect(page.locator("[data-photo=identity-front][data-old]")).to_have_count(0)
    opened.evaluate(
        """(input, text) => {
        const files = new DataTransfer();
        files.items.add(new File([text], 'photo.jpg', {type: 'image/jpeg'}));
        input.files = files.files;
        input.dispatchEvent(new Event('change', {bubbles: true}));
    }""",
        "no picture at all",
    )
    expect(front.locator("[data-photo-error]")).to_be_visible()
    page.evaluate("document.querySelector('[data-photo=identity-front]').dataset.old = '1'")
    page.locator("#f-name").fill("叶惠敏")
    page.locator("#f-name").press("Tab")
    expect(page.locator("[data-photo=identity-front][data-old]")).to_have_count(0)
    expect(front.locator("[data-photo-error]")).to_be_visible()
    front.locator("input[type=file]").set_input_files(jpeg())
    expect(front).to_have_attribute("data-state", "stored")
    expect(front.locator("[data-photo-error]")).to_be_hidden()


def test_photo_buttons_bear_double_clicks(county, sit):
    page = sit("clerk")
    take_in(page)
    front = page.locator("[data-photo=identity-front]")
    front.locator("input[type=file]").set_input_files(jpeg((1200, 800)))
    expect(front).to_have_attribute("data-state", "stored")
    front.locator("[data-photo-drop]").dblclick()
    expect(front).to_have_attribute("data-state", "empty")
    front.locator("input[type=file]").set_input_files(jpeg((1200, 800)))
    expect(front).to_have_attribute("data-state", "stored")
    page.get_by_role("button", name="放弃").dblclick()
    page.wait_for_url("**/intake/")
    expect(page.locator("#missing")).to_have_text("还差 5 项")
    assert not Attachment.objects.exists()
