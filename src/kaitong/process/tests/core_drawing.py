"""Draws BPMN processes in Python, one element a line, for the tests of the core."""

from __future__ import annotations

from itertools import count, pairwise
from xml.sax.saxutils import escape, quoteattr

from kaitong.process.bpmn import parse
from kaitong.process.model import Model

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:kaitong="urn:kaitong:bpmn" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'id="definitions" targetNamespace="urn:test">\n'
)


class Drawing:
    """A process drawn line by line: every element stands on a line of its own."""

    def __init__(self, name: str = "试验", key: str = "p", flows: str = "f") -> None:
        self.name, self.key, self.flows = name, key, flows
        self.lines: list[str] = []
        self.roots: list[str] = []
        self.in_lane: list[str] = []
        self.serial = count(1)

    def raw(self, line: str) -> Drawing:
        self.lines.append(line)
        return self

    def root(self, line: str) -> Drawing:
        self.roots.append(line)
        return self

    def node(self, tag: str, id_: str, inside: str = "", **attributes: str) -> Drawing:
        """Attributes of Kaitong carry a `k_` before their names; `_` stands for `-`."""
        texts = [f"id={quoteattr(id_)}"]
        for name, value in attributes.items():
            plain_name = name.removeprefix("k_")
            if name.startswith("k_"):
                plain_name = "kaitong:" + plain_name.rstrip("_").replace("_", "-")
            texts.append(f"{plain_name}={quoteattr(value)}")
        return self.raw(f"<bpmn:{tag} {' '.join(texts)}>{inside}</bpmn:{tag}>")

    def start(self, id_: str = "start") -> Drawing:
        return self.node("startEvent", id_)

    def end(self, id_: str = "end", definition: str = "") -> Drawing:
        return self.node("endEvent", id_, f"<bpmn:{definition}/>" if definition else "")

    def user(self, id_: str, inside: str = "", **attributes: str) -> Drawing:
        self.in_lane.append(id_)
        return self.node("userTask", id_, inside, **{"k_form": "f", **attributes})

    def manual(self, id_: str, inside: str = "", **attributes: str) -> Drawing:
        self.in_lane.append(id_)
        return self.node("manualTask", id_, inside, **attributes)

    def service(
        self, id_: str, action: str = "work", inside: str = "", **attributes: str
    ) -> Drawing:
        return self.node("serviceTask", id_, inside, k_action=action, **attributes)

    def sub(self, id_: str, inner: Drawing, extra: str = "", **attributes: str) -> Drawing:
        """A sub-process holding what another drawing holds."""
        self.in_lane += inner.in_lane
        self.roots += inner.roots
        self.raw(Drawing().node("subProcess", id_, "@", **attributes).lines[0].partition("@")[0])
        self.lines += [*([extra] if extra else []), *inner.lines]
        return self.raw("</bpmn:subProcess>")

    def exclusive(self, id_: str, default: str = "") -> Drawing:
        return self.node("exclusiveGateway", id_, **({"default": default} if default else {}))

    def parallel(self, id_: str) -> Drawing:
        return self.node("parallelGateway", id_)

    def inclusive(self, id_: str, default: str = "") -> Drawing:
        return self.node("inclusiveGateway", id_, **({"default": default} if default else {}))

    def script(self, id_: str, text: str, **attributes: str) -> Drawing:
        inside = f"<bpmn:script>{escape(text)}</bpmn:script>"
        return self.node("scriptTask", id_, inside, **{"scriptFormat": "FEEL", **attributes})

    def message(self, id_: str, name: str) -> Drawing:
        return self.root(f'<bpmn:message id="{id_}" name="{name}"/>')

    def signal(self, id_: str, name: str) -> Drawing:
        return self.root(f'<bpmn:signal id="{id_}" name="{name}"/>')

    def escalation(self, id_: str, code: str) -> Drawing:
        return self.root(f'<bpmn:escalation id="{id_}" escalationCode="{code}"/>')

    def error(self, id_: str, code: str) -> Drawing:
        return self.root(f'<bpmn:error id="{id_}" errorCode="{code}"/>')

    def call(self, id_: str, called: str, **attributes: str) -> Drawing:
        return self.node("callActivity", id_, calledElement=called, **attributes)

    def event_gateway(self, id_: str) -> Drawing:
        return self.node("eventBasedGateway", id_)

    def catch(self, id_: str, definition: str, **attributes: str) -> Drawing:
        return self.node("intermediateCatchEvent", id_, definition, **attributes)

    def throw(self, id_: str, message: str, key: str, **attributes: str) -> Drawing:
        return self.node(
            "intermediateThrowEvent", id_, on_message(message), k_key=key, **attributes
        )

    def receive(self, id_: str, message: str, key: str, **attributes: str) -> Drawing:
        return self.node("receiveTask", id_, messageRef=message, k_key=key, **attributes)

    def boundary(
        self, id_: str, host: str, definition: str, *, interrupting: bool = True, **attributes: str
    ) -> Drawing:
        attributes = {"attachedToRef": host, **attributes}
        if not interrupting:
            attributes["cancelActivity"] = "false"
        return self.node("boundaryEvent", id_, definition, **attributes)

    def flow(self, source: str, target: str, condition: str = "", id_: str = "") -> Drawing:
        id_ = id_ or f"{self.flows}{next(self.serial)}"
        inside = ""
        if condition:
            text = condition.replace("&", "&amp;").replace("<", "&lt;")
            inside = f"<bpmn:conditionExpression>{text}</bpmn:conditionExpression>"
        return self.raw(
            f'<bpmn:sequenceFlow id="{id_}" sourceRef="{source}" targetRef="{target}">'
            f"{inside}</bpmn:sequenceFlow>"
        )

    def chain(self, *ids: str) -> Drawing:
        for source, target in pairwise(ids):
            self.flow(source, target)
        return self

    def text(self) -> str:
        refs = "".join(f"<bpmn:flowNodeRef>{id_}</bpmn:flowNodeRef>" for id_ in self.in_lane)
        lanes = f'<bpmn:laneSet id="lanes"><bpmn:lane id="clerk" name="营业员">{refs}</bpmn:lane>'
        lines = [
            *self.roots,
            f'<bpmn:process id="{self.key}" name="{self.name}" isExecutable="true">',
            f"{lanes}</bpmn:laneSet>" if self.in_lane else "",
            *self.lines,
            "</bpmn:process>",
            "</bpmn:definitions>",
        ]
        return _HEAD + "\n".join(line for line in lines if line)

    def line_of(self, part: str) -> int:
        """The line on which a text stands (1 is the first)."""
        lines = self.text().split("\n")
        found = [at for at, line in enumerate(lines, 1) if part in line]
        assert found, part
        return found[0]

    def model(self) -> Model:
        return parse(self.text().encode(), "test.bpmn")


