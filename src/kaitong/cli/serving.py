"""The web server: one process that accepts, several that answer.

Nothing of a request lives on in a process but what never changes under its key, so any process may
answer any request. The processes are forks of one that has everything loaded: they share its memory
and are there at once. One that dies is replaced; when the first process goes, the others go.

A connection is handed to the process that has fewest open. Left to themselves, the process that is
awake first takes all that are waiting, and their requests then queue in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import selectors
import signal
import socket
import sys
import time
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from kaitong.core.errors import KaitongError

_PATIENCE = 3  # seconds that requests under way are given at the end
_QUEUE = 1024  # connections that wait to be accepted
_PR_SET_PDEATHSIG = 1


def default_processes() -> int:
    """Two for each processor that may be used, within reason: one waits for the database while the
    other works, and the system shares the processors out where connections are not alike."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(2 * (usable or 1), 8)


def serve(host: str, port: int, processes: int) -> None:
    """Answer until a signal comes."""
    listening = _listening(host, port)
    _load()
    if processes == 1:
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(_config()).run(sockets=[listening])
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
    """Answers on connections that come through a channel, and tells the channel of each that ended.

    The channel's end is the end of the process that accepts.
    """

    def __init__(self, config: uvicorn.Config, channel: socket.socket) -> None:
        super().__init__(config)
        self.channel = channel

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        asyncio.get_running_loop().add_reader(self.channel, self._take)

    def _take(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            data, numbers, _flags, _address = socket.recv_fds(self.channel, 1, 1)
        except BlockingIOError:
            return
        if not data:
            loop.remove_reader(self.channel)
            self.should_exit = True
        for number in numbers:
            self._begin(loop, socket.socket(fileno=number))

    def _begin(self, loop: asyncio.AbstractEventLoop, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        task = loop.create_task(loop.connect_accepted_socket(self._protocol, accepted))
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)

    def _protocol(self) -> asyncio.Protocol:
        return _Told(self, self.config, self.server_state, {})


class _Told(H11Protocol):
    """HTTP on one connection; its end is told."""

    def __init__(self, server: _Server, *uvicorns: Any) -> None:
        super().__init__(*uvicorns)
        self._channel = server.channel

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        with contextlib.suppress(OSError):  # who accepts is gone
            self._channel.send(b"x")


def _config() -> uvicorn.Config:
    from kaitong.asgi import application

    return uvicorn.Config(
        application,
        log_level="warning",
        lifespan="off",
        ws="none",
        interface="asgi3",
        timeout_graceful_shutdown=_PATIENCE,
    )


class _Team:
    """The processes that answer, and how many connections each has open."""

    def __init__(self, listening: socket.socket, processes: int) -> None:
        self.listening = listening
        self.processes = processes
        self.running: dict[int, socket.socket] = {}  # by process: the channel to it
        self.open: dict[socket.socket, int] = {}
        self.looking = selectors.DefaultSelector()
        self.stopping = False

    def run(self) -> None:
        from django.db import connections

        connections.close_all()  # a connection must not be shared
        gc.collect()
        gc.freeze()  # so that collections do not touch, and thereby copy, what is shared
        before = {
            number: signal.signal(number, self._told) for number in (signal.SIGTERM, signal.SIGINT)
        }
        self.looking.register(self.listening, selectors.EVENT_READ)
        try:
            for _number in range(self.processes):
                self._start()
            while not self.stopping:
                for key, _events in self.looking.select(timeout=0.5):
                    if key.fileobj is self.listening:
                        self._hand_over()
                    else:
                        self._count(key.fileobj)
                self._replace()
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _told(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _hand_over(self) -> None:
        """One waiting connection, to whoever has fewest."""
        try:
            accepted, _address = self.listening.accept()
        except OSError:  # it went away again
            return
        with accepted:
            for channel in sorted(self.open, key=self.open.__getitem__):
                try:
                    socket.send_fds(channel, [b"c"], [accepted.fileno()])
                except OSError:  # dead, or so busy that its channel is full
                    continue
                self.open[channel] += 1
                return

    def _count(self, channel: socket.socket) -> None:
        try:
            ended = len(channel.recv(4096))
        except OSError:
            ended = 0
        if ended:
            self.open[channel] -= ended
        else:  # it died; `_replace` sees to it
            self.looking.unregister(channel)
            self.open.pop(channel, None)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        child = os.fork()
        if child:
            theirs.close()
            ours.setblocking(False)
            self.running[child] = ours
            self.open[ours] = 0
            self.looking.register(ours, selectors.EVENT_READ)
            return
        status = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            self.looking.close()
            self.listening.close()
            for channel in (ours, *self.running.values()):
                channel.close()  # or it would outlive who accepts
            theirs.setblocking(False)
            if os.getppid() == parent:  # it may have died before it was watched
                _Server(_config(), theirs).run()
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
        for child, channel in list(self.running.items()):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(child, os.WNOHANG)[0] == 0:
                    continue
            del self.running[child]
            if self.open.pop(channel, None) is not None:
                self.looking.unregister(channel)
            channel.close()
            found.append(child)
        return found

    def _end(self) -> None:
        self.listening.close()
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
