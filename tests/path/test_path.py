"""The whole path without a browser: from an order to a line that is proven, or visibly not.

Covers: the happy path with a real FreeRADIUS; a session on a wrong port; a session that comes late;
no free port; a document that was not read; places that cannot be served; other branches.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kaitong.activation.nasport import Line
from kaitong.activation.queries import line_of_account
from kaitong.charging.models import Rent
from kaitong.core.errors import BadInput, Forbidden, NotFound, Refused
from kaitong.fieldwork.errors import CheckFailed
from kaitong.fieldwork.models import Check
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import ResourceState
from kaitong.lab.session import other_port
from kaitong.ordering import queries as orders
from kaitong.ordering import services as ordering
from kaitong.ordering import sessions
from kaitong.ordering.models import Demand
from kaitong.places.models import Address
from kaitong.process import queries as process
from kaitong.process import services as process_verbs

pytestmark = [pytest.mark.django_db(transaction=True)]


def walk_to_proof(office, order) -> None:
    """The live check fails; the shift leader lets it pass, and the proof is asked all the same."""
    office.complete(order, "Appoint")
    office.work()
    with pytest.raises(CheckFailed):
        office.complete(order, "Install")
    office.complete(order, "Install", by="supervisor")
    office.work()


def line_text(lab, line: Line) -> str:
    from kaitong.activation import nasport

    return nasport.pattern(lab.settings().nas_port_pattern).format(line)


def service_of(office, order) -> dict:
    return office.show(order)["services"][0]


@pytest.mark.server
@pytest.mark.radius
def test_from_request_to_proven_line(office, radius, lab, modem):
    order = office.submit()
    assert order.number.startswith("XN-")
    assert office.nodes(order) == {"Appoint"}  # machines have assigned a port and made the data
    office.work()
    shown = service_of(office, order)
    assert shown["state"] == "inactive"
    assert [p["kind"] for p in shown["proof"] if p["ok"]] == ["account"]
    office.complete(order, "Appoint")
    session = modem.start(shown["account"], line_text(lab, line_of_account(shown["account"])))
    assert session.ok, session
    office.complete(order, "Install")
    office.work_until(order, "Accept")
    office.complete(order, "Accept")
    shown = office.show(order)
    assert shown["state"] == "completed"
    assert shown["services"][0]["state"] == "active"
    assert [r.amount_fen for r in Rent.objects.filter(order_id=order.id)] == [9900]  # 起租
    assert {p["kind"]: p["ok"] for p in shown["services"][0]["proof"]} == {
        "account": True,
        "line": True,
    }
    assert shown["waiting"] == shown["work_items"] == []


@pytest.mark.radius
def test_session_on_a_wrong_port_never_completes(office, radius, lab, modem):
    order = office.submit()
    office.work()
    account = service_of(office, order)["account"]
    wrong = other_port(line_of_account(account))
    assert modem.start(account, line_text(lab, wrong)).ok
    walk_to_proof(office, order)
    assert office.nodes(order) == {"ProofException"}
    shown = service_of(office, order)
    assert shown["state"] == "inactive"
    assert wrong.pon_port in shown["reason"]
    # Asking again without a change in the network changes nothing.
    office.complete(order, "ProofException", decision="recheck")
    office.work()
    assert office.nodes(order) == {"ProofException"}
    # The modem is moved to the right port: nobody has to touch the order.
    modem.stop(account)
    assert modem.start(account, line_text(lab, line_of_account(account))).ok
    assert sessions.watch() == 1
    office.work_until(order, "Accept")
    assert service_of(office, order)["reason"] == ""


def test_no_free_port_waits_for_the_resource_post(office):
    for port in range(1, 9):
        inventory.keep(actor=office.plant.actor, resource_id=office.plant.port(port), reason="test")
    order = office.submit()
    assert office.nodes(order) == {"PortException"}
    office.complete(order, "PortException", decision="retry")
    assert office.nodes(order) == {"PortException"}
    office.complete(order, "PortException", decision="refuse", decision_reason="无扩容计划")
    shown = office.show(order)
    assert shown["state"] == "failed"
    assert "无扩容计划" in shown["reason"]
    assert Demand.objects.get().reason == "no-free-port"


def test_what_cannot_be_mended_is_refused_at_once_with_its_reason(office):
    """While the resource post waits for expansion the property management shuts its door: the
    next assignment decides by itself, and nobody is asked."""
    for port in range(1, 9):
        inventory.keep(actor=office.plant.actor, resource_id=office.plant.port(port), reason="test")
    order = office.submit()
    assert office.nodes(order) == {"PortException"}
    Address.objects.filter(pk=office.plant.rooms[0]).update(coverage="no-entry")
    office.complete(order, "PortException", decision="retry")
    shown = office.show(order)
    assert shown["state"] == "failed"
    assert "物业不允许进入" in shown["reason"]
    assert Demand.objects.get().reason == "no-entry"


def test_refused_order_gives_everything_back(office, monkeypatch):
    order = office.submit(read=False)
    assert office.nodes(order) == {"DocumentReview"}
    office.complete(order, "DocumentReview", decision="refuse", document_read=False)
    assert office.show(order)["state"] == "failed"
    free = [
        row for row in range(1, 9) if inventory_state(office.plant.port(row)) == ResourceState.FREE
    ]
    assert len(free) == 8


def inventory_state(port_id) -> str:
    from kaitong.inventory.models import Resource

    return Resource.objects.get(pk=port_id).state


def test_document_read_at_the_counter_goes_on(office):
    order = office.submit(read=False)
    office.complete(order, "DocumentReview")
    assert office.nodes(order) == {"Appoint"}


@pytest.mark.parametrize(
    "place, reason",
    [("planned", "planned"), ("no_entry", "no-entry"), ("uncovered", "not-covered")],
)
def test_place_that_cannot_be_served_is_refused_and_recorded(office, place, reason):
    order = office.submit(address=getattr(office.plant, place))
    assert order.state == "rejected"
    assert order.reason
    demand = Demand.objects.get()
    assert (demand.reason, demand.order_id) == (reason, order.id)
    assert office.show(order)["services"] == []


@pytest.mark.parametrize(
    "number, said",
    [("341022197001151215", "校验"), ("", "证件号码")],
    ids=["check digit", "empty"],
)
def test_bad_document_names_the_field_and_writes_nothing(office, number, said):
    from dataclasses import replace

    request = office.request()
    document = replace(request.customer.document, number=number)
    with pytest.raises(BadInput) as refusal:
        office.submit(customer=replace(request.customer, document=document))
    assert refusal.value.faults[0].field == "customer.document.number"
    assert said in refusal.value.faults[0].what
    assert orders.orders(office.people["clerk"])[1] == 0


def test_another_branch_sees_nothing(office, other_county, staff_of):
    order = office.submit()
    stranger = staff_of(other_county, "stranger", "clerk", "installer", "supervisor")
    with pytest.raises(NotFound):
        orders.order(stranger, order.id)
    assert orders.orders(stranger) == ([], 0)
    row = process.open_items_of(office.people["supervisor"], [order.id])[order.id][0]
    with pytest.raises(NotFound):
        process.work_item(stranger, row.id)


@pytest.mark.server
def test_same_key_twice_is_one_order(office):
    first = office.submit(idempotency_key="k-1")
    again = office.submit(idempotency_key="k-1")
    assert again.id == first.id
    assert orders.orders(office.people["clerk"])[1] == 1


def test_unknown_terminal_keeps_the_work_open(office, monkeypatch):
    order = office.submit()
    office.complete(order, "Appoint")
    with pytest.raises(BadInput) as refusal:
        office.complete(order, "Install", terminal_serial="UNKNOWN-0001")
    assert refusal.value.faults[0].field == "terminal_serial"
    assert "UNKNOWN-0001" in refusal.value.faults[0].what
    assert office.nodes(order) == {"Install"}


def test_checklist_must_be_true(office):
    order = office.submit()
    office.complete(order, "Appoint")
    with pytest.raises(BadInput) as refusal:
        office.complete(order, "Install", clearance=False, label_checked=False)
    assert {fault.field for fault in refusal.value.faults} == {"clearance", "label_checked"}
    assert not Check.objects.exists()  # the network was not asked for work that is not done


def test_only_the_post_of_the_first_lane_or_a_supervisor_takes_orders_in(office):
    with pytest.raises(Forbidden):
        ordering.submit(actor=office.people["installer"], request=office.request())
    assert orders.orders(office.people["clerk"])[1] == 0
    assert ordering.submit(actor=office.people["supervisor"], request=office.request()).number


def test_suspending_for_an_age_is_refused_and_nothing_is_written(office):
    order = office.submit()
    item = process.open_items_of(office.people["installer"], [order.id])[order.id][0]
    with pytest.raises(Refused):
        process_verbs.suspend(
            actor=office.people["installer"],
            item_id=item.id,
            reason_code="customer-away",
            until=datetime(9999, 12, 31, tzinfo=UTC),
        )
    assert process.counts(office.people["installer"])["suspended"] == 0
