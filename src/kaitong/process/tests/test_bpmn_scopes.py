"""Sub-processes, repetition and compensation as they are read, and every fault of them by line."""

from __future__ import annotations

import pytest

from kaitong.process.model import NodeKind
from kaitong.process.tests.core_drawing import Drawing, loop, many, on_error, timer
from kaitong.process.tests.test_advance_scopes import around, inside
from kaitong.process.tests.test_bpmn import only_fault, simple

UNDO = "<bpmn:compensateEventDefinition/>"


def test_nodes_know_where_they_lie() -> None:
    inner = inside("X").user("X")
    model = around(inner).model()
    nodes = model.nodes
    assert (nodes["S"].kind, nodes["S"].begin, nodes["S"].parent) == (NodeKind.SUB, "s0", "")
    assert nodes["X"].parent == "S"
    assert model.start == "start"


def test_steps_inside_lie_in_the_lane_of_the_sub_process() -> None:
    drawing = Drawing().start().end()
    inner = inside("X").user("X")
    inner.in_lane.clear()
    drawing.in_lane.append("S")
    assert drawing.sub("S", inner).chain("start", "S", "end").model().nodes["X"].lane == "clerk"


def test_a_flow_may_not_cross_the_edge_of_a_sub_process() -> None:
    drawing = around(inside("X").user("X")).flow("A", "X", id_="cross")
    only_fault(drawing, "crosses the edge", 'id="cross"')


def test_a_sub_process_needs_a_start_and_an_end() -> None:
    inner = Drawing(flows="i").end("s1").user("X").chain("X", "s1")
    fault = only_fault(around(inner), "S has no start event inside", 'id="S"')
    assert fault.remedy == "Draw one."
    two = inside("X").user("X").start("s9").flow("s9", "X")
    only_fault(around(two), "several start events inside", 'id="s9"')


def test_what_nothing_leads_to_inside() -> None:
    inner = inside("X").user("X").user("Y").flow("Y", "s1")
    only_fault(around(inner), "Y cannot be reached", 'id="Y"')


@pytest.mark.parametrize("tag", ["transaction", "adHocSubProcess"])
def test_other_sub_processes_are_refused_with_a_remedy(tag: str) -> None:
    drawing = Drawing().start().end().chain("start", "T", "end")
    drawing.node(tag, "T", '<bpmn:startEvent id="t0"/><bpmn:task id="t1"/>')
    assert "sub-process" in only_fault(drawing, f"does not execute {tag}", 'id="T"').remedy


def test_a_boundary_event_inside_hangs_on_what_is_inside() -> None:
    inner = inside("X").user("X").boundary("O", "A", timer(duration="P1D")).end("s2")
    inner.flow("O", "s2")
    only_fault(around(inner), "outside the sub-process of A", 'id="O"')
    drawing = around(inside("X").user("X"))
    drawing.boundary("O", "S", on_error(), interrupting=False).end("e2").flow("O", "e2")
    only_fault(drawing, "does not interrupt", 'id="O"')


def repeated(held: str) -> Drawing:
    return Drawing().start().end().user("A", held).chain("start", "A", "end")


def test_repetition_is_read() -> None:
    held = many(collection="points", item="point", result="port", results="ports", until="n = 2")
    repeat = repeated(held).model().nodes["A"].repeat
    assert repeat is not None
    assert (repeat.many, repeat.parallel, repeat.item, repeat.results) == (
        True,
        True,
        "point",
        "ports",
    )
    repeat = repeated(loop("n > 2", before=True, maximum="7")).model().nodes["A"].repeat
    assert repeat is not None
    assert (repeat.many, repeat.test_before, repeat.maximum) == (False, True, 7)


def test_the_standards_own_data_references_are_read() -> None:
    drawing = repeated(
        "<bpmn:multiInstanceLoopCharacteristics>"
        "<bpmn:loopDataInputRef>d1</bpmn:loopDataInputRef>"
        "<bpmn:loopDataOutputRef>ports</bpmn:loopDataOutputRef>"
        '<bpmn:inputDataItem id="i1" name="point"/><bpmn:outputDataItem id="port"/>'
        "</bpmn:multiInstanceLoopCharacteristics>"
    ).node("dataObject", "d1", name="points")
    repeat = drawing.model().nodes["A"].repeat
    assert repeat is not None
    assert repeat.collection.text == "points"
    assert (repeat.item, repeat.result, repeat.results) == ("point", "port", "ports")


