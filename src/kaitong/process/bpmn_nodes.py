"""Reads one flow node: its kind, its event definition and Kaitong's attributes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kaitong.process import bpmn_events, bpmn_kinds, bpmn_scopes, bpmn_timers
from kaitong.process.bpmn_faults import PICTURES, Faults, did_you_mean
from kaitong.process.bpmn_xml import BPMN, KAITONG, Element
from kaitong.process.feel import Expression, FeelError, compile
from kaitong.process.model import Node, NodeKind

_SCRIPT = ("scriptTask", "script")
_NAME = re.compile(r"[^\W\d]\w*")
_CJK = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f"
_BETWEEN_CJK = re.compile(rf"(?<=[{_CJK}])\s*\n\s*(?=[{_CJK}])")


def tidy(name: str) -> str:
    """A name on one line: a line break between Chinese characters vanishes, else it is a blank."""
    return " ".join(_BETWEEN_CJK.sub("", name.replace("\r", "\n")).split())


class NodeReader:
    """Reads the nodes of one file, with its root's messages and errors at hand."""

    def __init__(
        self,
        root: Element,
        faults: Faults,
        lane_of: Mapping[str, str],
        begun_by_events: frozenset[str] = frozenset(),
    ):
        self.root = root
        self.begun_by_events = begun_by_events
        self.faults = faults
        self.lane_of = lane_of
        self.messages = {e.id: e for e in root.all("message")}
        self.errors = {e.id: e for e in root.all("error")}
        self.signals = {e.id: e for e in root.all("signal")}
        self.escalations = {e.id: e for e in root.all("escalation")}
        self.references: list[tuple[Element, str]] = []  # four-eyes-with, checked at the end

    def node(self, element: Element) -> Node | None:
        """The node without its flows; None if the element is not executed (a fault by then)."""
        if element.tag not in bpmn_kinds.KINDS and element.tag not in bpmn_kinds.EVENTS:
            return None
        definition = self._definition(element)
        kind = self._kind(element, definition)
        if kind is None:
            return None
        self._strange_flags(element)
        attributes = self._attributes(element, kind, definition)
        values: dict[str, Any] = {}
        if kind in bpmn_kinds.TIMERS and definition is not None:
            values["timer"] = bpmn_timers.read(self, element, definition, attributes, kind)
        if kind in bpmn_kinds.MESSAGES:
            values |= bpmn_events.message(self, element, definition, kind, attributes)
        if kind in bpmn_kinds.ERRORS and definition is not None:
            values["error_code"] = self._error_code(element, definition, kind)
        values.update(bpmn_events.read(self, element, definition, kind, attributes))
        if element.tag == "boundaryEvent":
            values["attached_to"] = element.get("attachedToRef")
            values["interrupting"] = element.get("cancelActivity", "true") != "false"
        if element.id in self.begun_by_events and kind in bpmn_scopes.STARTS.values():
            values["interrupting"] = element.get("isInterrupting", "true") != "false"
        values.update(bpmn_scopes.fields_of(element, kind, definition, self.root, self))
        node = Node(
            id=element.id,
            kind=kind,
            name=tidy(element.get("name")),
            documentation="\n".join(
                d.text.strip() for d in element.all("documentation") if d.text.strip()
            ),
            lane=self.lane_of.get(element.id, ""),
            default=element.get("default") or None,
            form=attributes.get("form", "").strip(),
            action=attributes.get("action", "").strip(),
            decision=attributes.get("decision", "").strip(),
            subject=self.feel(element, attributes["subject"], "kaitong:subject")
            if attributes.get("subject")
            else None,
            called=element.get("calledElement").strip().rpartition(":")[2],
            inputs=self._mapping(element, "in", attributes),
            outputs=self._mapping(element, "out", attributes),
            extension={k: v for k, v in attributes.items() if k not in bpmn_kinds.OWN_FIELDS},
            **values,
        )
        self._demands(element, node)
        return node

    def check_references(self, known: set[str]) -> None:
        for element, reference in self.references:
            if reference not in known or reference == element.id:
                self.faults.add(
                    element,
                    f"kaitong:four-eyes-with names {reference}, which is no other step.",
                    "Name the id of the step somebody else must have done.",
                )

    # ---- kinds

    def _definition(self, element: Element) -> Element | None:
        found = []
        for child in element.children:
            if child.space != BPMN or child.tag in PICTURES:
                self._assignments(child)
                continue
            if child.tag in ("incoming", "outgoing") or (element.tag, child.tag) == _SCRIPT:
                continue
            if element.tag == "subProcess" or child.tag in bpmn_scopes.REPEATS:
                continue
            if child.tag.endswith("EventDefinition") and element.tag in bpmn_kinds.EVENTS:
                found.append(child)
            elif child.tag == "eventDefinitionRef":
                self.faults.add(
                    child, "The event refers to a shared event definition.", "Draw it in the event."
                )
            else:
                self.faults.unsupported(child)
        for extra in found[1:]:
            self.faults.add(
                extra, "The event has several event definitions.", "Draw an event for each."
            )
        return found[0] if found else None

    def _assignments(self, child: Element) -> None:
        """Data associations are pictures unless they compute something."""
        for inner in child.walk():
            if inner.space == BPMN and inner.tag in ("assignment", "transformation"):
                self.faults.add(
                    inner,
                    f"Kaitong does not execute the {inner.tag} of a data association.",
                    "Use kaitong:in and kaitong:out.",
                )
            if inner.space == KAITONG:
                self.faults.add(
                    inner,
                    f"Kaitong's extension {inner.tag} is written as an element.",
                    f"Write it as the attribute kaitong:{inner.tag}.",
                )

    def _kind(self, element: Element, definition: Element | None) -> NodeKind | None:
        allowed = bpmn_kinds.EVENTS.get(element.tag)
        if allowed is None:
            if element.get("triggeredByEvent") == "true" and element.tag == "subProcess":
                return NodeKind.EVENT_SUB
            return bpmn_kinds.KINDS[element.tag]
        if element.tag == "startEvent" and element.id in self.begun_by_events:
            allowed = {"": NodeKind.START, **bpmn_scopes.STARTS}
        tag = definition.tag if definition is not None else ""
        if tag in allowed:
            return allowed[tag]
        if element.tag == "startEvent" and element.id not in self.begun_by_events:
            self.faults.add(
                definition or element,
                f"The start event has a {tag}.",
                bpmn_events.START_REMEDIES.get(
                    tag, "Begin by nothing (an order), a message, a signal or a timer."
                ),
            )
            return NodeKind.SIGNAL_START  # not executed; what follows it is no fault as well
        if not tag:
            remedy = "Say what it waits for: a timer, a message"
            remedy += " or an error." if element.tag == "boundaryEvent" else "."
            self.faults.add(element, f"The {element.tag} has no event definition.", remedy)
        elif definition is not None:
            self.faults.unsupported(definition)
        return None

    def _strange_flags(self, element: Element) -> None:
        flags = (
            *bpmn_events.flags(element),
            ("parallelMultiple", "true", "Draw an event for each definition."),
            ("eventGatewayType", "Parallel", "Draw a parallel gateway before the catch events."),
            ("isInterrupting", "false", "Remove isInterrupting."),
        )
        for name, bad, remedy in flags:
            if name == "isInterrupting" and element.id in self.begun_by_events:
                continue
            if element.get(name) == bad:
                self.faults.add(element, f'{name}="{bad}" is not executed.', remedy)
        for name in ("startQuantity", "completionQuantity"):
            if element.get(name, "1") != "1":
                self.faults.add(element, f"{name} is not executed.", "Leave it at 1.")

    # ---- Kaitong's attributes

    def _attributes(
        self, element: Element, kind: NodeKind, definition: Element | None
    ) -> dict[str, str]:
        known = bpmn_kinds.ATTRIBUTES.get(kind, set())
        found: dict[str, str] = {}
        holders = [element] if definition is None else [element, definition, *definition.children]
        for holder in holders:
            for (space, name), value in holder.attributes.items():
                if space != KAITONG:
                    continue
                if name not in bpmn_kinds.ALL_ATTRIBUTES:
                    self.faults.add(
                        holder,
                        f"kaitong:{name} is unknown.",
                        did_you_mean(name, bpmn_kinds.ALL_ATTRIBUTES),
                    )
                elif name not in known:
                    self.faults.add(
                        holder, f"kaitong:{name} has no meaning on a {kind} node.", "Remove it."
                    )
                else:
                    found[name] = value
        self._choice(element, found, "working", ("true", "false"))
        self._choice(element, found, "point-of-no-return", ("true", "false"))
        retries = found.get("retries")
        if retries is not None and not (
            retries.isascii() and retries.isdigit() and int(retries) < 101
        ):
            self.faults.add(
                element, f"kaitong:retries is {retries}.", "Write a whole number from 0 to 100."
            )
        for reference in re.split(r"[\s,]+", found.get("four-eyes-with", "").strip()):
            if reference:
                self.references.append((element, reference))
        return found

    def _choice(
        self, element: Element, found: Mapping[str, str], name: str, choices: tuple[str, ...]
    ) -> None:
        if name in found and found[name] not in choices:
            self.faults.add(
                element, f"kaitong:{name} is {found[name]}.", f"Write {' or '.join(choices)}."
            )

    def _demands(self, element: Element, node: Node) -> None:
        if node.kind is NodeKind.SERVICE and not node.action:
            self.faults.add(element, "The service task names no action.", "Set kaitong:action.")
        if node.kind is NodeKind.CALL and not node.called:
            self.faults.add(
                element,
                "The call activity names no process.",
                "Set calledElement to the key of a called process.",
            )
        if node.kind is NodeKind.RULE and not re.fullmatch(r"[^#]+#[^#]+", node.decision):
            self.faults.add(
                element,
                f"The business rule task names {node.decision or 'no decision'}.",
                "Set kaitong:decision to decisions/FILE.dmn#ID.",
            )
        if node.kind is NodeKind.USER and not node.form:
            self.faults.add(
                element,
                "The user task names no form.",
                "Set kaitong:form, or make it a manual task if there is nothing to fill in.",
            )
        if node.kind in (NodeKind.USER, NodeKind.MANUAL) and not node.lane:
            self.faults.add(
                element,
                f"The {element.tag} lies in no lane.",
                "Draw it into the lane of the post that does it.",
            )

    def _mapping(
        self, element: Element, name: str, attributes: Mapping[str, str]
    ) -> dict[str, Expression]:
        """`name=FEEL; name2=FEEL` as expressions by name."""
        made: dict[str, Expression] = {}
        for part in _split(attributes.get(name, "")):
            variable, sign, text = part.partition("=")
            variable = variable.strip()
            if not sign or not _NAME.fullmatch(variable):
                self.faults.add(
                    element,
                    f"kaitong:{name} holds `{part.strip()}`.",
                    "Write name=FEEL; name2=FEEL.",
                )
                continue
            if variable in made:
                self.faults.add(element, f"kaitong:{name} sets {variable} twice.", "Set it once.")
                continue
            expression = self.feel(element, text.strip(), f"kaitong:{name} {variable}")
            if expression is not None:
                made[variable] = expression
        return made

    def feel(self, element: Element, text: str, where: str) -> Expression | None:
        try:
            return compile(text, where=f"{element.id} {where}")
        except FeelError as error:
            self.faults.add(element, str(error), "Correct the expression.")
            return None

    # ---- event definitions

    def message(self, element: Element, holder: Element) -> str:
        reference = holder.get("messageRef").rpartition(":")[2]
        message = self.messages.get(reference)
        name = tidy(message.get("name")) if message is not None else ""
        if not reference:
            self.faults.add(element, "The event names no message.", "Set its message.")
        elif message is None:
            self.faults.add(
                element, f"The message {reference} does not exist.", "Define it, or name another."
            )
        elif not name:
            self.faults.add(message, "The message has no name.", "Name it: senders use the name.")
        return name

    def key(self, element: Element, attributes: Mapping[str, str]) -> Expression | None:
        text = attributes.get("key", "").strip()
        if text:
            return self.feel(element, text, "kaitong:key")
        self.faults.add(
            element,
            "The message event has no correlation key.",
            "Set kaitong:key to the FEEL expression that tells whose message it is.",
        )
        return None

    def _error_code(self, element: Element, definition: Element, kind: NodeKind) -> str | None:
        reference = definition.get("errorRef").rpartition(":")[2]
        if not reference:
            if kind is NodeKind.ERROR_END:
                self.faults.add(
                    element, "The error end event names no error.", "Set its error with a code."
                )
            return None  # a boundary event without an error catches every one
        error = self.errors.get(reference)
        if error is None:
            self.faults.add(
                element, f"The error {reference} does not exist.", "Define it, or name another."
            )
            return None
        if not error.get("errorCode"):
            self.faults.add(
                error, "The error has no code.", "Set errorCode: actions raise errors by it."
            )
        return error.get("errorCode") or None


def _split(text: str) -> list[str]:
    """The parts between semicolons that stand in no string and no bracket."""
    parts, depth, quoted, start, at = [], 0, False, 0, 0
    while at < len(text):
        char = text[at]
        if quoted:
            if char == "\\":
                at += 1
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == ";" and depth <= 0:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]
