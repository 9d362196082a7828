"""查看密码: answers to a POST only, never kept, each a recorded reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from kaitong.core.errors import Forbidden, KaitongError, NotFound
from kaitong.playbooks import entering
from kaitong.process import queries as process
from kaitong.web.pages.facts import facts_of
from kaitong.web.views.common import SignedIn, in_words, page, toast

CONFLICT, FORBIDDEN = 409, 403


@page
@require_POST
def on_site(request: SignedIn, item_id: UUID) -> HttpResponse:
    business_id = process.work_item(request.actor, item_id).business_id
    return _answer(
        request,
        "web/phone/entries.html",
        business_id,
        lambda: entering.reveal_on_site(actor=request.actor, item_id=item_id),
    )


@page
@require_POST
def renewed(request: SignedIn, order_id: UUID) -> HttpResponse:
    return _answer(
        request,
        "web/order/passwords.html",
        order_id,
        lambda: entering.reveal_renewed(actor=request.actor, order_id=order_id),
    )


def _answer(
    request: SignedIn,
    template: str,
    business_id: UUID | None,
    read: Callable[[], tuple[entering.Entry, ...]],
) -> HttpResponse:
    try:
        found = read()
    except NotFound:
        raise
    except KaitongError as refused:
        status = FORBIDDEN if isinstance(refused, Forbidden) else CONFLICT
        answer = HttpResponse(toast(request, in_words(refused), "late"), status=status)
        answer["HX-Reswap"] = "none"
    else:
        facts = facts_of(request.actor, [business_id]).get(business_id)  # type: ignore[arg-type,list-item]
        say = facts.say if facts else str
        entries = [replace(one, title=say(one.title)) for one in found]
        answer = render(request, template, {"entries": entries, "shown": True})
    answer["Cache-Control"] = "private, no-store"
    return answer
