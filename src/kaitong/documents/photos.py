"""Verbs of photos (照片): stored watermarked, first as an upload, then used by what they prove.

An upload waits for the form it was taken for. A form that is sent makes it part of the record
(`use_photo`); an upload nobody used is swept. Retaking replaces what was taken for the same slot.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core import clock, wording
from kaitong.documents import blobs, pictures
from kaitong.documents.choices import AttachmentKind
from kaitong.documents.errors import AttachmentRefused, DocumentsNotFound
from kaitong.documents.models import Attachment
from kaitong.org.actor import Actor
from kaitong.org.queries import branch as branch_of
from kaitong.org.queries import visible_to

# An upload nobody used is kept no longer; whoever keeps a draft prolongs it (`hold_uploads`).
UPLOAD_KEPT = timedelta(hours=24)


def store_photo(
    *,
    actor: Actor,
    data: bytes,
    kind: str,
    owner_type: str,
    owner_id: UUID,
    watermark: str,
    branch_id: UUID | None = None,
    title: str = "",
    slot: str = "",
) -> Attachment:
    """Keep a photo: upright, without EXIF, scaled down, watermarked, encrypted at rest.

    `watermark` says what the picture may be used for ("仅用于办理家庭宽带业务"); branch, staff
    number and time are written below it. With a `slot` it is an upload of a form not yet sent: it
    replaces the upload of the same slot, waits for `use_photo`, and is swept when none comes.
    Raises AttachmentRefused with a sentence when the file is no photo that can be kept.
    """
    branch_id = branch_id or actor.branch_id
    if branch_id is None or not actor.sees(branch_id):
        raise DocumentsNotFound(_("没有这个分公司。"))
    if kind not in AttachmentKind.values:
        known = wording.several(AttachmentKind.values)
        raise AttachmentRefused(_("没有这种附件。"), known, field="kind")
    moment = clock.now()
    facts = (
        branch_of(branch_id).name,
        actor.username,
        f"{timezone.localtime(moment):%Y-%m-%d %H:%M}",
    )
    made = pictures.prepare(data, [watermark.strip(), " · ".join(facts)])
    with transaction.atomic():
        if slot:
            Attachment.objects.filter(
                owner_id=owner_id, slot=slot, pending_until__isnull=False
            ).delete()
        return Attachment.objects.create(
            branch_id=branch_id,
            kind=kind,
            title=title[:120],
            slot=slot[:60],
            owner_type=owner_type,
            owner_id=owner_id,
            media_type="image/jpeg",
            blob=blobs.put(made),
            stored_by=actor.id,
            pending_until=moment + UPLOAD_KEPT if slot else None,
        )


def use_photo(
    *,
    actor: Actor,
    attachment_id: UUID,
    kind: str,
    from_id: UUID,
    owner_type: str,
    owner_id: UUID,
    title: str = "",
    field: str = "",
) -> Attachment:
    """Make an upload part of the record of what it proves. Twice for the same owner is once.

    Only a picture taken for `from_id` (the work item, the draft) and of this kind is taken: nobody
    proves one line with the label of another.
    """
    with transaction.atomic():
        row = (
            visible_to(Attachment.objects.select_for_update(no_key=True), actor)
            .filter(pk=attachment_id)
            .first()
        )
        gone = row is None or (row.pending_until is None and row.owner_id != owner_id)
        if row is None or gone or row.owner_id not in (from_id, owner_id):
            raise AttachmentRefused(
                _("这张照片已经不在，或不是为这一单拍的。"), _("请重新拍照。"), field=field
            )
        if row.kind != kind:
            raise AttachmentRefused(_("照片的种类不对。"), _("请在这一栏重新拍照。"), field=field)
        if row.pending_until is not None:
            row.owner_type, row.owner_id, row.pending_until = owner_type, owner_id, None
            row.title = title[:120] or row.title
            row.save(update_fields=["owner_type", "owner_id", "pending_until", "title"])
    return row


def hold_uploads(*, actor: Actor, owner_id: UUID, until: datetime) -> None:
    """Keep the uploads of a draft somebody still works on."""
    visible_to(Attachment.objects.filter(owner_id=owner_id, pending_until__lt=until), actor).update(
        pending_until=until
    )


def discard_upload(*, actor: Actor, attachment_id: UUID) -> None:
    """Take an upload back before its form is sent; what was used is evidence and stays.

    Locked first: the form may be on its way at this instant.
    """
    with transaction.atomic():
        rows = visible_to(Attachment.objects.all(), actor).filter(pk=attachment_id)
        row = rows.select_for_update().first()
        if row is None:
            return
        if row.pending_until is None or row.stored_by != actor.id:
            raise AttachmentRefused(_("这张照片已经归档，不能删除。"), _("可以再补拍一张。"))
        row.delete()


def discard_uploads(*, owner_ids: Iterable[UUID]) -> None:
    """Forget the uploads of drafts that were given up."""
    Attachment.objects.filter(owner_id__in=list(owner_ids), pending_until__isnull=False).delete()


def sweep_uploads() -> int:
    """Forget uploads whose time ran out; how many. Their files go with the next sweep of files."""
    count, _each = Attachment.objects.filter(pending_until__lt=clock.now()).delete()
    return count
