"""A small plant: one OLT, two boxes, five addresses of every kind of coverage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import pytest

from kaitong.core.ids import uuid7
from kaitong.core.tests.kept import kept
from kaitong.inventory import queries, services
from kaitong.inventory.choices import Kind, ResourceState
from kaitong.org.actor import Actor
from kaitong.places import queries as places_queries
from kaitong.places import services as places
from kaitong.places.choices import Level

REGIONS = [
    places.RegionRow("34", "安徽省", Level.PROVINCE),
    places.RegionRow("3410", "黄山市", Level.CITY, "34"),
    places.RegionRow("341022", "休宁县", Level.COUNTY, "3410"),
    places.RegionRow("341022100", "海阳镇", Level.TOWNSHIP, "341022"),
]
BOX = "海阳机房>横江花园>6栋1单元 POS-01"
SECOND_BOX = "海阳机房>横江花园>6栋1单元 POS-02"
PON = "海阳机房>OLT-01>0/3/6"


def row(estate: str, room: str = "", **more: object) -> places.AddressRow:
    return places.AddressRow(
        "安徽省", "黄山市", "休宁县", "海阳镇", "齐云大道", estate, "6栋", "1单元", room, **more
    )


@dataclass
class Plant:
    """What the tests need to name."""

    branch_id: UUID
    actor: Actor
    rooms: list[UUID]
    planned: UUID
    no_entry: UUID
    uncovered: UUID

    def service(self, address: UUID | None = None, **more: object) -> UUID:
        made = services.create_service(
            actor=self.actor,
            branch_id=self.branch_id,
            specification="access",
            address_id=address or self.rooms[0],
            order_id=uuid7(),
            **more,
        )
        return made.pk

    def box(self, path: str = BOX) -> UUID:
        return queries.ids_by_path(self.branch_id, [path])[path]

    def port(self, number: int, path: str = BOX) -> UUID:
        name = f"{path}>{number:02d}"
        return queries.ids_by_path(self.branch_id, [name])[name]


def build(branch, *, ports: int = 8, second_box: int = 0, rooms: int = 4) -> Plant:
    actor = Actor.system(branch_id=branch.pk)
    services.ensure_kinds(actor=actor)
    places.add_regions(actor=actor, rows=REGIONS)
    rows = [
        row("横江花园", f"{n}01室", coverage="covered", code=f"r{n}") for n in range(1, rooms + 1)
    ]
    rows += [
        row("状元府", code="planned", coverage="planned", planned_date=date(2027, 3, 1)),
        row("御景湾", code="no-entry", coverage="no-entry", coverage_reason="物业要求先签协议"),
        row("前街", code="none"),
    ]
    places.add_addresses(actor=actor, branch_id=branch.pk, rows=rows)
    ids = places_queries.ids_by_code(branch.pk, [r.code for r in rows])
    plant = [
        services.ResourceRow(Kind.SITE, "海阳机房"),
        services.ResourceRow(
            Kind.OLT,
            "OLT-01",
            "海阳机房",
            attributes={"number": 1, "area_code": "0559", "node": "XN-HY-OLT01"},
        ),
        services.ResourceRow(Kind.PON_PORT, "0/3/6", "海阳机房>OLT-01"),
        services.ResourceRow(Kind.SITE, "横江花园", "海阳机房"),
        services.ResourceRow(
            Kind.SPLITTER, "6栋1单元 POS-01", "海阳机房>横江花园", PON, ports=ports
        ),
    ]
    boxes = [BOX]
    if second_box:
        plant.append(
            services.ResourceRow(
                Kind.SPLITTER, "6栋1单元 POS-02", "海阳机房>横江花园", PON, ports=second_box
            )
        )
        boxes.append(SECOND_BOX)
    services.add_resources(actor=actor, branch_id=branch.pk, rows=plant)
    served = [ids[f"r{n}"] for n in range(1, rooms + 1)]
    for rank, box in enumerate(boxes):
        services.cover(actor=actor, branch_id=branch.pk, rows=[(box, a) for a in served], rank=rank)
    return Plant(branch.pk, actor, served, ids["planned"], ids["no-entry"], ids["none"])


@pytest.fixture
def plant(county) -> Plant:
    return kept(("plant", county.pk), lambda: build(county))


@pytest.fixture
def fill(plant):
    """Take every free port of the first box by keeping it."""

    def keep_all(path: str = BOX, *, but: int = 0) -> None:
        box = plant.box(path)
        free = [p for p in queries.children(plant.actor, box) if p.state == ResourceState.FREE]
        for port in free[but:]:
            services.keep(actor=plant.actor, resource_id=port.pk, reason="test")

    return keep_all
