"""What the readers and writers of every resource do the same way."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from kaitong.core.errors import NotFound
from kaitong.tmf.errors import BadQuery
from kaitong.tmf.paging import Page, put_headers
from kaitong.tmf.selection import select
from kaitong.tmf.wire import answer

MAX_KEY = 120


def listed(
    request: HttpRequest, page: Page, bodies: list[dict[str, Any]], total: int, selected: Any
) -> HttpResponse:
    """A page of documents with the attributes asked for, its status and its headers (TMF630)."""
    response = answer([select(body, selected) for body in bodies], page.status(len(bodies), total))
    put_headers(response, request, page, count=len(bodies), total=total)
    return response


def number_of(text: str, absent: str) -> UUID:
    """The identifier in a path; what is none is as absent as what nobody made."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(absent) from None


def key_of(key: str | None) -> str:
    """The client's Idempotency-Key, empty without one. Raises BadQuery."""
    if key is None:
        return ""
    if not (0 < len(key.strip()) <= MAX_KEY and key.isprintable()):
        what = _("应是 1 至 %(n)s 个可打印字符。") % {"n": MAX_KEY}
        raise BadQuery(what, field="Idempotency-Key")
    return key.strip()
