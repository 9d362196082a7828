"""The demo's network: OLTs, PON ports, boxes and their ports, what they cover, who is on them.

Pure and deterministic: a `Scale` and a seed make a `Plan`. `demo.seed` brings it into the database.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from kaitong.demo import addresses
from kaitong.demo.addresses import Box, Extent
from kaitong.inventory.choices import Kind, ResourceState, TerminalKind
from kaitong.inventory.services import ResourceRow, TerminalRow
from kaitong.places.choices import CoverageStatus
from kaitong.places.services import AddressRow, RegionRow

AREA_CODE = "0559"
# A PON port carries at most 64 households over two levels of splitting.
PORTS_A_PON = 64
TERMINAL_MODELS = ("HG8145X6", "F663NV9", "HG6145D2")
NOTES = {
    ResourceState.DAMAGED: ("法兰松动，衰减 −29 dBm", "端口进水", "接头断裂，待更换", "光衰超限"),
    ResourceState.KEPT: ("资源岗保留，商企专用", "测试用", "割接预留"),
}


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
    """How large a county to make. `busy` is the share of ports that have a line already."""

    name: str
    olts: tuple[Olt, ...]
    extent: Extent
    busy: float
    full_boxes: int
    bad_ports: int
    terminals: int
    accounts: str = f"xn{AREA_CODE}8"  # how those of the lines there are begin


def _olts(*boards: tuple[int, ...]) -> tuple[Olt, ...]:
    sites = (("海阳机房", "HY"), ("万安机房", "WA"), ("商山机房", "SS"))
    return tuple(
        Olt(f"{short}-OLT-{n:02d}", site, n, ports)
        for n, ((site, short), ports) in enumerate(zip(sites, boards, strict=True), start=1)
    )


# A branch for tests, made in a second or two: some 2,500 addresses, 900 ports.
SMALL = Scale(
    "small", _olts((16, 16), (8,), (8,)), Extent(7, 2, 1, 2, (1, 2)), 0.25, 4, 8, 120
)  # fmt: skip
# The whole county: 3 OLTs, 160 PON ports, some 10,000 ports, 20,000 addresses.
COUNTY = Scale("county", _olts((16,) * 6, (16, 16), (16, 16)), Extent(), 0.24, 60, 90, 1500)
# Some houses of 歙县, so that the other branch is no empty one.
NEIGHBOUR = Scale(
    "neighbour", (Olt("SX-OLT-11", "徽城机房", 11, (8,)),), Extent(), 0.2, 0, 0, 20,
    f"sx{AREA_CODE}8",
)  # fmt: skip
SCALES = {scale.name: scale for scale in (SMALL, COUNTY, NEIGHBOUR)}

# Which OLT a town hangs on; the rest of the county on the third.
_OLT_OF_TOWN = {
    "341022100": 0, "341022101": 0, "341022102": 1, "341022105": 1, "341022203": 1,
    "341022204": 1, "341022206": 1, "341022208": 1,
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
    # port by path, its state, why
    bad_ports: tuple[tuple[str, str, str], ...]
    terminals: tuple[TerminalRow, ...]

    @property
    def user_ports(self) -> int:
        return sum(row.ports for row in self.resources)


@dataclass(slots=True)
class _Access:
    """The PON ports of an OLT as they fill up: the emptiest takes the next box."""

    paths: list[str]
    used: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    turn: int = 0

    def take(self, ports: int) -> str | None:
        """A PON port with room for a box of so many, in turn over the boards."""
        for step in range(len(self.paths)):
            path = self.paths[(self.turn + step) % len(self.paths)]
            if self.used[path] + ports <= PORTS_A_PON:
                self.used[path] += ports
                self.turn = (self.turn + step + 1) % len(self.paths)
                return path
        return None

    @property
    def room(self) -> int:
        return PORTS_A_PON * len(self.paths) - sum(self.used.values())


def make(scale: Scale, *, today: date, seed: int = 341022) -> Plan:
    """The plan of a branch. Every ninth box has no free port, until there are enough of them."""
    chance = random.Random(seed)  # noqa: S311 (a demo's dice, not a secret)
    if scale is NEIGHBOUR:
        listed = list(addresses.neighbour(today))
    else:
        listed = list(addresses.boxes(scale.extent, today))
    resources: list[ResourceRow] = list(_equipment(scale))
    coverage: list[tuple[str, str]] = []
    lines: list[Line] = []
    spare: list[str] = []
    access = [_Access([f"{olt.path}>{pon}" for pon in olt.pon_ports()]) for olt in scale.olts]
    sites: set[str] = set()
    laid = 0
    for box in listed:
        if box.coverage != CoverageStatus.COVERED:
            continue
        if box.place not in sites:
            sites.add(box.place)
            resources.append(ResourceRow(Kind.SITE, box.place))
        row = ResourceRow(box.kind, box.name, box.place, _pon(box, access), ports=box.ports)
        resources.append(row)
        coverage += [(row.path, room.code) for room in box.rooms]
        laid += 1
        full = laid % 9 == 0 and laid // 9 <= scale.full_boxes
        taken = _lines(box, row, scale, full, chance, len(lines))
        lines += taken
        if not full and box.ports - len(taken) > 2:
            spare.append(_port(row, box.ports - 1))
    return Plan(
        regions=tuple(addresses.regions()),
        addresses=tuple(room for box in listed for room in box.rooms),
        resources=tuple(resources),
        coverage=tuple(coverage),
        lines=tuple(lines),
        bad_ports=tuple(_bad(spare, scale.bad_ports, chance)),
        terminals=tuple(_terminals(scale.terminals, 100_000 * scale.olts[0].number)),
    )


def _equipment(scale: Scale) -> Iterator[ResourceRow]:
    for olt in scale.olts:
        yield ResourceRow(Kind.SITE, olt.site)
        yield ResourceRow(
            Kind.OLT,
            olt.name,
            olt.site,
            position=olt.number,
            attributes={"number": olt.number, "area_code": AREA_CODE, "model": "MA5800-X7"},
        )
        for position, pon in enumerate(olt.pon_ports()):
            yield ResourceRow(Kind.PON_PORT, pon, olt.path, position=position)


def _pon(box: Box, access: list[_Access]) -> str:
    """A PON port of the town's OLT, or of the one with most room when that is full."""
    own = _OLT_OF_TOWN.get(box.town, _ELSEWHERE) if len(access) > 1 else 0
    others = sorted((n for n in range(len(access)) if n != own), key=lambda n: -access[n].room)
    for number in (own, *others):
        if pon := access[number].take(box.ports):
            return pon
    raise ValueError(f"The scale's OLTs have no room for {box.place} {box.name}.")