def timer(duration: str = "", date: str = "", cycle: str = "") -> str:
    tag, text = ("timeDuration", duration) if duration else ("timeDate", date)
    if cycle:
        tag, text = "timeCycle", cycle
    inside = f"<bpmn:{tag}>{text}</bpmn:{tag}>"
    return f"<bpmn:timerEventDefinition>{inside}</bpmn:timerEventDefinition>"


def on_error(reference: str = "") -> str:
    return f"<bpmn:errorEventDefinition{f' errorRef={reference!r}' if reference else ''}/>"


def on_message(reference: str) -> str:
    return f'<bpmn:messageEventDefinition messageRef="{reference}"/>'


def on_signal(reference: str) -> str:
    return f'<bpmn:signalEventDefinition signalRef="{reference}"/>'


def on_escalation(reference: str = "") -> str:
    named = f' escalationRef="{reference}"' if reference else ""
    return f"<bpmn:escalationEventDefinition{named}/>"


def on_condition(text: str) -> str:
    inside = f"<bpmn:condition>{escape(text)}</bpmn:condition>"
    return f"<bpmn:conditionalEventDefinition>{inside}</bpmn:conditionalEventDefinition>"


# ---- processes several tests draw


def line(*steps: str) -> Drawing:
    """start -> steps -> end, the steps drawn by the caller."""
    return Drawing().start().end().chain("start", *steps, "end")


def split() -> Drawing:
    """start -> fork -> (A -> A2 | B) -> join -> C -> end"""
    drawing = Drawing().start().end().parallel("fork").parallel("join")
    for task in ("A", "A2", "B", "C"):
        drawing.user(task)
    drawing.chain("start", "fork", "A", "A2", "join", "C", "end")
    return drawing.chain("fork", "B", "join")


def hosted(*, interrupting: bool, host: str = "user") -> Drawing:
    drawing = Drawing().start().end().end("late").manual("Late")
    if host == "user":
        drawing.user("A")
    else:
        drawing.service("A", host)
    drawing.boundary("B", "A", timer(duration="PT48H"), interrupting=interrupting)
    return drawing.chain("start", "A", "end").chain("B", "Late", "late")


def many(
    *,
    sequential: bool = False,
    cardinality: str = "",
    collection: str = "",
    until: str = "",
    **attributes: str,
) -> str:
    """A multi-instance element; `attributes` are Kaitong's."""
    own = {"collection": collection} if collection else {}
    text = "".join(f' kaitong:{name}="{value}"' for name, value in {**own, **attributes}.items())
    inside = ""
    if cardinality:
        inside += f"<bpmn:loopCardinality>{cardinality}</bpmn:loopCardinality>"
    if until:
        inside += f"<bpmn:completionCondition>{until}</bpmn:completionCondition>"
    flag = ' isSequential="true"' if sequential else ""
    return (
        f"<bpmn:multiInstanceLoopCharacteristics{flag}{text}>{inside}"
        "</bpmn:multiInstanceLoopCharacteristics>"
    )


def loop(condition: str = "", *, before: bool = False, maximum: str = "") -> str:
    inside = f"<bpmn:loopCondition>{condition}</bpmn:loopCondition>" if condition else ""
    flags = ' testBefore="true"' if before else ""
    flags += f' loopMaximum="{maximum}"' if maximum else ""
    return f"<bpmn:standardLoopCharacteristics{flags}>{inside}</bpmn:standardLoopCharacteristics>"
