"""The vocabulary of the pure token game: what a process is, where it stands, what may happen to it.

Nothing here knows a database, a clock or a random number. `bpmn.parse` makes a `Model`, the shell
loads a `State`, `advance.advance(model, state, event)` answers with a `Step`.
BPMN terms are those of OMG BPMN 2.0.2; chapter numbers refer to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kaitong.process.errors import ProcessError
from kaitong.process.happening import (
    UNCOUNTED,
    AddToken,
    BpmnError,
    Broadcast,
    Call,
    Cancelled,
    ChangeWait,
    Completed,
    DoneByHand,
    Effect,
    Escalate,
    Escalated,
    Event,
    Failed,
    Finish,
    MessageArrived,
    OpenCall,
    OpenCommand,
    OpenIncident,
    OpenTimer,
    OpenWork,
    Publish,
    Record,
    RemoveToken,
    Retried,
    Returned,
    ReturnedTo,
    SetVariables,
    SignalArrived,
    Started,
    State,
    Step,
    Subscribe,
    TimerFired,
    Token,
    Unwatched,
    WaitKind,
)
from kaitong.process.scopes import Repeat

__all__ = [
    "ANY_ERROR",
    "ENDS",
    "QUIET_ENDS",
    "STARTS",
    "SUB_PROCESSES",
    "SUB_STARTS",
    "UNCOUNTED",
    "_WAITS",
    "AddToken",
    "BpmnError",
    "Broadcast",
    "Call",
    "Cancelled",
    "ChangeWait",
    "Completed",
    "DoneByHand",
    "Effect",
    "Escalate",
    "Escalated",
    "Event",
    "Failed",
    "Fault",
    "Finish",
    "Flow",
    "Lane",
    "MessageArrived",
    "Model",
    "Node",
    "NodeKind",
    "OpenCall",
    "OpenCommand",
    "OpenIncident",
    "OpenTimer",
    "OpenWork",
    "Publish",
    "Record",
    "RefusedProcess",
    "RemoveToken",
    "Retried",
    "Returned",
    "ReturnedTo",
    "SetVariables",
    "SignalArrived",
    "Started",
    "State",
    "Step",
    "Subscribe",
    "TimerFired",
    "TimerSpec",
    "Token",
    "Unwatched",
    "Variables",
    "WaitKind",
]


Variables = dict[str, Any]
ANY_ERROR = "*"


class NodeKind(StrEnum):
    """The elements the runtime executes; every other element is refused at deployment."""

    START = "start"
    MESSAGE_START = "message-start"  # a message begins an instance, or an event sub-process
    SIGNAL_START = "signal-start"
    TIMER_START = "timer-start"
    END = "end"  # none end event: consumes its token
    TERMINATE_END = "terminate-end"  # ends every token of the instance
    ERROR_END = "error-end"
    MESSAGE_END = "message-end"  # says something, then consumes its token
    USER = "user"  # a work item for a post
    MANUAL = "manual"  # a work item without a form: done outside, ticked off
    SERVICE = "service"  # an action, transactional or external
    CALL = "call"  # another process as a child instance
    RULE = "rule"  # a decision (DMN), made within the step
    RECEIVE = "receive"  # waits for a message
    SCRIPT = "script"  # a FEEL expression that sets variables, within the step
    SEND = "send"  # says something, as a task
    EXCLUSIVE = "exclusive"
    INCLUSIVE = "inclusive"
    PARALLEL = "parallel"
    EVENT_BASED = "event-based"  # the first of the catch events behind it decides
    NONE_THROW = "none-throw"  # a place on the way (milestone): passed
    LINK_THROW = "link-throw"  # goes on at the catch event of the same link
    LINK_CATCH = "link-catch"
    MESSAGE_THROW = "message-throw"
    TIMER_CATCH = "timer-catch"
    MESSAGE_CATCH = "message-catch"
    BOUNDARY_TIMER = "boundary-timer"
    BOUNDARY_ERROR = "boundary-error"
    BOUNDARY_MESSAGE = "boundary-message"
    SIGNAL_THROW = "signal-throw"  # says something to everybody in the branch who listens
    SIGNAL_END = "signal-end"
    SIGNAL_CATCH = "signal-catch"
    BOUNDARY_SIGNAL = "boundary-signal"
    CONDITION_CATCH = "condition-catch"  # waits until the variables make a condition true
    BOUNDARY_CONDITION = "boundary-condition"
    ESCALATION_THROW = "escalation-throw"  # tells who is further out, and goes on
    ESCALATION_END = "escalation-end"
    BOUNDARY_ESCALATION = "boundary-escalation"
    SUB = "sub-process"  # an embedded sub-process: a scope of its own
    EVENT_SUB = "event-sub-process"  # runs when its start event happens within its scope
    CONDITION_START = "condition-start"  # this and the next two only of an event sub-process
    ERROR_START = "error-start"
    ESCALATION_START = "escalation-start"
    BOUNDARY_COMPENSATE = "boundary-compensate"  # says which activity undoes its host
    COMPENSATE_THROW = "compensate-throw"
    COMPENSATE_END = "compensate-end"


@dataclass(frozen=True, slots=True)
class Flow:
    """A sequence flow. `condition` is a compiled FEEL expression or None."""

    id: str
    source: str
    target: str
    name: str = ""
    condition: Any = None  # kaitong.process.feel.Expression | None


@dataclass(frozen=True, slots=True)
class TimerSpec:
    """A timer event definition: exactly one is set, a FEEL expression (or ISO 8601 text made one).

    `working` counts the duration in working time of the process's calendar (extension attribute).
    """

    date: Any = None  # Expression
    duration: Any = None  # Expression
    cycle: Any = None  # Expression: an ISO 8601 repeating interval (`cycles`)
    working: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """One flow node with Kaitong's extension attributes (namespace `urn:kaitong:bpmn`)."""

    id: str
    kind: NodeKind
    name: str = ""
    documentation: str = ""  # 本环节具体工作及职责
    lane: str = ""  # the key of a post
    outgoing: tuple[Flow, ...] = ()
    incoming: int = 0
    default: str | None = None  # id of the default flow
    form: str = ""  # kaitong:form
    action: str = ""  # kaitong:action
    decision: str = ""  # kaitong:decision, `file#decision`
    called: str = ""  # calledElement: key of the called process
    inputs: Mapping[str, Any] = field(default_factory=dict)  # name -> Expression  (kaitong:in)
    outputs: Mapping[str, Any] = field(default_factory=dict)  # variable -> Expression (kaitong:out)
    boundaries: tuple[str, ...] = ()  # ids of boundary events attached here
    attached_to: str | None = None
    interrupting: bool = True
    timer: TimerSpec | None = None
    error_code: str | None = None  # None catches any BPMN error
    message: str = ""
    message_key: Any = None  # Expression: correlation key
    script: Any = None  # Expression of a script task
    result: str = ""  # kaitong:result, the variable that takes a script's value
    link: str = ""
    instantiate: bool = False  # a receive task whose message begins an instance
    signal: str = ""
    condition: Any = None  # Expression of a conditional event
    escalation: str | None = None  # its code; None catches every escalation
    parent: str = ""  # the sub-process it lies in; "": the process itself
    begin: str = ""  # of a sub-process: its start event
    events: tuple[str, ...] = ()  # of a sub-process: the event sub-processes in it
    repeat: Repeat | None = None
    subject: Any = None  # kaitong:subject, Expression: what of many a piece of work is about
    undo: bool = False  # isForCompensation: runs only to undo the activity it is associated with
    handler: str = ""  # of an activity, and of its compensation event: what undoes it
    compensates: str = ""  # of a compensation throw: the activity; "": all of its scope
    # the other attributes by their names: budget, warn, paper, notice, milestone ...
    extension: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_wait(self) -> bool:
        return self.kind in _WAITS


