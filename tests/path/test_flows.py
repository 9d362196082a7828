"""The counter's flows to their end in the network, against the real AAA server: who may log in
after them and who may not; the server away in the middle; two at once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from kaitong.activation.adapters.wire import RadiusClient
from kaitong.charging import services as charging
from kaitong.core import clock
from kaitong.core.errors import KaitongError
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.models import PoolNumber, Resource, Terminal
from kaitong.ordering import services as ordering
from kaitong.ordering.authenticating import limits_of
from kaitong.ordering.life_plans import plan_of
from kaitong.ordering.models import Order, ServiceChange
from kaitong.playbooks import changing
from kaitong.process import services as process_verbs
from tests.path.conftest import SYSTEM
from tests.path.test_bad_days import incidents, let_retries_run_out
from tests.path.test_path import line_of_account, line_text

pytestmark = [pytest.mark.radius, pytest.mark.django_db(transaction=True)]
DOCUMENT = "341022197001151214"
NEW_OWNER = {
    "owner_is": "individual",
    "owner_name": "程小满",
    "owner_phone": "13955902222",
    "owner_kind": "passport",
    "owner_number": "E12345678",
    "valid_until": "2036-01-01",
    "reader": True,
    "password": "Owner-2026",
    "password_again": "Owner-2026",
}


@pytest.fixture
def working(office, radius, lab, modem):
    """A line opened to its end: its account proven, its session seen; it owes nothing."""
    order = office.submit()
    office.work()
    service = inventory.services_of_order(order.id)[0]
    office.complete(order, "Appoint")
    assert modem.start(service.account, line_text(lab, line_of_account(service.account))).ok
    office.complete(order, "Install")
    office.work_until(order, "Accept")
    office.complete(order, "Accept")
    charging.void_due(actor=SYSTEM, order_id=order.id)
    modem.stop(service.account)
    return inventory.service(SYSTEM, service.id)


@pytest.fixture
def ask(office):
    """`ask(service, "transfer", …)`: the customer proves himself and the clerk asks."""

    def at(service, procedure, *, key="", reason="", **data):
        clerk = office.people["clerk"]
        plan = plan_of(clerk, service.id, procedure)
        ordering.authenticate(
            actor=clerk,
            service_id=service.id,
            kind="account-document",
            given={"account": service.account, "document_number": DOCUMENT},
            limits=limits_of(plan.procedure.parameters),
            procedure=procedure,
        )
        return changing.request_change(
            actor=clerk,
            service_id=service.id,
            procedure=procedure,
            key=key or str(uuid7()),
            data=data,
            reason=reason,
        )

    return at


@pytest.fixture
def accepted(lab):
    """Whether the AAA server lets an account in."""
    settings = lab.settings()

    def login(account, password) -> bool:
        client = RadiusClient(settings.host, settings.auth_port, settings.secret)
        return bool(client.login(account, password).accepted)

    return login


def password_of(service) -> str:
    return inventory_verbs.reveal_password(actor=SYSTEM, service_id=service.id, reason="test")


def test_only_the_new_password_is_let_in(office, working, ask, accepted):
    old = password_of(working)
    order = ask(
        working,
        "change-password",
        old_password=old,
        password="Fresh-2026",
        password_again="Fresh-2026",
    )
    office.work_until_state(order, "completed")
    assert accepted(working.account, "Fresh-2026")
    assert not accepted(working.account, old)
    service = inventory.service(SYSTEM, working.id)
    assert (str(service.state), service.missing_proofs) == ("active", ())


def test_only_the_new_account_is_let_in(office, working, ask, accepted):
    password, old = password_of(working), working.account
    order = ask(working, "change-account", mobile="13955901234")
    office.work_until_state(order, "completed")
    assert accepted("13955901234", password)
    assert not accepted(old, password)
    assert PoolNumber.objects.get(value=old).state == "quarantine"


def test_after_a_transfer_only_the_new_owner_is_let_in(office, working, ask, accepted):
    old = password_of(working)
    order = ask(working, "transfer", reason="customer.family", **NEW_OWNER)
    office.work_until_state(order, "completed")
    assert accepted(working.account, "Owner-2026")
    assert not accepted(working.account, old)
    assert inventory.service(SYSTEM, working.id).customer_id != working.customer_id


def test_a_cancelled_line_is_refused_and_comes_back_to_stock(office, working, ask, accepted):
    password = password_of(working)
    serial = Terminal.objects.get(service_id=working.id).serial
    order = ask(working, "cancel", reason="moving.away")
    office.work_until(order, "Dismantle")
    assert not accepted(working.account, password)
    assert str(inventory.service(SYSTEM, working.id).state) == "terminated"
    assert Resource.objects.filter(state="pre-released").count() == 1
    office.complete(order, "Dismantle", outcome="recovered", recovered_serial=serial, remark="")
    assert office.show(order)["state"] == "completed"
    assert not Resource.objects.filter(state="pre-released").exists()
    assert Terminal.objects.get(serial=serial).state == "in-stock"


def test_a_piece_that_is_not_this_lines_is_refused_at_its_field(office, working, ask):
    order = ask(working, "cancel", reason="moving.away")
    office.work_until(order, "Dismantle")
    other = Terminal.objects.filter(state="in-stock").first().serial
    with pytest.raises(KaitongError, match="不是这一户待回收的终端"):
        office.complete(order, "Dismantle", outcome="recovered", recovered_serial=other)
    assert office.nodes(order) == {"Dismantle"}


def test_with_the_server_away_a_change_waits_and_goes_on(office, working, ask, accepted, lab):
    """FreeRADIUS is down in the middle: the order waits with its reason, and nothing is lost."""
    old = password_of(working)
    lab.stop_server()
    lab.stop_database()
    order = ask(working, "reset-password", password="Fresh-2026", password_again="Fresh-2026")
    let_retries_run_out(office, order)
    incident = incidents(order)[0]
    assert (incident.cause, office.show(order)["state"]) == ("network", "held")
    assert ServiceChange.objects.get().ended_at is None  # no other flow comes in between
    lab.up()
    with clock.frozen(clock.now() + timedelta(hours=2)):
        process_verbs.retry_incident(actor=office.people["network"], incident_id=incident.id)
        office.work_until_state(order, "completed")
    assert accepted(working.account, "Fresh-2026")
    assert not accepted(working.account, old)


@pytest.mark.server
def test_the_same_flow_twice_at_once_is_one_order(office, working, ask):
    key, made, refused = str(uuid7()), [], []
    clerk = office.people["clerk"]
    plan = plan_of(clerk, working.id, "cancel")
    ordering.authenticate(
        actor=clerk,
        service_id=working.id,
        kind="account-document",
        given={"account": working.account, "document_number": DOCUMENT},
        limits=limits_of(plan.procedure.parameters),
        procedure="cancel",
    )

    def click() -> None:
        try:
            order = changing.request_change(
                actor=clerk,
                service_id=working.id,
                procedure="cancel",
                key=key,
                reason="moving.away",
            )
            made.append(order.pk)
        except KaitongError as error:
            refused.append(str(error))
        finally:
            connection.close()

    both = [threading.Thread(target=click) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert (len(set(made)), refused) == (1, [])
    assert ServiceChange.objects.count() == 1


@pytest.mark.server
def test_of_two_flows_at_once_on_one_line_one_is_told_to_wait(office, working):
    made, refused = [], []
    clerks = {"change-data": office.people["clerk"], "cancel": office.people["supervisor"]}
    given = {"change-data": {"data": {"phone": "13955901234"}}, "cancel": {"reason": "moving.away"}}
    for procedure, actor in clerks.items():
        plan = plan_of(actor, working.id, procedure)
        ordering.authenticate(
            actor=actor,
            service_id=working.id,
            kind="account-document",
            given={"account": working.account, "document_number": DOCUMENT},
            limits=limits_of(plan.procedure.parameters),
            procedure=procedure,
        )
    gate = threading.Barrier(2)

    def ask(procedure) -> None:
        try:
            gate.wait(10)
            changing.request_change(
                actor=clerks[procedure],
                service_id=working.id,
                procedure=procedure,
                key=str(uuid7()),
                **given[procedure],
            )
            made.append(procedure)
        except KaitongError as error:
            refused.append(str(error))
        finally:
            connection.close()

    both = [threading.Thread(target=ask, args=[one]) for one in clerks]
    for one in both:
        one.start()
    for one in both:
        one.join()
    # the data change ends at once: it may be done before the other looks
    assert len(made) >= 1
    assert "cancel" in made or refused
    assert ServiceChange.objects.filter(ended_at=None).count() <= 1
    assert Order.objects.exclude(state="completed").count() <= 1
