"""运营指标: the page, and the orders behind a figure."""

from __future__ import annotations

import tempfile

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from kaitong.web.pages import figure_orders as behind
from kaitong.web.pages import figure_report, figure_tables
from kaitong.web.pages import figures as pages
from kaitong.web.views.common import SignedIn, page, refusal_as_page, render_page
from kaitong.web.views.exports import sent


@page
@refusal_as_page
@require_GET
def figures(request: SignedIn) -> HttpResponse:
    context = {"page": pages.figures_page(request.actor, request.GET)}
    return render_page(request, "web/figures/page.html", context, place="figures")


@page
@refusal_as_page
@require_GET
def figure_orders(request: SignedIn) -> HttpResponse:
    context = {"page": behind.behind_page(request.actor, request.GET)}
    return render_page(request, "web/figures/orders.html", context, place="figures")


@page
@refusal_as_page
@require_GET
def figure_sheet(request: SignedIn) -> HttpResponse:
    """The printed report (运营月报, 运营周报)."""
    choice = figure_tables.read(request.actor, request.GET)
    data = figure_report.to_pdf(request.actor, choice)
    answer = HttpResponse(data, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="figures-{choice.asked.start}.pdf"'
    answer["Cache-Control"] = "private, no-store"
    return answer


@page
@refusal_as_page
@require_GET
def figure_book(request: SignedIn) -> HttpResponseBase:
    target = tempfile.TemporaryFile()  # noqa: SIM115 (the answer closes it)
    choice = figure_tables.read(request.actor, request.GET)
    figure_report.to_book(request.actor, choice, target)
    return sent(target, _("运营指标"))
