"""Public verbs of customers: register, verify, represent, reveal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core import audit, clock, db, plain, wording
from kaitong.core.crypto import blind_index
from kaitong.core.errors import InputFault
from kaitong.core.locks import lock_row
from kaitong.core.masking import mask_document
from kaitong.org.actor import Actor
from kaitong.org.queries import branch as branch_of
from kaitong.org.queries import visible_to
from kaitong.party import kinds as tables
from kaitong.party import rules
from kaitong.party.choices import FaceResult, FaceSource, Grade, PartyKind, Role
from kaitong.party.errors import PartyConflict, PartyInput, PartyRefused
from kaitong.party.models import (
    DOCUMENT_PURPOSE,
    Contact,
    IdentityDocument,
    Party,
    PartyPhone,
    Representation,
)
from kaitong.party.names import PhoneNumber, clean_name, name_keys, name_shape, parse_phone
from kaitong.party.numbers import normalize
from kaitong.party.queries import own_party

LONGEST_NAME = 120
HIGHEST_SCORE = 100


@dataclass(frozen=True, slots=True)
class DocumentData:
    """An identity document as typed or read."""

    kind: str
    number: str = field(repr=False)
    valid_until: date | None = None
    valid_from: date | None = None
    long_term: bool = False
    reader_used: bool = False
    evidence: tuple[UUID, ...] = ()


def register(
    *,
    actor: Actor,
    name: str,
    kind: str = PartyKind.INDIVIDUAL,
    phone: str = "",
    document: DocumentData | None = None,
    grade: str = Grade.ORDINARY,
    branch_id: UUID | None = None,
    on: date | None = None,
    kinds: Sequence[tables.KindRule] = tables.DEFAULT_KINDS,
) -> Party:
    """Find the customer by his document, or create him (实名制登记, BB-16).

    Raises ``PartyInput`` with every fault of name, phone and document (VER-01), and
    ``PartyConflict`` when the number is registered under another name. Twice the same changes
    nothing; a known customer gains the phone and a later validity.
    """
    branch_id = branch_id or actor.branch_id
    if branch_id is None or not actor.sees(branch_id):
        raise PartyRefused(_("不能为这个分公司登记客户。"), _("请在本分公司登记。"))
    on = on or timezone.localdate(clock.now())
    number = _check(name, kind, phone, document, on, kinds)
    with db.whole():
        if document is None:
            party = _create(branch_id, kind, clean_name(name), grade)
        else:
            party = _by_document(branch_id, kind, clean_name(name), grade, document, kinds)
        if number is not None:
            _keep_phone(party, number)
    return party


def record_verification(
    *,
    actor: Actor,
    document_id: UUID,
    reader_used: bool = False,
    evidence: Sequence[UUID] = (),
    face: str = FaceResult.NOT_DONE,
    face_score: Decimal | None = None,
) -> IdentityDocument:
    """Keep how a document was verified: reader or pictures (VER-05), and the face comparison.

    Pictures add up; a document without either stays refused.
    """
    with transaction.atomic():
        found = IdentityDocument.objects.filter(pk=document_id).values_list("party_id", flat=True)
        party = own_party(actor, found[0] if found else None)
        document = lock_row(IdentityDocument.objects.filter(party=party), document_id)
        if document is None:
            raise PartyConflict(_("证件已被删除。"), _("请重新登记证件。"))
        document.evidence = list(dict.fromkeys([*document.evidence, *evidence]))
        document.reader_used = document.reader_used or reader_used
        if not document.evidence and not document.reader_used:
            raise PartyRefused(
                _("没有留存证件影像，也没有读卡。"),
                _("请读卡，或拍照留存证件影像。"),
                field="evidence",
            )
        now = clock.now()
        if face != FaceResult.NOT_DONE:
            document.face, document.face_score, document.face_at = face, face_score, now
        document.verified_at, document.verified_by = now, actor.id
        document.save()
    return document


def record_face(
    *,
    actor: Actor,
    document_id: UUID,
    result: str,
    source: str,
    score: Decimal | None = None,
    reason: str = "",
) -> IdentityDocument:
    """Keep the outcome of a face comparison (人像比对): result, score, by what, when.

    A reader or a platform gives its own; by hand it needs a reason. The newest counts.
    """
    faults = []
    if result not in FaceResult.values or result == FaceResult.NOT_DONE:
        faults.append(InputFault("face", _("没有选人像比对结果。"), _("请选一项。")))
    if source not in FaceSource.values:
        known = wording.several(FaceSource.values)
        faults.append(InputFault("face_source", _("不认识这种比对来源。"), known))
    if score is not None and not 0 <= score <= HIGHEST_SCORE:
        faults.append(InputFault("face_score", _("相似度不对。"), _("请填 0 到 100。")))
    if source == FaceSource.BY_HAND and not reason.strip():
        faults.append(
            InputFault("face_reason", _("没有写人工比对的依据。"), _("请写明怎样比对的。"))
        )
    if faults:
        raise PartyInput(faults)
    with transaction.atomic():
        found = IdentityDocument.objects.filter(pk=document_id).values_list("party_id", flat=True)
        party = own_party(actor, found[0] if found else None)
        document = lock_row(IdentityDocument.objects.filter(party=party), document_id)
        if document is None:
            raise PartyConflict(_("证件已被删除。"), _("请重新登记证件。"))
        document.face, document.face_score, document.face_at = result, score, clock.now()
        document.face_source, document.face_reason = source, reason.strip()[:200]
        document.save(update_fields=["face", "face_score", "face_at", "face_source", "face_reason"])
    return document


def correct_name(*, actor: Actor, party_id: UUID, name: str, reason: str) -> Party:
    """Correct a customer's name by his document (姓名更正): a slip of the first registration would
    keep his number shut. Recorded with the reason, without either name.
    """
    plain = clean_name(name)
    if not reason.strip():
        raise PartyInput([InputFault("reason", _("没有写更正原因。"), _("请写明依据。"))])
    with transaction.atomic():
        party = own_party(actor, party_id, lock=True)
        shape = name_shape(plain, party.kind)
        if shape or len(plain) > LONGEST_NAME:
            raise PartyInput([_name_fault(shape)])
        if party.name == plain:
            return party
        keys = name_keys(plain, party.kind)
        party.name, party.name_sort, party.name_initials = plain, keys.sort, keys.initials
        party.name_grams = list(keys.grams)
        party.save(update_fields=["name", "name_sort", "name_initials", "name_grams"])
        party.documents.update(holder_name=plain)
        audit.record(
            "party.name-corrected",
            actor_id=actor.id,
            subject_type="party",
            subject_id=party.pk,
            branch_id=party.branch_id,
            data={"reason": reason.strip()[:200]},
        )
    return party


def add_phone(*, actor: Actor, party_id: UUID, phone: str, primary: bool = False) -> PartyPhone:
    """Add a telephone number; ``primary`` makes it the one that is called first."""
    number = parse_phone(phone)
    if number is None:
        raise PartyInput([_phone_fault("phone")])
    with transaction.atomic():
        party = own_party(actor, party_id, lock=True)
        return _keep_phone(party, number, primary=primary)


def keep_mail(*, actor: Actor, party_id: UUID, email: str, language: str = "") -> Party:
    """Keep the customer's mail address (encrypted) and, where known, his language."""
    address = email.strip()
    try:
        validate_email(address)
    except ValidationError:
        fault = InputFault("email", _("邮箱地址不对。"), _("例如 name@example.com。"))
        raise PartyInput([fault]) from None
    if language and language not in dict(settings.LANGUAGES):
        known = wording.several(dict(settings.LANGUAGES))
        raise PartyInput([InputFault("language", _("没有这种语言。"), known)])
    with transaction.atomic():
        party = own_party(actor, party_id, lock=True)
        party.email, party.language = address, language or party.language
        party.save(update_fields=["email", "language"])
    return party


