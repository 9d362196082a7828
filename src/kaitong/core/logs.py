"""What goes to the log and how: a refusal is a line, a fault is a traceback."""

from __future__ import annotations

import logging

from django.core.exceptions import PermissionDenied


def without_traceback_of_refusals(record: logging.LogRecord) -> bool:
    """A page that somebody's post does not open is no fault: it must not bury those that are."""
    if record.exc_info and isinstance(record.exc_info[1], PermissionDenied):
        record.exc_info = None
    return True
