"""Rows: which row of its lane each step stands in, and by which rows long flows pass.

A lane's rows are numbered from anything to anything; `Grid.rows` says which exist, in order. Cells
are (lane, row, column): a step fills one, a flow that passes a column fills one, and no cell is
filled twice. So flows never run through steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from kaitong.process.layout.graph import Graph, Item, Link

Row = tuple[int, int]  # lane, row
BETWEEN_BANDS = 40  # numbers of rows kept free for flows; those that nothing takes are not there


@dataclass(slots=True)
class Grid:
    at: dict[str, Row] = field(default_factory=dict)  # of steps
    ways: dict[str, tuple[Row, int, int]] = field(default_factory=dict)  # flow: row, columns
    taken: set[tuple[int, int, int]] = field(default_factory=set)

    def free(self, row: Row, first: int, last: int) -> bool:
        return all((*row, column) not in self.taken for column in range(first, last + 1))

    def take(self, row: Row, first: int, last: int) -> None:
        self.taken.update((*row, column) for column in range(first, last + 1))

    def rows(self, lane: int) -> list[int]:
        found = {row for owner, row in self.at.values() if owner == lane}
        found |= {way[0][1] for way in self.ways.values() if way[0][0] == lane}
        return sorted(found)


def grid_of(graph: Graph) -> Grid:
    grid = Grid()
    _place_steps(graph, grid)
    _place_ways(graph, grid)
    return grid


def _place_steps(graph: Graph, grid: Grid) -> None:
    """Band by band, those of a lane one under the other, with rows between for flows that pass."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[Link]] = {}
    for link in graph.links:
        source, target = graph.holder(link.source), graph.holder(link.target)
        if link.back or source not in graph.layer or target not in graph.layer:
            continue
        if graph.band.get(source) == graph.band.get(target):
            before.setdefault(target, []).append(source)
            after.setdefault(source, []).append(link)
    bands: dict[int, dict[int, list[Item]]] = {}
    for item in graph.items.values():
        if item.id in graph.layer:
            columns = bands.setdefault(graph.band.get(item.id, 0), {})
            columns.setdefault(graph.layer[item.id], []).append(item)
    heirs = _heirs(graph, after)
    for _, columns in sorted(bands.items()):
        placed = Grid()
        _place_band(columns, before, heirs, placed)
        down = {
            lane: _below(grid, placed, lane) for lane in {lane for lane, _ in placed.at.values()}
        }
        grid.at |= {id_: (lane, row + down[lane]) for id_, (lane, row) in placed.at.items()}
        grid.taken |= {(lane, row + down[lane], column) for lane, row, column in placed.taken}


def _below(grid: Grid, placed: Grid, lane: int) -> int:
    """How far down the rows of a lane move so that they begin below what stands in it."""
    above = grid.rows(lane)
    return max(above) + BETWEEN_BANDS - min(placed.rows(lane)) if above else 0


def _place_band(
    columns: Mapping[int, list[Item]],
    before: Mapping[str, list[str]],
    heir: Mapping[str, str],
    grid: Grid,
) -> None:
    """Column by column: whoever continues the longest way stays in its forerunner's row."""
    for column in sorted(columns):
        wishes = []
        for order, item in enumerate(columns[column]):
            rows = [
                grid.at[source][1]
                for source in before.get(item.id, ())
                if grid.at[source][0] == item.lane
            ]
            claims = sorted(
                grid.at[source][1]
                for source in before.get(item.id, ())
                if heir.get(source) == item.id and grid.at[source][0] == item.lane
            )
            if claims:
                wishes.append((0, claims[(len(claims) - 1) // 2], order, item))
            elif rows:
                wishes.append((1, sorted(rows)[len(rows) // 2], order, item))
            else:
                wishes.append((2, 0, order, item))
        for _, wish, _, item in sorted(wishes, key=lambda w: w[:3]):
            row = next(r for r in _near(wish) if grid.free((item.lane, r), column, column))
            grid.at[item.id] = (item.lane, row)
            grid.take((item.lane, row), column, column)


def _heirs(graph: Graph, after: dict[str, list[Link]]) -> dict[str, str]:
    """For each step the one that goes on in its row: the longest way within its lane."""
    heirs = {}
    for source, links in after.items():
        lane = graph.items[source].lane
        targets = [graph.holder(k.target) for k in links if not graph.items[k.source].host]
        same = [t for t in targets if graph.items[t].lane == lane]
        if same:
            heirs[source] = max(same, key=lambda t: graph.left[t])
    return heirs


def _near(wish: int) -> Iterator[int]:
    """Rows by nearness, the lower of two first."""
    yield wish
    for distance in count(1):
        yield wish + distance
        yield wish - distance


def _place_ways(graph: Graph, grid: Grid) -> None:
    """A row for every flow that passes columns, short flows first: they stay near their steps."""
    waiting = []
    for order, link in enumerate(graph.links):
        source, target = graph.holder(link.source), graph.holder(link.target)
        if source not in graph.layer or target not in graph.layer:
            continue
        begin, end = graph.layer[source], graph.layer[target]
        first, last = (end, begin) if link.back else (begin + 1, end - 1)
        if first <= last:
            waiting.append((last - first, order, link, first, last))
    for _, _, link, first, last in sorted(waiting, key=lambda w: w[:2]):
        row = next(row for row in _candidates(graph, grid, link) if grid.free(row, first, last))
        grid.ways[link.id] = (row, first, last)
        grid.take(row, first, last)


def _top_of_band(graph: Graph, grid: Grid, id_: str) -> int:
    lane, band = grid.at[id_][0], graph.band.get(id_)
    return min(
        row
        for other, (owner, row) in grid.at.items()
        if owner == lane and graph.band.get(other) == band
    )


def _candidates(graph: Graph, grid: Grid, link: Link) -> Iterator[Row]:
    """Where a passing flow may run: its own rows first, then what is nearest to both ends."""
    source = grid.at[graph.holder(link.source)]
    target = grid.at[graph.holder(link.target)]
    if graph.band.get(graph.holder(link.source)) != graph.band.get(graph.holder(link.target)):
        # Above the steps of the band it leads into.
        top = _top_of_band(graph, grid, graph.holder(link.target))
        for row in range(top - 1, top - BETWEEN_BANDS, -1):
            yield (target[0], row)
    if link.back:
        # Down and around: a flow that goes back begins below its step.
        wish = max(source[1], target[1]) + 1 if source[0] == target[0] else source[1] + 1
        for row in _near(wish):
            yield (source[0], row)
    yield target
    if source[0] == target[0]:
        yield source
        between = (source[1] + target[1]) // 2
        for row in _near(between):
            yield (source[0], row)
    edge = min(grid.rows(target[0])) - 1 if source[0] < target[0] else max(grid.rows(target[0])) + 1
    step = 1 if source[0] < target[0] else -1
    for distance in count(0):
        # Near the side from which the flow comes.
        yield (target[0], edge + step * distance)
