"""The whole picture of a file: its pool, lanes and steps, sub-processes from within outwards."""

from __future__ import annotations

from dataclasses import replace

from kaitong.process.bpmn_xml import BPMN, Element
from kaitong.process.layout import fold
from kaitong.process.layout.graph import STEPS, SUBS, graph_of, size_of
from kaitong.process.layout.grid import grid_of
from kaitong.process.layout.route import Laid, lay
from kaitong.process.layout.shapes import Box, Edge, Picture, Shape, text_width

STRIP = 30.0  # where the name of a pool or lane stands, turned
PADDING = 20.0
HEAD = 30.0  # where the name of an expanded sub-process stands
ORIGIN = (60.0, 60.0)
LEAST_SUB = (140.0, 100.0)
BETWEEN = 40.0  # processes of one file, one under the other


def place(root: Element) -> Picture:
    """A place for every step of every process of a file."""
    collaboration = root.first("collaboration")
    participants = collaboration.all("participant") if collaboration is not None else []
    pools = {p.get("processRef"): p for p in participants if p.get("processRef")}
    shapes: list[Shape] = []
    edges: list[Edge] = []
    x, y = ORIGIN
    processes = root.all("process")
    for process in processes:
        made = _process(process, pools.get(process.id))
        shapes += [_shift(shape, x, y) for shape in made.shapes]
        edges += [_shift_edge(edge, x, y) for edge in made.edges]
        y += made.height + BETWEEN
    for participant in participants:
        if not participant.get("processRef"):  # a partner whose process is not told
            name = participant.get("name").strip()
            box = Box(x, y, max(300.0, text_width(name) + 80), 60.0)
            shapes.append(Shape(participant.id, "participant", name, box))
            y += box.height + BETWEEN
    plane = collaboration.id if collaboration is not None and participants else ""
    if not plane and processes:
        plane = processes[0].id
    return Picture(plane, tuple(shapes), tuple(edges))


def _process(process: Element, pool: Element | None) -> Laid:
    leaves, lane_of = _lanes(process)
    made = _container(process, lane_of, max(1, len(leaves)))
    strips = max((depth for _, depth, _ in leaves), default=0)
    left = STRIP * (strips + (pool is not None))
    shapes = [_shift(shape, left, 0) for shape in made.shapes]
    edges = [_shift_edge(edge, left, 0) for edge in made.edges]
    frames: list[Shape] = []
    if pool is not None:
        box = Box(0, 0, left + made.width, made.height)
        frames.append(Shape(pool.id, "participant", pool.get("name").strip(), box))
    for at, (lane, depth, last) in enumerate(_all_lanes(process)):
        first = next((i for i, leaf in enumerate(leaves) if leaf[2] >= at), 0)
        bands = [made.bands[i] for i, leaf in enumerate(leaves) if at <= leaf[2] <= last]
        if not bands:
            bands = [made.bands[first]]
        inset = STRIP * (depth - 1 + (pool is not None))
        top, bottom = bands[0][0], bands[-1][0] + bands[-1][1]
        box = Box(inset, top, left + made.width - inset, bottom - top)
        frames.append(Shape(lane.id, "lane", lane.get("name").strip(), box))
    return Laid(left + made.width, made.height, [*frames, *shapes], edges, made.bands)


def _all_lanes(process: Element) -> list[tuple[Element, int, int]]:
    """Every lane in document order: its depth from 1, and the number of its last inner lane."""
    found: list[tuple[Element, int, int]] = []

    def walk(lane: Element, depth: int) -> int:
        at = len(found)
        found.append((lane, depth, at))
        last = at
        for inner in (one for s in lane.all("childLaneSet") for one in s.all("lane")):
            last = walk(inner, depth + 1)
        found[at] = (lane, depth, last)
        return last

    for lane in (one for s in process.all("laneSet") for one in s.all("lane")):
        walk(lane, 1)
    return found


def _lanes(process: Element) -> tuple[list[tuple[Element, int, int]], dict[str, int]]:
    """The innermost lanes (lane, depth, number among all), and the band of each step.

    A step that no lane names stands in the first: most often it is the start that was forgotten.
    """
    every = _all_lanes(process)
    leaves = [(lane, depth, at) for at, (lane, depth, last) in enumerate(every) if last == at]
    band_of: dict[str, int] = {}
    depth_of: dict[str, int] = {}
    for at, (lane, depth, last) in enumerate(every):
        band = next((i for i, leaf in enumerate(leaves) if at <= leaf[2] <= last), 0)
        for reference in lane.all("flowNodeRef"):
            id_ = reference.text.strip()
            if depth >= depth_of.get(id_, 0):  # the innermost lane counts
                band_of[id_], depth_of[id_] = band, depth
    return leaves, band_of


def _container(container: Element, lane_of: dict[str, int], lanes: int, part: float = 1.0) -> Laid:
    """`part`: how much of the width there is may be taken."""
    inner: dict[str, Laid] = {}
    sizes: dict[str, tuple[float, float]] = {}
    for child in container.children:
        if child.space != BPMN or child.tag not in STEPS or not child.id:
            continue
        sizes[child.id] = size_of(child)
        if child.tag in SUBS and any(c.space == BPMN and c.tag in STEPS for c in child.children):
            content = _container(child, {}, 1, part * fold.PART)
            width = max(content.width, LEAST_SUB[0], text_width(child.get("name")) + PADDING)
            height = max(content.height + HEAD + PADDING / 2, LEAST_SUB[1])
            inner[child.id] = Laid(
                width,
                height,
                [_shift(shape, 0, HEAD) for shape in content.shapes],
                [_shift_edge(edge, 0, HEAD) for edge in content.edges],
            )
            sizes[child.id] = (width, height)
    graph = graph_of(container, lane_of, sizes)
    laid = lay(graph, grid_of(graph), lanes, inner)
    for bands in range(2, fold.MOST + 1):
        if laid.width <= part * fold.WIDE:
            break
        graph = graph_of(container, lane_of, sizes)
        fold.fold(graph, bands)
        folded = lay(graph, grid_of(graph), lanes, inner)
        if folded.width > laid.width * fold.WORTH:
            break
        laid = folded
    return laid


def _shift(shape: Shape, x: float, y: float) -> Shape:
    label = shape.label.moved(x, y) if shape.label else None
    return replace(shape, box=shape.box.moved(x, y), label=label)


def _shift_edge(edge: Edge, x: float, y: float) -> Edge:
    label = edge.label.moved(x, y) if edge.label else None
    return replace(edge, points=tuple((a + x, b + y) for a, b in edge.points), label=label)
