"""What happens in the token game: where an instance stands, what may come, what follows from it.

The vocabulary of one step, made and thrown away by the thousand a second; `model` has that of the
drawing, and gives these names out with its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, dataclass_transform
from uuid import UUID

from kaitong.process.scopes import ROOT, Scope

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
    """A frozen dataclass to whoever reads or checks the code. Python itself is not asked to refuse
    an assignment: that makes each of some thirty a step cost three times as much."""
    return dataclass(slots=True, unsafe_hash=True, kw_only=kw_only)


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


# ---- where an instance stands -------------------------------------------------------------------


@value()
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


@value()
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


@value(kw_only=True)
class Event:
    now: datetime


@value(kw_only=True)
class Started(Event):
    """`node` is the start event, or receive task, whose event came: its mapping applies to the
    variables. "": the none start event."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    node: str = ""


@value(kw_only=True)
class Completed(Event):
    """A work item was completed with these answers."""

    token: UUID | int
    values: Mapping[str, Any] = field(default_factory=dict)


@value(kw_only=True)
class Returned(Event):
    """A service action returned (transactional: within this step; external: later).

    For a call activity: the called process ended, and these are its variables.
    """

    token: UUID | int
    values: Mapping[str, Any] = field(default_factory=dict)


@value(kw_only=True)
class BpmnError(Event):
    """An action, or a called process, ended in a business error that a boundary event may catch.

    What the process does not catch but its caller does ends the process; else it becomes an
    incident at the node, never a lost token.
    """

    token: UUID | int
    code: str
    message: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@value(kw_only=True)
class Failed(Event):
    """An action raised: the token is parked at its node as an incident."""

    token: UUID | int
    cause: str  # a cause class: bug, network, data, timeout
    message: str = ""


@value(kw_only=True)
class Retried(Event):
    """A person (or a sweeper) asks for the incident's node to be run again, with these variables
    corrected."""

    token: UUID | int
    values: Mapping[str, Any] = field(default_factory=dict)


@value(kw_only=True)
class DoneByHand(Event):
    """The incident's work was done outside; the flow goes on with these values.

    The values are variables of the process: the mapping `kaitong:out` is not applied to them. At
    an exclusive gateway the conditions are evaluated again, at a join the token goes on without
    the siblings that never came, a boundary event whose timer or key has no value is given up.
    """

    token: UUID | int
    values: Mapping[str, Any] = field(default_factory=dict)


@value(kw_only=True)
class TimerFired(Event):
    """`node` is the timer catch event or the boundary timer; `token` the waiting (host) token.

    Behind an event-based gateway `node` is the catch event and `token` waits at the gateway.
    `count` and `due` tell which occurrence of a cycle it is, and when it was to be.
    """

    token: UUID | int
    node: str
    count: int = 1
    due: datetime | None = None


@value(kw_only=True)
class MessageArrived(Event):
    token: UUID | int
    node: str
    values: Mapping[str, Any] = field(default_factory=dict)


@value(kw_only=True)
class SignalArrived(Event):
    """A signal that `node` waits for was thrown; `token` as in `TimerFired`."""

    token: UUID | int
    node: str
    values: Mapping[str, Any] = field(default_factory=dict)


@value(kw_only=True)
class Escalated(Event):
    """The process called at a call activity, where `token` waits, raised an escalation."""

    token: UUID | int
    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


@value(kw_only=True)
class Unwatched(Event):
    """The sweeper found that nothing will ever wake `token`: a person is to decide."""

    token: UUID | int
    message: str


@value(kw_only=True)
class Cancelled(Event):
    """The whole instance is taken back (撤单, 退单)."""

    reason: str = ""


@value(kw_only=True)
class ReturnedTo(Event):
    """退回: the token leaves its step and goes back to an earlier user or manual task."""

    token: UUID | int
    node: str
    reason: str = ""
    left: tuple[str, ...] = ()  # what was left since that task was reached, as often as it was
    undone: tuple[str, ...] = ()  # of these, what the return has undone


# ---- what follows: effects, in the order they happened -------------------------------------------


@value()
class Effect:
    pass


@value()
class AddToken(Effect):
    """A token now rests at `token.node` with `token.wait`."""

    token: Token


@value()
class RemoveToken(Effect):
    """A token is gone; the shell closes whatever rows watched it (work item, command, timers, ...).

    A negative id is a token that came to rest earlier in the same step, before a transactional
    call; `advance.settle` cancels such pairs out.
    """

    token: UUID | int
    node: str
    reason: str  # completed, interrupted, terminated, cancelled, joined, returned


@value()
class ChangeWait(Effect):
    """A token stays at its node and now waits for something else (command -> incident)."""

    token: UUID | int
    node: str
    wait: WaitKind


@value()
class OpenWork(Effect):
    token: UUID | int
    node: str


@value()
class OpenCommand(Effect):
    """An external action to run after commit. `inputs` are evaluated."""

    token: UUID | int
    node: str
    action: str
    inputs: Mapping[str, Any]


@value()
class OpenCall(Effect):
    """A process to begin after commit. `catches`: the error codes it may end in."""

    token: UUID | int
    node: str
    called: str
    inputs: Mapping[str, Any]
    catches: frozenset[str]


@value()
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


@value()
class Subscribe(Effect):
    """`message` is the name of the message or signal, or the text of the condition."""

    token: UUID | int
    node: str
    message: str
    key: str
    kind: WaitKind = WaitKind.MESSAGE  # or SIGNAL, CONDITION


@value()
class Publish(Effect):
    """A message said by a throw or end event, to be stored with the step: once for this visit."""

    token: UUID | int
    node: str
    message: str
    key: str
    values: Mapping[str, Any]


@value()
class Broadcast(Effect):
    """A signal thrown, for everybody who listens: stored with the step."""

    token: UUID | int
    node: str
    signal: str
    values: Mapping[str, Any]


@value()
class Escalate(Effect):
    """An escalation that nothing in this process caught: its caller is told, if it has one."""

    token: UUID | int
    node: str
    code: str
    values: Mapping[str, Any]


@value()
class OpenIncident(Effect):
    token: UUID | int
    node: str
    cause: str
    message: str


@value()
class SetVariables(Effect):
    values: Mapping[str, Any]
    scope: str = ROOT


@value()
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


@value()
class Finish(Effect):
    """The instance ended: state is completed, terminated or cancelled.

    `error` is the code of a business error it ended in, which its caller is told with the rest.
    """

    state: str
    error: str = ""
    message: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@value()
class Call:
    """A transactional action to run now, in a savepoint; its outcome is fed back as an event."""

    token: UUID | int
    node: str
    action: str
    inputs: Mapping[str, Any]


@value()
class Step:
    """The answer of `advance`: the next state, what follows, and an action to call, if any."""

    state: State
    effects: tuple[Effect, ...] = ()
    call: Call | None = None
