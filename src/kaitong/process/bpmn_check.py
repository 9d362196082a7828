"""Checks the shape of a process once all its nodes and flows are read."""

from __future__ import annotations

from collections.abc import Mapping

from kaitong.process.bpmn_faults import Faults
from kaitong.process.bpmn_scopes import REPEATED, paths_inside
from kaitong.process.bpmn_xml import Element
from kaitong.process.model import ENDS, STARTS, SUB_STARTS, Flow, Node, NodeKind

_BOUNDARIES = frozenset(
    {
        NodeKind.BOUNDARY_TIMER,
        NodeKind.BOUNDARY_ERROR,
        NodeKind.BOUNDARY_MESSAGE,
        NodeKind.BOUNDARY_SIGNAL,
        NodeKind.BOUNDARY_CONDITION,
        NodeKind.BOUNDARY_ESCALATION,
        NodeKind.BOUNDARY_COMPENSATE,
    }
)
# What no sequence flow needs to leave.
_LAST = ENDS | {NodeKind.LINK_THROW, NodeKind.EVENT_SUB, NodeKind.BOUNDARY_COMPENSATE}
_UNDONE = REPEATED | {NodeKind.SCRIPT, NodeKind.SEND}  # what compensation may undo
_DECIDING = frozenset({NodeKind.EXCLUSIVE, NodeKind.INCLUSIVE})
_RAISING = frozenset(
    {NodeKind.CALL, NodeKind.SUB}
)  # what may raise an escalation that is caught there
_HOSTS = frozenset(
    {NodeKind.USER, NodeKind.MANUAL, NodeKind.SERVICE, NodeKind.RECEIVE, NodeKind.CALL}
    | {NodeKind.SUB, NodeKind.SCRIPT, NodeKind.SEND, NodeKind.RULE}
)
# Done by the runtime itself: what goes wrong there is a person's, not an error of the business.
_ERRORLESS = frozenset({NodeKind.RECEIVE, NodeKind.SCRIPT, NodeKind.SEND, NodeKind.RULE})


def check_shape(
    nodes: Mapping[str, Node],
    elements: Mapping[str, Element],
    flows: Mapping[str, Element],
    process: Element,
    faults: Faults,
) -> None:
    """Adds every fault of the graph: starts and ends, flows, gateways, boundaries, dead ends."""
    _starts_and_ends(nodes, elements, process, faults)
    for node in nodes.values():
        element = elements[node.id]
        _edges(node, element, nodes, faults)
        _conditions(node, element, flows, faults)
        if node.kind in _BOUNDARIES:
            _boundary(node, element, nodes, elements, faults)
        if node.kind is NodeKind.EVENT_BASED:
            _event_gateway(node, element, nodes, elements, faults)
        if len(node.boundaries) > 1:
            _rival_catchers(node, nodes, elements, faults)
    _reachable(nodes, elements, flows, faults)


def _starts_and_ends(
    nodes: Mapping[str, Node], elements: Mapping[str, Element], process: Element, faults: Faults
) -> None:
    nodes = {id_: node for id_, node in nodes.items() if not node.parent}
    if not any(begins(node) for node in nodes.values()):
        faults.add(process, "The process has no start event.", "Draw one.")
    for extra in [node for node in nodes.values() if node.kind is NodeKind.START][1:]:
        faults.add(
            elements[extra.id],
            "The process has several start events without a definition.",
            "Keep one and lead to the others by sequence flows, or say what each waits for.",
        )
    seen: set[tuple[str, str]] = set()
    for node in nodes.values():
        if not begins(node) or not (node.message or node.signal):
            continue
        if (node.message, node.signal) in seen:
            faults.add(
                elements[node.id],
                f"{node.message or node.signal} begins an instance at two places.",
                "Keep one of them.",
            )
        seen.add((node.message, node.signal))
    if not any(node.kind in ENDS for node in nodes.values()):
        faults.add(process, "The process has no end event.", "Draw one.")


def begins(node: Node) -> bool:
    """Whether an instance may begin at the node."""
    return not node.parent and (node.kind in STARTS or node.instantiate)


def _start_inside(node: Node, element: Element, nodes: Mapping[str, Node], faults: Faults) -> None:
    """BPMN 2.0.2, 10.3.5: an embedded sub-process begins when a token comes to it."""
    if nodes[node.parent].kind is NodeKind.SUB:
        faults.add(
            element,
            f"{node.id} begins inside a sub-process and waits for an event.",
            "Use a start event without a definition there, or an event sub-process.",
        )


