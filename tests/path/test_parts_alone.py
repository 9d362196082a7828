"""One part of a bundle ended alone, and one added to a line in use: told, changed, paid, proven."""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from django.utils import timezone

from kaitong.charging.models import Charge, Rent
from kaitong.core import clock
from kaitong.core.errors import BadInput, KaitongError
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import ServiceState, TerminalState
from kaitong.inventory.models import PoolNumber, Service, Terminal
from kaitong.messaging.models import Notice
from kaitong.ordering import services as ordering
from kaitong.ordering import sessions
from kaitong.ordering.errors import OrderRefused
from kaitong.ordering.life_checks import Subject
from kaitong.ordering.life_plans import plan_of
from kaitong.ordering.models import Order, OrderItem, Procedure, ServiceChange
from kaitong.ordering.part_change import additions_of, endings_of, title_of, told
from kaitong.ordering.sheets import Facts
from kaitong.playbooks import entering
from tests.path.flows_kit import PASSWORD
from tests.path.moves_kit import SYSTEM, fresh
from tests.path.test_bundles import (
    ask,
    held,
    network,  # noqa: F401  a fixture
    opened,
    services,
)

pytestmark = [pytest.mark.django_db(transaction=True)]
END = {"reason": "customer.unused", "effective": "now"}


def subject(office, order, procedure: str) -> Subject:
    line = services(order)["access"]
    plan = plan_of(office.people["clerk"], line.pk, procedure)
    return Subject(office.people["clerk"], fresh(line.pk), plan.procedure, clock.now())


def rents(order) -> list[tuple[str, int]]:
    line = services(order)["access"]
    found = Rent.objects.filter(service_id=line.pk, until=None)
    return [(rent.offering, rent.amount_fen) for rent in found]


def line_alone(office, network, room: int = 2) -> Order:  # noqa: F811
    """A broadband line in use, nothing with it."""
    order = office.submit(address=office.plant.rooms[room])
    office.work()
    office.complete(order, "Appoint")
    network.seen.add(services(order)["access"].account)
    office.complete(order, "Install")
    office.work_until(order, "Accept")
    office.complete(order, "Accept")
    ordering.pay(actor=office.people["clerk"], order_id=order.id, method="cash", key=str(order.id))
    return order


def impatient() -> None:
    """What is not seen at the first look is a person's task."""
    adding = Procedure.objects.get(key="add-part", retired_at=None)
    adding.parameters = {**adding.parameters, "proof_patience": 0}
    adding.save(update_fields=["parameters"])


