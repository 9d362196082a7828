"""Script tasks, send tasks, links and places on the way."""

from __future__ import annotations

import pytest

from kaitong.process.model import Fault, RefusedProcess
from kaitong.process.tests.core_drawing import Drawing, line
from kaitong.process.tests.core_kit import Game


def faults(drawing: Drawing) -> list[Fault]:
    with pytest.raises(RefusedProcess) as refused:
        drawing.model()
    return refused.value.faults


def link(name: str) -> str:
    return f'<bpmn:linkEventDefinition name="{name}"/>'


def throws(drawing: Drawing, id_: str, name: str) -> Drawing:
    return drawing.node("intermediateThrowEvent", id_, link(name))


# ---- scripts


def test_the_entries_of_a_script_become_variables_within_the_step() -> None:
    drawing = line("S", "A").script("S", "{total: price * count, dear: total > 100}").user("A")
    game = Game(drawing.model(), price=30, count=4)
    assert game.at == ["A"]
    assert game.variables["total"] == 120
    assert game.variables["dear"] is True


def test_a_script_with_a_result_may_give_any_value() -> None:
    drawing = line("S", "A").script("S", "[1, 2, speed]", k_result="speeds").user("A")
    assert Game(drawing.model(), speed=3).variables["speeds"] == [1, 2, 3]


def test_a_script_takes_in_and_gives_out() -> None:
    drawing = line("S", "A").user("A")
    drawing.script("S", "{sum: a + b}", k_in="a=x; b=1", k_out="y=sum")
    game = Game(drawing.model(), x=2)
    assert game.variables["y"] == 3
    assert not {"a", "b", "sum"} & set(game.variables)


@pytest.mark.parametrize("text", ["x", '{"a b": 1, x: x}', "{a: x}.b"])
def test_a_script_without_a_result_waits_for_a_person(text: str) -> None:
    game = Game(line("S", "A").script("S", text).user("A").model(), x=2)
    assert game.cause("S") == "data"
    game.by_hand("S", y=1)
    assert game.at == ["A"]


def test_scripts_in_a_circle_are_a_loop() -> None:
    drawing = Drawing().start().end().script("S", "{n: n + 1}").exclusive("x", "out").exclusive("m")
    drawing.chain("start", "m", "S", "x").flow("x", "m", "n > 0").flow("x", "end", id_="out")
    game = Game(drawing.model(), n=1)
    (incident,) = game.incidents.values()
    assert incident.cause == "loop"


@pytest.mark.parametrize(
    ("attributes", "text", "what"),
    [
        ({"scriptFormat": "javascript"}, "{a: 1}", "written in javascript"),
        ({"scriptFormat": ""}, "{a: 1}", "no named language"),
        ({}, "", "holds no script"),
        ({}, "{a: ", "S script"),
        ({}, "3", "no variable takes"),
        ({"k_result": "a b"}, "3", "kaitong:result is a b"),
    ],
)
def test_what_is_no_script_is_refused_at_its_line(
    attributes: dict[str, str], text: str, what: str
) -> None:
    drawing = line("S").script("S", text, **attributes)
    (fault,) = faults(drawing)
    assert what in fault.what
    assert fault.line == drawing.line_of("scriptTask")
    assert fault.remedy


# ---- send tasks


def test_a_send_task_says_a_message_and_goes_on() -> None:
    drawing = line("S", "A").user("A").message("m", "line.ready")
    drawing.node("sendTask", "S", messageRef="m", k_key="order", k_in="speed=speed * 2")
    game = Game(drawing.model(), order="o1", speed=50)
    (said,) = game.said
    assert (said.message, said.key, said.values) == ("line.ready", "o1", {"speed": 100})
    assert game.at == ["A"]


def test_a_send_task_needs_a_message_and_a_key() -> None:
    found = faults(line("S").node("sendTask", "S"))
    assert [fault.what for fault in found] == [
        "The event names no message.",
        "The message event has no correlation key.",
    ]


# ---- links and places on the way


def test_a_link_goes_on_at_its_catch_event() -> None:
    drawing = throws(Drawing().start().end().user("A").user("B"), "out", "L")
    drawing.catch("in", link("L")).chain("start", "A", "out").chain("in", "B", "end")
    game = Game(drawing.model())
    game.complete("A")
    assert game.at == ["B"]
    assert game.went() == ["start", "A", "out", "in", "B"]


def test_several_throw_events_lead_to_one_catch_event() -> None:
    drawing = Drawing().start().end().parallel("fork").user("B")
    throws(throws(drawing, "o1", "L"), "o2", "L").catch("in", link("L"))
    drawing.chain("start", "fork", "o1").chain("fork", "o2").chain("in", "B", "end")
    assert Game(drawing.model()).at == ["B", "B"]


def test_links_in_a_circle_are_a_loop() -> None:
    drawing = Drawing().start().end().exclusive("x", "no").exclusive("m")
    throws(drawing, "out", "L").catch("in", link("L")).chain("start", "m", "x")
    drawing.flow("x", "out", "true").flow("x", "end", id_="no").chain("in", "m")
    (incident,) = Game(drawing.model()).incidents.values()
    assert incident.cause == "loop"


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ({"out": "L"}, "The link L has no catch event."),
        ({"out": "L", "in": "M", "in2": "L"}, "Nothing throws the link M."),
        ({"out": "L", "in": "L", "in2": "L"}, "Two catch events have the link L"),
    ],
)
def test_links_without_their_other_half_are_refused(events: dict[str, str], what: str) -> None:
    drawing = Drawing().start().end().user("A").chain("start", "A")
    for id_, name in events.items():
        if id_ == "out":
            throws(drawing, id_, name).chain("A", id_)
        else:
            drawing.catch(id_, link(name)).chain(id_, "end")
    assert any(fault.what.startswith(what) for fault in faults(drawing))


def test_flows_at_the_wrong_side_of_a_link_are_refused() -> None:
    drawing = Drawing().start().end().user("A").catch("in", link("L"))
    throws(drawing, "out", "L").chain("start", "A", "out", "end").chain("A", "in", "end")
    assert {fault.what for fault in faults(drawing)} == {
        "A sequence flow leaves the throw event of a link.",
        "A sequence flow leads into the catch event of a link.",
    }


def test_a_throw_event_without_a_definition_is_a_place_on_the_way() -> None:
    drawing = line("M", "A").user("A").node("intermediateThrowEvent", "M", k_milestone="half")
    game = Game(drawing.model())
    assert game.at == ["A"]
    assert game.went() == ["start", "M", "A"]


def test_a_link_stays_within_its_sub_process() -> None:
    inner = throws(Drawing(flows="g").start("i").end("z").user("A"), "out", "L")
    inner.catch("in", link("L")).chain("i", "A", "out").chain("in", "z")
    drawing = line("S", "B").user("B").sub("S", inner)
    assert Game(drawing.model()).complete("A").at == ["B"]
    inner = throws(Drawing(flows="g").start("i").end("z").user("A"), "out", "L")
    inner.chain("i", "A", "out").flow("i", "z")
    drawing = line("S").sub("S", inner).catch("in", link("L")).chain("in", "end")
    told = {fault.what for fault in faults(drawing)}
    assert {"The link L has no catch event.", "Nothing throws the link L."} <= told
