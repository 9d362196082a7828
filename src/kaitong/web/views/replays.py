"""The replay of an order's processes."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from kaitong.web.pages import order_replay as pages
from kaitong.web.views.common import SignedIn, page, render_page


@page
@require_GET
def replay(request: SignedIn, order_id: UUID) -> HttpResponse:
    context = {"page": pages.replay_page(request.actor, order_id, request.GET)}
    return render_page(request, "web/process/replay.html", context, place="orders")
