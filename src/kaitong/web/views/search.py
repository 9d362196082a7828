"""One box for everything (screens.md 8): orders, accounts, customers, addresses."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from kaitong.web.pages import search as pages
from kaitong.web.views.common import SignedIn, page, render_page

LONGEST = 100


@page
@require_GET
def search(request: SignedIn) -> HttpResponse:
    """A single certain hit opens at once."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST]
    groups = pages.groups(request.actor, text) if text else []
    only = pages.certain(groups, text)
    if only:
        return redirect(only)
    context = {"groups": groups, "search_text": text}
    return render_page(request, "web/search.html", context, place="search")