def _edges(node: Node, element: Element, nodes: Mapping[str, Node], faults: Faults) -> None:
    if node.kind in ENDS and node.outgoing:
        faults.add(element, "A sequence flow leaves an end event.", "Remove the flow.")
    if (node.kind in STARTS or node.kind in SUB_STARTS) and node.incoming:
        faults.add(element, "A sequence flow leads into the start event.", "Remove the flow.")
    if node.kind in STARTS - {NodeKind.START} and node.parent:
        _start_inside(node, element, nodes, faults)
    if node.instantiate and node.parent:
        faults.add(
            element,
            "A receive task inside a sub-process begins an instance.",
            'Remove instantiate="true", or move it out.',
        )
    elif node.instantiate and node.incoming:
        faults.add(
            element,
            "A sequence flow leads into a receive task that begins the process.",
            'Remove the flow, or instantiate="true".',
        )
    if node.instantiate and node.boundaries:
        faults.add(
            element,
            "A receive task that begins the process has boundary events: it never waits.",
            "Remove them.",
        )
    if node.kind in _BOUNDARIES and node.incoming:
        faults.add(element, "A sequence flow leads into a boundary event.", "Remove the flow.")
    if not (node.kind in _LAST or node.undo or node.outgoing):
        faults.add(
            element,
            f"Nothing follows {node.id}.",
            "Draw a sequence flow from it, at least to an end.",
        )


def _conditions(node: Node, element: Element, flows: Mapping[str, Element], faults: Faults) -> None:
    if node.kind not in _DECIDING:
        for flow in node.outgoing:
            if flow.condition is not None:
                faults.add(
                    flows[flow.id],
                    f"The flow leaves {node.id}, a {node.kind} node, on a condition.",
                    "Let an exclusive or inclusive gateway decide.",
                )
        if node.default is not None:
            faults.add(
                element,
                f"{node.id} has a default flow.",
                "Only exclusive and inclusive gateways have one.",
            )
        return
    default = next((flow for flow in node.outgoing if flow.id == node.default), None)
    if node.default is not None and default is None:
        faults.add(
            element,
            f"The default flow {node.default} does not leave {node.id}.",
            "Name one of its outgoing flows.",
        )
    if default is not None and default.condition is not None:
        faults.add(
            flows[default.id],
            "The default flow has a condition.",
            "Remove the condition: the default is taken when no other holds.",
        )
    if node.kind is NodeKind.INCLUSIVE:
        _never(node, default, flows, faults)
    elif len(node.outgoing) > 1:
        _undecided(node, default, flows, faults)


def _undecided(
    node: Node, default: Flow | None, flows: Mapping[str, Element], faults: Faults
) -> None:
    for flow in node.outgoing:
        if flow.condition is None and flow is not default:
            faults.add(
                flows[flow.id],
                f"The flow leaves the exclusive gateway {node.id} without a condition.",
                "Give it a FEEL condition, or make it the gateway's default flow.",
            )


def _never(node: Node, default: Flow | None, flows: Mapping[str, Element], faults: Faults) -> None:
    """A flow without a condition is always taken (BPMN 2.0.2, 8.4.13): a default never would be."""
    always = next((f for f in node.outgoing if f.condition is None and f is not default), None)
    if default is not None and always is not None:
        faults.add(
            flows[default.id],
            f"The default flow of {node.id} is never taken: {always.id} has no condition and"
            " always is.",
            f"Give {always.id} a FEEL condition, or remove the default.",
        )


def _boundary(
    node: Node,
    element: Element,
    nodes: Mapping[str, Node],
    elements: Mapping[str, Element],
    faults: Faults,
) -> None:
    host_id = node.attached_to or ""
    if host_id not in elements:
        faults.add(
            element,
            f"The boundary event is attached to {host_id or 'nothing'}, which does not exist.",
            "Attach it to a task.",
        )
        return
    host = nodes.get(host_id)
    if host is None:
        return  # an element that is not executed: a fault already
    if node.kind is NodeKind.BOUNDARY_COMPENSATE and host.kind in _UNDONE:
        return
    if host.kind not in _HOSTS:
        faults.add(
            element,
            f"The boundary event is attached to {host_id}, a {host.kind} node.",
            "Attach it to a task.",
        )
    elif node.kind is NodeKind.BOUNDARY_ERROR:
        if not node.interrupting:
            faults.add(
                element,
                "The error boundary event does not interrupt its task.",
                'Remove cancelActivity="false": an error ends the work.',
            )
        if host.kind in _ERRORLESS:
            faults.add(
                element,
                f"{host_id}, a {host.kind} node, raises no errors.",
                "Attach a timer, or remove the event.",
            )
    elif node.kind is NodeKind.BOUNDARY_ESCALATION and host.kind not in _RAISING:
        faults.add(
            element,
            f"Nothing raises an escalation at {host_id}, a {host.kind} node.",
            "Attach it to what holds an escalation event, or use a boundary timer.",
        )


