"""Television at a real Kea DHCP server: its adapter, the proofs, and set-top boxes.

Covers: a line opened, suspended, resumed, moved, taken out, each as a box on it finds it; the same
twice at once; two services for one line; the server and its database dead in the middle; what must
not stay of a proof; a server that serves everybody.
"""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from uuid import uuid4

import pytest

from kaitong.activation.adapters import circuits, dhcpwire
from kaitong.activation.adapters.base import (
    AccountState,
    Conversation,
    ProofKind,
    ProofResult,
)
from kaitong.activation.adapters.circuits import CircuitChange, CircuitSubject, name_of
from kaitong.activation.adapters.dhcp import KeaAdapter
from kaitong.activation.errors import ElementProblem, RefusedByElement, Unreachable


@pytest.fixture
def adapter(kea):
    settings = kea.settings()
    return KeaAdapter(settings.connection(), settings.secrets())


def a_line() -> str:
    return f"OLT-01 eth 0/3/6:O{uuid4().hex[:15]}"


@pytest.fixture
def change():
    """A service on a line nobody else has."""
    return CircuitChange(account=name_of(uuid4()), plan="iptv", circuit=a_line())


def apply(adapter, change, **other):
    wanted = {
        "account": change.account, "plan": change.plan, "circuit": change.circuit, **other
    }  # fmt: skip
    return adapter.apply(CircuitChange(**wanted), Conversation())


def prove(adapter, kind, change, **other):
    subject = CircuitSubject(**{"account": change.account, "circuit": change.circuit, **other})
    return adapter.prove(subject, kind, Conversation())


def result(adapter, kind, change, **other):
    return prove(adapter, kind, change, **other).result


# ---- a line opened, and its box ----


def test_a_line_is_opened_and_offered_an_address_and_nothing_stays_of_the_proof(
    adapter, change, rows
):
    before = rows.execute("SELECT count(*) FROM lease4").fetchone()
    assert result(adapter, ProofKind.ACCOUNT, change) is ProofResult.REFUSED
    told = apply(adapter, change).request
    assert change.circuit in told
    assert change.account in told
    proof = prove(adapter, ProofKind.ACCOUNT, change)
    assert proof.ok
    assert proof.facts["answer"].startswith("DHCPOFFER 100.65.")
    assert proof.facts["unknown_answer"] == "no offer"
    assert rows.execute("SELECT count(*) FROM lease4").fetchone() == before
    assert apply(adapter, change).statements == 0  # it stands already
    reading = adapter.read(change.account, Conversation())
    assert (reading.state, reading.plan) == (AccountState.OPEN, "iptv")
    assert [a.value for a in reading.attributes] == [change.circuit]


def test_a_dry_run_tells_and_changes_nothing(adapter, change):
    outcome = adapter.apply(change, Conversation(), dry_run=True)
    assert (outcome.statements, outcome.dry_run) == (1, True)
    assert adapter.read(change.account, Conversation()).state is AccountState.ABSENT


def test_the_customers_box_proves_the_line(adapter, change, boxes):
    apply(adapter, change)
    assert result(adapter, ProofKind.LINE, change) is ProofResult.NOT_SEEN
    box = boxes.on(change.circuit, keep=False)
    assert box.online
    own = dhcpwire.mac_bytes(box.mac)
    for proof in (
        prove(adapter, ProofKind.LINE, change),
        prove(adapter, ProofKind.LINE, change, boxes=(own,)),
    ):
        assert proof.ok
        assert proof.facts["seen"]["address"] == box.address
        assert proof.facts["seen"]["mac"] == box.mac
    # another box than the one that was installed
    other = prove(adapter, ProofKind.LINE, change, boxes=(dhcpwire.mac_of("installed"),))
    assert (other.result, other.facts["differences"]) == (ProofResult.WRONG_PORT, ["mac"])
    assert boxes.off(change.circuit)
    assert result(adapter, ProofKind.LINE, change) is ProofResult.NOT_SEEN


def test_a_box_plugged_in_at_the_neighbours_is_seen_there(adapter, change, boxes):
    neighbour = CircuitChange(account=name_of(uuid4()), plan="iptv", circuit=a_line())
    apply(adapter, change)
    apply(adapter, neighbour)
    box = boxes.on(neighbour.circuit, keep=False)
    proof = prove(adapter, ProofKind.LINE, change, boxes=(dhcpwire.mac_bytes(box.mac),))
    assert (proof.result, proof.facts["differences"]) == (ProofResult.WRONG_PORT, ["circuit"])
    assert proof.facts["seen"]["circuit"] == neighbour.circuit


def test_a_line_nobody_opened_gets_nothing(boxes):
    assert boxes.on(a_line(), keep=False).state == "refused"


def test_a_box_that_is_kept_renews_by_itself_until_the_lab_is_down(adapter, change, boxes):
    apply(adapter, change)
    box = boxes.on(change.circuit, keep=False)
    boxes._save(dataclasses.replace(box, renew_at=0.0))  # its time has come
    boxes.keep()
    try:
        boxes.keep()  # one keeper is enough
        until = time.monotonic() + 20
        while boxes.box(change.circuit).renew_at == 0.0:
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        ended = boxes.down()
    assert ended
    kept = boxes.box(change.circuit)
    assert (kept.online, kept.address) == (True, box.address)
    assert kept.renew_at > box.renew_at
    assert not boxes.down()


