"""Small files to import, and what tests of imports share."""

from __future__ import annotations

import io

from kaitong.org.actor import Actor
from kaitong.places.choices import Level
from kaitong.places.services import RegionRow
from kaitong.transfer import tables
from kaitong.transfer.importing import bring_in
from kaitong.transfer.kinds import layout

SYSTEM = Actor.system()
REGIONS = [
    RegionRow("34", "安徽省", Level.PROVINCE),
    RegionRow("3410", "黄山市", Level.CITY, "34"),
    RegionRow("341022", "休宁县", Level.COUNTY, "3410"),
    RegionRow("341022100", "海阳镇", Level.TOWNSHIP, "341022"),
]
HEAD = "地址编码,省,市,区县,乡镇街道,道路或村,小区或门牌号,楼栋,单元,房号,覆盖,计划日期\n"
ABOVE = "安徽省,黄山市,休宁县,海阳镇"


def room(number: int, **changes: str) -> str:
    """A line of an address file."""
    facts = {"code": f"A{number}", "estate": "横江花园", "coverage": "", "date": "", **changes}
    return (
        f"{facts['code']},{ABOVE},齐云大道,{facts['estate']},6栋,2单元,{number}室,"
        f"{facts['coverage']},{facts['date']}\n"
    )


def text_table(text: str, name: str = "rows.csv"):
    return tables.read(text.encode(), name)


def book(rows, *, sheets=("表一",), merge=()) -> bytes:
    """A workbook with these rows in its last sheet."""
    import xlsxwriter

    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as made:
        day = made.add_format({"num_format": "yyyy-mm-dd"})
        for name in sheets:
            sheet = made.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                if hasattr(cell, "year"):
                    sheet.write_datetime(number, column, cell, day)
                elif isinstance(cell, str) and cell.startswith("="):
                    sheet.write_formula(number, column, cell, None, "算出来的")
                else:
                    sheet.write(number, column, cell)
        for first_row, first, last_row, last, text in merge:
            sheet.merge_range(first_row, first, last_row, last, text)
    return target.getvalue()


def load(branch, kind: str, table, *, actor=None, **options):
    return bring_in(
        actor=actor or Actor.system(branch_id=branch.pk),
        branch_id=branch.pk,
        layout=layout(kind),
        table=table,
        **options,
    )
