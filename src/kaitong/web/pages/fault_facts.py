"""What lists say of the ticket or common cause behind a row, in the shape of an order's facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.assurance import queries as assurance
from kaitong.assurance.choices import Level, TicketKind
from kaitong.assurance.models import CommonCause, Fault, Handling
from kaitong.org.actor import Actor
from kaitong.party import queries as party
from kaitong.places import queries as places
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks.forms import Form
from kaitong.web import forms
from kaitong.web.pages.order_facts import OrderFacts


def of_tickets(
    actor: Actor, ids: Iterable[UUID], *, people: bool = False
) -> dict[UUID, OrderFacts]:
    """Facts by identifier of the tickets and common causes among these, in constant queries."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = assurance.by_ids(actor, wanted)
    found = of_faults(rows, people=people)
    missing = [one for one in wanted if one not in found]
    if missing:
        found |= {row.pk: _of_cause(row) for row in assurance.causes_by_ids(actor, missing)}
    return found


def of_faults(rows: Iterable[Fault], *, people: bool = False) -> dict[UUID, OrderFacts]:
    faults = list(rows)
    persons = [row.party_id for row in faults if row.party_id]
    customers = party.summaries(persons) if people else {}
    names = {i: one.name for i, one in customers.items()} if people else party.names(persons)
    spots = places.addresses(row.address_id for row in faults if row.address_id)
    found = {}
    for row in faults:
        spot = spots.get(row.address_id) if row.address_id else None
        say = words(row.handling)
        found[row.pk] = OrderFacts(
            id=row.pk,
            number=row.number or str(row.pk)[:8],
            state=row.state,
            product=say(row.symptom_title),
            action=str(TicketKind(row.kind).label),
            customer_name=names.get(row.party_id, "") if row.party_id else "",
            customer=customers.get(row.party_id) if row.party_id else None,
            address=spot.short_text if spot else "",
            address_full=spot.full_text if spot else "",
            say=say,
            due_at=row.due_at,
            due_basis=row.due_basis or {},
            ordered_at=row.reported_at,
            completed_at=row.resolved_at or row.closed_at,
            appointment_start=None,
            appointment_end=None,
            service_id=row.service_id,
        )
    return found


def _of_cause(row: CommonCause) -> OrderFacts:
    return OrderFacts(
        id=row.pk,
        number=row.number or str(row.pk)[:8],
        state=row.state,
        product=_("群障：%(level)s") % {"level": Level(row.level).label},
        action="",
        customer_name=_("影响 %(n)s 户") % {"n": row.affected} if row.affected else "",
        customer=None,
        address=row.resource_text,
        address_full=row.resource_text,
        say=words(row.handling),
        due_at=row.due_at,
        due_basis=row.due_basis or {},
        ordered_at=row.created_at,
        completed_at=row.resolved_at,
        appointment_start=None,
        appointment_end=None,
    )


def words(handling: Handling) -> Callable[[str], str]:
    """A playbook's words in the reader's language; reasons of two levels are put together."""
    say = playbooks.words(handling.playbook, handling.playbook_hash)

    def both(text: str) -> str:
        head, colon, tail = text.partition("：")
        whole = say(text)
        if whole != text or not colon or " · " in head:  # a line of several is said part by part
            return whole
        joined = f"{say(head)}: {say(tail)}"
        return text if joined == f"{head}: {tail}" else joined

    return both


_CHOICES = {"fault-cause": "causes", "survey-reason": "survey-reasons"}


def offered(actor: Actor, form: Form, ticket_id: UUID | None) -> dict[str, list[forms.Option]]:
    """Choices of a form that the playbook lists under `faults:`: causes, reasons (`x-choice`)."""
    wanted = {
        name: _CHOICES[spec["x-choice"]]
        for name, spec in form.fields.items()
        if spec.get("x-choice") in _CHOICES
    }
    if not wanted or ticket_id is None:
        return {}
    row = next(iter(assurance.by_ids(actor, [ticket_id])), None)
    if row is None:
        return {}
    say = words(row.handling)
    return {
        name: [
            forms.Option(
                f"{group['key']}.{one['key']}", f"{say(group['title'])} · {say(one['title'])}"
            )
            for group in row.handling.content[field]
            for one in group["reasons"]
        ]
        for name, field in wanted.items()
    }
