"""DHCPv4 (RFC 2131) as a relay speaks it for a client behind it: our own few packets, by UDP.

A customer's box asks by broadcast; the access node relays it to the server and adds in Option 82
(RFC 3046) on which line it came in: the agent circuit id. Who is a relay says so in `giaddr`, and
hears the answer on the port it sent from (RFC 8357), so that no reserved port is needed. What comes
from the network is not trusted: what cannot be read is no answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets as random
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from kaitong.activation.errors import ElementProblem, Unreachable

LONGEST_CIRCUIT = 128  # octets: what a server's reservation can hold
_COOKIE = b"\x63\x82\x53\x63"
_FIXED = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_OPTIONS_AT = _FIXED.size + len(_COOKIE)
_REQUEST, _REPLY = 1, 2
_LATE = 0.2  # seconds an offer may come after the answer to the question that was sent behind it
_SURE = 0.3  # seconds between two questions that a line nobody knows must both be refused


class Kind(IntEnum):
    """Kinds of messages (option 53)."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


class Code(IntEnum):
    """Options (RFC 2132) this client writes or reads."""

    REQUESTED_ADDRESS = 50
    LEASE_TIME = 51
    KIND = 53
    SERVER = 54
    WANTED = 55
    MESSAGE = 56
    RENEW_AFTER = 58
    RELAY = 82
    END = 255


_CIRCUIT, _RELAY_PORT = 1, 19  # suboptions of the relay's information


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's message to the client."""

    kind: Kind
    address: str = ""
    server: str = ""
    message: str = ""  # option 56: in words, why not
    lease_seconds: int = 0
    renew_after: int = 0

    def __str__(self) -> str:
        told = [f"DHCP{self.kind.name}"]
        if self.address:
            told.append(self.address)
        if self.lease_seconds:
            told.append(f"for {self.lease_seconds} s")
        if self.message:
            told.append(f"({self.message})")
        return " ".join(told)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a line is told when a box on it asks for an address; no offer is a refusal, for the
    server was heard to live."""

    offer: Answer | None
    message: str
    took_ms: float

    def __str__(self) -> str:
        if self.offer is not None:
            return str(self.offer)
        return f"no offer{f' ({self.message})' if self.message else ''}"


def mac_of(text: str) -> bytes:
    """A locally administered hardware address, the same for the same text every time."""
    return b"\x02" + hashlib.sha256(text.encode()).digest()[:5]


def mac_text(mac: bytes) -> str:
    return ":".join(f"{octet:02X}" for octet in mac)


def mac_bytes(text: str) -> bytes | None:
    """Six octets of a hardware address in any of the usual spellings; None for another text."""
    digits = "".join(sign for sign in text if sign not in ":-. ")
    try:
        found = bytes.fromhex(digits)
    except ValueError:
        return None
    return found if len(found) == 6 else None


def relayed_circuit(information: bytes) -> bytes:
    """The circuit id in a relay's information (the value of option 82); b"" without one."""
    place = 0
    while place + 2 <= len(information):
        code, size = information[place], information[place + 1]
        if code == _CIRCUIT:
            return information[place + 2 : place + 2 + size]
        place += 2 + size
    return b""


