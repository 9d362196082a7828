"""Dynamic authorisation (RFC 5176): asking an access server to change or to end a live session.

The AAA server decides at the next login only; a session that stands is the access server's. It is
named as that one knows it: account, its own session id, the session's address. Requests carry the
time (a replay is refused) and a Message-Authenticator.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from pyrad import packet
from pyrad.client import Client, Timeout
from pyrad.dictionary import Dictionary

from kaitong.activation.adapters.base import Attribute
from kaitong.activation.errors import ElementProblem, Unreachable

PORT = 3799
NO_SESSION = "Session-Context-Not-Found"
_CODES = {
    packet.DisconnectACK: "Disconnect-ACK",
    packet.DisconnectNAK: "Disconnect-NAK",
    packet.CoAACK: "CoA-ACK",
    packet.CoANAK: "CoA-NAK",
}
# Service-Type in a CoA-Request means something else (RFC 5176 section 3.2), and PPP stays PPP
_NOT_LIVE = frozenset({"Service-Type", "Framed-Protocol"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the access server said; `cause` is its Error-Cause."""

    code: str
    cause: str
    took_ms: float

    @property
    def done(self) -> bool:
        return self.code.endswith("-ACK")

    @property
    def no_session(self) -> bool:
        return not self.done and self.cause == NO_SESSION

    def __str__(self) -> str:
        why = f"\n  Error-Cause = {self.cause}" if self.cause else ""
        return f"{self.code} ({self.took_ms:.1f} ms){why}"


@lru_cache(maxsize=1)
def dictionary() -> Dictionary:
    with files("kaitong.activation.adapters").joinpath("dictionary").open() as text:
        return Dictionary(text)


def live_attributes(attributes: Iterable[Attribute]) -> tuple[Attribute, ...]:
    """Those of a plan's attributes that a live session can be given."""
    return tuple(a for a in attributes if a.name not in _NOT_LIVE)


class AccessServerClient:
    """Whoever decides, asking one access server."""

    def __init__(
        self, host: str, port: int, secret: str, *, timeout: float = 2.0, attempts: int = 3
    ) -> None:
        self.host, self.port = host, port
        self._client = Client(
            server=host, coaport=port, secret=secret.encode(), dict=dictionary(),
            retries=attempts, timeout=timeout,
        )  # fmt: skip

    def describe(
        self, code: str, session: Mapping[str, str], attributes: Iterable[Attribute] = ()
    ) -> str:
        """The request as text."""
        told = [*session.items(), *((a.name, a.value) for a in attributes)]
        return "\n".join(
            [
                f"{code} -> {self.host}:{self.port}",
                *(f"  {name} = {value}" for name, value in told if value),
                "  Event-Timestamp = now",
                "  Message-Authenticator = HMAC-MD5",
            ]
        )

    def disconnect(self, session: Mapping[str, str]) -> Answer:
        """End a session. Raises Unreachable."""
        return self._ask(packet.DisconnectRequest, session, ())

    def change(self, session: Mapping[str, str], attributes: Iterable[Attribute]) -> Answer:
        """Give a live session other attributes. Raises Unreachable."""
        return self._ask(packet.CoARequest, session, attributes)

    def _ask(
        self, code: int, session: Mapping[str, str], attributes: Iterable[Attribute]
    ) -> Answer:
        request = self._client.CreateCoAPacket(code=code)
        known = dictionary().attributes
        for name, value in (*session.items(), *((a.name, a.value) for a in attributes)):
            if not value:
                continue
            if name not in known:
                raise ElementProblem(f"在线变更不认识属性 {name}。", field="plan_attributes")
            whole = known[name].type == "integer" and value.isdecimal()
            request[name] = int(value) if whole else value
        request["Event-Timestamp"] = int(time.time())
        request.add_message_authenticator()
        start = time.perf_counter()
        try:
            reply = self._client.SendPacket(request)
        except (Timeout, OSError) as error:
            why = "" if isinstance(error, Timeout) else f"（{error}）"
            raise Unreachable(
                f"接入服务器 {self.host}:{self.port} 没有应答{why}。", "系统会自动重试。"
            ) from None
        finally:
            self._client._CloseSocket()
        took = (time.perf_counter() - start) * 1000
        cause = str(reply["Error-Cause"][0]) if "Error-Cause" in reply else ""
        return Answer(_CODES.get(reply.code, f"code {reply.code}"), cause, took)
