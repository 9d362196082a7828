"""Random structured processes as trees, made by hypothesis so that failures shrink.

A plan is what both engines execute; `drawn` makes BPMN of it. `Where` carries what may stand at a
place: each limit there says why it is one (docs/oracle.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from kaitong.process.tests.oracle import words
from kaitong.process.tests.oracle.words import Word

WORK = ("user", "manual")
# "say" and "send" tell what nobody waits for, "place" is passed, "link" goes on elsewhere
TASKS = (*WORK, "timer", "message", "receive", "say", "send", "place", "link")


@dataclass(frozen=True)
class Plan:
    """A block with one entry and one exit."""

    @property
    def inside(self) -> tuple[Plan, ...]:
        return ()

    def walk(self) -> Iterator[Plan]:
        yield self
        for part in self.inside:
            yield from part.walk()


@dataclass(frozen=True)
class Task(Plan):
    kind: str  # of TASKS


@dataclass(frozen=True)
class Script(Plan):
    target: str
    word: Word
    service: bool = False  # here a service with `kaitong:out`


@dataclass(frozen=True)
class Sequence(Plan):
    parts: tuple[Plan, ...]

    @property
    def inside(self) -> tuple[Plan, ...]:
        return self.parts


@dataclass(frozen=True)
class Choice(Plan):
    """An exclusive or inclusive gateway: a test for each part but the last, the default."""

    parts: tuple[Plan, ...]
    tests: tuple[Word, ...]
    inclusive: bool = False

    @property
    def inside(self) -> tuple[Plan, ...]:
        return self.parts


@dataclass(frozen=True)
class Fork(Plan):
    parts: tuple[Plan, ...]

    @property
    def inside(self) -> tuple[Plan, ...]:
        return self.parts


@dataclass(frozen=True)
class Loop(Plan):
    """The body once, then again while the rounds are not used up and the test holds."""

    rounds: int
    test: Word
    body: Plan

    @property
    def inside(self) -> tuple[Plan, ...]:
        return (self.body,)


@dataclass(frozen=True)
class Race(Plan):
    """An event-based gateway: (timer or message, what follows)."""

    arms: tuple[tuple[str, Plan], ...]

    @property
    def inside(self) -> tuple[Plan, ...]:
        return tuple(plan for _kind, plan in self.arms)


@dataclass(frozen=True)
class Call(Plan):
    """A process of its own; these variables go in, and those come back."""

    body: Plan
    takes: words.Names = words.NAMES
    gives: words.Names = words.NAMES

    @property
    def inside(self) -> tuple[Plan, ...]:
        return (self.body,)


@dataclass(frozen=True)
class Sub(Plan):
    """An embedded sub-process: a scope, the variables of the process around it."""

    body: Plan

    @property
    def inside(self) -> tuple[Plan, ...]:
        return (self.body,)


@dataclass(frozen=True)
class Many(Plan):
    """A task of people done several times: at once, one after the other, or while a test holds.

    `test`, if any: of a multi-instance when it is done early, of a loop whether it goes on.
    """

    kind: str  # of WORK
    how: str  # parallel, sequential or loop
    times: int
    test: Word | None


@dataclass(frozen=True)
class Guard(Plan):
    """A host with one boundary event: what interrupts joins the host's way again, what does not
    ends for itself."""

    host: Plan
    event: str  # timer, message, error or escalation
    interrupting: bool
    handler: Plan

    @property
    def inside(self) -> tuple[Plan, ...]:
        return (self.host, self.handler)


@dataclass(frozen=True)
class Crowd(Plan):
    """Three branches, two of which come to one task without a join, so that it is done twice; a
    join of that task and the third branch, which must not take two tokens of one flow for two
    flows; behind it an end that ends all."""

    parts: tuple[Plan, Plan, Plan]
    twice: Task

    @property
    def inside(self) -> tuple[Plan, ...]:
        return (*self.parts, self.twice)


@dataclass(frozen=True)
class Meet(Plan):
    """Two branches: one waits, for a signal or until a variable makes a condition true; the other,
    after a person's step, throws the signal or sets the variable. Behind each goes a part on."""

    on: str  # signal or condition
    parts: tuple[Plan, Plan]

    @property
    def inside(self) -> tuple[Plan, ...]:
        return self.parts


@dataclass(frozen=True)
class Raise(Plan):
    """An escalation thrown to the boundary event of the guard around it, then a person's step: how
    far machines come in the step that interrupts them is not the model's to say."""

    then: Task

    @property
    def inside(self) -> tuple[Plan, ...]:
        return (self.then,)


