"""Withdrawal (撤单): what it shows, undoes and gives back, at any instant and on bad days.

Money goes back the way it came; the network is told first and asked afterwards; of two at the same
instant one wins and the other is told.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import psycopg
import pytest
from django.db import connection, connections, transaction

from kaitong.activation import actions as activation
from kaitong.activation import queries as exchanges
from kaitong.charging import queries as charging
from kaitong.charging import services as charging_verbs
from kaitong.charging.models import JournalLine, Payment
from kaitong.cli import commands as commands_of
from kaitong.cli.__main__ import parser
from kaitong.core import clock
from kaitong.core.errors import BadInput, Conflict, Forbidden, NotFound, Refused
from kaitong.documents import queries as documents
from kaitong.documents import services as document_verbs
from kaitong.inventory import queries as inventory
from kaitong.inventory.models import Terminal
from kaitong.ordering import actions
from kaitong.ordering import queries as orders
from kaitong.ordering import services as ordering
from kaitong.ordering.errors import PlanChanged, WrongOrderState
from kaitong.ordering.models import Order, OrderItem, Procedure, Withdrawal
from kaitong.ordering.requests import AddressRef
from kaitong.ordering.timeline import timeline
from kaitong.org.actor import Actor
from kaitong.playbooks import onsite, photos
from kaitong.playbooks import queries as forms
from kaitong.playbooks import services as playbooks
from kaitong.process import commands, sweeper
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.process.models import Command, Instance
from tests.path.test_invoices import books, platform

__all__ = ["books", "platform"]

pytestmark = [pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()


def withdraw(office, order, who="clerk", reason="customer.no-need", key="k1", **more):
    return ordering.withdraw(
        actor=office.people[who], order_id=order.id, reason=reason, key=key, **more
    )


def pay(office, order, method="cash"):
    return ordering.pay(actor=office.people["clerk"], order_id=order.id, method=method, key="paid")


def plan(office, order, who="clerk"):
    return orders.withdrawal_plan(office.people[who], order.id)


def free_ports(office) -> int:
    return inventory.port_counts(office.plant.actor)["free"]


def money(office, order):
    return charging.money(office.people["clerk"], order.id)


def service_of(office, order):
    return inventory.services_of_order(order.id)[0]


def answers(office, order, node: str):
    """The open work of a step and what completes it, a failed live check let pass."""
    item = office.item(order, node)
    pinned = item.parameters["playbook"]
    data = forms.example_for(
        playbook=pinned["key"],
        version=pinned["hash"],
        file=item.definition.form,
        branch_id=item.branch_id,
        photo=photos.camera(actor=office.people["supervisor"], item_id=item.id),
        override=True,
    )
    return item, data


def limit_of_approval(fen: int) -> None:
    """The playbook's limit, as if the operator had written another figure."""
    for row in Procedure.objects.all():
        row.cancel = {**row.cancel, "approve_above_fen": fen}
        row.save(update_fields=["cancel"])


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


# ---- the network ---------------------------------------------------------------------------------


@pytest.mark.radius
def test_the_account_is_gone_and_a_login_is_refused(office, radius, lab, modem):
    order = office.submit()
    pay(office, order)
    office.work()
    account = office.show(order)["services"][0]["account"]
    password = _password(lab, account)
    assert modem.start(account, "x", password=password).accepted
    withdraw(office, order)
    office.work_until_state(order, "cancelled")
    assert not modem.start(account, "x", password=password).accepted
    assert _rows(lab, account) == 0
    (service,) = office.show(order)["services"]
    assert (service["state"], service["account"]) == ("terminated", "")
    proofs = {p["kind"]: p["ok"] for p in service["proof"]}
    assert proofs["removed"] is True
    verbs = [e.verb for e in exchanges.exchanges(SYSTEM, order_id=order.id)]
    assert verbs[-2:] == ["undo", "prove-removed"]


def _password(lab, account) -> str:
    with psycopg.connect(lab.cluster.dsn("radius")) as admin:
        row = admin.execute("SELECT value FROM radcheck WHERE username = %s", [account]).fetchone()
    assert row is not None
    return row[0]


