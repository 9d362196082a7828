"""Customers at the counter (客户统一视图, BB-07, BB-18): the search, and the page of one of them or
of one of his lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.catalog import queries as catalog
from kaitong.catalog import terms
from kaitong.core import wording
from kaitong.core.errors import BadInput
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.ordering import bundles, customers
from kaitong.ordering.choices import FindBy
from kaitong.ordering.life_offers import offers
from kaitong.org.actor import Actor
from kaitong.party import looks
from kaitong.party import queries as parties
from kaitong.playbooks import queries as playbooks
from kaitong.web import format as fmt
from kaitong.web.pages import spoken
from kaitong.web.pages.customers import document_of, masked
from kaitong.web.pages.parts import Pager, Person, page_number

LINES = 20  # a page of a customer's lines
ORDERS_READ = 500  # over how many of the newest orders money and papers are gathered
_HELP = {
    FindBy.ACCOUNT: "xn05590000001@kd",
    FindBy.DOCUMENT: "",
    FindBy.BOUND: "",
    FindBy.PHONE: "",
    FindBy.NAME: "",
    FindBy.ORDER: "XN-261009-0018",
}


# ------------------------------------------------------------------ the search


@dataclass(frozen=True, slots=True)
class FoundRow:
    url: str
    name: str
    phone: str
    document: str
    account: str
    plan: str
    state_text: str
    tone: str
    address: str
    address_full: str


@dataclass(frozen=True, slots=True)
class SearchPage:
    by: str
    ways: tuple[tuple[str, str, bool], ...]
    text: str
    address: str
    fault: str = ""
    asked: bool = False
    rows: tuple[FoundRow, ...] = ()
    more: bool = False
    example: str = ""

    @property
    def only(self) -> str:
        """The page to open at once where one line alone was found."""
        return self.rows[0].url if len(self.rows) == 1 else ""


def search_page(actor: Actor, data: Mapping[str, Any] | None, by: str = "") -> SearchPage:
    """The form; with what was typed, also what was found. What was typed is told to nobody else."""
    by = str((data or {}).get("by", by))
    by = by if by in FindBy.values else str(FindBy.ACCOUNT)
    ways = tuple((str(way), str(way.label), way == by) for way in FindBy)
    if data is None:
        return SearchPage(by, ways, "", "", example=_HELP[FindBy(by)])
    text, address = (str(data.get(key, "")).strip()[:100] for key in ("q", "address"))
    try:
        found = customers.find(
            actor=actor, by=by, text=text, address=address if by == FindBy.NAME else ""
        )
    except BadInput as refused:
        said = fmt.mark("").join(f"{f.what}{fmt.mark('')}{f.remedy}" for f in refused.faults)
        return SearchPage(by, ways, text, address, fault=said, example=_HELP[FindBy(by)])
    rows = tuple(_found(hit, by) for hit in found.rows)
    return SearchPage(by, ways, text, address, "", True, rows, found.more, _HELP[FindBy(by)])


def _found(hit: customers.Hit, by: str) -> FoundRow:
    line, one = hit.line, hit.customer
    if line is not None:
        url = reverse("web:service", args=[line.service_id])
    else:
        url = reverse("web:customer", args=[one.id]) if one else ""
    return FoundRow(
        url=f"{url}?by={by}",
        name=one.name if one else "",
        phone=one.phone if one else "",
        document=f"{one.document_title} {one.document_number}".strip() if one else "",
        account=line.account if line else "",
        plan=line.title if line else "",
        state_text=str(line.state.label) if line else "",
        tone=line.state.tone if line else "",
        address=line.address_short if line else "",
        address_full=line.address_full if line else "",
    )


# ------------------------------------------------------------------ one of them


class Look:
    """A customer's or a line's page as one request reads it: each thing once, when it is wanted."""

    def __init__(
        self,
        actor: Actor,
        query: QueryDict,
        *,
        customer: parties.Summary | None,
        service: ServiceView | None = None,
    ) -> None:
        self.actor, self.query, self.customer, self.service = actor, query, customer, service

    @property
    def kind(self) -> str:
        return "service" if self.service is not None else "customer"

    @property
    def party_id(self) -> UUID | None:
        return self.customer.id if self.customer else None

    @property
    def number(self) -> UUID:
        """Whose page it is: the line's, else the customer's."""
        if self.service is not None:
            return self.service.id
        assert self.customer is not None, "a page is somebody's"
        return self.customer.id

    @property
    def url(self) -> str:
        return reverse(f"web:{self.kind}", args=[self.number])

    @property
    def of(self) -> dict[str, UUID | None]:
        """Whose orders are asked for: the line's where one is chosen."""
        if self.service is not None:
            return {"service_id": self.service.id}
        return {"party_id": self.party_id}

    @cached_property
    def order_ids(self) -> list[UUID]:
        return customers.order_ids_of(self.actor, limit=ORDERS_READ, **self.of)

    @cached_property
    def order_numbers(self) -> dict[UUID, str]:
        return customers.numbers_of(self.order_ids)

    @cached_property
    def terms(self) -> dict[str, Any]:
        """Plan, case and prices of the line; empty where no order says them."""
        if self.service is None:
            return {}
        return customers.terms_of(self.actor, [self.service.id]).get(self.service.id, {})

    def say(self, text: str) -> str:
        """A word of the line's playbook in the reader's language."""
        if self.service is None or not self.service.version:
            return text
        return playbooks.words(self.service.playbook, self.service.version)(text)


