"""What an import leaves behind: its faults, and the refused rows ready to be mended."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from kaitong.transfer.columns import BadCell, Fault, as_text, folded
from kaitong.transfer.importing import Outcome
from kaitong.transfer.tables import Cell, Table

_REASON_HEADINGS = frozenset(folded(word) for word in ("原因", "Reason", "退回原因"))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def faults_csv(faults: Iterable[Fault]) -> bytes:
    """All faults as CSV, which spreadsheet programs open as it is."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_("行"), _("列"), _("表头"), _("值"), _("错误"), _("处理")])
    for fault in faults:
        row = (fault.row, fault.column, fault.heading, fault.value, fault.what, fault.remedy)
        writer.writerow([harmless(cell) for cell in row])
    return text.getvalue().encode("utf-8-sig")


def harmless(cell: Any) -> Any:
    """Text that a spreadsheet program would calculate stays text: OWASP's CSV injection."""
    if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + cell
    return cell


def refused_rows(table: Table, outcome: Outcome) -> bytes:
    """The refused rows in the file's own format and columns, their reasons behind."""
    reason = next(
        (n for n, cell in enumerate(table.head.cells) if folded(str(cell)) in _REASON_HEADINGS),
        len(table.head.cells),
    )
    rows = [_with(table.head.cells, reason, _("原因"))]
    rows += [
        _with(line.cells, reason, outcome.refused[line.number])
        for line in table.lines
        if line.number in outcome.refused
    ]
    return _as_xlsx(rows, table) if table.suffix == ".xlsx" else _as_csv(rows, table)


def _with(cells: Sequence[Cell], position: int, text: str) -> list[Cell]:
    row = [*cells, *[""] * (position + 1 - len(cells))]
    row[position] = text
    return row


def _as_csv(rows: Sequence[Sequence[Cell]], table: Table) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=table.delimiter).writerows(rows)
    return text.getvalue().encode(table.encoding)


def _as_xlsx(rows: Sequence[Sequence[Cell]], table: Table) -> bytes:
    import xlsxwriter

    target = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(target, options) as book:
        sheet = book.add_worksheet(table.sheet or None)
        head = book.add_format({"bold": True})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        text = book.add_format({"num_format": "@"})
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(rows[0]) - 1, 16, text)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, date | datetime):
                    sheet.write_datetime(number, column, cell, day)
                elif cell != "":
                    sheet.write_string(number, column, _text(cell), head if not number else text)
    return target.getvalue()


def _text(cell: Cell) -> str:
    try:
        return as_text(cell)
    except BadCell:
        return str(cell)
