"""Another holder, another account, the end (过户, 修改账号, 销户): what is kept and given back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from kaitong.core.clock import now
from kaitong.core.ids import uuid7
from kaitong.inventory import ownership
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import NumberState, ResourceState, ServiceState, TerminalState
from kaitong.inventory.errors import WrongState
from kaitong.inventory.former import former_account
from kaitong.inventory.models import PoolNumber, Resource, Service, Suspension, Terminal

PATTERN = "xn0559{seq:7}@kd"
REASON = "销户：搬离本地"


@pytest.fixture
def working(plant):
    """A service that works: on a port, with numbers of pools and a terminal."""
    service_id = plant.service()
    inventory.take_port(
        actor=plant.actor,
        order_id=Service.objects.get(pk=service_id).order_id,
        service_id=service_id,
        address_id=plant.rooms[0],
    )
    inventory.allocate_account(
        actor=plant.actor, service_id=service_id, pattern=PATTERN, quarantine_days=90
    )
    inventory.issue_password(actor=plant.actor, service_id=service_id)
    inventory.confirm_use(actor=plant.actor, service_id=service_id)
    inventory.add_terminals(
        actor=plant.actor,
        branch_id=plant.branch_id,
        rows=[inventory.TerminalRow("HWTC00000001", "HG8145X6")],
    )
    inventory.install_terminal(actor=plant.actor, service_id=service_id, serial="HWTC00000001")
    Service.objects.filter(pk=service_id).update(state=ServiceState.ACTIVE, started_at=now())
    return service_id


def number_of(account: str) -> PoolNumber:
    return PoolNumber.objects.get(value=account)


@pytest.mark.django_db
def test_an_ended_service_leaves_port_account_and_terminal_on_their_way_back(plant, working):
    account = Service.objects.get(pk=working).account
    left = ownership.cease_service(actor=plant.actor, service_id=working, reason=REASON)
    service = Service.objects.get(pk=working)
    assert (service.state, service.account, service.password) == ("terminated", "", None)
    assert service.ext[ownership.FORMER] == [account]
    assert Resource.objects.get(pk=left.port_id).state == ResourceState.PRE_RELEASED
    number = number_of(account)
    assert number.state == NumberState.QUARANTINE
    assert number.rests_until > now() + timedelta(days=89)
    assert Terminal.objects.get().state == TerminalState.TO_RECOVER
    assert left.terminals == ("HWTC00000001",)


@pytest.mark.django_db
def test_ending_twice_leaves_nothing_more(plant, working):
    ownership.cease_service(actor=plant.actor, service_id=working, reason=REASON)
    ended = Service.objects.get(pk=working).ended_at
    again = ownership.cease_service(actor=plant.actor, service_id=working, reason="销户：其他")
    assert (again.account, again.port_id, again.terminals) == ("", None, ())
    service = Service.objects.get(pk=working)
    assert (service.ended_at, service.reason) == (ended, REASON)


@pytest.mark.django_db
def test_a_suspended_service_ends_as_well_and_its_suspension_with_it(plant, working):
    inventory.suspend(actor=plant.actor, service_id=working, kind="request", reason="出国")
    ownership.cease_service(actor=plant.actor, service_id=working, reason=REASON)
    assert Service.objects.get(pk=working).state == ServiceState.TERMINATED
    assert Suspension.objects.get().ended_at is not None


@pytest.mark.django_db
def test_what_never_worked_is_withdrawn_and_not_ceased(plant):
    service_id = plant.service()
    with pytest.raises(WrongState, match="还没有开通"):
        ownership.cease_service(actor=plant.actor, service_id=service_id, reason=REASON)
    assert Service.objects.get(pk=service_id).state != ServiceState.TERMINATED


@pytest.mark.django_db
def test_a_port_is_free_when_its_line_is_taken_down_and_not_again_from_somebody_else(
    plant, working
):
    port_id = ownership.cease_service(
        actor=plant.actor, service_id=working, reason=REASON, rest=timedelta(days=30)
    ).port_id
    assert ownership.line_taken_down(actor=plant.actor, port_id=port_id)
    port = Resource.objects.get(pk=port_id)
    assert (port.state, port.rests_until) == (ResourceState.FREE, None)
    other = plant.service()
    inventory.take_port(
        actor=plant.actor,
        order_id=Service.objects.get(pk=other).order_id,
        service_id=other,
        address_id=plant.rooms[0],
    )
    assert not ownership.line_taken_down(actor=plant.actor, port_id=port_id)
    assert Resource.objects.get(pk=port_id).state == ResourceState.PRE_EMPTED


@pytest.mark.django_db
def test_only_the_piece_that_stands_there_is_recovered(plant, working):
    inventory.add_terminals(
        actor=plant.actor,
        branch_id=plant.branch_id,
        rows=[inventory.TerminalRow("HWTC00000002", "HG8145X6")],
    )
    ownership.cease_service(actor=plant.actor, service_id=working, reason=REASON)
    with pytest.raises(WrongState, match="不是这一户待回收的终端"):
        ownership.terminal_recovered(actor=plant.actor, service_id=working, serial="HWTC00000002")
    ownership.terminal_recovered(actor=plant.actor, service_id=working, serial="hwtc00000001")
    assert Terminal.objects.get(serial="HWTC00000001").state == TerminalState.IN_STOCK


@pytest.mark.django_db
def test_another_account_sends_the_old_one_into_quarantine(plant, working):
    old = Service.objects.get(pk=working).account
    before = ownership.rename_account(actor=plant.actor, service_id=working, account="13955900001")
    assert before == old
    assert Service.objects.get(pk=working).account == "13955900001"
    assert number_of(old).state == NumberState.QUARANTINE
    again = ownership.rename_account(actor=plant.actor, service_id=working, account="13955900001")
    assert again == "13955900001"


@pytest.mark.django_db
def test_a_name_that_is_a_mobile_number_is_remembered_masked_and_found_by_its_mask(plant, working):
    old = Service.objects.get(pk=working).account
    for name in ("13955900001", "13955900002"):
        ownership.rename_account(actor=plant.actor, service_id=working, account=name)
    ownership.cease_service(actor=plant.actor, service_id=working, reason=REASON)
    row = Service.objects.filter(pk=working).values("ext", "former_accounts").get()
    assert row["ext"]["former_accounts"] == [old, "139****0001", "139****0002"]
    with connection.cursor() as cursor:
        cursor.execute("select row_to_json(s)::text from inventory_service s")
        assert "1395590000" not in "".join(text for (text,) in cursor.fetchall())
    assert former_account(working, "139****0001") == "13955900001"
    assert former_account(working, old) == old
    assert former_account(working, "138****0001") == "138****0001"


@pytest.mark.django_db
def test_an_account_somebody_has_is_refused_and_nothing_changes(plant, working):
    other = plant.service(address=plant.rooms[1])
    Service.objects.filter(pk=other).update(account="13955900001")
    old = Service.objects.get(pk=working).account
    with pytest.raises(WrongState, match="已被使用"):
        ownership.rename_account(actor=plant.actor, service_id=working, account="13955900001")
    assert Service.objects.get(pk=working).account == old
    assert number_of(old).state == NumberState.IN_USE


@pytest.mark.django_db
def test_another_holder_and_none_for_a_service_that_ended(plant, working):
    holder = uuid7()
    ownership.give_service_to(actor=plant.actor, service_id=working, customer_id=holder)
    assert Service.objects.get(pk=working).customer_id == holder
    ownership.cease_service(actor=plant.actor, service_id=working, reason=REASON)
    with pytest.raises(WrongState, match="已经销户"):
        ownership.give_service_to(actor=plant.actor, service_id=working, customer_id=uuid7())
