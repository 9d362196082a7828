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

import pytest
from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from kaitong.process.model import WaitKind
from kaitong.process.tests.core_kit import Game
from kaitong.process.tests.core_random import SWITCHES, Block, random_block, sketch

RUNS = int(os.environ.get("KAITONG_ORACLE_RUNS", "60"))
MAX_STEPS = 2_000
_OURS = (WaitKind.WORK, WaitKind.EVENT)
Outcome = tuple[Counter[str], str, Any]


def play_here(block: Block, values: dict[str, int], order: Random) -> Outcome:
    drawn = sketch(block)
    game = Game(drawn.drawing.model(), {"work": dict}, **values)
    for _ in range(MAX_STEPS):
        if game.state:
            break
        waiting = {token.node for token in game.tokens.values() if token.wait in _OURS}
        node = order.choice(sorted(waiting))
        if node in drawn.first:
            game.fire(node, drawn.first[node])
        else:
            game.complete(node)
    return Counter(game.went("left")), game.state, game.variables


def play_there(
    block: Block, values: dict[str, int], order: Random
) -> tuple[Counter[str], str, Any]:
    parser = BpmnParser()
    text = sketch(block, spiff=True).drawing.text()
    parser.add_bpmn_io(BytesIO(text.encode()), filename="random.bpmn")
    workflow = BpmnWorkflow(parser.get_spec("p"))
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
    ours = set(sketch(block).drawing.model().nodes)
    done = (task.task_spec.name for task in workflow.get_tasks(state=TaskState.COMPLETED))
    state = "completed" if workflow.completed else "stuck"
    return Counter(name for name in done if name in ours), state, workflow.data


@pytest.mark.parametrize("seed", range(RUNS))
def test_both_engines_execute_the_same_steps(seed: int) -> None:
    random = Random(seed)
    block = random_block(random, random.randint(2, 14), nest="apart")
    values = {f"x{number}": random.randint(0, 9) for number in range(SWITCHES)}
    here, state, variables = play_here(block, values, Random(seed + 1))
    there, their_state, their_variables = play_there(block, values, Random(seed + 2))
    assert state == their_state == "completed"
    # Where branches meet, the other engine counts one task at the join for each of them.
    joins = [name for name in here if name.startswith("join")]
    for join in joins:
        assert there.pop(join) >= here.pop(join)
    assert here == there
    counters = {name for name in variables if name.startswith("n")}
    assert {n: variables[n] for n in counters} == {n: their_variables.get(n) for n in counters}
