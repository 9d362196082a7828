"""Photos on their way in: each is sent by itself, before the form that will carry it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from kaitong.core.errors import KaitongError, NotFound
from kaitong.documents import services as documents
from kaitong.documents.models import Attachment
from kaitong.documents.pictures import LARGEST_FILE
from kaitong.playbooks import photos, suspending
from kaitong.web.pages.intake_people import sentences
from kaitong.web.views.common import SignedIn, page

REFUSED, ABSENT = 422, 404


@page
@require_POST
def work_photo(request: SignedIn, item_id: UUID) -> HttpResponse:
    """A photo for a field of a work item's form."""
    field = request.GET.get("field", "")[:60]
    if field == "evidence":  # of a suspension, which no form asks for
        return taken(
            request,
            lambda data: suspending.store_evidence(actor=request.actor, item_id=item_id, data=data),
        )
    return taken(
        request,
        lambda data: photos.store(actor=request.actor, item_id=item_id, field=field, data=data),
    )


@page
@require_POST
def discard(request: SignedIn, attachment_id: UUID) -> HttpResponse:
    """Take a photo back before its form is sent."""
    try:
        documents.discard_upload(actor=request.actor, attachment_id=attachment_id)
    except KaitongError as refused:
        return _said(refused)
    return HttpResponse(status=204)


def taken(request: SignedIn, keep: Callable[[bytes], Attachment]) -> HttpResponse:
    """Keep the photo of this request: its identifier, or what was wrong as a sentence."""
    file = request.FILES.get("photo")
    if file is None:
        text = sentences(_("没有收到照片。"), _("请重新拍照。"))
        return JsonResponse({"error": text}, status=REFUSED)
    if (file.size or 0) > LARGEST_FILE:  # said before twenty megabytes are read into memory
        text = sentences(_("照片超过 20 MB。"), _("请降低相机分辨率再拍。"))
        return JsonResponse({"error": text}, status=REFUSED)
    try:
        row = keep(file.read())
    except KaitongError as refused:
        return _said(refused)
    return JsonResponse({"id": str(row.pk)})


def _said(refused: KaitongError) -> HttpResponse:
    status = ABSENT if isinstance(refused, NotFound) else REFUSED
    text = sentences(str(refused.what), str(refused.remedy))
    return JsonResponse({"error": text}, status=status)
