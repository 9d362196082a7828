"""Reading customers: found by name, initials, phone or document; shown masked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Reverse
from django.utils.translation import gettext as _

from kaitong.core import plain, wording
from kaitong.core.crypto import blind_index
from kaitong.core.masking import mask_name, mask_phone
from kaitong.org.actor import Actor
from kaitong.org.queries import branches_seen, visible_to
from kaitong.party import kinds as tables
from kaitong.party.choices import FaceResult
from kaitong.party.errors import PartyNotFound
from kaitong.party.models import DOCUMENT_PURPOSE, IdentityDocument, Party, PartyPhone
from kaitong.party.names import clean_name, grams
from kaitong.party.numbers import normalize

SHORTEST_TAIL = 4
LONGEST_PHONE = 13
SHORTEST_DOCUMENT = 8


@dataclass(frozen=True, slots=True)
class Summary:
    """A customer as pages and papers show him: nothing in clear."""

    id: UUID
    number: str
    kind: str
    kind_title: str
    name: str
    name_sort: str
    phone: str
    grade: str
    document_kind: str
    document_title: str
    document_number: str
    document_valid_until: date | None
    verified: str

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "name_sort"}


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a customer is told something, in clear: for what sends, never for a page."""

    name: str  # masked: a message may be read by others
    phone: str = field(repr=False)
    email: str = field(repr=False)
    language: str = ""


_FIRST_PHONE = """select digits from party_partyphone where party_id = %s
 order by "primary" desc, id desc limit 1"""


def reach(party_id: UUID | None) -> Reach | None:
    """A customer's first telephone, mail address and language; None when there is no such one."""
    party = plain.by_key(Party, party_id) if party_id else None
    if party is None:
        return None
    phones = plain.ask(_FIRST_PHONE, [party_id])
    return Reach(
        name=mask_name(party.name),
        phone=phones[0][0] if phones else "",
        email=party.email or "",
        language=party.language,
    )


def own_party(actor: Actor, party_id: UUID | None, *, lock: bool = False) -> Party:
    """The customer if the actor may see him, else ``PartyNotFound``."""
    seen = branches_seen(actor)
    party = plain.by_key(Party, party_id, lock=lock, branches=seen) if party_id else None
    if party is None:
        raise PartyNotFound(_("没有这位客户。"), _("请核对编号和所在分公司。"))
    return party


def party(actor: Actor, party_id: UUID) -> Party:
    """The customer with phones, documents and contacts loaded."""
    own = own_party(actor, party_id)
    return Party.objects.prefetch_related("phones", "documents", "contacts").get(pk=own.pk)


def find(actor: Actor, text: str, *, limit: int = 20) -> list[Summary]:
    """Customers while a clerk types: part of a name, pinyin initials, head or tail of a phone, a
    customer number, or a whole document number. Ordered as a Chinese reader expects."""
    plain = clean_name(text)
    if not plain:
        return []
    compact = normalize(plain)
    own = visible_to(Party.objects.all(), actor)
    searches: list[QuerySet[Any, Any]] = []
    if plain.isascii():
        searches.append(own.filter(number=compact).values_list("id"))
        if plain.isalpha():
            searches.append(own.filter(name_initials__startswith=plain.lower()).values_list("id"))
    else:
        searches.append(own.filter(name__startswith=plain).values_list("id"))
    if len(plain) > 2 or not plain.isascii():
        inside = own.filter(name_grams__contains=list(grams(plain)) or [plain])
        searches.append(inside.values_list("id"))
    digits = compact.removeprefix("+86")
    if digits.lstrip("+").isdigit() and SHORTEST_TAIL <= len(digits) <= LONGEST_PHONE:
        searches += _by_phone(actor, digits)
    if len(compact) >= SHORTEST_DOCUMENT:
        searches.append(_by_document(actor, compact))
    found = searches[0].union(*searches[1:]) if len(searches) > 1 else searches[0]
    rows = Party.objects.filter(pk__in=found).order_by("name_sort", "id")[:limit]
    return _summaries(rows.only(*_TOLD))


_THESE = "id = any(%s::uuid[])"


def summaries(ids: Iterable[UUID]) -> dict[UUID, Summary]:
    """Masked facts of the customers of orders already found visible, in three queries."""
    wanted = {i for i in ids if i is not None}
    if not wanted:
        return {}
    return {one.id: one for one in _summaries(plain.where(Party, _THESE, [plain.array(wanted)]))}


def kind_of(party_id: UUID | None) -> str:
    """Person or organisation; "" where there is no such customer. For who has found him before."""
    rows = Party.objects.filter(pk=party_id).values_list("kind", flat=True) if party_id else ()
    return next(iter(rows), "")


def names(ids: Iterable[UUID]) -> dict[UUID, str]:
    """Masked names of the customers of orders already found visible, in one query."""
    wanted = {i for i in ids if i is not None}
    if not wanted:
        return {}
    rows = Party.objects.filter(pk__in=wanted).values_list("pk", "name")
    return {number: mask_name(name) for number, name in rows}


def summary(actor: Actor, party_id: UUID) -> Summary:
    """Masked facts of one customer."""
    own = own_party(actor, party_id)
    return _summaries([own])[0]


