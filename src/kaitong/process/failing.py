"""What an action raised: its cause class, words for the fallout desk, a place for the log."""

from __future__ import annotations

import logging
import traceback

from django.db import OperationalError, connection

from kaitong.core.errors import BadInput, KaitongError
from kaitong.process import actions
from kaitong.process.choices import Cause

log = logging.getLogger(__name__)

MESSAGE_LENGTH = 500  # of an incident's message


def cause_of(error: Exception) -> str:
    """The cause class of an exception an action raised."""
    match error:
        case actions.Transient():
            return error.cause
        case BadInput():
            return Cause.DATA
        case KaitongError():
            return Cause.BUSINESS
        case TimeoutError():
            return Cause.TIMEOUT
        case ConnectionError():
            return Cause.NETWORK
        case _:
            return Cause.BUG


def describe(error: Exception, *, node: str, action: str) -> str:
    """A message for the fallout desk; the unexpected is logged with its place, not its data."""
    if isinstance(error, KaitongError):
        return str(error)[:MESSAGE_LENGTH]
    where = place(error)
    log.error(
        "action failed node=%s action=%s error=%s at=%s", node, action, type(error).__name__, where
    )
    first = str(error).split("\n", 1)[0]  # a database error's further lines quote data
    return f"{type(error).__name__}: {first} ({where.split(' < ')[0]})"[:MESSAGE_LENGTH]


def place(error: BaseException) -> str:
    """Where an exception came from, innermost first, without the data of its message."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames[-6:]))


def survives(error: OperationalError) -> bool:
    """Whether the transaction can go on after the savepoint was rolled back."""
    code = getattr(error.__cause__, "sqlstate", None)
    return connection.is_usable() and code not in (None, "40P01", "40001")
