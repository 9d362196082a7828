"""The page of a ticket: head, the work in hand with its questions, live facts, timeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.assurance import queries as assurance
from kaitong.assurance import timeline
from kaitong.assurance.choices import (
    BROKEN,
    FINAL,
    CauseState,
    Severity,
    TicketKind,
    TicketState,
)
from kaitong.assurance.models import Fault
from kaitong.core import wording
from kaitong.core.clock import now as clock_now
from kaitong.core.errors import InputFault, NotFound
from kaitong.core.masking import mask_phone
from kaitong.documents import queries as documents
from kaitong.inventory import queries as inventory
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.process import queries as process
from kaitong.web import format as fmt
from kaitong.web import forms
from kaitong.web.access import takes_faults
from kaitong.web.pages import clocks, customers, drawer, order_timeline
from kaitong.web.pages.fault_facts import of_faults, words
from kaitong.web.pages.fault_live import Live, live
from kaitong.web.pages.faults import SEVERITY_TONES, TONES, due_of, waiting
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import Note, Person
from kaitong.web.why import Why


@dataclass(frozen=True, slots=True)
class Answered:
    """What the customer was asked and said, in words."""

    at: datetime
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    name: str
    number: str
    url: str


@dataclass(frozen=True, slots=True)
class FaultPage:
    id: UUID
    number: str
    kind: str
    symptom: str
    severity: str
    severity_tone: str
    state_text: str
    tone: str
    reason: str
    description: str
    customer: Person | None
    contact: str
    channel: str
    due: fmt.Due
    due_text: str
    why: Why | None
    waiting: str
    place: str
    cause: str
    address: str
    address_full: str
    account: str
    port: str
    notes: tuple[Note, ...]
    work: tuple[drawer.WorkDetail, ...]
    live: Live | None
    answers: tuple[Answered, ...]
    surveys: tuple[Any, ...]
    sheets: tuple[Sheet, ...]
    timeline: order_timeline.TimelinePane
    urged: int
    can_urge: bool
    can_cancel: bool
    can_reopen: bool
    fault: str = ""


def fault_page(
    actor: Actor,
    fault_id: UUID,
    *,
    item_id: UUID | None = None,
    values: Mapping[str, Any] | None = None,
    faults: Iterable[InputFault] = (),
    fault: str = "",
) -> FaultPage:
    """`values`, `faults` are those of a refused completion of `item_id`."""
    row = assurance.fault(actor, fault_id)
    facts = of_faults([row], people=True)[row.pk]
    moment, say = clock_now(), facts.say
    items = process.open_items_of(actor, [row.pk]).get(row.pk, [])
    work = []
    for item in items:
        mine = item.id == item_id
        detail = drawer.work_detail(
            actor,
            item.id,
            values=values if mine else None,
            faults=list(faults) if mine else (),
        )
        if detail.can.any:
            work.append(detail)
    service = inventory.service(actor, row.service_id) if row.service_id else None
    going = row.state in BROKEN
    channels = {one["key"]: say(one["title"]) for one in row.handling.content["channels"]}
    channels["api"] = _("接口")
    channel = channels.get(row.channel, row.channel)
    if row.hotline:
        channel += f" {row.hotline}" + (f" → {row.routed_to}" if row.routed_to else "")
    reported = fmt.short(row.reported_at)
    spent = fmt.span((row.resolved_at or row.closed_at or moment) - row.reported_at)
    return FaultPage(
        id=row.pk,
        number=facts.number,
        kind=str(TicketKind(row.kind).label),
        symptom=facts.product,
        severity=str(Severity(row.severity).label),
        severity_tone=SEVERITY_TONES[Severity(row.severity)],
        state_text=str(TicketState(row.state).label),
        tone=TONES[TicketState(row.state)],
        reason=say(wording.read(row.reason)),
        description=row.description,
        customer=customers.masked(facts.customer, scope="order") if facts.customer else None,
        contact=mask_phone(str(row.contact)) if row.contact else "",
        channel=channel,
        due=due_of(row, moment),
        due_text=_("%(start)s 受理，用时 %(spent)s") % {"start": reported, "spent": spent},
        why=clocks.of_order(facts, moment),
        waiting=waiting(items, facts, post_names())
        or (_("等群障修复") if row.ext.get("in_cause") else "" if not going else "—"),
        place=timeline.place_titles().get(row.place, ""),
        cause=wording.read(say(row.cause_title)),
        address=facts.address,
        address_full=facts.address_full,
        account=row.account,
        port=row.port_text,
        notes=tuple(_notes(row)),
        work=tuple(work),
        live=live(actor, service, but=row.pk) if service is not None and going else None,
        answers=tuple(_answers(row)),
        surveys=tuple(_surveys(row, say)),
        sheets=tuple(
            Sheet(say(one.title), one.number, reverse("web:paper", args=[one.pk]))
            for one in documents.papers_of_order(actor, row.pk)
        ),
        timeline=order_timeline.pane_of(
            timeline.of_fault(actor, row, channels=lambda key: channels.get(key, key)),
            say,
            own=str(TicketKind(row.kind).label),
        ),
        urged=row.urged,
        can_urge=going,
        can_cancel=going and takes_faults(actor),
        can_reopen=row.state == TicketState.RESOLVED and takes_faults(actor),
        fault=fault,
    )


def ticket_url(actor: Actor, ticket_id: UUID) -> str:
    """Where a ticket or a common cause is shown; empty when it is neither."""
    for url, find in (("web:fault", assurance.fault), ("web:cause", assurance.cause)):
        try:
            find(actor, ticket_id)  # type: ignore[operator]
        except NotFound:
            continue
        return reverse(url, args=[ticket_id])
    return ""


# ---- inside --------------------------------------------------------------------------------------


def _notes(row: Fault) -> Iterable[Note]:
    cause = row.common_cause
    if cause is not None and row.state not in FINAL:
        url = reverse("web:cause", args=[cause.pk])
        strong = _("群障 %(number)s：") % {"number": cause.number or ""}
        state = str(CauseState(cause.state).label)
        text = f"{cause.resource_text} · {state}"
        if cause.expected_at and cause.state == CauseState.CONFIRMED:
            text += " · " + _("预计 %(at)s 恢复") % {"at": fmt.short(cause.expected_at)}
        yield Note("soon", "network", strong, text, url)
    if row.repeats is not None:
        days = (row.reported_at - (row.repeats.resolved_at or row.reported_at)).days
        text = _("%(number)s 修复后 %(days)s 天又报。") % {
            "number": row.repeats.number or "",
            "days": days,
        }
        yield Note(
            "late", "history", _("重复故障。"), text, reverse("web:fault", args=[row.repeats.pk])
        )
    if row.reopened:
        text = _("客户说没有修好，重开 %(n)s 次。") % {"n": row.reopened}
        yield Note("late", "arrow-back-up", "", text)
    if row.urged:
        text = _("客户催单 %(n)s 次。") % {"n": row.urged}
        yield Note("soon", "bell-ringing", "", text)


def _answers(row: Fault) -> Iterable[Answered]:
    """The guided questions as they were answered, by the words of the form then."""
    kept = row.ext.get("answers", [])
    if not kept:
        return
    content = playbooks.content(row.handling.playbook, row.handling.playbook_hash)
    say = words(row.handling)
    for one in reversed(kept):
        given = one.get("answers") or {}
        file = _form_with(content["forms"], set(given))
        if not given or file is None:
            continue
        form = playbooks.form(row.handling.playbook, row.handling.playbook_hash, file)
        shown = forms.shown(form.schema, form.ui, given, say)
        yield Answered(datetime.fromisoformat(one["at"]), tuple(shown))


def _form_with(known: Mapping[str, Any], names: set[str]) -> str | None:
    for file, form in known.items():
        if names and names <= set(form["properties"]):
            return file
    return None


def _surveys(row: Fault, say: Any) -> Iterable[dict[str, Any]]:
    rows = assurance.surveys(row.pk)
    names = org.staff_names(one.asked_by for one in rows)
    for one in rows:
        yield {
            "at": one.asked_at,
            "reached": one.reached,
            "fixed": one.fixed,
            "score": one.score,
            "reason": say(one.reason_title),
            "remark": one.remark,
            "who": names.get(one.asked_by, "") if one.asked_by else "",
        }
