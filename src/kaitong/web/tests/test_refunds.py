"""退单退费 (BB-10, VER-10, LIM-25): failed orders' money waits for the customer, who proves himself
by account and password; the invoice comes back; once, whatever is clicked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from kaitong.charging import services as charging
from kaitong.charging.models import Payment
from kaitong.core import clock
from kaitong.core.ids import uuid7
from kaitong.documents import queries as documents
from kaitong.documents import services as document_verbs
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.ordering import actions, refunds
from kaitong.ordering import services as ordering
from kaitong.ordering.models import FailedRefund, OrderNote
from kaitong.org import services as org
from kaitong.org.actor import Actor
from kaitong.process.actions import ActionContext
from kaitong.web.tests.world import PASSWORD, resident_number

SYSTEM = Actor.system()


def fail(order) -> FailedRefund | None:
    """The order cannot be built: what the process's last step does."""
    item = order.items.get()
    context = ActionContext(
        key="test",
        node="Refuse",
        token_id=uuid7(),
        actor_id=None,
        inputs={"item_id": str(item.id), "reason": "管路不通"},
        business_id=order.id,
        instance_id=item.instance_id,
        branch_id=order.branch_id,
        parameters=order.parameters,
        now=clock.now(),
    )
    with transaction.atomic():
        actions.refuse(context)
    return FailedRefund.objects.filter(order=order).first()


@pytest.fixture
def failed(world):
    """A failed order that was paid in cash, with its account and password as they were."""
    order = world.order(1)
    ordering.pay(actor=world.actor("clerk"), order_id=order.id, method="cash", key="k")
    service = inventory.services_of_order(order.id)[0]
    password = inventory_verbs.reveal_password(actor=SYSTEM, service_id=service.id, reason="test")
    row = fail(order)
    assert row is not None
    return row, service.account, password


def prove(client, row, account, password):
    given = {"account": account, "password": password}
    return client.post(f"/refunds/{row.pk}/prove", given)


def back(row) -> list[int]:
    rows = Payment.objects.filter(order_id=row.order_id, kind="refund")
    return list(rows.values_list("amount_fen", flat=True))


def test_the_money_of_a_failed_order_waits_and_goes_back_once(failed, signed_in):
    row, account, password = failed
    clerk = signed_in("clerk")
    html = clerk.get("/refunds/").content.decode()
    assert row.order.number in html
    assert "管路不通" in html
    assert back(row) == []

    assert prove(clerk, row, account, password).status_code == 302
    page = clerk.get(f"/refunds/{row.pk}/").content.decode()
    assert "退费 ¥100.00" in page
    for _click in range(2):
        done = clerk.post(f"/refunds/{row.pk}/settle", {"reason": "no-entry"})
        assert done.status_code == 302
    assert back(row) == [10000]
    row.refresh_from_db()
    assert (row.reason, row.password) == ("无法进场施工", None)
    vouchers = [p for p in documents.papers_of_order(SYSTEM, row.order_id) if p.kind == "voucher"]
    assert [p.state for p in vouchers] == ["void", "issued"]
    (receipt,) = [
        p for p in documents.papers_of_order(SYSTEM, row.order_id) if p.kind == "refund-receipt"
    ]
    told = document_verbs.paper_data(receipt)
    assert (told["paper"]["form"], told["account"]) == ("F-26", account)
    assert (told["reason"], told["clerk"]) == ("无法进场施工", "胡雅琴")
    assert [fee["amount"] for fee in told["fees"]] == [-10000]
    assert (told["payment"], told["items"][0]["action"]) == ("原路退回：现金", "退单")
    assert "管路不通" in told["items"][0]["detail"]
    assert "已退费" in clerk.get("/refunds/?tab=done").content.decode()


def test_a_wrong_password_is_named_counted_and_locks(failed, signed_in):
    row, account, password = failed
    clerk = signed_in("clerk")
    for _try in range(5):
        wrong = prove(clerk, row, account, "nope")
        assert wrong.status_code == 422
        assert "密码不对" in wrong.content.decode()
    assert "鉴权错误次数过多" in prove(clerk, row, account, password).content.decode()
    with clock.frozen(clock.now() + timedelta(minutes=31)):
        assert prove(clerk, row, account, password).status_code == 302
    assert back(row) == []


def test_without_a_proof_or_a_reason_nothing_goes_back(failed, signed_in):
    row, account, password = failed
    clerk = signed_in("clerk")
    refused = clerk.post(f"/refunds/{row.pk}/settle", {"reason": "no-entry"})
    assert "还没有鉴权" in refused.content.decode()
    prove(clerk, row, account, password)
    refused = clerk.post(f"/refunds/{row.pk}/settle", {"reason": "nonsense"})
    assert refused.status_code == 422
    assert "没有选原因" in refused.content.decode()
    other = signed_in("supervisor").post(f"/refunds/{row.pk}/settle", {"reason": "no-entry"})
    assert "还没有鉴权" in other.content.decode()  # a proof is its clerk's
    assert back(row) == []


