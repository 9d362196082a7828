"""Papers and attachments as files."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.core.errors import KaitongError
from kaitong.documents import printing
from kaitong.documents import queries as documents
from kaitong.documents import services as verbs
from kaitong.web.pages import batches
from kaitong.web.views.common import SignedIn, page, render_page


@page
@require_GET
def paper(request: SignedIn, paper_id: UUID) -> HttpResponse:
    """The PDF of a paper, to look at; a void one says so across the sheet."""
    found = documents.paper(request.actor, paper_id)
    data = printing.to_look_at(request.actor, paper_id)
    return _file(data, "application/pdf", f"{found.number}.pdf")


@page
@require_POST
def print_work(request: SignedIn) -> HttpResponse:
    """批量打印: the work orders of the picked items in one PDF, counted."""
    try:
        picked = [UUID(text) for text in request.POST.getlist("pick")[: printing.MOST_AT_ONCE]]
        data = batches.work_sheets(request.actor, picked)
    except (ValueError, KaitongError) as refused:
        context = {
            "base": "web/base.html",
            "title": _("没有打印"),
            "text": str(refused),
            "icon_name": "file-text",
        }
        return render_page(request, "web/gone.html", context, place="work", status=409)
    return _file(data, "application/pdf", "work-orders.pdf")


@page
@require_GET
def attachment(request: SignedIn, attachment_id: UUID) -> HttpResponse:
    """An attachment; reading identity evidence is recorded by the verb."""
    opened = verbs.open_attachment(request.actor, attachment_id)
    return _file(opened.data, opened.media_type, str(attachment_id))


def _file(data: bytes, media_type: str, name: str) -> HttpResponse:
    answer = HttpResponse(data, content_type=media_type)
    answer["Content-Disposition"] = f'inline; filename="{name.encode("ascii", "ignore").decode()}"'
    answer["Cache-Control"] = "private, no-store"
    return answer
