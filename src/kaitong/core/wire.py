"""The hot path's own way of speaking to the database: several statements, one exchange.

A step asks twice: begin, lock and read; then write and commit. psycopg would take five round trips
for that, and its pipeline mode spins while it waits. Here the statements of one exchange are sent
together over libpq's pipeline (`psycopg.pq`) on Django's connection, and this thread sleeps until
the answers are there. They stay statements of their own: each has its snapshot, taken when the one
before it has ended, and after one that fails the server skips the rest of the exchange.

A text asked for the fifth time is prepared, and stays so over transactions; the 100 asked last are
kept. psycopg itself must prepare nothing on these connections (`prepare_threshold` is None in the
settings): after a rollback it would deallocate ours with its own.
"""

from __future__ import annotations

import re
import select
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus

from kaitong.core.errors import KaitongError
from kaitong.core.ids import uuid_of
from kaitong.core.swift import here

Params = Sequence[Any]
Rows = list[tuple[Any, ...]]
Asked = tuple[str, Params]

PREPARE_AT = 5  # as psycopg: what is asked rarely is not worth a name
KEPT = 100  # prepared texts a connection
_PLACEHOLDER = re.compile("%s")
# Somebody dropped our names, or a migration has given a column that they read another type.
_OUTLIVED = (errors.InvalidSqlStatementName, errors.FeatureNotSupported)
_FINE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


def _text(value: bytes) -> str:
    return value.decode()


def _moment(value: bytes) -> datetime:
    return datetime.fromisoformat(value.decode())


def _uuid(value: bytes) -> UUID:
    return uuid_of(int(value.replace(b"-", b""), 16))


def _bytes(value: bytes) -> bytes:
    return bytes.fromhex(value[2:].decode())


# by type of the column; jsonb stays text for who knows what is in it
_READ: dict[int, Callable[[bytes], Any]] = {
    16: b"t".__eq__,
    17: _bytes,
    20: int,
    21: int,
    23: int,
    700: float,
    701: float,
    1082: lambda value: date.fromisoformat(value.decode()),
    1184: _moment,
    1700: lambda value: Decimal(value.decode()),
    2950: _uuid,
}


def _words(value: Any) -> bytes:
    found = str(value).encode()
    if b"\0" in found:  # libpq would end the text there
        raise errors.DataError("PostgreSQL text cannot hold NUL (0x00).")
    return found


_told: tuple[datetime | None, bytes] = (None, b"")
_kept: tuple[datetime | None, bytes] = (None, b"")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _instant(value: datetime) -> bytes:
    """A step writes the one moment at which it happens a dozen times."""
    global _told
    known, text = _told
    if known is not value:
        text = value.isoformat().encode()
        _told = (value, text)
    return text


