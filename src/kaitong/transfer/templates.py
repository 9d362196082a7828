"""An empty sheet to fill in: headings, what each column means, two example rows."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.transfer.columns import Column
from kaitong.transfer.kinds.base import Layout

_ROWS = 1_048_575


def template(layout: Layout) -> bytes:
    """The workbook. Example rows are remarked 示例 and left out by the import."""
    import xlsxwriter

    english = not (get_language() or "zh").startswith("zh")
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False}) as book:
        head = book.add_format({"bold": True, "bg_color": "#E8F1FB", "border": 1})
        must = book.add_format({"bold": True, "bg_color": "#CFE2F8", "border": 1})
        text = book.add_format({"num_format": "@"})
        pale = book.add_format({"num_format": "@", "italic": True, "font_color": "#6B7785"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        sheet = book.add_worksheet(str(layout.title)[:31])
        sheet.freeze_panes(1, 0)
        names = [c.english if english else c.chinese for c in layout.columns]
        for position, column in enumerate(layout.columns):
            name = names[position]
            sheet.set_column(
                position, position, _width(column, name), day if column.kind == "date" else text
            )
            sheet.write_string(0, position, name, must if column.required else head)
            if column.explanation:
                sheet.write_comment(0, position, str(column.explanation), {"x_scale": 2})
            if column.choices:
                sheet.data_validation(
                    1,
                    position,
                    _ROWS,
                    position,
                    {
                        "validate": "list",
                        "source": _offered(column, english),
                        "error_type": "warning",
                    },
                )
            for row, example in enumerate(column.examples, start=1):
                _write(sheet, row, position, column, example, pale, day)
        last = len(layout.columns)
        sheet.set_column(last, last, 12, text)
        sheet.write_string(0, last, "Remark" if english else "备注", head)
        for row in (1, 2):
            sheet.write_string(row, last, "Example" if english else "示例", pale)
        guide = book.add_worksheet(_("说明"))
        guide.set_column(0, 0, 20)
        guide.set_column(1, 1, 10)
        guide.set_column(2, 2, 80)
        guide.write_row(0, 0, [_("列"), _("必填"), _("说明")], head)
        for row, column in enumerate(layout.columns, start=1):
            guide.write_string(row, 0, names[row - 1])
            guide.write_string(row, 1, _("必填") if column.required else "")
            guide.write_string(row, 2, _explained(column, english), wrapped)
        guide.write_string(last + 2, 0, _("备注为“示例”的行不导入；表头可以换次序，中英文都可以。"))
    return target.getvalue()


def _explained(column: Column, english: bool) -> str:
    offered = _("可填：%(list)s。") % {"list": wording.several(_offered(column, english))}
    return f"{column.explanation} {offered if column.choices else ''}".strip()


def _offered(column: Column, english: bool) -> list[str]:
    """One word for each meaning, in the reader's language."""
    words: dict[str, str] = {}
    for word, meaning in (column.choices or {}).items():
        if word.isascii() == english and not word.isdigit():
            words.setdefault(str(meaning), word)
    for word, meaning in (column.choices or {}).items():
        words.setdefault(str(meaning), word)
    return list(words.values())


def _width(column: Column, name: str) -> int:
    longest = max(_cells(name), *(_cells(str(example)) for example in column.examples))
    return min(max(longest + 3, 10), 40)


def _cells(text: str) -> int:
    return sum(2 if ord(sign) > 0x2E80 else 1 for sign in text)


def _write(
    sheet: Any, row: int, position: int, column: Column, example: Any, pale: Any, day: Any
) -> None:
    if example == "":
        return
    if column.kind == "date":
        sheet.write_datetime(row, position, date.fromisoformat(example), day)
    else:
        sheet.write_string(row, position, str(example), pale)
