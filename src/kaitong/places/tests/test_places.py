"""Regions and addresses in the database: bulk adding, search over an index, coverage, branches."""

from __future__ import annotations

import statistics
import time
from datetime import date

import pytest
from django.db import connection

from kaitong.core.errors import BadInput, Forbidden, NotFound
from kaitong.core.models import AuditEntry
from kaitong.org.actor import Actor
from kaitong.places import queries, services, text
from kaitong.places.choices import CoverageStatus, Level
from kaitong.places.models import Address, Region
from kaitong.places.services import AddressRow, RegionRow

pytestmark = pytest.mark.django_db

REGIONS = [
    # children before their parents, as files have them
    RegionRow("341022100", "海阳镇", Level.TOWNSHIP, "341022"),
    RegionRow("341022102", "万安镇", Level.TOWNSHIP, "341022"),
    RegionRow("341022", "休宁县", Level.COUNTY, "3410"),
    RegionRow("3410", "黄山市", Level.CITY, "34"),
    RegionRow("34", "安徽省", Level.PROVINCE),
]
SYSTEM = Actor.system()


def at(road: str, estate: str = "", building: str = "", unit: str = "", room: str = "", **more):
    township = more.pop("township", "海阳镇")
    return AddressRow(
        "安徽省", "黄山市", "休宁县", township, road, estate, building, unit, room, **more
    )


def rooms(estate: str, buildings: int, units: int = 2, floors: int = 6, road: str = "齐云大道"):
    return [
        at(road, estate, f"{b}栋", f"{u}单元", f"{f}0{r}室")
        for b in range(1, buildings + 1)
        for u in range(1, units + 1)
        for f in range(1, floors + 1)
        for r in (1, 2)
    ]


@pytest.fixture
def regions(county):
    return services.add_regions(actor=SYSTEM, rows=REGIONS)


@pytest.fixture
def town(county, regions):
    rows = [
        *rooms("横江花园", 12, floors=3),
        *rooms("状元府", 3, road="状元路"),
        at("玉宁街88号", "", "", "", "", code="A-88"),
        at("轮车村", "12号", township="万安镇"),
    ]
    services.add_addresses(actor=SYSTEM, branch_id=county.pk, rows=rows)
    return county


def shorts(typed: str, actor: Actor = SYSTEM, limit: int = 20) -> list[str]:
    return [hit.short_text for hit in queries.search(actor, typed, limit=limit)]


# ---- regions -------------------------------------------------------------------------------


def test_regions_come_in_any_order_and_twice(regions):
    again = services.add_regions(actor=SYSTEM, rows=REGIONS)

    assert (regions.added, again.added, again.existing) == (5, 0, 5)
    town = Region.objects.get(code="341022100")
    assert town.path == "34.3410.341022.341022100"
    assert town.full_name == "安徽省黄山市休宁县海阳镇"
    assert [r.name for r in queries.regions(below="341022")] == ["海阳镇", "万安镇"]


def test_a_region_without_its_parent_is_refused_and_nothing_is_written(db):
    with pytest.raises(BadInput, match="999999"):
        services.add_regions(
            actor=SYSTEM,
            rows=[
                RegionRow("34", "安徽省", Level.PROVINCE),
                RegionRow("3410", "黄山市", Level.CITY, "999999"),
            ],
        )
    assert Region.objects.count() == 0


# ---- adding ----------------------------------------------------------------------------------


def test_address_is_nine_levels_and_its_short_text_begins_at_the_estate(town):
    address = Address.objects.get(full_text__endswith="横江花园6栋2单元301室")

    assert address.levels == (
        "安徽省", "黄山市", "休宁县", "海阳镇", "齐云大道", "横江花园", "6栋", "2单元", "301室",
    )  # fmt: skip
    assert address.short_text == "横江花园 6栋2单元301室"
    assert address.area_text == "海阳镇 齐云大道"
    assert address.full_text == "".join(address.levels)
    assert address.numbers == ".6.2.301."


