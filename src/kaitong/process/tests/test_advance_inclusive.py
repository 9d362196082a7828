"""The inclusive gateway: BPMN 2.0.2, 13.4.3, by hard cases and by random structured processes."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaitong.process.advance import CannotReturn
from kaitong.process.advance_graph import inclusive_paths
from kaitong.process.model import (
    Cancelled,
    Completed,
    NodeKind,
    RefusedProcess,
    Retried,
    ReturnedTo,
    WaitKind,
)
from kaitong.process.tests.core_blocks import Plan, random_block
from kaitong.process.tests.core_drawing import Drawing, on_error, timer
from kaitong.process.tests.core_kit import NOW, Game


def three() -> Drawing:
    """start -> fork -> (A if a | B if b | C else) -> join -> D -> end"""
    drawing = Drawing().start().end().inclusive("fork", "else").inclusive("join")
    for task in ("A", "B", "C", "D"):
        drawing.user(task)
    drawing.chain("start", "fork").flow("fork", "A", "a").flow("fork", "B", "b")
    drawing.flow("fork", "C", id_="else")
    return drawing.chain("A", "join").chain("B", "join").chain("C", "join", "D", "end")


@pytest.mark.parametrize(
    ("a", "b", "ways"),
    [(True, True, ["A", "B"]), (True, False, ["A"]), (False, True, ["B"]), (False, False, ["C"])],
)
def test_a_fork_takes_every_way_that_holds_else_the_default(
    a: bool, b: bool, ways: list[str]
) -> None:
    game = Game(three().model(), a=a, b=b)
    assert game.at == ways
    for way in ways[:-1]:
        game.complete(way)
        assert "D" not in game.at
    game.complete(ways[-1])
    assert game.at == ["D"]
    game.complete("D")
    assert game.state == "completed"
    assert game.went().count("D") == 1


def test_a_condition_that_is_unknown_waits_for_a_person() -> None:
    game = Game(three().model(), a=True)
    assert game.cause("fork") == "data"
    game.by_hand("fork", b=False)
    assert game.at == ["A"]


def test_no_way_and_no_default_waits_for_a_person() -> None:
    drawing = Drawing().start().end().inclusive("fork").user("A").user("B")
    drawing.chain("start", "fork").flow("fork", "A", "a").flow("fork", "B", "b")
    game = Game(drawing.chain("A", "end").chain("B", "end").model(), a=False, b=False)
    assert game.cause("fork") == "data"


def test_a_flow_without_a_condition_is_always_taken() -> None:
    drawing = Drawing().start().end().inclusive("fork").user("A").user("B")
    drawing.chain("start", "fork").flow("fork", "A").flow("fork", "B", "b")
    drawing.chain("A", "end").chain("B", "end")
    assert Game(drawing.model(), b=False).at == ["A"]
    assert Game(drawing.model(), b=True).at == ["A", "B"]


def test_a_default_beside_a_flow_that_is_always_taken_is_refused() -> None:
    drawing = Drawing().start().end().inclusive("fork", "else").user("A").user("B")
    drawing.chain("start", "fork").flow("fork", "A", id_="always").flow("fork", "B", id_="else")
    drawing.chain("A", "end").chain("B", "end")
    with pytest.raises(RefusedProcess) as refused:
        drawing.model()
    (fault,) = refused.value.faults
    assert fault.line == drawing.line_of('id="else"')
    assert "always has no condition" in fault.what


def test_the_join_waits_for_a_boundary_event_of_a_task_that_has_begun() -> None:
    drawing = three().user("Late")
    drawing.boundary("T", "A", timer(duration="PT1H"), interrupting=False)
    drawing.chain("T", "Late", "join")
    game = Game(drawing.model(), a=True, b=True)
    game.complete("B").fire("A", "T")
    assert game.at == ["A", "Late", "join"]
    game.complete("A")
    assert game.at == ["Late", "join", "join"]  # it may still come by a flow that is empty
    game.complete("Late")
    assert game.at == ["D"]


def test_a_token_that_dies_lets_the_join_go_on_in_the_same_step() -> None:
    drawing = three().end("lost").error("e", "no-port")
    drawing.boundary("E", "B", on_error("e")).chain("E", "lost")
    game = Game(drawing.model(), a=True, b=True)
    game.complete("A")
    assert game.at == ["B", "join"]
    game.error("B", "no-port")
    assert game.at == ["D"]


def test_a_token_that_leaves_another_way_lets_the_join_go_on() -> None:
    """B may go to the join or to an end: it is decided when it leaves."""
    drawing = Drawing().start().end().end("gone").parallel("fork").exclusive("ask", "no")
    for task in ("A", "B", "D"):
        drawing.user(task)
    drawing.inclusive("join").chain("start", "fork", "A", "join", "D", "end")
    drawing.chain("fork", "B", "ask").flow("ask", "join", "back").flow("ask", "gone", id_="no")
    game = Game(drawing.model())
    game.complete("A")
    assert game.at == ["B", "join"]
    game.complete("B", back=False)
    assert game.at == ["D"]


def test_a_token_in_an_incident_is_waited_for() -> None:
    drawing = Drawing().start().end().parallel("fork").inclusive("join").user("A").user("D")
    drawing.service("S", "send").chain("start", "fork", "A", "join", "D", "end")
    drawing.chain("fork", "S", "join")
    game = Game(drawing.model())
    game.failed("S")
    game.complete("A")
    assert game.at == ["S", "join"]
    game.by_hand("S")
    assert game.at == ["D"]


def test_one_that_could_come_by_a_filled_flow_is_not_waited_for() -> None:
    """13.4.3 (iv)-(vi): a token before the fork could come by either flow, one of which is filled.

    start -> all -> (A -> merge | B -> merge -> fork -> (X | Y) -> join -> end)
    """
    drawing = Drawing().start().end().parallel("all").exclusive("merge")
    drawing.inclusive("fork").inclusive("join")
    for task in ("A", "B", "X", "Y", "D"):
        drawing.user(task)
    drawing.chain("start", "all", "A", "merge", "fork").chain("all", "B", "merge")
    drawing.flow("fork", "X", "x").flow("fork", "Y", "y")
    drawing.chain("X", "join").chain("Y", "join", "D", "end")
    game = Game(drawing.model(), x=True, y=False)
    game.complete("A")
    assert game.at == ["B", "X"]
    game.complete("X")
    assert game.at == ["B", "D"]  # B could fill the empty flow, but the filled one as well


def test_two_tokens_on_one_flow_pass_one_after_the_other() -> None:
    drawing = Drawing().start().end().parallel("all").exclusive("merge").inclusive("join")
    for task in ("A", "B", "C", "D"):
        drawing.user(task)
    drawing.chain("start", "all", "A", "merge", "join", "D", "end")
    drawing.chain("all", "B", "merge").chain("all", "C", "join")
    game = Game(drawing.model())
    game.complete("A").complete("B")
    assert game.at == ["C", "join", "join"]
    game.complete("C")  # takes one of each flow; the second of merge's has nobody to wait for
    assert game.at == ["D", "D"]


def test_a_join_in_a_loop_waits_in_each_round() -> None:
    drawing = three().exclusive("again", "out").exclusive("merge")
    text = [line for line in drawing.lines if 'targetRef="end"' not in line]
    drawing.lines = [
        line.replace('targetRef="fork"', 'targetRef="merge"') if "start" in line else line
        for line in text
    ]
    drawing.chain("merge", "fork").chain("D", "again")
    drawing.flow("again", "merge", "more").flow("again", "end", id_="out")
    game = Game(drawing.model(), a=True, b=True, more=True)
    for _round in range(3):
        game.complete("B").complete("A")
        assert game.at == ["D"]
        game.complete("D")
    game.complete("A").complete("B").complete("D", more=False)
    assert game.state == "completed"


def test_two_joins_that_wait_for_each_other_are_told_to_a_person() -> None:
    """J1 -> J2 and J2 -> J1: each could still send the other one a token (a vicious circle)."""
    drawing = Drawing().start().end().parallel("all").user("A").user("B")
    drawing.inclusive("J1").inclusive("J2").parallel("g1").parallel("g2")
    drawing.chain("start", "all", "A", "J1", "g1", "end").chain("all", "B", "J2", "g2", "end")
    drawing.chain("g1", "J2").chain("g2", "J1")
    game = Game(drawing.model())
    game.complete("A").complete("B")
    assert game.cause("J1") == game.cause("J2") == "deadlock"
    game.play(Cancelled(now=NOW))
    assert game.state == "cancelled"


def test_a_join_nobody_will_complete_goes_on_by_hand() -> None:
    """A parallel join keeps a token that could reach the inclusive one."""
    drawing = Drawing().start().end().parallel("all").user("A").user("B").user("D")
    drawing.exclusive("ask", "no").parallel("both").inclusive("join").end("other")
    drawing.chain("start", "all", "A", "join", "D", "end").chain("all", "B", "both", "join")
    drawing.chain("all", "ask").flow("ask", "both", "never").flow("ask", "other", id_="no")
    game = Game(drawing.model(), never=False)
    game.complete("A").complete("B")
    assert game.cause("join") == game.cause("both") == "deadlock"
    game.by_hand("join")
    assert game.at == ["D", "both"]
    game.by_hand("both")
    assert game.at == ["D", "D"]


def test_a_condition_after_a_join_that_fails_keeps_the_partners() -> None:
    drawing = Drawing().start().end().parallel("all").user("A").user("B").user("D").user("E")
    drawing.inclusive("join").chain("start", "all", "A", "join").chain("all", "B", "join")
    drawing.flow("join", "D", "d").flow("join", "E", "not(d)")
    drawing.chain("D", "end").chain("E", "end")
    game = Game(drawing.model())
    game.complete("A").complete("B")
    assert game.at == ["join", "join"]
    waits = sorted(token.wait or "" for token in game.tokens.values())
    assert waits == [WaitKind.INCIDENT, WaitKind.JOIN]
    stuck = next(id_ for id_, t in game.tokens.items() if t.wait is WaitKind.INCIDENT)
    assert game.incidents[stuck].cause == "data"
    game.variables["d"] = True
    game.play(Retried(now=NOW, token=stuck))
    assert game.at == ["D"]


def test_paths_do_not_lead_through_the_join_itself() -> None:
    drawing = three().exclusive("again", "out")
    drawing.lines = [line for line in drawing.lines if 'targetRef="end"' not in line]
    drawing.chain("D", "again").flow("again", "end", id_="out")
    drawing.flow("again", "A", "more")
    model = drawing.model()
    paths = inclusive_paths(model.nodes)["join"]
    by_source = {
        flow.source: paths[flow.id]
        for node in model.nodes.values()
        for flow in node.outgoing
        if flow.target == "join"
    }
    assert by_source["A"] == {"A", "fork", "start", "D", "again"}
    assert by_source["B"] == {"B", "fork", "start"}


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_structured_processes_never_get_stuck_and_do_what_their_shape_says(
    seed: int, size: int
) -> None:
    random = Random(seed)
    plan = Plan(random_block(random, size))
    game = Game(plan.drawing.model())
    done: Counter[str] = Counter()
    for _step in range(1000):
        if game.state:
            break
        assert not game.incidents
        token = random.choice(sorted(game.work))
        done[game.work[token]] += 1
        game.play(Completed(now=NOW, token=token, values={}))
    assert game.state == "completed"
    assert done == +plan.tasks


def back(game: Game, node: str, to: str) -> Game:
    return game.play(ReturnedTo(now=NOW, token=game.token(node), node=to, reason="x"))


def test_going_back_behind_a_join_waits_for_that_branch_only() -> None:
    game = Game(three().model(), a=True, b=True)
    game.complete("A").complete("B")
    back(game, "D", "A")
    assert game.at == ["A"]  # what B did stays done
    game.complete("A")
    assert game.at == ["D"]


def test_going_back_before_the_fork_takes_what_waits_at_the_join_along() -> None:
    drawing = three().user("Before")
    drawing.lines = [line for line in drawing.lines if 'sourceRef="start"' not in line]
    drawing.chain("start", "Before", "fork")
    game = Game(drawing.model(), a=True, b=True).complete("Before").complete("A")
    assert game.at == ["B", "join"]
    back(game, "B", "Before")
    assert game.at == ["Before"]
    game.complete("Before", b=False).complete("A")
    assert game.at == ["D"]


def test_a_sibling_branch_is_nothing_to_go_back_to() -> None:
    game = Game(three().model(), a=True, b=True)
    with pytest.raises(CannotReturn):
        back(game, "A", "B")


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(st.integers(0, 2**32), st.integers(2, 10))
def test_going_back_and_forth_in_structured_processes_never_gets_stuck(
    seed: int, size: int
) -> None:
    random = Random(seed)
    plan = Plan(random_block(random, size))
    game = Game(plan.drawing.model())
    people = [node.id for node in game.model.nodes.values() if node.kind is NodeKind.USER]
    returns = 0
    for _step in range(1500):
        if game.state:
            break
        assert not game.incidents
        token = random.choice(sorted(game.work))
        if returns < 10 and random.random() < 0.3:
            returns += 1
            try:
                game.play(ReturnedTo(now=NOW, token=token, node=random.choice(people), reason="x"))
            except CannotReturn:
                continue
        else:
            game.play(Completed(now=NOW, token=token, values={}))
    assert game.state == "completed"
