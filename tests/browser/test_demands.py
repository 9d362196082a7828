"""待装需求 in a real browser: told, taken in with one click, withdrawn; not for installers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kaitong.core.clock import now
from kaitong.ordering import demands, services
from kaitong.ordering.models import Demand
from kaitong.org.actor import Actor
from kaitong.places import services as places
from kaitong.web.tests.world import request
from tests.browser.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def waiting(county):
    """Three who wait for a planned box; the first one's has come."""
    office = Actor.system(branch_id=county.branch.pk)
    places.set_coverage(
        actor=office,
        address_ids=county.addresses[:3],
        status="planned",
        planned_date=(now() + timedelta(days=20)).date(),
    )
    for n in range(3):
        services.submit(actor=county.actor("clerk"), request=request(n, county.addresses[n]))
    places.set_coverage(actor=office, address_ids=county.addresses[:1], status="covered")
    demands.tell_waiting()


def test_a_clerk_takes_in_who_was_told_and_withdraws_who_no_longer_wants(sit, waiting, no_sideways):
    page = sit("clerk")
    page.get_by_role("link", name="待装户").click()
    page.get_by_role("row").filter(has_text="规划中").first.wait_for()
    no_sideways(page)
    page.get_by_role("link", name="不再需要").first.click()
    dialog = page.locator("#dialog dialog")
    dialog.get_by_role("button", name="撤销需求").click()
    dialog.get_by_text("撤销需求要说明原因").wait_for()
    dialog.get_by_label("原因").fill("改用其他运营商")
    dialog.get_by_role("button", name="撤销需求").click()
    page.wait_for_url("**/demands/")
    page.get_by_role("tab", name="已通知可办").click()
    page.get_by_role("button", name="受理").click()
    page.wait_for_url("**/intake/**")
    page.get_by_text("已预占").first.wait_for()
    states = list(Demand.objects.order_by("created_at").values_list("state", flat=True))
    assert states == ["told", "withdrawn", "waiting"]


def test_an_installer_is_offered_nothing_of_it(sit, waiting):
    page = sit("installer")
    assert page.get_by_role("link", name="待装户").count() == 0
    page.goto("/demands/")
    assert page.get_by_role("link", name="不再需要").count() == 0


def test_it_reads_on_a_phone(sit, waiting, no_sideways):
    page = sit("clerk", size=PHONE, language="en", theme="dark")
    for tab in ("waiting", "told", "areas"):
        page.goto(f"/demands/?tab={tab}")
        no_sideways(page)
