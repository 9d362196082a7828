"""Withdrawing an order in tests: asked for by a clerk, and what can be seen of it."""

from __future__ import annotations

from kaitong.charging import queries as charging
from kaitong.inventory import queries as inventory
from kaitong.ordering import queries as orders
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order, Procedure
from kaitong.playbooks import photos
from kaitong.playbooks import queries as forms


def withdraw(office, order, who="clerk", reason="customer.no-need", key="k1", **more):
    return ordering.withdraw(
        actor=office.people[who], order_id=order.id, reason=reason, key=key, **more
    )


def pay(office, order, method="cash"):
    return ordering.pay(actor=office.people["clerk"], order_id=order.id, method=method, key="paid")


def plan(office, order, who="clerk"):
    return orders.withdrawal_plan(office.people[who], order.id)


def free_ports(office) -> int:
    return inventory.port_counts(office.plant.actor)["free"]


def money(office, order):
    return charging.money(office.people["clerk"], order.id)


def service_of(office, order):
    return inventory.services_of_order(order.id)[0]


def answers(office, order, node: str):
    """The open work of a step and what completes it, a failed live check let pass."""
    item = office.item(order, node)
    pinned = item.parameters["playbook"]
    data = forms.example_for(
        playbook=pinned["key"],
        version=pinned["hash"],
        file=item.definition.form,
        branch_id=item.branch_id,
        photo=photos.camera(actor=office.people["supervisor"], item_id=item.id),
        override=True,
    )
    return item, data


def limit_of_approval(fen: int) -> None:
    """The playbook's limit, as if the operator had written another figure."""
    for row in Procedure.objects.all():
        row.cancel = {**row.cancel, "approve_above_fen": fen}
        row.save(update_fields=["cancel"])


def at_once(order) -> None:
    """An operator whose playbook does not let failed orders' money wait at the counter."""
    pinned = {**order.parameters, "failed_refund": "at-once"}
    Order.objects.filter(pk=order.pk).update(parameters=pinned)
