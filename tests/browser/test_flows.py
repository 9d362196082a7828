"""The counter's flows in a real browser: each once as the right person and once as a wrong one."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from kaitong.charging import services as charging
from kaitong.charging.models import Payment
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.messaging.models import Notice
from kaitong.ordering import bindings
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Authentication, NumberBinding, Order, ServiceChange
from kaitong.org.actor import Actor
from kaitong.party.models import Party
from kaitong.web.tests.test_refunds import fail
from kaitong.web.tests.world import resident_number

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()


@pytest.fixture
def line(county):
    """A line in use that owes nothing."""
    made = county.line(1)
    charging.void_due(actor=SYSTEM, order_id=made.order_id)
    return made


@pytest.fixture
def desk(sit, line, no_sideways):
    """`desk("过户")`: a clerk opens the line's page, picks the flow, is wrong about the customer
    once and right then."""

    def at(title: str, *, service=None):
        service = service or line
        page = sit("clerk")
        page.goto(f"/services/{service.id}/")
        page.locator(".kt-ohead summary").click()
        page.locator(".kt-flows").get_by_role("link", name=title, exact=True).click()
        page.locator("#s-proof [name=account]").fill(service.account)
        page.locator("#s-proof [name=document_number]").fill(resident_number(9))
        page.locator("#s-proof button[type=submit]").click()
        page.get_by_text("证件号码与开户登记的不符").wait_for()
        page.locator("#s-proof [name=document_number]").fill(resident_number(1))
        page.locator("#s-proof button[type=submit]").click()
        page.locator("#s-change").wait_for()
        no_sideways(page)
        return page

    return at


def send(page, receipt: str) -> Order:
    """Submit, twice as impatient people do; the order's page shows the receipt."""
    page.locator("#submit").dblclick()
    page.wait_for_url("**/orders/**")
    page.get_by_role("tab", name="单据").click()
    page.get_by_text(receipt).first.wait_for()
    assert Order.objects.exclude(items__action="add").count() == 1
    return Order.objects.get(items__change__isnull=False)


def test_transfer(desk, line):
    page = desk("过户")
    page.locator("[name=owner_name]").fill("程小满")
    page.locator("[name=owner_phone]").fill("13955902222")
    page.locator("[name=owner_kind]").select_option("resident-id")
    assert page.locator("[name=owner_number]").input_value() == ""  # not the old holder's
    page.locator("[name=owner_number]").fill(resident_number(7))
    page.locator("[name=valid_until]").fill("2036-01-01")
    page.locator("[name=password]").fill("Owner-2026")
    page.locator("[name=password_again]").fill("Owner-2027")
    page.locator("[name=reason]").select_option("customer.family")
    page.locator("[name=reader]").check()
    page.locator("#submit").click()
    page.get_by_text("两次输入的新密码不一致").wait_for()
    page.locator("[name=password]").fill("Owner-2026")
    page.locator("[name=password_again]").fill("Owner-2026")
    send(page, "业务受理单")
    owner = Party.objects.get(pk=inventory.service(SYSTEM, line.id).customer_id)
    assert owner.name == "程小满"


def test_cancellation(desk, line):
    page = desk("销户")
    page.get_by_text("提前销户须付违约金").wait_for()
    page.locator("[name=reason]").select_option("moving.away")
    order = send(page, "销户受理单")
    assert ServiceChange.objects.get(item__order=order).reason == "客户迁移：搬离本地"


def test_password_change(desk, line):
    old = inventory_verbs.reveal_password(actor=SYSTEM, service_id=line.id, reason="test")
    page = desk("改密码")
    page.locator("[name=old_password]").fill("wrong")
    page.locator("[name=password]").fill("Fresh-2026")
    page.locator("[name=password_again]").fill("Fresh-2026")
    page.locator("#submit").click()
    page.get_by_text("原密码不对").wait_for()
    page.locator("[name=old_password]").fill(old)
    page.locator("[name=password]").fill("Fresh-2026")
    page.locator("[name=password_again]").fill("Fresh-2026")
    send(page, "业务受理单")
    assert inventory_verbs.is_password(service_id=line.id, given="Fresh-2026")


def test_password_reset(desk, line):
    page = desk("密码重置")
    page.locator("[name=password]").fill("Fresh-2026")
    page.locator("[name=password_again]").fill("Fresh-2026")
    send(page, "业务受理单")
    assert inventory_verbs.is_password(service_id=line.id, given="Fresh-2026")


def test_data_change(desk, line):
    page = desk("资料修改")
    page.locator("#submit").click()
    page.get_by_text("没有填要改的内容").wait_for()
    page.locator("[name=phone]").fill("13955901234")
    order = send(page, "业务受理单")
    assert order.state == "completed"


