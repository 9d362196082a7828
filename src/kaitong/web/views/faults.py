"""Pages of faults (故障台): list, taking in, the ticket with its work, live look at the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kaitong.activation import queries as activation_queries
from kaitong.activation import services as activation
from kaitong.activation.errors import ActivationError
from kaitong.assurance import queries as assurance
from kaitong.assurance import services as verbs
from kaitong.assurance.choices import Ownership, TicketKind
from kaitong.core import wording
from kaitong.core.errors import BadInput, InputFault, KaitongError, NotFound
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.playbooks import services as playbooks
from kaitong.process import services as process
from kaitong.web import format as fmt
from kaitong.web.forms import read
from kaitong.web.pages import drawer as drawers
from kaitong.web.pages import fault as pages
from kaitong.web.pages import fault_new, faults
from kaitong.web.pages.fault_live import refused_texts, seen_text
from kaitong.web.views.common import SignedIn, in_words, page, render_page, toast

REFUSED, CONFLICT = 422, 409


@page
@require_GET
def fault_list(request: SignedIn) -> HttpResponse:
    context = {"page": faults.faults_page(request.actor, request.GET)}
    return render_page(request, "web/fault/list.html", context, place="faults")


@page
@require_http_methods(["GET", "POST"])
def fault_new_page(request: SignedIn) -> HttpResponse:
    """受理故障 or 投诉: the line first, then what is wrong."""
    given = request.POST if request.method == "POST" else request.GET
    kind = given.get("kind", TicketKind.FAULT)
    kind = kind if kind in TicketKind.values else TicketKind.FAULT
    service_id = _uuid(given.get("service", ""))
    if request.method != "POST":
        found = fault_new.new_page(
            request.actor, kind=kind, text=request.GET.get("q", "")[:100], service_id=service_id
        )
        return render_page(request, "web/fault/new.html", {"page": found}, place="faults")
    values = {key: str(value)[:600] for key, value in request.POST.items()}
    errors: dict[str, str] = {}
    fault, status = "", CONFLICT
    try:
        row = verbs.take_in(
            actor=request.actor,
            report=verbs.Report(
                kind=kind,
                service_id=service_id,
                symptom=values.get("symptom", ""),
                description=values.get("description", ""),
                channel=values.get("channel", ""),
                hotline=values.get("hotline", "") if values.get("channel") == "hotline" else "",
                contact=values.get("contact", "").strip(),
                idempotency_key=values.get("key", ""),
            ),
        )
    except NotFound:
        raise
    except BadInput as bad:
        status = REFUSED
        errors = {f.field: f"{f.what}{fmt.mark('')}{f.remedy}" for f in bad.faults}
    except KaitongError as refused:
        fault = str(refused)
    else:
        return redirect("web:fault", row.pk)
    found = fault_new.new_page(
        request.actor, kind=kind, service_id=service_id, values=values, errors=errors, fault=fault
    )
    return render_page(
        request, "web/fault/new.html", {"page": found}, place="faults", status=status
    )


@page
@require_POST
def route(request: SignedIn) -> HttpResponse:
    """A call that was not for us: recorded, and where the customer was told to call."""
    rules = assurance.only()
    if rules is None:
        raise NotFound(_("没有部署故障处理流程。"))
    ownership = request.POST.get("ownership", "")
    if ownership not in (Ownership.FOREIGN, Ownership.UNKNOWN):
        ownership = Ownership.UNKNOWN
    try:
        verbs.require_taker(request.actor, rules)
        verbs.route(
            actor=request.actor,
            rules=rules,
            hotline=request.POST.get("hotline", ""),
            ownership=ownership,
        )
    except KaitongError as refused:
        return HttpResponse(toast(request, in_words(refused), "late"), status=CONFLICT)
    said = _("已登记：不是本网用户，请客户拨打自己运营商的热线。")
    if ownership == Ownership.UNKNOWN:
        said = _("已登记：没有查到，请客户提供账号或装机地址。")
    return HttpResponse(toast(request, said))


@page
@require_GET
def fault(request: SignedIn, fault_id: UUID) -> HttpResponse:
    found = pages.fault_page(request.actor, fault_id)
    return render_page(request, "web/fault/page.html", {"page": found}, place="faults")


@page
@require_POST
def work(request: SignedIn, fault_id: UUID, item_id: UUID) -> HttpResponse:
    """Claim or complete the work in hand, on the ticket's own page."""
    assurance.fault(request.actor, fault_id)
    if request.POST.get("do") == "claim":
        return _then(request, fault_id, lambda: process.claim(actor=request.actor, item_id=item_id))
    form = drawers.form_of(request.actor, item_id)
    answers = read(form.schema if form else {}, request.POST)
    for name in form.unasked(answers) if form else ():
        del answers[name]
    try:
        playbooks.complete_work(actor=request.actor, item_id=item_id, data=answers)
    except NotFound:
        raise
    except BadInput as bad:
        return _again(request, fault_id, item_id, answers, list(bad.faults), status=REFUSED)
    except KaitongError as refused:
        properties = form.schema.get("properties", {}) if form else {}
        if refused.field in properties:
            found = [InputFault(refused.field, str(refused.what), str(refused.remedy))]
            return _again(request, fault_id, item_id, answers, found, status=REFUSED)
        return _again(request, fault_id, item_id, answers, [], fault=str(refused))
    return redirect("web:fault", fault_id)


