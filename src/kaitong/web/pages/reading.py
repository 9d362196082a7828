"""One order as one request reads it: each thing once, when it is first wanted."""

from __future__ import annotations

from functools import cached_property
from uuid import UUID

from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.ordering import queries as ordering
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.web.pages.facts import OrderFacts, of_orders


class Reading:
    """Raises OrderNotFound for another branch's order, before anything else is read."""

    def __init__(self, actor: Actor, order_id: UUID) -> None:
        self.actor = actor
        self.order = ordering.order(actor, order_id)

    @cached_property
    def services(self) -> list[ServiceView]:
        return inventory.services_of_order(self.order.id)

    @cached_property
    def facts(self) -> OrderFacts:
        lines = {self.order.id: self.services}
        return of_orders([self.order], people=True, lines=lines)[self.order.id]

    @cached_property
    def instances(self) -> list[UUID]:
        """The processes of its items, in their order."""
        return [item.instance_id for item in self.order.items.all() if item.instance_id]

    @cached_property
    def picture(self) -> process.Picture | None:
        """Where the first item's process stands."""
        return process.picture(self.instances[0]) if self.instances else None

    @cached_property
    def waits(self) -> list[process.WaitFact]:
        """What the processes of all items wait for; a join waits for its own siblings only."""
        if self.picture is None:
            return []
        others = process.waits(self.instances[1:]).values() if self.instances[1:] else ()
        found = [*self.picture.waits, *(fact for facts in others for fact in facts)]
        return [fact for fact in found if fact.kind != "join"]
