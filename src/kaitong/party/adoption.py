"""Bringing in customers in bulk (存量客户): those an operator has when Kaitong begins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core import audit, clock
from kaitong.core.crypto import blind_index
from kaitong.core.errors import InputFault
from kaitong.core.masking import mask_document
from kaitong.org.actor import Actor
from kaitong.org.queries import branch as branch_of
from kaitong.party import kinds, rules
from kaitong.party.choices import PartyKind
from kaitong.party.errors import PartyInput, PartyRefused
from kaitong.party.models import DOCUMENT_PURPOSE, IdentityDocument, Party, PartyPhone
from kaitong.party.names import clean_name, name_keys, parse_phone
from kaitong.party.numbers import normalize

_SEEN_FAULTS = 200


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer with one document and one phone, as the system before had them."""

    name: str
    phone: str
    document_kind: str
    document_number: str = field(repr=False)
    valid_until: date | None = None
    kind: str = PartyKind.INDIVIDUAL


@transaction.atomic
def adopt(*, actor: Actor, branch_id: UUID, rows: Iterable[CustomerRow]) -> list[UUID]:
    """The customers' identifiers in the order of the rows, made where their document is new.

    Who has a known document is that customer and stays as he is. All rows or none: raises
    `PartyInput` with the faults by row. A document adopted was not read here, and says so.
    """
    if not actor.sees(branch_id):
        raise PartyRefused(_("不能为这个分公司登记客户。"), _("请在本分公司登记。"))
    given = list(rows)
    if faults := _faults(given):
        raise PartyInput(faults)
    rule_of = {rule.kind: rule for rule in kinds.DEFAULT_KINDS}
    indexes = [
        blind_index(
            DOCUMENT_PURPOSE,
            f"{rule_of[row.document_kind].family}:{normalize(row.document_number)}",
        )
        for row in given
    ]
    found = {
        bytes(index): party
        for index, party in IdentityDocument.objects.filter(
            branch_id=branch_id, number_index__in=indexes
        ).values_list("number_index", "party_id")
    }
    new = {index: row for index, row in zip(indexes, given, strict=True) if index not in found}
    code = branch_of(branch_id).code
    parties, phones, documents = [], [], []
    for serial, (index, row) in zip(_serials(len(new)), new.items(), strict=True):
        name, rule = clean_name(row.name), rule_of[row.document_kind]
        keys = name_keys(name, row.kind)
        party = Party(
            branch_id=branch_id,
            kind=row.kind,
            number=f"{code}{serial:08d}",
            name=name,
            name_sort=keys.sort,
            name_initials=keys.initials,
            name_grams=list(keys.grams),
        )
        parties.append(party)
        number = parse_phone(row.phone)
        assert number is not None, "checked before"
        phones.append(
            PartyPhone(
                party=party, e164=number.e164, digits=number.digits, kind=number.kind, primary=True
            )
        )
        plain = normalize(row.document_number)
        documents.append(
            IdentityDocument(
                branch_id=branch_id,
                party=party,
                kind=rule.kind,
                title=rule.title,
                family=rule.family,
                number=plain,
                number_index=index,
                number_masked=mask_document(plain),
                holder_name=name,
                valid_until=row.valid_until,
                long_term=row.valid_until is None,
            )
        )
        found[index] = party.pk
    for model, listed in ((Party, parties), (PartyPhone, phones), (IdentityDocument, documents)):
        model.objects.bulk_create(listed, batch_size=1000)
    if parties:
        audit.record(
            "customers-adopted",
            actor_id=actor.id,
            subject_type="party",
            subject_id=None,
            branch_id=branch_id,
            data={"count": len(parties)},
        )
    return [found[index] for index in indexes]


def _serials(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('party_number_seq') FROM generate_series(1, %s)", [count])
        return [row[0] for row in cursor.fetchall()]


def _faults(rows: list[CustomerRow]) -> list[InputFault]:
    faults: list[InputFault] = []
    today = timezone.localdate(clock.now())
    for number, row in enumerate(rows):
        if not clean_name(row.name):
            faults.append(InputFault(f"rows[{number}].name", _("没有填写客户名称，或名称过长。")))
        if parse_phone(row.phone) is None:
            faults.append(InputFault(f"rows[{number}].phone", _("电话号码不对。")))
        # An expired card is no fault of a customer who is here already.
        wrong = rules.check_document(
            row.document_kind,
            row.document_number,
            None,
            today,
            long_term=True,
            party_kind=row.kind,
        )
        faults += [fault.as_input(f"rows[{number}].document") for fault in wrong]
        if len(faults) >= _SEEN_FAULTS:
            break
    return faults
