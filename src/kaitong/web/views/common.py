"""What every view shares: the signed-in actor, the shell around a page, faults in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from kaitong.core.errors import KaitongError, NotFound
from kaitong.org.actor import Actor
from kaitong.web.pages.shell import shell_for

View = Callable[..., HttpResponseBase]


class SignedIn(HttpRequest):
    """The request as views behind `page` get it: somebody is signed in, and is its actor."""

    actor: Actor


def page(view: View) -> View:
    """Only for signed-in people; what is absent or another branch's becomes a page that says so."""

    @wraps(view)
    def guarded(request: SignedIn, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotFound as absent:
            return missing(request, absent)

    return login_required(guarded)


def is_part(request: HttpRequest, part: str = "") -> bool:
    """Whether htmx asks for a part of the page (and, if named, for this part)."""
    if request.headers.get("HX-Request") != "true":
        return False
    return not part or request.headers.get("KT-Part") == part


def render_page(
    request: SignedIn,
    template: str,
    context: Mapping[str, Any],
    *,
    place: str,
    status: int = 200,
    todo: int | None = None,
) -> HttpResponse:
    shell = shell_for(request.actor, todo=todo)
    return render(request, template, {**context, "shell": shell, "place": place}, status=status)


def toast(request: HttpRequest, text: str, tone: str = "ok") -> str:
    """A part that adds a toast to whatever page is open."""
    box = render_to_string("web/parts/toast.html", {"text": text, "tone": tone}, request)
    return f'<hx-partial hx-target="#toasts" hx-swap="beforeend">{box}</hx-partial>'


def part(target: str, html: str, swap: str = "outerHTML") -> str:
    return f'<hx-partial hx-target="{target}" hx-swap="{swap}">{html}</hx-partial>'


def missing(request: SignedIn, absent: KaitongError) -> HttpResponse:
    text = str(absent)
    if is_part(request):
        return HttpResponse(toast(request, text, "late"), status=404)
    return render_page(
        request,
        "web/gone.html",
        {"base": "web/base.html", "title": _("没有找到"), "text": text, "icon_name": "map-pin-off"},
        place="",
        status=404,
    )
