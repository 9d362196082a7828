"""Differences planted at the lab's AAA server, found, looked at and put right in a browser."""

from __future__ import annotations

import psycopg
import pytest

from kaitong.activation import reconciling
from kaitong.activation.models import Difference
from kaitong.process.worker import drain_once
from tests.browser.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.radius, pytest.mark.django_db(transaction=True)]

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def alone(lab):
    with psycopg.connect(lab.cluster.dsn("radius"), autocommit=True) as admin:
        for table in ("radcheck", "radreply", "radusergroup"):
            admin.execute(f"DELETE FROM {table}")
        yield admin


def test_a_lost_account_is_sent_again_and_a_stray_one_taken_out(
    county, radius, alone, sit, no_sideways
):
    service = county.line(1)
    alone.execute(
        "INSERT INTO radcheck (username, attribute, op, value)"
        " VALUES ('ghost@kd', 'Cleartext-Password', ':=', 'boo-boo')"
    )
    reconciling.reconcile(radius)
    while drain_once():
        pass
    page = sit("network")
    page.goto("/reconciliation/")
    expect(page.locator("tbody tr")).to_have_count(2)
    no_sideways(page)
    small = sit("supervisor", size=PHONE, language="en", theme="dark")
    small.goto("/reconciliation/")
    expect(small.locator("tbody tr")).to_have_count(2)
    no_sideways(small)

    lost = Difference.objects.get(account=service.account)
    page.locator(f"tr[data-href='/reconciliation/{lost.pk}/'] a", has_text="看待办").click()
    page.locator("#difference").click()
    page.wait_for_url(f"**/reconciliation/{lost.pk}/")
    expect(page.locator("#sides")).to_contain_text("服务在用")
    page.locator("#resend").click()
    page.wait_for_url("**/reconciliation/")
    expect(page.locator("#toasts")).to_contain_text("两边一致")

    page.get_by_role("link", name="ghost@kd").click()
    no_sideways(page)
    page.locator("#remove").click()
    page.wait_for_url("**/reconciliation/")
    expect(page.locator("tbody tr")).to_have_count(0)
    held = alone.execute("SELECT DISTINCT username FROM radcheck").fetchall()
    assert held == [(service.account,)]
    assert set(Difference.objects.values_list("closed_how", flat=True)) == {"resent", "removed"}
