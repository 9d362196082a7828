"""Names of flows apart from one another: flows that meet would be named at one spot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from kaitong.process.layout.shapes import Box, Edge, Shape

_ASIDE = 5.0


def apart(edges: Sequence[Edge], shapes: Sequence[Shape]) -> list[Edge]:
    """Each name that would lie on one before it moves to another level piece of its own flow."""
    taken = [shape.label for shape in shapes if shape.label]
    # What a sub-process holds stands inside its box and is no obstacle to its own flows.
    boxes = [s.box for s in shapes if not any(_holds(s.box, o.box) for o in shapes if o is not s)]
    made: list[Edge] = []
    for edge in edges:
        label = edge.label
        if label is not None:
            if any(label.overlaps(other) for other in taken):
                free = (
                    place
                    for place in _places(edge, label)
                    if not any(place.overlaps(other) for other in [*taken, *boxes])
                )
                label = next(free, label)
            taken.append(label)
        made.append(replace(edge, label=label))
    return made


def _holds(outer: Box, inner: Box) -> bool:
    return (
        outer.x <= inner.x
        and inner.right <= outer.right
        and outer.y <= inner.y
        and inner.bottom <= outer.bottom
    )


def _places(edge: Edge, label: Box) -> Iterator[Box]:
    """Above, then below each level piece that is long enough, at its begin, then at its end."""
    for (x1, y1), (x2, y2) in pairwise(edge.points):
        left, right = min(x1, x2) + _ASIDE, max(x1, x2) - _ASIDE - label.width
        if y1 != y2 or right < left:
            continue
        for y in (y1 - 2 - label.height, y1 + 2):
            yield replace(label, x=left if x1 < x2 else right, y=y)
            yield replace(label, x=right if x1 < x2 else left, y=y)
