"""退回: back to an earlier step, with everything that is undone told before anybody decides.

The plan is played on the pure core, so that what it tells is what happens. Its fingerprint comes
back with the click: when the order has moved since, nothing is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit, db, wording
from kaitong.core.clock import now as clock_now
from kaitong.core.errors import KaitongError
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import access, actions, model, picking, store, suspension
from kaitong.process.advance import advance
from kaitong.process.advance_back import kept_names
from kaitong.process.advance_graph import around, can_return, reach
from kaitong.process.choices import OPEN_WORK, WorkState
from kaitong.process.definitions import model_of
from kaitong.process.errors import ProcessConflict, ProcessNotFound, ProcessRefused
from kaitong.process.failing import describe
from kaitong.process.feel import FeelError, plain
from kaitong.process.models import History, WorkItem
from kaitong.process.scopes import ScopeTree
from kaitong.process.shell import Play
from kaitong.process.standing import earliest
from kaitong.process.work import Progress, progress

PEOPLE = (model.NodeKind.USER, model.NodeKind.MANUAL)
MACHINES = (
    model.NodeKind.SERVICE,
    model.NodeKind.RULE,
    model.NodeKind.CALL,
    model.NodeKind.SCRIPT,
    model.NodeKind.SEND,
)


@dataclass(frozen=True, slots=True)
class Again:
    """A step that was done since the target was reached: it is left, and done again."""

    node: str
    title: str
    machine: bool
    person: UUID | None
    person_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Open:
    """What another token waits for: `kind` is a WaitKind, the rest tells of people's work."""

    token: UUID
    node: str
    title: str
    kind: str
    post: str = ""
    person_name: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What a machine's step did. `undone_by` is the playbook's compensation; without, it stands,
    unless a compensation event has undone it `already`."""

    node: str
    title: str
    action: str
    undone_by: str = ""
    already: bool = False


@dataclass(frozen=True, slots=True)
class ReturnPlan:
    """What returning an item to a step would undo, leave, and begin."""

    item_id: UUID
    instance_id: UUID
    business_id: UUID | None
    node: str
    title: str
    target: str
    target_title: str
    targets: tuple[tuple[str, str], ...]  # every step it can be returned to, with its title
    again: tuple[Again, ...]
    ends: tuple[Open, ...]
    stays: tuple[Open, ...]
    effects: tuple[Done, ...]
    undoing: tuple[str, ...]  # titles of what was being undone, and is kept to be undone later
    left: tuple[str, ...]  # every node left since the target was reached, as often as it was
    post: str
    person: UUID | None
    person_name: str
    since: datetime | None  # when the target was last reached

    @property
    def fingerprint(self) -> str:
        """Changes when what was shown would no longer be true."""
        told = [
            (self.node, self.target, self.post, str(self.person)),
            [(line.node, line.at.isoformat()) for line in self.again],
            [[str(line.token), line.node, line.kind] for line in (*self.ends, *self.stays)],
            [(line.node, line.undone_by) for line in self.effects],
            self.undoing,
        ]
        return hashlib.blake2s(repr(told).encode(), digest_size=10).hexdigest()


def return_plan(actor: Actor, item_id: UUID, node: str = "") -> ReturnPlan:
    """What a return to `node` (the nearest step, if none is named) would do. Changes nothing."""
    item = WorkItem.objects.filter(pk=item_id).first()
    if item is None or not actor.sees(item.branch_id):
        raise ProcessNotFound(_("没有这张工单。"), _("请核对编号和所在分公司。"))
    loaded = store.load(item.instance_id, "workitem", item_id)
    row = loaded.row or {}
    access.require_open(row)
    access.require_hand(actor, row)
    return _plan(loaded, row, node, now=item.created_at)


def return_to(
    *, actor: Actor, item_id: UUID, node: str, reason: str, expected: str = ""
) -> Progress:
    """退回: back to an earlier step, which its last worker finds again as a proposal.

    `expected` is the fingerprint of the plan that was shown: when it is another by now, nothing is
    done. What the playbook undoes by a compensation is undone in this transaction, latest first;
    a compensation that cannot be done refuses the return.
    """
    if not reason.strip():
        raise ProcessRefused(_("退回需要说明原因。"), _("请填写原因。"), field="reason")
    with transaction.atomic():
        play = access.work(actor, item_id)
        item = play.row
        access.require_open(item)
        access.require_hand(actor, item)
        plan = _plan(play.loaded, item, node, now=play.now)
        if expected and expected != plan.fingerprint:
            raise ProcessConflict(
                _("订单刚刚有变化，退回的结果与刚才看到的不同。"), _("请核对后再退。")
            )
        undone = _compensate(play, plan)
        play.patch(
            state=WorkState.RETURNED,
            completed_at=play.now,
            completed_by=actor.id,
            completed_for=play.behalf,
            suspended_until=None,
        )
        suspension.end(play)
        play.note_item(
            "returned",
            reason=reason,
            to=plan.target,
            again=[line.node for line in plan.again],
            ended=[line.node for line in plan.ends],
            undone=[line.node for line in plan.effects if line.undone_by],
        )
        play.advance(
            model.ReturnedTo(
                now=play.now,
                token=UUID(item["token_id"]),
                node=plan.target,
                reason=reason,
                left=plan.left,
                undone=tuple(line.node for line in plan.effects if line.undone_by),
            )
        )
        if undone:
            play.change.variables = dict(play.state.variables)
        for row in play.change.work_opened:
            if row["node"] == plan.target:
                row.update(returned_from=item["node"], candidate=plan.person or row["candidate"])
        play.save()
    return progress(play, item["node"])


def return_targets(instance_id: UUID, process: model.Model, node_id: str) -> set[str]:
    """User and manual tasks completed in this instance from which the node can be reached."""
    done = History.objects.filter(
        instance_id=instance_id, id__gte=earliest(instance_id), kind="completed"
    )
    return {
        node
        for node in done.values_list("node", flat=True).distinct()
        if node in process.nodes
        and process.nodes[node].kind in PEOPLE
        and can_return(process, node, node_id)
    }


# ---- inside --------------------------------------------------------------------------------------


def _plan(loaded: store.Loaded, item: Mapping[str, Any], node: str, *, now: datetime) -> ReturnPlan:
    process = model_of(loaded.definition_id)
    possible = return_targets(loaded.id, process, item["node"])
    lines = _lines(loaded.id)
    entered = {row["node"]: row["seq"] for row in lines if row["kind"] == "entered"}
    nearest = sorted(possible, key=lambda name: -entered.get(name, 0))
    target = node or next(iter(nearest), "")
    if target not in possible:
        raise ProcessRefused(
            _("不能退回到这个环节。"), _("请选择本流程中已办结的环节。"), field="node"
        )
    token_id = UUID(item["token_id"])
    event = model.ReturnedTo(now=now, token=token_id, node=target)
    after = advance(process, loaded.as_state(), event, external=actions.external()).state
    kept = {token.id for token in after.tokens}
    standing = _standing(after, loaded.tokens, target)
    inside = (model.WaitKind.SCOPE, model.WaitKind.LISTEN)  # what is in them is told by itself
    others = [t for t in loaded.tokens if t.id != token_id and t.wait not in inside]
    items = {
        row.token_id: row
        for row in WorkItem.objects.filter(instance_id=loaded.id, state__in=OPEN_WORK)
    }
    since = entered.get(target, 0)
    ahead = reach(process, [target])
    left: dict[str, Mapping[str, Any]] = {}
    times: list[str] = []
    undone: set[str] = set()  # by a compensation event, since it was done last
    for row in lines:
        if row["kind"] == "entered" or row["seq"] < since or row["node"] not in ahead:
            continue
        found = process.nodes.get(row["node"])
        if row["kind"] == "left" and found is not None:
            times.append(found.id)
            undone.discard(found.id)
            if found.kind is model.NodeKind.BOUNDARY_COMPENSATE:
                undone.add(found.attached_to or "")
        if row["kind"] == "completed" or row["node"] not in left:  # by whom stands in the former
            left[row["node"]] = row
    undone -= standing
    steps = [
        process.nodes[name]
        for name in left
        if name in process.nodes and not _undoes(process, name)  # that is not done again
    ]
    last = (
        WorkItem.objects.filter(instance_id=loaded.id, node=target, state=WorkState.DONE)
        .order_by("-completed_at")
        .values_list("completed_by", flat=True)
        .first()
    )
    lane = process.nodes[target].lane
    if last is not None:  # who did it finds it again, or whoever stands in for them
        last = picking.stand_in(last, branch_id=loaded.branch_id, post=lane, at=clock_now())
    names = org.staff_names(
        [last]
        + [row["actor_id"] for row in left.values()]
        + [person for row in items.values() for person in (row.claimed_by, row.candidate)]
    )

    def told(tokens: Sequence[model.Token]) -> tuple[Open, ...]:
        return tuple(_open(process, token, items, names) for token in tokens)

    return ReturnPlan(
        item_id=UUID(item["id"]),
        instance_id=loaded.id,
        business_id=loaded.business_id,
        node=item["node"],
        title=item["title"],
        target=target,
        target_title=process.nodes[target].name,
        targets=tuple((name, process.nodes[name].name) for name in nearest),
        again=tuple(
            Again(
                step.id,
                step.name,
                step.kind in MACHINES,
                left[step.id]["actor_id"] if step.kind in PEOPLE else None,
                names.get(left[step.id]["actor_id"], "") if step.kind in PEOPLE else "",
                left[step.id]["at"],
            )
            for step in steps
            if step.kind in (*PEOPLE, *MACHINES)
        ),
        ends=told([token for token in others if token.id not in kept]),
        stays=told([token for token in others if token.id in kept]),
        effects=tuple(
            Done(
                step.id,
                step.name,
                step.action,
                "" if step.id in undone else step.extension.get("compensate", ""),
                step.id in undone,
            )
            for step in steps
            if step.kind is model.NodeKind.SERVICE
        ),
        undoing=_undoing(process, loaded.as_state(), after),
        left=tuple(times),
        post=lane,
        person=last,
        person_name=names.get(last, "") if last else "",
        since=next((r["at"] for r in lines if r["seq"] == since and r["kind"] == "entered"), None),
    )


def _standing(after: model.State, before: Sequence[model.Token], target: str) -> set[str]:
    """What compensation would still undo where the order goes back to."""
    old = {token.id for token in before}
    token = next(t for t in after.tokens if t.node == target and t.id not in old)
    tree = ScopeTree(after.scopes, after.opened)
    return {name for id_ in tree.outwards(token.scope) for name in kept_names(tree.done(id_))}


def _undoes(process: model.Model, name: str) -> bool:
    """Whether a step belongs to a handler of a compensation."""
    return any(process.nodes[id_].undo for id_ in (name, *around(process, name)))


def _undoing(process: model.Model, before: model.State, after: model.State) -> tuple[str, ...]:
    """What was being undone, or still to be, in a branch that is taken away."""
    gone = [scope for id_, scope in before.scopes.items() if id_ not in after.scopes]
    names = [name for scope in gone for name in kept_names(scope.pending)]
    nodes = (process.nodes[name] for name in sorted(names))
    return tuple(node.name or node.id for node in nodes if node.handler)


def _lines(instance_id: UUID) -> list[dict[str, Any]]:
    """The instance's comings and goings, in order."""
    return db.rows(
        """select seq, kind, node, actor_id, at from process_line
 where instance_id = %s and id >= %s and kind in ('entered', 'left', 'completed') order by seq""",
        [instance_id, earliest(instance_id)],
    )


