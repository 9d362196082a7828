"""What a page says when it could not be made."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

_AGAIN_AFTER = "3"  # seconds


def server_error(request: HttpRequest) -> HttpResponse:
    """A database that is away is no fault of ours: 503, try again. Anything else is a 500."""
    # Rendered without the request: its context would ask for the session in the database.
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    if not away:
        return HttpResponse(render_to_string("500.html"), status=500)
    answer = HttpResponse(render_to_string("503.html"), status=503)
    answer["Retry-After"] = _AGAIN_AFTER
    return answer
