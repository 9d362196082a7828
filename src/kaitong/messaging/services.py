"""The verbs of messaging: put a notice into the outbox, send one again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit, plain
from kaitong.core.clock import now
from kaitong.core.masking import mask_phone
from kaitong.messaging.choices import UNSENT, Channel, NoticeState, To, Trouble
from kaitong.messaging.errors import NoticeConflict, NoticeNotFound
from kaitong.messaging.models import Notice
from kaitong.messaging.queries import notice as own_notice
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import queries as parties

Reach = org.Reach | parties.Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """What is to be told to one person: text and title are ready and in the person's language."""

    key: str  # says it exists once; the channel is added
    kind: str
    title: str
    title_en: str = ""
    to: str
    by: Sequence[str]
    text: str = field(repr=False)
    branch_id: UUID
    order_id: UUID | None = None
    item_id: UUID | None = None
    party_id: UUID | None = None
    staff_id: UUID | None = None
    language: str = "zh-hans"
    not_before: datetime | None = None
    reach: Reach | None = field(default=None, repr=False)  # where it was read already
    secret_until: datetime | None = None  # a code: shown to nobody, worthless from then on


_KNOWN = "select key from messaging_notice where key = any(%s::text[])"


def queue(*, actor: Actor, notices: Sequence[NewNotice]) -> int:
    """Put notices into the outbox within the caller's transaction; how many are new.

    What is there under its key stays as it is, so every verb may call this again. A notice goes by
    every channel that has an address; where none has, one row says that nobody was reached.
    """
    rows: list[Notice] = []
    for notice in notices:
        reach = notice.reach or _reach(notice.to, notice.party_id, notice.staff_id)
        made = [_row(notice, channel, reach) for channel in dict.fromkeys(notice.by)]
        rows += [row for row in made if row.state != NoticeState.SKIPPED] or made[:1]
    if not rows:
        return 0
    keys = plain.array(row.key for row in rows)
    known = {key for (key,) in plain.ask(_KNOWN, [keys])}
    fresh = [row for row in rows if row.key not in known]
    for row in fresh:  # whoever tells the same at this instant was first: theirs stands
        plain.add(row)
    return len(fresh)


def retry(*, actor: Actor, notice_id: UUID) -> Notice:
    """Send a notice again that was given up or had nobody to go to; its address is read anew.

    Twice changes nothing. One that was sent is not sent again: who was told once was told.
    """
    with transaction.atomic():
        row = own_notice(actor, notice_id, lock=True)
        if row.secret_until is not None:
            raise NoticeConflict(
                _("只给一个人看的内容（验证码、评价链接）不能在这里重发。"),
                _("验证码在办理页面重新发送；评价链接不再发送，可以电话回访。"),
            )
        if row.state == NoticeState.QUEUED:
            row.next_at = now()
            row.save(update_fields=["next_at"])
            return row
        if row.state not in UNSENT:
            raise NoticeConflict(_("这条通知已经发出，或正在发送。"), _("请刷新页面查看。"))
        _address(row, _reach(row.to, row.party_id, row.staff_id))
        if row.address is None:
            raise NoticeConflict(_("仍然没有可用的号码或邮箱。"), _("请先补录客户的联系方式。"))
        row.state, row.tries, row.next_at = NoticeState.QUEUED, 0, now()
        row.trouble, row.last_error = "", ""
        row.save()
    return row


def retry_all(*, actor: Actor, notice_ids: Sequence[UUID]) -> tuple[int, int]:
    """Send several again; how many are on their way, and how many cannot be."""
    done = refused = 0
    for notice_id in sorted(notice_ids):
        try:
            retry(actor=actor, notice_id=notice_id)
        except (NoticeConflict, NoticeNotFound):
            refused += 1
        else:
            done += 1
    return done, refused


def reveal_text(*, actor: Actor, notice_id: UUID, reason: str) -> str:
    """What a notice said, in clear. Reading it is a recorded act."""
    with transaction.atomic():
        row = own_notice(actor, notice_id)
        if row.secret_until is not None:
            raise NoticeConflict(_("验证码只有收到的人能看。"), _("请客户查看手机。"))
        audit.record(
            "notice.read",
            actor_id=actor.id,
            subject_type="notice",
            subject_id=row.order_id or row.pk,
            branch_id=row.branch_id,
            data={"reason": reason},
        )
    text: str = row.text
    return text


def message_id(key: str) -> str:
    """The message's own identifier: the same for every try, and nobody can read the key in it."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@notice.kaitong>"


# ---- inside --------------------------------------------------------------------------------------


def _row(notice: NewNotice, channel: str, reach: Reach | None) -> Notice:
    row = Notice(
        branch_id=notice.branch_id,
        order_id=notice.order_id,
        item_id=notice.item_id,
        key=f"{notice.key}:{channel}"[:200],
        kind=notice.kind,
        title=notice.title,
        title_en=notice.title_en,
        to=notice.to,
        party_id=notice.party_id,
        staff_id=notice.staff_id,
        channel=channel,
        language=notice.language,
        next_at=notice.not_before or now(),
        secret_until=notice.secret_until,
    )
    row.text = notice.text
    _address(row, reach)
    return row


def _reach(to: str, party_id: UUID | None, staff_id: UUID | None) -> Reach | None:
    return org.reach(staff_id) if to == To.STAFF else parties.reach(party_id)


def _address(row: Notice, reach: Reach | None) -> None:
    """Where the notice goes: the telephone, or the mail address; the file takes either."""
    phone, mail = (reach.phone, reach.email) if reach else ("", "")
    address = {Channel.SMS: phone, Channel.MAIL: mail}.get(Channel(row.channel), phone or mail)
    if not address:
        row.address, row.address_masked = None, ""
        row.state, row.trouble = NoticeState.SKIPPED, Trouble.NO_ADDRESS
        return
    row.address = address
    row.address_masked = mask_mail(address) if "@" in address else mask_phone(address)


def mask_mail(address: str) -> str:
    """wangmingyuan@example.com -> wa…@example.com"""
    name, _at, host = address.partition("@")
    return f"{name[:2] if len(name) > 3 else name[:1]}…@{host}"[:120]