# ---- suspended, resumed, moved, taken out ----


def test_suspended_refused_for_its_reason_and_resumed(adapter, change, boxes):
    apply(adapter, change)
    address = boxes.on(change.circuit, keep=False).address
    assert [lease.address for lease in adapter.leases(change.account, Conversation())] == [address]
    barred = {"state": AccountState.BARRED, "barred_for": "arrears"}
    assert result(adapter, ProofKind.SUSPENDED, change) is ProofResult.STILL_OPEN
    apply(adapter, change, **barred)
    assert adapter.read(change.account, Conversation()).state is AccountState.BARRED
    proof = prove(adapter, ProofKind.SUSPENDED, change, barred_for="arrears")
    assert (proof.ok, proof.facts["message"]) == (True, "suspended-arrears")
    for reason in ("request", "administrative"):
        told = result(adapter, ProofKind.SUSPENDED, change, barred_for=reason)
        assert told is ProofResult.OTHER_REASON
    # what the box had leased has ended, and the box drops it when it renews
    assert adapter.leases(change.account, Conversation()) == []
    assert boxes.renew(change.circuit).state == "refused"
    apply(adapter, change)
    assert prove(adapter, ProofKind.ACCOUNT, change).ok
    assert boxes.renew(change.circuit).online


def test_a_lease_renewed_while_its_line_is_shut_off_is_seen(adapter, change, boxes, rows):
    apply(adapter, change)
    boxes.on(change.circuit, keep=False)
    kept = rows.execute("SELECT * FROM lease4 WHERE hostname = %s", [change.account]).fetchone()
    barred = {"state": AccountState.BARRED, "barred_for": "request"}
    apply(adapter, change, **barred)
    rows.execute(f"INSERT INTO lease4 VALUES ({', '.join(['%s'] * len(kept))})", kept)
    told = result(adapter, ProofKind.SUSPENDED, change, barred_for="request")
    assert told is ProofResult.ROWS_LEFT
    assert apply(adapter, change, **barred).statements == 1  # sent again it is gone
    assert prove(adapter, ProofKind.SUSPENDED, change, barred_for="request").ok


def test_a_line_that_is_gone_is_not_refused_because_it_is_suspended(adapter, change):
    told = result(adapter, ProofKind.SUSPENDED, change, barred_for="request")
    assert told is ProofResult.OTHER_REASON


def test_a_moved_service_leaves_nothing_on_its_former_line(adapter, change, boxes):
    apply(adapter, change)
    boxes.on(change.circuit, keep=False)
    there = CircuitChange(account=change.account, plan="iptv", circuit=a_line())
    assert apply(adapter, there).statements == 3  # the reservation here, there, and the lease here
    assert result(adapter, ProofKind.ACCOUNT, change) is ProofResult.REFUSED
    assert prove(adapter, ProofKind.ACCOUNT, there).ok
    assert boxes.renew(change.circuit).state == "refused"
    assert result(adapter, ProofKind.LINE, there) is ProofResult.NOT_SEEN
    boxes.on(there.circuit, keep=False)
    assert prove(adapter, ProofKind.LINE, there).ok


def test_taken_out_nothing_is_held_and_nothing_offered(adapter, change, boxes, rows):
    apply(adapter, change)
    assert result(adapter, ProofKind.REMOVED, change) is ProofResult.ROWS_LEFT
    boxes.on(change.circuit, keep=False)
    apply(adapter, change, state=AccountState.ABSENT)
    assert apply(adapter, change, state=AccountState.ABSENT).statements == 0
    assert prove(adapter, ProofKind.REMOVED, change).ok
    assert boxes.renew(change.circuit).state == "refused"
    held = rows.execute(
        "SELECT count(*) FROM lease4 WHERE hostname = %s", [change.account]
    ).fetchone()
    assert held == (0,)
    # a line that is another's by now is served, and yet this service is gone
    apply(adapter, CircuitChange(account=name_of(uuid4()), plan="iptv", circuit=change.circuit))
    assert prove(adapter, ProofKind.REMOVED, change).facts["of_another"]


def test_a_line_of_another_service_is_refused_and_nothing_changes(adapter, change):
    apply(adapter, change)
    other = CircuitChange(account=name_of(uuid4()), plan="iptv", circuit=a_line())
    apply(adapter, other)
    with pytest.raises(RefusedByElement, match=change.account):
        apply(adapter, other, circuit=change.circuit)
    kept = adapter.read(other.account, Conversation())
    assert [a.value for a in kept.attributes] == [other.circuit]


@pytest.mark.parametrize(
    "wrong",
    [{"circuit": ""}, {"circuit": "x" * 129}, {"circuit": "a\nb"}, {"plan": "x, y"}],
)
def test_what_the_server_could_not_hold_is_refused(adapter, change, wrong):
    with pytest.raises(ElementProblem):
        apply(adapter, change, **wrong)


