"""Faults sown into the token game, each of which the oracle must find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kaitong.process import advance, advance_moves, advance_tokens
from kaitong.process.model import Node, NodeKind, OpenTimer, Subscribe, Token, WaitKind

Sow = Callable[[pytest.MonkeyPatch], None]
Moves = advance_moves.Moves
Tokens = advance_tokens.Tokens


def _node(patch: pytest.MonkeyPatch, kind: NodeKind, run: Any) -> None:
    patch.setitem(advance_moves._EXECUTE, kind, run)


def counts_tokens_not_flows(patch: pytest.MonkeyPatch) -> None:
    def partners(self: Moves, token: Token) -> list[Token]:
        return [
            other
            for other in self.resting.values()
            if other.node == token.node and other.wait is WaitKind.JOIN and other.id != token.id
        ]

    patch.setattr(Moves, "parked_partners", partners)


def never_joins(patch: pytest.MonkeyPatch) -> None:
    _node(patch, NodeKind.PARALLEL, lambda self, token, node: self.leave(token, node))


def joins_two_of_three(patch: pytest.MonkeyPatch) -> None:
    plain = Moves._parallel

    def parallel(self: Moves, token: Token, node: Node) -> None:
        partners = self.parked_partners(token)
        if node.incoming > 1 and partners:
            self.merge(partners)
            self.leave(token, node)
        else:
            plain(self, token, node)

    _node(patch, NodeKind.PARALLEL, parallel)


def default_always_taken(patch: pytest.MonkeyPatch) -> None:
    def exclusive(self: Moves, token: Token, node: Node) -> None:
        flows = [flow for flow in node.outgoing if flow.id == node.default]
        self.leave(token, node, flows or node.outgoing[:1])

    _node(patch, NodeKind.EXCLUSIVE, exclusive)


def every_true_way_of_an_exclusive_gateway(patch: pytest.MonkeyPatch) -> None:
    def exclusive(self: Moves, token: Token, node: Node) -> None:
        conditions = [f for f in node.outgoing if f.condition is not None]
        holds = [f for f in conditions if f.condition.evaluate(self.variables) is True]
        others = [f for f in node.outgoing if f.condition is None]
        self.leave(token, node, holds or others)

    _node(patch, NodeKind.EXCLUSIVE, exclusive)


def interrupts_nothing(patch: pytest.MonkeyPatch) -> None:
    def fire(self: Tokens, boundary: Node, host: Token) -> None:
        token = Token(self.new_id(), boundary.id, None, host.scope)
        self.note("fired", boundary.id, token.id, {"host": host.node})
        self.leave(token, boundary)

    patch.setattr(Tokens, "fire", fire)


def interrupts_always(patch: pytest.MonkeyPatch) -> None:
    plain = Tokens.fire

    def fire(self: Tokens, boundary: Node, host: Token) -> None:
        if not boundary.interrupting:
            self.take_away(host, "interrupted", {"by": boundary.id})
        plain(self, boundary, host)

    patch.setattr(Tokens, "fire", fire)


def terminate_ends_its_token_only(patch: pytest.MonkeyPatch) -> None:
    _node(patch, NodeKind.TERMINATE_END, lambda self, token, node: self.leave(token, node))


def forgets_boundary_events(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Tokens, "open_boundaries", lambda self, token, node: None)


def first_event_only(patch: pytest.MonkeyPatch) -> None:
    plain = Moves._await_first

    def await_first(self: Moves, token: Token, node: Node) -> None:
        plain(self, token, node)
        opened = [e for e in self.effects if isinstance(e, OpenTimer | Subscribe)]
        for effect in opened:
            if effect.token == token.id and effect.node != node.outgoing[0].target:
                self.effects.remove(effect)

    _node(patch, NodeKind.EVENT_BASED, await_first)


def answers_are_lost(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(
        advance._HANDLERS,
        advance.Completed,
        lambda moves, event: moves.leave(*advance._find(moves, event.token, WaitKind.WORK)),
    )


def scripts_set_nothing(patch: pytest.MonkeyPatch) -> None:
    _node(patch, NodeKind.SCRIPT, lambda self, token, node: self.leave(token, node))


def called_processes_give_nothing_back(patch: pytest.MonkeyPatch) -> None:
    plain = Tokens.answers

    def answers(self: Tokens, node: Node, values: Any) -> Any:
        return {} if node.kind is NodeKind.CALL else plain(self, node, values)

    patch.setattr(Tokens, "answers", answers)


def first_way_of_an_inclusive_gateway(patch: pytest.MonkeyPatch) -> None:
    plain = advance_moves._EXECUTE[NodeKind.INCLUSIVE]

    def inclusive(self: Moves, token: Token, node: Node) -> None:
        if node.incoming > 1:
            plain(self, token, node)
        else:
            advance_moves._EXECUTE[NodeKind.EXCLUSIVE](self, token, node)

    _node(patch, NodeKind.INCLUSIVE, inclusive)


def inclusive_joins_do_not_wait(patch: pytest.MonkeyPatch) -> None:
    plain = advance_moves._EXECUTE[NodeKind.INCLUSIVE]

    def inclusive(self: Moves, token: Token, node: Node) -> None:
        if node.incoming > 1:
            self.leave(token, node)
        else:
            plain(self, token, node)

    _node(patch, NodeKind.INCLUSIVE, inclusive)


def several_are_done_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Moves, "_enough", lambda self, scope_id, node, loop: loop.done >= 1)


def completion_conditions_are_not_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Moves,
        "_enough",
        lambda self, scope_id, node, loop: loop.done >= (loop.total or node.repeat.maximum),
    )


def signals_are_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    _node(patch, NodeKind.SIGNAL_CATCH, lambda self, token, node: self.leave(token, node))


def conditions_are_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    _node(patch, NodeKind.CONDITION_CATCH, lambda self, token, node: self.leave(token, node))


def escalations_are_told_to_nobody(patch: pytest.MonkeyPatch) -> None:
    _node(patch, NodeKind.ESCALATION_THROW, lambda self, token, node: self.leave(token, node))


MUTANTS: tuple[Sow, ...] = (
    signals_are_not_waited_for,
    conditions_are_not_waited_for,
    escalations_are_told_to_nobody,
    several_are_done_once,
    completion_conditions_are_not_asked,
    counts_tokens_not_flows,
    never_joins,
    joins_two_of_three,
    default_always_taken,
    every_true_way_of_an_exclusive_gateway,
    interrupts_nothing,
    interrupts_always,
    terminate_ends_its_token_only,
    forgets_boundary_events,
    first_event_only,
    answers_are_lost,
    scripts_set_nothing,
    called_processes_give_nothing_back,
    first_way_of_an_inclusive_gateway,
    inclusive_joins_do_not_wait,
)