def add_contact(
    *, actor: Actor, party_id: UUID, name: str, phone: str, remark: str = ""
) -> Contact:
    """Add somebody to call about the customer's orders (联系人)."""
    number = parse_phone(phone)
    faults = [] if number else [_phone_fault("phone")]
    if not clean_name(name):
        faults.append(_name_fault())
    if number is None or faults:
        raise PartyInput(faults)
    with transaction.atomic():
        party = own_party(actor, party_id)
        contact, _created = Contact.objects.update_or_create(
            party=party,
            e164=number.e164,
            name=clean_name(name),
            defaults={"digits": number.digits, "remark": remark},
        )
    return contact


def set_grade(*, actor: Actor, party_id: UUID, grade: str) -> Party:
    """Change the customer's grade (客户等级)."""
    if grade not in Grade.values:
        known = wording.several(Grade.values)
        raise PartyInput([InputFault("grade", _("没有这个客户等级。"), known)])
    with transaction.atomic():
        party = own_party(actor, party_id, lock=True)
        party.grade = grade
        party.save(update_fields=["grade"])
    return party


def represent(
    *,
    actor: Actor,
    party_id: UUID,
    representative_id: UUID,
    evidence: Sequence[UUID] = (),
    valid_until: date | None = None,
) -> Representation:
    """Let a person act for a customer: as agent of a person, as handler of an organisation.

    An organisation's handler needs the letter of introduction kept (VER-04).
    """
    with transaction.atomic():
        party = own_party(actor, party_id, lock=True)
        other = own_party(actor, representative_id)
        if other.pk == party.pk or other.kind != PartyKind.INDIVIDUAL:
            raise PartyRefused(_("代办人、经办人须是客户以外的个人。"), _("请登记实际到场的人。"))
        role = Role.HANDLER if party.kind == PartyKind.ORGANIZATION else Role.AGENT
        if role is Role.HANDLER and not evidence:
            raise PartyRefused(_("缺少单位介绍信。"), _("请拍照留存介绍信原件。"), field="evidence")
        row, _created = Representation.objects.update_or_create(
            party=party,
            representative=other,
            role=role,
            ended_at=None,
            defaults={"evidence": list(evidence), "valid_until": valid_until},
        )
    return row


