"""Taking a number (取号), and the end of the day.

Locks: the day, then seats, then numbers by key.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.core.masking import mask_phone
from kaitong.hall import rules as tables
from kaitong.hall.choices import Act, TicketState
from kaitong.hall.errors import BadHall, HallRefused, NoSuchTicket
from kaitong.hall.history import note
from kaitong.hall.models import Day, Seat, Stint, Ticket
from kaitong.org.actor import Actor
from kaitong.party.names import parse_phone

WIDTH = 3  # A012


def today(moment: datetime | None = None) -> date:
    """The hall's day."""
    return timezone.localdate(moment or now())


def take(*, actor: Actor, kind: str, key: str, phone: str = "") -> Ticket:
    """Take a number of a business kind; the same key again gives the same number.

    Numbers count up from 1 each day, by prefix. Of a telephone number only the mask is kept.
    """
    rules = tables.required()
    tables.require(tables.may_give(actor, rules))
    wanted = tables.kind(rules, kind)
    faults = []
    if wanted is None:
        faults.append(InputFault("kind", _("没有这种业务。"), _("请从列出的业务里选。")))
    if not key.strip():
        faults.append(InputFault("key", _("没有取号编号。"), _("请刷新页面。")))
    if phone.strip() and parse_phone(phone) is None:
        faults.append(InputFault("phone", _("手机号不对。"), _("请填 11 位手机号，或者不填。")))
    if faults or wanted is None:
        raise BadHall(faults)
    branch_id = actor.branch_id
    if branch_id is None:
        raise HallRefused(_("没有所在的营业厅。"), _("请用营业厅人员的账号。"))
    with transaction.atomic():
        day = _day(branch_id, today())
        before = Ticket.objects.filter(key=key[:80]).first()
        if before is not None:
            if before.branch_id != branch_id:
                raise HallRefused(_("这个取号编号已用过。"), _("请刷新页面。"), field="key")
            return before
        if day.closed_at is not None:
            raise HallRefused(_("今天已经停止取号。"), _("请明天再来，或到营业厅询问。"))
        last = int(day.last.get(wanted.prefix, 0)) + 1
        day.last = {**day.last, wanted.prefix: last}
        day.save(update_fields=["last"])
        moment = now()
        ticket = Ticket.objects.create(
            branch_id=branch_id,
            day=day.day,
            rules=rules,
            kind=wanted.key,
            number=f"{wanted.prefix}{last:0{WIDTH}d}",
            phone=mask_phone(phone) if phone.strip() else "",
            taken_at=moment,
            turn_at=moment,
            key=key[:80],
        )
        note(ticket, Act.TAKEN, actor)
    return ticket


def close_day(*, actor: Actor) -> int:
    """收厅: no more numbers today, and those still waiting are ended; how many.

    Who was called or is being served is served to the end: he stands at a counter, and the page
    says which numbers those are. Again changes nothing.
    """
    rules = tables.required()
    leads = actor.has_post(tables.LEADING)
    tables.require(leads or tables.may_take(actor, rules))
    if actor.branch_id is None:
        raise HallRefused(_("没有所在的营业厅。"), _("请用营业厅人员的账号。"))
    with audit.acting(actor.id, "close the hall's day"), transaction.atomic():
        day = _day(actor.branch_id, today())
        if day.closed_at is None:
            day.closed_at, day.closed_by = now(), actor.id
            day.save(update_fields=["closed_at", "closed_by"])
        return _close(Q(branch_id=actor.branch_id, day=day.day), actor)


def reopen_day(*, actor: Actor) -> None:
    """Take numbers again today; those that were ended stay so."""
    rules = tables.required()
    tables.require(actor.has_post(tables.LEADING) or tables.may_take(actor, rules))
    if actor.branch_id is None:
        raise NoSuchTicket(_("没有所在的营业厅。"), _("请用营业厅人员的账号。"))
    with audit.acting(actor.id, "open the hall again"), transaction.atomic():
        day = _day(actor.branch_id, today())
        day.closed_at, day.closed_by = None, None
        day.save(update_fields=["closed_at", "closed_by"])


def end_past_days() -> int:
    """End what days before today left open, and free the counters; how many numbers were ended.

    Called by workers, any number at once: what another has in hand is left to it.
    """
    system, day, moment = Actor.system(), today(), now()
    with transaction.atomic():
        past = Seat.objects.filter(left_at=None, created_at__lt=begin_of(day)).order_by("pk")
        seats = list(past.select_for_update(skip_locked=True, no_key=True)[:200])
        ended = _close(Q(day__lt=day), system, machine=True)
        Seat.objects.filter(pk__in=[seat.pk for seat in seats]).exclude(
            tickets__state__in=[TicketState.CALLED, TicketState.SERVING]
        ).update(left_at=moment)
    return ended


# ---- inside --------------------------------------------------------------------------------------


def _day(branch_id: UUID, day: date) -> Day:
    """The hall's day, locked; begun where it is the first time."""
    Day.objects.bulk_create([Day(branch_id=branch_id, day=day)], ignore_conflicts=True)
    return Day.objects.select_for_update(no_key=True).get(branch_id=branch_id, day=day)


def _close(which: Q, actor: Actor, *, machine: bool = False) -> int:
    """End numbers that wait; by the machine, on a later day, those called and served, too."""
    states = [TicketState.WAITING]
    if machine:
        states += [TicketState.CALLED, TicketState.SERVING]
    else:
        which &= Q(to_seat=None)  # who was handed on stands before another counter
    rows = Ticket.objects.filter(which, state__in=states).order_by("pk")
    found = list(
        rows.select_for_update(no_key=True, skip_locked=machine)[: 500 if machine else None]
    )
    moment = now()
    for ticket in found:
        served = ticket.state == TicketState.SERVING
        ticket.state = TicketState.ENDED if served else TicketState.CLOSED
        ticket.ended_at, ticket.to_seat = moment, None
        ticket.save(update_fields=["state", "ended_at", "to_seat"])
        if served:
            Stint.objects.filter(ticket=ticket, ended_at=None).update(ended_at=moment, cut=True)
        note(ticket, Act.ENDED if served else Act.CLOSED, actor)
    return len(found)


def begin_of(day: date) -> datetime:
    """Its midnight."""
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))
