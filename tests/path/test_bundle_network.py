"""融合套餐 in the real network: one order, three services at FreeRADIUS, Kamailio and Kea."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kaitong.activation import services as activation
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.services import TerminalRow
from kaitong.ordering import services as ordering
from kaitong.org.actor import Actor
from kaitong.playbooks import changing
from tests.path import moves_kit
from tests.path.moves_kit import fresh

pytestmark = [pytest.mark.radius, pytest.mark.voice, pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()


@pytest.fixture
def network(office, county, radius, voice, kea):
    for key, kind, lab in (("voice", "voice", voice), ("iptv", "dhcp", kea)):
        settings = lab.settings()
        activation.register_element(
            key=key,
            kind=kind,
            title=key,
            branch_id=county.id,
            connection=settings.connection(),
            secret=settings.secrets(),
        )
    inventory_verbs.add_terminals(
        actor=office.plant.actor,
        branch_id=county.id,
        rows=[TerminalRow("STB00000001", "EC6110", kind="set-top")],
    )


def ask(office, line, procedure: str, reason: str):
    moves_kit.prove(office, fresh(line.id), procedure)
    return changing.request_change(
        actor=office.people["clerk"],
        service_id=line.id,
        procedure=procedure,
        key=str(uuid7()),
        data={},
        reason=reason,
    )


def test_opened_in_one_visit_shut_off_on_again_and_ended_at_three_elements(
    office, network, lab, modem, phone, boxes
):
    (item,) = office.request().items
    order = office.submit(items=(replace(item, specification="", offering="home-300-bundle"),))
    office.work()
    found = {s.specification: s for s in inventory.services_of_order(order.id)}
    line, telephone, television = found["access"], found["voice"], found["iptv"]
    number, circuit = telephone.account, television.characteristics["circuit_id"]
    password = inventory_verbs.reveal_password(
        actor=SYSTEM, service_id=telephone.id, reason="typed into the telephone"
    )
    office.complete(order, "Appoint")
    assert modem.start(line.account, moves_kit.text_of(lab, line)).ok
    assert phone.on(number, password).done
    assert boxes.on(circuit, keep=False).online
    office.complete(order, "Install")
    office.work_until(order, "Accept", seconds=40)
    office.complete(order, "Accept")
    assert {fresh(s.id).state for s in found.values()} == {ServiceState.ACTIVE}
    ordering.pay(actor=office.people["clerk"], order_id=order.id, method="cash", key="paid")

    stopped = ask(office, line, "suspend", "away")
    office.work_until_state(stopped, "completed", seconds=40)
    assert phone.on(number, password).answer == "403 Suspended at own request"
    assert not boxes.on(circuit, keep=False).online
    again = ask(office, line, "resume", "back")
    office.work_until_state(again, "completed", seconds=40)
    assert phone.on(number, password).done

    ended = ask(office, line, "cancel", "unused")
    office.work_until(ended, "Dismantle", seconds=40)
    assert phone.on(number, password).answer == "404 Unknown Number"
    assert {fresh(s.id).state for s in found.values()} == {ServiceState.TERMINATED}