def test_each_part_leaves_alone_and_the_line_goes_on(office, network):  # noqa: F811
    order = opened(office, network)
    found = services(order)
    number = found["voice"].account
    what = subject(office, order, "end-part")
    offers = {title_of(one): one for one in endings_of(what)}
    assert {title: one.offering.key for title, one in offers.items()} == {
        f"固定电话 {number}": "home-300-tv",
        "IPTV 高清": "home-300-voice",
    }
    said = told(what, offers[f"固定电话 {number}"])
    assert "这条宽带不受影响" in said[0]
    # 24 months of 10 yuan less, 30 percent of it
    assert any("¥72.00" in sentence for sentence in said)

    ended = ask(office, order, "end-part", offering="home-300-tv", **END)
    office.work_until_state(ended, "completed")
    assert network.standing("voice") == {}
    assert sorted(held(network)) == ["open", "open"]
    assert fresh(found["voice"].pk).state == ServiceState.TERMINATED
    assert {fresh(found[key].pk).state for key in ("access", "iptv")} == {ServiceState.ACTIVE}
    assert PoolNumber.objects.get(value=number).state == "quarantine"
    assert fresh(found["access"].pk).title == "300M 宽带加 IPTV"
    assert rents(order) == [("home-300-tv", 11900)]
    assert [c.amount_fen for c in Charge.objects.filter(order_id=ended.id)] == [7200]
    items = OrderItem.objects.filter(order=ended).order_by("item_id")
    assert [(i.item_id, i.action, i.state) for i in items] == [
        ("1", "modify", "completed"),
        ("1.voice", "delete", "completed"),
    ]
    sheet = Facts(office.people["clerk"], ended)
    receipt = sheet.sheet(sheet.papers["plan-receipt"], None)
    assert [row["title"] for row in receipt["items"]] == ["退订子业务", "固定电话"]
    assert "300M 融合套餐 → 300M 宽带加 IPTV" in receipt["items"][0]["detail"]
    assert Notice.objects.filter(order_id=ended.id, kind="part-ended").exists()
    ordering.pay(actor=office.people["clerk"], order_id=ended.id, method="cash", key="fee")

    last = ask(office, order, "end-part", offering="home-300", **END)
    office.work_until(last, "Recover")
    assert network.standing("dhcp") == {}
    box = Terminal.objects.get(service=found["iptv"])
    # the box is a work order of its own: the line takes other changes
    assert plan_of(office.people["clerk"], found["access"].pk, "change-password").possible
    with pytest.raises(BadInput):  # the label of another
        office.complete(
            last, "Recover", set_top_outcome="recovered", recovered_set_top="STB99999999"
        )
    office.complete(last, "Recover", set_top_outcome="recovered", recovered_set_top=box.serial)
    assert office.show(last)["state"] == "completed"
    assert Terminal.objects.get(pk=box.pk).state == TerminalState.IN_STOCK
    assert network.standing("aaa") == {found["access"].account: "open"}
    assert rents(order) == [("home-300", 9900)]
    ordering.pay(actor=office.people["clerk"], order_id=last.id, method="cash", key="fee-2")
    with pytest.raises(OrderRefused, match="没有可以单独退订的业务"):
        ask(office, order, "end-part", offering="home-300", **END)


def test_what_is_still_accepted_is_a_persons_task_and_what_waits_may_be_withdrawn(
    office,
    network,  # noqa: F811
):
    order = opened(office, network)
    later = ask(
        office, order, "end-part", offering="home-300-tv", reason="unused", effective="next-month"
    )
    office.work()
    assert sorted(held(network)) == ["open"] * 3
    assert rents(order) == [("home-300-bundle", 12900)]
    for procedure in ("change-plan", "add-part", "unbind-number"):
        # what was pinned for the first would undo it, and charge for a part that is gone
        plan = plan_of(office.people["clerk"], services(order)["access"].pk, procedure)
        assert "scheduled" in {one.check for one in plan.findings if one.refuses}
        assert plan.refusal
    ordering.withdraw(
        actor=office.people["clerk"], order_id=later.id, reason="customer.keep", key="w"
    )
    office.work_until_state(later, "cancelled")
    assert {one.state for one in services(order).values()} == {ServiceState.ACTIVE}
    assert not ServiceChange.objects.filter(ended_at=None).exists()
    states = OrderItem.objects.filter(order=later).values_list("state", flat=True)
    assert set(states) == {"cancelled"}

    network.deaf.add("voice")
    ended = ask(office, order, "end-part", offering="home-300-tv", **END)
    office.work_until(ended, "RemoveTrouble")
    assert services(order)["voice"].state == ServiceState.ACTIVE  # not ended on anybody's word
    with pytest.raises(KaitongError, match="登记新套餐"):
        ordering.withdraw(
            actor=office.people["clerk"], order_id=ended.id, reason="customer.keep", key="w2"
        )
    network.deaf.clear()
    office.complete(ended, "RemoveTrouble", decision="retry", found="语音平台恢复")
    office.work_until_state(ended, "completed")
    assert network.standing("voice") == {}


