"""A service of television as a process runs it, at the real DHCP server and a set-top box.

Covers: applied, proven by asking and by the customer's own box, suspended, resumed, on another line
after a move, taken out; a server that is away; what is told to people; two workers at once.
"""

from __future__ import annotations

import dataclasses
import json
import threading
from datetime import datetime

import pytest
from django.db import connection
from django.utils import timezone

from kaitong.activation import actions, life, queries, reconciling, services
from kaitong.activation.adapters.circuits import name_of
from kaitong.activation.models import Difference
from kaitong.activation.nasport import Line
from kaitong.catalog import services as catalog
from kaitong.catalog.services import ServiceEntry
from kaitong.core.clock import now
from kaitong.core.errors import BadInput
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.models import Service
from kaitong.lab import commands, known, television
from kaitong.lab.tests.test_iptv import a_line
from kaitong.ordering import sessions
from kaitong.org.actor import Actor
from kaitong.process.actions import ActionContext, BusinessError, Transient, Wait
from kaitong.process.models import Message

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()


@pytest.fixture
def element(kea, county):
    settings = kea.settings()
    return services.register_element(
        key="iptv",
        kind="dhcp",
        title="IPTV 地址平台",
        branch_id=county.parent_id,  # the city's serves the county
        connection=settings.connection(),
        secret=settings.secrets(),
    )


@pytest.fixture
def service(county, element):
    entry = ServiceEntry(
        key="iptv",
        title="IPTV 电视",
        activates=[{"on": "dhcp", "map": {"circuit_id": "circuit_id", "client_class": '"iptv"'}}],
        proven_by=["account", "line"],
    )
    catalog.deploy(
        actor=SYSTEM, playbook_key="bundle", hash="h1", offerings=[], service_specs=[entry]
    )
    made = inventory_verbs.create_service(
        actor=SYSTEM,
        branch_id=county.id,
        specification="iptv",
        playbook="bundle",
        version="h1",
        order_id=uuid7(),
        characteristics={"circuit_id": a_line()},
        proven_by=["account", "line"],
    )
    return inventory.service(SYSTEM, made.id)


@pytest.fixture
def ctx(service):
    return ActionContext(
        instance_id=uuid7(),
        business_id=None,
        branch_id=service.branch_id,
        node="Activate",
        token_id=uuid7(),
        key="command-1",
        inputs={"service_id": str(service.id), "patience": 20},
        actor_id=None,
        now=now(),
        parameters={},
    )


def with_inputs(context, **values):
    return dataclasses.replace(context, inputs={**context.inputs, **values})


def circuit_of(service):
    return service.characteristics["circuit_id"]


def now_is(service):
    return inventory.service(SYSTEM, service.id)


def test_a_service_is_applied_and_proven_by_the_customers_own_box(ctx, service, boxes):
    actions.apply_service(ctx)
    assert now_is(service).state == ServiceState.INACTIVE
    assert actions.prove_account(ctx) == {"account_proven": True}
    waiting = actions.prove_line(ctx)  # the platform's own question proves no line
    assert isinstance(waiting, Wait)
    assert waiting.reason == "未见机顶盒，登记是 OLT-01 0/3/6。"
    box = boxes.on(circuit_of(service), keep=False)
    assert actions.prove_line(dataclasses.replace(ctx, memory=waiting.values)) == {
        "line_proven": True
    }
    assert [(b.mac, b.address) for b in queries.boxes(service)] == [(box.mac, box.address)]
    proof = now_is(service).latest["line"]
    assert proof.summary == f"机顶盒 {box.mac} 从 OLT-01 0/3/6 获得地址 {box.address}。"
    assert proof.data["seen"]["pon_port"] == "0/3/6"
    assert now_is(service).missing_proofs == ()


def test_another_box_than_the_installed_one_proves_no_line(ctx, service, boxes, county):
    rows = [inventory_verbs.TerminalRow("STB-1", "B860", "02:AA:AA:AA:AA:01")]
    inventory_verbs.add_terminals(actor=SYSTEM, branch_id=county.id, rows=rows)
    inventory_verbs.install_terminal(actor=SYSTEM, service_id=service.id, serial="STB-1")
    actions.apply_service(ctx)
    boxes.on(circuit_of(service), keep=False)
    with pytest.raises(BusinessError) as other:
        actions.prove_line(ctx)
    assert other.value.code == "line-not-proven"
    assert "不是登记的那台" in other.value.what
    boxes.off(circuit_of(service))
    boxes.on(circuit_of(service), "02-aa-aa-aa-aa-01", keep=False)
    assert actions.prove_line(ctx) == {"line_proven": True}


