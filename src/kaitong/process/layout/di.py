"""BPMN DI: reading a file's diagram, and writing ours into a file that has none.

What is written is added before the end of the root element; no other byte of the file changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from kaitong.process.bpmn_xml import BPMN, BPMN_DI, Element, read
from kaitong.process.layout.graph import STEPS, SUBS
from kaitong.process.layout.place import place
from kaitong.process.layout.shapes import Box, Edge, Picture, Point, Shape

_DC = "http://www.omg.org/spec/DD/20100524/DC"
_DI = "http://www.omg.org/spec/DD/20100524/DI"
_FRAMES = ("participant", "lane")
_LINES = ("sequenceFlow", "association", "messageFlow")
_DEFINITIONS = ("EventDefinition",)


def picture(data: bytes) -> Picture:
    """What a file looks like: its own diagram where every step has a place in it, else ours.

    Raises `MalformedXml`.
    """
    root = read(data)
    return _drawn(root) if _is_drawn(root) else _marked(root, place(root))


def complete(data: bytes) -> bytes:
    """The file with a diagram: as it is where every step has a place, else with ours.

    A diagram in which steps are missing is replaced. Raises `MalformedXml`.
    """
    root = read(data)
    if _is_drawn(root) or not any(_steps(root)):
        return data
    return _insert(data, _text(place(root), root))


def _steps(root: Element) -> Iterable[Element]:
    """Steps that a picture shows, those of sub-processes drawn closed left out."""
    closed = {
        shape.get("bpmnElement")
        for shape in _di(root, "BPMNShape")
        if shape.get("isExpanded") == "false"
    }
    waiting = [*root.all("process")]
    while waiting:
        element = waiting.pop()
        for child in element.children:
            if child.space == BPMN and child.tag in STEPS and child.id:
                yield child
                if child.tag in SUBS and child.id not in closed:
                    waiting.append(child)


def _di(root: Element, tag: str) -> list[Element]:
    return [e for e in root.walk() if e.space == BPMN_DI and e.tag == tag]


def _is_drawn(root: Element) -> bool:
    placed = {shape.get("bpmnElement") for shape in _di(root, "BPMNShape")}
    steps = [step.id for step in _steps(root)]
    return bool(steps) and all(id_ in placed for id_ in steps)


# ---- reading


def _drawn(root: Element) -> Picture:
    elements = {e.id: e for e in root.walk() if e.space == BPMN and e.id}
    planes = _di(root, "BPMNPlane")
    shapes: list[Shape] = []
    edges: list[Edge] = []
    for plane in planes[:1]:
        for drawn in plane.children:
            element = elements.get(drawn.get("bpmnElement"))
            if element is None:
                continue
            if drawn.tag == "BPMNShape" and element.tag in (*STEPS, *_FRAMES):
                box = _bounds(drawn)
                if box is not None:
                    shapes.append(
                        Shape(
                            element.id, element.tag, element.get("name").strip(), box, _label(drawn)
                        )
                    )
            elif drawn.tag == "BPMNEdge" and element.tag in _LINES:
                points = tuple(_point(p) for p in drawn.children if p.tag == "waypoint")
                if len(points) > 1:
                    edges.append(
                        Edge(
                            element.id,
                            element.tag,
                            element.get("name").strip(),
                            points,
                            _label(drawn),
                        )
                    )
    frames = [s for s in shapes if s.tag in _FRAMES]
    steps = [s for s in shapes if s.tag not in _FRAMES]
    plane_id = planes[0].get("bpmnElement") if planes else ""
    return _marked(root, Picture(plane_id, (*frames, *steps), tuple(edges)))


def _number(element: Element, name: str) -> float:
    try:
        value = float(element.get(name, "0"))
    except ValueError:
        return 0.0
    return value if abs(value) < 1e7 else 0.0


def _bounds(drawn: Element) -> Box | None:
    for child in drawn.children:
        if child.tag == "Bounds":
            return Box(*(_number(child, name) for name in ("x", "y", "width", "height")))
    return None


def _label(drawn: Element) -> Box | None:
    return next((_bounds(c) for c in drawn.children if c.tag == "BPMNLabel"), None)


def _point(element: Element) -> Point:
    return (_number(element, "x"), _number(element, "y"))


def _marked(root: Element, drawn: Picture) -> Picture:
    """Tell each shape what its icon shows: the kind of event, loops, interrupting or not."""
    elements = {e.id: e for e in root.walk() if e.space == BPMN and e.id}
    flows = {
        e.get("default"): e.id for e in elements.values() if e.tag in STEPS and e.get("default")
    }
    shapes = tuple(
        Shape(s.id, s.tag, s.name, s.box, s.label, _marks(elements[s.id])) for s in drawn.shapes
    )
    edges = tuple(
        Edge(e.id, e.tag, e.name, e.points, e.label, {"default": "yes"} if e.id in flows else {})
        for e in drawn.edges
    )
    return Picture(drawn.plane, shapes, edges)


def _marks(element: Element) -> dict[str, str]:
    marks = {}
    for child in element.children:
        if child.space == BPMN and child.tag.endswith(_DEFINITIONS):
            marks["event"] = child.tag.removesuffix("EventDefinition")
        elif child.space == BPMN and child.tag == "multiInstanceLoopCharacteristics":
            marks["loop"] = "sequential" if child.get("isSequential") == "true" else "parallel"
        elif child.space == BPMN and child.tag == "standardLoopCharacteristics":
            marks["loop"] = "standard"
    if element.get("cancelActivity") == "false" or element.get("isInterrupting") == "false":
        marks["interrupting"] = "no"
    if element.get("triggeredByEvent") == "true":
        marks["triggered"] = "yes"
    if element.get("isForCompensation") == "true":
        marks["compensation"] = "yes"
    return marks


# ---- writing


def _text(drawn: Picture, root: Element) -> str:
    lines = [
        f'  <bpmndi:BPMNDiagram xmlns:bpmndi="{BPMN_DI}" xmlns:dc="{_DC}" xmlns:di="{_DI}"'
        ' id="KaitongLayout">',
        f'    <bpmndi:BPMNPlane id="KaitongLayout_plane" bpmnElement={_quoted(drawn.plane)}>',
    ]
    for shape in drawn.shapes:
        more = ""
        if shape.tag in _FRAMES:
            more = ' isHorizontal="true"'
        elif shape.tag in SUBS:
            more = ' isExpanded="true"'
        elif shape.tag == "exclusiveGateway":
            more = ' isMarkerVisible="true"'
        lines += [
            f"      <bpmndi:BPMNShape id={_quoted(shape.id + '_di')}"
            f" bpmnElement={_quoted(shape.id)}{more}>",
            f"        {_bounds_text(shape.box)}",
            *_label_text(shape.label),
            "      </bpmndi:BPMNShape>",
        ]
    for edge in drawn.edges:
        lines += [
            f"      <bpmndi:BPMNEdge id={_quoted(edge.id + '_di')} bpmnElement={_quoted(edge.id)}>",
            *(f'        <di:waypoint x="{_figure(x)}" y="{_figure(y)}" />' for x, y in edge.points),
            *_label_text(edge.label),
            "      </bpmndi:BPMNEdge>",
        ]
    return "\n".join([*lines, "    </bpmndi:BPMNPlane>", "  </bpmndi:BPMNDiagram>", ""])


def _bounds_text(box: Box) -> str:
    return (
        f'<dc:Bounds x="{_figure(box.x)}" y="{_figure(box.y)}"'
        f' width="{_figure(box.width)}" height="{_figure(box.height)}" />'
    )


def _label_text(label: Box | None) -> list[str]:
    if label is None:
        return []
    return [
        "        <bpmndi:BPMNLabel>",
        f"          {_bounds_text(label)}",
        "        </bpmndi:BPMNLabel>",
    ]


def _figure(value: float) -> str:
    return f"{round(value, 1):g}"


def _quoted(text: str) -> str:
    """An attribute in ASCII: whatever the file's encoding is, this can be written in it."""
    return quoteattr(text).encode("ascii", "xmlcharrefreplace").decode()


def _insert(data: bytes, text: str) -> bytes:
    """The file without its diagrams and with this one before the end of the root element."""
    parser = expat.ParserCreate(namespace_separator=" ")
    depth = 0
    begin = 0
    cuts: list[tuple[int, int]] = []
    end = len(data)

    def opened(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, begin
        depth += 1
        if depth == 2 and name == f"{BPMN_DI} BPMNDiagram":
            begin = parser.CurrentByteIndex

    def closed(name: str) -> None:
        nonlocal depth, end
        depth -= 1
        if depth == 1 and name == f"{BPMN_DI} BPMNDiagram":
            # The end tag (or the empty element itself) runs to the next `>`.
            cuts.append((begin, parser.CurrentByteIndex))
        if depth == 0:
            end = parser.CurrentByteIndex

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.Parse(data, True)
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    encoding = ("utf-16-le" if data[:2] == b"\xff\xfe" else "utf-16-be") if wide else "ascii"
    after = ">".encode(encoding)
    kept, at = b"", 0
    for first, last in cuts:
        kept += data[at:first]
        at = data.index(after, last) + len(after)
    return kept + data[at:end] + text.encode(encoding) + data[end:]
