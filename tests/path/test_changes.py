"""停机 and 复机 of a line that works, from the counter to the network and back (BB-04).

A live session is cut and a new login refused; resumed, it is accepted. With the AAA server down in
the middle nothing is claimed, and the order goes on when it is back. Two changes at once: one wins.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from kaitong.activation.nasport import pattern
from kaitong.activation.queries import line_of_account
from kaitong.core.errors import Refused
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.models import Suspension
from kaitong.ordering import services as ordering
from kaitong.ordering.authenticating import limits_of
from kaitong.ordering.errors import WrongOrderState
from kaitong.ordering.models import Authentication, Order, Procedure, ServiceChange
from kaitong.org.actor import Actor
from kaitong.playbooks import changing

pytestmark = [pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()
DOCUMENT = "341022197001151214"


def at_work(office, lab, modem):
    """A line that was built and proven, its modem online."""
    order = office.submit()
    office.work()
    account = office.show(order)["services"][0]["account"]
    office.complete(order, "Appoint")
    port = pattern(lab.settings().nas_port_pattern).format(line_of_account(account))
    assert modem.start(account, port).ok
    office.complete(order, "Install")
    office.work_until(order, "Accept")
    office.complete(order, "Accept")
    office.work()
    (service,) = inventory.services_of_order(order.id)
    assert service.state == "active"
    return service


def prove(office, service, procedure_key="suspend", *, who="clerk", document=DOCUMENT):
    procedure = Procedure.objects.get(key=procedure_key, retired_at=None)
    return ordering.authenticate(
        actor=office.people[who],
        service_id=service.id,
        kind="account-document",
        given={"account": service.account, "document_number": document},
        limits=limits_of(procedure.parameters),
        procedure=procedure_key,
    )


def ask(office, service, procedure="suspend", *, key="k1", reason="customer.away", who="clerk"):
    return changing.request_change(
        actor=office.people[who],
        service_id=service.id,
        procedure=procedure,
        key=key,
        reason=reason,
    )


def now_is(service):
    return inventory.service(SYSTEM, service.id)


def login(lab, service):
    from kaitong.activation.adapters.wire import RadiusClient

    settings = lab.settings()
    password = inventory_verbs.reveal_password(actor=SYSTEM, service_id=service.id, reason="test")
    client = RadiusClient(settings.host, settings.auth_port, settings.secret)
    return client.login(service.account, password)


@pytest.mark.radius
def test_suspended_is_cut_and_refused_resumed_is_accepted(office, radius, lab, modem):
    service = at_work(office, lab, modem)
    prove(office, service)
    order = ask(office, service)
    office.work_until_state(order, "completed", 60)
    assert now_is(service).state == "inactive"
    assert now_is(service).reason == "客户停机"
    assert modem.open_sessions(service.account) == []
    assert login(lab, service).rejected
    row = Suspension.objects.get()
    assert (row.kind, row.reason, row.order_id) == ("request", "客户原因：外出一段时间", order.id)
    assert ServiceChange.objects.get().sealed is None

    prove(office, service, "resume")
    order = ask(office, service, "resume", key="k2", reason="customer.back")
    office.work_until_state(order, "completed", 60)
    assert now_is(service).state == "active"
    assert not login(lab, service).rejected
    assert Suspension.objects.get().ended_at is not None


@pytest.mark.radius
def test_with_the_server_down_nothing_is_claimed(office, radius, lab, modem):
    service = at_work(office, lab, modem)
    prove(office, service)
    order = ask(office, service)
    lab.stop_database()
    office.work()
    assert office.show(order)["state"] != "completed"
    lab.up()
    office.work_until_state(order, "completed", 90)
    assert login(lab, service).rejected


@pytest.mark.radius
def test_of_two_changes_at_once_one_wins(office, radius, lab, modem):
    service = at_work(office, lab, modem)
    prove(office, service)
    prove(office, service, who="supervisor")

    def run(who):
        try:
            return ask(office, service, key=f"of {who}", who=who).id
        except (WrongOrderState, Refused) as refused:
            return refused
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(run, ("clerk", "supervisor")))
    lost = [o for o in outcomes if isinstance(o, Exception)]
    assert len(lost) == 1, outcomes
    assert "正在办理停机" in str(lost[0])
    assert ServiceChange.objects.count() == 1
    assert Order.objects.count() == 2  # the opening, and one change
    assert Authentication.objects.filter(used_at=None).count() == 1  # the loser's is not used up
