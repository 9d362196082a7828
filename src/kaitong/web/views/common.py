"""What every view shares: the signed-in actor, the shell around a page, faults in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from kaitong.core.errors import Forbidden, KaitongError, NotFound
from kaitong.org.actor import Actor
from kaitong.web import format as fmt
from kaitong.web.access import may_open
from kaitong.web.pages.shell import shell_for

View = Callable[..., HttpResponseBase]


class SignedIn(HttpRequest):
    """The request as views behind `page` get it: somebody is signed in, and is its actor."""

    actor: Actor


def page(view: View) -> View:
    """Only for signed-in people whom `web.access` lets in; what is absent or another branch's
    becomes a page that says so."""

    @wraps(view)
    def guarded(request: SignedIn, *args: Any, **kwargs: Any) -> HttpResponseBase:
        match = request.resolver_match
        if match is not None and not may_open(request.actor, match.url_name or ""):
            if is_part(request):
                return HttpResponse(toast(request, _("你的岗位不能做这件事。"), "late"), status=403)
            raise PermissionDenied
        if request.method == "POST" and (torn := _torn(request)):
            return unkept(request, torn)
        if "%00" in request.META.get("QUERY_STRING", ""):
            _mend_address(request)
        try:
            return view(request, *args, **kwargs)
        except NotFound as absent:
            return missing(request, absent)

    return login_required(guarded)


def _torn(request: HttpRequest) -> str:
    """The name of a text field that was sent with NUL, which no text of the database can hold.

    Only what a form says: files are bytes and may hold any, and an address is another matter.
    """
    for name, values in request.POST.lists():
        if "\0" in name or any("\0" in str(value) for value in values):
            return str(name).replace("\0", "")
    return ""


def _mend_address(request: SignedIn) -> None:
    """What an address says with NUL is passed over, here once for every page."""
    kept = request.GET.copy()
    for name, values in request.GET.lists():
        if "\0" in name or any("\0" in str(value) for value in values):
            del kept[name]
    request.GET = kept  # type: ignore[assignment]


def unkept(request: SignedIn, field: str) -> HttpResponse:
    """Refuse a text that cannot be kept; what was typed stays in the form."""
    text = _("“%(field)s”里有不能保存的字符（空字符）。请删去后再提交。") % {"field": field or "?"}
    if is_part(request):
        answer = HttpResponse(toast(request, text, "late"), status=422)
        answer["HX-Reswap"] = "none"
        return answer
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"error": text, "field": field}, status=422)
    context = {"base": "web/base.html", "title": _("没有提交"), "text": text}
    return render_page(
        request,
        "web/gone.html",
        {**context, "icon_name": "alert-circle"},
        place="",
        status=422,
    )


def in_words(refused: KaitongError) -> str:
    """A refusal in a line: what was wrong and what to do, fault by fault."""
    faults = getattr(refused, "faults", ())
    told = [f"{fault.what}{fmt.mark('')}{fault.remedy}" for fault in faults]
    return " ".join(told) or str(refused)


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


def refusal_as_page(view: View) -> View:
    """A verb or query that is not for this person becomes a page that says so."""

    @wraps(view)
    def guarded(request: SignedIn, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Forbidden as refused:
            context = {
                "base": "web/base.html",
                "title": _("不能查看"),
                "text": str(refused),
                "icon_name": "lock",
            }
            return render_page(request, "web/gone.html", context, place="", status=403)

    return guarded


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
