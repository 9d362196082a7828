"""退回 from the drawer and the phone: first the plan, then the act."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from kaitong.core.errors import KaitongError, NotFound
from kaitong.process import services as process
from kaitong.web.pages import returning as pages
from kaitong.web.pages.returning import ReturnPage
from kaitong.web.views.common import SignedIn, is_part, page, render_page, toast
from kaitong.web.views.work import closed_parts

CONFLICT, REFUSED = 409, 422


@page
@require_http_methods(["GET", "POST"])
def return_to(request: SignedIn, item_id: UUID) -> HttpResponse:
    """The question with what is undone; with POST the act. What was typed is never lost."""

    def answer(shown: ReturnPage, status: int) -> HttpResponse:
        if is_part(request):
            return render(request, "web/work/return.html", {"page": shown}, status=status)
        return render_page(
            request, "web/work/return_page.html", {"page": shown}, place="work", status=status
        )

    def done() -> HttpResponse:
        if not is_part(request):
            return redirect("web:workbench")
        return HttpResponse(closed_parts(request) + toast(request, _("已退回")))

    return _asked(request, item_id, answer, done)


@page
@require_http_methods(["GET", "POST"])
def phone_return(request: SignedIn, item_id: UUID) -> HttpResponse:
    """The same on the phone, as a page of its own."""

    def answer(shown: ReturnPage, status: int) -> HttpResponse:
        return render(request, "web/phone/return.html", {"page": shown}, status=status)

    return _asked(request, item_id, answer, lambda: redirect("web:phone"))


def _asked(
    request: SignedIn,
    item_id: UUID,
    answer: Callable[[ReturnPage, int], HttpResponse],
    done: Callable[[], HttpResponse],
) -> HttpResponse:
    asked = request.POST if request.method == "POST" else request.GET
    given = {name: asked.get(name, "")[:200] for name in ("node", "reason")}
    fault = error = ""
    status = 200
    if request.method == "POST":
        try:
            process.return_to(
                actor=request.actor,
                item_id=item_id,
                **given,
                expected=request.POST.get("plan", ""),
            )
        except NotFound:
            raise
        except KaitongError as refused:
            at_reason = refused.field == "reason"
            status = REFUSED if at_reason else CONFLICT
            error, fault = (str(refused), "") if at_reason else ("", str(refused))
        else:
            return done()
    try:
        shown = pages.page(request.actor, item_id, **given, fault=fault, error=error)
    except NotFound:
        raise
    except KaitongError as refused:  # by now it cannot be returned at all
        shown = pages.page(request.actor, item_id, refusal=fault or str(refused))
        status = CONFLICT
    return answer(shown, status)
