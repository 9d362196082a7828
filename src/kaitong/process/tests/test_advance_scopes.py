"""Embedded sub-processes in the token game: scopes, their ends, errors and boundary events."""

from __future__ import annotations

from typing import Any

import pytest

from kaitong.process.advance import CannotReturn
from kaitong.process.model import Cancelled, Completed, ReturnedTo
from kaitong.process.tests.core_drawing import Drawing, on_error, on_message, timer
from kaitong.process.tests.core_kit import NOW, Fault, Game


def inside(*steps: str, end: str = "") -> Drawing:
    """s0 -> steps -> s1, to be put into a sub-process; the steps drawn by the caller."""
    drawing = Drawing(flows="i").start("s0").end("s1", end)
    return drawing.chain("s0", *steps, "s1")


def around(inner: Drawing, **attributes: str) -> Drawing:
    """start -> A -> S -> B -> end, S holding the inner drawing."""
    drawing = Drawing().start().end().user("A").user("B").sub("S", inner, **attributes)
    return drawing.chain("start", "A", "S", "B", "end")


def fork_inside() -> Drawing:
    """s0 -> g -> (X | Y) without a join, each with an end of its own."""
    drawing = Drawing(flows="i").start("s0").end("s1").end("s2").parallel("g").user("X").user("Y")
    return drawing.chain("s0", "g", "X", "s1").chain("g", "Y", "s2")


def test_a_sub_process_ends_when_nothing_is_left_in_it() -> None:
    game = Game(around(fork_inside()).model()).complete("A")
    assert game.at == ["S", "X", "Y"]
    assert game.complete("X").at == ["S", "Y"]
    assert game.complete("Y").at == ["B"]
    assert game.complete("B").state == "completed"
    assert game.went("left")[-3:] == ["S", "B", "end"]


def test_an_empty_sub_process_is_passed_in_one_step() -> None:
    assert Game(around(inside()).model()).complete("A").at == ["B"]


def test_sub_processes_lie_in_one_another_and_in_parallel() -> None:
    nested = Drawing(flows="m").start("n0").end("n1")
    nested.sub("T", inside("X").user("X")).chain("n0", "T", "n1")
    drawing = Drawing().start().end().parallel("f").parallel("j").user("Y").sub("S", nested)
    drawing.chain("start", "f", "S", "j", "end").chain("f", "Y", "j")
    game = Game(drawing.model())
    assert game.at == ["S", "T", "X", "Y"]
    assert game.complete("Y").at == ["S", "T", "X", "j"]
    assert game.complete("X").state == "completed"


def test_inputs_are_local_and_outputs_go_out() -> None:
    inner = inside("X", "Y").user("X").user("Y", k_out="local=local + 1; seen=local")
    game = Game(
        around(inner, k_in="local=given * 2", k_out="result=local + 100").model(), given=3
    ).complete("A")
    assert game.variables == {"given": 3}
    game.complete("X", given=4, fresh=5)  # what no scope declares is the instance's
    assert game.variables == {"given": 4, "fresh": 5}
    game.complete("Y")
    assert game.variables == {"given": 4, "fresh": 5, "seen": 6, "result": 107}


def test_terminate_inside_ends_only_the_sub_process() -> None:
    inner = Drawing(flows="i").start("s0").end("s1", "terminateEventDefinition").parallel("g")
    inner.user("X").user("Y").end("s2").chain("s0", "g", "X", "s1").chain("g", "Y", "s2")
    game = Game(around(inner).model()).complete("A").complete("X")
    assert game.at == ["B"]
    assert "Y" in game.went("interrupted")


def error_inside(**catch: Any) -> Drawing:
    inner = Drawing(flows="i").start("s0").end("s1", "").parallel("g").user("X").user("Y")
    inner.node("endEvent", "bad", on_error("E1")).chain("s0", "g", "X", "bad").chain("g", "Y", "s1")
    drawing = around(inner).error("E1", "no-port").user("C").end("e2")
    return drawing.boundary("catch", "S", on_error("E1"), **catch).chain("catch", "C", "e2")


