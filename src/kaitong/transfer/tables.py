"""Reading a table from CSV or XLSX: rows as people see them, numbered as their program does."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.transfer.errors import UnreadableFile

LARGEST = 200 * 1024 * 1024
_LARGEST_UNPACKED = 2 * 1024 * 1024 * 1024
Cell = str | int | float | bool | date | datetime | time | timedelta
# Byte order marks first; then what can be decided: UTF-8 refuses what is not UTF-8.
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_DELIMITERS = ",\t;"


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its number from 1 as the spreadsheet shows it, and its cells."""

    number: int
    cells: tuple[Cell, ...]

    @property
    def empty(self) -> bool:
        return not any(cell != "" for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Table:
    """The first row that holds anything, and the rows after it, empty ones left out.

    `first_column` is where the cells begin: 0 is column A.
    """

    head: Line
    lines: tuple[Line, ...]
    suffix: str
    encoding: str = ""
    delimiter: str = ","
    first_column: int = 0
    sheet: str = ""

    def letter(self, position: int) -> str:
        """The letter over a column, as spreadsheet programs name it."""
        return column_letter(self.first_column + position)


def column_letter(position: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def load(path: Path, sheet: str = "") -> Table:
    """The table of a file."""
    try:
        if path.stat().st_size > LARGEST:
            raise _too_large(path.name)
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}.", _("检查文件名。")) from None
    return read(data, path.name, sheet)


def _too_large(name: str) -> UnreadableFile:
    return UnreadableFile(
        _("%(name)s 大于 %(most)s MB。") % {"name": name, "most": LARGEST // 1024**2},
        _("拆成几个文件。"),
    )


def read(data: bytes, name: str, sheet: str = "") -> Table:
    """The table in the bytes of a file; `sheet` names one of several, else the first counts."""
    if len(data) > LARGEST:
        raise _too_large(name)
    suffix = Path(name).suffix.lower()
    if data[:4] == b"PK\x03\x04":
        table = _xlsx(data, name, sheet)
    elif suffix in (".csv", ".txt", ".tsv"):
        table = _csv(data, name)
    else:
        raise UnreadableFile(
            _("%(name)s 既不是 XLSX 也不是 CSV。") % {"name": name},
            _("另存为 .xlsx 或 .csv 再导入。"),
        )
    return table


def _table(lines: Iterator[Line], name: str, **facts: object) -> Table:
    filled = [line for line in lines if not line.empty]
    if not filled:
        raise UnreadableFile(_("%(name)s 是空的。") % {"name": name}, _("第一行写表头。"))
    return Table(filled[0], tuple(filled[1:]), **facts)  # type: ignore[arg-type]


# ---- CSV -----------------------------------------------------------------------------------------


def encoding_of(data: bytes) -> str:
    """The encoding of a text file: by its mark, else UTF-8 where that is possible, else GB18030."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _csv(data: bytes, name: str) -> Table:
    encoding = encoding_of(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UnreadableFile(
            _("%(name)s 第 %(line)s 行既不是 UTF-8 也不是 GB18030 文字。")
            % {"name": name, "line": line},
            _("另存为 UTF-8 的 CSV 再导入。"),
        ) from None
    if "\x00" in text:
        raise UnreadableFile(
            _("%(name)s 含有空字符，不是文本文件。") % {"name": name},
            _("另存为 .xlsx 或 .csv 再导入。"),
        )
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)

    def lines() -> Iterator[Line]:
        try:
            for number, row in enumerate(reader, start=1):
                yield Line(number, tuple(cell.strip() for cell in row))
        except csv.Error as error:
            raise UnreadableFile(
                _("%(name)s 第 %(line)s 行读不懂（%(error)s）。")
                % {"name": name, "line": reader.line_num, "error": error},
                _("检查引号是否成对。"),
            ) from None

    return _table(lines(), name, suffix=".csv", encoding=encoding, delimiter=delimiter)


# ---- XLSX ----------------------------------------------------------------------------------------


def _xlsx(data: bytes, name: str, wanted: str) -> Table:
    from python_calamine import CalamineError, CalamineWorkbook, WorksheetNotFound

    unreadable = UnreadableFile(
        _("%(name)s 不是可读的 XLSX 文件。") % {"name": name},
        _("用表格软件打开后另存为 .xlsx，不要加密码。"),
    )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            if sum(part.file_size for part in parts.infolist()) > _LARGEST_UNPACKED:
                raise _too_large(name)
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheet = book.get_sheet_by_name(wanted) if wanted else book.get_sheet_by_index(0)
    except WorksheetNotFound:
        raise UnreadableFile(
            _("%(name)s 里没有工作表 %(sheet)s。") % {"name": name, "sheet": wanted},
            _("有：%(list)s。") % {"list": wording.several(book.sheet_names)},
        ) from None
    except (CalamineError, zipfile.BadZipFile, ValueError):
        raise unreadable from None
    offset = (sheet.start or (0, 0))[1]
    # Cells merged downwards mean that every row of them says the same.
    merged = {
        (row, column - offset): (first_row, first_column - offset)
        for (first_row, first_column), (last_row, last_column) in sheet.merged_cell_ranges or []
        for row in range(first_row, last_row + 1)
        for column in range(first_column, min(last_column, first_column) + 1)
        if row != first_row
    }

    def lines() -> Iterator[Line]:
        tops: dict[tuple[int, int], Cell] = {}
        origins = set(merged.values())
        for number, row in enumerate(sheet.iter_rows()):
            own = any(cell not in ("", None) for cell in row)
            for column, cell in enumerate(row):
                if (number, column) in origins:
                    tops[(number, column)] = cell
                if own and (number, column) in merged:
                    row[column] = tops.get(merged[(number, column)], "")
            yield Line(number + 1, tuple(_cell(cell) for cell in row))

    try:
        return _table(lines(), name, suffix=".xlsx", first_column=offset, sheet=sheet.name)
    except CalamineError:
        raise unreadable from None


def _cell(value: Cell | None) -> Cell:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else value
