"""Rows brought in by the ten thousand: their faults by row and column, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, InputFault

# Told how many rows of the present stage are done, now and then.
Tick = Callable[[int], None]
TICK_EVERY = 1000


def silent(done: int) -> None:
    """Nobody watches."""


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