@pytest.mark.parametrize(
    ("held", "what"),
    [
        (many(), "neither how many nor for which values"),
        (many(cardinality="3", collection="points"), "a loopCardinality and a collection"),
        (many(cardinality="3", item="x"), "has no collection"),
        (many(cardinality="3", result="x"), "only one of result and results"),
        (many(collection="points", item="a b"), "called `a b`"),
        (many(collection="points", colection="x"), "kaitong:colection is unknown"),
        (many(collection="points +"), "points +"),
        (many(cardinality="("), "("),
        (many(cardinality="3", until="x ="), "x ="),
        (many(cardinality="3").replace("><", ' behavior="None"><', 1), 'behavior="None"'),
        (loop(), "neither a loopCondition nor a loopMaximum"),
        (loop("x", maximum="-1"), "loopMaximum is -1"),
        (loop("x)"), "x)"),
        (loop("x") + loop("y"), "two ways"),
    ],
)
def test_faults_of_repetition(held: str, what: str) -> None:
    only_fault(repeated(held), what, 'id="A"')


def test_only_activities_are_repeated() -> None:
    drawing = Drawing().start().end().node("scriptTask", "A", many(cardinality="3"))
    drawing.lines[-1] = (
        drawing.lines[-1]
        .replace("<bpmn:multi", "<bpmn:script>{a: 1}</bpmn:script><bpmn:multi")
        .replace('id="A"', 'id="A" scriptFormat="FEEL"')
    )
    only_fault(drawing.chain("start", "A", "end"), "a script node, is repeated", 'id="A"')


def event_sub(definition: str, *, interrupting: bool = True, **attributes: str) -> Drawing:
    inner = Drawing(flows="h").end("e1").user("H")
    flags = {} if interrupting else {"isInterrupting": "false"}
    inner.node("startEvent", "e0", definition, **flags, **attributes).chain("e0", "H", "e1")
    return simple().sub("E", inner, triggeredByEvent="true")


def test_event_sub_processes_are_read() -> None:
    model = event_sub(timer(duration="PT4H"), interrupting=False).model()
    assert model.events == ("E",)
    start = model.nodes["e0"]
    assert (start.kind, start.interrupting) == (NodeKind.TIMER_START, False)
    assert model.nodes["E"].begin == "e0"


def test_faults_of_event_sub_processes() -> None:
    only_fault(event_sub(""), "waits for nothing", 'id="e0"')
    only_fault(event_sub(on_error(), interrupting=False), "does not interrupt", 'id="e0"')
    only_fault(event_sub(UNDO), "does not execute compensateEventDefinition", 'id="e0"')
    drawing = event_sub(timer(duration="PT4H")).flow("A", "E", id_="in")
    only_fault(drawing, "touches the event sub-process", 'id="E"')
    drawing = event_sub(timer(duration="PT4H")).end("e9")
    drawing.boundary("B", "E", timer(duration="PT4H")).flow("B", "e9")
    only_fault(drawing, "attached to E, a event-sub-process", 'id="B"')


def undone(**handler: str) -> Drawing:
    drawing = simple().user("H", **{"isForCompensation": "true", **handler})
    drawing.boundary("U", "A", UNDO)
    return drawing.raw('<bpmn:association id="as" sourceRef="U" targetRef="H"/>')


def throwing(reference: str = "", flags: str = "") -> Drawing:
    drawing = undone()
    drawing.lines = [line for line in drawing.lines if 'targetRef="end"' not in line]
    ref = f' activityRef="{reference}"' if reference else ""
    event = f"<bpmn:compensateEventDefinition{ref}{flags}/>"
    return drawing.node("intermediateThrowEvent", "T", event).chain("A", "T", "end")


def test_compensation_is_read() -> None:
    model = throwing("A").model()
    assert (model.nodes["A"].handler, model.nodes["T"].compensates) == ("H", "A")
    assert model.undoes
    assert not undone().model().undoes


def test_faults_of_compensation() -> None:
    drawing = undone()
    drawing.lines = [line for line in drawing.lines if "association" not in line]
    found = [f.what for f in _faults(drawing)]
    assert any("names no handler" in what for what in found)
    assert any("undoes nothing" in what for what in found)
    only_fault(undone().flow("A", "H"), "touches H, which is for compensation", 'id="H"')
    only_fault(throwing("nowhere"), "has no compensation event", 'id="T"')
    only_fault(throwing(flags=' waitForCompletion="false"'), "waitForCompletion", 'id="T"')
    drawing = simple().user("H").boundary("U", "A", UNDO)
    drawing.raw('<bpmn:association id="as" sourceRef="U" targetRef="H"/>').flow("H", "end")
    only_fault(drawing, "may run by itself", 'id="H"')


def _faults(drawing: Drawing) -> list:
    from kaitong.process.tests.test_bpmn import faults

    return faults(drawing)
