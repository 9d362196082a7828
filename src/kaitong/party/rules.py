"""Rules about identity documents (VER-01 to VER-05): pure, every fault at once.

Both functions take the table of kinds as data, because what is accepted is dated (``kinds``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from kaitong.core.errors import InputFault
from kaitong.party import kinds as tables
from kaitong.party.choices import REMEDIES, Bearer, FaceResult, FaultCode, PartyKind
from kaitong.party.numbers import FORMATS, normalize


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: which document, which field of it, what is wrong."""

    code: FaultCode
    field: str = "number"
    bearer: Bearer | None = None

    @property
    def what(self) -> str:
        return f"{self.bearer.label}：{self.code.label}" if self.bearer else str(self.code.label)

    @property
    def remedy(self) -> str:
        return str(REMEDIES[self.code])

    def as_input(self, prefix: str = "") -> InputFault:
        field = f"{prefix}.{self.field}" if prefix else self.field
        return InputFault(field, f"{self.what}。", self.remedy)


@dataclass(frozen=True, slots=True)
class Presented:
    """A document as it lies on the counter. ``evidence`` counts kept pictures (VER-05)."""

    bearer: Bearer
    kind: str = ""
    number: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    long_term: bool = False
    original: bool = True
    evidence: int = 0
    reader_used: bool = False
    face: FaceResult = FaceResult.NOT_DONE


def check_document(
    kind: str,
    number: str,
    valid_until: date | None,
    on: date,
    *,
    valid_from: date | None = None,
    long_term: bool = False,
    party_kind: str = "",
    kinds: Sequence[tables.KindRule] = tables.DEFAULT_KINDS,
) -> list[Fault]:
    """Faults of one document on a day: accepted then (VER-01), well-formed, within validity."""
    rule = tables.find(kind, kinds)
    if rule is None:
        return [Fault(FaultCode.UNKNOWN_KIND, "kind")]
    faults = []
    if not rule.accepted(on):
        faults.append(Fault(FaultCode.NOT_ACCEPTED, "kind"))
    if party_kind and rule.party_kind != party_kind:
        faults.append(Fault(FaultCode.NOT_FOR_THIS_CUSTOMER, "kind"))
    plain = normalize(number)
    if not plain:
        faults.append(Fault(FaultCode.EMPTY))
    else:
        faults += [Fault(code) for code in FORMATS[rule.format](plain)]
    if valid_until is None:
        if rule.expires and not long_term:
            faults.append(Fault(FaultCode.NO_VALIDITY, "valid_until"))
    elif valid_until < on:
        faults.append(Fault(FaultCode.EXPIRED, "valid_until"))
    if valid_from is not None:
        if valid_until is not None and valid_from > valid_until:
            faults.append(Fault(FaultCode.VALIDITY_REVERSED, "valid_from"))
        elif valid_from > on:
            faults.append(Fault(FaultCode.NOT_YET_VALID, "valid_from"))
    return faults


def check_handling(
    party_kind: str,
    presented: Iterable[Presented],
    on: date,
    *,
    by_agent: bool = False,
    kinds: Sequence[tables.KindRule] = tables.DEFAULT_KINDS,
) -> list[Fault]:
    """Faults of all that was brought to the counter.

    A person brings his own original (VER-02); an agent brings his and the subscriber's originals
    (VER-03); for an organisation come letter of introduction, handler's document and licence
    (VER-04). Each is kept as a picture or was read by a reader (VER-05).
    """
    brought = {one.bearer: one for one in presented}
    faults: list[Fault] = []
    for bearer in _needed(party_kind, by_agent):
        one = brought.get(bearer)
        if one is None:
            faults.append(Fault(FaultCode.MISSING_DOCUMENT, "kind", bearer))
            continue
        if bearer is not Bearer.LETTER:
            whose = PartyKind.INDIVIDUAL
            if bearer is Bearer.ORGANIZATION:
                whose = PartyKind.ORGANIZATION
            own = check_document(
                one.kind,
                one.number,
                one.valid_until,
                on,
                valid_from=one.valid_from,
                long_term=one.long_term,
                party_kind=whose,
                kinds=kinds,
            )
            faults += [Fault(fault.code, fault.field, bearer) for fault in own]
        if not one.original:
            faults.append(Fault(FaultCode.NOT_ORIGINAL, "original", bearer))
        if not one.evidence and not one.reader_used:
            faults.append(Fault(FaultCode.NO_EVIDENCE, "evidence", bearer))
        if one.face is FaceResult.FAILED:
            faults.append(Fault(FaultCode.FACE_FAILED, "face", bearer))
    return faults


def _needed(party_kind: str, by_agent: bool) -> tuple[Bearer, ...]:
    if party_kind == PartyKind.ORGANIZATION:
        return (Bearer.LETTER, Bearer.HANDLER, Bearer.ORGANIZATION)
    return (Bearer.CUSTOMER, Bearer.AGENT) if by_agent else (Bearer.CUSTOMER,)
