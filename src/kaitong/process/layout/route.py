"""From rows and columns to pixels: where steps stand, and the corners of every flow.

A flow leaves its step to the right (from a border event: downwards), turns in the gap behind the
column, passes its row, and enters the next step from the left. In a gap each turn has a channel of
its own; flows that part at one step, or meet at one, share theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from kaitong.process.layout.graph import EVENTS, GATEWAYS, Graph, Item, Link, floating
from kaitong.process.layout.grid import Grid, Row
from kaitong.process.layout.names import apart
from kaitong.process.layout.shapes import LINE, Box, Edge, Point, Shape, label_size, text_width

ROW_MARGIN = 18.0  # above and below the steps of a row
WAY_HEIGHT = 26.0  # of a row that only flows pass
GAP = 36.0  # between columns, before channels
CHANNEL = 12.0
STUB = 10.0  # how far below its event a border flow turns
LANE_LEAST = 110.0
FOOT_GAP = 24.0


@dataclass(slots=True)
class Turn:
    """A vertical piece of a flow in gap `gap` (the gap left of that column)."""

    link: str
    gap: int
    group: str
    top: float
    bottom: float
    left: tuple[float, ...]  # heights of its level pieces to the left of the turn
    right: tuple[float, ...]  # and to the right
    order: int
    channel: int = 0


@dataclass(slots=True)
class Laid:
    """A container laid out from (0, 0): shapes and edges, its size, and the bands of its lanes."""

    width: float
    height: float
    shapes: list[Shape] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    bands: list[tuple[float, float]] = field(default_factory=list)  # top and height of each lane


def lay(graph: Graph, grid: Grid, lanes: int, inner: Mapping[str, Laid]) -> Laid:
    """Give everything its place. `inner` are the laid-out contents of expanded sub-processes."""
    return _Router(graph, grid, lanes, inner).lay()


class _Router:
    def __init__(self, graph: Graph, grid: Grid, lanes: int, inner: Mapping[str, Laid]) -> None:
        self.graph, self.grid, self.lanes, self.inner = graph, grid, lanes, inner
        self.middle: dict[Row, float] = {}  # of each row
        self.bands: list[tuple[float, float]] = []
        self.foot: dict[str, Point] = {}  # where event sub-processes stand
        self.boxes: dict[str, Box] = {}
        self.columns = max(graph.layer.values(), default=-1) + 1
        self.turns: list[Turn] = []
        self.of_link: dict[str, list[Turn]] = {}

    def lay(self) -> Laid:
        self._rows()
        for order, link in enumerate(self.graph.links):
            self._turn(link, order)
        self._channels()
        width = self._place()
        shapes = [self._shape(item) for item in self.graph.items.values() if item.id in self.boxes]
        for id_, content in self.inner.items():
            if id_ in self.boxes:
                shapes += _moved_shapes(content, self.boxes[id_])
        own = [e for link in self.graph.links if (e := self._edge(link)) is not None]
        edges = apart(own, shapes)
        for id_, content in self.inner.items():
            if id_ in self.boxes:
                edges += _moved_edges(content, self.boxes[id_])
        height = self.bands[-1][0] + self.bands[-1][1] if self.bands else 0.0
        return Laid(width, height, shapes, edges, self.bands)

    # ---- heights

    def _rows(self) -> None:
        above: dict[Row, float] = {}
        below: dict[Row, float] = {}
        for id_, row in self.grid.at.items():
            item = self.graph.items[id_]
            above[row] = max(above.get(row, 0), item.height / 2)
            below[row] = max(below.get(row, 0), item.height / 2 + self._below(item))
        top = 0.0
        for lane in range(self.lanes):
            start = top
            for number in self.grid.rows(lane):
                row = (lane, number)
                if row in above:
                    self.middle[row] = top + ROW_MARGIN + above[row]
                    top = self.middle[row] + below[row] + ROW_MARGIN
                else:
                    self.middle[row] = top + WAY_HEIGHT / 2
                    top += WAY_HEIGHT
            top = self._feet(lane, top)
            if self.lanes > 1 and top - start < LANE_LEAST:
                self._centre(lane, (LANE_LEAST - (top - start)) / 2)
                top = start + LANE_LEAST
            self.bands.append((start, top - start))

    def _centre(self, lane: int, by: float) -> None:
        for row in self.middle:
            if row[0] == lane:
                self.middle[row] += by

    def _below(self, item: Item) -> float:
        """Room under a step: its name, or the events on its border and their flows' turns."""
        if item.borders:
            name = label_size(self.graph.items[item.borders[0]].name)[1]
            return 18 + self._depths(item)[0] + name + 4
        if item.tag in EVENTS or item.tag in GATEWAYS:
            return label_size(item.name)[1] + 4 if item.name else 0
        return 0

    def _depths(self, host: Item) -> list[float]:
        """How far below each event of a border its flow turns: the right one nearest, and the
        name of each under its own flow, above that of its left neighbour. So nothing crosses."""
        depths: list[float] = []
        depth = 0.0
        for border in reversed(host.borders):
            depth += STUB
            depths.insert(0, depth)
            depth += label_size(self.graph.items[border].name)[1]
        return depths

    def _feet(self, lane: int, top: float) -> float:
        """Event sub-processes of a lane stand side by side under its rows."""
        found = [i for i in self.graph.items.values() if floating(i) and i.lane == lane]
        if not found:
            return top
        x = GAP
        for item in found:
            self.foot[item.id] = (x, top + FOOT_GAP / 2)
            x += item.width + GAP
        return top + FOOT_GAP + max(i.height + self._below(i) for i in found)

    # ---- turns

    def _height(self, id_: str) -> float:
        return self.middle[self.grid.at[id_]]

    def _leaves(self, link: Link) -> float:
        """The height at which a flow runs out of its step."""
        holder = self.graph.holder(link.source)
        height = self._height(holder)
        if link.source != holder:
            host = self.graph.items[holder]
            at = host.borders.index(link.source)
            height += host.height / 2 + 18 + self._depths(host)[at]
        return height

    def _turn(self, link: Link, order: int) -> None:
        source, target = self.graph.holder(link.source), self.graph.holder(link.target)
        if source not in self.graph.layer or target not in self.graph.layer:
            return
        begin, end = self.graph.layer[source], self.graph.layer[target]
        out, into = self._leaves(link), self._height(target)
        forks = f"s{link.source}"
        meets = f"t{link.target}"
        way = self.grid.ways.get(link.id)
        turns = []
        if way is None:
            same = sum(1 for k in self.graph.links if k.source == link.source and not k.back) > 1
            group = forks if same or link.source != source else meets
            turns.append(_turned(link, begin + 1, group, out, into, order))
        else:
            passing = self.middle[way[0]]
            if link.back:
                first = _turned(link, begin + 1, f"{forks}-back", out, passing, order)
                first.left, first.right = (out, passing), ()
                last = _turned(link, end, f"{meets}-back", passing, into, order)
                last.left, last.right = (), (passing, into)
                turns += [first, last]
            else:
                turns.append(_turned(link, begin + 1, forks, out, passing, order))
                turns.append(_turned(link, end, meets, passing, into, order))
        self.of_link[link.id] = turns
        self.turns += [turn for turn in turns if turn.top != turn.bottom]

    def _channels(self) -> None:
        by_gap: dict[int, list[Turn]] = {}
        for turn in self.turns:
            by_gap.setdefault(turn.gap, []).append(turn)
        for turns in by_gap.values():
            _assign(turns)

    def _gap_width(self, gap: int) -> float:
        channels = [turn.channel for turn in self.turns if turn.gap == gap]
        width = GAP + CHANNEL * (max(channels, default=-1) + 1)
        if 0 < gap < self.columns:
            names = [
                text_width(link.name)
                for link in self.graph.links
                if link.name and not link.back and self._names_gap(link) == gap
            ]
            turning = CHANNEL * (max(channels, default=-1) + 1)
            width = max([width, *(min(n, 84.0) + turning + 38 for n in names)])
        return width

    def _names_gap(self, link: Link) -> int:
        return self.graph.layer.get(self.graph.holder(link.source), -2) + 1

    # ---- places

    def _place(self) -> float:
        widths = [0.0] * self.columns
        for id_, layer in self.graph.layer.items():
            item = self.graph.items[id_]
            # Names of events and gateways are wider than these; neighbours must not touch.
            name = label_size(item.name)[0] - 24 if item.tag in EVENTS | GATEWAYS else 0
            widths[layer] = max(widths[layer], item.width, name, *self._border_names(item))
        self.gaps: list[float] = []
        x = 0.0
        centres = []
        for column, width in enumerate(widths):
            self.gaps.append(x)
            x += self._gap_width(column)
            centres.append(x + width / 2)
            x += width
        self.gaps.append(x)
        x += self._gap_width(self.columns)
        for id_, layer in self.graph.layer.items():
            item = self.graph.items[id_]
            y = self._height(id_)
            self.boxes[id_] = Box(
                centres[layer] - item.width / 2, y - item.height / 2, item.width, item.height
            )
        for id_, (left, top) in self.foot.items():
            item = self.graph.items[id_]
            self.boxes[id_] = Box(left, top, item.width, item.height)
            x = max(x, left + item.width + GAP)
        for item in self.graph.items.values():
            if item.host and item.host in self.boxes:
                self.boxes[item.id] = self._on_border(item)
        return x

    def _border_names(self, item: Item) -> list[float]:
        """The width a column needs so that names under border events stay within it."""
        count = len(item.borders) + 1
        return [
            2
            * (item.width * ((at + 1) / count - 0.5) + 6 + label_size(self.graph.items[b].name)[0])
            for at, b in enumerate(item.borders)
        ]

    def _on_border(self, item: Item) -> Box:
        host = self.boxes[item.host]
        borders = self.graph.items[item.host].borders
        at = borders.index(item.id)
        x = host.x + host.width * (at + 1) / (len(borders) + 1)
        return Box(x - 18, host.bottom - 18, item.width, item.height)

    def _shape(self, item: Item) -> Shape:
        box = self.boxes[item.id]
        label = None
        if item.name and (item.tag in EVENTS or item.tag in GATEWAYS):
            width, height = label_size(item.name)
            if item.host:
                host = self.graph.items[item.host]
                depth = self._depths(host)[host.borders.index(item.id)]
                label = Box(box.centre[0] + 4, box.bottom + depth + 2, width, height)
            else:
                label = Box(box.centre[0] - width / 2, box.bottom + 3, width, height)
        return Shape(item.id, item.tag, item.name, box, label)

    # ---- flows

    def _x(self, turn: Turn) -> float:
        return self.gaps[turn.gap] + GAP / 2 + CHANNEL * turn.channel

    def _edge(self, link: Link) -> Edge | None:
        if link.source not in self.boxes or link.target not in self.boxes:
            return None
        source, target = self.boxes[link.source], self.boxes[link.target]
        turns = self.of_link.get(link.id)
        points: list[Point]
        if turns is None:  # to or from an event sub-process: only an association can be
            points = [source.centre, target.centre]
        else:
            leaves = self._leaves(link)
            if self.graph.items[link.source].host:
                points = [(source.centre[0], source.bottom), (source.centre[0], leaves)]
            else:
                points = [(source.right, leaves)]
            way = self.grid.ways.get(link.id)
            for turn in turns:
                if turn.top == turn.bottom:
                    continue
                x = self._x(turn)
                first = points[-1][1]
                after = self.middle[way[0]] if way and turn is turns[0] else target.centre[1]
                points += [(x, first), (x, after)]
            points.append((target.x, target.centre[1]))
        points = _straight(points)
        return Edge(link.id, link.element.tag, link.name, tuple(points), self._named(link, points))

    def _named(self, link: Link, points: Sequence[Point]) -> Box | None:
        """A flow's name stands above its first level piece, behind the turns of that gap."""
        if not link.name:
            return None
        level = [(a, b) for a, b in pairwise(points) if a[1] == b[1]]
        if not level:
            return None
        a, b = level[1] if len(level) > 1 and points[0][1] == points[1][1] else level[0]
        left, right = min(a[0], b[0]), max(a[0], b[0])
        if a[0] < b[0] and (begin := self._behind_turns(link)) < right - 20:
            left = max(left, begin)
        width = min(text_width(link.name) + 2, max(right - left - 8, 40.0))
        lines = max(1, -int(-text_width(link.name) // max(width - 2, 1)))
        begin = left + 5 if a[0] < b[0] else right - 5 - width
        return Box(begin, a[1] - 2 - LINE * lines, width, LINE * lines)

    def _behind_turns(self, link: Link) -> float:
        gap = self._names_gap(link)
        turns = [turn.channel for turn in self.turns if turn.gap == gap]
        return self.gaps[gap] + GAP / 2 + CHANNEL * max(turns) if turns else 0.0


def _turned(link: Link, gap: int, group: str, comes: float, goes: float, order: int) -> Turn:
    return Turn(link.id, gap, group, min(comes, goes), max(comes, goes), (comes,), (goes,), order)


def _assign(turns: Sequence[Turn]) -> None:
    """Channels from left to right, so that no two flows lie upon one another.

    A turn with a level piece to its left lies left of one with a piece at that height to its right;
    two whose heights meet lie apart. Circles of these wishes (flows that change places) are broken
    in document order.
    """
    groups: dict[str, list[Turn]] = {}
    for turn in sorted(turns, key=lambda t: t.order):
        groups.setdefault(turn.group, []).append(turn)
    names = list(groups)
    before: dict[str, set[str]] = {name: set() for name in names}
    for one in names:
        for other in names:
            if one != other and _left_of(groups[one], groups[other]):
                before[other].add(one)
    channel: dict[str, int] = {}
    waiting = sorted(names, key=lambda n: (min(t.top for t in groups[n]), names.index(n)))
    while waiting:
        name = next((n for n in waiting if before[n] <= channel.keys()), waiting[0])
        waiting.remove(name)
        least = max((channel[b] + 1 for b in before[name] if b in channel), default=0)
        used = {channel[o] for o in channel if _touch(groups[o], groups[name])}
        while least in used:
            least += 1
        channel[name] = least
    for name, found in groups.items():
        for turn in found:
            turn.channel = channel[name]


def _left_of(one: Sequence[Turn], other: Sequence[Turn]) -> bool:
    return any(abs(x - y) < 1 for a in one for b in other for x in a.left for y in b.right)


def _touch(one: Sequence[Turn], other: Sequence[Turn]) -> bool:
    top, bottom = min(t.top for t in one), max(t.bottom for t in one)
    return top - 1 < max(t.bottom for t in other) and min(t.top for t in other) - 1 < bottom


def _straight(points: Sequence[Point]) -> list[Point]:
    """Without corners that are none."""
    found: list[Point] = []
    for point in points:
        if found and found[-1] == point:
            continue
        if len(found) > 1 and (
            found[-2][0] == found[-1][0] == point[0] or found[-2][1] == found[-1][1] == point[1]
        ):
            found[-1] = point
        else:
            found.append(point)
    return found


def _moved_shapes(content: Laid, box: Box) -> list[Shape]:
    return [
        Shape(
            shape.id,
            shape.tag,
            shape.name,
            shape.box.moved(box.x, box.y),
            shape.label.moved(box.x, box.y) if shape.label else None,
        )
        for shape in content.shapes
    ]


def _moved_edges(content: Laid, box: Box) -> list[Edge]:
    return [
        Edge(
            edge.id,
            edge.tag,
            edge.name,
            tuple((x + box.x, y + box.y) for x, y in edge.points),
            edge.label.moved(box.x, box.y) if edge.label else None,
        )
        for edge in content.edges
    ]
