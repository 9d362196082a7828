"""Customers at the counter (客户统一视图, BB-07, BB-18). Each look is recorded."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from kaitong.web.pages import customer as pages
from kaitong.web.pages import customer_panes as panes
from kaitong.web.views.common import SignedIn, is_part, page, render_page


@page
@require_http_methods(["GET", "POST"])
def customers(request: SignedIn) -> HttpResponseBase:
    """The search. What is looked for is posted: it must stand in no address and no log."""
    asked = request.POST.dict() if request.method == "POST" else None
    found = pages.search_page(request.actor, asked, request.GET.get("by", ""))
    context = {"page": found}
    if is_part(request):
        answer = render(request, "web/customer/found.html", context)
        if found.only:
            answer["HX-Redirect"] = found.only
        return answer
    if found.only:
        return redirect(found.only)
    return render_page(
        request,
        "web/customer/search.html",
        context,
        place="customers",
        status=422 if found.fault else 200,
    )


@page
@require_GET
def customer(request: SignedIn, party_id: UUID) -> HttpResponse:
    """A customer: who he is, his lines, and the tab asked for."""
    part = is_part(request)
    return _show(request, pages.of_customer(request.actor, party_id, request.GET, opened=not part))


@page
@require_GET
def service(request: SignedIn, service_id: UUID) -> HttpResponse:
    """One line of a customer."""
    part = is_part(request)
    return _show(request, pages.of_service(request.actor, service_id, request.GET, opened=not part))


def _show(request: SignedIn, look: pages.Look) -> HttpResponse:
    tab = panes.known(look, request.GET.get("tab", ""))
    context = {"look": look, "tabs": panes.tabs(look, tab), "pane": panes.pane(look, tab)}
    if is_part(request):
        return render(request, "web/customer/tabs.html", context)
    context["head"] = pages.head(look)
    return render_page(request, "web/customer/page.html", context, place="customers")
