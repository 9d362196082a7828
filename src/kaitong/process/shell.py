"""The thin shell around the pure core: one `Play` is one step under the instance's lock.

A verb makes a `Play`, checks, notes what happened, lets the core advance and saves. Transactional
actions run inside, each in a savepoint: what they raise is rolled back and parked as an incident,
so that the completion of the person who triggered them is never lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import OperationalError, transaction
from django.utils.translation import gettext as _

from kaitong.core import audit, wording
from kaitong.core.clock import now as clock_now
from kaitong.core.ids import uuid7, uuid_from
from kaitong.process import (
    actions,
    bounds,
    listening,
    model,
    phases,
    scopes,
    standstill,
    store,
    thrown,
)
from kaitong.process.advance import advance
from kaitong.process.choices import Cause, InstanceState
from kaitong.process.definitions import model_of
from kaitong.process.errors import ProcessConflict, ProcessNotFound
from kaitong.process.failing import cause_of, describe, survives
from kaitong.process.opening import Opening
from kaitong.process.store import Change, Loaded, RowKind

MAX_CALLS = bounds.STEP_ACTIONS


class Play:
    """A locked instance, what happens to it, and the change that `save` writes."""

    def __init__(self, loaded: Loaded, *, actor_id: UUID | None, now: datetime) -> None:
        self.loaded = loaded
        self.model = model_of(loaded.definition_id)
        self.actor_id = actor_id
        self.now = now
        self.change = Change(state=loaded.state, open_waits=loaded.open_waits, actor_id=actor_id)
        self.state = loaded.as_state()
        self._names: dict[int, UUID] = {}
        self._calls = 0
        self._row_patch: dict[str, Any] = {}
        self._kind: RowKind | None = None
        acted = loaded.row and loaded.row.get("token_id")
        self._acted = uuid_from(acted) if acted else None  # the token of the row
        self.behalf: UUID | None = None  # for whom the actor acts (委托)
        self.ended_call: UUID | None = None  # the token whose called process has ended

    # ---- beginning ----

    @classmethod
    def on_instance(cls, instance_id: UUID, *, actor_id: UUID | None) -> Play:
        """Lock and load an instance."""
        loaded = store.take(instance_id)
        if loaded is None:
            raise ProcessNotFound(_("没有这个流程实例。"), _("请核对编号和所在分公司。"))
        return cls(loaded, actor_id=actor_id, now=clock_now())

    @classmethod
    def on_row(cls, kind: RowKind, row_id: UUID, *, actor_id: UUID | None) -> Play | None:
        """Lock the instance of a work item, command... and load both; None when there is none."""
        loaded = store.take_by(kind, row_id)
        if loaded is None:
            return None
        play = cls(loaded, actor_id=actor_id, now=clock_now())
        play._kind = kind
        return play

    @classmethod
    def at_work(cls, item_id: UUID, *, actor_id: UUID | None) -> Play | None:
        """Look at a work item and its instance without a lock (`store.look`)."""
        loaded = store.look(item_id)
        if loaded is None:
            return None
        play = cls(loaded, actor_id=actor_id, now=clock_now())
        play._kind = "workitem"
        return play

    @classmethod
    def if_free(cls, instance_id: UUID, kind: RowKind, row_id: UUID) -> Play | None:
        """As `on_row` for a machine that must not wait: None while somebody holds the lock."""
        loaded = store.take_if_free(instance_id, kind, row_id)
        if loaded is None:
            return None
        play = cls(loaded, actor_id=None, now=clock_now())
        play._kind = kind
        return play

    @property
    def row(self) -> dict[str, Any]:
        """The work item, command, incident... the verb acts on, as read under the lock."""
        assert self.loaded.row is not None
        return self.loaded.row

    def holds(self, token_id: UUID, node: str | None = None) -> bool:
        """Whether the token still stands (and at this node)."""
        return self.loaded.running and any(
            t.id == token_id and (node is None or t.node == node) for t in self.loaded.tokens
        )

    def seen_by(self, token_id: UUID) -> Mapping[str, Any]:
        """The variables as a token sees them: in its scope, or in the one that it waits for."""
        state = self.state
        scope = next((t.scope for t in state.tokens if t.id == token_id), scopes.ROOT)
        scope = scopes.sight(state.scopes, token_id, scope)
        return scopes.seen(state.scopes, scope, state.variables)

    # ---- telling ----

    def note(
        self,
        kind: str,
        node: str = "",
        token: UUID | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Append a line to the history; one about a work item says for whom it was done (委托)."""
        if self.behalf is not None and data and "item" in data:
            data = {**data, "for": self.behalf}
        if data:
            self.change.history.append((kind, node, token, data))
        elif token is not None:
            self.change.history.append((kind, node, token))
        else:
            self.change.history.append((kind, node))

    def note_item(self, kind: str, **data: Any) -> None:
        """Append a line about the work item the verb acts on; empty facts are left out."""
        item = self.row
        facts = {key: value for key, value in data.items() if value not in (None, "")}
        self.note(kind, item["node"], UUID(item["token_id"]), {"item": item["id"], **facts})

    def patch(self, **columns: Any) -> None:
        """Change columns of the row the verb acts on."""
        self._row_patch.update(columns)

    def patched(self, column: str) -> Any:
        """What a column of that row will be."""
        return self._row_patch.get(column, self.row.get(column))

    # ---- advancing ----

    def advance(self, event: model.Event) -> None:
        """Let the core play until everything waits again, running transactional actions."""
        self.follow(advance(self.model, self.state, event, external=actions.external()))

    def follow(self, step: model.Step) -> None:
        """What follows from a step of the core: actions it calls, until none remains, and rows."""
        self.state = step.state
        effects = list(step.effects)
        while step.call is not None:
            following = self._perform(step.call)
            step = advance(self.model, self.state, following, external=actions.external())
            self.state = step.state
            effects += step.effects
        self._apply(effects)

    def recount(self) -> None:
        """Count the open waits anew (the sweeper's)."""
        self._apply([])

    def name(self, token: UUID | int) -> UUID:
        """The identifier of a token; tokens made in this step get theirs on first mention."""
        if isinstance(token, UUID):
            return token
        found = self._names.get(token)
        if found is None:
            found = self._names[token] = uuid7()
        return found

    def hold(self) -> None:
        """Lock the instance that was only looked at, before rows of others are read or written."""
        store.hold(self.loaded)

    def _perform(self, call: model.Call) -> model.Event:
        """Run a transactional action in a savepoint; its outcome as an event."""
        self.hold()
        token, now = call.token, self.now
        self._calls += 1
        if self._calls > MAX_CALLS:
            message = "流程在这里反复执行而不等待任何事。"
            return model.Failed(now=now, token=token, cause=Cause.LOOP, message=message)
        action = actions.find(call.action)
        if action is None:
            return model.Failed(
                now=now, token=token, cause=Cause.BUG, message=f"没有安装动作 {call.action}。"
            )
        loaded = self.loaded
        token_id = self.name(token)
        context = actions.ActionContext(
            instance_id=loaded.id,
            business_id=loaded.business_id,
            branch_id=loaded.branch_id,
            node=call.node,
            token_id=token_id,
            key=f"{token_id}:{call.node}",
            inputs=call.inputs,
            actor_id=self.actor_id,
            now=now,
            parameters=loaded.parameters,
        )
        try:
            with (
                transaction.atomic(),
                audit.acting(self.actor_id, reason=call.node),
                wording.stored(),  # what an action says is kept, whoever's step it is
            ):
                outcome = action.run(context)
        except actions.BusinessError as error:
            return model.BpmnError(
                now=now, token=token, code=error.code, message=error.what, values=error.values
            )
        except OperationalError as error:
            if not survives(error):
                raise
            message = describe(error, node=call.node, action=call.action)
            return model.Failed(now=now, token=token, cause=Cause.TIMEOUT, message=message)
        except Exception as error:
            message = describe(error, node=call.node, action=call.action)
            return model.Failed(now=now, token=token, cause=cause_of(error), message=message)
        if outcome is None:
            outcome = {}
        if not isinstance(outcome, Mapping):
            message = f"动作 {call.action} 应返回一组值。"
            return model.Failed(now=now, token=token, cause=Cause.BUG, message=message)
        return model.Returned(now=now, token=token, values=outcome)

    # ---- from effects to rows ----

    def _apply(self, effects: list[model.Effect]) -> None:
        change, loaded = self.change, self.loaded
        before = {t.id: t for t in loaded.tokens}
        after = {t.id: t for t in self.state.tokens}
        for token_id, token in after.items():
            was = before.get(token_id)
            if was is token:  # it stands where it stood
                continue
            if was is None or was != token:
                row = {
                    "id": self.name(token_id),
                    "at": self.now,
                    "node": token.node,
                    "wait": token.wait,
                    "scope": token.scope,
                    "arrived_by": token.arrived_by,
                }
                (change.tokens_added if was is None else change.tokens_changed).append(row)
            if was is not None and (was.node, was.wait) != (token.node, token.wait):
                self._close_wait(was, moved_on=False)
        for token_id, token in before.items():
            if token_id not in after:
                change.tokens_removed.append({"id": token_id})
                self._close_wait(token, moved_on=True)
                self._close_boundaries(token)
        opening = Opening(
            self.model,
            loaded,
            change,
            self.now,
            self.actor_id,
            self.behalf,
            self.state.variables,
            self.state.scopes,
        )
        for effect in effects:
            if type(effect) is model.Record:  # most of them
                named = None if effect.token is None else self.name(effect.token)
                self.note(effect.kind, effect.node, named, effect.data)
                continue
            match effect:
                case model.SetVariables():
                    change.variables = dict(self.state.variables)
                case model.Publish():
                    thrown.publish(self, effect)
                case model.Broadcast():
                    thrown.throw(self, effect, effects)
                case model.Escalate():
                    thrown.escalate(self, effect)
                case model.Finish():
                    change.state = effect.state
                    change.ended_at = self.now
                    if loaded.parent_id is not None:
                        thrown.tell_caller(self, loaded.parent_id, effect)
                case (
                    model.OpenWork()
                    | model.OpenCommand()
                    | model.OpenCall()
                    | model.OpenTimer()
                    | model.Subscribe()
                    | model.OpenIncident()
                ) if effect.token in after:
                    opening.open(effect, self.name(effect.token), after[effect.token])
        behalf, self.behalf = self.behalf, None  # a proposal is the system's own
        for node, token_id, told in opening.proposed:
            self.note("proposed", node, token_id, told)
        self.behalf = behalf
        if not self.state.running and change.state == InstanceState.RUNNING:
            raise ProcessConflict(_("流程已结束，但没有说明结果。"))
        change.open_waits = sum(t.wait not in model.UNCOUNTED for t in after.values())
        phases.track(self.model, loaded, change, loaded.tokens, self.state.tokens, self.now)
        if self.state.opened or self.state.scopes or loaded.scopes:
            kept = scopes.kept(self.state.scopes, self.state.opened, self.name)
            if kept != loaded.scopes:
                change.scopes = kept

    def _close_wait(self, token: model.Token, *, moved_on: bool) -> None:
        """Close the row that watched a token's wait, unless the verb itself closes it."""
        change = self.change
        close = {"token": token.id, "at": self.now, "state": "cancelled"}
        own = self._kind if token.id == self._acted else None
        match token.wait:
            case model.WaitKind.WORK:
                if own != "workitem":
                    change.work_closed.append(close)
                    change.suspensions_ended.append(
                        {"token": token.id, "at": self.now, "by": self.actor_id}
                    )
            case model.WaitKind.COMMAND:
                if own != "command":
                    change.commands_closed.append(close)
                # a retried incident is settled by the outcome of its new run
                solved = moved_on and own == "command"
                change.incidents_closed.append(
                    {**close, "state": "resolved" if solved else "cancelled"}
                )
            case model.WaitKind.CHILD:
                heard = token.id == self.ended_call
                change.calls_closed.append({**close, "state": "done" if heard else "cancelled"})
                if not heard:
                    event = {"kind": "cancel", "reason": ""}
                    row_id = {"id": uuid7(), "at": self.now, "token": token.id, "event": event}
                    change.children_told.append(row_id)
                    change.notify = True
            case model.WaitKind.INCIDENT:
                if own != "incident":
                    change.incidents_closed.append(close)
            case model.WaitKind.TIMER:
                self.close_timer(token.id, token.node, "cancelled")
            case model.WaitKind.LISTEN if self.model.nodes[token.node].timer is not None:
                self.close_timer(token.id, token.node, "cancelled")
            case (
                model.WaitKind.MESSAGE
                | model.WaitKind.SIGNAL
                | model.WaitKind.CONDITION
                | model.WaitKind.LISTEN
            ):
                self.close_subscription(token.id, token.node, "cancelled")
            case model.WaitKind.EVENT:
                for flow in self.model.nodes[token.node].outgoing:
                    if self.model.nodes[flow.target].timer is not None:
                        self.close_timer(token.id, flow.target, "cancelled")
                    else:
                        self.close_subscription(token.id, flow.target, "cancelled")

    def _close_boundaries(self, token: model.Token) -> None:
        for boundary_id in self.model.nodes[token.node].boundaries:
            boundary = self.model.nodes[boundary_id]
            if boundary.timer is not None:
                self.close_timer(token.id, boundary_id, "cancelled")
            elif boundary.message or boundary.signal or boundary.condition is not None:
                self.close_subscription(token.id, boundary_id, "cancelled")

    def close_timer(self, token: UUID | int, node: str, state: str) -> None:
        """Close a timer of a token; the first word on a timer counts (fired before cancelled)."""
        _close_once(self.change.timers_closed, token, node, state)

    def heard(self, token: UUID | int, node: str) -> None:
        """A message or signal came: a boundary event that does not interrupt goes on listening."""
        found = self.model.nodes[node]
        if found.interrupting or found.attached_to is None:
            self.close_subscription(token, node, "delivered")

    def close_subscription(self, token: UUID | int, node: str, state: str) -> None:
        _close_once(self.change.subscriptions_closed, token, node, state)

    # ---- ending ----

    def save(self, *, last: bool = False) -> None:
        """Write everything in one statement.

        `last`: the verb asks the database for nothing after this; the commit may go with it.
        """
        if self._row_patch:
            row = {**self.row, **self._row_patch}
            rows = {
                "workitem": self.change.work_changed,
                "command": self.change.commands_changed,
                "incident": self.change.incidents_changed,
                "phase": self.change.phases_changed,
            }
            assert self._kind in rows
            rows[self._kind].append(row)
            self.change.patched = self._row_patch
        facts = self._facts()
        change = self.change
        if change.has("suspensions_ended") and phases.of_model(self.model):
            from kaitong.process import suspension  # it is built on this module

            self.hold()
            suspension.taken_away(self)
        ledger = self.loaded.business_id if self._ledger_changes() else None
        # who is told writes rows of its own in this transaction
        stands = self._stands(ledger is not None)
        last = last and not facts and ledger is None and stands is None
        store.write(self.loaded, change, now=self.now, last=last)
        for fact in facts:
            listening.tell(fact)
        if ledger is not None:
            listening.ledger_changed(ledger, self.now)
        if stands is not None:
            listening.standstill_changed(stands)

    def _stands(self, ledger: bool) -> UUID | None:
        """The business whose work may have come to a standstill in this step, or gone on."""
        if self.loaded.business_id is None or not listening.hears_standstill():
            return None
        return self.loaded.business_id if standstill.may_have_changed(self, ledger=ledger) else None

    def _ledger_changes(self) -> bool:
        return self.change.has("suspensions_opened", "suspensions_ended", "suspensions_voided")

    def _facts(self) -> list[listening.StepFact]:
        """What who listens must hear, within this transaction: work whose task names a notice."""
        if not self.change.has("work_opened", "work_changed"):
            return []
        return listening.facts(
            self.model,
            instance_id=self.loaded.id,
            business_id=self.loaded.business_id,
            now=self.now,
            opened=self.change.work_opened,
            changed=self.change.work_changed,
        )


def _close_once(rows: list[dict[str, Any]], token: UUID | int, node: str, state: str) -> None:
    if not any(r["token"] == token and r["node"] == node for r in rows):
        rows.append({"token": token, "node": node, "state": state})
