"""Waiting instances by the million: real ones, walked by the verbs, copied with new identities.

One order is walked to its stage; every row of it becomes a template, and each copy has identifiers,
branch and dates of its own, brought in by COPY. What refers to what is right because it was right
in the order.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import connection

from kaitong.bench.figures import say
from kaitong.bench.process_kaitong import Kaitong
from kaitong.core.clock import now

TABLES = {
    "process_instance": "id",
    "process_token": "instance_id",
    "process_workitem": "instance_id",
    "process_timer": "instance_id",
    "process_history": "instance_id",
}
_BATCH = 10_000
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_MARK = "\x01"


@dataclass(frozen=True, slots=True)
class Template:
    """An order's rows, `%s` for each identifier: by table the text and which identifiers it takes.

    The last identifier stands for the branch; the one before it, in timers, for when they are due.
    """

    texts: dict[str, tuple[str, Any]]
    ids: int  # of its own
    lines: int  # of history


def taken(kaitong: Kaitong, transactions: int) -> Template:
    """The template of an order after so many transactions."""
    begun = UUID(int=int(time.time() * 1000) << 80)
    order = kaitong.order()
    for _transaction in range(transactions):
        next(order)
    with connection.cursor() as cursor:
        cursor.execute("select id::text, seq from process_instance order by id desc limit 1")
        instance, lines = cursor.fetchone()
    rows = {table: _rows(table, column, instance) for table, column in TABLES.items()}
    found = sorted({u for text in rows.values() for u in _UUID.findall(text) if u > str(begun)})
    place = {text: number for number, text in enumerate(found)}
    place[str(kaitong.branch)] = len(found) + 1
    due: set[str] = set()
    with connection.cursor() as cursor:
        cursor.execute("select due_at::text from process_timer where instance_id = %s", [instance])
        due = {row[0] for row in cursor.fetchall()}
    texts = {}
    for table, text in rows.items():
        marked = text.replace("%", "%%")
        if table == "process_timer":
            for moment in due:
                marked = marked.replace(moment, _MARK)
        numbers: list[int] = []

        def named(match: re.Match[str], numbers: list[int] = numbers) -> str:
            if match[0] == _MARK:
                numbers.append(len(found))
            elif match[0] in place:
                numbers.append(place[match[0]])
            else:
                return match[0]
            return "%s"

        filled = re.sub(f"{_UUID.pattern}|{_MARK}", named, marked)
        if text:
            numbers.append(0)  # so that itemgetter gives a tuple, also of one
            texts[table] = (filled + "%.0s", itemgetter(*numbers))
    return Template(texts, len(found), lines)


def _rows(table: str, column: str, instance: str) -> str:
    connection.ensure_connection()
    statement = f"copy (select * from {table} where {column} = '{instance}') to stdout"
    with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:
        return b"".join(bytes(block) for block in copy).decode()


def lay(
    template: Template, copies: int, branches: Sequence[UUID], *, due: datetime | None = None
) -> None:
    """So many copies, over these branches in turn; their timers due at `due`, else never."""
    moment = (due or datetime(2099, 1, 1, tzinfo=now().tzinfo)).isoformat()
    homes = [str(branch) for branch in branches]
    for start in range(0, copies, _BATCH):
        count = min(_BATCH, copies - start)
        ids = [
            (*own, moment, homes[(start + number) % len(homes)])
            for number, own in enumerate(_identifiers(count, template.ids))
        ]
        connection.ensure_connection()
        with connection.connection.cursor() as cursor:
            for table, (text, pick) in template.texts.items():
                with cursor.copy(f"copy {table} from stdin") as copy:
                    copy.write("".join([text % pick(each) for each in ids]))
        if (start + count) % 100_000 == 0:
            say(f"{start + count:,} of {copies:,} instances laid")


def _identifiers(count: int, each: int) -> Iterator[list[str]]:
    """UUIDv7 of this moment, in order within each set."""
    ms = int(time.time() * 1000)
    for number in range(count):
        at = f"{ms + number // 100:012x}"
        tail = os.urandom(6 * each).hex()
        yield [
            f"{at[:8]}-{at[8:]}-7{n:03x}-8{number % 4096:03x}-{tail[12 * n : 12 * n + 12]}"
            for n in range(each)
        ]
