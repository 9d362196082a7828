"""Reads a BPMN 2.0 file into an immutable Model, or refuses it with every fault at once.

An element the runtime does not execute is refused, never ignored. Pictures without behaviour (text
annotations, associations, groups, data objects, the diagram, other vendors' extensions) are left
aside. Kaitong's own attributes stand in the namespace `urn:kaitong:bpmn`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any

from kaitong.process.advance_graph import inclusive_paths
from kaitong.process.bpmn_check import check_shape
from kaitong.process.bpmn_faults import PICTURES, ROOT_PICTURES, Faults
from kaitong.process.bpmn_links import join_links
from kaitong.process.bpmn_nodes import NodeReader, tidy
from kaitong.process.bpmn_scopes import INSIDE, check_inside, settle_inside, with_lanes_inside
from kaitong.process.bpmn_xml import BPMN, KAITONG, Element, MalformedXml, read
from kaitong.process.dmn import Decisions
from kaitong.process.feel import Expression, FeelError, compile
from kaitong.process.model import Fault, Flow, Lane, Model, Node, NodeKind, RefusedProcess

_TASKS = {"userTask", "manualTask", "serviceTask", "receiveTask", "businessRuleTask"}
_TASKS |= {"callActivity", "scriptTask", "sendTask"}
_GATEWAYS = {"exclusiveGateway", "parallelGateway", "eventBasedGateway", "inclusiveGateway"}
_EVENTS = {"startEvent", "endEvent", "boundaryEvent"}
_EVENTS |= {"intermediateCatchEvent", "intermediateThrowEvent"}
_NODES = _TASKS | _GATEWAYS | _EVENTS | {"subProcess"}


def parse(
    data: bytes,
    file: str,
    decisions: Mapping[str, Decisions] | None = None,
    called: Collection[str] | None = None,
) -> Model:
    """The process of a BPMN file; RefusedProcess lists every fault with line and remedy.

    `decisions` are the DMN files its business rule tasks may name, `called` the processes its call
    activities may; unchecked where they are None.
    """
    try:
        root = read(data)
    except MalformedXml as error:
        raise RefusedProcess([Fault(file, error.line, "xml", error.what, error.remedy)]) from None
    reader = _Reader(root, Faults(file), decisions, called)
    model = reader.model(hashlib.sha256(data).hexdigest())
    if model is None or reader.faults.found:
        raise RefusedProcess(reader.faults.sorted())
    return model


class _Reader:
    def __init__(
        self,
        root: Element,
        faults: Faults,
        decisions: Mapping[str, Decisions] | None,
        called: Collection[str] | None,
    ) -> None:
        self.root = root
        self.faults = faults
        self.decisions = decisions
        self.called = called
        self.elements: dict[str, Element] = {}  # flow nodes by id
        self.flow_elements: dict[str, Element] = {}
        self.container_of: dict[str, str] = {}  # what lies in a sub-process
        self.associations: dict[str, str] = {}

    def model(self, digest: str) -> Model | None:
        if (self.root.space, self.root.tag) != (BPMN, "definitions"):
            self.faults.add(
                self.root,
                "This is no BPMN 2.0 file: its root is not bpmn:definitions.",
                "Export the diagram as BPMN 2.0 XML.",
            )
            return None
        self._unique_ids()
        processes = self._processes()
        if not processes:
            return None
        found = self._read(processes[0], digest)
        for extra in processes[1:]:  # refused as such; what else is wrong in it is told as well
            self.faults.add(
                extra,
                "A file holds one process; this is a further one.",
                "Move it to its own file.",
            )
            _Reader(self.root, self.faults, self.decisions, self.called)._read(extra, digest)
        return found

    def _read(self, process: Element, digest: str) -> Model:
        """One process of the file."""
        if not process.id:
            self.faults.add(process, "The process has no id.", "Its id is its key: give it one.")
        if process.get("isExecutable") != "true":
            self.faults.add(
                process, "The process is not executable.", 'Set isExecutable="true" on it.'
            )
        self._attributes(process, set())
        self._sort_children(process)
        lanes, lane_of = self._lanes(process)
        lane_of = with_lanes_inside(lane_of, self.container_of)
        reader = NodeReader(self.root, self.faults, lane_of, self._begun_by_events())
        drafts = {id_: reader.node(element) for id_, element in self.elements.items()}
        reader.check_references(set(self.elements))
        nodes = join_links(self._connect(drafts), self.elements, self.container_of, self.faults)
        nodes = settle_inside(nodes, self.container_of, self.associations)
        used = self._decisions(nodes)
        self._calls(nodes)
        check_shape(nodes, self.elements, self.flow_elements, process, self.faults)
        check_inside(nodes, self.elements, self.flow_elements, self.container_of, self.faults)
        outer = [node for node in nodes.values() if not node.parent]
        starts = [node.id for node in outer if node.kind is NodeKind.START]
        throws = (NodeKind.COMPENSATE_THROW, NodeKind.COMPENSATE_END)
        return Model(
            key=process.id,
            name=tidy(process.get("name")),
            hash=digest,
            start=starts[0] if starts else "",
            nodes=nodes,
            lanes=tuple(lanes),
            documentation=_documentation(process),
            decisions=used,
            inclusive=inclusive_paths(nodes),
            conditional=any(node.condition is not None for node in nodes.values()),
            events=tuple(node.id for node in outer if node.kind is NodeKind.EVENT_SUB),
            undoes=any(node.kind in throws for node in nodes.values()),
        )

    def _decisions(self, nodes: Mapping[str, Node]) -> dict[str, Decisions]:
        """The DMN files that business rule tasks name."""
        used: dict[str, Decisions] = {}
        for node in nodes.values():
            file, _, name = node.decision.partition("#")
            if not node.decision or self.decisions is None:
                continue
            found = self.decisions.get(file)
            if found is None:
                known = ", ".join(sorted(self.decisions)) or "none"
                what, remedy = f"There is no decision file {file}.", f"Known are: {known}."
            elif found.find(name) is None:
                known = ", ".join(sorted(found.decisions))
                what, remedy = f"{file} holds no decision {name}.", f"Known are: {known}."
            else:
                used[file] = found
                continue
            self.faults.add(self.elements[node.id], what, remedy)
        return used

    def _calls(self, nodes: Mapping[str, Node]) -> None:
        for node in nodes.values():
            if node.called and self.called is not None and node.called not in self.called:
                known = ", ".join(sorted(self.called)) or "none"
                self.faults.add(
                    self.elements[node.id],
                    f"There is no process {node.called} to call.",
                    f"Known are: {known}.",
                )

    def _unique_ids(self) -> None:
        seen: dict[str, Element] = {}
        for element in self.root.walk():
            if not element.id:
                continue
            if element.id in seen:
                self.faults.add(
                    element,
                    f"The id {element.id} is used before, in line {seen[element.id].line}.",
                    "Give each element an id of its own.",
                )
            else:
                seen[element.id] = element

    def _processes(self) -> list[Element]:
        for child in self.root.children:
            if child.space == BPMN and child.tag not in ROOT_PICTURES | {"process"}:
                self.faults.unsupported(child)
            if child.tag == "extension" and child.get("mustUnderstand") == "true":
                self.faults.add(
                    child, "The file demands an extension that Kaitong does not know.", "Remove it."
                )
        processes = self.root.all("process")
        if not processes:
            self.faults.add(self.root, "The file holds no process.", "Draw one.")
        return processes

    def _attributes(self, element: Element, known: set[str]) -> None:
        for space, name in element.attributes:
            if space == KAITONG and name not in known:
                self.faults.add(
                    element, f"kaitong:{name} has no meaning on {element.tag}.", "Remove it."
                )

    def _begun_by_events(self) -> frozenset[str]:
        """What lies in an event sub-process."""
        return frozenset(
            inner
            for inner, outer in self.container_of.items()
            if self.elements[outer].get("triggeredByEvent") == "true"
        )

    def _sort_children(self, process: Element, inside: str = "") -> None:
        for child in process.children:
            if child.space != BPMN:
                continue
            if child.id and inside:
                self.container_of[child.id] = inside
            if child.tag in _NODES:
                if not child.id:
                    self.faults.add(child, "The element has no id.", "Give it one.")
                    continue
                self.elements.setdefault(child.id, child)
                if child.tag == "subProcess":
                    self._sort_children(child, child.id)
            elif child.tag == "association":
                self.associations[child.get("sourceRef")] = child.get("targetRef")
            elif inside and child.tag in INSIDE:
                continue
            elif child.tag == "sequenceFlow":
                if not child.id:
                    self.faults.add(child, "The sequence flow has no id.", "Give it one.")
                    continue
                self.flow_elements.setdefault(child.id, child)
            elif child.tag not in PICTURES and child.tag != "laneSet":
                self.faults.unsupported(child)
                if child.id:
                    # Flows to it are not dangling: the element itself is the fault.
                    self.elements.setdefault(child.id, child)

    # ---- lanes

    def _lanes(self, process: Element) -> tuple[list[Lane], dict[str, str]]:
        lanes: list[Lane] = []
        lane_of: dict[str, str] = {}
        owner: dict[str, Element] = {}
        waiting = [
            (lane, 0) for s in reversed(process.all("laneSet")) for lane in reversed(s.all("lane"))
        ]
        depth_of: dict[str, int] = {}
        while waiting:
            lane, depth = waiting.pop()
            post = lane.attributes.get((KAITONG, "post"), "").strip() or lane.id
            self._attributes(lane, {"post"})
            if not post:
                self.faults.add(lane, "The lane names no post.", "Set kaitong:post.")
            children = [c for s in lane.all("childLaneSet") for c in s.all("lane")]
            lanes.append(Lane(lane.id, tidy(lane.get("name")), post))
            for reference in lane.all("flowNodeRef"):
                node_id = reference.text.strip()
                if node_id not in self.elements:
                    self.faults.add(
                        reference,
                        f"Lane {lane.id} holds {node_id or 'nothing'}, which is no step.",
                        "Remove the reference.",
                    )
                elif node_id in owner and depth_of[node_id] == depth:
                    self.faults.add(
                        reference,
                        f"{node_id} lies in two lanes: {owner[node_id].id} and {lane.id}.",
                        "A step belongs to one post: leave it in one lane.",
                    )
                elif node_id not in owner or depth > depth_of[node_id]:  # the innermost lane counts
                    owner[node_id], depth_of[node_id] = lane, depth
                    lane_of[node_id] = post
            waiting.extend((child, depth + 1) for child in reversed(children))
        return lanes, lane_of

    # ---- flows

    def _connect(self, drafts: Mapping[str, Node | None]) -> dict[str, Node]:
        outgoing: dict[str, list[Flow]] = {}
        incoming: dict[str, int] = {}
        for element in self.flow_elements.values():
            source, target = element.get("sourceRef"), element.get("targetRef")
            known = True
            for end, name in ((source, "begins"), (target, "ends")):
                if end not in self.elements:
                    known = False
                    self.faults.add(
                        element,
                        f"The sequence flow {name} at {end or 'nothing'}, which does not exist.",
                        "Connect it to a step, or remove it.",
                    )
            condition = self._condition(element)
            if known:
                flow = Flow(element.id, source, target, tidy(element.get("name")), condition)
                outgoing.setdefault(source, []).append(flow)
                incoming[target] = incoming.get(target, 0) + 1
        boundaries: dict[str, list[str]] = {}
        for draft in drafts.values():
            if draft is not None and draft.attached_to:
                boundaries.setdefault(draft.attached_to, []).append(draft.id)
        nodes = {}
        for id_, draft in drafts.items():
            if draft is None:
                continue
            element = self.elements[id_]
            flows = self._in_drawn_order(element, outgoing.get(id_, []))
            nodes[id_] = _with(
                draft,
                outgoing=tuple(flows),
                incoming=incoming.get(id_, 0),
                boundaries=tuple(boundaries.get(id_, ())),
            )
        return nodes

    def _in_drawn_order(self, element: Element, flows: list[Flow]) -> list[Flow]:
        """The order of bpmn:outgoing where the file gives it, else that of the flows."""
        order = {ref.text.strip(): at for at, ref in enumerate(element.all("outgoing"))}
        for ref in [*element.all("outgoing"), *element.all("incoming")]:
            if ref.text.strip() not in self.flow_elements:
                self.faults.add(
                    ref,
                    f"{element.id} refers to the flow {ref.text.strip()}, which does not exist.",
                    "Remove the reference, or draw the flow.",
                )
        return sorted(flows, key=lambda flow: order.get(flow.id, len(order)))

    def _condition(self, element: Element) -> Expression | None:
        self._attributes(element, set())
        holder = element.first("conditionExpression")
        if holder is None:
            return None
        language = holder.get("language")
        if language and "feel" not in language.lower():
            self.faults.add(
                holder,
                f"The condition is written in {language}.",
                "Write it in FEEL.",
                line=holder.line,
            )
            return None
        text = holder.text.rstrip()
        line = holder.text_line or holder.line
        if text.startswith("=") and not text.startswith("=="):
            text = text[1:]  # some modellers mark FEEL by a leading `=`
        try:
            return compile(text, where=f"flow {element.id}")
        except FeelError as error:
            self.faults.add_at(
                line + error.line - 1, element.label, str(error), "Correct the condition."
            )
            return compile("false")


def _with(node: Node, **changes: Any) -> Node:
    values = {name: getattr(node, name) for name in node.__dataclass_fields__}
    return Node(**{**values, **changes})


def _documentation(element: Element) -> str:
    texts = [d.text.strip() for d in element.all("documentation")]
    return re.sub(r"[ \t]*\n[ \t]*", "\n", "\n".join(text for text in texts if text))
