"""The list of orders and the order page with its parts."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.core.clock import now
from kaitong.core.errors import KaitongError, NotFound
from kaitong.playbooks import entering
from kaitong.playbooks import handbook as handbooks
from kaitong.process import services as process
from kaitong.web.pages import customers as people
from kaitong.web.pages import order as pages
from kaitong.web.pages import order_tabs, orders
from kaitong.web.pages.fault import ticket_url
from kaitong.web.pages.reading import Reading
from kaitong.web.views.common import SignedIn, is_part, page, part, render_page, toast


@page
@require_GET
def order_list(request: SignedIn) -> HttpResponse:
    context = {"page": orders.orders_page(request.actor, request.GET)}
    return render_page(request, "web/order/list.html", context, place="orders")


@page
@require_GET
def order(request: SignedIn, order_id: UUID) -> HttpResponse:
    try:
        reading = Reading(request.actor, order_id, request.GET.get("process", ""))
    except NotFound:
        url = ticket_url(request.actor, order_id)
        if not url:
            raise
        return redirect(url)  # what lists lead to may be a ticket
    found = pages.head(reading)
    tab = order_tabs.known(request.GET.get("tab", ""))
    context = {
        "order": found,
        "tabs": order_tabs.tabs(tab),
        "pane": order_tabs.pane_of(reading, tab),
        "entries": [
            replace(one, title=reading.facts.say(one.title))
            for one in entering.renewed(request.actor, reading.order, reading.services)
        ],
    }
    return render_page(request, "web/order/page.html", context, place="orders")


@page
@require_GET
def order_tab(request: SignedIn, order_id: UUID, tab: str) -> HttpResponse:
    if not is_part(request):
        return redirect(f"../?tab={order_tabs.known(tab)}")
    known = order_tabs.known(tab)
    context = {
        "order": {"id": order_id},
        "tabs": order_tabs.tabs(known),
        "pane": order_tabs.pane(request.actor, order_id, known),
    }
    return render(request, "web/order/tabs.html", context)


@page
@require_GET
def live(request: SignedIn, order_id: UUID) -> HttpResponse:
    """What changes while one looks: head, steps and picture, and the timeline if it is shown.

    The page tells the version it shows; the same version is answered with 204 and costs one query.
    """
    if request.headers.get("KT-Version") == pages.version(request.actor, order_id):
        return HttpResponse(status=204)
    found = pages.order_page(request.actor, order_id, request.GET.get("process", ""))
    html = part("#order-head", render_to_string("web/order/head.html", {"order": found}, request))
    if found.process:
        steps = render_to_string("web/order/steps.html", {"order": found}, request)
        html += part("#order-steps", steps)
    return HttpResponse(html)


@page
@require_GET
def positions(request: SignedIn, order_id: UUID) -> HttpResponse:
    """The live position for the picture, as JSON."""
    found = pages.order_page(request.actor, order_id, request.GET.get("process", ""))
    return JsonResponse(found.process.positions if found.process else {})


@page
@require_GET
def bpmn(request: SignedIn, definition_id: UUID) -> HttpResponseBase:
    """The deployed BPMN. A definition never changes, so browsers keep it; the address the page
    gives names language and playbook version too."""
    data = pages.bpmn_of(definition_id)
    answer = HttpResponse(data, content_type="application/xml; charset=utf-8")
    patch_cache_control(answer, private=True, max_age=365 * 24 * 3600, immutable=True)
    return answer


@page
@require_GET
def handbook(request: SignedIn, definition_id: UUID) -> HttpResponse:
    """流程说明书 of a deployed process."""
    made = handbooks.pdf(handbooks.of_definition(definition_id), now=now())
    answer = HttpResponse(made, content_type="application/pdf")
    answer["Content-Disposition"] = 'inline; filename="handbook.pdf"'
    return answer


@page
@require_POST
def urge(request: SignedIn, order_id: UUID) -> HttpResponse:
    """催办 whoever has the order's open work."""
    try:
        count = 0
        for item_id in pages.open_work(request.actor, order_id):
            process.urge(actor=request.actor, item_id=item_id)
            count += 1
    except NotFound:
        raise
    except KaitongError as refused:
        return HttpResponse(toast(request, str(refused), "late"), status=409)
    said = _("已催办 %(n)s 张工单，经办人会看到") % {"n": count}
    return HttpResponse(toast(request, said if count else _("没有人手里的工单可催")))


@page
@require_POST
def reveal(request: SignedIn, party_id: UUID) -> HttpResponse:
    """显示全号: a recorded act."""
    person = people.reveal(request.actor, party_id, scope=request.GET.get("scope", "order"))
    return render(request, "web/parts/person.html", {"person": person})
