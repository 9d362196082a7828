"""挂起 with evidence: photos are kept for a piece of work before it is suspended, and become part
of the ledger's line by the verb that suspends it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.documents import services as documents
from kaitong.documents.choices import AttachmentKind
from kaitong.documents.errors import AttachmentRefused
from kaitong.documents.models import Attachment
from kaitong.fieldwork.subject import owner_type
from kaitong.org.actor import Actor
from kaitong.playbooks.model import PHOTO_PURPOSE
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.process.choices import OPEN_WORK

ITEM, SLOT = "work-item", "suspension"


def store_evidence(*, actor: Actor, item_id: UUID, data: bytes) -> Attachment:
    """Keep a photo that proves why work stands still: an upload until the work is suspended."""
    item = process.work_item(actor, item_id)
    hand = (
        item.claimed_by is None or actor.is_hand(item.post, item.claimed_by) or actor.is_supervisor
    )
    if item.state not in OPEN_WORK or not item.may_act or not hand:
        raise AttachmentRefused(
            _("这张工单不在您手里，照片没有保存。"), _("请先接单。"), field="evidence"
        )
    return documents.store_photo(
        actor=actor,
        data=data,
        kind=AttachmentKind.EVIDENCE,
        owner_type=ITEM,
        owner_id=item_id,
        branch_id=item.branch_id,
        watermark=str(item.parameters.get(PHOTO_PURPOSE, "")),
        title="挂起凭据",
        slot=SLOT,
    )


def suspend(
    *,
    actor: Actor,
    item_id: UUID,
    reason_code: str,
    note: str,
    until: datetime,
    evidence: Iterable[UUID] = (),
) -> None:
    """挂起, with the photos taken for it: both in one transaction, or neither."""
    photos = [str(one) for one in evidence]
    with transaction.atomic():
        process_verbs.suspend(
            actor=actor,
            item_id=item_id,
            reason_code=reason_code,
            note=note,
            until=until,
            evidence=photos,
        )
        item = process.work_item(actor, item_id)
        for photo in photos:
            documents.use_photo(
                actor=actor,
                attachment_id=UUID(photo),
                kind=AttachmentKind.EVIDENCE,
                from_id=item_id,
                owner_type=owner_type(item.variables) if item.business_id else ITEM,
                owner_id=item.business_id or item_id,
                field="evidence",
            )
