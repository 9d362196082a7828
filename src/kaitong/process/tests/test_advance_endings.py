"""How instances end, are cancelled, and how steps are returned (退回)."""

from __future__ import annotations

import pytest

from kaitong.process.advance import CannotReturn
from kaitong.process.model import (
    AddToken,
    Cancelled,
    RemoveToken,
    ReturnedTo,
)
from kaitong.process.tests.core_drawing import (
    Drawing,
    line,
    on_error,
    split,
)
from kaitong.process.tests.core_kit import NOW, Game


def test_terminate_end_takes_every_token() -> None:
    drawing = Drawing().start().end().end("stop", "terminateEventDefinition").parallel("fork")
    drawing.user("A").user("B").chain("start", "fork", "A", "stop").chain("fork", "B", "end")
    game = Game(drawing.model()).complete("A")
    assert game.state == "terminated"
    assert game.went("interrupted") == ["B"]


def test_terminate_end_after_a_call_settles_tokens_of_the_same_step() -> None:
    drawing = Drawing().start().end("stop", "terminateEventDefinition").end().parallel("fork")
    drawing.user("A").service("S").chain("start", "fork", "A", "end").chain("fork", "S", "stop")
    game = Game(drawing.model())
    assert game.state == "terminated"
    assert not [e for e in game.last if isinstance(e, AddToken | RemoveToken)]


def test_error_end_ends_the_instance() -> None:
    drawing = Drawing().start().user("A").error("e", "refused")
    drawing.node("endEvent", "bad", on_error("e"))
    game = Game(drawing.chain("start", "A", "bad").model()).complete("A")
    assert game.state == "terminated"
    assert game.variables["error_code"] == "refused"


def test_cancelled_takes_everything_back() -> None:
    game = Game(split().model()).complete("B")
    game.play(Cancelled(now=NOW, reason="customer"))
    assert game.state == "cancelled"
    assert game.at == []


def back(game: Game, node: str, to: str) -> Game:
    return game.play(ReturnedTo(now=NOW, token=game.token(node), node=to, reason="wrong address"))


def test_returned_to_an_earlier_step() -> None:
    game = Game(line("A", "S", "B").user("A").service("S").user("B").model()).complete("A")
    back(game, "B", "A")
    assert game.at == ["A"]
    assert game.history[-2].data["why"] == "wrong address"
    assert game.complete("A").complete("B").state == "completed"


def test_returning_over_a_fork_takes_the_siblings_along() -> None:
    drawing = split().user("Z")
    drawing.lines = [li for li in drawing.lines if 'sourceRef="start"' not in li]
    model = drawing.chain("start", "Z", "fork").model()
    game = Game(model).complete("Z").complete("B").complete("A")
    assert game.at == ["A2", "join"]
    back(game, "A2", "Z")
    assert game.at == ["Z"]
    game.complete("Z").complete("A").complete("A2").complete("B").complete("C")
    assert game.state == "completed"


def test_returning_over_a_join_repeats_one_branch_and_keeps_the_other() -> None:
    """退回 from the installation to the appointment: the data made meanwhile stays made."""
    game = Game(split().model()).complete("B").complete("A").complete("A2")
    back(game, "C", "A2")
    assert game.at == ["A2", "join"]
    game.complete("A2")
    assert game.at == ["C"]
    assert game.complete("C").state == "completed"
    assert game.went("left").count("B") == 1


def test_returning_inside_a_branch_leaves_the_other_branch_alone() -> None:
    game = Game(split().model()).complete("A").complete("B")
    back(game, "A2", "A")
    assert game.at == ["A", "join"]
    game.complete("A").complete("A2").complete("C")
    assert game.state == "completed"


def test_returning_in_a_looping_process_with_a_nested_fork() -> None:
    """X -> P -> (A | F -> (b1 | b2) -> K -> b3) -> J -> G -> back to the merge, or the end."""
    drawing = Drawing().start().end().exclusive("M").exclusive("G", "out")
    for gateway in ("P", "F", "K", "J"):
        drawing.parallel(gateway)
    for task in ("X", "A", "b1", "b2", "b3"):
        drawing.user(task)
    drawing.chain("start", "M", "X", "P", "A", "J", "G").chain("P", "F", "b1", "K", "b3", "J")
    drawing.chain("F", "b2", "K").flow("G", "M", "more").flow("G", "end", id_="out")
    game = Game(drawing.model(), more=False)
    game.complete("X").complete("b1").complete("b2")
    assert game.at == ["A", "b3"]
    back(game, "A", "X")
    assert game.at == ["X"]
    game.complete("X").complete("b1")
    assert game.at == ["A", "K", "b2"]
    back(game, "b2", "X")
    assert game.at == ["X"]
    game.complete("X").complete("A").complete("b1").complete("b2").complete("b3")
    assert game.state == "completed"


@pytest.mark.parametrize(
    ("node", "to"), [("A", "C"), ("A", "fork"), ("A", "A"), ("A", "B"), ("A", "nowhere")]
)
def test_a_step_cannot_be_returned_elsewhere(node: str, to: str) -> None:
    game = Game(split().model())
    with pytest.raises(CannotReturn):
        back(game, node, to)
    assert game.at == ["A", "B"]
