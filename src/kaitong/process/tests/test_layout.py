"""The automatic picture: steps in their lanes, flows that cross no step, the rest untouched."""

import re
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaitong.core.home import library
from kaitong.process import layout
from kaitong.process.bpmn import parse
from kaitong.process.bpmn_xml import read
from kaitong.process.layout import Picture, Shape, fold
from kaitong.process.layout.route import CHANNEL

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:kaitong="urn:kaitong:bpmn" id="D" targetNamespace="t">'
)
FRAMES = ("participant", "lane")


def drawn(steps: list[tuple[str, str, int]], flows: list[tuple[str, str]], lanes: int) -> bytes:
    """A file of steps (id, tag and attributes, lane) and flows (from, to)."""
    laid = "".join(
        f'<lane id="lane{n}" name="岗位{n}" kaitong:post="p{n}">'
        + "".join(f"<flowNodeRef>{i}</flowNodeRef>" for i, _, lane in steps if lane == n)
        + "</lane>"
        for n in range(lanes)
    )
    body = "".join(f'<{tag} id="{i}" name="环节{i}"/>' for i, tag, _ in steps)
    lines = "".join(
        f'<sequenceFlow id="f{n}" name="{"去向" if n % 3 == 0 else ""}"'
        f' sourceRef="{a}" targetRef="{b}"/>'
        for n, (a, b) in enumerate(flows)
    )
    lane_set = f'<laneSet id="L">{laid}</laneSet>' if lanes else ""
    text = f'{HEAD}<process id="P" isExecutable="true">{lane_set}{body}{lines}</process>'
    return (text + "</definitions>").encode()


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Any steps joined by any flows, circles, border events and unconnected pieces included."""
    lanes = draw(st.integers(0, 4))
    count = draw(st.integers(1, 14))
    tags = st.sampled_from(
        ["userTask", "serviceTask", "exclusiveGateway", "parallelGateway", "endEvent"]
    )
    steps = [("n0", "startEvent", 0)]
    for n in range(1, count):
        steps.append((f"n{n}", draw(tags), draw(st.integers(0, max(0, lanes - 1)))))
    tasks = [i for i, tag, _ in steps if tag.endswith("Task")]
    for n in range(draw(st.integers(0, 3)) if tasks else 0):
        steps.append((f"b{n}", f'boundaryEvent attachedToRef="{draw(st.sampled_from(tasks))}"', -1))
    names = [i for i, _, _ in steps]
    ends = [i for i in names if not i.startswith("b")]
    flow = st.tuples(st.sampled_from(names), st.sampled_from(ends))
    return drawn(steps, draw(st.lists(flow, max_size=20)), lanes)


def steps_of(picture: Picture) -> list[Shape]:
    return [s for s in picture.shapes if s.tag not in FRAMES]


# As files are drawn, and with hardly any room, so that nearly every file is folded.
rooms = pytest.mark.parametrize("wide", [fold.WIDE, 400.0])


def picture_within(wide: float, data: bytes) -> Picture:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "WIDE", wide)
        return layout.picture(data)


@rooms
@settings(max_examples=100, deadline=None)
@given(data=files())
def test_steps_stand_apart_and_in_their_lanes(wide: float, data: bytes) -> None:
    picture = picture_within(wide, data)
    root = read(data)
    steps = {s.id: s for s in steps_of(picture)}
    hosts = {e.id: e.get("attachedToRef") for e in root.walk() if e.tag == "boundaryEvent"}
    for one, other in combinations(steps.values(), 2):
        if hosts.get(one.id) != other.id and hosts.get(other.id) != one.id:
            assert not one.box.overlaps(other.box), (one, other)
    lanes = {s.id: s for s in picture.shapes if s.tag == "lane"}
    for one, other in combinations([s.box for s in lanes.values()], 2):
        assert not one.overlaps(other)
    for lane in (e for e in root.walk() if e.tag == "lane"):
        band = lanes[lane.id].box
        for reference in lane.all("flowNodeRef"):
            box = steps[reference.text].box
            assert band.y <= box.y <= box.bottom <= band.bottom, reference.text
            assert band.x <= box.x <= box.right <= band.right, reference.text


@rooms
@settings(max_examples=100, deadline=None)
@given(data=files())
def test_flows_join_their_steps_and_cross_no_other(wide: float, data: bytes) -> None:
    picture = picture_within(wide, data)
    steps = {s.id: s for s in steps_of(picture)}
    flows = {e.id: e for e in read(data).walk() if e.tag == "sequenceFlow"}
    hosts = {e.id: e.get("attachedToRef") for e in read(data).walk() if e.tag == "boundaryEvent"}
    assert {edge.id for edge in picture.edges} == set(flows)
    for edge in picture.edges:
        source, target = (
            steps[flows[edge.id].get("sourceRef")],
            steps[flows[edge.id].get("targetRef")],
        )
        x, y = edge.points[0]
        below = source.id in hosts
        begin = (
            (source.box.centre[0], source.box.bottom)
            if below
            else (source.box.right, source.box.centre[1])
        )
        assert (x, y) == pytest.approx(begin)
        assert edge.points[-1] == pytest.approx((target.box.x, target.box.centre[1]))
        for (x1, y1), (x2, y2) in pairwise(edge.points):
            assert x1 == x2 or y1 == y2, "flows have right angles"
            for step in steps.values():
                if step.id == source.id or step.id == hosts.get(source.id):
                    continue
                inside = (
                    min(x1, x2) < step.box.right - 0.5
                    and max(x1, x2) > step.box.x + 0.5
                    and min(y1, y2) < step.box.bottom - 0.5
                    and max(y1, y2) > step.box.y + 0.5
                )
                assert not inside, (edge, step)


@rooms
@settings(max_examples=100, deadline=None)
@given(data=files())
def test_flows_lie_upon_one_another_only_where_they_part_or_meet(wide: float, data: bytes) -> None:
    """Flows that change places in one gap may touch there: no order of turns suits them all."""
    flows = {e.id: e for e in read(data).walk() if e.tag == "sequenceFlow"}
    for one, other in combinations(picture_within(wide, data).edges, 2):
        a, b = flows[one.id], flows[other.id]
        if a.get("sourceRef") == b.get("sourceRef") or a.get("targetRef") == b.get("targetRef"):
            continue
        for (x1, y1), (x2, y2) in pairwise(one.points):
            for (x3, y3), (x4, y4) in pairwise(other.points):
                if x1 == x2 == x3 == x4:
                    shared = min(max(y1, y2), max(y3, y4)) - max(min(y1, y2), min(y3, y4))
                elif y1 == y2 == y3 == y4:
                    shared = min(max(x1, x2), max(x3, x4)) - max(min(x1, x2), min(x3, x4))
                    shared -= 8 * CHANNEL
                else:
                    continue
                assert shared <= 0.5, (one, other)


@settings(max_examples=100, deadline=None)
@given(data=files())
def test_a_completed_file_holds_every_place_and_the_same_process(data: bytes) -> None:
    done = layout.complete(data)
    assert done == layout.complete(data), "the same file gives the same picture"
    assert layout.complete(done) == done, "what has a diagram stays"
    cut = re.sub(rb"\s*<bpmndi:BPMNDiagram.*</bpmndi:BPMNDiagram>\n", b"", done, flags=re.DOTALL)
    assert cut == data, "nothing else changes"
    for kept, made in zip(layout.picture(done).shapes, layout.picture(data).shapes, strict=True):
        assert kept.id == made.id
        assert (kept.box.x, kept.box.y) == pytest.approx((made.box.x, made.box.y), abs=0.1)


def stripped(name: str) -> bytes:
    """A shipped process, the playbook's own or one that lines share, without its picture."""
    shelves = (library() / "home-broadband", library() / "common" / "line")
    files = [shelf / "processes" / name for shelf in shelves]
    data = next(file for file in files if file.exists()).read_bytes()
    return re.sub(rb"<bpmndi:BPMNDiagram.*</bpmndi:BPMNDiagram>", b"", data, flags=re.DOTALL)


