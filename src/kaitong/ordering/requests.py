"""What a face hands to `ordering.services.submit`: plain data, already free of any protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

Action = Literal["add", "modify", "delete", "noChange"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentData:
    """An identity document as shown at the counter (VER-01..05)."""

    kind: str  # resident-id, passport, officer-card, household-register, business-licence ...
    number: str
    valid_from: date | None = None
    valid_until: date | None = None  # None with long_term=True means 长期
    long_term: bool = False
    reader_used: bool = False
    evidence: tuple[UUID, ...] = ()  # attachments


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceData:
    """A face comparison (人像比对): by a reader or a platform, or by hand with its reason."""

    result: str  # passed, failed, unavailable
    source: str = "by-hand"
    score: Decimal | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerData:
    """Who asks. Either `party_id` of a known customer, or what registers a new one."""

    party_id: UUID | None = None
    kind: Literal["individual", "organization"] = "individual"
    name: str = ""
    phone: str = ""
    email: str = ""  # where notices by mail go
    language: str = ""  # of notices, where known: zh-hans, en
    document: DocumentData | None = None
    face: FaceData | None = None
    agent: CustomerData | None = None  # VER-03: the agent's own document too
    introduction_letter: bool = False  # VER-04


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRef:
    """Where: a standard address, a text to look up, or a request for any free one."""

    address_id: UUID | None = None
    text: str = ""
    any_covered: bool = False  # a demo branch picks a covered address with a free port


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """A condition on orders: a column of `Order`, or `ext` with `contains`."""

    field: str
    op: Literal["eq", "in", "gt", "gte", "lt", "lte", "contains"]
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitItem:
    """One thing asked for."""

    item_id: str  # the requester's own identifier, such as "1"
    action: Action
    specification: str = ""  # key of the service specification, such as "home-broadband.access"
    offering: str = ""  # key of the offering, such as "home-300"
    service_id: UUID | None = None  # for modify and delete
    address: AddressRef | None = None
    case: str = ""  # key of the marketing case (营销案), such as "home-300-family"
    bound_number: str = field(default="", repr=False)  # the mobile number it is bound to
    telephone: str = ""  # the fixed number picked for it (选号); without: the next of the range
    characteristics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentData:
    """Money taken at the counter with the order, in the same transaction (TAR-09)."""

    method: str  # cash, card, bill
    expected_fen: int | None = None  # what the page showed: another sum by now is a conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitOrder:
    """A whole request."""

    items: tuple[SubmitItem, ...]
    customer: CustomerData | None = None
    external_id: str = ""
    idempotency_key: str = ""  # a repeated request with the same key returns the same order
    category: str = ""
    description: str = ""
    priority: str = "4"
    requested_start: datetime | None = None
    requested_completion: datetime | None = None
    channel: str = "api"
    draft_id: UUID | None = None  # the counter's draft: its identifier and its port become ours
    payment: PaymentData | None = None
    demand_only: bool = False  # the customer is refused: only his demand is recorded (BB-17)
    raw: Mapping[str, Any] = field(default_factory=dict)  # the verbatim document, kept in `ext`
