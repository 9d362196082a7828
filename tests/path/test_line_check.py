"""The installer's completion looks at the network first (现网核验), with a real FreeRADIUS.

Covers: right port; wrong port; other logical identifier; no session; the server away; power;
terminals; a supervisor's word and its evidence; the line changed between check and completion; the
same completion sent twice, also at once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.db import connections

from kaitong.activation import nasport
from kaitong.activation.queries import line_of_account
from kaitong.core.errors import BadInput, Conflict, KaitongError
from kaitong.core.ids import uuid7
from kaitong.documents import pictures
from kaitong.documents import queries as documents
from kaitong.fieldwork import queries as fieldwork
from kaitong.fieldwork import receipts
from kaitong.fieldwork.errors import CheckFailed, CheckStale
from kaitong.fieldwork.models import Check, Receipt
from kaitong.inventory import services as inventory
from kaitong.inventory.models import Service, Terminal
from kaitong.inventory.services import TerminalRow
from kaitong.lab.session import other_port
from kaitong.ordering import queries as orders
from kaitong.org.actor import Actor
from kaitong.playbooks import onsite, photos, wiring

pytestmark = [pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()


@pytest.fixture
def visit(office, radius, lab, modem):
    """An order whose installer stands at the customer's: data made, appointment kept."""
    order = office.submit()
    office.work()
    office.complete(order, "Appoint")
    account = office.show(order)["services"][0]["account"]

    class Visit:
        line = line_of_account(account)

        def dial(self, line=None):
            text = nasport.pattern(lab.settings().nas_port_pattern).format(line or self.line)
            assert modem.start(account, text).ok

    visit = Visit()
    visit.order, visit.account, visit.service = order, account, Service.objects.get(account=account)
    return visit


def found(error: CheckFailed) -> list[str]:
    return list(error.findings)


@pytest.mark.radius
def test_right_port_goes_through_and_the_check_is_kept(office, visit):
    visit.dial()
    item = office.item(visit.order, "Install")
    office.complete(visit.order, "Install")
    check = fieldwork.latest_check(office.people["installer"], item.id)
    assert check.ok
    assert not check.override_reason
    assert {f.code: f.tone for f in check.findings} == {
        "session": "ok",
        "port": "ok",
        "logical-id": "ok",
        "account": "ok",
        "power": "ok",
        "terminal": "ok",
    }
    assert check.seen["pon_port"] == check.expected["pon_port"] == visit.line.pon_port
    assert "address" not in check.seen
    office.work_until(visit.order, "Accept")


@pytest.mark.radius
def test_no_session_is_refused_and_writes_nothing_but_the_check(office, visit):
    terminals = dict(Terminal.objects.values_list("serial", "state"))
    with pytest.raises(CheckFailed) as refusal:
        office.complete(visit.order, "Install")
    assert found(refusal.value) == ["session"]
    assert visit.account in refusal.value.faults[0].what
    assert refusal.value.faults[0].remedy
    assert office.nodes(visit.order) == {"Install"}
    assert dict(Terminal.objects.values_list("serial", "state")) == terminals
    assert "power_dbm" not in Service.objects.get(pk=visit.service.pk).characteristics
    assert not Receipt.objects.exists()
    assert [c.ok for c in Check.objects.all()] == [False]


@pytest.mark.radius
def test_wrong_port_and_wrong_identifier_say_what_was_seen(office, visit):
    wrong = other_port(visit.line)
    visit.dial(replace(wrong, logical_id="O0559990000099999"[:16]))
    with pytest.raises(CheckFailed) as refusal:
        office.complete(visit.order, "Install")
    assert set(found(refusal.value)) == {"port", "logical-id"}
    said = str(refusal.value)
    assert wrong.pon_port in said
    assert visit.line.pon_port in said
    visit.dial()  # moved to the registered port
    office.complete(visit.order, "Install")
    assert office.nodes(visit.order) == set()


@pytest.mark.radius
def test_server_away_is_a_sentence(office, visit, lab):
    lab.stop_database()
    try:
        with pytest.raises(CheckFailed) as refusal:
            office.complete(visit.order, "Install")
        assert found(refusal.value) == ["away"]
        assert "没有应答" in refusal.value.faults[0].what
        assert office.nodes(visit.order) == {"Install"}
    finally:
        lab.up()


