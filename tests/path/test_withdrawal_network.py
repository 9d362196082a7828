"""Withdrawal (撤单) and the network: it is told first and asked afterwards, also on bad days."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from kaitong.activation import actions as activation
from kaitong.activation import queries as exchanges
from kaitong.core import clock
from kaitong.org.actor import Actor
from kaitong.playbooks import onsite
from kaitong.process import commands, sweeper
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.process.models import Command, Instance
from tests.path.withdrawal_kit import money, pay, service_of, withdraw

pytestmark = [pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()


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
