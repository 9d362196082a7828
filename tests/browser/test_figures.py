"""运营指标 in a real browser: choices, the chart of a chosen figure, its orders, the sheet; on a
phone; and somebody it is not for."""

from __future__ import annotations

import pytest

from kaitong.reporting import services as reporting
from tests.browser.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def folded(county):
    orders = [county.order(n) for n in range(1, 5)]
    reporting.fold()
    return orders


def fits(page) -> bool:
    """Nothing makes the page wider than its window."""
    return page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def test_a_leader_looks_and_follows_a_figure_to_its_orders(sit, folded):
    page = sit("supervisor")
    page.get_by_role("navigation", name="主导航").get_by_role("link", name="报表").click()
    received = page.locator(".kt-tile", has_text="受理量")
    assert received.locator("b").inner_text() == "4"
    received.click()
    chosen = page.locator(".kt-panel", has=page.get_by_role("heading", name="受理量"))
    assert "受理日在期内的订单" in chosen.inner_text()
    chosen.get_by_text("图中的数字").click()
    assert chosen.locator("tbody tr").first.inner_text().split()[1] == "4"
    page.get_by_text("时间", exact=False).first.click()
    page.get_by_role("link", name="按月").click()
    assert page.locator(".kt-tile.is-current", has_text="受理量").locator("b").inner_text() == "4"
    assert fits(page)
    page.get_by_role("link", name="看订单").click()
    assert page.locator("tbody tr").count() == 4
    page.get_by_role("link", name=folded[0].number).click()
    page.wait_for_url(f"**/orders/{folded[0].id}/")


def test_on_a_phone_and_in_english_nothing_is_cut_off(sit, folded):
    page = sit("supervisor", size=PHONE, language="en", theme="dark")
    page.goto("/figures/")
    assert page.locator(".kt-tile", has_text="Orders received").locator("b").inner_text() == "4"
    assert fits(page)
    page.goto("/figures/orders/?figure=received")
    assert fits(page)


def test_who_does_not_lead_is_told_so(sit, folded):
    page = sit("installer")
    assert page.get_by_role("link", name="报表").count() == 0
    page.goto("/figures/")
    page.get_by_text("运营指标由班长和经理查看").wait_for()
