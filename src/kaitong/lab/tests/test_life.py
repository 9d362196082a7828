"""A service after it works: 停机, 复机, 改密, 改账号, 改套餐, 断线, against the real AAA server.

The access server is the lab's own, asked by real RFC 5176 packets; each proof is a login, or the
server's accounting. Covers refusals with their reason, repetition, a worker killed half-way, two at
once, an access server that is silent, says no, or never heard of the session.
"""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import threading
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.utils.translation import override

from kaitong.activation import acting, actions, life, operating, queries, services
from kaitong.activation.adapters.base import AccountChange, AccountState, Conversation
from kaitong.activation.models import Exchange
from kaitong.activation.records import For
from kaitong.core import wording
from kaitong.core.errors import BadInput
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.errors import WrongState
from kaitong.inventory.models import Service
from kaitong.lab.dynauth import NO_SESSION, Listener
from kaitong.lab.nas import ReportedSessions
from kaitong.lab.session import AccessServer
from kaitong.lab.tests.test_activation import (  # noqa: F401  fixtures
    SYSTEM,
    again,
    ctx,
    element,
    line_of,
    password_of,
    port_of,
    service,
)
from kaitong.process.actions import BusinessError, Transient, Wait

pytestmark = [pytest.mark.radius, pytest.mark.django_db]


@pytest.fixture
def working(ctx, service, modem):  # noqa: F811
    """The service in operation, its modem online."""
    actions.apply_service(ctx)
    modem.start(service.account, port_of(line_of(service)))
    actions.prove_account(ctx)
    actions.prove_line(ctx)
    inventory_verbs.set_service_state(actor=SYSTEM, service_id=service.id, state="active")
    return inventory.service(SYSTEM, service.id)


def with_inputs(context, **values):
    return dataclasses.replace(context, inputs={**context.inputs, **values})


def now_is(service):  # noqa: F811
    return inventory.service(SYSTEM, service.id)


def login(lab, account, password):
    settings = lab.settings()
    from kaitong.activation.adapters.wire import RadiusClient

    return RadiusClient(settings.host, settings.auth_port, settings.secret).login(account, password)


def until_done(act, context, seconds=120):
    """Ask again as the worker does, while it waits."""
    for _ in range(seconds):
        outcome = act(context)
        if not isinstance(outcome, Wait):
            return outcome
        context = dataclasses.replace(
            context, memory=outcome.values, now=context.now + timedelta(seconds=1)
        )
    raise AssertionError(f"still waiting: {outcome.reason}")


# ---- shut off, cut, proven; and on again ----


def test_shut_off_then_cut_then_proven(ctx, working, lab):  # noqa: F811
    assert life.suspend(with_inputs(ctx, reason="request")) == {
        "suspended_for": ["request"],
        "still_barred": True,
    }
    assert now_is(working).state == ServiceState.INACTIVE
    assert now_is(working).reason == "客户停机"
    with pytest.raises(BusinessError) as standing:  # shut off, and yet the modem is online
        life.prove_suspended(ctx)
    assert standing.value.code == "still-online"
    assert until_done(life.disconnect, ctx) == {"disconnected": 1}
    assert AccessServer(lab).open_sessions(working.account) == []
    assert life.prove_suspended(ctx) == {"suspension_proven": True}
    proof = now_is(working).latest["suspended"]
    assert (proof.ok, proof.data["message"]) == (True, "suspended")
    refused = login(lab, working.account, password_of(working))
    assert refused.rejected
    assert refused.leaked == []


def test_the_cut_is_told_by_accounting_with_its_cause(ctx, working, aaa):  # noqa: F811
    until_done(life.disconnect, ctx)
    (row,) = aaa.execute(
        "SELECT acctstoptime IS NOT NULL, acctterminatecause FROM radacct WHERE username = %s",
        [working.account],
    ).fetchall()
    assert row == (True, "Admin-Reset")