def _port(box: ResourceRow, number: int) -> str:
    """The path of a box's port; an ONU counts from 0, a splitter from 1 (ONU-03)."""
    first = 0 if box.specification == Kind.ONU else 1
    return f"{box.path}>{first + number:02d}"


def _lines(
    box: Box, row: ResourceRow, scale: Scale, full: bool, chance: random.Random, before: int
) -> list[Line]:
    rooms = list(box.rooms)
    chance.shuffle(rooms)
    share = min(1.0, max(0.0, chance.gauss(scale.busy, 0.18)))
    # Elsewhere a port at least stays free, so that only the boxes meant to be full are.
    taken = box.ports if full else min(round(box.ports * share), box.ports - 1)
    return [
        Line(
            port=_port(row, number),
            address_code=rooms[number].code,
            account=f"{scale.accounts}{before + number + 1:06d}@kd",
            logical_id=f"O{AREA_CODE}{scale.olts[0].number + 88:02d}{before + number + 1:09d}",
        )
        for number in range(min(taken, len(rooms)))
    ]


def _bad(spare: list[str], wanted: int, chance: random.Random) -> Iterator[tuple[str, str, str]]:
    for number, port in enumerate(chance.sample(spare, min(wanted, len(spare)))):
        state = ResourceState.KEPT if number % 3 == 0 else ResourceState.DAMAGED
        yield port, state, NOTES[state][number // 3 % len(NOTES[state])]


def _terminals(count: int, first: int) -> Iterator[TerminalRow]:
    for number in range(first + 1, first + count + 1):
        model = TERMINAL_MODELS[number % len(TERMINAL_MODELS)]
        maker = "HWTC" if model.startswith("HG8") else "ZTEG"
        yield TerminalRow(
            serial=f"{maker}{0xA0000000 + number * 7919:08X}",
            model=model,
            mac="02:55:59:" + ":".join(f"{number >> shift & 255:02X}" for shift in (16, 8, 0)),
        )


def set_top_boxes(branch: str, count: int) -> Iterator[TerminalRow]:
    """Set-top boxes of a branch in stock; their hardware addresses are those of the lab's boxes."""
    for number in range(1, count + 1):
        yield TerminalRow(f"STB{branch}{number:06d}", "EC6110", kind=TerminalKind.SET_TOP)
