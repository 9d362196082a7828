"""Public verbs of documents: numbers, attachments, papers."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from kaitong.core import audit, clock, db, plain, wording
from kaitong.core.crypto import seal, unseal
from kaitong.core.ids import uuid7
from kaitong.documents import blobs, render
from kaitong.documents.choices import SENSITIVE, AttachmentKind, PaperState, Restart
from kaitong.documents.errors import (
    AttachmentRefused,
    DocumentsConflict,
    DocumentsNotFound,
    PaperError,
)
from kaitong.documents.models import Attachment, Paper, Template
from kaitong.documents.numbering import ZONE, parse_pattern
from kaitong.documents.photos import (
    discard_upload,
    discard_uploads,
    hold_uploads,
    store_photo,
    sweep_uploads,
    use_photo,
)
from kaitong.documents.queries import own_paper
from kaitong.org.actor import Actor
from kaitong.org.queries import branch as branch_of
from kaitong.org.queries import visible_to

__all__ = [
    "NumberRule",
    "Opened",
    "discard_upload",
    "discard_uploads",
    "hold_uploads",
    "issue",
    "keep_template",
    "next_number",
    "open_attachment",
    "paper_data",
    "pdf",
    "print_copy",
    "restate",
    "store",
    "store_photo",
    "sweep_files",
    "sweep_uploads",
    "use_photo",
    "void_paper",
]

LARGEST = 20 * 1024 * 1024
PAPER_PURPOSE = "documents.paper"
# Capitals and figures that nobody confuses when a code is read out or typed from a sheet.
CODE_SIGNS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"%PDF-": "application/pdf",
    b"RIFF": "image/webp",
}


@dataclass(frozen=True, slots=True)
class NumberRule:
    """How a paper gets its number: the rule's name, its pattern and when it restarts."""

    rule: str
    pattern: str
    restart: str = Restart.DAILY


@dataclass(frozen=True, slots=True)
class Opened:
    """An attachment's content, with what a browser must be told."""

    data: bytes
    media_type: str
    title: str


# ------------------------------------------------------------------ numbers


_NEXT = """insert into documents_counter as c (rule, scope, period, value) values (%s, %s, %s, 1)
 on conflict (rule, scope, period) do update set value = c.value + 1 returning value"""


def next_number(
    *, rule: str, branch_code: str, pattern: str, at: datetime, restart: str = Restart.DAILY
) -> str:
    """The next number of a rule (编号). Call it last in the transaction: others wait for it.

    Numbers run without gaps as long as transactions commit; one that rolls back gives its back.
    """
    checked = parse_pattern(pattern, restart)
    scope = branch_code if checked.by_branch else ""
    ((value,),) = plain.ask(_NEXT, [rule, scope, checked.period(at)])
    return checked.fill(branch_code=branch_code, at=at, value=value)


# ------------------------------------------------------------------ attachments


def store(
    *,
    actor: Actor,
    data: bytes,
    kind: str,
    owner_type: str,
    owner_id: UUID,
    branch_id: UUID | None = None,
    title: str = "",
    media_type: str = "",
) -> Attachment:
    """Keep a file for a row of another package. What it is, its first bytes say, not its sender.

    The same file for the same owner and kind is kept once.
    """
    branch_id = branch_id or actor.branch_id
    if branch_id is None or not actor.sees(branch_id):
        raise DocumentsNotFound(_("没有这个分公司。"))
    if kind not in AttachmentKind.values:
        known = wording.several(AttachmentKind.values)
        raise AttachmentRefused(_("没有这种附件。"), known, field="kind")
    found = _media_type(data)
    if media_type and media_type != found:
        raise AttachmentRefused(
            _("文件内容与类型不符。"), _("请重新拍照或另选文件。"), field="data"
        )
    with transaction.atomic():
        blob = blobs.put(data)
        same = Attachment.objects.filter(
            owner_id=owner_id, kind=kind, blob=blob, owner_type=owner_type, branch_id=branch_id
        ).first()
        return same or Attachment.objects.create(
            branch_id=branch_id,
            kind=kind,
            title=title[:120],
            owner_type=owner_type,
            owner_id=owner_id,
            media_type=found,
            blob=blob,
            stored_by=actor.id,
        )


