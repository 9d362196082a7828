"""Properties of the token game over random structured processes and random events.

The shell in memory (core_kit.Game) asserts after every step: rows rebuilt from effects equal the
state, every resting token but a parked one has one primary row, the history replays to the same
places, the same event on the same state gives the same step.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaitong.process.advance import CannotReturn
from kaitong.process.model import Cancelled, NodeKind, ReturnedTo, WaitKind
from kaitong.process.tests.core_drawing import (
    timer,
)
from kaitong.process.tests.core_kit import NOW, Game
from kaitong.process.tests.core_random import SWITCHES, Sketch, expected, random_block, sketch

PEOPLE = (NodeKind.USER, NodeKind.MANUAL)
COMMON = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
seeds = st.integers(0, 2**32)
switches = st.fixed_dictionaries({f"x{n}": st.integers(0, 9) for n in range(SWITCHES)})


class Unlucky:
    """An action that raises now and then."""

    def __init__(self, random: Random, chance: float):
        self.random, self.chance = random, chance

    def __call__(self, inputs: Any) -> dict[str, Any]:
        if self.random.random() < self.chance:
            raise RuntimeError("no luck")
        return dict(inputs)


def first_of(game: Game, gateway: str) -> Game:
    """What comes first at an event gateway of a random process: the timer that is due at once."""
    due = [key for key, timer in game.timers.items() if game.tokens[key[0]].node == gateway]
    return game.fire(gateway, min(due, key=lambda key: (game.timers[key].at, key[1]))[1])


def step(game: Game, node: str) -> Game:
    return first_of(game, node) if node in _gateways(game) else game.complete(node)


def _gateways(game: Game) -> set[str]:
    return {token.node for token in game.tokens.values() if token.wait is WaitKind.EVENT}


def open_steps(game: Game) -> list[str]:
    """Work in hand and event gateways, each of which somebody or something will answer."""
    return sorted({game.tokens[t].node for t in game.work} | _gateways(game))


def finish(game: Game, random: Random) -> Game:
    """Answer whatever waits, in a random order, until nothing is left."""
    for _ in range(3_000):
        if game.state:
            return game
        token = random.choice([t for t in game.tokens.values() if t.wait is not WaitKind.JOIN])
        if token.wait is WaitKind.WORK:
            game.complete(token.node)
        elif token.wait is WaitKind.EVENT:
            first_of(game, token.node)
        elif token.wait is WaitKind.COMMAND:
            random.choice([game.returned, game.failed])(token.node)
        else:
            assert token.wait is WaitKind.INCIDENT
            game.retry(token.node)
    raise AssertionError(f"tokens never rest: {game.at}")


def leaves_run(game: Game, drawn: Sketch) -> Counter[Any]:
    return Counter(drawn.leaves[node] for node in game.went("left") if node in drawn.leaves)


@COMMON
@given(seed=seeds, values=switches, size=st.integers(1, 16), external=st.booleans())
def test_every_task_runs_exactly_as_often_as_the_structure_says(
    seed: int, values: dict[str, int], size: int, external: bool
) -> None:
    """No token is lost, none is made twice, no join is missed, whatever fails and is retried."""
    random = Random(seed)
    block = random_block(random, size)
    drawn = sketch(block)
    actions = {"work": Unlucky(random, 0.2)}
    names = frozenset({"work"}) if external else frozenset()
    game = Game(drawn.drawing.model(), actions, names, **values)
    if external:  # the machine's answers are the loop counters' only source
        game = _answer_commands(game, random)
    finish(game, random)
    assert game.state == "completed"
    assert leaves_run(game, drawn) == expected(block, values)


def _answer_commands(game: Game, random: Random) -> Game:
    """External actions return what they were given, as the transactional ones do."""
    plain_returned = game.returned

    def returned(node: str, **_: Any) -> Game:
        return plain_returned(node, **dict(game.commands[game.token(node)].inputs))

    game.returned = returned  # type: ignore[method-assign]
    return game


@COMMON
@given(seed=seeds, values=switches, size=st.integers(2, 14))
def test_the_order_of_completion_does_not_matter(
    seed: int, values: dict[str, int], size: int
) -> None:
    model = sketch(random_block(Random(seed), size)).drawing.model()
    ends = []
    for order in (1, 2, 3):
        game = finish(Game(model, {"work": dict}, **values), Random(order))
        ends.append((Counter(game.went("left")), game.state, game.variables))
    assert ends[0] == ends[1] == ends[2]


@COMMON
@given(seed=seeds, values=switches, size=st.integers(2, 12), steps=st.integers(0, 6))
def test_cancelling_at_any_moment_leaves_nothing_behind(
    seed: int, values: dict[str, int], size: int, steps: int
) -> None:
    random = Random(seed)
    game = Game(sketch(random_block(random, size)).drawing.model(), {"work": dict}, **values)
    for _ in range(steps):
        if not game.state:
            step(game, random.choice(open_steps(game)))
    if game.state:
        return
    game.play(Cancelled(now=NOW))
    assert game.state == "cancelled"
    rows = (game.work, game.commands, game.incidents, game.timers, game.subscriptions)
    assert not any(rows)


@COMMON
@given(seed=seeds, values=switches, size=st.integers(3, 14))
def test_returning_steps_never_doubles_or_loses_work(
    seed: int, values: dict[str, int], size: int
) -> None:
    """After any returns a structured process still ends, with at most one token a node."""
    random = Random(seed)
    block = random_block(random, size)
    game = Game(sketch(block).drawing.model(), {"work": dict}, **values)
    for _ in range(12):
        if game.state:
            break
        node = random.choice(open_steps(game))
        done = [n for n in game.went("left") if game.model.nodes[n].kind in PEOPLE]
        target = random.choice(done) if done and random.random() < 0.4 else ""
        if target and target != node and _before(game, target, node):
            try:
                game.play(ReturnedTo(now=NOW, token=game.token(node), node=target))
                assert target in game.at
            except CannotReturn:
                # Only a loop leads from a sibling branch to this one.
                assert "loop" in str(block)
        else:
            step(game, node)
        parked = Counter((t.node, t.arrived_by) for t in game.tokens.values())
        assert max(parked.values(), default=0) <= 1
    assert finish(game, random).state == "completed"


def _before(game: Game, earlier: str, later: str) -> bool:
    """Whether a path leads from one to the other (a search of the test's own)."""
    seen, waiting = set(), [flow.target for flow in game.model.nodes[earlier].outgoing]
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            waiting += [flow.target for flow in game.model.nodes[at].outgoing]
    return later in seen


@COMMON
@given(seed=seeds, values=switches, size=st.integers(2, 12))
def test_timers_on_every_work_step_fire_or_close_with_it(
    seed: int, values: dict[str, int], size: int
) -> None:
    """Non-interrupting reminders change nothing of what must be done."""
    random = Random(seed)
    block = random_block(random, size)
    drawn = sketch(block)
    for task in list(drawn.drawing.in_lane):
        reminder = f"b{task}"
        drawn.drawing.boundary(reminder, task, timer(duration="PT1H"), interrupting=False)
        drawn.drawing.end(f"e{task}").flow(reminder, f"e{task}")
    game = Game(drawn.drawing.model(), {"work": dict}, **values)
    fired = 0
    for _ in range(1_000):
        if game.state:
            break
        reminders = sorted(key for key in game.timers if key[1].startswith("b"))
        if reminders and random.random() < 0.5:
            token, node = random.choice(reminders)
            game.fire(game.tokens[token].node, node)
            fired += 1
        else:
            step(game, random.choice(open_steps(game)))
    assert game.state == "completed"
    assert len(game.went("fired")) == fired
    assert leaves_run(game, drawn) == expected(block, values)
