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

DELIVER, UNDO = "deliver", "undo"  # an order's processes: what delivers it, what takes it back


class Reading:
    """Raises OrderNotFound for another branch's order, before anything else is read.

    `which` of its processes is looked at: by itself the one that takes it back, once there is one.
    """

    def __init__(self, actor: Actor, order_id: UUID, which: str = "") -> None:
        self.actor, self.which = actor, which
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
        """The processes of its items, in their order; the one that is drawn comes first."""
        items = [item for item in self.order.items.all() if item.instance_id]
        every = [one for item in items for one in item.instances]
        drawn = items[0].undo_instance_id if self.undo else None
        return [drawn, *(one for one in every if one != drawn)] if drawn else every

    @property
    def undo(self) -> bool:
        """Whether the process that takes the order back is the one that is drawn."""
        first = next((i for i in self.order.items.all() if i.instance_id), None)
        return first is not None and first.undo_instance_id is not None and self.which != DELIVER

    @cached_property
    def picture(self) -> process.Picture | None:
        """Where the process that is drawn stands."""
        return process.picture(self.instances[0]) if self.instances else None

    @cached_property
    def waits(self) -> list[process.WaitFact]:
        """What the processes of all items wait for; a join waits for its own siblings only."""
        if self.picture is None:
            return []
        others = process.waits(self.instances[1:]).values() if self.instances[1:] else ()
        found = [*self.picture.waits, *(fact for facts in others for fact in facts)]
        return [fact for fact in found if fact.kind != "join"]
