"""What the counter may do with a service now: every change of its playbook, or why not."""

from __future__ import annotations

from dataclasses import dataclass

from kaitong.core.clock import now
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.ordering import changes
from kaitong.ordering.choices import ItemAction
from kaitong.ordering.life_checks import Subject
from kaitong.ordering.life_plans import (
    may_ask,
    opening,
    plan_from,
    procedures,
    standings,
)
from kaitong.org.actor import Actor


@dataclass(frozen=True, slots=True)
class Offer:
    """One change; `refusal` says why it cannot be done now. Checks are looked at on its page."""

    key: str
    title: str
    refusal: str
    remedy: str


def offers(actor: Actor, service: ServiceView) -> list[Offer]:
    """The changes this person may ask for, in a constant number of queries."""
    known = [p for p in procedures(service) if not p.counter.get("machine")]
    known.sort(key=lambda p: p.action == ItemAction.DELETE)  # the end stands last
    mine = [p for p in known if may_ask(actor, p)]
    if not mine:
        return []
    standing = standings(service, inventory.suspensions([service.id]).get(service.id, []))
    under_way, being_opened, moment = changes.open_of(service.id), opening(service), now()
    found = []
    for procedure in mine:
        plan = plan_from(
            Subject(actor, service, procedure, moment),
            standing,
            under_way,
            being_opened,
            known,
            looked=False,
        )
        found.append(Offer(procedure.key, plan.title, plan.refusal, plan.remedy))
    return found