@pytest.mark.radius
@pytest.mark.parametrize(
    "power, tone", [(-27.1, "late"), (-27, "soon"), (-25, "ok"), (-8, "ok"), (-7.9, "late")]
)
def test_power_is_judged_by_the_playbooks_limits(office, visit, power, tone):
    visit.dial()
    item = office.item(visit.order, "Install")
    if tone == "late":
        with pytest.raises(CheckFailed) as refusal:
            office.complete(visit.order, "Install", power_dbm=power)
        assert [f.field for f in refusal.value.faults] == ["power_dbm"]  # at the form's field
    else:
        office.complete(visit.order, "Install", power_dbm=power)
    check = fieldwork.latest_check(office.people["installer"], item.id)
    assert check.finding("power").tone == tone


@pytest.mark.radius
def test_terminals_that_may_not_be_installed(office, visit, other_county, staff_of):
    visit.dial()
    stranger = staff_of(other_county, "stranger", "installer")
    inventory.add_terminals(
        actor=stranger, branch_id=other_county.id, rows=[TerminalRow("HWTC99990001", "HG8145")]
    )
    inventory.add_terminals(
        actor=office.plant.actor,
        branch_id=office.plant.branch_id,
        rows=[TerminalRow("HWTC0000OI11", "HG8145"), TerminalRow("HWTC55550002", "HG8145")],
    )
    elsewhere = office.submit(address=office.plant.rooms[1])
    service = Service.objects.get(order_id=elsewhere.id)
    inventory.install_terminal(
        actor=office.plant.actor, service_id=service.pk, serial="HWTC55550002"
    )
    for serial, said in (
        ("HWTC99990001", "不在本分公司的库存里"),  # another branch's sounds like an unknown one
        ("NEVERHEARD01", "不在本分公司的库存里"),
        ("HWTC00000I11", "HWTC0000OI11"),  # 0 for O
        ("HWTC55550002", "另一个服务"),
        (visit.service.logical_id, "逻辑 SN"),
        (visit.service.logical_id.replace("O", "0"), "逻辑 SN"),
    ):
        with pytest.raises(CheckFailed) as refusal:
            office.complete(visit.order, "Install", terminal_serial=serial)
        assert [f.field for f in refusal.value.faults] == ["terminal_serial"]
        assert said in refusal.value.faults[0].what, serial
    assert office.nodes(visit.order) == {"Install"}


@pytest.mark.radius
def test_a_supervisor_lets_it_pass_with_evidence_and_nobody_else(office, visit):
    item = office.item(visit.order, "Install")
    photo = photos.store(
        actor=office.people["supervisor"],
        item_id=item.id,
        field="override_photo",
        data=pictures.tiny(7),
    )
    word = {"override_reason": "客户家停电，光路已测通", "override_photo": str(photo.pk)}
    with pytest.raises(BadInput) as refusal:
        office.complete(visit.order, "Install", **word)  # an installer
    assert refusal.value.faults[0].field == "override_reason"
    assert not Check.objects.exists()
    for bad in (
        {**word, "override_photo": str(uuid7())},  # no photo of this work
        {**word, "override_reason": ""},
    ):
        with pytest.raises(BadInput):
            office.complete(visit.order, "Install", by="supervisor", **bad)
    assert office.nodes(visit.order) == {"Install"}
    office.complete(
        visit.order, "Install", by="supervisor", override_reason=word["override_reason"]
    )
    check = fieldwork.latest_check(office.people["installer"], item.id)
    assert not check.ok
    assert check.evidence_id is not None
    kept = documents.attachments(SYSTEM, [visit.order.id])[visit.order.id]
    assert check.evidence_id in [a.pk for a in kept]  # the order's from now on
    assert check.override_reason == word["override_reason"]
    told = [n for n in orders.events(visit.order.id) if n.kind == "check-overridden"]
    assert [n.data["reason"] for n in told] == [word["override_reason"]]
    # The process demands its proof all the same.
    office.work_until(visit.order, "ProofException", seconds=60)
    assert office.show(visit.order)["services"][0]["state"] == "inactive"


