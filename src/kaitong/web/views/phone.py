"""The installer's phone (/m/): today's visits, one visit, and what is done there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.core.errors import BadInput, InputFault, KaitongError, NotFound
from kaitong.fieldwork.check import judge_terminal
from kaitong.fieldwork.choices import Finding
from kaitong.fieldwork.words import sentence
from kaitong.inventory import queries as inventory
from kaitong.party import services as party
from kaitong.playbooks import onsite, suspending
from kaitong.playbooks import services as playbooks
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.web.forms import read
from kaitong.web.pages import phone as pages
from kaitong.web.pages import phone_job as jobs
from kaitong.web.pages.drawer import done_text
from kaitong.web.pages.drawer import form_of as drawer_form
from kaitong.web.pages.facts import facts_of
from kaitong.web.pages.intake_people import sentences
from kaitong.web.views.common import SignedIn, is_part, page
from kaitong.web.views.work import moment, photos_of

REFUSED, CONFLICT = 422, 409


@page
@require_GET
def today(request: SignedIn) -> HttpResponse:
    """Cards in the order of appointment; `tab=pool` is what may be taken."""
    tab = "pool" if request.GET.get("tab") == "pool" else "today"
    return render(request, "web/phone/today.html", {"page": pages.today(request.actor, tab)})


@page
@require_GET
def terminals(request: SignedIn) -> HttpResponse:
    found = pages.terminals(request.actor)
    return render(request, "web/phone/terminals.html", {"rows": found})


@page
@require_GET
def me(request: SignedIn) -> HttpResponse:
    return render(request, "web/phone/me.html", {})


@page
@require_GET
def job(request: SignedIn, item_id: UUID) -> HttpResponse:
    return _page(request, item_id)


@page
@require_POST
def claim(request: SignedIn, item_id: UUID) -> HttpResponse:
    return _then(
        request, item_id, lambda: process_verbs.claim(actor=request.actor, item_id=item_id)
    )


@page
@require_POST
def call(request: SignedIn, item_id: UUID) -> HttpResponse:
    """The customer's number in clear, to be dialled: a recorded reading."""
    item = process.work_item(request.actor, item_id)
    facts = facts_of(request.actor, [item.business_id], people=True)
    about = facts.get(item.business_id) if item.business_id else None
    if about is None or about.customer is None:
        raise NotFound(_("这张工单没有客户。"))
    phone = party.reveal(
        actor=request.actor, party_id=about.customer.id, field="phone", reason=_("装维联系客户")
    )
    return JsonResponse({"phone": phone.split("\n")[0]})


# ---- the live check, and what is changed on the spot --------------------------------------------


@page
@require_POST
def check(request: SignedIn, item_id: UUID) -> HttpResponse:
    """再核验."""
    answers = _answers(request, item_id)
    return _changed(
        request,
        item_id,
        lambda: onsite.check_now(actor=request.actor, item_id=item_id, answers=answers),
    )


@page
@require_GET
def pane(request: SignedIn, item_id: UUID) -> HttpResponse:
    """The check's card again: how the data sent again stand."""
    return HttpResponse(_pane(request, item_id))


@page
@require_POST
def correct(request: SignedIn, item_id: UUID) -> HttpResponse:
    check_id, port = _uuid(request, "check"), _uuid(request, "port")
    if check_id is None:
        raise NotFound(_("没有这次核验。"), _("请再核验一次。"))
    return _changed(
        request,
        item_id,
        lambda: onsite.correct_port(
            actor=request.actor, item_id=item_id, check_id=check_id, to_port_id=port
        ),
    )


@page
@require_POST
def port(request: SignedIn, item_id: UUID) -> HttpResponse:
    return _changed(
        request,
        item_id,
        lambda: onsite.change_port(
            actor=request.actor,
            item_id=item_id,
            reason=request.POST.get("reason", ""),
            to_port_id=_uuid(request, "port"),
            was_port_id=_uuid(request, "was"),
        ),
        whole=True,
    )


