"""Workbooks that go out: rows one by one in constant memory, real dates, texts that stay texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import TracebackType
from typing import Any, BinaryIO

from django.utils import timezone

# What a sheet of XLSX holds, without its heading row.
MOST_ROWS = 1_048_575


@dataclass(frozen=True, slots=True)
class OutColumn:
    """A column: heading, width in characters, and what its cells are (text, moment, day, whole)."""

    heading: str
    width: int = 14
    kind: str = "text"


class Book:
    """A workbook written row by row. Texts are written as texts: `=1+1` calculates nothing."""

    def __init__(
        self,
        target: str | BinaryIO,
        title: str,
        columns: Sequence[OutColumn],
        *,
        most_rows: int = MOST_ROWS,
    ) -> None:
        import xlsxwriter

        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_numbers": False,
            "strings_to_urls": False,
        }
        self.book: Any = xlsxwriter.Workbook(target, options)
        self.title, self.columns, self.most_rows = title[:28], columns, most_rows
        self.rows = 0
        self._sheets = 0
        self._head = self.book.add_format({"bold": True, "bg_color": "#E8F1FB", "bottom": 1})
        self._text = self.book.add_format({"num_format": "@"})
        self._formats = {
            "moment": self.book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            "day": self.book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        self._open_sheet()

    def _open_sheet(self) -> None:
        self._sheets += 1
        name = self.title if self._sheets == 1 else f"{self.title} {self._sheets}"
        self.sheet: Any = self.book.add_worksheet(name)
        self._line = 1
        self.sheet.freeze_panes(1, 1)
        for position, column in enumerate(self.columns):
            form = self._text if column.kind == "text" else None
            self.sheet.set_column(position, position, column.width, form)
        for position, column in enumerate(self.columns):
            self.sheet.write_string(0, position, column.heading, self._head)

    def add(self, cells: Sequence[Any]) -> None:
        """Write a row; empty cells are left out. Instants are told in local time."""
        if self._line > self.most_rows:
            self._close_sheet()
            self._open_sheet()
        for position, (cell, column) in enumerate(zip(cells, self.columns, strict=True)):
            if cell is None or cell == "":
                continue
            if isinstance(cell, datetime):
                local = timezone.localtime(cell).replace(tzinfo=None)
                self.sheet.write_datetime(self._line, position, local, self._formats["moment"])
            elif isinstance(cell, date):
                self.sheet.write_datetime(self._line, position, cell, self._formats["day"])
            elif column.kind == "whole":
                self.sheet.write_number(self._line, position, cell)
            else:
                self.sheet.write_string(self._line, position, str(cell), self._text)
        self._line += 1
        self.rows += 1

    def _close_sheet(self) -> None:
        self.sheet.autofilter(0, 0, max(self._line - 1, 1), len(self.columns) - 1)

    def __enter__(self) -> Book:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close_sheet()
        self.book.close()
