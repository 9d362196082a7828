"""Grids with their people, and the shift roster, from sheets."""

from __future__ import annotations

import pytest

from kaitong.core.errors import Forbidden
from kaitong.org import services as org
from kaitong.org.models import GridHolder, Shift
from kaitong.places.grids import grid_of
from kaitong.places.models import Address, GridArea
from kaitong.transfer.tests.kit import HEAD, book, load, room, text_table

pytestmark = pytest.mark.django_db

GRIDS = "网格,乡镇街道,道路或村,小区或门牌号,楼栋,岗位,责任人\n"


@pytest.fixture
def team(branch):
    org.ensure_post(key="installer", name="装维班组")
    org.ensure_post(key="supervisor", name="班长")
    for username, post in (("an", "installer"), ("bo", "installer"), ("boss", "supervisor")):
        org.ensure_staff(
            username=username, name=username.upper(), branch=branch, password="x", posts=(post,)
        )
    from kaitong.org.queries import actor_of

    return {name: actor_of(name) for name in ("an", "bo", "boss")}


def test_the_narrowest_area_says_the_grid_and_people_are_replaced(branch, team):
    load(branch, "addresses", text_table(HEAD + room(101) + room(102, estate="横江新苑")))
    sheet = text_table(
        GRIDS
        + "G01,海阳镇,,,,装维班组,an、bo\n"
        + "G02,海阳镇,齐云大道,横江花园,,装维班组,bo\n"
        + "G03,海阳镇,齐云大道,横江花园,7栋,,\n"
    )
    first = load(branch, "grids", sheet, actor=team["boss"])
    assert (first.added, first.written) == (6, True)
    again = load(branch, "grids", sheet, actor=team["boss"])
    assert (again.added, again.changed, again.same) == (0, 0, 6)
    spot = {a.estate: a.pk for a in Address.objects.all()}
    assert grid_of(spot["横江花园"]) == "G02"
    assert grid_of(spot["横江新苑"]) == "G01"
    assert grid_of(None) == ""
    less = text_table(GRIDS + "G01,海阳镇,,,,装维班组,an\n")
    load(branch, "grids", less, actor=team["boss"])
    rows = GridHolder.objects.order_by("grid").values_list("grid", "staff__username")
    assert list(rows) == [("G01", "an"), ("G02", "bo")]


def test_faults_of_grids_by_row_and_column_and_nothing_written(branch, team):
    load(branch, "addresses", text_table(HEAD + room(101)))
    done = load(
        branch,
        "grids",
        text_table(
            GRIDS
            + "G01,海阳镇,,,,装维班组,an\n"
            + "G01,海洋镇,,,,装维班组,an\n"
            + "G01,海阳镇,,,3栋,装维班组,nobody\n"
        ),
        actor=team["boss"],
    )
    assert not done.written
    assert [(f.row, f.heading) for f in done.faults] == [
        (3, "乡镇街道"),
        (4, "小区或门牌号"),
        (4, "责任人"),
    ]
    assert not GridArea.objects.exists()
    assert not GridHolder.objects.exists()
    with pytest.raises(Forbidden):
        load(branch, "grids", text_table(GRIDS + "G01,海阳镇,,,,,\n"), actor=team["an"])


def test_a_roster_from_a_workbook_with_a_night_shift(branch, team):
    from datetime import date, timedelta

    rows = [
        ("人员", "岗位", "日期", "开始", "结束"),
        ("AN", "装维班组", date(2027, 3, 1), "08:30", "17:30"),
        ("bo", "installer", date(2027, 3, 1), "20:00", "8:00"),
    ]
    from kaitong.transfer import tables

    done = load(branch, "roster", tables.read(book(rows), "r.xlsx"), actor=team["boss"])
    assert done.written, done.faults
    day, night = Shift.objects.order_by("since").select_related("staff")
    assert (day.staff.username, day.post) == ("an", "installer")
    assert night.until - night.since == timedelta(hours=12)
    rows[2] = ("bo", "installer", date(2027, 3, 1), "20:00", "06:00")
    again = load(branch, "roster", tables.read(book(rows), "r.xlsx"), actor=team["boss"])
    assert (again.added, again.changed, again.same) == (0, 1, 1)
    rows[1] = ("nobody", "装维班组", date(2027, 3, 2), "早上", "17:30")
    bad = load(branch, "roster", tables.read(book(rows), "r.xlsx"), actor=team["boss"])
    assert not bad.written
    assert "早上" in str(bad.faults[0])
    assert Shift.objects.count() == 2