def test_television_is_added_by_a_visit_and_paid_from_the_day_it_works(
    office,
    network,  # noqa: F811
):
    order = line_alone(office, network)
    offers = {title_of(one): one for one in additions_of(subject(office, order, "add-part"))}
    assert {title: (one.offering.key, one.visit_fen) for title, one in offers.items()} == {
        "固定电话": ("home-300-voice", 0),
        "IPTV 高清": ("home-300-tv", 5000),
    }
    said = told(subject(office, order, "add-part"), offers["IPTV 高清"])
    assert any("上门费 ¥50.00" in sentence for sentence in said)

    added = ask(office, order, "add-part", offering="home-300-tv", reason="wanted")
    office.work_until(added, "Appoint")
    assert rents(order) == [("home-300", 9900)]  # nothing of it is paid by the month yet
    television = Service.objects.get(order_id=added.id)
    circuit = television.characteristics["circuit_id"]
    assert network.standing("dhcp") == {circuit: "open"}
    office.complete(added, "Appoint")
    sheet = Facts(office.people["clerk"], Order.objects.get(pk=added.pk))
    work = sheet.sheet(sheet.papers["part-order"], added.items.get(item_id="1"))
    assert work["product"] == "300M 家庭宽带 + IPTV 高清"
    assert work["line"]["terminals"] == "光猫 1 台；机顶盒 1 台"
    office.complete(added, "Install")
    office.work()
    assert television.state != ServiceState.ACTIVE
    network.seen.add(circuit)
    office.work_until_state(added, "completed", seconds=40)
    assert {fresh(one.pk).state for one in (television, services(order)["access"])} == {
        ServiceState.ACTIVE
    }
    assert rents(order) == [("home-300-tv", 11900)]
    since = Rent.objects.get(offering="home-300-tv").since
    assert since == timezone.localdate(clock.now())
    assert [c.amount_fen for c in Charge.objects.filter(order_id=added.id)] == [5000]
    assert Terminal.objects.get(service=television).state == TerminalState.INSTALLED
    ordering.pay(actor=office.people["clerk"], order_id=added.id, method="cash", key="visit")
    stopped = ask(office, order, "suspend", reason="away")  # from now on it goes with its line
    office.work_until_state(stopped, "completed")
    assert held(network) == ["barred"] * 2


def test_a_telephone_is_added_without_a_visit_and_may_be_taken_back_until_it_rings(
    office,
    network,  # noqa: F811
):
    order = line_alone(office, network)
    clerk = office.people["clerk"]
    with clock.frozen(clock.now()):  # looked at once
        added = ask(
            office,
            order,
            "add-part",
            offering="home-300-voice",
            telephone="0559755-8888",
            reason="wanted",
        )
        office.work()
    telephone = Service.objects.get(order_id=added.id)
    assert telephone.account == "05597558888"  # never made before, and picked
    shown = Order.objects.get(pk=added.pk)
    (entry,) = entering.reveal_renewed(actor=clerk, order_id=shown.pk)
    assert entry.reached == telephone.account
    assert entry.password == network.held["voice"][telephone.account].password
    ordering.withdraw(actor=clerk, order_id=added.id, reason="customer.no-need", key="w")
    office.work_until_state(added, "cancelled")
    assert network.standing("voice") == {}
    assert PoolNumber.objects.get(value="05597558888").state == "quarantine"
    with pytest.raises(BadInput) as gone:  # it rests, and nobody may have it
        ask(
            office,
            order,
            "add-part",
            offering="home-300-voice",
            telephone="05597558888",
            reason="wanted",
        )
    assert [fault.field for fault in gone.value.faults] == ["telephone"]
    assert Service.objects.get(pk=telephone.pk).state == ServiceState.TERMINATED
    assert services(order)["access"].state == ServiceState.ACTIVE
    assert rents(order) == [("home-300", 9900)]

    impatient()
    made: list[Order] = []
    ready = threading.Barrier(2)
    line = services(order)["access"]

    def go(offering: str) -> None:
        try:
            ready.wait(10)
            made.append(ask(office, order, "add-part", offering=offering, reason="wanted"))
        except KaitongError:
            pass
        finally:
            connection.close()

    clerks = [threading.Thread(target=go, args=(one,)) for one in ("home-300-voice",) * 2]
    for one in clerks:
        one.start()
    for one in clerks:
        one.join()
    (again,) = made  # of two at once one is taken in
    assert Service.objects.filter(lead_id=line.pk).exclude(state="terminated").count() == 1
    office.work_until(again, "SelfInstall")  # the customer has not connected it yet
    network.seen.add(Service.objects.get(order_id=again.id).account)
    assert sessions.watch_terminals() == 1
    office.work_until_state(again, "completed")
    assert rents(order) == [("home-300-voice", 10900)]
    (entry,) = entering.reveal_renewed(actor=clerk, order_id=again.pk)  # until the day's end
    assert entry.password


