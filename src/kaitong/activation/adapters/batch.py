"""Many accounts at once in the tables of FreeRADIUS: one transaction, a handful of statements.

What `accounts.statements` does for one, done as sets: rows nobody wants go, missing ones come, what
stands is left alone. For loading, for reconciliation, for a server that was built anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from kaitong.activation.adapters import accounts
from kaitong.activation.adapters.base import AccountChange, AccountState

LARGEST = 1000  # accounts in one transaction: each holds a lock there until its end

_LOCK = (
    "SELECT count(pg_advisory_xact_lock(hashtextextended(what, 0)))"
    " FROM (SELECT what FROM unnest(%s::text[]) what ORDER BY what) sorted"
)
# {owner} is username or groupname; {columns} the others, all compared as text
_SURPLUS = """
DELETE FROM {table} held USING unnest(%(owners)s::text[]) one (owner)
 WHERE held.{owner} = one.owner
   AND (NOT EXISTS (SELECT 1 FROM unnest(%(of)s::text[], {arrays}) want (owner, {columns})
                     WHERE want.owner = held.{owner} AND {same})
        OR EXISTS (SELECT 1 FROM {table} other
                    WHERE other.{owner} = held.{owner} AND other.id < held.id AND {twin}))
"""
_MISSING = """
INSERT INTO {table} ({owner}, {columns})
SELECT want.owner, {wanted} FROM unnest(%(of)s::text[], {arrays}) want (owner, {columns})
 WHERE NOT EXISTS (SELECT 1 FROM {table} held WHERE held.{owner} = want.owner AND {same})
"""
_AVP = {"attribute": "text", "op": "text", "value": "text"}
_GROUP = {"groupname": "text", "priority": "int"}


def lock(database: psycopg.Connection[Any], names: Sequence[str]) -> None:
    """Take the accounts' locks, in one order whoever asks."""
    database.execute(_LOCK, [[f"account {name}" for name in names]])


def write(
    database: psycopg.Connection[Any], changes: Sequence[AccountChange], groups: dict[str, str]
) -> int:
    """Bring accounts to their desired states; how many rows changed. The caller locks first.

    `groups` maps a reason of barring to its reject group; "" is the one for any other.
    """
    check, reply, member, plan = [], [], [], {}
    names = []
    for change in changes:
        accounts.check(change)
        names += [change.account, *change.former]
        if change.state is AccountState.ABSENT:
            continue
        check.append((change.account, accounts.PASSWORD, ":=", change.password))
        reply += [(change.account, a.name, a.op, a.value) for a in change.attributes]
        if change.plan:
            member.append((change.account, change.plan, accounts.PLAN_PRIORITY))
            if change.plan_attributes:
                plan[change.plan] = [
                    (change.plan, a.name, a.op, a.value) for a in change.plan_attributes
                ]
        if change.state is AccountState.BARRED:
            group = groups.get(change.barred_for) or groups[""]
            member.append((change.account, group, accounts.BARRED_PRIORITY))
    changed = 0
    if plan:
        database.execute(_LOCK, [[f"plan {name}" for name in plan]])
        rows = [row for rows in plan.values() for row in rows]
        changed += _bring(database, "radgroupreply", "groupname", sorted(plan), _AVP, rows)
    changed += _bring(database, "radcheck", "username", names, _AVP, check)
    changed += _bring(database, "radreply", "username", names, _AVP, reply)
    changed += _bring(database, "radusergroup", "username", names, _GROUP, member)
    return changed


def _bring(
    database: psycopg.Connection[Any],
    table: str,
    owner: str,
    owners: Sequence[str],
    columns: dict[str, str],
    rows: Sequence[tuple[Any, ...]],
) -> int:
    fields = {
        "table": table,
        "owner": owner,
        "columns": ", ".join(columns),
        "wanted": ", ".join(f"want.{name}" for name in columns),
        "arrays": ", ".join(f"%({name})s::{kind}[]" for name, kind in columns.items()),
        "same": " AND ".join(f"held.{name} = want.{name}" for name in columns),
        "twin": " AND ".join(f"held.{name} = other.{name}" for name in columns),
    }
    rows = list(dict.fromkeys(rows))
    values: dict[str, Any] = {"owners": list(owners), "of": [row[0] for row in rows]}
    for place, name in enumerate(columns, start=1):
        values[name] = [row[place] for row in rows]
    gone = database.execute(_SURPLUS.format(**fields).encode(), values).rowcount
    come = database.execute(_MISSING.format(**fields).encode(), values).rowcount if rows else 0
    return gone + come