@page
@require_POST
def terminal(request: SignedIn, item_id: UUID) -> HttpResponse:
    return _changed(
        request,
        item_id,
        lambda: onsite.change_terminal(
            actor=request.actor,
            item_id=item_id,
            serial=request.POST.get("serial", ""),
            reason=request.POST.get("reason", ""),
        ),
        whole=True,
    )


@page
@require_POST
def resend(request: SignedIn, item_id: UUID) -> HttpResponse:
    return _changed(
        request,
        item_id,
        lambda: onsite.resend_data(actor=request.actor, item_id=item_id),
    )


@page
@require_GET
def serial(request: SignedIn, item_id: UUID) -> HttpResponse:
    """Whether a scanned or typed serial may be installed, before anything is sent."""
    item = process.work_item(request.actor, item_id)
    given = request.GET.get("serial", "").strip().upper()[:40]
    service_id = item.variables.get("service_id")
    if not given or not service_id:
        return JsonResponse({"tone": "wait", "text": ""})
    service = inventory.service(request.actor, UUID(str(service_id)))
    tone, facts = judge_terminal(request.actor, service, given)
    return JsonResponse(
        {"tone": tone.value, "text": sentences(*sentence(Finding.TERMINAL, tone, facts))}
    )


# ---- the end of the visit -----------------------------------------------------------------------


@page
@require_POST
def complete(request: SignedIn, item_id: UUID) -> HttpResponse:
    """回单. The page sends a key and may send again; the same key is answered the same."""
    answers = _answers(request, item_id)
    key = request.POST.get("key", "")[:80]
    try:
        progress = playbooks.complete_work(
            actor=request.actor, item_id=item_id, data=answers, key=key
        )
    except NotFound:
        raise
    except BadInput as bad:
        return _refused(request, item_id, answers, bad.faults, REFUSED)
    except KaitongError as refused:
        fault = InputFault(refused.field, str(refused.what), str(refused.remedy))
        return _refused(request, item_id, answers, [fault], CONFLICT)
    text = done_text(request.actor, progress)
    if _wants_json(request):
        return JsonResponse({"ok": True, "text": text, "next": reverse("web:phone")})
    return redirect("web:phone")


@page
@require_POST
def suspend(request: SignedIn, item_id: UUID) -> HttpResponse:
    """缓装 and 待装: the reason says whether the customer's clock stops."""

    def act() -> None:
        suspending.suspend(
            actor=request.actor,
            item_id=item_id,
            reason_code=request.POST.get("reason", ""),
            note=request.POST.get("note", "")[:300],
            until=moment(request.POST.get("until", "")),
            evidence=photos_of(request),
        )

    return _then(request, item_id, act)


@page
@require_POST
def resume(request: SignedIn, item_id: UUID) -> HttpResponse:
    return _then(
        request, item_id, lambda: process_verbs.resume(actor=request.actor, item_id=item_id)
    )


@page
@require_POST
def agree(request: SignedIn, item_id: UUID) -> HttpResponse:
    """改约: the visit's new time; the due times and the printed work order follow."""
    item = process.work_item(request.actor, item_id)

    def act() -> None:
        start = moment(request.POST.get("start", ""))
        minutes = request.POST.get("minutes", "120")
        offered = {str(m) for m, _words in onsite.visit_lengths(item)} or {"120"}
        if minutes not in offered:
            raise BadInput([InputFault("minutes", _("没有这种时长。"), _("请从列出的时长中选。"))])
        onsite.agree(
            actor=request.actor,
            item_id=item_id,
            start=start,
            length=timedelta(minutes=int(minutes)),
            reason=request.POST.get("note", "")[:200],
        )

    return _then(request, item_id, act)