# ---- at once ----


def in_threads(*acts):
    outcomes: list[object] = []

    def run(act):
        try:
            outcomes.append(act())
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


def test_one_service_twice_at_once_is_reserved_once(adapter, change, rows):
    outcomes = in_threads(*[lambda: apply(adapter, change).statements] * 4)
    assert sorted(outcomes) == [0, 0, 0, 1]
    found = rows.execute("SELECT count(*) FROM hosts WHERE hostname = %s", [change.account])
    assert found.fetchone() == (1,)


def test_two_services_for_one_line_at_once_one_of_them_hears_no(adapter, change):
    other = CircuitChange(account=name_of(uuid4()), plan="iptv", circuit=change.circuit)
    outcomes = in_threads(lambda: apply(adapter, change), lambda: apply(adapter, other))
    assert sum(isinstance(one, RefusedByElement) for one in outcomes) == 1
    states = [adapter.read(one.account, Conversation()).state for one in (change, other)]
    assert sorted(states) == [AccountState.ABSENT, AccountState.OPEN]


# ---- bad days ----


def test_a_dead_server_is_no_refusal_and_is_asked_again(adapter, change, kea, boxes):
    apply(adapter, change)
    box = boxes.on(change.circuit, keep=False)
    kea.stop_server()
    adapter.client = lambda: dhcpwire.DhcpClient(
        "127.0.0.1", kea.settings().port, "127.0.0.1", timeout=0.1, attempts=2
    )
    for kind in (ProofKind.ACCOUNT, ProofKind.SUSPENDED):
        with pytest.raises(Unreachable, match="没有应答"):
            prove(adapter, kind, change)
    apply(adapter, change, state=AccountState.BARRED, barred_for="request")  # its database lives
    kea.up()
    assert prove(adapter, ProofKind.SUSPENDED, change, barred_for="request").ok
    apply(adapter, change)
    assert boxes.renew(change.circuit).address == box.address  # leases outlive the server


def test_a_dead_database_leaves_the_change_undone_until_it_is_sent_again(adapter, change, kea):
    apply(adapter, change)
    kea.stop_database()
    with pytest.raises(Unreachable, match="DHCP 数据库"):
        apply(adapter, change, state=AccountState.ABSENT)
    kea.up()
    assert prove(adapter, ProofKind.ACCOUNT, change).ok  # it stands as before
    apply(adapter, change, state=AccountState.ABSENT)
    assert prove(adapter, ProofKind.REMOVED, change).ok


def test_a_server_that_serves_everybody_proves_nothing(change):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        place = server.getsockname()[1]
        adapter = KeaAdapter({"host": "127.0.0.1", "port": place, "relay": "127.0.0.1"}, {})

        def serve():
            for _ in range(4):  # DISCOVER and INFORM, on two lines
                data, whence = server.recvfrom(2000)
                kind = {1: 2, 8: 5}[data[242]]
                answer = bytearray(data[:240])
                answer[0] = 2
                if kind == 2:
                    answer[16:20] = bytes([100, 65, 1, 1])
                server.sendto(bytes(answer) + bytes([53, 1, kind, 255]), whence)

        thread = threading.Thread(target=serve)
        thread.start()
        assert result(adapter, ProofKind.ACCOUNT, change) is ProofResult.OPEN_DOOR
        thread.join(5)


@pytest.mark.parametrize("text", [b"", b"\x01", b"\x01\x05abc", b"\x02\x01x\x01"])
def test_relay_information_that_cannot_be_read_names_no_more_than_it_holds(text):
    assert dhcpwire.relayed_circuit(text) in (b"", b"abc")


# ---- the cut ----


def test_the_server_ends_a_lease_by_its_own_command_where_the_operator_wants_it(change, boxes, kea):
    """The agent refuses a wrong password; the lease is gone, the box is told no when it asks, and
    until when it runs at the latest is known."""
    settings = kea.settings()
    place = settings.connection() | {"cut": "commands"}
    adapter = KeaAdapter(place, settings.secrets())
    apply(adapter, change)
    box = boxes.on(change.circuit, keep=False)
    barred = {"state": AccountState.BARRED, "barred_for": "request"}
    with pytest.raises(ElementProblem, match="控制接口不接受"):
        apply(KeaAdapter(place, {**settings.secrets(), "control": "wrong"}), change, **barred)
    talk = Conversation()
    told = adapter.apply(CircuitChange(**{**_fields(change), **barred}), talk)
    assert told.statements == 1  # barred since the first try: what was left is the lease
    assert '"lease4-del"' in talk.request
    assert talk.until is not None
    assert abs(talk.until.timestamp() - box.expires_at) < 3
    assert adapter.leases(change.account, Conversation()) == []
    assert boxes.renew(change.circuit).state == "refused"
    kea.stop_server()
    with pytest.raises(Unreachable, match="联系不到"):
        adapter._end(None, [circuits.Lease("100.65.1.1", "", "", talk.until, talk.until)], talk)
    kea.up()


def _fields(change):
    return {"account": change.account, "plan": change.plan, "circuit": change.circuit}
