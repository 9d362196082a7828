"""What customers and staff are told of tickets: texts of the playbook, each once, in the outbox.

Moments of a ticket stand in `faults: notices:`; those of its work items in the playbook's
`notices:`, named by the task (`kaitong:notice`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import override

from kaitong.assurance.handling import say
from kaitong.assurance.models import CommonCause, Fault, Handling
from kaitong.core import plain, wording
from kaitong.core.clock import now
from kaitong.messaging import quiet
from kaitong.messaging import services as messaging
from kaitong.messaging.choices import To
from kaitong.messaging.services import NewNotice
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.places import queries as places
from kaitong.process.listening import StepFact, named
from kaitong.worktime.explain import WEEKDAYS_EN, WEEKDAYS_ZH

MOMENTS = ("accepted", "attached", "resolved", "closed", "rejected", "reopened")
ALWAYS = frozenset({"number", "symptom", "customer", "address", "account", "branch", "due"})
PLACES = {
    "accepted": ALWAYS,
    "attached": ALWAYS | {"place", "expected"},
    "resolved": ALWAYS | {"cause"},
    "closed": ALWAYS,
    "rejected": ALWAYS | {"reason"},
    "reopened": ALWAYS,
}
STEP_PLACES = frozenset({"step", "step_due", "who", "phone"})
DASH = "—"


def tell(
    *, fault: Fault, when: str, once: str = "", values: Mapping[str, Any] | None = None
) -> None:
    """Queue the notices of this moment, within the caller's transaction; each exists once."""
    if not fault.number:
        return  # being taken in: `accepted` tells it with its number
    entries = fault.handling.content.get("notices", {})
    queued = [
        row
        for key, entry in entries.items()
        if entry["when"] == when and entry.get("for", "fault") == fault.kind
        for row in _addressed(fault, key, entry, f"{fault.pk}:{key}:{once}", dict(values or {}))
    ]
    if queued:
        messaging.queue(actor=Actor.system(branch_id=fault.branch_id), notices=queued)


_OURS = """select 1 from assurance_fault where id = %s
 union all select 1 from assurance_commoncause where id = %s"""


def heard(fact: StepFact) -> None:
    """A task of a ticket or a common cause that names notices was entered, given, runs late."""
    if fact.business_id is None:
        return
    if not plain.ask(_OURS, [fact.business_id, fact.business_id]):
        return  # an order's, as most are
    fault = Fault.objects.filter(pk=fact.business_id).select_related("handling").first()
    cause = None
    if fault is None:
        rows = CommonCause.objects.filter(pk=fact.business_id)
        cause = rows.select_related("handling").first()
        if cause is None:
            return
    ticket = fault or cause
    assert ticket is not None
    handling: Handling = ticket.handling
    wanted = named(fact.node)
    person = f":{fact.person}" if fact.event == "given" else ""
    level = f":{fact.level}" if fact.level else ""
    queued: list[NewNotice] = []
    for key, entry in handling.notices.items():
        if key in wanted and entry["when"] == fact.event and ticket.number:
            once = f"{ticket.pk}:{key}:{fact.item_id}{person}{level}"
            queued += _addressed(ticket, key, entry, once, _step(fact), fact)
    if queued:
        messaging.queue(actor=Actor.system(branch_id=ticket.branch_id), notices=queued)


# ---- inside --------------------------------------------------------------------------------------


def _addressed(
    ticket: Fault | CommonCause,
    kind: str,
    entry: Mapping[str, Any],
    key: str,
    values: dict[str, Any],
    fact: StepFact | None = None,
) -> Iterator[NewNotice]:
    handling = ticket.handling
    hours = handling.parameters.get(entry.get("quiet", ""), "")
    for to, party_id, staff_id in _persons(ticket, entry, fact):
        reach = parties.reach(party_id) if party_id else None
        language = (reach.language if reach else "") or "zh-hans"
        english = language == "en"
        text = entry["text_en"] if english and entry.get("text_en") else entry["text"]
        yield NewNotice(
            key=f"{key}:{to}" + (f":{staff_id}" if staff_id else ""),
            kind=kind,
            title=entry["title"],
            title_en=entry.get("title_en", ""),
            to=to,
            by=entry["by"],
            text=text.format_map(_Words(ticket, values, english=english)),
            branch_id=ticket.branch_id,
            order_id=ticket.pk,
            item_id=fact.item_id if fact else None,
            party_id=party_id,
            staff_id=staff_id,
            language=language,
            not_before=quiet.earliest(now(), str(hours)),
        )


