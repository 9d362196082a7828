"""运营指标: the page, and the orders behind a figure."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from kaitong.core.errors import Forbidden
from kaitong.web.pages import figures as pages
from kaitong.web.views.common import SignedIn, page, render_page


def for_leaders(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Figures are for who leads; anybody else is told so."""

    @wraps(view)
    def guarded(request: SignedIn, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Forbidden as refused:
            context = {
                "base": "web/base.html",
                "title": _("不能查看"),
                "text": str(refused),
                "icon_name": "lock",
            }
            return render_page(request, "web/gone.html", context, place="", status=403)

    return guarded


@page
@for_leaders
@require_GET
def figures(request: SignedIn) -> HttpResponse:
    context = {"page": pages.figures_page(request.actor, request.GET)}
    return render_page(request, "web/figures/page.html", context, place="figures")


@page
@for_leaders
@require_GET
def figure_orders(request: SignedIn) -> HttpResponse:
    context = {"page": pages.behind_page(request.actor, request.GET)}
    return render_page(request, "web/figures/orders.html", context, place="figures")
