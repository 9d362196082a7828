"""Event sub-processes in the token game: interrupting or beside, by every kind of start."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from kaitong.process.advance import advance
from kaitong.process.model import (
    BpmnError,
    Cancelled,
    Completed,
    Escalated,
    MessageArrived,
    OpenIncident,
    ReturnedTo,
    SignalArrived,
    Started,
    State,
    Subscribe,
    TimerFired,
)
from kaitong.process.tests.core_drawing import Drawing, many, on_error, on_message, timer
from kaitong.process.tests.core_kit import NOW, Fault, Game
from kaitong.process.tests.test_advance_scopes import around, inside

SIGNAL = '<bpmn:signalEventDefinition signalRef="G"/>'
CONDITION = (
    "<bpmn:conditionalEventDefinition><bpmn:condition>late = true</bpmn:condition>"
    "</bpmn:conditionalEventDefinition>"
)
ESCALATION = '<bpmn:escalationEventDefinition escalationRef="K"/>'
ROOTS = (
    '<bpmn:signal id="G" name="storm"/>',
    '<bpmn:escalation id="K" escalationCode="slow"/>',
    '<bpmn:message id="M" name="told"/>',
    '<bpmn:error id="E1" errorCode="no-port"/>',
)


def handler(definition: str, *, beside: bool = False, end: str = "", **start: str) -> Drawing:
    """The inside of an event sub-process: e0 -> H -> e1"""
    drawing = Drawing(flows="h").end("e1", "").user("H")
    if end:
        drawing.lines[0] = f'<bpmn:endEvent id="e1">{end}</bpmn:endEvent>'
    flags = {"isInterrupting": "false"} if beside else {}
    drawing.node("startEvent", "e0", definition, **flags, **start)
    return drawing.chain("e0", "H", "e1")


def with_handler(outer: Drawing, event: Drawing) -> Drawing:
    """Put an event sub-process E into a drawing."""
    return outer.sub("E", event, triggeredByEvent="true")


def declared(drawing: Drawing) -> Drawing:
    for line in ROOTS:
        drawing.root(line)
    return drawing


def game_of(event: Drawing, held: str = "", **variables: Any) -> Game:
    """start -> A -> S (X | Y, and E inside) -> B -> end, played until X and Y wait."""
    inner = Drawing(flows="i").start("s0").end("s1").end("s2").parallel("g").user("X").user("Y")
    inner.chain("s0", "g", "X", "s1").chain("g", "Y", "s2")
    drawing = Drawing().start().end().user("A").user("B")
    drawing.sub("S", with_handler(inner, event), held).chain("start", "A", "S", "B", "end")
    return Game(declared(drawing).model(), **variables).complete("A")


def happen(game: Game, kind: str, node: str = "e0", **values: Any) -> Game:
    token = game.token(node)
    if kind == "timer":
        return game.play(TimerFired(now=NOW, token=token, node=node))
    if kind == "message":
        return game.play(MessageArrived(now=NOW, token=token, node=node, values=values))
    return game.play(SignalArrived(now=NOW, token=token, node=node, values=values))


KINDS = {
    "timer": (timer(duration="PT4H"), {}),
    "message": (on_message("M"), {"k_key": '"k"'}),
    "signal": (SIGNAL, {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupting_one_takes_everything_away_and_then_the_scope_ends(kind: str) -> None:
    definition, more = KINDS[kind]
    game = game_of(handler(definition, **more))
    assert game.at == ["S", "X", "Y", "e0"]
    happen(game, kind)
    assert game.at == ["E", "H", "S"]
    assert not game.timers
    assert not game.subscriptions
    assert game.complete("H").at == ["B"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_beside_leaves_the_work_and_may_happen_again_unless_it_is_a_timer(kind: str) -> None:
    definition, more = KINDS[kind]
    game = game_of(handler(definition, beside=True, **more))
    happen(game, kind)
    again = [] if kind == "timer" else ["e0"]
    assert game.at == sorted(["E", "H", "S", "X", "Y", *again])
    if again:
        happen(game, kind)
        assert Counter(game.at)["H"] == 2
        assert Counter(game.at)["e0"] == 1
        game.complete("H")
    game.complete("X").complete("Y")
    assert "S" in game.at  # what it began is part of the sub-process
    assert game.complete("H").at == ["B"]
    assert not game.subscriptions


def test_a_listener_keeps_no_scope_alive() -> None:
    game = game_of(handler(timer(duration="PT4H")))
    game.complete("X").complete("Y")
    assert game.at == ["B"]
    assert not game.timers
    assert game.went("unheard") == ["e0"]


def test_of_the_process_itself_it_listens_until_the_end() -> None:
    drawing = declared(Drawing().start().end().user("A").chain("start", "A", "end"))
    with_handler(drawing, handler(on_message("M"), beside=True, k_key='"k"', k_out="seen=said"))
    game = Game(drawing.model())
    assert game.at == ["A", "e0"]
    happen(game, "message", said=7)
    assert game.variables == {"seen": 7}
    assert game.complete("A").at == ["E", "H", "e0"]
    assert game.complete("H").state == "completed"
    assert not game.subscriptions


def test_a_condition_begins_it_in_the_step_that_makes_it_true() -> None:
    game = game_of(handler(CONDITION, beside=True), late=False)
    game.complete("X", late=True)
    assert game.at == ["E", "H", "S", "Y", "e0"]
    game.complete("H", late=False)
    game.play(Completed(now=NOW, token=game.token("Y"), values={"late": True}))
    assert Counter(game.at)["H"] == 1  # it became true anew, and that is waited for
    assert game.complete("H").at == ["B"]


# ---- errors


def failing(action: str, *, event: Drawing | None = None, on_task: bool = False) -> Game:
    def fails(_inputs: Any) -> Any:
        raise Fault("no-port", {"port": "none"})

    inner = inside("X").service("X", action).user("Y").end("s3").parallel("g")
    inner.lines = [line for line in inner.lines if 'sourceRef="s0"' not in line]
    inner.chain("s0", "g", "X").chain("g", "Y", "s3")
    if event is not None:
        with_handler(inner, event)
    if on_task:
        inner.boundary("near", "X", on_error("E1")).user("N").end("s4").chain("near", "N", "s4")
    drawing = declared(around(inner)).user("C").end("e2")
    drawing.boundary("far", "S", on_error("E1")).chain("far", "C", "e2")
    game = Game(drawing.model(), {"work": fails}).complete("A")
    if action == "send":
        game.error("X", "no-port", port="none")
    return game


@pytest.mark.parametrize("action", ["work", "send"])
def test_an_error_is_handled_inside_before_the_boundary_hears_of_it(action: str) -> None:
    game = failing(action, event=handler(on_error("E1")))
    assert game.at == ["E", "H", "S"]
    assert game.variables == {
        "error_code": "no-port",
        "error_message": "message of no-port" if action == "work" else "why",
        "port": "none",
    }
    assert game.complete("H").at == ["B"]


def test_the_boundary_of_the_step_comes_before_it() -> None:
    game = failing("work", event=handler(on_error("E1")), on_task=True)
    assert game.at == ["N", "S", "Y"]


def test_who_names_the_code_comes_before_who_catches_all() -> None:
    inner = inside("X").user("X")
    with_handler(inner, handler(on_error("")))
    named = Drawing(flows="nf").end("n1").user("N").node("startEvent", "n0", on_error("E1"))
    inner.sub("F", named.chain("n0", "N", "n1"), triggeredByEvent="true")
    game = Game(declared(around(inner)).model()).complete("A")
    game.play(BpmnError(now=NOW, token=game.token("X"), code="no-port"))
    assert "N" in game.at


def test_an_error_its_handler_throws_goes_further_out() -> None:
    rethrown = handler(on_error(""), end=on_error("E1"))
    game = failing("work", event=rethrown)
    assert game.at == ["E", "H", "S"]
    assert game.complete("H").at == ["C"]


def test_an_error_end_is_handled_in_its_own_scope() -> None:
    drawing = Drawing().start().end("end", "").user("A").node("endEvent", "bad", on_error("E1"))
    drawing.lines = [line for line in drawing.lines if 'id="end"' not in line]
    with_handler(declared(drawing.chain("start", "A", "bad")), handler(on_error("E1")))
    game = Game(drawing.model()).complete("A")
    assert game.at == ["E", "H"]
    assert game.complete("H").state == "completed"


def test_called_processes_are_told_what_is_caught_around_the_call() -> None:
    inner = inside("X").call("X", "other")
    with_handler(inner, handler(on_error("E1")))
    game = Game(declared(around(inner)).model()).complete("A")
    (call,) = game.children.values()
    assert call.catches == {"no-port"}
    game.play(BpmnError(now=NOW, token=game.token("X"), code="no-port"))
    assert game.at == ["E", "H", "S"]


# ---- escalations


def escalating(beside: bool, *, far: bool = False) -> Game:
    inner = inside("X", "T", "Y").user("X").user("Y")
    inner.node("intermediateThrowEvent", "T", ESCALATION)
    if not far:
        with_handler(inner, handler(ESCALATION, beside=beside))
    drawing = declared(around(inner)).user("C").end("e2")
    drawing.boundary("b", "S", ESCALATION, interrupting=not beside).chain("b", "C", "e2")
    return Game(drawing.model()).complete("A").complete("X")


def test_an_escalation_is_heard_by_the_nearest() -> None:
    assert escalating(beside=True).at == ["E", "H", "S", "Y"]
    assert escalating(beside=False).at == ["E", "H", "S"]
    assert escalating(beside=True, far=True).at == ["C", "S", "Y"]
    assert escalating(beside=False, far=True).at == ["C"]


def test_what_a_called_process_escalates_goes_out_through_the_scopes() -> None:
    inner = inside("X").call("X", "other")
    with_handler(inner, handler(ESCALATION, beside=True))
    game = Game(declared(around(inner)).model()).complete("A")
    game.play(Escalated(now=NOW, token=game.token("X"), code="slow", values={"by": 2}))
    assert game.at == ["E", "H", "S", "X"]
    assert game.variables == {"by": 2, "escalation_code": "slow"}


# ---- what goes wrong, and going back


def test_a_listener_without_a_value_is_an_incident_and_stops_nothing() -> None:
    game = game_of(handler(timer(duration="PT4H"), beside=True), "")
    broken = handler(on_message("M"), beside=True, k_key="missing")
    game = game_of(broken)
    assert game.cause("e0") == "data"
    game.variables["missing"] = "k"
    game.retry("e0")
    assert game.subscriptions
    game = game_of(broken)
    assert game.by_hand("e0").at == ["S", "X", "Y"]
    game = game_of(broken)
    assert game.complete("X").complete("Y").at == ["B"]  # it is not waited for
    assert not game.incidents


def test_each_instance_of_many_listens_for_itself() -> None:
    game = game_of(handler(timer(duration="PT4H")), many(cardinality="2"))
    assert Counter(game.at) == {"S": 1, "X": 2, "Y": 2, "e0": 2}
    happen(game, "timer")
    assert Counter(game.at) == {"S": 1, "E": 1, "H": 1, "X": 1, "Y": 1, "e0": 1}
    game.complete("H")
    game.complete("X").complete("Y")
    assert game.at == ["B"]


def test_an_interrupting_one_also_takes_away_one_that_runs_beside() -> None:
    inner = inside("X").user("X")
    with_handler(inner, handler(on_message("M"), beside=True, k_key='"k"'))
    hard = Drawing(flows="nf").end("n1").user("N")
    hard.node("startEvent", "n0", timer(duration="PT4H")).chain("n0", "N", "n1")
    inner.sub("F", hard, triggeredByEvent="true")
    game = Game(declared(around(inner)).model()).complete("A")
    happen(game, "message")
    assert game.at == ["E", "H", "S", "X", "e0", "n0"]
    happen(game, "timer", "n0")
    assert game.at == ["F", "N", "S"]


def test_going_back_from_the_handling_listens_again() -> None:
    inner = inside("X", "Y").user("X").user("Y")
    with_handler(inner, handler(timer(duration="PT4H")))
    game = Game(declared(around(inner)).model()).complete("A").complete("X")
    happen(game, "timer")
    game.play(ReturnedTo(now=NOW, token=game.token("H"), node="X"))
    assert game.at == ["S", "X", "e0"]
    assert len(game.timers) == 1


def test_cancelling_takes_listeners_away() -> None:
    game = game_of(handler(timer(duration="PT4H"))).play(Cancelled(now=NOW))
    assert not game.timers
    assert game.state == "cancelled"


def test_the_last_completion_and_the_event_are_one_or_the_other() -> None:
    game = game_of(handler(timer(duration="PT4H")))
    token = game.token("e0")
    game.complete("X")
    game.play(Completed(now=NOW, token=game.token("Y")))
    assert token not in game.tokens


def test_a_listener_may_name_what_the_beginning_message_said() -> None:
    drawing = declared(Drawing().end().user("A")).node("startEvent", "begun", on_message("N"))
    drawing.message("N", "ordered").chain("begun", "A", "end")
    with_handler(drawing, handler(on_message("M"), beside=True, k_key="order"))
    step = advance(
        drawing.model(),
        State(),
        Started(now=NOW, node="begun", variables={"order": "o1"}),
        external=frozenset(),
    )
    assert [effect.key for effect in step.effects if isinstance(effect, Subscribe)] == ["o1"]
    assert not [effect for effect in step.effects if isinstance(effect, OpenIncident)]