def _rows(lab, account) -> int:
    with psycopg.connect(lab.cluster.dsn("radius")) as admin:
        found = admin.execute(
            "SELECT (SELECT count(*) FROM radcheck WHERE username = %(a)s)"
            " + (SELECT count(*) FROM radreply WHERE username = %(a)s)"
            " + (SELECT count(*) FROM radusergroup WHERE username = %(a)s)",
            {"a": account},
        ).fetchone()
    return found[0]


@pytest.mark.radius
def test_with_the_aaa_database_down_it_waits_visibly_and_can_be_retried(office, radius, lab):
    order = office.submit()
    pay(office, order)
    office.work()
    account = office.show(order)["services"][0]["account"]
    assert _rows(lab, account)
    lab.stop_database()
    withdraw(office, order)
    office.work()
    shown = office.show(order)
    assert shown["state"] == "pendingCancellation"
    (wait,) = shown["waiting"]
    assert wait["node"] == "RemoveData"
    assert wait["reason"]
    moment = clock.now()
    for _attempt in range(12):
        if process.incidents(SYSTEM, business_id=order.id).rows:
            break
        moment += timedelta(minutes=5)
        with clock.frozen(moment):
            office.work()
    (incident,) = process.incidents(SYSTEM, business_id=order.id).rows
    assert (incident.cause, incident.node) == ("network", "RemoveData")
    assert money(office, order).refunded_fen == 0  # nothing is given back before it is undone
    assert service_of(office, order).account == account
    lab.up()
    with clock.frozen(moment + timedelta(hours=2)):
        process_verbs.retry_incident(actor=office.people["network"], incident_id=incident.id)
        office.work_until_state(order, "cancelled")
    assert _rows(lab, account) == 0
    assert money(office, order).refunded_fen == 10000


@pytest.mark.radius
def test_a_worker_killed_between_removal_and_record(office, radius, lab):
    order = office.submit()
    office.work()
    account = office.show(order)["services"][0]["account"]
    withdraw(office, order)
    (taken,) = commands.lease(1)
    assert taken.action == "activation.remove"
    assert commands.run(taken) == {}  # removed, and the worker dies before it says so
    assert _rows(lab, account) == 0
    assert office.show(order)["state"] == "pendingCancellation"
    later = clock.now() + timedelta(seconds=commands.lease_seconds() + 1)
    with clock.frozen(later):
        office.work_until_state(order, "cancelled")
    commands.record(taken, {})  # it was not dead after all: nobody listens any more
    assert office.show(order)["state"] == "cancelled"
    removals = [e for e in exchanges.exchanges(SYSTEM, order_id=order.id) if e.verb == "undo"]
    assert [e.ok for e in removals] == [True, True]


@pytest.mark.radius
def test_what_is_being_sent_at_that_instant_is_removed_after_it(office, radius, lab):
    """A worker is in the middle of 网络激活 when the customer withdraws."""
    order = office.submit()
    (taken,) = commands.lease(1)
    assert taken.action == "activation.apply"
    withdraw(office, order)
    office.work()
    (wait,) = office.show(order)["waiting"]
    assert (wait["node"], wait["reason"]) == ("RemoveData", "等待正在执行的下发结束。")
    account = service_of(office, order).account
    commands.record(taken, commands.run(taken))  # it writes the account all the same
    assert _rows(lab, account)
    with clock.frozen(clock.now() + timedelta(seconds=3)):
        office.work_until_state(order, "cancelled")
    assert _rows(lab, account) == 0
    assert Command.objects.get(pk=taken.id).state == "cancelled"


@pytest.mark.radius
def test_a_server_that_still_lets_it_in_becomes_work_of_the_network_post(office, radius, lab):
    order = office.submit()
    office.work()
    account = office.show(order)["services"][0]["account"]
    password = _password(lab, account)
    withdraw(office, order)
    (taken,) = commands.lease(1)
    assert activation.remove_service(taken.context) is None
    with psycopg.connect(lab.cluster.dsn("radius"), autocommit=True) as admin:
        admin.execute(  # somebody puts it back by hand between removal and proof
            "INSERT INTO radcheck (username, attribute, op, value)"
            " VALUES (%s, 'Cleartext-Password', ':=', %s)",
            [account, password],
        )
    commands.record(taken, {})
    office.work_until(order, "LoginAccepted")
    assert office.show(order)["state"] == "pendingCancellation"
    assert service_of(office, order).account == account
    office.complete(order, "LoginAccepted")
    office.work_until_state(order, "cancelled")
    assert _rows(lab, account) == 0


