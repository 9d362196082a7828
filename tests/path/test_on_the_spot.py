"""What the installer changes on the spot, with a real FreeRADIUS behind it.

Covers: a record corrected by one confirmation; a port changed by hand, also by two at once, and one
taken in between; a terminal changed; data sent again and proven again; the resource post's check;
giving up (退单) and what the supervisor makes of it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from django.db import connections

from kaitong.activation import nasport
from kaitong.activation.models import Exchange
from kaitong.activation.queries import line_of_account
from kaitong.core.errors import BadInput, Forbidden, KaitongError, NotFound
from kaitong.documents import pictures
from kaitong.fieldwork import queries as fieldwork
from kaitong.fieldwork.errors import ChangeRefused, CheckFailed, CheckStale
from kaitong.fieldwork.models import Change
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import Kind
from kaitong.inventory.errors import PortTakenElsewhere
from kaitong.inventory.models import Resource, Service, Terminal
from kaitong.inventory.tests.conftest import BOX
from kaitong.ordering import queries as orders
from kaitong.org.actor import Actor
from kaitong.playbooks import onsite, photos
from kaitong.playbooks import services as playbooks
from kaitong.process import queries as process
from kaitong.process.models import Instance, WorkItem
from tests.path.test_taken_back import SPOILT, broken, owner_of  # noqa: F401  a fixture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.radius]
SYSTEM = Actor.system()
OTHER_BOX = "海阳机房>横江花园>6栋1单元 POS-09"


@pytest.fixture
def visit(office, radius, lab, modem):
    """An installer at the customer's; a second box on another PON port serves the house too."""
    branch = office.plant.branch_id
    inventory_verbs.add_resources(
        actor=office.plant.actor,
        branch_id=branch,
        rows=[
            inventory_verbs.ResourceRow(Kind.PON_PORT, "0/3/7", "海阳机房>OLT-01"),
            inventory_verbs.ResourceRow(
                Kind.SPLITTER,
                "6栋1单元 POS-09",
                "海阳机房>横江花园",
                "海阳机房>OLT-01>0/3/7",
                ports=4,
            ),
        ],
    )
    inventory_verbs.cover(
        actor=office.plant.actor,
        branch_id=branch,
        rows=[(OTHER_BOX, room) for room in office.plant.rooms],
        rank=1,
    )
    order = office.submit()
    office.work()
    office.complete(order, "Appoint")
    account = office.show(order)["services"][0]["account"]

    class Visit:
        line = line_of_account(account)
        item = office.item(order, "Install")
        installer = office.people["installer"]

        def dial(self, line=None):
            text = nasport.pattern(lab.settings().nas_port_pattern).format(line or self.line)
            assert modem.start(account, text).ok

        def service(self):
            return inventory.service(SYSTEM, Service.objects.get(account=account).pk)

        def look(self):
            return onsite.check_now(
                actor=self.installer, item_id=self.item.id, answers={"power_dbm": -20}
            )

        def told(self, kind):
            return [n.data for n in orders.events(order.id) if n.kind == kind]

    made = Visit()
    made.order, made.account, made.office = order, account, office
    return made


def test_the_record_is_corrected_by_one_confirmation(office, visit):
    there = replace(visit.line, pon_port="0/3/7")
    visit.dial(there)
    with pytest.raises(CheckFailed) as refusal:
        office.complete(visit.order, "Install")
    assert refusal.value.findings == ("port",)
    old = visit.service().port
    offered = fieldwork_corrections(visit, refusal.value.check_id)
    assert {p.pon_port for p in offered} == {"0/3/7"}
    change = onsite.correct_port(
        actor=visit.installer, item_id=visit.item.id, check_id=refusal.value.check_id
    )
    again = onsite.correct_port(  # confirmed twice: once
        actor=visit.installer, item_id=visit.item.id, check_id=refusal.value.check_id
    )
    assert again.pk == change.pk
    service = visit.service()
    assert service.port.pon_port == "0/3/7"
    assert Resource.objects.get(pk=old.id).state == "free"
    assert not service.latest["account"].counts  # the line changed: to be proven again
    assert office.nodes(visit.order) == {"Install", "ResourceCheck"}
    office.work()
    assert fieldwork.resending(change.resend_id).state == "done"
    assert visit.service().latest["account"].counts
    office.complete(visit.order, "Install")  # nothing else is asked
    assert visit.told("port-corrected")[0]["port"] == service.port_text
    office.work_until(visit.order, "Accept")
    office.complete(visit.order, "Accept")
    assert office.show(visit.order)["state"] == "completed"
    office.complete(visit.order, "ResourceCheck", found="damaged")
    assert Resource.objects.get(pk=old.id).state == "damaged"


