"""Lines in the tables of a Kea DHCPv4 server: read, compare, and the statements between.

Pure: rows in, statements out. What the server holds of a service is

- `hosts`: one reservation by the line's circuit id, in no subnet (0: good wherever the line is
  relayed from), without an address of its own. Its client class is what the pools are open to; a
  barred one has a class no pool is open to instead, which says why. Its host name is the service's
  own name, by which the service finds its rows and its leases again.
- `lease4`: the leases boxes on that line hold; the server writes them, with the reserved name and
  the relay's information (store-extended-info), and looks here at every renewal.

A line nobody reserved gets nothing, for every pool has a class.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    Attribute,
    Reading,
    Subject,
)
from kaitong.activation.adapters.dhcpwire import LONGEST_CIRCUIT, mac_text, relayed_circuit
from kaitong.activation.adapters.sqltext import Statement
from kaitong.activation.errors import ElementProblem, RefusedByElement

BY_CIRCUIT = 2  # host_identifier_type
CIRCUIT = "Agent-Circuit-Id"
_MARK = "kt-"
FOREIGN = "@"  # before the circuit of a reservation that has no service's name
_LONGEST_CLASS = 255

HELD = (
    "SELECT host_id, dhcp_identifier, coalesce(hostname, ''), coalesce(dhcp4_client_classes, '')"
    f" FROM hosts WHERE dhcp_identifier_type = {BY_CIRCUIT} AND dhcp4_subnet_id = 0"
    " AND (lower(hostname) = %s OR dhcp_identifier = convert_to(%s, 'UTF8')) ORDER BY host_id"
)
# those with a service's name in its order, or those without; all, or some by what they are called
OURS = "^kt-[0-9a-f]{32}$"
RESERVED = (
    "SELECT lower(coalesce(hostname, '')) AS name, dhcp_identifier,"
    " coalesce(dhcp4_client_classes, '') FROM hosts"
    f" WHERE dhcp_identifier_type = {BY_CIRCUIT} AND dhcp4_subnet_id = 0"
    " AND (lower(coalesce(hostname, '')) ~ %s) = %s"
    " AND (%s::text[] IS NULL OR lower(hostname) = ANY(%s) OR dhcp_identifier = ANY(%s))"
    " ORDER BY lower(coalesce(hostname, '')) COLLATE \"C\", dhcp_identifier"
)
_LEASE_COLUMNS = "address, hwaddr, expire, valid_lifetime, user_context"
# state 0: bound. A name a box was asked for may end in a dot; a lease that ran out is none.
LEASES = (
    f"SELECT {_LEASE_COLUMNS} FROM lease4 WHERE lower(hostname) IN (%s, %s) AND state = 0"
    " AND expire > now() ORDER BY expire DESC, address LIMIT 50"
)
# of none of ours: by the circuit's octets in the relay's information, or by the address
NAMED = "lower(rtrim(coalesce(hostname, ''), '.'))"
LEASES_ELSEWHERE = (
    f"SELECT {_LEASE_COLUMNS} FROM lease4 WHERE {NAMED} !~ '{OURS}' AND state = 0"
    " AND expire > now() AND (strpos(lower(coalesce(user_context, '')), %s) > 0 OR address = %s)"
    " ORDER BY expire DESC, address LIMIT 50"
)
# all that boxes hold, by the names they hold it under; of all, or of those named and of nobody
HOLDINGS = (
    f"SELECT {_LEASE_COLUMNS}, {NAMED} AS name FROM lease4 WHERE state = 0 AND expire > now()"
    " AND (%s::bigint[] IS NULL OR subnet_id = ANY(%s))"
    f" AND (%s::text[] IS NULL OR {NAMED} = ANY(%s) OR {NAMED} !~ '{OURS}')"
    f' ORDER BY {NAMED} COLLATE "C", address'
)
LIVE = (
    "SELECT count(*), coalesce(max(valid_lifetime), 0) FROM lease4 WHERE state = 0"
    " AND expire > now() AND (%s::bigint[] IS NULL OR subnet_id = ANY(%s))"
)
LEASES_OF_BOX = (
    f"SELECT {_LEASE_COLUMNS} FROM lease4 WHERE hwaddr = %s AND state = 0"
    " AND expire > now() ORDER BY expire DESC, address LIMIT 50"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitChange(AccountChange):
    """The desired state of one service: `plan` is the client class its line is in."""

    circuit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitSubject(Subject):
    """The service a proof is about: its line, the class that is in, and the hardware addresses of
    the installed boxes, where stock knows them."""

    circuit: str = ""
    client_class: str = ""
    boxes: tuple[bytes, ...] = ()
    runs_until: datetime | None = None  # what a box was cut off from may be used so long yet


@dataclass(frozen=True, slots=True)
class Lease:
    """An address a box on a line holds. `seen_at`: when the box last asked for it."""

    address: str
    mac: str
    circuit: str
    seen_at: datetime
    expires_at: datetime

    def __str__(self) -> str:
        return (
            f"lease {self.address} of {self.mac} on {self.circuit!r},"
            f" asked for {self.seen_at:%Y-%m-%d %H:%M:%S%z}, until {self.expires_at:%H:%M:%S%z}"
        )


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation, for comparing. `name` is the service's, or the marked circuit of one that is
    not of our making."""

    name: str
    circuit: str
    client_class: str


