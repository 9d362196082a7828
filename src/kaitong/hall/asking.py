"""What customers asked for at a counter (咨询, HALL-01): a subject of the playbook's list, no words
of theirs, so that nothing personal is kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core.errors import InputFault
from kaitong.core.locks import lock_row
from kaitong.hall.choices import TicketState
from kaitong.hall.errors import BadHall, NoSuchTicket, WrongTicketState
from kaitong.hall.models import Inquiry, Rules, Ticket
from kaitong.hall.seats import required_seat
from kaitong.hall.taking import today
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to


@dataclass(frozen=True, slots=True)
class Subject:
    key: str
    title: str
    title_en: str


def subjects(rules: Rules) -> tuple[Subject, ...]:
    """What may be asked, as the playbook lists it; nothing where it lists nothing."""
    english = rules.content.get("english", {})
    return tuple(
        Subject(one["key"], one["title"], english.get(one["title"], ""))
        for one in rules.content.get("subjects", [])
    )


@transaction.atomic
def record(*, actor: Actor, ticket_id: UUID, subject: str) -> Inquiry:
    """The customer at this clerk's counter asked about a subject; again changes nothing.

    A number may have several. Who serves it records it, while it is served.
    """
    seat = required_seat(actor)
    ticket = lock_row(visible_to(Ticket.objects.all(), actor), ticket_id)
    if ticket is None:
        raise NoSuchTicket(_("没有这个排队号。"), _("请刷新页面。"))
    if ticket.state != TicketState.SERVING or ticket.seat_id != seat.pk:
        raise WrongTicketState(_("这个号不在你的窗口办理。"), _("请刷新页面。"))
    known = {one.key: one for one in subjects(ticket.rules)}
    if subject not in known:
        fault = InputFault("subject", _("没有这项咨询内容。"), _("请从列表里选择。"))
        raise BadHall([fault])
    made, _new = Inquiry.objects.get_or_create(
        ticket=ticket,
        subject=subject,
        defaults={
            "branch_id": ticket.branch_id,
            "day": ticket.day,
            "title": known[subject].title,
            "clerk_id": seat.clerk_id,
        },
    )
    return made


def asked(ticket: Ticket) -> list[str]:
    """The subjects a number's customer asked about, in the order they were recorded."""
    return list(ticket.inquiries.order_by("pk").values_list("subject", flat=True))


def asked_today(actor: Actor) -> list[tuple[str, int]]:
    """Titles with how often they were asked about in the actor's hall today, most first."""
    rows = Inquiry.objects.filter(branch_id=actor.branch_id, day=today())
    return Counter(rows.values_list("title", flat=True)).most_common()