def open_attachment(actor: Actor, attachment_id: UUID) -> Opened:
    """An attachment's content. Reading somebody's identity document is recorded."""
    with transaction.atomic():
        row = (
            visible_to(Attachment.objects.select_related("blob"), actor)
            .filter(pk=attachment_id)
            .first()
        )
        if row is None:
            raise DocumentsNotFound(_("没有这个附件。"), _("请核对编号和所在分公司。"))
        if row.kind in SENSITIVE:
            audit.record(
                "attachment.read",
                actor_id=actor.id,
                subject_type=row.owner_type,
                subject_id=row.owner_id,
                branch_id=row.branch_id,
                data={"attachment": str(row.pk), "kind": row.kind},
            )
    return Opened(blobs.get(row.blob), row.media_type, row.title)


# ------------------------------------------------------------------ papers


def keep_template(template: str, root: Path | None = None) -> str:
    """Keep a template with all it imports; its hash, by which papers are issued from it ever
    after, whatever becomes of the file. ``root`` as in ``render.read_sources``."""
    sources = render.read_sources(template, root)
    Template.objects.bulk_create(
        [Template(hash=sources.hash, main=sources.main, files=dict(sources.files))],
        ignore_conflicts=True,
    )
    return sources.hash


def issue(
    *,
    actor: Actor,
    order_id: UUID,
    kind: str,
    title: str,
    data: Mapping[str, Any],
    number: str | NumberRule,
    template: str = "",
    template_hash: str = "",
    branch_id: UUID | None = None,
    key: str = "",
    verify_base: str = "",
) -> Paper:
    """Issue a paper of an order (出单): number, data and template are fixed from now on.

    The template is a file of the library, or by ``template_hash`` one kept before. The same
    ``key`` of an order (by default the kind) gives the paper issued before; no number is taken
    for it. ``data`` is what the template asks for; its ``paper`` part is completed with
    number, time, name and verification code (and its QR where ``verify_base``, the address before
    the code, is given). The PDF is made when first wanted.
    """
    branch_id = branch_id or actor.branch_id
    if branch_id is None or not actor.sees(branch_id):
        raise DocumentsNotFound(_("没有这个订单。"))
    key = key or kind
    filled = {**data, "paper": {"title": title, **data.get("paper", {})}}
    if verify_base:
        filled["paper"]["verify_url"] = verify_base
    with db.whole():
        before = _issued(order_id, key)
        if before is not None:
            return before
        template_hash = template_hash or keep_template(template)
        try:
            with transaction.atomic():  # a savepoint: somebody may issue the same paper now
                return _create_paper(
                    actor, branch_id, order_id, kind, title, key, template_hash, filled, number
                )
        except IntegrityError:
            before = _issued(order_id, key)
            if before is None:
                raise DocumentsConflict(
                    _("这个编号已用于另一张单据。"), _("请换一个编号。"), field="number"
                ) from None
            return before


def restate(*, actor: Actor, paper_id: UUID, data: Mapping[str, Any]) -> bool:
    """Give newer facts to a paper nobody has looked at yet; its number and code stay.

    False, and nothing changed, once its PDF was made or it is void: void it and issue another.
    """
    with db.whole():
        paper = own_paper(actor, paper_id, lock=True)
        if paper.blob_id is not None or paper.state != PaperState.ISSUED:
            return False
        head = {**data.get("paper", {}), **paper_data(paper)["paper"]}
        head["printed_at"] = _printed_at(clock.now())
        filled = json.dumps({**data, "paper": head}, ensure_ascii=False, default=str)
        paper.data = seal(PAPER_PURPOSE, paper.pk, filled.encode())
        paper.save(update_fields=["data"])
    return True


def pdf(actor: Actor, paper_id: UUID) -> bytes:
    """The paper's PDF, made and kept the first time, the same bytes ever after."""
    with transaction.atomic():
        paper = own_paper(actor, paper_id, lock=True)
        if paper.blob is not None:
            return blobs.get(paper.blob)
        made = render.render_sources(_sources(paper), paper_data(paper), at=paper.created_at)
        paper.blob = blobs.put(made)
        paper.sha256 = sha256(made).hexdigest()
        paper.save(update_fields=["blob", "sha256"])
    return made


def print_copy(*, actor: Actor, paper_id: UUID) -> bytes:
    """The PDF for a printer, counted. From the second print it carries 副本 and the print's number;
    a void paper carries 作废."""
    original = pdf(actor, paper_id)
    with transaction.atomic():
        paper = own_paper(actor, paper_id, lock=True)
        paper.printed += 1
        paper.save(update_fields=["printed"])
    return copy_of(paper, original)


