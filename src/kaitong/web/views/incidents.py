"""The fallout desk (异常单): what machines could not do, and the ways out of it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.core.errors import KaitongError, NotFound
from kaitong.process import services as process
from kaitong.web import format as fmt
from kaitong.web.pages import incidents as pages
from kaitong.web.views.common import SignedIn, is_part, page, part, render_page, toast
from kaitong.web.views.work import CONFLICT, REFUSED

MOST_AT_ONCE = 200


@page
@require_GET
def incident_list(request: SignedIn) -> HttpResponse:
    if is_part(request, "list"):
        return HttpResponse(_list(request))
    try:
        detail = pages.incident_detail(request.actor, UUID(request.GET.get("item", "")))
    except (ValueError, NotFound):
        detail = None
    context = {"page": pages.incident_page(request.actor, request.GET), "detail": detail}
    return render_page(request, "web/incident/page.html", context, place="incidents")


@page
@require_GET
def incident(request: SignedIn, incident_id: UUID) -> HttpResponse:
    if not is_part(request):
        return redirect(f"{reverse('web:incidents')}?item={incident_id}")
    return HttpResponse(_drawer(request, incident_id))


@page
@require_POST
def retry_one(request: SignedIn, incident_id: UUID) -> HttpResponse:
    try:
        process.retry_incident(actor=request.actor, incident_id=incident_id)
    except NotFound:
        raise
    except KaitongError as refused:
        return HttpResponse(_drawer(request, incident_id, fault=str(refused)), status=CONFLICT)
    return HttpResponse(
        _drawer(request, incident_id)
        + part("#list", _list(request))
        + toast(request, _("已安排重试"))
    )


@page
@require_POST
def retry(request: SignedIn) -> HttpResponse:
    """Retry many: each in its own transaction, what could not be retried is counted and said."""
    done, refusals = 0, []
    for text in request.POST.getlist("pick")[:MOST_AT_ONCE]:
        try:
            process.retry_incident(actor=request.actor, incident_id=UUID(text))
            done += 1
        except (ValueError, KaitongError) as refused:
            refusals.append(str(refused))
    said = _("%(n)s 条已安排重试") % {"n": done}
    if refusals:
        said += fmt.mark("；") + _("%(n)s 条没有办成：%(why)s") % {
            "n": len(refusals),
            "why": refusals[0],
        }
    html = _list(request) + toast(request, said, "late" if refusals else "ok")
    return HttpResponse(html)


@page
@require_POST
def by_hand(request: SignedIn, incident_id: UUID) -> HttpResponse:
    """已人工处理, with evidence and a second person."""
    values = {
        "evidence": request.POST.get("evidence", ""),
        "second": request.POST.get("second", ""),
    }
    try:
        pages.settle_by_hand(request.actor, incident_id, request.POST)
    except NotFound:
        raise
    except KaitongError as refused:
        named = refused.field in ("evidence", "second")
        html = _drawer(
            request,
            incident_id,
            fault="" if named else str(refused),
            errors={refused.field: str(refused)} if named else {},
            values=values,
            by_hand_open=True,
        )
        return HttpResponse(html, status=REFUSED)
    return HttpResponse(
        part("#drawer", "", "innerHTML")
        + part("#list", _list(request))
        + toast(request, _("已记为人工处理，流程往下走"))
    )


def _list(request: SignedIn) -> str:
    context = {"page": pages.incident_page(request.actor, request.GET), "detail": None}
    return render_to_string("web/incident/list.html", context, request)


def _drawer(request: SignedIn, incident_id: UUID, **more: object) -> str:
    detail = pages.incident_detail(request.actor, incident_id)
    return render_to_string("web/incident/drawer.html", {"detail": detail, **more}, request)
