"""A Kea DHCPv4 server over its SQL tables: lines are reserved there, and proven by asking for an
address on them.

`connection` of the network element:

    host, port                          where relays send to
    relay                               this machine's address as a relay of the server's (giaddr)
    client_class                        the class of lines in operation, where the playbook names
                                        none (`map: {client_class: ...}`)
    circuit_pattern                     how circuit ids are spelled, as NAS-Port-Id is at an AAA
                                        server: which line a circuit is
    barred_classes: {reason: class}     the class of suspended lines; "" where a reason has none of
                                        its own. No pool is open to them, and the server answers
                                        an INFORM of theirs with the class's name as the message
                                        (option 56): so that a proof hears why
    database: {host, port, name, user}  Kea's hosts and lease database
    lease_seconds                       how long leases of television may be (60 is good): a box
                                        that is cut off runs on so long at the latest. Longer ones
                                        are told on the element's page
    cut                                 how a lease ends that has no ground any more: `database`
                                        (usual: its row goes with the reservation's change, in one
                                        transaction) or `commands` (the server ends it itself, by
                                        lease4-del: where it keeps leases in memory, or tells a
                                        partner server of them)
    control: {url, user}                Kea's control agent, for `commands`
    subnets: [id, ...]                  those of television, where the server has others too

Secrets: `database` (password of the role), `control` (of the control agent's user).

A lease knows its line only with `store-extended-info`. What a box has leased ends here at once; the
box itself hears of it when it next asks, and must stop when its lease runs out in any case. That
moment, `until`, is kept with the exchange and told by the proofs.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from ipaddress import IPv4Address
from typing import Any

import psycopg

from kaitong.activation import nasport
from kaitong.activation.adapters import circuits
from kaitong.activation.adapters.aaadb import aaa_database
from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    Adapter,
    Conversation,
    Outcome,
    Proof,
    ProofKind,
    ProofResult,
    Reading,
    Subject,
)
from kaitong.activation.adapters.circuits import CircuitChange, CircuitSubject, Lease, Reserved
from kaitong.activation.adapters.dhcpwire import DhcpClient, Heard, mac_of, mac_text
from kaitong.activation.adapters.keactl import KeaControl
from kaitong.activation.adapters.sessions import line_facts
from kaitong.activation.adapters.sqltext import Statement, transaction_text
from kaitong.activation.errors import ElementProblem

_FETCH = 2000
DATABASE, COMMANDS = "database", "commands"  # how a lease is ended
CUTS = (DATABASE, COMMANDS)
_PROBE = mac_of("kaitong probe")  # what the platform's own questions come from


class KeaAdapter(Adapter):
    """The DHCP server of services that need no login (IPoE), such as television."""

    def __init__(self, connection: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        self.connection = connection
        self._secrets = secrets
        self.client_class = str(connection.get("client_class") or "iptv")
        self.barred_classes = {
            "": "suspended",
            **{str(k): str(v) for k, v in (connection.get("barred_classes") or {}).items()},
        }
        self.pattern = nasport.pattern(
            str(connection.get("circuit_pattern") or nasport.DEFAULT_PATTERN)
        )
        self.cut = str(connection.get("cut") or DATABASE)
        self.subnets = [int(one) for one in connection.get("subnets") or ()] or None
        self.longest_lease = int(connection.get("lease_seconds") or 0)

    def barred_class(self, reason: str) -> str:
        return self.barred_classes.get(reason) or self.barred_classes[""]

    # ---- apply and read --------------------------------------------------------------------------

    def bring(
        self,
        account: str,
        desired: Callable[[], AccountChange],
        talk: Conversation,
        *,
        dry_run: bool = False,
    ) -> Outcome:
        """Reservation and leases of a service. The reservation first: a lease that is ended before
        could be renewed. Leases end in the same transaction, or by the server's own command behind
        it; one that was renewed in that very instant ends at the second look."""
        with self._database() as database:
            with database.transaction():
                self._lock(database, f"line {account}")
                change = _circuit_change(desired())
                foreign = circuits.is_foreign(change.account)
                circuit = change.account[1:] if foreign else change.circuit
                if change.account != account:
                    raise ElementProblem("DHCP 平台里的名称应是业务自己的。", field="account")
                circuits.check(change)
                if circuit:  # two services that want one line take turns, and the second hears
                    self._lock(database, f"circuit {circuit}")
                held = self._held(database, account, circuit)
                todo = circuits.statements(change, held, self.barred_class(change.barred_for))
                ended = circuits.groundless(change, held.leases)
                if self.cut == DATABASE:
                    todo += circuits.without_leases([lease.address for lease in ended])
                outcome = self._write(database, todo, talk, dry_run=dry_run)
            if dry_run or not ended:
                return outcome
            left = circuits.groundless(change, self._held(database, account, circuit).leases)
            count = self._end(database, left, talk) if left else 0
        talk.until = max(lease.expires_at for lease in (*ended, *left))
        return Outcome(outcome.statements + count, request=outcome.request)

    def holds_until(self, account: str, talk: Conversation) -> datetime | None:
        """Until when boxes may go on with what they hold now; None where they hold nothing."""
        held = self.leases(account, talk)
        return max((lease.expires_at for lease in held), default=None)

    def _end(
        self, database: psycopg.Connection[Any], leases: Sequence[Lease], talk: Conversation
    ) -> int:
        """End leases the way this element's are ended; how many stood."""
        addresses = [lease.address for lease in leases]
        if self.cut == DATABASE:
            for statement in circuits.without_leases(addresses):
                talk.sent(f"-- once more, renewed meanwhile\n{transaction_text([statement])}")
                database.execute(statement.sql, statement.values())
                database.commit()
            return len(addresses)
        control = KeaControl(self.connection.get("control") or {}, self._secrets.get("control", ""))
        return sum(control.end_lease(address, talk) for address in addresses)

    def read(self, account: str, talk: Conversation) -> Reading:
        talk.sent(f"-- {self._where()}\n-- reservation and leases of {account}")
        with self._database() as database:
            held = self._held(database, account, "")
        found = circuits.reading(account, held, self.barred_classes.values())
        lines = ", ".join(repr(a.value) for a in found.attributes)
        talk.got(f"state {found.state}, class {found.plan or '-'}, line {lines or '-'}")
        talk.got(_leases_text(held.leases))
        return found

    # ---- what boxes hold -------------------------------------------------------------------------

    def leases(self, account: str, talk: Conversation, mac: bytes = b"") -> list[Lease]:
        """What the service's boxes hold now, the last heard first; of one box, wherever it is."""
        statement = (
            Statement(circuits.LEASES_OF_BOX, (mac,))
            if mac
            else Statement(circuits.LEASES, circuits.names(account))
        )
        whose = f"the box {mac_text(mac)}" if mac else account
        talk.sent(f"-- {self._where()}\n-- leases of {whose}")
        with self._database() as database:
            rows = database.execute(statement.sql, statement.values()).fetchall()
        found = [circuits.lease_of(row) for row in rows]
        talk.got(_leases_text(found))
        return found

    def live(self, talk: Conversation) -> Mapping[str, int]:
        with self._database() as database:
            row = database.execute(circuits.LIVE, [self.subnets, self.subnets]).fetchone()
        return {"boxes": int(row[0]), "longest_lease": int(row[1])} if row else {}

    def holdings(self, names: Sequence[str] | None = None) -> Iterator[tuple[str, Lease]]:
        """What boxes hold at the server, in the order of the names they hold it under; of all, or
        of services named and of nobody's."""
        only = None if names is None else list(names)
        with self._database() as database, database.transaction():
            database.execute("SET LOCAL statement_timeout = '300s'")
            database.execute("SET LOCAL idle_in_transaction_session_timeout = '300s'")
            with database.cursor(name="holdings") as cursor:
                cursor.itersize = _FETCH
                cursor.execute(circuits.HOLDINGS, [self.subnets, self.subnets, only, only])
                for row in cursor:
                    yield row[-1], circuits.lease_of(row[:-1])

    def reserved(self, names: Sequence[str] | None = None) -> Iterator[Reserved]:
        """What the server holds of all services and of none, or of those named; services by name in
        byte order, what is not of our making where its circuit stands among them."""
        only = None if names is None else list(names)
        marked = [name[1:].encode() for name in only or () if circuits.is_foreign(name)]
        with self._database() as database, database.transaction():
            database.execute("SET LOCAL statement_timeout = '300s'")
            database.execute("SET LOCAL idle_in_transaction_session_timeout = '300s'")
            # those without a service's name sort before all that have one
            for ours in (False, True):
                with database.cursor(name="reconcile") as cursor:
                    cursor.itersize = _FETCH
                    cursor.execute(circuits.RESERVED, [circuits.OURS, ours, only, only, marked])
                    for name, circuit, client_class in cursor:
                        text = circuits.shown(bytes(circuit))
                        called = name if ours else circuits.foreign(text)
                        yield Reserved(called, text, client_class)

    # ---- prove -----------------------------------------------------------------------------------

    def prove(self, subject: Subject, kind: ProofKind, talk: Conversation) -> Proof:
        if not isinstance(subject, CircuitSubject):
            raise ElementProblem("线路标识（circuit_id）未知。", "先配线。", field="circuit_id")
        match kind:
            case ProofKind.ACCOUNT:
                return self._prove_open(subject, talk)
            case ProofKind.LINE:
                return self._prove_line(subject, talk)
            case ProofKind.REMOVED:
                return self._prove_removed(subject, talk)
            case ProofKind.SUSPENDED:
                return self._prove_suspended(subject, talk)
            case ProofKind.PLAN:
                return self._prove_class(subject, talk)
            case _:
                raise ElementProblem("DHCP 平台没有密码可验证。")

    def _prove_open(self, subject: CircuitSubject, talk: Conversation) -> Proof:
        """The line is offered an address, and a line nobody reserved is not.

        The second guards against a server that serves everybody.
        """
        own = self._hear(subject.circuit, talk)
        facts = self._facts(subject, own)
        if own.offer is None:
            return Proof(ProofKind.ACCOUNT, ProofResult.REFUSED, facts)
        unknown = self._hear(
            f"unknown-{random.token_hex(8)}", talk, "a line nobody has, on purpose"
        )
        facts |= {"unknown_answer": str(unknown), "unknown_took_ms": round(unknown.took_ms, 1)}
        facts |= {"lease_seconds": own.offer.lease_seconds, "longest_lease": self.longest_lease}
        result = ProofResult.PROVEN if unknown.offer is None else ProofResult.OPEN_DOOR
        return Proof(ProofKind.ACCOUNT, result, facts)

    def _prove_suspended(self, subject: CircuitSubject, talk: Conversation) -> Proof:
        """No offer, the message that only a suspended line hears, and no lease that stands."""
        heard = self._hear(subject.circuit, talk)
        facts = self._facts(subject, heard) | {"barred_for": subject.barred_for}
        if heard.offer is not None:
            return Proof(ProofKind.SUSPENDED, ProofResult.STILL_OPEN, facts)
        expected = self.barred_class(subject.barred_for)
        if heard.message != expected:
            facts["expected_message"] = expected
            return Proof(ProofKind.SUSPENDED, ProofResult.OTHER_REASON, facts)
        if self.leases(subject.account, talk):  # renewed while it was being shut off
            return Proof(ProofKind.SUSPENDED, ProofResult.ROWS_LEFT, facts)
        return Proof(ProofKind.SUSPENDED, ProofResult.PROVEN, facts | _runs_until(subject))

    def _prove_removed(self, subject: CircuitSubject, talk: Conversation) -> Proof:
        """Nothing is held of the service, and its line is offered nothing.

        A line that by now is another service's is that one's to be served on.
        """
        with self._database() as database:
            held = self._held(database, subject.account, subject.circuit)
        own = [row for row in held.hosts if row[2].lower() == subject.account]
        talk.sent(f"-- {self._where()}\n-- reservation and leases of {subject.account}")
        talk.got(f"{len(own)} reservations\n{_leases_text(held.leases)}")
        facts = self._facts(subject)
        if own or held.leases:
            return Proof(ProofKind.REMOVED, ProofResult.ROWS_LEFT, facts)
        if not subject.circuit or held.hosts:
            return Proof(
                ProofKind.REMOVED,
                ProofResult.PROVEN,
                facts | {"of_another": True} | _runs_until(subject),
            )
        heard = self._hear(subject.circuit, talk)
        result = ProofResult.PROVEN if heard.offer is None else ProofResult.STILL_OPEN
        return Proof(ProofKind.REMOVED, result, self._facts(subject, heard) | _runs_until(subject))

    def _prove_class(self, subject: CircuitSubject, talk: Conversation) -> Proof:
        """The line is in the plan's class, and offered an address out of what is open to that."""
        heard = self._hear(subject.circuit, talk)
        facts = self._facts(subject, heard)
        if heard.offer is None:
            return Proof(ProofKind.PLAN, ProofResult.REFUSED, facts)
        held = self.read(subject.account, talk).plan
        if held != (subject.client_class or self.client_class):
            differs = {"differences": ["client_class"], "given": {"client_class": held}}
            return Proof(ProofKind.PLAN, ProofResult.OTHER_PLAN, facts | differs)
        return Proof(ProofKind.PLAN, ProofResult.PROVEN, facts)

    def _prove_line(self, subject: CircuitSubject, talk: Conversation) -> Proof:
        """A box holds a lease on the line: the installed one, where its hardware address is known.

        The platform's own questions take no lease, so whatever holds one is the customer's; and
        nothing is leased on a line before it is opened, so it is one of this visit.
        """
        facts = self._facts(subject)
        here = [
            lease
            for lease in self.leases(subject.account, talk)
            if lease.circuit == subject.circuit
        ]
        own = [mac_text(mac) for mac in subject.boxes]
        for lease in here:
            if not own or lease.mac in own:
                return Proof(ProofKind.LINE, ProofResult.PROVEN, facts | self._seen(lease))
        for mac in subject.boxes:
            for lease in self.leases(subject.account, talk, mac=mac)[:1]:
                facts |= self._seen(lease) | {"differences": ["circuit"]}
                return Proof(ProofKind.LINE, ProofResult.WRONG_PORT, facts)
        if here:
            facts |= self._seen(here[0]) | {"differences": ["mac"], "expected_mac": own}
            return Proof(ProofKind.LINE, ProofResult.WRONG_PORT, facts)
        return Proof(ProofKind.LINE, ProofResult.NOT_SEEN, facts)

    # ---- inside ----------------------------------------------------------------------------------

    def client(self) -> DhcpClient:
        try:
            host, port = str(self.connection["host"]), int(self.connection["port"])
            relay = str(self.connection["relay"])
        except (KeyError, ValueError, TypeError) as error:
            raise ElementProblem(
                f"网元的 DHCP 连接不完整（{error}）。", "需要 host、port 和 relay。"
            ) from None
        return DhcpClient(host, port, relay)

    def _hear(self, circuit: str, talk: Conversation, note: str = "") -> Heard:
        client = self.client()
        question = client.describe("DHCPDISCOVER and DHCPINFORM", circuit, _PROBE)
        talk.sent(question + (f"\n  # {note}" if note else ""))
        heard = client.hear(circuits.octets(circuit), _PROBE)
        talk.got(f"{heard} ({heard.took_ms:.1f} ms)")
        return heard

    def _write(
        self,
        database: psycopg.Connection[Any],
        todo: Sequence[Statement],
        talk: Conversation,
        *,
        dry_run: bool = False,
    ) -> Outcome:
        """Inside the transaction that holds the service's lock."""
        text = transaction_text(todo) if todo else "-- nothing to change"
        talk.sent(f"-- {self._where()}\n{text}")
        if dry_run:
            return Outcome(len(todo), dry_run=True, request=text)
        for statement in todo:
            database.execute(statement.sql, statement.values())
        talk.got(f"{len(todo)} statements, committed" if todo else "stands already")
        return Outcome(len(todo), request=text)

    def _facts(self, subject: CircuitSubject, heard: Heard | None = None) -> dict[str, Any]:
        """What a proof was about and what was answered; places of the line where it names some."""
        line = self.pattern.parse(subject.circuit)
        facts: dict[str, Any] = {
            "circuit": subject.circuit,
            "expected": {"circuit": subject.circuit, **(line_facts(line) if line else {})},
        }
        if heard is not None:
            facts |= {
                "answer": str(heard.offer) if heard.offer else "no offer",
                "message": heard.message,
                "took_ms": round(heard.took_ms, 1),
            }
        return facts

    def _seen(self, lease: Lease) -> dict[str, Any]:
        line = self.pattern.parse(lease.circuit)
        return {
            "seen": {
                **(line_facts(line) if line else {}),
                "circuit": lease.circuit,
                "nas_port_id": lease.circuit,
                "address": lease.address,
                "mac": lease.mac,
                "seen_at": lease.seen_at.isoformat(),
            }
        }

    def _database(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        return aaa_database(
            self.connection.get("database") or {},
            self._secrets.get("database", ""),
            called="DHCP 数据库",
        )

    def _where(self) -> str:
        place = self.connection.get("database") or {}
        return f"{place.get('name')} at {place.get('host')}:{place.get('port')}"

    @staticmethod
    def _lock(database: psycopg.Connection[Any], what: str) -> None:
        database.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [what])

    @staticmethod
    def _held(database: psycopg.Connection[Any], account: str, circuit: str) -> circuits.Held:
        hosts = database.execute(circuits.HELD, [account.lower(), circuit]).fetchall()
        if circuits.is_foreign(account):
            wanted = account[1:]
            rows = database.execute(circuits.LEASES_ELSEWHERE, _place_of(wanted)).fetchall()
            leases = [circuits.lease_of(row) for row in rows]
            leases = [one for one in leases if (one.circuit or one.address) == wanted]
        else:
            rows = database.execute(circuits.LEASES, circuits.names(account)).fetchall()
            leases = [circuits.lease_of(row) for row in rows]
        return circuits.Held(
            [(int(row[0]), bytes(row[1]), row[2], row[3]) for row in hosts], leases
        )


def _circuit_change(change: AccountChange) -> CircuitChange:
    if isinstance(change, CircuitChange):
        return change
    if change.state is AccountState.ABSENT:
        return CircuitChange(account=change.account, state=AccountState.ABSENT)
    raise ElementProblem("线路标识（circuit_id）未知。", "先配线。", field="circuit_id")


def _place_of(text: str) -> tuple[str, int | None]:
    """How the relay's information of a circuit spells it; an address instead, where it is one."""
    try:
        return text.encode().hex(), int(IPv4Address(text))
    except ValueError:
        return text.encode().hex(), None


def _runs_until(subject: CircuitSubject) -> dict[str, Any]:
    """Refused from now on, and what a box was cut off from is used until then at the latest."""
    until = subject.runs_until
    return {"runs_until": until.isoformat()} if until is not None else {}


def _leases_text(leases: Sequence[Lease]) -> str:
    return "\n".join(map(str, leases)) or "no lease"