def test_account_change(desk, line):
    page = desk("修改账号")
    page.locator("[name=mobile]").fill("13955901234")
    send(page, "业务受理单")
    assert inventory.service(SYSTEM, line.id).account == "13955901234"


def test_binding_and_unbinding(desk, sit, line):
    page = desk("号码绑定")
    page.locator("[name=case]").select_option("home-300-family")
    page.locator("[name=number]").fill("13855900001")
    page.locator("[name=document]").fill(resident_number(2))
    page.locator("#submit").click()
    page.get_by_text("证件号码与号码机主登记的不符").wait_for()
    page.locator("[name=document]").fill(resident_number(1))
    send(page, "业务受理单")
    assert len(bindings.living_of(line.id)) == 1
    page = desk("号码解绑")
    page.get_by_text("月费由 ¥79.00 变为 ¥99.00").wait_for()  # told before
    page.locator("[name=number]").fill("13855900001")
    page.locator("#submit").click()
    page.wait_for_url("**/orders/**")
    assert not NumberBinding.objects.filter(ended_at=None).exists()


FLOWS = (
    "transfer", "cancel", "change-password", "reset-password", "change-data",
    "change-account", "bind-number", "unbind-number",
)  # fmt: skip


def test_binding_by_a_code(desk, line):
    """The number proves itself: the code is sent, waited for, typed wrong, then right."""
    page = desk("号码绑定")
    page.locator("[name=number]").fill("13955907777")
    page.locator("[name=case]").select_option("home-300-family")
    page.get_by_role("button", name="发送验证码").click()
    page.get_by_text("验证码已发送到 139****7777").wait_for()
    again = page.locator("[data-wait]")
    expect(again).to_be_disabled()
    expect(again).to_contain_text(re.compile(r"重新发送 \d+ s"))
    code = re.search(r"验证码(\d+)", Notice.objects.get(kind="number_code").text).group(1)
    page.locator("[name=code]").fill("000000" if code != "000000" else "000001")
    page.locator("#submit").click()
    page.get_by_text("验证码不对").wait_for()
    expect(page.locator("[name=number]")).to_have_value("13955907777")
    page.locator("[name=code]").fill(code)
    send(page, "业务受理单")
    assert [row.masked for row in bindings.living_of(line.id)] == ["139****7777"]


def test_wrong_people_are_turned_away(sit, line):
    """An installer is told at every flow that it is not his; another branch finds no line."""
    page = sit("installer")
    page.goto(f"/services/{line.id}/")
    assert page.locator(".kt-flows").count() == 0
    foreign = sit("foreigner")
    for flow in FLOWS:
        assert page.goto(f"/services/{line.id}/do/{flow}/").status == 403
        assert foreign.goto(f"/services/{line.id}/do/{flow}/").status == 404
    assert not ServiceChange.objects.exists()
    assert not Authentication.objects.exists()


def test_a_clerk_finds_a_customer_and_another_branch_does_not(sit, line, no_sideways):
    for who, found in (("clerk", True), ("foreigner", False)):
        page = sit(who)
        page.goto("/customers/")
        page.locator(".kt-find input[value=document]").check(force=True)
        page.locator("#q").fill(resident_number(1))
        page.locator(".kt-find button").click()
        if found:
            page.wait_for_url(f"**/services/{line.id}/**")
            page.get_by_role("tab", name="时间线").click()
            page.get_by_text("受理订单").first.wait_for()
        else:
            page.get_by_text("没有查到").wait_for()
        assert resident_number(1) not in page.url
        no_sideways(page)


def test_refund_of_a_failed_order(sit, county, no_sideways):
    """退单退费: a wrong password is told, the right one gives the money back once; an installer is
    turned away."""
    order = county.order(3)
    ordering.pay(actor=county.actor("clerk"), order_id=order.id, method="cash", key="k")
    service = inventory.services_of_order(order.id)[0]
    password = inventory_verbs.reveal_password(actor=SYSTEM, service_id=service.id, reason="test")
    row = fail(order)
    page = sit("clerk")
    page.goto("/refunds/")
    no_sideways(page)
    page.get_by_role("link", name="办理退费").click()
    page.locator("[name=account]").fill(service.account)
    page.locator("[name=password]").fill("wrong")
    page.locator("#s-proof button[type=submit]").click()
    page.get_by_text("密码不对").wait_for()
    page.locator("[name=password]").fill(password)
    page.locator("#s-proof button[type=submit]").click()
    page.locator("[name=reason]").select_option("no-entry")
    page.locator("#submit").dblclick()
    page.wait_for_url("**/orders/**")
    assert Payment.objects.filter(order_id=order.id, kind="refund").count() == 1
    refused = sit("installer").request.post(f"/refunds/{row.pk}/called")
    assert refused.status == 403