def _persons(
    ticket: Fault | CommonCause, entry: Mapping[str, Any], fact: StepFact | None
) -> list[tuple[str, UUID | None, UUID | None]]:
    if entry["to"] != To.STAFF:
        party_id = ticket.party_id if isinstance(ticket, Fault) else None
        return [(To.CUSTOMER, party_id, None)] if party_id and entry["to"] == To.CUSTOMER else []
    if fact is None:
        people = org.holders(ticket.branch_id, str(entry.get("post", "")))
        return [(To.STAFF, None, one.pk) for one in people]
    if fact.tell and not entry.get("post"):
        found: dict[UUID, None] = {}
        for post in fact.tell:
            if post == fact.post and fact.person:
                found[fact.person] = None
                continue
            found.update(dict.fromkeys(one.pk for one in org.holders(fact.branch_id, post)))
        return [(To.STAFF, None, one) for one in found]
    if fact.event in ("given", "soon") and fact.person and not entry.get("post"):
        return [(To.STAFF, None, fact.person)]
    post = entry.get("post")
    if not post:
        post = fact.node.extension.get("escalate-to") if fact.event == "overdue" else fact.post
    return [(To.STAFF, None, one.pk) for one in org.holders(fact.branch_id, post or "")]


def _step(fact: StepFact) -> dict[str, Any]:
    person = org.reach(fact.person)
    return {
        "step": fact.node.name,
        "step_due": fact.due_at,
        "who": person.name if person else DASH,
        "phone": (person.phone if person else "") or DASH,
    }


class _Words(dict[str, str]):
    """Fills places one by one, in a language. What is not known reads as a dash."""

    def __init__(
        self, ticket: Fault | CommonCause, values: Mapping[str, Any], *, english: bool
    ) -> None:
        super().__init__()
        self.ticket, self.values, self.english = ticket, values, english

    def __missing__(self, place: str) -> str:
        ticket = self.ticket
        given = self.values.get(place)
        if isinstance(given, datetime):
            return self._when(given)
        if given:
            return self._said(str(given))
        match place:
            case "number":
                return ticket.number or DASH
            case "due":
                return self._when(ticket.due_at)
            case "branch":
                branch = org.branch(ticket.branch_id)
                return (self.english and branch.name_en) or branch.name
        if isinstance(ticket, CommonCause):
            # a common cause is nobody's line: its place in the network stands for it
            return ticket.resource_text if place in ("address", "product", "symptom") else DASH
        match place:
            case "symptom" | "product":
                return self._said(ticket.symptom_title)
            case "account":
                return ticket.account or DASH
            case "customer":
                reach = parties.reach(ticket.party_id)
                return reach.name if reach else DASH
            case "address":
                spot = places.addresses([ticket.address_id]).get(ticket.address_id)  # type: ignore[arg-type]
                return spot.full_text if spot else DASH
            case "ordered":
                return self._when(ticket.reported_at)
        return DASH

    def _said(self, text: str) -> str:
        with override("en" if self.english else wording.CHINESE):
            return say(self.ticket.handling, wording.read(text)) or DASH

    def _when(self, moment: datetime | None) -> str:
        if moment is None:
            return DASH
        local = timezone.localtime(moment)
        if self.english:
            return f"{WEEKDAYS_EN[local.weekday()]} {local:%Y-%m-%d %H:%M}"
        return f"{local.month}月{local.day}日 周{WEEKDAYS_ZH[local.weekday()]} {local:%H:%M}"
