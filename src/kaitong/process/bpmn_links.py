"""Link events (BPMN 2.0.2, 10.5.1): a sequence flow that is not drawn through.

A throw event gets a flow of its own to the catch event of the same name, so that whoever walks the
process needs to know nothing of links. Several throw events may lead to one catch event. A link
stays within its process or sub-process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kaitong.process.bpmn_faults import Faults
from kaitong.process.bpmn_xml import Element
from kaitong.process.model import Flow, Node, NodeKind


def join_links(
    nodes: dict[str, Node],
    elements: Mapping[str, Element],
    container_of: Mapping[str, str],
    faults: Faults,
) -> dict[str, Node]:
    """The nodes with each link's throw events led to its catch event; adds every fault."""
    catches: dict[tuple[str, str], Node] = {}
    for node in nodes.values():
        if node.kind is not NodeKind.LINK_CATCH or not node.link:
            continue
        place = container_of.get(node.id, ""), node.link
        if place in catches:
            faults.add(
                elements[node.id],
                f"Two catch events have the link {node.link}: {catches[place].id} is another.",
                "A link leads to one place: rename one of them.",
            )
        catches.setdefault(place, node)
        if node.incoming:
            faults.add(
                elements[node.id],
                "A sequence flow leads into the catch event of a link.",
                "Lead it to the link's throw event, or remove the flow.",
            )
    joined = dict(nodes)
    thrown: set[tuple[str, str]] = set()
    for node in nodes.values():
        if node.kind is not NodeKind.LINK_THROW or not node.link:
            continue
        place = container_of.get(node.id, ""), node.link
        thrown.add(place)
        if node.outgoing:
            faults.add(
                elements[node.id],
                "A sequence flow leaves the throw event of a link.",
                "Remove the flow: it goes on at the link's catch event.",
            )
        target = catches.get(place)
        if target is None:
            faults.add(
                elements[node.id],
                f"The link {node.link} has no catch event.",
                "Draw an intermediate catch event with a link of the same name, in the same process"
                " or sub-process.",
            )
            continue
        flow = Flow(f"link-{node.id}", node.id, target.id)
        joined[node.id] = replace(node, outgoing=(flow,))
        joined[target.id] = replace(joined[target.id], incoming=joined[target.id].incoming + 1)
    for place, node in catches.items():
        if place not in thrown:
            faults.add(
                elements[node.id],
                f"Nothing throws the link {node.link}.",
                "Draw an intermediate throw event with a link of the same name, or remove it.",
            )
    return joined
