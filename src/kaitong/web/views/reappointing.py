"""改约: the dialog and the act; what was typed is never lost."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from kaitong.core.errors import BadInput, Forbidden, KaitongError, NotFound
from kaitong.ordering import reappointing
from kaitong.web import format as fmt
from kaitong.web.pages import reappointing as pages
from kaitong.web.views.common import SignedIn, in_words, is_part, page, render_page

CONFLICT, REFUSED = 409, 422
ASKED = ("start", "minutes", "reason", "asked_by", "remark", "key", "at")


@page
@require_http_methods(["GET", "POST"])
def reappoint(request: SignedIn, order_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return _answer(request, pages.page(request.actor, order_id))
    given = {name: request.POST.get(name, "")[:200] for name in ASKED}
    try:
        reappointing.once(
            actor=request.actor,
            order_id=order_id,
            start=given["start"],
            minutes=int(given["minutes"]) if given["minutes"].isdecimal() else 0,
            reason=given["reason"],
            asked_by=given["asked_by"],
            key=given["key"],
            remark=given["remark"],
            expected=given["at"],
        )
    except NotFound:
        raise
    except Forbidden:
        raise PermissionDenied from None
    except BadInput as bad:
        errors = {
            {"appointment": "start"}.get(f.field, f.field): f"{f.what}{fmt.mark('')}{f.remedy}"
            for f in bad.faults
        }
        shown = pages.page(request.actor, order_id, given=given, errors=errors)
        return _answer(request, shown, REFUSED)
    except KaitongError as refused:
        shown = pages.page(request.actor, order_id, given=given, fault=in_words(refused))
        return _answer(request, shown, CONFLICT)
    url = reverse("web:order", args=[order_id])
    if is_part(request):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def _answer(request: SignedIn, shown: pages.ReappointPage, status: int = 200) -> HttpResponse:
    context = {"page": shown}
    if is_part(request):
        return render(request, "web/order/reappoint.html", context, status=status)
    return render_page(
        request, "web/order/reappoint_page.html", context, place="orders", status=status
    )
