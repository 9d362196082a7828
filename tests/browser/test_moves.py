"""变更套餐 and 移机 in a real browser: told, agreed, refused; a wrong person is turned away."""

from __future__ import annotations

import pytest

from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order, ServiceChange
from kaitong.places import services as places
from kaitong.places.models import Address
from kaitong.web.tests.world import resident_number
from tests.browser.conftest import DESK, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def line(county):
    service = county.line()
    ordering.pay(
        actor=county.actor("clerk"), order_id=service.order_id, method="cash", key="opened"
    )
    return service


def begin(page, line, procedure: str) -> None:
    page.goto(f"/services/{line.id}/do/{procedure}/")
    page.get_by_role("textbox", name="宽带账号").fill(line.account)
    page.get_by_role("textbox", name="开户证件号码").fill(resident_number(1))
    page.get_by_role("button", name="核对").click()
    page.get_by_text("已通过").wait_for()


def test_a_clerk_changes_the_plan_after_telling_what_it_costs(sit, line, no_sideways):
    page = sit("clerk")
    begin(page, line, "change-plan")
    page.get_by_text("的合约到").wait_for()
    page.get_by_text("¥199.00/月").wait_for()
    page.get_by_text("合约 24 个月").first.wait_for()
    no_sideways(page)
    page.get_by_label("原因").select_option("customer.faster")
    page.get_by_role("button", name="变更套餐").click()
    page.locator(".kt-error:visible").first.wait_for()  # no plan chosen: nothing was taken in
    assert not ServiceChange.objects.exists()
    page.get_by_text("1000M 家庭宽带", exact=True).click()
    page.get_by_text("次月生效", exact=True).click()
    page.get_by_role("button", name="变更套餐").dblclick()
    page.get_by_text("业务受理单").first.wait_for()
    assert ServiceChange.objects.count() == 1


def test_a_clerk_moves_a_line_where_it_can_be_served(sit, county, line, no_sideways):
    places.set_coverage(
        actor=county.actor("resource"), address_ids=[county.addresses[3]], status="no-entry"
    )
    page = sit("clerk")
    begin(page, line, "move")
    page.get_by_label("原因").select_option("customer.house")
    spots = Address.objects.in_bulk(county.addresses)
    page.get_by_role("textbox", name="新装机地址").fill("横江花园")
    page.get_by_role("button", name="移机").click()
    page.get_by_text("有几个这样的地址").wait_for()
    page.get_by_role("textbox", name="新装机地址").fill(spots[county.addresses[3]].full_text)
    page.get_by_role("button", name="移机").click()
    page.get_by_text("可以登记待装需求").wait_for()
    no_sideways(page)
    # found while typing: each with its verdict, the refused ones cannot be picked, by keyboard too
    box = page.get_by_role("textbox", name="新装机地址")
    box.fill("横江花园")
    found = page.get_by_role("radiogroup", name="地址结果")
    goal = spots[county.addresses[4]].full_text
    found.locator(f"input[value='{goal}']").wait_for()
    assert found.locator(f"input[value='{spots[county.addresses[3]].full_text}']").is_disabled()
    found.locator(f"input[value='{goal}']").focus()
    page.keyboard.press("Space")
    assert box.input_value() == goal
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        no_sideways(page)
    page.get_by_role("button", name="移机").dblclick()
    page.get_by_text("预约派单").first.wait_for()
    assert Order.objects.filter(items__procedure__key="move").count() == 1


@pytest.mark.parametrize("procedure", ["change-plan", "move", "suspend-arrears"])
def test_an_installer_may_not(sit, line, procedure):
    page = sit("installer")
    answer = page.goto(f"/services/{line.id}/do/{procedure}/")
    assert answer.status == 403
