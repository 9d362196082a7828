"""终端库存: pieces handed out, taken back, written off, and counted."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.core.errors import BadInput, Forbidden, InputFault, KaitongError
from kaitong.inventory import stock as verbs
from kaitong.web.pages import stock as pages
from kaitong.web.views.common import SignedIn, in_words, page, render_page

FIELDS = ("serials", "holder", "reason", "model", "note", "key", "next")
LONGEST = 250_000  # of a list that somebody pasted: a whole shelf


@page
@require_GET
def top(request: SignedIn) -> HttpResponse:
    return _list(request, pages.page_of(request.actor, request.GET))


@page
@require_GET
def counted(request: SignedIn, count_id: UUID) -> HttpResponse:
    seen = pages.count_page(request.actor, count_id)
    return render_page(request, "web/stock/count.html", {"page": seen}, place="plant")


@page
@require_POST
def act(request: SignedIn, verb: str) -> HttpResponseBase:
    """领用, 退库, 报废, 盘点: what was typed stays beside the fault."""
    given = {key: request.POST.get(key, "")[:LONGEST] for key in FIELDS}
    if verb not in ACTS:
        return _list(request, pages.page_of(request.actor, request.GET), 404)
    try:
        said, url = ACTS[verb](request, given)
    except Forbidden:
        raise PermissionDenied from None
    except KaitongError as refused:
        seen = pages.page_of(
            request.actor, request.GET, given=given, act=verb, fault=in_words(refused)
        )
        return _list(request, seen, 422)
    messages.success(request, said)
    return redirect(url or "web:stock")


# ---- inside --------------------------------------------------------------------------------------

Done = tuple[str, str]


def _hand_out(request: SignedIn, given: dict[str, str]) -> Done:
    rows = verbs.hand_out(
        actor=request.actor,
        serials=verbs.serials_of(given["serials"]),
        holder_id=_holder(given["holder"]),
    )
    return _("已领用 %(n)s 台。") % {"n": len(rows)}, ""


def _take_back(request: SignedIn, given: dict[str, str]) -> Done:
    rows = verbs.take_back(actor=request.actor, serials=verbs.serials_of(given["serials"]))
    return _("已退库 %(n)s 台。") % {"n": len(rows)}, _next(given)


def _write_off(request: SignedIn, given: dict[str, str]) -> Done:
    rows = verbs.write_off(
        actor=request.actor,
        serials=verbs.serials_of(given["serials"]),
        reason=given["reason"],
        count_id=_count_id(given),
    )
    return _("已报废 %(n)s 台。") % {"n": len(rows)}, _next(given)


def _count(request: SignedIn, given: dict[str, str]) -> Done:
    made = verbs.count(
        actor=request.actor,
        serials=verbs.serials_of(given["serials"]),
        key=given["key"],
        model=given["model"],
        note=given["note"],
    )
    return _("盘点已登记。"), f"/stock/counts/{made.pk}/"


ACTS: dict[str, Callable[[SignedIn, dict[str, str]], Done]] = {
    "hand-out": _hand_out,
    "take-back": _take_back,
    "write-off": _write_off,
    "count": _count,
}


def _next(given: dict[str, str]) -> str:
    """Back to the count whose difference was settled; never elsewhere."""
    found = _count_id(given)
    return f"/stock/counts/{found}/" if found is not None else ""


def _count_id(given: dict[str, str]) -> UUID | None:
    try:
        return UUID(given["next"])
    except ValueError:
        return None


def _holder(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        what = _("没有选领用人。")
        raise BadInput([InputFault("holder", what, _("请从名单里选。"))]) from None


def _list(request: SignedIn, seen: pages.StockPage, status: int = 200) -> HttpResponse:
    context = {"page": seen}
    return render_page(request, "web/stock/list.html", context, place="plant", status=status)
