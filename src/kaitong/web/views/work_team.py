"""Verbs of the drawer that bring in others: 转派, 协办, 阶段反馈."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from kaitong.process import services as process
from kaitong.web.views.common import SignedIn, page
from kaitong.web.views.work import chosen, required, run_verb


@page
@require_POST
def transfer(request: SignedIn, item_id: UUID) -> HttpResponse:
    """转派: the item leaves this post, so the drawer closes."""

    def act() -> None:
        process.transfer(
            actor=request.actor,
            item_id=item_id,
            post=request.POST.get("post", ""),
            reason=required(request, "reason", _("请写明原因。")),
        )

    return run_verb(request, item_id, act, said=_("已转派"), close=True)


@page
@require_POST
def ask_help(request: SignedIn, item_id: UUID) -> HttpResponse:
    """协办: somebody joins, the owner stays."""

    def act() -> None:
        process.ask_help(
            actor=request.actor,
            item_id=item_id,
            to=chosen(request),
            reason=required(request, "reason", _("请写明要协办什么。")),
        )

    return run_verb(request, item_id, act, said=_("已请人协办"))


@page
@require_POST
def feedback(request: SignedIn, item_id: UUID) -> HttpResponse:
    return run_verb(
        request,
        item_id,
        lambda: process.feedback(
            actor=request.actor, item_id=item_id, text=request.POST.get("text", "")
        ),
        said=_("已记下反馈"),
    )
