"""Imports whole or not at all, by row and column, twice the same, two at once."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from django.db import connection

from kaitong.core.errors import Forbidden
from kaitong.core.models import AuditEntry
from kaitong.inventory.models import Coverage, Resource, Terminal
from kaitong.places import services as places
from kaitong.places.models import Address, Region
from kaitong.transfer import leftovers, tables
from kaitong.transfer.importing import bring_in
from kaitong.transfer.kinds import LAYOUTS, layout
from kaitong.transfer.templates import template
from kaitong.transfer.tests.kit import ABOVE, HEAD, REGIONS, SYSTEM, book, load, room, text_table

pytestmark = pytest.mark.django_db


def test_addresses_come_in_and_the_same_file_again_changes_nothing(branch):
    table = text_table(HEAD + "".join(room(n) for n in range(101, 111)))

    first = load(branch, "addresses", table, name="rooms.csv")
    again = load(branch, "addresses", table)

    assert (first.added, first.written) == (10, True)
    assert (again.added, again.changed, again.same) == (0, 0, 10)
    assert Address.objects.get(code="A101").short_text == "横江花园 6栋2单元101室"
    recorded = AuditEntry.objects.get(kind="imported")
    assert (recorded.data["file"], recorded.data["added"]) == ("rooms.csv", 10)


def test_what_differs_is_changed(branch):
    load(branch, "addresses", text_table(HEAD + room(101) + room(102)))

    moved = load(
        branch,
        "addresses",
        text_table(
            HEAD + room(101, estate="横江新苑") + room(102, coverage="规划中", date="2027/3/1")
        ),
    )

    assert (moved.added, moved.changed, moved.same) == (0, 2, 0)
    assert Address.objects.get(code="A101").estate == "横江新苑"
    planned = Address.objects.get(code="A102")
    assert (planned.coverage, planned.planned_date) == ("planned", date(2027, 3, 1))
    # 未覆盖 takes nothing away, and an empty cell says nothing
    again = load(branch, "addresses", text_table(HEAD + room(102, coverage="未覆盖") + room(101)))
    assert (again.changed, again.same) == (1, 1)  # 101 got its old estate back
    assert Address.objects.get(code="A102").coverage == "planned"


def test_every_fault_by_row_and_column_and_nothing_written(branch):
    table = text_table(
        HEAD
        + room(101)
        + room(102, coverage="也许")
        + room(103, coverage="规划中")
        + room(104).replace("海阳镇", "海洋镇")
        + room(101)
        + room(106, code="A101")
        + room(107).replace("安徽省", "")
    )

    outcome = load(branch, "addresses", table)

    assert not outcome.written
    assert [(f.row, f.column, f.heading, f.value) for f in outcome.faults] == [
        (3, "K", "覆盖", "也许"),
        (4, "L", "计划日期", ""),
        (5, "E", "乡镇街道", "海洋镇"),
        (6, "J", "房号", "101室"),
        (7, "A", "地址编码", "A101"),
        (8, "B", "省", ""),
    ]
    assert "已覆盖" in outcome.faults[0].remedy
    assert "第 2 行" in outcome.faults[3].what
    assert not Address.objects.exists()
    assert all(f.what and f.remedy for f in outcome.faults)


def test_bad_rows_skipped_come_back_ready_to_be_mended(branch):
    table = text_table(HEAD + room(101) + room(102, coverage="也许") + room(103))

    outcome = load(branch, "addresses", table, skip_bad=True)
    back = leftovers.refused_rows(table, outcome)
    mended = tables.read(back.decode().replace("也许", "已覆盖").encode(), "back.csv")
    second = load(branch, "addresses", mended)

    assert (outcome.added, list(outcome.refused)) == (2, [3])
    assert "也许" in back.decode()
    assert "已覆盖" in back.decode().splitlines()[1]
    assert mended.head.cells[-1] == "原因"
    assert (second.added, second.faults) == (1, ())
    assert Address.objects.count() == 3


def test_refused_rows_of_a_workbook_keep_their_dates_and_columns(branch):
    rows = [HEAD.strip().split(","), [*room(101).strip().split(",")], []]
    rows[1][10], rows[1][11] = "规划中", date(2027, 3, 1)
    rows[2] = [*rows[1]]
    rows[2][4] = "海洋镇"
    table = tables.read(book(rows), "a.xlsx")

    outcome = load(branch, "addresses", table, skip_bad=True)
    back = tables.read(leftovers.refused_rows(table, outcome), "b.xlsx")

    assert outcome.added == 1
    assert back.head.cells == (*table.head.cells, "原因")
    assert back.lines[0].cells[11] == date(2027, 3, 1)
    assert "海洋镇" in back.lines[0].cells[-1]
    faults = leftovers.faults_csv(outcome.faults).decode("utf-8-sig")
    assert "3,E,乡镇街道,海洋镇" in faults


def test_a_trial_says_what_would_be_and_writes_nothing(branch):
    outcome = load(branch, "addresses", text_table(HEAD + room(101)), dry_run=True)
    assert (outcome.added, outcome.written) == (1, False)
    assert not Address.objects.exists()


def test_examples_of_the_template_are_left_out(branch):
    for kind in LAYOUTS:
        outcome = load(branch, kind, tables.read(template(layout(kind)), "t.xlsx"))
        assert (outcome.examples, outcome.added, outcome.faults) == (2, 0, ())


# ---- network, terminals, regions ----

PLANT = """类型,名称,上级,所接PON口,用户端口数,地址编码,OLT编号,区号,优先次序
覆盖,,横江花园>6栋2单元 POS-01,,,A101,,,1
分光器,6栋2单元 POS-01,横江花园,海阳机房>OLT-01>0/3/6,8,,,,
站点,横江花园,,,,,,,
PON口,0/3/6,海阳机房>OLT-01,,,,,,
olt,OLT-01,海阳机房,,,,1,0559,
Site,海阳机房,,,,,,,
楼道ONU,6栋 ONU-01,横江花园,海阳机房>OLT-01>0/3/6,4,,,,
"""


def test_a_network_with_its_coverage_in_one_sheet(branch):
    load(branch, "addresses", text_table(HEAD + room(101)))
    first = load(branch, "plant", text_table(PLANT))
    again = load(branch, "plant", text_table(PLANT))

    assert (first.added, first.faults) == (19, ())  # 6 pieces, 12 ports, 1 pair
    assert (again.added, again.changed, again.same) == (0, 0, 19)
    olt = Resource.objects.get(name="OLT-01")
    assert olt.attributes == {"number": 1, "area_code": "0559"}
    assert Coverage.objects.get().rank == 1
    assert Address.objects.get().coverage == "covered"


def test_faults_of_the_network_name_their_rows(branch):
    rows = (
        PLANT
        + "分光器,POS-X,横江花园,,8,,,,\n"
        + "分光器,POS-Y,没有的站,海阳机房>OLT-01>0/3/6,8,,,,\n"
        + "覆盖,,没有的站>POS-Y,,,A101,,,\n"
        + "站点,S1,,,,,3,,\n"
    )
    outcome = load(branch, "plant", text_table(rows))

    assert [(f.row, f.column, f.heading) for f in outcome.faults] == [
        (2, "F", "地址编码"),  # no addresses here yet
        (9, "D", "所接PON口"),
        (10, "C", "上级"),
        (11, "C", "上级"),
        (12, "G", "OLT编号"),
    ]
    assert not Resource.objects.exists()


def test_terminals_with_serials_that_became_numbers(branch):
    table = tables.read(book([["型号", "串号"], ["HG8145", 20250001.0]]), "a.xlsx")
    assert load(branch, "terminals", table).added == 1
    assert Terminal.objects.get().serial == "20250001"


def test_regions_by_the_system_for_all_branches(branch, keeper):
    table = text_table(
        "区划代码,名称,级别,上级代码\n341022101,齐云山镇,乡镇街道,341022\n34102299,x,7,\n"
    )
    outcome = load(branch, "regions", table, skip_bad=True)
    assert (outcome.added, [f.row for f in outcome.faults]) == (1, [3])
    assert Region.objects.get(code="341022101").full_name == "安徽省黄山市休宁县齐云山镇"
    with pytest.raises(Forbidden):
        load(branch, "regions", table, actor=keeper)


# ---- who, and at once ----


def test_posts_and_branches_decide_who_imports(branch, keeper, other_county, staff_of):
    table = text_table(HEAD + room(101))
    clerk = staff_of(branch, "clerk1", "clerk")
    stranger = staff_of(other_county, "stranger", "resource")

    for actor in (clerk, stranger):
        with pytest.raises(Forbidden):
            load(branch, "addresses", table, actor=actor)
    assert not Address.objects.exists()
    assert load(branch, "addresses", table, actor=keeper).added == 1


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_take_turns(branch):
    text = HEAD + "".join(room(n) for n in range(100, 400))
    outcomes, errors = [], []
    together = threading.Barrier(4)

    def work() -> None:
        try:
            together.wait()
            outcomes.append(load(branch, "addresses", text_table(text)))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not errors
    assert sorted((o.added, o.same) for o in outcomes) == [(0, 300)] * 3 + [(300, 0)]
    assert Address.objects.count() == 300


@pytest.mark.django_db(transaction=True)
def test_one_that_dies_in_the_middle_leaves_nothing(branch):
    class Killed(BaseException):
        pass

    class Dying:
        def stage(self, name, total):
            self.name = name

        def tick(self, done):
            if self.name == "写入" and done:
                raise Killed

    text = HEAD + "".join(room(n) for n in range(1000, 2500))
    with pytest.raises(Killed):
        load(branch, "addresses", text_table(text), watch=Dying())
    assert not Address.objects.exists()
    assert not AuditEntry.objects.filter(kind="imported").exists()


def test_without_regions_the_fault_says_so(county):
    outcome = bring_in(
        actor=SYSTEM,
        branch_id=county.pk,
        layout=layout("addresses"),
        table=text_table(HEAD + room(101)),
    )
    assert "没有区划" in outcome.faults[0].what
    places.add_regions(actor=SYSTEM, rows=REGIONS)
    assert ABOVE.startswith("安徽省")
