"""A dynamic authorisation server (RFC 5176): what stands beside an access server and is asked to
change or end its sessions.

Only packets signed with the shared secret and sent just now are heard (a Message-Authenticator and
an Event-Timestamp are demanded; section 6.3 of the RFC); the same packet sent again gets the same
answer and is not carried out twice. What is done is the `Sessions` behind it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol

from pyrad import packet

from kaitong.activation.adapters.dynauth import dictionary

NO_SESSION = 503  # Session-Context-Not-Found
MISSING_ATTRIBUTE = 402
_NOW = 300  # seconds a packet may be old
_REMEMBERED = 256
_SESSION_NAMES = (
    "User-Name", "Acct-Session-Id", "NAS-IP-Address", "NAS-Port-Id", "Framed-IP-Address",
)  # fmt: skip
_NOT_A_CHANGE = frozenset({*_SESSION_NAMES, "Event-Timestamp", "Message-Authenticator"})


class Sessions(Protocol):
    """The live sessions of an access server. Each answers 0 when done, else an Error-Cause."""

    def disconnect(self, named: Mapping[str, str]) -> int: ...

    def change(self, named: Mapping[str, str], attributes: Mapping[str, str]) -> int: ...


class Listener:
    """Hears Disconnect- and CoA-Requests on one UDP port, in a thread of its own."""

    def __init__(self, host: str, port: int, secret: str, sessions: Sessions) -> None:
        self._secret, self._sessions = secret.encode(), sessions
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self._socket.settimeout(0.5)
        self._answered: OrderedDict[tuple[str, int, bytes], bytes] = OrderedDict()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self.run, name="dynauth", daemon=True)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def start(self) -> Listener:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._over.set()
        self._thread.join(10)
        self._socket.close()

    def run(self) -> None:
        """Serve until `stop`."""
        while not self._over.is_set():
            try:
                raw, sender = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            with contextlib.suppress(OSError):
                answer = self.answer(raw, sender)
                if answer is not None:
                    self._socket.sendto(answer, sender)

    def answer(self, raw: bytes, sender: tuple[str, int]) -> bytes | None:
        """The reply to a packet; None for one that must be passed over in silence."""
        try:
            request = packet.CoAPacket(packet=raw, secret=self._secret, dict=dictionary())
            known = request.code in (packet.DisconnectRequest, packet.CoARequest)
            if not (known and request.VerifyCoARequest() and request.message_authenticator):
                return None
            if not request.verify_message_authenticator():
                return None
        except Exception:  # whatever a stranger sends must not end the listener
            return None
        if abs(time.time() - _seconds(request)) > _NOW:
            return None
        key = (sender[0], sender[1], request.authenticator)
        if key not in self._answered:
            self._answered[key] = self._carry_out(request)
            while len(self._answered) > _REMEMBERED:
                self._answered.popitem(last=False)
        return self._answered[key]

    def _carry_out(self, request: packet.CoAPacket) -> bytes:
        given = {
            name: str(request[name][0])
            for name in request.keys()  # noqa: SIM118  pyrad's packet is no plain mapping
            if isinstance(name, str)
        }
        named = {name: given[name] for name in _SESSION_NAMES if name in given}
        changes = {name: value for name, value in given.items() if name not in _NOT_A_CHANGE}
        ends = request.code == packet.DisconnectRequest
        if not (named.get("User-Name") or named.get("Acct-Session-Id")):
            cause = MISSING_ATTRIBUTE
        elif ends:
            cause = self._sessions.disconnect(named)
        else:
            cause = self._sessions.change(named, changes)
        reply = request.CreateReply()
        if cause:
            reply.code = packet.DisconnectNAK if ends else packet.CoANAK
            reply["Error-Cause"] = cause
        reply.add_message_authenticator()
        return bytes(reply.ReplyPacket())


def _seconds(request: packet.CoAPacket) -> float:
    try:
        return float(request["Event-Timestamp"][0])
    except (KeyError, IndexError, TypeError, ValueError):
        return 0.0
