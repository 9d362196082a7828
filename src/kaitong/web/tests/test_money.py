"""收费 at the counter: a monthly charge becomes a bill, is paid, has its voucher, books balance."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta

import pytest

from kaitong.charging import books, cards, channels, invoices, services
from kaitong.charging.cards import CardRow
from kaitong.charging.days import start_of
from kaitong.charging.models import Bill, CardTry, CashClosing, Invoice, Payment, PayRequest
from kaitong.charging.signing import signed
from kaitong.core import clock
from kaitong.documents.models import Paper
from kaitong.ordering import rents

NOV = date(2026, 11, 1)


@pytest.fixture
def december():
    with clock.frozen(start_of(date(2026, 12, 2)) + timedelta(hours=10)):
        yield


@pytest.fixture
def order(world):
    """An order whose service is in operation since the ninth of November."""
    with clock.frozen(start_of(date(2026, 11, 9)) + timedelta(hours=10)):
        order = world.order(1)
        rents.begin(
            actor=world.actor("clerk"), order=order, item=order.items.get(), since=date(2026, 11, 9)
        )
    return order


def key_of(html: str) -> str:
    return re.search(r'name="key" value="([^"]+)"', html)[1]


def test_from_the_monthly_charge_to_the_voucher(world, order, december, signed_in):
    rents.bill(actor=world.actor("supervisor"), month=NOV)
    clerk = signed_in("clerk")
    found = clerk.get("/money/", {"q": "13855900001"})
    assert found.status_code == 302
    page = clerk.get(found["Location"]).content.decode()
    for text in ("2026-11", "¥72.60", "22 / 30 天", "待缴", 'value="72.60"', "在计月租"):
        assert text in page, text

    pay = f"{found['Location']}pay"
    given = {"amount": "100", "method": "cash", "key": key_of(page)}
    for _click in range(2):
        done = clerk.post(pay, given)
        assert done.status_code == 302
    assert Payment.objects.count() == 1
    paper = Paper.objects.get(order_id=Payment.objects.get().account_id)
    page = clerk.get(done["Location"]).content.decode()
    for text in ("已收 ¥100.00", f"打印收费凭据 {paper.number}", "已结清", "¥27.40"):
        assert text in page, text
    sheet = clerk.get(f"/papers/{paper.pk}.pdf")
    assert b"".join(sheet.streaming_content if sheet.streaming else [sheet.content])[:5] == b"%PDF-"
    bill = Bill.objects.get()
    assert (bill.total_fen, bill.paid_fen) == (7260, 7260)
    assert books.check() == []


def test_what_was_typed_is_kept_beside_its_fault(world, order, december, signed_in):
    clerk = signed_in("clerk")
    url = f"/money/{order.party_id}/pay"
    for amount, said in (("9.999", "金额不对"), ("0", "0.01 元到"), ("99999", "10000")):
        answer = clerk.post(
            url, {"amount": amount, "method": "card", "reference": "R7", "key": "k"}
        )
        assert answer.status_code == 422
        html = answer.content.decode()
        for text in (said, f'value="{amount}"', 'value="R7"'):
            assert text in html, text
    assert not Payment.objects.exists()


def test_only_clerks_and_supervisors_take_money(world, order, december, signed_in):
    url = f"/money/{order.party_id}/"
    page = signed_in("installer").get(url).content.decode()
    assert "收款金额" not in page
    answer = signed_in("installer").post(f"{url}pay", {"amount": "5", "method": "cash", "key": "k"})
    assert answer.status_code == 403
    assert signed_in("foreigner").get(url).status_code == 404
    assert signed_in("foreigner").post(f"{url}pay", {"amount": "5"}).status_code == 404
    assert not Payment.objects.exists()


def test_money_goes_back_and_its_voucher_is_taken_back(world, order, december, signed_in, part):
    clerk = signed_in("clerk")
    url = f"/money/{order.party_id}/"
    clerk.post(f"{url}pay", {"amount": "50", "method": "cash", "key": "k"})
    page = clerk.get(url).content.decode()
    back = re.search(r'hx-get="(/money/payments/[^"]+/back)"', page)[1]
    assert signed_in("foreigner").get(back).status_code == 404
    form = clerk.get(back, headers=part).content.decode()
    assert 'value="50.00"' in form
    given = {"amount": "50.00", "key": key_of(form)}
    refused = clerk.post(back, given, headers=part)
    assert refused.status_code == 409
    assert "没有填写退费原因" in refused.content.decode()
    for _click in range(2):
        done = clerk.post(back, {**given, "reason": "收错客户"}, headers=part)
        assert done["HX-Redirect"].startswith(url)
    page = clerk.get(done["HX-Redirect"]).content.decode()
    for text in ("已退 ¥50.00", "收错客户", "已作废"):
        assert text in page, text
    assert Payment.objects.count() == 2
    assert sorted(Paper.objects.filter(kind="voucher").values_list("state", flat=True)) == [
        "issued",
        "void",
    ]
    assert books.check() == []


def test_a_day_is_closed_by_its_clerk_and_confirmed_by_another(world, order, december, signed_in):
    clerk, boss = signed_in("clerk"), signed_in("supervisor")
    pay = f"/money/{order.party_id}/pay"
    clerk.post(pay, {"amount": "50", "method": "cash", "key": "k1"})
    clerk.post(pay, {"amount": "30", "method": "card", "key": "k2"})
    page = clerk.get("/money/closing/").content.decode()
    for text in ("现金", "刷卡", "应有现金 ¥50.00"):
        assert text in page, text
    given = {"day": "2026-12-02", "counted": "49.90", "expected": "5000"}
    refused = clerk.post("/money/closing/", given)
    assert refused.status_code == 409
    assert "写明原因" in refused.content.decode()
    assert 'value="49.90"' in refused.content.decode()
    assert clerk.post("/money/closing/", {**given, "reason": "找零差一角"}).status_code == 302
    closing = CashClosing.objects.get()
    assert closing.difference_fen == -10
    late = clerk.post(pay, {"amount": "5", "method": "cash", "key": "k3"})
    assert late.status_code == 409
    assert "已日结" in late.content.decode()
    assert Payment.objects.count() == 2

    confirm = f"/money/closing/{closing.pk}/confirm"
    assert clerk.post(confirm).status_code == 403
    assert signed_in("foreigner").post(confirm).status_code == 404
    assert "找零差一角" in boss.get("/money/closing/").content.decode()
    for _click in range(2):
        assert boss.post(confirm, {"counted": "4990"}).status_code == 302
    assert "日结已确认" in boss.get("/money/closing/").content.decode()
    assert clerk.post(f"/money/closing/{closing.pk}/reopen").status_code == 409
    assert clerk.get(f"/money/closing/{closing.pk}/sheet.pdf").content[:5] == b"%PDF-"
    balances = books.trial_balance()
    assert (balances["cash"], balances["banked"], balances["over-short"]) == (0, 4990, 10)
    assert books.check() == []


def test_the_pages_cost_the_same_however_much_there_is(
    world, order, december, signed_in, queries_of
):
    clerk = signed_in("clerk")
    url = f"/money/{order.party_id}/"
    for n in range(2):
        clerk.post(f"{url}pay", {"amount": "5", "method": "cash", "key": f"a{n}"})
    rents.bill(actor=world.actor("supervisor"), month=NOV)
    clerk.get(url)
    few = queries_of(lambda: clerk.get(url))
    for n in range(6):
        clerk.post(f"{url}pay", {"amount": "5", "method": "cash", "key": f"b{n}"})
    assert queries_of(lambda: clerk.get(url)) == few
    assert queries_of(lambda: clerk.get("/money/?tab=owing")) < 20
    assert queries_of(lambda: clerk.get("/money/closing/")) < 20


def test_a_recharge_card_at_the_counter(world, order, december, signed_in):
    card = CardRow("KT2026000001", "482913771204", 5000, date(2027, 12, 31))
    cards.import_cards(actor=world.actor("supervisor"), batch="b", rows=[card])
    clerk = signed_in("clerk")
    url = f"/money/{order.party_id}/pay"
    given = {"method": "recharge", "serial": card.serial, "secret": "000000000000", "key": "k"}
    wrong = clerk.post(url, given)
    assert wrong.status_code == 422
    html = wrong.content.decode()
    for text in ("卡号或密码不对", f'value="{card.serial}"'):
        assert text in html, text
    assert "000000000000" not in html
    assert CardTry.objects.count() == 1
    for _click in range(2):
        done = clerk.post(url, {**given, "secret": card.secret})
        assert done.status_code == 302
    page = clerk.get(done["Location"]).content.decode()
    for text in ("已收 ¥50.00", "充值卡", "打印收费凭据"):
        assert text in page, text
    assert "退费</a>" not in page
    assert Payment.objects.count() == 1


def test_an_online_payment_waits_and_is_told_from_outside(
    world, order, december, signed_in, client, part
):
    channels.register_channel(
        key="lab", branch_id=world.branch.pk, title="测试", url="http://127.0.0.1:9",
        notify_url="http://n", secret="s", is_test=True,
    )  # fmt: skip
    clerk = signed_in("clerk")
    url = f"/money/{order.party_id}/pay"
    begun = clerk.post(url, {"method": "online", "amount": "99", "key": "k"})
    page = clerk.get(begun["Location"]).content.decode()
    for text in ("线上支付 ¥99.00：下单中", "测试渠道，不动真钱", "没有应答"):
        assert text in page, text
    row = PayRequest.objects.get()
    assert signed_in("foreigner").get(f"/money/requests/{row.pk}/").status_code == 404

    said = {"number": row.number, "reference": "T1", "status": "paid", "amount_fen": 9900}
    body = json.dumps({**said, "currency": "CNY"}).encode()
    told = {"data": body, "content_type": "application/json"}
    for secret, status in (("forged", 401), ("s", 200), ("s", 200)):
        headers = {k: v for k, v in signed(secret, body).items() if k != "Content-Type"}
        assert client.post("/pay/callback/lab", **told, headers=headers).status_code == status
    assert client.post("/pay/callback/lab", **told).status_code == 401
    assert client.get("/pay/callback/lab").status_code == 405
    assert client.post("/pay/callback/none", **told, headers=headers).status_code == 401
    assert Payment.objects.get().amount_fen == 9900
    over = clerk.get(f"/money/requests/{row.pk}/", headers=part)
    assert f"?done={row.__class__.objects.get().payment_id}" in over["HX-Redirect"]
    assert Paper.objects.filter(kind="voucher").count() == 1
    assert books.check() == []


def test_the_invoice_of_money_paid_into_an_account(world, order, december, signed_in, part):
    services.register_tax_platform(
        key="lab", branch_id=world.branch.id, title="测试", url="http://127.0.0.1:9",
        secret="s", seller_name="卖方", seller_number="91110000100006480Q", is_test=True,
    )  # fmt: skip
    clerk = signed_in("clerk")
    url = f"/money/{order.party_id}/"
    clerk.post(f"{url}pay", {"amount": "50", "method": "cash", "key": "k"})
    ask = re.search(r'hx-get="(/money/payments/[^"]+/invoice)"', clerk.get(url).content.decode())[1]
    assert "开具发票 ¥50.00" in clerk.get(ask, headers=part).content.decode()
    assert signed_in("foreigner").get(ask).status_code == 404
    for _click in range(2):
        done = clerk.post(ask, {"buyer_kind": "individual", "title": "王明远"}, headers=part)
        assert done["HX-Redirect"] == url
    invoice = Invoice.objects.get()
    leased = invoices.lease()
    assert leased.asked.lines == [("通信服务费", 5000)]
    shown = clerk.get(url).content.decode()
    assert "开票中" in shown
    assert "王*远" in shown
    Invoice.objects.filter(pk=invoice.pk).update(state="issued", number="0001")
    paid = Payment.objects.get()
    services.take_back(
        actor=world.actor("clerk"), payment_id=paid.pk, key="r", reason="退", amount_fen=2000
    )
    red = Invoice.objects.get(kind="red")
    assert (red.amount_fen, red.of_id) == (2000, invoice.pk)
    Invoice.objects.filter(pk=red.pk).update(state="failed", error="开票平台没有应答")
    retry = re.search(r'hx-post="(/money/invoices/[^"]+/retry)"', clerk.get(url).content.decode())
    assert clerk.post(retry[1], headers=part)["HX-Redirect"] == url
    assert clerk.post(retry[1], headers=part).status_code == 409
