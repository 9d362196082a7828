"""BPMN of a plan, in the words of either engine; the same names, shapes and flows for both."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Any
from xml.sax.saxutils import escape

from kaitong.process.tests.core_drawing import (
    Drawing,
    loop,
    many,
    on_condition,
    on_error,
    on_escalation,
    on_message,
    on_signal,
    timer,
)
from kaitong.process.tests.oracle import plans, words
from kaitong.process.tests.oracle.plans import Plan
from kaitong.process.tests.oracle.words import Word

Ends = tuple[str, str]  # the first node, and the last; "" as the last: nothing goes on there
HOUR = "PT1H"
ERROR = "E"


@dataclass
class Drawn:
    """The file of one process and of those it calls.

    `apart` are pairs of nodes no order of which is the model's: they stand in different branches
    of a fork, or in a host and what runs beside it.
    """

    key: str
    spiff: bool
    serial: Any = field(default_factory=lambda: count(1))
    drawing: Drawing = field(init=False)
    files: dict[str, Drawing] = field(default_factory=dict)
    nodes: set[str] = field(default_factory=set)
    apart: set[frozenset[str]] = field(default_factory=set)
    subs: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)  # calls with a boundary event for errors
    again: set[str] = field(default_factory=set)  # boundary events that may be told more than once
    joins: dict[str, set[str]] = field(default_factory=dict)  # what comes just before each
    gathers: dict[str, set[str]] = field(default_factory=dict)  # inclusive joins: their branches
    openers: dict[str, str] = field(default_factory=dict)  # inclusive joins: where they branch
    calls: dict[str, plans.Call] = field(default_factory=dict)
    codes: list[str] = field(default_factory=list)  # what the guards around here are told
    loose: list[tuple[set[str], set[str]]] = field(default_factory=list)  # handlers, what is before

    def __post_init__(self) -> None:
        self.drawing = Drawing(key=self.key)
        self.files[self.key] = self.drawing

    def whole(self, plan: Plan) -> Drawn:
        self.process(plan)
        return self

    def process(self, plan: Plan) -> None:
        """Start, block, end; and what runs loose inside is done before the process is."""
        outer, self.loose = self.loose, []
        start = self.name("start")
        first, last = self.block(plan)
        self.drawing.start(start)
        self.flow(start, first)
        if last:
            end = self.name("end")
            self.drawing.end(end)
            self.flow(last, end)
        for handler, before in self.loose:
            self.beside([handler, self.nodes - before - handler])
        self.loose = outer

    def name(self, prefix: str) -> str:
        made = f"{prefix}{next(self.serial)}"
        self.nodes.add(made)
        return made

    def flow(self, source: str, target: str, test: Word | None = None, id_: str = "") -> None:
        if source:
            spelled = "" if test is None else test.python() if self.spiff else test.feel()
            self.drawing.flow(source, target, spelled, id_)

    def block(self, plan: Plan) -> Ends:
        drawn: Ends = getattr(self, "_" + type(plan).__name__.lower())(plan)
        return drawn

    def beside(self, parts: list[set[str]]) -> None:
        """Nothing in one of these sets is ordered with anything in another."""
        for at, some in enumerate(parts):
            for others in parts[at + 1 :]:
                self.apart |= {frozenset((a, b)) for a in some for b in others}

    def tracked(self, plan: Plan) -> tuple[Ends, set[str]]:
        before = set(self.nodes)
        ends = self.block(plan)
        return ends, self.nodes - before

    # ---- leaves

    def _task(self, plan: plans.Task) -> Ends:
        kind = plan.kind
        if kind == "link":
            return self.link()
        name = self.name({"receive": "receive", "message": "catch"}.get(kind, kind))
        if kind == "user":
            self.drawing.user(name)
        elif kind == "manual":
            self.drawing.manual(name)
        elif kind == "place":
            self.drawing.node("intermediateThrowEvent", name)
        elif kind == "timer":
            self.drawing.catch(name, timer(duration=f'"{HOUR}"'))
        else:
            self.drawing.message(f"m-{name}", f"m-{name}")
            if kind == "say":
                self.drawing.throw(name, f"m-{name}", '"nobody"')
            elif kind == "send":
                self.drawing.node("sendTask", name, messageRef=f"m-{name}", k_key='"nobody"')
            elif kind == "message":
                self.drawing.catch(name, on_message(f"m-{name}"), k_key="run")
            else:
                self.drawing.receive(name, f"m-{name}", "run")
        return name, name

    def link(self) -> Ends:
        """There two places: it knows no links."""
        leaves, comes = self.name("jump"), self.name("land")
        if self.spiff:
            self.drawing.node("intermediateThrowEvent", leaves)
            self.drawing.node("intermediateThrowEvent", comes)
            self.drawing.flow(leaves, comes)
        else:
            inside = f'<bpmn:linkEventDefinition name="{leaves}"/>'
            self.drawing.node("intermediateThrowEvent", leaves, inside)
            self.drawing.catch(comes, inside)
        return leaves, comes

    def _script(self, plan: plans.Script) -> Ends:
        name = self.name("set")
        self.sets(name, plan.target, plan.word, service=plan.service)
        return name, name

    def sets(self, name: str, target: str, word: Word, *, service: bool) -> None:
        if self.spiff:
            script = escape(f"{target} = {word.python()}")
            self.drawing.node("scriptTask", name, f"<bpmn:script>{script}</bpmn:script>")
        elif service:
            self.drawing.service(name, "work", k_out=f"{target}={word.feel()}")
        else:
            self.drawing.script(name, word.feel(), k_result=target)

    def _stop(self, plan: plans.Stop) -> Ends:
        name = self.name(plan.kind)
        definition = {
            "end": "",
            "terminate": "<bpmn:terminateEventDefinition/>",
            "error": on_error(ERROR),
        }[plan.kind]
        if plan.kind == "error":
            self.root(f'<bpmn:error id="{ERROR}" name="{ERROR}" errorCode="{ERROR}"/>')
        self.drawing.node("endEvent", name, definition)
        return name, ""

    def root(self, line: str) -> None:
        if line not in self.drawing.roots:
            self.drawing.root(line)

    # ---- structures

    def _sequence(self, plan: plans.Sequence) -> Ends:
        drawn = [self.block(part) for part in plan.parts]
        for (_, last), (first, _) in pairwise(drawn):
            self.flow(last, first)
        return drawn[0][0], drawn[-1][1]

    def _choice(self, plan: plans.Choice) -> Ends:
        choose = self.name("some" if plan.inclusive else "either")
        default = f"default-{choose}"
        parts = [self.tracked(part) for part in plan.parts]
        before = set(self.nodes)
        merge = self.name("gather" if plan.inclusive else "merge")
        draw = self.drawing.inclusive if plan.inclusive else self.drawing.exclusive
        draw(choose, default)
        draw(merge)
        for at, ((first, last), _inside) in enumerate(parts):
            if at < len(plan.tests):
                self.flow(choose, first, plan.tests[at])
            else:
                self.flow(choose, first, id_=default)
            self.flow(last, merge)
        if plan.inclusive:
            self.beside([inside for _ends, inside in parts])
            # the join does not wait for a branch that ends for itself
            self.loose += [
                (inside, before)
                for part, (_ends, inside) in zip(plan.parts, parts, strict=True)
                if plans.Stop("end") in part.walk()
            ]
            self.gathers[merge] = set().union(*(inside for _ends, inside in parts))
            self.openers[merge] = choose
        return choose, merge

    def _fork(self, plan: plans.Fork) -> Ends:
        fork = self.name("fork")
        parts = [self.tracked(part) for part in plan.parts]
        join = self.name("join")
        self.drawing.parallel(fork).parallel(join)
        for (first, last), _inside in parts:
            self.flow(fork, first)
            self.flow(last, join)
        self.beside([inside for _ends, inside in parts])
        self.joins[join] = {last for (_first, last), _inside in parts}
        return fork, join

    def _meet(self, plan: plans.Meet) -> Ends:
        zero, fork, wait, join = (self.name(n) for n in ("zero", "fork", "wait", "join"))
        counter = f"c{wait}"
        self.sets(zero, counter, words.value(0), service=True)
        self.drawing.parallel(fork).parallel(join).chain(zero, fork)
        (first, last), inside = self.tracked(plan.parts[0])
        before = set(self.nodes)
        task = self.name("user")
        self.drawing.user(task)
        if plan.on == "signal":
            tells = self.name("shout")
            self.drawing.signal(f"s-{wait}", f"s-{wait}").catch(wait, on_signal(f"s-{wait}"))
            self.drawing.node("intermediateThrowEvent", tells, on_signal(f"s-{wait}"))
        else:
            tells = self.name("tells")
            holds = Word("=", (words.name(counter), words.value(1)))
            self.drawing.catch(wait, on_condition(holds.python() if self.spiff else holds.feel()))
            self.sets(tells, counter, words.value(1), service=True)
        (second, end), _inside = self.tracked(plan.parts[1])
        other = self.nodes - before
        self.flow(fork, wait)
        self.flow(fork, task)
        self.drawing.chain(task, tells)
        self.flow(wait, first)
        self.flow(tells, second)
        self.flow(last, join)
        self.flow(end, join)
        # what waits goes on after what is told, and beside what follows that
        self.beside([inside | {wait}, other - {task, tells}])
        self.joins[join] = {last, end}
        return zero, join

    def _raise(self, plan: plans.Raise) -> Ends:
        name = self.name("raise")
        self.drawing.node("intermediateThrowEvent", name, on_escalation(self.codes[-1]))
        then, last = self.block(plan.then)
        self.flow(name, then)
        return name, last

    def _crowd(self, plan: plans.Crowd) -> Ends:
        fork = self.name("fork")
        parts = [self.tracked(part) for part in plan.parts]
        merge = self.name("merge")
        twice, _last = self.block(plan.twice)
        join, end = self.name("join"), self.name("terminate")
        self.drawing.parallel(fork).parallel(join).exclusive(merge)
        self.drawing.node("endEvent", end, "<bpmn:terminateEventDefinition/>")
        for at, ((first, last), _inside) in enumerate(parts):
            self.flow(fork, first)
            self.flow(last, merge if at < 2 else join)
        self.drawing.chain(merge, twice, join, end)
        one, other, third = (inside for _ends, inside in parts)
        self.beside([one, other, third, {merge}, {twice}])
        self.beside([one | other | {merge, twice}, {join, end}])
        return fork, ""

    def _loop(self, plan: plans.Loop) -> Ends:
        zero, again, step, ask, leave = (
            self.name(n) for n in ("zero", "again", "step", "ask", "leave")
        )
        counter, out = f"n{step}", f"default-{ask}"
        self.sets(zero, counter, words.value(0), service=True)
        self.sets(step, counter, Word("+", (words.name(counter), words.value(1))), service=True)
        self.drawing.exclusive(again).exclusive(ask, out).exclusive(leave)
        first, last = self.block(plan.body)
        self.drawing.chain(zero, again, step)
        self.flow(step, first)
        self.flow(last, ask)
        left = Word("<", (words.name(counter), words.value(plan.rounds)))
        self.flow(ask, again, Word("and", (left, plan.test)))
        self.flow(ask, leave, id_=out)
        return zero, leave

    def _race(self, plan: plans.Race) -> Ends:
        gateway = self.name("race")
        arms = [(self.block(plans.Task(kind))[0], self.block(part)) for kind, part in plan.arms]
        merge = self.name("merge")
        self.drawing.event_gateway(gateway).exclusive(merge)
        for event, (first, last) in arms:
            self.flow(gateway, event)
            self.flow(event, first)
            self.flow(last, merge)
        return gateway, merge

    def _call(self, plan: plans.Call) -> Ends:
        name = self.name("call")
        own = (
            {} if self.spiff else {"k_in": _same(("run", *plan.takes)), "k_out": _same(plan.gives)}
        )
        self.calls[name] = plan
        self.drawing.call(name, f"p-{name}", **own)
        outer, self.drawing = self.drawing, Drawing(key=f"p-{name}")
        self.files[f"p-{name}"] = self.drawing
        self.process(plan.body)
        self.drawing = outer
        return name, name

    def _sub(self, plan: plans.Sub) -> Ends:
        name = self.name("sub")
        outer, self.drawing = self.drawing, Drawing(key=name, flows=f"{name}-f")
        self.process(plan.body)
        inner, self.drawing = self.drawing, outer
        for line in inner.roots:
            self.root(line)
        inner.roots = []
        outer.sub(name, inner)
        self.subs.add(name)
        return name, name

    def _many(self, plan: plans.Many) -> Ends:
        name = self.name(plan.kind)
        test = None if plan.test is None else plan.test.python() if self.spiff else plan.test.feel()
        told = escape(test or "")
        if plan.how == "loop":
            inside = loop(told, maximum=str(plan.times))
        else:
            sequential = plan.how == "sequential"
            inside = many(sequential=sequential, cardinality=str(plan.times), until=told)
        draw = self.drawing.user if plan.kind == "user" else self.drawing.manual
        draw(name, inside)
        return name, name

    def _guard(self, plan: plans.Guard) -> Ends:
        before = set(self.nodes)
        event = self.name("on")
        if plan.event == "escalation":
            self.codes.append(f"K-{event}")
            self.root(
                f'<bpmn:escalation id="K-{event}" name="K-{event}" escalationCode="K-{event}"/>'
            )
        host, _last = self.block(plan.host)
        more: dict[str, str] = {}
        if plan.event == "timer":
            definition = timer(duration=f'"{HOUR}"')
        elif plan.event == "message":
            self.drawing.message(f"m-{event}", f"m-{event}")
            definition, more = on_message(f"m-{event}"), {"k_key": "run"}
            if not plan.interrupting:
                self.again.add(event)
        elif plan.event == "escalation":
            definition = on_escalation(self.codes.pop())
        else:
            self.root(f'<bpmn:error id="{ERROR}" name="{ERROR}" errorCode="{ERROR}"/>')
            definition = on_error(ERROR)
            self.failing.add(host)
        self.drawing.boundary(event, host, definition, interrupting=plan.interrupting, **more)
        (first, last), handler = self.tracked(plan.handler)
        self.flow(event, first)
        merge = self.name("merge")
        self.drawing.exclusive(merge)
        self.flow(host, merge)
        if plan.interrupting:
            self.flow(last, merge)
        else:
            done = self.name("end")
            self.drawing.end(done)
            self.flow(last, done)
            self.loose.append((handler | {event, done}, before))
        return host, merge


def _same(names: tuple[str, ...]) -> str:
    return "; ".join(f"{name}={name}" for name in names)