def test_an_addition_refused_gives_back_what_it_took(office, network):  # noqa: F811
    impatient()
    order = line_alone(office, network)
    added = ask(office, order, "add-part", offering="home-300-tv", reason="wanted")
    office.work_until(added, "Appoint")
    ordering.pay(actor=office.people["clerk"], order_id=added.id, method="cash", key="visit")
    office.complete(added, "Appoint")
    office.complete(added, "Install")
    office.work_until(added, "ProofException")
    office.complete(added, "ProofException", decision="refuse", decision_reason="户内线不通。")
    office.work_until_state(added, "failed")
    assert network.standing("dhcp") == {}
    assert Service.objects.get(order_id=added.id).state == ServiceState.TERMINATED
    (charge,) = Charge.objects.filter(order_id=added.id)
    assert charge.refunded_fen == 5000
    assert rents(order) == [("home-300", 9900)]
    assert services(order)["access"].state == ServiceState.ACTIVE
    assert Notice.objects.filter(order_id=added.id, kind="part-refused").exists()


def test_a_reset_gives_the_line_the_telephone_or_both_a_new_password(office, network):  # noqa: F811
    order = opened(office, network)
    found = services(order)
    clerk = office.people["clerk"]

    def password(key: str) -> str:
        return inventory.reveal_password(
            actor=SYSTEM, service_id=found[key].pk, reason="what is it now"
        )

    line, telephone = password("access"), password("voice")
    with pytest.raises(BadInput) as asked:  # which one is asked of who has a telephone
        ask(office, order, "reset-password", **PASSWORD)
    assert asked.value.faults[0].field == "whose"
    with pytest.raises(BadInput) as asked:
        ask(office, order, "reset-password", whose="telephone", **PASSWORD)
    assert {fault.field for fault in asked.value.faults} == set(PASSWORD)

    network.deaf.add("voice")
    alone = ask(office, order, "reset-password", whose="telephone")
    office.work_until(alone, "TelephoneTrouble")
    network.deaf.clear()
    office.complete(alone, "TelephoneTrouble", decision="retry", found="固话平台恢复")
    office.work_until_state(alone, "completed")
    assert password("access") == line
    assert password("voice") != telephone
    assert network.held["voice"][found["voice"].account].password == password("voice")
    (entry,) = entering.reveal_renewed(actor=clerk, order_id=alone.pk)
    assert (entry.reached, entry.password) == (found["voice"].account, password("voice"))
    assert set(alone.items.values_list("item_id", "state")) == {
        ("1", "completed"),
        ("1.voice-1", "completed"),
    }

    telephone = password("voice")
    both = ask(office, order, "reset-password", whose="both", **PASSWORD)
    office.work_until_state(both, "completed")
    assert password("access") == PASSWORD["password"]
    assert password("voice") != telephone

    bare = line_alone(office, network)
    with pytest.raises(BadInput) as asked:  # a line alone is asked for its own password only
        ask(office, bare, "reset-password", whose="line", **PASSWORD)
    assert [fault.field for fault in asked.value.faults] == ["whose"]
    reset = ask(office, bare, "reset-password", **PASSWORD)
    office.work_until_state(reset, "completed")
