"""The people of a counter intake: what is asked about each, what is wrong with it, who is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.core.errors import NotFound
from kaitong.ordering.requests import CustomerData, DocumentData
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.party import rules
from kaitong.party import services as party_verbs
from kaitong.party.choices import PartyKind
from kaitong.party.kinds import KindRule, find
from kaitong.party.names import clean_name, name_shape, parse_phone
from kaitong.web.forms import Field, Option
from kaitong.web.pages import intake_evidence as proof

Data = Mapping[str, Any]
Faults = dict[str, list[str]]

AGENT = "agent_"
TEXTS = ("name", "phone", "document_kind", "number", "valid_until")
TICKS = ("long_term", "reader")
BY_HAND = proof.INPUTS
SHORTEST_PHONE, SHORTEST_NAME = 4, 2


@dataclass(frozen=True, slots=True)
class Known:
    """A customer of ours: masked, with what keeps him from being taken in, if anything."""

    id: UUID
    name: str
    phone: str
    number: str
    document: str
    until: str
    verified: str
    fault: str = ""


def names() -> tuple[str, ...]:
    """Every input that asks about people."""
    own = (*TEXTS, *TICKS, *BY_HAND)
    return ("kind", *own, *(AGENT + name for name in own), "agent", "letter")


def is_organization(data: Data) -> bool:
    return data.get("kind") == PartyKind.ORGANIZATION


def with_agent(data: Data) -> bool:
    """An organisation always sends somebody (VER-04), a person may (VER-03)."""
    return bool(data.get("agent")) or is_organization(data)


def hits(actor: Actor, data: Data) -> list[parties.Summary]:
    """Customers found by what has been typed so far; nobody once a document is being entered."""
    if data.get("party") or data.get("number"):
        return []
    phone = "".join(c for c in str(data.get("phone", "")) if c.isdigit())
    name = str(data.get("name", "")).strip()
    typed = phone if len(phone) >= SHORTEST_PHONE else name
    if typed == name and len(name) < SHORTEST_NAME:
        return []
    kind = str(PartyKind.ORGANIZATION if is_organization(data) else PartyKind.INDIVIDUAL)
    return [one for one in parties.find(actor, typed, limit=6) if one.kind == kind]


def known(actor: Actor, party_id: str, on: date, kinds: Sequence[KindRule]) -> Known | None:
    """The chosen customer; None when there is none of ours under this identifier."""
    try:
        wanted = UUID(party_id)
        one = parties.summary(actor, wanted)
    except (ValueError, NotFound):
        return None
    fault = _("没有登记证件。")
    documents = parties.documents(actor, wanted)
    if documents:
        newest = documents[0]
        found = rules.check_document(
            newest.kind,
            newest.number,
            newest.valid_until,
            on,
            valid_from=newest.valid_from,
            long_term=newest.long_term,
            party_kind=one.kind,
            kinds=kinds,
        )
        fault = sentences(*(f.what for f in found))
    until = _("长期") if documents and documents[0].long_term else one.document_valid_until
    return Known(
        id=one.id,
        name=one.name,
        phone=one.phone,
        number=one.number,
        document=f"{one.document_title} {one.document_number}".strip(),
        until=str(until or ""),
        verified=one.verified,
        fault=fault,
    )


def fields(
    data: Data, faults: Faults, on: date, kinds: Sequence[KindRule], *, prefix: str, short: bool
) -> list[Field]:
    """What is asked about one person; `short` leaves the document out (a refusal needs none)."""
    organization = is_organization(data) and not prefix
    party_kind = PartyKind.ORGANIZATION if organization else PartyKind.INDIVIDUAL

    def text(name: str, label: str, **more: Any) -> Field:
        full = prefix + name
        return Field(
            full,
            label,
            more.pop("widget", "input"),
            value=data.get(full, ""),
            errors=tuple(faults.get(full, ())),
            **{"required": True, "max_length": 60, **more},
        )

    def tick(name: str, label: str) -> Field:
        return Field(prefix + name, label, "check", value=bool(data.get(prefix + name)))

    label = _("单位名称") if organization else _("客户姓名")
    if prefix:
        label = _("经办人姓名") if is_organization(data) else _("代办人姓名")
    asked = [
        text("phone", _("手机号码"), input_mode="tel", required=not prefix, max_length=24),
        text("name", label),
    ]
    if short:
        return asked
    chosen = str(data.get(prefix + "document_kind", ""))
    options = tuple(
        Option(key, title, key == chosen)
        for key, title in parties.document_kinds(on, party_kind, tuple(kinds))
    )
    rule = find(chosen, kinds)
    expires = rule is None or rule.expires
    return [
        *asked,
        text("document_kind", _("证件类型"), widget="select", options=options),
        text("number", _("证件号码"), mono=True),
        text(
            "valid_until",
            _("有效期止"),
            input_type="date",
            required=expires and not data.get(prefix + "long_term"),
        ),
        tick("long_term", _("长期有效")),
        tick("reader", _("已读卡")),
    ]


def check(
    data: Data,
    on: date,
    kinds: Sequence[KindRule],
    *,
    short: bool,
    face_pass: int = 0,
    letter_kept: bool = False,
) -> Faults:
    """Everything wrong with the people entered, by input (VER-01..05)."""
    found: Faults = {}
    if not short:
        proof.check_face(found, {} if is_organization(data) else data, "", face_pass)
        proof.check_face(found, data if with_agent(data) else {}, AGENT, face_pass)
    if not data.get("party"):
        own = PartyKind.ORGANIZATION if is_organization(data) else PartyKind.INDIVIDUAL
        _check_one(found, data, on, kinds, "", str(own), short)
    if with_agent(data) and not short:
        _check_one(found, data, on, kinds, AGENT, str(PartyKind.INDIVIDUAL), False)
        if is_organization(data) and not data.get("letter") and not letter_kept:
            found["letter"] = [sentences(_("没有单位介绍信。"), _("须收存介绍信原件。"))]
    return found


def typed_only(faults: Faults, data: Data) -> Faults:
    """Faults of inputs that have something in them: nobody is blamed for what comes next."""
    return {name: texts for name, texts in faults.items() if data.get(name)}


def customer(data: Data, *, short: bool, letter_kept: bool = False) -> CustomerData:
    """The customer as `submit` takes him. The data has been checked."""
    agent = None
    if with_agent(data) and not short:
        agent = CustomerData(
            name=data.get(AGENT + "name", ""),
            phone=data.get(AGENT + "phone", ""),
            document=_document(data, AGENT),
            face=proof.face_data(data, AGENT),
        )
    letter = is_organization(data) and (letter_kept or bool(data.get("letter")))
    face = None if short or is_organization(data) else proof.face_data(data, "")
    if data.get("party"):
        return CustomerData(
            party_id=UUID(data["party"]), agent=agent, introduction_letter=letter, face=face
        )
    return CustomerData(
        kind="organization" if is_organization(data) else "individual",
        name=data.get("name", ""),
        phone=data.get("phone", ""),
        document=None if short else _document(data, ""),
        face=face,
        agent=agent,
        introduction_letter=letter,
    )


def rename(actor: Actor, data: Data, reason: str, kinds: Sequence[KindRule], prefix: str) -> None:
    """Correct the name registered for the document on the counter to the one just typed."""
    kind, number = data.get(prefix + "document_kind", ""), data.get(prefix + "number", "")
    found = parties.party_by_document(actor, str(kind), str(number), tuple(kinds))
    if found is None:
        raise NotFound(_("没有用这个证件登记的客户。"), _("请核对证件号码。"))
    party_verbs.correct_name(
        actor=actor, party_id=found, name=str(data.get(prefix + "name", "")), reason=reason
    )


def input_of(field: str) -> str:
    """The input a fault of `submit` belongs to: `customer.agent.document.number`, say."""
    words = field.split(".")
    if words[-1] in ("case", "bound_number"):
        return words[-1]
    if not words or words[0] not in ("customer", "name"):
        return ""
    name = {"kind": "document_kind"}.get(words[-1], words[-1])
    return (AGENT if "agent" in words else "") + name


def sentences(*parts: str) -> str:
    """What is wrong and what to do, as whole sentences of the reader's language."""
    english = wording.english()
    ended = [p if p[-1] in "。.！？!?" else p + ("." if english else "。") for p in parts if p]
    return (" " if english else "").join(ended)