def _open(
    process: model.Model,
    token: model.Token,
    items: Mapping[UUID, WorkItem],
    names: Mapping[UUID, str],
) -> Open:
    assert isinstance(token.id, UUID)
    item = items.get(token.id)
    person = (item.claimed_by or item.candidate) if item else None
    node = process.nodes[token.node]
    return Open(
        token.id,
        node.id,
        node.name or node.id,
        str(token.wait or ""),
        item.post if item else "",
        names.get(person, "") if person else "",
    )


def _compensate(play: Play, plan: ReturnPlan) -> bool:
    """Undo what the playbook undoes by an action of its own, latest first."""
    lines = [line for line in plan.effects if line.undone_by]
    seen = play.seen_by(UUID(play.row["token_id"]))
    values: dict[str, Any] = {}
    for line in reversed(lines):
        action = actions.find(line.undone_by)
        if action is None or action.kind != "transactional":
            raise ProcessRefused(
                _("%(step)s没有可用的撤销动作 %(action)s。")
                % {"step": line.title, "action": line.undone_by},
                _("请更正业务流程包。"),
            )
        node = play.model.nodes[line.node]
        if _of_many(play.model, line.node, plan.node):
            raise ProcessRefused(
                _("%(step)s办了多次，不能一次撤销。") % {"step": line.title},
                _("请先处理，或退回到较近的环节。"),
            )
        try:
            inputs = {n: plain(e.evaluate({**seen, **values})) for n, e in node.inputs.items()}
        except FeelError as error:
            raise ProcessRefused(
                _("%(step)s撤销不了：%(why)s") % {"step": line.title, "why": error},
                _("请先处理，或退回到较近的环节。"),
            ) from error
        context = actions.ActionContext(
            instance_id=play.loaded.id,
            business_id=play.loaded.business_id,
            branch_id=play.loaded.branch_id,
            node=line.node,
            token_id=UUID(play.row["token_id"]),
            key=f"{play.row['token_id']}:{line.node}:undo",
            inputs=inputs,
            actor_id=play.actor_id,
            now=play.now,
            parameters=play.loaded.parameters,
        )
        try:
            with audit.acting(play.actor_id, reason=line.node), wording.stored():
                outcome = action.run(context)
        except KaitongError as error:
            raise ProcessRefused(
                _("%(step)s撤销不了：%(why)s") % {"step": line.title, "why": error.what},
                error.remedy or _("请先处理，或退回到较近的环节。"),
            ) from error
        except Exception as error:
            why = describe(error, node=line.node, action=line.undone_by)
            raise ProcessRefused(
                _("%(step)s撤销不了：%(why)s") % {"step": line.title, "why": why},
                _("请联系系统管理员。"),
            ) from error
        if isinstance(outcome, Mapping):
            values |= outcome
    if values:
        _keep(play, values)
    for line in reversed(lines):
        token_id = UUID(play.row["token_id"])
        play.note("compensated", line.node, token_id, {"action": line.undone_by})
    return bool(values)


def _of_many(process: model.Model, node: str, current: str) -> bool:
    """Whether a step was done for each of many values, which are gone where the return begins."""
    inside = around(process, current)
    places = [node, *around(process, node)]
    return any(process.nodes[p].repeat is not None and p not in inside for p in places)


def _keep(play: Play, values: Mapping[str, Any]) -> None:
    """Set what compensations gave as any step does: where a scope declares it, else outside."""
    state, token_id = play.state, UUID(play.row["token_id"])
    scope = next(token.scope for token in state.tokens if token.id == token_id)
    tree = ScopeTree(state.scopes, state.opened)
    left, _made = tree.assign(scope, {name: plain(value) for name, value in values.items()})
    play.state = replace(state, variables={**state.variables, **left}, scopes=tree.scopes)
