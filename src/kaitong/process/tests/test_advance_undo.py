"""Compensation in the token game: completed work is undone by its handlers, the latest first."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from kaitong.process.advance import CannotReturn
from kaitong.process.model import (
    BpmnError,
    Cancelled,
    Completed,
    Failed,
    Returned,
    ReturnedTo,
    TimerFired,
)
from kaitong.process.tests.core_drawing import Drawing, loop, many, on_error, timer
from kaitong.process.tests.core_kit import NOW, Game

UNDO = "<bpmn:compensateEventDefinition/>"


def undo(drawing: Drawing, task: str, handler: str = "", **attributes: str) -> Drawing:
    """Let `handler` (drawn here as a manual task unless it is drawn already) undo a task."""
    name = handler or f"un{task}"
    if not handler:
        drawing.manual(name, isForCompensation="true", **attributes)
    drawing.boundary(f"c{task}", task, UNDO)
    return drawing.raw(f'<bpmn:association id="a{task}" sourceRef="c{task}" targetRef="{name}"/>')


def throws(drawing: Drawing, id_: str = "T", of: str = "", tag: str = "") -> Drawing:
    reference = f' activityRef="{of}"' if of else ""
    event = f"<bpmn:compensateEventDefinition{reference}/>"
    return drawing.node(tag or "intermediateThrowEvent", id_, event)


def three(of: str = "") -> Drawing:
    """start -> A -> B -> C -> T -> D -> end; A, B and C can be undone."""
    drawing = Drawing().start().end()
    for task in ("A", "B", "C"):
        undo(drawing.user(task), task)
    return throws(drawing, of=of).user("D").chain("start", "A", "B", "C", "T", "D", "end")


def did(game: Game, *tasks: str) -> Game:
    for task in tasks:
        game.complete(task)
    return game


def test_all_of_the_scope_is_undone_in_reverse_order() -> None:
    game = did(Game(three().model()), "A", "B", "C")
    for task in ("unC", "unB", "unA"):
        assert game.at == sorted(["T", task])
        game.complete(task)
    assert game.at == ["D"]
    assert game.went("fired") == ["cC", "cB", "cA"]


def test_one_activity_by_name() -> None:
    game = did(Game(three("B").model()), "A", "B", "C")
    assert game.at == ["T", "unB"]
    assert game.complete("unB").at == ["D"]


def test_what_was_not_completed_is_not_undone() -> None:
    drawing = Drawing().start().end().exclusive("g", "d").end("e2").end("e3")
    for task in ("A", "B", "C"):
        undo(drawing.user(task), task)
    drawing.boundary("b", "B", timer(duration="PT1H"))
    throws(drawing).chain("start", "A", "B", "e2").chain("b", "T", "end")
    drawing.flow("C", "e3").flow("g", "C", "true").flow("g", "e3", id_="d").flow("start", "g")
    game = Game(drawing.model())
    game.complete("A")
    game.play(TimerFired(now=NOW, token=game.token("B"), node="b"))
    assert game.at == ["C", "T", "unA"]
    game.complete("unA")
    assert game.at == ["C"]


def test_nothing_to_undo_is_passed() -> None:
    drawing = undo(Drawing().start().end().user("A").end("e2"), "A").parallel("g").user("D")
    throws(drawing).chain("start", "g", "A", "e2").chain("g", "T", "D", "end")
    assert Game(drawing.model()).at == ["A", "D"]


def test_nothing_is_undone_twice() -> None:
    drawing = Drawing().start().end().user("A").user("D")
    throws(throws(undo(drawing, "A"), "T1"), "T2").chain("start", "A", "T1", "D", "T2", "end")
    game = did(Game(drawing.model()), "A", "unA", "D")
    assert game.state == "completed"
    assert game.went().count("unA") == 1


def test_done_in_two_rounds_it_is_undone_twice() -> None:
    drawing = Drawing().start().end().exclusive("m").exclusive("x", "d").user("A")
    throws(undo(drawing, "A")).chain("start", "m", "A", "x").flow("x", "m", "again")
    drawing.flow("x", "T", id_="d").flow("T", "end")
    game = Game(drawing.model()).complete("A", again=True).complete("A", again=False)
    assert did(game, "unA", "unA").state == "completed"


def test_a_compensation_end_event_undoes_and_ends() -> None:
    drawing = undo(Drawing().start().end().user("A"), "A").parallel("g").user("D")
    throws(drawing, tag="endEvent").chain("start", "A", "g", "T").chain("g", "D", "end")
    game = Game(drawing.model()).complete("A")
    assert game.at == ["D", "T", "unA"]
    assert did(game, "unA", "D").state == "completed"


def with_sub(*, handler: bool = False, held: str = "", throw_of: str = "", **sub: str) -> Drawing:
    """start -> S (A -> B) -> T -> end"""
    inner = Drawing(flows="i").start("s0").end("s1").chain("s0", "A", "B", "s1")
    for task in ("A", "B"):
        undo(inner.user(task), task)
    drawing = Drawing().start().end().sub("S", inner, held, **sub)
    if handler:
        undo(drawing, "S")
    return throws(drawing, of=throw_of).chain("start", "S", "T", "end")


def test_of_a_completed_sub_process_what_was_completed_in_it_is_undone() -> None:
    game = did(Game(with_sub().model()), "A", "B")
    assert did(game, "unB", "unA").state == "completed"
    game = did(Game(with_sub(throw_of="S").model()), "A", "B", "unB", "unA")
    assert game.state == "completed"


def test_a_handler_of_the_sub_process_stands_for_all_of_it() -> None:
    game = did(Game(with_sub(handler=True).model()), "A", "B")
    assert game.at == ["T", "unS"]
    assert game.complete("unS").state == "completed"


def test_handlers_see_the_variables_as_they_were() -> None:
    inner = Drawing(flows="i").start("s0").end("s1").chain("s0", "A", "s1")
    undo(inner.user("A"), "A", "H").service("H", "send", k_in="port=port", isForCompensation="true")
    drawing = Drawing().start().end().sub("S", inner, k_in="port=first").user("D")
    throws(drawing).chain("start", "S", "D", "T", "end")
    game = Game(drawing.model(), first=7).complete("A", port=8)
    game.complete("D", first=1, port=9)
    (command,) = game.commands.values()
    assert dict(command.inputs) == {"port": 8}


def test_each_instance_is_undone_with_its_item() -> None:
    held = many(collection="points", item="point", sequential=True)
    drawing = Drawing().start().end().user("A", held)
    undo(drawing, "A", "H").service("H", "send", k_in="at=point", isForCompensation="true")
    throws(drawing).chain("start", "A", "T", "end")
    game = Game(drawing.model(), points=["甲", "乙"])
    for _ in range(2):
        (token,) = list(game.work)
        game.play(Completed(now=NOW, token=token))
    undone = []
    while not game.state:
        ((token, command),) = game.commands.items()
        undone.append(command.inputs["at"])
        game.play(Returned(now=NOW, token=token))
    assert undone == ["乙", "甲"]


@pytest.mark.parametrize("held", [many(cardinality="2", sequential=True), loop(maximum="2")])
def test_repeated_sub_processes_are_undone_instance_by_instance(held: str) -> None:
    game = Game(with_sub(held=held).model())
    did(game, "A", "B", "A", "B")
    assert did(game, "unB", "unA", "unB", "unA").state == "completed"


def test_an_event_sub_process_undoes_the_work_of_its_scope() -> None:
    event = Drawing(flows="h").end("e1").node("startEvent", "e0", on_error("E1"))
    throws(event).chain("e0", "T", "e1")
    inner = Drawing(flows="i").start("s0").end("s1").user("B").user("C")
    for task in ("B", "C"):
        undo(inner, task)
    inner.service("X", "send").chain("s0", "B", "C", "X", "s1")
    inner.sub("E", event, triggeredByEvent="true")
    drawing = Drawing().start().end().error("E1", "no-port").user("A").user("D").sub("S", inner)
    undo(drawing, "A").chain("start", "A", "S", "D", "end")
    game = did(Game(drawing.model()), "A", "B", "C")
    game.play(BpmnError(now=NOW, token=game.token("X"), code="no-port"))
    assert did(game, "unC", "unB").at == ["D"]  # A lies outside


def test_a_throw_inside_may_name_what_lies_outside() -> None:
    inner = throws(Drawing(flows="i").start("s0").end("s1"), of="A").chain("s0", "T", "s1")
    drawing = undo(Drawing().start().end().user("A"), "A").sub("S", inner)
    game = Game(drawing.chain("start", "A", "S", "end").model()).complete("A")
    assert game.at == ["S", "T", "unA"]
    assert game.complete("unA").state == "completed"


def test_handlers_may_be_called_processes_and_sub_processes_and_repeated() -> None:
    drawing = Drawing().start().end().user("A").user("B").user("C")
    undo(drawing, "A", "HA").call("HA", "other", isForCompensation="true")
    inner = Drawing(flows="i").start("s0").end("s1").user("X").chain("s0", "X", "s1")
    undo(drawing, "B", "HB").sub("HB", inner, isForCompensation="true")
    undo(drawing, "C", "HC").user("HC", many(cardinality="2"), isForCompensation="true")
    throws(drawing).chain("start", "A", "B", "C", "T", "end")
    game = did(Game(drawing.model()), "A", "B", "C")
    assert Counter(game.at) == {"T": 1, "HC": 3}
    for token in list(game.work):
        game.play(Completed(now=NOW, token=token))
    assert game.at == ["HB", "T", "X"]
    game.complete("X")
    assert game.at == ["HA", "T"]
    game.returned("HA")
    assert game.state == "completed"


def service_handler() -> Game:
    """S (A -> T, undone by a machine) with a boundary event for what that may say."""
    inner = Drawing(flows="i").start("s0").end("s1").user("A")
    undo(inner, "A", "H").service("H", "send", isForCompensation="true")
    throws(inner).chain("s0", "A", "T", "s1")
    drawing = Drawing().start().end().user("R").end("e2").error("E1", "stuck").sub("S", inner)
    drawing.boundary("b", "S", on_error("E1")).chain("b", "R", "e2")
    return Game(drawing.chain("start", "S", "end").model()).complete("A")


def test_an_incident_of_a_handler_is_retried_or_done_by_hand() -> None:
    game = service_handler()
    game.play(Failed(now=NOW, token=game.token("H"), cause="network"))
    assert game.at == ["H", "S", "T"]
    game.retry("H").failed("H")
    assert game.by_hand("H").state == "completed"


def test_an_error_of_a_handler_goes_further_out() -> None:
    game = service_handler().error("H", "stuck")
    assert game.at == ["R"]


def test_cancelling_in_the_middle() -> None:
    game = did(Game(three().model()), "A", "B", "C", "unC").play(Cancelled(now=NOW))
    assert game.state == "cancelled"
    assert not game.scopes


def test_nobody_goes_back_from_what_is_being_undone() -> None:
    game = did(Game(three().model()), "A", "B", "C")
    with pytest.raises(CannotReturn):
        game.play(ReturnedTo(now=NOW, token=game.token("unC"), node="A"))


def test_processes_that_never_throw_keep_nothing() -> None:
    drawing = undo(Drawing().start().end().user("A").user("B"), "A").chain("start", "A", "B", "end")
    assert Game(drawing.model()).complete("A").kept is None


def test_machines_within_one_step_are_undone_within_one() -> None:
    did_: list[Any] = []

    def act(inputs: Any) -> Any:
        did_.append(inputs["n"])
        return {}

    drawing = Drawing().start().end()
    for name in ("A", "B"):
        drawing.service(name, "work", k_in=f'n="{name}"')
        undo(drawing, name, f"H{name}")
        drawing.service(f"H{name}", "work", k_in=f'n="H{name}"', isForCompensation="true")
    throws(drawing).chain("start", "A", "B", "T", "end")
    assert Game(drawing.model(), {"work": act}).state == "completed"
    assert did_ == ["A", "B", "HB", "HA"]
