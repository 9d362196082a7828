"""Random structured processes with scopes in one another, and what each must execute.

A block is a nested tuple: `("task",)`, `("tasks", n, sequential)` (a repeated task), `("sequence",
blocks)`, `("parallel", blocks)`, `("sub", block)`, `("many", n, sequential, block)` (a repeated
sub-process), `("rounds", n, block)` (a loop).
"""

from __future__ import annotations

from collections import Counter
from itertools import count, pairwise
from random import Random
from typing import Any

from kaitong.process.tests.core_drawing import Drawing, loop, many, timer

Block = tuple[Any, ...]
UNDO = "<bpmn:compensateEventDefinition/>"


def random_block(random: Random, size: int) -> Block:
    """A block of roughly `size` tasks."""
    if size <= 1:
        if random.random() < 0.3:
            return ("tasks", random.randint(0, 3), random.random() < 0.5)
        return ("task",)
    kind = random.choice(("sequence", "parallel", "sub", "many", "rounds"))
    if kind == "sub":
        return (kind, random_block(random, size - 1))
    if kind == "many":
        sequential = random.random() < 0.5
        return (kind, random.randint(0, 3), sequential, random_block(random, size - 1))
    if kind == "rounds":
        return (kind, random.randint(1, 3), random_block(random, size - 1))
    parts = random.randint(2, min(3, size))
    sizes = [1] * parts
    for _ in range(size - parts):
        sizes[random.randrange(parts)] += 1
    return (kind, [random_block(random, part) for part in sizes])


class Nested:
    """A block drawn as a process: `drawing`, and `tasks`: how often each task must be done.

    With `undo` every task has a handler, and all is undone before the end. With `late` every
    sub-process has a timer that takes it away. With `events` there are two event sub-processes in
    each, one beside and one instead of its work.
    """

    def __init__(
        self, block: Block, *, undo: bool = False, late: bool = False, events: bool = False
    ):
        self.serial = count(1)
        self.undo, self.late, self.events = undo, late, events
        self.tasks: Counter[str] = Counter()
        self.drawing = Drawing().start().end()
        first, last = self._block(self.drawing, block, 1)
        self.drawing.chain("start", first)
        if undo:
            self.drawing.node("intermediateThrowEvent", "undo", UNDO).chain(last, "undo", "end")
        else:
            self.drawing.chain(last, "end")

    def _name(self, sign: str) -> str:
        return f"{sign}{next(self.serial)}"

    def _block(self, drawing: Drawing, block: Block, times: int) -> tuple[str, str]:
        """Draw a block that is gone through so many times; its first and its last node."""
        match block:
            case ("task",):
                return self._task(drawing, times, "")
            case ("tasks", number, sequential):
                held = many(cardinality=str(number), sequential=sequential)
                return self._task(drawing, times * number, held)
            case ("sequence", blocks):
                drawn = [self._block(drawing, part, times) for part in blocks]
                for (_, last), (first, _) in pairwise(drawn):
                    drawing.flow(last, first)
                return drawn[0][0], drawn[-1][1]
            case ("parallel", blocks):
                fork, join = self._name("fork"), self._name("join")
                drawing.parallel(fork).parallel(join)
                for part in blocks:
                    first, last = self._block(drawing, part, times)
                    drawing.flow(fork, first)
                    drawing.flow(last, join)
                return fork, join
            case ("sub", inside):
                return self._sub(drawing, inside, times, "")
            case ("many", number, sequential, inside):
                held = many(cardinality=str(number), sequential=sequential)
                return self._sub(drawing, inside, times * number, held)
            case ("rounds", number, inside):
                return self._sub(drawing, inside, times * number, loop(maximum=str(number)))
        raise AssertionError(block)

    def _task(self, drawing: Drawing, times: int, held: str) -> tuple[str, str]:
        name = self._name("u")
        drawing.user(name, held)
        self.tasks[name] += times
        if self.undo:
            drawing.manual(f"h{name}", isForCompensation="true")
            drawing.boundary(f"c{name}", name, UNDO)
            drawing.raw(f'<bpmn:association id="a{name}" sourceRef="c{name}" targetRef="h{name}"/>')
        return name, name

    def _sub(self, drawing: Drawing, block: Block, times: int, held: str) -> tuple[str, str]:
        name = self._name("S")
        inner = Drawing(flows=f"f{name}_").start(f"{name}a").end(f"{name}z")
        first, last = self._block(inner, block, times)
        inner.chain(f"{name}a", first).chain(last, f"{name}z")
        if self.events:
            self._event(inner, f"{name}b", {"isInterrupting": "false"})
            self._event(inner, f"{name}i", {})
        drawing.sub(name, inner, held)
        if not self.late:
            return name, name
        merge = self._name("y")
        drawing.boundary(f"t{name}", name, timer(duration="PT1H")).exclusive(merge)
        drawing.flow(name, merge)
        drawing.flow(f"t{name}", merge)
        return name, merge

    def _event(self, inner: Drawing, name: str, flags: dict[str, str]) -> None:
        event = Drawing(flows=f"f{name}_").user(f"{name}u").end(f"{name}z")
        event.node("startEvent", f"{name}a", timer(duration="PT1H"), **flags)
        event.chain(f"{name}a", f"{name}u", f"{name}z")
        inner.sub(name, event, triggeredByEvent="true")
