"""Pages of the shift hand-over (交接班) of the fault desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kaitong.assurance import handover
from kaitong.assurance import queries as assurance
from kaitong.assurance.choices import HandOverState
from kaitong.core.errors import KaitongError, NotFound
from kaitong.core.ids import uuid7
from kaitong.documents import queries as documents
from kaitong.org import queries as org
from kaitong.web.access import at_desk
from kaitong.web.pages.parts import Pager, page_number
from kaitong.web.views.common import SignedIn, in_words, page, render_page

CONFLICT = 409
PAGE_SIZE = 30
TONES = {HandOverState.GIVEN: "you", HandOverState.TAKEN: "ok", HandOverState.WITHDRAWN: "wait"}


@page
@require_http_methods(["GET", "POST"])
def hand_overs(request: SignedIn) -> HttpResponse:
    """What was handed over, and handing over now."""
    fault, status, given = "", 200, {}
    if request.method == "POST":
        given = {key: str(value)[:1000] for key, value in request.POST.items()}
        try:
            row = handover.give(
                actor=request.actor,
                to_id=_uuid(given.get("to", "")),
                notes=given.get("notes", ""),
                key=given.get("key") or str(uuid7()),
            )
        except NotFound:
            raise
        except KaitongError as refused:
            fault, status = in_words(refused), CONFLICT
        else:
            return redirect("web:hand_over", row.pk)
    number = page_number(request.GET)
    rows, total = assurance.hand_overs(
        request.actor, offset=(number - 1) * PAGE_SIZE, limit=PAGE_SIZE
    )
    names = org.staff_names([one for row in rows for one in (row.given_by, row.to_id)])
    context = {
        "rows": [_row(row, names) for row in rows],
        "may": at_desk(request.actor),
        "people": [(str(pk), name) for pk, name in handover.colleagues(request.actor)],
        "pager": Pager(number, PAGE_SIZE, total),
        "total": total,
        "key": given.get("key") or str(uuid7()),
        "given": given,
        "fault": fault,
    }
    return render_page(request, "web/fault/hand_overs.html", context, place="faults", status=status)


@page
@require_GET
def hand_over(request: SignedIn, row_id: UUID) -> HttpResponse:
    return _page(request, row_id)


@page
@require_POST
def take(request: SignedIn, row_id: UUID) -> HttpResponse:
    return _then(
        request,
        row_id,
        lambda: handover.take(
            actor=request.actor, row_id=row_id, answer=request.POST.get("answer", "")
        ),
    )


@page
@require_POST
def withdraw(request: SignedIn, row_id: UUID) -> HttpResponse:
    return _then(request, row_id, lambda: handover.withdraw(actor=request.actor, row_id=row_id))


def _then(request: SignedIn, row_id: UUID, act: Callable[[], Any]) -> HttpResponse:
    try:
        act()
    except NotFound:
        raise
    except KaitongError as refused:
        return _page(request, row_id, fault=in_words(refused), status=CONFLICT)
    return redirect("web:hand_over", row_id)


def _page(request: SignedIn, row_id: UUID, *, fault: str = "", status: int = 200) -> HttpResponse:
    row = assurance.hand_over(request.actor, row_id)
    names = org.staff_names([row.given_by, row.to_id])
    paper = next(iter(documents.papers_of_order(request.actor, row.pk)), None)
    context = {
        "row": _row(row, names),
        "content": row.content,
        "notes": row.notes,
        "answer": row.answer,
        "may_take": row.state == HandOverState.GIVEN and row.to_id == request.actor.id,
        "may_withdraw": row.state == HandOverState.GIVEN
        and (row.given_by == request.actor.id or request.actor.is_supervisor),
        "paper_url": reverse("web:paper", args=[paper.pk]) if paper else "",
        "fault": fault,
    }
    return render_page(request, "web/fault/hand_over.html", context, place="faults", status=status)


def _row(row: Any, names: dict[UUID, str]) -> dict[str, Any]:
    return {
        "id": row.pk,
        "number": row.number,
        "state_text": str(HandOverState(row.state).label),
        "tone": TONES[HandOverState(row.state)],
        "given_by": names.get(row.given_by, ""),
        "to": names.get(row.to_id, ""),
        "given_at": row.given_at,
        "taken_at": row.taken_at,
        "open": len(row.content),
    }


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)
