"""Reading sheets as people see them."""

from __future__ import annotations

from datetime import date

import pytest

from kaitong.transfer import tables
from kaitong.transfer.columns import BadCell, Column, as_text, match
from kaitong.transfer.errors import UnreadableFile
from kaitong.transfer.kinds import LAYOUTS
from kaitong.transfer.kinds.addresses import ADDRESSES
from kaitong.transfer.leftovers import harmless
from kaitong.transfer.templates import template
from kaitong.transfer.tests.kit import book


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_the_encoding_of_a_csv_is_found(encoding):
    table = tables.read("省,房号\n安徽省,㐂室\n".encode(encoding), "a.csv")
    assert table.head.cells == ("省", "房号")
    assert table.lines[0].cells == ("安徽省", "㐂室")


def test_rows_keep_the_numbers_the_spreadsheet_shows():
    table = tables.read('\n省;市\n\n"安徽\n省";黄山市\n'.encode(), "a.csv")
    assert (table.head.number, table.delimiter) == (2, ";")
    assert [line.number for line in table.lines] == [4]
    assert table.lines[0].cells == ("安徽\n省", "黄山市")


def test_a_sheet_is_named_or_the_first():
    data = book([["b"], ["2"]], sheets=("说明", "数据"))
    with pytest.raises(UnreadableFile):
        tables.read(data, "a.xlsx")  # the first is empty
    assert tables.read(data, "a.xlsx", "数据").lines[0].cells == ("2",)
    with pytest.raises(UnreadableFile) as caught:
        tables.read(data, "a.xlsx", "没有")
    assert "说明、数据" in str(caught.value)


def test_merged_formulas_dates_and_empty_rows():
    data = book(
        [
            ["楼栋", "房号", "日期"],
            ["", "101", date(2027, 3, 1)],
            ["", "102", ""],
            [],
            ["", "=A1", ""],
        ],
        merge=[(1, 0, 3, 0, "6栋")],
    )
    table = tables.read(data, "a.xlsx")
    assert [(line.number, *line.cells) for line in table.lines] == [
        (2, "6栋", "101", date(2027, 3, 1)),
        (3, "6栋", "102", ""),
        (5, "", "算出来的", ""),
    ]


def test_columns_keep_their_letters_when_the_first_are_empty():
    table = tables.read(book([["", "", "楼栋"], ["", "", "6栋"]]), "a.xlsx")
    assert table.letter(0) == "C"
    assert [tables.column_letter(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


@pytest.mark.parametrize(
    "name, data",
    [
        ("a.xlsx", b"PK\x03\x04 not a zip"),
        ("a.pdf", b"%PDF"),
        ("a.csv", b""),
        ("a.csv", b"a,b\x00c"),
        ("a.csv", b"\xff\xff\xff\xff\xff,\xff"),
        ("a.xlsx", b"name,room\n"),
    ],
)
def test_what_is_no_table_is_refused(name, data):
    with pytest.raises(UnreadableFile):
        tables.read(data, name)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UnreadableFile) as caught:
        tables.load(tmp_path / "gone.csv")
    assert "gone.csv" in str(caught.value)


# ---- cells and headings ----


def test_numbers_are_read_as_the_text_they_were():
    assert as_text(13955901234.0) == "13955901234"
    assert as_text(0.5) == "0.5"


@pytest.mark.parametrize("cell", [123456789012345678.0, date(2027, 6, 1)])
def test_what_the_spreadsheet_spoiled_is_refused(cell):
    with pytest.raises(BadCell):
        as_text(cell)


@pytest.mark.parametrize("cell", ["2027-03-31", "2027/3/31", "2027年3月31日", date(2027, 3, 31)])
def test_dates_as_people_write_them(cell):
    assert Column("d", "日期", "Date", kind="date").read(cell) == date(2027, 3, 31)


def test_headings_in_any_order_and_either_language():
    table = tables.read(
        "Room,乡镇街道*, COUNTY ,市,省（必填）,备注\n".encode() + b"1,2,3,4,5,6", "a.csv"
    )
    found, faults = match(table, ADDRESSES.columns)
    assert not faults
    assert found["room"] == 0
    assert found["province"] == 4


def test_unknown_double_and_missing_headings_are_named():
    table = tables.read("省,省份代号,市,市,区县\n1,2,3,4,5\n".encode(), "a.csv")
    _found, faults = match(table, ADDRESSES.columns)
    assert [(f.column, f.value or f.heading) for f in faults] == [
        ("B", "省份代号"),
        ("D", "市"),
        ("", "乡镇街道"),
    ]


@pytest.mark.parametrize("kind", list(LAYOUTS))
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_template_is_read_back_and_holds_examples_only(kind, language):
    from django.utils import translation

    with translation.override(language):
        table = tables.read(template(LAYOUTS[kind]), "t.xlsx")
    found, faults = match(table, LAYOUTS[kind].columns)
    assert not faults
    assert set(found) == {c.key for c in LAYOUTS[kind].columns} | {"remark"}
    assert len(table.lines) == 2


def test_text_that_would_be_calculated_stays_text():
    assert harmless("=1+1") == "'=1+1"
    assert harmless("6栋") == "6栋"