@dataclass(frozen=True, slots=True)
class Held:
    """Reservations of a service, those of its line, and the leases of its name."""

    hosts: Sequence[tuple[int, bytes, str, str]] = ()  # id, circuit, name, classes
    leases: Sequence[Lease] = field(default=())


def name_of(service_id: UUID) -> str:
    """What a service is called at the server."""
    return f"{_MARK}{service_id.hex}"


def service_id_of(name: str) -> UUID | None:
    """Whose a name is, None for one that is not of our making."""
    try:
        return UUID(hex=name.removeprefix(_MARK)) if name.startswith(_MARK) else None
    except ValueError:
        return None


def called(name: str, lease: Lease) -> str:
    """What a lease's holder is called: the service, or the marked line of nobody's; the marked
    address where even the line is not known."""
    return name if service_id_of(name) else foreign(lease.circuit or lease.address)


def is_foreign(name: str) -> bool:
    return name.startswith(FOREIGN)


def foreign(circuit: str) -> str:
    """What a reservation is called that has no service's name."""
    return f"{FOREIGN}{circuit}"


def names(name: str) -> tuple[str, str]:
    """As reservation and leases may spell it."""
    return name.lower(), f"{name.lower()}."


def octets(circuit: str) -> bytes:
    """A circuit id as it goes over the wire. Raises ElementProblem for one that cannot."""
    found = circuit.encode()
    if not 0 < len(found) <= LONGEST_CIRCUIT or not circuit.isprintable():
        raise ElementProblem(
            "线路标识（circuit_id）为空、过长或含有控制字符。", "先配线。", field="circuit_id"
        )
    return found


def shown(circuit: bytes) -> str:
    """A circuit id from the network, fit for people."""
    text = circuit.decode(errors="replace")
    return "".join(sign if sign.isprintable() else "�" for sign in text)[:LONGEST_CIRCUIT]


def check(change: CircuitChange) -> None:
    """Refuse a change the element could not hold."""
    if change.state is AccountState.ABSENT and change.account.startswith(FOREIGN):
        return
    if service_id_of(change.account) is None:
        raise ElementProblem("DHCP 平台里的名称应是业务自己的。", field="account")
    if change.state is AccountState.ABSENT:
        return
    octets(change.circuit)
    if not _is_class(change.plan):
        raise ElementProblem(
            f"地址类别 {change.plan} 不能用。", "由字母、数字和 - 组成。", field="client_class"
        )


def _is_class(text: str) -> bool:
    plain = text.replace("-", "").replace("_", "")
    return plain.isascii() and plain.isalnum() and len(text) <= _LONGEST_CLASS