@page
@require_POST
def give_up(request: SignedIn, item_id: UUID) -> HttpResponse:
    """退单, with a reason of two levels and a photo."""
    group, _dot, reason = request.POST.get("reason", "").partition(".")

    def act() -> None:
        onsite.give_up(
            actor=request.actor,
            item_id=item_id,
            group=group,
            reason=reason,
            photo=request.POST.get("return_photo", ""),
        )

    return _then(request, item_id, act, home=True)


@page
@require_POST
def feedback(request: SignedIn, item_id: UUID) -> HttpResponse:
    return _then(
        request,
        item_id,
        lambda: process_verbs.feedback(
            actor=request.actor, item_id=item_id, text=request.POST.get("text", "")[:300]
        ),
    )


# ---- answers -------------------------------------------------------------------------------------


def _answers(request: SignedIn, item_id: UUID) -> dict[str, Any]:
    form = drawer_form(request.actor, item_id)
    return read(form.schema, request.POST) if form else {}


def _uuid(request: HttpRequest, name: str) -> UUID | None:
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError:
        return None


def _wants_json(request: HttpRequest) -> bool:
    return "application/json" in request.headers.get("Accept", "")


def _page(
    request: SignedIn,
    item_id: UUID,
    *,
    status: int = 200,
    values: Mapping[str, Any] | None = None,
    faults: list[InputFault] | None = None,
    fault: str = "",
) -> HttpResponse:
    found = jobs.job(request.actor, item_id, values=values, faults=faults or ())
    context = {"job": found, "fault": fault, "pane": found.pane}
    return render(request, "web/phone/job.html", context, status=status)


def _pane(request: SignedIn, item_id: UUID, fault: str = "") -> str:
    item = process.work_item(request.actor, item_id)
    context = {
        "pane": jobs.check_pane(request.actor, item),
        "job": {"id": item_id, "open": True},
        "pane_fault": fault,
    }
    return render_to_string("web/phone/check.html", context, request)


def _changed(
    request: SignedIn, item_id: UUID, act: Callable[[], Any], *, whole: bool = False
) -> HttpResponse:
    """Run a verb of the spot; the check's card comes back, or the page where more changed."""
    fault, status = "", 200
    try:
        act()
    except NotFound:
        raise
    except BadInput as bad:
        fault, status = " ".join(sentences(f.what, f.remedy) for f in bad.faults), REFUSED
    except KaitongError as refused:
        fault, status = str(refused), CONFLICT
    if not is_part(request):
        return (
            _page(request, item_id, fault=fault, status=status)
            if fault
            else redirect("web:phone_job", item_id)
        )
    if whole and not fault:
        answer = HttpResponse(status=204)
        answer["HX-Redirect"] = reverse("web:phone_job", args=[item_id])
        return answer
    return HttpResponse(_pane(request, item_id, fault), status=status)


def _then(
    request: SignedIn, item_id: UUID, act: Callable[[], Any], *, home: bool = False
) -> HttpResponse:
    """Run a verb and go on with the page, or say on it why not."""
    try:
        act()
    except NotFound:
        raise
    except BadInput as bad:
        text = " ".join(sentences(f.what, f.remedy) for f in bad.faults)
        return _page(request, item_id, fault=text, status=REFUSED)
    except KaitongError as refused:
        return _page(request, item_id, fault=str(refused), status=CONFLICT)
    return redirect("web:phone") if home else redirect("web:phone_job", item_id)


def _refused(
    request: SignedIn,
    item_id: UUID,
    answers: Mapping[str, Any],
    faults: list[InputFault],
    status: int,
) -> HttpResponse:
    if not _wants_json(request):
        return _page(request, item_id, values=answers, faults=faults, status=status)
    said = [{"field": f.field, "text": sentences(str(f.what), str(f.remedy))} for f in faults]
    answer: dict[str, Any] = {"ok": False, "faults": said}
    item = process.work_item(request.actor, item_id)
    if item.definition.extension.get("check"):
        answer["pane"] = _pane(request, item_id)
    return JsonResponse(answer, status=status)
