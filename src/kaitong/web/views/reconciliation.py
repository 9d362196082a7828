"""对账: the list of differences, one of them with both sides, sending again and taking out."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.activation import reconciling
from kaitong.core import wording
from kaitong.core.errors import Forbidden, KaitongError
from kaitong.web.pages import reconciliation as pages
from kaitong.web.views.common import SignedIn, page, render_page

CONFLICT = 409


@page
@require_GET
def difference_list(request: SignedIn) -> HttpResponse:
    try:
        context = {"page": pages.list_page(request.actor, request.GET)}
    except Forbidden:
        raise PermissionDenied from None
    return render_page(request, "web/reconciliation/list.html", context, place="reconciliation")


@page
@require_GET
def difference(request: SignedIn, difference_id: UUID) -> HttpResponse:
    return _shown(request, difference_id)


@page
@require_POST
def resend(request: SignedIn, difference_id: UUID) -> HttpResponseBase:
    """Bring the account to what the inventory says."""
    return _repaired(
        request,
        difference_id,
        lambda: reconciling.resend(actor=request.actor, difference_id=difference_id),
        _("已重发，两边一致。"),
    )


@page
@require_POST
def remove(request: SignedIn, difference_id: UUID) -> HttpResponseBase:
    """Take out an account no service has; refused where it is not what was shown."""
    seen = request.POST.get("seen", "")[:200]
    return _repaired(
        request,
        difference_id,
        lambda: reconciling.remove(actor=request.actor, difference_id=difference_id, seen=seen),
        _("已撤下，两边一致。"),
    )


def _repaired(
    request: SignedIn, difference_id: UUID, act: Callable[[], None], done: str
) -> HttpResponseBase:
    _seen(request, difference_id)
    try:
        act()
    except Forbidden:
        raise PermissionDenied from None
    except KaitongError as refused:
        return _shown(request, difference_id, CONFLICT, fault=wording.read(str(refused)))
    messages.success(request, done)
    return redirect("web:reconciliation")


def _seen(request: SignedIn, difference_id: UUID, fault: str = "") -> pages.DifferencePage:
    try:
        return pages.difference_page(request.actor, difference_id, fault=fault)
    except Forbidden:
        raise PermissionDenied from None


def _shown(
    request: SignedIn, difference_id: UUID, status: int = 200, *, fault: str = ""
) -> HttpResponse:
    context = {"page": _seen(request, difference_id, fault)}
    return render_page(
        request,
        "web/reconciliation/page.html",
        context,
        place="reconciliation",
        status=status,
    )
