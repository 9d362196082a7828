"""One POST to an address that somebody outside gave: bounded in time, followed nowhere.

The name is resolved here, when it is registered and for each post anew, what it resolves to is
looked at, and the connection is made to just the address that was looked at: a name may not stand
for what its address may not, nor change what it stands for in between. Addresses of the public
network are told. Those of private networks, this machine's among them, only where the operator
names the network (`KAITONG_CALLBACK_NETWORKS`); those of the link, of many or of nobody (RFC 3927
and its like, where clouds keep services of the machine itself) never.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import ssl
import threading
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

TIMEOUT = 10.0  # seconds for all of it: a byte now and then does not make it longer
LOOK_UP = 5.0  # seconds for whoever knows the addresses of names

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_tls = ssl.create_default_context()


class Refused(Exception):
    """An address nothing is sent to."""


def forbidden(text: str) -> bool:
    """Whether nothing is sent to an address: one of the link, of many or of nobody, or of a private
    network the operator does not name."""
    address = _meant(ip_address(text.partition("%")[0]))
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return True
    if any(address in network for network in networks()):
        return False
    return not address.is_global or address.is_reserved


def networks() -> list[IPv4Network | IPv6Network]:
    """Private networks the operator lets be told."""
    return [ip_network(one, strict=False) for one in settings.CALLBACK_NETWORKS]


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address an IPv6 one stands for: mapped, 6to4, Teredo, or behind a NAT64."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if address.teredo is not None:
        inner = address.teredo[1]
    if address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def literal(host: str) -> str:
    """The address a host is written as, in any of the ways systems read; "" for a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))  # 2852039166, 0xa9.254.43518
    except (OSError, ValueError):
        return ""


def addresses(host: str, port: int) -> list[tuple[Any, ...]]:
    """Where a host is. Refused when one of its addresses is forbidden, OSError (socket.gaierror
    when there is no such name) when nobody says, within a bounded time, where it is."""
    answers: queue.SimpleQueue[list[tuple[Any, ...]] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as none:
            answers.put(none)

    threading.Thread(target=ask, daemon=True).start()  # no call of the system ends it in time
    try:
        found = answers.get(timeout=LOOK_UP)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    if any(forbidden(str(where[0])) for *_kind, where in found):
        raise Refused
    return found


def post(url: str, data: bytes, headers: dict[str, str]) -> str:
    """Send; why it was not taken, empty when it was (2xx)."""
    try:
        status = _status(url, data, headers)
    except Refused:
        return "address not allowed"
    except (OSError, ValueError, http.client.HTTPException) as away:
        return type(away).__name__
    return "" if 200 <= status < 300 else f"HTTP {status}"


def _status(url: str, data: bytes, headers: dict[str, str]) -> int:
    parts = urlsplit(url)
    host, tls = parts.hostname or "", parts.scheme == "https"
    connection = http.client.HTTPConnection(
        host, parts.port or (443 if tls else 80), timeout=TIMEOUT
    )
    there = _connected(host, connection.port)
    if tls:
        there = _tls.wrap_socket(there, server_hostname=host, do_handshake_on_connect=False)
    late = threading.Timer(TIMEOUT, _cut, [there])
    late.daemon = True
    late.start()
    try:
        if isinstance(there, ssl.SSLSocket):
            there.do_handshake()
        connection.sock = there
        connection.request("POST", parts.path or "/", data, {**headers, "Host": parts.netloc})
        return connection.getresponse().status
    finally:
        late.cancel()
        connection.close()
        there.close()


def _connected(host: str, port: int) -> socket.socket:
    """Connected to the first of a host's addresses that takes it."""
    last: OSError = OSError("no address")
    for family, kind, proto, _name, where in addresses(host, port)[:2]:
        plain = socket.socket(family, kind, proto)
        plain.settimeout(TIMEOUT / 2)
        try:
            plain.connect(where)
        except OSError as away:
            plain.close()
            last = away
            continue
        plain.settimeout(TIMEOUT)
        return plain
    raise last


def _cut(there: socket.socket) -> None:
    """Too long: whoever reads or writes there hears that it is over."""
    with contextlib.suppress(OSError):  # it has ended meanwhile
        socket.socket.shutdown(there, socket.SHUT_RDWR)  # of TLS, too: below it
