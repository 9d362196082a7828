"""Every flow of the counter in one county and one sitting a person: who is not of the post is told
so at each door, another branch finds nothing; and the flows that no other walk takes, by a clerk.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from kaitong.charging import services as charging
from kaitong.core.home import library
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.models import Terminal
from kaitong.ordering import bindings, rents
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Authentication, Order, ServiceChange, Withdrawal
from kaitong.org.actor import Actor
from kaitong.party.names import parse_phone
from kaitong.web.tests import fault_world
from kaitong.web.tests.test_cases_in_life import FAMILY, NUMBER, priced
from kaitong.web.tests.test_refunds import fail
from kaitong.web.tests.world import request, resident_number

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()
BOOK = yaml.safe_load((library() / "home-broadband" / "playbook.yaml").read_text())
CHANGES = [key for key, entry in BOOK["processes"].items() if "counter" in entry]


def test_wrong_people_hear_no_at_every_door(sit, county):
    """Opening, every change, withdrawal, new appointment, waiting list, refund, money, faults,
    common causes, the hall, reconciliation, figures, stock: an installer is not of the post, and
    somebody of another branch finds no line, order, ticket or refund of ours."""
    line, order = county.line(1), county.order(2)
    waiting = fail(county_paid(county, 3))
    fault_world.menders(county)
    fault = fault_world.report(county, fault_world.line(county, 4))
    changes = [f"/services/{line.id}/do/{key}/" for key in CHANGES]
    own = [
        f"/services/{line.id}/", f"/customers/{line.customer_id}/", f"/refunds/{waiting.pk}/",
        f"/money/{line.customer_id}/",
    ]  # fmt: skip
    rooms = [
        "/intake/", "/customers/", "/refunds/", "/money/", "/money/closing/", "/demands/",
        "/faults/new/", "/faults/hand-over/", "/queue/", "/reconciliation/", "/figures/",
        "/stock/", "/plant/",
    ]  # fmt: skip
    installer, foreigner = sit("installer"), sit("foreigner")
    heard = {url: installer.goto(url).status for url in [*changes, *own, *rooms]}
    assert {url: code for url, code in heard.items() if code != 403} == {}
    mine = [f"/orders/{order.id}/", f"/orders/{order.id}/withdraw", f"/orders/{order.id}/reappoint"]
    theirs = [*changes, *own, *mine, f"/faults/{fault.pk}/"]
    heard = {url: foreigner.goto(url).status for url in theirs}
    assert {url: code for url, code in heard.items() if code != 404} == {}
    # the order is the installer's to read: he is offered nothing of the counter's, and asks in vain
    installer.goto(mine[0])
    assert installer.get_by_role("link", name="撤单").count() == 0
    assert installer.get_by_role("link", name="改约").count() == 0
    assert installer.goto(mine[1]).status == 403
    assert not ServiceChange.objects.exists()
    assert not Authentication.objects.exists()
    assert not Withdrawal.objects.exists()


def county_paid(county, serial: int) -> Order:
    order = county.order(serial)
    ordering.pay(actor=county.actor("clerk"), order_id=order.id, method="cash", key="paid")
    return order


def prove(page, line, procedure: str, serial: int) -> None:
    """Somebody else's document is named first, then the holder's is let in."""
    page.goto(f"/services/{line.id}/do/{procedure}/")
    page.locator("#s-proof [name=account]").fill(line.account)
    for number, said in ((resident_number(9), "登记的不符"), (resident_number(serial), "已通过")):
        page.locator("#s-proof [name=document_number]").fill(number)
        page.get_by_role("button", name="核对").click()
        page.get_by_text(said).wait_for()


def paying(county, serial: int, case: str = ""):
    """A line in use that owes nothing and pays by the month, with a case and its number."""
    line = county.line(serial)
    charging.void_due(actor=SYSTEM, order_id=line.order_id)
    order = Order.objects.get(pk=line.order_id)
    if case:
        asked = request(serial, line.address_id).items[0]
        order.prices = [priced(replace(asked, case=case, bound_number=NUMBER))]
        order.save(update_fields=["prices"])
        bindings.bind(order, item_id="1", case=case, number=parse_phone(NUMBER))
    rents.begin(actor=SYSTEM, order=order, item=order.items.get())
    return line


def test_a_clerk_resumes_a_line_and_another_leaves_its_case(sit, county, no_sideways):
    line, other = paying(county, 1), paying(county, 2, FAMILY)
    inventory_verbs.suspend(actor=SYSTEM, service_id=line.id, kind="request", reason="test")
    page = sit("clerk")
    prove(page, line, "resume", 1)
    no_sideways(page)
    page.locator("[name=reason]").select_option("customer.back")
    page.locator("#submit").dblclick()
    page.wait_for_url("**/orders/**")
    page.get_by_role("tab", name="单据").click()
    page.get_by_text("停/开机业务受理单").first.wait_for()
    # what is under way is told, and nothing else begins
    page.goto(f"/services/{line.id}/do/change-case/")
    page.get_by_text("正在办理复机").wait_for()
    prove(page, other, "change-case", 2)
    page.get_by_text("提前退出须付 ¥144.00").wait_for()
    no_sideways(page)
    page.get_by_text("退出营销案", exact=True).click()
    page.locator("[name=reason]").select_option("customer.unused")
    page.locator("#submit").dblclick()
    page.wait_for_url("**/orders/**")
    page.get_by_role("tab", name="单据").click()
    page.get_by_text("业务受理单").first.wait_for()
    done = ServiceChange.objects.order_by("pk").values_list("procedure", "reason")
    assert list(done) == [
        ("resume", "客户原因：恢复使用"),
        ("change-case", "客户原因：暂时不用"),
    ]
    assert bindings.living_of(other.id) == []


def test_the_keeper_hands_out_and_counts_terminals(sit, county, no_sideways):
    page = sit("resource")
    page.goto("/plant/")
    page.get_by_role("link", name="终端库存").click()
    page.get_by_role("heading", name="终端库存").wait_for()
    no_sideways(page)
    page.locator("#move-serials").fill("HWTC00000001\nHWTC00000002")
    page.get_by_role("button", name="领用", exact=True).click()
    page.get_by_text("没有选领用人").wait_for()
    assert page.locator("#move-serials").input_value() == "HWTC00000001\nHWTC00000002"
    page.locator("#move-holder").select_option(label="汪志强")
    page.get_by_role("button", name="领用", exact=True).dblclick()
    page.get_by_text("已领用 2 台").wait_for()
    held = inventory.terminals_held(county.actor("installer"))
    assert [one.serial for one in held] == ["HWTC00000001", "HWTC00000002"]
    seen = Terminal.objects.exclude(serial="HWTC00000028").values_list("serial", flat=True)
    page.locator("#count-serials").fill("\n".join([*seen, "NOT-OURS-1"]))
    page.get_by_role("button", name="登记盘点").dblclick()
    page.get_by_role("heading", name="终端盘点").wait_for()
    for said in ("缺少", "多出", "未登记"):
        page.get_by_role("heading", name=said).wait_for()
    no_sideways(page)
    page.get_by_role("button", name="领用的退库").click()
    page.get_by_text("已退库 2 台").wait_for()
    assert inventory.terminals_held(county.actor("installer")) == []
