"""Random structured processes for the property and oracle tests.

A block is a nested tuple; drawing it gives the same process for Kaitong and for SpiffWorkflow,
which differ only in how a service computes: here an action, there a script. `expected` says what a
block must execute by its structure alone, without any engine.
"""

from __future__ import annotations

import operator
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

from kaitong.process.tests.core_drawing import Drawing, on_message, timer

Block = tuple[Any, ...]
Path = tuple[int, ...]
SWITCHES = 6  # the variables x0..x5 that conditions read: numbers 0..9


def random_block(random: Random, size: int, *, nest: str = "any", calls: bool = False) -> Block:
    """A structured block of roughly `size` tasks.

    `nest="apart"` keeps loops and parallel blocks out of each other (SpiffWorkflow 3 loses tokens
    of nested parallel blocks in the second round of a loop, and merges variables of branches).
    `calls` lets some blocks be processes of their own.
    """
    if size <= 1:
        return (random.choice(("user", "user", "manual", "service", "service", "say")),)
    kind = random.choice(("sequence", "sequence", "exclusive", "parallel", "loop", "race"))
    if calls and random.random() < 0.15:
        return ("call", random_block(random, size - 1, nest=nest, calls=True))
    if kind == "loop" and nest not in ("any", "apart"):
        kind = "sequence"
    if kind == "parallel" and nest == "in a loop":
        kind = "exclusive"
    if kind == "loop":
        inside = "in a loop" if nest == "apart" else nest
        return (
            "loop",
            random.randint(1, 3),
            random_block(random, size - 1, nest=inside, calls=calls),
        )
    inside = "in a fork" if kind == "parallel" and nest == "apart" else nest
    parts = random.randint(2, min(3, size))
    sizes = [1] * parts
    for _ in range(size - parts):
        sizes[random.randrange(parts)] += 1
    blocks = [random_block(random, part, nest=inside, calls=calls) for part in sizes]
    if kind == "exclusive":
        tests = [
            (random.randrange(SWITCHES), random.choice((">", "<=", "=")), random.randint(0, 9))
            for _ in blocks[1:]
        ]
        return ("exclusive", blocks, tests)
    if kind == "race":
        return ("race", blocks, random.randrange(parts))
    return (kind, blocks)


_SIGNS = {">": operator.gt, "<=": operator.le, "=": operator.eq}


def expected(block: Block, values: dict[str, int], path: Path = ()) -> Counter[Path]:
    """How often each leaf (named by its path in the block) runs."""
    kind = block[0]
    if kind == "loop":
        once = expected(block[2], values, (*path, 0))
        return Counter({leaf: block[1] * times for leaf, times in once.items()})
    if kind == "call":
        return expected(block[1], values, (*path, 0))
    if kind in ("sequence", "parallel", "exclusive", "race"):
        chosen = [block[2]] if kind == "race" else list(range(len(block[1])))
        if kind == "exclusive":
            holds = [_SIGNS[sign](values[f"x{at}"], value) for at, sign, value in block[2]]
            chosen = [holds.index(True) if True in holds else len(block[1]) - 1]
        total: Counter[Path] = Counter()
        for at in chosen:
            total += expected(block[1][at], values, (*path, at))
        return total
    return Counter({path: 1})


