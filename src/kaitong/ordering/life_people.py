"""People in changes of services: the new owner of a transfer (过户, BB-02), a customer's data
(资料修改, BB-08). What was typed about them is sealed with the change; papers show it masked.
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
from kaitong.ordering.life_answer import Answer, Kept, Whole, at, nothing, wrong
from kaitong.ordering.life_checks import Subject
from kaitong.party import kinds
from kaitong.party import queries as parties
from kaitong.party import services as party_verbs
from kaitong.party.choices import PartyKind
from kaitong.party.errors import PartyConflict
from kaitong.party.models import IdentityDocument
from kaitong.party.names import clean_name, name_shape, parse_phone
from kaitong.party.numbers import normalize

OWNER = "change.owner"  # the new owner's identifier, once he is registered
NAME, PHONE = "change.owner_name", "change.owner_phone"
KIND, NUMBER = "change.owner_document_kind", "change.owner_document_number"
UNTIL, LONG_TERM = "change.owner_valid_until", "change.owner_long_term"
READER, FRONT, BACK = "change.owner_reader", "change.owner_front", "change.owner_back"
_PICTURES = {FRONT: AttachmentKind.IDENTITY_FRONT, BACK: AttachmentKind.IDENTITY_BACK}
# Where a fault of the registration stands on the form.
_FIELDS = {
    "name": NAME,
    "phone": PHONE,
    "document.kind": KIND,
    "document.number": NUMBER,
    "document.valid_until": UNTIL,
}


# ---- one answer ----------------------------------------------------------------------------------


def _name(_subject: Subject, value: Any) -> str:
    name = clean_name(str(value))
    shape = name_shape(name, PartyKind.INDIVIDUAL)
    if not name or shape:
        raise wrong(shape or _("没有填写客户名称，或名称过长。"), _("请按证件录入。"))
    return name


def _phone(_subject: Subject, value: Any) -> str:
    number = parse_phone(str(value))
    if number is None:
        raise wrong(_("电话号码不对。"), _("手机 11 位；固定电话带区号。"))
    return number.digits


def _kind(subject: Subject, value: Any) -> str:
    day = timezone.localdate(subject.at)
    rules = evidence.document_rules(subject.procedure.parameters)
    accepted = kinds.accepted_on(day, PartyKind.INDIVIDUAL, rules)
    if str(value) not in {rule.kind for rule in accepted}:
        raise wrong(_("不接受这种证件。"), _("请出示有效的个人证件原件。"))
    return str(value)


def _number(_subject: Subject, value: Any) -> str:
    return normalize(str(value))


def _day(_subject: Subject, value: Any) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise wrong(_("日期不对。"), _("例如 %s。") % "2030-01-31") from None


def _tick(_subject: Subject, value: Any) -> bool:
    return bool(value)


def _text(_subject: Subject, value: Any) -> str:
    return str(value).strip()


def _holder(subject: Subject) -> parties.Summary | None:
    customer = subject.service.customer_id
    return parties.summaries([customer]).get(customer) if customer is not None else None


def _holders_name(subject: Subject) -> str:
    holder = _holder(subject)
    return holder.name if holder else ""


def _holders_phone(subject: Subject) -> str:
    holder = _holder(subject)
    return holder.phone if holder else ""


def _holders_document(subject: Subject) -> str:
    holder = _holder(subject)
    return f"{holder.document_title} {holder.document_number}".strip() if holder else ""


def _masked_mail(value: Any) -> str:
    name, _at, domain = str(value).partition("@")
    return f"{name[:1]}***@{domain}"


ANSWERS: dict[str, Answer] = {
    NAME: Answer(gettext_noop("机主"), _name, _holders_name, mask_name),
    PHONE: Answer(gettext_noop("联系电话"), _phone, _holders_phone, mask_phone),
    KIND: Answer(gettext_noop("证件类型"), _kind, nothing, nothing),
    NUMBER: Answer(gettext_noop("证件号码"), _number, _holders_document, mask_document),
    UNTIL: Answer(gettext_noop("有效期止"), _day, nothing, nothing),
    LONG_TERM: Answer(gettext_noop("长期有效"), _tick, nothing, nothing),
    READER: Answer(gettext_noop("已读卡"), _tick, nothing, nothing),
    FRONT: Answer(gettext_noop("证件影像"), _text, nothing, nothing),
    BACK: Answer(gettext_noop("证件影像"), _text, nothing, nothing),
    "change.name": Answer(gettext_noop("客户姓名"), _name, _holders_name, mask_name),
    "change.phone": Answer(gettext_noop("联系电话"), _phone, _holders_phone, mask_phone),
    "change.email": Answer(gettext_noop("邮箱"), _text, nothing, _masked_mail),
    "change.contact_name": Answer(gettext_noop("联系人"), _name, nothing, mask_name),
    "change.contact_phone": Answer(gettext_noop("联系人电话"), _phone, nothing, mask_phone),
}


# ---- answers together ----------------------------------------------------------------------------


def _new_owner(subject: Subject, kept: Kept, key: str) -> None:
    """Register the new owner with his document (VER-01, BB-16) and what proves it (VER-05).

    In the request's transaction: refused later, nobody was registered.
    """
    until = kept.get(UNTIL)
    rules = evidence.document_rules(subject.procedure.parameters)
    try:
        party = party_verbs.register(
            actor=subject.actor,
            name=kept[NAME],
            phone=kept.get(PHONE, ""),
            document=party_verbs.DocumentData(
                kind=kept[KIND],
                number=kept[NUMBER],
                valid_until=date.fromisoformat(until) if until else None,
                long_term=bool(kept.get(LONG_TERM)),
                reader_used=bool(kept.get(READER)),
            ),
            branch_id=subject.service.branch_id,
            kinds=rules,
        )
    except BadInput as bad:
        raise BadInput(
            [InputFault(_FIELDS.get(f.field, NUMBER), f.what, f.remedy) for f in bad.faults]
        ) from None
    except PartyConflict as conflict:
        raise at(NUMBER, conflict.what, conflict.remedy) from None
    if party.pk == subject.service.customer_id:
        raise at(NUMBER, _("这就是现在的机主。"), _("过户请登记新的机主。"))
    document = next(iter(parties.documents(subject.actor, party.pk)))
    _prove(subject, kept, key, party.pk, document)
    if not document.reader_used and not kept.get(READER):
        document.refresh_from_db()
        lacking = evidence.missing(document, rules)
        if lacking or not document.evidence:
            names = wording.several(str(AttachmentKind(kind).label) for kind in lacking)
            what = _("缺少证件影像：%s。") % names if names else _("没有留存证件影像，也没有读卡。")
            raise at(
                BACK if lacking == [AttachmentKind.IDENTITY_BACK] else FRONT, what, _("请补拍。")
            )
    kept[OWNER] = str(party.pk)


def _prove(
    subject: Subject, kept: Kept, key: str, party_id: UUID, document: IdentityDocument
) -> None:
    """What was shown at the counter becomes part of the new owner's document."""
    taken = []
    for target, kind in _PICTURES.items():
        if not kept.get(target):
            continue
        try:
            upload = document_verbs.use_photo(
                actor=subject.actor,
                attachment_id=UUID(kept[target]),
                kind=kind,
                from_id=UUID(key),
                owner_type="party",
                owner_id=party_id,
                field=target,
            )
        except (AttachmentRefused, ValueError) as refused:
            what = getattr(refused, "what", _("这张照片已经不在，或不是为这一单拍的。"))
            raise at(target, str(what), _("请重新拍照。")) from None
        taken.append(upload.pk)
    if taken or kept.get(READER):
        party_verbs.record_verification(
            actor=subject.actor,
            document_id=document.pk,
            reader_used=bool(kept.get(READER)),
            evidence=taken,
        )


def _data(subject: Subject, kept: Kept, _key: str) -> None:
    """Something is to be changed, and a contact has both name and number."""
    name, phone = kept.get("change.contact_name"), kept.get("change.contact_phone")
    if bool(name) != bool(phone):
        target = "change.contact_phone" if name else "change.contact_name"
        raise at(target, _("联系人要有姓名和电话。"), _("请补全，或都不填。"))
    if subject.service.customer_id is None:
        raise at("change.phone", _("这条宽带没有登记机主。"), _("请先办理过户登记机主。"))


_DATA = frozenset(
    {"change.name", "change.phone", "change.email", "change.contact_name", "change.contact_phone"}
)
WHOLE: tuple[Whole, ...] = (
    Whole(frozenset({NUMBER}), _new_owner),
    Whole(_DATA, _data),
)