def test_an_invoice_comes_back_first(failed, signed_in, monkeypatch):
    row, account, password = failed
    monkeypatch.setattr(refunds, "invoice_out", lambda _actor, _order: True)
    clerk = signed_in("clerk")
    prove(clerk, row, account, password)
    refused = clerk.post(f"/refunds/{row.pk}/settle", {"reason": "no-entry"})
    assert "发票还没有收回" in refused.content.decode()
    assert back(row) == []
    clerk.post(f"/refunds/{row.pk}/settle", {"reason": "no-entry", "invoice_back": "true"})
    assert back(row) == [10000]
    assert FailedRefund.objects.get().invoice_back


def test_wrong_people_and_other_branches_are_turned_away(failed, signed_in):
    row, account, password = failed
    assert prove(signed_in("installer"), row, account, password).status_code == 403
    foreigner = signed_in("foreigner")
    assert foreigner.get(f"/refunds/{row.pk}/").status_code == 404
    assert row.order.number not in foreigner.get("/refunds/").content.decode()
    assert back(row) == []


def test_the_customer_is_called_once(failed, signed_in):
    row, _account, _password = failed
    for _click in range(2):
        signed_in("clerk").post(f"/refunds/{row.pk}/called")
    assert OrderNote.objects.filter(kind="refund-called").count() == 1
    assert "胡雅琴" in signed_in("clerk").get("/refunds/").content.decode()


def test_a_community_manager_calls_and_gives_nothing_back(world, failed, signed_in):
    """BB-10 step 2: he reads which money waits and says that he called; the counter pays."""
    row, account, password = failed
    org.ensure_staff(
        username="community", name="孙立", branch=world.branch, password=PASSWORD,
        posts=("community",),
    )  # fmt: skip
    manager = signed_in("community")
    assert 'href="/refunds/"' in manager.get("/customers/").content.decode()
    html = manager.get("/refunds/").content.decode()
    assert (row.order.number in html, "办理退费" in html) == (True, False)
    assert f'href="/customers/{row.order.party_id}/"' in html  # where the number to call stands
    manager.post(f"/refunds/{row.pk}/called")
    assert "孙立" in signed_in("clerk").get("/refunds/").content.decode()
    assert manager.get(f"/refunds/{row.pk}/").status_code == 403
    assert prove(manager, row, account, password).status_code == 403
    assert manager.post(f"/refunds/{row.pk}/settle", {"reason": "no-entry"}).status_code == 403
    assert back(row) == []


def test_an_order_that_failed_before_its_account_is_proven_by_the_document(world, signed_in):
    order = world.order(1, read=False)  # waits for its documents: no port, no account yet
    ordering.pay(actor=world.actor("clerk"), order_id=order.id, method="card", key="k")
    row = fail(order)
    assert row is not None
    assert row.account == ""
    clerk = signed_in("clerk")
    assert "受理时登记的证件号码" in clerk.get(f"/refunds/{row.pk}/").content.decode()
    wrong = clerk.post(f"/refunds/{row.pk}/prove", {"document_number": resident_number(2)})
    assert "证件号码与受理时登记的不符" in wrong.content.decode()
    clerk.post(f"/refunds/{row.pk}/prove", {"document_number": resident_number(1)})
    clerk.post(f"/refunds/{row.pk}/settle", {"reason": "customer"})
    assert back(row) == [10000]


def test_what_nobody_paid_or_stands_on_the_bill_does_not_wait(world):
    unpaid = world.order(1)
    assert fail(unpaid) is None
    billed = world.order(2)
    ordering.pay(actor=world.actor("clerk"), order_id=billed.id, method="bill", key="b")
    assert fail(billed) is None
    assert charging.COLLECTED  # the bill's part was given back at once
    assert Payment.objects.filter(order_id=billed.id, kind="refund").count() == 1


def test_the_list_costs_the_same_for_more_orders(world, failed, signed_in, queries_of):
    clerk = signed_in("clerk")
    clerk.get("/refunds/")
    few = queries_of(lambda: clerk.get("/refunds/"))
    for serial in (3, 4):
        order = world.order(serial)
        ordering.pay(actor=world.actor("clerk"), order_id=order.id, method="cash", key=f"k{serial}")
        fail(order)
    assert queries_of(lambda: clerk.get("/refunds/")) == few
