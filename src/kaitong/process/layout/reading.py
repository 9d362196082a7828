"""The order in which a process is read: along its flow, whatever bands the picture runs in."""

from __future__ import annotations

from kaitong.process.bpmn_xml import BPMN, Element
from kaitong.process.layout.graph import SUBS, graph_of


def layers(root: Element) -> dict[str, int]:
    """How far along its process or sub-process each step stands; border events with their host."""
    found: dict[str, int] = {}
    waiting = [*root.all("process")]
    while waiting:
        container = waiting.pop()
        graph = graph_of(container, {}, {})
        found |= {id_: graph.layer.get(graph.holder(id_), 0) for id_ in graph.items}
        waiting += [c for c in container.children if c.space == BPMN and c.tag in SUBS]
    return found
