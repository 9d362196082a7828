"""Do the figures add up? Every summary counted anew beside the one that is read, and compared."""

from __future__ import annotations

from django.db import transaction

from kaitong.core import db
from kaitong.reporting import adding
from kaitong.reporting.folding import SUMMARIES
from kaitong.reporting.recounting import make

MOST = 20  # rows that are named of each table


@transaction.atomic
def check() -> list[str]:
    """Rows that are not what the facts say, in words for whoever keeps the machine; nothing is
    changed. It takes as long as a recount, and whoever folds waits meanwhile."""
    db.execute("select pg_advisory_xact_lock(%s)", [SUMMARIES])
    beside = {table: f"anew_{table}" for table in adding.KEYS}
    for table, copy in beside.items():
        db.execute(f"create temporary table {copy} (like {table}) on commit drop")
        db.execute(f"alter table {copy} alter column id drop not null")
    make(beside)
    found = []
    for table, copy in beside.items():
        keys, sums = ", ".join(adding.KEYS[table]), ", ".join(adding.SUMS[table])
        rows = db.rows(
            f"select {keys}, count(*) as sides, bool_or(stands) as stands from ("
            f" (select {keys}, {sums}, true as stands from {table}"
            f" except select {keys}, {sums}, true from {copy}) union all"
            f" (select {keys}, {sums}, false from {copy}"
            f" except select {keys}, {sums}, false from {table})"
            f") other group by {keys} order by {keys} limit {MOST}"
        )
        for row in rows:
            both, stands = row.pop("sides") > 1, row.pop("stands")
            what = "differs from the facts" if both else "is too many" if stands else "is missing"
            found.append(f"{table}: {' '.join(map(str, row.values()))} {what}")
        db.execute(f"drop table {copy}")
    return found
