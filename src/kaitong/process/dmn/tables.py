"""Reads one decision table: columns, rules, hit policy, and what makes no sense about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lark import Token

from kaitong.process.bpmn_xml import Element
from kaitong.process.dmn.cells import CellReader
from kaitong.process.dmn.names import alias
from kaitong.process.dmn.table import (
    AGGREGATIONS,
    BY_OUTPUT,
    Hit,
    Input,
    Output,
    Rule,
    Table,
)
from kaitong.process.feel import Expression, FeelError, UnaryTests, compile
from kaitong.process.feel.grammar import parse as syntax

if TYPE_CHECKING:
    from kaitong.process.dmn.reader import _Reader

MAX_RULES = 2_000
MAX_COLUMNS = 100
_PARTS = {"input", "output", "rule", "annotation", "description", "extensionElements"}


def read_table(element: Element, name: str, cells: CellReader, reader: _Reader) -> Table | None:
    """The table of a decision; None if something in it is at fault (and said)."""
    return _TableReader(element, name, cells, reader).read()


class _TableReader:
    def __init__(self, element: Element, name: str, cells: CellReader, reader: _Reader) -> None:
        self.element, self.name, self.cells, self.reader = element, name, cells, reader
        self.faults = reader.faults

    def _children(self, tag: str) -> list[Element]:
        return [child for child in self.reader._children(self.element) if child.tag == tag]

    def _fault(self, element: Element, cell: str, what: str, remedy: str) -> None:
        self.faults.add_at(element.line, f"{self.name} {cell}".strip(), what, remedy)

    def read(self) -> Table | None:
        before = len(self.faults.found)
        for child in self.reader._children(self.element):
            if child.tag not in _PARTS:
                self._fault(child, "", f"Kaitong does not read {child.tag} of a table.", "")
        hit, aggregation = self._hit_policy()
        inputs = [self._input(at, one) for at, one in enumerate(self._children("input"), 1)]
        columns = self._children("output")
        outputs = [self._output(at, one, len(columns)) for at, one in enumerate(columns, 1)]
        if not outputs:
            self._fault(self.element, "", "The table has no output.", "Add a column.")
        if len(inputs) + len(outputs) > MAX_COLUMNS:
            self._fault(self.element, "", f"More than {MAX_COLUMNS} columns.", "Split the table.")
        self._order(hit, aggregation, outputs)
        rows = self._children("rule")
        if not rows:
            self._fault(self.element, "", "The table has no rule.", "Add a row.")
        if len(rows) > MAX_RULES:
            self._fault(self.element, "", f"More than {MAX_RULES} rules.", "Split the table.")
            return None
        rules = [self._rule(at, row, inputs, outputs) for at, row in enumerate(rows, 1)]
        if len(self.faults.found) > before:
            return None
        return Table(
            hit=hit,
            aggregation=aggregation,
            inputs=tuple(one for one in inputs if one),
            outputs=tuple(one for one in outputs if one),
            rules=tuple(one for one in rules if one),
        )

    # ---- columns

    def _hit_policy(self) -> tuple[Hit, str]:
        word = self.element.get("hitPolicy", "UNIQUE")
        aggregation = self.element.get("aggregation")
        if word not in set(Hit):
            known = ", ".join(Hit)
            self._fault(self.element, "", f"There is no hit policy {word}.", f"Use one of {known}.")
            return Hit.UNIQUE, ""
        if aggregation and aggregation not in AGGREGATIONS:
            known = ", ".join(AGGREGATIONS)
            self._fault(
                self.element, "", f"There is no aggregation {aggregation}.", f"Use one of {known}."
            )
        if aggregation and word != Hit.COLLECT:
            self._fault(
                self.element, "", f"{word} has no aggregation.", "Use COLLECT, or remove it."
            )
        return Hit(word), aggregation

    def _input(self, at: int, column: Element) -> Input | None:
        holder = self.reader._first(column, "inputExpression")
        label = column.get("label").strip()
        if holder is None:
            self._fault(column, f"input {label or at}", "The column has no expression.", "Add it.")
            return None
        text = self.reader._text(holder)
        label = " ".join((label or text.text.strip() or str(at)).split())
        expression = self.cells.expression(text, f"{self.name} input {label}")
        type_ = self.reader.type_of(holder)
        values = self.reader._first(column, "inputValues")
        if values is not None:
            cell = f"{self.name} input {label}, allowed values"
            tests = self.cells.tests(self.reader._text(values), cell)
            type_ = replace(type_, allowed=tests or type_.allowed)
        return None if expression is None else Input(label, expression, type_)

    def _output(self, at: int, column: Element, of: int) -> Output | None:
        name = alias(column.get("name")) if column.get("name").strip() else ""
        label = column.get("label").strip() or column.get("name").strip() or str(at)
        if of > 1 and not name:
            what = "One of several outputs has no name."
            self._fault(column, f"output {label}", what, "Name it.")
        type_ = self.reader.type_of(column)
        order: tuple[Any, ...] = ()
        values = self.reader._first(column, "outputValues")
        if values is not None:
            cell = f"{self.name} output {label}, allowed values"
            tests = self.cells.tests(self.reader._text(values), cell)
            type_ = replace(type_, allowed=tests or type_.allowed)
            order = tuple(_constants(tests)) if tests is not None else ()
        default = self.reader._first(column, "defaultOutputEntry")
        expression = None
        if default is not None:
            text = self.reader._text(default)
            if text.text.strip():
                expression = self.cells.expression(text, f"{self.name} output {label}, default")
        return Output(name, label, type_, order, expression)

    def _order(self, hit: Hit, aggregation: str, outputs: list[Output | None]) -> None:
        made = [output for output in outputs if output is not None]
        names = [output.name for output in made if output.name]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self._fault(self.element, f"output {name}", "Two outputs have this name.", "Rename.")
        if hit in BY_OUTPUT and made and not any(output.order for output in made):
            self._fault(
                self.element,
                "",
                f"{hit} needs the order of the outcomes.",
                "List the allowed values of an output, the most important first.",
            )
        if aggregation and len(made) > 1:
            self._fault(
                self.element,
                "",
                f"{aggregation} makes one value of several outputs.",
                "Keep one output, or remove the aggregation.",
            )

    # ---- rules

    def _rule(
        self, at: int, row: Element, inputs: list[Input | None], outputs: list[Output | None]
    ) -> Rule | None:
        entries = [c for c in self.reader._children(row) if c.tag == "inputEntry"]
        outcomes = [c for c in self.reader._children(row) if c.tag == "outputEntry"]
        if len(entries) != len(inputs) or len(outcomes) != len(outputs):
            self._fault(
                row,
                f"rule {at}",
                f"The rule has {len(entries)} input and {len(outcomes)} output cells, the table"
                f" {len(inputs)} and {len(outputs)} columns.",
                "Fill in a cell for each column.",
            )
            return None
        tests = [
            self._test(at, number, entry, column)
            for number, (entry, column) in enumerate(zip(entries, inputs, strict=True), 1)
        ]
        made = [
            self._outcome(at, number, entry, column)
            for number, (entry, column) in enumerate(zip(outcomes, outputs, strict=True), 1)
        ]
        if any(one is None for one in (*tests, *made)):
            return None
        return Rule(tuple(one for one in tests if one), tuple(one for one in made if one))

    def _test(
        self, at: int, number: int, entry: Element, column: Input | None
    ) -> UnaryTests | None:
        label = column.label if column else str(number)
        cell = f"{self.name} rule {at}, input {label}"
        text = self.reader._text(entry)
        tests = self.cells.tests(text, cell)
        if tests is not None and column is not None:
            self._allowed(cell, text, column, _constants(tests))
        return tests

    def _outcome(
        self, at: int, number: int, entry: Element, column: Output | None
    ) -> Expression | None:
        label = column.label if column else str(number)
        cell = f"{self.name} rule {at}, output {label}"
        text = self.reader._text(entry)
        made = self.cells.expression(text, cell)
        if made is None or column is None or made.names or self.cells.functions:
            return made
        try:
            value = made.evaluate({})
        except FeelError as error:
            line = text.text_line or text.line
            self.faults.add_at(line, cell, error.what, "Correct the cell.")
            return made
        self._allowed(cell, text, column, [value] if value is not None else [])
        return made

    def _allowed(
        self, cell: str, text: Element, column: Input | Output, values: Iterable[Any]
    ) -> None:
        """A constant that its column does not allow can only be a slip of the pen."""
        allowed = column.type.allowed
        if allowed is None or allowed.names:
            return
        for value in values:
            if allowed.matches(value) is not True:
                self.faults.add_at(
                    text.text_line or text.line,
                    cell,
                    f"{value} is not among the allowed values {allowed.text}.",
                    "Correct the cell, or allow the value.",
                )


def _constants(tests: UnaryTests) -> list[Any]:
    """The values of tests that are a plain list of constants, else none."""
    if tests.text.strip() == "-":
        return []
    found: list[Any] = []
    for part in syntax(tests.text, unary=True).children:
        leaf = next(iter(getattr(part, "children", ())), None)
        match getattr(part, "data", ""):
            case "string" if isinstance(leaf, Token):
                found.append(_value(str(leaf)))
            case "number" if isinstance(leaf, Token):
                found.append(_value(str(leaf)))
            case "true" | "false" as word:
                found.append(word == "true")
            case _:
                return []
    return found


def _value(text: str) -> Any:
    return compile(text).evaluate({})
