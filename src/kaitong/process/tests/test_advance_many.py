"""Repeated activities in the token game: multi-instance, parallel and sequential, and loops."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from kaitong.process.advance import CannotReturn, advance
from kaitong.process.model import (
    Completed,
    DoneByHand,
    Failed,
    Retried,
    Returned,
    ReturnedTo,
    Started,
    State,
    TimerFired,
)
from kaitong.process.tests.core_drawing import Drawing, loop, many, on_error, timer
from kaitong.process.tests.core_kit import NOW, Fault, Game
from kaitong.process.tests.test_advance_scopes import inside

POINTS = ["甲", "乙", "丙"]


def tasks(held: str, **attributes: str) -> Drawing:
    """start -> T (repeated) -> B -> end"""
    drawing = Drawing().start().end().user("T", held, **attributes).user("B")
    return drawing.chain("start", "T", "B", "end")


def ones(game: Game, node: str = "T") -> list[UUID]:
    """The tokens of single instances at a node, in the order of the instances."""
    scopes = game.scopes
    found = [
        (scopes[t.scope].at, id_)
        for id_, t in game.tokens.items()
        if t.node == node and t.scope in scopes and scopes[t.scope].kind == "one"
    ]
    return [id_ for _at, id_ in sorted(found)]


def done(game: Game, token: UUID, **values: Any) -> Game:
    return game.play(Completed(now=NOW, token=token, values=values))


EACH = {"collection": "points", "item": "point", "result": "port", "results": "ports"}


def test_parallel_instances_are_all_there_at_once_and_gather_their_results_in_order() -> None:
    game = Game(tasks(many(**EACH)).model(), points=POINTS)
    assert game.at == ["T"] * 4  # three, and what waits for them
    first, second, third = ones(game)
    done(game, third, port=3)
    done(game, first, port=1)
    assert len(ones(game)) == 1
    done(game, second, port=2)
    assert game.at == ["B"]
    assert game.variables == {"points": POINTS, "ports": [1, 2, 3]}
    assert not game.scopes


def test_sequential_instances_come_one_after_the_other() -> None:
    game = Game(tasks(many(sequential=True, **EACH)).model(), points=POINTS)
    for number in (1, 2, 3):
        (token,) = ones(game)
        scope = game.scopes[game.tokens[token].scope]
        assert scope.variables["loopCounter"] == number
        assert scope.variables["point"] == POINTS[number - 1]
        done(game, token, port=number)
    assert game.at == ["B"]
    assert game.variables["ports"] == [1, 2, 3]


@pytest.mark.parametrize("sequential", [True, False])
def test_none_at_all_is_passed(sequential: bool) -> None:
    game = Game(tasks(many(sequential=sequential, **EACH)).model(), points=[])
    assert game.at == ["B"]
    assert game.variables["ports"] == []
    assert Game(tasks(many(cardinality="0")).model()).at == ["B"]


def test_each_instance_sees_its_own_item_and_number() -> None:
    held = many(collection="points", item="point")
    drawing = Drawing().start().end().service("T", "send", held, k_in="p=point; n=loopCounter")
    game = Game(drawing.chain("start", "T", "end").model(), points=POINTS)
    assert [dict(c.inputs) for c in game.commands.values()] == [
        {"p": p, "n": n} for n, p in enumerate(POINTS, 1)
    ]


def test_a_completion_condition_ends_the_rest() -> None:
    held = many(until="numberOfCompletedInstances >= 2", **EACH)
    game = Game(tasks(held.replace(">= 2", "&gt;= 2")).model(), points=POINTS)
    first, second, third = ones(game)
    done(game, third, port=3)
    assert second in game.work
    done(game, first, port=1)
    assert game.at == ["B"]
    assert game.variables["ports"] == [1, 3]
    assert second not in game.work
    assert game.went("interrupted") == ["T"]


def test_a_completion_condition_may_ask_what_the_instances_answered() -> None:
    held = many(cardinality="5", sequential=True, until="found = true")
    game = Game(tasks(held).model())
    done(game, ones(game)[0], found=False)
    done(game, ones(game)[0], found=True)
    assert game.at == ["B"]


def test_a_completion_condition_without_a_value_waits_for_a_person() -> None:
    held = many(cardinality="3", until="found")
    game = Game(tasks(held).model())
    done(game, ones(game)[0])
    host = next(id_ for id_, t in game.tokens.items() if t.scope == "root")
    assert game.incidents[host].cause == "data"
    assert len(ones(game)) == 2  # the others go on meanwhile
    game.variables["found"] = False
    game.play(Retried(now=NOW, token=host))
    assert not game.incidents
    done(game, ones(game)[0], found=None)
    game.play(DoneByHand(now=NOW, token=host))
    assert game.at == ["B"]


def test_the_last_one_done_while_an_incident_stands_is_seen_after_the_retry() -> None:
    held = many(cardinality="2", until="found")
    game = Game(tasks(held).model())
    done(game, ones(game)[0])
    host = next(id_ for id_, t in game.tokens.items() if t.scope == "root")
    done(game, ones(game)[0])
    assert game.at == ["T"]
    game.play(Retried(now=NOW, token=host))
    game.variables["found"] = True
    if game.at == ["T"]:
        game.play(Retried(now=NOW, token=host))
    assert game.at == ["B"]


@pytest.mark.parametrize(
    ("held", "given"),
    [
        (many(collection="points", item="p"), {"points": "no list"}),
        (many(collection="points", item="p"), {}),
        (many(cardinality="n"), {"n": -1}),
        (many(cardinality="n"), {"n": 1.5}),
        (many(cardinality="n"), {"n": None}),
        (many(cardinality="n"), {"n": True}),
        (many(cardinality="n"), {"n": 501}),
        (many(cardinality="1 / n"), {"n": 0}),
    ],
)
def test_what_says_no_number_is_an_incident(held: str, given: dict[str, Any]) -> None:
    game = Game(tasks(held).model(), **given)
    assert game.cause("T") == "data"
    game.variables.update(points=POINTS, n=2)
    if "1 / n" in held:
        game.variables["n"] = 1
    game.retry("T")
    assert ones(game)


def test_instances_of_a_sub_process_keep_their_variables_and_joins_apart() -> None:
    inner = Drawing(flows="i").start("s0").end("s1").parallel("g").parallel("h").user("X").user("Y")
    inner.chain("s0", "g", "X", "h", "s1").chain("g", "Y", "h")
    held = many(collection="points", item="point", result="port", results="ports")
    drawing = Drawing().start().end().sub("S", inner, held, k_in="port=loopCounter * 10")
    game = Game(drawing.chain("start", "S", "end").model(), points=POINTS[:2])
    assert Counter(game.at) == {"S": 1, "X": 2, "Y": 2}
    first, second = ones(game, "X")
    done(game, first)
    done(game, ones(game, "Y")[1])
    assert Counter(game.at) == {"S": 1, "X": 1, "Y": 1, "h": 2}
    done(game, ones(game, "Y")[0], port=7)
    done(game, second)
    assert game.state == "completed"
    assert game.variables["ports"] == [7, 20]


def test_terminate_inside_one_instance_ends_only_that() -> None:
    inner = Drawing(flows="i").start("s0").end("s1", "terminateEventDefinition").user("X")
    inner.parallel("g").user("Y").end("s2").chain("s0", "g", "X", "s1").chain("g", "Y", "s2")
    drawing = Drawing().start().end().sub("S", inner, many(cardinality="2"))
    game = Game(drawing.chain("start", "S", "end").model())
    done(game, ones(game, "X")[0])
    assert Counter(game.at) == {"S": 1, "X": 1, "Y": 1}


def test_boundary_events_belong_to_the_activity_as_a_whole() -> None:
    drawing = tasks(many(cardinality="3")).user("C").end("e2")
    drawing.boundary("b", "T", timer(duration="PT4H")).chain("b", "C", "e2")
    game = Game(drawing.model())
    assert len(game.timers) == 1
    ((host, _node),) = game.timers
    assert game.tokens[host].scope == "root"
    game.play(TimerFired(now=NOW, token=host, node="b"))
    assert game.at == ["C"]


@pytest.mark.parametrize("action", ["work", "send"])
def test_an_error_of_one_instance_takes_the_others_away(action: str) -> None:
    def fails(inputs: Any) -> Any:
        if inputs["n"] == 2:
            raise Fault("no-port")
        return {}

    drawing = Drawing().start().end().user("C").end("e2").error("E1", "no-port")
    drawing.service("T", action, many(cardinality="3"), k_in="n=loopCounter")
    drawing.boundary("b", "T", on_error("E1")).chain("b", "C", "e2").chain("start", "T", "end")
    game = Game(drawing.model(), {"work": fails})
    if action == "send":
        from kaitong.process.model import BpmnError

        game.play(BpmnError(now=NOW, token=ones(game)[1], code="no-port"))
    assert game.at == ["C"]
    assert not game.commands


def test_an_incident_of_one_instance_leaves_the_others() -> None:
    drawing = Drawing().start().end().service("T", "send", many(cardinality="2"))
    game = Game(drawing.chain("start", "T", "end").model())
    first, second = ones(game)
    game.play(Failed(now=NOW, token=first, cause="network"))
    game.play(Returned(now=NOW, token=second))
    assert list(game.incidents) == [first]
    game.play(DoneByHand(now=NOW, token=first))
    assert game.state == "completed"


def test_called_processes_are_called_for_each_item() -> None:
    drawing = Drawing().start().end()
    held = many(collection="points", item="point", result="port", results="ports")
    drawing.node("callActivity", "T", held, calledElement="open", k_in="at=point", k_out="port=p")
    game = Game(drawing.chain("start", "T", "end").model(), points=POINTS)
    assert [dict(c.inputs) for c in game.children.values()] == [{"at": p} for p in POINTS]
    for number, token in enumerate(ones(game)):
        game.play(Returned(now=NOW, token=token, values={"p": number, "other": 1}))
    assert game.state == "completed"
    assert game.variables == {"points": POINTS, "ports": [0, 1, 2]}


def test_decisions_and_manual_and_receive_tasks_are_repeated_too() -> None:
    drawing = Drawing().start().end().message("M", "told").manual("A", many(cardinality="2"))
    drawing.node(
        "receiveTask", "R", many(cardinality="2"), messageRef="M", k_key="string(loopCounter)"
    )
    game = Game(drawing.chain("start", "A", "R", "end").model())
    for token in ones(game, "A"):
        done(game, token)
    assert sorted(s.key for s in game.subscriptions.values()) == ["1", "2"]


# ---- loops


def test_a_loop_goes_on_while_its_condition_holds() -> None:
    game = Game(tasks(loop("again")).model())
    done(game, ones(game)[0], again=True)
    assert game.scopes[game.tokens[ones(game)[0]].scope].variables["loopCounter"] == 2
    done(game, ones(game)[0], again=False)
    assert game.at == ["B"]


def test_a_loop_that_asks_first_may_not_be_entered_at_all() -> None:
    assert Game(tasks(loop("again", before=True)).model(), again=False).at == ["B"]
    assert ones(Game(tasks(loop("again", before=True)).model(), again=True))


def test_a_loop_has_a_maximum() -> None:
    game = Game(tasks(loop(maximum="2")).model())
    done(game, ones(game)[0])
    done(game, ones(game)[0])
    assert game.at == ["B"]


def test_a_loop_condition_may_count() -> None:
    drawing = Drawing().start().end().service("T", "work", loop("loopCounter &lt; 3"))
    game = Game(drawing.chain("start", "T", "end").model())
    assert game.state == "completed"
    assert len(game.calls) == 3


def test_a_loop_without_a_wait_that_never_ends_is_an_incident() -> None:
    drawing = Drawing().start().end().sub("S", inside(), loop("true"))
    game = Game(drawing.chain("start", "S", "end").model())
    assert game.cause("S") == "loop"


# ---- going back


def back(game: Game, token: UUID, to: str) -> Game:
    return game.play(ReturnedTo(now=NOW, token=token, node=to))


def test_going_back_from_one_instance_takes_all_of_them_away() -> None:
    drawing = Drawing().start().end().user("A").user("T", many(cardinality="3"))
    game = Game(drawing.chain("start", "A", "T", "end").model()).complete("A")
    back(game, ones(game)[1], "A")
    assert game.at == ["A"]
    assert len(ones(game.complete("A"))) == 3


def test_going_back_to_a_repeated_task_begins_it_anew() -> None:
    game = Game(tasks(many(cardinality="2")).model())
    for token in ones(game):
        done(game, token)
    back(game, game.token("B"), "T")
    assert len(ones(game)) == 2


def test_going_back_inside_one_instance_leaves_the_others() -> None:
    drawing = Drawing().start().end().user("B")
    drawing.sub("S", inside("X", "Y").user("X").user("Y"), many(cardinality="2"))
    game = Game(drawing.chain("start", "S", "B", "end").model())
    for token in ones(game, "X"):
        done(game, token)
    back(game, ones(game, "Y")[0], "X")
    assert Counter(game.at) == {"S": 1, "X": 1, "Y": 1}
    done(game, ones(game, "X")[0])
    for token in ones(game, "Y"):
        done(game, token)
    with pytest.raises(CannotReturn):  # into which of the two?
        back(game, game.token("B"), "X")


def test_the_document_of_scopes_is_empty_where_none_was_opened() -> None:
    model = Drawing().start().end().user("A").chain("start", "A", "end").model()
    state = advance(model, State(), Started(now=NOW), external=frozenset()).state
    assert (state.scopes, state.opened) == ({}, 0)