@dataclass(frozen=True)
class Stop(Plan):
    """An end event in the middle: "end", "terminate", or "error"."""

    kind: str


@dataclass(frozen=True)
class Where:
    """What may stand here."""

    size: int
    fork: bool = False  # in a branch of a fork: a branch that ends would leave the join waiting
    loop: bool = False
    sub: bool = False  # in a sub-process: an error end that nobody catches there would go outwards
    some: bool = False  # in a branch of an inclusive gateway
    caught: bool = False  # an error end is caught by a boundary event outside
    depth: int = 0
    reads: words.Names = words.NAMES  # branches of a fork share no variable that one may set:
    writes: words.Names = words.NAMES  # which script is first is not the model's to say

    def less(self, size: int, **changes: Any) -> Where:
        return replace(self, size=size, depth=self.depth + 1, **changes)


def _task(where: Where) -> st.SearchStrategy[Plan]:
    work = st.sampled_from(TASKS).map(Task)
    if not where.writes:
        return work
    script = st.builds(
        lambda setting, service: Script(*setting, service),
        words.settings(where.reads, where.writes),
        st.booleans(),
    )
    return st.one_of(work, script)


@st.composite
def block(draw: Any, where: Where) -> Plan:
    if where.size <= 1 or where.depth > 6:
        return draw(_task(where))  # type: ignore[no-any-return]
    kinds = ["sequence", "choice", "fork", "some", "race", "guard", "loop", "call", "sub", "many"]
    kinds += ["meet", "guard", "guard"]
    kinds += ["sequence", "fork", "some", "some", "choice", "choice"] if where.depth < 2 else []
    kind = draw(st.sampled_from(kinds))
    return draw(_KINDS[kind](where))  # type: ignore[no-any-return]


def _shares(draw: Any, size: int) -> list[int]:
    """Sizes of two or three parts, together about `size`."""
    first = draw(st.integers(1, max(1, size - 1)))
    rest = size - first
    if rest > 1 and draw(st.booleans()):
        second = draw(st.integers(1, rest - 1))
        return [first, second, rest - second]
    return [first, max(1, rest)]


@st.composite
def _sequence(draw: Any, where: Where) -> Plan:
    sizes = _shares(draw, where.size)
    return Sequence(tuple(draw(block(where.less(size))) for size in sizes))


@st.composite
def _choice(draw: Any, where: Where) -> Plan:
    sizes = [*_shares(draw, where.size), 1][:3]  # three ways: of two that hold the first is taken
    parts = [draw(block(where.less(size))) for size in sizes]
    tests = tuple(draw(words.conditions(where.reads)) for _ in parts[1:])
    stops = ["", "", "", "terminate"]
    if not where.fork and not (where.loop and where.some):
        stops.append("end")  # (a branch of an earlier round would run into those of the next)
    if where.caught or not (where.fork or where.sub):
        stops.append("error")
    stop = draw(st.sampled_from(stops))
    if stop:  # one of the ways ends here
        at = draw(st.integers(0, len(parts) - 2))
        parts[at] = Sequence((parts[at], Stop(stop)))
    return Choice(tuple(parts), tests)


def _branches(draw: Any, where: Where, among: int = 3, **changes: Any) -> tuple[Plan, ...]:
    sizes = _shares(draw, where.size)[:among]
    owners = [draw(st.integers(0, len(sizes) - 1)) for _ in where.writes]
    parts = []
    for at, size in enumerate(sizes):
        own = tuple(n for n, owner in zip(where.writes, owners, strict=True) if owner == at)
        reads = tuple(n for n in where.reads if n in own or n not in where.writes)
        parts.append(draw(block(where.less(size, reads=reads, writes=own, **changes))))
    return tuple(parts)


@st.composite
def _fork(draw: Any, where: Where) -> Plan:
    return Fork(_branches(draw, where, fork=True))


@st.composite
def _meet(draw: Any, where: Where) -> Plan:
    first, second = _branches(draw, where, among=2, fork=True)
    return Meet(draw(st.sampled_from(("signal", "condition"))), (first, second))


@st.composite
def _some(draw: Any, where: Where) -> Plan:
    parts = _branches(draw, where, some=True)
    tests = tuple(draw(words.conditions(where.reads)) for _ in parts[1:])
    return Choice(parts, tests, inclusive=True)


