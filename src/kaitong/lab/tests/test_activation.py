"""Activation as a process runs it, against the real AAA server and Kaitong's database.

Covers: apply (again, killed half-way), account proven, line proven or not and why, waiting, servers
that are down, what is stored and who sees it, watching sessions, elements of branches.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from datetime import timedelta

import psycopg
import pytest
from django.db import connection

from kaitong.activation import actions, nasport, queries, services
from kaitong.activation.adapters.base import Conversation
from kaitong.activation.choices import ElementKind, ElementState
from kaitong.activation.errors import ElementProblem
from kaitong.activation.models import Exchange, NetworkElement
from kaitong.activation.nasport import Line
from kaitong.catalog import services as catalog
from kaitong.catalog.services import ServiceEntry
from kaitong.core.clock import now
from kaitong.core.errors import BadInput
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ResourceState, ServiceState
from kaitong.inventory.services import ResourceRow
from kaitong.lab import commands
from kaitong.lab.session import other_port
from kaitong.org.actor import Actor
from kaitong.process.actions import ActionContext, BusinessError, Transient, Wait

pytestmark = [pytest.mark.radius, pytest.mark.django_db]

SYSTEM = Actor.system()


@pytest.fixture
def element(lab, county):
    settings = lab.settings()
    return services.register_element(
        key="radius",
        kind=ElementKind.AAA,
        title="家庭宽带认证系统",
        branch_id=county.parent_id,  # the city's serves the county
        connection=settings.connection(),
        secret=settings.secrets(),
    )


@pytest.fixture
def service(county, element):
    """A service with port, account, password and logical identifier, not yet in the network."""
    catalog.deploy(
        actor=SYSTEM,
        playbook_key="home-broadband",
        hash="h1",
        offerings=[],
        service_specs=[
            ServiceEntry(
                key="access",
                title="家庭宽带接入",
                activates=[
                    {
                        "on": "aaa",
                        "map": {
                            "account": "account",
                            "password": "password",
                            "down_mbps": "down_mbps",
                            "up_mbps": "if down_mbps >= 300 then 50 else 20",
                        },
                    }
                ],
                proven_by=["account", "line"],
            )
        ],
    )
    rows = [
        ResourceRow("site", "海阳机房"),
        ResourceRow("olt", "OLT-01", parent="海阳机房"),
        ResourceRow("pon-port", "0/3/6", parent="海阳机房>OLT-01"),
        ResourceRow("splitter", "POS-01", pon_port="海阳机房>OLT-01>0/3/6", ports=2),
    ]
    inventory_verbs.ensure_kinds(actor=SYSTEM)
    inventory_verbs.add_resources(actor=SYSTEM, branch_id=county.id, rows=rows)
    order_id = uuid7()
    made = inventory_verbs.create_service(
        actor=SYSTEM,
        branch_id=county.id,
        specification="access",
        playbook="home-broadband",
        version="h1",
        order_id=order_id,
        characteristics={"down_mbps": 300, "up_mbps": 50},
        proven_by=["account", "line"],
    )
    port = inventory.ids_by_path(county.id, ["POS-01>01"])["POS-01>01"]
    inventory_verbs.take_port(actor=SYSTEM, order_id=order_id, service_id=made.id, port_id=port)
    unique = str(uuid7().int)[-9:]
    inventory_verbs.allocate_account(
        actor=SYSTEM, service_id=made.id, pattern="t" + unique + "{seq:4}@kd"
    )
    inventory_verbs.allocate_logical_id(
        actor=SYSTEM, service_id=made.id, pattern="O" + unique + "{seq:6}"
    )
    inventory_verbs.issue_password(actor=SYSTEM, service_id=made.id)
    return inventory.service(SYSTEM, made.id)


@pytest.fixture
def ctx(service):
    return ActionContext(
        instance_id=uuid7(),
        business_id=service.order_id,
        branch_id=service.branch_id,
        node="Activate",
        token_id=uuid7(),
        key="command-1",
        inputs={"service_id": str(service.id), "patience": 20},
        actor_id=None,
        now=now(),
        parameters={},
    )


def line_of(service) -> Line:
    return queries.line_of_account(service.account)


def port_of(line: Line) -> str:
    return nasport.pattern().format(line)


def password_of(service) -> str:
    return inventory_verbs.reveal_password(actor=SYSTEM, service_id=service.id, reason="test")


def aaa_rows(aaa, account):
    return [
        aaa.execute(f"SELECT * FROM {table} WHERE username = %s ORDER BY id", [account]).fetchall()
        for table in ("radcheck", "radreply", "radusergroup")
    ]


def again(ctx, **changes):
    return dataclasses.replace(ctx, **changes)


# ---- apply -----------------------------------------------------------------------------------


def test_apply_writes_the_account_and_its_plan(ctx, service, aaa):
    actions.apply_service(ctx)
    check, reply, groups = aaa_rows(aaa, service.account)
    assert [row[2:] for row in check] == [("Cleartext-Password", ":=", password_of(service))]
    assert reply == []
    assert [row[2:] for row in groups] == [("home-broadband-300-50", 10)]
    plan = aaa.execute(
        "SELECT attribute, value FROM radgroupreply WHERE groupname = 'home-broadband-300-50'"
    ).fetchall()
    assert ("WISPr-Bandwidth-Max-Down", "300000000") in plan
    assert ("WISPr-Bandwidth-Max-Up", "50000000") in plan
    after = inventory.service(SYSTEM, service.id)
    assert after.state == ServiceState.INACTIVE
    assert after.reason == "已激活，等待开通验证。"


def test_apply_again_with_the_same_key_leaves_the_same_rows(ctx, service, aaa):
    actions.apply_service(ctx)
    before = aaa_rows(aaa, service.account)
    actions.apply_service(again(ctx, attempt=2))
    assert aaa_rows(aaa, service.account) == before
    first, second = queries.exchanges(SYSTEM, service_id=service.id)
    assert "INSERT INTO radcheck" in first.request
    assert second.response == "stands already"


def test_killed_between_sent_and_recorded(ctx, service, element, aaa):
    change = actions.desired_account(service, element, password_of(service))
    child = os.fork()
    if child == 0:
        try:
            services.adapter(element).apply(change, Conversation())
        finally:
            os._exit(9)  # dies like a killed worker: sent and committed, nothing recorded
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    before = aaa_rows(aaa, service.account)
    assert len(before[0]) == 1
    assert queries.exchanges(SYSTEM, service_id=service.id) == []
    actions.apply_service(again(ctx, attempt=2))
    assert aaa_rows(aaa, service.account) == before
    assert [e.ok for e in queries.exchanges(SYSTEM, service_id=service.id)] == [True]


def test_remove_takes_the_account_out(ctx, service, aaa):
    actions.apply_service(ctx)
    actions.remove_service(ctx)
    assert aaa_rows(aaa, service.account) == [[], [], []]
    actions.remove_service(again(ctx, attempt=2))
    assert [e.verb for e in queries.exchanges(SYSTEM, service_id=service.id)] == [
        "apply",
        "undo",
        "undo",
    ]


# ---- proofs ----------------------------------------------------------------------------------


def test_account_proven(ctx, service):
    actions.apply_service(ctx)
    assert actions.prove_account(ctx) == {"account_proven": True}
    (proof,) = inventory.service(SYSTEM, service.id).proofs
    assert (proof.kind, proof.ok) == ("account", True)
    assert proof.data["answer"] == "Access-Accept"
    assert proof.data["wrong_password_answer"] == "Access-Reject"


def test_account_not_proven_says_so_on_the_service(ctx, service, aaa, lab):
    actions.apply_service(ctx)
    with psycopg.connect(lab.cluster.dsn("radius"), autocommit=True) as admin:
        admin.execute("UPDATE radcheck SET value = 'other' WHERE username = %s", [service.account])
    with pytest.raises(BusinessError) as refused:
        actions.prove_account(ctx)
    assert refused.value.code == "account-not-proven"
    after = inventory.service(SYSTEM, service.id)
    assert "Access-Reject" in after.reason
    assert [p.ok for p in after.proofs] == [False]


def test_line_proven(ctx, service, modem):
    actions.apply_service(ctx)
    assert modem.start(service.account, port_of(line_of(service))).ok
    assert actions.prove_line(ctx) == {"line_proven": True}
    after = inventory.service(SYSTEM, service.id)
    (proof,) = after.proofs
    assert (proof.kind, proof.ok, proof.data["seen"]["pon_port"]) == ("line", True, "0/3/6")
    assert after.reason == ""


def test_a_wrong_port_is_told_at_once_with_both_ports(ctx, service, modem):
    actions.apply_service(ctx)
    modem.start(service.account, port_of(other_port(line_of(service))))
    with pytest.raises(BusinessError) as refused:
        actions.prove_line(ctx)
    assert refused.value.code == "line-not-proven"
    assert refused.value.what == "会话从 OLT-01 0/3/7 上线，登记是 OLT-01 0/3/6。"
    assert refused.value.values["seen_port"] == "OLT-01 0/3/7"
    after = inventory.service(SYSTEM, service.id)
    assert after.state == ServiceState.INACTIVE
    assert after.reason == refused.value.what
    assert [p.ok for p in after.proofs] == [False]


def test_a_wrong_logical_identifier_is_told(ctx, service, modem):
    actions.apply_service(ctx)
    line = line_of(service)
    modem.start(service.account, port_of(Line(line.access_node, line.pon_port, "O000000000000000")))
    with pytest.raises(BusinessError, match="O000000000000000") as refused:
        actions.prove_line(ctx)
    assert refused.value.values["differences"] == ["logical_id"]


def test_waiting_for_the_session_until_patience_ends(ctx, service, modem):
    actions.apply_service(ctx)
    first = actions.prove_line(ctx)
    assert isinstance(first, Wait)
    assert first.reason == "未见客户会话，登记是 OLT-01 0/3/6。"
    assert inventory.service(SYSTEM, service.id).reason == first.reason
    second = actions.prove_line(again(ctx, memory=first.values, now=ctx.now + timedelta(seconds=5)))
    assert isinstance(second, Wait)
    assert second.values["since"] == first.values["since"]
    # a wait leaves one exchange, and no proof until it ends
    assert len([e for e in queries.exchanges(SYSTEM) if e.verb == "prove-line"]) == 1
    assert inventory.service(SYSTEM, service.id).proofs == ()
    late = again(ctx, memory=second.values, now=ctx.now + timedelta(seconds=21))
    with pytest.raises(BusinessError) as refused:
        actions.prove_line(late)
    assert refused.value.code == "line-not-proven"
    assert refused.value.values["proof_result"] == "not-seen"
    assert [p.ok for p in inventory.service(SYSTEM, service.id).proofs] == [False]
    modem.start(service.account, port_of(line_of(service)))
    assert actions.prove_line(again(ctx, key="command-2")) == {"line_proven": True}


def test_a_service_without_a_port_cannot_be_line_proven(ctx, service):
    inventory_verbs.release_port(actor=SYSTEM, service_id=service.id, reason="test")
    with pytest.raises(Exception, match="端口"):
        actions.prove_line(ctx)


# ---- bad days --------------------------------------------------------------------------------


def test_aaa_database_down_is_transient_and_visible(ctx, service, lab, aaa):
    lab.stop_database()
    for act in (actions.apply_service, actions.prove_line):
        with pytest.raises(Transient) as waiting:
            act(ctx)
        assert waiting.value.cause == "network"
    assert "没有应答" in inventory.service(SYSTEM, service.id).reason
    assert [(e.ok, e.cause) for e in queries.exchanges(SYSTEM)] == [(False, "network")] * 2
    lab.up()
    services.element_moved(
        key="radius", connection=lab.settings().connection(), secrets=lab.settings().secrets()
    )
    actions.apply_service(ctx)
    assert inventory.service(SYSTEM, service.id).state == ServiceState.INACTIVE


def test_freeradius_down_is_transient_and_no_proof_is_recorded(ctx, service, lab):
    actions.apply_service(ctx)
    lab.stop_server()
    with pytest.raises(Transient):
        actions.prove_account(ctx)
    assert inventory.service(SYSTEM, service.id).proofs == ()
    lab.up()
    assert actions.prove_account(ctx) == {"account_proven": True}


def test_no_element_in_service_is_for_people(ctx, element):
    services.set_element_state(key="radius", state=ElementState.OUT_OF_SERVICE)
    with pytest.raises(BadInput, match="网元"):
        actions.apply_service(ctx)


# ---- what is stored --------------------------------------------------------------------------


def test_no_secret_is_in_any_exchange_or_element(ctx, service, lab, modem):
    actions.apply_service(ctx)
    actions.prove_account(ctx)
    modem.start(service.account, port_of(line_of(service)))
    actions.prove_line(ctx)
    settings = lab.settings()
    told = json.dumps(list(Exchange.objects.values()), default=str, ensure_ascii=False)
    known = json.dumps(list(NetworkElement.objects.values("connection", "title")), default=str)
    assert service.account in told
    assert "••••••" in told
    for secret in (password_of(service), settings.secret, settings.oss_password):
        assert secret not in told
        assert secret not in known


def test_exchanges_are_shown_to_the_own_branch_only(ctx, service, county, other_county, staff_of):
    actions.apply_service(ctx)
    own, foreign = staff_of(county, "own", "network"), staff_of(other_county, "foreign", "network")
    (seen,) = queries.exchanges(own, order_id=service.order_id)
    assert (seen.verb, seen.ok, seen.order_id) == ("apply", True, service.order_id)
    assert queries.exchanges(foreign, order_id=service.order_id) == []
    assert queries.exchanges(foreign) == []


# ---- elements --------------------------------------------------------------------------------


def test_registering_again_changes_nothing_and_a_new_place_is_followed(element, lab, county):
    settings = lab.settings()
    stored = bytes(NetworkElement.objects.values_list("secret", flat=True).get())
    services.register_element(
        key="radius",
        kind="aaa",
        title=element.title,
        branch_id=county.parent_id,
        connection=settings.connection(),
        secret=settings.secrets(),
    )
    assert bytes(NetworkElement.objects.values_list("secret", flat=True).get()) == stored
    assert settings.secret.encode() not in stored
    place = {**settings.connection(), "auth_port": 1}
    assert services.element_moved(key="radius", connection=place, secrets=settings.secrets())
    assert not services.element_moved(key="radius", connection=place, secrets=settings.secrets())
    assert NetworkElement.objects.get().connection["auth_port"] == 1
    assert not services.element_moved(key="other", connection=place, secrets={})


def test_the_nearest_element_above_serves_a_branch(element, county, other_county, lab):
    assert queries.element_for("aaa", county.id) == element
    own = services.register_element(
        key="radius-xn",
        kind="aaa",
        title="休宁认证系统",
        branch_id=county.id,
        connection=lab.settings().connection(),
        secret=lab.settings().secrets(),
    )
    assert queries.element_for("aaa", county.id) == own
    assert queries.element_for("aaa", other_county.id) == element
    with pytest.raises(ElementProblem):
        queries.element_for("olt", county.id)


# ---- watching sessions -----------------------------------------------------------------------


def test_each_new_session_is_told_once(element, service, ctx, modem):
    services.watch_sessions()
    actions.apply_service(ctx)
    port = port_of(line_of(service))
    modem.start(service.account, port)
    (seen,) = services.watch_sessions()
    assert (seen.account, seen.line) == (service.account, line_of(service))
    assert services.watch_sessions() == []
    modem.start(service.account, port)
    assert len(services.watch_sessions()) == 1


def test_what_is_not_delivered_is_told_again(element, service, ctx, modem):
    services.watch_sessions()
    actions.apply_service(ctx)
    modem.start(service.account, port_of(line_of(service)))

    def dies(_element, _session):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        services.watch_sessions(deliver=dies)
    told = []
    services.watch_sessions(deliver=lambda _, session: told.append(session.account))
    assert told == [service.account]


def test_a_record_that_becomes_visible_late_is_not_missed(element, lab):
    services.watch_sessions()
    insert = (
        "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)"
        " VALUES (%s, %s, %s, '10.99.0.1', now())"
    )
    with psycopg.connect(lab.cluster.dsn("radius")) as slow:
        slow.execute(insert, ["s", str(uuid7()), "slow@kd"])
        with psycopg.connect(lab.cluster.dsn("radius"), autocommit=True) as quick:
            quick.execute(insert, ["q", str(uuid7()), "quick@kd"])
        assert [s.account for s in services.watch_sessions()] == ["quick@kd"]
        slow.commit()
    assert [s.account for s in services.watch_sessions()] == ["slow@kd"]
    assert services.watch_sessions() == []


@pytest.mark.django_db(transaction=True)
def test_two_watchers_at_once_tell_each_session_once(element, lab):
    services.watch_sessions()
    with psycopg.connect(lab.cluster.dsn("radius")) as radius:
        for number in range(40):
            radius.execute(
                "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress,"
                " acctstarttime) VALUES (%s, %s, 'crowd@kd', '10.99.0.1', now())",
                [str(number), str(uuid7())],
            )
    told, ready = [], threading.Barrier(4)

    def watch():
        try:
            ready.wait(10)
            told.extend(services.watch_sessions(15))
            told.extend(services.watch_sessions(15))
        finally:
            connection.close()

    watchers = [threading.Thread(target=watch) for _ in range(4)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()
    told.extend(services.watch_sessions())
    numbers = [session.number for session in told]
    assert len(numbers) == 40
    assert len(set(numbers)) == 40


def test_watching_a_server_that_is_down_is_quiet(element, lab):
    lab.stop_database()
    assert services.watch_sessions() == []


# ---- the command that plays the modem ----------------------------------------------------------


def test_session_knows_the_registered_line(ctx, service, lab, monkeypatch, capsys):
    monkeypatch.setattr("kaitong.lab.element.lab_folder", lambda: lab.home)
    monkeypatch.setenv("KAITONG_DATABASE_URL", "postgresql://as-in-the-settings/")
    actions.apply_service(ctx)
    assert commands.main(["session", service.account, "--wrong-port", "--json"]) == 0
    wrong = json.loads(capsys.readouterr().out)
    assert wrong["nas_port_id"] == f"OLT-01 eth 0/3/7:{service.logical_id}"
    with pytest.raises(BusinessError):
        actions.prove_line(ctx)
    assert commands.main(["session", service.account]) == 0
    assert "online" in capsys.readouterr().out
    assert actions.prove_line(ctx) == {"line_proven": True}
    assert inventory.service(SYSTEM, service.id).port.state == ResourceState.PRE_EMPTED
