"""改单: first what may be changed, then the change; what was typed is never lost."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from kaitong.core.errors import BadInput, KaitongError, NotFound
from kaitong.ordering import services as ordering
from kaitong.web import format as fmt
from kaitong.web.pages import amending as pages
from kaitong.web.views.common import SignedIn, is_part, page, render_page

CONFLICT, REFUSED = 409, 422


@page
@require_http_methods(["GET", "POST"])
def amend(request: SignedIn, order_id: UUID) -> HttpResponse:
    shown = pages.page(request.actor, order_id)
    if request.method != "POST":
        return _answer(request, shown)
    given = {field.name: request.POST.get(field.name, "")[:600] for field in shown.fields}
    reason = request.POST.get("reason", "")[:200]
    errors: dict[str, str] = {}
    fault, status = "", CONFLICT
    try:
        ordering.amend(
            actor=request.actor,
            order_id=order_id,
            changes=pages.changes(shown, given),
            reason=reason,
            expected=request.POST.get("at", ""),
        )
    except NotFound:
        raise
    except BadInput as bad:
        status = REFUSED
        errors = {f.field: f"{f.what}{fmt.mark('')}{f.remedy}" for f in bad.faults}
    except KaitongError as refused:
        fault = str(refused)
    else:
        url = reverse("web:order", args=[order_id])
        if is_part(request):
            return HttpResponse(headers={"HX-Redirect": url})
        return redirect(url)
    shown = pages.page(
        request.actor, order_id, given=given, errors=errors, reason=reason, fault=fault
    )
    return _answer(request, shown, status)


def _answer(request: SignedIn, shown: pages.AmendPage, status: int = 200) -> HttpResponse:
    context = {"page": shown}
    if is_part(request):
        return render(request, "web/order/amend.html", context, status=status)
    return render_page(request, "web/order/amend_page.html", context, place="orders", status=status)