@pytest.mark.parametrize(
    ("kind", "said"),
    [("arrears", "suspended: bills are unpaid"), ("administrative", "suspended by the operator")],
)
def test_each_reason_refuses_in_its_own_words(ctx, working, lab, kind, said):  # noqa: F811
    life.suspend(with_inputs(ctx, reason=kind))
    until_done(life.disconnect, ctx)
    life.prove_suspended(ctx)
    answer = login(lab, working.account, password_of(working))
    assert dict(answer.attributes)["Reply-Message"] == said


def test_paying_does_not_bring_back_whom_its_owner_shut_off(ctx, working, lab):  # noqa: F811
    life.suspend(with_inputs(ctx, reason="request"))
    life.suspend(with_inputs(ctx, reason="arrears"))
    until_done(life.disconnect, ctx)
    assert life.resume(with_inputs(ctx, reason="arrears")) == {
        "suspended_for": ["request"],
        "still_barred": True,
    }
    assert actions.prove_account(ctx) == {"suspension_proven": True}
    assert now_is(working).state == ServiceState.INACTIVE
    assert life.resume(with_inputs(ctx, reason="request")) == {
        "suspended_for": [],
        "still_barred": False,
    }
    assert actions.prove_account(ctx) == {"account_proven": True}
    assert now_is(working).state == ServiceState.ACTIVE
    assert now_is(working).reason == ""
    assert login(lab, working.account, password_of(working)).accepted


def test_again_and_again_changes_nothing(ctx, working, aaa):  # noqa: F811
    for _ in range(2):
        life.suspend(with_inputs(ctx, reason="administrative"))
    rows = aaa.execute(
        "SELECT groupname, priority FROM radusergroup WHERE username = %s ORDER BY priority",
        [working.account],
    ).fetchall()
    assert rows == [("suspended-admin", 0), ("home-broadband-300-50", 10)]
    for _ in range(2):
        assert until_done(life.disconnect, ctx)["disconnected"] in (0, 1)
        life.resume(with_inputs(ctx, reason="administrative"))
    assert actions.prove_account(ctx) == {"account_proven": True}


def test_killed_after_it_was_shut_off_here_and_before_the_network(ctx, working, lab):  # noqa: F811
    inventory_verbs.suspend(actor=SYSTEM, service_id=working.id, reason="", kind="administrative")
    assert login(lab, working.account, password_of(working)).accepted  # nothing was sent yet
    life.suspend(with_inputs(ctx, reason="administrative"))
    assert login(lab, working.account, password_of(working)).rejected


def test_a_service_that_never_worked_is_not_shut_off(ctx, service):  # noqa: F811
    actions.apply_service(ctx)
    with pytest.raises(BusinessError) as refused:
        life.suspend(with_inputs(ctx, reason="arrears"))
    assert refused.value.code == "wrong-state"
    assert "不能停机" in refused.value.what
    assert inventory.suspensions([service.id]) == {}


def test_an_unknown_reason_is_named_with_those_there_are(ctx, working):  # noqa: F811
    with pytest.raises(BadInput, match="arrears"):
        life.suspend(with_inputs(ctx, reason="mood"))


def test_sending_the_data_again_does_not_open_what_is_shut_off(ctx, working, lab):  # noqa: F811
    life.suspend(with_inputs(ctx, reason="arrears"))
    actions.apply_service(ctx)
    assert login(lab, working.account, password_of(working)).rejected
    with pytest.raises(WrongState, match="停机中"):
        inventory_verbs.set_service_state(actor=SYSTEM, service_id=working.id, state="active")


def test_refused_for_another_reason_is_no_proof(ctx, working, lab):  # noqa: F811
    life.suspend(with_inputs(ctx, reason="request"))
    with psycopg.connect(lab.cluster.dsn("radius"), autocommit=True) as admin:
        admin.execute("DELETE FROM radusergroup WHERE username = %s", [working.account])
        admin.execute("DELETE FROM radcheck WHERE username = %s", [working.account])
    with pytest.raises(BusinessError, match="不是因为停机") as refused:
        life.prove_suspended(ctx)
    assert refused.value.values["proof_result"] == "other-reason"