_ARMS = frozenset(
    {
        NodeKind.TIMER_CATCH,
        NodeKind.MESSAGE_CATCH,
        NodeKind.SIGNAL_CATCH,
        NodeKind.CONDITION_CATCH,
        NodeKind.RECEIVE,
    }
)


def _event_gateway(
    gateway: Node,
    element: Element,
    nodes: Mapping[str, Node],
    elements: Mapping[str, Element],
    faults: Faults,
) -> None:
    """BPMN 2.0.2, 10.6.6: what follows waits for events, and nothing else leads there."""
    if len(gateway.outgoing) < 2:
        faults.add(
            element,
            f"The event-based gateway {gateway.id} has fewer than two ways out.",
            "Draw a catch event or receive task for each event it waits for.",
        )
    kinds = set()
    for flow in gateway.outgoing:
        arm = nodes.get(flow.target)
        if arm is None:
            continue  # an element that is not executed: a fault already
        where = elements[arm.id]
        kinds.add(arm.kind)
        if arm.kind not in _ARMS:
            faults.add(
                where,
                f"{arm.id}, a {arm.kind} node, follows the event-based gateway {gateway.id}.",
                "Only timer, message, signal or conditional catch events and receive tasks may:"
                " draw one between.",
            )
            continue
        if arm.incoming > 1:
            faults.add(
                where,
                f"Several flows lead to {arm.id}, which follows the event-based gateway"
                f" {gateway.id}.",
                "Leave only the gateway's: what else should wait there gets an event of its own.",
            )
        if arm.boundaries:
            faults.add(
                where,
                f"{arm.id} follows the event-based gateway {gateway.id} and has boundary events.",
                "Draw what they wait for as further events behind the gateway.",
            )
    if {NodeKind.RECEIVE, NodeKind.MESSAGE_CATCH} <= kinds:
        faults.add(
            element,
            f"Behind {gateway.id} stand receive tasks and message catch events.",
            "Use one of the two kinds (BPMN 2.0.2, 10.6.6).",
        )


def _rival_catchers(
    node: Node, nodes: Mapping[str, Node], elements: Mapping[str, Element], faults: Faults
) -> None:
    seen: set[tuple[NodeKind, str | None]] = set()
    for boundary_id in node.boundaries:
        boundary = nodes[boundary_id]
        if boundary.kind is NodeKind.BOUNDARY_ERROR:
            code, every = boundary.error_code, "every error"
        elif boundary.kind is NodeKind.BOUNDARY_ESCALATION:
            code, every = boundary.escalation, "every escalation"
        else:
            continue
        if (boundary.kind, code) in seen:
            faults.add(
                elements[boundary_id],
                f"Two boundary events of {node.id} catch {code or every}.",
                "Keep one of them.",
            )
        seen.add((boundary.kind, code))


def _reachable(
    nodes: Mapping[str, Node],
    elements: Mapping[str, Element],
    flows: Mapping[str, Element],
    faults: Faults,
) -> None:
    edges = [(flow.get("sourceRef"), flow.get("targetRef")) for flow in flows.values()]
    edges += [(n.attached_to, n.id) for n in nodes.values() if n.attached_to]
    edges += [(n.id, f.target) for n in nodes.values() if n.link for f in n.outgoing]
    edges += paths_inside(nodes)
    forward: dict[str, list[str]] = {}
    backward: dict[str, list[str]] = {}
    for source, target in edges:
        forward.setdefault(source, []).append(target)
        backward.setdefault(target, []).append(source)
    outer = [node for node in nodes.values() if not node.parent]
    starts = [node.id for node in outer if begins(node)]
    begun = [node.id for node in outer if node.kind is NodeKind.EVENT_SUB]
    # What is not executed counts as passable, so that its neighbours are no faults as well.
    strangers = [id_ for id_ in elements if id_ not in nodes]
    adrift = [n.id for n in nodes.values() if n.kind in _BOUNDARIES and n.attached_to not in nodes]
    reached = _spread(starts + begun + strangers + adrift, forward) if starts else set(nodes)
    ending = _spread([n.id for n in nodes.values() if n.kind in ENDS] + strangers, backward)
    has_ends = any(node.kind in ENDS for node in nodes.values())
    for node in nodes.values():
        if node.id not in reached:
            faults.add(
                elements[node.id],
                f"{node.id} cannot be reached from the start event.",
                "Lead a sequence flow to it, or remove it.",
            )
        elif has_ends and node.id not in ending and node.outgoing:
            faults.add(
                elements[node.id],
                f"No end event can be reached from {node.id}.",
                "Lead a way out of the loop to an end.",
            )


def _spread(starts: list[str], edges: Mapping[str, list[str]]) -> set[str]:
    seen = set(starts)
    waiting = list(starts)
    while waiting:
        for target in edges.get(waiting.pop(), ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen
