"""待装需求: the list, one click to the intake, withdrawing, and the workbook."""

from __future__ import annotations

import tempfile
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kaitong.core.errors import BadInput, KaitongError, NotFound
from kaitong.ordering import demands as verbs
from kaitong.web import demand_book
from kaitong.web.pages import demands as pages
from kaitong.web.views.common import SignedIn, in_words, is_part, page, render_page
from kaitong.web.views.exports import sent

CONFLICT, REFUSED = 409, 422


@page
@require_GET
def demand_list(request: SignedIn) -> HttpResponse:
    context = {"page": pages.page(request.actor, request.GET)}
    return render_page(request, "web/demand/page.html", context, place="demands")


@page
@require_GET
def export(request: SignedIn) -> HttpResponseBase:
    tab, asked = pages.asked_of(request.actor, request.GET)
    target = tempfile.TemporaryFile()  # noqa: SIM115 (the answer closes it)
    demand_book.write(request.actor, asked, target, areas=tab == pages.AREAS)
    return sent(target, _("待装需求"))


@page
@require_POST
def begin(request: SignedIn, demand_id: UUID) -> HttpResponse:
    """受理: an intake with this customer, plan and address, and a port held."""
    try:
        draft_id = verbs.begin(actor=request.actor, demand_id=demand_id)
    except NotFound:
        raise
    except KaitongError as refused:
        context = {"page": pages.page(request.actor, request.GET, fault=in_words(refused))}
        return render_page(
            request, "web/demand/page.html", context, place="demands", status=CONFLICT
        )
    return redirect("web:intake_draft", draft_id)


@page
@require_http_methods(["GET", "POST"])
def withdraw(request: SignedIn, demand_id: UUID) -> HttpResponse:
    """撤销需求: first who and where, then why."""
    if request.method != "POST":
        return _dialog(request, pages.withdrawing(request.actor, demand_id))
    reason = request.POST.get("reason", "")[:200]
    try:
        verbs.withdraw(actor=request.actor, demand_id=demand_id, reason=reason)
    except NotFound:
        raise
    except BadInput as bad:
        shown = pages.withdrawing(request.actor, demand_id, reason=reason, error=in_words(bad))
        return _dialog(request, shown, REFUSED)
    except KaitongError as refused:
        shown = pages.withdrawing(request.actor, demand_id, reason=reason, fault=in_words(refused))
        return _dialog(request, shown, CONFLICT)
    url = reverse("web:demands")
    if is_part(request):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def _dialog(request: SignedIn, shown: pages.WithdrawDemand, status: int = 200) -> HttpResponse:
    context = {"page": shown}
    if is_part(request):
        return render(request, "web/demand/withdraw.html", context, status=status)
    return render_page(
        request, "web/demand/withdraw_page.html", context, place="demands", status=status
    )
