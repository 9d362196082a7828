"""营业厅排队: taking a number, the board, the clerk's strip and its verbs, the form F-38."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kaitong.core.errors import BadInput, Forbidden, KaitongError, NotFound
from kaitong.core.ids import uuid7
from kaitong.hall import papers
from kaitong.hall import rules as tables
from kaitong.hall import services as hall
from kaitong.hall.forms import FIELDS
from kaitong.hall.queries import ticket as own_ticket
from kaitong.surveys import services as surveys
from kaitong.web.pages import hall as pages
from kaitong.web.pages import hall_form as form_pages
from kaitong.web.views.common import (
    SignedIn,
    View,
    in_words,
    is_part,
    page,
    refusal_as_page,
    render_page,
    toast,
)

CONFLICT, REFUSED = 409, 422
KIOSK = "web/hall/kiosk.html"


def for_hall(view: View) -> View:
    """For people of a hall; anybody else is told so."""
    return page(never_cache(refusal_as_page(view)))


# ---- the queue's own page ------------------------------------------------------------------------


@for_hall
@require_GET
def queue(request: SignedIn) -> HttpResponse:
    """The line, the counters, what was missed; asks again by itself."""
    return _queue(request)


@for_hall
@require_POST
def sit(request: SignedIn) -> HttpResponse:
    number = request.POST.get("counter", "")
    counter = int(number[:4]) if number.isdecimal() else 0
    kinds = request.POST.getlist("kinds")[:50]
    return _done(request, lambda: hall.sit(actor=request.actor, counter=counter, kinds=kinds))


@for_hall
@require_POST
def leave(request: SignedIn) -> HttpResponse:
    return _done(request, lambda: hall.leave(actor=request.actor))


@for_hall
@require_POST
def close(request: SignedIn) -> HttpResponse:
    """收厅, or taking numbers again."""
    verb = hall.reopen_day if request.POST.get("open") else hall.close_day
    return _done(request, lambda: verb(actor=request.actor))


@for_hall
@require_POST
def back(request: SignedIn, ticket_id: UUID) -> HttpResponse:
    return _done(request, lambda: hall.bring_back(actor=request.actor, ticket_id=ticket_id))


# ---- the clerk's strip ---------------------------------------------------------------------------


@for_hall
@require_GET
def strip(request: SignedIn) -> HttpResponse:
    """The strip of who sits at a counter; nothing for anybody else."""
    found = pages.strip(request.actor) if "clerk" in request.actor.posts else None
    version = request.headers.get("KT-Version")
    if found is not None and version == found.version:
        return HttpResponse(status=204)
    return render(request, "web/hall/strip.html", {"strip": found})


@for_hall
@require_POST
def call(request: SignedIn) -> HttpResponse:
    def act() -> str:
        ticket = hall.call_next(actor=request.actor)
        return "" if ticket is not None else _("现在没有等候的号。")

    return _strip(request, act)


@for_hall
@require_POST
def turn(request: SignedIn, ticket_id: UUID, verb: str) -> HttpResponse:
    """What a clerk does with the number at his counter."""
    acts: dict[str, Callable[[], object]] = {
        "again": lambda: hall.call_again(actor=request.actor, ticket_id=ticket_id),
        "missed": lambda: hall.miss(actor=request.actor, ticket_id=ticket_id),
        "begin": lambda: hall.begin(actor=request.actor, ticket_id=ticket_id),
        "end": lambda: _ended(request, ticket_id),
        "asked": lambda: hall.record_inquiry(
            actor=request.actor, ticket_id=ticket_id, subject=request.POST.get("subject", "")[:60]
        ),
        "hand": lambda: hall.hand_over(
            actor=request.actor, ticket_id=ticket_id, seat_id=_uuid(request.POST.get("seat", ""))
        ),
    }
    if verb not in acts:
        raise NotFound(_("没有这个操作。"), _("请刷新页面。"))

    def act() -> str:
        acts[verb]()
        return ""

    return _strip(request, act)


# ---- the tablet at the entrance, the board on the wall -------------------------------------------


@for_hall
@require_http_methods(["GET", "POST"])
def take(request: SignedIn) -> HttpResponse:
    fault, phone = "", ""
    if request.method == "POST":
        phone = request.POST.get("phone", "")[:30]
        try:
            ticket = hall.take(
                actor=request.actor,
                kind=request.POST.get("kind", "")[:60],
                key=f"{request.POST.get('key', '')[:60]}",
                phone=phone,
            )
        except Forbidden:
            raise
        except KaitongError as refused:
            fault = in_words(refused)
        else:
            return redirect(f"{reverse('web:hall_ticket', args=[ticket.pk])}?new")
    found = pages.take_page(request.actor, str(uuid7()), fault=fault, phone=phone)
    context = {"page": found, "base": KIOSK}
    return render(request, "web/hall/take.html", context, status=CONFLICT if fault else 200)


@for_hall
@require_GET
def ticket(request: SignedIn, ticket_id: UUID) -> HttpResponse:
    """The number, who is before, how long it will be, what to bring."""
    found = pages.ticket_page(request.actor, ticket_id)
    # after taking it the tablet goes back by itself, for the next customer
    return render(request, "web/hall/ticket.html", {"page": found, "fresh": "new" in request.GET})


@for_hall
@require_GET
def board(request: SignedIn) -> HttpResponse:
    found = pages.board(request.actor)
    if is_part(request):
        if request.headers.get("KT-Version") == found.version:
            return HttpResponse(status=204)
        return render(request, "web/hall/board_live.html", {"board": found})
    return render(request, "web/hall/board.html", {"board": found})


# ---- the application form (F-38) -----------------------------------------------------------------


@for_hall
@require_GET
def forms(request: SignedIn) -> HttpResponse:
    """Whose form is to be filled in; and the blank one."""
    return render(request, "web/hall/forms.html", pages.fillable_page(request.actor))


@for_hall
@require_http_methods(["GET", "POST"])
def form(request: SignedIn, ticket_id: UUID) -> HttpResponse:
    """Always shown empty: what the one before entered is nobody's to read on a tablet."""
    actor = request.actor
    row = own_ticket(actor, ticket_id)
    tables.require(tables.may_give(actor, row.rules))
    data: dict[str, str] = {}
    faults: Any = ()
    fault, status = "", 200
    if request.method == "POST":
        data = {name: request.POST.get(name, "") for name in FIELDS}
        try:
            hall.fill_in(actor=actor, ticket_id=ticket_id, data=data)
        except (Forbidden, NotFound):
            raise
        except BadInput as bad:
            faults, status = bad.faults, REFUSED
        except KaitongError as refused:
            fault, status = in_words(refused), CONFLICT
        else:
            return redirect("web:hall_ticket", ticket_id)
    context = {
        "page": pages.ticket_page(actor, ticket_id),
        "fields": form_pages.form_fields(actor, row, data, faults),
        "documents": pages.documents(actor),
        "fault": fault,
    }
    return render(request, "web/hall/form.html", context, status=status)


