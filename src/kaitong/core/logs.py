"""What goes to the log and how: a refusal is a line, a fault is a traceback."""

from __future__ import annotations

import logging
import re

from django.core.exceptions import PermissionDenied


def without_traceback_of_refusals(record: logging.LogRecord) -> bool:
    """A page that somebody's post does not open is no fault: it must not bury those that are."""
    if record.exc_info and isinstance(record.exc_info[1], PermissionDenied):
        record.exc_info = None
    return True


_LINK = re.compile(r"^/s/[^/]+.*$", re.S)


def without_secret_links(record: logging.LogRecord) -> bool:
    """The link a customer answers by is a secret of his: a refused answer is logged without it."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            _LINK.sub("/s/…", one) if isinstance(one, str) else one for one in record.args
        )
    return True
