"""From the core's effects to the rows that watch a wait: work items, commands, timers..."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from kaitong.core.ids import uuid7
from kaitong.process import due, four_eyes, model, picking, planned
from kaitong.process.choices import Cause
from kaitong.process.feel import FeelError, plain
from kaitong.process.scopes import Scope, ScopeKind, seen
from kaitong.process.store import Change, Loaded, hold

DEFAULT_RETRIES = 5
MESSAGE_LENGTH = 500
MOST_PART = 100


@dataclass(slots=True)
class Opening:
    """Adds rows to a change, one effect at a time."""

    process: model.Model
    loaded: Loaded
    change: Change
    now: datetime
    actor_id: UUID | None
    behalf: UUID | None = None  # for whom the actor acts (委托)
    variables: Mapping[str, Any] = field(default_factory=dict)  # as this step leaves them
    scopes: Mapping[str, Scope] = field(default_factory=dict)
    # what the history will tell of proposals: node, token, facts
    proposed: list[tuple[str, UUID, dict[str, Any]]] = field(default_factory=list)

    def open(self, effect: model.Effect, token: UUID, at_rest: model.Token) -> None:
        """Open the row for an effect, if the token still waits for that."""
        match effect:
            case model.OpenWork():
                if at_rest.wait is model.WaitKind.WORK:
                    self._work(self.process.nodes[effect.node], token, at_rest.scope)
            case model.OpenCommand():
                if at_rest.wait is model.WaitKind.COMMAND:
                    self._command(effect, token)
            case model.OpenCall():
                if at_rest.wait is model.WaitKind.CHILD:
                    self._call(effect, token)
            case model.OpenTimer():
                self._timer(effect, token)
            case model.Subscribe():
                self._subscription(effect, token)
            case model.OpenIncident():
                if at_rest.wait is model.WaitKind.INCIDENT:
                    self._incident(effect, token)

    def _work(self, node: model.Node, token: UUID, scope: str) -> None:
        loaded = self.loaded
        variables = seen(self.scopes, scope, self.variables)
        post = _post(loaded.parameters, node.lane)
        department = str(post.get("department", ""))
        branch_id = UUID(str(post["branch_id"])) if post.get("branch_id") else loaded.branch_id
        found = due.due(
            node.extension.get("budget", ""),
            parameters=loaded.parameters,
            branch_id=branch_id,
            department=department,
            start=self.now,
        )
        item_id = uuid7()
        passage = four_eyes.passage(self.process, node.id, self.scopes, scope)
        scoped = str(post.get("scope", "")) == "department"
        only_department = department if scoped else ""
        candidate = None
        rule = node.extension.get("pick") or str(post.get("pick", ""))
        if rule:
            hold(loaded)  # whose turn it is is written, and locked after the instance
            choice = picking.choose(
                rule,
                branch_id=branch_id,
                post=node.lane,
                at=self.now,
                grid=str(variables.get(picking.GRID) or ""),
                only_department=only_department,
                but=self._may_not(node, passage),
            )
            if choice is not None:
                candidate = choice.person
                told = {"item": item_id, "rule": choice.rule, "why": list(choice.steps)}
                if candidate is not None:
                    told["to"] = candidate
                self.proposed.append((node.id, token, told))
        self.change.work_opened.append(
            {
                "id": item_id,
                "created_at": self.now,
                "branch_id": branch_id,
                "token_id": token,
                "business_id": loaded.business_id,
                "node": node.id,
                "title": node.name,
                "part": part_of(node, self.scopes, scope, variables),
                "passage": passage,
                "post": node.lane,
                "department": department,
                "only_department": only_department,
                "candidate": candidate,
                "due_at": found.at,
                "due_basis": found.basis,
                "provisional": found.provisional,
                "warn_at": due.warn_at(node, found.at, loaded.parameters),
                "alarm_at": self._alarm_at(node, found),
                "escalate_to": node.extension.get("escalate-to", ""),
                "returned_from": "",
            }
        )

    def _alarm_at(self, node: model.Node, found: due.Due) -> datetime | None:
        """When the first of its levels of warning is reached."""
        if not node.extension.get("levels"):
            return None
        timed = planned.plan(node, self.loaded.parameters, basis=found.basis, due_at=found.at)
        return planned.following(timed, ())

    def _may_not(self, node: model.Node, passage: str) -> set[UUID]:
        """Who has done the other step of a pair that two must do, also in this very step."""
        others = four_eyes.partners(self.process, node)
        if not others:
            return set()
        found = four_eyes.doers(self.process, self.loaded.id, node, passage)
        row = self.loaded.row or {}
        if row.get("node") in others and four_eyes.together(
            self.process, (node.id, passage), (row["node"], row.get("passage", ""))
        ):
            found |= {person for person in (self.actor_id, self.behalf) if person}
        return found

    def _command(self, effect: model.OpenCommand, token: UUID) -> None:
        loaded = self.loaded
        node = self.process.nodes[effect.node]
        self.change.commands_opened.append(
            {
                "id": uuid7(),
                "created_at": self.now,
                "branch_id": loaded.branch_id,
                "token_id": token,
                "business_id": loaded.business_id,
                "node": effect.node,
                "action": effect.action,
                "inputs": dict(effect.inputs),
                # the same for every attempt at this visit of the node, also after an incident
                "idempotency_key": f"{token}:{effect.node}",
                "actor_id": self.actor_id,
                "retries": int(node.extension.get("retries") or DEFAULT_RETRIES),
            }
        )
        self.change.notify = True

    def _call(self, effect: model.OpenCall, token: UUID) -> None:
        self.change.calls_opened.append(
            {
                "id": uuid7(),
                "created_at": self.now,
                "token_id": token,
                "node": effect.node,
                "called": effect.called,
                "definition_id": self.process.calls[effect.called],
                "child_id": uuid7(),
                "inputs": dict(effect.inputs),
                "catches": sorted(effect.catches),
                "actor_id": self.actor_id,
            }
        )
        self.change.notify = True

    def _subscription(self, effect: model.Subscribe, token: UUID) -> None:
        row = {
            "id": uuid7(),
            "at": self.now,
            "token": token,
            "node": effect.node,
            "name": effect.message,
            "key": effect.key,
            "kind": effect.kind,
        }
        self.change.subscriptions_opened.append(row)
        if effect.kind is not model.WaitKind.MESSAGE:
            return  # a signal is heard when it is thrown, a condition looked at within steps
        self.change.messages_woken.append(row)  # one that came early
        self.change.inbox_woken[:] = [{"at": self.now}]
        self.change.notify = True

    def _timer(self, effect: model.OpenTimer, token: UUID) -> None:
        at, basis = effect.at, None
        if at is None:
            start = effect.after or self.now
            key = due.calendar_key(self.loaded.branch_id, "", self.loaded.parameters)
            basis = {"duration": effect.duration, "start": start.isoformat(), "calendar": key}
            at = due.working_duration(effect.duration, start, key)
        row = {
            "token": token,
            "node": effect.node,
            "due_at": at,
            "count": effect.count,
            "due_basis": basis,
        }
        closed = self.change.timers_closed
        fired = [r for r in closed if (r["token"], r["node"]) == (token, effect.node)]
        if fired:  # of a cycle: the row that fired goes on to the next occurrence
            closed.remove(fired[0])
            self.change.timers_moved.append(row)
        else:
            self.change.timers_opened.append({"id": uuid7(), "at": self.now, **row})
        if at <= self.now:
            self.change.notify = True

    def _incident(self, effect: model.OpenIncident, token: UUID) -> None:
        loaded = self.loaded
        node = self.process.nodes[effect.node]
        row = loaded.row or {}
        same = row.get("token_id") == str(token) and "idempotency_key" in row
        self.change.incidents_opened.append(
            {
                "id": uuid7(),
                "created_at": self.now,
                "branch_id": loaded.branch_id,
                "token_id": token,
                "business_id": loaded.business_id,
                "node": node.id,
                "title": node.name,
                "post": node.lane,
                "command_id": row["id"] if same else None,
                "cause": effect.cause if effect.cause in Cause.values else Cause.BUG,
                "message": effect.message[:MESSAGE_LENGTH],
                "definition_id": loaded.definition_id,
                "action": node.action,
            }
        )


def part_of(
    node: model.Node, scopes: Mapping[str, Scope], scope_id: str, variables: Mapping[str, Any]
) -> str:
    """Which of many a piece of work is about: what `kaitong:subject` says, else the item of the
    instance it belongs to, or its number."""
    if node.subject is not None:
        try:
            return _short(plain(node.subject.evaluate(variables)))
        except FeelError:
            return ""  # it only tells people apart; the work itself goes on
    while scope_id in scopes:
        scope = scopes[scope_id]
        loop = scopes[scope.parent].loop if scope.kind is ScopeKind.ONE else None
        if loop is not None and loop.total is not None:
            named = _short(loop.items[scope.at]) if loop.items else ""
            return named or str(scope.at + 1)
        scope_id = scope.parent
    return ""


def _short(value: Any) -> str:
    told = isinstance(value, str | int | float | Decimal) and not isinstance(value, bool)
    return str(value)[:MOST_PART] if told else ""


def _post(parameters: Mapping[str, Any], post: str) -> Mapping[str, Any]:
    """What the playbook's snapshot says about a post: department, branch_id, pick."""
    posts = parameters.get("posts")
    if posts is None:
        return {}
    found = posts.get(post) if isinstance(posts, Mapping) else None
    return found if isinstance(found, Mapping) else {}
