"""退单退费 (BB-10): the list, calling the customer, his proof, the money."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from kaitong.core.errors import BadInput, Forbidden, KaitongError, NotFound
from kaitong.ordering import refunds as verbs
from kaitong.web.pages import refunds as pages
from kaitong.web.views.common import SignedIn, in_words, page, render_page

REFUSED = 422


@page
@require_GET
def refund_list(request: SignedIn) -> HttpResponse:
    context = {"page": pages.list_page(request.actor, request.GET)}
    return render_page(request, "web/refund/list.html", context, place="refunds")


@page
@never_cache
@require_GET
def refund(request: SignedIn, refund_id: UUID) -> HttpResponse:
    return _shown(request, refund_id)


@page
@require_POST
def call(request: SignedIn, refund_id: UUID) -> HttpResponseBase:
    """已联系客户."""
    try:
        verbs.called(actor=request.actor, refund_id=refund_id)
    except Forbidden:
        raise PermissionDenied from None
    return redirect("web:refunds")


@page
@never_cache
@require_POST
def prove(request: SignedIn, refund_id: UUID) -> HttpResponseBase:
    """鉴权: account and password of the failed line; wrong answers count."""
    names = ("account", "password", "document_number")
    given = {name: request.POST.get(name, "")[:120] for name in names}
    try:
        verbs.authenticate(actor=request.actor, refund_id=refund_id, given=given)
    except KaitongError as refused:
        return _refused(request, refund_id, refused, account=given["account"])
    return redirect("web:refund", refund_id)


@page
@never_cache
@require_POST
def settle(request: SignedIn, refund_id: UUID) -> HttpResponseBase:
    """退费; a second click changes nothing."""
    reason = request.POST.get("reason", "")[:60]
    try:
        row = verbs.settle(
            actor=request.actor,
            refund_id=refund_id,
            reason=reason,
            invoice_back=request.POST.get("invoice_back") == "true",
        )
    except KaitongError as refused:
        return _refused(request, refund_id, refused, reason=reason)
    messages.success(request, _("已退费，退费凭据在单据里"))
    return redirect(f"/orders/{row.order_id}/?tab=money")


def _refused(
    request: SignedIn, refund_id: UUID, refused: KaitongError, **typed: Any
) -> HttpResponse:
    if isinstance(refused, NotFound):
        raise refused
    if isinstance(refused, Forbidden) and not typed.get("reason"):
        raise PermissionDenied from None
    if isinstance(refused, BadInput):
        errors = {f.field: f"{f.what} {f.remedy}".strip() for f in refused.faults}
        return _shown(request, refund_id, REFUSED, errors=errors, **typed)
    return _shown(request, refund_id, REFUSED, fault=in_words(refused), **typed)


def _shown(request: SignedIn, refund_id: UUID, status: int = 200, **what: Any) -> HttpResponse:
    context = {"page": pages.refund_page(request.actor, refund_id, **what)}
    return render_page(request, "web/refund/page.html", context, place="refunds", status=status)
