"""网元: the list, one of them with what is on there, and carrying its lines to another (割接)."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.activation import queries as activation
from kaitong.core.errors import Conflict, Forbidden, KaitongError, NotFound
from kaitong.transfer import carrying
from kaitong.transfer import queries as jobs
from kaitong.transfer import services as transfer
from kaitong.web.pages import elements as pages
from kaitong.web.views.common import SignedIn, in_words, is_part, page, render_page


@page
@require_GET
def element_list(request: SignedIn) -> HttpResponse:
    context = {"page": pages.list_page(request.actor)}
    return render_page(request, "web/element/list.html", context, place="reconciliation")


@page
@require_GET
def element(request: SignedIn, element_id: UUID) -> HttpResponse:
    if is_part(request, "carry"):
        context = {"pane": pages.carry_pane(request.actor, element_id)}
        return HttpResponse(render_to_string("web/element/carry.html", context, request))
    return _shown(request, element_id)


@page
@require_GET
def live(request: SignedIn, element_id: UUID) -> HttpResponse:
    """Asked behind the page: an element that does not answer holds nobody up."""
    context = {"pane": pages.live_pane(request.actor, element_id)}
    return HttpResponse(render_to_string("web/element/live.html", context, request))


@page
@require_POST
def carry(request: SignedIn, element_id: UUID) -> HttpResponseBase:
    """Begin it, or only look what it would be about."""
    found = activation.element(request.actor, element_id)
    trial = "trial" in request.POST
    try:
        carrying.ask(actor=request.actor, key=found.key, dry_run=trial)
    except Forbidden:
        raise PermissionDenied from None
    except KaitongError as refused:
        status = 409 if isinstance(refused, Conflict) else 422
        return _shown(request, element_id, status, fault=in_words(refused))
    messages.success(request, _("试运行已开始。") if trial else _("割接已开始，进度在下面。"))
    return redirect("web:element", element_id)


@page
@require_POST
def stop(request: SignedIn, element_id: UUID, job_id: UUID) -> HttpResponseBase:
    """After the batch that is under way; what is carried stays carried."""
    found = activation.element(request.actor, element_id)
    if not any(job.pk == job_id for job in jobs.carries(request.actor, found.key)):
        raise NotFound(_("没有这项割接。"), _("请刷新页面。"))
    transfer.cancel(actor=request.actor, job_id=job_id)
    return redirect("web:element", element_id)


def _shown(
    request: SignedIn, element_id: UUID, status: int = 200, *, fault: str = ""
) -> HttpResponse:
    context = {"page": pages.element_page(request.actor, element_id, fault=fault)}
    return render_page(
        request, "web/element/page.html", context, place="reconciliation", status=status
    )