@pytest.mark.parametrize("name", ["open.bpmn", "withdraw.bpmn", "resend.bpmn"])
def test_a_shipped_process_reads_from_left_to_right(name: str) -> None:
    data = stripped(name)
    picture = layout.picture(data)
    model = parse(layout.complete(data), name)
    assert model.nodes.keys() == parse(data, name).nodes.keys()
    boxes = {s.id: s.box for s in picture.shapes}
    starts = boxes[model.start].x
    assert not [s.id for s in steps_of(picture) if s.box.right < starts], "begins at the left"
    assert picture.box.width < 2500, "can be read on a screen"
    back = [
        flow.id
        for node in model.nodes.values()
        for flow in node.outgoing
        if boxes[flow.target].x < boxes[flow.source].x
    ]
    forward = sum(len(node.outgoing) for node in model.nodes.values()) - len(back)
    assert forward > 3 * len(back), "only what goes back, or to another band, runs leftwards"


def test_what_a_name_outside_its_shape_needs_is_inside_the_picture() -> None:
    picture = layout.picture(stripped("open.bpmn"))
    labels = [s.label for s in picture.shapes if s.label] + [
        e.label for e in picture.edges if e.label
    ]
    assert len(labels) > 10
    pool = picture.box
    assert all(pool.x <= b.x and b.right <= pool.right for b in labels)
    names = [s.label for s in picture.shapes if s.label]
    boxes = [s.box for s in steps_of(picture)]

    def inside(label, box) -> bool:  # of a sub-process, as what it holds
        return box.x < label.x and label.right < box.right and box.y < label.y

    assert not any(
        label.overlaps(box) and not inside(label, box) for label in names for box in boxes
    )