@for_hall
@require_GET
def form_told(request: SignedIn, ticket_id: UUID) -> HttpResponse:
    """What was filled in for a change, at the counter that serves the number."""
    context = {"page": form_pages.told_page(request.actor, ticket_id)}
    return render_page(request, "web/hall/told.html", context, place="hall")


@for_hall
@require_GET
def blank_sheet(request: SignedIn) -> HttpResponse:
    return _pdf(papers.blank(request.actor), "F-38")


@for_hall
@require_GET
def form_sheet(request: SignedIn, ticket_id: UUID) -> HttpResponse:
    return _pdf(papers.filled_in(request.actor, ticket_id), "F-38")


def _ended(request: SignedIn, ticket_id: UUID) -> None:
    """办结, and at once the device asks how content the customer is; were it not to come to that,
    the worker's next look asks."""
    hall.end(actor=request.actor, ticket_id=ticket_id)
    surveys.served(ticket_id)


# ---- answers -------------------------------------------------------------------------------------


def _queue(request: SignedIn, fault: str = "", status: int = 200) -> HttpResponse:
    found = pages.queue_page(request.actor, fault=fault)
    if is_part(request, "queue"):
        if request.headers.get("KT-Version") == found.version:
            return HttpResponse(status=204)
        return render(request, "web/hall/live.html", {"page": found}, status=status)
    return render_page(request, "web/hall/page.html", {"page": found}, place="hall", status=status)


def _done(request: SignedIn, act: Callable[[], object]) -> HttpResponse:
    try:
        act()
    except (Forbidden, NotFound):
        raise
    except KaitongError as refused:
        return _queue(request, in_words(refused), CONFLICT)
    return redirect("web:hall")


def _strip(request: SignedIn, act: Callable[[], str]) -> HttpResponse:
    """The strip after an act; from a page without scripts, the queue's page."""
    fault, status = "", 200
    try:
        fault = act()
    except (Forbidden, NotFound):
        raise
    except KaitongError as refused:
        fault, status = in_words(refused), CONFLICT
    if not is_part(request):
        return _queue(request, fault, status) if fault else redirect("web:hall")
    html = render_to_string("web/hall/strip.html", {"strip": pages.strip(request.actor)}, request)
    if fault:
        html += toast(request, fault, "late" if status != 200 else "ok")
    return HttpResponse(html, status=status)


def _pdf(data: bytes, name: str) -> HttpResponse:
    answer = HttpResponse(data, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    answer["Cache-Control"] = "private, no-store"
    return answer


def _uuid(text: str) -> UUID:
    try:
        return UUID(text[:40])
    except ValueError:
        raise NotFound(_("没有这个窗口。"), _("请刷新页面。")) from None


__all__ = [
    "back", "blank_sheet", "board", "call", "close", "form", "form_sheet", "form_told", "forms",
    "leave", "queue", "sit", "strip", "take", "ticket", "turn",
]  # fmt: skip
