"""Reads what lies inside: sub-processes, event sub-processes, repeated activities, compensation.

Written as BPMN has it: `multiInstanceLoopCharacteristics` and `standardLoopCharacteristics` in the
activity; a compensation boundary event joined by an association to its handler, an activity with
`isForCompensation`. What BPMN leaves to tools stands in attributes of Kaitong on the multi-instance
element: `collection` (FEEL), `item`, `results`, `result`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kaitong.process.bpmn_faults import Faults, did_you_mean
from kaitong.process.bpmn_xml import BPMN, KAITONG, Element
from kaitong.process.model import ENDS, SUB_PROCESSES, Node, NodeKind
from kaitong.process.scopes import Repeat

if TYPE_CHECKING:
    from kaitong.process.bpmn_nodes import NodeReader

REPEATS = ("multiInstanceLoopCharacteristics", "standardLoopCharacteristics")
# What a sub-process holds besides flow nodes, flows and pictures.
INSIDE = frozenset({"incoming", "outgoing", "laneSet", *REPEATS})
# Start events of an event sub-process, by event definition.
STARTS: dict[str, NodeKind] = {
    "timerEventDefinition": NodeKind.TIMER_START,
    "messageEventDefinition": NodeKind.MESSAGE_START,
    "errorEventDefinition": NodeKind.ERROR_START,
    "escalationEventDefinition": NodeKind.ESCALATION_START,
    "signalEventDefinition": NodeKind.SIGNAL_START,
    "conditionalEventDefinition": NodeKind.CONDITION_START,
}
REPEATED = frozenset(
    {
        NodeKind.USER,
        NodeKind.MANUAL,
        NodeKind.SERVICE,
        NodeKind.RULE,
        NodeKind.RECEIVE,
        NodeKind.CALL,
        NodeKind.SUB,
    }
)
UNDOING = REPEATED | {NodeKind.SCRIPT, NodeKind.SEND}
_NAME = re.compile(r"[^\W\d]\w*")
_OWN = frozenset({"collection", "item", "results", "result"})

Compile = Callable[[Element, str, str], Any]


def fields_of(
    element: Element, kind: NodeKind, definition: Element | None, root: Element, reader: NodeReader
) -> dict[str, Any]:
    """Fields of a node about repetition and compensation; whatever is wrong is a fault by then."""
    values: dict[str, Any] = {"repeat": repeat_of(element, kind, root, reader.faults, reader.feel)}
    if element.get("isForCompensation") == "true":
        values["undo"] = kind in UNDOING
        if kind not in UNDOING:
            reader.faults.add(
                element,
                f'isForCompensation="true" is not executed on a {kind} node.',
                "Let a task, a call activity or a sub-process undo the work.",
            )
    if kind in (NodeKind.COMPENSATE_THROW, NodeKind.COMPENSATE_END) and definition is not None:
        values["compensates"] = definition.get("activityRef").rpartition(":")[2]
        if definition.get("waitForCompletion") == "false":
            reader.faults.add(
                element,
                'waitForCompletion="false" is not executed.',
                "Remove it: the event goes on when all is undone.",
            )
    return values


def repeat_of(
    element: Element, kind: NodeKind, root: Element, faults: Faults, compiled: Compile
) -> Repeat | None:
    """How often an activity is done; None: once."""
    found = element.all(*REPEATS)
    if not found:
        return None
    for extra in found[1:]:
        faults.add(extra, f"{element.id} is repeated in two ways.", "Keep one of them.")
    held = found[0]
    if kind not in REPEATED:
        faults.add(
            held,
            f"{element.id}, a {kind} node, is repeated.",
            "Repeat tasks, call activities and sub-processes only.",
        )
        return None
    if held.tag == "standardLoopCharacteristics":
        return _loop(held, element, faults, compiled)
    return _many(held, element, root, faults, compiled)


def _loop(held: Element, element: Element, faults: Faults, compiled: Compile) -> Repeat:
    _own_attributes(held, frozenset(), faults)
    condition = _expression(held, "loopCondition", element, compiled)
    maximum = held.get("loopMaximum")
    if maximum and not (maximum.isascii() and maximum.isdigit() and 0 < int(maximum) < 10_000):
        faults.add(held, f"loopMaximum is {maximum}.", "Write a whole number from 1 to 9999.")
        maximum = ""
    if held.first("loopCondition") is None and not maximum:
        faults.add(
            held,
            f"The loop of {element.id} has neither a loopCondition nor a loopMaximum.",
            "Say in FEEL while what it is repeated.",
        )
    return Repeat(
        many=False,
        condition=condition,
        test_before=held.get("testBefore") == "true",
        maximum=int(maximum) if maximum else None,
    )


def _many(
    held: Element, element: Element, root: Element, faults: Faults, compiled: Compile
) -> Repeat:
    own = _own_attributes(held, _OWN, faults)
    cardinality = _expression(held, "loopCardinality", element, compiled)
    text = own.get("collection", "")
    if not text and (given := held.first("loopDataInputRef")) is not None:
        text = _name_of(given.text, root)
    collection = compiled(held, text, f"{element.id} collection") if text else None
    item = own.get("item") or _named(held.first("inputDataItem"))
    result = own.get("result") or _named(held.first("outputDataItem"))
    results = own.get("results", "")
    if not results and (given := held.first("loopDataOutputRef")) is not None:
        results = _name_of(given.text, root)
    for what, word in (("item", item), ("result", result), ("results", results)):
        if word and not _NAME.fullmatch(word):
            faults.add(held, f"The {what} of {element.id} is called `{word}`.", "Give it a name.")
    if (cardinality is None) == (collection is None) and not _has(held, "loopCardinality", text):
        faults.add(
            held,
            f"{element.id} says neither how many nor for which values it is done.",
            "Give it a loopCardinality, or kaitong:collection with kaitong:item.",
        )
    elif cardinality is not None and collection is not None:
        faults.add(
            held,
            f"{element.id} has a loopCardinality and a collection.",
            "Keep the one that says how often it is done.",
        )
    if item and collection is None and not text:
        faults.add(held, f"{item} has no collection to come from.", "Set kaitong:collection.")
    if bool(result) != bool(results):
        faults.add(
            held,
            f"{element.id} names only one of result and results.",
            "results is the list, result the variable of each instance that goes into it.",
        )
    if held.get("behavior", "All") != "All":
        faults.add(
            held,
            f'behavior="{held.get("behavior")}" is not executed.',
            "Throw an event inside the activity instead.",
        )
    for child in held.children:
        if child.space == BPMN and child.tag == "complexBehaviorDefinition":
            faults.unsupported(child)
    return Repeat(
        many=True,
        parallel=held.get("isSequential", "false") != "true",
        cardinality=cardinality,
        collection=collection,
        item=item,
        results=results,
        result=result,
        until=_expression(held, "completionCondition", element, compiled),
    )


def _has(held: Element, tag: str, text: str) -> bool:
    """Whether there is one, even if it could not be compiled (a fault by then)."""
    return bool(text) or held.first(tag) is not None


def _own_attributes(held: Element, known: frozenset[str], faults: Faults) -> dict[str, str]:
    found = {}
    for (space, name), value in held.attributes.items():
        if space != KAITONG:
            continue
        if name in known:
            found[name] = value.strip()
        else:
            remedy = did_you_mean(name, known) if known else "Remove it."
            faults.add(held, f"kaitong:{name} is unknown on {held.tag}.", remedy)
    return found


def _expression(held: Element, tag: str, element: Element, compiled: Compile) -> Any:
    child = held.first(tag)
    if child is None:
        return None
    text = child.text.strip()
    if text.startswith("=") and not text.startswith("=="):
        text = text[1:]  # some modellers mark FEEL by a leading `=`
    return compiled(child, text, f"{element.id} {tag}")


def _named(item: Element | None) -> str:
    if item is None:
        return ""
    return (item.get("name") or item.id).strip()


def _name_of(reference: str, root: Element) -> str:
    """The variable a data reference stands for: the name of what it refers to, else itself."""
    wanted = reference.strip().rpartition(":")[2]
    for element in root.walk():
        if element.id == wanted and element.get("name"):
            return element.get("name").strip()
    return wanted


# ---- inside and outside -------------------------------------------------------------------------


def settle_inside(
    nodes: Mapping[str, Node],
    container_of: Mapping[str, str],
    associations: Mapping[str, str],
) -> dict[str, Node]:
    """The nodes with what they know of each other: parents, starts, event sub-processes, handlers.

    `associations` lead from a compensation event to an activity.
    """
    begins: dict[str, str] = {}
    events: dict[str, list[str]] = {}
    handlers: dict[str, str] = {}
    for node in nodes.values():
        parent = container_of.get(node.id, "")
        if _starts(node):
            begins.setdefault(parent, node.id)
        if node.kind is NodeKind.EVENT_SUB:
            events.setdefault(parent, []).append(node.id)
        if node.kind is NodeKind.BOUNDARY_COMPENSATE:
            handler = associations.get(node.id, "")
            handlers[node.id] = handler
            if node.attached_to:
                handlers[node.attached_to] = handler
    made = {}
    for node in nodes.values():
        parent = container_of.get(node.id, "")
        inside = node.kind in SUB_PROCESSES
        made[node.id] = replace(
            node,
            parent=parent,
            begin=begins.get(node.id, "") if inside else "",
            events=tuple(events.get(node.id, ())) if inside else (),
            handler=handlers.get(node.id, ""),
        )
    return made


def with_lanes_inside(
    lane_of: Mapping[str, str], container_of: Mapping[str, str]
) -> dict[str, str]:
    """What lies in no lane itself belongs to the post of the nearest sub-process around it."""
    found = dict(lane_of)
    for inner, outer in container_of.items():  # the outer come first
        if inner not in found and outer in found:
            found[inner] = found[outer]
    return found


def check_inside(
    nodes: Mapping[str, Node],
    elements: Mapping[str, Element],
    flows: Mapping[str, Element],
    container_of: Mapping[str, str],
    faults: Faults,
) -> None:
    """Adds every fault of what lies inside one another."""
    for node in nodes.values():
        element = elements[node.id]
        if node.kind in SUB_PROCESSES:
            _sub_process(node, element, nodes, elements, container_of, faults)
        if node.kind is NodeKind.EVENT_SUB:
            _event_sub(node, element, nodes, elements, faults)
        if node.attached_to in nodes and container_of.get(node.attached_to or "") != (
            container_of.get(node.id)
        ):
            faults.add(
                element,
                f"The boundary event lies outside the sub-process of {node.attached_to}.",
                "Draw both in the same sub-process.",
            )
        _compensation(node, element, nodes, elements, container_of, faults)
        for target in [flow.target for flow in node.outgoing if node.link]:
            if container_of.get(node.id) != container_of.get(target):
                faults.add(
                    element,
                    f"The link leads from {node.id} to {target} across the edge of a sub-process.",
                    "Draw both ends of the link in the same sub-process.",
                )
    for flow in flows.values():
        source, target = flow.get("sourceRef"), flow.get("targetRef")
        if source not in elements or target not in elements:
            continue  # a fault already
        if container_of.get(source) != container_of.get(target):
            faults.add(
                flow,
                f"The sequence flow from {source} to {target} crosses the edge of a sub-process.",
                "Lead it to the sub-process itself, and inside from its start event.",
            )


def _sub_process(
    node: Node,
    element: Element,
    nodes: Mapping[str, Node],
    elements: Mapping[str, Element],
    container_of: Mapping[str, str],
    faults: Faults,
) -> None:
    inside = [n for n in nodes.values() if container_of.get(n.id) == node.id]
    starts = [n for n in inside if _starts(n)]
    drawn = {e.tag for e in elements.values() if container_of.get(e.id) == node.id}
    if not starts and "startEvent" not in drawn:  # one that is not executed is a fault already
        faults.add(element, f"{node.id} has no start event inside.", "Draw one.")
    for extra in starts[1:]:
        faults.add(
            elements[extra.id],
            f"{node.id} has several start events inside.",
            "Keep one and lead to the others by sequence flows.",
        )
    if not any(n.kind in ENDS for n in inside):
        faults.add(element, f"{node.id} has no end event inside.", "Draw one.")


def _event_sub(
    node: Node,
    element: Element,
    nodes: Mapping[str, Node],
    elements: Mapping[str, Element],
    faults: Faults,
) -> None:
    if node.incoming or node.outgoing:
        faults.add(
            element,
            f"A sequence flow touches the event sub-process {node.id}.",
            "Remove the flow: its start event begins it.",
        )
    start = nodes.get(node.begin)
    if start is not None and start.kind is NodeKind.START:
        faults.add(
            elements[start.id],
            f"The start event of the event sub-process {node.id} waits for nothing.",
            "Say for what: a timer, a message, an error.",
        )
    if start is not None and start.kind is NodeKind.ERROR_START and not start.interrupting:
        faults.add(
            elements[start.id],
            "The error start event does not interrupt.",
            'Remove isInterrupting="false": an error ends the work.',
        )


def _compensation(
    node: Node,
    element: Element,
    nodes: Mapping[str, Node],
    elements: Mapping[str, Element],
    container_of: Mapping[str, str],
    faults: Faults,
) -> None:
    if node.kind is NodeKind.BOUNDARY_COMPENSATE:
        handler = nodes.get(node.handler)
        if handler is None:
            faults.add(
                element,
                f"The compensation event {node.id} names no handler.",
                "Draw an association from it to an activity with isForCompensation.",
            )
        elif not handler.undo:
            faults.add(
                elements[handler.id],
                f"{handler.id} undoes {node.attached_to}, but may run by itself.",
                'Set isForCompensation="true" on it.',
            )
        if node.outgoing:
            faults.add(
                element,
                "A sequence flow leaves a compensation event.",
                "Join it to its handler by an association.",
            )
        host = nodes.get(node.attached_to or "")
        if host is not None and len(_undoers(host, nodes)) > 1:
            faults.add(element, f"{host.id} has two compensation events.", "Keep one of them.")
    if node.undo:
        if node.incoming or node.outgoing:
            faults.add(
                element,
                f"A sequence flow touches {node.id}, which is for compensation.",
                "Remove the flow: compensation runs it.",
            )
        elif not any(
            n.handler == node.id and n.kind is NodeKind.BOUNDARY_COMPENSATE for n in nodes.values()
        ):
            faults.add(
                element,
                f"{node.id} is for compensation, but undoes nothing.",
                "Draw an association to it from a compensation event of the activity it undoes.",
            )
    if node.kind in (NodeKind.COMPENSATE_THROW, NodeKind.COMPENSATE_END) and node.compensates:
        wanted = nodes.get(node.compensates)
        if wanted is None or not (wanted.handler or wanted.kind is NodeKind.SUB):
            faults.add(
                element,
                f"{node.id} undoes {node.compensates}, which has no compensation event.",
                "Name an activity with one, or a sub-process.",
            )
        elif container_of.get(wanted.id, "") not in _outwards(node.id, container_of):
            faults.add(
                element,
                f"{node.id} cannot see {node.compensates}: it lies in another sub-process.",
                "Name that sub-process.",
            )


def _undoers(host: Node, nodes: Mapping[str, Node]) -> list[str]:
    kind = NodeKind.BOUNDARY_COMPENSATE
    return [id_ for id_ in host.boundaries if id_ in nodes and nodes[id_].kind is kind]


def _outwards(node_id: str, container_of: Mapping[str, str]) -> list[str]:
    found = [container_of.get(node_id, "")]
    while found[-1]:
        found.append(container_of.get(found[-1], ""))
    return found


def _starts(node: Node) -> bool:
    return node.kind is NodeKind.START or node.kind in STARTS.values()


def paths_inside(nodes: Mapping[str, Node]) -> list[tuple[str, str]]:
    """The ways from an activity to what lies in it, and to what undoes it."""
    edges = []
    for node in nodes.values():
        edges += [(node.id, event) for event in node.events]
        if node.kind in SUB_PROCESSES:
            inside = [n for n in nodes.values() if n.parent == node.id]
            # without a start or with several there is a fault already, and that is the only one
            edges += [(node.id, n.id) for n in inside if not node.begin or _starts(n)]
        if node.kind is NodeKind.BOUNDARY_COMPENSATE and node.handler:
            edges.append((node.id, node.handler))
    return edges