@page
@require_POST
def urge(request: SignedIn, fault_id: UUID) -> HttpResponse:
    return _then(
        request,
        fault_id,
        lambda: verbs.urge(
            actor=request.actor, fault_id=fault_id, words=request.POST.get("words", "")
        ),
    )


@page
@require_POST
def cancel(request: SignedIn, fault_id: UUID) -> HttpResponse:
    return _then(
        request,
        fault_id,
        lambda: verbs.cancel(
            actor=request.actor, fault_id=fault_id, reason=request.POST.get("reason", "")
        ),
    )


@page
@require_POST
def not_mended(request: SignedIn, fault_id: UUID) -> HttpResponse:
    return _then(
        request, fault_id, lambda: verbs.not_mended(actor=request.actor, fault_id=fault_id)
    )


@page
@require_POST
def look(request: SignedIn, service_id: UUID) -> HttpResponse:
    """现网查看: ask the network for the line's session now, and for the terminals of what came with
    it in a bundle. Outside of any transaction."""
    service = inventory.service(request.actor, service_id)
    parts = inventory.parts_of([service.id]).get(service.id, [])
    ticket = _uuid(request.GET.get("fault", ""))
    told = [_seen(one, ticket) for one in (service, *parts)] + _refused(service)
    return render(request, "web/fault/seen.html", {"told": told})


@page
@require_GET
def ticket(request: SignedIn, ticket_id: UUID) -> HttpResponse:
    """A ticket or a common cause, whichever it is."""
    url = pages.ticket_url(request.actor, ticket_id)
    if not url:
        raise NotFound(_("没有这张故障单。"), _("请核对故障号和所在分公司。"))
    return redirect(url)


# ---- inside --------------------------------------------------------------------------------------


def _seen(service: ServiceView, ticket: UUID | None) -> tuple[str, str]:
    """(tone, sentence) of what the network shows of a service."""
    try:
        proof = activation.see_line(service, ticket, f"look:{service.id}")
        if activation_queries.keeps_sessions(service):
            return seen_text(proof, service.account)
        said = activation_queries.said(service, proof)
        return "ok" if proof.ok else "late", wording.read(said)
    except (ActivationError, KaitongError) as refused:
        return "late", str(refused)


def _refused(service: ServiceView) -> list[tuple[str, str]]:
    """The server's last refusals of this line's logins; a server that is away was told of."""
    try:
        return refused_texts(service) if activation_queries.keeps_sessions(service) else []
    except ActivationError:
        return []


def _then(request: SignedIn, fault_id: UUID, act: Callable[[], Any]) -> HttpResponse:
    try:
        act()
    except NotFound:
        raise
    except KaitongError as refused:
        found = pages.fault_page(request.actor, fault_id, fault=in_words(refused))
        context = {"page": found}
        return render_page(request, "web/fault/page.html", context, place="faults", status=CONFLICT)
    return redirect(reverse("web:fault", args=[fault_id]))


def _again(
    request: SignedIn,
    fault_id: UUID,
    item_id: UUID,
    values: dict[str, Any],
    found: list[InputFault],
    *,
    fault: str = "",
    status: int = CONFLICT,
) -> HttpResponse:
    shown = pages.fault_page(
        request.actor, fault_id, item_id=item_id, values=values, faults=found, fault=fault
    )
    context = {"page": shown}
    return render_page(request, "web/fault/page.html", context, place="faults", status=status)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
