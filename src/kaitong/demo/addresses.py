"""The demo's county: 休宁县 (341022) with its real towns and villages, and estates made up.

Towns with their codes, and villages, are from the state's list. Roads, estates and houses are
invented, though they sound like the place. Pure and deterministic: a scale makes the same county
each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from kaitong.places.choices import CoverageStatus, Level
from kaitong.places.services import AddressRow, RegionRow

PROVINCE, CITY, COUNTY = ("34", "安徽省"), ("3410", "黄山市"), ("341022", "休宁县")

# Town by code, with the names of its villages (村) and communities (社区).
TOWNS: dict[str, tuple[str, str]] = {
    "341022100": (
        "海阳镇",
        "北街村 南街村 新塘村 琅斯状元村 川湖村 盐铺村 万全村 石人村 钗坑村 首村村 秀阳村 汪金桥村",
    ),
    "341022101": ("齐云山镇", "岩前村 岩脚村 东亭村 兰渡村 环居村 典口村 龙源村"),
    "341022102": (
        "万安镇",
        "轮车村 车田村 吴田村 红心村 万新村 钟塘村 潜阜村 海宁村 上黄村 南潜村 古楼村",
    ),
    "341022103": (
        "五城镇",
        "古林村 五城村 双龙村 龙湾村 长干村 小贺村 星洲村 月潭村 上岩村 西田村 岩溪村 五丰村",
    ),
    "341022104": (
        "东临溪镇",
        "临溪村 芳口村 一心村 三村村 小阜村 巧坑村 源口村 璜源村 大阜村 和坑村 汊口村",
    ),
    "341022105": ("蓝田镇", "前川村 西村村 儒村村 南塘村 迪岭村"),
    "341022106": (
        "溪口镇",
        "溪口村 和村村 山培村 石田村 祖源村 花桥村 中和村 江潭村 长丰村 杭溪村 矶溪村 冰潭村",
    ),
    "341022107": ("流口镇", "流口村 茗洲村 黄三村"),
    "341022108": ("汪村镇", "汪村村 回源村 田里村 大连村 山后村 桃源村 杨源村"),
    "341022109": (
        "商山镇",
        "雁里村 上井村 瑶溪村 霞阜村 芳干村 黄村村 金竹村 双桥村 新雁村 荪田村 阜田村",
    ),
    "341022110": ("月潭湖镇", "陈霞村 回溪村 泮路村 回岭村 小珰村 里庄村"),
    "341022201": ("山斗乡", "山斗村 金源村 青岭村"),
    "341022202": ("岭南乡", "岭南村 璜茅村 三溪村 溪西村"),
    "341022203": ("渭桥乡", "渭桥村 资村村 重塘村 渠口村 鹤坞村 倪湖村 珰金村"),
    "341022204": ("板桥乡", "板桥村 沂川村 凰腾村 梓坞村 樟前村"),
    "341022206": ("鹤城乡", "渔塘村 樟田村 梅溪村 用余村 新安源村 左右龙村"),
    "341022207": ("源芳乡", "幸川村 梓源村 渔临村 芳田村 万金台村 源芳村"),
    "341022208": ("榆村乡", "富溪村 榆村村 太塘村 桃溪村 藏溪村 岭脚村 郑湾村"),
    "341022209": ("龙田乡", "桃林村 浯田岭村 江田村 古楼坦村"),
    "341022210": ("璜尖乡", "璜尖村 徐家村 清溪村"),
    "341022211": ("白际乡", "白际村 结竹营村 项山村"),
}
COUNTY_TOWN = "341022100"
# No fibre has reached these yet.
WITHOUT_FIBRE = frozenset({"341022207", "341022209", "341022210", "341022211"})
# Fibre is planned here.
FIBRE_PLANNED = frozenset({"341022201", "341022202"})


@dataclass(frozen=True, slots=True)
class Estate:
    """An estate of the county: where it is, and whether one may build there."""

    name: str
    road: str
    town: str = COUNTY_TOWN
    coverage: str = CoverageStatus.COVERED
    planned: date | None = None
    reason: str = ""
    units_a_building: int = 2


_NO = CoverageStatus.NO_ENTRY
_PLAN = CoverageStatus.PLANNED
ESTATES: tuple[Estate, ...] = (
    Estate("横江花园", "齐云大道88号", units_a_building=3),
    Estate("状元府", "状元路16号", units_a_building=3),
    Estate("御景湾", "横江路201号", coverage=_NO, reason="物业要求先签进场协议"),
    Estate("玉宁新村", "玉宁街35号"),
    Estate("齐宁小区", "齐宁街12号"),
    Estate("凤凰城", "文昌路8号", coverage=_PLAN, planned=date(2027, 3, 31)),
    Estate("萝宁小区", "萝宁街27号"),
    Estate("夹溪小区", "夹溪路3号"),
    Estate("枫林小区", "枫林路19号"),
    Estate("东湖花园", "东湖路6号", units_a_building=3),
    Estate("率水家园", "率水路41号"),
    Estate("文昌苑", "文昌路66号"),
    Estate("罗经小区", "老街18号", "341022102"),
    Estate("新安明珠", "新安路108号", units_a_building=3),
    Estate("县医院宿舍", "玉宁街90号", coverage=_NO, reason="产权单位不同意穿管"),
    Estate("松萝苑", "松萝路5号"),
    Estate("海宁花园", "海宁路22号"),
    Estate("桃源山庄", "齐云大道360号", coverage=_PLAN, planned=date(2027, 6, 30)),
    Estate("商山新村", "商山街9号", "341022109"),
    Estate("白岳新村", "白岳路14号"),
    Estate("茶城公寓", "茶城路1号", units_a_building=1),
    Estate("仁和家园", "横江路77号"),
    Estate("五城新村", "五城街20号", "341022103"),
    Estate("滨江壹号", "滨江路10号", units_a_building=3),
    Estate("银行宿舍", "齐宁街31号", units_a_building=1),
    Estate("金桥花园", "金桥路26号"),
    Estate("溪口新村", "溪口街7号", "341022106"),
    Estate("古城新苑", "北街52号"),
    Estate("丽景苑", "状元路120号"),
    Estate("水南小区", "水南路4号", "341022102"),
    Estate("教师新村", "文昌路33号"),
    Estate("玉几苑", "玉几路15号"),
    Estate("南门新村", "南街48号"),
    Estate("临溪家园", "临溪街11号", "341022104"),
    Estate("盛世家园", "海阳路202号"),
    Estate("阳光水岸", "率水路160号", units_a_building=3),
    Estate("粮食局宿舍", "玉宁街71号", units_a_building=1),
    Estate("岩前新村", "齐云街13号", "341022101"),
    Estate("锦绣江南", "新安路256号", units_a_building=3),
    Estate("西门花园", "海阳路39号"),
)
FLOORS = 6
FLATS = (1, 2)


def regions() -> list[RegionRow]:
    """Province, city, county, towns, villages."""
    rows = [
        RegionRow(PROVINCE[0], PROVINCE[1], Level.PROVINCE),
        RegionRow(CITY[0], CITY[1], Level.CITY, PROVINCE[0]),
        RegionRow(COUNTY[0], COUNTY[1], Level.COUNTY, CITY[0]),
    ]
    for code, (name, villages) in TOWNS.items():
        rows.append(RegionRow(code, name, Level.TOWNSHIP, COUNTY[0]))
        for number, village in enumerate(villages.split(), start=1):
            rows.append(RegionRow(f"{code}{200 + number}", village, Level.ROAD, code))
    return rows


@dataclass(frozen=True, slots=True)
class Unit:
    """The rooms one box serves: a unit of a building, or a row of houses in a village."""

    place: str  # the estate or village: where the box stands
    town: str
    name: str  # of the box, without its number
    coverage: str
    rooms: tuple[AddressRow, ...]


def _row(
    town: str,
    levels: tuple[str, str, str, str, str],
    code: str,
    estate: Estate,
    coverage: str,
) -> AddressRow:
    return AddressRow(
        PROVINCE[1],
        CITY[1],
        COUNTY[1],
        TOWNS[town][0],
        *levels,
        code=code,
        coverage=coverage,
        planned_date=estate.planned,
        coverage_reason=estate.reason,
    )


def urban_units(wanted: int) -> Iterator[Unit]:
    """So many units of buildings, the estates growing by a building in turn."""
    made, building = 0, 0
    while made < wanted:
        building += 1
        for number, estate in enumerate(ESTATES, start=1):
            for unit in range(1, estate.units_a_building + 1):
                if made == wanted:
                    return
                made += 1
                yield _urban_unit(number, estate, building, unit)


def _urban_unit(number: int, estate: Estate, building: int, unit: int) -> Unit:
    rooms = []
    for floor in range(1, FLOORS + 1):
        for flat in FLATS:
            room = f"{floor}{flat:02d}"
            levels = (estate.road, estate.name, f"{building}栋", f"{unit}单元", f"{room}室")
            code = f"{estate.town}-E{number:02d}-{building:02d}-{unit}-{room}"
            rooms.append(_row(estate.town, levels, code, estate, estate.coverage))
    return Unit(estate.name, estate.town, f"{building}栋{unit}单元", estate.coverage, tuple(rooms))


def village_rows(rows_a_village: int, houses_a_row: int) -> Iterator[Unit]:
    """Houses of every village; whether fibre is there depends on the town."""
    for town, (_name, villages) in TOWNS.items():
        coverage, planned = CoverageStatus.COVERED, None
        if town in WITHOUT_FIBRE:
            coverage = CoverageStatus.NONE
        elif town in FIBRE_PLANNED:
            coverage, planned = CoverageStatus.PLANNED, date(2027, 9, 30)
        for number, village in enumerate(villages.split(), start=1):
            plan = Estate(village, village, town, coverage, planned)
            for row in range(rows_a_village):
                first = row * houses_a_row + 1
                houses = tuple(
                    _row(
                        town,
                        (village, f"{house}号", "", "", ""),
                        f"{town}-V{number:02d}-{house:04d}",
                        plan,
                        coverage,
                    )
                    for house in range(first, first + houses_a_row)
                )
                yield Unit(village, town, f"{village}{row + 1}组", coverage, houses)
