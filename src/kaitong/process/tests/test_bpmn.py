"""Reading BPMN: every element the runtime executes, and every fault with its line and remedy."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from kaitong.process.bpmn import parse
from kaitong.process.model import Fault, NodeKind, RefusedProcess
from kaitong.process.tests.core_drawing import Drawing, on_error, on_message, timer


def simple() -> Drawing:
    return Drawing().start().end().user("A").chain("start", "A", "end")


def faults(drawing: Drawing | str | bytes) -> list[Fault]:
    data = (
        drawing
        if isinstance(drawing, bytes)
        else (drawing if isinstance(drawing, str) else drawing.text()).encode()
    )
    with pytest.raises(RefusedProcess) as refused:
        parse(data, "open.bpmn")
    found = refused.value.faults
    assert all(fault.file == "open.bpmn" and fault.line > 0 and fault.what for fault in found)
    assert all(fault.remedy for fault in found), found
    assert [f.line for f in found] == sorted(f.line for f in found)
    return found


def only_fault(drawing: Drawing, what: str, at: str) -> Fault:
    """The one fault of a drawing: its words, and the line on which `at` stands."""
    found = faults(drawing)
    assert len(found) == 1, "\n".join(map(str, found))
    assert what in found[0].what, found[0]
    assert found[0].line == drawing.line_of(at), found[0]
    return found[0]


# ---- what is read


def test_a_whole_process() -> None:
    drawing = Drawing("家庭宽带&#10;新装").start().end()
    drawing.user(
        "A",
        name="受理\n登记",
        k_form="customer",
        k_budget="install_within",
        k_four_eyes_with="M",
        k_out="speed=number(speed)",
    )
    drawing.service("S", "send", k_in='account=order.account; note="a;b"', k_retries="5")
    drawing.manual("M", name="Carry cable")
    drawing.exclusive("G", "f9").message("m1", "session-seen")
    drawing.receive("R", "m1", "account")
    drawing.boundary("B", "S", timer(duration="P2D"), interrupting=False, k_working="true")
    drawing.chain("start", "A", "G").flow("G", "S", "speed &gt;= 300".replace("&gt;", ">"))
    drawing.flow("G", "M", id_="f9").chain("S", "R", "end").chain("M", "end").chain("B", "end")
    model = drawing.model()
    assert model.key == "p"
    assert model.name == "家庭宽带新装"
    assert model.hash == hashlib.sha256(drawing.text().encode()).hexdigest()
    assert model.start == "start"
    assert [(lane.id, lane.name, lane.post) for lane in model.lanes] == [
        ("clerk", "营业员", "clerk")
    ]
    accept = model.node("A")
    assert (accept.kind, accept.lane, accept.form) == (NodeKind.USER, "clerk", "customer")
    assert accept.extension == {"budget": "install_within", "four-eyes-with": "M"}
    assert accept.outputs["speed"].text == "number(speed)"
    service = model.node("S")
    assert (service.action, service.boundaries) == ("send", ("B",))
    assert {n: e.evaluate({"order": {"account": "x"}}) for n, e in service.inputs.items()} == {
        "account": "x",
        "note": "a;b",
    }
    boundary = model.node("B")
    assert (boundary.attached_to, boundary.interrupting) == ("S", False)
    assert boundary.timer is not None
    assert boundary.timer.working
    gateway = model.node("G")
    assert gateway.default == "f9"
    assert [flow.target for flow in gateway.outgoing] == ["S", "M"]
    assert gateway.outgoing[0].condition.evaluate({"speed": 300}) is True
    assert model.node("end").incoming == 3
    receive = model.node("R")
    assert (receive.message, receive.message_key.text) == ("session-seen", "account")
    assert model.node("M").name == "Carry cable"


def test_names_lose_line_breaks_sensibly_and_documentation_keeps_them() -> None:
    drawing = simple()
    drawing.in_lane.append("B")
    drawing.raw(
        '<bpmn:manualTask id="B" name="端口分配&#10;异常 on&#10;site">'
        "<bpmn:documentation>第一行&#10;第二行</bpmn:documentation></bpmn:manualTask>"
    )
    node = drawing.chain("A", "B", "end").model().node("B")
    assert node.name == "端口分配异常 on site"
    assert node.documentation == "第一行\n第二行"


def test_nested_lanes_the_innermost_names_the_post() -> None:
    text = (
        simple()
        .text()
        .replace(
            '<bpmn:lane id="clerk" name="营业员">'
            "<bpmn:flowNodeRef>A</bpmn:flowNodeRef></bpmn:lane>",
            '<bpmn:lane id="hall" name="营业厅"><bpmn:flowNodeRef>A</bpmn:flowNodeRef>'
            '<bpmn:childLaneSet id="inner"><bpmn:lane id="l2" name="营业员" kaitong:post="clerk">'
            "<bpmn:flowNodeRef>A</bpmn:flowNodeRef></bpmn:lane></bpmn:childLaneSet></bpmn:lane>",
        )
    )
    model = parse(text.encode(), "x")
    assert model.node("A").lane == "clerk"
    assert [lane.post for lane in model.lanes] == ["hall", "clerk"]


def test_pictures_are_left_aside() -> None:
    drawing = simple()
    for picture in (
        '<bpmn:textAnnotation id="t1"><bpmn:text>说明</bpmn:text></bpmn:textAnnotation>',
        '<bpmn:association id="a1" sourceRef="A" targetRef="t1"/>',
        '<bpmn:group id="g1"/>',
        '<bpmn:dataObject id="d1"/><bpmn:dataObjectReference id="d2" dataObjectRef="d1"/>',
        "<bpmn:extensionElements><other xmlns='urn:other'/></bpmn:extensionElements>",
    ):
        drawing.raw(picture)
    assert drawing.model().start == "start"


def test_a_leading_equals_sign_marks_feel_in_some_modellers() -> None:
    drawing = simple().exclusive("G", "d").flow("A", "G").flow("G", "end", "= speed > 1")
    model = drawing.flow("G", "A", id_="d").model()
    assert model.node("G").outgoing[0].condition.evaluate({"speed": 2}) is True


@pytest.mark.parametrize(
    ("code", "reference"), [("no-port", "e1"), (None, "")], ids=["by code", "every error"]
)
def test_error_boundary(code: str | None, reference: str) -> None:
    drawing = simple().service("S").error("e1", "no-port").chain("A", "S", "end")
    model = drawing.boundary("B", "S", on_error(reference)).chain("B", "end").model()
    assert model.node("B").error_code == code


# ---- faults


def test_every_fault_is_listed_at_once_with_its_line() -> None:
    drawing = simple().node("scriptTask", "X").service("S", "").node("userTask", "U")
    drawing.exclusive("G").flow("A", "G").flow("G", "X").flow("G", "S", "speed ==> 1")
    drawing.flow("X", "U").flow("S", "nowhere").flow("U", "end").user("Lost").flow("Lost", "end")
    found = faults(drawing)
    lines = {(fault.line, fault.element) for fault in found}
    for part, label in (
        ('id="X"', "scriptTask X"),
        ('id="S"', "serviceTask S"),
        ('id="U"', "userTask U"),
        ('sourceRef="G" targetRef="X"', "sequenceFlow f4"),
        ("==&gt;" if "==&gt;" in drawing.text() else "==>", "sequenceFlow f5"),
        ('targetRef="nowhere"', "sequenceFlow f7"),
        ('id="Lost"', "userTask Lost"),
    ):
        assert (drawing.line_of(part), label) in lines, (part, found)


@pytest.mark.parametrize(
    "tag",
    [
        "task",
        "complexGateway",
        "transaction",
        "adHocSubProcess",
        "somethingNew",
    ],
)
def test_elements_that_are_not_executed(tag: str) -> None:
    drawing = Drawing().start().end().node(tag, "X").chain("start", "X", "end")
    fault = only_fault(drawing, f"does not execute {tag}", 'id="X"')
    assert len(fault.remedy) > 10


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        ("<bpmn:potentialOwner/>", "potentialOwner"),
        (
            "<bpmn:dataInputAssociation><bpmn:assignment/></bpmn:dataInputAssociation>",
            "assignment",
        ),
        ("<bpmn:extensionElements><kaitong:form/></bpmn:extensionElements>", "as an element"),
    ],
)
def test_parts_of_tasks_that_are_not_executed(inside: str, what: str) -> None:
    drawing = Drawing().start().end().chain("start", "A", "end")
    drawing.in_lane.append("A")
    drawing.node("userTask", "A", inside, k_form="f")
    only_fault(drawing, what, 'id="A"')


@pytest.mark.parametrize(
    "definition",
    [
        "cancelEventDefinition",
    ],
)
def test_event_definitions_that_are_not_executed(definition: str) -> None:
    drawing = simple().boundary("B", "A", f"<bpmn:{definition}/>").chain("B", "end")
    assert definition in only_fault(drawing, "does not execute", 'id="B"').what


def test_no_start_and_several_starts() -> None:
    none = Drawing().user("A").end().chain("A", "end")
    assert [f.what for f in faults(none)] == ["The process has no start event."]
    several = simple().start("start2").flow("start2", "A")
    only_fault(several, "several start events", 'id="start2"')


def test_a_start_event_with_a_definition() -> None:
    drawing = Drawing().end().user("A").node("startEvent", "s", timer(duration="P1D"))
    only_fault(drawing.chain("s", "A", "end"), "nothing it runs from", 'id="s"')


def test_no_end() -> None:
    drawing = Drawing().start().user("A").chain("start", "A").flow("A", "A")
    only_fault(drawing, "no end event", "<bpmn:process")


def test_a_loop_nobody_can_leave() -> None:
    drawing = simple().user("B").user("C").chain("A", "B", "C", "B")
    assert {(f.element, f.what) for f in faults(drawing)} == {
        ("userTask B", "No end event can be reached from B."),
        ("userTask C", "No end event can be reached from C."),
    }


def test_dangling_flows_and_references() -> None:
    only_fault(simple().flow("A", "ghost"), "ends at ghost", 'targetRef="ghost"')
    only_fault(simple().flow("ghost", "end"), "begins at ghost", 'sourceRef="ghost"')
    drawing = Drawing().start().end().chain("start", "A", "end")
    drawing.in_lane.append("A")
    drawing.node("userTask", "A", "<bpmn:outgoing>f77</bpmn:outgoing>", k_form="f")
    only_fault(drawing, "f77", 'id="A"')


def test_nothing_follows() -> None:
    drawing = simple().user("B").flow("A", "B")
    only_fault(drawing, "Nothing follows B", 'id="B"')


def test_unreachable() -> None:
    drawing = simple().user("B").flow("B", "end")
    only_fault(drawing, "cannot be reached", 'id="B"')


def test_flows_where_none_may_be() -> None:
    only_fault(simple().flow("end", "A"), "leaves an end event", 'id="end"')
    only_fault(simple().flow("A", "start"), "into the start event", 'id="start"')
    drawing = simple().boundary("B", "A", timer(duration="P1D")).chain("B", "end").flow("A", "B")
    only_fault(drawing, "into a boundary event", 'id="B"')


def test_exclusive_gateway_flows_need_a_condition_or_the_default() -> None:
    drawing = simple().exclusive("G").flow("A", "G").flow("G", "end", id_="bare")
    drawing.flow("G", "A", "again")
    only_fault(drawing, "without a condition", 'id="bare"')
    drawing = simple().exclusive("G", "other").flow("A", "G").flow("G", "end", "x")
    only_fault(drawing, "default flow other does not leave", 'id="G"')
    drawing = simple().exclusive("G", "d").flow("A", "G").flow("G", "end", "x", id_="d")
    only_fault(drawing, "default flow has a condition", 'id="d"')


def test_conditions_leave_only_exclusive_gateways() -> None:
    drawing = simple().flow("A", "end", "speed > 1", id_="c")
    only_fault(drawing, "on a condition", 'id="c"')
    drawing = simple()
    drawing.lines = [x.replace('id="A"', 'id="A" default="f2"') for x in drawing.lines]
    only_fault(drawing, "has a default flow", 'id="A"')


def test_feel_faults_name_line_and_place() -> None:
    drawing = simple().exclusive("G", "d").flow("A", "G").flow("G", "A", id_="d")
    drawing.raw('<bpmn:sequenceFlow id="c" sourceRef="G" targetRef="end">')
    drawing.raw("<bpmn:conditionExpression>")
    drawing.raw("  speed > 1 and")
    drawing.raw("  (speed &lt; )")
    drawing.raw("</bpmn:conditionExpression></bpmn:sequenceFlow>")
    fault = only_fault(drawing, "line 2, column", "(speed &lt; )")
    assert "`)` is not expected" in fault.what


def test_a_condition_in_another_language() -> None:
    drawing = simple().exclusive("G").flow("A", "G")
    drawing.raw(
        '<bpmn:sequenceFlow id="c" sourceRef="G" targetRef="end"><bpmn:conditionExpression '
        'language="http://www.w3.org/1999/XPath">a</bpmn:conditionExpression></bpmn:sequenceFlow>'
    )
    only_fault(drawing, "XPath", 'id="c"')


def test_tasks_without_what_they_need() -> None:
    drawing = Drawing().start().end().service("S", "").chain("start", "S", "end")
    only_fault(drawing, "names no action", 'id="S"')
    only_fault(simple_with(k_form=""), "names no form", 'id="A"')
    drawing = simple()
    drawing.in_lane.clear()
    only_fault(drawing, "lies in no lane", 'id="A"')
    drawing = Drawing().start().end().node("manualTask", "M").chain("start", "M", "end")
    only_fault(drawing, "lies in no lane", 'id="M"')


def simple_with(**attributes: str) -> Drawing:
    return Drawing().start().end().user("A", **attributes).chain("start", "A", "end")


@pytest.mark.parametrize(
    ("attributes", "what"),
    [
        ({"k_fomr": "x"}, "kaitong:fomr is unknown"),
        ({"k_action": "x"}, "no meaning on a user node"),
        ({"k_out": "a b=1"}, "kaitong:out holds"),
        ({"k_out": "a"}, "kaitong:out holds"),
        ({"k_out": "a=1; a=2"}, "sets a twice"),
        ({"k_out": "a=1 +"}, "ends too early"),
        ({"k_out": "a=frob(1)"}, "no function frob()"),
        ({"k_point_of_no_return": "yes"}, "point-of-no-return is yes"),
        ({"k_four_eyes_with": "Z"}, "four-eyes-with names Z"),
        ({"startQuantity": "2"}, "startQuantity"),
    ],
)
def test_attributes_with_faults(attributes: dict[str, str], what: str) -> None:
    only_fault(simple_with(**attributes), what, 'id="A"')


def test_an_unknown_attribute_gets_a_suggestion() -> None:
    assert only_fault(simple_with(k_bugdet="x"), "unknown", 'id="A"').remedy == (
        "Did you mean budget?"
    )


def test_retries_are_a_small_number() -> None:
    for bad in ("many", "-1", "1000"):
        drawing = Drawing().start().end().service("S", k_retries=bad).chain("start", "S", "end")
        only_fault(drawing, "kaitong:retries", 'id="S"')


def test_boundary_faults() -> None:
    drawing = simple().boundary("B", "ghost", timer(duration="P1D")).chain("B", "end")
    only_fault(drawing, "attached to ghost", 'id="B"')
    drawing = simple().exclusive("G").chain("A", "G", "end")
    drawing.boundary("B", "G", timer(duration="P1D")).chain("B", "end")
    only_fault(drawing, "a exclusive node", 'id="B"')
    drawing = simple().boundary("B", "A", "").chain("B", "end")
    only_fault(drawing, "no event definition", 'id="B"')
    drawing = simple().boundary("B", "A", on_error(), interrupting=False).chain("B", "end")
    only_fault(drawing, "does not interrupt", 'id="B"')
    drawing = simple().boundary("B", "A", on_error()).boundary("B2", "A", on_error())
    only_fault(drawing.chain("B", "end").chain("B2", "end"), "catch every error", 'id="B2"')
    drawing = simple().boundary("B", "A", on_error("e9")).chain("B", "end")
    only_fault(drawing, "error e9 does not exist", 'id="B"')
    drawing = simple().boundary("B", "A", timer(duration="P1D") + on_error()).chain("B", "end")
    only_fault(drawing, "several event definitions", 'id="B"')


@pytest.mark.parametrize(
    ("definition", "what"),
    [
        (timer(duration="P2X"), "not an ISO 8601 duration"),
        (timer(duration="PT"), "not an ISO 8601 duration"),
        (timer(duration="P1M2D"), "mixes months with days"),
        (timer(duration="-PT1H"), "negative"),
        (timer(duration='"two days"'), "not an ISO 8601 duration"),
        (timer(duration="48 hours"), "not expected"),
        (timer(duration="5"), "must be a duration"),
        (timer(date="2026-13-01"), "month must be in 1..12"),
        (timer(date="2026-01-01 08:00"), "is not a date"),
        (timer(date='"soon"'), "is not a date"),
        ("<bpmn:timerEventDefinition/>", "says no time"),
        (
            "<bpmn:timerEventDefinition><bpmn:timeCycle>R/P1D</bpmn:timeCycle>"
            "</bpmn:timerEventDefinition>",
            "happens only once has a timeCycle",
        ),
    ],
)
def test_timer_faults(definition: str, what: str) -> None:
    drawing = simple().boundary("B", "A", definition).chain("B", "end")
    found = [fault for fault in faults(drawing) if what in fault.what]
    assert found, faults(drawing)
    assert found[0].line == drawing.line_of('id="B"')


def test_message_faults() -> None:
    drawing = simple().message("m", "seen").node("receiveTask", "R", messageRef="m")
    only_fault(drawing.chain("A", "R", "end"), "no correlation key", 'id="R"')
    drawing = simple().node("receiveTask", "R", messageRef="m", k_key="a").chain("A", "R", "end")
    only_fault(drawing, "message m does not exist", 'id="R"')
    drawing = simple().node("receiveTask", "R", k_key="a").chain("A", "R", "end")
    only_fault(drawing, "names no message", 'id="R"')
    drawing = simple().message("m", "").receive("R", "m", "a").chain("A", "R", "end")
    only_fault(drawing, "message has no name", 'id="m"')
    drawing = simple().boundary("B", "A", on_message("m"), k_key="1 +").message("m", "x")
    only_fault(drawing.chain("B", "end"), "ends too early", 'id="B"')


def test_error_faults() -> None:
    drawing = simple().root('<bpmn:error id="e"/>').node("endEvent", "x", on_error("e"))
    only_fault(drawing.flow("A", "x"), "no code", 'id="e"')
    drawing = simple().node("endEvent", "x", on_error()).flow("A", "x")
    only_fault(drawing, "names no error", 'id="x"')


def test_lanes_with_faults() -> None:
    drawing = simple()
    drawing.in_lane.append("ghost")
    only_fault(drawing, "which is no step", "<bpmn:lane ")
    text = simple().text()
    text = text.replace(
        "</bpmn:laneSet>",
        '\n<bpmn:lane id="l2"><bpmn:flowNodeRef>A</bpmn:flowNodeRef></bpmn:lane></bpmn:laneSet>',
    )
    (fault,) = faults(text)
    assert "two lanes: clerk and l2" in fault.what
    assert fault.line == 5


def test_duplicate_ids() -> None:
    drawing = simple().manual("X").node("manualTask", "X").chain("A", "X", "end")
    found = faults(drawing)
    assert "The id X is used before" in found[0].what
    assert found[0].line == drawing.line_of('<bpmn:manualTask id="X"') + 1


def test_process_faults() -> None:
    text = simple().text().replace('isExecutable="true"', 'isExecutable="false"')
    (fault,) = faults(text)
    assert "not executable" in fault.what
    text = (
        simple()
        .text()
        .replace("</bpmn:definitions>", '<bpmn:process id="q"/>\n</bpmn:definitions>')
    )
    found = faults(text)
    fault = found[0]
    assert len(found) > 1  # what else is wrong in it is told as well
    assert (fault.element, fault.remedy) == ("process q", "Move it to its own file.")
    (fault,) = faults(
        '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"/>'
    )
    assert "no process" in fault.what
    (fault,) = faults("<html/>")
    assert "no BPMN 2.0 file" in fault.what


# ---- XML


@pytest.mark.parametrize(
    ("data", "line", "what"),
    [
        (b"<a>\n<b>\n</a>", 3, "mismatched tag"),
        (b"", 1, "malformed"),
        (b"\xff\xfe\x00", 1, "malformed"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', 1, ""),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>\n<a>&b;</a>', 1, "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', 1, "document type"),
        (b"<a>\n&nothing;</a>", 2, "undefined entity"),
        (b"<a>" * 300, 1, "nested deeper"),
        (b" " * 4_000_001, 1, "larger than"),
    ],
    ids=["tags", "empty", "noise", "encoding", "entity", "external", "undefined", "deep", "large"],
)
def test_bad_xml_is_refused_with_its_line(data: bytes, line: int, what: str) -> None:
    (fault,) = faults(data)
    assert fault.line == line
    assert what in fault.what
    assert fault.remedy


def test_other_encodings_of_xml_are_read() -> None:
    text = simple().text().replace('encoding="UTF-8"', 'encoding="UTF-16"')
    assert parse(text.encode("utf-16"), "x").name == "试验"


# ---- files of others


@pytest.mark.shared
def test_interchange_reference_files_are_read_or_refused_in_full(shared: Path) -> None:
    files = sorted((shared / "standards" / "bpmn-miwg").glob("*.bpmn"))
    assert len(files) >= 8
    for file in files:
        data = file.read_bytes()
        lines = data.count(b"\n") + 1
        # They are drawn for interchange, not for execution: none is executable as it is.
        with pytest.raises(RefusedProcess) as refused:
            parse(data, file.name)
        assert any("not executable" in fault.what for fault in refused.value.faults)
        assert all(0 < fault.line <= lines for fault in refused.value.faults)
        assert all(fault.what and fault.remedy for fault in refused.value.faults)


@pytest.mark.shared
def test_the_prototype_lacks_only_what_is_kaitongs_own(shared: Path) -> None:
    file = shared / "design" / "prototype" / "home-broadband-open.bpmn"
    with pytest.raises(RefusedProcess) as refused:
        parse(file.read_bytes(), file.name)
    found = refused.value.faults
    kinds = {"names no form", "names no action", "without a condition"}
    assert all(any(kind in fault.what for kind in kinds) for fault in found)
    assert len(found) == 12
    lines = file.read_text().split("\n")
    assert all(fault.element.split()[-1] in lines[fault.line - 1] for fault in found)
