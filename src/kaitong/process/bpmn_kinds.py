"""What flow nodes there are: elements and event definitions with their kinds, and which of
Kaitong's attributes mean something on each."""

from __future__ import annotations

from kaitong.process.model import NodeKind

KINDS = {
    "userTask": NodeKind.USER,
    "manualTask": NodeKind.MANUAL,
    "serviceTask": NodeKind.SERVICE,
    "receiveTask": NodeKind.RECEIVE,
    "businessRuleTask": NodeKind.RULE,
    "callActivity": NodeKind.CALL,
    "scriptTask": NodeKind.SCRIPT,
    "sendTask": NodeKind.SEND,
    "inclusiveGateway": NodeKind.INCLUSIVE,
    "exclusiveGateway": NodeKind.EXCLUSIVE,
    "parallelGateway": NodeKind.PARALLEL,
    "eventBasedGateway": NodeKind.EVENT_BASED,
    "startEvent": NodeKind.START,
    "endEvent": NodeKind.END,
    "subProcess": NodeKind.SUB,
}
# Which event definitions an event may hold; "" is none.
EVENTS: dict[str, dict[str, NodeKind]] = {
    "startEvent": {
        "": NodeKind.START,
        "messageEventDefinition": NodeKind.MESSAGE_START,
        "signalEventDefinition": NodeKind.SIGNAL_START,
        "timerEventDefinition": NodeKind.TIMER_START,
    },
    "endEvent": {
        "": NodeKind.END,
        "terminateEventDefinition": NodeKind.TERMINATE_END,
        "errorEventDefinition": NodeKind.ERROR_END,
        "messageEventDefinition": NodeKind.MESSAGE_END,
        "signalEventDefinition": NodeKind.SIGNAL_END,
        "escalationEventDefinition": NodeKind.ESCALATION_END,
        "compensateEventDefinition": NodeKind.COMPENSATE_END,
    },
    "intermediateThrowEvent": {
        "": NodeKind.NONE_THROW,
        "linkEventDefinition": NodeKind.LINK_THROW,
        "messageEventDefinition": NodeKind.MESSAGE_THROW,
        "signalEventDefinition": NodeKind.SIGNAL_THROW,
        "escalationEventDefinition": NodeKind.ESCALATION_THROW,
        "compensateEventDefinition": NodeKind.COMPENSATE_THROW,
    },
    "intermediateCatchEvent": {
        "linkEventDefinition": NodeKind.LINK_CATCH,
        "timerEventDefinition": NodeKind.TIMER_CATCH,
        "messageEventDefinition": NodeKind.MESSAGE_CATCH,
        "signalEventDefinition": NodeKind.SIGNAL_CATCH,
        "conditionalEventDefinition": NodeKind.CONDITION_CATCH,
    },
    "boundaryEvent": {
        "timerEventDefinition": NodeKind.BOUNDARY_TIMER,
        "errorEventDefinition": NodeKind.BOUNDARY_ERROR,
        "messageEventDefinition": NodeKind.BOUNDARY_MESSAGE,
        "signalEventDefinition": NodeKind.BOUNDARY_SIGNAL,
        "conditionalEventDefinition": NodeKind.BOUNDARY_CONDITION,
        "escalationEventDefinition": NodeKind.BOUNDARY_ESCALATION,
        "compensateEventDefinition": NodeKind.BOUNDARY_COMPENSATE,
    },
}
_ORDER = {
    "amend",
    "withdraw",
}  # what of the order may be changed here, whether it may be taken back
_TIME = {"budget", "warn", "escalate-to", "phase"}
_TOLD = {"paper", "notice", "milestone", "point-of-no-return"}
_WORK = {"form", "pick", "suspend-reasons", "in", "out", "check", "returns", "subject", "levels"}
_WORK |= {"four-eyes-with", "site", "falls-with"} | _ORDER | _TIME | _TOLD
_SERVICE = {"action", "in", "out", "retries", "compensate"} | _ORDER | _TIME | _TOLD
_WAIT = {"key", "out", "budget", "warn", "escalate-to", "notice", "milestone"}
ATTRIBUTES: dict[NodeKind, set[str]] = {
    NodeKind.USER: _WORK,
    NodeKind.MANUAL: _WORK - {"form", "check", "returns"},
    NodeKind.SERVICE: _SERVICE,
    NodeKind.RULE: {"decision", "in", "out", "notice", "milestone", "point-of-no-return"},
    NodeKind.CALL: {"in", "out", "notice", "milestone", "point-of-no-return"},
    NodeKind.RECEIVE: _WAIT,
    NodeKind.MESSAGE_CATCH: _WAIT,
    NodeKind.TIMER_CATCH: {"working", "notice", "milestone"},
    NodeKind.BOUNDARY_TIMER: {"working", "notice"},
    NodeKind.BOUNDARY_MESSAGE: {"key", "notice"},
    NodeKind.BOUNDARY_ERROR: {"notice"},
    NodeKind.SUB: {"in", "out", "notice", "milestone", "point-of-no-return"},
    NodeKind.ERROR_START: {"notice"},
    NodeKind.ESCALATION_START: {"notice"},
    NodeKind.CONDITION_START: {"notice"},
    NodeKind.COMPENSATE_THROW: {"notice", "milestone"},
    NodeKind.COMPENSATE_END: {"notice", "milestone", "paper"},
    NodeKind.START: {"notice", "milestone"},
    NodeKind.MESSAGE_START: {"key", "out", "notice", "milestone"},
    NodeKind.SIGNAL_START: {"out", "notice", "milestone"},
    NodeKind.TIMER_START: {"working", "notice", "milestone"},
    NodeKind.END: {"notice", "milestone", "paper"},
    NodeKind.TERMINATE_END: {"notice", "milestone", "paper"},
    NodeKind.ERROR_END: {"notice", "milestone", "paper"},
    NodeKind.MESSAGE_END: {"key", "in", "notice", "milestone", "paper"},
    NodeKind.MESSAGE_THROW: {"key", "in", "notice", "milestone"},
    NodeKind.SEND: {"key", "in", "notice", "milestone", "point-of-no-return"},
    NodeKind.SCRIPT: {"in", "out", "result", "notice", "milestone", "point-of-no-return"},
    NodeKind.NONE_THROW: {"notice", "milestone"},
    NodeKind.LINK_THROW: {"notice", "milestone"},
    NodeKind.SIGNAL_THROW: {"in", "notice", "milestone"},
    NodeKind.SIGNAL_END: {"in", "notice", "milestone", "paper"},
    NodeKind.SIGNAL_CATCH: {"out", "notice", "milestone"},
    NodeKind.BOUNDARY_SIGNAL: {"notice"},
    NodeKind.CONDITION_CATCH: {"notice", "milestone"},
    NodeKind.BOUNDARY_CONDITION: {"notice"},
    NodeKind.ESCALATION_THROW: {"in", "notice", "milestone"},
    NodeKind.ESCALATION_END: {"in", "notice", "milestone", "paper"},
    NodeKind.BOUNDARY_ESCALATION: {"notice"},
}
for _kind in NodeKind:  # anything may fail: what people may correct there, and with whom
    ATTRIBUTES[_kind] = ATTRIBUTES.get(_kind, set()) | {"correct", "correct-second"}
MESSAGES = frozenset(
    {
        NodeKind.RECEIVE,
        NodeKind.MESSAGE_CATCH,
        NodeKind.BOUNDARY_MESSAGE,
        NodeKind.MESSAGE_THROW,
        NodeKind.MESSAGE_END,
        NodeKind.SEND,
        NodeKind.MESSAGE_START,
    }
)
TIMERS = frozenset({NodeKind.TIMER_CATCH, NodeKind.BOUNDARY_TIMER, NodeKind.TIMER_START})
ERRORS = frozenset({NodeKind.ERROR_END, NodeKind.BOUNDARY_ERROR, NodeKind.ERROR_START})
# Fields of their own in a node; the rest stands in its `extension`.
OWN_FIELDS = {"form", "action", "decision", "in", "out", "key", "working", "result", "subject"}
ALL_ATTRIBUTES = frozenset(name for names in ATTRIBUTES.values() for name in names)
