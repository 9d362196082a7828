"""What single kinds of nodes hold besides the common attributes: scripts, links, signals,
conditions, escalations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kaitong.process.bpmn_xml import Element
from kaitong.process.feel import Expression, FeelError, compile
from kaitong.process.model import NodeKind

if TYPE_CHECKING:
    from kaitong.process.bpmn_nodes import NodeReader

_NAME = re.compile(r"[^\W\d]\w*")


START_REMEDIES = {
    "conditionalEventDefinition": "There are no variables before an instance begins: begin by a"
    " message or a timer, and wait in a conditional catch event.",
    "errorEventDefinition": "Only an event sub-process begins by an error.",
    "escalationEventDefinition": "Only an event sub-process begins by an escalation.",
    "compensateEventDefinition": "Only an event sub-process begins by a compensation.",
}


def flags(element: Element) -> list[tuple[str, str, str]]:
    """Attributes with the value that is not executed and what to do instead."""
    if element.tag == "receiveTask":
        return []
    return [("instantiate", "true", "Begin by start events: one for each message.")]


def message(
    reader: NodeReader,
    element: Element,
    definition: Element | None,
    kind: NodeKind,
    attributes: Mapping[str, str],
) -> dict[str, Any]:
    """Name and key of a message; what begins an instance needs no key: nobody waits yet."""
    inside = element.id in reader.begun_by_events
    begins = kind is NodeKind.MESSAGE_START and not inside
    values: dict[str, Any] = {"message": reader.message(element, definition or element)}
    if begins and attributes.get("key"):
        reader.faults.add(
            element,
            "kaitong:key stands on a message that begins an instance.",
            "Remove it: its name tells what it begins.",
        )
    values["instantiate"] = kind is NodeKind.RECEIVE and element.get("instantiate") == "true"
    if not begins and not (values["instantiate"] and not attributes.get("key")):
        values["message_key"] = reader.key(element, attributes)
    return values


def read(
    reader: NodeReader,
    element: Element,
    definition: Element | None,
    kind: NodeKind,
    attributes: Mapping[str, str],
) -> dict[str, Any]:
    """Fields of the node; whatever is wrong is a fault by then."""
    tag = definition.tag if definition is not None else ""
    top = element.tag == "startEvent" and element.id not in reader.begun_by_events
    if top and tag in START_REMEDIES:
        return {}  # refused as it is
    if kind is NodeKind.SCRIPT:
        return _script(reader, element, attributes)
    if definition is not None and kind in (NodeKind.LINK_THROW, NodeKind.LINK_CATCH):
        return {"link": _link(reader, element, definition)}
    if definition is not None and definition.tag == "signalEventDefinition":
        return {"signal": _signal(reader, element, definition)}
    if definition is not None and definition.tag == "conditionalEventDefinition":
        return {"condition": _condition(reader, element, definition)}
    if definition is not None and definition.tag == "escalationEventDefinition":
        return {"escalation": _escalation(reader, element, definition, kind)}
    return {}


def _signal(reader: NodeReader, element: Element, definition: Element) -> str:
    reference = definition.get("signalRef").rpartition(":")[2]
    signal = reader.signals.get(reference)
    name = " ".join(signal.get("name").split()) if signal is not None else ""
    if not reference:
        reader.faults.add(element, "The event names no signal.", "Set its signal.")
    elif signal is None:
        reader.faults.add(
            element, f"The signal {reference} does not exist.", "Define it, or name another."
        )
    elif not name:
        reader.faults.add(signal, "The signal has no name.", "Name it: who throws it uses it.")
    return name


def _condition(reader: NodeReader, element: Element, definition: Element) -> Expression | None:
    holder = definition.first("condition")
    if holder is None or not holder.text.strip():
        reader.faults.add(
            element, "The event has no condition.", "Write a FEEL condition such as speed > 100."
        )
        return None
    language = holder.get("language")
    if language and "feel" not in language.lower():
        reader.faults.add(holder, f"The condition is written in {language}.", "Write it in FEEL.")
        return None
    found = expression_in(reader, element, holder, "condition", "Correct the condition.")
    if found is not None and not found.names:
        reader.faults.add(
            element,
            "The condition reads no variable: it never changes.",
            "Name the variables it waits for.",
        )
    return found


def _escalation(
    reader: NodeReader, element: Element, definition: Element, kind: NodeKind
) -> str | None:
    reference = definition.get("escalationRef").rpartition(":")[2]
    if not reference:
        if kind in (NodeKind.ESCALATION_THROW, NodeKind.ESCALATION_END):
            reader.faults.add(
                element, "The event names no escalation.", "Set its escalation with a code."
            )
        return None  # a boundary event without one catches every escalation
    escalation = reader.escalations.get(reference)
    if escalation is None:
        reader.faults.add(
            element, f"The escalation {reference} does not exist.", "Define it, or name another."
        )
        return None
    if not escalation.get("escalationCode"):
        reader.faults.add(
            escalation, "The escalation has no code.", "Set escalationCode: it is caught by it."
        )
    return escalation.get("escalationCode") or None


def _script(reader: NodeReader, element: Element, attributes: Mapping[str, str]) -> dict[str, Any]:
    """A script is one FEEL expression: a context whose entries become variables, or with
    `kaitong:result` any value."""
    language = element.get("scriptFormat")
    result = attributes.get("result", "").strip()
    if "feel" not in language.lower():
        reader.faults.add(
            element,
            f"The script is written in {language or 'no named language'}.",
            'Write a FEEL expression and set scriptFormat="FEEL".',
        )
        return {}
    if result and not _NAME.fullmatch(result):
        reader.faults.add(
            element, f"kaitong:result is {result}.", "Write the name of one variable."
        )
    holder = element.first("script")
    text = holder.text.rstrip() if holder is not None else ""
    if holder is None or not text:
        reader.faults.add(
            element,
            "The script task holds no script.",
            "Write a FEEL context such as {total: price * count}.",
        )
        return {}
    expression = expression_in(reader, element, holder, "script", "Correct the script.")
    if expression is not None and not expression.names and not result:
        try:
            if not isinstance(expression.evaluate({}), dict):
                raise ValueError
        except (FeelError, ValueError):
            reader.faults.add(
                element,
                "The script gives a value that no variable takes.",
                "Set kaitong:result, or write a context such as {total: 3}.",
            )
    return {"script": expression, "result": result}


def expression_in(
    reader: NodeReader, element: Element, holder: Element, where: str, remedy: str
) -> Expression | None:
    """The FEEL expression an element holds as its text; a fault names its line."""
    text = holder.text.rstrip()
    if text.startswith("=") and not text.startswith("=="):
        text = text[1:]  # some modellers mark FEEL by a leading `=`
    try:
        return compile(text, where=f"{element.id} {where}")
    except FeelError as error:
        line = holder.text_line or holder.line
        reader.faults.add_at(line + error.line - 1, element.label, str(error), remedy)
        return None


def _link(reader: NodeReader, element: Element, definition: Element) -> str:
    name = definition.get("name").strip() or element.get("name").strip()
    if not name:
        reader.faults.add(
            element,
            "The link has no name.",
            "Give its throw and its catch event the same name.",
        )
    return name
