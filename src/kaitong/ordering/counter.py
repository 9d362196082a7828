"""What the counter can offer now, and on which terms: plans with the procedure that opens them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from kaitong.catalog import queries as catalog
from kaitong.catalog.choices import OfferingKind
from kaitong.catalog.models import Offering
from kaitong.catalog.pricing import priced
from kaitong.ordering import bundles, evidence
from kaitong.ordering.models import Procedure
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import kinds
from kaitong.worktime import queries as worktime
from kaitong.worktime.budgets import parse_budget
from kaitong.worktime.rules import Deadline

NOW, MONTHLY = "accepted", "monthly"
CHANGING = ("modify", "delete")


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan of the catalogue that a procedure can open as a new line."""

    offering: Offering
    procedure: Procedure
    case: Offering | None = None  # the marketing case chosen with it (营销案)
    lacking: tuple[str, ...] = ()  # kinds of element its parts need, and the branch has not

    @property
    def specification(self) -> str:
        return f"{self.procedure.playbook}.{self.procedure.specification}"

    @property
    def document_kinds(self) -> tuple[kinds.KindRule, ...]:
        """The playbook's dated table of identity documents (VER-01, VER-04)."""
        return evidence.document_rules(self.procedure.parameters)

    @property
    def photo_purpose(self) -> str:
        """What photos taken for this plan may be used for: their watermark."""
        return str(self.procedure.parameters.get("photo_purpose", ""))

    @property
    def face_pass(self) -> int:
        """The likeness from which a face comparison passes; 0 where the playbook names none."""
        return int(self.procedure.parameters.get("face_pass", 0))

    @property
    def hold_time(self) -> timedelta:
        """How long an unpaid draft keeps its port: the playbook's parameter `port_hold`."""
        return timedelta(seconds=parse_budget(self.procedure.parameters["port_hold"]).seconds)

    @property
    def due_now_fen(self) -> int:
        """What is collected at the counter."""
        return sum(c["amount"] for c in self.charges if c["when"] == NOW)

    @property
    def monthly_fen(self) -> int:
        return sum(c["amount"] for c in self.charges if c["when"] == MONTHLY)

    @property
    def charges(self) -> list[dict[str, Any]]:
        """What the plan costs, with the case where one is chosen."""
        if self.case is None:
            return priced(self.offering.charges)
        return priced(self.offering.charges, self.case.prices, self.case.charges)

    @property
    def term(self) -> str:
        """The contract's length: the case's where it has one."""
        return (self.case.term if self.case is not None else "") or self.offering.term

    def promise(self, branch_id: UUID, start: datetime) -> Deadline | None:
        """When the service would be due if the order were taken in at `start`."""
        budget = self.procedure.parameters.get(self.procedure.budget)
        if not budget:
            return None
        return worktime.deadline(budget, start, calendar_key=org.calendar_key(branch_id))


def cases(on: date, offers: Iterable[Offer]) -> list[Offering]:
    """The marketing cases that go with these plans on a day; one query."""
    return catalog.cases(on, [offer.offering.key for offer in offers])


def changes() -> list[Procedure]:
    """What people may ask the counter to do with a line in use, each once."""
    rows = Procedure.objects.filter(retired_at=None, action__in=CHANGING).exclude(counter={})
    asked = [row for row in rows.order_by("playbook", "pk") if not row.counter.get("machine")]
    return list({row.key: row for row in reversed(asked)}.values())[::-1]


def offers(actor: Actor) -> list[Offer]:
    """Every plan that can be ordered at the counter, in the catalogue's order; constant queries.

    A bundle whose platforms the branch has not is among them, to be shown with the reason.
    """
    opening = {
        (row.playbook, row.specification): row
        for row in Procedure.objects.filter(action="add", retired_at=None)
    }
    found = []
    plans = catalog.current_offerings(actor, kind=OfferingKind.PLAN)
    missing = bundles.platforms_missing(plans, actor.branch_id)
    for offering in plans:
        service = (offering.services or [""])[0]
        procedure = opening.get((offering.playbook, service))
        if procedure is not None and procedure.parameters.get("port_hold"):
            found.append(Offer(offering, procedure, lacking=missing.get(offering.pk, ())))
    return found
