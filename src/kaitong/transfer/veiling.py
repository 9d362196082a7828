"""Mobile numbers that stand in clear in what was kept before records were masked (BB-11).

An account may be a mobile number. Since its former names are sealed and records of it masked, those
written before are brought to the same form: names of services sealed, in the rest the number masked
as `core.masking` masks it. A batch is a transaction of its own; done again it changes nothing, and
killed it goes on when it is begun anew. What is masked in records cannot be told again from them;
the names themselves stay, sealed, with their services.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from kaitong.core.masking import mask_mobiles
from kaitong.inventory import services as inventory

Say = Callable[[str, int, int], None]  # a table, rows looked at, rows changed
BATCH = 500
# for PostgreSQL, wider than what is masked: it only finds the rows to look at
_LOOKS = "1[3-9][0-9]{9}"
_CJK = re.compile("[\u4e00-\u9fff]")
# values of these names are telephones or accounts; of others only sentences are looked at, for a
# serial of eleven digits is none
_NAMED = re.compile(r"account|mobile|phone|caller|bound_number|^(before|after)$")


@dataclass(frozen=True, slots=True)
class Records:
    """Columns of a table that hold what machines wrote: texts, or JSON."""

    table: str
    texts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    key: str = "id"
    where: str = "true"


RECORDS = (
    Records("core_auditentry", documents=("data",)),
    Records("inventory_service", texts=("reason",)),
    Records(
        "inventory_serviceevent", texts=("reason", "account"), documents=("ext",), key="pgh_id"
    ),
    Records("inventory_proof", texts=("summary",), documents=("data",)),
    Records("activation_exchange", texts=("request", "response")),
    # an open difference is repaired by its account
    Records("activation_difference", texts=("account",), where="closed_at is not null"),
    Records("assurance_fault", texts=("account",)),
    Records("assurance_faultevent", texts=("account",), key="pgh_id"),
    Records("fieldwork_check", documents=("expected", "findings")),
    Records("ordering_order", texts=("reason",)),
    Records("ordering_orderevent", texts=("reason",), key="pgh_id"),
    Records("ordering_ordernote", documents=("data",)),
    Records("ordering_servicechange", documents=("before", "told")),
    Records("process_history", documents=("lines",)),
    Records("process_incident", texts=("message",)),
    # what still runs reads its variables; it is looked at once it has ended
    Records("process_instance", documents=("variables",), where="ended_at is not null"),
)


def veil(say: Say | None = None, batch: int = BATCH) -> int:
    """Bring everything to the present form; how many rows were changed."""
    whole = _services(say, batch)
    for records in _there():
        looked = changed = 0
        for rows, mended in _batches(records, batch):
            looked, changed = looked + rows, changed + mended
            if say is not None:
                say(records.table, looked, changed)
        whole += changed
    return whole


def masked(value: Any, name: str = "") -> Any:
    """A document with the mobile numbers in it masked."""
    if isinstance(value, str):
        return mask_mobiles(value) if _NAMED.search(name) or _CJK.search(value) else value
    if isinstance(value, dict):
        return {key: masked(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [masked(one, name) for one in value]
    return value


def _there() -> list[Records]:
    """Those whose tables there are: an earlier migration veils before later tables are made."""
    names = [records.table for records in RECORDS]
    with connection.cursor() as cursor:
        cursor.execute(
            "select t from unnest(%s::text[]) t where to_regclass(t) is not null", [names]
        )
        there = {name for (name,) in cursor.fetchall()}
    return [records for records in RECORDS if records.table in there]


# ---- inside --------------------------------------------------------------------------------------


def _services(say: Say | None, batch: int) -> int:
    changed, after = 0, None
    while True:
        mended, after = inventory.seal_former_accounts(after=after, batch=batch)
        changed += mended
        if say is not None and mended:
            say("former names", changed, changed)
        if after is None:
            return changed


def _batches(records: Records, batch: int) -> Iterator[tuple[int, int]]:
    columns = [*records.texts, *records.documents]
    looks = " or ".join(f"{name}::text ~ %s" for name in columns)
    told = ", ".join([*records.texts, *(f"{name}::text" for name in records.documents)])
    select = (
        f"select {records.key}, {told} from {records.table} where {records.where} and ({looks})"
        f" and (%s or {records.key} > %s) order by {records.key} limit {batch} for update"
    )
    last: Any = None
    patterns = [_LOOKS] * len(columns)
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            # the first batch compares with nothing
            cursor.execute(
                select.replace(f"{records.key} > %s", "true") if last is None else select,
                [*patterns, last is None, *(() if last is None else (last,))],
            )
            rows = cursor.fetchall()
            mended = sum(_mend(cursor, records, columns, row) for row in rows)
        if rows:
            yield len(rows), mended
            last = rows[-1][0]
        if len(rows) < batch:
            return


def _mend(cursor: Any, records: Records, columns: list[str], row: tuple[Any, ...]) -> bool:
    new: dict[str, str] = {}
    for name, text in zip(columns, row[1:], strict=True):
        if text is None:
            continue
        if name in records.texts:
            changed = mask_mobiles(text)
        else:
            before = json.loads(text)
            after = masked(before)
            changed = text if before == after else json.dumps(after, ensure_ascii=False)
        if changed != text:
            new[name] = changed
    if not new:
        return False
    sets = ", ".join(f"{name} = %s{'::jsonb' if name in records.documents else ''}" for name in new)
    cursor.execute(
        f"update {records.table} set {sets} where {records.key} = %s", [*new.values(), row[0]]
    )
    return True
