"""Reading tickets, common causes and alarms: only what the actor sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from kaitong.assurance.choices import BROKEN, OPEN_CAUSES, TicketKind, TicketState
from kaitong.assurance.errors import NoSuchFault
from kaitong.assurance.handling import current, entry_of, of_service, only, reason_title, say
from kaitong.assurance.intake import not_a_fault
from kaitong.assurance.models import Alarm, CommonCause, Fault, HandOver, Note, Survey
from kaitong.core.clock import now
from kaitong.core.masking import mask_account
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to

__all__ = [
    "alarms",
    "alarms_at",
    "alarms_of_cause",
    "by_ids",
    "cause",
    "causes",
    "causes_at",
    "causes_by_ids",
    "counts",
    "current",
    "entry_of",
    "fault",
    "faults",
    "found",
    "hand_over",
    "hand_overs",
    "members",
    "not_a_fault",
    "notes",
    "of_service",
    "only",
    "open_near",
    "open_of_services",
    "reason_title",
    "recent_of_service",
    "say",
    "surveys",
]

OPEN = BROKEN | {TicketState.RESOLVED}


def fault(actor: Actor, fault_id: UUID) -> Fault:
    """One ticket, or NoSuchFault."""
    rows = visible_to(Fault.objects.filter(pk=fault_id), actor)
    found = rows.select_related("handling", "common_cause", "repeats").first()
    if found is None:
        raise NoSuchFault(_("没有这张故障单。"), _("请核对故障号和所在分公司。"))
    return found


def by_ids(actor: Actor, ids: Iterable[UUID]) -> list[Fault]:
    """Tickets among these identifiers, whatever else is among them."""
    rows = visible_to(Fault.objects.filter(pk__in=list(ids)), actor)
    return list(rows.select_related("handling"))


def causes_by_ids(actor: Actor, ids: Iterable[UUID]) -> list[CommonCause]:
    rows = visible_to(CommonCause.objects.filter(pk__in=list(ids)), actor)
    return list(rows.select_related("handling"))


def cause(actor: Actor, cause_id: UUID) -> CommonCause:
    rows = visible_to(CommonCause.objects.filter(pk=cause_id), actor)
    found = rows.select_related("handling").first()
    if found is None:
        raise NoSuchFault(_("没有这个群障。"), _("请核对群障号和所在分公司。"))
    return found


def faults(
    actor: Actor,
    *,
    kind: str = "",
    states: Iterable[str] = (),
    symptom: str = "",
    branch_id: UUID | None = None,
    overdue: bool = False,
    repeated: bool = False,
    text: str = "",
    offset: int = 0,
    limit: int = 50,
) -> tuple[list[Fault], int]:
    """Tickets for a list: what is due first comes first; what has ended, the youngest first."""
    rows = _asked(actor, kind, states, symptom, branch_id, overdue, repeated, text)
    wanted = set(states)
    order = ("due_at", "-pk") if wanted and wanted <= BROKEN else ("-pk",)
    page = rows.select_related("handling", "common_cause").order_by(*order)
    return list(page[offset : offset + limit]), rows.count()


def found(
    actor: Actor, lookups: Mapping[str, Any], *, offset: int = 0, limit: int | None = None
) -> tuple[list[Fault], int]:
    """Tickets by lookups on columns, the youngest first: for interfaces."""
    rows = visible_to(Fault.objects.filter(**lookups), actor).order_by("-pk")
    until = None if limit is None else offset + limit
    return list(rows.select_related("handling")[offset:until]), rows.count()


def _asked(
    actor: Actor,
    kind: str,
    states: Iterable[str],
    symptom: str,
    branch_id: UUID | None,
    overdue: bool,
    repeated: bool,
    text: str,
) -> QuerySet[Fault]:
    rows = visible_to(Fault.objects.all(), actor)
    if kind:
        rows = rows.filter(kind=kind)
    if wanted := list(states):
        rows = rows.filter(state__in=wanted)
    if symptom:
        rows = rows.filter(symptom=symptom)
    if branch_id is not None:
        rows = rows.filter(branch_id=branch_id)
    if overdue:
        rows = rows.filter(due_at__lt=now(), state__in=BROKEN)
    if repeated:
        rows = rows.filter(Q(repeats__isnull=False) | Q(reopened__gt=0))
    if text:
        # a ticket keeps an account that is a mobile number masked
        rows = rows.filter(Q(number=text) | Q(account__startswith=mask_account(text)))
    return rows


def counts(actor: Actor, *, kind: str = "") -> dict[str, int]:
    """How many tickets stand in each state; `overdue` beside them."""
    rows = visible_to(Fault.objects.exclude(state__in=["closed", "cancelled", "rejected"]), actor)
    if kind:
        rows = rows.filter(kind=kind)
    found = dict(rows.values_list("state").annotate(n=Count("id")))
    found["overdue"] = rows.filter(due_at__lt=now(), state__in=BROKEN).count()
    return found


def notes(ticket_id: UUID) -> list[Note]:
    """The lines of a ticket or a common cause already found visible, oldest first."""
    return list(Note.objects.filter(ticket_id=ticket_id).order_by("id"))


def surveys(ticket_id: UUID) -> list[Survey]:
    return list(Survey.objects.filter(ticket_id=ticket_id).order_by("asked_at"))


def open_of_services(actor: Actor, service_ids: Iterable[UUID]) -> dict[UUID, Fault]:
    """The ticket of each service that has not ended, the youngest."""
    rows = visible_to(Fault.objects.filter(service_id__in=list(service_ids)), actor)
    rows = rows.filter(state__in=OPEN, kind=TicketKind.FAULT).order_by("pk")
    return {row.service_id: row for row in rows if row.service_id is not None}


def open_near(
    actor: Actor, places: Mapping[str, UUID], *, but: UUID | None = None, limit: int = 20
) -> list[tuple[str, Fault]]:
    """Other broken lines on the same splitter, PON port or OLT, the nearest level first."""
    if not places:
        return []
    box, pon, olt = (places.get(level) for level in ("splitter", "pon", "olt"))
    near = Q(pk__isnull=True)
    for field, value in (("box_id", box), ("pon_id", pon), ("olt_id", olt)):
        if value is not None:
            near |= Q(**{field: value})
    rows = visible_to(Fault.objects.filter(near, state__in=BROKEN, kind="fault"), actor)
    if but is not None:
        rows = rows.exclude(pk=but)
    found = []
    for row in rows.select_related("handling").order_by("-pk")[:200]:
        level = (
            "splitter"
            if box is not None and row.box_id == box
            else "pon"
            if pon is not None and row.pon_id == pon
            else "olt"
        )
        found.append((level, row))
    rank = {"splitter": 0, "pon": 1, "olt": 2}
    return sorted(found, key=lambda pair: rank[pair[0]])[:limit]


def causes(
    actor: Actor, *, states: Iterable[str] = OPEN_CAUSES, offset: int = 0, limit: int = 50
) -> tuple[list[CommonCause], int]:
    """Common causes, the youngest first, each with `reported` tickets counted."""
    rows = visible_to(CommonCause.objects.filter(state__in=list(states)), actor)
    page = rows.select_related("handling").annotate(reported=Count("faults")).order_by("-pk")
    return list(page[offset : offset + limit]), rows.count()


def causes_at(actor: Actor, places: Mapping[str, UUID]) -> list[CommonCause]:
    """Living common causes at these places of the network."""
    rows = CommonCause.objects.filter(resource_id__in=list(places.values()), state__in=OPEN_CAUSES)
    return list(visible_to(rows, actor).order_by("pk"))


def members(actor: Actor, cause_id: UUID, *, limit: int = 200) -> list[Fault]:
    """The tickets of a common cause."""
    rows = visible_to(Fault.objects.filter(common_cause_id=cause_id), actor)
    return list(rows.select_related("handling").order_by("pk")[:limit])


def alarms_at(actor: Actor, resource_ids: Iterable[UUID], *, open_only: bool = True) -> list[Alarm]:
    """Alarms of pieces of the network, the youngest first."""
    rows = visible_to(Alarm.objects.filter(resource_id__in=list(resource_ids)), actor)
    if open_only:
        rows = rows.filter(cleared_at=None, raised_at__isnull=False)
    return list(rows.order_by("-pk")[:50])


def alarms_of_cause(actor: Actor, cause_id: UUID) -> list[Alarm]:
    rows = visible_to(Alarm.objects.filter(common_cause_id=cause_id), actor)
    return list(rows.order_by("-pk")[:50])


def alarms(
    actor: Actor, *, open_only: bool = True, offset: int = 0, limit: int = 50
) -> tuple[list[Alarm], int]:
    """Alarms for a list, the youngest first. Those of no branch are seen by who sees everything."""
    rows = visible_to(Alarm.objects.filter(raised_at__isnull=False), actor)
    if open_only:
        rows = rows.filter(cleared_at=None)
    return list(rows.order_by("-pk")[offset : offset + limit]), rows.count()


def hand_overs(actor: Actor, *, offset: int = 0, limit: int = 30) -> tuple[list[HandOver], int]:
    rows = visible_to(HandOver.objects.all(), actor)
    return list(rows.order_by("-pk")[offset : offset + limit]), rows.count()


def hand_over(actor: Actor, row_id: UUID) -> HandOver:
    found = visible_to(HandOver.objects.filter(pk=row_id), actor).first()
    if found is None:
        raise NoSuchFault(_("没有这次交接。"), _("请核对编号和所在分公司。"))
    return found


def recent_of_service(actor: Actor, service_id: UUID, *, days: int = 90) -> list[Fault]:
    """What was reported of a line lately, the youngest first."""
    rows = visible_to(Fault.objects.filter(service_id=service_id), actor)
    since: datetime = now() - timedelta(days=days)
    return list(rows.filter(reported_at__gte=since).order_by("-pk")[:20])
