"""Papers and attachments as files."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from kaitong.documents import queries as documents
from kaitong.documents import services as verbs
from kaitong.web.views.common import SignedIn, page


@page
@require_GET
def paper(request: SignedIn, paper_id: UUID) -> HttpResponse:
    """The PDF of a paper, to look at."""
    found = documents.paper(request.actor, paper_id)
    return _file(verbs.pdf(request.actor, paper_id), "application/pdf", f"{found.number}.pdf")


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