def test_an_error_end_goes_out_to_the_boundary_of_the_sub_process() -> None:
    game = Game(error_inside().model()).complete("A").complete("X")
    assert game.at == ["C"]
    assert game.variables["error_code"] == "no-port"
    assert set(game.went("interrupted")) == {"S", "Y"}
    assert game.complete("C").state == "completed"


def test_an_error_nobody_around_catches_ends_the_instance() -> None:
    drawing = error_inside()
    drawing.lines = [line for line in drawing.lines if '"catch"' not in line and "C" not in line]
    drawing.in_lane.remove("C")
    drawing.lines = [line for line in drawing.lines if 'id="e2"' not in line]
    game = Game(drawing.model()).complete("A").complete("X")
    assert (game.state, game.end.error) == ("terminated", "no-port")


@pytest.mark.parametrize("action", ["work", "send"])
def test_a_business_error_of_an_action_goes_out_scope_by_scope(action: str) -> None:
    def fails(_inputs: Any) -> Any:
        raise Fault("no-port", {"port": "none"})

    inner = inside("X").service("X", action)
    drawing = around(inner).error("E1", "no-port").user("C").end("e2")
    drawing.boundary("catch", "S", on_error()).chain("catch", "C", "e2")
    game = Game(drawing.model(), {"work": fails}).complete("A")
    if action == "send":
        game.error("X", "no-port", port="none")
    assert game.at == ["C"]
    assert (game.variables["error_code"], game.variables["port"]) == ("no-port", "none")


def test_the_nearest_catches_an_error() -> None:
    def fails(_inputs: Any) -> Any:
        raise Fault("no-port")

    inner = inside("X").service("X", "work").user("I").boundary("near", "X", on_error("E1"))
    inner.end("s2").chain("near", "I", "s2")
    drawing = around(inner).error("E1", "no-port").user("C").end("e2")
    drawing.boundary("far", "S", on_error("E1")).chain("far", "C", "e2")
    assert Game(drawing.model(), {"work": fails}).complete("A").at == ["I", "S"]


@pytest.mark.parametrize("interrupting", [True, False])
@pytest.mark.parametrize("kind", ["timer", "message"])
def test_boundary_events_of_a_sub_process(interrupting: bool, kind: str) -> None:
    drawing = around(fork_inside()).user("C").end("e2").message("M", "told")
    event = timer(duration="PT4H") if kind == "timer" else on_message("M")
    extra = {} if kind == "timer" else {"k_key": '"k"'}
    drawing.boundary("b", "S", event, interrupting=interrupting, **extra).chain("b", "C", "e2")
    game = Game(drawing.model()).complete("A")
    host = game.token("S")
    assert (host, "b") in (game.timers if kind == "timer" else game.subscriptions)
    if kind == "timer":
        game.fire("S", "b")
    else:
        game.tell("S", "b", said=1)
    assert game.at == (["C"] if interrupting else ["C", "S", "X", "Y"])
    if not interrupting:
        game.complete("X").complete("Y")
        assert game.at == ["B", "C"]
    assert not game.timers
    assert not game.subscriptions


def test_a_join_counts_only_tokens_of_its_own_scope() -> None:
    """A sub-process entered twice: two scopes, and their tokens never meet."""
    inner = Drawing(flows="i").start("s0").end("s1").parallel("g").parallel("h").user("X").user("Y")
    inner.chain("s0", "g", "X", "h", "s1").chain("g", "Y", "h")
    drawing = Drawing().start().end().parallel("f").exclusive("m").user("Z").sub("S", inner)
    drawing.chain("start", "f", "m", "S", "end").chain("f", "Z", "m")
    game = Game(drawing.model()).complete("Z")
    assert game.at == ["S", "S", "X", "X", "Y", "Y"]
    first, second = sorted({t.scope for t in game.tokens.values()} - {"root"})
    by = {(t.node, t.scope): id_ for id_, t in game.tokens.items()}
    game.play(_done(by["X", first])).play(_done(by["Y", second]))
    assert game.at == ["S", "S", "X", "Y", "h", "h"]
    game.play(_done(by["Y", first]))
    assert game.at == ["S", "X", "h"]
    game.play(_done(by["X", second]))
    assert game.state == "completed"


