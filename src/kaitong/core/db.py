"""Small helpers for raw SQL on Django's connection, used where the ORM is the wrong tool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from kaitong.core.swift import swift


@contextmanager
def whole() -> Iterator[None]:
    """The transaction of a verb, begun here or the caller's: all of the verb happens, or nothing.

    In a caller's transaction it takes no savepoint of its own (two statements, and most verbs are
    called within others). A verb that fails therefore fails what called it; who means to go on
    after a refusal holds the savepoint himself (`transaction.atomic()`).
    """
    # a test's own transaction around everything is no caller
    callers = [
        block for block in connection.atomic_blocks if not getattr(block, "_from_testcase", False)
    ]
    with transaction.atomic(savepoint=False) if callers else swift():
        yield


Params = Sequence[Any] | Mapping[str, Any] | None


def rows(sql: str, params: Params = None) -> list[dict[str, Any]]:
    """All rows as dictionaries by column name."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def tuples(sql: str, params: Params = None) -> list[tuple[Any, ...]]:
    """All rows as they come, where many are read and their columns are known."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def one(sql: str, params: Params = None) -> dict[str, Any] | None:
    """The first row, or None."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row = cursor.fetchone()
        if row is None:
            return None
        return dict(zip((column.name for column in cursor.description or ()), row, strict=True))


def execute(sql: str, params: Params = None) -> int:
    """Run a statement; the number of rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
