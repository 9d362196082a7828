"""Properties of scopes over random nested processes; the shell in memory checks every step."""

from __future__ import annotations

from collections import Counter
from random import Random
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaitong.process.advance import CannotReturn
from kaitong.process.model import Cancelled, Completed, ReturnedTo, TimerFired
from kaitong.process.tests.core_kit import NOW, Game
from kaitong.process.tests.core_nested import Nested, random_block

COMMON = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
seeds = st.integers(0, 2**32)
sizes = st.integers(1, 8)


def do(game: Game, token: UUID, done: Counter[str]) -> None:
    done[game.tokens[token].node] += 1
    game.play(Completed(now=NOW, token=token))


def some(game: Game, random: Random) -> UUID:
    return random.choice(sorted(game.work, key=str))


def finish(game: Game, random: Random, done: Counter[str]) -> None:
    for _ in range(3_000):
        if game.state:
            return
        do(game, some(game, random), done)
    raise AssertionError(f"tokens never rest: {game.at}")


@COMMON
@given(seed=seeds, size=sizes)
def test_every_task_is_done_exactly_as_often_as_the_structure_says(seed: int, size: int) -> None:
    random = Random(seed)
    plan = Nested(random_block(random, size))
    game, done = Game(plan.drawing.model()), Counter[str]()
    finish(game, random, done)
    assert game.state == "completed"
    assert done == +plan.tasks
    assert not game.scopes


@COMMON
@given(seed=seeds, size=sizes, steps=st.integers(0, 8))
def test_cancelling_at_any_moment_leaves_nothing_behind(seed: int, size: int, steps: int) -> None:
    random = Random(seed)
    game = Game(Nested(random_block(random, size), late=True).drawing.model())
    for _ in range(steps):
        if not game.state:
            do(game, some(game, random), Counter())
    if not game.state:
        game.play(Cancelled(now=NOW))
    assert not any((game.tokens, game.scopes, game.work, game.timers))


@COMMON
@given(seed=seeds, size=sizes, steps=st.integers(0, 40))
def test_events_in_every_scope_at_any_moment_lose_no_token(
    seed: int, size: int, steps: int
) -> None:
    random = Random(seed)
    game = Game(Nested(random_block(random, size), late=True, events=True).drawing.model())
    for _ in range(3_000):
        if game.state:
            break
        if game.timers and random.random() < 0.25:
            token, node = random.choice(sorted(game.timers, key=str))
            game.play(TimerFired(now=NOW, token=token, node=node))
        elif steps == 0:
            game.play(Cancelled(now=NOW))
        else:
            steps -= 1
            do(game, some(game, random), Counter())
    assert game.state in ("completed", "cancelled")
    assert not any((game.tokens, game.scopes, game.work, game.timers))


@COMMON
@given(seed=seeds, size=sizes)
def test_timers_take_whole_scopes_away_and_the_rest_goes_on(seed: int, size: int) -> None:
    random = Random(seed)
    plan = Nested(random_block(random, size), late=True)
    game, done = Game(plan.drawing.model()), Counter[str]()
    for _ in range(2_000):
        if game.state:
            break
        if game.timers and random.random() < 0.2:
            token, node = random.choice(sorted(game.timers, key=str))
            game.play(TimerFired(now=NOW, token=token, node=node))
        else:
            do(game, some(game, random), done)
    assert game.state == "completed"
    assert done <= plan.tasks


@COMMON
@given(seed=seeds, size=sizes)
def test_returning_never_doubles_or_loses_work(seed: int, size: int) -> None:
    """After any returns a process still ends, with at most one token of a kind in a scope."""
    random = Random(seed)
    game = Game(Nested(random_block(random, size)).drawing.model())
    left: list[str] = []
    for _ in range(14):
        if game.state:
            break
        token = some(game, random)
        node = game.tokens[token].node
        target = random.choice(left) if left and random.random() < 0.4 else ""
        if target:
            try:
                game.play(ReturnedTo(now=NOW, token=token, node=target))
            except CannotReturn:
                pass
            else:
                assert target in game.at or game.state or game.model.nodes[target].repeat
        else:
            left.append(node)
            do(game, token, Counter())
        parked = Counter((t.node, t.scope, t.arrived_by) for t in game.tokens.values())
        assert max(parked.values(), default=0) <= 1
    finish(game, random, Counter())
    assert game.state == "completed"


@COMMON
@given(seed=seeds, size=sizes)
def test_compensation_undoes_everything_once_and_one_after_the_other(seed: int, size: int) -> None:
    random = Random(seed)
    plan = Nested(random_block(random, size), undo=True)
    game, done = Game(plan.drawing.model()), Counter[str]()
    undone = Counter[str]()
    for _ in range(3_000):
        if game.state:
            break
        token = some(game, random)
        node = game.tokens[token].node
        if node.startswith("h"):
            assert len(game.work) == 1, "handlers run one after the other"
            undone[node[1:]] += 1
            game.play(Completed(now=NOW, token=token))
        else:
            do(game, token, done)
    assert game.state == "completed"
    assert done == +plan.tasks
    assert undone == done
    assert not [scope for scope in game.scopes.values() if scope.done]
