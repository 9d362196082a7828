"""Compiles the texts of a DMN file, and says which cell is at fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kaitong.process.bpmn_faults import Faults
from kaitong.process.bpmn_xml import Element
from kaitong.process.dmn.names import Names
from kaitong.process.feel import (
    Expression,
    FeelError,
    Functions,
    UnaryTests,
    compile,
    compile_unary_tests,
)

_Made = TypeVar("_Made", Expression, UnaryTests)


class CellReader:
    """`known` are the names a text may read; None where the decision declares no requirements."""

    def __init__(
        self,
        faults: Faults,
        names: Names,
        functions: Functions,
        known: set[str] | None = None,
    ) -> None:
        self.faults, self.names, self.functions, self.known = faults, names, functions, known

    def expression(self, holder: Element, cell: str) -> Expression | None:
        return self._made(holder, cell, compile, holder.text.rstrip())

    def tests(self, holder: Element, cell: str) -> UnaryTests | None:
        """Unary tests; an empty cell means the same as `-`."""
        return self._made(holder, cell, compile_unary_tests, holder.text.rstrip() or "-")

    def _made(
        self, holder: Element, cell: str, make: Callable[..., _Made], text: str
    ) -> _Made | None:
        line = holder.text_line or holder.line
        language = holder.get("expressionLanguage")
        if language and "feel" not in language.lower():
            self.faults.add_at(
                line, cell, f"The cell is written in {language}.", "Write it in FEEL."
            )
            return None
        try:
            made = make(self.names.plain(text), functions=self.functions)
        except FeelError as error:
            what = f"`{text.strip()}`, column {error.column}: {error.what}"
            self.faults.add_at(line + error.line - 1, cell, what, "Correct the cell.")
            return None
        # inside a filter a name may also be a part of the item: only plain texts are checked
        if self.known is not None and "[" not in text:
            for name in sorted(made.names - self.known - {"?"}):
                self.faults.add_at(
                    line,
                    cell,
                    f"{name} is nothing this decision requires.",
                    "Draw the requirement, or correct the name.",
                )
        return made