def test_adding_twice_changes_nothing(town):
    again = services.add_addresses(
        actor=SYSTEM, branch_id=town.pk, rows=rooms("横江花园", 12, floors=3)
    )

    assert (again.added, again.existing) == (0, 12 * 12)


def test_every_fault_is_named_and_nothing_is_written(county, regions):
    rows = [
        at("齐云大道", "横江花园"),
        at("齐云大道", township="海洋镇"),
        at(""),
        at("路", coverage="odd"),
        at("路二", coverage="planned"),
        at("路", "长" * 61),
    ]

    with pytest.raises(BadInput) as caught:
        services.add_addresses(actor=SYSTEM, branch_id=county.pk, rows=rows)

    assert [fault.field for fault in caught.value.faults] == [
        "rows[1].township",
        "rows[2].road",
        "rows[3].coverage",
        "rows[4].planned_date",
        "rows[5].estate",
    ]
    assert Address.objects.count() == 0


def test_nobody_adds_to_another_branch(county, other_county, regions, staff_of):
    stranger = staff_of(other_county, "stranger", "resource")
    with pytest.raises(Forbidden):
        services.add_addresses(actor=stranger, branch_id=county.pk, rows=[at("路")])
    assert Address.objects.count() == 0


# ---- search ----------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["横江", "hjhy", "HJ", "hengjiang", "横江花园"])
def test_estate_is_found_its_first_building_first(town, typed):
    found = shorts(typed, limit=3)

    assert found[0] == "横江花园 1栋1单元101室"
    assert all(s.startswith("横江花园 1栋1单元") for s in found)


def test_an_estate_of_the_name_comes_before_houses_of_a_road_of_the_name(county, town):
    road = [at("横江路77号", "仁和家园", "1栋", "1单元", f"{n}01室") for n in range(1, 7)]
    services.add_addresses(actor=SYSTEM, branch_id=county.pk, rows=road)

    found = [hit.short_text for hit in queries.search(SYSTEM, "横江", limit=8)]

    assert all(text.startswith("横江花园") for text in found)


@pytest.mark.parametrize(
    "typed",
    ["hjhy6-2-301", "横江花园6栋2单元301", "海阳横江花园 6 2 301", "休宁县海阳镇横江花园6-2-301"],
)
def test_house_numbers_find_the_room(town, typed):
    assert shorts(typed)[0] == "横江花园 6栋2单元301室"


def test_a_building_comes_before_rooms_with_the_same_digits(town):
    assert all(s.startswith("横江花园 6栋") for s in shorts("横江花园6", limit=5))
    assert all(s.startswith("横江花园 1栋") for s in shorts("横江花园1栋", limit=5))


def test_no_words_in_common_no_result(town):
    assert shorts("翡翠湾") == []
    assert shorts("横江花园99栋") == []
    assert shorts("横") == []
    assert shorts("") == []
    assert shorts("'; drop table places_address; --") == []


def test_searching_leaves_the_planner_as_it_was(town):
    """The search steers the planner for its own statement only, also within a transaction."""
    shorts("横江")

    with connection.cursor() as cursor:
        for setting in ("enable_seqscan", "enable_indexscan"):
            cursor.execute(f"SHOW {setting}")
            assert cursor.fetchone() == ("on",)


def test_the_name_of_the_county_alone_lists_its_addresses(town):
    assert len(shorts("休宁", limit=7)) == 7


def test_villages_and_streets_without_estate(town):
    assert shorts("轮车村12") == ["轮车村12号"]
    assert queries.search(SYSTEM, "轮车村12")[0].area_text == "万安镇"
    assert shorts("玉宁街88") == ["玉宁街88号"]


def test_another_branch_finds_nothing(town, other_county, staff_of):
    stranger = staff_of(other_county, "stranger", "clerk")
    own = staff_of(town, "own", "clerk")
    address = Address.objects.first()

    assert shorts("横江", stranger) == []
    assert shorts("横江", own)
    with pytest.raises(NotFound):
        queries.address(stranger, address.pk)
    assert queries.match(stranger, address.full_text) is None
    assert sum(queries.coverage_counts(stranger).values()) == 0


