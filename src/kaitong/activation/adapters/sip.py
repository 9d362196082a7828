"""REGISTER requests over UDP (RFC 3261, digest of RFC 2617), as a telephone sends them.

Texts made here never show a password, a hash of one, or an answer to a challenge.
"""

from __future__ import annotations

import hashlib
import re
import secrets as random
import socket
import time
from dataclasses import dataclass, field

from kaitong.activation.errors import Unreachable

PROBE_AGENT = "Kaitong-Probe"  # the User-Agent of the platform's own registrations
_T1 = 0.5  # seconds until the first retransmission (RFC 3261 section 17.1.2), then doubled
_T2 = 4.0
_CHALLENGES = 2  # one, and one more where its nonce was too old
_LARGEST = 65_535
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True)
class Answer:
    """A registrar's last word to a request. `contacts` are the bindings it then holds."""

    code: int
    reason: str
    took_ms: float
    contacts: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return 200 <= self.code < 300

    @property
    def wrong_password(self) -> bool:
        """Challenged again although credentials were given (RFC 3261 section 22.1)."""
        return self.code in (401, 407)

    @property
    def unknown(self) -> bool:
        """No such address of record here (RFC 3261 section 10.3 step 5)."""
        return self.code == 404

    @property
    def text(self) -> str:
        return f"{self.code} {self.reason}"

    def __str__(self) -> str:
        return "\n".join([f"SIP/2.0 {self.text} ({self.took_ms:.1f} ms)", *self.contacts])


@dataclass(slots=True)
class Binding:
    """Where a registration of ours points to, so that the same is taken back: its requests are
    counted on, an older one would be ignored (RFC 3261 section 10.3 step 7)."""

    call_id: str = field(default_factory=lambda: random.token_hex(12))
    tag: str = field(default_factory=lambda: random.token_hex(4))
    user: str = field(default_factory=lambda: f"probe-{random.token_hex(4)}")
    sequence: int = 0


