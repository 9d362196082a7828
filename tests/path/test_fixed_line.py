"""固定电话 alone (HALL-05): a playbook of its own, at a real voice platform from opening to end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from kaitong.activation import services as activation
from kaitong.charging import services as charging
from kaitong.charging.models import Bill, Rent
from kaitong.core.clock import now
from kaitong.core.errors import BadInput
from kaitong.core.home import library
from kaitong.fieldwork.errors import CheckFailed
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.models import PoolNumber
from kaitong.messaging.models import Notice
from kaitong.ordering import barring
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order
from kaitong.places.models import Address
from kaitong.playbooks import entering
from kaitong.playbooks import services as playbooks
from tests.path.flows_kit import NEW_OWNER
from tests.path.moves_kit import SYSTEM, ask, fresh

pytestmark = [pytest.mark.voice, pytest.mark.django_db(transaction=True)]


def order_of(office, number: str = "05597568888", room: int = 0):
    (item,) = office.request(address=office.plant.rooms[room]).items
    wanted = replace(item, specification="", offering="phone", telephone=number)
    return office.submit(items=(wanted,))


def platform(voice, county) -> None:
    settings = voice.settings()
    activation.register_element(
        key="voice",
        kind="voice",
        title="固话平台",
        branch_id=county.id,
        connection=settings.connection(),
        secret=settings.secrets(),
    )


def secret(line) -> str:
    return inventory_verbs.reveal_password(
        actor=SYSTEM, service_id=line.id, reason="typed into the telephone"
    )


def opened(office, phone):
    """(its order, the telephone in use, its password)"""
    order = order_of(office)
    office.work_until(order, "Appoint")
    (line,) = inventory.services_of_order(order.id)
    password = secret(line)
    office.complete(order, "Appoint")
    assert phone.on(line.account, password).done
    office.complete(order, "Install")
    office.work_until_state(order, "completed", seconds=40)
    assert fresh(line.id).state == ServiceState.ACTIVE
    return order, fresh(line.id), password


def test_a_telephone_alone_is_opened_shut_off_on_again_and_ended(office, county, voice, phone):
    playbooks.deploy(actor=SYSTEM, folder=library() / "fixed-line")
    with pytest.raises(BadInput, match="固话平台"):
        order_of(office)  # sold only where the branch has the platform
    platform(voice, county)
    order, line, password = opened(office, phone)
    assert line.account == line.characteristics["number"] == "05597568888"
    assert line.port_text
    assert line.logical_id
    assert [r.amount_fen for r in Rent.objects.filter(service_id=line.id)] == [1800]
    assert "05597568888" in Notice.objects.get(order_id=order.id, kind="completed").text
    ordering.pay(actor=office.people["clerk"], order_id=order.id, method="cash", key="paid")

    stopped = ask(office, line, "suspend", reason="customer.away")
    office.work_until_state(stopped, "completed", seconds=40)
    assert phone.on(line.account, password).answer == "403 Suspended at own request"
    again = ask(office, line, "resume", reason="customer.back")
    office.work_until_state(again, "completed", seconds=40)
    assert phone.on(line.account, password).done
    assert fresh(line.id).state == ServiceState.ACTIVE

    today = timezone.localdate(now())
    charging.bill_service(actor=SYSTEM, service_id=line.id, through=today + timedelta(days=1))
    Bill.objects.update(due_on=today - timedelta(days=60))
    assert barring.suspend_due() == 1
    shut = Order.objects.get(items__procedure__key="suspend-arrears")
    office.work_until_state(shut, "completed", seconds=40)
    assert not phone.on(line.account, password).done
    bill = Bill.objects.get()
    charging.receive(
        actor=office.people["clerk"],
        customer_id=line.customer_id,
        amount_fen=bill.total_fen - bill.paid_fen,
        method="cash",
        key="bill",
    )
    assert barring.resume_paid() == 1
    back = Order.objects.get(items__procedure__key="resume-arrears")
    office.work_until_state(back, "completed", seconds=40)
    assert phone.on(line.account, password).done

    ended = ask(office, line, "cancel", reason="no-need.unused")
    office.work_until(ended, "Dismantle", seconds=40)
    assert phone.on(line.account, password).answer == "404 Unknown Number"
    office.complete(ended, "Dismantle")
    assert office.show(ended)["state"] == "completed"
    assert fresh(line.id).state == ServiceState.TERMINATED
    assert PoolNumber.objects.get(value="05597568888").state == "quarantine"


def test_a_telephone_alone_is_changed_given_away_and_moved(office, county, voice, phone):
    playbooks.deploy(actor=SYSTEM, folder=library() / "fixed-line")
    platform(voice, county)
    order, line, first = opened(office, phone)
    ordering.pay(actor=office.people["clerk"], order_id=order.id, method="cash", key="paid")

    plan = ask(
        office, line, "change-plan", reason="customer.more", offering="phone-talk", effective="now"
    )
    office.work_until_state(plan, "completed", seconds=40)
    assert fresh(line.id).title == "固定电话畅打"
    assert {r.amount_fen for r in Rent.objects.filter(service_id=line.id)} == {1800, 3800}

    anew = ask(office, line, "reset-password")
    office.work_until_state(anew, "completed", seconds=40)
    second = secret(line)
    assert second != first
    assert not phone.on(line.account, first).done
    assert phone.on(line.account, second).done
    clerk = office.people["clerk"]
    (told,) = entering.reveal_renewed(actor=clerk, order_id=anew.id)  # read at the counter today
    assert (told.title, told.reached, told.password) == ("电话号码", line.account, second)

    moved = ask(
        office, line, "move", reason="customer.house",
        address=Address.objects.get(pk=office.plant.rooms[1]).full_text,
    )  # fmt: skip
    office.complete(moved, "Appoint")
    office.complete(moved, "Dismount")
    office.work_until(moved, "Install", seconds=40)
    with pytest.raises(CheckFailed, match="没有看到号码 05597568888 的话机注册"):
        office.complete(moved, "Install")
    assert phone.on(line.account, second).done
    office.complete(moved, "Install")
    office.work_until_state(moved, "completed", seconds=40)
    line = fresh(line.id)
    assert (line.account, line.address_id) == ("05597568888", office.plant.rooms[1])
    assert line.state == ServiceState.ACTIVE

    ordering.pay(actor=clerk, order_id=moved.id, method="cash", key="moved")
    given = ask(office, line, "transfer", reason="customer.family", **NEW_OWNER)
    office.work_until_state(given, "completed", seconds=40)
    third = secret(line)
    assert third not in (first, second)
    assert not phone.on(line.account, second).done
    assert phone.on(line.account, third).done
    assert fresh(line.id).customer_id != line.customer_id
    texts = " ".join(notice.text for notice in Notice.objects.all())
    assert "宽带" not in texts
    assert "已移到" in texts