def test_written_out_address_is_matched(town):
    whole = "安徽省黄山市休宁县海阳镇齐云大道横江花园6栋2单元301室"

    assert queries.match(SYSTEM, whole).full_text == whole
    assert queries.match(SYSTEM, "横江花园6栋2单元301室").full_text == whole
    assert queries.match(SYSTEM, "横江花园") is None


def test_identifiers_by_code_and_text(town):
    by_code = queries.ids_by_code(town.pk, ["A-88", "nope"])
    assert list(by_code) == ["A-88"]
    full = Address.objects.get(code="A-88").full_text
    assert queries.ids_by_text(town.pk, [full]) == {full: by_code["A-88"]}
    assert queries.short_texts([by_code["A-88"], None]) == {by_code["A-88"]: "玉宁街88号"}


# ---- coverage --------------------------------------------------------------------------------


def test_coverage_is_set_counted_and_recorded(town):
    ids = list(Address.objects.filter(estate="状元府").values_list("pk", flat=True))

    changed = services.set_coverage(
        actor=SYSTEM, address_ids=ids, status="planned", planned_date=date(2027, 3, 1)
    )
    again = services.set_coverage(
        actor=SYSTEM, address_ids=ids, status="planned", planned_date=date(2027, 3, 1)
    )

    assert (changed, again) == (len(ids), 0)
    assert queries.coverage_counts(SYSTEM)["planned"] == len(ids)
    assert AuditEntry.objects.filter(kind="coverage-set").count() == 1
    with pytest.raises(BadInput):
        services.set_coverage(actor=SYSTEM, address_ids=ids, status="planned")


def test_coverage_can_be_limited_to_those_of_which_nothing_is_known(town):
    one, two = Address.objects.order_by("pk")[:2]
    services.set_coverage(actor=SYSTEM, address_ids=[one.pk], status="no-entry", reason="物业")

    services.set_coverage(
        actor=SYSTEM,
        address_ids=[one.pk, two.pk],
        status="covered",
        only_from=[CoverageStatus.NONE],
    )

    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.coverage, two.coverage) == ("no-entry", "covered")


# ---- speed -----------------------------------------------------------------------------------


@pytest.fixture
def large_town(county, regions):
    """20,000 rooms in 139 estates whose names share characters."""
    first, second = "横状玉齐万海东西南北新金", "江元宁云安阳湖山川城桥溪"
    names = [a + b + "花园" for a in first for b in second][:139]
    rows = [row for n, name in enumerate(names) for row in rooms(name, 6, road=f"{name[0]}平路")]
    started = time.process_time()
    added = services.add_addresses(actor=SYSTEM, branch_id=county.pk, rows=rows)
    took = time.process_time() - started
    assert added.added == len(rows) >= 20_000
    return took


def plan_of(typed: str) -> str:
    sql, params = queries.search_sql(
        SYSTEM, text.parse_query(typed, ["休宁县"], ["海阳镇"]), limit=20
    )
    with connection.cursor() as cursor:
        cursor.execute(queries.INDEX_ONLY)
        cursor.execute("EXPLAIN " + sql, params)
        return "\n".join(line for (line,) in cursor.fetchall())


def test_twenty_thousand_addresses_are_added_and_searched_fast(large_town):
    """One load for all: seconds to add, the index in the plan, milliseconds to find."""
    assert large_town < 20, f"{large_town:.1f} s of CPU to add 20,000 addresses"

    for typed in ("横江", "hjhy", "横江花园6-2-301", "hjhy6-2-301", "hengjiang", "花园 万宁 小区"):
        plan = plan_of(typed)
        assert "Bitmap Index Scan on address_grams" in plan, f"{typed}:\n{plan}"

    took = []
    for typed in ("横江", "hjhy", "横江花园6-2-301", "hjhy6", "花园", "海阳镇横江", "花园 没有"):
        for _ in range(3):
            started = time.perf_counter()
            found = queries.search(SYSTEM, typed)
            took.append(time.perf_counter() - started)
        assert bool(found) is (typed != "花园 没有")
    assert statistics.median(took) < 0.05, f"median {statistics.median(took) * 1000:.0f} ms"
