"""The counter's page and its verbs: choose an address, keep, drop, submit."""

from __future__ import annotations

from contextlib import suppress
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from kaitong.core.errors import BadInput, KaitongError, NotFound
from kaitong.core.ids import uuid7
from kaitong.hall import services as hall
from kaitong.inventory import queries as inventory
from kaitong.inventory.errors import ReservationGone, TooManyHeld
from kaitong.ordering import drafts, services
from kaitong.ordering.choices import DraftState
from kaitong.ordering.errors import DraftGone
from kaitong.ordering.models import Draft
from kaitong.web.pages import intake as pages
from kaitong.web.pages import intake_case as marketing
from kaitong.web.pages import intake_people as people
from kaitong.web.views.common import SignedIn, View, is_part, page, render_page
from kaitong.web.views.photos import taken

REFUSED, CONFLICT = 422, 409


def counter(view: View) -> View:
    """A draft that became an order leads to the order."""

    @wraps(view)
    def guarded(request: SignedIn, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except DraftGone as gone:
            if gone.code == "draft-taken":
                return _go(request, reverse("web:order", args=[kwargs["draft_id"]]))
            return _go(request, reverse("web:intake"))

    return page(never_cache(guarded))


@counter
@require_GET
def begin(request: SignedIn) -> HttpResponse:
    """A blank page; its draft exists from the first thing that is kept."""
    context = {"page": pages.page(request.actor, uuid7(), None, {})}
    return render_page(request, "web/intake/page.html", context, place="intake")


@counter
@require_GET
def resume(request: SignedIn, draft_id: UUID) -> HttpResponse:
    draft = drafts.draft_of(request.actor, draft_id)
    if draft is None or draft.state == DraftState.DROPPED:
        return redirect("web:intake")
    if draft.state == DraftState.TAKEN:
        return redirect("web:order", draft_id)
    context = {"page": pages.page(request.actor, draft_id, draft, drafts.entered(draft))}
    return render_page(request, "web/intake/page.html", context, place="intake")


@counter
@require_GET
def addresses(request: SignedIn, draft_id: UUID) -> HttpResponse:
    """What is found while typing, each with its verdict."""
    draft = drafts.draft_of(request.actor, draft_id)
    typed = request.GET.get("q", "")[:100]
    context = {
        "spots": pages.spots(request.actor, typed, draft),
        "q": typed,
        "draft_id": draft_id,
    }
    return render(request, "web/intake/found.html", context)


@counter
@require_POST
def keep(request: SignedIn, draft_id: UUID) -> HttpResponse:
    """Keep what was entered, and show what follows from it."""
    draft, data = _kept(request, draft_id)
    return _answer(request, draft, data)


@counter
@require_POST
def choose(request: SignedIn, draft_id: UUID) -> HttpResponse:
    """Choose an address and hold a port there; without an address: hold again."""
    draft, data = _kept(request, draft_id)
    wanted = request.GET.get("address", "")
    fault = ""
    hall.link(actor=request.actor, business_id=draft_id)
    try:
        drafts.choose(
            actor=request.actor,
            draft_id=draft_id,
            address_id=UUID(wanted) if wanted else None,
            hold_for=pages.hold_time(request.actor, data),
        )
    except DraftGone:
        raise
    except ValueError:
        fault = _("没有这个地址。请重新搜索地址。")
    except KaitongError as refused:
        fault = str(refused)
    draft.refresh_from_db()
    return _answer(request, draft, data, fault=fault, status=CONFLICT if fault else 200)


@counter
@require_GET
def numbers(request: SignedIn, draft_id: UUID) -> HttpResponse:
    """选号: free telephone numbers while the last digits are typed."""
    draft = drafts.draft_of(request.actor, draft_id)
    data = drafts.entered(draft) if draft is not None else {}
    found = pages.numbers(request.actor, draft, data, request.GET.get("ending", "")[:8])
    url = reverse("web:intake_number", args=[draft_id])
    context = {"numbers": found, "url": url, "target": "#intake"}
    return render(request, "web/parts/numbers.html", context)


@counter
@require_POST
def number(request: SignedIn, draft_id: UUID) -> HttpResponse:
    """Hold the number that was picked; none picked: the one held is free."""
    draft, data = _kept(request, draft_id)
    wanted = request.GET.get("number", "")[:20]
    fault = room = ""
    try:
        drafts.pick_number(
            actor=request.actor,
            draft_id=draft_id,
            number=wanted,
            chosen=pages.number_range(request.actor, data),
            let_go=bool(request.GET.get("let_go")),
        )
    except DraftGone:
        raise
    except TooManyHeld as refused:
        fault, room = str(refused), wanted
    except KaitongError as refused:
        fault = str(refused)
    data.pop("telephone", None)
    if wanted and not fault:
        data["telephone"] = wanted
    draft = drafts.keep(actor=request.actor, draft_id=draft_id, data=data)
    return _answer(request, draft, data, fault=fault, room=room, status=CONFLICT if fault else 200)


@counter
@require_POST
def photo(request: SignedIn, draft_id: UUID) -> HttpResponse:
    """A photo of a document, kept with the draft (VER-05)."""
    slot = request.GET.get("slot", "")[:60]
    draft = drafts.draft_of(request.actor, draft_id)
    words = pages.photo_purpose(request.actor, drafts.entered(draft) if draft is not None else {})
    return taken(
        request,
        lambda data: drafts.store_photo(
            actor=request.actor, draft_id=draft_id, slot=slot, data=data, watermark=words
        ),
    )


@counter
@require_POST
def rename(request: SignedIn, draft_id: UUID) -> HttpResponse:
    """更正姓名: what was registered for this document was a slip; the document lies here."""
    draft, data = _kept(request, draft_id)
    prefix = people.AGENT if request.GET.get("who") == "agent" else ""
    kinds = pages.kinds_of(request.actor, data)
    reason = request.POST.get("rename_reason", "")
    try:
        people.rename(request.actor, data, reason, kinds, prefix)
    except BadInput as bad:
        faults = {
            "rename_reason" if one.field == "reason" else prefix + "name": [
                people.sentences(one.what, one.remedy)
            ]
            for one in bad.faults
        }
        more = {"faults": faults, "differs": prefix + "name"}
        return _answer(request, draft, data, status=REFUSED, **more)
    except KaitongError as refused:
        return _answer(request, draft, data, fault=str(refused), status=CONFLICT)
    return _answer(request, draft, data)


@counter
@require_POST
def drop(request: SignedIn, draft_id: UUID) -> HttpResponse:
    try:
        drafts.drop(actor=request.actor, draft_id=draft_id)
    except NotFound:
        if drafts.draft_of(request.actor, draft_id) is not None:
            raise
    return redirect("web:intake")


@counter
@require_POST
def submit(request: SignedIn, draft_id: UUID) -> HttpResponse:
    """收费并受理, or 登记需求 where the address cannot be served. Nothing entered is ever lost."""
    draft, data = _kept(request, draft_id)
    if draft.address_id is None:
        return _answer(request, draft, data, fault=_("还没有选装机地址。"), status=REFUSED)
    refusing = draft.held_until is None and not draft.port
    if refusing and inventory.coverage_verdict(draft.address_id).available:
        text = _("这个地址现在可以开通了，请重新预占端口。")
        return _answer(request, draft, data, fault=text, status=CONFLICT)
    if refusing != bool(request.POST.get("demand")):
        return _answer(request, draft, data, fault=_("页面已变动，请核对后再办。"), status=CONFLICT)
    faults = pages.faults_of(request.actor, draft, data, refusing=refusing)
    if faults:
        return _answer(request, draft, data, faults=faults, status=REFUSED)
    total = request.POST.get("total", "")
    shown = int(total[:15]) if total.isdecimal() else 0
    wanted = pages.request(request.actor, draft, data, refusing=refusing, shown=shown)
    hall.link(actor=request.actor, business_id=draft_id)  # before: nothing made is without it
    try:
        order = services.submit(actor=request.actor, request=wanted)
    except DraftGone:
        raise
    except BadInput as bad:
        faults = {}
        for one in bad.faults:
            text = people.sentences(one.what, one.remedy)
            faults.setdefault(people.input_of(one.field) or "form", []).append(text)
        fault = "".join(faults.get("form", ()))
        return _answer(request, draft, data, faults=faults, fault=fault, status=REFUSED)
    except ReservationGone as gone:
        drafts.mark_expired()
        draft.refresh_from_db()
        return _answer(request, draft, data, fault=str(gone), status=CONFLICT)
    except KaitongError as refused:
        name = people.input_of(refused.field)
        text = people.sentences(str(refused.what), str(refused.remedy))
        faults = {name: [text]} if name else {}
        fault = "" if name else text
        differs = name if refused.code == "name-differs" else ""
        return _answer(
            request, draft, data, faults=faults, fault=fault, differs=differs, status=CONFLICT
        )
    with suppress(KaitongError):  # the order stands; the number's end issues it all the same
        hall.issue_form(actor=request.actor)
    return redirect("web:order", order.id)


# ---- answers -------------------------------------------------------------------------------------


def _kept(request: SignedIn, draft_id: UUID) -> tuple[Draft, dict[str, str]]:
    data = pages.read(request.POST)
    if data.get("bound_number") == marketing.KEPT:
        before = drafts.draft_of(request.actor, draft_id)
        data["bound_number"] = drafts.entered(before).get("bound_number", "") if before else ""
    if "rebind" in request.GET:
        data.pop("bound_number", None)
    if "party" in request.GET:
        data.pop("party", None)
        if request.GET["party"]:
            data["party"] = request.GET["party"][:40]
    draft = drafts.open_draft(actor=request.actor, draft_id=draft_id, data=data)
    return draft, data


def _answer(
    request: SignedIn,
    draft: Draft,
    data: dict[str, str],
    *,
    status: int = 200,
    room: str = "",
    **more: Any,
) -> HttpResponse:
    """`room` is a number that could be held if older ones were let go."""
    context = {"page": pages.page(request.actor, draft.pk, draft, data, **more), "room": room}
    if is_part(request):
        answer = render(request, "web/intake/form.html", context, status=status)
        answer["HX-Replace-Url"] = reverse("web:intake_draft", args=[draft.pk])
        return answer
    if status == 200:
        return redirect("web:intake_draft", draft.pk)
    return render_page(request, "web/intake/page.html", context, place="intake", status=status)


def _go(request: SignedIn, url: str) -> HttpResponse:
    if is_part(request):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)