class SipClient:
    """One telephone at one registrar."""

    def __init__(
        self, host: str, port: int, domain: str, *, timeout: float = 3.0, agent: str = PROBE_AGENT
    ) -> None:
        self.host, self.port, self.domain = host, port, domain
        self._timeout, self._agent = timeout, agent

    def describe(self, number: str, expires: int) -> str:
        """The request as text."""
        return (
            f"REGISTER sip:{self.domain} to {self.host}:{self.port}\n"
            f"  To: <sip:{number}@{self.domain}>\n  Expires: {expires}\n  Authorization: ******"
        )

    def register(
        self, number: str, password: str, binding: Binding | None = None, *, expires: int = 60
    ) -> Answer:
        """Register, answering one challenge; `expires` 0 takes the binding back.

        Raises Unreachable when the registrar says nothing.
        """
        binding = binding or Binding()
        started = time.perf_counter()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            try:
                wire.connect((self.host, self.port))
            except OSError:
                raise self._silent() from None
            credentials = ""
            for _ in range(_CHALLENGES + 1):
                binding.sequence += 1
                request = self._request(wire, number, binding, expires, credentials)
                status, headers = self._exchange(wire, request, binding)
                challenge = headers.get("www-authenticate") or headers.get("proxy-authenticate")
                stale = challenge and "stale=true" in challenge[0].lower().replace('"', "")
                if status[0] not in (401, 407) or not challenge or (credentials and not stale):
                    break
                name = "Authorization" if status[0] == 401 else "Proxy-Authorization"
                credentials = f"{name}: {self._digest(challenge[0], number, password)}\r\n"
        took = (time.perf_counter() - started) * 1000
        return Answer(status[0], status[1], took, tuple(headers.get("contact", ())))

    def answers(self) -> bool:
        """Whether anybody there speaks SIP: a request to be told what it can."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            binding = Binding()
            try:
                wire.connect((self.host, self.port))
                request = self._head(wire, "OPTIONS", "kaitong", binding)
                self._exchange(wire, f"{request}Content-Length: 0\r\n\r\n".encode(), binding)
            except (OSError, Unreachable):
                return False
        return True

    # ---- inside ----------------------------------------------------------------------------------

    def _head(self, wire: socket.socket, method: str, number: str, binding: Binding) -> str:
        here = "{}:{}".format(*wire.getsockname()[:2])
        return (
            f"{method} sip:{self.domain} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{random.token_hex(8)};rport\r\n"
            f"Max-Forwards: 70\r\n"
            f"From: <sip:{number}@{self.domain}>;tag={binding.tag}\r\n"
            f"To: <sip:{number}@{self.domain}>\r\n"
            f"Call-ID: {binding.call_id}\r\n"
            f"CSeq: {binding.sequence} {method}\r\n"
            f"User-Agent: {self._agent}\r\n"
        )

    def _request(
        self, wire: socket.socket, number: str, binding: Binding, expires: int, credentials: str
    ) -> bytes:
        # the user part is the call's own, never the socket's port: it must be the same when taken
        # back from another socket
        return (
            self._head(wire, "REGISTER", number, binding)
            + f"Contact: <sip:{binding.user}@{self.domain};transport=udp>;q=0.1\r\n"
            + f"Expires: {expires}\r\n{credentials}Content-Length: 0\r\n\r\n"
        ).encode()

    def _exchange(
        self, wire: socket.socket, request: bytes, binding: Binding
    ) -> tuple[tuple[int, str], dict[str, list[str]]]:
        """Send until a final answer to this very request comes."""
        end, pause = time.monotonic() + self._timeout, _T1
        again = 0.0
        while (left := end - time.monotonic()) > 0:
            try:
                if time.monotonic() >= again:
                    wire.send(request)
                    again, pause = time.monotonic() + pause, min(pause * 2, _T2)
                wire.settimeout(max(min(again - time.monotonic(), left), 0.001))
                status, headers = _parsed(wire.recv(_LARGEST))
            except TimeoutError:
                continue
            except ConnectionRefusedError:  # nobody listens there; it may be starting
                time.sleep(min(0.1, max(left, 0)))
                continue
            except (OSError, ValueError):
                continue
            own = headers.get("call-id") == [binding.call_id] and headers.get("cseq", [""])[
                0
            ].startswith(f"{binding.sequence} ")
            if own and status[0] >= 200:
                return status, headers
        raise self._silent()

    def _silent(self) -> Unreachable:
        place = f"{self.host}:{self.port}"
        return Unreachable(f"固话平台 {place} 没有应答。", "系统会自动重试。")

    def _digest(self, challenge: str, number: str, password: str) -> str:
        parts = {m[1].lower(): m[2] or m[3] for m in _PARAMETER.finditer(challenge)}
        realm, nonce, uri = parts.get("realm", ""), parts.get("nonce", ""), f"sip:{self.domain}"
        ha2 = _md5(f"REGISTER:{uri}")
        qops = {q.strip() for q in parts.get("qop", "").split(",")}
        told = [f'username="{number}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"']
        if "auth" in qops:
            cnonce = random.token_hex(8)
            proof = _md5(f"{ha1(number, realm, password)}:{nonce}:00000001:{cnonce}:auth:{ha2}")
            told += [f'cnonce="{cnonce}"', "nc=00000001", "qop=auth"]
        else:
            proof = _md5(f"{ha1(number, realm, password)}:{nonce}:{ha2}")
        if "opaque" in parts:
            told.append(f'opaque="{parts["opaque"]}"')
        return "Digest " + ", ".join([*told, f'response="{proof}"', "algorithm=MD5"])


def ha1(number: str, realm: str, password: str) -> str:
    """What a registrar keeps instead of the password (RFC 2617 section 3.2.2.2)."""
    return _md5(f"{number}:{realm}:{password}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _parsed(packet: bytes) -> tuple[tuple[int, str], dict[str, list[str]]]:
    """((code, reason), headers by lower-case name). Raises ValueError for what is no answer."""
    head, *lines = packet.decode("utf-8", "replace").split("\r\n\r\n")[0].split("\r\n")
    version, code, *reason = head.split(" ", 2)
    if version != "SIP/2.0":
        raise ValueError(head)
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), []).append(value.strip())
    return (int(code), reason[0] if reason else ""), headers
