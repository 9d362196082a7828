"""A day at the counter: orders of invented people, some carried on, some in trouble."""

from __future__ import annotations

from kaitong.demo.invented import request
from kaitong.fieldwork.errors import CheckFailed
from kaitong.inventory import queries as inventory
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order
from kaitong.ordering.requests import AddressRef
from kaitong.org.actor import Actor
from kaitong.org.models import Branch
from kaitong.org.queries import actor_of
from kaitong.places.choices import CoverageStatus
from kaitong.places.models import Address
from kaitong.playbooks import photos
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks import services as playbook_verbs
from kaitong.process import queries as process
from kaitong.process import services as process_verbs

# How far each order gets before people are asked: steps completed by example.
STAGES = (0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 0, 1, 2, 0, 1, 0)


def tell(county: Branch) -> None:
    """Take in orders, carry some on, and let some meet trouble."""
    clerk = actor_of("clerk")
    for serial, stage in enumerate(STAGES, start=101):
        order = ordering.submit(actor=clerk, request=request(serial))
        carry_on(order, stage)
    # Somebody's document was not read: a clerk must look at it.
    ordering.submit(actor=clerk, request=request(201, read=False))
    # Addresses that cannot be served, each for its own reason (BB-17).
    for serial, status in enumerate(
        (CoverageStatus.PLANNED, CoverageStatus.NO_ENTRY, CoverageStatus.NONE), start=211
    ):
        spot = Address.objects.filter(branch=county, coverage=status).first()
        if spot is not None:
            where = AddressRef(address_id=spot.id)
            ordering.submit(actor=clerk, request=request(serial, address=where))
    # A box without a free port: the resource post must find one.
    full = inventory.full_box_address(county.id)
    if full is not None:
        ordering.submit(actor=clerk, request=request(221, address=AddressRef(address_id=full)))


def carry_on(order: Order, steps: int) -> None:
    """Complete the first open work of an order, so many times, as somebody who holds its post."""
    everybody = {
        post: actor_of(username)
        for post, username in (
            ("clerk", "clerk"), ("resource", "resource"), ("network", "network"),
            ("monitor", "monitor"), ("installer", "installer"), ("service", "service"),
        )
    }  # fmt: skip
    for _number in range(steps):
        open_items = process.open_items_of(Actor.system(), [order.id]).get(order.id, [])
        if not open_items:
            return
        item = process.work_item(Actor.system(), open_items[0].id)
        actor = everybody[item.post]
        process_verbs.claim(actor=actor, item_id=item.id)
        try:
            _complete(actor, item)
        except CheckFailed:  # no modem is on yet: the shift leader lets it pass, with a photo
            _complete(actor_of("supervisor"), item, override=True)


def _complete(actor: Actor, item: process.WorkDetail, *, override: bool = False) -> None:
    pinned = item.parameters["playbook"]
    playbook_verbs.complete_work(
        actor=actor,
        item_id=item.id,
        data=playbooks.example_for(
            playbook=pinned["key"],
            version=pinned["hash"],
            file=item.definition.form,
            branch_id=item.branch_id,
            photo=photos.camera(actor=actor, item_id=item.id),
            override=override,
        ),
    )
