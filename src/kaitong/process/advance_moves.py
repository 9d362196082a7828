"""Tokens on the move: what each kind of node does with a token that comes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kaitong.process import (
    advance_conditions,
    advance_events,
    advance_inclusive,
    advance_script,
)
from kaitong.process.advance_scopes import MAX_MOVES, MAX_TOKENS
from kaitong.process.advance_tokens import TokenId
from kaitong.process.advance_undo import Undoing
from kaitong.process.dmn.errors import DecisionError
from kaitong.process.feel import FeelError
from kaitong.process.model import (
    ANY_ERROR,
    Call,
    Node,
    NodeKind,
    OpenCall,
    OpenCommand,
    OpenWork,
    Publish,
    Token,
    WaitKind,
)
from kaitong.process.scopes import ROOT

__all__ = ["MAX_MOVES", "MAX_TOKENS", "Moves", "TokenId"]


class Moves(Undoing):
    """The token game of one step."""

    def run(self) -> None:
        """Move tokens until all rest, the instance ended, or an action must be called."""
        while self.call is None and not self.finished:
            if self.stirred or self.due:
                advance_conditions.look(self)
                continue
            if not self.queue:
                if self.model.inclusive and advance_inclusive.release(self):
                    continue
                if self.tree and self.settle_scopes():
                    continue
                return
            token = self.queue.popleft()
            node = self.model.nodes[token.node]
            self.here = token.scope
            self.note("entered", node.id, token.id, self.place(token, node))
            self.execute(token, node)

    def execute(self, token: Token, node: Node) -> None:
        """Do what the node does. A retried token is still among the resting ones."""
        if node.repeat is not None and not self.is_one(token, node):
            self.repeat(token, node)
            return
        _EXECUTE[node.kind](self, token, node)

    def _pass(self, token: Token, node: Node) -> None:
        self.leave(token, node)

    def jump(self, token: Token, node: Node) -> None:
        """Go on at the link's catch event. Links that lead in a circle are a loop."""
        if not self.looping(token, node):
            self.leave(token, node)

    def _terminate(self, token: Token, node: Node) -> None:
        """End everything in the scope; the scope's activity is completed, what is outside goes on
        (BPMN 2.0.2, 13.5.6)."""
        self.leave(token, node)
        if token.scope != ROOT:
            self.end_scope(token.scope)
            return
        self.take_all_away("terminated")
        self.finish("terminated", node.id)

    def _error_end(self, token: Token, node: Node) -> None:
        self.set_variables({"error_code": node.error_code})
        self.note("error", node.id, token.id, {"code": node.error_code})
        catcher = self.catching_error(token, node, node.error_code or "")
        self.leave(token, node)
        if catcher is not None:
            self.caught(*catcher)
            return
        self.take_all_away("terminated")
        self.finish("terminated", node.id, node.error_code or "")

    def _work(self, token: Token, node: Node) -> None:
        first = self.rest(token, WaitKind.WORK)
        self.effects.append(OpenWork(token.id, node.id))
        if first and node.boundaries:
            self.open_boundaries(token, node)

    def _service(self, token: Token, node: Node) -> None:
        if self.looping(token, node):
            return
        try:
            inputs = self.inputs(node)
        except FeelError as error:
            self.incident(token, node, "data", f"动作的输入算不出来：{error}")
            return
        if node.action in self.external:
            first = self.rest(token, WaitKind.COMMAND)
            self.effects.append(OpenCommand(token.id, node.id, node.action, inputs))
            if first and node.boundaries:
                self.open_boundaries(token, node)
            return
        self.called = token
        self.call = Call(token.id, node.id, node.action, inputs)

    def _call(self, token: Token, node: Node) -> None:
        """Ask for a child instance; the token waits until it is told how that ended."""
        if self.looping(token, node):
            return
        try:
            inputs = self.inputs(node)
        except FeelError as error:
            self.incident(token, node, "data", f"调用流程的输入算不出来：{error}")
            return
        codes = {code or ANY_ERROR for code in self.caught_codes(token, node)}
        first = self.rest(token, WaitKind.CHILD)
        catches = self.catches | codes
        self.effects.append(OpenCall(token.id, node.id, node.called, inputs, catches))
        if first and node.boundaries:
            self.open_boundaries(token, node)

    def _decide(self, token: Token, node: Node) -> None:
        """Make a decision; what cannot be decided waits for a person."""
        if self.looping(token, node):
            return
        file, _, name = node.decision.partition("#")
        try:
            given = {
                word: expression.evaluate(self.variables)
                for word, expression in node.inputs.items()
            }
            decision = self.model.decisions[file].find(name)
            outcome = self.model.decisions[file].decide(name, {**self.variables, **given})
            answers = self.answers(node, {decision.variable: outcome})
        except (FeelError, DecisionError) as error:
            self.incident(token, node, "data", f"决策没有结果：{error}")
            return
        self.set_variables(answers)
        self.leave(token, node)

    def _publish(self, token: Token, node: Node) -> None:
        """Say something to whoever waits for it, and go on (or end)."""
        if self.looping(token, node):
            return
        try:
            key = self.message_key(node)
            values = self.inputs(node)
        except (FeelError, ValueError) as error:
            self.incident(token, node, "data", str(error))
            return
        self.effects.append(Publish(token.id, node.id, node.message, key, values))
        self.leave(token, node)

    def _await_first(self, token: Token, node: Node) -> None:
        """Wait for everything behind an event-based gateway; the first to come decides."""
        arms = [self.model.nodes[flow.target] for flow in node.outgoing]
        try:
            opened = [self.watcher(token.id, arm) for arm in arms]
        except (FeelError, ValueError) as error:
            self.incident(token, node, "data", str(error))
            return
        self.rest(token, WaitKind.EVENT)
        self.effects += opened
        for arm in arms:
            self.awaits(token, arm)

    def decide(self, token: Token, gateway: Node, arm_id: str) -> tuple[Token, Node]:
        """The event `arm_id` came first: the token moves there and the other waits are withdrawn.

        It is not at rest there, but about to leave.
        """
        flow = next(flow for flow in gateway.outgoing if flow.target == arm_id)
        self.note("left", gateway.id, token.id)
        self.drop(token, "completed")
        moved = Token(self.new_id(), arm_id, None, token.scope, flow.id)
        self.note("entered", arm_id, moved.id, {"flow": flow.id})
        return moved, self.model.nodes[arm_id]

    def _catch(self, token: Token, node: Node) -> None:
        if node.instantiate:  # its message has begun the instance
            self.leave(token, node)
            return
        try:
            opened = self.watcher(token.id, node)
        except (FeelError, ValueError) as error:
            self.incident(token, node, "data", str(error))
            return
        first = self.rest(token, _CATCHES[node.kind])
        self.effects.append(opened)
        self.awaits(token, node)
        if first and node.boundaries:
            self.open_boundaries(token, node)

    def happened(self, token: Token, event: Node, values: Mapping[str, Any] | None = None) -> None:
        """What `event` waits for came about: there the token stands, or before it (an event-based
        gateway), or it hangs on the token's node, or it begins an event sub-process."""
        node = self.model.nodes[token.node]
        self.here = token.scope
        if token.wait is WaitKind.LISTEN:
            self.heard_with(token, node, values or {})
            return
        if event.id == node.id or token.wait is WaitKind.EVENT:
            if event.id != node.id:
                token, node = self.decide(token, node, event.id)
            try:
                answers = self.answers(node, values or {})
            except FeelError as error:
                told = {"values": dict(values or {})}
                self.incident(token, node, "data", f"回填的值算不出来：{error}", told)
                return
            self.set_variables(answers)
            self.leave(token, node)
            return
        self.set_variables(values or {})
        self.fire(event, token)

    def _exclusive(self, token: Token, node: Node) -> None:
        if self.looping(token, node):
            return
        otherwise = None
        try:
            for flow in node.outgoing:
                if flow.id == node.default:
                    otherwise = flow
                    continue
                answer = True if flow.condition is None else flow.condition.evaluate(self.variables)
                if answer is True:
                    self.leave(token, node, (flow,))
                    return
                if answer is not False:
                    what = "未知（null）" if answer is None else "既不是真也不是假"
                    message = f"流向 {flow.name or flow.id} 的条件{what}：{flow.condition.text}"
                    self.incident(token, node, "data", message)
                    return
        except FeelError as error:
            self.incident(token, node, "data", str(error))
            return
        if otherwise is None:
            message = "没有一个条件成立，也没有默认流向。"
            self.incident(token, node, "data", message)
            return
        self.leave(token, node, (otherwise,))

    def _parallel(self, token: Token, node: Node) -> None:
        """Join (one token of each distinct incoming flow) and fork."""
        if self.looping(token, node):
            return
        if node.incoming > 1:
            partners = self.parked_partners(token)
            if len(partners) + 1 < node.incoming:
                self.rest(token, WaitKind.JOIN)
                return
            self.merge(partners)
        self.leave(token, node)

    def parked_partners(self, token: Token) -> list[Token]:
        """The first token parked at the same join for each other incoming flow."""
        found: dict[str, Token] = {}
        for other in self.resting.values():
            if (
                other.node == token.node
                and other.wait is WaitKind.JOIN
                and other.scope == token.scope
                and other.id != token.id
            ):
                found.setdefault(other.arrived_by, other)
        found.pop(token.arrived_by, None)
        return list(found.values())

    def merge(self, partners: Iterable[Token]) -> None:
        for partner in partners:
            self.note("joined", partner.node, partner.id)
            self.drop(partner, "joined")

    def retry_boundary(self, token: Token, node: Node) -> None:
        """Try again to set the watch of a boundary event whose timer or key had no value."""
        hosts = (
            t
            for t in self.resting.values()
            if t.node == node.attached_to and t.scope == token.scope
        )
        host = next(hosts, None)
        if host is not None:
            try:
                opened = self.watcher(host.id, node)
            except (FeelError, ValueError) as error:
                self.incident(token, node, "data", str(error))
                return
            self.effects.append(opened)
        self.give_up(token)