def test_suspended_refused_and_resumed(ctx, service, boxes):
    actions.apply_service(ctx)
    box = boxes.on(circuit_of(service), keep=False)
    actions.prove_account(ctx)
    actions.prove_line(ctx)
    inventory_verbs.set_service_state(actor=SYSTEM, service_id=service.id, state="active")
    life.suspend(with_inputs(ctx, reason="arrears"))
    assert life.disconnect(ctx) == {"disconnected": 0}
    assert life.prove_suspended(ctx) == {"suspension_proven": True}
    # what was proven, and when the box stops at the latest: when its lease is over
    proof = now_is(service).latest["suspended"]
    until = datetime.fromisoformat(proof.data["runs_until"])
    assert abs(until.timestamp() - box.expires_at) < 3
    assert proof.summary.endswith(
        f"机顶盒续租时被拒，最迟 {timezone.localtime(until):%H:%M:%S} 停止。"
    )
    assert queries.runs_until(service.id) == until
    assert boxes.renew(circuit_of(service)).state == "refused"
    life.resume(with_inputs(ctx, reason="arrears"))
    assert actions.prove_account(ctx) == {"account_proven": True}
    assert now_is(service).state == ServiceState.ACTIVE
    assert boxes.renew(circuit_of(service)).online
    # suspended in the books and not in the network is no suspension
    inventory_verbs.suspend(actor=SYSTEM, service_id=service.id, kind="request", reason="")
    with pytest.raises(BusinessError) as open_still:
        life.prove_suspended(ctx)
    assert open_still.value.code == "login-accepted"


def test_moved_the_service_is_on_its_new_line_alone(ctx, service, boxes):
    actions.apply_service(ctx)
    old, new = circuit_of(service), a_line()
    boxes.on(old, keep=False)
    Service.objects.filter(pk=service.id).update(characteristics={"circuit_id": new})
    actions.apply_service(ctx)
    assert actions.prove_account(ctx) == {"account_proven": True}
    assert boxes.renew(old).state == "refused"
    assert boxes.on(new, keep=False).online
    assert actions.prove_line(ctx) == {"line_proven": True}
    assert life.prove_plan(ctx) == {"plan_proven": True}


def test_taken_out_it_is_refused_and_so_it_is_when_asked_again(ctx, service, boxes):
    actions.apply_service(ctx)
    with pytest.raises(BusinessError) as held:
        actions.prove_removed(ctx)
    assert held.value.code == "login-accepted"
    boxes.on(circuit_of(service), keep=False)
    for _time in range(2):
        actions.remove_service(ctx)
        assert actions.prove_removed(ctx) == {"removal_proven": True}
    assert boxes.renew(circuit_of(service)).state == "refused"


def test_a_line_that_is_missing_is_bad_input(ctx, service):
    Service.objects.filter(pk=service.id).update(characteristics={})
    with pytest.raises(BadInput) as refused:
        actions.apply_service(ctx)
    assert refused.value.faults[0].field == "circuit_id"


def test_a_platform_that_is_away_is_tried_again(ctx, service, kea):
    actions.apply_service(ctx)
    kea.stop_database()
    with pytest.raises(Transient):
        actions.remove_service(ctx)
    assert "DHCP 数据库" in now_is(service).reason
    kea.up()
    assert actions.prove_account(ctx) == {"account_proven": True}
    actions.remove_service(ctx)
    assert actions.prove_removed(ctx) == {"removal_proven": True}
    told = queries.exchanges(SYSTEM, service_id=service.id)
    assert [(e.verb, e.ok) for e in told] == [
        ("apply", True),
        ("undo", False),
        ("prove-account", True),
        ("undo", True),
        ("prove-removed", True),
    ]


