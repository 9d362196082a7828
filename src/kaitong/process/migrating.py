"""Carrying running instances over to the current version of their process (流程迁移).

An instance stays on its version unless somebody carries it over. `plans` says for each what would
happen and changes nothing; `migrate` does it to one, under its lock, in one transaction: tokens,
work items with their claims and clocks, timers, subscriptions, commands and history stay what they
are, at the nodes' new names. What cannot be carried over is refused with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.org.actor import Actor
from kaitong.process import actions, migrating_phases, migration_plan, store, values
from kaitong.process.advance_moves import Moves
from kaitong.process.choices import InstanceState
from kaitong.process.definitions import model_of
from kaitong.process.errors import (
    ProcessConflict,
    ProcessForbidden,
    ProcessNotFound,
    ProcessRefused,
)
from kaitong.process.migration_plan import MigrationPlan, Names
from kaitong.process.model import SUB_PROCESSES, Model, NodeKind, Token, WaitKind
from kaitong.process.models import Definition, Instance
from kaitong.process.scopes import ROOT, ScopeKind
from kaitong.process.shell import Play

BATCH = 500
# Everything that names a node of an instance, ended rows as well: who did an earlier step is asked.
_TABLES = ("workitem", "command", "incident", "timer", "subscription", "call")
_RUNNING = """select i.id, i.definition_id, i.business_id, i.scopes::text as scopes,
 (select jsonb_agg(jsonb_build_array(t.id, t.node, t.wait, t.scope, t.arrived_by) order by t.id)
 from process_token t where t.instance_id = i.id)::text as tokens
 from process_instance i where i.state = 'running' and i.definition_id = any(%s)
 and (%s or i.branch_id = any(%s)) and i.id > %s and (%s or i.business_id = any(%s))
 order by i.id limit %s"""
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancePlan:
    """What would happen to one instance on its way to the definition `to`. `title` is its
    process's, `version` that of the playbook's file it runs on."""

    to: UUID
    instance_id: UUID
    business_id: UUID | None
    definition_id: UUID
    title: str
    version: str
    plan: MigrationPlan

    @property
    def possible(self) -> bool:
        return not self.plan.faults


def targets(playbook: str, key: str = "") -> list[Definition]:
    """The current definitions of a playbook: those that instances can be carried over to."""
    rows = Definition.objects.filter(playbook=playbook, retired_at=None).defer("bpmn")
    found = list((rows.filter(key=key) if key else rows).order_by("key", "-deployed_at"))
    if not found:
        raise ProcessNotFound(_("业务流程包 %s 没有在用的流程。") % playbook, _("请先部署。"))
    newest: dict[str, Definition] = {}
    for row in found:
        newest.setdefault(row.key, row)
    return list(newest.values())


def plans(
    actor: Actor,
    to: UUID,
    *,
    names: Names | None = None,
    business_ids: Sequence[UUID] = (),
) -> Iterator[InstancePlan]:
    """For every running instance the actor sees on another version: what would happen to it.

    Nothing changes. `names` says what nodes (and flows) of the old version are called in the new
    one, where that differs.
    """
    target = Definition.objects.get(pk=to)
    others = Definition.objects.filter(playbook=target.playbook, key=target.key)
    titles = {pk: (t, v) for pk, t, v in others.exclude(pk=to).values_list("pk", "title", "hash")}
    new, after = model_of(to), _NOBODY
    while titles:
        rows = db.rows(
            _RUNNING,
            [
                list(titles),
                actor.is_system,
                list(actor.branch_ids),
                after,
                not business_ids,
                list(business_ids),
                BATCH,
            ],
        )
        for row in rows:
            after = row["id"]
            old = model_of(row["definition_id"])
            scopes = values.load(row["scopes"]) if row["scopes"] else None
            tokens = [
                Token(UUID(t[0]), t[1], WaitKind(t[2]), t[3], t[4])
                for t in json.loads(row["tokens"] or "[]")
            ]
            yield InstancePlan(
                to=to,
                instance_id=row["id"],
                business_id=row["business_id"],
                definition_id=row["definition_id"],
                title=titles[row["definition_id"]][0],
                version=titles[row["definition_id"]][1],
                plan=_plan(old, new, tokens, scopes, names or {}),
            )
        if len(rows) < BATCH:
            return


def migrate(
    *,
    actor: Actor,
    instance_id: UUID,
    to: UUID,
    names: Names | None = None,
    reason: str,
    parameters: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
) -> MigrationPlan:
    """Carry one instance over to another definition of the same process; what was done.

    `parameters` makes its new parameters of those it was started with. Carried over before: nothing
    happens. Refused with every reason, or a conflict when the instance has ended.
    """
    if not actor.is_supervisor:
        raise ProcessForbidden(_("只有班长可以迁移流程实例。"))
    if not reason.strip():
        raise ProcessRefused(_("迁移需要说明原因。"), _("请填写原因。"), field="reason")
    names = dict(names or {})
    with transaction.atomic():
        play = Play.on_instance(instance_id, actor_id=actor.id)
        loaded = play.loaded
        if not actor.sees(loaded.branch_id):
            raise ProcessNotFound(_("没有这个流程实例。"), _("请核对编号和所在分公司。"))
        if loaded.definition_id == to:
            return MigrationPlan()
        if loaded.state != InstanceState.RUNNING:
            raise ProcessConflict(_("流程已结束，不能迁移。"))
        _require_same_process(loaded.definition_id, to)
        old, new = play.model, model_of(to)
        document = loaded.scopes
        made = _plan(old, new, loaded.tokens, document, names)
        if made.faults:
            raise ProcessRefused("；".join(str(fault) for fault in made.faults))
        used = {k: v for k, v in names.items() if k != v}
        _rename(instance_id, made, used, document)
        kept = dict(parameters(loaded.parameters))
        Instance.objects.filter(pk=instance_id).update(definition_id=to, parameters=kept)
        _go_on(instance_id, made, used, actor, loaded.definition_id, reason)
    return made


def _plan(
    old: Any, new: Any, tokens: Sequence[Token], document: Any, names: Names
) -> MigrationPlan:
    made = migration_plan.plan(old, new, tokens, migration_plan.spoken_of(document), names)
    made.faults += migration_plan.to_undo(old, new, document, names)
    made.faults += migration_plan.unknown(names, old, new)
    return made


def _require_same_process(was: UUID, to: UUID) -> None:
    rows = Definition.objects.filter(pk__in=[was, to]).values_list("playbook", "key")
    if len(rows) != 2 or len(set(rows)) != 1:
        raise ProcessRefused(
            _("只能迁移到同一流程的另一个版本。"), _("请核对流程定义。"), field="to"
        )


def _rename(instance_id: UUID, made: MigrationPlan, names: Names, document: Any) -> None:
    """Rows of the instance get the nodes' new names; nothing else of them changes."""
    with connection.cursor() as cursor:
        for move in made.moves:
            if (move.node, move.arrived_by) != (move.token.node, move.token.arrived_by):
                cursor.execute(
                    "update process_token set node = %s, arrived_by = %s where id = %s",
                    [move.node, move.arrived_by, move.token.id],
                )
        if not names:
            return
        for table in _TABLES:
            cursor.execute(
                f"""update process_{table} r set node = m.value from jsonb_each_text(%s::jsonb) m
 where r.instance_id = %s and r.node = m.key""",
                [json.dumps(names), instance_id],
            )
        if document:
            cursor.execute(
                "update process_instance set scopes = %s::jsonb where id = %s",
                [values.dump(migration_plan.renamed(document, names)), instance_id],
            )