@dataclass
class Sketch:
    """A random process as a drawing, with the scripts of its services."""

    drawing: Drawing = field(default_factory=Drawing)
    spiff: bool = False
    serial: int = 0
    path: Path = ()
    leaves: dict[str, Path] = field(default_factory=dict)  # tasks by name -> their path
    first: dict[str, str] = field(default_factory=dict)  # event gateways -> what comes first
    called: dict[str, Sketch] = field(default_factory=dict)  # processes by key
    prefix: str = ""  # of every name in a called process

    def name(self, prefix: str) -> str:
        self.serial += 1
        return f"{self.prefix}{prefix}{self.serial}"

    def sequence_flow(self, source: str, target: str, test: tuple[Any, ...] | None = None) -> None:
        """`test` is (variable, sign, number): FEEL here, Python there."""
        condition = ""
        if test is not None:
            variable, sign, value = test
            sign = "==" if self.spiff and sign == "=" else sign
            condition = f"{variable} {sign} {value}"
        self.drawing.flow(source, target, condition)

    def block(self, block: Block) -> tuple[str, str]:
        """Draw a block; its first and its last node."""
        drawn: tuple[str, str] = getattr(self, f"_{block[0]}")(*block[1:])
        if len(block) == 1:
            self.leaves[drawn[0]] = self.path
        return drawn

    def inside(self, at: int, block: Block) -> tuple[str, str]:
        outer = self.path
        self.path = (*outer, at)
        drawn = self.block(block)
        self.path = outer
        return drawn

    def _user(self) -> tuple[str, str]:
        name = self.name("u")
        self.drawing.user(name)
        return name, name

    def _manual(self) -> tuple[str, str]:
        name = self.name("m")
        self.drawing.manual(name)
        return name, name

    def _service(self, step: str = "") -> tuple[str, str]:
        """A machine step; `step` counts that variable up by one."""
        name = self.name("s")
        if self.spiff:
            script = f"{step} = {step} + 1" if step else "pass"
            self.drawing.node("scriptTask", name, f"<bpmn:script>{script}</bpmn:script>")
        else:
            inputs = {"k_in": f"n={step}", "k_out": f"{step}=n + 1"} if step else {}
            self.drawing.service(name, "work", **inputs)
        return name, name

    def _say(self) -> tuple[str, str]:
        name = self.name("t")
        self.drawing.message(f"m{name}", f"m{name}").throw(name, f"m{name}", '"anybody"')
        return name, name

    def _race(self, blocks: list[Block], comes: int) -> tuple[str, str]:
        """Events behind a gateway: before block `comes` a timer due at once, else messages that
        nobody sends (SpiffWorkflow 3 mixes up several timers behind one gateway)."""
        gateway, merge = self.name("g"), self.name("y")
        self.drawing.event_gateway(gateway).exclusive(merge)
        for at, block in enumerate(blocks):
            event = self.name("c")
            if at == comes:
                self.drawing.catch(event, timer(duration='"PT0S"'))
                self.first[gateway] = event
            else:
                self.drawing.message(f"m{event}", f"m{event}")
                self.drawing.catch(event, on_message(f"m{event}"), k_key='"nobody"')
            first, last = self.inside(at, block)
            self.sequence_flow(gateway, event)
            self.sequence_flow(event, first)
            self.sequence_flow(last, merge)
        return gateway, merge

    def _call(self, block: Block) -> tuple[str, str]:
        """A process of its own, told the switches."""
        name = self.name("k")
        inputs = "; ".join(f"x{number}=x{number}" for number in range(SWITCHES))
        self.drawing.call(name, f"p{name}", **({} if self.spiff else {"k_in": inputs}))
        inner = Sketch(Drawing(key=f"p{name}"), self.spiff, path=(*self.path, 0), prefix=f"{name}_")
        inner.whole(block)
        self.called = {**self.called, f"p{name}": inner, **inner.called}
        return name, name

    def whole(self, block: Block) -> Sketch:
        """The whole process of a block, from a start to an end event."""
        start, end = f"{self.prefix}start", f"{self.prefix}end"
        self.drawing.start(start).end(end)
        first, last = self.block(block)
        self.drawing.flow(start, first)
        self.drawing.flow(last, end)
        return self

    def _sequence(self, blocks: list[Block]) -> tuple[str, str]:
        drawn = [self.inside(at, block) for at, block in enumerate(blocks)]
        for (_, last), (first, _) in pairwise(drawn):
            self.sequence_flow(last, first)
        return drawn[0][0], drawn[-1][1]

    def _exclusive(self, blocks: list[Block], tests: list[Any]) -> tuple[str, str]:
        choose, merge, default = self.name("x"), self.name("y"), self.name("d")
        self.drawing.exclusive(choose, default).exclusive(merge)
        for at, block in enumerate(blocks):
            first, last = self.inside(at, block)
            if at < len(tests):
                number, sign, value = tests[at]
                self.sequence_flow(choose, first, (f"x{number}", sign, value))
            else:
                self.drawing.flow(choose, first, id_=default)
            self.sequence_flow(last, merge)
        return choose, merge

    def _parallel(self, blocks: list[Block]) -> tuple[str, str]:
        fork, join = self.name("fork"), self.name("join")
        self.drawing.parallel(fork).parallel(join)
        for at, block in enumerate(blocks):
            first, last = self.inside(at, block)
            self.sequence_flow(fork, first)
            self.sequence_flow(last, join)
        return fork, join

    def _loop(self, rounds: int, block: Block) -> tuple[str, str]:
        merge, ask, out = self.name("y"), self.name("x"), self.name("d")
        counter = self.name("n")
        self.drawing.exclusive(merge).exclusive(ask, out)
        start = self.name("s")
        if self.spiff:
            self.drawing.node("scriptTask", start, f"<bpmn:script>{counter} = 0</bpmn:script>")
        else:
            self.drawing.service(start, "work", k_out=f"{counter}=0")
        step, _ = self._service(counter)
        first, last = self.inside(0, block)
        leave = self.name("y")
        self.drawing.exclusive(leave)
        self.sequence_flow(start, merge)
        self.sequence_flow(merge, step)
        self.sequence_flow(step, first)
        self.sequence_flow(last, ask)
        self.sequence_flow(ask, merge, (counter, "<=", rounds - 1))
        self.drawing.flow(ask, leave, id_=out)
        return start, leave


def sketch(block: Block, *, spiff: bool = False) -> Sketch:
    """The whole process of a block, from a start to an end event."""
    return Sketch(spiff=spiff).whole(block)