def test_a_box_is_plugged_in_by_the_account_of_the_line_it_came_with(
    ctx, service, boxes, county, monkeypatch, capsys
):
    actions.apply_service(ctx)
    line = inventory_verbs.create_service(
        actor=SYSTEM, branch_id=county.id, specification="access", playbook="bundle", version="h1"
    )
    Service.objects.filter(pk=line.pk).update(account="t0559000001@kd")
    Service.objects.filter(pk=service.id).update(lead_id=line.pk)
    monkeypatch.setattr(television, "SetTopBoxes", lambda: boxes)
    monkeypatch.setattr(known, "registered", lambda _: Line("OLT-01", "0/3/6", "O1"))
    try:
        assert commands.main(["stb", "on", "t0559000001@kd", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["circuit"] == circuit_of(service)
        assert commands.main(["stb", "status"]) == 0
        assert circuit_of(service) in capsys.readouterr().out
        assert commands.main(["stb", "off", "t0559000001@kd"]) == 0
        assert boxes.boxes() == []
    finally:
        boxes.down()


# ---- reconciliation ----


@pytest.fixture
def working(ctx, service, rows):
    """In operation, and alone at the server."""
    rows.execute("DELETE FROM hosts")
    rows.execute("DELETE FROM lease4")
    actions.apply_service(ctx)
    for kind in ("account", "line"):
        inventory_verbs.record_proof(actor=SYSTEM, service_id=service.id, kind=kind, ok=True)
    inventory_verbs.set_service_state(actor=SYSTEM, service_id=service.id, state="active")
    return now_is(service)


def found():
    return [
        (d.kind, reconciling.called(d), sorted(d.fields))
        for d in Difference.objects.filter(closed_at=None).order_by("account")
    ]


def test_a_lost_line_is_found_and_sent_again(element, working, rows, county, staff_of):
    run = reconciling.reconcile(element)
    assert (run.compared, run.found) == (1, 0)
    rows.execute("DELETE FROM hosts")
    reconciling.reconcile(element)
    assert found() == [("missing", circuit_of(working), ["circuit"])]
    difference = Difference.objects.get()
    assert reconciling.told(difference).startswith("服务在用")
    reconciling.resend(actor=staff_of(county, "own", "network"), difference_id=difference.pk)
    assert found() == []
    assert rows.execute("SELECT count(*) FROM hosts").fetchone() == (1,)


def test_a_line_in_another_state_is_different(element, working, rows):
    inventory_verbs.suspend(actor=SYSTEM, service_id=working.id, kind="arrears", reason="")
    rows.execute("UPDATE hosts SET dhcp4_client_classes = 'iptv-4k'")
    reconciling.reconcile(element)
    assert found() == [("different", circuit_of(working), ["circuit", "state"])]
    assert reconciling.told(Difference.objects.get()) == "状态 suspended-arrears ≠ open"
    inventory_verbs.resume(actor=SYSTEM, service_id=working.id, kind="arrears")
    reconciling.reconcile(element)
    assert found() == [("different", circuit_of(working), ["circuit", "plan"])]
    rows.execute("UPDATE hosts SET dhcp4_client_classes = 'iptv', dhcp_identifier = 'elsewhere'")
    reconciling.reconcile(element)
    assert found() == [("different", circuit_of(working), ["circuit"])]
    assert "≠ elsewhere" in reconciling.told(Difference.objects.get())


def test_a_line_nobody_pays_for_is_taken_out_and_no_other(element, working, rows, county, staff_of):
    network = staff_of(county.parent, "own", "network")
    stray = "OLT-09 eth 0/1/1:海阳"
    rows.execute(
        "INSERT INTO hosts (dhcp_identifier, dhcp_identifier_type, dhcp4_subnet_id, hostname,"
        " dhcp4_client_classes) VALUES (convert_to(%s, 'UTF8'), 2, 0, 'by-hand', 'iptv'),"
        " (convert_to('OLT-09 eth 0/1/2:x', 'UTF8'), 2, 0, %s, 'iptv')",
        [stray, name_of(uuid7())],
    )
    reconciling.reconcile(element)
    extra = ["circuit", "plan"]
    assert found() == [("extra", stray, extra), ("extra", "OLT-09 eth 0/1/2:x", extra)]
    for row in Difference.objects.all():
        reconciling.remove(actor=network, difference_id=row.pk, seen=reconciling.fingerprint(row))
    assert found() == []
    held = rows.execute("SELECT convert_from(dhcp_identifier, 'UTF8') FROM hosts").fetchall()
    assert held == [(circuit_of(working),)]


def test_a_lease_without_a_line_in_operation_is_found_and_ended(
    element, working, rows, boxes, county, staff_of, kea
):
    """Of a line that is suspended, of a service that is gone, and of nobody's."""
    boxes.on(circuit_of(working), keep=False)
    for circuit, name in (("OLT-09 eth 0/1/2:gone", name_of(uuid7())), ("OLT-09 eth 0/1/3:x", "")):
        rows.execute(
            "INSERT INTO hosts (dhcp_identifier, dhcp_identifier_type, dhcp4_subnet_id, hostname,"
            " dhcp4_client_classes) VALUES (convert_to(%s, 'UTF8'), 2, 0, nullif(%s, ''), 'iptv')",
            [circuit, name],
        )
        assert boxes.on(circuit, keep=False).online
    rows.execute("DELETE FROM hosts WHERE convert_from(dhcp_identifier, 'UTF8') LIKE 'OLT-09%'")
    reconciling.reconcile(element)
    lease = ["circuit", "lease"]
    assert found() == [
        ("extra", "OLT-09 eth 0/1/3:x", lease),
        ("extra", "OLT-09 eth 0/1/2:gone", lease),
    ]
    for row in Difference.objects.all():
        assert reconciling.told(row) == "没有在用服务的线路上，机顶盒仍持有地址。"
        reconciling.remove(
            actor=staff_of(county.parent, "own", "network"),
            difference_id=row.pk,
            seen=reconciling.fingerprint(row),
        )
    # barred at the server by hand, and the box watches on
    inventory_verbs.suspend(actor=SYSTEM, service_id=working.id, kind="arrears", reason="")
    rows.execute("UPDATE hosts SET dhcp4_client_classes = 'suspended-arrears'")
    reconciling.reconcile(element)
    assert found() == [("different", circuit_of(working), lease)]
    row = Difference.objects.get(closed_at=None)
    assert reconciling.told(row).startswith("机顶盒仍持有地址 100.65.")
    assert Message.objects.filter(name=reconciling.DIFFERS, key=str(row.pk)).exists()  # work
    reconciling.resend(actor=staff_of(county, "own", "network"), difference_id=row.pk)
    assert found() == []
    assert rows.execute("SELECT count(*) FROM lease4 WHERE state = 0").fetchone() == (0,)


def test_a_service_on_its_way_is_not_missing(element, service, rows):
    rows.execute("DELETE FROM hosts")
    inventory_verbs.set_service_state(actor=SYSTEM, service_id=service.id, state="inactive")
    reconciling.reconcile(element)
    assert found() == []


# ---- somebody waits ----


@pytest.fixture
def waiting(service, monkeypatch):
    """Somebody waits for this service."""
    keys = [str(service.id), "not-an-id"]
    monkeypatch.setattr(sessions.awaiting, "keys_awaited", lambda *_: keys)


@pytest.mark.usefixtures("waiting")
def test_what_waits_for_a_box_is_told_once_when_it_is_seen(ctx, service, boxes):
    actions.apply_service(ctx)
    assert sessions.watch_terminals() == 0
    boxes.on(circuit_of(service), keep=False)
    assert sessions.watch_terminals() == 1
    boxes.renew(circuit_of(service))
    assert sessions.watch_terminals() == 0  # a renewal is no news
    boxes.off(circuit_of(service))
    boxes.on(circuit_of(service), "02:00:00:00:00:07", keep=False)
    assert sessions.watch_terminals() == 1  # another box is
    told = Message.objects.filter(name=sessions.SESSION_SEEN, key=str(service.id))
    assert told.count() == 2


def test_nobody_waits_and_nothing_is_looked_for(ctx, service, boxes):
    actions.apply_service(ctx)
    boxes.on(circuit_of(service), keep=False)
    assert sessions.watch_terminals() == 0


@pytest.mark.usefixtures("waiting")
def test_a_platform_that_is_away_is_looked_at_again_later(ctx, service, kea):
    actions.apply_service(ctx)
    kea.stop_database()
    assert sessions.watch_terminals() == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_leave_one_reservation(ctx, service):
    outcomes: list[object] = []

    def work():
        try:
            outcomes.append(actions.apply_service(ctx))
        except Exception as error:
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert outcomes == [None, None]
    assert actions.prove_account(ctx) == {"account_proven": True}
