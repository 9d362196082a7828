"""Processes and actions for the shell's tests, written small.

`drawing` makes BPMN from lines such as `user Visit installer budget=install_within` and
`Check > Fork`; a flow's condition stands after a colon, `!` marks the default flow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

from kaitong.core import db
from kaitong.core.ids import uuid7
from kaitong.process import actions
from kaitong.process.choices import WorkState
from kaitong.process.models import WorkItem

TAGS = {
    "start": "startEvent",
    "on-start": "startEvent",
    "{": "subProcess",
    "{!": "subProcess",
    "on-undo": "boundaryEvent",
    "undo": "intermediateThrowEvent",
    "undo-end": "endEvent",
    "end": "endEvent",
    "terminate": "endEvent",
    "begin": "startEvent",
    "user": "userTask",
    "manual": "manualTask",
    "service": "serviceTask",
    "receive": "receiveTask",
    "xor": "exclusiveGateway",
    "and": "parallelGateway",
    "or": "inclusiveGateway",
    "script": "scriptTask",
    "send": "sendTask",
    "timer": "intermediateCatchEvent",
    "call": "callActivity",
    "error-end": "endEvent",
    "events": "eventBasedGateway",
    "catch": "intermediateCatchEvent",
    "throw": "intermediateThrowEvent",
    "say-end": "endEvent",
    "on-timer": "boundaryEvent",
    "on-error": "boundaryEvent",
    "on": "boundaryEvent",
}

INSTALLATION = """
start Start clerk
user Check clerk form=check budget=check_within
and Fork clerk
user Visit installer form=visit budget=install_within suspend-reasons=customer-absent,no-port
service Data network action=write-data retries=2
and Join clerk
user Confirm service form=confirm four-eyes-with=Visit
end End clerk
Start > Check > Fork > Visit > Join > Confirm > End
Fork > Data > Join
"""


def drawing(text: str, key: str = "kit") -> bytes:
    """The BPMN file of a drawing."""
    lanes: dict[str, list[str]] = {}
    nodes: list[str] = []
    flows: list[str] = []
    defaults: dict[str, str] = {}
    extra: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if ">" in line.partition(":")[0]:
            path, _colon, condition = line.partition(":")
            names = path.replace("!", "").replace(">", " ").split()
            for source, target in pairwise(names):
                flow = f"f{len(flows) + 1}"
                if "!" in path:
                    defaults[source] = flow
                inner = (
                    f'<conditionExpression xsi:type="tFormalExpression">{escape(condition.strip())}'
                    "</conditionExpression>"
                    if condition
                    else ""
                )
                flows.append(
                    f'<sequenceFlow id="{flow}" sourceRef="{source}" targetRef="{target}">'
                    f"{inner}</sequenceFlow>"
                )
            continue
        if line == "}":
            nodes.append("</subProcess>")
            continue
        kind, node, lane, *rest = line.split()
        attributes = dict(pair.split("=", 1) for pair in rest)
        lanes.setdefault(lane, []).append(node)
        nodes.append(_node(kind, node, attributes, extra))
    body = "".join(nodes)
    for source, flow in defaults.items():
        body = body.replace(f'id="{source}"', f'id="{source}" default="{flow}"')
    lane_xml = "".join(
        f'<lane id="lane-{lane}" name="{lane}" kaitong:post="{lane}">'
        + "".join(f"<flowNodeRef>{node}</flowNodeRef>" for node in members)
        + "</lane>"
        for lane, members in lanes.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xmlns:kaitong="urn:kaitong:bpmn" targetNamespace="test">'
        f'{"".join(extra)}<process id="{key}" name="测试流程" isExecutable="true">'
        f'<laneSet id="lanes">{lane_xml}</laneSet>{body}{"".join(flows)}</process></definitions>'
    ).encode()


def _node(kind: str, node: str, attributes: dict[str, str], extra: list[str]) -> str:
    plain, inner = "", ""
    duration = attributes.pop("after", None)
    if duration:
        inner += (
            f"<timerEventDefinition><timeDuration>{duration}</timeDuration></timerEventDefinition>"
        )
    for name, tag in (("every", "timeCycle"), ("at", "timeDate")):
        text = attributes.pop(name, None)
        if text:
            inner += f"<timerEventDefinition><{tag}>{text}</{tag}></timerEventDefinition>"
    code = attributes.pop("code", None)
    if code:
        declared = f'<error id="error-{code}" name="{code}" errorCode="{code}"/>'
        extra += [] if declared in extra else [declared]
        inner += f'<errorEventDefinition errorRef="error-{code}"/>'
    message = attributes.pop("message", None)
    if message:
        declared = f'<message id="message-{message}" name="{message}"/>'
        extra += [] if declared in extra else [declared]
        if kind in ("receive", "send"):
            plain += f' messageRef="message-{message}"'
        else:
            inner += f'<messageEventDefinition messageRef="message-{message}"/>'
    for name, code in (("signal", "name"), ("escalation", "escalationCode")):
        value = attributes.pop(name, None)
        if value:
            declared = f'<{name} id="{name}-{value}" {code}="{value}"/>'
            extra += [] if declared in extra else [declared]
            inner += f'<{name}EventDefinition {name}Ref="{name}-{value}"/>'
    condition = attributes.pop("when", None)  # no blanks in it
    if condition:
        text = f"<condition>{escape(condition)}</condition>"
        inner += f"<conditionalEventDefinition>{text}</conditionalEventDefinition>"
    called = attributes.pop("called", None)
    if called:
        plain += f' calledElement="{called}"'
    inner += _repeat(attributes)
    after = ""
    handler = attributes.pop("by", None)
    if handler:
        inner += "<compensateEventDefinition/>"
        after = f'<association id="a-{node}" sourceRef="{node}" targetRef="{handler}"/>'
    if kind in ("undo", "undo-end"):
        of = attributes.pop("of", "")
        inner += f'<compensateEventDefinition activityRef="{of}"/>'
    if attributes.pop("undoes", None):
        plain += ' isForCompensation="true"'
    if attributes.pop("instantiate", None):
        plain += ' instantiate="true"'
    host = attributes.pop("host", None)
    if host:
        plain += f' attachedToRef="{host}"'
    if attributes.pop("keep", None):
        plain += ' isInterrupting="false"' if kind == "on-start" else ' cancelActivity="false"'
    text = attributes.pop("text", None)  # a script; no blanks in it
    if text:
        plain += ' scriptFormat="FEEL"'
        inner += f"<script>{escape(text)}</script>"
    if kind == "terminate":
        inner += "<terminateEventDefinition/>"
    own = "".join(f" kaitong:{name}={quoteattr(value)}" for name, value in attributes.items())
    tag = TAGS[kind]
    if kind in ("{", "{!"):
        plain += ' triggeredByEvent="true"' if kind == "{!" else ""
        return f'<{tag} id="{node}" name="{node}环节"{plain}{own}>{inner}'
    return f'<{tag} id="{node}" name="{node}环节"{plain}{own}>{inner}</{tag}>{after}'


def _repeat(attributes: dict[str, str]) -> str:
    """`each` (a collection) or `times`, `item`, `results`, `result`, `until`, `sequential`;
    `again` for a loop: the condition, without blanks."""
    own = {n: attributes.pop(n) for n in ("item", "results", "result") if n in attributes}
    each, times = attributes.pop("each", ""), attributes.pop("times", "")
    until, sequential = attributes.pop("until", ""), attributes.pop("sequential", "")
    again = attributes.pop("again", "")
    if again:
        tag = "standardLoopCharacteristics"
        return f"<{tag}><loopCondition>{escape(again)}</loopCondition></{tag}>"
    if not each and not times:
        return ""
    if each:
        own["collection"] = each
    texts = "".join(f" kaitong:{name}={quoteattr(value)}" for name, value in own.items())
    texts += ' isSequential="true"' if sequential else ""
    inner = f"<loopCardinality>{escape(times)}</loopCardinality>" if times else ""
    inner += f"<completionCondition>{escape(until)}</completionCondition>" if until else ""
    tag = "multiInstanceLoopCharacteristics"
    return f"<{tag}{texts}>{inner}</{tag}>"


@dataclass
class Receiver:
    """The world outside: counts effects by idempotency key, fails as it is told."""

    effects: dict[str, int] = field(default_factory=dict)
    calls: list[actions.ActionContext] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)  # the next answers; exceptions are raised

    def __call__(self, context: actions.ActionContext) -> Any:
        self.calls.append(context)
        answer = self.answers.pop(0) if self.answers else {"written": True}
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(context)
        if not isinstance(answer, actions.Wait):
            self.effects.setdefault(context.key, 0)
            self.effects[context.key] += 1
        return answer


def external(name: str, run: Any) -> actions.Action:
    return actions.Action(name, "external", run)


def transactional(name: str, run: Any) -> actions.Action:
    return actions.Action(name, "transactional", run)


def item_of(instance_id: UUID, node: str) -> Any:
    """The newest work item of a node."""
    from kaitong.process.models import WorkItem

    return WorkItem.objects.filter(instance_id=instance_id, node=node).order_by("id").last()


def crowd(branch_id: UUID, many: int = 2_000) -> None:
    """Open work of many people, late and told of, and not to be looked at for years: with next to
    no rows the planner takes any index. Within a transaction that is rolled back."""
    people = [uuid7() for _person in range(200)]
    states = (WorkState.TODO, WorkState.CLAIMED, WorkState.SUSPENDED)
    long_ago, one_day = datetime(2025, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
    WorkItem.objects.bulk_create(
        WorkItem(
            branch_id=branch_id,
            instance_id=uuid7(),
            token_id=uuid7(),
            node="N",
            title="N",
            post="clerk",
            state=states[number % 3],
            claimed_by=people[number % 200] if number % 3 == 1 else None,
            candidate=people[number % 200],
            warn_at=one_day,
            due_at=long_ago,
            escalate_to="supervisor",
            escalated_at=long_ago,
            suspended_until=one_day if number % 3 == 2 else None,
        )
        for number in range(many)
    )
    db.execute("analyze process_workitem")