def end_representation(*, actor: Actor, representation_id: UUID) -> datetime:
    """End somebody's right to act for a customer; ending twice keeps the first time."""
    with transaction.atomic():
        found = Representation.objects.filter(pk=representation_id).values_list(
            "party_id", flat=True
        )
        own_party(actor, found[0] if found else None, lock=True)
        row = Representation.objects.get(pk=representation_id)
        if row.ended_at is None:
            row.ended_at = clock.now()
            row.save(update_fields=["ended_at"])
    return row.ended_at


REVEALED = ("name", "phone", "document", "contacts")


def reveal(*, actor: Actor, party_id: UUID, field: str, reason: str) -> str:
    """Read one fact in clear (``name``, ``phone``, ``document``, ``contacts``). The reading is
    recorded with its reason before the value is given; several values come on lines."""
    if field not in REVEALED:
        raise PartyInput([InputFault("field", _("没有这一项。"), wording.several(REVEALED))])
    if not reason.strip():
        raise PartyInput([InputFault("reason", _("没有填写查看原因。"), _("请说明为何查看。"))])
    with transaction.atomic():
        party = own_party(actor, party_id)
        audit.record(
            "party.reveal",
            actor_id=actor.id,
            subject_type="party",
            subject_id=party.pk,
            branch_id=party.branch_id,
            data={"field": field, "reason": reason.strip()[:200]},
        )
        if field == "name":
            return party.name
        if field == "phone":
            phones = party.phones.order_by("-primary", "created_at")
            return "\n".join(p.digits for p in phones)
        if field == "contacts":
            return "\n".join(f"{c.name} {c.digits}" for c in party.contacts.order_by("created_at"))
        documents = party.documents.order_by("created_at")
        return "\n".join(f"{d.title} {d.number}" for d in documents)


@transaction.atomic
def reveal_many(
    *, actor: Actor, party_ids: Iterable[UUID], reason: str
) -> dict[UUID, tuple[str, str]]:
    """Name and first phone of many customers in clear, by identifier, for a list that goes out.

    Each reading is recorded with its reason, as `reveal` does. Others' customers are left out.
    """
    if not reason.strip():
        raise PartyInput([InputFault("reason", _("没有填写查看原因。"), _("请说明为何查看。"))])
    rows = visible_to(Party.objects.filter(pk__in=set(party_ids)), actor)
    found: dict[UUID, tuple[str, str]] = {}
    for party in rows.prefetch_related("phones").order_by("pk"):
        for read in ("name", "phone"):
            audit.record(
                "party.reveal",
                actor_id=actor.id,
                subject_type="party",
                subject_id=party.pk,
                branch_id=party.branch_id,
                data={"field": read, "reason": reason.strip()[:200]},
            )
        phones = sorted(party.phones.all(), key=lambda p: (not p.primary, p.created_at))
        found[party.pk] = (party.name, phones[0].digits if phones else "")
    return found


# ------------------------------------------------------------------ inside


def _check(
    name: str,
    kind: str,
    phone: str,
    document: DocumentData | None,
    on: date,
    kinds: Sequence[tables.KindRule],
) -> PhoneNumber | None:
    """All faults of a registration at once; the parsed phone when there is none."""
    faults = []
    shape = name_shape(clean_name(name), kind)
    if shape or len(clean_name(name)) > LONGEST_NAME:
        faults.append(_name_fault(shape))
    if kind not in PartyKind.values:
        known = wording.several(PartyKind.values)
        faults.append(InputFault("kind", _("没有这种客户类别。"), known))
    number = parse_phone(phone) if phone.strip() else None
    if phone.strip() and number is None:
        faults.append(_phone_fault("phone"))
    if document is not None:
        found = rules.check_document(
            document.kind,
            document.number,
            document.valid_until,
            on,
            valid_from=document.valid_from,
            long_term=document.long_term,
            party_kind=kind,
            kinds=kinds,
        )
        faults += [fault.as_input("document") for fault in found]
    if faults:
        raise PartyInput(faults)
    return number


