"""资源台账: the network from the top, a box with its ports, a port and its state by hand."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.core.errors import Conflict, Forbidden, KaitongError, NotFound
from kaitong.inventory import by_hand
from kaitong.web.pages import plant as pages
from kaitong.web.views.common import SignedIn, in_words, page, render_page


@page
@require_GET
def top(request: SignedIn) -> HttpResponse:
    context = {"page": pages.page_of(request.actor, request.GET)}
    return render_page(request, "web/plant/list.html", context, place="plant")


@page
@require_GET
def node(request: SignedIn, node_id: UUID) -> HttpResponse:
    found = pages.page_of(request.actor, request.GET, node_id)
    if found is None:
        return _port(request, pages.port_page(request.actor, node_id))
    return render_page(request, "web/plant/list.html", {"page": found}, place="plant")


@page
@require_POST
def state(request: SignedIn, node_id: UUID) -> HttpResponseBase:
    """A port is found bad, repaired, or set aside; what was shown comes back with the click."""
    given = {key: request.POST.get(key, "")[:200] for key in ("state", "reason", "was")}
    try:
        by_hand.put_state(actor=request.actor, resource_id=node_id, **given)
    except Forbidden:
        raise PermissionDenied from None
    except NotFound:
        raise
    except KaitongError as refused:
        seen = pages.port_page(
            request.actor,
            node_id,
            chosen=given["state"],
            reason=given["reason"],
            fault=in_words(refused),
        )
        return _port(request, seen, 409 if isinstance(refused, Conflict) else 422)
    messages.success(request, _("资源状态已更新。"))
    return redirect("web:plant_node", node_id)


def _port(request: SignedIn, seen: pages.PortPage, status: int = 200) -> HttpResponse:
    return render_page(request, "web/plant/port.html", {"page": seen}, place="plant", status=status)