def copy_of(paper: Paper, original: bytes) -> bytes:
    """What a counted print of a paper looks like: the first is the original."""
    if paper.printed == 1 and paper.state == PaperState.ISSUED:
        return original
    return marked(paper, "作废" if paper.state == PaperState.VOID else "副本")


def marked(paper: Paper, word: str) -> bytes:
    """A paper set anew with a word across it and the number of its print."""
    data = paper_data(paper)
    data["paper"] = {**data["paper"], "watermark": word, "print_no": max(paper.printed, 1)}
    return render.render_sources(_sources(paper), data, at=paper.created_at)


def void_paper(*, actor: Actor, paper_id: UUID, reason: str) -> Paper:
    """Declare a paper void (作废); its number stays used. Twice keeps the first reason."""
    if not reason.strip():
        raise PaperError(_("没有填写作废原因。"), _("请填写原因。"), field="reason")
    with transaction.atomic():
        paper = own_paper(actor, paper_id, lock=True)
        if paper.state != PaperState.VOID:
            paper.state, paper.void_reason = PaperState.VOID, reason.strip()[:200]
            paper.save(update_fields=["state", "void_reason"])
    return paper


def paper_data(paper: Paper) -> dict[str, Any]:
    """What a paper was issued with, unsealed. It may name people: not for lists."""
    data: dict[str, Any] = json.loads(unseal(PAPER_PURPOSE, paper.pk, bytes(paper.data)))
    return data


def sweep_files() -> int:
    """Forget uploads nobody used, and remove stored files that nothing refers to any more."""
    sweep_uploads()
    return blobs.sweep()


# ------------------------------------------------------------------ inside


def _issued(order_id: UUID, key: str) -> Paper | None:
    found = plain.where(Paper, "order_id = %s and key = %s", [order_id, key])
    return found[0] if found else None


def _create_paper(
    actor: Actor,
    branch_id: UUID,
    order_id: UUID,
    kind: str,
    title: str,
    key: str,
    template_hash: str,
    data: Mapping[str, Any],
    number: str | NumberRule,
) -> Paper:
    now = clock.now()
    if isinstance(number, NumberRule):
        number = next_number(
            rule=number.rule,
            branch_code=branch_of(branch_id).code,
            pattern=number.pattern,
            restart=number.restart,
            at=now,
        )
    code = _verify_code()
    given = data["paper"]
    head = {
        "printed_at": _printed_at(now),
        "printed_by": actor.name,
        "print_no": 1,
        "watermark": None,
        **given,
        "number": number,
        "verify_code": code,
    }
    if "verify_url" in given:
        head["verify_url"] = given["verify_url"] + code.replace("-", "")
    paper_id = uuid7()
    filled = json.dumps({**data, "paper": head}, ensure_ascii=False, default=str)
    return Paper.objects.create(
        id=paper_id,
        branch_id=branch_id,
        order_id=order_id,
        kind=kind,
        title=title,
        number=number,
        key=key,
        template_id=template_hash,
        data=seal(PAPER_PURPOSE, paper_id, filled.encode()),
        verify_code=code,
        issued_by=actor.id,
    )


def _sources(paper: Paper) -> render.Sources:
    row = paper.template
    return render.Sources(row.main, tuple(sorted(row.files.items())))


def _printed_at(moment: datetime) -> str:
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def _verify_code() -> str:
    signs = "".join(secrets.choice(CODE_SIGNS) for _n in range(12))
    return f"{signs[:4]}-{signs[4:8]}-{signs[8:]}"


def _media_type(data: bytes) -> str:
    if not data:
        raise AttachmentRefused(_("文件是空的。"), _("请重新拍照或另选文件。"), field="data")
    if len(data) > LARGEST:
        raise AttachmentRefused(_("文件超过 20 MB。"), _("请降低照片分辨率。"), field="data")
    for start, media_type in MAGIC.items():
        if data.startswith(start) and (start != b"RIFF" or data[8:12] == b"WEBP"):
            return media_type
    raise AttachmentRefused(
        _("只收 JPEG、PNG、WebP 图片和 PDF。"), _("请重新拍照或另选文件。"), field="data"
    )
