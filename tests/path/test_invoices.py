"""Tax invoices: asked for once, issued once whatever dies, taken back on refund, visible failures.

The platform is the lab's own server with a store of its own; it signs its answers.
"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, connections, transaction

from kaitong.charging import invoices, queries, services, tax
from kaitong.charging.models import Invoice, Payment
from kaitong.charging.services import NewCharge
from kaitong.core import clock
from kaitong.core.errors import BadInput, Conflict, Forbidden, NotFound, Refused
from kaitong.lab.tax import Books, TaxSettings, server

pytestmark = pytest.mark.django_db(transaction=True)
COMPANY, NUMBER = "休宁县横江茶叶有限公司", "91350100M000100Y43"


@pytest.fixture
def clerk(county, staff_of):
    return staff_of(county, "clerk", "clerk")


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path / "invoices.sqlite3")


@pytest.fixture
def platform(county, books):
    """The lab's platform, running in this process, registered for the branch."""
    settings = TaxSettings(0, "shared-secret-of-the-test")
    running = server(settings, books)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{running.server_port}"
    row = services.register_tax_platform(
        key="lab", branch_id=county.id, title="测试", url=url, secret=settings.secret,
        seller_name="开通测试通信公司", seller_number="91110000100006480Q", is_test=True,
    )  # fmt: skip
    yield row
    running.shutdown()
    running.server_close()


def paid(clerk, method="cash", fen=10000):
    order = uuid4()
    services.raise_charges(
        actor=clerk,
        branch_id=clerk.branch_id,
        order_id=order,
        charges=[NewCharge("install", "安装费", fen)],
    )
    return services.pay(actor=clerk, order_id=order, method=method, key="k")


def ask(clerk, payment, kind="individual", title="王明远", number=""):
    return services.request_invoice(
        actor=clerk, payment_id=payment.pk, buyer_kind=kind, title=title, taxpayer_number=number
    )


def refund(clerk, payment, amounts=None):
    return services.refund(
        actor=clerk, order_id=payment.order_id, key="back", reason="撤单", amounts=amounts
    )


def fresh(row):
    return Invoice.objects.get(pk=row.pk)


def test_asked_once_and_issued_with_a_number(clerk, platform, books):
    payment = paid(clerk)
    row = ask(clerk, payment, "organization", COMPANY, NUMBER.lower())
    assert (row.state, row.number) == ("requested", "")
    assert ask(clerk, payment, "individual", "另一人").pk == row.pk
    assert services.drain_invoices() == 1
    row = fresh(row)
    assert (row.state, row.amount_fen, row.is_test) == ("issued", 10000, True)
    assert len(row.number) == 20
    assert row.number.startswith("00")  # nothing an office would issue
    assert "测试" in row.platform
    assert queries.invoice_words(payment) == ("已开具", row.number)
    assert services.drain_invoices() == 0
    assert books.count() == 1


def test_the_buyer_is_sealed_and_masked(clerk, platform):
    row = ask(clerk, paid(clerk), title="王明远")
    assert row.buyer == "王*远"
    with connection.cursor() as cursor:
        cursor.execute("select row_to_json(i)::text from charging_invoice i")
        assert "王明远" not in cursor.fetchone()[0]
    assert fresh(row).buyer_name == "王明远"


@pytest.mark.parametrize(
    ("kind", "title", "number", "field"),
    [
        ("individual", "王", "", "title"),
        ("organization", COMPANY, "", "taxpayer_number"),
        ("organization", COMPANY, "91350100M000100Y44", "taxpayer_number"),
        ("nobody", "王明远", "", "buyer_kind"),
    ],
)
def test_each_fault_of_the_buyer_is_named(clerk, platform, kind, title, number, field):
    with pytest.raises(BadInput) as bad:
        ask(clerk, paid(clerk), kind, title, number)
    assert [f.field for f in bad.value.faults] == [field]
    assert not Invoice.objects.exists()