def fieldwork_corrections(visit, check_id):
    from kaitong.fieldwork.changes import corrections

    check = fieldwork.check(visit.installer, check_id)
    return corrections(visit.installer, check, visit.service())


def test_a_correction_speaks_of_the_line_as_it_was_seen(office, visit):
    visit.dial(replace(visit.line, pon_port="0/3/7"))
    check = visit.look()
    inventory_verbs.change_port(
        actor=office.people["resource"],
        service_id=visit.service().id,
        to_port_id=office.plant.port(4),
        reason="meanwhile",
    )
    with pytest.raises(CheckStale):
        onsite.correct_port(actor=visit.installer, item_id=visit.item.id, check_id=check.pk)
    assert visit.service().port.id == office.plant.port(4)
    assert not Change.objects.exists()


def test_no_port_where_the_line_is_seen_leaves_the_record(office, visit):
    for number in range(1, 5):
        inventory_verbs.keep(
            actor=office.plant.actor,
            resource_id=office.plant.port(number, OTHER_BOX),
            reason="test",
        )
    visit.dial(replace(visit.line, pon_port="0/3/7"))
    check = visit.look()
    with pytest.raises(ChangeRefused):
        onsite.correct_port(actor=visit.installer, item_id=visit.item.id, check_id=check.pk)
    assert visit.service().port.pon_port == "0/3/6"


def test_a_bad_port_is_left_damaged_and_checked(office, visit):
    old = visit.service().port
    new = office.plant.port(6)
    change = onsite.change_port(
        actor=visit.installer, item_id=visit.item.id, reason="bad-port", to_port_id=new
    )
    assert visit.service().port.id == new
    assert Resource.objects.get(pk=old.id).state == "damaged"
    assert Instance.objects.get(pk=change.resource_check_id).state == "running"
    assert visit.told("resource-check")[0]["port"] == old.text
    office.complete(visit.order, "ResourceCheck", found="free")
    assert Resource.objects.get(pk=old.id).state == "free"
    shorter = onsite.change_port(
        actor=visit.installer, item_id=visit.item.id, reason="shorter", to_port_id=None
    )
    assert shorter.resource_check_id is None
    assert Resource.objects.get(pk=new).state == "free"


def test_two_change_at_once_and_a_port_taken_in_between(office, visit):
    wanted = [office.plant.port(5), office.plant.port(7)]

    def change(port):
        try:
            return onsite.change_port(
                actor=visit.installer,
                item_id=visit.item.id,
                reason="shorter",
                to_port_id=port,
                was_port_id=before,
            ).now
        except KaitongError as error:
            return error.code
        finally:
            connections.close_all()

    before = visit.service().port.id  # what both saw
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(change, wanted))
    assert sorted("/" in text for text in outcomes) == [False, True]  # one is told
    assert "check-stale" in outcomes
    assert Change.objects.filter(item_id=visit.item.id).count() == 1
    held = visit.service().port.id
    assert held in wanted
    assert Resource.objects.get(pk=next(p for p in wanted if p != held)).state == "free"
    inventory_verbs.keep(actor=office.plant.actor, resource_id=office.plant.port(8), reason="taken")
    with pytest.raises(PortTakenElsewhere):
        onsite.change_port(
            actor=visit.installer,
            item_id=visit.item.id,
            reason="shorter",
            to_port_id=office.plant.port(8),
        )
    assert visit.service().port.id == held


