"""What a line has used, as a clerk sees it in a browser: the lab's AAA server's own accounting."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from kaitong.assurance import services as assurance
from kaitong.core.clock import now
from kaitong.web import format as fmt
from kaitong.web.tests import fault_world as faults
from tests.browser.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.radius, pytest.mark.django_db(transaction=True)]

expect = pytest.importorskip("playwright.sync_api").expect


def account_for(lab, account, *spans):
    """Accounting of sessions: (began hours ago, ended hours ago or None, down, up)."""
    with psycopg.connect(lab.cluster.dsn("radius"), autocommit=True) as admin:
        for began, ended, down, up in spans:
            stop = now() - timedelta(hours=ended) if ended is not None else None
            admin.execute(
                "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress,"
                " nasportid, acctstarttime, acctupdatetime, acctstoptime, acctinputoctets,"
                " acctoutputoctets, acctterminatecause, framedipaddress) VALUES ('s', %s, %s,"
                " '10.99.0.1', 'OLT-01 gpon 0/3/6:1.1', %s, %s, %s, %s, %s, 'User-Request',"
                " '100.64.0.9')",
                [uuid4().hex, account, now() - timedelta(hours=began), stop or now(), stop, up,
                 down],
            )  # fmt: skip


def test_sessions_and_usage_of_a_line(county, radius, lab, sit, no_sideways):
    service = county.line(1)
    account_for(
        lab,
        service.account,
        (5, None, 3 * 1024**3, 1024**2),
        (900, 890, 7 * 1024**3, 1024**3),
        (60, 40, 2 * 1024**3, 5 * 1024**2),
    )
    url = f"/services/{service.id}/?tab=usage"
    page = sit("clerk")
    page.goto(url)
    tab = page.locator("#tabs")
    expect(tab).to_contain_text("3.00 GB")
    expect(tab).to_contain_text("100.64.0.9")
    expect(page.locator("#sessions tbody tr")).to_have_count(2)
    assert page.locator("#months tbody tr").count() >= 2
    no_sideways(page)
    earlier = f"{fmt.local_time(now() - timedelta(hours=895)):%Y-%m}"
    page.locator("#months a", has_text=earlier).click()
    expect(page.locator("#months tr[aria-current] b")).to_have_text(earlier)
    expect(page.locator("#days")).to_contain_text("GB")
    small = sit("clerk", size=PHONE, language="en", theme="dark")
    small.goto(url)
    expect(small.locator("#tabs")).to_contain_text("Live session")
    no_sideways(small)


def test_faults_of_a_line_and_reporting_one(county, sit, no_sideways):
    faults.menders(county)
    service = faults.line(county)
    old = faults.report(county, service)
    assurance.cancel(actor=county.actor("hotline"), fault_id=old.pk, reason="客户已自行恢复")
    faults.report(county, service, symptom="slow")
    page = sit("clerk")
    page.goto(f"/services/{service.pk}/?tab=faults")
    expect(page.locator("#open-faults tbody tr")).to_have_count(1)
    expect(page.locator("#past-faults")).to_contain_text("客户已自行恢复")
    no_sideways(page)
    page.locator("#report").click()
    page.wait_for_url(f"**/faults/new/?service={service.pk}")
    expect(page.locator("main")).to_contain_text(service.account)
    small = sit("clerk", size=PHONE, language="en", theme="dark")
    small.goto(f"/customers/{service.customer_id}/?tab=faults")
    expect(small.locator("#past-faults")).to_be_visible()
    no_sideways(small)
