"""Signals (信号): thrown once, heard by everybody who listens in the branch and below it.

Who listens is a subscription without a key. Throwing is one statement: an inbox row for each
subscription that is open at that moment, keyed by the signal and the subscription, so that each
hears it exactly once, whoever is killed. It is kept for nobody who listens later.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from kaitong.org import queries as org

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

# The same for start events: those of the thrower's branch, of the branches above (an instance
# begins where the signal was thrown) and of those below.
START_OUT = """(id, created_at, starter_id, branch_id, key, "values", next_attempt_at, attempts)
 select gen_random_uuid(), u.at, t.id,
 case when u.above ? t.branch_id::text then u.branch else t.branch_id end, u.id::text, u."values",
 u.at, 0
 from {0}jsonb_to_recordset({1}) as u(id uuid, at timestamptz, name text, branch uuid,
 branches jsonb, above jsonb, "values" jsonb), process_starter t
 where t.kind = 'signal' and t.name = u.name and t.state = 'open'
 and (u.above ? t.branch_id::text or u.branches ? t.branch_id::text) on conflict do nothing"""


def row_of(
    signal_id: UUID, at: datetime, name: str, branch_id: UUID, told: Mapping[str, Any]
) -> dict[str, Any]:
    """The document both read, of one signal."""
    return {
        "id": signal_id,
        "at": at,
        "name": name,
        "branch": branch_id,
        "branches": [str(id_) for id_ in org.branches_below(branch_id)],
        "above": [str(id_) for id_ in org.branches_above(branch_id)],
        "values": dict(told),
    }
