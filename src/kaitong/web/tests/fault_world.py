"""Lines in operation and the people who mend them, on top of the pages' world."""

from __future__ import annotations

from uuid import UUID

from kaitong.assurance import services as assurance
from kaitong.assurance.models import Fault
from kaitong.core.clock import now
from kaitong.inventory import services as inventory
from kaitong.inventory.models import Service
from kaitong.org import services as org
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.web.tests.world import PASSWORD, World

MENDERS = {
    "hotline": "洪秀英",
    "hotline2": "孙丽",
    "maintenance": "俞建军",
    "transmission": "曹卫东",
    "data": "姚立新",
    "support": "凌芳",
    "it": "戴志明",
}


def menders(world: World) -> None:
    for name, person in MENDERS.items():
        org.ensure_staff(
            username=name,
            name=person,
            branch=world.branch,
            password=PASSWORD,
            posts=(name.rstrip("2"),),
        )


def line(world: World, serial: int = 1, **order) -> Service:
    """A line in operation. That its order was carried out is told, not done: no network here."""
    made = world.order(serial, **order)
    Service.objects.filter(order_id=made.pk).update(state="active", started_at=now())
    service = Service.objects.get(order_id=made.pk)
    inventory.install_terminal(
        actor=Actor.system(branch_id=world.branch.pk),
        service_id=service.pk,
        serial=f"HWTC{serial:08X}",
    )
    return service


def report(world: World, service: Service, *, by: str = "hotline", **more) -> Fault:
    told = {"symptom": "no-internet", "channel": "hotline", "hotline": "10050"} | more
    return assurance.take_in(
        actor=world.actor(by), report=assurance.Report(service_id=service.pk, **told)
    )


def item(fault_id: UUID, node: str = "") -> UUID:
    """The open work item of a ticket or a common cause."""
    rows = process.open_items_of(Actor.system(), [fault_id]).get(fault_id, [])
    found = [row.id for row in rows if not node or row.node == node]
    assert found, f"{node} does not wait: {[row.node for row in rows]}"
    return found[0]


def standing(fault_id: UUID) -> list[str]:
    rows = process.open_items_of(Actor.system(), [fault_id]).get(fault_id, [])
    return sorted(row.node for row in rows)
