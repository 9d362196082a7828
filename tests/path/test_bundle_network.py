"""融合套餐 in the real network: one order, three services at FreeRADIUS, Kamailio and Kea."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from django.utils import timezone
from psycopg import sql

from kaitong.activation import acting, carrying, kinds
from kaitong.activation import services as activation
from kaitong.activation.adapters.base import AccountState, Conversation
from kaitong.activation.models import NetworkElement
from kaitong.activation.records import For
from kaitong.catalog import services as catalog
from kaitong.catalog.services import ServiceEntry
from kaitong.charging import services as charging
from kaitong.charging.models import Bill
from kaitong.core.clock import now
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.services import TerminalRow
from kaitong.lab.kea import GRANTS, SCHEMA
from kaitong.lab.tests.test_iptv import a_line
from kaitong.ordering import barring
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order
from kaitong.org.actor import Actor
from kaitong.places.models import Address
from kaitong.playbooks import changing
from tests.path import moves_kit
from tests.path.flows_kit import NEW_OWNER, PASSWORD
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


def ask(office, line, procedure: str, reason: str, document: str = moves_kit.DOCUMENT, **data):
    moves_kit.prove(office, fresh(line.id), procedure, document=document)
    return changing.request_change(
        actor=office.people["clerk"],
        service_id=line.id,
        procedure=procedure,
        key=str(uuid7()),
        data=data,
        reason=reason,
    )


def settle(office) -> None:
    """Every bill is paid."""
    for bill in Bill.objects.select_related("account"):
        if bill.total_fen > bill.paid_fen:
            charging.receive(
                actor=office.people["clerk"],
                customer_id=bill.account.customer_id,
                amount_fen=bill.total_fen - bill.paid_fen,
                method="cash",
                key=f"paid-{bill.pk}",
            )


def secret(service) -> str:
    return inventory_verbs.reveal_password(
        actor=SYSTEM, service_id=service.id, reason="typed into the telephone"
    )


def opened(office, lab, modem, phone, boxes) -> dict:
    """A bundle that works at all three elements, paid for; its services by specification."""
    (item,) = office.request().items
    order = office.submit(items=(replace(item, specification="", offering="home-300-bundle"),))
    office.work()
    found = {s.specification: s for s in inventory.services_of_order(order.id)}
    line, telephone, television = found["access"], found["voice"], found["iptv"]
    office.complete(order, "Appoint")
    assert modem.start(line.account, moves_kit.text_of(lab, line)).ok
    assert phone.on(telephone.account, secret(telephone)).done
    assert boxes.on(television.characteristics["circuit_id"], keep=False).online
    office.complete(order, "Install")
    office.work_until(order, "Accept", seconds=40)
    office.complete(order, "Accept")
    assert {fresh(s.id).state for s in found.values()} == {ServiceState.ACTIVE}
    ordering.pay(actor=office.people["clerk"], order_id=order.id, method="cash", key="paid")
    return found


@contextmanager
def refusing(dsn: str, table: str, when: str, what: str):
    """An element that does not do as it is told: `what` becomes of rows that are written."""
    with psycopg.connect(dsn, autocommit=True) as database:
        database.execute(
            "CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {what} END $$"
        )
        database.execute(
            f"CREATE TRIGGER fault BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION fault()"
        )
        try:
            yield
        finally:
            database.execute(f"DROP TRIGGER fault ON {table}")


def refused_and_taken_back(office, order, node: str) -> None:
    office.work_until(order, node, seconds=40)
    office.complete(order, node, decision="undo", found="网络不接受，改日再办")
    office.work_until_state(order, "failed", seconds=40)


def taken_back_at_the_parts(office, line, telephone, television, voice, kea, phone, boxes):
    """The telephone platform refuses its new owner's password, the DHCP server the richer plan:
    the parts are as they were at both."""
    number, circuit = telephone.account, television.characteristics["circuit_id"]
    password, owner = secret(telephone), fresh(line.id).customer_id
    platform = voice.cluster.dsn("kamailio")
    with psycopg.connect(platform, autocommit=True) as database:
        (right,) = database.execute(
            "SELECT ha1 FROM subscriber WHERE username = %s", [number]
        ).fetchone()
    spoilt = f"IF NEW.ha1 <> '{right}' THEN NEW.ha1 := md5('spoilt'); END IF; RETURN NEW;"
    with refusing(platform, "subscriber", "INSERT OR UPDATE", spoilt):
        given = ask(office, line, "transfer", "customer.family", **NEW_OWNER, **PASSWORD)
        refused_and_taken_back(office, given, "PasswordTrouble")
    assert {fresh(one.id).customer_id for one in (line, telephone, television)} == {owner}
    assert secret(telephone) == password
    assert phone.on(number, password).done

    poor = "IF NEW.dhcp4_client_classes = 'iptv-4k' THEN RETURN OLD; END IF; RETURN NEW;"
    with refusing(kea.dsn(), "hosts", "UPDATE", poor):
        richer = ask(
            office, line, "change-plan", "faster", offering="home-1000-bundle", effective="now"
        )
        refused_and_taken_back(office, richer, "PlanRefused")
    assert fresh(television.id).title == television.title
    assert boxes.on(circuit, keep=False).address.startswith("100.65.1")


def test_opened_in_one_visit_shut_off_on_again_and_ended_at_three_elements(
    office, network, lab, modem, phone, boxes, voice, kea
):
    found = opened(office, lab, modem, phone, boxes)
    line, telephone, television = found["access"], found["voice"], found["iptv"]
    number, circuit = telephone.account, television.characteristics["circuit_id"]
    taken_back_at_the_parts(office, line, telephone, television, voice, kea, phone, boxes)
    password = secret(telephone)

    stopped = ask(office, line, "suspend", "away")
    office.work_until_state(stopped, "completed", seconds=40)
    assert phone.on(number, password).answer == "403 Suspended at own request"
    assert not boxes.on(circuit, keep=False).online
    kept = "RETURN NULL;"  # the bar stays at the telephone platform: resuming is taken back
    with refusing(voice.cluster.dsn("kamailio"), "usr_preferences", "DELETE", kept):
        refused_and_taken_back(office, ask(office, line, "resume", "back"), "AccountRefused")
    assert {fresh(s.id).state for s in found.values()} == {ServiceState.INACTIVE}
    assert not boxes.on(circuit, keep=False).online
    again = ask(office, line, "resume", "back")
    office.work_until_state(again, "completed", seconds=40)
    assert phone.on(number, password).done

    ended = ask(office, line, "cancel", "unused")
    office.work_until(ended, "Dismantle", seconds=40)
    assert phone.on(number, password).answer == "404 Unknown Number"
    assert {fresh(s.id).state for s in found.values()} == {ServiceState.TERMINATED}


def test_another_plan_barred_moved_given_away_and_a_part_alone_at_three_elements(
    office, network, lab, modem, phone, boxes
):
    found = opened(office, lab, modem, phone, boxes)
    line, telephone, television = found["access"], found["voice"], found["iptv"]
    number, circuit = telephone.account, television.characteristics["circuit_id"]
    before = secret(telephone)

    richer = ask(
        office, line, "change-plan", "faster", offering="home-1000-bundle", effective="now"
    )
    office.work_until_state(richer, "completed", seconds=40)
    box = boxes.on(circuit, keep=False)
    assert box.online
    assert box.address.startswith("100.65.2")  # the pool of the richer package
    assert int(box.address.split(".")[2]) >= 200

    today = timezone.localdate(now())
    charging.bill_service(actor=SYSTEM, service_id=line.id, through=today + timedelta(days=1))
    Bill.objects.update(due_on=today - timedelta(days=60))
    assert barring.suspend_due() == 1
    stopped = Order.objects.get(items__procedure__key="suspend-arrears", items__lead=None)
    office.work_until_state(stopped, "completed", seconds=60)
    assert phone.on(number, before).answer.startswith("403 Suspended")
    assert not boxes.on(circuit, keep=False).online
    settle(office)
    assert barring.resume_paid() == 1
    again = Order.objects.get(items__procedure__key="resume-arrears", items__lead=None)
    office.work_until_state(again, "completed", seconds=60)
    assert phone.on(number, before).done

    room = Address.objects.get(pk=office.plant.rooms[1])
    moved = ask(office, line, "move", "customer.house", address=room.full_text)
    ordering.pay(actor=office.people["clerk"], order_id=moved.id, method="cash", key="move")
    office.complete(moved, "Appoint")
    office.complete(moved, "Dismount")
    office.work_until(moved, "Install", seconds=40)
    there = fresh(television.id).characteristics["circuit_id"]
    assert modem.start(line.account, moves_kit.text_of(lab, fresh(line.id))).ok
    assert phone.on(number, before).done
    assert boxes.on(there, keep=False).online
    office.complete(moved, "Install")
    office.work_until_state(moved, "completed", seconds=60)

    given = ask(office, line, "transfer", "customer.family", **NEW_OWNER, **PASSWORD)
    office.work_until_state(given, "completed", seconds=60)
    assert phone.on(number, before).answer.startswith(("401", "403", "407"))
    assert phone.on(number, secret(telephone)).done
    assert {fresh(s.id).state for s in found.values()} == {ServiceState.ACTIVE}

    settle(office)  # the bill with which its former owner parts from it
    alone = ask(
        office, line, "end-part", "customer.unused", NEW_OWNER["owner_number"],
        offering="home-1000-tv", effective="now",
    )  # fmt: skip
    office.work_until_state(alone, "completed", seconds=40)
    assert phone.on(number, before).answer == "404 Unknown Number"
    assert boxes.on(there, keep=False).online
    added = ask(
        office, line, "add-part", "customer.wanted", NEW_OWNER["owner_number"],
        offering="home-1000-bundle", telephone="05597558888",
    )  # fmt: skip
    office.work()
    (new,) = [s for s in inventory.services_of_order(added.id) if s.order_id == added.id]
    assert phone.on("05597558888", secret(new)).done
    office.work_until_state(added, "completed", seconds=40)
    assert fresh(new.id).state == ServiceState.ACTIVE


# ---- 网元割接: telephones and boxes go to their branch's own elements ----
# Old and new are records of their own: another domain of the running Kamailio, another database
# beside the running Kea's. Proofs are asked of the servers. Here, where all servers run already.

SPECIFICATIONS = [
    ServiceEntry(
        key="voice",
        title="固定电话",
        activates=[{"on": "voice", "map": {"number": "number", "password": "password"}}],
        proven_by=["account"],
    ),
    ServiceEntry(
        key="iptv",
        title="IPTV 电视",
        activates=[{"on": "dhcp", "map": {"circuit_id": "circuit_id", "client_class": '"iptv"'}}],
        proven_by=["account"],
    ),
]


@pytest.fixture
def old_kea(kea):
    """A database of Kea's beside the running one's: what a server that is replaced has left."""
    settings, cluster = kea.settings(), kea.cluster
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE replaced")
    try:
        with psycopg.connect(cluster.dsn("replaced"), autocommit=True) as database:
            database.execute(SCHEMA.read_bytes())
            database.execute(sql.SQL(GRANTS).format(sql.Identifier(settings.oss_role)))
        place = settings.connection()
        yield place | {"database": {**place["database"], "name": "replaced"}}
    finally:
        with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
            admin.execute("DROP DATABASE replaced WITH (FORCE)")


def register(key, kind, branch_id, connection, secret):
    return activation.register_element(
        key=key, kind=kind, title=key, branch_id=branch_id, connection=connection, secret=secret
    )


def made(county, kind: str):
    """A service in the network of the old element, and in use."""
    view = inventory_verbs.create_service(
        actor=SYSTEM, branch_id=county.id, specification=kind, playbook="bundle", version="h1",
        characteristics={"circuit_id": a_line()} if kind == "iptv" else {},
    )  # fmt: skip
    if kind == "voice":
        pattern = "0559" + str(uuid7().int)[-6:] + "{seq:2}"
        inventory_verbs.allocate_account(actor=SYSTEM, service_id=view.id, pattern=pattern)
        inventory_verbs.issue_password(actor=SYSTEM, service_id=view.id)
    for state in ("inactive", "active"):
        inventory_verbs.set_service_state(actor=SYSTEM, service_id=view.id, state=state)
    return inventory.service(SYSTEM, view.id)


def state_at(element: NetworkElement, one) -> str:
    name = kinds.of(element.kind).name(one)
    return activation.adapter(element).read(name, Conversation()).state


def test_telephones_and_boxes_are_carried_to_the_branchs_own(
    county, voice, kea, old_kea, phone, boxes
):
    catalog.deploy(
        actor=SYSTEM, playbook_key="bundle", hash="h1", offerings=[], service_specs=SPECIFICATIONS
    )
    at_voice, at_kea = voice.settings(), kea.settings()
    city = county.parent_id
    old = {
        "voice": register(
            "old-voice", "voice", city,
            at_voice.connection() | {"domain": "replaced.test"}, at_voice.secrets(),
        ),
        "iptv": register("old-kea", "dhcp", city, old_kea, at_kea.secrets()),
    }  # fmt: skip
    lines = {kind: [made(county, kind) for _n in range(2)] for kind in old}
    for kind, element in old.items():
        for one in lines[kind]:
            spoken = acting.wanted_now(one, element, "test")
            name = kinds.of(element.kind).name(one)
            activation.bring_account(element, name, spoken, For(county.id, one.id))
    # the second of each is shut off before its branch gets elements of its own
    for one in (lines["voice"][1], lines["iptv"][1]):
        inventory_verbs.suspend(actor=SYSTEM, service_id=one.id, kind="request", reason="")
    new = {
        "voice": register(
            "new-voice", "voice", county.id, at_voice.connection(), at_voice.secrets()
        ),
        "iptv": register("new-kea", "dhcp", county.id, at_kea.connection(), at_kea.secrets()),
    }
    for kind, element in old.items():
        (share,) = carrying.shares(actor=SYSTEM, key=element.key)
        assert (share.new, share.lines, share.by_branch) == (new[kind], 2, {county.id: 2})
        tried = carrying.carry(actor=SYSTEM, key=element.key, dry_run=True)
        assert (tried.held, tried.carried, state_at(new[kind], lines[kind][0])) == (2, 0, "absent")
        report = carrying.carry(actor=SYSTEM, key=element.key)
        assert (report.carried, report.left, report.troubles) == (2, 0, {})
        told = [(state_at(element, one), state_at(new[kind], one)) for one in lines[kind]]
        assert told == [
            (AccountState.ABSENT, AccountState.OPEN), (AccountState.ABSENT, AccountState.BARRED),
        ]  # fmt: skip
        assert carrying.carry(actor=SYSTEM, key=element.key).carried == 0
    working, barred = lines["voice"]
    assert phone.on(working.account, secret(working)).done
    assert phone.on(barred.account, secret(barred)).answer.startswith("403")
    working, barred = (one.characteristics["circuit_id"] for one in lines["iptv"])
    assert boxes.on(working, keep=False).online
    assert not boxes.on(barred, keep=False).online
