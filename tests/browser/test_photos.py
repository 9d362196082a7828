"""Photos through the real file input: seen at once, sent by themselves, carried by the form."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from kaitong.documents.models import Attachment
from kaitong.party import queries as parties
from kaitong.process import queries as process
from tests.browser.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

expect = pytest.importorskip("playwright.sync_api").expect


def jpeg(size=(3600, 2700), colour=(190, 200, 210)):
    out = io.BytesIO()
    Image.effect_noise(size, 30).convert("RGB").save(out, "JPEG")
    return {"name": "card.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}


BROKEN = {"name": "card.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8\xff\xe0 nothing"}


@pytest.mark.parametrize("size", [None, PHONE], ids=["desk", "phone"])
def test_a_review_is_completed_with_photos(county, sit, size, no_sideways):
    order = county.order(1, read=False)
    item = process.open_items_of(county.actor("supervisor"), [order.id])[order.id][0]
    page = sit("clerk", size=size) if size else sit("clerk")
    page.goto(f"/work/{item.id}/")
    page.locator("#drawer [data-claim], #drawer button", has_text="接单").first.click()
    front = page.locator("[data-photo=customer_front]")
    back = page.locator("[data-photo=customer_back]")
    front.locator("input[type=file]").set_input_files(BROKEN)
    expect(front.locator("[data-photo-error]")).to_contain_text("损坏")
    expect(front).to_have_attribute("data-state", "empty")
    front.locator("input[type=file]").set_input_files(jpeg())
    expect(front).to_have_attribute("data-state", "stored")
    expect(front.locator("canvas")).to_be_visible()  # what the camera saw, without reading it back
    expect(front.locator("[data-photo-error]")).to_be_hidden()
    back.locator("input[type=file]").set_input_files(jpeg((1200, 900)))
    expect(back).to_have_attribute("data-state", "stored")
    back.locator("[data-photo-drop]").click()
    expect(back).to_have_attribute("data-state", "empty")
    back.locator("input[type=file]").set_input_files(jpeg((1300, 900)))
    expect(back).to_have_attribute("data-state", "stored")
    no_sideways(page)
    page.locator("#drawer").get_by_text("已补正", exact=True).click()
    page.locator("#drawer [data-main]").dblclick()
    expect(page.locator("#toasts")).to_contain_text("已办结")
    document = parties.documents(county.actor("clerk"), order.party_id)[0]
    assert len(document.evidence) == 2
    assert Attachment.objects.count() == 2
    assert not Attachment.objects.filter(pending_until__isnull=False).exists()


def test_a_form_does_not_leave_without_the_photo_on_its_way(county, sit):
    order = county.order(1, read=False)
    item = process.open_items_of(county.actor("supervisor"), [order.id])[order.id][0]
    page = sit("clerk")
    page.goto(f"/work/{item.id}/")
    page.locator("#drawer [data-claim], #drawer button", has_text="接单").first.click()
    page.locator("#drawer").get_by_text("已补正", exact=True).click()
    waiting = []
    page.route("**/photo?field=*", lambda route: waiting.append(route))
    front = page.locator("[data-photo=customer_front]")
    front.locator("input[type=file]").set_input_files(jpeg((1200, 900)))
    expect(front).to_have_attribute("data-state", "busy")
    page.wait_for_timeout(300)
    page.locator("#drawer [data-main]").click()
    page.wait_for_timeout(300)
    assert process.work_item(county.actor("clerk"), item.id).state == "claimed"
    waiting[0].continue_()
    expect(front).to_have_attribute("data-state", "stored")
    page.locator("#drawer [data-main]").click()
    expect(page.locator("#toasts")).to_contain_text("已办结")
    assert parties.documents(county.actor("clerk"), order.party_id)[0].evidence


def test_a_network_that_is_away_is_said_at_the_field(county, sit):
    order = county.order(1, read=False)
    item = process.open_items_of(county.actor("supervisor"), [order.id])[order.id][0]
    page = sit("clerk")
    page.goto(f"/work/{item.id}/")
    page.locator("#drawer [data-claim], #drawer button", has_text="接单").first.click()
    page.route("**/photo?field=*", lambda route: route.abort())
    front = page.locator("[data-photo=customer_front]")
    front.locator("input[type=file]").set_input_files(jpeg((1200, 900)))
    expect(front.locator("[data-photo-error]")).to_contain_text("没有传上去")
    page.unroute("**/photo?field=*")
    front.locator("input[type=file]").set_input_files(jpeg((1200, 900)))
    expect(front).to_have_attribute("data-state", "stored")
