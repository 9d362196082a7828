"""The fallout desk's figures, as page and workbook."""

from __future__ import annotations

import tempfile

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from kaitong.web.pages import incident_figures as pages
from kaitong.web.views.common import SignedIn, page, render_page
from kaitong.web.views.exports import sent


@page
@require_GET
def figures(request: SignedIn) -> HttpResponse:
    context = {"page": pages.figures_page(request.actor, request.GET)}
    return render_page(request, "web/incident/figures.html", context, place="incidents")


@page
@require_GET
def book(request: SignedIn) -> HttpResponseBase:
    target = tempfile.TemporaryFile()  # noqa: SIM115 (the answer closes it)
    pages.figures_book(request.actor, request.GET, target)
    return sent(target, _("异常统计"))
