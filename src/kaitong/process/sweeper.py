"""The sweeper: no orphan by construction, and a look whether that is still so.

Every running instance counts its open waits; every resting token has its row; every open row has
its token; every history is without gaps. `check` compares, and finds nothing unless somebody wrote
past the runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kaitong.core import db
from kaitong.process.models import Instance

# a row's branch is another package's table: its name is asked of the relation
_BRANCH = Instance._meta.get_field("branch").related_model._meta.db_table
_CHECKS = {
    "open_waits": """select i.id, 'counts ' || i.open_waits || ', has ' || count(t.id) as what
 from process_instance i left join process_token t on t.instance_id = i.id
 and t.wait not in ('join', 'scope', 'listen')
 where i.state = 'running' group by i.id having i.open_waits <> count(t.id)""",
    "ended": """select i.id, 'ended, but has ' || count(t.id) || ' tokens' as what
 from process_instance i join process_token t on t.instance_id = i.id
 where i.state <> 'running' group by i.id""",
    "unwatched": """select t.instance_id as id, t.id as token,
 t.wait || ' at ' || t.node || ' has no row' as what
 from process_token t where t.wait not in ('join', 'scope') and not coalesce(case t.wait
 when 'work' then exists (select from process_workitem r where r.token_id = t.id
  and r.state in ('todo', 'claimed', 'suspended'))
 when 'command' then exists (select from process_command r where r.token_id = t.id
  and r.state in ('pending', 'running', 'waiting'))
 when 'timer' then exists (select from process_timer r where r.token_id = t.id
  and r.node = t.node and r.state = 'open')
 when 'message' then exists (select from process_subscription r where r.token_id = t.id
  and r.node = t.node and r.kind = t.wait and r.state = 'open')
 when 'signal' then exists (select from process_subscription r where r.token_id = t.id
  and r.node = t.node and r.kind = t.wait and r.state = 'open')
 when 'condition' then exists (select from process_subscription r where r.token_id = t.id
  and r.node = t.node and r.kind = t.wait and r.state = 'open')
 when 'child' then exists (select from process_call r where r.token_id = t.id
  and (r.state = 'pending' or r.state = 'running' and (
   exists (select from process_instance c where c.id = r.child_id and c.state = 'running')
   or exists (select from process_inbox x where x.instance_id = t.instance_id
    and x.key = 'child:' || r.child_id and x.processed_at is null))))
 when 'listen' then exists (select from process_timer r where r.token_id = t.id
  and r.node = t.node and r.state = 'open') or exists (select from process_subscription r
  where r.token_id = t.id and r.node = t.node and r.state = 'open')
 when 'event' then exists (select from process_timer r where r.token_id = t.id
  and r.state = 'open') or exists (select from process_subscription r where r.token_id = t.id
  and r.state = 'open')
 when 'incident' then exists (select from process_incident r where r.token_id = t.id
  and r.state = 'open') end, false)""",
    "watches nobody": """select r.instance_id as id, r.what from (
 select instance_id, token_id, 'work item ' || id as what from process_workitem
  where state in ('todo', 'claimed', 'suspended')
 union all select instance_id, token_id, 'command ' || id from process_command
  where state in ('pending', 'running', 'waiting')
 union all select instance_id, token_id, 'timer ' || id from process_timer where state = 'open'
 union all select instance_id, token_id, 'subscription ' || id from process_subscription
  where state = 'open'
 union all select instance_id, token_id, 'call ' || id from process_call
  where state in ('pending', 'running')
 union all select instance_id, token_id, 'incident ' || id from process_incident
  where state in ('open', 'retrying')) r
 where not exists (select from process_token t where t.id = r.token_id)""",
    "watched twice": """select t.instance_id as id,
 r.what || ' beside ' || t.wait || ' at ' || t.node as what from process_token t join (
 select token_id, node, 'work' as wait, 'work item ' || id as what from process_workitem
  where state in ('todo', 'claimed', 'suspended')
 union all select token_id, node, 'command', 'command ' || id from process_command
  where state in ('pending', 'running', 'waiting')
 union all select token_id, node, 'child', 'call ' || id from process_call
  where state in ('pending', 'running')
 union all select token_id, node, 'incident', 'incident ' || id from process_incident
  where state = 'open'
 union all select token_id, node, 'command', 'retried incident ' || id from process_incident
  where state = 'retrying') r on r.token_id = t.id
 where r.wait <> t.wait or r.node <> t.node""",
    "called for nobody": """select c.id,
 'runs, but its caller ' || c.parent_id || ' went on' as what
 from process_instance c where c.state = 'running' and c.parent_id is not null
 and not exists (select from process_call r where r.child_id = c.id and r.state = 'running')
 and not exists (select from process_inbox x where x.instance_id = c.id and x.key = 'caller'
  and x.processed_at is null)""",
    "in no scope": """select t.instance_id as id, t.node || ' is in ' || t.scope as what
 from process_token t join process_instance i on i.id = t.instance_id
 where t.scope <> 'root' and not coalesce(i.scopes -> 'scopes' ? t.scope, false)""",
    "waits for no scope": """select t.instance_id as id, t.node as what
 from process_token t join process_instance i on i.id = t.instance_id where t.wait = 'scope'
 and not exists (select from jsonb_each(i.scopes -> 'scopes') s
  where s.value ->> 'host' = t.id::text)""",
    "scope of nobody": """select i.id, s.key || ' of ' || (s.value ->> 'node') as what
 from process_instance i, jsonb_each(i.scopes -> 'scopes') s
 where i.state = 'running' and i.scopes is not null and s.value ? 'host'
 and not exists (select from process_token t where t.instance_id = i.id
  and t.id::text = s.value ->> 'host')""",
    "two versions begin": """select min(t.id::text)::uuid as id,
 'start events of ' || count(distinct t.definition_id) || ' versions of ' || d.key as what
 from process_starter t join process_definition d on d.id = t.definition_id
 where t.state = 'open' group by d.playbook, d.key
 having count(distinct t.definition_id) > 1""",
    "of no definition": """select i.id, 'runs ' || i.definition_id as what from process_instance i
 where not exists (select from process_definition d where d.id = i.definition_id)""",
    "of no branch": f"""select r.id, r.what from (
 select id, branch_id, 'in ' || branch_id as what from process_instance union all
 select instance_id, branch_id, 'work at ' || node || ' in ' || branch_id from process_workitem
 union all select instance_id, branch_id, 'command at ' || node || ' in ' || branch_id
 from process_command union all
 select instance_id, branch_id, 'incident at ' || node || ' in ' || branch_id from process_incident
 union all
 select instance_id, branch_id, 'phase ' || key || ' in ' || branch_id from process_phase) r
 where not exists (select from {_BRANCH} b where b.id = r.branch_id)""",
    "called by nobody": """select c.id, 'called by ' || c.parent_id as what
 from process_instance c where c.parent_id is not null
 and not exists (select from process_instance i where i.id = c.parent_id)""",
    "of no instance": """select t.instance_id as id, t.what from
 (select instance_id, 'token at ' || node as what from process_token
 union all select instance_id, 'work at ' || node from process_workitem
 union all select instance_id, 'timer at ' || node from process_timer
 union all select instance_id, 'command at ' || node from process_command
 union all select instance_id, 'incident at ' || node from process_incident
 union all select instance_id, 'phase ' || key from process_phase) t
 where not exists (select from process_instance i where i.id = t.instance_id)""",
    "history": """select i.id,
 'seq ' || i.seq || ', has ' || coalesce(sum(h.lines), 0) || ' lines' as what
 from process_instance i left join (select instance_id, seq, jsonb_array_length(lines) as lines,
 lag(seq + jsonb_array_length(lines), 1, 1::bigint) over (partition by instance_id order by seq)
 as expected from process_history) h on h.instance_id = i.id
 where i.state = 'running' group by i.id
 having i.seq <> coalesce(sum(h.lines), 0) or coalesce(bool_or(h.seq <> h.expected), false)""",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What the sweeper found wrong with an instance; none is ever expected.

    `token_id` is the token that nothing will wake, where that is what is wrong.
    """

    rule: str
    instance_id: UUID
    what: str
    token_id: UUID | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.instance_id}: {self.what}"


def check(instance_id: UUID | None = None) -> list[Problem]:
    """Compare what instances say with their rows, of all instances or of one.

    Each rule is one statement and sees one moment: a step in flight is there whole or not at all.
    """
    one = "" if instance_id is None else " where id = %s"
    return [
        Problem(rule, row["id"], row["what"], row.get("token"))
        for rule, sql in _CHECKS.items()
        for row in db.rows(
            f"select * from ({sql}) found{one}", None if instance_id is None else [instance_id]
        )
    ]
