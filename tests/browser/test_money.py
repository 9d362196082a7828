"""收费 in a real browser: a clerk takes money and closes the day, a supervisor confirms, an
installer finds no door."""

from __future__ import annotations

from playwright.sync_api import expect

from kaitong.charging import books
from kaitong.charging.billing import last_month
from kaitong.charging.models import CashClosing, Payment
from kaitong.ordering import rents
from tests.browser.conftest import PHONE


def billed(county):
    order = county.order(1)
    month = last_month()
    clerk = county.actor("clerk")
    rents.begin(actor=clerk, order=order, item=order.items.get(), since=month)
    rents.bill(actor=county.actor("supervisor"), month=month)
    return order, month


def test_from_the_bill_to_the_confirmed_closing(sit, county, no_sideways):
    _order, month = billed(county)
    page = sit("clerk")
    page.get_by_role("link", name="收费", exact=True).first.click()
    page.get_by_label("手机号、姓名、客户编号、证件号码或业务号码").fill("13855900001")
    page.get_by_role("button", name="查找").click()
    expect(page.get_by_text(f"{month:%Y-%m}", exact=True)).to_be_visible()
    expect(page.get_by_label("收款金额（元）")).to_have_value("99.00")
    expect(page.get_by_label("卡号")).to_be_hidden()
    page.get_by_text("充值卡", exact=True).click()
    expect(page.get_by_label("卡号")).to_be_visible()
    expect(page.get_by_label("收款金额（元）")).to_be_hidden()
    page.get_by_text("现金", exact=True).first.click()
    page.get_by_label("收款金额（元）").fill("120")
    page.get_by_role("button", name="收费").click()
    expect(page.get_by_text("已收 ¥120.00。")).to_be_visible()
    expect(page.get_by_role("link", name="打印收费凭据")).to_be_visible()
    expect(page.get_by_text("已结清")).to_be_visible()
    no_sideways(page)

    page.get_by_role("link", name="退费").click()
    page.get_by_label("退款金额（元）").fill("21")
    page.locator("dialog").get_by_label("原因").fill("客户要求退余额")
    page.locator("dialog").get_by_role("button", name="退费").click()
    expect(page.get_by_text("已退 ¥21.00。")).to_be_visible()

    page.get_by_role("tab", name="日结").click()
    expect(page.get_by_text("应有现金 ¥99.00")).to_be_visible()
    page.get_by_label("实点现金（元）").fill("98.90")
    page.get_by_role("button", name="日结").click()
    expect(page.get_by_text("写明原因")).to_be_visible()
    page.get_by_label("差异原因").fill("找零差一角")
    page.get_by_role("button", name="日结").click()
    expect(page.get_by_role("link", name="打印日结单").first).to_be_visible()

    boss = sit("supervisor", size=PHONE)
    boss.goto("/money/closing/")
    expect(boss.get_by_text("找零差一角")).to_be_visible()
    boss.get_by_role("button", name="确认").click()
    expect(boss.get_by_text("已确认").first).to_be_visible()
    no_sideways(boss)
    assert CashClosing.objects.get().state == "confirmed"
    assert Payment.objects.count() == 2
    assert books.check() == []


def test_an_installer_finds_no_door(sit, county):
    order, _month = billed(county)
    page = sit("installer")
    expect(page.get_by_role("link", name="收费", exact=True)).to_have_count(0)
    page.goto(f"/money/{order.party_id}/")
    expect(page.get_by_label("收款金额（元）")).to_have_count(0)
    expect(page.get_by_role("link", name="退费")).to_have_count(0)
    assert not Payment.objects.exists()
