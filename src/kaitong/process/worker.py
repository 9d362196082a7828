"""The worker: drains what became ready, as any number of processes and threads at once.

`drain_once` is one pass in the calling thread. `run_forever` keeps some threads on commands, so
that a slow network element never holds up timers, and one on everything else; an idle one is woken
by NOTIFY or looks after `poll` seconds. The database may go away and come back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import psycopg
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from kaitong.process import commands, inbound, wakeup
from kaitong.process.failing import place

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
THREADS = 4
_LONGEST_REST = 0.5  # seconds between two batches
_RESTS = 1.5  # times as long as a full batch took
_AWAY = (0.2, 0.5, 1.0, 2.0, 5.0)  # seconds between tries while the database is away
_GONE = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


def drain_once(limit: int = 50) -> int:
    """Handle what is due now: timers, wake-ups, inboxes, messages, commands; how much was done."""
    return drain_inbound(limit) + commands.drain(limit)


def drain_inbound(limit: int = 50) -> int:
    """Timers, wake-up dates, called processes, inboxes and messages."""
    return (
        inbound.fire_timers(limit)
        + inbound.begin_by_timers(limit)
        + inbound.begin_by_signals(limit)
        + inbound.wake_suspended(limit)
        + inbound.begin_children(limit)
        + inbound.read_inboxes(limit)
        + inbound.deliver_messages(limit)
    )


def drain_politely(
    rest: Callable[[float], object] = time.sleep, clock: Callable[[], float] = time.monotonic
) -> int:
    """As `drain_inbound`; with more due than one batch, it rests half as long again as it worked.

    A hundred thousand timers may fall due in one minute. They have minutes; people who look at
    their work meanwhile have not, and more than half of what the database can do stays theirs.
    """
    begun = clock()
    done = drain_inbound(inbound.BATCH)
    if done >= inbound.BATCH:
        rest(min(_RESTS * (clock() - begun), _LONGEST_REST))
    return done


def drain_all(*, most: int = 1000) -> int:
    """Drain until nothing is due (tests, scenarios, `--drain`); how much was done."""
    total = 0
    while total < most:
        done = drain_once()
        if not done:
            break
        total += done
    return total


def run_forever(
    stop: threading.Event, *, poll: float = POLL_SECONDS, threads: int = THREADS
) -> None:
    """Drain until `stop` is set; returns when every command under way is recorded."""
    wake = threading.Condition()
    helpers = [
        threading.Thread(
            target=_loop,
            # one looks often, the others help when there is more than one can do
            args=(stop, wake, poll * (5 if number else 1), _run_commands),
            name=f"commands-{number}",
        )
        for number in range(threads)
    ]
    helpers.append(
        threading.Thread(target=_loop, args=(stop, wake, poll, drain_politely), name="inbound")
    )
    for helper in helpers:
        helper.start()
    log.info("worker started threads=%s poll=%s", threads, poll)
    try:
        _listen(stop, wake, poll)
    finally:
        stop.set()
        with wake:
            wake.notify_all()
        for helper in helpers:
            helper.join()
        log.info("worker stopped")


def _run_commands() -> int:
    return commands.drain(commands.CHUNK)


def _loop(
    stop: threading.Event, wake: threading.Condition, poll: float, work: Callable[[], int]
) -> None:
    """One thread: work, and when there is none, wait to be woken."""
    away = 0
    try:
        while not stop.is_set():
            try:
                close_old_connections()
                done = work()
                away = 0
            except _GONE as error:
                log.warning(
                    "database away thread=%s error=%s tries=%s",
                    threading.current_thread().name,
                    type(error).__name__,
                    away + 1,
                )
                connection.close()
                stop.wait(_AWAY[min(away, len(_AWAY) - 1)])
                away += 1
                continue
            except Exception as error:
                log.error(
                    "worker pass failed thread=%s error=%s at=%s",
                    threading.current_thread().name,
                    type(error).__name__,
                    place(error),
                )
                stop.wait(1.0)
                continue
            if not done:
                with wake:
                    wake.wait(poll)
    finally:
        connection.close()


def _listen(stop: threading.Event, wake: threading.Condition, poll: float) -> None:
    """Hear NOTIFY and wake the threads; without a listening connection they just poll."""
    away = 0
    while not stop.is_set():
        try:
            raw = connection.get_new_connection(connection.get_connection_params())
        except _GONE:
            stop.wait(_AWAY[min(away, len(_AWAY) - 1)])
            away += 1
            continue
        away = 0
        try:
            raw.autocommit = True
            raw.execute(f"listen {wakeup.CHANNEL}")
            while not stop.is_set():
                for _notice in raw.notifies(timeout=max(poll, 0.5), stop_after=1):
                    with wake:
                        wake.notify_all()
        except _GONE:
            log.warning("listening connection lost")
        finally:
            raw.close()