def of_customer(actor: Actor, party_id: UUID, query: QueryDict, *, opened: bool) -> Look:
    """A customer's page; `opened`: a look at him, which is recorded."""
    if opened:
        by = query.get("by", "")
        one = looks.look(
            actor=actor, party_id=party_id, at="customer", found_by=by if by in FindBy else ""
        )
    else:
        one = parties.summary(actor, party_id)
    return Look(actor, query, customer=one)


def of_service(actor: Actor, service_id: UUID, query: QueryDict, *, opened: bool) -> Look:
    """A line's page, with its customer."""
    service = inventory.service(actor, service_id)
    one = None
    if service.customer_id is not None:
        one = of_customer(actor, service.customer_id, query, opened=opened).customer
    return Look(actor, query, customer=one, service=service)


@dataclass(frozen=True, slots=True)
class LineRow:
    url: str
    account: str
    plan: str
    state_text: str
    tone: str
    reason: str
    address: str
    address_full: str
    port: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class FlowLink:
    """One change the reader may ask for; `why_not` where the line's state allows none of it."""

    title: str
    url: str
    why_not: str


def flows(look: Look) -> tuple[FlowLink, ...]:
    """办理业务: what may be done with a line now, and why the rest may not."""
    if look.service is None:
        return ()
    return tuple(
        FlowLink(
            one.title,
            reverse("web:change", args=[look.service.id, one.key]),
            f"{one.refusal}{fmt.mark('')}{one.remedy}".strip() if one.refusal else "",
        )
        for one in offers(look.actor, look.service)
    )


@dataclass(frozen=True, slots=True)
class Head:
    """The head of the page: who he is; for a line, how it stands."""

    url: str
    kind: str
    person: Person | None
    document: Person | None
    number: str
    kind_text: str
    grade: str
    verified: str
    customer_url: str
    account: str = ""
    title: str = ""
    state_text: str = ""
    tone: str = ""
    reason: str = ""
    since: datetime | None = None
    plan: str = ""
    plan_text: str = ""
    address: str = ""
    address_full: str = ""
    port: str = ""
    flows: tuple[FlowLink, ...] = ()
    flow_refusal: str = ""  # where one reason stands against all of them
    lead_url: str = ""  # of a bundle's further service: the line it comes with
    parts: tuple[tuple[str, str], ...] = ()  # of a bundle's line: its further services, their pages


def head(look: Look) -> Head:
    one, service = look.customer, look.service
    told: dict[str, Any] = {}
    if service is not None:
        told = {
            "account": service.account,
            "title": look.say(service.title),
            "state_text": str(service.state.label),
            "tone": service.state.tone,
            "reason": spoken.reason(service.reason, look.say),
            "since": service.started_at or service.created_at,
            "plan": plan_title(look),
            "plan_text": contract_text(look),
            "address": service.address_short,
            "address_full": service.address_full,
            "port": service.port_text,
            "flows": flows(look),
        }
        against = {one.why_not for one in told["flows"]}
        told["parts"] = tuple(
            (bundles.named([one], look.say)[0], reverse("web:service", args=[one.id]))
            for one in inventory.parts_of([service.id]).get(service.id, [])
        )
        told["lead_url"] = reverse("web:service", args=[service.lead_id]) if service.lead_id else ""
        told["flow_refusal"] = against.pop() if len(against) == 1 else ""
    return Head(
        url=look.url,
        kind=look.kind,
        person=masked(one, scope="customer") if one else None,
        document=document_of(one) if one else None,
        number=one.number if one else "",
        kind_text=one.kind_title if one else "",
        grade=one.grade if one else "",
        verified=one.verified if one else "",
        customer_url=reverse("web:customer", args=[one.id]) if one else "",
        **told,
    )


def plan_title(look: Look) -> str:
    """The plan as it is called in the reader's language."""
    said = look.terms
    if not said:
        return ""
    if wording.english():
        entry = catalog.offerings([said["offering"]]).get(said["offering"])
        if entry is not None and entry.title_en:
            return str(entry.title_en)
    return str(said["title"])


def contract_text(look: Look) -> str:
    """The case and until when the contract runs, in one line."""
    if not look.terms:
        return ""
    case = look.terms.get("case") or {}
    until = contract_end(look)
    parts = [
        look.say(str(case.get("title", ""))),
        _("合约到 %(day)s") % {"day": fmt.day(until)} if until else "",
    ]
    return fmt.mark("，").join(filter(None, parts))


def contract_end(look: Look) -> date | None:
    """When the contract's term is over, counted from when the line began to work."""
    start = look.service.started_at if look.service else None
    if start is None:
        return None
    return terms.ends_on(fmt.local_time(start).date(), str(look.terms.get("term", "")))


@dataclass(frozen=True, slots=True)
class LinesPane:
    rows: tuple[LineRow, ...]
    total: int
    pager: Pager
    template: str = "web/customer/lines.html"


def lines_pane(look: Look) -> LinesPane:
    """A customer's lines, the youngest first; each is a page of its own."""
    number = page_number(look.query)
    found, total = inventory.services(
        look.actor, customer_id=look.party_id, offset=(number - 1) * LINES, limit=LINES
    )
    words = {
        key: playbooks.words(*key) for key in {(s.playbook, s.version) for s in found if s.version}
    }
    return LinesPane(
        rows=tuple(
            LineRow(
                url=reverse("web:service", args=[one.id]),
                account=one.account,
                plan=words.get((one.playbook, one.version), str)(one.title),
                state_text=str(one.state.label),
                tone=one.state.tone,
                reason=spoken.reason(one.reason, words.get((one.playbook, one.version), str)),
                address=one.address_short,
                address_full=one.address_full,
                port=one.port_text,
                since=one.started_at,
            )
            for one in found
        ),
        total=total,
        pager=Pager(number, LINES, total),
    )
