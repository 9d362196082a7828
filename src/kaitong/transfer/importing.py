"""An import from file to tables: read, checked whole, written in one transaction or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.core.audit import acting
from kaitong.core.errors import Forbidden
from kaitong.core.rows import TICK_EVERY, Mode, RowFault
from kaitong.org.actor import Actor
from kaitong.transfer.columns import (
    EXAMPLE,
    REASON,
    REMARK,
    BadCell,
    Column,
    Fault,
    folded,
    match,
    shown,
)
from kaitong.transfer.kinds.base import BadCells, Layout
from kaitong.transfer.tables import Line, Table
from kaitong.transfer.watch import Nobody, Watch


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import did. `written` is false when faults stopped it, or it was only a trial."""

    rows: int
    added: int = 0
    changed: int = 0
    same: int = 0
    written: bool = False
    faults: tuple[Fault, ...] = ()
    # rows that were refused, with their reasons
    refused: Mapping[int, str] = field(default_factory=dict)
    examples: int = 0

    @property
    def heading_wrong(self) -> bool:
        """Nothing was read: the heading row itself has faults."""
        return bool(self.faults) and not self.refused


def may_import(actor: Actor, layout: Layout, branch_id: UUID | None) -> None:
    """Posts say who may; shared rows need somebody whose word counts for all branches."""
    if not any(actor.has_post(post) for post in layout.posts):
        raise Forbidden(
            _("你的岗位不能导入%(what)s。") % {"what": layout.title}, _("请资源岗或主管导入。")
        )
    if not layout.shared and not actor.sees(branch_id):
        raise Forbidden(_("不能为别的分公司导入。"), field="branch_id")


def bring_in(
    *,
    actor: Actor,
    branch_id: UUID | None,
    layout: Layout,
    table: Table,
    name: str = "",
    skip_bad: bool = False,
    dry_run: bool = False,
    watch: Watch | None = None,
) -> Outcome:
    """Import a table. With faults nothing is written, unless `skip_bad`: then the good rows are.

    Check and write stand in one transaction under the branch's import lock: two imports of the
    same file take turns, and one that is killed leaves nothing.
    """
    may_import(actor, layout, branch_id)
    watch = watch or Nobody()
    positions, faults = match(table, layout.columns)
    if faults:
        return Outcome(len(table.lines), faults=tuple(faults))
    reading = _Reading(layout, table, positions)
    watch.stage(_("读取"), len(table.lines))
    reading.read(watch)
    mode = Mode.GOOD_ONES if skip_bad else Mode.CHECK if reading.faults else Mode.IF_CLEAN
    mode = Mode.CHECK if dry_run else mode
    with transaction.atomic(), acting(actor.id, "import"):
        watch.stage(_("检查") if mode is Mode.CHECK else _("写入"), len(reading.made))
        put = layout.put(
            actor=actor, branch_id=branch_id, rows=reading.made, mode=mode, watch=watch
        )
        reading.take(put.faults)
        written = mode is not Mode.CHECK and (skip_bad or not reading.faults)
        if not written:
            # Parts of a sheet may have been clean and written before faults of others showed.
            transaction.set_rollback(True)
        elif put.added or put.changed:
            audit.record(
                "imported",
                actor_id=actor.id,
                subject_type=f"import.{layout.key}",
                subject_id=None,
                branch_id=branch_id,
                data={
                    "file": name,
                    "rows": len(table.lines),
                    "added": put.added,
                    "changed": put.changed,
                    "refused": len(reading.refused),
                },
            )
    return Outcome(
        rows=len(table.lines) - reading.examples,
        added=put.added,
        changed=put.changed,
        same=put.same,
        written=written,
        faults=tuple(sorted(reading.faults, key=lambda fault: fault.row)),
        refused=reading.refused,
        examples=reading.examples,
    )


def read_rows(layout: Layout, table: Table) -> tuple[list[tuple[Line, Any]], list[Fault]]:
    """The verb's rows with their lines, and every fault of heading and cells; writes nothing."""
    positions, faults = match(table, layout.columns)
    if faults:
        return [], faults
    reading = _Reading(layout, table, positions)
    reading.read(Nobody())
    return list(zip(reading.lines, reading.made, strict=True)), reading.faults


class _Reading:
    """Rows of a table on their way to the verb, and the faults found."""

    def __init__(self, layout: Layout, table: Table, positions: Mapping[str, int]) -> None:
        self.layout = layout
        self.table = table
        self.positions = positions
        self.columns: Mapping[str, Column] = {c.key: c for c in layout.columns}
        self.made: list[Any] = []
        self.lines: list[Line] = []  # beside `made`
        self.faults: list[Fault] = []
        self.refused: dict[int, str] = {}
        self.examples = 0

    def read(self, watch: Watch) -> None:
        """Make the verb's rows of all that can be read."""
        wanted = [
            (c, self.positions[c.key]) for c in self.layout.columns if c.key in self.positions
        ]
        remark = self.positions.get(REMARK)
        absent = {c.key: c.read("") for c in self.layout.columns if c.key not in self.positions}
        for done, line in enumerate(self.table.lines, start=1):
            if done % TICK_EVERY == 0:
                watch.tick(done)
            if remark is not None and _is_example(line, remark):
                self.examples += 1
                continue
            if self._empty(line, wanted):
                continue
            values = dict(absent)
            whole = True
            for column, position in wanted:
                cell = line.cells[position] if position < len(line.cells) else ""
                try:
                    values[column.key] = column.read(cell)
                except BadCell as bad:
                    whole = False
                    self._fault(line, column.key, bad.what, bad.remedy)
            if not whole:
                continue
            try:
                made = self.layout.make(values)
            except BadCells as bad_cells:
                for key, what, remedy in bad_cells.faults:
                    self._fault(line, key, what, remedy)
                continue
            self.made.append(made)
            self.lines.append(line)
        watch.tick(len(self.table.lines))

    @staticmethod
    def _empty(line: Line, wanted: Sequence[tuple[Column, int]]) -> bool:
        """Whether only remarks or reasons stand in a row."""
        return not any(p < len(line.cells) and line.cells[p] != "" for _column, p in wanted)

    def take(self, faults: Sequence[RowFault]) -> None:
        """The verb's faults, found again in the sheet."""
        for fault in faults:
            what = fault.what
            if fault.twin is not None:
                what += _("（见第 %(row)s 行）") % {"row": self.lines[fault.twin].number}
            self._fault(self.lines[fault.row], fault.column, what, fault.remedy)

    def _fault(self, line: Line, key: str, what: str, remedy: str) -> None:
        position = self.positions.get(key)
        column = self.columns.get(key)
        heading = column.label if column else ""
        letter = value = ""
        if position is not None:
            heading = str(self.table.head.cells[position])
            letter = self.table.letter(position)
            value = shown(line.cells[position]) if position < len(line.cells) else ""
        self.faults.append(Fault(line.number, letter, heading, value, str(what), str(remedy)))
        reason = f"{heading}: {what} {remedy}".strip(": ")
        before = self.refused.get(line.number)
        self.refused[line.number] = f"{before}；{reason}" if before else reason


def _is_example(line: Line, remark: int) -> bool:
    cell = line.cells[remark] if remark < len(line.cells) else ""
    return isinstance(cell, str) and folded(cell).startswith(EXAMPLE)


__all__ = ["REASON", "Outcome", "bring_in", "may_import"]