# ---- inside --------------------------------------------------------------------------------------


def _check_one(
    found: Faults,
    data: Data,
    on: date,
    kinds: Sequence[KindRule],
    prefix: str,
    party_kind: str,
    short: bool,
) -> None:
    def wrong(name: str, text: str) -> None:
        found.setdefault(prefix + name, []).append(text)

    name = clean_name(str(data.get(prefix + "name", "")))
    if not name:
        wrong("name", sentences(_("没有填姓名或名称。"), _("请按证件录入。")))
    elif shape := name_shape(name, party_kind):
        wrong("name", sentences(shape, _("请按证件录入。")))
    phone = str(data.get(prefix + "phone", "")).strip()
    if (phone or not prefix) and parse_phone(phone) is None:
        wrong("phone", sentences(_("电话号码不对。"), _("手机 11 位；固定电话带区号。")))
    if short:
        return
    until = data.get(prefix + "valid_until", "")
    if until and _date(until) is None:
        wrong("valid_until", sentences(_("日期不对。"), _("请按年-月-日填写。")))
        return
    if not data.get(prefix + "document_kind"):
        wrong("document_kind", _("没有选证件类型。"))
        return
    for fault in rules.check_document(
        data[prefix + "document_kind"],
        str(data.get(prefix + "number", "")),
        _date(until),
        on,
        long_term=bool(data.get(prefix + "long_term")),
        party_kind=party_kind,
        kinds=kinds,
    ):
        name = {"kind": "document_kind"}.get(fault.field, fault.field)
        wrong(name, sentences(fault.what, fault.remedy))


def _document(data: Data, prefix: str) -> DocumentData:
    return DocumentData(
        kind=data.get(prefix + "document_kind", ""),
        number=data.get(prefix + "number", ""),
        valid_until=_date(data.get(prefix + "valid_until", "")),
        long_term=bool(data.get(prefix + "long_term")),
        reader_used=bool(data.get(prefix + "reader")),
    )


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
