"""The demo's county: 休宁县 (341022) with its real towns and villages, and estates made up.

Towns, villages and communities come from the state's list (`divisions`). Estates, buildings,
hamlets and house numbers are invented, though they sound like the place. Pure and deterministic:
a scale makes the same county each time; only dates of plans depend on the day.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from kaitong.demo import divisions
from kaitong.demo.divisions import Place, Town
from kaitong.inventory.choices import Kind
from kaitong.places.choices import CoverageStatus, Level
from kaitong.places.services import AddressRow, RegionRow

PROVINCE, CITY = ("34", "安徽省"), ("3410", "黄山市")
COUNTIES = {divisions.COUNTY: "休宁县", divisions.NEIGHBOUR: "歙县"}
HAIYANG, QIYUNSHAN, WANAN, WUCHENG = "341022100", "341022101", "341022102", "341022103"
DONGLINXI, XIKOU, SHANGSHAN = "341022104", "341022106", "341022109"
# No fibre has reached these mountains yet.
WITHOUT_FIBRE = frozenset({"341022207", "341022209", "341022210", "341022211"})
# Fibre is planned here, in so many months.
FIBRE_PLANNED = {"341022201": 5, "341022202": 8}

_YES, _PLAN = CoverageStatus.COVERED, CoverageStatus.PLANNED
_NO, _NONE = CoverageStatus.NO_ENTRY, CoverageStatus.NONE


@dataclass(frozen=True, slots=True)
class Shape:
    """How an estate is built, and with what its rooms are served.

    A splitter (or a building's ONU) of `ports` serves `floors_a_box` floors of a unit, or with
    `whole_building` all units of a building.
    """

    floors: int
    flats: int
    units: int
    ports: int
    floors_a_box: int = 99
    whole_building: bool = False
    kind: str = Kind.SPLITTER
    building: str = "{}栋"
    first_flat: int = 1


WALK_UP = Shape(floors=6, flats=2, units=3, ports=8)  # 多层
WALK_UP_2 = Shape(floors=6, flats=2, units=2, ports=8)
SMALL_TOWER = Shape(floors=11, flats=2, units=2, ports=16)  # 小高层
TOWER = Shape(floors=18, flats=4, units=1, ports=32, floors_a_box=9)  # 高层
OLD_BLOCK = Shape(
    floors=6, flats=2, units=3, ports=24, whole_building=True, kind=Kind.ONU, building="{}幢"
)  # 老小区，楼道 ONU
DORMITORY = Shape(
    floors=5, flats=4, units=1, ports=16, whole_building=True, kind=Kind.ONU, building="{}号楼"
)
OFFICES = Shape(floors=6, flats=8, units=0, ports=16, floors_a_box=3, building="{}座")
WORKSHOPS = Shape(floors=4, flats=4, units=0, ports=16, building="{}号厂房")


@dataclass(frozen=True, slots=True)
class Estate:
    """An estate of the county: where it is, how it is built, whether one may build there."""

    name: str
    road: str
    buildings: int
    shape: Shape = WALK_UP
    town: str = HAIYANG
    coverage: str = _YES
    months: int = 0  # until a plan is carried out
    reason: str = ""


ESTATES: tuple[Estate, ...] = (
    Estate("横江花园", "齐云大道88号", 14),
    Estate("状元府", "书苑路16号", 7, TOWER),
    Estate("御景湾", "横江路201号", 6, SMALL_TOWER, coverage=_NO, reason="物业要求先签进场协议"),
    Estate("玉宁新村", "玉宁街35号", 9, OLD_BLOCK),
    Estate("齐宁小区", "齐宁街12号", 8),
    Estate("凤凰城", "文昌路8号", 10, TOWER, coverage=_PLAN, months=4, reason="二期配套管道在建"),
    Estate("休宁经济开发区创业园", "龙跃路6号", 4, OFFICES),
    Estate("萝宁小区", "萝宁街27号", 7, WALK_UP_2),
    Estate("夹溪小区", "夹溪路3号", 6, WALK_UP_2),
    Estate("新安明珠", "新安路108号", 5, TOWER),
    Estate("枫林小区", "枫林路19号", 6),
    Estate("东湖花园", "东湖路6号", 10),
    Estate("率水家园", "率水路41号", 8),
    Estate("文昌苑", "文昌路66号", 6, SMALL_TOWER),
    Estate("县医院宿舍", "玉宁街90号", 3, DORMITORY, coverage=_NO, reason="产权单位不同意穿管"),
    Estate("罗经小区", "老街18号", 6, town=WANAN),
    Estate("松萝苑", "松萝路5号", 7),
    Estate("海宁花园", "海宁路22号", 8),
    Estate(
        "桃源山庄",
        "齐云大道360号",
        5,
        WALK_UP_2,
        coverage=_PLAN,
        months=7,
        reason="随道路改造敷设",
    ),
    Estate("商山新村", "商山街9号", 6, WALK_UP_2, SHANGSHAN),
    Estate("白岳新村", "白岳路14号", 6),
    Estate("龙跃标准化厂房", "龙跃路18号", 5, WORKSHOPS),
    Estate("茶城公寓", "茶城路1号", 4, DORMITORY),
    Estate("仁和家园", "横江路77号", 7),
    Estate("五城新村", "五城街20号", 5, WALK_UP_2, WUCHENG),
    Estate("滨江壹号", "滨江路10号", 4, TOWER),
    Estate("银行宿舍", "齐宁街31号", 3, OLD_BLOCK),
    Estate("金桥花园", "金桥路26号", 6),
    Estate("溪口新村", "溪口街7号", 4, WALK_UP_2, XIKOU),
    Estate("古城新苑", "北街52号", 6, SMALL_TOWER),
    Estate("丽景苑", "书苑路120号", 6),
    Estate("水南小区", "水南路4号", 5, WALK_UP_2, WANAN),
    Estate("教师新村", "文昌路33号", 5, OLD_BLOCK),
    Estate("玉几苑", "玉几路15号", 6),
    Estate("南门新村", "南街48号", 5, OLD_BLOCK),
    Estate("临溪家园", "临溪街11号", 5, WALK_UP_2, DONGLINXI),
    Estate("盛世家园", "海阳路202号", 6, SMALL_TOWER),
    Estate("阳光水岸", "率水路160号", 7),
    Estate("粮食局宿舍", "玉宁街71号", 2, DORMITORY),
    Estate("岩前新村", "齐云街13号", 4, WALK_UP_2, QIYUNSHAN),
    Estate(
        "锦绣江南", "新安路256号", 6, SMALL_TOWER, coverage=_NO, reason="业委会未成立，物业不准进场"
    ),
    Estate("西门花园", "海阳路39号", 5),
    Estate(
        "横江上院", "滨江路58号", 7, TOWER, coverage=_PLAN, months=6, reason="楼盘交付后随装修敷设"
    ),
    Estate("黄山国际茶文化城", "茶城路8号", 3, OFFICES),
    Estate("徽州文化产业园", "万安路66号", 2, OFFICES, WANAN, _PLAN, 3, "园区管廊施工中"),
)
# Streets of shops, numbered in turn: (street, town, last number).
SHOPS = (
    ("齐宁街", HAIYANG, 96), ("萝宁街", HAIYANG, 84), ("玉宁街", HAIYANG, 60),
    ("北街", HAIYANG, 48), ("万安老街", WANAN, 72), ("五城街", WUCHENG, 36),
    ("溪口街", XIKOU, 36), ("商山街", SHANGSHAN, 36),
)  # fmt: skip
SHOPS_A_BOX = 12
_HAMLETS = (
    "上村", "下村", "里村", "外村", "新屋", "老屋", "水口", "桥头", "岭下", "祠堂前", "塘下",
    "前坞", "后坞", "庙前", "溪边", "竹坞", "上门", "下门", "石门", "源头", "茶园", "渡口",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of the county: so many estates of at most so many buildings, so many towns."""

    estates: int = len(ESTATES)
    buildings: int = 99
    streets: int = len(SHOPS)
    towns: int = 99
    hamlets: tuple[int, int] = (2, 4)


@dataclass(frozen=True, slots=True)
class Box:
    """The rooms one box serves, and the box: `place` is the site it stands at."""

    place: str
    town: str
    name: str
    kind: str
    ports: int
    coverage: str
    rooms: tuple[AddressRow, ...]


def regions() -> list[RegionRow]:
    """Province, city, county, towns, villages and communities."""
    rows = [
        RegionRow(PROVINCE[0], PROVINCE[1], Level.PROVINCE),
        RegionRow(CITY[0], CITY[1], Level.CITY, PROVINCE[0]),
    ]
    for county, name in COUNTIES.items():
        rows.append(RegionRow(county, name, Level.COUNTY, CITY[0]))
        for town in divisions.towns(county):
            rows.append(RegionRow(town.code, town.name, Level.TOWNSHIP, county))
            rows += [RegionRow(p.code, p.name, Level.ROAD, town.code) for p in town.places]
    return rows


def boxes(extent: Extent, today: date) -> Iterator[Box]:
    """The county's boxes to be, with their rooms; without fibre, what would be one box's rooms."""
    for number, estate in enumerate(ESTATES[: extent.estates], start=1):
        for building in range(1, min(estate.buildings, extent.buildings) + 1):
            yield from _building(number, estate, building, today)
    for number, (street, town, last) in enumerate(SHOPS[: extent.streets], start=1):
        yield from _shops(number, street, town, last)
    for town_number, town in enumerate(divisions.towns()):
        # Of few towns the last of the list too: nobody has fibre there.
        if town_number < extent.towns or (town.code in WITHOUT_FIBRE | set(FIBRE_PLANNED)):
            for village in town.villages:
                yield from _village(town, village, extent, today)


def neighbour(today: date) -> Iterator[Box]:
    """An estate of 歙县, the other branch."""
    estate = Estate("徽城花园", "新安路18号", 3, WALK_UP_2, "341021100")
    for building in range(1, estate.buildings + 1):
        yield from _building(1, estate, building, today)


def _row(
    town: str,
    levels: tuple[str, str, str, str, str],
    code: str,
    coverage: str,
    planned: date | None = None,
    reason: str = "",
) -> AddressRow:
    return AddressRow(
        PROVINCE[1],
        CITY[1],
        COUNTIES[town[:6]],
        divisions.town(town).name,
        *levels,
        code=code,
        coverage=coverage,
        planned_date=planned,
        coverage_reason=reason,
    )


def _planned(today: date, months: int) -> date | None:
    """The last day of the month in so many months."""
    if not months:
        return None
    later = today.year * 12 + today.month + months
    return date(later // 12, later % 12 + 1, 1) - timedelta(days=1)


def _building(number: int, estate: Estate, building: int, today: date) -> Iterator[Box]:
    shape = estate.shape
    mark = chr(64 + building) if shape.building == "{}座" else str(building)
    house = shape.building.format(mark)
    rooms: dict[tuple[int, int], list[AddressRow]] = {}
    for unit in range(1, max(shape.units, 1) + 1):
        for floor in range(1, shape.floors + 1):
            for flat in range(1, shape.flats + 1):
                room = f"{floor}{flat:02d}"
                unit_text = f"{unit}单元" if shape.units else ""
                levels = (estate.road, estate.name, house, unit_text, f"{room}室")
                row = _row(
                    estate.town,
                    levels,
                    f"{estate.town}-E{number:02d}-{building:02d}-{unit}-{room}",
                    estate.coverage,
                    _planned(today, estate.months),
                    estate.reason,
                )
                key = 0 if shape.whole_building else unit, (floor - 1) // shape.floors_a_box
                rooms.setdefault(key, []).append(row)
    for (unit, part), listed in rooms.items():
        stairs = f"{house}{unit}单元" if unit and shape.units else house
        made = "ONU" if shape.kind == Kind.ONU else "POS"
        yield Box(
            estate.name,
            estate.town,
            f"{stairs} {made}-{part + 1:02d}",
            shape.kind,
            shape.ports,
            estate.coverage,
            tuple(listed),
        )


def _shops(number: int, street: str, town: str, last: int) -> Iterator[Box]:
    # A street with an estate's name on it may have shops of the same number: other doors.
    for first in range(1, last + 1, SHOPS_A_BOX):
        numbers = range(first, min(first + SHOPS_A_BOX, last + 1))
        rooms = tuple(
            _row(
                town,
                (street, f"{n}号门店", "", "", ""),
                f"{town}-S{number:02d}-{n:04d}",
                _YES,
            )
            for n in numbers
        )
        part = (first - 1) // SHOPS_A_BOX + 1
        yield Box(street, town, f"{street} POS-{part:02d}", Kind.SPLITTER, 8, _YES, rooms)


def _village(town: Town, village: Place, extent: Extent, today: date) -> Iterator[Box]:
    """Hamlets (自然村) of a village with numbered houses; some remote ones have no fibre."""
    chance = random.Random(village.code)  # noqa: S311 (a demo's dice, not a secret)
    coverage, planned, reason = _YES, None, ""
    if town.code in WITHOUT_FIBRE:
        coverage, reason = _NONE, "光缆未通"
    elif town.code in FIBRE_PLANNED:
        coverage, planned = _PLAN, _planned(today, FIBRE_PLANNED[town.code])
        reason = "农村光网工程"
    names = chance.sample(_HAMLETS, chance.randint(*extent.hamlets))
    for place, hamlet in enumerate(names):
        remote = coverage == _YES and place == len(names) - 1 and chance.random() < 0.12
        here, why = (_NONE, "自然村离光交 3 公里以上") if remote else (coverage, reason)
        houses = chance.randint(12, 24)
        rooms = tuple(
            _row(
                town.code,
                (f"{village.name}{hamlet}", f"{house}号", "", "", ""),
                f"{village.code}-{place + 1}-{house:03d}",
                here,
                planned,
                why,
            )
            for house in range(1, houses + 1)
        )
        name = f"{village.name}{hamlet} POS-01"
        ports = 16 if houses > 23 else 8
        yield Box(f"{town.name}{village.name}", town.code, name, Kind.SPLITTER, ports, here, rooms)