_WAITS = frozenset(
    {
        NodeKind.USER,
        NodeKind.MANUAL,
        NodeKind.RECEIVE,
        NodeKind.TIMER_CATCH,
        NodeKind.MESSAGE_CATCH,
        NodeKind.SIGNAL_CATCH,
        NodeKind.CONDITION_CATCH,
        NodeKind.EVENT_BASED,
        NodeKind.CALL,
    }
)
# End events that consume their token and nothing else.
STARTS = frozenset(
    {NodeKind.START, NodeKind.MESSAGE_START, NodeKind.SIGNAL_START, NodeKind.TIMER_START}
)
QUIET_ENDS = frozenset(
    {NodeKind.END, NodeKind.MESSAGE_END, NodeKind.SIGNAL_END, NodeKind.ESCALATION_END}
    | {NodeKind.COMPENSATE_END}
)
ENDS = QUIET_ENDS | {NodeKind.TERMINATE_END, NodeKind.ERROR_END}
# Start events of event sub-processes: a token there listens, and keeps no scope alive.
SUB_STARTS = frozenset(
    {
        NodeKind.MESSAGE_START,
        NodeKind.SIGNAL_START,
        NodeKind.TIMER_START,
        NodeKind.CONDITION_START,
        NodeKind.ERROR_START,
        NodeKind.ESCALATION_START,
    }
)
SUB_PROCESSES = frozenset({NodeKind.SUB, NodeKind.EVENT_SUB})


@dataclass(frozen=True, slots=True)
class Lane:
    id: str
    name: str
    post: str  # key of the post: kaitong:post, else the lane's id


@dataclass(frozen=True, slots=True)
class Model:
    """An immutable, checked process definition. `hash` is the SHA-256 of the file's bytes."""

    key: str  # id of the BPMN process element
    name: str
    hash: str
    start: str  # the none start event; "": only messages, signals or timers begin an instance
    nodes: Mapping[str, Node]
    lanes: tuple[Lane, ...] = ()
    documentation: str = ""
    decisions: Mapping[str, Any] = field(default_factory=dict)  # by file: kaitong.process.dmn
    calls: Mapping[str, str] = field(default_factory=dict)  # called process -> its definition's id
    # inclusive join -> incoming flow -> the nodes from which it can be reached without the join
    inclusive: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    conditional: bool = False  # whether anything in it waits for a condition
    events: tuple[str, ...] = ()  # event sub-processes of the process itself
    undoes: bool = False  # whether anything in it throws compensation

    def node(self, node_id: str) -> Node:
        return self.nodes[node_id]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a file is refused. All faults of a file are reported at once."""

    file: str
    line: int
    element: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.element}: {self.what} {self.remedy}".rstrip()


class RefusedProcess(ProcessError):
    """A file (BPMN, DMN) that must not be deployed; `faults` lists every reason."""

    def __init__(self, faults: list[Fault]):
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults), code="refused-process")