def _name_fault(shape: str = "") -> InputFault:
    what = shape or _("没有填写客户名称，或名称过长。")
    return InputFault("name", what, _("请按证件录入。"))


def _phone_fault(field: str) -> InputFault:
    return InputFault(field, _("电话号码不对。"), _("手机 11 位；固定电话带区号。"))


def _index(family: str, number: str) -> bytes:
    return blind_index(DOCUMENT_PURPOSE, f"{family}:{normalize(number)}")


def _by_document(
    branch_id: UUID,
    kind: str,
    name: str,
    grade: str,
    data: DocumentData,
    kinds: Sequence[tables.KindRule],
) -> Party:
    rule = tables.find(data.kind, kinds)
    assert rule is not None, "checked before"
    index = _index(rule.family, data.number)
    document = _find_document(branch_id, index)
    if document is None:
        try:
            with transaction.atomic():  # a savepoint: somebody may register the same card now
                party = _create(branch_id, kind, name, grade)
                plain = normalize(data.number)
                IdentityDocument.objects.create(
                    branch_id=branch_id,
                    party=party,
                    kind=rule.kind,
                    title=rule.title,
                    family=rule.family,
                    number=plain,
                    number_index=index,
                    number_masked=mask_document(plain),
                    holder_name=name,
                    valid_from=data.valid_from,
                    valid_until=data.valid_until,
                    long_term=data.long_term,
                    reader_used=data.reader_used,
                    evidence=list(data.evidence),
                )
                return party
        except IntegrityError:
            document = _find_document(branch_id, index)
            if document is None:
                raise
    party = document.party
    if clean_name(party.name) != name:
        raise PartyConflict(
            _("该证件号码已登记在另一姓名下。"),
            _("请核对姓名；原来登记错了的，按证件更正。"),
            field="name",
            code="name-differs",
        )
    _refresh_document(document, rule, data)
    return party


def _find_document(branch_id: UUID, index: bytes) -> IdentityDocument | None:
    told = [branch_id, "\\x" + index.hex()]
    found = plain.where(IdentityDocument, "branch_id = %s and number_index = %s limit 1", told)
    return found[0] if found else None


def _refresh_document(
    document: IdentityDocument, rule: tables.KindRule, data: DocumentData
) -> None:
    """Take over what a newer card of the same number shows."""
    changed = []
    newer = data.valid_until is not None and (
        document.valid_until is None or data.valid_until > document.valid_until
    )
    if newer or (data.long_term and not document.long_term):
        document.kind, document.title = rule.kind, rule.title
        document.valid_from, document.valid_until = data.valid_from, data.valid_until
        document.long_term = data.long_term
        changed += ["kind", "title", "valid_from", "valid_until", "long_term"]
    if data.reader_used and not document.reader_used:
        document.reader_used = True
        changed.append("reader_used")
    if set(data.evidence) - set(document.evidence):
        document.evidence = list(dict.fromkeys([*document.evidence, *data.evidence]))
        changed.append("evidence")
    if changed:
        document.save(update_fields=changed)


def _create(branch_id: UUID, kind: str, name: str, grade: str) -> Party:
    keys = name_keys(name, kind)
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('party_number_seq')")
        serial = cursor.fetchone()[0]
    return Party.objects.create(
        branch_id=branch_id,
        kind=kind,
        number=f"{branch_of(branch_id).code}{serial:08d}",
        name=name,
        name_sort=keys.sort,
        name_initials=keys.initials,
        name_grams=list(keys.grams),
        grade=grade,
    )


def _keep_phone(party: Party, number: PhoneNumber, *, primary: bool = False) -> PartyPhone:
    row, created = PartyPhone.objects.get_or_create(
        party=party, e164=number.e164, defaults={"digits": number.digits, "kind": number.kind}
    )
    first = created and not PartyPhone.objects.filter(party=party, primary=True).exists()
    if (primary or first) and not row.primary:
        Party.objects.select_for_update(no_key=True).get(pk=party.pk)  # one changes it at a time
        PartyPhone.objects.filter(party=party, primary=True).update(primary=False)
        row.primary = True
        row.save(update_fields=["primary"])
    return row
