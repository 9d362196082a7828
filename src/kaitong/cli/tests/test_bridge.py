"""The bridge between event loop and Django tells requests truly and answers whole."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from kaitong.cli.bridge import Bridge

App = Callable[[dict[str, Any], Callable[..., None]], Iterable[bytes]]


def ask(
    application: App,
    *,
    path: bytes = b"/",
    headers: Iterable[tuple[bytes, bytes]] = (),
    body: Iterable[bytes] = (b"",),
    gone: bool = False,
) -> list[dict[str, Any]]:
    """What the bridge sends for one request."""
    parts = list(body)
    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(parts) - 1 or gone}
        for number, part in enumerate(parts)
    ] + ([{"type": "http.disconnect"}] if gone else [])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path.decode(),
        "raw_path": path,
        "query_string": b"a=%E5%BC%80",
        "http_version": "1.1",
        "scheme": "https",
        "server": ("127.0.0.1", 8000),
        "client": ("192.0.2.7", 5),
        "headers": list(headers),
    }
    asyncio.run(Bridge(application, threads=1)(scope, receive, send))
    return sent


def heard(**request: Any) -> dict[str, Any]:
    """The environment the application was given, its body read."""
    found: dict[str, Any] = {}

    def application(told: dict[str, Any], start: Callable[..., None]) -> list[bytes]:
        found.update(told, body=told["wsgi.input"].read())
        start("204 No Content", [])
        return []

    ask(application, **request)
    return found


def test_a_request_is_told_as_it_came() -> None:
    told = heard(
        path=b"/orders/%E5%BC%80/",
        headers=[(b"host", b"x.example"), (b"content-type", b"text/plain"), (b"cookie", b"a=1"),
                 (b"cookie", b"b=2"), (b"x-a", b"1"), (b"x-a", b"2")],
        body=[b"ab", b"cd"],
    )  # fmt: skip
    assert told["PATH_INFO"].encode("latin1").decode() == "/orders/开/"
    assert told["QUERY_STRING"] == "a=%E5%BC%80"
    assert (told["REMOTE_ADDR"], told["wsgi.url_scheme"]) == ("192.0.2.7", "https")
    assert (told["HTTP_HOST"], told["CONTENT_TYPE"]) == ("x.example", "text/plain")
    assert (told["HTTP_COOKIE"], told["HTTP_X_A"]) == ("a=1; b=2", "1,2")
    assert (told["body"], told["CONTENT_LENGTH"]) == (b"abcd", "4")


def test_an_underscore_does_not_pass_for_a_proxys_header() -> None:
    told = heard(headers=[(b"x_forwarded_proto", b"https"), (b"x-forwarded-proto", b"http")])
    assert told["HTTP_X_FORWARDED_PROTO"] == "http"


def test_the_length_is_counted_and_not_believed() -> None:
    told = heard(headers=[(b"content-length", b"9999")], body=[b"x" * 3_000_000, b"y"])
    assert told["CONTENT_LENGTH"] == "3000001"
    assert len(told["body"]) == 3_000_001


def test_an_answer_is_whole_and_closed() -> None:
    class Said(list[bytes]):
        closed = False

        def close(self) -> None:
            Said.closed = True

    def application(told: dict[str, Any], start: Callable[..., None]) -> Said:
        start("200 OK", [("Set-Cookie", " a=1"), ("Set-Cookie", "b=2")])
        return Said([b"one", b"two"])

    first, second = ask(application)
    assert first["status"] == 200
    assert first["headers"] == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    assert second["body"] == b"onetwo"
    assert Said.closed


def test_who_leaves_before_the_end_of_a_body_is_not_answered() -> None:
    def application(told: dict[str, Any], start: Callable[..., None]) -> list[bytes]:
        raise AssertionError("half a request was acted on")

    assert ask(application, body=[b"half"], gone=True) == []


def test_a_fault_of_the_application_is_the_servers_to_answer() -> None:
    def application(told: dict[str, Any], start: Callable[..., None]) -> list[bytes]:
        raise LookupError("no")

    with pytest.raises(LookupError):
        ask(application)


def test_requests_of_one_bridge_share_its_threads() -> None:
    """Connections to the database hang on threads: they must not be new for each request."""
    threads: list[int] = []

    def application(told: dict[str, Any], start: Callable[..., None]) -> list[bytes]:
        threads.append(threading.get_ident())
        start("200 OK", [])
        return [b""]

    bridge = Bridge(application, threads=1)

    async def twice() -> None:
        for _number in range(2):

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message: dict[str, Any]) -> None:
                pass

            scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"",
                     "http_version": "1.1", "headers": []}  # fmt: skip
            await bridge(scope, receive, send)

    asyncio.run(twice())
    assert threads[0] == threads[1] != threading.get_ident()
