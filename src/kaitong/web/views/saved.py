"""Saved filters and columns of the workbench: kept in the database, for a person or a post."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from kaitong.core.errors import KaitongError, NotFound
from kaitong.org import lists
from kaitong.web.pages import saved as pages
from kaitong.web.pages.workbench import chip_counts
from kaitong.web.views.common import SignedIn, in_words, is_part, page, toast
from kaitong.web.views.work import list_parts


@page
@require_GET
def counts(request: SignedIn) -> HttpResponse:
    """The numbers on the chips, fetched after the list: a comfort that never slows it. Where
    counting takes long the chips stay without."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("set local statement_timeout = 500")
            found = chip_counts(request.actor)
    except OperationalError:
        found = []
    return render(request, "web/work/chip_counts.html", {"counts": found})


@page
@require_POST
def save(request: SignedIn) -> HttpResponse:
    return _done(
        request,
        lambda: lists.save_view(
            actor=request.actor,
            place=pages.PLACE,
            name=request.POST.get("name", ""),
            query=pages.clean(request.POST.get("query", "")),
            post=request.POST.get("share", ""),
            opens=bool(request.POST.get("opens")),
        ),
    )


@page
@require_POST
def forget(request: SignedIn, view_id: UUID) -> HttpResponse:
    return _done(request, lambda: lists.forget_view(actor=request.actor, view_id=view_id))


@page
@require_POST
def open_with(request: SignedIn, view_id: UUID) -> HttpResponse:
    """The list begins with this one, or no longer: what was asked, however often it is sent."""

    def act() -> None:
        if request.POST.get("first") == "1":
            lists.open_with(actor=request.actor, place=pages.PLACE, view_id=view_id)
            return
        found = lists.choice(request.actor, pages.PLACE)
        if found is not None and found.view_id == view_id:
            lists.open_with(actor=request.actor, place=pages.PLACE, view_id=None)

    return _done(request, act)


@page
@require_POST
def columns(request: SignedIn) -> HttpResponse:
    chosen = None if request.POST.get("all") else request.POST.getlist("columns")
    return _done(
        request,
        lambda: lists.choose_columns(
            actor=request.actor, place=pages.PLACE, columns=chosen, known=pages.COLUMNS
        ),
    )


def _done(request: SignedIn, act: Callable[[], Any]) -> HttpResponse:
    said = ""
    try:
        act()
    except NotFound:
        raise
    except KaitongError as refused:
        text = in_words(refused)
        said = toast(request, text, "late")
    if not is_part(request):
        asked = pages.kept(request.GET)
        return redirect(reverse("web:workbench") + (f"?{asked}" if asked else ""))
    return HttpResponse("".join(list_parts(request)) + said)
