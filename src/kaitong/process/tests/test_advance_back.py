"""退回 meets compensation: nothing is undone twice, and nothing that stands is forgotten."""

from __future__ import annotations

from uuid import UUID

import pytest

from kaitong.process.model import ReturnedTo, TimerFired
from kaitong.process.tests.core_drawing import Drawing, many, timer
from kaitong.process.tests.core_kit import NOW, Game
from kaitong.process.tests.test_advance_undo import did, throws, undo


def back(game: Game, at: str, to: str, *left: str, undone: tuple[str, ...] = ()) -> Game:
    event = ReturnedTo(now=NOW, token=game.token(at), node=to, left=left, undone=undone)
    return game.play(event)


def line() -> Drawing:
    """start -> R -> A -> B -> D -> T -> E -> end; A and B can be undone."""
    drawing = Drawing().start().end().user("R").user("D").user("E")
    for task in ("A", "B"):
        undo(drawing.user(task), task)
    return throws(drawing).chain("start", "R", "A", "B", "D", "T", "E", "end")


def test_what_the_return_undid_is_not_undone_again() -> None:
    game = did(Game(line().model()), "R", "A", "B")
    back(game, "D", "R", "R", "A", "B", undone=("A", "B"))
    did(game, "R", "A", "B", "D", "unB", "unA", "E")
    assert game.state == "completed"
    assert (game.went().count("unA"), game.went().count("unB")) == (1, 1)


def test_what_stands_and_is_done_again_is_undone_once() -> None:
    game = did(Game(line().model()), "R", "A", "B")
    back(game, "D", "R", "R", "A", "B")
    did(game, "R", "A", "B", "D", "unB", "unA", "E")
    assert game.state == "completed"
    assert (game.went().count("unA"), game.went().count("unB")) == (1, 1)


def test_what_stands_is_undone_where_it_is_not_done_again() -> None:
    drawing = Drawing().start().end().user("R").user("D").exclusive("x", "d").exclusive("m")
    undo(drawing.user("A"), "A")
    throws(drawing).chain("start", "R", "x").chain("A", "m", "D", "T", "end")
    drawing.flow("x", "m", "ask = false", id_="d2").flow("x", "A", id_="d")
    game = Game(drawing.model(), ask=True)
    did(game, "R", "A")
    back(game, "D", "R", "R", "A")
    game.complete("R", ask=False)
    assert did(game, "D").at == ["T", "unA"]
    assert did(game, "unA").state == "completed"


def test_rounds_before_the_step_stay_rounds() -> None:
    drawing = Drawing().start().end().exclusive("m").exclusive("x", "d").user("A").user("B")
    throws(undo(drawing, "A")).chain("start", "m", "A", "B", "x").flow("x", "m", "again")
    drawing.flow("x", "T", id_="d").flow("T", "end")
    game = did(Game(drawing.model()), "A")
    did(game.complete("B", again=True), "A")
    back(game, "B", "A", "A")
    did(game, "A").complete("B", again=False)
    did(game, "unA", "unA")
    assert game.state == "completed"


def beside() -> Drawing:
    """start -> R -> A -> B -> fork: V, and T -> W; both join. A and B can be undone."""
    drawing = Drawing().start().end().user("R").user("V").user("W").parallel("f").parallel("j")
    for task in ("A", "B"):
        undo(drawing.user(task), task)
    throws(drawing).chain("start", "R", "A", "B", "f", "V", "j", "end")
    return drawing.chain("f", "T", "W", "j")


def test_a_branch_taken_away_while_it_undoes_forgets_nothing() -> None:
    game = did(Game(beside().model()), "R", "A", "B")
    assert game.at == ["T", "V", "unB"]
    back(game, "V", "R", "R", "A", "B")
    assert game.at == ["R"]
    assert did(game, "R", "A", "B").at == ["T", "V", "unB"]
    did(game, "unB", "unA", "W", "V")
    assert game.state == "completed"
    assert game.went().count("unA") == 1


