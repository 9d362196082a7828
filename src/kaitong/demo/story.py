"""A day at the counter: orders of invented people, some carried on, some in trouble."""

from __future__ import annotations

from datetime import timedelta

from kaitong.core.clock import now
from kaitong.inventory import queries as inventory
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order
from kaitong.ordering.requests import (
    AddressRef,
    CustomerData,
    DocumentData,
    SubmitItem,
    SubmitOrder,
)
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

SURNAMES = "王李张刘陈汪程胡吴朱余方金许曹叶洪江戴黄"
GIVEN = (
    "伟", "秀英", "志强", "晓燕", "海涛", "桂兰", "建国", "丽华", "文静", "国庆", "雨桐", "子轩",
    "立新", "玉梅", "向东", "慧敏", "明远", "春生", "佩珊", "长河",
)  # fmt: skip
# How far each order gets before people are asked: steps completed by example.
STAGES = (0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 0, 1, 2, 0, 1, 0)


def resident_number(serial: int) -> str:
    """A well-formed number of nobody: region 341022, invented birthday, computed check sign."""
    body = (
        f"341022{1960 + serial % 45}{1 + serial % 12:02d}{1 + serial % 28:02d}{serial % 1000:03d}"
    )
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))
    return body + "10X98765432"[total % 11]


def customer(serial: int, *, read: bool = True) -> CustomerData:
    """An invented customer with a valid document."""
    name = SURNAMES[serial % len(SURNAMES)] + GIVEN[(serial * 7) % len(GIVEN)]
    return CustomerData(
        name=name,
        phone=f"139559{serial % 100000:05d}",
        document=DocumentData(
            kind="resident-id",
            number=resident_number(serial),
            valid_until=(now() + timedelta(days=3650)).date(),
            reader_used=read,
        ),
    )


def request(serial: int, *, read: bool = True, address: AddressRef | None = None) -> SubmitOrder:
    """A request for home broadband at a free covered address."""
    return SubmitOrder(
        customer=customer(serial, read=read),
        channel="counter",
        items=(
            SubmitItem(
                item_id="1",
                action="add",
                specification="home-broadband.access",
                offering="home-1000" if serial % 3 == 0 else "home-300",
                address=address or AddressRef(any_covered=True),
            ),
        ),
    )


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
            ),
        )
