"""开具发票 on the money tab: asked for once, its number and state, failures with a retry button."""

from __future__ import annotations

import re

import pytest

from kaitong.charging import queries as charging
from kaitong.charging import services
from kaitong.charging.models import Invoice
from kaitong.ordering import services as ordering


@pytest.fixture
def platform(world):
    return services.register_tax_platform(
        key="lab", branch_id=world.branch.id, title="测试", url="http://127.0.0.1:9",
        secret="s", seller_name="卖方", seller_number="91110000100006480Q", is_test=True,
    )  # fmt: skip


@pytest.fixture
def payment(world):
    order = world.order(1)
    return ordering.pay(actor=world.actor("clerk"), order_id=order.id, method="cash", key="paid")


def tab(client, payment, part) -> str:
    return client.get(f"/orders/{payment.order_id}/money/", headers=part).content.decode()


def test_without_a_platform_nothing_is_offered(world, payment, signed_in, part):
    assert "开具发票" not in tab(signed_in("clerk"), payment, part)


def test_asked_for_at_the_counter(world, payment, platform, signed_in, part):
    client = signed_in("clerk")
    url = f"/orders/{payment.order_id}/invoice/{payment.pk}"
    assert f'hx-get="{url}"' in tab(client, payment, part)
    assert f'hx-get="{url}"' not in tab(signed_in("installer"), payment, part)
    html = client.get(url, headers=part).content.decode()
    for text in ("开具发票 ¥100.00", "发票抬头", "纳税人识别号", "测试平台，所开无效"):
        assert text in html, text
    bad = client.post(
        url, {"buyer_kind": "organization", "title": "甲", "taxpayer_number": "91"}, headers=part
    )
    assert bad.status_code == 422
    for text in ("2 到 100 个字", "18 位统一社会信用代码", 'value="甲"', 'value="91"'):
        assert text in bad.content.decode(), text
    for _click in range(2):
        done = client.post(url, {"buyer_kind": "individual", "title": "王明远"}, headers=part)
        assert done["HX-Redirect"] == f"/orders/{payment.order_id}/?tab=money"
    assert Invoice.objects.count() == 1
    shown = tab(client, payment, part)
    assert "开票中" in shown
    assert "王*远" in shown
    assert "王明远" not in shown
    assert "开具发票" not in shown
    foreigner = signed_in("foreigner")
    assert foreigner.get(url, headers=part).status_code == 404


def test_a_failure_is_seen_and_tried_again(world, payment, platform, signed_in, part):
    services.request_invoice(
        actor=world.actor("clerk"), payment_id=payment.pk, buyer_kind="individual", title="王明远"
    )
    Invoice.objects.update(state="failed", error="开票平台没有应答")
    client = signed_in("clerk")
    shown = tab(client, payment, part)
    assert "开票失败" in shown
    assert "没有应答" in shown
    retry = re.search(r'hx-post="([^"]+/retry)"', shown)[1]
    answer = client.post(retry, headers=part).content.decode()
    assert "开票中" in answer
    assert "已重新提交开票平台" in answer
    assert "没有失败" in client.post(retry, headers=part).content.decode()
    html = client.get(f"/orders/{payment.order_id}/timeline/", headers=part).content.decode()
    assert "开票中" in html


def test_the_tab_costs_the_same_with_an_invoice(
    world, payment, platform, signed_in, part, queries_of
):
    client = signed_in("clerk")
    tab(client, payment, part)
    before = queries_of(lambda: tab(client, payment, part))
    services.request_invoice(
        actor=world.actor("clerk"), payment_id=payment.pk, buyer_kind="individual", title="王明远"
    )
    assert queries_of(lambda: tab(client, payment, part)) == before
    assert charging.can_invoice(world.branch.id)
