"""撤单 in a real browser: the dialog, the act, what the order page tells afterwards."""

from __future__ import annotations

import pytest

from kaitong.ordering import services as ordering
from kaitong.process import worker

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_clerk_withdraws_a_paid_order(sit, county, no_sideways):
    order = county.order(1)
    ordering.pay(actor=county.actor("clerk"), order_id=order.id, method="cash", key="paid")
    page = sit("clerk")
    page.goto(f"/orders/{order.id}/?tab=money")
    page.get_by_role("link", name="撤单").click()
    dialog = page.locator("#dialog dialog")
    dialog.get_by_text("退现金").wait_for()
    assert dialog.evaluate("d => d.matches(':modal')")
    dialog.get_by_role("button", name="不撤").click()
    assert not dialog.is_visible()
    page.get_by_role("link", name="撤单").click()
    dialog.get_by_label("撤单原因").select_option("customer.no-need")
    no_sideways(page)
    dialog.get_by_role("button", name="撤单并退 ¥100.00").dblclick()
    page.get_by_text("撤单：客户原因：不再需要", exact=True).wait_for()
    worker.drain_all()
    page.get_by_text("已撤单").first.wait_for()
    page.get_by_role("tab", name="费用").click()
    page.get_by_text("已退").first.wait_for()
    record = page.get_by_role("row").filter(has_text="−¥100.00")
    assert "退现金" in record.inner_text()
    assert "XN-SL-" in record.inner_text()
    no_sideways(page)
