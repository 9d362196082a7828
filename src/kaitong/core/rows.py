"""Rows brought in by the ten thousand: their faults by row and column, what becomes of them, and
the fastest way in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.core.errors import BadInput, InputFault

# Told how many rows of the present stage are done, now and then.
Tick = Callable[[int], None]
TICK_EVERY = 1000


def silent(done: int) -> None:
    """Nobody watches."""


class Mode(Enum):
    """What a bulk verb does with rows, and with their faults."""

    # all are written, or BadRows names every fault and nothing is
    ALL = "all"
    # the same, but the faults are returned
    IF_CLEAN = "if-clean"
    # the good rows are written, the faults returned
    GOOD_ONES = "good-ones"
    # nothing is written, the faults are returned
    CHECK = "check"

    def writes(self, faults: Sequence[RowFault]) -> bool:
        """Whether to write, the faults known. Raises BadRows where they shall be raised."""
        if faults and self is Mode.ALL:
            raise BadRows(faults)
        return self is not Mode.CHECK and (not faults or self is Mode.GOOD_ONES)


@dataclass(frozen=True, slots=True)
class RowFault:
    """A fault of one row, `row` counted from 0 in what the verb was given; `twin` is the row that
    it collides with. `column` is the name of the row's attribute."""

    row: int
    column: str
    what: str
    remedy: str = ""
    twin: int | None = None

    def as_input_fault(self) -> InputFault:
        """The fault as verbs name it: `rows[3].name`."""
        return InputFault(f"rows[{self.row}].{self.column}", self.what, self.remedy)


class BadRows(BadInput):
    """Rows have faults; all of them are listed, and nothing was written."""

    default_code = "bad-rows"

    def __init__(self, rows: Iterable[RowFault]) -> None:
        self.row_faults = list(rows)
        super().__init__(
            [fault.as_input_fault() for fault in self.row_faults[:200]],
            _("%(count)s 处错误，什么也没有写入。") % {"count": len(self.row_faults)}
            + " "
            + "; ".join(str(f.as_input_fault()) for f in self.row_faults[:20]),
        )


@dataclass(frozen=True, slots=True)
class Put:
    """What became of rows: new, changed, and the same as before; and the rows refused."""

    added: int = 0
    changed: int = 0
    same: int = 0
    faults: tuple[RowFault, ...] = ()


# ---- COPY ----------------------------------------------------------------------------------------

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_BLOCK = 2000


def _field(value: Any) -> str:
    if value is None:
        return "\\N"
    text = value if isinstance(value, str) else str(value)
    # Most texts hold nothing to escape; looking is cheaper than translating.
    if "\\" in text or "\n" in text or "\t" in text or "\r" in text:
        return text.translate(_ESCAPES)
    return text


def copy_in(
    table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], tick: Tick = silent
) -> int:
    """COPY rows into a table; how many. Values are texts or what `str` spells as PostgreSQL reads
    it (identifiers, dates, numbers); arrays and JSON come ready written."""
    done = 0
    block: list[str] = []
    audit.tell()
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        for row in rows:
            block.append("\t".join(map(_field, row)))
            done += 1
            if len(block) == _BLOCK:
                copy.write("\n".join(block) + "\n")
                block.clear()
                tick(done)
        if block:
            copy.write("\n".join(block) + "\n")
    tick(done)
    return done