# ---- the cut ----


class Standing:
    """Sessions of an access server that answers as the test says, and does nothing."""

    def __init__(self, cause):
        self.cause, self.asked = cause, []

    def disconnect(self, named):
        self.asked.append(dict(named))
        return self.cause

    def change(self, named, attributes):
        self.asked.append({**named, **attributes})
        return self.cause


@pytest.fixture
def answering(lab, element):  # noqa: F811
    """The access server is one that answers with this Error-Cause (0: yes), and does nothing."""
    listeners = []

    def with_cause(cause, secret=None):
        sessions = Standing(cause)
        settings = lab.settings()
        listener = Listener("127.0.0.1", 0, secret or settings.secret, sessions).start()
        listeners.append(listener)
        place = {settings.nas_address: {"host": "127.0.0.1", "port": listener.port}}
        services.element_moved(
            key="radius",
            connection={
                **settings.connection(),
                "access_timeout": 0.3,
                "access_servers": place,
            },
            secrets=settings.secrets(),
        )
        return sessions

    yield with_cause
    for listener in listeners:
        listener.stop()


def test_nobody_online_is_nothing_to_do(ctx, service):  # noqa: F811
    assert life.disconnect(ctx) == {"disconnected": 0}


def test_a_session_the_access_server_does_not_know_is_none(ctx, working, answering):  # noqa: F811
    sessions = answering(NO_SESSION)
    assert life.disconnect(ctx) == {"disconnected": 0}
    assert sessions.asked[0]["User-Name"] == working.account
    assert sessions.asked[0]["Acct-Session-Id"]


def test_an_access_server_that_refuses_is_told_with_its_cause(ctx, working, answering):  # noqa: F811
    answering(501)
    with pytest.raises(BusinessError) as refused:
        life.disconnect(ctx)
    assert refused.value.code == "still-online"
    assert refused.value.values["error_cause"] == "Administratively-Prohibited"
    assert "Administratively-Prohibited" in now_is(working).reason


def test_a_session_that_cannot_be_cut_lives_on_while_its_account_is_barred(
    ctx,  # noqa: F811
    working,
    lab,
    answering,
):
    """Refused, or the access server is away: whoever sees it reads what that means."""
    life.suspend(with_inputs(ctx, reason="arrears"))
    answering(501)
    with pytest.raises(BusinessError) as refused:
        life.disconnect(ctx)
    assert refused.value.what.endswith(life.STILL_LIVE)
    assert now_is(working).reason == refused.value.what
    with override("en"):
        told = wording.read(refused.value.what)
    assert told.endswith("the session that stands can be used until it is ended.")
    answering(0, secret="not-the-shared-one")
    with pytest.raises(Transient) as away:
        life.disconnect(ctx)
    assert (away.value.cause, away.value.what) == ("network", now_is(working).reason)
    assert away.value.what.endswith(life.STILL_LIVE)
    assert len(AccessServer(lab).open_sessions(working.account)) == 1
    assert login(lab, working.account, password_of(working)).rejected


def test_said_yes_and_stays_online_ends_after_patience(ctx, working, answering):  # noqa: F811
    sessions = answering(0)
    patient = with_inputs(ctx, patience=5)
    first = life.disconnect(patient)
    assert isinstance(first, Wait)
    with pytest.raises(BusinessError) as refused:
        until_done(life.disconnect, patient)
    assert (refused.value.code, refused.value.values) == ("still-online", {"sessions": 1})
    assert len(sessions.asked) == 2  # one for each command; waiting asks the accounting only


