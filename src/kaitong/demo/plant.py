"""The demo's network: OLTs, PON ports, splitters and their ports, what they cover, who is on them.

Pure and deterministic: a `Scale` and a seed make a `Plan`, and a larger scale only adds to it where
names are concerned. `demo.seed` brings a plan into the database.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from kaitong.demo import addresses
from kaitong.demo.addresses import Unit
from kaitong.inventory.choices import Kind
from kaitong.inventory.services import ResourceRow, TerminalRow
from kaitong.places.choices import CoverageStatus
from kaitong.places.services import AddressRow, RegionRow

AREA_CODE = "0559"
PORTS_A_BOX = 8
# A PON port carries at most 64 households over two levels of splitting: eight boxes of eight.
BOXES_A_PON = 8
TERMINAL_MODELS = ("HG8145X6", "F663NV9", "HG6145D2")


@dataclass(frozen=True, slots=True)
class Olt:
    """An OLT to be: its site, and how many PON ports each of its boards has."""

    name: str
    site: str
    number: int
    boards: tuple[int, ...]

    @property
    def path(self) -> str:
        return f"{self.site}>{self.name}"

    def pon_ports(self) -> list[str]:
        return [f"0/{slot}/{port}" for slot, n in enumerate(self.boards, 1) for port in range(n)]


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a county to make. `busy` is the share of covered rooms that have a line already."""

    name: str
    olts: tuple[Olt, ...]
    urban_units: int
    rows_a_village: int
    houses_a_row: int
    busy: float
    full_boxes: int
    terminals: int


def _olts(*boards: tuple[int, ...]) -> tuple[Olt, ...]:
    sites = ("海阳机房", "万安机房", "商山机房")
    return tuple(
        Olt(f"OLT-{n:02d}", site, n, ports)
        for n, (site, ports) in enumerate(zip(sites, boards, strict=True), start=1)
    )


# A branch that is made in seconds: some 5,000 addresses, 2,500 ports.
SMALL = Scale("small", _olts((16, 16), (8, 8), (8, 8)), 180, 1, 10, 0.15, 6, 200)
# The whole county: 3 OLTs, 160 PON ports, some 10,000 ports, 20,000 addresses.
COUNTY = Scale(
    "county", _olts((16, 16, 16, 16, 16, 16), (16, 16), (16, 16)), 1010, 3, 17, 0.3, 40, 3000
)
SCALES = {scale.name: scale for scale in (SMALL, COUNTY)}

_SITE_OF_TOWN = {
    "341022100": 0, "341022101": 0, "341022102": 1, "341022105": 1, "341022203": 1,
    "341022204": 1, "341022206": 1,
}  # fmt: skip
_ELSEWHERE = 2


@dataclass(frozen=True, slots=True)
class Line:
    """A line that works already: port by path, address by code."""

    port: str
    address_code: str
    account: str
    logical_id: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a branch's network is made of, ready for the verbs."""

    regions: tuple[RegionRow, ...]
    addresses: tuple[AddressRow, ...]
    resources: tuple[ResourceRow, ...]
    coverage: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    terminals: tuple[TerminalRow, ...]

    @property
    def user_ports(self) -> int:
        return sum(row.ports for row in self.resources)


def make(scale: Scale, *, seed: int = 341022) -> Plan:
    """The plan of a branch. The first `full_boxes` boxes have no free port."""
    chance = random.Random(seed)  # noqa: S311 (a demo's dice, not a secret)
    units = [
        *addresses.urban_units(scale.urban_units),
        *addresses.village_rows(scale.rows_a_village, scale.houses_a_row),
    ]
    resources: list[ResourceRow] = list(_equipment(scale))
    coverage: list[tuple[str, str]] = []
    lines: list[Line] = []
    free_pons = [deque(_slots(olt)) for olt in scale.olts]
    sites: set[str] = set()
    boxes = 0
    for unit in units:
        if unit.coverage != CoverageStatus.COVERED:
            continue
        olt = _olt_for(unit, free_pons)
        if unit.place not in sites:
            sites.add(unit.place)
            resources.append(ResourceRow(Kind.SITE, unit.place))
        pon = free_pons[olt].popleft()
        box = ResourceRow(Kind.SPLITTER, f"{unit.name} POS-01", unit.place, pon, ports=PORTS_A_BOX)
        resources.append(box)
        coverage += [(box.path, room.code) for room in unit.rooms]
        boxes += 1
        # Every seventh box is full until there are enough, so that they lie in several estates.
        full = boxes % 7 == 0 and boxes // 7 <= scale.full_boxes
        lines += _lines(unit, box.path, scale, full, chance, len(lines))
    return Plan(
        regions=tuple(addresses.regions()),
        addresses=tuple(room for unit in units for room in unit.rooms),
        resources=tuple(resources),
        coverage=tuple(coverage),
        lines=tuple(lines),
        terminals=tuple(_terminals(scale.terminals)),
    )


def _equipment(scale: Scale) -> Iterator[ResourceRow]:
    for olt in scale.olts:
        yield ResourceRow(Kind.SITE, olt.site)
        yield ResourceRow(
            Kind.OLT,
            olt.name,
            olt.site,
            position=olt.number,
            attributes={"number": olt.number, "area_code": AREA_CODE},
        )
        for position, pon in enumerate(olt.pon_ports()):
            yield ResourceRow(Kind.PON_PORT, pon, olt.path, position=position)


def _slots(olt: Olt) -> Iterator[str]:
    """Places for boxes on an OLT's PON ports: first one on each, then the second on each."""
    paths = [f"{olt.path}>{pon}" for pon in olt.pon_ports()]
    for _ in range(BOXES_A_PON):
        yield from paths


def _olt_for(unit: Unit, free: list[deque[str]]) -> int:
    """The OLT of the unit's town, or the one with most room when that is full."""
    own = _SITE_OF_TOWN.get(unit.town, _ELSEWHERE)
    return own if free[own] else max(range(len(free)), key=lambda n: len(free[n]))


def _lines(
    unit: Unit, box: str, scale: Scale, full: bool, chance: random.Random, before: int
) -> Iterator[Line]:
    rooms = list(unit.rooms)
    chance.shuffle(rooms)
    wanted = PORTS_A_BOX if full else sum(chance.random() < scale.busy for _ in rooms)
    # Elsewhere a port at least stays free, so that only the boxes meant to be full are.
    taken = min(wanted, PORTS_A_BOX if full else PORTS_A_BOX - 1, len(rooms))
    for number in range(taken):
        serial = before + number + 1
        yield Line(
            port=f"{box}>{number + 1:02d}",
            address_code=rooms[number].code,
            account=f"xn{AREA_CODE}8{serial:06d}@kd",
            logical_id=f"O{AREA_CODE}99{serial:09d}",
        )


def _terminals(count: int) -> Iterator[TerminalRow]:
    for number in range(1, count + 1):
        model = TERMINAL_MODELS[number % len(TERMINAL_MODELS)]
        maker = "HWTC" if model.startswith("HG8") else "ZTEG"
        yield TerminalRow(
            serial=f"{maker}{0xA0000000 + number * 7919:08X}",
            model=model,
            mac="02:55:59:" + ":".join(f"{number >> shift & 255:02X}" for shift in (16, 8, 0)),
        )
