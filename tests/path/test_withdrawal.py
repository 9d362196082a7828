"""Withdrawal (撤单): what it shows, undoes and gives back, who may ask for it, and at any instant.

Money goes back the way it came; of two at the same instant one wins and the other is told.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from kaitong.charging import queries as charging
from kaitong.charging import services as charging_verbs
from kaitong.charging.models import JournalLine, Payment
from kaitong.cli import orders as commands_of
from kaitong.cli.__main__ import parser
from kaitong.core.errors import BadInput, Conflict, Forbidden, NotFound, Refused
from kaitong.documents import queries as documents
from kaitong.documents import services as document_verbs
from kaitong.inventory.models import Terminal
from kaitong.ordering import queries as orders
from kaitong.ordering import services as ordering
from kaitong.ordering.errors import PlanChanged, WrongOrderState
from kaitong.ordering.models import Procedure, Withdrawal
from kaitong.ordering.timeline import timeline
from kaitong.org.actor import Actor
from kaitong.playbooks import services as playbooks
from kaitong.process import sweeper
from tests.path.test_invoices import books, platform
from tests.path.withdrawal_kit import (
    answers,
    free_ports,
    limit_of_approval,
    money,
    pay,
    plan,
    withdraw,
)

__all__ = ["books", "platform"]

pytestmark = [pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()


# ---- what it does --------------------------------------------------------------------------------


def test_the_plan_says_everything_and_changes_nothing(office):
    order = office.submit()
    pay(office, order)
    office.complete(order, "Appoint")
    told = plan(office, order)
    assert told.possible
    assert (told.refund_fen, told.by_method, told.fee_fen) == (10000, {"cash": 10000}, 0)
    assert not told.needs_approval
    (line,) = told.services
    assert "OLT-01 0/3/6" in line.port
    assert line.account
    assert line.network
    assert [w.title for w in told.work] == ["上门安装"]
    assert told.appointment is not None
    assert [g.key for g in told.reasons] == ["customer", "operator", "site"]
    assert office.show(order)["state"] == "inProgress"
    assert plan(office, order).fingerprint == told.fingerprint


def test_an_unpaid_order_gives_everything_back(office):
    before = free_ports(office)
    order = office.submit()
    assert free_ports(office) == before - 1
    withdraw(office, order)
    shown = office.show(order)
    assert shown["state"] == "pendingCancellation"
    assert shown["work_items"] == []
    assert [w["node"] for w in shown["waiting"]] == ["RemoveData"]  # visibly under way
    office.work()
    shown = office.show(order)
    assert (shown["state"], shown["waiting"]) == ("cancelled", [])
    assert shown["withdrawal"]["reason"] == "customer.no-need"
    assert shown["withdrawal"]["ended_at"]
    assert [i["state"] for i in shown["items"]] == ["cancelled"]
    (service,) = shown["services"]
    assert (service["state"], service["account"], service["port"]) == ("terminated", "", "")
    assert free_ports(office) == before
    assert [c.state for c in money(office, order).charges] == ["void"]
    assert not Payment.objects.exists()
    assert sweeper.check() == []
    # the address can be asked for again
    assert office.submit().state == "inProgress"


@pytest.mark.parametrize("method", ["cash", "card", "bill"])
def test_money_goes_back_the_way_it_was_paid(office, method):
    order = office.submit()
    payment = pay(office, order, method)
    assert plan(office, order).by_method == {method: 10000}
    made = withdraw(office, order, reason="too-slow", note_text="等了三天")
    assert (made.reason_code, made.reason) == ("operator.too-slow", "我方原因：等待时间过长")
    office.work()
    found = money(office, order)
    back = [p for p in found.payments if p.kind == "refund"]
    assert [(p.method, p.amount_fen, p.refund_of_id) for p in back] == [(method, 10000, payment.pk)]
    assert back[0].clerk_id == office.people["clerk"].id
    assert back[0].reason == "撤单：我方原因：等待时间过长"
    assert [c.state for c in found.charges] == ["refunded"]
    balances = charging.balances(office.people["clerk"])
    assert set(balances.values()) == {0}
    assert JournalLine.objects.count() == 6
    vouchers = [
        p
        for p in documents.papers_of_order(office.people["clerk"], order.id)
        if p.kind == "voucher"
    ]
    assert [p.state for p in vouchers] == ["void", "issued"]
    assert vouchers[1].number in vouchers[0].void_reason
    data = document_verbs.paper_data(vouchers[1])
    assert (data["status"], data["fees"][0]["amount"]) == ("已退", -10000)
    assert data["void"]["original"] == vouchers[0].number
    work_order = [
        p
        for p in documents.papers_of_order(office.people["clerk"], order.id)
        if p.kind == "work-order"
    ]
    assert [p.state for p in work_order] == ["void"]
    (receipt,) = [
        p
        for p in documents.papers_of_order(office.people["clerk"], order.id)
        if p.kind == "withdraw-receipt"
    ]
    data = document_verbs.paper_data(receipt)
    assert (data["state"], data["reason"]) == ("撤单", "我方原因：等待时间过长")
    assert [fee["amount"] for fee in data["fees"]] == [-10000]
    told = [
        entry.title for entry in timeline(office.people["clerk"], orders.order(SYSTEM, order.id))
    ]
    for title in ("客户撤单", "资源退回", "退费", "已撤单", "撤单通知"):
        assert title in told, told


def test_an_invoice_is_taken_back_with_the_money(office, platform, books):
    order = office.submit()
    payment = pay(office, order)
    charging_verbs.request_invoice(
        actor=office.people["clerk"],
        payment_id=payment.pk,
        buyer_kind="individual",
        title="王明远",
    )
    charging_verbs.drain_invoices()
    withdraw(office, order)
    office.work()
    assert [i.state for i in charging.invoices(SYSTEM, order.id)] == ["red-requested", "requested"]
    charging_verbs.drain_invoices()
    blue, red = charging.invoices(SYSTEM, order.id)
    assert (blue.state, red.state, red.amount_fen) == ("red-lettered", "issued", 10000)
    assert books.count() == 2
    papers = documents.papers_of_order(office.people["clerk"], order.id)
    refunds = [p for p in papers if p.kind == "voucher" and p.state == "issued"]
    data = document_verbs.paper_data(refunds[0])
    assert data["invoice"] == {"state": "红冲中", "number": blue.number}


def test_after_installation_the_fee_stays_and_the_terminal_is_fetched(office):
    order = office.submit()
    pay(office, order)
    office.complete(order, "Appoint")
    office.complete(order, "Install", by="supervisor")
    told = plan(office, order)
    assert (told.refund_fen, told.money[0].outcome, told.money[0].why) == (
        0,
        "keep",
        "已装机，不再退",
    )
    (serial,) = told.services[0].terminals
    withdraw(office, order, who="supervisor")
    office.work()
    assert office.show(order)["state"] == "cancelled"
    assert Terminal.objects.get(serial=serial).state == "to-recover"
    assert money(office, order).refunded_fen == 0
    assert [c.state for c in money(office, order).charges] == ["paid"]


def test_what_is_owed_after_installation_stays_owed(office):
    order = office.submit()
    office.complete(order, "Appoint")
    office.complete(order, "Install", by="supervisor")
    assert plan(office, order).money[0].outcome == "owed"
    withdraw(office, order)
    with pytest.raises(Conflict, match="正在撤单"):
        pay(office, order)
    office.work()
    assert money(office, order).due_fen == 10000
    assert pay(office, order).amount_fen == 10000


def test_a_fee_is_kept_back_but_never_more_than_was_paid(office):
    for row in Procedure.objects.all():
        row.cancel = {**row.cancel, "fee_fen": 3000}
        row.save(update_fields=["cancel"])
    order = office.submit()
    pay(office, order)
    told = plan(office, order)
    assert (told.refund_fen, told.fee_fen, told.money[0].outcome) == (7000, 3000, "part")
    withdraw(office, order)
    office.work()
    found = money(office, order)
    assert (found.refunded_fen, found.charges[0].state) == (7000, "paid")
    vouchers = [
        p
        for p in documents.papers_of_order(office.people["clerk"], order.id)
        if p.kind == "voucher"
    ]
    assert [p.state for p in vouchers] == ["issued", "issued"]  # the first still stands for a part


# ---- who may, until when, why --------------------------------------------------------------------


def test_past_the_point_of_no_return_it_is_refused_with_what_to_do(office):
    order = office.submit()
    with_history = orders.order(SYSTEM, order.id).items.all()[0]
    _as_if_proven(with_history.instance_id)
    told = plan(office, order)
    assert not told.possible
    assert "开通验证" in told.refusal
    assert "拆机" in told.remedy
    with pytest.raises(Refused, match="最后环节") as refused:
        withdraw(office, order)
    assert "拆机" in refused.value.remedy
    assert office.show(order)["state"] == "inProgress"
    assert office.nodes(order) == {"Appoint"}
    assert not Withdrawal.objects.exists()


def _as_if_proven(instance_id) -> None:
    """The history says that 开通验证通过 was left, as it does once the line is proven."""
    with connection.cursor() as cursor:
        cursor.execute(
            """update process_history set lines = replace(lines::text,
 '["left", "AssignPort"', '["left", "Proven"')::jsonb where instance_id = %s""",
            [instance_id],
        )


def test_others_may_not_and_foreigners_find_nothing(office, other_county, staff_of):
    order = office.submit()
    with pytest.raises(Forbidden):
        withdraw(office, order, who="installer")
    stranger = staff_of(other_county, "stranger", "clerk", "supervisor")
    with pytest.raises(NotFound):
        ordering.withdraw(actor=stranger, order_id=order.id, reason="customer.no-need", key="k")
    with pytest.raises(NotFound):
        orders.withdrawal_plan(stranger, order.id)
    with pytest.raises(BadInput) as bad:
        withdraw(office, order, reason="because")
    assert bad.value.faults[0].field == "reason"
    assert "customer.no-need" in str(bad.value.faults[0].remedy)
    assert not Withdrawal.objects.exists()
    assert office.nodes(order) == {"Appoint"}


def test_a_large_refund_waits_for_another_person(office, staff_of, county):
    limit_of_approval(5000)
    order = office.submit()
    pay(office, order)
    assert plan(office, order).needs_approval
    withdraw(office, order, who="supervisor")
    office.work()
    assert office.nodes(order) == {"ApproveRefund"}
    assert money(office, order).refunded_fen == 0
    with pytest.raises(BadInput, match="不能复核自己"):
        office.complete(order, "ApproveRefund", decision="approve")
    assert office.nodes(order) == {"ApproveRefund"}
    second = staff_of(county, "second", "supervisor")
    office.people["supervisor"] = second
    office.complete(order, "ApproveRefund", decision="approve")
    (back,) = [p for p in money(office, order).payments if p.kind == "refund"]
    assert back.approved_by == second.id
    assert back.amount_fen == 10000
    assert office.show(order)["state"] == "cancelled"


def test_a_refund_the_second_person_rejects_is_not_made(office):
    limit_of_approval(5000)
    order = office.submit()
    pay(office, order)
    withdraw(office, order)
    office.work()
    office.complete(order, "ApproveRefund", decision="reject", decision_reason="凭据没有交回")
    assert money(office, order).refunded_fen == 0
    assert office.show(order)["state"] == "cancelled"
    assert (
        Withdrawal.objects.get().approvals[str(orders.order(SYSTEM, order.id).items.all()[0].pk)][
            "reason"
        ]
        == "凭据没有交回"
    )


# ---- twice, and at the same instant --------------------------------------------------------------


def test_the_same_click_again_changes_nothing_and_another_is_told(office):
    order = office.submit()
    pay(office, order)
    first = withdraw(office, order)
    assert withdraw(office, order).pk == first.pk
    with pytest.raises(WrongOrderState, match="正在撤单"):
        withdraw(office, order, key="k2")
    office.work()
    assert withdraw(office, order).pk == first.pk
    with pytest.raises(WrongOrderState, match="已经撤单"):
        withdraw(office, order, key="k2")
    assert money(office, order).refunded_fen == 10000
    assert Payment.objects.filter(kind="refund").count() == 1
    again = charging.money(office.people["clerk"], order.id)
    assert again.refunded_fen == 10000


def test_four_at_once_withdraw_once(office):
    order = office.submit()
    pay(office, order)

    def attempt(number):
        try:
            withdraw(office, order, key=f"k{number}")
            return "won"
        except Conflict:
            return "conflict"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(attempt, range(4)))
    assert outcomes == ["conflict"] * 3 + ["won"]
    office.work()
    assert Withdrawal.objects.count() == 1
    assert money(office, order).refunded_fen == 10000
    assert office.show(order)["state"] == "cancelled"
    assert sweeper.check() == []


def test_a_plan_that_is_no_longer_true_is_refused(office):
    order = office.submit()
    pay(office, order)
    office.complete(order, "Appoint")
    shown = plan(office, order)
    office.complete(
        order, "Install", by="supervisor"
    )  # while the customer was still being told of the refund
    with pytest.raises(PlanChanged):
        withdraw(office, order, expected=shown.fingerprint)
    assert office.show(order)["state"] == "inProgress"
    assert not Withdrawal.objects.exists()


@pytest.mark.parametrize("round_", range(3))
def test_withdrawing_while_the_installer_completes_has_one_winner(office, round_):
    order = office.submit()
    pay(office, order)
    office.complete(order, "Appoint")
    shown = plan(office, order)
    ready = threading.Barrier(2)
    item, data = answers(office, order, "Install")

    def taking_back():
        ready.wait()
        withdraw(office, order, expected=shown.fingerprint)

    def completing():
        ready.wait()
        playbooks.complete_work(actor=office.people["supervisor"], item_id=item.id, data=data)

    def attempt(act):
        try:
            act()
            return "won"
        except Conflict as error:
            return str(error.what)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        back, done = pool.map(attempt, (taking_back, completing))
    assert [back, done].count("won") == 1, (back, done)
    state = office.show(order)["state"]
    if back == "won":
        assert state == "pendingCancellation"
        assert "结束" in done
        assert not Terminal.objects.filter(state="installed").exists()
    else:
        assert state == "inProgress"
        assert "变化" in back
        assert Terminal.objects.filter(state="installed").count() == 1
    assert sweeper.check() == []


def test_the_command_line_shows_the_plan_and_then_acts(office, capsys):
    order = office.submit()
    pay(office, order)
    line = ["order", "withdraw", str(order.id), "--as", "clerk", "--json"]
    commands_of.order_withdraw(parser().parse_args([*line, "--plan"]))
    told = json.loads(capsys.readouterr().out)
    assert (told["possible"], told["refund_by_method"]) == (True, {"cash": 10000})
    assert "operator.too-slow" in told["reasons"]
    assert not Withdrawal.objects.exists()
    commands_of.order_withdraw(parser().parse_args([*line, "--reason", "too-slow"]))
    done = json.loads(capsys.readouterr().out)
    assert done["withdrawal"] == str(Withdrawal.objects.get().pk)
    office.work()
    assert office.show(order)["state"] == "cancelled"