def at_once(order) -> None:
    """An operator whose playbook does not let failed orders' money wait at the counter."""
    pinned = {**order.parameters, "failed_refund": "at-once"}
    Order.objects.filter(pk=order.pk).update(parameters=pinned)


def test_an_order_that_was_refused_gives_the_money_back_once(office):
    """退单 at the document review: its refund stands beside 撤单 and is not done twice."""
    order = office.submit(read=False)
    at_once(order)
    pay(office, order)
    office.complete(order, "DocumentReview", decision="refuse", document_read=False)
    assert office.show(order)["state"] == "failed"
    assert money(office, order).refunded_fen == 10000
    vouchers = [
        p.state
        for p in documents.papers_of_order(office.people["clerk"], order.id)
        if p.kind == "voucher"
    ]
    assert vouchers == ["void", "issued"]
    with pytest.raises(WrongOrderState, match="没有可撤的"):
        withdraw(office, order)
    assert service_of(office, order).state == "terminated"


# ---- what else is under way for the order --------------------------------------------------------


@pytest.mark.radius
def test_data_on_their_way_again_are_stopped_before_the_network_is_cleared(office, radius, lab):
    """The installer had the data sent again; that must not come after what the withdrawal
    removed. What people look at meanwhile (资源核查) goes on."""
    order = office.submit()
    office.work()
    office.complete(order, "Appoint")
    item = office.item(order, "Install")
    change = onsite.change_port(
        actor=office.people["installer"], item_id=item.id, reason="bad-port"
    )
    mine = Command.objects.filter(instance_id=change.resend_id)
    assert mine.update(next_attempt_at=clock.now() + timedelta(hours=1)) == 1
    withdraw(office, order)
    office.work_until_state(order, "cancelled")
    assert Instance.objects.get(pk=change.resend_id).state == "cancelled"
    mine.update(next_attempt_at=clock.now())
    office.work()
    assert mine.get().state == "cancelled"
    assert Instance.objects.get(pk=change.resource_check_id).state == "running"
    assert sweeper.check() == []


def two_lines(office):
    asked = office.request().items[0]
    second = replace(asked, item_id="2", address=AddressRef(address_id=office.plant.rooms[1]))
    order = office.submit(items=(asked, second))
    return order, {i.item_id: i for i in OrderItem.objects.filter(order=order)}


def test_a_refused_line_takes_back_its_own_charges_only(office):
    order, items = two_lines(office)
    at_once(order)
    pay(office, order)
    context = SimpleNamespace(
        inputs={"item_id": str(items["1"].id), "reason": "管路不通"}, actor_id=None
    )
    with transaction.atomic():
        actions.refuse(context)
    assert {c.item: c.state for c in money(office, order).charges} == {
        "1": "refunded", "2": "paid"
    }  # fmt: skip
    told = plan(office, order)
    assert {line.item: line.outcome for line in told.money} == {"1": "refunded", "2": "refund"}


def test_a_line_that_works_keeps_its_price_when_another_is_withdrawn(office):
    order, items = two_lines(office)
    pay(office, order)
    OrderItem.objects.filter(pk=items["1"].pk).update(state="completed")
    told = plan(office, order)
    assert {line.item: (line.outcome, line.back_fen) for line in told.money} == {
        "1": ("keep", 0), "2": ("refund", 10000)
    }  # fmt: skip


def test_of_two_lines_the_withdrawal_ends_with_the_last(office):
    order, _items = two_lines(office)
    pay(office, order)
    made = withdraw(office, order)
    first, second = Instance.objects.filter(
        business_id=order.id, definition__key="withdraw"
    ).order_by("pk")
    late = Command.objects.filter(instance=second)
    late.update(next_attempt_at=clock.now() + timedelta(hours=1))
    office.work()
    assert Instance.objects.get(pk=first.pk).state == "completed"
    assert Withdrawal.objects.get(pk=made.pk).ended_at is None
    late.update(next_attempt_at=clock.now())
    office.work_until_state(order, "cancelled")
    assert Withdrawal.objects.get(pk=made.pk).ended_at is not None
    assert {c.item: c.state for c in money(office, order).charges} == {
        "1": "refunded", "2": "refunded"
    }  # fmt: skip
    assert sum(p.amount_fen for p in Payment.objects.filter(kind="refund")) == 20000
