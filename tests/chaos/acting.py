"""The actions of the chaos processes, and the network replaced by the receiver.

Installed in every process that lets instances advance. The external ones ask the receiver under the
command's own key; the transactional one writes into a table beside Kaitong's, in the step's
transaction: what stands there stands with the step or not at all.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from django.db import connection

from kaitong.activation import services as activation
from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    Adapter,
    Conversation,
    Outcome,
    Proof,
    ProofKind,
    ProofResult,
    Reading,
    Subject,
)
from kaitong.activation.errors import Unreachable
from kaitong.inventory.results import ServiceView
from kaitong.playbooks import wiring
from kaitong.process.actions import Action, ActionContext, BusinessError, Transient, Wait
from tests.chaos.receiver import PATIENCE

LEDGER = """create table if not exists chaos_ledger (id bigserial primary key,
 instance uuid not null, node text not null, token uuid not null,
 at timestamptz not null default now())"""
REFUSED = "refused"
_asking: ContextVar[ActionContext] = ContextVar("asking")


def ask(path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Ask the receiver; ConnectionError and TimeoutError as the socket raises them."""
    port = int(os.environ["KAITONG_CHAOS_RECEIVER"])
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        link.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = link.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    except http.client.HTTPException as error:
        raise ConnectionError(type(error).__name__) from None
    finally:
        link.close()


def asked_by(ctx: ActionContext, what: str, **more: Any) -> dict[str, Any]:
    return {
        "key": ctx.key,
        "instance": str(ctx.instance_id),
        "node": ctx.node,
        "token": str(ctx.token_id),
        "what": what,
        **more,
    }


def write(ctx: ActionContext) -> Mapping[str, Any] | Wait:
    """An effect outside. Every third command is asked to wait once before."""
    if ctx.token_id.int % 3 == 0 and not ctx.memory:
        return Wait(0.2, "对方要求稍后再问。", {"asked": True})
    status, _answer = ask("/do", asked_by(ctx, "write", may_refuse=True))
    if status == 409:
        raise BusinessError(REFUSED, "对方不受理。")
    if status != 200:
        raise Transient("network", f"对方答复 {status}。")
    return {"written": True}


def note(ctx: ActionContext) -> Mapping[str, Any]:
    """An effect in the database; at some visits it fails after it has written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into chaos_ledger (instance, node, token) values (%s, %s, %s)",
            [ctx.instance_id, ctx.node, ctx.token_id],
        )
    drawn = ctx.token_id.int % 16
    if drawn == 3:
        raise BusinessError(REFUSED, "不受理。")
    if drawn == 7 and not os.path.exists(os.environ["KAITONG_CHAOS_KIND"]):
        raise RuntimeError("an action breaks after it has written")
    return {"noted": True}


class Network(Adapter):
    """An AAA server as far as these processes need one: accounts, in the receiver's file."""

    def apply(self, change: AccountChange, talk: Conversation, *, dry_run: bool = False) -> Outcome:
        talk.sent(f"{change.account} {change.state}")
        body = asked_by(
            _asking.get(), "account", account=change.account, state=str(change.state.value)
        )
        status, _answer = self._ask("/do", body)
        talk.got(str(status))
        if status != 200:
            raise Unreachable(f"认证系统答复 {status}。")
        return Outcome(1)

    def bring(
        self,
        account: str,
        desired: Callable[[], AccountChange],
        talk: Conversation,
        *,
        dry_run: bool = False,
    ) -> Outcome:
        return self.apply(desired(), talk, dry_run=dry_run)

    def undo(self, change: AccountChange, talk: Conversation, *, dry_run: bool = False) -> Outcome:
        raise NotImplementedError

    def read(self, account: str, talk: Conversation) -> Reading:
        return Reading(AccountState(self._state(account)))

    def prove(self, subject: Subject, kind: ProofKind, talk: Conversation) -> Proof:
        state = self._state(subject.account)
        talk.sent(subject.account)
        talk.got(state)
        there = state == AccountState.OPEN.value
        facts: dict[str, Any] = {"account": subject.account, "answer": state}
        if kind is ProofKind.REMOVED:
            result = ProofResult.STILL_OPEN if there else ProofResult.PROVEN
        elif not there:
            result = ProofResult.REFUSED
        else:
            result = ProofResult.PROVEN
        if subject.line is not None:
            line = {
                "access_node": subject.line.access_node,
                "pon_port": subject.line.pon_port,
                "logical_id": subject.line.logical_id,
            }
            facts |= {"expected": line, "seen": line, "differences": []}
        return Proof(kind, result, facts)

    def sessions_since(self, after: int | None, limit: int) -> tuple[list[Any], int]:
        return [], after or 0

    def _state(self, account: str) -> str:
        return str(self._ask("/account", {"account": account})[1].get("state", "absent"))

    @staticmethod
    def _ask(path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            return ask(path, body)
        except (ConnectionError, TimeoutError) as error:
            raise Unreachable(f"认证系统没有答复（{type(error).__name__}）。") from None


def _seen(service: ServiceView, order_id: object, key: str) -> Proof:
    """What the installer's check sees: the session on the registered line."""
    assert service.port is not None
    line = {
        "access_node": service.port.access_node,
        "pon_port": service.port.pon_port,
        "logical_id": service.logical_id,
    }
    facts = {"account": service.account, "expected": line, "seen": line, "differences": []}
    return Proof(ProofKind.LINE, ProofResult.PROVEN, facts)


def _known(action: Action) -> Action:
    """The shipped action; its adapter learns which command asks."""

    def run(ctx: ActionContext) -> Any:
        mark = _asking.set(ctx)
        try:
            return action.run(ctx)
        finally:
            _asking.reset(mark)

    return Action(action.name, action.kind, run)


ACTIONS = (
    Action("chaos.write", "external", write),
    Action("chaos.note", "transactional", note),
)


def install() -> None:
    """In this process: the chaos actions beside the shipped ones, and no real network."""
    from functools import partial

    from kaitong.fieldwork import services as fieldwork

    network: Callable[[Any], Any] = lambda element: Network()  # noqa: E731
    activation.adapter = network  # type: ignore[assignment]
    for name, action in list(wiring.ACTIONS.items()):
        if action.kind == "external":
            wiring.ACTIONS[name] = _known(action)
    wiring.ACTIONS.update({action.name: action for action in ACTIONS})
    wiring.CHECKS["line"] = partial(fieldwork.check_line, look=_seen)
    wiring.install()