def test_only_who_has_the_work_in_hand_changes_anything(office, visit, other_county, staff_of):
    stranger = staff_of(other_county, "stranger", "installer", "supervisor")
    for actor, error in (
        (stranger, NotFound),
        (office.people["clerk"], Forbidden),
    ):
        with pytest.raises(error):
            onsite.change_port(actor=actor, item_id=visit.item.id, reason="shorter")
        with pytest.raises(error):
            onsite.resend_data(actor=actor, item_id=visit.item.id)
    with pytest.raises(BadInput):
        onsite.change_port(actor=visit.installer, item_id=visit.item.id, reason="whim")
    assert not Change.objects.exists()


def test_a_changed_terminal_and_its_data_again(office, visit):
    visit.dial()
    office.complete(visit.order, "Install", terminal_serial="ZTEGC0000001", by="supervisor")
    # the line is proven, acceptance is open: nothing can be changed under a finished item
    with pytest.raises(KaitongError):
        onsite.change_terminal(
            actor=visit.installer, item_id=visit.item.id, serial="ZTEGC0000002", reason="faulty"
        )
    again = office.submit(address=office.plant.rooms[2])
    office.work()
    office.complete(again, "Appoint")
    item = office.item(again, "Install")
    service = Service.objects.get(order_id=again.id)
    first = onsite.change_terminal(
        actor=visit.installer, item_id=item.id, serial="ztegc0000003", reason="faulty"
    )
    onsite.change_terminal(
        actor=visit.installer, item_id=item.id, serial="ZTEGC0000004", reason="faulty"
    )
    states = {
        t.serial: (t.state, t.service_id)
        for t in Terminal.objects.filter(serial__in=["ZTEGC0000003", "ZTEGC0000004"])
    }
    assert states["ZTEGC0000003"] == ("issued", None)
    assert states["ZTEGC0000004"] == ("installed", service.pk)
    assert Terminal.objects.get(serial="ZTEGC0000003").holder_id == visit.installer.id
    onsite.change_terminal(
        actor=visit.installer, item_id=item.id, serial="ZTEGC0000005", reason="left"
    )
    assert Terminal.objects.get(serial="ZTEGC0000004").state == "to-recover"
    for serial in ("ZTEGC0000001", "UNKNOWN00001"):  # another's, nobody's
        with pytest.raises(ChangeRefused):
            onsite.change_terminal(
                actor=visit.installer, item_id=item.id, serial=serial, reason="faulty"
            )
    before = Exchange.objects.filter(order_id=again.id, verb="apply").count()
    office.work()
    assert fieldwork.resending(first.resend_id).state == "done"
    assert Exchange.objects.filter(order_id=again.id, verb="apply").count() > before


def test_data_sent_again_while_on_its_way_is_one(office, visit, lab):
    lab.stop_database()
    try:
        first = onsite.resend_data(actor=visit.installer, item_id=visit.item.id)
        second = onsite.resend_data(actor=visit.installer, item_id=visit.item.id)
        assert first.pk == second.pk
        office.work()
        state = fieldwork.resending(first.resend_id)
        assert state.state in ("running", "stuck")
        assert state.reason
    finally:
        lab.up()


def test_giving_up_needs_a_reason_and_a_photo_and_a_supervisor_decides(office, visit):
    upload = photos.store(
        actor=visit.installer,
        item_id=visit.item.id,
        field="override_photo",
        data=pictures.tiny(3),
    )
    for group, reason, photo in (
        ("site", "whim", str(upload.pk)),
        ("site", "no-route", ""),
        ("site", "no-route", str(visit.order.id)),
    ):
        with pytest.raises(KaitongError):
            onsite.give_up(
                actor=visit.installer,
                item_id=visit.item.id,
                group=group,
                reason=reason,
                photo=photo,
            )
    assert office.nodes(visit.order) == {"Install"}
    onsite.give_up(
        actor=visit.installer,
        item_id=visit.item.id,
        group="site",
        reason="no-route",
        photo=str(upload.pk),
    )
    assert office.nodes(visit.order) == {"ReturnReview"}
    assert "管路不通" in visit.told("given-up")[0]["reason"]
    office.complete(visit.order, "ReturnReview", decision="refuse")
    office.work()
    shown = office.show(visit.order)
    assert shown["state"] == "failed"
    assert "管路不通" in shown["reason"]
    free = Resource.objects.filter(parent_id=office.plant.box(BOX), state="free").count()
    assert free == 8
    assert Exchange.objects.filter(order_id=visit.order.id, verb="undo", ok=True).exists()