def _go_on(
    instance_id: UUID,
    made: MigrationPlan,
    names: Names,
    actor: Actor,
    was: UUID,
    reason: str,
) -> None:
    """The instance as it stands on its new version: work of other posts, other boundary events."""
    play = Play(store.load(instance_id), actor_id=actor.id, now=clock_now())
    data = {"was": was, "to": play.loaded.definition_id, "reason": reason.strip()[:200]}
    play.note("migrated", data={**data, **({"names": dict(names)} if names else {})})
    moves = Moves(play.model, play.state, play.now, actions.external())
    for move in made.moves:
        token_id = move.token.id
        assert isinstance(token_id, UUID)
        if move.node != move.token.node:
            play.note("moved", move.node, token_id, {"was": move.token.node})
        for event in move.ended:
            named = names.get(event, event)
            play.close_timer(token_id, named, "cancelled")
            play.close_subscription(token_id, named, "cancelled")
        target = play.model.nodes[move.node]
        if move.begun and token_id in moves.resting:
            here = moves.resting[token_id]
            moves.open_boundaries(here, replace(target, boundaries=move.begun))
        if move.token.wait is WaitKind.WORK:
            _retitle(token_id, target.name, target.lane, play.loaded.parameters)
    _listen(moves, model_of(was), names)
    _join(moves)
    moves.run()  # a condition may hold already, an inclusive join be complete
    play.follow(moves.step())
    stood = {move.token.node for move in made.moves}
    migrating_phases.carry(play, model_of(was), stood, names, reason=reason.strip()[:200])
    play.save()