def documents(actor: Actor, party_id: UUID) -> list[IdentityDocument]:
    """A customer's documents, newest first; their numbers are masked unless revealed."""
    own = own_party(actor, party_id)
    return plain.where(IdentityDocument, "party_id = %s order by created_at desc", [own.pk])


def party_by_document(
    actor: Actor, kind: str, number: str, kinds: Sequence[tables.KindRule] = tables.DEFAULT_KINDS
) -> UUID | None:
    """Whose document this is among the customers of the actor's own branch, if anybody's."""
    rule = tables.find(kind, kinds)
    if rule is None or not number.strip() or actor.branch_id is None:
        return None
    index = blind_index(DOCUMENT_PURPOSE, f"{rule.family}:{normalize(number)}")
    return (
        IdentityDocument.objects.filter(branch_id=actor.branch_id, number_index=index)
        .values_list("party_id", flat=True)
        .first()
    )


_SHOWS = """select 1 from party_identitydocument
 where party_id = %s and number_index = any(%s::bytea[]) limit 1"""


def shows_document(party_id: UUID, number: str) -> bool:
    """Whether a customer has a document of this number, whatever its kind (VER-09)."""
    compact = normalize(number)
    if len(compact) < SHORTEST_DOCUMENT:
        return False
    families = sorted({rule.family for rule in tables.DEFAULT_KINDS})
    indexes = [blind_index(DOCUMENT_PURPOSE, f"{family}:{compact}") for family in families]
    told = plain.array("\\x" + index.hex() for index in indexes)
    return bool(plain.ask(_SHOWS, [party_id, told]))


def document_kinds(
    on: date, party_kind: str = "", kinds: tuple[tables.KindRule, ...] = tables.DEFAULT_KINDS
) -> list[tuple[str, str]]:
    """Kinds to pick from at the counter on a day, as (key, title)."""
    rules = tables.accepted_on(on, party_kind, kinds)
    return [(rule.kind, _kind_title(rule.kind, rule.title)) for rule in rules]


def verified_text(document: IdentityDocument) -> str:
    """How the customer was verified, in one line for page and receipt (实名核验)."""
    if document.verified_at is None and not document.reader_used and not document.evidence:
        return _("未核验")
    parts = [_("读卡核验一致") if document.reader_used else _("已留存证件影像")]
    if document.face != FaceResult.NOT_DONE:
        score = f" {document.face_score.normalize():f}" if document.face_score is not None else ""
        parts.append(f"{FaceResult(document.face).label}{score}")
    return wording.several(parts, "，")


# ------------------------------------------------------------------ inside


def _kind_title(kind: str, title: str) -> str:
    """The kind's name in the reader's language; an operator's own kinds have one name."""
    rule = tables.find(kind)
    english = wording.english()
    return rule.title_en if english and rule is not None else title


def _by_phone(actor: Actor, digits: str) -> list[QuerySet[PartyPhone, Any]]:
    """Head and tail apart, so that each uses its own index."""
    phones = visible_to(PartyPhone.objects.all(), actor, "party__branch_id")
    tails = phones.annotate(tail=Reverse("digits")).filter(tail__startswith=digits[::-1])
    return [
        phones.filter(digits__startswith=digits).values_list("party_id"),
        tails.values_list("party_id"),
    ]


def _by_document(actor: Actor, number: str) -> QuerySet[IdentityDocument, Any]:
    families = sorted({rule.family for rule in tables.DEFAULT_KINDS})
    indexes = [blind_index(DOCUMENT_PURPOSE, f"{family}:{number}") for family in families]
    found = visible_to(IdentityDocument.objects.filter(number_index__in=indexes), actor)
    return found.values_list("party_id")


# the columns of a summary
_TOLD = ("number", "kind", "name", "name_sort", "grade")
# the first telephone is written last and stays
_PHONES = """select party_id, digits from party_partyphone where party_id = any(%s::uuid[])
 order by "primary", id desc"""
_DOCUMENTS = "party_id = any(%s::uuid[]) order by created_at, id"


def _summaries(parties: Iterable[Party]) -> list[Summary]:
    rows = list(parties)
    ids = plain.array(row.pk for row in rows)
    phones: dict[UUID, str] = dict(plain.ask(_PHONES, [ids]))
    newest: dict[UUID, IdentityDocument] = {}
    for document in plain.where(IdentityDocument, _DOCUMENTS, [ids], without=("number",)):
        newest[document.party_id] = document
    return [_summary(row, phones.get(row.pk, ""), newest.get(row.pk)) for row in rows]


def _summary(row: Party, phone: str, document: IdentityDocument | None) -> Summary:
    return Summary(
        id=row.pk,
        number=row.number,
        kind=row.kind,
        kind_title=str(row.get_kind_display()),
        name=mask_name(row.name),
        name_sort=row.name_sort,
        phone=mask_phone(phone),
        grade=str(row.get_grade_display()),
        document_kind=document.kind if document else "",
        document_title=_kind_title(document.kind, document.title) if document else "",
        document_number=document.number_masked if document else "",
        document_valid_until=document.valid_until if document else None,
        verified=verified_text(document) if document else _("未核验"),
    )
