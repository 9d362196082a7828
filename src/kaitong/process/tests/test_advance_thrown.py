"""Signals, escalations and conditions in the pure core."""

from __future__ import annotations

import pytest

from kaitong.process.advance import WrongEvent
from kaitong.process.model import Broadcast, Escalate, Fault, RefusedProcess, SignalArrived
from kaitong.process.tests.core_drawing import (
    Drawing,
    line,
    on_condition,
    on_escalation,
    on_signal,
    timer,
)
from kaitong.process.tests.core_kit import NOW, Game


def faults(drawing: Drawing) -> list[Fault]:
    with pytest.raises(RefusedProcess) as refused:
        drawing.model()
    return refused.value.faults


# ---- signals


def test_a_signal_is_thrown_with_its_values_and_the_token_goes_on() -> None:
    drawing = line("S", "A").user("A").signal("s", "olt.down")
    drawing.node("intermediateThrowEvent", "S", on_signal("s"), k_in="olt=name")
    game = Game(drawing.model(), name="OLT-1")
    (said,) = game.said
    assert isinstance(said, Broadcast)
    assert (said.signal, said.values) == ("olt.down", {"olt": "OLT-1"})
    assert game.at == ["A"]


def test_a_signal_end_throws_and_ends() -> None:
    drawing = Drawing().start().signal("s", "x").node("endEvent", "end", on_signal("s"))
    game = Game(drawing.chain("start", "end").model())
    assert game.state == "completed"
    assert [said.signal for said in game.said] == ["x"]


def test_a_catch_event_goes_on_with_what_the_signal_says() -> None:
    drawing = line("C", "A").user("A").signal("s", "x").catch("C", on_signal("s"), k_out="y=n + 1")
    game = Game(drawing.model())
    assert game.at == ["C"]
    game.signal("C", n=2)
    assert (game.at, game.variables) == (["A"], {"y": 3})


@pytest.mark.parametrize("interrupting", [True, False])
def test_a_boundary_signal(interrupting: bool) -> None:
    drawing = line("A").user("A").user("B").end("e2").signal("s", "x")
    drawing.boundary("S", "A", on_signal("s"), interrupting=interrupting).chain("S", "B", "e2")
    game = Game(drawing.model()).signal("A", "S")
    assert game.at == (["B"] if interrupting else ["A", "B"])
    if not interrupting:  # it goes on listening
        assert game.signal("A", "S").at == ["A", "B", "B"]


def test_behind_an_event_based_gateway_a_signal_withdraws_the_others() -> None:
    drawing = Drawing().start().end().event_gateway("G").signal("s", "x").user("A").user("B")
    drawing.catch("S", on_signal("s")).catch("T", timer(duration="PT1H"))
    drawing.catch("C", on_condition("n > 1")).chain("G", "C", "B")
    drawing.chain("start", "G", "S", "A", "end").chain("G", "T", "B", "end")
    game = Game(drawing.model(), n=0).signal("G", "S")
    assert game.at == ["A"]
    assert not game.timers
    assert not game.subscriptions


def test_a_signal_for_what_does_not_listen_is_wrong() -> None:
    game = Game(line("A").user("A").model())
    with pytest.raises(WrongEvent):
        game.play(SignalArrived(now=NOW, token=game.token("A"), node="A"))


@pytest.mark.parametrize(
    ("definition", "what"),
    [
        ("<bpmn:signalEventDefinition/>", "The event names no signal."),
        (on_signal("other"), "The signal other does not exist."),
        (on_signal("nameless"), "The signal has no name."),
    ],
)
def test_signals_without_a_name_are_refused(definition: str, what: str) -> None:
    drawing = line("S").root('<bpmn:signal id="nameless"/>')
    drawing.node("intermediateThrowEvent", "S", definition)
    (fault,) = faults(drawing)
    assert fault.what == what
    assert fault.remedy
    assert fault.line


# ---- conditions


def test_a_condition_true_on_arrival_happens_at_once() -> None:
    drawing = line("C", "A").user("A").catch("C", on_condition("n > 1"))
    assert Game(drawing.model(), n=2).at == ["A"]
    assert Game(drawing.model(), n=1).at == ["C"]
    assert Game(drawing.model()).at == ["C"]  # what is unknown is not true


def waiting() -> Drawing:
    """start -> fork -> (A | C waits for n > 1 -> B) -> end"""
    drawing = Drawing().start().end().parallel("fork").user("A").user("B")
    drawing.catch("C", on_condition("n > 1")).chain("start", "fork", "A", "end")
    return drawing.chain("fork", "C", "B", "end")


def test_a_condition_is_looked_at_in_the_step_that_changes_variables() -> None:
    game = Game(waiting().model(), n=0)
    assert game.at == ["A", "C"]
    game.complete("A", n=2)
    assert game.at == ["B"]


def test_a_condition_that_holds_only_for_a_moment_within_a_step_is_heard() -> None:
    drawing = waiting()
    drawing.lines = [line for line in drawing.lines if 'sourceRef="A"' not in line]
    drawing.script("up", "{n: 2}").script("down", "{n: 0}").chain("A", "up", "down", "end")
    game = Game(drawing.model(), n=0).complete("A")
    assert game.at == ["B"]
    assert game.variables["n"] == 0


@pytest.mark.parametrize("interrupting", [True, False])
def test_a_boundary_condition(interrupting: bool) -> None:
    drawing = Drawing().start().end().parallel("fork").user("A").user("B").user("W")
    drawing.end("e2").chain("start", "fork", "A", "end").chain("fork", "W", "end")
    drawing.boundary("C", "W", on_condition("n > 1"), interrupting=interrupting)
    game = Game(drawing.chain("C", "B", "e2").model(), n=0).complete("A", n=2)
    assert game.at == (["B"] if interrupting else ["B", "W"])


