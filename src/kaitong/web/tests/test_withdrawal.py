"""撤单 on the order page: the plan in numbers, reasons of two levels, one act."""

from __future__ import annotations

import re

from kaitong.ordering import services as ordering
from kaitong.ordering.models import Withdrawal
from kaitong.process import worker

SHOWN = ("¥100.00", "退现金", "端口放开：", "账号停用", "在办工单结束：预约派单")


def paid_order(world, serial: int = 1):
    order = world.order(serial)
    ordering.pay(actor=world.actor("clerk"), order_id=order.id, method="cash", key="paid")
    return order


def fields(html: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(key|plan)" value="([^"]+)"', html)
    return dict(found)


def test_the_question_says_in_numbers_what_will_happen(world, signed_in, part):
    order = paid_order(world)
    client = signed_in("clerk")
    page = client.get(f"/orders/{order.id}/").content.decode()
    assert f'href="/orders/{order.id}/withdraw"' in page
    html = client.get(f"/orders/{order.id}/withdraw", headers=part).content.decode()
    assert html.startswith("<dialog")
    for text in (*SHOWN, "撤单并退 ¥100.00", "客户原因", "不再需要", "不能恢复"):
        assert text in html, text
    whole = client.get(f"/orders/{order.id}/withdraw").content.decode()  # without scripts
    assert 'action="/orders/' in whole
    assert "撤单并退 ¥100.00" in whole
    client.cookies["django_language"] = "en"
    english = client.get(f"/orders/{order.id}/withdraw", headers=part).content.decode()
    assert "Withdraw and return ¥100.00" in english
    assert "No longer needed" in english
    assert "Appointment and dispatch" in english


def test_withdrawn_at_the_page_once_whatever_is_clicked(world, signed_in, part):
    order = paid_order(world)
    client = signed_in("clerk")
    url = f"/orders/{order.id}/withdraw"
    given = fields(client.get(url, headers=part).content.decode())
    empty = client.post(url, given, headers=part)
    assert empty.status_code == 422
    assert "没有选撤单原因" in empty.content.decode()
    assert fields(empty.content.decode())["key"] == given["key"]
    asked = {**given, "reason": "operator.too-slow", "note": "等了三天"}
    for _click in range(2):
        done = client.post(url, asked, headers=part)
        assert done["HX-Redirect"] == f"/orders/{order.id}/"
    assert Withdrawal.objects.get().note == "等了三天"
    again = client.post(url, {**asked, "key": "another"}, headers=part)
    assert again.status_code == 409
    assert "正在撤单" in again.content.decode()
    page = client.get(f"/orders/{order.id}/").content.decode()
    assert "撤单中" in page
    assert "撤单：我方原因：等待时间过长" in page
    assert "撤下网络数据" in page
    assert f'href="{url}"' not in page


def test_both_processes_can_be_looked_at(world, signed_in, part):
    order = paid_order(world)
    ordering.withdraw(
        actor=world.actor("clerk"), order_id=order.id, reason="customer.no-need", key="k"
    )
    worker.drain_all()
    client = signed_in("supervisor")
    back = client.get(f"/orders/{order.id}/").content.decode()
    assert "已撤单" in back
    assert "资源退回" in back
    assert 'href="?process=deliver"' in back
    there = client.get(f"/orders/{order.id}/?process=deliver").content.decode()
    assert "上门安装" in there
    assert "资源退回" not in there.partition('id="tabs"')[0]
    at = client.get(f"/orders/{order.id}/positions.json").json()
    assert at["nodes"]["Refund"] == "done"
    assert client.get(f"/orders/{order.id}/positions.json?process=deliver").json()["nodes"]
    html = client.get(f"/orders/{order.id}/timeline/", headers=part).content.decode()
    for title in ("客户撤单", "资源退回", "退费", "已撤单"):
        assert title in html
    for tab in ("items", "proof", "papers", "audit"):
        assert client.get(f"/orders/{order.id}/{tab}/", headers=part).status_code == 200
    money = client.get(f"/orders/{order.id}/money/", headers=part).content.decode()
    for text in (
        "收退费记录",
        "−¥100.00",
        "退现金",
        "胡雅琴",
        "撤单：客户原因：不再需要",
        "已作废",
    ):
        assert text in money, text
    client.cookies["django_language"] = "en"
    english = client.get(f"/orders/{order.id}/money/", headers=part).content.decode()
    assert "No longer needed" in english
    assert "Installation fee" in english


def test_a_plan_that_changed_is_shown_again(world, signed_in, part):
    order = world.order(1)
    client = signed_in("clerk")
    url = f"/orders/{order.id}/withdraw"
    given = fields(client.get(url, headers=part).content.decode())
    ordering.pay(actor=world.actor("clerk"), order_id=order.id, method="card", key="paid")
    answer = client.post(url, {**given, "reason": "customer.moved"}, headers=part)
    assert answer.status_code == 409
    html = answer.content.decode()
    assert "与刚才看到的不同" in html
    assert "原卡退回" in html
    assert fields(html)["plan"] != given["plan"]
    assert re.search(r'value="customer.moved" selected', html)
    assert not Withdrawal.objects.exists()


def test_who_may_not_sees_no_button_and_is_refused(world, signed_in, part):
    order = world.order(1)
    url = f"/orders/{order.id}/withdraw"
    installer = signed_in("installer")
    assert f'href="{url}"' not in installer.get(f"/orders/{order.id}/").content.decode()
    refused = installer.post(url, {"key": "k", "reason": "customer.moved"}, headers=part)
    assert refused.status_code == 403
    assert "你的岗位不能做这件事" in refused.content.decode()
    assert installer.get(url).status_code == 403
    assert signed_in("foreigner").get(url, headers=part).status_code == 404
    assert not Withdrawal.objects.exists()


def test_the_question_costs_the_same_whatever_the_order(world, signed_in, part, queries_of):
    first, second = world.order(1), paid_order(world, 2)
    client = signed_in("clerk")

    def ask(order):
        return queries_of(lambda: client.get(f"/orders/{order.id}/withdraw", headers=part))

    ask(first)
    assert abs(ask(first) - ask(second)) <= 1  # names of clerks, where somebody took money
