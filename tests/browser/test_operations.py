"""The fallout desk, the heat map and the replay in a browser: main paths, and the wrong person."""

from __future__ import annotations

import pytest

from kaitong.process import queries as process
from kaitong.process.models import Instance
from kaitong.process.worker import drain_once
from tests.browser.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def stuck(county):
    """Three orders whose data could not be made: no network element is registered."""
    orders = [county.order(n) for n in (1, 2, 3)]
    while drain_once():
        pass
    return orders


def open_incidents(county):
    return process.incidents(county.actor("supervisor")).rows


def test_a_group_is_retried_as_a_whole_and_tells_what_came_of_each(county, stuck, sit, no_sideways):
    page = sit("network")
    page.goto("/incidents/")
    expect(page.locator("tr.is-group")).to_contain_text("3 张订单")
    page.locator("tr.is-group").click()
    page.wait_for_url("**group=*")
    expect(page.locator("tr[data-row]")).to_have_count(3)
    page.get_by_role("button", name="重试整组 3 张").click()
    dialog = page.locator("#dialog dialog")
    expect(dialog).to_contain_text("3 条已安排或已办成")
    expect(dialog.locator("tbody tr")).to_have_count(3)
    dialog.get_by_role("button", name="知道了").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#rail-incidents")).to_have_text("")
    assert open_incidents(county) == []
    phone = sit("network", size=PHONE)
    phone.goto("/incidents/?tab=retrying")
    no_sideways(phone)


def test_done_by_hand_waits_for_the_second_persons_own_word(county, stuck, sit):
    row = open_incidents(county)[0]
    first = sit("network")
    first.goto(f"/incidents/?item={row.id}")
    drawer = first.locator("#drawer")
    drawer.get_by_role("button", name="已人工处理").click()
    drawer.locator("#hand-evidence").fill("已在网管上做好，截图在附件")
    drawer.get_by_role("button", name="提交复核").click()
    expect(drawer).to_contain_text("要由本岗位的另一人或班长复核")
    expect(drawer.get_by_role("button", name="复核同意")).to_have_count(0)
    second = sit("supervisor")
    second.goto(f"/incidents/?item={row.id}")
    drawer = second.locator("#drawer")
    expect(drawer).to_contain_text("已在网管上做好，截图在附件")
    drawer.get_by_role("button", name="复核同意").click()
    expect(drawer.locator(".kt-state").first).to_have_text("已解决")
    assert process.incident(county.actor("supervisor"), row.id).resolution == "done-by-hand"


def test_who_is_not_of_the_post_looks_and_notes_but_settles_nothing(county, stuck, sit):
    row = open_incidents(county)[0]
    page = sit("service")
    page.goto(f"/incidents/?item={row.id}")
    drawer = page.locator("#drawer")
    expect(drawer.get_by_role("button", name="重试")).to_have_count(0)
    expect(drawer.get_by_role("button", name="认领")).to_have_count(0)
    drawer.get_by_label("备注").fill("客户来问过")
    drawer.get_by_role("button", name="记下").click()
    expect(drawer).to_contain_text("客户来问过")


def test_the_heat_map_paints_what_waits_and_leads_to_the_work(county, stuck, sit, no_sideways):
    page = sit("installer")
    page.goto("/processes/home-broadband/open/")
    expect(page.locator("#picture")).to_have_attribute("data-state", "ready")
    node = page.locator('#picture .djs-element[data-element-id="Appoint"]')
    assert "kt-h-4" in node.get_attribute("class")
    expect(page.locator("#picture .kt-flag").first).to_contain_text("3 ·")
    expect(page.locator("#n-Appoint")).to_contain_text("预约派单")
    expect(page.locator('#picture [data-element-id="Activate"]')).to_be_in_viewport()  # the hottest
    page.locator("[data-zoom=whole]").click()  # the process is larger than its window
    node.click()
    page.wait_for_url("**/work/?tab=open&step=*")
    expect(page.locator("tr[data-row]")).to_have_count(3)
    phone = sit("installer", size=PHONE)
    phone.goto("/processes/home-broadband/open/")
    expect(phone.locator("#n-Appoint")).to_be_visible()
    no_sideways(phone)
    hottest = phone.locator('#picture [data-element-id="Activate"] .djs-visual > rect')
    expect(hottest).to_be_in_viewport()
    phone.locator("[data-zoom=whole]").click()
    assert hottest.bounding_box()["width"] < 20, "the whole process, smaller than can be read"
    phone.locator("[data-zoom=full]").click()
    assert phone.locator("#picture").bounding_box()["height"] > 600
    phone.locator("[data-zoom=here]").click()
    assert hottest.bounding_box()["width"] > 60, "the step itself, to be read"
    expect(hottest).to_be_in_viewport(ratio=1)
    phone.keyboard.press("Escape")
    assert phone.locator("#picture").bounding_box()["height"] < 400


def test_a_replay_moves_by_keys_and_buttons_and_its_address_keeps_the_line(county, stuck, sit):
    order = stuck[0]
    last = Instance.objects.get(business_id=order.id).seq
    page = sit("clerk")
    page.goto(f"/orders/{order.id}/")
    page.get_by_role("link", name="回放").click()
    expect(page.locator("#picture")).to_have_attribute("data-state", "ready")
    now = page.locator("#lines li[aria-current]")
    expect(now).to_have_attribute("data-i", str(last - 1))
    expect(page.locator("#picture .kt-token").first).to_be_visible()
    page.keyboard.press("Home")
    expect(now).to_have_attribute("data-i", "0")
    page.keyboard.press("ArrowRight")
    expect(now).to_have_attribute("data-i", "1")
    page.wait_for_url("**at=2")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(now).to_have_attribute("data-i", "1")
    page.reload()
    expect(now).to_have_attribute("data-i", "1")
    page.emulate_media(reduced_motion="reduce")
    page.locator("#speed").select_option("4")
    page.locator("[data-play=toggle]").click()
    expect(page.locator("[data-play=toggle]")).to_have_attribute("aria-pressed", "true")
    expect(now).to_have_attribute("data-i", str(last - 1))
    expect(page.locator("[data-play=toggle]")).to_have_attribute("aria-pressed", "false")
    page.locator("#quiet").check()
    expect(page.locator("#lines li.is-move:not([aria-current])").first).to_be_hidden()