@pytest.mark.parametrize("silent", ["nobody", "another-secret"])
def test_a_silent_access_server_is_tried_again(ctx, working, lab, answering, silent):  # noqa: F811
    if silent == "another-secret":
        answering(0, secret="not-the-shared-one")
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
        settings = lab.settings()
        services.element_moved(
            key="radius",
            connection={
                **settings.connection(),
                "access_timeout": 0.3,
                "access_servers": {settings.nas_address: {"host": "127.0.0.1", "port": port}},
            },
            secrets=settings.secrets(),
        )
    with pytest.raises(Transient) as waiting:
        life.disconnect(ctx)
    assert waiting.value.cause == "network"
    assert "接入服务器" in now_is(working).reason
    exchange = Exchange.objects.filter(verb="disconnect").latest("id")
    assert (exchange.ok, exchange.cause) == (False, "network")


def test_a_modem_that_comes_back_is_left_alone_unless_shut_off(ctx, working, modem):  # noqa: F811
    port = port_of(line_of(working))
    first = life.disconnect(ctx)
    modem.start(working.account, port)
    outcome = until_done(life.disconnect, again(ctx, memory=first.values))
    assert outcome == {"disconnected": 1}
    assert len(modem.open_sessions(working.account)) == 1


def test_the_same_packet_twice_is_carried_out_once(lab):
    sessions = Standing(0)
    listener = Listener("127.0.0.1", 0, "shared", sessions)
    from pyrad import packet

    from kaitong.activation.adapters.dynauth import dictionary

    def request(secret=b"shared", age=0, signed=True):
        asked = packet.CoAPacket(
            code=packet.DisconnectRequest, secret=secret, dict=dictionary(), id=7
        )
        asked["User-Name"] = "a@kd"
        import time

        asked["Event-Timestamp"] = int(time.time()) - age
        if signed:
            asked.add_message_authenticator()
        return asked.RequestPacket()

    place = ("127.0.0.1", 4000)
    raw = request()
    first = listener.answer(raw, place)
    assert first is not None
    assert first[0] == packet.DisconnectACK
    assert listener.answer(raw, place) == first
    assert len(sessions.asked) == 1
    for bad in (request(secret=b"other"), request(age=4000), request(signed=False), b"\x28", b""):
        assert listener.answer(bad, place) is None
    assert len(sessions.asked) == 1
    listener._socket.close()


# ---- password, account, plan ----


def test_a_new_password_is_accepted_and_the_old_refused(ctx, working, lab):  # noqa: F811
    old = password_of(working)
    inventory_verbs.set_password(actor=SYSTEM, service_id=working.id, password="xinmima-2026")
    life.change_password(ctx)
    assert life.prove_password(ctx) == {"password_proven": True}
    assert login(lab, working.account, old).rejected
    assert login(lab, working.account, "xinmima-2026").accepted
    after = now_is(working)
    assert after.latest["password"].data["old_password_known"] is True
    assert after.missing_proofs == ()  # the line is where it was, the login was shown anew
    assert after.state == ServiceState.ACTIVE
    assert Service.objects.get(pk=working.id).former_password is None


def test_an_old_password_that_still_works_is_no_proof(ctx, working, lab):  # noqa: F811
    old = password_of(working)
    inventory_verbs.set_password(actor=SYSTEM, service_id=working.id, password="xinmima-2026")
    life.change_password(ctx)
    with psycopg.connect(lab.cluster.dsn("radius"), autocommit=True) as admin:
        admin.execute("UPDATE radcheck SET value = %s WHERE username = %s", [old, working.account])
    with pytest.raises(BusinessError) as refused:
        life.prove_password(ctx)
    assert refused.value.code == "password-not-proven"
    assert now_is(working).missing_proofs == ("account",)
    life.change_password(ctx)  # and the old one is still known for the proof after the repair
    assert life.prove_password(ctx) == {"password_proven": True}