def test_a_return_the_supervisor_does_not_agree_to_becomes_rework(office, visit):
    upload = photos.store(
        actor=visit.installer,
        item_id=visit.item.id,
        field="override_photo",
        data=pictures.tiny(4),
    )
    onsite.give_up(
        actor=visit.installer,
        item_id=visit.item.id,
        group="customer",
        reason="no-contact",
        photo=str(upload.pk),
    )
    office.complete(visit.order, "ReturnReview", decision="again")
    assert office.nodes(visit.order) == {"Rework"}
    visit.dial()
    rework = office.item(visit.order, "Rework")
    with pytest.raises(CheckFailed):  # nothing was installed yet
        office.complete(visit.order, "Rework")
    onsite.change_terminal(
        actor=visit.installer, item_id=rework.id, serial="ZTEGC0000009", reason="faulty"
    )
    office.complete(visit.order, "Rework")
    office.work_until(visit.order, "Accept")


def test_only_a_step_at_the_customers_changes_anything(office, visit):
    """Whoever has another step of the order in hand (资源核查, 退费复核) has nothing to change."""
    change = onsite.change_port(actor=visit.installer, item_id=visit.item.id, reason="bad-port")
    held = visit.service().port.id
    check = office.item(visit.order, "ResourceCheck")
    resource = office.people["resource"]
    for act in (
        lambda: onsite.change_port(actor=resource, item_id=check.id, reason="shorter"),
        lambda: onsite.change_terminal(
            actor=resource, item_id=check.id, serial="ZTEGC0000003", reason="faulty"
        ),
        lambda: onsite.resend_data(actor=resource, item_id=check.id),
        lambda: onsite.check_now(actor=resource, item_id=check.id, answers={}),
    ):
        with pytest.raises(ChangeRefused):
            act()
    assert visit.service().port.id == held
    assert [c.pk for c in Change.objects.all()] == [change.pk]


def test_an_account_not_accepted_after_it_was_sent_again_is_work_and_may_take_another_port(
    office,
    visit,
    lab,
    broken,  # noqa: F811
):
    """No incident: the network's people choose the next free port, are refused one where there is
    none, and the line is proven at last."""
    mend = broken("radcheck", "INSERT OR UPDATE", SPOILT, "NEW.attribute = 'Cleartext-Password'")
    with psycopg.connect(owner_of(lab), autocommit=True) as database:
        database.execute("UPDATE radcheck SET value = 'of-old'")
    change = onsite.resend_data(actor=visit.installer, item_id=visit.item.id)
    office.work()
    work = WorkItem.objects.filter(instance_id=change.resend_id, node="ResendTrouble")
    trouble = work.filter(completed_at=None).get
    assert trouble().post == "network"
    assert not process.incidents(SYSTEM, business_id=visit.order.id).rows
    assert fieldwork.resending(change.resend_id).state == "stuck"

    def answer(**given):
        playbooks.complete_work(
            actor=office.people["network"], item_id=trouble().pk, data={"found": "残留", **given}
        )

    was = visit.service().port
    free = Resource.objects.filter(state="free", specification=Kind.SPLITTER_PORT)
    kept = list(free.values_list("pk", flat=True))
    free.update(state="damaged")
    with pytest.raises(BadInput) as none:
        answer(decision="other-port", port_left="damaged")
    assert none.value.faults[0].field == "port_left"
    assert "没有别的空闲端口" in none.value.faults[0].what
    assert visit.service().port == was
    Resource.objects.filter(pk__in=kept).update(state="free")
    mend()
    answer(decision="other-port", port_left="damaged")
    office.work()
    now = visit.service()
    assert (now.port.id != was.id, now.latest["account"].ok) == (True, True)
    assert Resource.objects.get(pk=was.id).state == "damaged"
    assert fieldwork.resending(change.resend_id).state == "done"
