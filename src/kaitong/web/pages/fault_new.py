"""Taking in a fault (受理故障): find the line, see what is known, say what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.assurance import queries as assurance
from kaitong.assurance.choices import Severity, TicketKind
from kaitong.assurance.errors import FaultRefused
from kaitong.assurance.models import Handling
from kaitong.core import wording
from kaitong.core.errors import NotFound
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.places import queries as places
from kaitong.web.access import takes_faults
from kaitong.web.pages.fault_facts import words
from kaitong.web.pages.fault_live import Live, live

MOST = 20
SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Line:
    """A line that may be meant."""

    id: UUID
    account: str
    customer: str
    phone: str
    address: str
    title: str
    state_text: str
    tone: str
    fault_id: UUID | None
    fault_number: str


@dataclass(frozen=True, slots=True)
class NewFault:
    kind: str
    may: bool
    text: str
    lines: tuple[Line, ...]
    searched: bool
    line: Line | None
    live: Live | None
    symptoms: tuple[tuple[str, str, str], ...]  # key, title, severity's words
    channels: tuple[tuple[str, str], ...]
    hotlines: tuple[tuple[str, str], ...]
    routed: str  # which of them go on to which, as the playbook says
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


def new_page(
    actor: Actor,
    *,
    kind: str = TicketKind.FAULT,
    text: str = "",
    service_id: UUID | None = None,
    values: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
    fault: str = "",
) -> NewFault:
    service = _service(actor, service_id)
    rules, house = _rules(service), assurance.only()
    say = words(rules) if rules else str
    content, calls = rules.content if rules else {}, house.content if house else {}
    rows = [service] if service is not None else _find(actor, text)
    lines = _lines(actor, rows)
    listed = content.get("symptoms" if kind == TicketKind.FAULT else "complaints", [])
    return NewFault(
        kind=kind,
        may=takes_faults(actor),
        text=text,
        lines=() if service is not None else tuple(lines),
        searched=bool(text.strip()),
        line=lines[0] if service is not None else None,
        live=live(actor, service) if service is not None else None,
        symptoms=tuple(
            (one["key"], say(one["title"]), str(Severity(one.get("severity", "major")).label))
            for one in listed
        ),
        channels=tuple((one["key"], say(one["title"])) for one in content.get("channels", [])),
        hotlines=tuple(
            (one["number"], words(house)(one["title"]))
            for one in calls.get("hotlines", [])
            if house
        ),
        routed=wording.several(
            _("%(number)s 打来的核对归属后转 %(to)s") % one
            for one in calls.get("hotlines", [])
            if one.get("to")
        ),
        key=str((values or {}).get("key") or uuid7()),
        values=dict(values or {}),
        errors=dict(errors or {}),
        fault=fault,
    )


def _rules(service: ServiceView | None) -> Handling | None:
    """Whose symptoms and channels are asked: those of the line's own playbook, as at the intake."""
    if service is not None:
        try:
            return assurance.of_service(f"{service.playbook}.{service.specification}")
        except FaultRefused:
            pass  # the intake says so
    return assurance.only()


def _service(actor: Actor, service_id: UUID | None) -> ServiceView | None:
    if service_id is None:
        return None
    try:
        return inventory.service(actor, service_id)
    except NotFound:
        return None


def _find(actor: Actor, text: str) -> list[ServiceView]:
    """Lines by account, logical identifier, the customer's telephone or document, or address."""
    typed = text.strip()
    if len(typed) < SHORTEST and typed.isascii():
        return []
    if not typed:
        return []
    found: dict[UUID, ServiceView] = {}

    def add(rows: list[ServiceView]) -> None:
        for row in rows:
            if len(found) < MOST:
                found.setdefault(row.id, row)

    add(inventory.services(actor, text=typed, limit=MOST)[0])
    for person in parties.find(actor, typed, limit=8):
        add(inventory.services(actor, customer_id=person.id, limit=MOST)[0])
    if not typed.isdigit():
        for spot in places.search(actor, typed, limit=8):
            add(inventory.services(actor, address_id=spot.id, limit=MOST)[0])
    return [row for row in found.values() if row.withdrawn_at is None]


def _lines(actor: Actor, rows: list[ServiceView]) -> list[Line]:
    people = parties.summaries([row.customer_id for row in rows if row.customer_id])
    broken = assurance.open_of_services(actor, [row.id for row in rows])
    found = []
    for row in rows:
        person = people.get(row.customer_id) if row.customer_id else None
        fault = broken.get(row.id)
        found.append(
            Line(
                id=row.id,
                account=row.account,
                customer=person.name if person else "",
                phone=person.phone if person else "",
                address=row.address_full,
                title=row.title,
                state_text=str(row.state.label),
                tone=row.state.tone,
                fault_id=fault.pk if fault else None,
                fault_number=(fault.number or "") if fault else "",
            )
        )
    return found
