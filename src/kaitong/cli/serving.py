"""The web server: one listening socket, several processes that accept from it.

Nothing of a request lives on in a process but what never changes under its key, so any process may
answer any request. The processes are forks of one that has everything loaded: they share its memory
and are there at once. One that dies is replaced; when the first process goes, the others go.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType

import uvicorn

from kaitong.core.errors import KaitongError

_PATIENCE = 3  # seconds that requests under way are given at the end
_QUEUE = 1024  # connections that wait to be accepted
_PR_SET_PDEATHSIG = 1


def default_processes() -> int:
    """Two for each processor that may be used, within reason.

    Connections live long and fall on processes by chance; with more processes than processors the
    system shares the processors out evenly where chance did not.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(2 * (usable or 1), 8)


def serve(host: str, port: int, processes: int) -> None:
    """Answer until a signal comes."""
    listening = _listening(host, port)
    _load()
    if processes == 1:
        _answer(listening)
    else:
        _Team(listening, processes).run()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        made = socket.create_server((host, port), family=family, backlog=_QUEUE)
    except OSError as error:
        raise KaitongError(
            f"Cannot listen on {host}:{port} ({error.strerror}).",
            "Choose another port or address: ./run kaitong serve --port N --host H",
        ) from None
    made.setblocking(False)
    return made


def _load() -> None:
    """Everything a request may need, before the processes part."""
    from django.urls import get_resolver

    import kaitong.asgi  # noqa: F401

    get_resolver().url_patterns  # noqa: B018 (views and what they import)


class _Server(uvicorn.Server):
    """Takes one connection at a time from the queue, so that idle processes get theirs."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(_QUEUE)  # `backlog` below is also the queue's length


def _answer(listening: socket.socket) -> None:
    from kaitong.asgi import application

    config = uvicorn.Config(
        application,
        log_level="warning",
        lifespan="off",
        ws="none",
        interface="asgi3",
        backlog=1,  # asyncio accepts so many in one go
        timeout_graceful_shutdown=_PATIENCE,
    )
    with contextlib.suppress(KeyboardInterrupt):
        _Server(config).run(sockets=[listening])


class _Team:
    def __init__(self, listening: socket.socket, processes: int) -> None:
        self.listening = listening
        self.processes = processes
        self.running: set[int] = set()
        self.stopping = threading.Event()

    def run(self) -> None:
        from django.db import connections

        connections.close_all()  # a connection must not be shared
        gc.collect()
        gc.freeze()  # so that collections do not touch, and thereby copy, what is shared
        before = {
            number: signal.signal(number, self._told) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            for _number in range(self.processes):
                self._start()
            while not self.stopping.wait(0.5):
                self._replace()
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _told(self, number: int, frame: FrameType | None) -> None:
        self.stopping.set()

    def _start(self) -> None:
        parent = os.getpid()
        child = os.fork()
        if child:
            self.running.add(child)
            return
        status = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() == parent:  # it may have died before it was watched
                _answer(self.listening)
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _replace(self) -> None:
        """Start others for those that died."""
        for child in self._ended():
            print(f"kaitong: web process {child} ended; starting another", file=sys.stderr)
            time.sleep(0.5)  # one that cannot live must not be forked without a pause
            self._start()

    def _ended(self) -> list[int]:
        found = []
        for child in list(self.running):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(child, os.WNOHANG)[0] == 0:
                    continue
            self.running.discard(child)
            found.append(child)
        return found

    def _end(self) -> None:
        for child in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE + 2
        while self.running and time.monotonic() < deadline:
            self._ended()
            time.sleep(0.02)
        for child in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