def test_passwords_are_in_no_exchange_proof_or_variable(ctx, working):  # noqa: F811
    old = password_of(working)
    inventory_verbs.set_password(actor=SYSTEM, service_id=working.id, password="xinmima-2026")
    told = [life.change_password(ctx), life.prove_password(ctx)]
    told += list(Exchange.objects.values())
    told += [p.data for p in now_is(working).proofs]
    text = json.dumps(told, default=str, ensure_ascii=False)
    assert "xinmima-2026" not in text
    assert old not in text


def test_a_password_changed_while_shut_off_stays_refused(ctx, working, lab):  # noqa: F811
    life.suspend(with_inputs(ctx, reason="request"))
    until_done(life.disconnect, ctx)
    inventory_verbs.set_password(actor=SYSTEM, service_id=working.id, password="xinmima-2026")
    life.change_password(ctx)
    assert life.prove_password(ctx) == {"suspension_proven": True}
    life.resume(with_inputs(ctx, reason="request"))
    assert life.prove_password(ctx) == {"password_proven": True}
    assert now_is(working).state == ServiceState.ACTIVE


def test_an_account_with_a_new_name(ctx, working, aaa, lab):  # noqa: F811
    old, new = working.account, "n" + working.account
    Service.objects.filter(pk=working.id).update(account=new)  # a transactional action did it
    renaming = with_inputs(ctx, old_account=old)
    life.rename_account(renaming)
    assert until_done(life.disconnect, with_inputs(ctx, account=old)) == {"disconnected": 1}
    assert life.prove_renamed(renaming) == {"rename_proven": True}
    assert login(lab, new, password_of(working)).accepted
    assert login(lab, old, password_of(working)).rejected
    for table in ("radcheck", "radreply", "radusergroup"):
        assert not aaa.execute(f"SELECT 1 FROM {table} WHERE username = %s", [old]).fetchall()
    assert aaa.execute("SELECT count(*) FROM radacct WHERE username = %s", [old]).fetchone() == (1,)
    life.rename_account(renaming)
    assert life.prove_renamed(renaming) == {"rename_proven": True}


def test_an_old_name_another_service_has_by_now_is_left_alone(ctx, working, lab, county):  # noqa: F811
    old, new = working.account, "n" + working.account
    Service.objects.filter(pk=working.id).update(account=new)
    other = inventory_verbs.create_service(
        actor=SYSTEM, branch_id=county.id, specification="access", playbook="home-broadband",
        version="h1", characteristics={"down_mbps": 300},
    )  # fmt: skip
    Service.objects.filter(pk=other.id).update(account=old)
    life.rename_account(with_inputs(ctx, old_account=old))
    assert login(lab, old, password_of(working)).accepted  # the rows are the other's now
    assert life.prove_renamed(with_inputs(ctx, old_account=old)) == {"rename_proven": True}


def test_a_plan_is_changed_while_the_modem_is_online(ctx, working, lab):  # noqa: F811
    inventory_verbs.set_characteristics(
        actor=SYSTEM, service_id=working.id, values={"down_mbps": 20}
    )
    assert life.change_plan(ctx) == {"changed_live": 1}
    assert life.prove_plan(ctx) == {"plan_proven": True}
    reply = dict(login(lab, working.account, password_of(working)).attributes)
    assert reply["WISPr-Bandwidth-Max-Down"] == "20000000"
    (session,) = AccessServer(lab).open_sessions(working.account)
    given = ReportedSessions(lab.home, lab.nas_folder / "changes.json").changed()[session]
    assert given["WISPr-Bandwidth-Max-Down"] == "20000000"
    assert "Service-Type" not in given  # in a CoA-Request it would mean something else


def test_another_plan_at_the_server_is_no_proof(ctx, working, lab):  # noqa: F811
    with psycopg.connect(lab.cluster.dsn("radius"), autocommit=True) as admin:
        admin.execute(
            "UPDATE radusergroup SET groupname = 'home-300' WHERE username = %s", [working.account]
        )
    with pytest.raises(BusinessError) as refused:
        life.prove_plan(ctx)
    assert refused.value.code == "plan-not-proven"
    assert "WISPr-Bandwidth-Max-Up" in refused.value.what


