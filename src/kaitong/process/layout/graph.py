"""The steps of one process or sub-process as a graph without circles, in layers along the flow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kaitong.process.bpmn_xml import BPMN, Element
from kaitong.process.layout.shapes import EVENT, GATEWAY, TASK

TASKS = frozenset(
    {
        "task",
        "userTask",
        "manualTask",
        "serviceTask",
        "scriptTask",
        "sendTask",
        "receiveTask",
        "businessRuleTask",
        "callActivity",
    }
)
SUBS = frozenset({"subProcess", "adHocSubProcess", "transaction"})
EVENTS = frozenset(
    {
        "startEvent",
        "endEvent",
        "boundaryEvent",
        "intermediateCatchEvent",
        "intermediateThrowEvent",
    }
)
GATEWAYS = frozenset(
    {
        "exclusiveGateway",
        "parallelGateway",
        "inclusiveGateway",
        "eventBasedGateway",
        "complexGateway",
    }
)
BORDER_APART = 44.0  # between the middles of events on one border
STEPS = TASKS | SUBS | EVENTS | GATEWAYS


@dataclass(slots=True)
class Item:
    """A step to be placed. `lane` is the index of its lane, `host` whose border it sits on."""

    id: str
    element: Element
    width: float
    height: float
    lane: int = 0
    host: str = ""
    borders: list[str] = field(default_factory=list)  # boundary events on it, in document order

    @property
    def tag(self) -> str:
        return self.element.tag

    @property
    def name(self) -> str:
        return self.element.get("name").strip()


@dataclass(slots=True)
class Link:
    """A flow between two steps; `back` where it closes a circle, so it runs against the layers."""

    id: str
    element: Element
    source: str
    target: str
    back: bool = False

    @property
    def name(self) -> str:
        return self.element.get("name").strip()


@dataclass(slots=True)
class Graph:
    """`items` by id in document order, `links` likewise; `layer` of every item not on a border.

    In a folded picture (`fold`) `layer` is the column within the step's `band`.
    """

    items: dict[str, Item]
    links: list[Link]
    layer: dict[str, int] = field(default_factory=dict)
    band: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)  # the longest way from here to an end

    def holder(self, id_: str) -> str:
        """The item that takes part in layers: the host for what sits on a border."""
        return self.items[id_].host or id_


def size_of(element: Element) -> tuple[float, float]:
    if element.tag in EVENTS:
        return EVENT
    return GATEWAY if element.tag in GATEWAYS else TASK


def graph_of(
    container: Element, lane_of: Mapping[str, int], sizes: Mapping[str, tuple[float, float]]
) -> Graph:
    """The steps directly inside a process or sub-process, layered."""
    items: dict[str, Item] = {}
    for child in container.children:
        if child.space == BPMN and child.tag in STEPS and child.id and child.id not in items:
            width, height = sizes.get(child.id) or size_of(child)
            items[child.id] = Item(child.id, child, width, height, lane_of.get(child.id, 0))
    for item in items.values():
        host = items.get(item.element.get("attachedToRef")) if item.tag == "boundaryEvent" else None
        if host is not None and host.tag != "boundaryEvent":
            item.host, item.lane = host.id, host.lane
            host.borders.append(item.id)
            host.width = max(host.width, BORDER_APART * (len(host.borders) + 1))
    links = []
    for child in container.children:
        if child.space == BPMN and child.tag in ("sequenceFlow", "association") and child.id:
            source, target = child.get("sourceRef"), child.get("targetRef")
            if source in items and target in items:
                links.append(Link(child.id, child, source, target))
    graph = Graph(items, links)
    _layers(graph)
    return graph


def floating(item: Item) -> bool:
    """An event sub-process: no flow leads to it, it stands below the rest."""
    return item.tag in SUBS and item.element.get("triggeredByEvent") == "true"


def _layers(graph: Graph) -> None:
    """Mark circles' last flows, then give each step the length of the longest way to it."""
    placed = [item for item in graph.items.values() if not item.host and not floating(item)]
    out: dict[str, list[Link]] = {item.id: [] for item in placed}
    incoming: dict[str, int] = dict.fromkeys(out, 0)
    for link in graph.links:
        source, target = graph.holder(link.source), graph.holder(link.target)
        if source not in out or target not in out:
            continue
        out[source].append(link)
        incoming[target] += 1
    starts = [i.id for i in placed if i.tag == "startEvent"]
    roots = [*starts, *(i.id for i in placed if not incoming[i.id] and i.id not in starts)]
    _mark_circles(graph, out, [*roots, *(i.id for i in placed)])
    forward = {id_: [k for k in links if not k.back] for id_, links in out.items()}
    order = _topological(graph, forward)
    graph.layer = dict.fromkeys(order, 0)
    for id_ in order:
        for link in forward[id_]:
            target = graph.holder(link.target)
            graph.layer[target] = max(graph.layer[target], graph.layer[id_] + 1)
    graph.left = dict.fromkeys(order, 0)
    for id_ in reversed(order):
        for link in forward[id_]:
            graph.left[id_] = max(graph.left[id_], graph.left[graph.holder(link.target)] + 1)


def _mark_circles(graph: Graph, out: Mapping[str, list[Link]], roots: Iterable[str]) -> None:
    """Depth first in document order: a flow to a step still under way closes a circle."""
    white, grey, black = 0, 1, 2
    colour = dict.fromkeys(out, white)
    for root in roots:
        if colour[root] != white:
            continue
        colour[root] = grey
        stack = [(root, iter(out[root]))]
        while stack:
            id_, links = stack[-1]
            link = next(links, None)
            if link is None:
                colour[id_] = black
                stack.pop()
                continue
            target = graph.holder(link.target)
            if colour[target] == grey:
                link.back = True
            elif colour[target] == white:
                colour[target] = grey
                stack.append((target, iter(out[target])))


def _topological(graph: Graph, forward: Mapping[str, list[Link]]) -> list[str]:
    waiting = dict.fromkeys(forward, 0)
    for links in forward.values():
        for link in links:
            waiting[graph.holder(link.target)] += 1
    ready = deque(id_ for id_, count in waiting.items() if not count)
    order = []
    while ready:
        id_ = ready.popleft()
        order.append(id_)
        for link in forward[id_]:
            target = graph.holder(link.target)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return order
