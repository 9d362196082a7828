"""Carries requests from the event loop to Django's synchronous handler, in threads that stay.

Threads that stay keep their database connection, with its prepared plans, from request to request.
Django's own ASGI handler gives each request a thread of its own, so each request would open a
connection, and it crosses between loop and thread at every middleware.

An answer is whole in memory before it is sent: a slow reader holds no thread. Nothing of Kaitong
streams without an end.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.parse import unquote_to_bytes

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]

_KEPT_IN_MEMORY = 1024 * 1024  # of a request's body; what is longer goes to a file


class Bridge:
    """An ASGI application around a WSGI one (PEP 3333)."""

    def __init__(self, application: Callable[..., Iterable[bytes]], threads: int) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"Kaitong speaks HTTP only, not {scope['type']}.")
        with SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY) as body:
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body.write(message.get("body", b""))
                more = message.get("more_body", False)
            told = environment(scope, body)
            loop = asyncio.get_running_loop()
            status, headers, content = await loop.run_in_executor(self._threads, self._answer, told)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, told: dict[str, Any]) -> Answer:
        """What the application says, in a thread of the pool."""
        begun: list[tuple[int, list[tuple[bytes, bytes]]]] = []

        def start(status: str, headers: list[tuple[str, str]], fault: Any = None) -> None:
            code = int(status.partition(" ")[0])
            begun.append(
                (code, [(k.lower().encode(), v.strip().encode("latin1")) for k, v in headers])
            )

        said = self._application(told, start)
        try:
            content = b"".join(said)
        finally:
            close = getattr(said, "close", None)
            if close is not None:
                close()
        code, headers = begun[-1]
        return code, headers, content


def environment(scope: Scope, body: SpooledTemporaryFile[bytes]) -> dict[str, Any]:
    """A request as WSGI tells it. `body` is left at its beginning."""
    length = body.tell()
    body.seek(0)
    path = scope.get("raw_path") or scope["path"].encode()
    server, client = scope.get("server") or ("localhost", 80), scope.get("client")
    told: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin1"),
        "QUERY_STRING": scope["query_string"].decode("latin1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0] if client else "",
        "CONTENT_LENGTH": str(length),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin1")
        if name == "content-length" or "_" in name:
            continue  # counted above; an underscore would pass for a proxy's hyphen
        key = name.upper().replace("-", "_")
        if key != "CONTENT_TYPE":
            key = f"HTTP_{key}"
        value = raw_value.decode("latin1")
        if key in told:
            value = f"{told[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
        told[key] = value
    return told
