"""The token game against an independent engine: random processes here and on SpiffWorkflow.

Both get the same inputs and finish their work items in orders of their own; what was executed, how
often, and how it ended must agree. `KAITONG_ORACLE_RUNS` raises the number of processes.
"""

from __future__ import annotations

import os
from collections import Counter
from io import BytesIO
from random import Random
from typing import Any
from uuid import UUID

import pytest
from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from kaitong.process.model import WaitKind
from kaitong.process.tests.core_kit import Game
from kaitong.process.tests.core_random import SWITCHES, Block, Sketch, random_block, sketch

RUNS = int(os.environ.get("KAITONG_ORACLE_RUNS", "60"))
MAX_STEPS = 2_000
_OURS = (WaitKind.WORK, WaitKind.EVENT)
Outcome = tuple[Counter[str], str, Any]


def play_here(block: Block, values: dict[str, int], order: Random) -> Outcome:
    """The process, and those it calls, each in a shell of its own."""
    drawn = sketch(block)
    root = Game(drawn.drawing.model(), {"work": dict}, **values)
    sketches = {"p": drawn, **drawn.called}
    games: list[tuple[Game, Sketch]] = [(root, drawn)]
    under_way: dict[tuple[int, UUID], Game] = {}
    for _ in range(MAX_STEPS):
        for game, _drawn in list(games):
            for token, call in list(game.children.items()):
                child = under_way.get((id(game), token))
                if child is None:
                    inner = sketches[call.called]
                    child = Game(inner.drawing.model(), {"work": dict}, **dict(call.inputs))
                    under_way[id(game), token] = child
                    games.append((child, inner))
                elif child.state:
                    game.returned(call.node, **child.variables)
        if root.state:
            break
        waiting = sorted(
            {
                (number, token.node)
                for number, (game, _drawn) in enumerate(games)
                for token in game.tokens.values()
                if token.wait in _OURS
            }
        )
        if not waiting:
            continue
        number, node = order.choice(waiting)
        game, of = games[number]
        if node in of.first:
            game.fire(node, of.first[node])
        else:
            game.complete(node)
    left = sum((Counter(game.went("left")) for game, _drawn in games), Counter())
    return left, root.state, root.variables


def play_there(
    block: Block, values: dict[str, int], order: Random
) -> tuple[Counter[str], str, Any]:
    parser = BpmnParser()
    drawn = sketch(block, spiff=True)
    for key, one in {"p": drawn, **drawn.called}.items():
        text = one.drawing.text()
        parser.add_bpmn_io(BytesIO(text.encode()), filename=f"{key}.bpmn")
    workflow = BpmnWorkflow(parser.get_spec("p"), parser.get_subprocess_specs("p"))
    workflow.task_tree.data.update(values)
    for task in workflow.get_tasks(state=TaskState.READY):
        task.data.update(values)
    workflow.do_engine_steps()
    for _ in range(MAX_STEPS):
        workflow.refresh_timers()
        workflow.do_engine_steps()
        ready = workflow.get_tasks(state=TaskState.READY, manual=True)
        if not ready:
            break
        order.choice(ready).run()
        workflow.do_engine_steps()
    here = sketch(block)
    ours = {node for one in (here, *here.called.values()) for node in one.drawing.model().nodes}
    done = (task.task_spec.name for task in workflow.get_tasks(state=TaskState.COMPLETED))
    state = "completed" if workflow.completed else "stuck"
    return Counter(name for name in done if name in ours), state, workflow.data


@pytest.mark.parametrize("seed", range(RUNS))
def test_both_engines_execute_the_same_steps(seed: int) -> None:
    random = Random(seed)
    block = random_block(random, random.randint(2, 14), nest="apart", calls=True)
    values = {f"x{number}": random.randint(0, 9) for number in range(SWITCHES)}
    here, state, variables = play_here(block, values, Random(seed + 1))
    there, their_state, their_variables = play_there(block, values, Random(seed + 2))
    assert state == their_state == "completed"
    # Where branches meet, the other engine counts one task at the join for each of them.
    joins = [name for name in here if name.rpartition("_")[2].startswith("join")]
    for join in joins:
        assert there.pop(join) >= here.pop(join)
    assert here == there
    counters = {name for name in variables if name.startswith("n")}
    assert {n: variables[n] for n in counters} == {n: their_variables.get(n) for n in counters}
