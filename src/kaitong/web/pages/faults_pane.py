"""故障: open and past faults and complaints of a line or a customer, and reporting one (BB-12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse

from kaitong.assurance import queries as assurance
from kaitong.assurance.choices import FINAL, TicketState
from kaitong.assurance.models import Fault
from kaitong.core import wording
from kaitong.core.clock import now
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import ServiceState
from kaitong.web import format as fmt
from kaitong.web.access import takes_faults
from kaitong.web.pages.customer import LINES, Look
from kaitong.web.pages.fault_facts import of_faults
from kaitong.web.pages.faults import TONES, due_of
from kaitong.web.pages.order_facts import OrderFacts
from kaitong.web.pages.parts import Choice, Pager, page_number

PAGE = 20
_OPEN_SHOWN = 50


@dataclass(frozen=True, slots=True)
class FaultRow:
    url: str
    number: str
    kind: str
    symptom: str
    state_text: str
    tone: str
    account: str  # on a customer's page, whose lines are several
    finding: str
    reported_at: datetime
    ended_at: datetime | None
    due: fmt.Due


@dataclass(frozen=True, slots=True)
class FaultsPane:
    open: tuple[FaultRow, ...]
    past: tuple[FaultRow, ...]
    total: int
    pager: Pager
    report: tuple[Choice, ...]  # where a fault of each line is taken in; empty for who may not
    with_account: bool
    template: str = "web/customer/faults.html"


def faults_pane(look: Look) -> FaultsPane:
    """Constant queries. A customer's are those reported as his, whoever has the line today."""
    key = {"service_id": look.service.id} if look.service else {"party_id": look.party_id}
    number = page_number(look.query)
    ended = list(FINAL)
    standing, _count = assurance.found(
        look.actor, {**key, "state__in": [s for s in TicketState if s not in FINAL]},
        limit=_OPEN_SHOWN,
    )  # fmt: skip
    past, total = assurance.found(
        look.actor, {**key, "state__in": ended}, offset=(number - 1) * PAGE, limit=PAGE
    )
    facts, moment = of_faults([*standing, *past]), now()
    named = look.service is None
    return FaultsPane(
        open=tuple(_row(row, facts[row.pk], moment, named) for row in standing),
        past=tuple(_row(row, facts[row.pk], moment, named) for row in past),
        total=total,
        pager=Pager(number, PAGE, total),
        report=_report(look) if takes_faults(look.actor) else (),
        with_account=named,
    )


def _row(row: Fault, facts: OrderFacts, moment: datetime, named: bool) -> FaultRow:
    return FaultRow(
        url=reverse("web:fault", args=[row.pk]),
        number=facts.number,
        kind=facts.action,
        symptom=facts.product,
        state_text=str(TicketState(row.state).label),
        tone=TONES[TicketState(row.state)],
        account=row.account if named else "",
        finding=facts.say(row.cause_title) or wording.read(row.reason),
        reported_at=row.reported_at,
        ended_at=row.resolved_at or row.closed_at,
        due=due_of(row, moment),
    )


def _report(look: Look) -> tuple[Choice, ...]:
    if look.service is not None:
        return (Choice(look.service.account, _taking_in(look.service.id)),)
    found, _count = inventory.services(look.actor, customer_id=look.party_id, offset=0, limit=LINES)
    return tuple(
        Choice(one.account, _taking_in(one.id))
        for one in found
        if one.state != ServiceState.TERMINATED
    )


def _taking_in(service_id: UUID) -> str:
    return f"{reverse('web:fault_new')}?service={service_id}"
