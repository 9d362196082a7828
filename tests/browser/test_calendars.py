"""The calendar editor and the responsibility sheet in a browser: dialogs, effects, every window."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from kaitong.core.clock import frozen, now
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.worktime.models import CalendarDay
from kaitong.worktime.services import define_calendar
from tests.browser.conftest import DESK, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# `expect` retries until it holds; imported late so that a machine without Playwright can skip
expect = pytest.importorskip("playwright.sync_api").expect
SHOTS = os.environ.get("KAITONG_SHOTS", "")  # where to leave pictures, for who looks at them


def shot(page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def test_a_day_is_looked_at_tried_and_changed(county, sit, no_sideways):
    county.order(1)
    define_calendar(key="desk", name="营业厅日历")
    page = sit("supervisor")
    page.goto("/calendars/?calendar=cn&year=2026")
    no_sideways(page)
    page.locator("a[title^='2026-10-12']").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("工作日")
    dialog.get_by_text("放假", exact=True).click()
    dialog.get_by_role("button", name="看看影响多少").click()
    expect(dialog.locator("#calendar-effect")).to_contain_text("时限会变")
    dialog.locator("#day-name").fill("县庆")
    dialog.locator("#day-reason").fill("县政府通知")
    shot(page, "calendar-day")
    dialog.get_by_role("button", name="保存并重算").click()
    expect(page.locator("a.is-holiday[title^='2026-10-12']")).to_be_visible()
    expect(page.locator("main")).to_contain_text("县政府通知")
    assert CalendarDay.objects.filter(name="县庆").count() == 1
    shot(page, "calendar")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["1440", "390"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_year_and_the_sheet_fit_every_window_in_both_languages(
    county, sit, no_sideways, size, theme
):
    order = county.order(1)
    define_calendar(key="desk", name="营业厅日历")
    item = process.open_items_of(county.actor("supervisor"), [order.id])[order.id][0]
    later = now()
    process_verbs.suspend(
        actor=county.actor("supervisor"),
        item_id=item.id,
        reason_code="customer-away",
        note="电话无人接听，邻居说回老家了",
        until=later + timedelta(hours=20),
    )
    with frozen(later + timedelta(hours=3)):
        process_verbs.resume(actor=county.actor("supervisor"), item_id=item.id)
    language = "en" if theme == "dark" else "zh-hans"
    page = sit("supervisor", size=size, theme=theme, language=language)
    name = f"{size['width']}-{theme}-{language}"
    page.goto("/calendars/?calendar=desk&year=2026")
    no_sideways(page)
    expect(page.locator(".kt-month")).to_have_count(12)
    shot(page, f"calendar-{name}")
    page.goto(f"/orders/{order.id}/?tab=duty")
    expect(page.locator(".kt-duty")).to_be_visible()
    no_sideways(page)
    shot(page, f"duty-{name}")
    page.locator("a[href$='/correct']").first.click()
    expect(page.locator("dialog[open]")).to_be_visible()
    shot(page, f"correct-{name}")
