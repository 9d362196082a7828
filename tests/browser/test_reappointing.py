"""改约 in a real browser: by a clerk, with its reason; an installer is not offered it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from kaitong.core.clock import now
from kaitong.ordering.models import Order, OrderNote

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def agreed(county):
    order = county.order(1)
    start = now() + timedelta(days=1)
    Order.objects.filter(pk=order.pk).update(
        appointment_start=start, appointment_end=start + timedelta(hours=2)
    )
    return order


def test_a_clerk_moves_the_visit(sit, agreed, no_sideways):
    page = sit("clerk")
    page.goto(f"/orders/{agreed.id}/")
    page.get_by_role("link", name="改约").click()
    dialog = page.locator("#dialog dialog")
    dialog.get_by_text("现在约的是").wait_for()
    dialog.get_by_role("button", name="改约").click()
    dialog.get_by_text("没有选原因").wait_for()
    day = timezone.localdate(now()) + timedelta(days=3)
    dialog.get_by_label("新的上门时间").fill(f"{day:%Y-%m-%d}T10:00")
    dialog.get_by_label("原因").select_option("customer.away")
    no_sideways(page)
    dialog.get_by_role("button", name="改约").dblclick()
    page.get_by_text("改约受理单").first.wait_for()
    assert OrderNote.objects.filter(order=agreed, kind="reappointed").count() == 1


def test_an_installer_is_not_offered_it(sit, agreed):
    page = sit("installer")
    page.goto(f"/orders/{agreed.id}/")
    assert page.get_by_role("link", name="改约").count() == 0
