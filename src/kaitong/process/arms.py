"""What a step writes besides its instance's own row: an arm of the statement for each kind of row.

Each hangs on the instance's own update or insert, `p` (`store`). How rows travel to it is told by
`statement`, which reads these texts: an arm names its rows by `jsonb_to_recordset(%s::jsonb)`.
"""

from __future__ import annotations

from kaitong.process import signals

_WORK_COLUMNS = (
    "branch_id, post, department, state, candidate, assigned_by, claimed_by, claimed_at, due_at,"
    " due_basis, provisional, warn_at, warned_at, escalated_at, alarm_at, alarms, urged, urged_at,"
    " suspended_until, completed_at, completed_by, completed_for"
)
_COMMAND_COLUMNS = (
    "state, attempts, next_attempt_at, lease_until, worker, reason, last_error, result, ended_at"
)
_INCIDENT_COLUMNS = (
    "state, cause, message, resolved_at, resolved_by, resolution, evidence, second_person, tries,"
    " retried_at, claimed_by, claimed_at"
)


def _rewrite(table: str, columns: str) -> str:
    """Write back the changeable columns of rows that were read under the lock."""
    pairs = ", ".join(f"{column} = u.{column}" for column in columns.split(", "))
    return (
        f"update {table} r set {pairs} from p, jsonb_populate_recordset(null::{table}, %s::jsonb) u"
        " where r.id = u.id and r.instance_id = p.id"
    )


CHANGED = {
    "work_changed": ("workitem", _WORK_COLUMNS),
    "commands_changed": ("command", _COMMAND_COLUMNS),
    "incidents_changed": ("incident", _INCIDENT_COLUMNS),
}


def _close(table: str, open_states: str, extra: str = "") -> str:
    """Close whatever watches a token that is gone."""
    return (
        f"update {table} r set state = u.state{extra} from p,"
        " jsonb_to_recordset(%s::jsonb) as u(token uuid, state text, at timestamptz)"
        f" where r.token_id = u.token and r.instance_id = p.id and r.state in {open_states}"
    )


