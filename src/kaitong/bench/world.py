"""The branch that benchmarks run in: the demo's people and playbooks, a regular plant."""

from __future__ import annotations

from uuid import UUID

from kaitong.bench.figures import say
from kaitong.core import migrating
from kaitong.core.clock import now
from kaitong.core.home import library
from kaitong.demo import people
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import Kind
from kaitong.org import services as org
from kaitong.org.actor import Actor
from kaitong.org.models import Branch
from kaitong.places import services as places
from kaitong.places.choices import CoverageStatus, Level
from kaitong.playbooks import services as playbooks
from kaitong.worktime import services as worktime

ROOMS = 8  # addresses a box covers, and user ports it has
BOXES_A_PON = 8
PONS_AN_OLT = 256
_CHUNK = 1250  # boxes brought in at once
_ABOVE = ("安徽省", "黄山市", "休宁县", "海阳镇")


def migrate() -> None:
    """The normal migration."""
    say("migrating")
    migrating.migrate()


def staff() -> None:
    """Working calendar, branches, posts and staff, as the demo has them; no playbook."""
    worktime.seed_calendar(key="cn", years=range(2024, now().year + 1))
    for post in sorted({post for account in people.ACCOUNTS for post in account.posts}):
        org.ensure_post(key=post, name=post)
    people.seed()


def people_and_playbooks() -> Branch:
    """Working calendar, posts, staff and the shipped playbooks, as the demo has them."""
    worktime.seed_calendar(key="cn", years=range(2024, now().year + 1))
    people.top()
    for folder in sorted(library().glob("*/playbook.yaml")):
        playbooks.deploy(actor=Actor.system(), folder=folder.parent)
    county = people.seed()
    actor = Actor.system(branch_id=county.pk)
    inventory.ensure_kinds(actor=actor)
    places.add_regions(
        actor=actor,
        rows=[
            places.RegionRow("34", _ABOVE[0], Level.PROVINCE),
            places.RegionRow("3410", _ABOVE[1], Level.CITY, "34"),
            places.RegionRow("341022", _ABOVE[2], Level.COUNTY, "3410"),
            places.RegionRow("341022100", _ABOVE[3], Level.TOWNSHIP, "341022"),
        ],
    )
    return county


def code(box: int, room: int) -> str:
    """The operator's code of a room behind a box; sorts as the boxes do."""
    return f"B{box:06d}{room:02d}"


def port_path(box: int, port: int) -> str:
    return f"{_box_path(box)}>{port + 1:02d}"


def _estate(box: int) -> str:
    return f"齐云花园{box // 100 + 1}区"


def _box_path(box: int) -> str:
    building, unit = box % 100 // 4 + 1, box % 4 + 1
    return f"{_estate(box)}>{building}栋{unit}单元 POS-01"


def _pon_path(box: int) -> str:
    pon = box // BOXES_A_PON
    olt, within = pon // PONS_AN_OLT, pon % PONS_AN_OLT
    return f"海阳机房>OLT-{olt + 1:02d}>0/{within // 16 + 1}/{within % 16}"


def lay_plant(county: Branch, *, first: int, boxes: int, terminals: int = 0) -> None:
    """Boxes `first` to `first + boxes`: each with 8 ports and the 8 rooms of its unit."""
    actor = Actor.system(branch_id=county.pk)
    for start in range(first, first + boxes, _CHUNK):
        numbers = range(start, min(start + _CHUNK, first + boxes))
        say(f"laying boxes {numbers[0]:,} to {numbers[-1]:,}")
        _lay(actor, county.pk, numbers)
    inventory.add_terminals(
        actor=actor,
        branch_id=county.pk,
        rows=[inventory.TerminalRow(serial(n), "HG8145X6") for n in range(terminals)],
    )


def serial(number: int) -> str:
    """A terminal's own serial."""
    return f"HWTC{0xB0000000 + number:08X}"


def _lay(actor: Actor, branch_id: UUID, numbers: range) -> None:
    rooms = [(box, room) for box in numbers for room in range(ROOMS)]
    places.add_addresses(
        actor=actor,
        branch_id=branch_id,
        rows=[
            places.AddressRow(
                *_ABOVE,
                "齐云大道",
                _estate(box),
                f"{box % 100 // 4 + 1}栋",
                f"{box % 4 + 1}单元",
                f"{room // 2 + 1}0{room % 2 + 1}室",
                code=code(box, room),
                coverage=CoverageStatus.COVERED,
            )
            for box, room in rooms
        ],
    )
    pons = dict.fromkeys(_pon_path(box) for box in numbers)
    olts = dict.fromkeys(path.rsplit(">", 1)[0] for path in pons)
    estates = dict.fromkeys(_estate(box) for box in numbers)
    inventory.add_resources(
        actor=actor,
        branch_id=branch_id,
        rows=[
            inventory.ResourceRow(Kind.SITE, "海阳机房"),
            *(
                inventory.ResourceRow(
                    Kind.OLT,
                    path.split(">")[1],
                    "海阳机房",
                    attributes={"number": int(path[-2:]), "area_code": "0559"},
                )
                for path in olts
            ),
            *(
                inventory.ResourceRow(Kind.PON_PORT, path.rsplit(">", 1)[1], path.rsplit(">", 1)[0])
                for path in pons
            ),
            *(inventory.ResourceRow(Kind.SITE, estate) for estate in estates),
            *(
                inventory.ResourceRow(
                    Kind.SPLITTER,
                    _box_path(box).split(">")[1],
                    _estate(box),
                    _pon_path(box),
                    ports=ROOMS,
                )
                for box in numbers
            ),
        ],
    )
    from kaitong.places.queries import ids_by_code

    ids = ids_by_code(branch_id, [code(box, room) for box, room in rooms])
    inventory.cover(
        actor=actor,
        branch_id=branch_id,
        rows=[(_box_path(box), ids[code(box, room)]) for box, room in rooms],
    )
