"""Up to when all that was written can be seen: for whoever follows changes by their identifiers.

Rows are found by their UUIDv7, which is real time. A transaction that is still open may hold rows
older than now, so whoever remembers how far he has looked never passes the beginning of the oldest
one that is writing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from kaitong.core import db

SLACK = timedelta(seconds=5)  # between making an identifier and the first write under it
READERS = timedelta(minutes=1)  # who has written nothing for so long only reads

# Real time of the database, and the beginning of the oldest transaction that may yet commit rows.
# One that holds no transaction number after a minute is a reader (a backup, an export).
_HORIZON = """select clock_timestamp() as now, min(xact_start) as oldest from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
 and backend_type = 'client backend'
 and (backend_xid is not null or xact_start > clock_timestamp() - %s)"""


def horizon() -> datetime:
    """Everything written before this instant is committed, or never will be."""
    found = db.one(_HORIZON, [READERS])
    assert found is not None
    times: list[datetime] = [one for one in (found["now"], found["oldest"]) if one is not None]
    return min(times) - SLACK
