"""Who is at the counter with a change of a service, and what he lays on it (VER-01..VER-05).

A change's form asks for a person or an organisation by targets with one prefix
(`change.owner_name`, `change.handler_document_number`...). Here the answers become a registered
customer whose document is proven by a reader or by the pictures its kind needs, all in the
transaction of the request: refused later, nobody was registered.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kaitong.core import wording
from kaitong.core.errors import BadInput, InputFault
from kaitong.core.masking import mask_document, mask_name, mask_phone
from kaitong.documents import services as document_verbs
from kaitong.documents.choices import AttachmentKind
from kaitong.documents.errors import AttachmentRefused
from kaitong.ordering import evidence
from kaitong.ordering.life_answer import Answer, Kept, at, nothing, wrong
from kaitong.ordering.life_checks import Subject
from kaitong.party import kinds
from kaitong.party import queries as parties
from kaitong.party import services as party_verbs
from kaitong.party.choices import PartyKind
from kaitong.party.errors import PartyConflict, PartyRefused
from kaitong.party.models import Party
from kaitong.party.names import clean_name, parse_phone
from kaitong.party.numbers import normalize

NAME, PHONE, KIND, NUMBER = "name", "phone", "document_kind", "document_number"
LICENCE_KIND, LICENCE = "licence_kind", "licence"
UNTIL, LONG_TERM, READER = "valid_until", "long_term", "reader"
FRONT, BACK, LETTER = "front", "back", "letter"
_PICTURES = {
    FRONT: AttachmentKind.IDENTITY_FRONT,
    BACK: AttachmentKind.IDENTITY_BACK,
    LICENCE: AttachmentKind.LICENCE,
}
_SLOT = {kind: name for name, kind in _PICTURES.items()}


# ---- one answer ----------------------------------------------------------------------------------


def name(_subject: Subject, value: Any) -> str:
    """A name as a document says it; its shape is judged when it is known whose it is."""
    plain = clean_name(str(value))
    if not plain:
        raise wrong(_("没有填写客户名称，或名称过长。"), _("请按证件录入。"))
    return plain


def phone(_subject: Subject, value: Any) -> str:
    number = parse_phone(str(value))
    if number is None:
        raise wrong(_("电话号码不对。"), _("手机 11 位；固定电话带区号。"))
    return number.digits


def _accepted(subject: Subject, value: Any, party_kind: str) -> bool:
    day = timezone.localdate(subject.at)
    rules = evidence.document_rules(subject.procedure.parameters)
    return str(value) in {rule.kind for rule in kinds.accepted_on(day, party_kind, rules)}


def _kind(subject: Subject, value: Any) -> str:
    if not _accepted(subject, value, PartyKind.INDIVIDUAL):
        raise wrong(_("不接受这种证件。"), _("请出示有效的个人证件原件。"))
    return str(value)


def _licence_kind(subject: Subject, value: Any) -> str:
    if not _accepted(subject, value, PartyKind.ORGANIZATION):
        raise wrong(_("不接受这种证件。"), _("请出示有效的单位证件原件。"))
    return str(value)


def number(_subject: Subject, value: Any) -> str:
    return normalize(str(value))


def day(_subject: Subject, value: Any) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise wrong(_("日期不对。"), _("例如 %s。") % "2030-01-31") from None


def tick(_subject: Subject, value: Any) -> bool:
    return bool(value)


def text(_subject: Subject, value: Any) -> str:
    return str(value).strip()


def answers(prefix: str, who: str, document: str) -> dict[str, Answer]:
    """The answers about one who comes, told on papers as `who` with his `document`, masked."""
    secret = {
        KIND: _kind,
        LICENCE_KIND: _licence_kind,
        UNTIL: day,
        LONG_TERM: tick,
        READER: tick,
        FRONT: text,
        BACK: text,
        LICENCE: text,
        LETTER: text,
    }
    return {
        prefix + NAME: Answer(who, name, nothing, mask_name),
        prefix + PHONE: Answer(gettext_noop("联系电话"), phone, nothing, mask_phone),
        prefix + NUMBER: Answer(document, number, nothing, mask_document),
        **{
            prefix + one: Answer(gettext_noop("证件"), check, nothing, nothing)
            for one, check in secret.items()
        },
    }


# ---- answers together ----------------------------------------------------------------------------


def present(
    subject: Subject, kept: Kept, key: str, prefix: str, party_kind: str = PartyKind.INDIVIDUAL
) -> Party:
    """Register who came, and make what he showed part of his document (BB-16, VER-05).

    Raises BadInput with every fault, at the targets of this prefix.
    """
    organization = party_kind == PartyKind.ORGANIZATION
    rules = evidence.document_rules(subject.procedure.parameters)
    kind = prefix + (LICENCE_KIND if organization else KIND)
    places = {
        "name": prefix + NAME,
        "phone": prefix + PHONE,
        "document.kind": kind,
        "document.valid_until": prefix + UNTIL,
    }
    until = kept.get(prefix + UNTIL)
    reader = bool(kept.get(prefix + READER)) and not organization
    try:
        party = party_verbs.register(
            actor=subject.actor,
            name=kept.get(prefix + NAME, ""),
            kind=party_kind,
            phone=kept.get(prefix + PHONE, ""),
            document=party_verbs.DocumentData(
                kind=kept.get(kind, ""),
                number=kept.get(prefix + NUMBER, ""),
                valid_until=date.fromisoformat(until) if until else None,
                long_term=bool(kept.get(prefix + LONG_TERM)),
                reader_used=reader,
            ),
            branch_id=subject.service.branch_id,
            kinds=rules,
        )
    except BadInput as bad:
        raise BadInput(
            [InputFault(places.get(f.field, prefix + NUMBER), f.what, f.remedy) for f in bad.faults]
        ) from None
    except PartyConflict as conflict:
        raise at(prefix + NUMBER, conflict.what, conflict.remedy) from None
    document = next(iter(parties.documents(subject.actor, party.pk)))
    taken = [
        keep_photo(subject, kept, key, prefix + slot, shows, party.pk)
        for slot, shows in _PICTURES.items()
        if kept.get(prefix + slot)
    ]
    if taken or reader:
        party_verbs.record_verification(
            actor=subject.actor, document_id=document.pk, reader_used=reader, evidence=taken
        )
    document.refresh_from_db()
    lacking = [] if document.reader_used else evidence.missing(document, rules)
    if lacking or not (document.reader_used or document.evidence):
        names = wording.several(str(AttachmentKind(one).label) for one in lacking)
        what = _("缺少证件影像：%s。") % names if names else _("没有留存证件影像，也没有读卡。")
        slot = _SLOT.get(AttachmentKind(lacking[0])) if lacking else None
        raise at(prefix + (slot or (LICENCE if organization else FRONT)), what, _("请补拍。"))
    return party


def keep_photo(subject: Subject, kept: Kept, key: str, target: str, kind: str, owner: UUID) -> UUID:
    """A photo taken on the page becomes part of somebody's record."""
    try:
        return document_verbs.use_photo(
            actor=subject.actor,
            attachment_id=UUID(kept[target]),
            kind=kind,
            from_id=UUID(key),
            owner_type="party",
            owner_id=owner,
            field=target,
        ).pk
    except (AttachmentRefused, ValueError) as refused:
        what = getattr(refused, "what", _("这张照片已经不在，或不是为这一单拍的。"))
        raise at(target, str(what), _("请重新拍照。")) from None