@pytest.mark.radius
def test_port_changed_between_check_and_completion_is_checked_again(office, visit, monkeypatch):
    visit.dial()
    real = wiring.CHECKS["line"]

    def meanwhile(asked):
        check = real(asked)
        inventory.change_port(
            actor=office.people["resource"],
            service_id=visit.service.pk,
            to_port_id=office.plant.port(5),
            reason="taken in between",
        )
        return check

    monkeypatch.setitem(wiring.CHECKS, "line", meanwhile)
    with pytest.raises(CheckStale):
        office.complete(visit.order, "Install")
    assert office.nodes(visit.order) == {"Install"}
    assert Check.objects.get().ok
    monkeypatch.setitem(wiring.CHECKS, "line", real)
    office.complete(visit.order, "Install")  # the same PON port: seen where it is registered


@pytest.mark.radius
def test_sent_twice_completes_once_and_answers_the_same(office, visit):
    visit.dial()
    item = office.item(visit.order, "Install")
    first = office.complete(visit.order, "Install", key="phone-1")
    data = {"anything": "the answer was given before"}
    from kaitong.playbooks.services import complete_work

    again = complete_work(
        actor=office.people["installer"], item_id=item.id, data=data, key="phone-1"
    )
    assert (again.instance_id, again.node) == (first.instance_id, first.node)
    with pytest.raises(Conflict):
        complete_work(actor=office.people["installer"], item_id=uuid7(), data={}, key="phone-1")
    with pytest.raises(Conflict):  # without the key it is somebody else's second completion
        complete_work(actor=office.people["installer"], item_id=item.id, data=data)
    assert Receipt.objects.count() == 1


@pytest.mark.radius
def test_sent_twice_at_once_completes_once(office, visit):
    visit.dial()
    item = office.item(visit.order, "Install")
    pinned = item.parameters["playbook"]
    from kaitong.playbooks import queries as playbooks
    from kaitong.playbooks.services import complete_work

    data = playbooks.example_for(
        playbook=pinned["key"],
        version=pinned["hash"],
        file=item.definition.form,
        branch_id=item.branch_id,
        photo=photos.camera(actor=office.people["installer"], item_id=item.id),
    )

    def send(_number):
        try:
            return complete_work(
                actor=office.people["installer"], item_id=item.id, data=data, key="k"
            ).node
        except KaitongError as error:
            return repr(error)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(send, range(4))) == ["Install"] * 4
    assert Terminal.objects.filter(service=visit.service, state="installed").count() == 1
    assert Receipt.objects.count() == 1


def test_a_power_that_is_no_number_is_a_finding(office, visit):
    item = office.item(visit.order, "Install")
    for typed in (float("nan"), float("inf"), "弱"):
        check = onsite.check_now(
            actor=office.people["installer"], item_id=item.id, answers={"power_dbm": typed}
        )
        (found,) = [f for f in check.findings if f["code"] == "power"]
        assert (found["tone"], found["facts"]["value"]) == ("late", None)


def test_one_key_for_two_items_at_once_is_a_conflict(office, visit):
    """The second, having seen no receipt of the first yet, is told like one that came later."""
    item = office.item(visit.order, "Install")
    actor = office.people["installer"]
    receipts.keep(actor, "k", uuid7(), {})
    with pytest.raises(Conflict):
        receipts.keep(actor, "k", item.id, {})
    assert Receipt.objects.count() == 1


@pytest.mark.radius
def test_the_command_line_names_what_brings_the_session_up(office, visit):
    from argparse import Namespace

    from kaitong.cli.work import work_complete

    item = office.item(visit.order, "Install")
    asked = {"id": str(item.id), "data": "", "example": True}
    with pytest.raises(BadInput) as refusal:
        work_complete(Namespace(user="installer", **asked))
    said = [str(fault) for fault in refusal.value.faults]
    assert sum(f"./run lab session {visit.account}" in line for line in said) == 1
    assert office.nodes(visit.order) == {"Install"}
    work_complete(Namespace(user="supervisor", **asked))  # with its evidence
    assert office.nodes(visit.order) == set()
