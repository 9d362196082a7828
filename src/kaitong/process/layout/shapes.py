"""What a picture is made of. Units are those of BPMN DI: pixels at 96 to the inch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

Point = tuple[float, float]

TASK = (100.0, 80.0)
EVENT = (36.0, 36.0)
GATEWAY = (50.0, 50.0)
LETTER = 12.0  # width of a Chinese sign, height of a line is LINE
LINE = 15.0
LABEL_WIDTH = 96.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def centre(self) -> Point:
        return (self.x + self.width / 2, self.y + self.height / 2)

    def moved(self, x: float, y: float) -> Box:
        return Box(self.x + x, self.y + y, self.width, self.height)

    def overlaps(self, other: Box, by: float = 0.5) -> bool:
        return (
            self.x < other.right - by
            and other.x < self.right - by
            and self.y < other.bottom - by
            and other.y < self.bottom - by
        )


@dataclass(frozen=True, slots=True)
class Shape:
    """A step, lane, pool: `tag` is the BPMN element's, `marks` what its icon tells besides."""

    id: str
    tag: str
    name: str
    box: Box
    label: Box | None = None  # of events and gateways, whose names stand outside
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """A sequence flow or an association by its corners."""

    id: str
    tag: str
    name: str
    points: tuple[Point, ...]
    label: Box | None = None
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything drawn: first what lies behind. `box` holds it all."""

    plane: str  # id of the process or collaboration it pictures
    shapes: tuple[Shape, ...]
    edges: tuple[Edge, ...]

    @property
    def box(self) -> Box:
        boxes = [shape.box for shape in self.shapes]
        boxes += [shape.label for shape in self.shapes if shape.label]
        boxes += [edge.label for edge in self.edges if edge.label]
        points = [point for edge in self.edges for point in edge.points]
        if not boxes and not points:
            return Box(0, 0, 0, 0)
        left = min([b.x for b in boxes] + [x for x, _ in points])
        top = min([b.y for b in boxes] + [y for _, y in points])
        right = max([b.right for b in boxes] + [x for x, _ in points])
        bottom = max([b.bottom for b in boxes] + [y for _, y in points])
        return Box(left, top, right - left, bottom - top)


def text_width(text: str) -> float:
    """How wide a line of text is set: Latin letters are half as wide as Chinese signs."""
    return sum(LETTER if ord(sign) > 0x2E7F else LETTER * 0.56 for sign in text)


def label_size(text: str) -> tuple[float, float]:
    """The room a name needs that stands outside its shape, broken into lines."""
    if not text:
        return (0.0, 0.0)
    width = text_width(text)
    if width <= LABEL_WIDTH:
        return (ceil(width) + 2.0, LINE)
    return (LABEL_WIDTH, LINE * ceil(width / (LABEL_WIDTH - LETTER)))
