"""One POST to an address that somebody outside gave: bounded in time, followed nowhere.

The name is resolved here and what it resolves to is looked at before anything is sent, so that a
name may not stand for what its address may not (RFC 3927 and its like: services of the machine
itself, as clouds have them). Addresses of the operator's own network are where listeners live.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

TIMEOUT = 10.0  # seconds for all of it: a byte now and then does not make it longer

_tls = ssl.create_default_context()


class Refused(Exception):
    """An address nothing is sent to."""


def forbidden(text: str) -> bool:
    """Whether an address is one of the link, of many, or of nobody."""
    address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return False
    return (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
    )


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
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if any(forbidden(str(where[0])) for *_kind, where in found):
        raise Refused
    last: OSError = OSError("no address")
    for family, kind, proto, _name, where in found[:2]:
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