_CATCHES = {
    NodeKind.RECEIVE: WaitKind.MESSAGE,
    NodeKind.MESSAGE_CATCH: WaitKind.MESSAGE,
    NodeKind.TIMER_CATCH: WaitKind.TIMER,
    NodeKind.SIGNAL_CATCH: WaitKind.SIGNAL,
    NodeKind.CONDITION_CATCH: WaitKind.CONDITION,
}
_EXECUTE: dict[NodeKind, Callable[[Moves, Token, Node], None]] = {
    NodeKind.START: Moves._pass,
    NodeKind.END: Moves._pass,
    NodeKind.TERMINATE_END: Moves._terminate,
    NodeKind.ERROR_END: Moves._error_end,
    NodeKind.MESSAGE_END: Moves._publish,
    NodeKind.MESSAGE_THROW: Moves._publish,
    NodeKind.EVENT_BASED: Moves._await_first,
    NodeKind.USER: Moves._work,
    NodeKind.MANUAL: Moves._work,
    NodeKind.SERVICE: Moves._service,
    NodeKind.CALL: Moves._call,
    NodeKind.RULE: Moves._decide,
    NodeKind.RECEIVE: Moves._catch,
    NodeKind.MESSAGE_CATCH: Moves._catch,
    NodeKind.TIMER_CATCH: Moves._catch,
    NodeKind.EXCLUSIVE: Moves._exclusive,
    NodeKind.PARALLEL: Moves._parallel,
    NodeKind.INCLUSIVE: advance_inclusive.arrive,
    NodeKind.SCRIPT: advance_script.run,
    NodeKind.SEND: Moves._publish,
    NodeKind.NONE_THROW: Moves._pass,
    NodeKind.LINK_THROW: Moves.jump,
    NodeKind.LINK_CATCH: Moves._pass,
    NodeKind.BOUNDARY_TIMER: Moves.retry_boundary,
    NodeKind.BOUNDARY_MESSAGE: Moves.retry_boundary,
    NodeKind.BOUNDARY_ERROR: Moves._pass,
    NodeKind.SIGNAL_CATCH: Moves._catch,
    NodeKind.CONDITION_CATCH: Moves._catch,
    NodeKind.BOUNDARY_SIGNAL: Moves.retry_boundary,
    NodeKind.BOUNDARY_CONDITION: Moves.retry_boundary,
    NodeKind.BOUNDARY_ESCALATION: Moves._pass,
    NodeKind.SIGNAL_THROW: advance_events.throw_signal,
    NodeKind.SIGNAL_END: advance_events.throw_signal,
    NodeKind.ESCALATION_THROW: advance_events.throw_escalation,
    NodeKind.ESCALATION_END: advance_events.throw_escalation,
    NodeKind.SUB: Moves.enter_sub,
    NodeKind.EVENT_SUB: Moves.enter_sub,
    NodeKind.MESSAGE_START: Moves.begin_start,
    NodeKind.SIGNAL_START: Moves.begin_start,
    NodeKind.TIMER_START: Moves.begin_start,
    NodeKind.CONDITION_START: Moves.begin_start,
    NodeKind.ERROR_START: Moves.begin_start,
    NodeKind.ESCALATION_START: Moves.begin_start,
    NodeKind.COMPENSATE_THROW: Moves.compensate,
    NodeKind.COMPENSATE_END: Moves.compensate,
}