def test_a_condition_must_be_other_than_true_before_it_happens_again() -> None:
    drawing = Drawing().start().end().parallel("fork").user("W").manual("Seen").end("e2")
    drawing.exclusive("m").exclusive("x", "no").user("A")
    drawing.chain("start", "fork", "m", "A", "x").chain("fork", "W", "end")
    drawing.flow("x", "m", "more").flow("x", "end", id_="no")
    drawing.boundary("C", "W", on_condition("n > 1"), interrupting=False).chain("C", "Seen", "e2")
    game = Game(drawing.model(), n=0, more=True)
    seen = []
    for n in (2, 3, 0, 5):
        game.complete("A", n=n)
        seen.append(game.at.count("Seen"))
    assert seen == [1, 1, 1, 2]


def test_completion_wins_over_a_condition_it_makes_true() -> None:
    drawing = line("W").user("W").user("B").end("e2")
    drawing.boundary("C", "W", on_condition("n > 1")).chain("C", "B", "e2")
    game = Game(drawing.model(), n=0).complete("W", n=2)
    assert game.state == "completed"
    assert "B" not in game.went()


def test_a_condition_true_as_a_task_begins_interrupts_it_at_once() -> None:
    drawing = line("W").user("W").user("B").end("e2")
    drawing.boundary("C", "W", on_condition("n > 1")).chain("C", "B", "e2")
    game = Game(drawing.model(), n=2)
    assert game.at == ["B"]
    assert set(game.work.values()) == {"B"}
    assert not game.subscriptions


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        ("<bpmn:conditionalEventDefinition/>", "has no condition"),
        (on_condition("n >"), "C condition"),
        (on_condition("1 = 1"), "reads no variable"),
        (
            on_condition("x").replace("<bpmn:condition>", '<bpmn:condition language="js">'),
            "written in js",
        ),
    ],
)
def test_conditions_that_are_none_are_refused(inside: str, what: str) -> None:
    (fault,) = faults(line("C").catch("C", inside))
    assert what in fault.what
    assert fault.remedy


# ---- escalations


def test_an_escalation_nothing_catches_goes_to_the_caller_and_ends_nothing() -> None:
    drawing = line("E", "A").user("A").escalation("e", "late")
    drawing.node("intermediateThrowEvent", "E", on_escalation("e"), k_in="days=n")
    game = Game(drawing.model(), n=3)
    (said,) = game.said
    assert isinstance(said, Escalate)
    assert (said.code, said.values) == ("late", {"days": 3})
    assert game.at == ["A"]


def test_an_escalation_end() -> None:
    drawing = Drawing().start().escalation("e", "x").node("endEvent", "end", on_escalation("e"))
    game = Game(drawing.chain("start", "end").model())
    assert game.state == "completed"
    assert [said.code for said in game.said] == ["x"]


def calling(*catchers: tuple[str, str, bool]) -> Drawing:
    """start -> call K -> A -> end, with boundary events: (id, reference, interrupting)."""
    drawing = line("K", "A").user("A").call("K", "child").end("e2").escalation("e", "late")
    for id_, reference, interrupting in catchers:
        drawing.boundary(id_, "K", on_escalation(reference), interrupting=interrupting)
        drawing.user(f"after{id_}").chain(id_, f"after{id_}", "e2")
    return drawing


def test_an_interrupting_boundary_takes_the_call_away() -> None:
    game = Game(calling(("B", "e", True)).model()).escalated("K", "late", days=3)
    assert game.at == ["afterB"]
    assert game.variables == {"days": 3, "escalation_code": "late"}
    assert not game.children


def test_a_boundary_that_does_not_interrupt_hears_every_time() -> None:
    game = Game(calling(("B", "e", False)).model())
    game.escalated("K", "late").escalated("K", "late")
    assert game.at == ["K", "afterB", "afterB"]


def test_who_names_the_code_comes_before_who_catches_all() -> None:
    drawing = calling(("All", "", False), ("B", "e", False))
    assert Game(drawing.model()).escalated("K", "late").at == ["K", "afterB"]
    assert Game(drawing.model()).escalated("K", "other").at == ["K", "afterAll"]


def test_what_the_call_does_not_catch_goes_further_out() -> None:
    game = Game(calling(("B", "e", True)).model()).escalated("K", "other")
    assert game.at == ["K"]
    assert [said.code for said in game.said] == ["other"]


def test_two_catchers_of_one_code_are_refused() -> None:
    (fault,) = faults(calling(("B", "e", True), ("C", "e", False)))
    assert "catch late" in fault.what


def test_an_escalation_at_a_plain_task_is_refused() -> None:
    drawing = line("A").user("A").end("e2").boundary("B", "A", on_escalation()).chain("B", "e2")
    (fault,) = faults(drawing)
    assert "Nothing raises an escalation" in fault.what


@pytest.mark.parametrize(
    ("definition", "what"),
    [
        (on_escalation(), "names no escalation"),
        (on_escalation("other"), "does not exist"),
        (on_escalation("bare"), "has no code"),
    ],
)
def test_escalations_without_a_code_are_refused(definition: str, what: str) -> None:
    drawing = line("S").root('<bpmn:escalation id="bare"/>')
    drawing.node("intermediateThrowEvent", "S", definition)
    (fault,) = faults(drawing)
    assert what in fault.what
    assert fault.remedy
