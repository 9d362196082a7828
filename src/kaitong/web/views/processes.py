"""Processes: the list, and the heat map of each."""

from __future__ import annotations

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from kaitong.web.pages import processes as pages
from kaitong.web.views.common import SignedIn, is_part, page, render_page


@page
@require_GET
def process_list(request: SignedIn) -> HttpResponse:
    context = {"rows": pages.process_list(request.actor)}
    return render_page(request, "web/process/list.html", context, place="processes")


@page
@require_GET
def process(request: SignedIn, playbook: str, key: str) -> HttpResponse:
    found = pages.heat_page(request.actor, playbook, key, request.GET)
    if is_part(request, "heat"):
        return HttpResponse(render_to_string("web/process/heat.html", {"page": found}, request))
    return render_page(request, "web/process/page.html", {"page": found}, place="processes")
