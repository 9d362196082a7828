"""选号: from which range a plan's telephone number may be picked, by its playbook.

`needs: {number: {rule, choose: customer, hold}}` of the service that has one. A number is held for
the draft (or the page of a change), then for the order until its telephone is supplied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from kaitong.catalog import queries as catalog
from kaitong.catalog.models import Offering
from kaitong.inventory import choosing
from kaitong.inventory import services as inventory
from kaitong.org.actor import Actor
from kaitong.worktime.budgets import parse_budget

NEED, CUSTOMER = "number", "customer"
HELD = "held_numbers"  # a parameter: how many a clerk and a customer may hold at once


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Numbers that customers may pick."""

    pattern: str
    hold_for: timedelta
    quarantine_days: int
    most: choosing.Most | None = None

    def free(self, branch_id: UUID, ending: str = "", holder: UUID | None = None) -> list[str]:
        return choosing.free_numbers(
            branch_id=branch_id,
            pattern=self.pattern,
            ending=choosing.digits_of(ending),
            holder=holder,
        )

    def hold(
        self,
        *,
        actor: Actor,
        branch_id: UUID,
        number: str,
        holder: UUID,
        customer_id: UUID | None = None,
        let_go: bool = False,
    ) -> str:
        """For a draft, or the page of a change; `let_go` frees what the clerk held too many."""
        return inventory.hold_number(
            actor=actor,
            branch_id=branch_id,
            pattern=self.pattern,
            number=number,
            holder=holder,
            hold_for=self.hold_for,
            quarantine_days=self.quarantine_days,
            most=self.most,
            customer_id=customer_id,
            let_go=let_go,
        )

    def keep(
        self,
        *,
        actor: Actor,
        branch_id: UUID,
        number: str,
        order_id: UUID,
        formerly: UUID | None = None,
    ) -> str:
        """For an accepted order: without an end."""
        return inventory.hold_number(
            actor=actor,
            branch_id=branch_id,
            pattern=self.pattern,
            number=number,
            holder=order_id,
            formerly=formerly,
            hold_for=None,
            quarantine_days=self.quarantine_days,
        )


def range_of(
    offering: Offering, parameters: Mapping[str, Any], services: frozenset[str] | None = None
) -> NumberRange | None:
    """The range a plan's number is picked from; None where none is, or the system picks it.

    `services` says which of its parts count (加装: the new one alone).
    """
    wanted = [*offering.services, *(part["service"] for part in offering.parts)]
    rows = catalog.service_specifications(playbook=offering.playbook, version=offering.version)
    for row in rows:
        if row.key not in wanted or (services is not None and row.key not in services):
            continue
        need = row.needs.get(NEED, {})
        if need.get("choose") == CUSTOMER:
            held = parameters.get(need.get("hold", ""))
            return NumberRange(
                pattern=str(parameters[need["rule"]]),
                hold_for=timedelta(seconds=parse_budget(held).seconds if held else 0),
                quarantine_days=int(need.get("quarantine", 0)),
                most=_most(parameters),
            )
    return None


def _most(parameters: Mapping[str, Any]) -> choosing.Most:
    held = parameters.get(HELD) or {}
    return choosing.Most(int(held.get("clerk", 0)), int(held.get("customer", 0)))


def page_of(key: str, asker_id: UUID | None) -> UUID:
    """The page of a change as who holds a number: its key, any text, of who asks. A key that names
    an order, a draft or a colleague's page holds nothing of theirs."""
    return uuid5(NAMESPACE_OID, f"change {asker_id} {key}")
