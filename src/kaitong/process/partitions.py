"""Monthly partitions of `process_history`, cut by the UUIDv7 of its rows.

A default partition takes what no month covers, so that a forgotten month never stops the work;
making that month's partition later moves its rows over.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from kaitong.core.clock import now

PARENT = "process_history"
DEFAULT = "process_history_rest"


def month_bound(year: int, month: int) -> UUID:
    """The smallest UUIDv7 of a month (UTC): 48 bits of milliseconds, nothing else.

    >>> str(month_bound(2026, 1))
    '019b76da-a800-0000-0000-000000000000'
    """
    ms = int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000)
    return UUID(int=ms << 80)


def next_month(year: int, month: int) -> tuple[int, int]:
    """The month after this one.

    >>> next_month(2026, 12)
    (2027, 1)
    """
    return (year + 1, 1) if month == 12 else (year, month + 1)


def name_of(year: int, month: int) -> str:
    return f"{PARENT}_{year:04d}_{month:02d}"


def ensure(*, months_ahead: int = 3, using: BaseDatabaseWrapper | None = None) -> list[str]:
    """Make the partitions of this month and the coming ones; the names of those made now."""
    database = using or connection
    today = now()
    year, month = today.year, today.month
    made: list[str] = []
    for _step in range(months_ahead + 1):
        name = name_of(year, month)
        with transaction.atomic(using=database.alias), database.cursor() as cursor:
            if not _exists(cursor, name):
                cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", [PARENT])
                if not _exists(cursor, name):
                    _make(cursor, year, month)
                    made.append(name)
        year, month = next_month(year, month)
    return made


def _exists(cursor: CursorWrapper, name: str) -> bool:
    cursor.execute("select to_regclass(%s) is not null", [name])
    found: bool = cursor.fetchone()[0]
    return found


def _make(cursor: CursorWrapper, year: int, month: int) -> None:
    name = name_of(year, month)
    low, high = month_bound(year, month), month_bound(*next_month(year, month))
    cursor.execute(f"create table {name} (like {PARENT} including defaults)")
    cursor.execute(
        f"with moved as (delete from {DEFAULT} where id >= %s and id < %s returning *) "
        f"insert into {name} select * from moved",
        [low, high],
    )
    cursor.execute(f"create unique index {name}_seq on {name} (instance_id, seq)")
    cursor.execute(
        f"alter table {PARENT} attach partition {name} for values from ('{low}') to ('{high}')"
    )