_OPEN_WORK = "('todo', 'claimed', 'suspended')"
ARMS: dict[str, str] = {
    # one that is gone and one that is new, in the same row (`store.write`): one arm, not two
    "tokens_moved": """update process_token r set id = u.id, created_at = u.at, node = u.node,
 wait = u.wait, scope = u.scope, arrived_by = u.arrived_by from p,
 jsonb_to_recordset(%s::jsonb) as u(was uuid, id uuid, at timestamptz, node text, wait text,
 scope text, arrived_by text) where r.id = u.was and r.instance_id = p.id""",
    "tokens_added": """insert into process_token (id, created_at, instance_id, node, wait, scope,
 arrived_by) select u.id, u.at, p.id, u.node, u.wait, u.scope, u.arrived_by from p,
 jsonb_to_recordset(%s::jsonb) as u(id uuid, at timestamptz, node text, wait text, scope text,
 arrived_by text)""",
    "tokens_removed": """delete from process_token r using p,
 jsonb_to_recordset(%s::jsonb) as u(id uuid) where r.id = u.id and r.instance_id = p.id""",
    "tokens_changed": """update process_token r set node = u.node, wait = u.wait,
 arrived_by = u.arrived_by from p, jsonb_to_recordset(%s::jsonb) as u(id uuid, node text, wait text,
 arrived_by text) where r.id = u.id and r.instance_id = p.id""",
    "work_opened": """insert into process_workitem (id, created_at, branch_id, instance_id,
 token_id, business_id, node, title, post, department, only_department, state, candidate, due_at,
 due_basis, provisional, warn_at, alarm_at, escalate_to, urged, returned_from, part,
 passage)
 select u.id, u.created_at,
 u.branch_id, p.id, u.token_id, u.business_id, u.node, u.title, u.post, u.department,
 coalesce(u.only_department, ''), 'todo', u.candidate, u.due_at, u.due_basis, u.provisional,
 u.warn_at, u.alarm_at, u.escalate_to, 0, u.returned_from, coalesce(u.part, ''),
 coalesce(u.passage, '')
 from p, jsonb_populate_recordset(null::process_workitem, %s::jsonb) u""",
    "work_changed": _rewrite("process_workitem", _WORK_COLUMNS),
    "work_closed": _close("process_workitem", _OPEN_WORK, ", completed_at = u.at"),
    "suspensions_opened": """insert into process_suspension (id, created_at, workitem_id,
 reason_code, note, evidence, stops_customer, stops_step, cause, since, until_expected,
 suspended_by, ended, ended_by, corrects_id, void_reason) select u.id, u.created_at, u.workitem_id,
 u.reason_code, u.note, u.evidence, u.stops_customer, u.stops_step, u.cause, u.since,
 u.until_expected, u.suspended_by, u.ended, u.ended_by, u.corrects_id, '' from p,
 jsonb_populate_recordset(null::process_suspension, %s::jsonb) u""",
    "suspensions_ended": """update process_suspension s set ended = u.at, ended_by = u.by from p,
 jsonb_to_recordset(%s::jsonb) as u(token uuid, at timestamptz, by uuid), process_workitem w
 where w.token_id = u.token and w.instance_id = p.id and s.workitem_id = w.id
 and s.ended is null and s.voided_at is null""",
    "suspensions_voided": """update process_suspension s set voided_at = u.at, voided_by = u.by,
 void_reason = u.reason from p, jsonb_to_recordset(%s::jsonb) as u(id uuid, at timestamptz, by uuid,
 reason text) where s.id = u.id and s.voided_at is null""",
    "phases_begun": """insert into process_phase (id, created_at, branch_id, instance_id,
 business_id, key, title, due_at, due_basis, provisional, alarm_at) select u.id, u.created_at,
 u.branch_id, p.id, u.business_id, u.key, u.title, u.due_at, u.due_basis, u.provisional, u.alarm_at
 from p,
 jsonb_populate_recordset(null::process_phase, %s::jsonb) u
 on conflict (instance_id, key) do update set ended_at = null""",
    "phases_ended": """update process_phase r set ended_at = u.at from p,
 jsonb_to_recordset(%s::jsonb) as u(key text, at timestamptz)
 where r.instance_id = p.id and r.key = u.key and r.ended_at is null""",
    "phases_changed": """update process_phase r set due_at = u.due_at, due_basis = u.due_basis,
 provisional = u.provisional, alarm_at = u.alarm_at, alarms = u.alarms from p,
 jsonb_populate_recordset(null::process_phase, %s::jsonb) u
 where r.id = u.id and r.instance_id = p.id""",
    "feedback_added": """insert into process_feedback (id, created_at, workitem_id, by, text)
 select u.id, u.created_at, u.workitem_id, u.by, u.text from p,
 jsonb_populate_recordset(null::process_feedback, %s::jsonb) u""",
    "timers_opened": """insert into process_timer (id, created_at, instance_id, token_id, node,
 due_at, next_attempt_at, attempts, count, due_basis, state) select u.id, u.at, p.id, u.token,
 u.node, u.due_at, u.due_at, 0, coalesce(u.count, 1), u.due_basis, 'open' from p,
 jsonb_to_recordset(%s::jsonb) as u(id uuid, at timestamptz, token uuid, node text,
 due_at timestamptz, count int, due_basis jsonb)""",
    # the next occurrence of a cycle: the same row, which nobody else holds open
    "timers_moved": """update process_timer r set due_at = u.due_at, next_attempt_at = u.due_at,
 attempts = 0, count = u.count, due_basis = u.due_basis from p,
 jsonb_to_recordset(%s::jsonb) as u(token uuid, node text, due_at timestamptz, count int,
 due_basis jsonb)
 where r.token_id = u.token and r.node = u.node and r.instance_id = p.id and r.state = 'open'""",
    "timers_closed": _close("process_timer", "('open')", "").replace(
        "state text, at timestamptz)", "state text, node text)"
    )
    + " and r.node = u.node",
    "subscriptions_opened": """insert into process_subscription (id, created_at, instance_id,
 token_id, node, name, key, kind, state) select u.id, u.at, p.id, u.token, u.node, u.name, u.key,
 u.kind, 'open' from p, jsonb_to_recordset(%s::jsonb) as u(id uuid, at timestamptz, token uuid,
 node text, name text, key text, kind text)""",
    "subscriptions_closed": _close("process_subscription", "('open')", "").replace(
        "state text, at timestamptz)", "state text, node text)"
    )
    + " and r.node = u.node",
    "messages_published": """insert into process_message (id, created_at, branch_id, scope, name,
 key, sender_id, "values", state, keep_until, next_attempt_at, attempts) select u.id, u.at,
 u.branch_id, '', u.name, u.key, u.sender_id, u."values", 'kept', u.keep_until, u.at, 0 from p,
 jsonb_to_recordset(%s::jsonb) as u(id uuid, at timestamptz, branch_id uuid, name text, key text,
 sender_id text, "values" jsonb, keep_until timestamptz) on conflict do nothing""",
    "messages_woken": """update process_message m set next_attempt_at = u.at from p,
 jsonb_to_recordset(%s::jsonb) as u(at timestamptz, name text, key text)
 where m.state = 'kept' and m.name = u.name and m.key = u.key""",
    # the statement's snapshot: who listened before this step; `signals_kept` holds the others
    "signals_thrown": f"insert into process_inbox {signals.FAN_OUT.format('p, ', '%s::jsonb')}",
    "signals_begun": "insert into process_beginning "
    + signals.START_OUT.format("p, ", "%s::jsonb"),
    "signals_kept": """insert into process_inbox (id, created_at, instance_id, key, event,
 next_attempt_at, attempts, outcome) select u.id, u.at, p.id, u.key, u.event, u.at, 0, '' from p,
 jsonb_to_recordset(%s::jsonb) as u(id uuid, at timestamptz, key text, event jsonb)""",
    "inbox_woken": """update process_inbox x set next_attempt_at = u.at from p,
 jsonb_to_recordset(%s::jsonb) as u(at timestamptz)
 where x.instance_id = p.id and x.processed_at is null""",
    "commands_opened": """insert into process_command as c (id, created_at, branch_id, instance_id,
 token_id, business_id, node, action, inputs, idempotency_key, state, actor_id, attempts, runs,
 retries, next_attempt_at, worker, reason, last_error) select u.id, u.created_at, u.branch_id, p.id,
 u.token_id, u.business_id, u.node, u.action, u.inputs, u.idempotency_key, 'pending', u.actor_id, 0,
 0, u.retries, u.created_at, '', '', '' from p,
 jsonb_populate_recordset(null::process_command, %s::jsonb) u
 on conflict (idempotency_key) do update set state = 'pending', inputs = excluded.inputs,
 actor_id = excluded.actor_id, attempts = 0, retries = excluded.retries, reason = '',
 next_attempt_at = excluded.next_attempt_at, ended_at = null, worker = '', lease_until = null""",
    "commands_changed": _rewrite("process_command", _COMMAND_COLUMNS),
    "commands_closed": _close(
        "process_command", "('pending', 'running', 'waiting')", ", ended_at = u.at"
    ),
    "calls_opened": """insert into process_call (id, created_at, instance_id, token_id, node,
 called, definition_id, child_id, inputs, catches, state, actor_id, next_attempt_at, attempts)
 select u.id, u.created_at, p.id, u.token_id, u.node, u.called, u.definition_id, u.child_id,
 u.inputs, u.catches, 'pending', u.actor_id, u.created_at, 0 from p,
 jsonb_populate_recordset(null::process_call, %s::jsonb) u""",
    "calls_closed": _close("process_call", "('pending', 'running')", ", ended_at = u.at"),
    # the statement's snapshot: what ran before this step. A child begins under this same lock.
    "children_told": """insert into process_inbox (id, created_at, instance_id, key, event,
 next_attempt_at, attempts, outcome) select u.id, u.at, c.child_id, 'caller', u.event, u.at, 0, ''
 from p, jsonb_to_recordset(%s::jsonb) as u(id uuid, at timestamptz, token uuid, event jsonb),
 process_call c where c.token_id = u.token and c.instance_id = p.id and c.state = 'running'
 on conflict do nothing""",
    "caller_told": """insert into process_inbox (id, created_at, instance_id, key, event,
 next_attempt_at, attempts, outcome) select u.id, u.at, u.parent, u.key, u.event, u.at, 0, ''
 from p, jsonb_to_recordset(%s::jsonb) as u(id uuid, at timestamptz, parent uuid, key text,
 event jsonb) on conflict do nothing""",
    "incidents_opened": """insert into process_incident (id, created_at, branch_id, instance_id,
 token_id, business_id, node, title, post, command_id, cause, message, state, resolution, evidence,
 definition_id, action) select u.id, u.created_at, u.branch_id, p.id, u.token_id, u.business_id,
 u.node, u.title, u.post, u.command_id, u.cause, u.message, 'open', '', '', u.definition_id,
 u.action from p,
 jsonb_populate_recordset(null::process_incident, %s::jsonb) u""",
    "incidents_changed": _rewrite("process_incident", _INCIDENT_COLUMNS),
    "incidents_closed": _close("process_incident", "('open', 'retrying')", ", resolved_at = u.at"),
    # all lines of a step in one row; `process_line` tells them one by one
    "history": """insert into process_history (id, instance_id, seq, actor_id, at, lines)
 select u.id, p.id, u.seq, u.actor_id, u.at, u.lines from p, jsonb_to_recordset(%s::jsonb) as
 u(id uuid, seq bigint, actor_id uuid, at timestamptz, lines jsonb)""",
}
