"""Faults in a browser: taken in, guided, confirmed as a common cause; phones, dark, English."""

from __future__ import annotations

import os

import pytest

from kaitong.assurance.models import CommonCause, Fault
from kaitong.process import worker
from kaitong.web.tests import fault_world as faults
from tests.browser.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

expect = pytest.importorskip("playwright.sync_api").expect
SHOTS = os.environ.get("KAITONG_SHOTS", "")


def shot(page, name: str) -> None:
    """Pictures for who works on these pages: KAITONG_SHOTS names a folder."""
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def test_an_agent_guides_and_monitoring_confirms(county, sit, no_sideways):
    faults.menders(county)
    first, second, third = (faults.line(county, serial) for serial in (1, 2, 3))
    faults.report(county, first, symptom="no-light")
    page = sit("hotline")
    page.goto("/faults/")
    page.get_by_role("link", name="受理故障").click()
    page.get_by_role("searchbox", name="账号、手机号、证件号、姓名或地址").fill(second.account)
    page.keyboard.press("Enter")
    shot(page, "new-found")
    page.locator(f"a[href*='{second.pk}']").click()
    expect(page.get_by_text("附近在报的故障")).to_be_visible()
    page.get_by_label("不能上网").check()
    shot(page, "new-desk")
    no_sideways(page)
    page.get_by_role("button", name="确认受理").click()
    expect(page.locator("h1")).to_contain_text("XN-GZ-")
    expect(page.get_by_text("可能是群障")).to_be_visible()
    page.get_by_text("正常", exact=True).first.click()
    expect(page.get_by_text("691 账号或密码错误")).to_be_visible()
    page.get_by_text("光信号灯亮红").click()
    expect(page.get_by_text("691 账号或密码错误")).to_be_hidden()
    shot(page, "fault-guided")
    page.locator("form[data-guided] .kt-formfoot button").click()
    expect(page.locator(".kt-error").first).to_be_visible()
    page.get_by_text("还是不行").click()
    page.get_by_text("没有解决，转处理").click()
    page.locator("form[data-guided] .kt-formfoot button").click()
    expect(page.get_by_text("客户的回答")).to_be_visible()
    no_sideways(page)
    shot(page, "fault-desk")

    cause = CommonCause.objects.get()
    monitor = sit("monitor")
    monitor.goto(f"/faults/causes/{cause.pk}/")
    monitor.get_by_role("button", name="接单").click()
    monitor.get_by_text("是群障", exact=True).click()
    monitor.get_by_text("外线", exact=True).first.click()
    monitor.locator("#f-expected_hours").fill("4")
    monitor.locator("#f-finding").fill("同箱全部无光")
    shot(monitor, "cause-confirm")
    monitor.locator(".kt-formfoot button").click()
    expect(monitor.locator(".kt-ohead .kt-state").first).to_have_text("抢修中")
    worker.drain_all()
    late = faults.report(county, third)
    assert late.state == "held"
    monitor.reload()
    no_sideways(monitor)
    shot(monitor, "cause-desk")
    page.goto(f"/faults/{late.pk}/")
    expect(page.locator(".kt-ohead")).to_contain_text("已挂起")
    page.goto("/faults/")
    shot(page, "list-desk")
    page.goto("/faults/hand-over/")
    shot(page, "hand-over-desk")


def test_phones_dark_and_english(county, sit, no_sideways):
    faults.menders(county)
    for serial in (1, 2):
        faults.report(county, faults.line(county, serial))
    fault, cause = Fault.objects.first(), CommonCause.objects.get()
    line = faults.line(county, 3)
    places = ("/faults/", f"/faults/new/?service={line.pk}", f"/faults/{fault.pk}/",
              "/faults/causes/", f"/faults/causes/{cause.pk}/", "/faults/hand-over/")  # fmt: skip
    phone = sit("hotline", size=PHONE, theme="dark")
    desk = sit("hotline", language="en")
    narrow = sit("hotline", size=PHONE, language="en")
    for number, place in enumerate(places):
        for page, name in ((phone, "dark-phone"), (desk, "en"), (narrow, "en-phone")):
            page.goto(place)
            shot(page, f"{name}-{number}")
            no_sideways(page)
