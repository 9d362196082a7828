"""A service's password in its life: the customer's own, or one made by us.

A service whose specification has the need `password` is given one by the system (a telephone
registers by it, nobody types it in every day): its customer does not choose it, and the counter
tells him the new one. Every other service has the password that its customer chose.
"""

from __future__ import annotations

from kaitong.catalog import queries as catalog
from kaitong.catalog.errors import NotOffered
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.results import ServiceView
from kaitong.ordering import changes
from kaitong.ordering.errors import OrderRefused
from kaitong.ordering.models import OrderItem
from kaitong.org.actor import Actor

NEED = "password"
TARGET = "change.password"


def made_by_us(service: ServiceView) -> bool:
    """Whether the system makes the password of such a service; one statement."""
    try:
        found = catalog.service_specification(
            service.specification, playbook=service.playbook, version=service.version
        )
    except NotOffered:
        return False
    return NEED in found.needs


def give(*, actor: Actor, item: OrderItem) -> None:
    """The item's service has another password from now on: the one asked for, else one made by us.
    Raises OrderRefused where the customer had to choose one and has not."""
    assert item.service_id is not None
    if password := changes.wanted(item).get(TARGET):
        inventory_verbs.set_password(
            actor=actor, service_id=item.service_id, password=str(password)
        )
        return
    if not made_by_us(inventory.service(actor, item.service_id, proofs=False, line=False)):
        raise OrderRefused("没有新密码。", "请重新受理。")
    inventory_verbs.issue_password(actor=actor, service_id=item.service_id, again=True)