def test_what_was_undone_before_the_return_is_not_undone_again() -> None:
    game = did(Game(beside().model()), "R", "A", "B", "unB")
    assert game.at == ["T", "V", "unA"]
    back(game, "V", "B", "B")
    assert game.at == ["B"]
    did(game, "B")
    did(game, "unB", "unA", "W", "V")
    assert game.state == "completed"
    assert game.went().count("unB") == 2  # done twice, undone twice
    assert game.went().count("unA") == 2  # stopped once, and begun anew
    assert game.went("left").count("unA") == 1


def nested(*, handler: bool = False, held: str = "") -> Drawing:
    """start -> R -> S (P -> A -> Q) -> D -> T -> end; A can be undone, S as `handler` says."""
    inner = Drawing(flows="i").start("s0").end("s1").user("P").user("Q")
    undo(inner.user("A"), "A").chain("s0", "P", "A", "Q", "s1")
    drawing = Drawing().start().end().user("R").user("D").sub("S", inner, held)
    if handler:
        undo(drawing, "S")
    return throws(drawing).chain("start", "R", "S", "D", "T", "end")


@pytest.mark.parametrize("handler", [False, True])
def test_a_sub_process_left_for_an_earlier_step_leaves_what_stands(handler: bool) -> None:
    game = did(Game(nested(handler=handler).model()), "R", "P", "A")
    back(game, "Q", "R", "R", "P", "A")
    assert game.at == ["R"]
    did(game, "R", "P", "A", "Q", "D")
    assert game.at == ["T", "unS" if handler else "unA"]
    did(game, "unS" if handler else "unA")
    if handler:  # of the passage that did not end, A stands by itself
        did(game, "unA")
    assert game.state == "completed"


def test_a_completed_sub_process_opened_again_knows_what_was_done_in_it() -> None:
    game = did(Game(nested().model()), "R", "P", "A", "Q")
    back(game, "D", "Q", "Q")
    assert game.at == ["Q", "S"]
    assert did(game, "Q", "D").at == ["T", "unA"]
    assert did(game, "unA").state == "completed"


def test_a_completed_sub_process_returned_over_counts_once() -> None:
    game = did(Game(nested().model()), "R", "P", "A", "Q")
    back(game, "D", "P", "P", "A", "Q", "S")
    did(game, "P", "A", "Q", "D", "unA")
    assert game.state == "completed"
    assert game.went().count("unA") == 1


def test_of_many_each_takes_the_place_of_its_own() -> None:
    held = many(collection="points", item="point", sequential=True)
    game = Game(nested(held=held).model(), points=["甲", "乙"])
    did(game, "R", "P", "A", "Q", "P", "A", "Q")
    back(game, "D", "R", "R", "P", "A", "Q", "P", "A", "Q", "S")
    game.complete("R", points=["乙", "丙"])
    did(game, "P", "A", "Q", "P", "A", "Q", "D")
    undone = []
    while game.state == "":
        undone.append(game.kept["scopes"][game.tokens[game.token("unA")].scope]["variables"])
        did(game, "unA")
    assert [seen["point"] for seen in undone] == ["丙", "乙", "甲"]


def test_an_interrupting_event_keeps_what_is_still_to_be_undone() -> None:
    event = Drawing(flows="h").end("e1").node("startEvent", "e0", timer(duration="PT1H"))
    throws(event, "T2").chain("e0", "T2", "e1")
    drawing = line().sub("E1", event, triggeredByEvent="true")
    game = did(Game(drawing.model()), "R", "A", "B", "D", "unB")
    assert game.at == ["T", "e0", "unA"]
    token = UUID(str(game.token("e0")))
    game.play(TimerFired(now=NOW, token=token, node="e0"))
    assert game.at == ["E1", "T2", "unA"]
    assert did(game, "unA").state == "completed"
    assert game.went("left").count("unA") == 1
    assert game.went().count("unB") == 1


def test_processes_without_compensation_keep_nothing() -> None:
    drawing = Drawing().start().end().user("A").user("B").chain("start", "A", "B", "end")
    game = back(did(Game(drawing.model()), "A"), "B", "A", "A")
    assert (game.kept, game.at) == (None, ["A"])
