"""The vocabulary of the pure token game: what a process is, where it stands, what may happen to it.

Nothing here knows a database, a clock or a random number. `bpmn.parse` makes a `Model`, the shell
loads a `State`, `advance.advance(model, state, event)` answers with a `Step`.
BPMN terms are those of OMG BPMN 2.0.2; chapter numbers refer to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from kaitong.process.errors import ProcessError
from kaitong.process.scopes import ROOT, Repeat, Scope

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


class WaitKind(StrEnum):
    """What a token is waiting for. Every wait has exactly one row that somebody watches."""

    WORK = "work"  # a work item
    COMMAND = "command"  # an external action under way
    TIMER = "timer"  # an intermediate or boundary timer
    MESSAGE = "message"  # a subscription
    SIGNAL = "signal"  # a subscription
    CONDITION = "condition"  # a subscription; looked at in the step that changes variables
    CHILD = "child"  # a called process
    EVENT = "event"  # the timers and subscriptions behind an event-based gateway, all at once
    JOIN = "join"  # parked at a parallel join; watched by its sibling branches, not counted as open
    INCIDENT = "incident"  # an action failed; a person decides in the fallout desk
    SCOPE = "scope"  # at an activity whose own tokens run in scopes inside it; not counted as open
    LISTEN = "listen"  # at the start of an event sub-process: watched by a row, not counted as open


# What an instance may not wait for alone: nothing of these carries its order on.
UNCOUNTED = frozenset({WaitKind.JOIN, WaitKind.SCOPE, WaitKind.LISTEN})


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


# ---- where an instance stands -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Token:
    """A token at a node. `wait` is None only inside a step (it is about to run), never at rest.

    `id` is the shell's identifier for a stored token. The core names tokens it creates by a
    negative serial (-1, -2, ...) unique in the step; the shell maps them to UUIDv7.
    """

    id: UUID | int
    node: str
    wait: WaitKind | None
    scope: str = ROOT
    arrived_by: str = ""  # the flow by which a token reached a join (a join counts distinct flows)


@dataclass(frozen=True, slots=True)
class State:
    """What the second statement of a step loads: tokens, variables and whether the instance runs.

    `catches` are the error codes that the caller of this process catches (`ANY_ERROR`: every one).

    `calling`, `serial` and `moves` live only inside a step, between a `Call` and its outcome, and
    keep their defaults when a state is loaded from the database: `calling` is the token whose
    transactional action is under way, `serial` numbers new tokens, `moves` counts towards the
    loop bound.
    """

    tokens: tuple[Token, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    running: bool = True
    calling: UUID | int | None = None
    serial: int = 0
    moves: int = 0
    catches: frozenset[str] = frozenset()
    scopes: Mapping[str, Scope] = field(default_factory=dict)
    opened: int = 0  # scopes opened so far: it numbers them


# ---- what may happen ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """`node` is the start event, or receive task, whose event came: its mapping applies to the
    variables. "": the none start event."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed(Event):
    """A work item was completed with these answers."""

    token: UUID | int
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned(Event):
    """A service action returned (transactional: within this step; external: later).

    For a call activity: the called process ended, and these are its variables.
    """

    token: UUID | int
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BpmnError(Event):
    """An action, or a called process, ended in a business error that a boundary event may catch.

    What the process does not catch but its caller does ends the process; else it becomes an
    incident at the node, never a lost token.
    """

    token: UUID | int
    code: str
    message: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    """An action raised: the token is parked at its node as an incident."""

    token: UUID | int
    cause: str  # a cause class: bug, network, data, timeout
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried(Event):
    """A person (or a sweeper) asks for the incident's node to be run again, with these variables
    corrected."""

    token: UUID | int
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneByHand(Event):
    """The incident's work was done outside; the flow goes on with these values.

    The values are variables of the process: the mapping `kaitong:out` is not applied to them. At
    an exclusive gateway the conditions are evaluated again, at a join the token goes on without
    the siblings that never came, a boundary event whose timer or key has no value is given up.
    """

    token: UUID | int
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired(Event):
    """`node` is the timer catch event or the boundary timer; `token` the waiting (host) token.

    Behind an event-based gateway `node` is the catch event and `token` waits at the gateway.
    `count` and `due` tell which occurrence of a cycle it is, and when it was to be.
    """

    token: UUID | int
    node: str
    count: int = 1
    due: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageArrived(Event):
    token: UUID | int
    node: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalArrived(Event):
    """A signal that `node` waits for was thrown; `token` as in `TimerFired`."""

    token: UUID | int
    node: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated(Event):
    """The process called at a call activity, where `token` waits, raised an escalation."""

    token: UUID | int
    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwatched(Event):
    """The sweeper found that nothing will ever wake `token`: a person is to decide."""

    token: UUID | int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Event):
    """The whole instance is taken back (撤单, 退单)."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedTo(Event):
    """退回: the token leaves its step and goes back to an earlier user or manual task."""

    token: UUID | int
    node: str
    reason: str = ""
    left: tuple[str, ...] = ()  # what was left since that task was reached, as often as it was
    undone: tuple[str, ...] = ()  # of these, what the return has undone


# ---- what follows: effects, in the order they happened -------------------------------------------


@dataclass(frozen=True, slots=True)
class Effect:
    pass


@dataclass(frozen=True, slots=True)
class AddToken(Effect):
    """A token now rests at `token.node` with `token.wait`."""

    token: Token


@dataclass(frozen=True, slots=True)
class RemoveToken(Effect):
    """A token is gone; the shell closes whatever rows watched it (work item, command, timers, ...).

    A negative id is a token that came to rest earlier in the same step, before a transactional
    call; `advance.settle` cancels such pairs out.
    """

    token: UUID | int
    node: str
    reason: str  # completed, interrupted, terminated, cancelled, joined, returned


@dataclass(frozen=True, slots=True)
class ChangeWait(Effect):
    """A token stays at its node and now waits for something else (command -> incident)."""

    token: UUID | int
    node: str
    wait: WaitKind


@dataclass(frozen=True, slots=True)
class OpenWork(Effect):
    token: UUID | int
    node: str


@dataclass(frozen=True, slots=True)
class OpenCommand(Effect):
    """An external action to run after commit. `inputs` are evaluated."""

    token: UUID | int
    node: str
    action: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OpenCall(Effect):
    """A process to begin after commit. `catches`: the error codes it may end in."""

    token: UUID | int
    node: str
    called: str
    inputs: Mapping[str, Any]
    catches: frozenset[str]


@dataclass(frozen=True, slots=True)
class OpenTimer(Effect):
    """`node` is the timer's own node (a boundary's id for a boundary timer).

    Either `at` is set, or `duration` (ISO 8601) with `working=True`: the shell asks the calendar.
    `token` is the waiting (host) token: it comes back in `TimerFired`. Of a cycle `count` is the
    number of the occurrence; a working duration counts from `after`, else from now.
    """

    token: UUID | int
    node: str
    at: datetime | None = None
    duration: str = ""
    working: bool = False
    count: int = 1
    after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subscribe(Effect):
    """`message` is the name of the message or signal, or the text of the condition."""

    token: UUID | int
    node: str
    message: str
    key: str
    kind: WaitKind = WaitKind.MESSAGE  # or SIGNAL, CONDITION


@dataclass(frozen=True, slots=True)
class Publish(Effect):
    """A message said by a throw or end event, to be stored with the step: once for this visit."""

    token: UUID | int
    node: str
    message: str
    key: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Broadcast(Effect):
    """A signal thrown, for everybody who listens: stored with the step."""

    token: UUID | int
    node: str
    signal: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Escalate(Effect):
    """An escalation that nothing in this process caught: its caller is told, if it has one."""

    token: UUID | int
    node: str
    code: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OpenIncident(Effect):
    token: UUID | int
    node: str
    cause: str
    message: str


@dataclass(frozen=True, slots=True)
class SetVariables(Effect):
    values: Mapping[str, Any]
    scope: str = ROOT


@dataclass(frozen=True, slots=True)
class Record(Effect):
    """A line of history. Replayed in order, the lines give every token's place.

    entered      the token came to `node`; data.flow is the sequence flow it took, data.scope where
                 it is if not in the instance's own scope, data.number which instance it is of a
                 repeated activity
    left         the token left `node` (at an end event: was consumed)
    joined       the token waited at the join `node` and was merged into a sibling
    interrupted  the token was taken away from `node`; data.reason says by what
    fired        a boundary event `node` fired; data.host, and the host's token
    escalation   an escalation was raised; data.code, and data.caught: by which node ("": none)
    signalled    a signal was thrown; data.name
    listens      the token waits at the start event `node` of an event sub-process
    unheard      that token is gone: the event came, or the scope ended
    error        an action ended in a business error or failed; data.cause, data.message, data.code
    ended        the instance ended; data.state
    """

    kind: str
    node: str
    token: UUID | int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finish(Effect):
    """The instance ended: state is completed, terminated or cancelled.

    `error` is the code of a business error it ended in, which its caller is told with the rest.
    """

    state: str
    error: str = ""
    message: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A transactional action to run now, in a savepoint; its outcome is fed back as an event."""

    token: UUID | int
    node: str
    action: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """The answer of `advance`: the next state, what follows, and an action to call, if any."""

    state: State
    effects: tuple[Effect, ...] = ()
    call: Call | None = None