def test_an_access_server_that_cannot_change_a_session_is_told(ctx, working, answering):  # noqa: F811
    answering(401)
    with pytest.raises(BusinessError) as refused:
        life.change_plan(ctx)
    assert refused.value.code == "not-changed-live"
    assert refused.value.values == {"error_cause": "Unsupported-Attribute"}


# ---- two at once ----


@pytest.mark.django_db(transaction=True)
def test_shut_off_during_a_slow_sending_of_the_password_stays_shut_off(
    ctx, working, lab, element, monkeypatch  # noqa: F811
):  # fmt: skip
    """The sender has asked what is desired and is slow to write; the suspension comes meanwhile."""
    asked, go_on = threading.Event(), threading.Event()
    slow = acting.wanted_now(working, element, "test")

    def slowly():
        change = slow()
        asked.set()
        go_on.wait(10)
        return change

    def send():
        try:
            services.bring_account(element, working.account, slowly, For(working.branch_id))
        finally:
            connection.close()

    def shut_off():
        try:
            life.suspend(with_inputs(ctx, reason="administrative"))
        finally:
            connection.close()

    sender, stopper = threading.Thread(target=send), threading.Thread(target=shut_off)
    sender.start()
    assert asked.wait(10)
    stopper.start()
    stopper.join(0.5)  # it waits behind the sender's lock at the server
    go_on.set()
    sender.join(10)
    stopper.join(10)
    assert login(lab, working.account, password_of(working)).rejected


def test_killed_between_sent_and_recorded(ctx, working, lab, element):  # noqa: F811
    inventory_verbs.suspend(actor=SYSTEM, service_id=working.id, reason="", kind="administrative")
    change = acting.desired_account(now_is(working), element, password_of(working))
    assert change.state is AccountState.BARRED
    child = os.fork()
    if child == 0:
        try:
            services.adapter(element).apply(change, Conversation())
        finally:
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    life.suspend(again(with_inputs(ctx, reason="administrative"), attempt=2))
    assert queries.exchanges(SYSTEM, service_id=working.id)[-1].response == "stands already"
    until_done(life.disconnect, ctx)
    assert life.prove_suspended(ctx) == {"suspension_proven": True}


# ---- many at once ----


def test_many_accounts_in_one_transaction(element, lab, aaa, change):  # noqa: F811
    wanted = [
        dataclasses.replace(change, account=f"{number}-{change.account}", password=f"pw-{number}-x")
        for number in range(1200)
    ]
    wanted[7] = dataclasses.replace(wanted[7], state=AccountState.BARRED, barred_for="arrears")
    by_name = {one.account: one for one in wanted}
    what = For(element.branch_id)

    def bring(changes):
        of = {one.account: one for one in changes}
        names = list(of)
        return operating.bring_many(element, names, lambda batch: [of[n] for n in batch], what)

    assert bring(wanted).statements >= 2 * len(wanted) + 1
    assert bring(wanted).statements == 0
    assert login(lab, wanted[3].account, "pw-3-x").accepted
    assert dict(login(lab, wanted[7].account, "pw-7-x").attributes)["Reply-Message"] == (
        "suspended: bills are unpaid"
    )
    gone = AccountChange(account=wanted[3].account, state=AccountState.ABSENT)
    other = dataclasses.replace(by_name[wanted[4].account], password="another-1")
    assert bring([gone, other]).statements == 2 + 2
    assert login(lab, wanted[3].account, "pw-3-x").rejected
    assert login(lab, wanted[4].account, "another-1").accepted
    assert login(lab, wanted[5].account, "pw-5-x").accepted
    told = json.dumps(list(Exchange.objects.values("request", "response")), default=str)
    assert "another-1" not in told
