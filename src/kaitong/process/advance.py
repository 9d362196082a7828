"""The token game as a pure function: `advance(model, state, event) -> Step`.

The shell loads a state, calls `advance`, and writes the effects. While the step holds a `call`,
the shell runs that transactional action in a savepoint and calls `advance` again with the step's
state and `Returned`, `BpmnError` or `Failed` for the call's token; the effects of all these steps
together are one database step (`settle` folds what came and went inside it).

What the game does beyond BPMN 2.0.2:

- A FEEL expression without meaning, a condition that is unknown (null), no flow to take, a loop
  without a wait, a join nobody will complete: the token is parked as an incident (异常单) with
  cause `data`, `loop` or `deadlock`. Nothing in a process's data raises out of `advance`.
- A token at an event-based gateway (基于事件的网关) rests at the gateway, watched by the timers and
  subscriptions of the catch events behind it; when one comes, the others go with the token.
- A business error caught by a boundary event sets the variables `error_code` and `error_message`
  beside the error's own values; uncaught it ends the process if its caller catches it (call
  activity), else it is an incident with cause `business`.
- Values go to the variables by name, or through `kaitong:out` where a node has it.
- An error end event ends the whole instance as terminated, like a terminate end event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from kaitong.process.advance_back import rescue, return_over
from kaitong.process.advance_events import escalate
from kaitong.process.advance_graph import can_return, flows_already_in, siblings_region
from kaitong.process.advance_inclusive import fork
from kaitong.process.advance_moves import MAX_MOVES, MAX_TOKENS, Moves, TokenId
from kaitong.process.errors import ProcessConflict, ProcessError, ProcessRefused
from kaitong.process.feel import FeelError
from kaitong.process.model import (
    ANY_ERROR,
    AddToken,
    BpmnError,
    Cancelled,
    ChangeWait,
    Completed,
    DoneByHand,
    Effect,
    Escalated,
    Event,
    Failed,
    Flow,
    MessageArrived,
    Model,
    Node,
    NodeKind,
    OpenCall,
    OpenCommand,
    OpenIncident,
    OpenTimer,
    OpenWork,
    RemoveToken,
    Retried,
    Returned,
    ReturnedTo,
    SignalArrived,
    Started,
    State,
    Step,
    Subscribe,
    TimerFired,
    Token,
    Unwatched,
    WaitKind,
)
from kaitong.process.scopes import ROOT, sight

__all__ = [
    "MAX_MOVES",
    "MAX_TOKENS",
    "CannotReturn",
    "CoreError",
    "StaleEvent",
    "WrongEvent",
    "advance",
    "settle",
]


class CoreError(ProcessError):
    """The event cannot be applied to this state. The state is unchanged."""


class StaleEvent(CoreError, ProcessConflict):
    """The token, or the instance, is gone: somebody was faster."""


class WrongEvent(CoreError, ProcessConflict):
    """The token is there but does not wait for such an event."""


class CannotReturn(CoreError, ProcessRefused):
    """A step can be returned (退回) only to an earlier user or manual task."""


def advance(model: Model, state: State, event: Event, *, external: frozenset[str]) -> Step:
    """The next state and what follows from it.

    `external` names the actions that run outside the database, as commands; every other action is
    transactional and comes back as `Step.call`. Raises CoreError for an event that does not fit.
    """
    if not state.running:
        raise StaleEvent("流程已经结束。", "请刷新后再看。")
    moves = Moves(model, state, event.now, external)
    if state.calling is not None and getattr(event, "token", None) != state.calling:
        raise WrongEvent(
            f"{moves.called.node if moves.called else '?'} 的动作还在执行。", "请稍后再试。"
        )
    handler = _HANDLERS.get(type(event))
    if handler is None:
        raise WrongEvent(f"流程不认识 {type(event).__name__} 这种事件。")
    handler(moves, event)
    moves.run()
    return moves.step()


# ---- events --------------------------------------------------------------------------------------


def _started(moves: Moves, event: Started) -> None:
    if moves.queue or moves.resting:
        raise WrongEvent("流程已经启动过。")
    node = moves.model.nodes.get(event.node or moves.model.start)
    if node is None:
        raise WrongEvent("这个流程不能直接开始。", "它由消息、信号或定时开始。")
    if node.kind is NodeKind.START:
        moves.set_variables(event.variables)
        moves.begin_inside(ROOT, node.id, moves.model.events)
        return
    token = Token(moves.new_id(), node.id, None)
    moves.note("entered", node.id, token.id)
    _leave_with(moves, token, node, event.variables)
    moves.listen_all(ROOT)  # what they listen for may name what began the instance


def _completed(moves: Moves, event: Completed) -> None:
    token, node = _find(moves, event.token, WaitKind.WORK)
    _leave_with(moves, token, node, event.values)


def _returned(moves: Moves, event: Returned) -> None:
    token, node = _acting(moves, event.token, WaitKind.CHILD)
    _leave_with(moves, token, node, event.values)


def _bpmn_error(moves: Moves, event: BpmnError) -> None:
    token, node = _acting(moves, event.token, WaitKind.WORK, WaitKind.CHILD)
    catcher = moves.catching_error(token, node, event.code)
    if catcher is None and (event.code in moves.catches or ANY_ERROR in moves.catches):
        moves.note("error", node.id, token.id, {"code": event.code, "message": event.message})
        moves.escape(token, event.code, event.message, event.values)
        return
    if catcher is None:
        message = f"{event.code}: {event.message}" if event.message else event.code
        moves.incident(token, node, "business", message, {"code": event.code})
        return
    told = {"error_code": event.code, "error_message": event.message}
    moves.note("error", node.id, token.id, {"code": event.code, "message": event.message})
    moves.set_variables({**event.values, **told})
    if token.id not in moves.resting and token is not catcher[1]:
        moves.note("interrupted", node.id, token.id, {"reason": "error"})
    moves.caught(*catcher)


def _failed(moves: Moves, event: Failed) -> None:
    token, node = _acting(moves, event.token, WaitKind.CHILD)
    moves.incident(token, node, event.cause, event.message)


def _unwatched(moves: Moves, event: Unwatched) -> None:
    token, node = _find(moves, event.token)
    moves.incident(token, node, "orphan", event.message)


def _retried(moves: Moves, event: Retried) -> None:
    token, node = _find(moves, event.token, WaitKind.INCIDENT)
    moves.here = sight(moves.tree.scopes, token.id, token.scope)  # where the failed part is read
    moves.set_variables(event.values)
    moves.here = token.scope
    moves.execute(token, node)


def _done_by_hand(moves: Moves, event: DoneByHand) -> None:
    token, node = _find(moves, event.token, WaitKind.INCIDENT)
    moves.set_variables(event.values)
    if node.kind in (NodeKind.EXCLUSIVE, NodeKind.EVENT_BASED):
        moves.execute(token, node)
    elif node.kind is NodeKind.INCLUSIVE:
        fork(moves, token, node)
    elif node.attached_to is not None or moves.idle(token):
        moves.give_up(token)
    else:
        if node.kind is NodeKind.PARALLEL and node.incoming > 1:
            moves.merge(moves.parked_partners(token))
        moves.leave(token, node)


def _timer_fired(moves: Moves, event: TimerFired) -> None:
    token, node = _find(moves, event.token)
    if event.node == node.id and token.wait is WaitKind.TIMER:
        moves.leave(token, node)
        return
    if event.node == node.id and token.wait is WaitKind.LISTEN:
        if node.interrupting or node.timer is None or node.timer.cycle is None:
            moves.heard(token, node)
            return
        moves.trigger(node, token.scope)
        if token.id in moves.resting:
            moves.here = token.scope
            if not moves.next_round(token, node, event.due or event.now, event.count):
                moves.take_away(token, "heard")
        return
    if token.wait is WaitKind.EVENT:
        moves.leave(*_decided(moves, token, node, event.node))
        return
    boundary = _boundary(moves, node, event.node, NodeKind.BOUNDARY_TIMER)
    moves.fire(boundary, token)
    if not boundary.interrupting and boundary.timer is not None and boundary.timer.cycle:
        moves.next_round(token, boundary, event.due or event.now, event.count)


def _message_arrived(moves: Moves, event: MessageArrived) -> None:
    token, node = _find(moves, event.token)
    if event.node == node.id and token.wait is WaitKind.MESSAGE:
        _leave_with(moves, token, node, event.values)
        return
    if event.node == node.id and token.wait is WaitKind.LISTEN:
        moves.heard_with(token, node, event.values)
        return
    if token.wait is WaitKind.EVENT:
        _leave_with(moves, *_decided(moves, token, node, event.node), event.values)
        return
    boundary = _boundary(moves, node, event.node, NodeKind.BOUNDARY_MESSAGE)
    moves.set_variables(event.values)
    moves.fire(boundary, token)


def _signal_arrived(moves: Moves, event: SignalArrived) -> None:
    token, node = _find(moves, event.token)
    heard = moves.model.nodes.get(event.node)
    here = token.wait in (WaitKind.SIGNAL, WaitKind.LISTEN) and event.node == node.id
    behind = token.wait is WaitKind.EVENT and any(f.target == event.node for f in node.outgoing)
    if heard is None or not heard.signal or not (here or behind or event.node in node.boundaries):
        raise WrongEvent(f"{node.name or node.id} 没有在等 {event.node}。")
    moves.happened(token, heard, event.values)


def _escalated(moves: Moves, event: Escalated) -> None:
    token, node = _find(moves, event.token, WaitKind.CHILD)
    escalate(moves, token, node, event.code, event.values)


def _cancelled(moves: Moves, event: Cancelled) -> None:
    moves.take_all_away("cancelled")
    moves.finish("cancelled", "")


def _returned_to(moves: Moves, event: ReturnedTo) -> None:
    token, node = _find(moves, event.token)
    target = moves.model.nodes.get(event.node)
    if target is None or target.kind not in (NodeKind.USER, NodeKind.MANUAL):
        raise CannotReturn(
            f"{event.node} 不是这个流程里由人办理的环节。", "请选择前面由人办理的环节。"
        )
    if token.wait in (WaitKind.COMMAND, WaitKind.JOIN):
        raise WrongEvent(f"{node.name or node.id} 正由机器执行，不能退回。", "请等它有结果。")
    if not can_return(moves.model, target.id, node.id):
        raise CannotReturn(
            f"{target.name or target.id} 不在 {node.name or node.id} 之前。",
            "请选择本分支前面的环节。",
        )
    scope_id, here = moves.shared_scope(token, target)
    region = siblings_region(moves.model, target.id, here.node)
    data = {"to": target.id, "why": event.reason}
    rescue(moves, here)
    moves.take_away(here, "returned", data)
    for other in list(moves.resting.values()):
        if other.id not in moves.resting or other.scope != scope_id or moves.idle(other):
            continue
        if _springs_from(moves.model, other, region, target.id):
            rescue(moves, other)
            moves.take_away(other, "returned", data)
    return_over(moves, scope_id, event.left, event.undone)
    try:
        scope_of = moves.reopen(scope_id, here, target)
    except FeelError as error:
        raise CannotReturn(f"子流程的输入算不出来：{error}") from None
    for flow in flows_already_in(moves.model, target.id, here.node):
        scope = scope_of.get(moves.model.nodes[flow.target].parent)
        if scope is not None:
            parked = Token(moves.new_id(), flow.target, None, scope, flow.id)
            moves.note("entered", flow.target, parked.id, {"flow": flow.id, "done": True})
            moves.rest(parked, WaitKind.JOIN)
    moves.queue.append(Token(moves.new_id(), target.id, None, scope_of[target.parent]))


def _springs_from(model: Model, token: Token, region: set[str], target: str) -> bool:
    """A token parked at a join stands where it came from."""
    if token.wait is not WaitKind.JOIN:
        return token.node in region
    flow = _flow(model, token.arrived_by)
    return flow is not None and (flow.source in region or flow.source == target)


def _flow(model: Model, flow_id: str) -> Flow | None:
    flows = (flow for node in model.nodes.values() for flow in node.outgoing)
    return next((flow for flow in flows if flow.id == flow_id), None)


_HANDLERS: dict[type[Event], Callable[[Moves, Any], None]] = {
    Started: _started,
    Completed: _completed,
    Returned: _returned,
    BpmnError: _bpmn_error,
    Failed: _failed,
    Retried: _retried,
    Unwatched: _unwatched,
    DoneByHand: _done_by_hand,
    TimerFired: _timer_fired,
    MessageArrived: _message_arrived,
    SignalArrived: _signal_arrived,
    Escalated: _escalated,
    Cancelled: _cancelled,
    ReturnedTo: _returned_to,
}


# ---- helpers -------------------------------------------------------------------------------------


def _find(moves: Moves, token_id: TokenId, *waits: WaitKind) -> tuple[Token, Node]:
    if moves.called is not None:
        raise WrongEvent("动作还在执行。", "请稍后再试。")
    token = moves.resting.get(token_id)
    if token is None:
        raise StaleEvent("这个环节已经不在了：有人办完了，或流程已经改道。", "请刷新后再看。")
    node = moves.model.nodes[token.node]
    moves.here = token.scope
    if waits and token.wait not in waits:
        raise WrongEvent(f"{node.name or node.id} 现在等的不是这件事（{token.wait}）。")
    return token, node


def _acting(moves: Moves, token_id: TokenId, *also: WaitKind) -> tuple[Token, Node]:
    """The token whose action ended: the one called in this step, or an external one."""
    called = moves.called
    if called is None:
        return _find(moves, token_id, WaitKind.COMMAND, *also)
    moves.called = None
    moves.here = called.scope
    return called, moves.model.nodes[called.node]


def _leave_with(moves: Moves, token: Token, node: Node, values: Any) -> None:
    try:
        answers = moves.answers(node, values)
    except FeelError as error:
        # The answers are kept in the history: a person corrects and retries, or goes on by hand.
        message = f"回填的值算不出来：{error}"
        moves.incident(token, node, "data", message, {"values": dict(values)})
        return
    moves.set_variables(answers)
    moves.leave(token, node)


def _decided(moves: Moves, token: Token, gateway: Node, arm: str) -> tuple[Token, Node]:
    if not any(flow.target == arm for flow in gateway.outgoing):
        raise WrongEvent(f"{gateway.name or gateway.id} 没有在等 {arm}。")
    return moves.decide(token, gateway, arm)


def _boundary(moves: Moves, host: Node, node_id: str, kind: NodeKind) -> Node:
    if node_id in host.boundaries and moves.model.nodes[node_id].kind is kind:
        return moves.model.nodes[node_id]
    raise WrongEvent(f"{host.name or host.id} 没有在等 {node_id}。")


_WATCHING = (OpenWork, OpenCommand, OpenCall, OpenTimer, Subscribe, OpenIncident, ChangeWait)


def settle(effects: Iterable[Effect]) -> tuple[Effect, ...]:
    """The effects of one database step without tokens that came and went inside it.

    Such a token (of a join completed in the same step, or swept by a terminate end event after a
    call) needs no rows. A new token whose wait changed inside the step is added with its last wait.
    History stays complete.
    """
    kept = list(effects)
    added = {e.token.id for e in kept if isinstance(e, AddToken)}
    gone = {e.token for e in kept if isinstance(e, RemoveToken) and e.token in added}
    waits = {e.token: e.wait for e in kept if isinstance(e, ChangeWait) and e.token in added}
    if not gone and not waits:
        return tuple(kept)
    settled: list[Effect] = []
    for effect in kept:
        if isinstance(effect, AddToken):
            if effect.token.id in gone:
                continue
            if effect.token.id in waits:
                effect = AddToken(replace(effect.token, wait=waits[effect.token.id]))
        elif isinstance(effect, RemoveToken):
            if effect.token in gone:
                continue
        elif isinstance(effect, _WATCHING) and (
            effect.token in gone or (isinstance(effect, ChangeWait) and effect.token in added)
        ):
            continue
        settled.append(effect)
    return tuple(settled)
