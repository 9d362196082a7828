"""From the core's effects to the rows that watch a wait: work items, commands, timers..."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count

from kaitong.core.ids import uuid7
from kaitong.org import queries as org
from kaitong.process import due, model
from kaitong.process.choices import OPEN_WORK, Cause
from kaitong.process.models import WorkItem
from kaitong.process.store import Change, Loaded

DEFAULT_RETRIES = 5
MESSAGE_LENGTH = 500


@dataclass(slots=True)
class Opening:
    """Adds rows to a change, one effect at a time."""

    process: model.Model
    loaded: Loaded
    change: Change
    now: datetime
    actor_id: UUID | None

    def open(self, effect: model.Effect, token: UUID, at_rest: model.Token) -> None:
        """Open the row for an effect, if the token still waits for that."""
        match effect:
            case model.OpenWork():
                if at_rest.wait is model.WaitKind.WORK:
                    self._work(self.process.nodes[effect.node], token)
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

    def _work(self, node: model.Node, token: UUID) -> None:
        loaded = self.loaded
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
        candidate = None
        if node.extension.get("pick") == "least-loaded" or post.get("pick") == "least-loaded":
            candidate = least_loaded(branch_id, node.lane)
        self.change.work_opened.append(
            {
                "id": uuid7(),
                "created_at": self.now,
                "branch_id": branch_id,
                "token_id": token,
                "business_id": loaded.business_id,
                "node": node.id,
                "title": node.name,
                "post": node.lane,
                "department": department,
                "candidate": candidate,
                "due_at": found.at,
                "due_basis": found.basis,
                "provisional": found.provisional,
                "warn_at": due.warn_at(node, found.at, loaded.parameters),
                "escalate_to": node.extension.get("escalate-to", ""),
                "returned_from": "",
            }
        )

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
        at = effect.at
        if at is None:
            key = due.calendar_key(self.loaded.branch_id, "", self.loaded.parameters)
            at = due.working_duration(effect.duration, self.now, key)
        self.change.timers_opened.append(
            {"id": uuid7(), "at": self.now, "token": token, "node": effect.node, "due_at": at}
        )
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


def _post(parameters: Mapping[str, Any], post: str) -> Mapping[str, Any]:
    """What the playbook's snapshot says about a post: department, branch_id, pick."""
    posts = parameters.get("posts")
    found = posts.get(post) if isinstance(posts, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def least_loaded(branch_id: UUID, post: str) -> UUID | None:
    """Who of a post's holders has the least open work; ties go to the first by user name."""
    holders = [staff.pk for staff in org.holders(branch_id, post)]
    if not holders:
        return None
    load: dict[UUID, int] = dict.fromkeys(holders, 0)
    open_items = WorkItem.objects.filter(state__in=OPEN_WORK)
    for column in ("claimed_by", "candidate"):
        counted = open_items.filter(**{f"{column}__in": holders})
        if column == "candidate":
            counted = counted.filter(claimed_by=None)
        for row in counted.values(column).annotate(count=Count("id")):
            load[row[column]] += row["count"]
    return min(holders, key=lambda holder: load[holder])
