"""The text of one step's write: an arm for each kind of row that the step has.

An arm is written with its rows as `jsonb_to_recordset(%s::jsonb) as u(...)`. That is how it is
asked where a step has many of a kind. A step mostly has one or two: then their columns are
parameters of the statement, and no document is parsed, looked up by key and taken apart into rows.
Each text is made once for its shape and prepared (`wire`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any

from django.apps import apps
from django.db import connection

from kaitong.process import values

FEW = 2  # rows of one kind that travel as parameters
DOCUMENT = "d as (select %s::jsonb as j), "
_ROWS = "%s::jsonb"  # an arm's rows: stands for its part of the document
_SOURCE = re.compile(
    r"jsonb_(?:to_recordset\(%s::jsonb\)\s+as\s+u\s*\((?P<columns>[^)]*)\)"
    r"|populate_recordset\(null::(?P<table>\w+), %s::jsonb\) u\b)"
)
_USED = re.compile(r'\bu\.("?\w+"?)')

Row = Mapping[str, Any]
Columns = tuple[tuple[str, str], ...]  # name as the rows have it, type
# what a step has: the arm, how many rows travel as parameters (0: the document), columns of a patch
Part = tuple[str, int, tuple[str, ...]]
_Reading = tuple[tuple[str, ...], Callable[[Row], tuple[Any, ...]], tuple[int, ...]]


def _types(table: str) -> dict[str, str]:
    model = apps.get_model("process", table.removeprefix("process_"))
    # without a length: too long a text must be refused, and a cast would cut it
    return {
        field.column: str(field.db_type(connection)).partition("(")[0]
        for field in model._meta.concrete_fields
    }


def _one(column: str) -> Callable[[Row], tuple[Any, ...]]:
    return lambda row: (row[column],)


def _source(columns: Columns, count: int) -> str:
    """So many rows of parameters, as a table `u`."""
    if count == 1:
        cells = ", ".join(f'%s::{kind} as "{name}"' for name, kind in columns)
        return f"(select {cells}) u"
    row = "(" + ", ".join(f"%s::{kind}" for _name, kind in columns) + ")"
    names = ", ".join(f'"{name}"' for name, _kind in columns)
    return f"(values {', '.join([row] * count)}) as u ({names})"


class Arms:
    """The arms of a write, in the order in which they stand in the statement.

    `rewriting` are those that write back rows read under the lock, by model and changeable columns;
    of them those columns that are new may be written alone.
    """

    def __init__(self, arms: Mapping[str, str], rewriting: Mapping[str, tuple[str, str]]) -> None:
        self.order = {name: number for number, name in enumerate(arms)}
        self._arms = dict(arms)
        self._rewriting = dict(rewriting)
        self.text = lru_cache(maxsize=1024)(self._text)
        self.columns = lru_cache(maxsize=1024)(self._columns)
        self.patch = lru_cache(maxsize=1024)(self._patch)
        self._reading = lru_cache(maxsize=1024)(self._read)

    def rewrites(self, name: str) -> bool:
        """Whether rows of this arm are there already, so that changed columns may go alone."""
        return name in self._rewriting

    def _patch(self, name: str, changed: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the changed columns that this arm may change, in its order."""
        columns = self._rewriting[name][1].split(", ")
        return tuple(column for column in columns if column in changed)

    def values(self, name: str, patch: tuple[str, ...], rows: Iterable[Row]) -> list[Any]:
        """The parameters of these rows, in the order of the text."""
        columns, together, documents = self._reading(name, patch)
        found: list[Any] = []
        for row in rows:
            try:
                cells = list(together(row))
            except KeyError:  # what a row leaves out is null
                cells = [row.get(column) for column in columns]
            for at in documents:
                if cells[at] is not None:
                    cells[at] = values.written(cells[at])
            found += cells
        return found

    def _read(self, name: str, patch: tuple[str, ...]) -> _Reading:
        """The columns, what reads them all of a row, and which are documents."""
        pairs = self.columns(name, patch)
        columns = tuple(column for column, _kind in pairs)
        documents = tuple(at for at, (_column, kind) in enumerate(pairs) if kind == "jsonb")
        # of one column alone it would give no tuple
        together = itemgetter(*columns) if len(columns) > 1 else _one(columns[0])
        return columns, together, documents

    def _columns(self, name: str, patch: tuple[str, ...]) -> Columns:
        """What a row of this arm is asked for."""
        arm = self._arms[name]
        if patch:
            types = _types(f"process_{self._rewriting[name][0]}")
            return tuple((column, types[column]) for column in ("id", *patch))
        found = _SOURCE.search(arm)
        assert found is not None
        if found["columns"] is not None:
            pairs = (part.split() for part in found["columns"].split(","))
            return tuple((column.strip('"'), kind) for column, kind in pairs)
        types = _types(found["table"])
        used = dict.fromkeys(column.strip('"') for column in _USED.findall(arm))
        return tuple((column, types[column]) for column in used)

    def _text(self, head: str, parts: tuple[Part, ...], end: str) -> str:
        document = any(not count for _name, count, _patch in parts)
        arms = "".join(f", {name} as ({self._arm(name, n, patch)})" for name, n, patch in parts)
        return f"with {DOCUMENT if document else ''}{head}{arms}{end}"

    def _arm(self, name: str, count: int, patch: tuple[str, ...]) -> str:
        if patch:
            table = f"process_{self._rewriting[name][0]}"
            pairs = ", ".join(f"{column} = u.{column}" for column in patch)
            source = _source(self.columns(name, patch), count)
            return (
                f"update {table} r set {pairs} from p, {source}"
                " where r.id = u.id and r.instance_id = p.id"
            )
        arm = self._arms[name]
        if count:
            source = _source(self.columns(name, patch), count)
            return _SOURCE.sub(lambda _found: source, arm)
        return arm.replace(_ROWS, f"d.j->{name!r}").replace(" p,", " p, d,")
