"""The workbench in a browser: keys, claim-and-open, faults at fields, what follows; phones."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kaitong.core.clock import now
from kaitong.process import queries as process
from kaitong.process.models import WorkItem
from tests.browser.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# `expect` retries until it holds; imported late so that a machine without Playwright can skip
expect = pytest.importorskip("playwright.sync_api").expect


def item_of(county, order):
    return process.open_items_of(county.actor("supervisor"), [order.id])[order.id][0]


def test_claim_and_complete_with_the_keyboard(county, sit):
    first, second = county.order(1), county.order(2)
    page = sit("installer")
    expect(page.locator("tr[data-row]")).to_have_count(2)
    page.keyboard.press("j")
    page.keyboard.press("c")
    drawer = page.locator("#drawer")
    expect(drawer.locator(".kt-state")).to_have_text("处理中")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    expect(page.locator("#rail-work")).to_have_text("1")

    page.keyboard.press("Control+Enter")  # nothing entered yet
    expect(drawer.locator(".kt-error").first).to_contain_text("上门时间没有填")

    drawer.locator("#f-appointment_start").fill("2099-01-01T10:00")
    drawer.get_by_text("2 小时", exact=True).click()
    drawer.locator("#f-contacted").check()
    page.keyboard.press("Control+Enter")
    expect(drawer.locator("#e-appointment_start")).to_contain_text("上门时间太远")
    expect(drawer.locator("#f-contacted")).to_be_checked()  # what was entered stays

    soon = page.evaluate("new Date(Date.now() + 864e5).toISOString().slice(0, 10) + 'T10:00'")
    drawer.locator("#f-appointment_start").fill(soon)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("上门安装")
    expect(drawer).to_be_hidden()
    assert process.open_items_of(county.actor("installer"), [first.id])[first.id][0].node == (
        "Install"
    )
    assert item_of(county, second).node == "Appoint"


def test_numbers_lead_to_their_rows_and_no_mark_is_cut_off(county, sit, no_sideways):
    order = county.order(1)
    item = item_of(county, order)
    long_ago = now() - timedelta(days=11, hours=22)
    WorkItem.objects.filter(pk=item.id).update(due_at=long_ago, urged=12, escalated_at=long_ago)
    page = sit("supervisor")
    for address in ("/work/", f"/work/?tab=open&item={item.id}"):
        page.goto(address)
        row = page.locator("tr[data-row]")
        expect(row.locator(".kt-urge")).to_have_text("催 12")
        for mark in (".kt-urge", ".kt-mark-late"):
            cell = row.locator("td").filter(has=page.locator(mark))
            assert cell.evaluate("cell => cell.scrollWidth <= cell.clientWidth"), (address, mark)
    page.locator(".kt-stats").get_by_text("超时").click()
    page.wait_for_url("**due=late")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    page.locator(".kt-stats").get_by_text("今日到期").click()
    page.wait_for_url("**due=today")
    expect(page.locator("tr[data-row]")).to_have_count(0)
    phone = sit("supervisor", size=PHONE)
    phone.goto("/work/?tab=open")
    expect(phone.locator(".kt-stats").get_by_text("超时")).to_be_visible()
    no_sideways(phone)


def test_the_drawer_says_why_and_the_address_keeps_it_open(county, sit):
    county.order(1)
    page = sit("installer")
    page.keyboard.press("j")
    expect(page.locator("tr[data-row][aria-selected=true]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#drawer")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#drawer h2").first).to_have_text("预约派单")
    page.get_by_role("button", name="为什么是这个时间").click()
    expect(page.locator("#why")).to_contain_text("营业时间")
    page.keyboard.press("Escape")
    expect(page.locator("#why")).to_be_hidden()
    page.reload()
    expect(page.locator("#drawer h2").first).to_have_text("预约派单")
    page.locator("html[data-ready]").wait_for()
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()


def test_two_claimers_the_second_is_told(county, sit):
    order = county.order(1)
    page = sit("supervisor")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#drawer [data-claim]")).to_be_visible()
    from kaitong.process import services as verbs

    verbs.claim(actor=county.actor("installer"), item_id=item_of(county, order).id)
    page.locator("#drawer [data-claim]").click()
    expect(page.locator("#drawer .kt-note[role=alert]")).to_contain_text("已由他人接单")


def test_the_order_page_draws_the_process_and_shows_a_name_in_clear(county, sit):
    order = county.order(1)
    page = sit("clerk")
    page.goto(f"/orders/{order.id}/")
    expect(page.locator("#picture")).to_have_attribute("data-state", "ready")
    node = page.locator('#picture [data-element-id="AssignPort"]')
    assert "kt-n-done" in node.get_attribute("class")
    assert "kt-n-you" in page.locator('#picture [data-element-id="Appoint"]').get_attribute("class")
    expect(page.locator("#picture .kt-flag").first).to_contain_text("汪志强")  # proposed
    expect(page.locator(".bjs-powered-by")).to_be_visible()
    page.locator("#order-head .kt-eye").click()
    expect(page.locator("#person-order")).to_contain_text("李志伟")
    page.get_by_role("tab", name="网络验证").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("以端口标签照片为凭")
    page.get_by_role("tab", name="审计").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("显示客户全号")


def test_when_the_picture_fails_the_step_table_stands(county, sit):
    order = county.order(1)
    page = sit("clerk")
    page.route("**/viewer.min.js", lambda route: route.abort())
    page.goto(f"/orders/{order.id}/")
    expect(page.locator(".kt-bpmn-fail")).to_contain_text("步骤表的内容与它相同")
    expect(page.locator("#order-steps tr[aria-current] td").first).to_have_text("预约派单")


@pytest.mark.parametrize("path", ["/work/", "/orders/", "/incidents/", "/search/?q=横江", "order"])
def test_a_phone_never_scrolls_sideways(county, sit, no_sideways, path):
    order = county.order(1)
    page = sit("installer", size=PHONE)
    page.goto(f"/orders/{order.id}/?tab=proof" if path == "order" else path)
    no_sideways(page)
    if path == "/work/":
        page.locator("tr[data-row]").first.click()
        expect(page.locator("#drawer [data-main]")).to_be_in_viewport()
        no_sideways(page)
