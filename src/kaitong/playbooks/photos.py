"""Photos that forms of work ask for (`x-photo`): taken for an item, used by completing it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, InputFault
from kaitong.documents import pictures
from kaitong.documents import services as documents
from kaitong.documents.errors import AttachmentRefused
from kaitong.documents.models import Attachment
from kaitong.fieldwork.subject import owner_type
from kaitong.org.actor import Actor
from kaitong.playbooks import queries
from kaitong.playbooks.forms import Form
from kaitong.playbooks.model import PHOTO_PURPOSE
from kaitong.process import queries as process
from kaitong.process.choices import OPEN_WORK
from kaitong.process.services import StepContext

ITEM = "work-item"


def store(*, actor: Actor, item_id: UUID, field: str, data: bytes) -> Attachment:
    """Keep a photo that somebody takes for a field of the work item's form.

    An upload until the item is completed with it. The kind is the form's, the watermark's words
    are the playbook's the order was accepted under.
    """
    item = process.work_item(actor, item_id)
    pinned = item.parameters.get("playbook") or {}
    form = (
        queries.form(pinned["key"], pinned["hash"], item.definition.form)
        if pinned and item.definition.form
        else None
    )
    if form is None or field not in form.photos:
        raise AttachmentRefused(_("这一步不要这张照片。"), _("请刷新页面。"), field=field)
    hand = (
        item.claimed_by is None or actor.is_hand(item.post, item.claimed_by) or actor.is_supervisor
    )
    if item.state not in OPEN_WORK or not item.may_act or not hand:
        raise AttachmentRefused(
            _("这张工单不在您手里，照片没有保存。"), _("请先接单。"), field=field
        )
    return documents.store_photo(
        actor=actor,
        data=data,
        kind=form.photos[field],
        owner_type=ITEM,
        owner_id=item_id,
        branch_id=item.branch_id,
        watermark=str(item.parameters.get(PHOTO_PURPOSE, "")),
        title=str(form.fields[field].get("title", "")),
        slot=field,
    )


def use(step: StepContext, form: Form, answers: Mapping[str, Any]) -> None:
    """Make the photos of a completion the order's. Called in the completing transaction.

    A photo with `writes:` is used by the verb it goes to, which knows whose it is.
    """
    for field, kind in form.photos.items():
        if field not in answers or form.fields[field].get("writes"):
            continue
        try:
            documents.use_photo(
                actor=step.actor,
                attachment_id=UUID(answers[field]),
                kind=kind,
                from_id=step.item_id,
                owner_type=owner_type(step.variables),
                owner_id=step.business_id or step.instance_id,
                title=str(form.fields[field].get("title", "")),
                field=field,
            )
        except AttachmentRefused as refused:
            raise BadInput([InputFault(field, refused.what, refused.remedy)]) from None


def camera(*, actor: Actor, item_id: UUID) -> Callable[[str], str]:
    """Takes a tiny real photo for a field: for examples, the demo and tests."""

    def take(field: str) -> str:
        data = pictures.tiny(secrets.randbits(24))
        return str(store(actor=actor, item_id=item_id, field=field, data=data).pk)

    return take
