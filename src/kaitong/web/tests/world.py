"""A county with staff, plant, stock and the home-broadband playbook, for tests of pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from kaitong.core.clock import now
from kaitong.core.home import library
from kaitong.core.tests.kept import kept
from kaitong.inventory import queries as inventory_queries
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import Kind, ServiceState
from kaitong.inventory.models import Service
from kaitong.inventory.results import ServiceView
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order
from kaitong.ordering.requests import (
    AddressRef,
    CustomerData,
    DocumentData,
    SubmitItem,
    SubmitOrder,
)
from kaitong.org import services as org
from kaitong.org.actor import Actor
from kaitong.org.models import Branch
from kaitong.org.queries import actor_of
from kaitong.places import queries as places_queries
from kaitong.places import services as places
from kaitong.places.choices import Level
from kaitong.playbooks import services as playbooks
from kaitong.process import services as process
from kaitong.worktime import services as worktime

PASSWORD = "a-test-password"
STAFF = {
    "clerk": "胡雅琴",
    "resource": "程晓燕",
    "network": "汪海洋",
    "monitor": "朱志远",
    "installer": "汪志强",
    "service": "刘芸",
    "supervisor": "方建国",
}
SURNAMES = "王李张刘陈汪程胡吴朱"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True)
class World:
    branch: Branch
    other: Branch
    addresses: list

    def actor(self, username: str) -> Actor:
        return actor_of(username)

    def order(self, serial: int = 1, *, read: bool = True, address: int | None = None) -> Order:
        """Take in an order of somebody who does not exist."""
        spot = self.addresses[serial if address is None else address]
        return ordering.submit(actor=self.actor("clerk"), request=request(serial, spot, read=read))

    def line(self, serial: int = 1) -> ServiceView:
        """A line in use: its order is taken in, and declared done without anybody's work."""
        order = self.order(serial)
        item = order.items.get()
        process.cancel(actor=Actor.system(), instance_id=item.instance_id, reason="建成用于测试")
        moment = now()
        type(order).objects.filter(pk=order.pk).update(state="completed", completed_at=moment)
        order.items.update(state="completed")
        Service.objects.filter(pk=item.service_id).update(
            state=ServiceState.ACTIVE, started_at=moment, reason=""
        )
        return inventory_queries.service(Actor.system(), item.service_id)


def resident_number(serial: int) -> str:
    body = (
        f"34102219{60 + serial % 39}{1 + serial % 12:02d}{1 + serial % 28:02d}{serial % 1000:03d}"
    )
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


def request(serial: int, address_id: object, *, read: bool = True) -> SubmitOrder:
    return SubmitOrder(
        customer=CustomerData(
            name=SURNAMES[serial % len(SURNAMES)] + "志伟",
            phone=f"138559{serial:05d}",
            document=DocumentData(
                kind="resident-id",
                number=resident_number(serial),
                valid_until=(now() + timedelta(days=3650)).date(),
                reader_used=read,
            ),
        ),
        channel="counter",
        items=(
            SubmitItem(
                item_id="1",
                action="add",
                specification="home-broadband.access",
                offering="home-300",
                address=AddressRef(address_id=address_id),
            ),
        ),
    )


def build(*, rooms: int = 70, boxes: int = 10) -> World:
    """Everything a home-broadband order needs; `rooms` addresses, eight ports a box."""
    return kept(("world", rooms, boxes), lambda: _build(rooms, boxes))


def _build(rooms: int, boxes: int) -> World:
    system = Actor.system()
    worktime.seed_calendar(key="cn", years=range(now().year, now().year + 1))
    province = org.ensure_branch(code="AH", name="安徽省公司", kind="province")
    city = org.ensure_branch(code="HS", name="黄山市分公司", kind="city", parent=province)
    county = org.ensure_branch(
        code="XN", name="休宁分公司", name_en="Xiuning", kind="county", parent=city
    )
    other = org.ensure_branch(code="SX", name="歙县分公司", kind="county", parent=city)
    # some of its processes begin by themselves: they need the branch they begin in
    playbooks.deploy(actor=system, folder=library() / "home-broadband")
    for post, name in STAFF.items():
        org.ensure_staff(username=post, name=name, branch=county, password=PASSWORD, posts=(post,))
    org.ensure_staff(
        username="foreigner", name="洪芳", branch=other, password=PASSWORD, posts=tuple(STAFF)
    )
    return World(county, other, _plant(county, rooms, boxes))


def _plant(county: Branch, rooms: int, boxes: int) -> list:
    actor = Actor.system(branch_id=county.pk)
    inventory.ensure_kinds(actor=actor)
    places.add_regions(
        actor=actor,
        rows=[
            places.RegionRow("34", "安徽省", Level.PROVINCE),
            places.RegionRow("3410", "黄山市", Level.CITY, "34"),
            places.RegionRow("341022", "休宁县", Level.COUNTY, "3410"),
            places.RegionRow("341022100", "海阳镇", Level.TOWNSHIP, "341022"),
        ],
    )
    rows = [
        places.AddressRow(
            "安徽省", "黄山市", "休宁县", "海阳镇", "齐云大道", "横江花园",
            f"{n // 16 + 1}栋", f"{n // 8 % 2 + 1}单元", f"{n % 8 + 1}01室",
            coverage="covered", code=f"r{n}",
        )
        for n in range(rooms)
    ]  # fmt: skip
    places.add_addresses(actor=actor, branch_id=county.pk, rows=rows)
    ids = places_queries.ids_by_code(county.pk, [row.code for row in rows])
    olt = {"number": 1, "area_code": "0559", "node": "XN-HY-OLT01"}
    splitters = [f"横江花园 POS-{n:02d}" for n in range(1, boxes + 1)]
    inventory.add_resources(
        actor=actor,
        branch_id=county.pk,
        rows=[
            inventory.ResourceRow(Kind.SITE, "海阳机房"),
            inventory.ResourceRow(Kind.OLT, "OLT-01", "海阳机房", attributes=olt),
            inventory.ResourceRow(Kind.PON_PORT, "0/3/6", "海阳机房>OLT-01"),
            *(
                inventory.ResourceRow(
                    Kind.SPLITTER, name, "海阳机房", "海阳机房>OLT-01>0/3/6", ports=8
                )
                for name in splitters
            ),
        ],
    )
    spots = [ids[f"r{n}"] for n in range(rooms)]
    for rank, name in enumerate(splitters):
        pairs = [(f"海阳机房>{name}", spot) for spot in spots]
        inventory.cover(actor=actor, branch_id=county.pk, rows=pairs, rank=rank)
    inventory.add_terminals(
        actor=actor,
        branch_id=county.pk,
        rows=[inventory.TerminalRow(f"HWTC{n:08X}", "HG8145X6") for n in range(1, 41)],
    )
    assert inventory_queries.coverage_verdict(spots[0]).available
    return spots
