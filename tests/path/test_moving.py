"""移机 against the real AAA server: reserve, switch, prove, release old; or taken back."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from kaitong.charging.models import Charge
from kaitong.core.errors import BadInput, KaitongError
from kaitong.documents.models import Paper
from kaitong.fieldwork.errors import CheckFailed
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import ResourceState
from kaitong.inventory.models import Assignment, Resource
from kaitong.messaging.models import Notice
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order, ServiceChange
from kaitong.org.models import Branch
from kaitong.places import services as places
from kaitong.places.models import Address
from kaitong.process import queries as process
from kaitong.web.pages import phone_job
from tests.path.moves_kit import SYSTEM, ask, fresh, opened, text_of

pytestmark = [pytest.mark.radius, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def line(office, radius, lab, modem):
    return opened(office, lab, modem)


def to(office, room: int = 1) -> str:
    return Address.objects.get(pk=office.plant.rooms[room]).full_text


def states(service) -> dict[str, str]:
    """The roles of the service's living ports and how each port stands."""
    rows = Assignment.objects.filter(service_id=service.id).exclude(state="released")
    return {row.role: row.resource.state for row in rows.select_related("resource")}


def port_of(service):
    return Assignment.objects.exclude(state="released").get(service_id=service.id, role="port")


def told_on_site(office, order, node: str):
    """What the installer's phone says of both addresses: title, what is done there, port, now."""
    rows = process.open_items_of(SYSTEM, [order.id])[order.id]
    item = next(row for row in rows if row.node == node)
    found = phone_job.job(office.people["installer"], item.id)
    return found, [(s.title, s.what, s.address, s.port, s.now) for s in found.sites]


def test_the_line_moves_with_its_account_and_the_old_port_rests(line, office, lab, modem):
    old = port_of(line).resource_id
    order = ask(office, line, "move", reason="customer.house", address=to(office))
    assert states(line) == {"port": "in-use", "moving": "pre-empted"}
    assert fresh(line.id).address_id == line.address_id
    office.complete(order, "Appoint")
    spots = Address.objects.in_bulk(office.plant.rooms[:2])
    there, here = spots[office.plant.rooms[1]], spots[office.plant.rooms[0]]
    ends = [inventory.port_text_of(one) for one in (old, role_of(line, "moving"))]
    page, sites = told_on_site(office, order, "Dismount")
    assert sites == [
        ("旧址", "现在在这里拆线", here.short_text, ends[0], True),
        ("新址", "拆完到这里装", there.short_text, ends[1], False),
    ]
    assert quote(here.full_text) in page.map_url
    office.complete(order, "Dismount")
    office.work_until(order, "Install")
    page, sites = told_on_site(office, order, "Install")
    assert sites == [
        ("旧址", "已从这里拆线", here.short_text, ends[0], False),
        ("新址", "现在在这里装", there.short_text, ends[1], True),
    ]
    assert quote(there.full_text) in page.map_url
    (sheet,) = Paper.objects.filter(order_id=order.id, kind="move-order")
    assert sheet.title == "移机工单"
    moved = fresh(line.id)
    assert (moved.address_id, moved.account) == (office.plant.rooms[1], line.account)
    assert port_of(moved).resource_id != old
    assert modem.open_sessions(line.account) == []  # the old one was cut
    with pytest.raises(CheckFailed):
        office.complete(order, "Install")
    assert modem.start(line.account, text_of(lab, moved)).ok
    office.complete(order, "Install")
    office.work_until_state(order, "completed")
    done = fresh(line.id)
    assert (done.state, done.missing_proofs) == ("active", ())
    assert states(done) == {"port": "in-use"}
    assert Resource.objects.get(pk=old).state == ResourceState.PRE_RELEASED
    assert [(c.title, c.amount_fen) for c in Charge.objects.filter(order_id=order.id)] == [
        ("移机费", 10000)
    ]
    (told,) = Notice.objects.filter(order_id=order.id, kind="moved")
    assert "201室" in told.text
    assert not ServiceChange.objects.filter(ended_at=None).exists()


def role_of(service, role: str):
    rows = Assignment.objects.exclude(state="released")
    return rows.get(service_id=service.id, role=role).resource_id


def test_taken_back_before_the_switch_gives_the_new_port_back(line, office):
    free = Resource.objects.filter(state=ResourceState.FREE).count()
    order = ask(office, line, "move", reason="customer.house", address=to(office))
    office.complete(order, "Appoint")
    ordering.withdraw(
        actor=office.people["clerk"], order_id=order.id, reason="customer.later", key="w"
    )
    office.work_until_state(order, "cancelled")
    assert Resource.objects.filter(state=ResourceState.FREE).count() == free
    stays = fresh(line.id)
    assert (stays.address_id, stays.state) == (line.address_id, "active")
    assert {c.state for c in Charge.objects.filter(order_id=order.id)} == {"void"}


def test_after_the_old_line_is_down_there_is_no_way_back(line, office):
    order = ask(office, line, "move", reason="customer.house", address=to(office))
    office.complete(order, "Appoint")
    office.complete(order, "Dismount")
    with pytest.raises(KaitongError):
        ordering.withdraw(
            actor=office.people["clerk"], order_id=order.id, reason="customer.later", key="w"
        )
    assert fresh(line.id).address_id == office.plant.rooms[1]


def test_places_it_cannot_move_to_are_refused_with_what_is_possible(line, office, staff_of):
    def refused(address: str) -> str:
        with pytest.raises(BadInput) as bad:
            ask(office, line, "move", reason="customer.house", address=address)
        (fault,) = bad.value.faults
        assert fault.field == "address"
        return f"{fault.what} {fault.remedy}"

    assert "现在就装在这个地址" in refused(to(office, 0))
    assert "标准地址库里没有" in refused("没有这个地方 9999")
    places.set_coverage(
        actor=office.plant.actor, address_ids=[office.plant.rooms[2]], status="no-entry"
    )
    assert "待装需求" in refused(to(office, 2))
    other = Branch.objects.create(code="SX", name="歙县分公司", kind="county")
    Address.objects.filter(pk=office.plant.rooms[3]).update(branch_id=other.pk)
    assert "属于歙县分公司" in refused(to(office, 3))
    assert not Order.objects.filter(items__procedure__key="move").exists()
    assert states(line) == {"port": "in-use"}


def test_two_flows_on_one_line_take_turns(line, office):
    order = ask(office, line, "move", reason="customer.house", address=to(office))
    with pytest.raises(KaitongError, match="正在办理移机"):
        ask(office, line, "change-plan", reason="customer.faster", offering="home-1000",
            effective="now")  # fmt: skip
    assert office.show(order)["state"] == "inProgress"
