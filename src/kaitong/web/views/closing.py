"""日结 of a clerk's day: count, close, take back, confirm, print."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kaitong.charging import closing as charging
from kaitong.charging.models import CashClosing
from kaitong.core import clock
from kaitong.core.errors import BadInput, Forbidden, KaitongError, NotFound
from kaitong.documents import services as documents
from kaitong.ordering import till
from kaitong.web import format as fmt
from kaitong.web.pages import closing as pages
from kaitong.web.pages import money
from kaitong.web.views.common import SignedIn, in_words, page, render_page

CONFLICT, FORBIDDEN = 409, 403
_FIRST_YEAR = 2000  # no money was taken before


@page
@require_http_methods(["GET", "POST"])
def closing(request: SignedIn) -> HttpResponse:
    """One's own day by method, the count of the cash, and the days closed before."""
    day = _day(request.POST.get("day") or request.GET.get("day", ""))
    if request.method != "POST":
        return _shown(request, day)
    typed = {name: request.POST.get(name, "")[:200] for name in ("counted", "reason")}
    try:
        row = charging.close_day(
            actor=request.actor,
            day=day,
            counted_fen=money.read_yuan(typed["counted"], "counted", signed=True),
            reason=typed["reason"],
            expected_fen=_whole(request.POST.get("expected", "")),
        )
    except KaitongError as refused:
        status = FORBIDDEN if isinstance(refused, Forbidden) else CONFLICT
        name = getattr(refused, "field", "") or ""
        if isinstance(refused, BadInput):
            name, status = refused.faults[0].field, 422
        shown = pages.Typed(**typed, fault=in_words(refused), field=name)
        return _shown(request, day, shown, status)
    messages.success(request, pages.said(row))
    return redirect(f"{reverse('web:closing')}?day={day:%Y-%m-%d}")


@page
@require_POST
def confirm(request: SignedIn, closing_id: UUID) -> HttpResponse:
    """Another person has counted the cash and takes it over."""
    counted = _whole(request.POST.get("counted", ""))
    return _act(
        request,
        lambda: charging.confirm_day(
            actor=request.actor, closing_id=closing_id, counted_fen=counted
        ),
    )


@page
@require_POST
def reopen(request: SignedIn, closing_id: UUID) -> HttpResponse:
    return _act(request, lambda: charging.reopen_day(actor=request.actor, closing_id=closing_id))


@page
@require_GET
def sheet(request: SignedIn, closing_id: UUID) -> HttpResponse:
    """The printed sheet of a closed day (日结单)."""
    paper = till.closing_sheet(actor=request.actor, closing_id=closing_id)
    data = documents.print_copy(actor=request.actor, paper_id=paper.pk)
    answer = HttpResponse(data, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{paper.number}.pdf"'
    return answer


def _act(request: SignedIn, act: Callable[[], CashClosing]) -> HttpResponse:
    try:
        row = act()
    except NotFound:
        raise
    except KaitongError as refused:
        typed = pages.Typed(fault=in_words(refused))
        status = FORBIDDEN if isinstance(refused, Forbidden) else CONFLICT
        return _shown(request, _day(""), typed, status)
    messages.success(request, pages.said(row))
    return redirect(f"{reverse('web:closing')}?day={row.day:%Y-%m-%d}")


def _shown(
    request: SignedIn, day: date, typed: pages.Typed | None = None, status: int = 200
) -> HttpResponse:
    context = {"page": pages.page_of(request.actor, day, typed)}
    return render_page(request, "web/money/closing.html", context, place="money", status=status)


def _day(text: str) -> date:
    today = fmt.local_time(clock.now()).date()
    try:
        day = min(date.fromisoformat(text), today)
    except ValueError:
        return today
    return day if day.year >= _FIRST_YEAR else today


def _whole(text: str) -> int | None:
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 16 else None
