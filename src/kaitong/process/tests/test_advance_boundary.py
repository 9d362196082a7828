"""Boundary events: timers, messages and errors attached to work."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kaitong.process.tests.core_drawing import (
    Drawing,
    hosted,
    line,
    on_error,
    on_message,
    timer,
)
from kaitong.process.tests.core_kit import NOW, Fault, Game


def test_interrupting_boundary_timer_takes_the_work_away() -> None:
    game = Game(hosted(interrupting=True).model())
    assert [(key[1], t.at) for key, t in game.timers.items()] == [("B", NOW + timedelta(hours=48))]
    game.fire("A", "B")
    assert game.at == ["Late"]
    assert not game.timers
    assert game.complete("Late").state == "completed"
    assert game.went("fired") == ["B"]


def test_boundary_timer_closes_with_its_host() -> None:
    game = Game(hosted(interrupting=True).model()).complete("A")
    assert not game.timers
    assert game.state == "completed"


def test_non_interrupting_boundary_timer_adds_a_token() -> None:
    game = Game(hosted(interrupting=False).model()).fire("A", "B")
    assert game.at == ["A", "Late"]
    game.complete("A")
    assert game.state == ""
    assert game.complete("Late").state == "completed"


def test_interrupting_timer_ends_an_external_command() -> None:
    game = Game(hosted(interrupting=True, host="send").model())
    game.fire("A", "B")
    assert not game.commands
    assert game.at == ["Late"]


def test_boundary_timer_stays_open_over_failure_and_retry() -> None:
    game = Game(hosted(interrupting=True, host="send").model())
    opened = dict(game.timers)
    game.failed("A").retry("A").failed("A")
    assert game.timers == opened
    assert game.fire("A", "B").at == ["Late"]


def test_a_transactional_action_parked_as_incident_is_watched_by_its_timer_once() -> None:
    def work(inputs: object) -> dict[str, str]:
        raise RuntimeError("down")

    game = Game(hosted(interrupting=True, host="work").model(), {"work": work})
    assert len(game.timers) == 1
    game.retry("A")
    assert len(game.timers) == 1
    assert game.fire("A", "B").at == ["Late"]


def test_a_boundary_timer_without_a_value_leaves_the_work_alone() -> None:
    drawing = Drawing().start().end().end("late").user("A")
    drawing.boundary("B", "A", timer(duration="limit"), interrupting=False)
    model = drawing.chain("start", "A", "end").chain("B", "late").model()
    game = Game(model)
    assert game.at == ["A", "B"]
    assert game.cause("B") == "data"
    game.retry("B")
    assert game.cause("B") == "data"
    game.variables["limit"] = "PT1H"
    game.retry("B")
    assert game.at == ["A"]
    assert len(game.timers) == 1
    assert game.fire("A", "B").complete("A").state == "completed"
    other = Game(model).complete("A")  # the incident goes with its host
    assert other.state == "completed"
    third = Game(model).by_hand("B")
    assert third.at == ["A"]


@pytest.mark.parametrize("interrupting", [True, False])
def test_boundary_message(interrupting: bool) -> None:
    drawing = Drawing().start().end().end("out").user("A").user("Changed").message("m", "change")
    drawing.boundary("B", "A", on_message("m"), interrupting=interrupting, k_key="order")
    game = Game(drawing.chain("start", "A", "end").chain("B", "Changed", "out").model(), order="o")
    game.tell("A", "B", wish="later")
    assert game.variables["wish"] == "later"
    assert game.at == (["Changed"] if interrupting else ["A", "Changed"])


def caught(action: str) -> Drawing:
    drawing = Drawing().start().end().error("e1", "no-port").error("e2", "planned")
    drawing.service("S", action).user("Exception").user("Any").end("x").end("y")
    drawing.boundary("B1", "S", on_error("e1")).boundary("B2", "S", on_error())
    drawing.chain("start", "S", "end").chain("B1", "Exception", "x").chain("B2", "Any", "y")
    return drawing


@pytest.mark.parametrize(("code", "taken"), [("no-port", "Exception"), ("other", "Any")])
@pytest.mark.parametrize("action", ["work", "send"])
def test_error_boundary_by_code_then_any(action: str, code: str, taken: str) -> None:
    def work(inputs: object) -> dict[str, str]:
        raise Fault(code, {"reason": "full"})

    game = Game(caught(action).model(), {"work": work})
    if action == "send":
        game.error("S", code, reason="full")
    assert game.at == [taken]
    assert game.variables["error_code"] == code
    assert game.variables["reason"] == "full"
    assert game.variables["error_message"]
    assert game.complete(taken).state == "completed"


def test_an_uncaught_business_error_is_an_incident() -> None:
    def work(inputs: object) -> dict[str, str]:
        raise Fault("no-port")

    game = Game(line("S").service("S").model(), {"work": work})
    assert game.cause("S") == "business"
    assert game.incidents[game.token("S")].message.startswith("no-port")
