"""Structured processes with inclusive gateways, and what each must execute by its shape alone.

A block is a nested tuple of user tasks: `("task",)`, `("sequence", blocks)`, `("parallel",
blocks)`, `("exclusive", blocks, chosen)`, `("inclusive", blocks, chosen)`, `("loop", rounds,
block)`, `("sub", block)`, `("many", n, block)` (a sub-process n times at once). `chosen` is the
index taken, or the set of indices.
"""

from __future__ import annotations

from collections import Counter
from itertools import count, pairwise
from random import Random
from typing import Any

from kaitong.process.tests.core_drawing import Drawing, many

Block = tuple[Any, ...]


KINDS = ("sequence", "inclusive", "inclusive", "parallel", "exclusive", "loop", "sub", "many")


def random_block(random: Random, size: int, *, loops: bool = True) -> Block:
    """A block of roughly `size` tasks; instances at once share variables, so none loops there."""
    if size <= 1:
        return ("task",)
    kind = random.choice(KINDS)
    if kind == "loop" and not loops:
        kind = "sub"
    if kind == "loop":
        return (kind, random.randint(1, 3), random_block(random, size - 1))
    if kind == "sub":
        return (kind, random_block(random, size - 1, loops=loops))
    if kind == "many":
        return (kind, random.randint(1, 3), random_block(random, size - 1, loops=False))
    parts = random.randint(2, min(3, size))
    sizes = [1] * parts
    for _ in range(size - parts):
        sizes[random.randrange(parts)] += 1
    blocks = [random_block(random, part, loops=loops) for part in sizes]
    if kind == "exclusive":
        return (kind, blocks, random.randrange(parts))
    if kind == "inclusive":
        chosen = [at for at in range(parts) if random.random() < 0.6]
        return (kind, blocks, frozenset(chosen))
    return (kind, blocks)


class Plan:
    """A block drawn as a process: `drawing`, and `tasks`: how often each task must be done."""

    def __init__(self, block: Block):
        self.serial = count(1)
        self.drawing = Drawing().start().end()
        self.tasks: Counter[str] = Counter()
        first, last = self._block(self.drawing, block, 1)
        self.drawing.chain("start", first).chain(last, "end")

    def _name(self, sign: str) -> str:
        return f"{sign}{next(self.serial)}"

    def _block(self, drawing: Drawing, block: Block, times: int) -> tuple[str, str]:
        """Draw a block that is gone through so many times; its first and its last node."""
        kind = block[0]
        if kind == "task":
            name = self._name("u")
            drawing.user(name)
            self.tasks[name] += times
            return name, name
        if kind == "sequence":
            drawn = [self._block(drawing, part, times) for part in block[1]]
            for (_, last), (first, _) in pairwise(drawn):
                drawing.flow(last, first)
            return drawn[0][0], drawn[-1][1]
        if kind == "loop":
            return self._loop(drawing, block[1], block[2], times)
        if kind == "sub":
            return self._sub(drawing, block[1], times, "")
        if kind == "many":
            held = many(cardinality=str(block[1]))
            return self._sub(drawing, block[2], times * block[1], held)
        return self._gateways(drawing, block, times)

    def _sub(self, drawing: Drawing, inside: Block, times: int, held: str) -> tuple[str, str]:
        name = self._name("S")
        inner = Drawing(flows=f"f{name}_").start(f"{name}a").end(f"{name}z")
        first, last = self._block(inner, inside, times)
        inner.chain(f"{name}a", first).chain(last, f"{name}z")
        drawing.sub(name, inner, held)
        return name, name

    def _gateways(self, drawing: Drawing, block: Block, times: int) -> tuple[str, str]:
        kind, blocks = block[0], block[1]
        fork, join = self._name("fork"), self._name("join")
        tag = f"{kind}Gateway"
        default = self._name("d") if kind == "inclusive" else ""
        drawing.node(tag, fork, **({"default": default} if default else {}))
        drawing.node(tag, join)
        for at, part in enumerate(blocks):
            taken = kind == "parallel" or (
                at == block[2] if kind == "exclusive" else at in block[2]
            )
            first, last = self._block(drawing, part, times if taken else 0)
            condition = "" if kind == "parallel" else ("true" if taken else "1 = 2")
            drawing.flow(fork, first, condition)
            drawing.flow(last, join)
        if default:  # an empty way, taken when no other is
            drawing.flow(fork, join, id_=default)
        return fork, join

    def _loop(self, drawing: Drawing, rounds: int, inside: Block, times: int) -> tuple[str, str]:
        merge, ask, out = self._name("merge"), self._name("ask"), self._name("out")
        number, begin, step = self._name("n"), self._name("s"), self._name("s")
        drawing.exclusive(merge).exclusive(ask, out)
        after = self._name("after")
        drawing.exclusive(after)
        drawing.script(begin, f"{{{number}: 0}}").script(step, f"{{{number}: {number} + 1}}")
        first, last = self._block(drawing, inside, times * rounds)
        drawing.chain(begin, merge, step, first).chain(last, ask)
        drawing.flow(ask, merge, f"{number} < {rounds}")
        drawing.flow(ask, after, id_=out)
        return begin, after