def _join(moves: Moves) -> None:
    """A join of fewer branches than before may be complete: nobody else will come to say so."""
    for token in list(moves.resting.values()):
        node = moves.model.nodes[token.node]
        if token.wait is not WaitKind.JOIN or node.kind is not NodeKind.PARALLEL:
            continue
        partners = moves.parked_partners(token)
        if token.id in moves.resting and len(partners) + 1 >= node.incoming:
            moves.merge(partners)
            moves.leave(token, node)


def _listen(moves: Moves, old: Model, names: Names) -> None:
    """What the new version handles as events and the old one did not is listened for from now, in
    every open scope whose work no event has taken away."""
    was = {new: name for name, new in names.items()}
    nodes = moves.model.nodes
    for scope_id in (ROOT, *(id_ for id_ in list(moves.tree.scopes) if id_ != ROOT)):
        container = "" if scope_id == ROOT else moves.tree[scope_id].node
        if container and nodes[container].kind not in SUB_PROCESSES:
            continue
        if scope_id != ROOT and moves.tree[scope_id].kind is ScopeKind.MANY:
            continue
        here = (nodes[t.node] for t in moves.resting.values() if t.scope == scope_id)
        if any(n.kind is NodeKind.EVENT_SUB and nodes[n.begin].interrupting for n in here):
            continue
        name = was.get(container, container)
        for event in migration_plan.new_events(old, moves.model, name, names):
            moves.listen(scope_id, nodes[event])


def _retitle(token_id: UUID, title: str, post: str, parameters: Mapping[str, Any]) -> None:
    """An open work item bears its step's new name; of another post it goes back to the queue."""
    posts = parameters.get("posts")
    entry = posts.get(post) if isinstance(posts, Mapping) else None
    department = entry.get("department", "") if isinstance(entry, Mapping) else ""
    with connection.cursor() as cursor:
        cursor.execute(
            """update process_workitem set title = %s,
 state = case when post <> %s and state = 'claimed' then 'todo' else state end,
 claimed_by = case when post <> %s then null else claimed_by end,
 claimed_at = case when post <> %s then null else claimed_at end,
 candidate = case when post <> %s then null else candidate end,
 assigned_by = case when post <> %s then null else assigned_by end,
 department = case when post <> %s then %s else department end, post = %s
 where token_id = %s and state in ('todo', 'claimed', 'suspended')""",
            [title, *[post] * 6, department, post, token_id],
        )
