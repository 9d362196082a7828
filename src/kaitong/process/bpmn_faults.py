"""What a process may not contain, and what to do instead."""

from __future__ import annotations

import difflib

from kaitong.process.bpmn_xml import Element
from kaitong.process.model import Fault

# Elements of BPMN 2.0 the runtime does not execute, each with the way to say it otherwise.
REMEDIES: dict[str, str] = {
    "task": "Say what does it: make it a user task, a manual task or a service task.",
    "adHocSubProcess": "Make it a sub-process with flows, or draw its steps in the process itself.",
    "transaction": "Make it a sub-process; undo its work by compensation or an error event.",
    "complexGateway": "Use exclusive, inclusive and parallel gateways.",
    "implicitThrowEvent": "Use a service task.",
    "globalTask": "Draw the task in the process, or call a process of its own.",
    "globalUserTask": "Draw the task in the process, or call a process of its own.",
    "globalManualTask": "Draw the task in the process, or call a process of its own.",
    "globalScriptTask": "Draw the task in the process, or call a process of its own.",
    "globalBusinessRuleTask": "Draw the task in the process, or call a process of its own.",
    "choreography": "Draw what each side does as a process; messages say what passes between.",
    "globalConversation": "Leave it in another file: it is a picture of who talks with whom.",
    "choreographyTask": "Use a process, not a choreography.",
    "event": "Use a start, end, boundary or intermediate catch event.",
    "cancelEventDefinition": "Use an error boundary event.",
    "resourceRole": "A lane with kaitong:post says who does the work.",
    "performer": "A lane with kaitong:post says who does the work.",
    "humanPerformer": "A lane with kaitong:post says who does the work.",
    "potentialOwner": "A lane with kaitong:post says who does the work.",
    "correlationSubscription": "Use kaitong:key on the message event.",
}
DEFAULT_REMEDY = "Remove it, or say it with the elements Kaitong executes."

# Pictures and explanations: they carry no behaviour.
PICTURES = frozenset(
    {
        "documentation",
        "extensionElements",
        "textAnnotation",
        "association",
        "group",
        "dataObject",
        "dataObjectReference",
        "dataStoreReference",
        "ioSpecification",
        "property",
        "dataInputAssociation",
        "dataOutputAssociation",
        "dataInput",
        "dataOutput",
        "inputSet",
        "outputSet",
        "auditing",
        "monitoring",
        "rendering",
    }
)
ROOT_PICTURES = frozenset(
    {
        "collaboration",
        "message",
        "error",
        "signal",
        "escalation",
        "itemDefinition",
        "dataStore",
        "category",
        "interface",
        "resource",
        "import",
        "extension",
        "documentation",
        "extensionElements",
        "correlationProperty",
        "endPoint",
        "partnerEntity",
        "partnerRole",
        "cancelEventDefinition",
        "messageEventDefinition",
        "timerEventDefinition",
        "signalEventDefinition",
        "errorEventDefinition",
        "relationship",
    }
)


class Faults:
    """Collects every fault of one file."""

    def __init__(self, file: str):
        self.file = file
        self.found: list[Fault] = []

    def add(self, element: Element, what: str, remedy: str = "", *, line: int = 0) -> None:
        self.add_at(line or element.line, element.label, what, remedy)

    def add_at(self, line: int, label: str, what: str, remedy: str = "") -> None:
        sentence = what if what.endswith((".", "?", "!")) else f"{what}."
        self.found.append(Fault(self.file, line, label, sentence, remedy))

    def unsupported(self, element: Element, tag: str = "") -> None:
        name = tag or element.tag
        self.add(element, f"Kaitong does not execute {name}.", REMEDIES.get(name, DEFAULT_REMEDY))

    def sorted(self) -> list[Fault]:
        return sorted(dict.fromkeys(self.found), key=lambda fault: fault.line)


def did_you_mean(word: str, known: set[str] | frozenset[str]) -> str:
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(sorted(known))}."
