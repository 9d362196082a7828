"""Structured processes with inclusive gateways, and what each must execute by its shape alone.

A block is a nested tuple of user tasks: `("task",)`, `("sequence", blocks)`, `("parallel",
blocks)`, `("exclusive", blocks, chosen)`, `("inclusive", blocks, chosen)`, `("loop", rounds,
block)`. `chosen` is the index taken, or the set of indices.
"""

from __future__ import annotations

from collections import Counter
from itertools import count, pairwise
from random import Random
from typing import Any

from kaitong.process.tests.core_drawing import Drawing

Block = tuple[Any, ...]


def random_block(random: Random, size: int) -> Block:
    """A block of roughly `size` tasks."""
    if size <= 1:
        return ("task",)
    kind = random.choice(("sequence", "inclusive", "inclusive", "parallel", "exclusive", "loop"))
    if kind == "loop":
        return ("loop", random.randint(1, 3), random_block(random, size - 1))
    parts = random.randint(2, min(3, size))
    sizes = [1] * parts
    for _ in range(size - parts):
        sizes[random.randrange(parts)] += 1
    blocks = [random_block(random, part) for part in sizes]
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
        first, last = self._block(block, 1)
        self.drawing.chain("start", first).chain(last, "end")

    def _name(self, sign: str) -> str:
        return f"{sign}{next(self.serial)}"

    def _block(self, block: Block, times: int) -> tuple[str, str]:
        """Draw a block that is gone through so many times; its first and its last node."""
        kind = block[0]
        if kind == "task":
            name = self._name("u")
            self.drawing.user(name)
            self.tasks[name] += times
            return name, name
        if kind == "sequence":
            drawn = [self._block(part, times) for part in block[1]]
            for (_, last), (first, _) in pairwise(drawn):
                self.drawing.flow(last, first)
            return drawn[0][0], drawn[-1][1]
        if kind == "loop":
            return self._loop(block[1], block[2], times)
        return self._gateways(block, times)

    def _gateways(self, block: Block, times: int) -> tuple[str, str]:
        kind, blocks = block[0], block[1]
        fork, join = self._name("fork"), self._name("join")
        tag = f"{kind}Gateway"
        default = self._name("d") if kind == "inclusive" else ""
        self.drawing.node(tag, fork, **({"default": default} if default else {}))
        self.drawing.node(tag, join)
        for at, part in enumerate(blocks):
            taken = kind == "parallel" or (
                at == block[2] if kind == "exclusive" else at in block[2]
            )
            first, last = self._block(part, times if taken else 0)
            condition = "" if kind == "parallel" else ("true" if taken else "1 = 2")
            self.drawing.flow(fork, first, condition)
            self.drawing.flow(last, join)
        if default:  # an empty way, taken when no other is
            self.drawing.flow(fork, join, id_=default)
        return fork, join

    def _loop(self, rounds: int, inside: Block, times: int) -> tuple[str, str]:
        merge, ask, out = self._name("merge"), self._name("ask"), self._name("out")
        number, begin, step = self._name("n"), self._name("s"), self._name("s")
        self.drawing.exclusive(merge).exclusive(ask, out)
        after = self._name("after")
        self.drawing.exclusive(after)
        self.drawing.script(begin, f"{{{number}: 0}}").script(step, f"{{{number}: {number} + 1}}")
        first, last = self._block(inside, times * rounds)
        self.drawing.chain(begin, merge, step, first).chain(last, ask)
        self.drawing.flow(ask, merge, f"{number} < {rounds}")
        self.drawing.flow(ask, after, id_=out)
        return begin, after
