"""Call activities on the pure core: what a caller asks, and what errors of the called do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kaitong.process.bpmn import parse
from kaitong.process.model import ANY_ERROR, RefusedProcess
from kaitong.process.tests.core_drawing import Drawing, line, on_error, timer
from kaitong.process.tests.core_kit import Fault, Game


def caller(**attributes: str) -> Drawing:
    """start -> C (calls) -> After -> end"""
    return line("C", "After").call("C", "inner", **attributes).user("After")


def catching(code: str = "no-port") -> Drawing:
    drawing = caller(k_in="order=order_id").error("e", "no-port").user("Mend")
    drawing.boundary("B", "C", on_error("e" if code else "")).chain("B", "Mend", "end")
    return drawing


def test_the_called_process_is_told_what_in_says_and_nothing_else() -> None:
    game = Game(caller(k_in="order=order_id; n=1 + 1").model(), order_id="o1", other="x")
    (call,) = game.children.values()
    assert (call.called, dict(call.inputs)) == ("inner", {"order": "o1", "n": 2})
    assert game.at == ["C"]


def test_only_out_takes_of_its_variables() -> None:
    game = Game(caller(k_out="port=chosen.port").model(), kept=1)
    game.returned("C", chosen={"port": "p1"}, secret="s", kept=9)
    assert game.at == ["After"]
    assert game.variables == {"kept": 1, "port": "p1"}
    silent = Game(caller().model(), kept=1).returned("C", kept=2, more=3)
    assert silent.variables == {"kept": 1}


def test_an_error_is_caught_at_the_call() -> None:
    game = Game(catching().model())
    (call,) = game.children.values()
    assert call.catches == {"no-port"}
    game.error("C", "no-port", verdict="full")
    assert game.at == ["Mend"]
    assert game.variables["verdict"] == "full"
    assert not game.children


def test_an_error_nobody_catches_is_an_incident_and_retrying_calls_again() -> None:
    game = Game(catching().model())
    game.error("C", "other")
    assert game.cause("C") == "business"
    game.retry("C")
    assert (game.at, len(game.children)) == (["C"], 1)
    game.error("C", "other")
    assert game.by_hand("C", port="p2").at == ["After"]


def test_an_input_without_meaning_calls_nobody() -> None:
    game = Game(caller(k_in="x=1 / zero").model(), zero=0)
    assert game.cause("C") == "data"
    assert not game.children


def test_a_boundary_timer_takes_the_call_away() -> None:
    drawing = caller().user("Late").boundary("T", "C", timer(duration="PT1H"))
    game = Game(drawing.chain("T", "Late", "end").model())
    game.fire("C", "T")
    assert game.at == ["Late"]
    assert not game.children


# ---- the called process


def failing(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    raise Fault("no-port", {"verdict": "full"})


def called() -> Drawing:
    return line("Work").service("Work", "work")


@pytest.mark.parametrize("catches", ["no-port", ANY_ERROR])
def test_an_error_the_caller_catches_ends_the_called(catches: str) -> None:
    game = Game(called().model(), {"work": failing}, catches=frozenset({catches}))
    assert (game.state, game.end.error) == ("terminated", "no-port")
    assert (game.end.message, dict(game.end.values)) == ("message of no-port", {"verdict": "full"})


def test_an_error_the_caller_does_not_catch_is_an_incident_of_the_called() -> None:
    game = Game(called().model(), {"work": failing}, catches=frozenset({"other"}))
    assert game.cause("Work") == "business"


def test_its_own_boundary_comes_first() -> None:
    drawing = called().user("Mend").error("e", "no-port").boundary("B", "Work", on_error("e"))
    model = drawing.chain("B", "Mend", "end").model()
    game = Game(model, {"work": failing}, catches=frozenset({"no-port"}))
    assert game.at == ["Mend"]


def test_an_external_error_and_parallel_work_end_together() -> None:
    drawing = Drawing().start().end().parallel("F").user("U").service("Send", "send")
    drawing.chain("start", "F", "U", "end").chain("F", "Send", "end")
    game = Game(drawing.model(), catches=frozenset({"refused"}))
    assert game.at == ["Send", "U"]
    game.error("Send", "refused")
    assert (game.state, game.end.error) == ("terminated", "refused")


def test_an_error_end_event_tells_its_code() -> None:
    drawing = Drawing().start().error("e", "no-port").node("endEvent", "stop", on_error("e"))
    game = Game(drawing.chain("start", "stop").model(), catches=frozenset({"no-port"}))
    assert (game.state, game.end.error) == ("terminated", "no-port")
    plain = Drawing().start().end("stop", "terminateEventDefinition").chain("start", "stop")
    assert Game(plain.model()).end.error == ""


def test_what_the_caller_catches_is_passed_on_to_what_the_called_calls() -> None:
    game = Game(catching("").model(), catches=frozenset({"cease"}))
    (call,) = game.children.values()
    assert call.catches == {"cease", ANY_ERROR}
    game = Game(caller().model(), catches=frozenset({"cease"}))
    game.error("C", "cease")
    assert (game.state, game.end.error) == ("terminated", "cease")


# ---- what is refused


def faults(drawing: Drawing, known: set[str] | None = None) -> list[str]:
    with pytest.raises(RefusedProcess) as refused:
        parse(drawing.text().encode(), "test.bpmn", None, known)
    return [fault.what for fault in refused.value.faults]


def test_a_call_names_a_process_that_is_known() -> None:
    assert "names no process" in faults(caller().call("D", "").chain("D", "end"))[0]
    assert faults(caller(), {"other"}) == ["There is no process inner to call."]
    assert "kaitong:form has no meaning" in faults(caller(k_form="x"))[0]
