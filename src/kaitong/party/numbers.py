"""Numbers of identity documents: normal form, check digits, birth dates. Pure functions."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType

from stdnum.cn import ric, uscc
from stdnum.exceptions import (
    InvalidChecksum,
    InvalidComponent,
    InvalidLength,
    ValidationError,
)

from kaitong.party.choices import FaultCode

SEPARATORS = re.compile(r"[\s\-‐-―_.·]")
ORGANIZATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def normalize(number: str) -> str:
    """One form of a number however it was typed: half-width, capitals, no separators.

    >>> normalize(" 34102２1990-0101 123x ")
    '34102219900101123X'
    """
    text = unicodedata.normalize("NFKC", number).upper().replace("×", "X")
    return SEPARATORS.sub("", text)


def birth_date(number: str) -> date | None:
    """Birth date in a resident's number, or None when it has none that exists."""
    try:
        return ric.get_birth_date(normalize(number))
    except (ValidationError, ValueError, IndexError):
        return None


def _resident(number: str) -> list[FaultCode]:
    """GB 11643: 18 signs, birth date, check digit. The place code is not judged: places that
    were renamed or merged long ago stay in people's numbers."""
    if len(number) != 18:
        return [FaultCode.WRONG_LENGTH]
    if not re.fullmatch(r"[1-9]\d{16}[\dX]", number, re.ASCII):
        return [FaultCode.WRONG_FORMAT]
    faults = []
    if birth_date(number) is None:
        faults.append(FaultCode.WRONG_BIRTH_DATE)
    if ric.calc_check_digit(number) != number[-1]:
        faults.append(FaultCode.WRONG_CHECK_DIGIT)
    return faults


def _foreign_resident(number: str) -> list[FaultCode]:
    """18 signs beginning with 9 (issued since 2023), or the older letters and digits."""
    if re.fullmatch(r"[A-Z]{3}\d{12}", number, re.ASCII):
        return []
    return _resident(number)


def _social_credit(number: str) -> list[FaultCode]:
    """GB 32100: 18 signs with a check sign."""
    try:
        uscc.validate(number)
    except InvalidLength:
        return [FaultCode.WRONG_LENGTH]
    except InvalidChecksum:
        return [FaultCode.WRONG_CHECK_DIGIT]
    except (InvalidComponent, ValidationError):
        return [FaultCode.WRONG_FORMAT]
    return []


def _organization_code(number: str) -> list[FaultCode]:
    """GB 11714: eight signs and a check sign."""
    if len(number) != 9:
        return [FaultCode.WRONG_LENGTH]
    if not re.fullmatch(r"[0-9A-Z]{8}[0-9X]", number, re.ASCII):
        return [FaultCode.WRONG_FORMAT]
    total = sum(int(c, 36) * w for c, w in zip(number[:8], ORGANIZATION_WEIGHTS, strict=True))
    check = "0123456789X0"[11 - total % 11]
    return [] if check == number[8] else [FaultCode.WRONG_CHECK_DIGIT]


def _pattern(pattern: str) -> Callable[[str], list[FaultCode]]:
    compiled = re.compile(pattern)
    return lambda number: [] if compiled.fullmatch(number) else [FaultCode.WRONG_FORMAT]


FORMATS: Mapping[str, Callable[[str], list[FaultCode]]] = MappingProxyType(
    {
        "resident": _resident,
        "foreign-resident": _foreign_resident,
        "social-credit": _social_credit,
        "organization-code": _organization_code,
        "passport": _pattern(r"[A-Z0-9]{5,17}"),
        "hk-macau": _pattern(r"[HM]\d{8}(\d{2})?"),
        "taiwan": _pattern(r"\d{8}(\d{2}[A-Z]?)?"),
        "service": _pattern(r"[\u4e00-\u9fff]{0,6}[A-Z0-9]{4,18}[\u4e00-\u9fff]?"),
        "tax": _pattern(r"[A-Z0-9]{15,20}"),
        # a document's number as offices write it: 休政函〔2026〕12号
        "approval": _pattern(r"[\u4e00-\u9fffA-Z0-9〔〕\[\]()第]{8,40}"),
        "any": _pattern(r"\S{2,40}"),
    }
)
