"""What columns a sheet may have, how their headings are known and their cells read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from kaitong.transfer.tables import Cell, Table

# From here on a number of a spreadsheet has lost digits.
_EXACT = 10**15
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]00:00(?::00)?)?")
# Columns every sheet may have; nothing is read from them. Rows remarked 示例 are left out.
REMARK, REASON = "remark", "reason"
EXAMPLE = ("示例", "example")


class BadCell(Exception):
    """A cell cannot be read; what was wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its headings, whether it must be filled, how its cells are read.

    `choices` maps what may stand there to what it means; `explanation` and `examples` are for the
    template.
    """

    key: str
    chinese: str
    english: str
    explanation: Any = ""
    examples: tuple[Any, Any] = ("", "")
    required: bool = False
    kind: str = "text"  # text, date, whole
    choices: Mapping[str, str] | None = None
    aliases: tuple[str, ...] = ()

    @property
    def headings(self) -> tuple[str, ...]:
        return (self.chinese, self.english, self.key, *self.aliases)

    @property
    def label(self) -> str:
        """The heading in the reader's language."""
        return self.chinese if (get_language() or "zh").startswith("zh") else self.english

    def read(self, cell: Cell) -> Any:
        """The value of a cell; None when a date or number is empty. Raises BadCell."""
        if cell == "":
            if self.required:
                raise BadCell(_("缺%(name)s。") % {"name": self.label}, _("补填。"))
            return "" if self.kind == "text" else None
        if self.kind == "date":
            return _date(cell)
        text = as_text(cell)
        if self.choices is not None:
            return self._choice(text)
        if self.kind == "whole":
            if not re.fullmatch(r"\d{1,9}", text):
                raise BadCell(_("%(text)s 不是整数。") % {"text": text[:40]}, _("填整数。"))
            return int(text)
        return text

    def _choice(self, text: str) -> str:
        assert self.choices is not None
        found = self.choices.get(folded(text))
        if found is None:
            raise BadCell(
                _("%(name)s不能是 %(text)s。") % {"name": self.label, "text": text[:40]},
                _("可用：%(list)s。")
                % {"list": _("、").join(dict.fromkeys(k for k in self.choices if not k.isascii()))},
            )
        return found


def folded(text: str) -> str:
    """A heading or choice without what people vary: width, case, blanks, stars, brackets."""
    plain = unicodedata.normalize("NFKC", text)
    plain = re.sub(r"\(.*?\)|（.*?）", "", plain)
    return re.sub(r"[\s*_＊:：-]+", "", plain).casefold()


def as_text(cell: Cell) -> str:
    """A cell as the text it was meant to be: codes and numbers that became floats lose no zero
    point, dates that were never dates are refused. Raises BadCell."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        if abs(cell) >= _EXACT:
            raise BadCell(
                _("数字过长，表格软件已丢掉末几位。"), _("把这一列设为文本格式后重新填写。")
            )
        return str(int(cell)) if cell == int(cell) else repr(cell)
    raise BadCell(_("表格软件把它变成了日期或时间。"), _("把这一列设为文本格式后重新填写。"))


def _date(cell: Cell) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    found = _DATE.fullmatch(cell) if isinstance(cell, str) else None
    try:
        if found:
            return date(*(int(part) for part in found.groups()))
    except ValueError:
        pass
    raise BadCell(_("%(text)s 不是日期。") % {"text": str(cell)[:40]}, _("写成 2027-03-31。"))


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as people find it again: row and column of the sheet, heading, value."""

    row: int
    column: str  # letter; empty when the whole row is meant
    heading: str
    value: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        place = _("第 %(row)s 行") % {"row": self.row}
        if self.column:
            place += _(" %(column)s 列") % {"column": self.column}
        if self.heading:
            place += f"（{self.heading}）"
        value = f" [{self.value}]" if self.value else ""
        return f"{place}{value}: {self.what} {self.remedy}".rstrip()


_EXTRA = (
    Column(REASON, "原因", "Reason", aliases=("退回原因", "refused because")),
    Column(REMARK, "备注", "Remark", aliases=("remarks", "note to example")),
)


def match(table: Table, columns: Sequence[Column]) -> tuple[dict[str, int], list[Fault]]:
    """Positions by column key, and what is wrong with the heading row."""
    names = {
        folded(heading): column.key for column in (*_EXTRA, *columns) for heading in column.headings
    }
    found: dict[str, int] = {}
    faults: list[Fault] = []

    def fault(position: int, what: str, remedy: str) -> None:
        heading = str(table.head.cells[position])
        faults.append(Fault(table.head.number, table.letter(position), "", heading, what, remedy))

    for position, cell in enumerate(table.head.cells):
        if cell == "":
            if any(
                len(line.cells) > position and line.cells[position] != "" for line in table.lines
            ):
                fault(position, _("这一列没有表头。"), _("写上表头，或删去这一列。"))
            continue
        key = names.get(folded(str(cell)))
        if key is None:
            known = _("、").join(column.label for column in columns)
            fault(position, _("不认识的表头。"), _("可用：%(list)s。") % {"list": known})
        elif key in found:
            fault(position, _("表头重复。"), _("只留一列。"))
        else:
            found[key] = position
    for column in columns:
        if column.required and column.key not in found:
            faults.append(
                Fault(
                    table.head.number,
                    "",
                    column.label,
                    "",
                    _("缺少这一列。"),
                    _("用 --template 得到表头。"),
                )
            )
    return found, faults


def shown(cell: Cell) -> str:
    """A cell in a fault: as it stands, not too long."""
    try:
        text = as_text(cell)
    except BadCell:
        text = str(cell)
    return text if len(text) <= 60 else text[:59] + "…"