def test_what_cannot_be_invoiced(clerk, platform, staff_of, county, other_county):
    with pytest.raises(Refused, match="随账单"):
        ask(clerk, paid(clerk, "bill"))
    payment = paid(clerk)
    with pytest.raises(Forbidden):
        ask(staff_of(county, "fitter", "installer"), payment)
    with pytest.raises(NotFound):
        ask(staff_of(other_county, "stranger", "clerk"), payment)
    (back,) = refund(clerk, payment)
    with pytest.raises(Refused, match="红冲"):
        ask(clerk, back)
    with pytest.raises(Conflict, match="全退"):
        ask(clerk, payment)
    assert not Invoice.objects.exists()


def test_without_a_platform_it_is_refused(clerk):
    with pytest.raises(Refused, match="没有接入"):
        ask(clerk, paid(clerk))


def test_a_refund_takes_it_back_by_a_red_one(clerk, platform, books):
    payment = paid(clerk)
    blue = ask(clerk, payment)
    services.drain_invoices()
    (back,) = refund(clerk, payment)
    refund(clerk, payment)  # again changes nothing
    assert fresh(blue).state == "red-requested"
    red = Invoice.objects.get(kind="red")
    assert (red.of_id, red.payment_id, red.amount_fen) == (blue.pk, back.pk, 10000)
    assert services.drain_invoices() == 1
    assert fresh(blue).state == "red-lettered"
    assert fresh(red).number != fresh(blue).number
    assert books.count() == 2
    assert queries.invoice_words(back) == ("已红冲", fresh(blue).number)


def test_a_part_that_is_given_back_leaves_the_rest_standing(clerk, platform):
    payment = paid(clerk)
    blue = ask(clerk, payment)
    services.drain_invoices()
    charge = payment.charges.get()
    refund(clerk, payment, {charge.pk: 4000})
    services.drain_invoices()
    assert fresh(blue).state == "issued"
    assert Invoice.objects.get(kind="red").amount_fen == 4000


def test_given_back_before_anything_was_issued(clerk, platform, books):
    payment = paid(clerk)
    row = ask(clerk, payment)
    refund(clerk, payment)
    assert fresh(row).state == "cancelled"
    assert services.drain_invoices() == 0
    assert books.count() == 0


def test_a_worker_killed_after_the_answer_asks_again_and_hears_the_same(clerk, platform, books):
    row = ask(clerk, paid(clerk))
    taken = invoices.lease()
    answer = invoices.ask(taken)  # issued, and the worker dies before it says so
    assert services.drain_invoices() == 0  # its lease still runs
    with clock.frozen(clock.now() + timedelta(seconds=31)):
        assert services.drain_invoices() == 1
    assert fresh(row).number == answer.number
    invoices.record(taken, "late")  # it was not dead after all
    assert fresh(row).state == "issued"
    assert books.count() == 1


def test_refunded_while_it_is_being_issued(clerk, platform, books):
    payment = paid(clerk)
    blue = ask(clerk, payment)
    taken = invoices.lease()
    refund(clerk, payment)
    assert fresh(blue).state == "requested"
    assert services.drain_invoices() == 0  # the red one waits for the number
    invoices.record(taken, invoices.ask(taken))
    assert fresh(blue).state == "red-requested"
    assert services.drain_invoices() == 1
    assert fresh(blue).state == "red-lettered"
    assert books.count() == 2


def test_a_platform_that_is_away_is_asked_again_and_then_a_person_is(clerk, platform, staff_of):
    platform.url = "http://127.0.0.1:9"
    platform.save()
    payment = paid(clerk)
    row = ask(clerk, payment)
    moment = clock.now()
    for _attempt in range(10):
        with clock.frozen(moment):
            services.drain_invoices()
        moment += timedelta(minutes=6)
    row = fresh(row)
    assert row.state == "failed"
    assert "没有应答" in row.error
    assert not row.refused
    told = queries.timeline(clerk, payment.order_id)
    assert any("开票失败" in entry["text"] for entry in told)
    with pytest.raises(NotFound):
        services.retry_invoice(
            actor=staff_of(_other(clerk), "stranger", "clerk"), invoice_id=row.pk
        )
    services.retry_invoice(actor=clerk, invoice_id=row.pk)
    with pytest.raises(Conflict):
        services.retry_invoice(actor=clerk, invoice_id=row.pk)
    assert (fresh(row).state, fresh(row).error) == ("requested", "")


