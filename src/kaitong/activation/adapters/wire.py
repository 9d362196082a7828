"""RADIUS packets (RFC 2865) by pyrad: login requests as an independent client sends them.

Requests carry a Message-Authenticator and answers must too (RFC 3579, CVE-2024-3596), so nobody on
the way can forge an Access-Accept. Texts made here never show a password.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from pyrad import packet
from pyrad.client import Client, Timeout
from pyrad.dictionary import Dictionary

from kaitong.activation.errors import Unreachable
from kaitong.core.masking import mask_secret

_CODES = {
    packet.AccessAccept: "Access-Accept",
    packet.AccessReject: "Access-Reject",
    packet.AccessChallenge: "Access-Challenge",
}
# what RFC 2865 section 5.44 and its successors allow in an Access-Reject
_IN_REJECT = frozenset(
    {"Reply-Message", "Message-Authenticator", "State", "Proxy-State", "EAP-Message", "Error-Cause"}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer to a login request."""

    code: str
    took_ms: float
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def accepted(self) -> bool:
        return self.code == "Access-Accept"

    @property
    def rejected(self) -> bool:
        return self.code == "Access-Reject"

    @property
    def leaked(self) -> list[str]:
        """Attributes of a service that a refusal must not tell."""
        return [n for n, _ in self.attributes if n not in _IN_REJECT] if self.rejected else []

    def __str__(self) -> str:
        return "\n".join(
            [f"{self.code} ({self.took_ms:.1f} ms)", *(f"  {n} = {v}" for n, v in self.attributes)]
        )


@lru_cache(maxsize=1)
def _dictionary() -> Dictionary:
    with files("kaitong.activation.adapters").joinpath("dictionary").open() as text:
        return Dictionary(text)


class RadiusClient:
    """A network access server asking one RADIUS server."""

    def __init__(
        self, host: str, port: int, secret: str, *, timeout: float = 2.0, attempts: int = 2
    ) -> None:
        self.host, self.port = host, port
        self._client = Client(
            server=host, authport=port, secret=secret.encode(), dict=_dictionary(),
            retries=attempts, timeout=timeout, enforce_ma=True,
        )  # fmt: skip

    def describe(self, account: str) -> str:
        """The login request as text."""
        return "\n".join(
            [
                f"Access-Request -> {self.host}:{self.port}",
                f"  User-Name = {account}",
                f"  User-Password = {mask_secret('x')}",
                "  NAS-Identifier = kaitong",
                "  NAS-Port-Type = Virtual",
                "  Message-Authenticator = HMAC-MD5",
            ]
        )

    def login(self, account: str, password: str) -> Answer:
        """Ask whether this account and password may log in (PAP). Raises Unreachable."""
        request = self._client.CreateAuthPacket(code=packet.AccessRequest)
        request["User-Name"] = account
        request["User-Password"] = request.PwCrypt(password)
        request["NAS-Identifier"] = "kaitong"
        request["NAS-Port-Type"] = "Virtual"
        return self._exchange(request)

    def answers(self) -> bool:
        """Whether the server is there (Status-Server, RFC 5997)."""
        request = self._client.CreateAuthPacket(code=packet.StatusServer)
        try:
            return self._exchange(request).accepted
        except Unreachable:
            return False

    def _exchange(self, request: packet.Packet) -> Answer:
        start = time.perf_counter()
        try:
            reply = self._client.SendPacket(request)
        except (Timeout, OSError) as error:
            why = "" if isinstance(error, Timeout) else f"（{error}）"
            raise Unreachable(
                f"认证服务 {self.host}:{self.port} 没有应答{why}。", "系统会自动重试。"
            ) from None
        finally:
            self._client._CloseSocket()
        took = (time.perf_counter() - start) * 1000
        return Answer(_CODES.get(reply.code, f"code {reply.code}"), took, _attributes(reply))


def _attributes(reply: packet.Packet) -> tuple[tuple[str, str], ...]:
    """At most 40 attributes as text; what the dictionary does not know is shown in hexadecimal."""
    found: list[tuple[str, str]] = []
    for key in list(reply.keys())[:40]:
        name = key if isinstance(key, str) else "Attr-" + ".".join(
            str(part) for part in (key if isinstance(key, tuple) else (key,))
        )  # fmt: skip
        if "Password" in name:
            found.append((name, mask_secret("x")))
            continue
        try:
            values = reply[key]
        except Exception:  # a device's malformed value is shown, it does not end the proof
            values = ["?"]
        for value in values[:8]:
            text = "0x" + value.hex() if isinstance(value, bytes) else str(value)
            found.append((name, "".join(s if s.isprintable() else "�" for s in text)[:253]))
    return tuple(found)