def _done(token: Any) -> Completed:
    return Completed(now=NOW, token=token)


def test_a_deadlock_in_a_sub_process_is_said_while_the_rest_goes_on() -> None:
    inner = Drawing(flows="i").start("s0").end("s1").exclusive("g", "d").parallel("h").user("X")
    inner.user("Y").chain("s0", "g").flow("g", "X", "false").flow("g", "Y", id_="d")
    inner.chain("X", "h", "s1").chain("Y", "h")
    drawing = Drawing().start().end().parallel("f").user("Z").sub("S", inner).end("e2")
    drawing.chain("start", "f", "S", "end").chain("f", "Z", "e2")
    game = Game(drawing.model()).complete("Y")
    assert game.cause("h") == "deadlock"
    assert game.by_hand("h").at == ["Z"]


def test_mappings_without_a_value_wait_for_a_person_and_go_on() -> None:
    inner = inside("X").user("X")
    drawing = around(inner, k_in="local=1 / who", k_out="back=local / late")
    game = Game(drawing.model(), who=0, late=0).complete("A")
    assert game.cause("S") == "data"
    game.variables["who"] = 1
    game.retry("S")
    assert game.at == ["S", "X"]
    game.complete("X")
    assert game.cause("S") == "data"
    assert game.at == ["S"]
    game.variables["late"] = 1
    assert game.retry("S").at == ["B"]
    assert game.variables["back"] == 1


def test_done_by_hand_leaves_the_sub_process() -> None:
    game = Game(around(inside("X").user("X"), k_in="local=1 / who").model(), who=0).complete("A")
    assert game.by_hand("S", found=1).at == ["B"]


def test_cancelling_takes_everything_inside_away() -> None:
    game = Game(around(fork_inside()).model()).complete("A").play(Cancelled(now=NOW))
    assert game.state == "cancelled"
    assert not game.work


def back(game: Game, node: str, to: str) -> Game:
    return game.play(ReturnedTo(now=NOW, token=game.token(node), node=to))


def two_inside() -> Drawing:
    return around(inside("X", "Y").user("X").user("Y"))


def test_returning_inside_a_sub_process_stays_inside() -> None:
    game = Game(two_inside().model()).complete("A").complete("X")
    scope = game.tokens[game.token("Y")].scope
    assert back(game, "Y", "X").at == ["S", "X"]
    assert game.tokens[game.token("X")].scope == scope


def test_returning_out_of_a_sub_process_takes_it_away() -> None:
    game = Game(two_inside().model()).complete("A").complete("X")
    assert back(game, "Y", "A").at == ["A"]
    game.complete("A").complete("X").complete("Y").complete("B")
    assert game.state == "completed"


def test_returning_into_a_completed_sub_process_opens_it_again() -> None:
    drawing = two_inside().user("C").end("e2")
    drawing.boundary("b", "S", timer(duration="PT4H")).chain("b", "C", "e2")
    game = Game(drawing.model()).complete("A").complete("X").complete("Y")
    assert back(game, "B", "X").at == ["S", "X"]
    assert (game.token("S"), "b") in game.timers
    assert game.complete("X").complete("Y").at == ["B"]


def test_returning_into_a_branch_of_a_completed_sub_process_waits_for_that_branch_only() -> None:
    inner = Drawing(flows="i").start("s0").end("s1").parallel("g").parallel("h").user("X").user("Y")
    inner.chain("s0", "g", "X", "h", "s1").chain("g", "Y", "h")
    game = Game(around(inner).model()).complete("A").complete("X").complete("Y")
    assert back(game, "B", "Y").at == ["S", "Y", "h"]
    assert game.complete("Y").at == ["B"]


def test_nothing_returns_to_what_is_not_before_it() -> None:
    game = Game(two_inside().model()).complete("A")
    with pytest.raises(CannotReturn):
        back(game, "X", "B")
    with pytest.raises(CannotReturn):
        back(game, "X", "Y")