@pytest.mark.parametrize("name", ["open.bpmn", "fault.bpmn", "move.bpmn"])
def test_no_flow_is_named_upon_another(name: str) -> None:
    named = [(e.name, e.label) for e in layout.picture(stripped(name)).edges if e.label]
    assert len(named) > 5
    over = [(a, b) for (a, x), (b, y) in combinations(named, 2) if x.overlaps(y)]
    assert over == []


def test_sub_processes_hold_their_steps_and_event_sub_processes_stand_below() -> None:
    data = (
        HEAD + '<process id="P" isExecutable="true"><startEvent id="s"/>'
        '<subProcess id="sub" name="逐点施工"><startEvent id="a"/><userTask id="b" name="布线"/>'
        '<endEvent id="c"/><sequenceFlow id="g1" sourceRef="a" targetRef="b"/>'
        '<sequenceFlow id="g2" sourceRef="b" targetRef="c"/></subProcess>'
        '<subProcess id="late" triggeredByEvent="true"><startEvent id="t"/><endEvent id="u"/>'
        '<sequenceFlow id="h" sourceRef="t" targetRef="u"/></subProcess><endEvent id="e"/>'
        '<sequenceFlow id="f1" sourceRef="s" targetRef="sub"/>'
        '<sequenceFlow id="f2" sourceRef="sub" targetRef="e"/></process></definitions>'
    ).encode()
    boxes = {s.id: s.box for s in layout.picture(data).shapes}
    for inner, outer in [("a", "sub"), ("b", "sub"), ("c", "sub"), ("t", "late"), ("u", "late")]:
        assert boxes[outer].x < boxes[inner].x
        assert boxes[inner].right < boxes[outer].right
        assert boxes[outer].y < boxes[inner].y
        assert boxes[inner].bottom < boxes[outer].bottom
    assert boxes["late"].y >= boxes["sub"].bottom
    assert b'isExpanded="true"' in layout.complete(data)


def test_a_diagram_that_misses_steps_is_made_anew() -> None:
    done = layout.complete(stripped("withdraw.bpmn"))
    torn = re.sub(
        rb"<bpmndi:BPMNShape id=\"Refund_di\".*?</bpmndi:BPMNShape>", b"", done, flags=re.DOTALL
    )
    assert torn != done
    mended = layout.complete(torn)
    assert mended.count(b"<bpmndi:BPMNDiagram") == 1
    assert b'bpmnElement="Refund"' in mended


def test_a_file_in_two_byte_letters_stays_readable() -> None:
    text = stripped("withdraw.bpmn").decode().replace('encoding="UTF-8"', 'encoding="UTF-16"')
    done = layout.complete(text.encode("utf-16"))
    assert layout.complete(done) == done
    assert layout.picture(done).shapes


def test_the_reference_models_all_get_a_picture(shared: Path) -> None:
    """Interchange models of BPMN MIWG: with and without their own diagram."""
    files = sorted((shared / "standards" / "bpmn-miwg").glob("*.bpmn"))
    assert files
    for file in files:
        data = file.read_bytes()
        bare = re.sub(rb"<(\w+:)?BPMNDiagram.*</(\w+:)?BPMNDiagram>", b"", data, flags=re.DOTALL)
        own, ours = layout.picture(data), layout.picture(bare)
        assert {s.id for s in steps_of(own)} <= {s.id for s in steps_of(ours)}
        lines = [e for e in own.edges if e.tag == "sequenceFlow"]
        assert {e.id for e in lines} <= {e.id for e in ours.edges}
