"""融合套餐 when something goes wrong: an element that does not obey, ids that meet, a handset that
was somebody else's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kaitong.activation import services as activation
from kaitong.activation.models import NetworkElement
from kaitong.charging.models import Rent
from kaitong.core import clock
from kaitong.core.errors import Refused
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.models import Service
from kaitong.ordering import counter
from kaitong.ordering.errors import BadOrder
from kaitong.ordering.models import Order, Procedure
from kaitong.org.actor import Actor
from kaitong.places.models import Address
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from tests.path import bundles_kit
from tests.path.flows_kit import NEW_OWNER, PASSWORD
from tests.path.test_bundles import (
    ask,
    at_the_customers,
    bundle,
    held,
    network,  # noqa: F401  a fixture
    opened,
    services,
    states,
)
from tests.path.withdrawal_kit import withdraw

pytestmark = [pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()


def test_what_is_not_shut_off_and_taken_back_works_again_whole(office, network):  # noqa: F811
    order = opened(office, network)
    network.deaf.add("voice")
    stopped = ask(office, order, "suspend", reason="away")
    office.work_until(stopped, "LoginAccepted")
    assert sorted(held(network)) == ["barred", "barred", "open"]
    office.complete(stopped, "LoginAccepted", decision="undo", found="固话平台检修")
    office.work_until_state(stopped, "failed")
    assert held(network) == ["open"] * 3
    assert states(order) == {ServiceState.ACTIVE}


def test_ids_of_items_and_of_what_comes_with_them_differ(office, network):  # noqa: F811
    (item,) = office.request().items
    bundled = replace(item, specification="", offering="home-300-bundle")
    with pytest.raises(BadOrder) as refused:
        office.submit(items=(bundled, replace(item, item_id="1.voice")))
    assert [f.field for f in refused.value.faults] == ["items[0].item_id"]
    assert not Order.objects.exists()


def test_a_bundle_is_sold_only_where_every_part_has_its_platform(office, county, monkeypatch):
    bundles_kit.install(monkeypatch, bundles_kit.Network())

    def lacking() -> tuple[str, ...]:
        offers = counter.offers(office.people["clerk"])
        (plan,) = [one for one in offers if one.offering.key == "home-300-bundle"]
        assert not any(one.lacking for one in offers if not one.offering.parts)
        return plan.lacking

    def refused() -> str:
        with pytest.raises(BadOrder) as bad:
            bundle(office)
        (fault,) = bad.value.faults
        assert fault.field == "items[0].offering"
        assert "登记网元" in str(fault.remedy)
        return str(fault.what)

    assert set(lacking()) == {"voice", "dhcp"}
    assert "固话平台" in (said := refused())
    assert "DHCP 平台" in said
    for key in ("voice", "dhcp"):
        activation.register_element(
            key=key, kind=key, title=key, branch_id=county.id, connection={}, secret={}
        )
    activation.set_element_state(key="voice", state="out-of-service")
    assert lacking() == ("voice",)
    assert "DHCP" not in refused()
    assert not Order.objects.exists()
    office.submit()  # a line alone needs neither
    activation.set_element_state(key="voice", state="in-service")
    assert lacking() == ()
    assert bundle(office, address=office.plant.rooms[1]).state != "rejected"


def test_a_telephone_given_away_has_forgotten_the_password_before(office, network):  # noqa: F811
    order = opened(office, network)
    telephone = services(order)["voice"]

    def password() -> str:
        return inventory.reveal_password(actor=SYSTEM, service_id=telephone.pk, reason="test")

    before = password()
    network.deaf.add("voice")  # still lets the old owner in
    given = ask(office, order, "transfer", reason="customer.family", **NEW_OWNER, **PASSWORD)
    office.work_until(given, "PasswordTrouble")
    kept = inventory.reveal_former_password(actor=SYSTEM, service_id=telephone.pk, reason="test")
    assert kept == before  # until its end is proven
    network.deaf.clear()
    office.complete(given, "PasswordTrouble")
    office.work_until_state(given, "completed")
    assert network.held["voice"][telephone.account].password == password() != before
    assert not inventory.reveal_former_password(
        actor=SYSTEM, service_id=telephone.pk, reason="test"
    )
    assert len({s.customer_id for s in services(order).values()}) == 1


def test_a_platform_that_is_away_while_a_bundle_moves_is_waited_for(office, network):  # noqa: F811
    order = opened(office, network)
    room = office.plant.rooms[3]
    text = Address.objects.get(pk=room).full_text
    moving = ask(office, order, "move", reason="customer.house", address=text)
    office.complete(moving, "Appoint")
    network.down.add("voice")
    office.complete(moving, "Dismount")
    office.work()
    assert network.standing("dhcp") == {}  # the part that could be left is, the line is not yet
    assert office.nodes(moving) == set()
    network.down.clear()
    with clock.frozen(clock.now() + timedelta(hours=1)):  # the retry's time has come
        office.work_until(moving, "Install")
        assert sorted(held(network)) == ["open"] * 3
        at_the_customers(network, order)
        office.complete(moving, "Install")
        office.work_until_state(moving, "completed")
    assert states(order) == {ServiceState.ACTIVE}
    assert {s.address_id for s in services(order).values()} == {room}


def test_another_bundle_calls_what_comes_with_the_line_as_it_does(office, network):  # noqa: F811
    order = opened(office, network)
    assert services(order)["iptv"].title == "IPTV 高清"
    asked = {"offering": "home-1000-bundle", "effective": "now", "reason": "customer.faster"}
    changed = ask(office, order, "change-plan", **asked)
    office.work_until_state(changed, "completed")
    found = services(order)
    assert (found["access"].title, found["iptv"].title) == ("1000M 融合套餐", "IPTV 4K")
    assert found["iptv"].characteristics["package"] == "iptv-4k"
    assert set(changed.items.values_list("state", flat=True)) == {"completed"}
    paid = Rent.objects.filter(service_id=found["access"].pk, until=None)
    assert sorted(paid.values_list("title", "amount_fen")) == [
        ("IPTV 4K 月租费", 1000),
        ("套餐月租费", 19900),
    ]


def test_a_bundle_of_which_one_is_not_at_work_is_not_left_half_shut_off(office, network):  # noqa: F811
    order = opened(office, network)
    found = services(order)
    network.deaf.add("aaa")
    stopped = ask(office, order, "suspend", reason="away")
    office.work_until(stopped, "LoginAccepted")
    network.deaf.clear()
    # its record was put right by hand meanwhile
    inventory.resume(actor=SYSTEM, service_id=found["iptv"].pk, kind="request")
    Service.objects.filter(pk=found["iptv"].pk).update(state=ServiceState.TERMINATED)
    office.complete(stopped, "LoginAccepted")
    office.work_until(stopped, "PartsStateTrouble")
    assert held(network)[0] == "barred"
    office.complete(stopped, "PartsStateTrouble", decision="refuse", found="IPTV 已退订")
    office.work_until_state(stopped, "failed")
    assert network.standing("aaa") == {found["access"].account: "open"}
    assert network.standing("voice") == {found["voice"].account: "open"}
    assert network.standing("dhcp") == {}  # what ended is not brought back
    assert {key: s.state for key, s in services(order).items()} == {
        "access": ServiceState.ACTIVE,
        "voice": ServiceState.ACTIVE,
        "iptv": ServiceState.TERMINATED,
    }


def test_a_bundle_may_be_withdrawn_until_all_that_comes_with_it_is_proven(office, network):  # noqa: F811
    opening = Procedure.objects.get(key="open", retired_at=None)
    opening.parameters = {**opening.parameters, "proof_patience": 0}
    opening.save(update_fields=["parameters"])
    proven, withdrawn = bundle(office), bundle(office, address=office.plant.rooms[1])
    office.work()
    for order in (proven, withdrawn):
        office.complete(order, "Appoint")
        at_the_customers(network, order)
        network.seen.discard(services(order)["iptv"].characteristics["circuit_id"])
        office.complete(order, "Install")
        office.work_until(order, "PartProofException")  # the line is proven, television is not
    at_the_customers(network, proven)
    office.complete(proven, "PartProofException", decision="recheck")
    office.work_until(proven, "Accept")
    with pytest.raises(Refused, match="最后环节：开通验证通过"):
        withdraw(office, proven)
    withdraw(office, withdrawn, key="k2")
    office.work()
    office.work_until_state(withdrawn, "cancelled")
    assert len(held(network)) == 3  # of the other
    assert states(withdrawn) == {ServiceState.TERMINATED}


def test_an_element_taken_from_the_register_is_an_incident_not_a_silent_end(
    office,
    network,  # noqa: F811
    other_county,
):
    order = bundle(office)
    office.work()
    assert held(network) == ["open"] * 3
    platform = NetworkElement.objects.filter(key="voice")
    at_home = platform.get().branch_id
    platform.update(title="语音平台", branch_id=other_county.id)
    withdraw(office, order)
    office.work()
    (stuck,) = process.incidents(SYSTEM, business_id=order.id).rows
    assert (stuck.node, stuck.cause) == ("RemoveParts", "data")
    assert "语音平台（voice）" in stuck.message
    assert office.show(order)["state"] == "pendingCancellation"
    platform.update(branch_id=at_home)
    process_verbs.retry_incident(actor=office.people["network"], incident_id=stuck.id)
    office.work_until_state(order, "cancelled")
    assert held(network) == []