class DhcpClient:
    """A client behind a relay of ours, at one server. `relay` is this machine's address (giaddr).

    Each question is sent up to `attempts` times; a server that stays silent is Unreachable.
    """

    def __init__(
        self, host: str, port: int, relay: str, *, timeout: float = 1.5, attempts: int = 3
    ) -> None:
        self.host, self.port, self.relay = host, port, relay
        self._timeout, self._attempts = timeout, attempts

    def describe(self, what: str, circuit: str, mac: bytes) -> str:
        """A question as a network engineer wants to read it."""
        return (
            f"{what} to {self.host}:{self.port}, relayed by {self.relay}\n"
            f"  Circuit-Id = {circuit!r}\n  hardware address {mac_text(mac)}"
        )

    # ---- asking without taking anything ----------------------------------------------------------

    def hear(self, circuit: bytes, mac: bytes) -> Heard:
        """Whether a box on this line is offered an address; nothing of it stays at the server.

        A server that will not serve a line says nothing to a DISCOVER. So an INFORM goes behind it:
        that is answered to everybody, with a message (option 56) where there is one for this line.
        No offer by then is a refusal; no answer at all is a server that is away.

        A refusal without a word is asked for twice: a server that has just found its database gone
        knows nobody for a moment, before it falls silent.
        """
        heard = self._hear(circuit, mac)
        if heard.offer is None and not heard.message:
            time.sleep(_SURE)
            again = self._hear(circuit, mac)
            heard = Heard(again.offer, again.message, heard.took_ms + again.took_ms)
        return heard

    def _hear(self, circuit: bytes, mac: bytes) -> Heard:
        begun = time.perf_counter()
        with self._socket() as wire:
            for _ in range(self._attempts):
                discover, inform = _number(), _number()
                self._send(wire, _packet(Kind.DISCOVER, discover, mac, circuit, self.relay))
                self._send(wire, _packet(Kind.INFORM, inform, mac, circuit, self.relay))
                offer: Answer | None = None
                message: str | None = None
                until = time.monotonic() + self._timeout
                while message is None or offer is None:
                    got = self._receive(wire, until, mac)
                    if got is None:
                        break
                    number, answer = got
                    if number == discover and answer.kind is Kind.OFFER:
                        offer = answer
                    elif number == inform and answer.kind is Kind.ACK:
                        message = answer.message
                        until = min(until, time.monotonic() + _LATE)
                if message is not None or offer is not None:
                    took = (time.perf_counter() - begun) * 1000
                    return Heard(offer, message or "", took)
        raise self._silent()

    def answers(self) -> bool:
        """Whether the server lives: it answers an INFORM from a line it knows nothing of."""
        try:
            self._hear(b"nobody", mac_of("nobody"))
        except Unreachable:
            return False
        return True

    # ---- being a box -----------------------------------------------------------------------------

    def take(self, circuit: bytes, mac: bytes) -> Answer | None:
        """DISCOVER, OFFER, REQUEST, ACK: the lease; None where the line is refused one."""
        offer = self.hear(circuit, mac).offer
        if offer is None:
            return None
        options = {
            Code.REQUESTED_ADDRESS: socket.inet_aton(offer.address),
            Code.SERVER: socket.inet_aton(offer.server),
        }
        answer = self._ask(Kind.REQUEST, circuit, mac, options=options)
        return answer if answer.kind is Kind.ACK else None

    def renew(self, circuit: bytes, mac: bytes, address: str) -> Answer | None:
        """Keep a lease; None when the server says no (NAK). Raises Unreachable when it is silent.

        By the relay like everything else: access nodes that guard their lines relay renewals too.
        """
        answer = self._ask(Kind.REQUEST, circuit, mac, holding=address)
        return answer if answer.kind is Kind.ACK else None

    def release(self, circuit: bytes, mac: bytes, address: str, server: str) -> None:
        """Give a lease back. Nobody answers that: what is asked behind it, is, so that it is done
        when this returns; a server that is away hears nothing of it, as in life."""
        options = {Code.SERVER: socket.inet_aton(server)}
        packet = _packet(
            Kind.RELEASE, _number(), mac, circuit, self.relay, options=options, holding=address
        )
        with self._socket() as wire:
            self._send(wire, packet)
            self._send(wire, _packet(Kind.INFORM, _number(), mac, circuit, self.relay))
            self._receive(wire, time.monotonic() + self._timeout, mac)

    # ---- inside ----------------------------------------------------------------------------------

    def _ask(
        self,
        kind: Kind,
        circuit: bytes,
        mac: bytes,
        *,
        options: dict[Code, bytes] | None = None,
        holding: str = "0.0.0.0",  # noqa: S104  an address field, nothing is bound to it
    ) -> Answer:
        number = _number()
        packet = _packet(
            kind, number, mac, circuit, self.relay, options=options or {}, holding=holding
        )
        with self._socket() as wire:
            for _ in range(self._attempts):
                self._send(wire, packet)
                until = time.monotonic() + self._timeout
                while (got := self._receive(wire, until, mac)) is not None:
                    if got[0] == number and got[1].kind in (Kind.ACK, Kind.NAK):
                        return got[1]
        raise self._silent()

    @contextlib.contextmanager
    def _socket(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            try:
                wire.bind((self.relay, 0))
            except OSError:
                raise ElementProblem(
                    f"中继地址 {self.relay} 不是本机的地址。", "更正网元的 relay。", field="relay"
                ) from None
            try:
                wire.connect((self.host, self.port))
            except OSError:
                raise self._silent() from None
            yield wire

    def _send(self, wire: socket.socket, packet: bytes) -> None:
        with contextlib.suppress(ConnectionRefusedError):  # of the packet before: a port is closed
            wire.send(packet)

    def _receive(self, wire: socket.socket, until: float, mac: bytes) -> tuple[int, Answer] | None:
        """The next message to this client that can be read, None when time is over."""
        while (left := until - time.monotonic()) > 0:
            wire.settimeout(left)
            try:
                data = wire.recv(4096)
            except TimeoutError:
                return None
            except ConnectionRefusedError:
                time.sleep(min(0.1, left))  # closed now; it may be just starting
                continue
            except OSError:
                raise self._silent() from None
            found = _read(data, mac)
            if found is not None:
                return found
        return None

    def _silent(self) -> Unreachable:
        return Unreachable(f"DHCP 服务 {self.host}:{self.port} 没有应答。", "系统会自动重试。")


def _number() -> int:
    return random.randbits(32)


def _packet(
    kind: Kind,
    number: int,
    mac: bytes,
    circuit: bytes,
    relay: str,
    *,
    options: dict[Code, bytes] | None = None,
    holding: str = "0.0.0.0",  # noqa: S104  an address field, nothing is bound to it
) -> bytes:
    if not 0 < len(circuit) <= LONGEST_CIRCUIT:
        raise ElementProblem("线路标识应为 1 至 128 个字节。", field="circuit_id")
    nothing = b"\0" * 4
    fixed = _FIXED.pack(
        _REQUEST, 1, len(mac), 1, number, 0, 0, socket.inet_aton(holding),
        nothing, nothing, socket.inet_aton(relay), mac, b"", b"",
    )  # fmt: skip
    wanted = bytes([1, 3, 6, Code.LEASE_TIME, Code.MESSAGE, Code.RENEW_AFTER])
    information = bytes([_CIRCUIT, len(circuit)]) + circuit + bytes([_RELAY_PORT, 0])
    told = {Code.KIND: bytes([kind]), **(options or {})}
    if kind is not Kind.RELEASE:
        told[Code.WANTED] = wanted
    told[Code.RELAY] = information
    body = b"".join(bytes([code, len(value)]) + value for code, value in told.items())
    return fixed + _COOKIE + body + bytes([Code.END])


def _read(data: bytes, mac: bytes) -> tuple[int, Answer] | None:
    """The number and the message of a reply to this client, None for anything else."""
    if len(data) < _OPTIONS_AT or data[_FIXED.size : _OPTIONS_AT] != _COOKIE:
        return None
    fields = _FIXED.unpack_from(data)
    if fields[0] != _REPLY or fields[11][: len(mac)] != mac:
        return None
    options = _options(data[_OPTIONS_AT:])
    try:
        kind = Kind(options.get(Code.KIND, b"\0")[0])
    except (ValueError, IndexError):
        return None
    address, server = socket.inet_ntoa(fields[8]), options.get(Code.SERVER, b"")
    told = options.get(Code.MESSAGE, b"").decode(errors="replace")
    return fields[4], Answer(
        kind,
        address="" if fields[8] == b"\0" * 4 else address,
        server=socket.inet_ntoa(server) if len(server) == 4 else "",
        message="".join(sign if sign.isprintable() else "�" for sign in told),
        lease_seconds=_seconds(options.get(Code.LEASE_TIME)),
        renew_after=_seconds(options.get(Code.RENEW_AFTER)),
    )


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    place = 0
    while place < len(data) and data[place] != Code.END:
        if data[place] == 0:  # padding
            place += 1
            continue
        if place + 1 >= len(data):
            break
        size = data[place + 1]
        found[data[place]] = data[place + 2 : place + 2 + size]
        place += 2 + size
    return found


def _seconds(value: bytes | None) -> int:
    return int.from_bytes(value) if value is not None and len(value) == 4 else 0