def handler(subject: Subject, kept: Kept, key: str, prefix: str, organization_id: UUID) -> UUID:
    """经办人 (VER-04): he shows his document, and the organisation's letter is kept with him."""
    if not kept.get(prefix + LETTER):
        raise at(prefix + LETTER, _("没有单位介绍信。"), _("须收存介绍信原件。"))
    person = present(subject, kept, key, prefix)
    letter = keep_photo(subject, kept, key, prefix + LETTER, AttachmentKind.LETTER, organization_id)
    _stands_for(subject, organization_id, person.pk, prefix, (letter,))
    return person.pk


def agent(subject: Subject, kept: Kept, key: str, prefix: str, party_id: UUID) -> UUID:
    """代办人 (VER-03): he shows his own document, and the holder's original lies beside it."""
    person = present(subject, kept, key, prefix)
    _stands_for(subject, party_id, person.pk, prefix, ())
    return person.pk


def _stands_for(
    subject: Subject, party_id: UUID, person_id: UUID, prefix: str, letters: tuple[UUID, ...]
) -> None:
    try:
        party_verbs.represent(
            actor=subject.actor,
            party_id=party_id,
            representative_id=person_id,
            evidence=letters,
        )
    except PartyRefused as refused:
        raise at(prefix + NUMBER, str(refused.what), str(refused.remedy)) from None
