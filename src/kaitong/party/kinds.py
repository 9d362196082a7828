"""Kinds of identity document (证件类型) as dated data.

What is accepted changes with the regulations, so kinds are rows with dates and not code. An
operator's table comes from a playbook's parameters (``kinds_from``); ``DEFAULT_KINDS`` is what a
playbook starts from. VER-01 and VER-04 list kinds as the operators' papers had them; some are
history: the driving licence is no identity document for real-name registration, organisation code
certificate and tax registration were replaced by the unified social credit code.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from kaitong.core.errors import BadInput, InputFault
from kaitong.party.choices import PartyKind
from kaitong.party.numbers import FORMATS

INDIVIDUAL = PartyKind.INDIVIDUAL.value
ORGANIZATION = PartyKind.ORGANIZATION.value


@dataclass(frozen=True, slots=True)
class KindRule:
    """One kind: which numbers it has, who may use it and from when to when it is accepted.

    Kinds of one ``family`` carry the same number (a resident's card and his temporary card), so a
    customer is found again whichever he brings. ``format`` names a rule of ``numbers.FORMATS``,
    ``photos`` kinds of attachments.
    """

    kind: str
    title: str
    title_en: str
    format: str
    family: str
    party_kind: str = INDIVIDUAL
    accepted_from: date | None = None
    accepted_until: date | None = None
    expires: bool = True
    photos: tuple[str, ...] = ("identity-front",)  # what is kept of it where no reader was used

    def accepted(self, on: date) -> bool:
        return (self.accepted_from is None or self.accepted_from <= on) and (
            self.accepted_until is None or on <= self.accepted_until
        )


BOTH_SIDES, LICENCE = ("identity-front", "identity-back"), ("licence",)
PHOTOS = {*BOTH_SIDES, *LICENCE}
DEFAULT_KINDS: tuple[KindRule, ...] = (
    KindRule(
        "resident-id",
        "居民身份证",
        "Resident identity card",
        "resident",
        "resident",
        photos=BOTH_SIDES,
    ),
    KindRule(
        "temporary-id",
        "临时居民身份证",
        "Temporary identity card",
        "resident",
        "resident",
        photos=BOTH_SIDES,
    ),
    KindRule(
        "household-register",
        "户口簿",
        "Household register",
        "resident",
        "resident",
        expires=False,
        photos=BOTH_SIDES,
    ),
    KindRule("officer-card", "军官证", "Officer card", "service", "service"),
    KindRule("police-card", "武警警官证", "Armed police card", "service", "police"),
    KindRule("soldier-card", "士兵证", "Soldier card", "service", "soldier"),
    KindRule("passport", "护照", "Passport", "passport", "passport"),
    KindRule(
        "hk-macau-permit",
        "港澳居民来往内地通行证",
        "Mainland travel permit for Hong Kong and Macau residents",
        "hk-macau",
        "hk-macau",
        photos=BOTH_SIDES,
    ),
    KindRule(
        "taiwan-permit",
        "台湾居民来往大陆通行证",
        "Mainland travel permit for Taiwan residents",
        "taiwan",
        "taiwan",
        photos=BOTH_SIDES,
    ),
    KindRule(
        "hkmt-residence-permit",
        "港澳台居民居住证",
        "Residence permit for Hong Kong, Macau and Taiwan residents",
        "resident",
        "resident",
        accepted_from=date(2018, 9, 1),
        photos=BOTH_SIDES,
    ),
    KindRule(
        "foreigner-residence",
        "外国人永久居留身份证",
        "Foreign permanent resident card",
        "foreign-resident",
        "foreign-resident",
        photos=BOTH_SIDES,
    ),
    KindRule(
        "driving-licence",
        "驾驶证",
        "Driving licence",
        "resident",
        "resident",
        accepted_until=date(2013, 8, 31),
    ),
    KindRule(
        "business-licence",
        "营业执照",
        "Business licence",
        "social-credit",
        "social-credit",
        ORGANIZATION,
        accepted_from=date(2015, 10, 1),
        expires=False,
        photos=LICENCE,
    ),
    KindRule(
        "institution-certificate",
        "事业单位法人证书",
        "Public institution certificate",
        "social-credit",
        "social-credit",
        ORGANIZATION,
        photos=LICENCE,
    ),
    KindRule(
        "society-certificate",
        "社会团体法人登记证书",
        "Social organisation certificate",
        "social-credit",
        "social-credit",
        ORGANIZATION,
        photos=LICENCE,
    ),
    KindRule(
        "credit-code-certificate",
        "统一社会信用代码证书",
        "Unified social credit code certificate",
        "social-credit",
        "social-credit",
        ORGANIZATION,
        expires=False,
        photos=LICENCE,
    ),
    # an organisation without any of these, by what its superior body has approved (特批, VER-04)
    KindRule(
        "special-approval",
        "特批证明",
        "Specially approved document",
        "approval",
        "special-approval",
        ORGANIZATION,
        photos=LICENCE,
    ),
    KindRule(
        "organization-code",
        "组织机构代码证",
        "Organisation code certificate",
        "organization-code",
        "organization-code",
        ORGANIZATION,
        accepted_until=date(2017, 12, 31),
        photos=LICENCE,
    ),
    KindRule(
        "tax-registration",
        "税务登记证",
        "Tax registration certificate",
        "tax",
        "tax",
        ORGANIZATION,
        accepted_until=date(2017, 12, 31),
        expires=False,
        photos=LICENCE,
    ),
)
BY_KEY = {rule.kind: rule for rule in DEFAULT_KINDS}
FIELDS = {
    "kind",
    "title",
    "title_en",
    "format",
    "family",
    "party_kind",
    "accepted_from",
    "accepted_until",
    "expires",
    "photos",
}


def find(kind: str, kinds: Sequence[KindRule] = DEFAULT_KINDS) -> KindRule | None:
    """The rule of a kind, or None when the table does not have it."""
    return next((rule for rule in kinds if rule.kind == kind), None)


def accepted_on(
    on: date, party_kind: str = "", kinds: Sequence[KindRule] = DEFAULT_KINDS
) -> list[KindRule]:
    """Kinds a clerk may pick on a day, for a kind of customer ("" for all)."""
    return [rule for rule in kinds if rule.accepted(on) and party_kind in ("", rule.party_kind)]


def kinds_from(rows: Iterable[Mapping[str, Any]]) -> tuple[KindRule, ...]:
    """Read a playbook's table. A row whose kind is known may give only what differs.

    Raises ``BadInput`` with every fault: unknown entries, unknown formats, dates that are none.
    """

    rules: list[KindRule] = []
    faults: list[InputFault] = []
    for index, row in enumerate(rows):
        where = f"[{index}]"
        known = BY_KEY.get(str(row.get("kind", "")))
        values: dict[str, Any] = (
            {name: getattr(known, name) for name in FIELDS} if known else {"party_kind": INDIVIDUAL}
        )
        values.update(row)
        for name in sorted(set(row) - FIELDS):
            faults.append(InputFault(f"{where}.{name}", "There is no such entry.", "Remove it."))
            values.pop(name)
        for name in ("accepted_from", "accepted_until"):
            values[name] = _date(values.get(name), f"{where}.{name}", faults)
        for name in sorted({"kind", "title", "format"} - set(values)):
            faults.append(InputFault(f"{where}.{name}", "This entry is missing.", "Give it."))
        if values.get("format") not in FORMATS:
            faults.append(
                InputFault(
                    f"{where}.format",
                    f"There is no number format {values.get('format')!r}.",
                    f"Use one of: {', '.join(FORMATS)}.",
                )
            )
        if values["party_kind"] not in PartyKind.values:
            faults.append(
                InputFault(
                    f"{where}.party_kind",
                    f"{values['party_kind']!r} is no kind of customer.",
                    f"Use one of: {', '.join(PartyKind.values)}.",
                )
            )
        asked = values.get("photos", KindRule.__dataclass_fields__["photos"].default)
        values["photos"] = tuple(asked) if isinstance(asked, list | tuple) else (str(asked),)
        if not set(values["photos"]) <= PHOTOS:
            faults.append(
                InputFault(
                    f"{where}.photos",
                    f"{'、'.join(map(str, values['photos']))} are no pictures of a document.",
                    f"Use: {', '.join(sorted(PHOTOS))}.",
                )
            )
        if not faults:
            values.setdefault("title_en", values["title"])
            values.setdefault("family", values["kind"])
            rules.append(KindRule(**values))
    if faults:
        raise BadInput(faults)
    return tuple(rules)


def _date(value: object, where: str, faults: list[InputFault]) -> date | None:
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        faults.append(InputFault(where, f"{value!r} is no date.", "Write it like 2026-01-31."))
        return None
