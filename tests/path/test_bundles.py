"""融合套餐 through the verbs: one order and one visit for broadband, telephone and television."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection

from kaitong.activation import services as activation
from kaitong.charging.models import Rent
from kaitong.core import clock
from kaitong.core.errors import BadInput
from kaitong.core.ids import uuid7
from kaitong.inventory import customers
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import ServiceState, TerminalState
from kaitong.inventory.models import PoolNumber, Service, Terminal
from kaitong.inventory.services import TerminalRow
from kaitong.ordering import services as ordering
from kaitong.ordering import sessions
from kaitong.ordering.life_plans import plan_of
from kaitong.ordering.models import Order, OrderItem, Procedure
from kaitong.ordering.sheets import Facts
from kaitong.playbooks import changing
from kaitong.tmf.mapping.outgoing import service_order
from tests.path import bundles_kit, moves_kit
from tests.path.moves_kit import fresh
from tests.path.withdrawal_kit import money, withdraw

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def network(office, county, monkeypatch):
    made = bundles_kit.Network()
    bundles_kit.install(monkeypatch, made)
    for key in ("aaa", "voice", "dhcp"):
        activation.register_element(
            key=key, kind=key, title=key, branch_id=county.id, connection={}, secret={}
        )
    inventory.add_terminals(
        actor=office.plant.actor,
        branch_id=county.id,
        rows=[TerminalRow(f"STB{n:08d}", "EC6110", kind="set-top") for n in range(5)],
    )
    return made


def bundle(office, offering: str = "home-300-bundle", **changes):
    (item,) = office.request().items
    return office.submit(items=(replace(item, specification="", offering=offering),), **changes)


def services(order) -> dict[str, Service]:
    return {s.specification: s for s in Service.objects.filter(order_id=order.id)}


def at_the_customers(network, order) -> None:
    """Modem, telephone and set-top box are there and switched on."""
    found = services(order)
    network.seen |= {found["access"].account, found["voice"].account}
    network.seen.add(found["iptv"].characteristics["circuit_id"])


def walk(office, network, order) -> None:
    office.work()
    office.complete(order, "Appoint")
    at_the_customers(network, order)
    office.complete(order, "Install")
    office.work()


def opened(office, network, **changes) -> Order:
    """A bundle that works, paid for."""
    order = bundle(office, **changes)
    walk(office, network, order)
    office.work_until(order, "Accept")
    office.complete(order, "Accept")
    ordering.pay(actor=office.people["clerk"], order_id=order.id, method="cash", key=str(order.id))
    return order


def ask(office, order, procedure: str, **data) -> Order:
    """The customer proves himself and the clerk asks for a change of the line."""
    line = fresh(services(order)["access"].pk)
    moves_kit.prove(office, line, procedure)
    return changing.request_change(
        actor=office.people["clerk"],
        service_id=line.id,
        procedure=procedure,
        key=str(uuid7()),
        data=data,
        reason=data.pop("reason", ""),
    )


def at_once(office, *rooms) -> list[Order]:
    """Bundles taken in at the same instant; those that go on come first."""
    made: list[Order] = []
    ready = threading.Barrier(len(rooms))

    def submit(room) -> None:
        try:
            ready.wait()
            made.append(bundle(office, address=room))
        finally:
            connection.close()

    clerks = [threading.Thread(target=submit, args=(room,)) for room in rooms]
    for clerk in clerks:
        clerk.start()
    for clerk in clerks:
        clerk.join()
    return sorted(made, key=lambda order: "PartException" in office.nodes(order))


def held(network) -> list[str]:
    """How the line, the telephone and television stand in the network."""
    return [one for kind in ("aaa", "voice", "dhcp") for one in network.standing(kind).values()]


def states(order) -> set[str]:
    return {s.state for s in services(order).values()}


def test_one_order_opens_all_three_and_all_three_live_and_end_together(office, network):
    order = opened(office, network, idempotency_key="b-1")
    again = bundle(office, idempotency_key="b-1")
    assert again.pk == order.pk
    items = OrderItem.objects.filter(order=order).order_by("item_id")
    assert [(i.item_id, i.specification, i.state) for i in items] == [
        ("1", "home-broadband.access", "completed"),
        ("1.iptv", "home-broadband.iptv", "completed"),
        ("1.voice", "home-broadband.voice", "completed"),
    ]
    found = services(order)
    assert states(order) == {ServiceState.ACTIVE}
    assert found["voice"].account == found["voice"].characteristics["number"] == "05597550001"
    circuit = found["iptv"].characteristics["circuit_id"]
    assert circuit.endswith(found["access"].logical_id)
    assert {found["voice"].lead_id, found["iptv"].lead_id} == {found["access"].pk}
    assert network.standing("voice") == {"05597550001": "open"}
    assert network.standing("dhcp") == {circuit: "open"}
    assert [r.amount_fen for r in Rent.objects.filter(order_id=order.id)] == [12900]
    box = Terminal.objects.get(service=found["iptv"])
    assert (box.kind, box.state) == ("set-top", TerminalState.INSTALLED)

    sheet = Facts(office.people["clerk"], order)
    receipt = sheet.sheet(sheet.papers["receipt"], None)
    assert [(row["title"], row["monthly"]) for row in receipt["items"]] == [
        ("300M 融合套餐", 12900),
        ("IPTV 高清", None),
        ("固定电话", None),
    ]
    assert "05597550001" in receipt["items"][2]["detail"]
    work = sheet.sheet(sheet.papers["work-order"], items.get(item_id="1"))
    assert work["product"] == "300M 融合套餐 + IPTV 高清 + 固定电话 05597550001"
    assert "机顶盒 1 台" in work["line"]["terminals"]
    body = service_order(order, href=str, service_states={})
    relations = {
        (item["id"], one["relationshipType"], one["orderItem"]["itemId"])
        for item in body["serviceOrderItem"]
        for one in item["serviceOrderItemRelationship"]
    }
    assert relations == {
        ("1", "bundles", "1.iptv"),
        ("1", "bundles", "1.voice"),
        ("1.iptv", "reliesOn", "1"),
        ("1.voice", "reliesOn", "1"),
    }
    clerk, line = office.people["clerk"], found["access"].pk
    assert [s.specification for s in plan_of(clerk, line, "suspend").also] == ["voice", "iptv"]
    assert not plan_of(clerk, line, "change-password").also  # nothing of theirs
    (hit,) = customers.lines_of_account(clerk, "05597550001", limit=5)
    assert hit.service_id == line

    stopped = ask(office, order, "suspend", reason="away")
    office.work_until_state(stopped, "completed")
    assert held(network) == ["barred"] * 3
    assert states(order) == {ServiceState.INACTIVE}
    assert OrderItem.objects.filter(order=stopped, state="completed").count() == 3

    again = ask(office, order, "resume", reason="back")
    office.work_until_state(again, "completed")
    assert held(network) == ["open"] * 3
    assert states(order) == {ServiceState.ACTIVE}

    ended = ask(office, order, "cancel", reason="unused")
    office.work_until(ended, "Dismantle")
    assert held(network) == []
    assert states(order) == {ServiceState.TERMINATED}
    onu = Terminal.objects.get(service=found["access"])
    with pytest.raises(BadInput) as refused:  # fetched, and nobody says which
        office.complete(ended, "Dismantle", set_top_outcome="recovered")
    assert [f.field for f in refused.value.faults] == ["recovered_set_top"]
    office.complete(
        ended,
        "Dismantle",
        outcome="recovered",
        recovered_serial=onu.serial,
        set_top_outcome="recovered",
        recovered_set_top=box.serial,
    )
    assert office.show(ended)["state"] == "completed"
    assert not Terminal.objects.exclude(state=TerminalState.IN_STOCK).exists()
    assert PoolNumber.objects.get(value="05597550001").state == "quarantine"


def test_what_cannot_be_had_or_seen_waits_for_people(office, network):
    opening = Procedure.objects.get(key="open", retired_at=None)
    opening.parameters = {
        **opening.parameters,
        "fixed_number_pattern": "055975500{seq:1}",
        "proof_patience": 0,
    }
    opening.save(update_fields=["parameters"])
    bundle(office)
    left = PoolNumber.objects.filter(state="free", rule="number").order_by("value")
    left.exclude(pk=left.first().pk).update(state="quarantine")
    first, order = at_once(office, office.plant.rooms[1], office.plant.rooms[2])  # for one number
    assert office.nodes(first) == {"Appoint"}
    assert office.nodes(order) == {"PartException"}  # nobody is sent while there is no number
    assert services(order)["voice"].account == ""
    PoolNumber.objects.filter(value="0559755007").update(state="free")
    office.complete(order, "PartException", decision="retry")
    assert office.nodes(order) == {"Appoint"}
    assert services(order)["voice"].account == "0559755007"

    office.work()
    office.complete(order, "Appoint")
    at_the_customers(network, order)
    television = services(order)["iptv"]
    network.seen.discard(television.characteristics["circuit_id"])
    with pytest.raises(BadInput) as refused:  # the label of a modem on the set-top box's line
        office.complete(order, "Install", set_top_serial="ZTEGC0000039")
    assert "set_top_serial" in {f.field for f in refused.value.faults}
    office.complete(order, "Install")
    office.work_until(order, "PartProofException")
    assert not {"Accept"} & office.nodes(order)
    assert not Service.objects.filter(order_id=order.id, state=ServiceState.ACTIVE).exists()
    office.complete(order, "PartProofException", decision="recheck")
    office.work_until(order, "PartProofException")  # looked at again, and still not there
    assert sessions.watch_terminals() == 0
    network.seen.add(television.characteristics["circuit_id"])
    assert sessions.watch_terminals() == 1  # seen: it goes on without anybody
    office.work_until(order, "Accept")
    office.complete(order, "Accept")
    assert states(order) == {ServiceState.ACTIVE}


def test_taken_back_each_element_forgets_its_part_and_the_money_returns(office, network):
    order = bundle(office)
    ordering.pay(actor=office.people["clerk"], order_id=order.id, method="cash", key="paid")
    office.work()
    assert held(network) == ["open"] * 3
    network.down.add("voice")
    withdraw(office, order)
    office.work()
    assert office.show(order)["state"] == "pendingCancellation"  # the voice platform is away
    network.down.clear()
    with clock.frozen(clock.now() + timedelta(hours=1)):  # the retry's time has come
        office.work_until_state(order, "cancelled")
    assert held(network) == []
    assert states(order) == {ServiceState.TERMINATED}
    assert set(OrderItem.objects.filter(order=order).values_list("state", flat=True)) == {
        "cancelled"
    }
    assert [p.amount_fen for p in money(office, order).payments if p.kind == "refund"] == [10000]
    assert PoolNumber.objects.get(value="05597550001").state == "quarantine"
