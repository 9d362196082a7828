"""`transaction.atomic()` for verbs that end their transaction with their last statement.

Django's outermost block asks for its connection nine times and commits in an exchange of its own. A
verb of the hot path sends its COMMIT together with its last statement (`core.wire`); then there
is nothing left to send, and leaving the block is a matter of a few flags. Whatever is otherwise - a
block within another, an error, a commit that is still to come - goes Django's way.
"""

from __future__ import annotations

import threading
from asyncio import _get_running_loop
from types import TracebackType
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import Atomic
from psycopg.pq import TransactionStatus


class _Here(threading.local):
    database: BaseDatabaseWrapper | None = None


_here = _Here()


def here() -> Any:
    """This thread's connection of Django: an object that stays, whatever it is connected to, so it
    is looked up once a thread and not five times a step. Where an event loop runs in this thread,
    Django keeps another connection for it."""
    if _get_running_loop() is not None:
        return connections[DEFAULT_DB_ALIAS]
    found = _here.database
    if found is None:
        found = _here.database = connections[DEFAULT_DB_ALIAS]
    return found


class _Swift(Atomic):
    """As `Atomic`; the connection is asked for once."""

    _database: BaseDatabaseWrapper | None = None  # where the block was entered swiftly

    def __enter__(self) -> None:
        database = here()
        raw: Any = database.connection
        if (
            raw is None
            or database.in_atomic_block
            or not database.autocommit
            or database.force_debug_cursor
            or (database.health_check_enabled and not database.health_check_done)
            or raw.pgconn.transaction_status != TransactionStatus.IDLE
        ):
            super().__enter__()
            return
        # what Django does for an outermost block
        database.commit_on_exit = True
        database.needs_rollback = False
        raw._autocommit = False  # what psycopg's own setter does where no transaction is open
        database.autocommit = False
        database.in_atomic_block = True
        database.atomic_blocks.append(self)
        self._database = database

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        database, self._database = self._database, None
        raw: Any = None if database is None else database.connection
        if (
            database is None
            or raw is None
            or exc_type is not None
            or database.needs_rollback
            or database.closed_in_transaction
            or database.savepoint_ids
            or raw.pgconn.transaction_status != TransactionStatus.IDLE
        ):
            super().__exit__(exc_type, exc_value, traceback)
            return
        # committed with its last statement
        database.atomic_blocks.pop()
        database.in_atomic_block = False
        database.errors_occurred = False
        raw._autocommit = True
        database.autocommit = True
        if database.run_on_commit:
            database.run_and_clear_commit_hooks()


def swift() -> Atomic:
    """The transaction of a verb, as `transaction.atomic()`."""
    return _Swift(DEFAULT_DB_ALIAS, savepoint=True, durable=False)
