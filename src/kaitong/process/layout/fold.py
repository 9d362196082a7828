"""A long process runs in several bands, as text runs in lines: each begins at the left again.

Layers become columns of bands one under the other. A lane stays one lane: it is as high as the
bands need that have steps in it. A flow into the next band goes back to the left, drawn as one that
closes a circle. So a process of thirty steps in a row is twice as wide as high, not ten times.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations, pairwise

from kaitong.process.layout.graph import Graph

WIDE = 2100.0  # what still can be read on a screen, shown at two thirds and moved sideways once
PART = 0.6  # of it for a sub-process, beside which there is something else
MOST = 4
WORTH = 0.85  # a further band must make the picture narrower by this
# How much wider a band may be rather than be cut where one more flow crosses.
CROSSING = 60.0
_GAP = 90.0  # what lies between two columns, about


def fold(graph: Graph, bands: int) -> None:
    """Give each step a column in one of `bands` bands. The flows between bands run `back`."""
    widths = _widths(graph)
    cuts = _cuts(widths, _crossings(graph, len(widths)), bands)
    starts = [0, *cuts]
    for id_, layer in graph.layer.items():
        band = sum(1 for cut in cuts if layer >= cut)
        graph.band[id_] = band
        graph.layer[id_] = layer - starts[band]
    for link in graph.links:
        source, target = graph.holder(link.source), graph.holder(link.target)
        if source in graph.layer and target in graph.layer:
            link.back = graph.layer[target] <= graph.layer[source]


def _widths(graph: Graph) -> list[float]:
    widths = [0.0] * (max(graph.layer.values(), default=-1) + 1)
    for id_, layer in graph.layer.items():
        widths[layer] = max(widths[layer], graph.items[id_].width)
    return [width + _GAP for width in widths]


def _crossings(graph: Graph, layers: int) -> Mapping[int, int]:
    """How many flows a cut before each layer would cross."""
    found = dict.fromkeys(range(1, layers), 0)
    for link in graph.links:
        source = graph.layer.get(graph.holder(link.source))
        target = graph.layer.get(graph.holder(link.target))
        if source is not None and target is not None:
            for cut in range(min(source, target) + 1, max(source, target) + 1):
                found[cut] += 1
    return found


def _cuts(widths: list[float], crossings: Mapping[int, int], bands: int) -> tuple[int, ...]:
    """Where to cut: bands of like width, few flows between them; of equals the first."""
    count = min(bands, len(widths)) - 1
    total = [0.0]
    for width in widths:
        total.append(total[-1] + width)

    def cost(cuts: tuple[int, ...]) -> float:
        edges = (0, *cuts, len(widths))
        widest = max(total[b] - total[a] for a, b in pairwise(edges))
        return widest + CROSSING * sum(crossings[cut] for cut in cuts)

    return min(combinations(range(1, len(widths)), count), key=cost)