def _microseconds(value: datetime) -> bytes:
    """A moment as the server keeps it: since the year 2000."""
    global _kept
    known, found = _kept
    if known is not value:
        found = ((value - _EPOCH) // _MICROSECOND).to_bytes(8, "big", signed=True)
        _kept = (value, found)
    return found


_Writer = Callable[[Any], bytes]


class _Writers(dict[type, _Writer]):
    """How a parameter is written, by its exact type; what is no such type is written as words."""

    def __missing__(self, kind: type) -> _Writer:
        self[kind] = _words
        return _words


_WRITE = _Writers()
_WRITE[str] = _words
_WRITE[bytes] = bytes  # text already, as a document is written
_WRITE[int] = b"%d".__mod__
_WRITE[UUID] = lambda value: b"%032x" % value.int
_WRITE[datetime] = _instant
_WRITE[bool] = lambda value: b"t" if value else b"f"

# Where each parameter is known to have its column's type, identifiers and moments go as the server
# keeps them, and it need not read text.
_WRITE_TYPED = _Writers(_WRITE)
_WRITE_TYPED[UUID] = lambda value: value.int.to_bytes(16, "big")
_WRITE_TYPED[datetime] = _microseconds
_AS_TEXT, _AS_KEPT = int(Format.TEXT), int(Format.BINARY)
_FORMAT: dict[type, int] = {UUID: _AS_KEPT, datetime: _AS_KEPT}


@dataclass(slots=True)
class _Statement:
    """A text as the server reads it. `name` once it is prepared."""

    text: bytes
    asked: int = 0
    name: bytes = b""
    readers: tuple[Callable[[bytes], Any], ...] = ()


class Line:
    """One connection's exchanges. Like the connection it belongs to one thread."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        # not `raw` itself: the table of lines must not keep the connection alive
        self._pg = raw.pgconn
        self._lock = raw.lock
        self._encoding = raw.info.encoding
        self._statements: OrderedDict[str, _Statement] = OrderedDict()
        self._prepared = 0
        self._serial = 0
        self._begin, self._commit = _Statement(b"BEGIN"), _Statement(b"COMMIT")
        self._poll = select.poll()
        self._poll.register(self._pg.socket, select.POLLIN)

    def ask(
        self, *asked: Asked, begin: bool = False, commit: bool = False, typed: bool = False
    ) -> list[Rows]:
        """The rows of each statement. Raises psycopg's error of the first that failed.

        `begin`: a transaction is begun before them unless one is open. `commit`: it ends with them
        if none fails; when one does, the transaction is as after any failed statement. One that
        would begin and end with a single statement is that statement.
        """
        pg = self._pg
        with self._lock:
            idle = pg.transaction_status == TransactionStatus.IDLE
            alone = idle and len(asked) == 1 and (commit or not begin)
            if alone:
                begin = commit = False
            statements = [self._statement(text) for text, _params in asked]
            write = _WRITE_TYPED if typed else _WRITE
            encoded = [
                [None if one is None else write[type(one)](one) for one in params]
                for _text, params in asked
            ]
            formats: list[list[int] | None] = [
                [_FORMAT.get(type(one), _AS_TEXT) for one in params] if typed else None
                for _text, params in asked
            ]
            before = [b"DEALLOCATE " + name for name in self._retire()]
            begun = begin and idle
            new = self._name(statements)
            first, after = len(before) + len(new), 0
            try:
                if alone and not first and statements[0].name:
                    results = self._alone(statements[0].name, encoded[0], formats[0])
                else:
                    pg.enter_pipeline_mode()
                    if begun:
                        first += self._say(self._begin)
                    for command in before:
                        pg.send_query_params(command, None)
                    for statement in new:
                        pg.send_prepare(statement.name, statement.text)
                    for statement, values, how in zip(statements, encoded, formats, strict=True):
                        if statement.name:
                            pg.send_query_prepared(statement.name, values, how)
                        else:
                            pg.send_query_params(statement.text, values, None, how)
                    if commit:
                        after = self._say(self._commit)
                    pg.pipeline_sync()
                    results = self._collect(first + len(statements) + after)
                    pg.exit_pipeline_mode()
            except BaseException:
                # in the middle of an exchange nobody knows what the server did: it is over, and
                # the server rolls back
                pg.finish()
                raise
            failed = None
            for result in results:
                if result.status not in _FINE:
                    failed = result
                    break
            if failed is not None:
                for statement, result in zip(new, results[first - len(new) :], strict=False):
                    if result.status not in _FINE:
                        statement.name = b""
                        self._prepared -= 1
                if after == 2:  # named in an exchange that failed before it
                    self._commit.name = b""
                error = errors.error_from_result(failed, encoding=self._encoding)
                if isinstance(error, _OUTLIVED):  # not for the next who asks
                    self._statements.clear()
                    self._prepared = 0
                    self._begin.name = self._commit.name = b""
                raise error
            return [
                self._rows(result, statement)
                for result, statement in zip(results[first:], statements, strict=False)
            ]

    def _say(self, statement: _Statement) -> int:
        """Send what begins or ends a transaction, by its name once it has one; how many commands
        that is."""
        pg = self._pg
        if statement.name:
            pg.send_query_prepared(statement.name, ())
            return 1
        statement.asked += 1
        if statement.asked < PREPARE_AT:
            pg.send_query_params(statement.text, None)
            return 1
        self._serial += 1
        statement.name = b"kaitong_%d" % self._serial
        pg.send_prepare(statement.name, statement.text)
        pg.send_query_prepared(statement.name, ())
        return 2

    def _name(self, statements: list[_Statement]) -> list[_Statement]:
        """Give names to those that are asked for often; which have none on the server yet."""
        new = []
        for statement in statements:
            if not statement.name and statement.asked >= PREPARE_AT:
                self._serial += 1
                self._prepared += 1
                statement.name = b"kaitong_%d" % self._serial
                new.append(statement)
        return new

    def _statement(self, text: str) -> _Statement:
        found = self._statements.get(text)
        if found is None:
            number = iter(range(1, 1000))
            numbered = _PLACEHOLDER.sub(lambda _match: f"${next(number)}", text)
            found = self._statements[text] = _Statement(numbered.encode())
        else:
            self._statements.move_to_end(text)
        found.asked += 1
        return found

    def _retire(self) -> list[bytes]:
        """The names of texts that were not asked for longest, when there are too many."""
        names: list[bytes] = []
        while self._prepared > KEPT or len(self._statements) > 4 * KEPT:
            _text, oldest = self._statements.popitem(last=False)
            if oldest.name:
                self._prepared -= 1
                names.append(oldest.name)
        return names

    def _flush(self) -> None:
        pg = self._pg
        while pg.flush():  # more than the socket takes: read meanwhile, or both sides wait
            self._wait(select.POLLIN | select.POLLOUT)
            pg.consume_input()

    def _alone(
        self, name: bytes, values: Sequence[bytes | None], formats: Sequence[int] | None
    ) -> list[Any]:
        """The result of one prepared statement that is a transaction by itself, and the error of
        its commit where that fails."""
        pg = self._pg
        pg.send_query_prepared(name, values, formats)
        self._flush()
        results: list[Any] = []
        while True:
            self._poll.poll()
            pg.consume_input()
            if not pg.is_busy():
                break
        while True:
            while pg.is_busy():
                self._poll.poll()
                pg.consume_input()
            result = pg.get_result()
            if result is None:
                break
            results.append(result)
        if pg.status == ConnStatus.BAD or not results:
            raise errors.OperationalError(pg.get_error_message() or "connection lost")
        return results

    def _collect(self, sent: int) -> list[Any]:
        """One result for each command sent, and the error of a commit that nobody sent."""
        pg = self._pg
        self._flush()
        results: list[Any] = []
        while True:
            while pg.is_busy():
                self._wait(select.POLLIN)
                pg.consume_input()
            result = pg.get_result()
            if result is None:
                if pg.status == ConnStatus.BAD:
                    raise errors.OperationalError(pg.get_error_message() or "connection lost")
                continue
            if result.status == ExecStatus.PIPELINE_SYNC:
                break
            results.append(result)
            if pg.status == ConnStatus.BAD:
                raise errors.OperationalError(pg.get_error_message() or "connection lost")
        refused = len(results) == sent + 1 and results[-1].status not in _FINE
        if len(results) != sent and not refused:
            raise errors.OperationalError("The database answered something else than was asked.")
        return results

    def _wait(self, events: int) -> None:
        """Sleep until the socket is ready; other threads run meanwhile."""
        if events == select.POLLIN:
            self._poll.poll()
            return
        both = select.poll()
        both.register(self._pg.socket, events)
        both.poll()

    def _rows(self, result: Any, statement: _Statement) -> Rows:
        count = result.ntuples
        if not count:
            return []
        readers = statement.readers
        if not readers:
            readers = statement.readers = tuple(
                _READ.get(result.ftype(column), _text) for column in range(result.nfields)
            )
        found: Rows = []
        for row in range(count):
            cells = []
            for column, read in enumerate(readers):
                value = result.get_value(row, column)
                cells.append(None if value is None else read(value))
            found.append(tuple(cells))
        return found


_lines: WeakKeyDictionary[psycopg.Connection[Any], Line] = WeakKeyDictionary()


def own_transaction() -> bool:
    """Whether the innermost atomic block is also the outermost, and will be committed."""
    database = here()
    blocks = database.atomic_blocks
    return (
        len(blocks) == 1
        and not database.needs_rollback
        and not getattr(blocks[0], "_from_testcase", False)
    )


def in_transaction() -> bool:
    """Whether this thread is in an atomic block."""
    return bool(here().in_atomic_block)


def idle() -> bool:
    """Whether nothing was asked yet in the atomic block: its transaction has not begun."""
    raw = here().connection
    return raw is None or raw.pgconn.transaction_status == TransactionStatus.IDLE


def ask(
    *asked: Asked,
    commit: bool = False,
    within: bool = False,
    apart: bool = False,
    typed: bool = False,
) -> list[Rows]:
    """Ask on this thread's connection of Django, within its transaction if it is in one; with
    `within` it must be. `apart`: what is asked begins no transaction. `typed`: every identifier and
    moment among the parameters stands where one is asked for.

    psycopg's errors become Django's. With `commit` the open transaction ends with these statements;
    leaving Django's outermost atomic block then has nothing left to do.
    """
    database = here()
    if within and not database.in_atomic_block:
        raise KaitongError("A lock outside a transaction would be gone at once.")
    return ask_on(database, asked, commit=commit, apart=apart, typed=typed)


def ask_on(
    database: Any,
    asked: Sequence[Asked],
    *,
    commit: bool = False,
    apart: bool = False,
    typed: bool = False,
) -> list[Rows]:
    """As `ask`, by who has the connection in hand."""
    begin = database.in_atomic_block and not apart
    if database.health_check_enabled and not database.health_check_done:
        database.close_if_health_check_failed()
    if database.connection is None:
        database.ensure_connection()
    raw = database.connection
    line = _lines.get(raw)
    if line is None:
        line = _lines[raw] = Line(raw)
    try:
        if begin and (raw.isolation_level is not None or raw.read_only is not None):
            with psycopg.Cursor(raw) as cursor:  # psycopg knows how such a transaction begins
                cursor.execute("select 1")
        return line.ask(*asked, begin=begin, commit=commit, typed=typed)
    except psycopg.Error:
        with database.wrap_database_errors:
            raise
