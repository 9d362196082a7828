"""停机 in a real browser: proof, question, receipt; and a wrong person is turned away."""

from __future__ import annotations

import pytest

from kaitong.ordering.models import ServiceChange
from kaitong.web.tests.world import resident_number

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_clerk_suspends_a_line(sit, county, no_sideways):
    service = county.line()
    page = sit("clerk")
    page.goto(f"/services/{service.id}/do/suspend/")
    page.get_by_role("heading", name="停机", exact=True).wait_for()
    no_sideways(page)
    page.get_by_role("textbox", name="宽带账号").fill(service.account)
    page.get_by_role("textbox", name="开户证件号码").fill("341022197001151210")
    page.get_by_role("button", name="核对").click()
    page.get_by_text("证件号码与开户登记的不符").wait_for()
    page.get_by_role("textbox", name="开户证件号码").fill(resident_number(1))
    page.get_by_role("button", name="核对").click()
    page.get_by_text("已通过").wait_for()
    page.get_by_label("原因").select_option("customer.away")
    page.get_by_role("button", name="停机").dblclick()
    page.get_by_text("停/开机业务受理单").first.wait_for()
    assert ServiceChange.objects.count() == 1


def test_an_installer_may_not(sit, county):
    service = county.line()
    page = sit("installer")
    answer = page.goto(f"/services/{service.id}/do/suspend/")
    assert answer.status == 403
