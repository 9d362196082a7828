"""变更办理: the page of one change, the customer's proof, and the act."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kaitong.core.clock import now
from kaitong.core.errors import BadInput, Forbidden, KaitongError, NotFound
from kaitong.inventory.errors import TooManyHeld
from kaitong.ordering import services as ordering
from kaitong.ordering.authenticating import ASKED, limits_of
from kaitong.ordering.code_sending import NUMBER
from kaitong.ordering.counter_rules import CODE_FOR
from kaitong.ordering.errors import PlanChanged
from kaitong.ordering.life_checks import Subject
from kaitong.ordering.life_choices import AuthenticationKind
from kaitong.ordering.life_plans import may_ask, plan_of
from kaitong.ordering.number_choice import page_of
from kaitong.ordering.part_change import range_in
from kaitong.playbooks import changing
from kaitong.web import forms
from kaitong.web.pages import changing as pages
from kaitong.web.pages.intake import spots
from kaitong.web.views.common import SignedIn, in_words, is_part, page, render_page
from kaitong.web.views.photos import taken

CONFLICT, REFUSED = 409, 422


@page
@never_cache
@require_http_methods(["GET", "POST"])
def change(request: SignedIn, service_id: UUID, procedure: str) -> HttpResponse:
    """The change as it stands; with POST the act. What was typed stays, secrets excepted."""
    if request.method != "POST":
        return _shown(request, service_id, procedure)
    given = {name: request.POST.get(name, "")[:500] for name in ("reason", "note")}
    given["key"] = _key(request.POST.get("key", ""))
    plan = plan_of(request.actor, service_id, procedure)
    form = changing.form_for(plan.procedure, plan.service)
    answers = forms.read(form.schema, request.POST) if form is not None else {}
    try:
        order = changing.request_change(
            actor=request.actor,
            service_id=service_id,
            procedure=procedure,
            data=answers,
            expected=request.POST.get("plan", ""),
            **given,
        )
    except NotFound:
        raise
    except Forbidden:
        raise PermissionDenied from None
    except BadInput as bad:
        return _shown(
            request, service_id, procedure, REFUSED, faults=bad.faults, values=answers, **given
        )
    except KaitongError as refused:
        status = CONFLICT if isinstance(refused, PlanChanged) else REFUSED
        return _shown(
            request, service_id, procedure, status, fault=in_words(refused), values=answers, **given
        )
    url = reverse("web:order", args=[order.id])
    return HttpResponse(headers={"HX-Redirect": url}) if is_part(request) else redirect(url)


@page
@require_GET
def addresses(request: SignedIn, service_id: UUID, procedure: str) -> HttpResponse:
    """Addresses while a clerk types where a line moves to, each with its verdict, as at the
    intake; the one that is picked is the answer."""
    plan = plan_of(request.actor, service_id, procedure)
    if not may_ask(request.actor, plan.procedure):
        raise PermissionDenied
    name = request.GET.get("field", "")[:40]
    typed = request.GET.get(name, "")[:100]
    found = [one for one in spots(request.actor, typed) if one.id != plan.service.address_id]
    return render(request, "web/change/found.html", {"spots": found, "q": typed, "name": name})


@page
@require_GET
def numbers(request: SignedIn, service_id: UUID, procedure: str, key: UUID) -> HttpResponse:
    """选号: free telephone numbers for a part that is added, while the last digits are typed."""
    return _numbers(request, service_id, procedure, key)


@page
@require_POST
def number(request: SignedIn, service_id: UUID, procedure: str, key: UUID) -> HttpResponse:
    """Hold the number that was picked for this page, as a port is held for a draft."""
    return _numbers(request, service_id, procedure, key, request.GET.get("number", "")[:20])


def _numbers(
    request: SignedIn, service_id: UUID, procedure: str, key: UUID, picked: str = ""
) -> HttpResponse:
    plan = plan_of(request.actor, service_id, procedure)
    if not may_ask(request.actor, plan.procedure):
        raise PermissionDenied
    chosen = range_in(Subject(request.actor, plan.service, plan.procedure, now()))
    name, fault, room = request.GET.get("field", "")[:40], "", ""
    holder = page_of(str(key), request.actor.id)
    if picked and chosen is not None:
        try:
            chosen.hold(
                actor=request.actor,
                branch_id=plan.service.branch_id,
                number=picked,
                holder=holder,
                customer_id=plan.service.customer_id,
                let_go=bool(request.GET.get("let_go")),
            )
        except TooManyHeld as refused:  # older ones are let go by the button that says so
            room, picked, fault = picked, "", in_words(refused)
        except KaitongError as refused:
            picked, fault = "", in_words(refused)
    typed = request.GET.get(name, "")[:20]
    found = (
        chosen.free(plan.service.branch_id, typed, holder=holder)
        if chosen is not None and not picked
        else [picked]
    )
    url = reverse("web:change_number", args=[service_id, procedure, key])
    context = {
        "numbers": found,
        "picked": picked,
        "name": name,
        "url": url,
        "fault": fault,
        "room": room,
    }
    return render(request, "web/change/numbers.html", context, status=CONFLICT if fault else 200)


@page
@never_cache
@require_POST
def prove(request: SignedIn, service_id: UUID, procedure: str) -> HttpResponse:
    """鉴权: what the customer says is compared; wrong answers count."""
    plan = plan_of(request.actor, service_id, procedure)
    if not may_ask(request.actor, plan.procedure) or plan.procedure.counter.get("machine"):
        raise PermissionDenied  # before anything is compared: no answer, and nothing counted
    if plan.refusal:  # nor for a change that cannot be now: the page says why
        return _shown(request, service_id, procedure, REFUSED)
    kind = request.POST.get("kind", "")
    if kind not in plan.authenticate:
        kind = (plan.authenticate or ("",))[0]
    if not kind or request.POST.get("choose"):  # another way was picked
        return _shown(request, service_id, procedure, kind=kind)
    given = {name: request.POST.get(name, "")[:120] for name in ASKED[kind]}
    key = _key(request.POST.get("key", ""))
    try:
        ordering.authenticate(
            actor=request.actor,
            service_id=service_id,
            kind=kind,
            given=given,
            limits=limits_of(plan.procedure.parameters),
            procedure=procedure,
            key=key,
            parameters=plan.procedure.parameters,
        )
    except NotFound:
        raise
    except BadInput as bad:
        return _shown(
            request,
            service_id,
            procedure,
            REFUSED,
            faults=bad.faults,
            kind=kind,
            given=given,
            key=key,
        )
    except KaitongError as refused:
        return _shown(
            request,
            service_id,
            procedure,
            REFUSED,
            fault=in_words(refused),
            kind=kind,
            given=given,
            key=key,
        )
    if is_part(request):
        return _shown(request, service_id, procedure, key=key)
    return redirect("web:change", service_id, procedure)


@page
@never_cache
@require_POST
def code(request: SignedIn, service_id: UUID, procedure: str) -> HttpResponse:
    """发送验证码: to the bound number that is to prove the customer, or to one of the form.

    The page is shown again with what was typed and how long the code is good for.
    """
    plan = plan_of(request.actor, service_id, procedure)
    if not may_ask(request.actor, plan.procedure) or plan.procedure.counter.get("machine"):
        raise PermissionDenied
    field = request.GET.get("field", "")[:60]
    form = changing.form_for(plan.procedure, plan.service) if field else None
    spec = form.fields.get(field, {}) if form is not None else {}
    asked = str(spec.get(CODE_FOR, "")) or NUMBER
    typed: dict[str, Any] = {}
    key = _key(request.POST.get("key", ""))
    if form is not None:
        typed = {name: request.POST.get(name, "")[:500] for name in ("reason", "note")}
        typed["values"] = forms.read(form.schema, request.POST)
    else:
        typed["given"] = {NUMBER: request.POST.get(NUMBER, "")[:120]}
        typed["kind"] = AuthenticationKind.NUMBER_CODE
    typed["key"] = key
    try:
        changing.send_code(
            actor=request.actor,
            service_id=service_id,
            procedure=procedure,
            field=field,
            typed=request.POST.get(asked, "")[:40],
            key=key,
        )
    except NotFound:
        raise
    except BadInput as bad:
        return _shown(request, service_id, procedure, REFUSED, faults=bad.faults, **typed)
    except KaitongError as refused:
        return _shown(request, service_id, procedure, REFUSED, fault=in_words(refused), **typed)
    return _shown(request, service_id, procedure, **typed)


@page
@require_POST
def photo(request: SignedIn, service_id: UUID, procedure: str, key: UUID) -> HttpResponse:
    """A photo for a field of the change's form; it waits for the form to be sent."""
    return taken(
        request,
        lambda data: changing.store_photo(
            actor=request.actor,
            service_id=service_id,
            procedure=procedure,
            key=key,
            field=request.GET.get("field", "")[:60],
            data=data,
        ),
    )


def _key(text: str) -> str:
    """The key of the page; anything else is none, and the page makes a new one."""
    try:
        return str(UUID(text[:40]))
    except ValueError:
        return ""


def _shown(
    request: SignedIn, service_id: UUID, procedure: str, status: int = 200, **what: Any
) -> HttpResponse:
    try:
        shown = pages.page(request.actor, service_id, procedure, **what)
    except Forbidden:
        raise PermissionDenied from None
    context = {"page": shown}
    if is_part(request):
        return render(request, "web/change/form.html", context, status=status)
    return render_page(request, "web/change/page.html", context, place="customers", status=status)