def statements(change: CircuitChange, held: Held, barred_class: str) -> list[Statement]:
    """What turns the held reservations into the desired state; empty when it stands already.

    Leases that the state leaves no ground for are `groundless`; how they end is the element's.
    """
    own = [row for row in held.hosts if row[2].lower() == change.account]
    if change.account.startswith(FOREIGN):  # by its circuit, and never one of a service
        own = [row for row in held.hosts if service_id_of(row[2]) is None]
    if change.state is AccountState.ABSENT:
        return _without_hosts([row[0] for row in own])
    circuit = octets(change.circuit)
    other = next((row for row in held.hosts if row[1] == circuit and row not in own), None)
    if other is not None:
        raise RefusedByElement(
            f"线路 {change.circuit} 在 DHCP 平台里已属于业务 {other[2]}。"
            if service_id_of(other[2])
            else f"线路 {change.circuit} 在 DHCP 平台里已有预留 {other[2] or other[0]}。",
            "核对端口；多余的预留由对账撤下。",
            field="circuit_id",
        )
    wanted = change.plan if change.state is AccountState.OPEN else barred_class
    kept = next((row for row in own if row[1] == circuit), None)
    found = _without_hosts([row[0] for row in own if row is not kept])
    if kept is None:
        found.append(
            Statement(
                "INSERT INTO hosts (dhcp_identifier, dhcp_identifier_type, dhcp4_subnet_id,"
                f" hostname, dhcp4_client_classes) VALUES (convert_to(%s, 'UTF8'), {BY_CIRCUIT}, 0,"
                " %s, %s)",
                (change.circuit, change.account, wanted),
            )
        )
    elif kept[3] != wanted:
        found.append(
            Statement(
                "UPDATE hosts SET dhcp4_client_classes = %s WHERE host_id = %s", (wanted, kept[0])
            )
        )
    return found


def groundless(change: CircuitChange, leases: Iterable[Lease]) -> list[Lease]:
    """Those the state leaves no ground for: all of a service that is barred or has no line any
    more, those of its former line when it has another."""
    return [
        lease
        for lease in leases
        if change.state is not AccountState.OPEN or lease.circuit != shown(octets(change.circuit))
    ]


def reading(name: str, held: Held, barred_classes: Iterable[str]) -> Reading:
    """What the rows mean."""
    own = [row for row in held.hosts if row[2].lower() == name]
    if not own:
        return Reading(AccountState.ABSENT)
    barred = own[0][3] in set(barred_classes)
    return Reading(
        AccountState.BARRED if barred else AccountState.OPEN,
        plan="" if barred else own[0][3],
        attributes=tuple(Attribute(CIRCUIT, shown(row[1])) for row in own),
    )


def lease_of(row: Sequence[Any]) -> Lease:
    """A lease of a row of `lease4` in the order of the columns above."""
    address, hardware, expires, lifetime, context = row
    return Lease(
        address=str(IPv4Address(int(address))),
        mac=mac_text(bytes(hardware or b"")),
        circuit=shown(_relayed(context)),
        seen_at=expires - timedelta(seconds=int(lifetime)),
        expires_at=expires,
    )


def _relayed(context: str | None) -> bytes:
    """The circuit a lease's last question came in on, of the relay's information kept with it."""
    try:
        kept = json.loads(context or "{}")["ISC"]["relay-agent-info"]
        text = kept["sub-options"] if isinstance(kept, dict) else kept
        return relayed_circuit(bytes.fromhex(str(text).removeprefix("0x")))
    except (ValueError, KeyError, TypeError):
        return b""


def _without_hosts(ids: Sequence[int]) -> list[Statement]:
    if not ids:
        return []
    places = ", ".join(["%s"] * len(ids))
    return [Statement(f"DELETE FROM hosts WHERE host_id IN ({places})", tuple(ids))]


def without_leases(addresses: Sequence[str]) -> list[Statement]:
    """The server looks here at every renewal: a box whose lease is gone is told no."""
    if not addresses:
        return []
    places = ", ".join(["%s"] * len(addresses))
    return [
        Statement(
            f"DELETE FROM lease4 WHERE address IN ({places})",
            tuple(int(IPv4Address(address)) for address in addresses),
        )
    ]
