"""撤单 on the order page: first the plan, then the act."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from kaitong.core.errors import BadInput, KaitongError, NotFound
from kaitong.ordering import services as ordering
from kaitong.web.pages import withdrawal as pages
from kaitong.web.pages.withdrawal import WithdrawPage
from kaitong.web.views.common import SignedIn, is_part, page, render_page

CONFLICT, REFUSED = 409, 422


@page
@require_http_methods(["GET", "POST"])
def withdraw(request: SignedIn, order_id: UUID) -> HttpResponse:
    """The question with its numbers; with POST the act. What was typed is never lost."""
    if request.method != "POST":
        return _answer(request, pages.page(request.actor, order_id))
    given = {name: request.POST.get(name, "")[:300] for name in ("key", "reason", "note")}
    fault = error = ""
    status = CONFLICT
    try:
        ordering.withdraw(
            actor=request.actor,
            order_id=order_id,
            reason=given["reason"],
            key=given["key"],
            note_text=given["note"],
            expected=request.POST.get("plan", ""),
        )
    except NotFound:
        raise
    except BadInput as bad:
        status = REFUSED
        at = {f.field: str(f.what) for f in bad.faults}
        error = at.get("reason", "")
        fault = "" if error else "".join(at.values())
    except KaitongError as refused:
        fault = str(refused)
    else:
        url = reverse("web:order", args=[order_id])
        if is_part(request):
            return HttpResponse(headers={"HX-Redirect": url})
        return redirect(url)
    shown = pages.page(request.actor, order_id, fault=fault, error=error, **given)
    return _answer(request, shown, status)


def _answer(request: SignedIn, shown: WithdrawPage, status: int = 200) -> HttpResponse:
    context = {"page": shown}
    if is_part(request):
        return render(request, "web/order/withdraw.html", context, status=status)
    return render_page(
        request, "web/order/withdraw_page.html", context, place="orders", status=status
    )
