"""Signals (信号): thrown once, heard by everybody who listens in the branch and below it.

Who listens is a subscription without a key. Throwing is one statement: an inbox row for each
subscription that is open at that moment, keyed by the signal and the subscription, so that each
hears it exactly once, whoever is killed. It is kept for nobody who listens later.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from kaitong.process import values

# Columns and rows of the inbox for signals `u`: `from {0}{1} as u`. A signal says the branches in
# which it is heard. Several open subscriptions of one instance are rows of their own.
FAN_OUT = """(id, created_at, instance_id, key, event, next_attempt_at, attempts, outcome)
 select gen_random_uuid(), u.at, s.instance_id, 'signal:' || u.id || ':' || s.id,
 jsonb_build_object('kind', 'signal', 'name', u.name, 'token', s.token_id, 'node', s.node,
 'values', u."values"), u.at, 0, ''
 from {0}jsonb_to_recordset({1}) as u(id uuid, at timestamptz, name text, branches jsonb,
 "values" jsonb), process_subscription s, process_instance i
 where s.kind = 'signal' and s.name = u.name and s.state = 'open' and i.id = s.instance_id
 and u.branches ? i.branch_id::text on conflict do nothing"""


def rows_for(signal_id: UUID, at: datetime, name: str, branches: list[UUID], told: Any) -> str:
    """The document `FAN_OUT` reads, of one signal."""
    row = {"id": signal_id, "at": at, "name": name, "branches": branches, "values": told}
    return values.dump([row])
