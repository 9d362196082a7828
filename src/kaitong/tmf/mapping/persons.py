"""Parties given by value: read into the domain's words, then masked before anything is kept.

Names, phones and document numbers of customers live in `party`, encrypted or masked there. The
document of an order that is kept in `ext` holds only masked copies of them, and of a person given
by value only the attributes the contract declares: an undeclared one could be anything.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.timezone import get_default_timezone_name
from django.utils.translation import gettext as _

from kaitong.core.errors import InputFault
from kaitong.core.masking import mask_document, mask_name, mask_phone
from kaitong.ordering.requests import CustomerData, DocumentData
from kaitong.tmf.contract.common import RELATED_PARTY
from kaitong.tmf.contract.schemas import parse_date
from kaitong.tmf.errors import missing

CUSTOMER, AGENT = "customer", "agent"
_IDENTIFICATIONS = ("individualIdentification", "organizationIdentification")
_BY_VALUE = frozenset({"contactMedium", *_IDENTIFICATIONS})
_DECLARED = frozenset(item.name for item in RELATED_PARTY)

Document = Mapping[str, Any]


def is_role(party: Document, role: str) -> bool:
    """Roles are words people write: case and spaces around do not count."""
    return str(party.get("role", "")).strip().lower() == role


def is_person(party: Document) -> bool:
    """True for a party whose personal data must not be kept in the order's document."""
    return is_role(party, CUSTOMER) or is_role(party, AGENT) or bool(_BY_VALUE & party.keys())


def read_customer(
    parties: list[Document], faults: list[InputFault], places: dict[str, str]
) -> CustomerData | None:
    """The customer among the related parties, with the agent (代办人) who acts for them, if any.

    `places` learns where each of the domain's fields stood in the document.
    """
    found = [(n, p) for n, p in enumerate(parties) if is_role(p, CUSTOMER)]
    agents = [(n, p) for n, p in enumerate(parties) if is_role(p, AGENT)]
    for number, _party in found[1:] + agents[1:]:
        faults.append(InputFault(f"relatedParty[{number}].role", _("不止一个")))
    agent = None
    if agents:
        number, party = agents[0]
        agent = _read(party, f"relatedParty[{number}]", "customer.agent", faults, places)
    if not found:
        return None
    number, party = found[0]
    return _read(party, f"relatedParty[{number}]", "customer", faults, places, agent)


def _read(
    party: Document,
    place: str,
    field: str,
    faults: list[InputFault],
    places: dict[str, str],
    agent: CustomerData | None = None,
) -> CustomerData:
    is_organization = (
        "organizationIdentification" in party
        or "organization" in f"{party.get('@type', '')} {party.get('@referredType', '')}".lower()
    )
    name = str(party.get("name", "")).strip()
    party_id = _uuid(party.get("id"))
    if party_id is None and not name:
        if party.get("id"):
            faults.append(InputFault(f"{place}.id", _("不是这里的客户")))
        else:
            faults.append(InputFault(f"{place}.name", missing(), _("客户要有 id 或 name。")))
    phone, phone_place = _phone(party, place)
    places |= {
        field: place,
        f"{field}.party_id": f"{place}.id",
        f"{field}.name": f"{place}.name",
        f"{field}.phone": phone_place,
        f"{field}.email": f"{place}.contactMedium",
        f"{field}.kind": f"{place}.@type",
        f"{field}.introduction_letter": f"{place}.introductionLetter",
    }
    return CustomerData(
        party_id=party_id,
        kind="organization" if is_organization else "individual",
        name=name,
        phone=phone,
        email=_mail(party),
        document=_document(party, place, f"{field}.document", places),
        agent=agent,
        introduction_letter=party.get("introductionLetter") is True,
    )


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


def _phone(party: Document, place: str) -> tuple[str, str]:
    """The phone to use: the preferred contact's, else the first."""
    media = [
        (n, m)
        for n, m in enumerate(party.get("contactMedium") or ())
        if (m.get("characteristic") or {}).get("phoneNumber")
    ]
    if not media:
        return "", f"{place}.contactMedium"
    number, medium = next((entry for entry in media if entry[1].get("preferred")), media[0])
    where = f"{place}.contactMedium[{number}].characteristic.phoneNumber"
    return str(medium["characteristic"]["phoneNumber"]).strip(), where


def _mail(party: Document) -> str:
    """The mail address to use: the preferred contact's, else the first."""
    media = [
        medium
        for medium in party.get("contactMedium") or ()
        if (medium.get("characteristic") or {}).get("emailAddress")
    ]
    media.sort(key=lambda medium: not medium.get("preferred"))
    return str(media[0]["characteristic"]["emailAddress"]).strip() if media else ""


def _document(
    party: Document, place: str, field: str, places: dict[str, str]
) -> DocumentData | None:
    for attribute in _IDENTIFICATIONS:
        for number, item in enumerate(party.get(attribute) or ()):
            where = f"{place}.{attribute}[{number}]"
            places |= {
                field: where,
                f"{field}.kind": f"{where}.identificationType",
                f"{field}.number": f"{where}.identificationId",
                f"{field}.valid_until": f"{where}.validFor.endDateTime",
                f"{field}.valid_from": f"{where}.validFor.startDateTime",
            }
            period = item.get("validFor")
            end = (period or {}).get("endDateTime")
            return DocumentData(
                kind=str(item["identificationType"]).strip(),
                number=str(item["identificationId"]).strip(),
                valid_from=_day((period or {}).get("startDateTime")),
                valid_until=_day(end),
                long_term=period is not None and end is None,
                reader_used=item.get("readerUsed") is True,
            )
    places[field] = f"{place}.individualIdentification"
    return None


def _day(moment: str | None) -> date | None:
    """The day of a moment, where Kaitong stands."""
    if not moment:
        return None
    return parse_date(moment).astimezone(ZoneInfo(get_default_timezone_name())).date()


def masked(party: Document) -> dict[str, Any]:
    """A related party as it may be kept and shown."""
    if not is_person(party):
        return dict(party)
    kept = {name: value for name, value in party.items() if name in _DECLARED}
    if kept.get("name"):
        kept["name"] = mask_name(str(kept["name"]))
    if "contactMedium" in kept:
        kept["contactMedium"] = [_masked_medium(medium) for medium in kept["contactMedium"]]
    for attribute in _IDENTIFICATIONS:
        if attribute in kept:
            kept[attribute] = [_masked_identification(item) for item in kept[attribute]]
    return kept


def _masked_medium(medium: Document) -> dict[str, Any]:
    kept = {name: medium[name] for name in ("mediumType", "preferred") if name in medium}
    phone = str((medium.get("characteristic") or {}).get("phoneNumber", ""))
    if phone:
        kept["characteristic"] = {"phoneNumber": mask_phone(phone)}
    return kept


def _masked_identification(item: Document) -> dict[str, Any]:
    names = ("identificationType", "issuingAuthority", "validFor", "readerUsed")
    kept = {name: item[name] for name in names if name in item}
    kept["identificationId"] = mask_document(str(item["identificationId"]))
    return kept