def _other(clerk):
    from kaitong.org import services as org

    return org.ensure_branch(code="ZZ", name="另一公司", kind="province")


def test_a_refusal_of_the_platform_is_said_at_once_and_a_refund_ends_it(clerk, platform, books):
    payment = paid(clerk)
    row = ask(clerk, payment, title="拒开商行")
    assert services.drain_invoices() == 1
    row = fresh(row)
    assert (row.state, row.refused) == ("failed", True)
    assert "风险名单" in row.error
    refund(clerk, payment)
    assert fresh(row).state == "cancelled"
    assert books.count() == 0


def test_an_answer_that_is_not_signed_is_not_believed(clerk, platform, books):
    row = ask(clerk, paid(clerk))
    platform.secret = "another-secret"
    platform.save()
    services.drain_invoices()
    row = fresh(row)
    assert row.state == "requested"
    assert "签名不符" in row.error
    assert (row.number, books.count()) == ("", 0)


def test_six_clicks_at_once_ask_once_and_two_workers_issue_once(clerk, platform, books):
    payment = paid(clerk)

    def click(_number):
        try:
            return ask(clerk, payment).pk
        finally:
            connections.close_all()

    def work(_number):
        try:
            return services.drain_invoices()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(click, range(6)))) == 1
        assert sum(pool.map(work, range(4))) == 1
    assert Invoice.objects.get().state == "issued"
    assert books.count() == 1


def test_the_platform_gives_the_same_for_a_key_and_refuses_another_content(platform, books):
    asked = {
        "key": "k", "kind": "blue", "amount_fen": 5, "lines": [["x", 5]], "buyer_name": "王明远",
        "buyer_number": "", "seller_name": "s", "seller_number": "n", "red_of": "",
    }  # fmt: skip
    assert books.issue(dict(asked)) == books.issue(dict(asked))
    speaker = invoices.adapter(platform)
    with pytest.raises(tax.PlatformRefused, match="内容不同"):
        speaker.issue(tax.Asked(**{**asked, "amount_fen": 6, "lines": [("x", 6)]}))
    assert books.count() == 1
    assert json.dumps(asked)  # what is asked is plain JSON
    assert not Payment.objects.exists()


def test_given_back_while_it_is_asked_for_nothing_stays_invoiced(clerk, platform, books):
    """The refund waits for whoever asks at this instant, and takes that invoice back, too."""
    payment = paid(clerk)

    def give_back():
        try:
            refund(clerk, payment)
        finally:
            connections.close_all()

    thread = threading.Thread(target=give_back)
    with transaction.atomic():
        row = ask(clerk, payment)
        thread.start()
        time.sleep(0.3)
    thread.join()
    assert fresh(row).state == "cancelled"
    assert services.drain_invoices() == 0
    assert books.count() == 0


def test_tried_again_it_may_still_have_been_issued_before(clerk, platform, books):
    """An answer was lost each time; a refund after 重试 takes back what may stand at the
    platform."""
    payment = paid(clerk)
    row = ask(clerk, payment)
    held = invoices.lease()
    assert held is not None
    invoices.ask(held)  # issued, and the answer lost
    Invoice.objects.filter(pk=row.pk).update(
        state="failed", attempts=7, lease_until=None, worker="", refused=False
    )
    services.retry_invoice(actor=clerk, invoice_id=row.pk)
    refund(clerk, payment)
    assert services.drain_invoices() == 2
    assert fresh(row).state == "red-lettered"
    assert books.count() == 2