@st.composite
def _crowd(draw: Any) -> Plan:
    first, second, third = (draw(st.sampled_from(TASKS)) for _ in range(3))
    return Crowd((Task(first), Task(second), Task(third)), Task(draw(st.sampled_from(WORK))))


@st.composite
def _loop(draw: Any, where: Where) -> Plan:
    body = draw(block(where.less(where.size - 1, loop=True)))
    return Loop(draw(st.integers(1, 3)), draw(words.conditions(where.reads)), body)


@st.composite
def _race(draw: Any, where: Where) -> Plan:
    sizes = _shares(draw, where.size)
    timer = draw(st.integers(0, len(sizes)))  # at most one timer; beyond the arms: none
    return Race(
        tuple(
            ("timer" if at == timer else "message", draw(block(where.less(size))))
            for at, size in enumerate(sizes)
        )
    )


@st.composite
def _call(draw: Any, where: Where) -> Plan:
    body = draw(block(where.less(where.size - 1, fork=False, some=False, sub=False, caught=False)))
    return Call(body, where.reads, where.writes)


@st.composite
def _sub(draw: Any, where: Where) -> Plan:
    return Sub(draw(block(where.less(where.size - 1, fork=False, some=False, sub=True))))


@st.composite
def _many(draw: Any, where: Where) -> Plan:
    how = draw(st.sampled_from(("parallel", "sequential", "loop")))
    test = draw(st.one_of(st.none(), words.conditions(where.reads)))
    return Many(draw(st.sampled_from(WORK)), how, draw(st.integers(1, 3)), test)


@st.composite
def _guard(draw: Any, where: Where) -> Plan:
    on = draw(st.sampled_from(("work", "call", "sub")))
    inner = max(1, where.size // 2)
    handler = draw(block(where.less(where.size - inner)))
    events = ["timer", "message", *(["error"] * 2 if on != "work" else [])]
    events += ["escalation"] * 2 if on == "sub" else []
    event = draw(st.sampled_from(events))
    if on == "work":
        host: Plan = Task(draw(st.sampled_from(WORK)))
    else:
        catches = event == "error" or (on == "sub" and where.caught)
        within = where.less(inner, fork=False, some=False, sub=on == "sub", caught=catches)
        body = draw(block(within))
        if event == "error":
            ways = (Stop("error"), draw(_task(within)))
            body = Sequence((body, Choice(ways, (draw(words.conditions(where.reads)),))))
        if event == "escalation":
            raising = Raise(Task(draw(st.sampled_from(WORK))))
            ways = (raising, draw(_task(within)))
            body = Sequence((body, Choice(ways, (draw(words.conditions(where.reads)),))))
        host = Sub(body) if on == "sub" else Call(body, where.reads, where.writes)
    interrupting = event == "error" or where.loop or draw(st.booleans())
    if any(isinstance(part, Many) for part in handler.walk()):
        # The other engine adds instances where it has not come yet, and breaks.
        handler = Task("user")
    return Guard(host, event, interrupting, handler)


_KINDS: dict[str, Any] = {
    "sequence": _sequence,
    "choice": _choice,
    "fork": _fork,
    "meet": _meet,
    "some": _some,
    "loop": _loop,
    "race": _race,
    "guard": _guard,
    "call": _call,
    "sub": _sub,
    "many": _many,
}


@dataclass(frozen=True)
class Case:
    """A process, what it begins with, and how the world behaves: of the steps that are open, each
    number picks one; the answers are what a person or a message brings."""

    plan: Plan
    variables: dict[str, Any]
    picks: list[int]
    answers: list[dict[str, Any]] = field(default_factory=list)

    def pick(self, step: int, among: int) -> int:
        return self.picks[step % len(self.picks)] % among if self.picks else 0

    def answer(self, step: int) -> dict[str, Any]:
        return self.answers[step % len(self.answers)] if self.answers else {}


@st.composite
def cases(draw: Any, most: int = 20) -> Case:
    size = draw(st.sampled_from(range(1, most)))
    crowd = draw(st.sampled_from(("", "", "", "", "", "", "", "after", "only")))
    plan = draw(_crowd()) if crowd == "only" else draw(block(Where(size)))
    if crowd == "after":
        plan = Sequence((plan, draw(_crowd())))
    return Case(
        plan,
        draw(words.variables),
        draw(st.lists(st.integers(0, 7), min_size=3, max_size=8)),
        draw(st.lists(words.answers, max_size=4)),
    )
