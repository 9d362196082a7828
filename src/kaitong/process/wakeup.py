"""Waking an idle worker: NOTIFY, rarely.

PostgreSQL serializes commits that notify (one lock over all databases), so a busy process says so
at most every tenth of a second; workers poll as well, and a busy one is awake anyway.
"""

from __future__ import annotations

import time

from django.db import connection

CHANNEL = "kaitong_process"
QUIET_SECONDS = 0.1
_last = 0.0


def due() -> bool:
    """Whether a step should notify now; asking counts as notifying."""
    global _last
    moment = time.monotonic()
    if moment - _last < QUIET_SECONDS:
        return False
    _last = moment
    return True


def unsaid() -> None:
    """The step that was to notify was not written: the next one does."""
    global _last
    _last = 0.0


def notify() -> None:
    """Wake a worker when this transaction commits."""
    if due():
        with connection.cursor() as cursor:
            cursor.execute("select pg_notify(%s, '')", [CHANNEL])
