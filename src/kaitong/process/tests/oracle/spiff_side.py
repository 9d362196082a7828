"""The same case on SpiffWorkflow.

Its tasks keep a copy of the variables for each branch; BPMN's are of the process (10.4.1), so its
scripts and conditions are given one store a process here. docs/oracle.md tells of each difference.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine
from SpiffWorkflow.bpmn.specs.event_definitions.conditional import ConditionalEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.message import MessageEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.multiple import MultipleEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.timer import DurationTimerEventDefinition
from SpiffWorkflow.bpmn.util.event import BpmnEvent
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from kaitong.process.tests.oracle.drawn import Drawn
from kaitong.process.tests.oracle.plans import Case

PAST = "2000-01-01T00:00:00+00:00"


class Shared(PythonScriptEngine):  # type: ignore[misc]
    """One set of variables for each process; a called process begins with its caller's."""

    def __init__(self, variables: Mapping[str, Any], drawn: Drawn):
        super().__init__()
        self.drawn = drawn
        self.begin_with = dict(variables)
        self.stores: dict[int, dict[str, Any]] = {}

    def of(self, workflow: Any) -> dict[str, Any]:
        if id(workflow) not in self.stores:
            self.stores[id(workflow)] = self._initial(workflow)
        return self.stores[id(workflow)]

    def _initial(self, workflow: Any) -> dict[str, Any]:
        parent = workflow.parent_workflow
        if parent is None:
            return dict(self.begin_with)
        call = workflow.top_workflow.get_task_from_id(workflow.parent_task_id).task_spec.name
        if call not in self.drawn.calls:  # a sub-process: the variables around it
            return self.of(parent)
        return {name: self.of(parent)[name] for name in self.drawn.calls[call].takes}

    def evaluate(self, task: Any, expression: str, external_context: Any = None) -> Any:
        return self.environment.evaluate(expression, dict(self.of(task.workflow)))

    def execute(self, task: Any, script: str, external_context: Any = None) -> Any:
        return self.environment.execute(script, self.of(task.workflow), {})


class There:
    def __init__(self, case: Case):
        self.drawn = Drawn("p", spiff=True).whole(case.plan)
        parser = BpmnParser()
        for key, drawing in self.drawn.files.items():
            parser.add_bpmn_io(BytesIO(drawing.text().encode()), filename=f"{key}.bpmn")
        self.engine = Shared(case.variables, self.drawn)
        self.trace: list[str] = []
        self.failed: set[int] = set()
        self.broken = False  # an exception of its own stopped it
        specs = parser.get_subprocess_specs("p")
        top = parser.get_spec("p")
        for spec in {id(s): s for s in (top, *specs.values())}.values():
            for task_spec in spec.task_specs.values():
                task_spec.completed_event.connect(self._completed)
        self.workflow = BpmnWorkflow(top, specs, script_engine=self.engine)
        with self.watched():
            self.settle()

    @contextmanager
    def watched(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            if "/SpiffWorkflow/" not in frames[-1].filename:
                raise
            self.broken = True

    def _completed(self, workflow: Any, task: Any) -> None:
        self.engine.of(task.workflow)  # the variables as they are when a process begins
        name = _name(task)
        if name not in self.drawn.nodes:
            return
        self.trace.append(name)
        if name.startswith("error"):
            self._failed(task.workflow)
        inner = workflow.top_workflow.get_subprocess(task)
        called = inner is not None and name in self.drawn.calls
        if called and id(inner) not in self.failed:  # it gives its variables back
            mine, its = self.engine.of(workflow), self.engine.of(inner)
            mine.update({n: its[n] for n in self.drawn.calls[name].gives})

    def _failed(self, workflow: Any) -> None:
        """A process that ends in an error gives nothing back, nor do those it passes through."""
        while workflow.parent_workflow is not None:
            self.failed.add(id(workflow))
            call = workflow.top_workflow.get_task_from_id(workflow.parent_task_id)
            if call.task_spec.name in self.drawn.failing:
                return
            workflow = workflow.parent_workflow

    def settle(self) -> None:
        self.workflow.do_engine_steps()
        self.workflow.refresh_timers()
        self.workflow.do_engine_steps()
        while self._look():
            self.workflow.do_engine_steps()

    def _look(self) -> bool:
        """It asks a condition when its event is reached, and again when somebody says so."""
        before = len(self.trace)
        for task in list(self.workflow.event_manager.tasks.values()):
            if isinstance(task.task_spec.event_definition, ConditionalEventDefinition):
                task.task_spec._update(task)
        self.workflow.do_engine_steps()
        return len(self.trace) > before

    def offers(self) -> list[tuple[str, str]]:
        return sorted(offer for offer, _task in self._open())

    def _open(self) -> list[tuple[tuple[str, str], Any]]:
        found: list[tuple[tuple[str, str], Any]] = []
        if self.workflow.completed:
            return found
        for task in self.workflow.get_tasks(state=TaskState.READY, manual=True):
            found.append((("do", _name(task)), task))
        for task in self.workflow.event_manager.tasks.values():
            if task.state != TaskState.WAITING:
                continue
            event = task.task_spec.event_definition
            if isinstance(event, MultipleEventDefinition):
                arms = zip(task.task_spec.outputs, event.event_definitions, strict=True)
                found += [(_offer(arm.name, of), task) for arm, of in arms if _offer(arm.name, of)]
            elif _offer(task.task_spec.name, event):
                found.append((_offer(task.task_spec.name, event), task))
        return found

    def play(self, offer: tuple[str, str], answer: Mapping[str, Any]) -> None:
        task = next(task for other, task in self._open() if other == offer)
        if offer[0] != "fire":
            self.engine.of(task.workflow).update(answer)
        with self.watched():
            self._happens(offer, task)
            self.settle()

    def _happens(self, offer: tuple[str, str], task: Any) -> None:
        what, node = offer
        if what == "do":
            task.run()
        elif what == "tell":
            self.workflow.catch(BpmnEvent(MessageEventDefinition(f"m-{node}"), {}))
        else:
            task._set_internal_data(event_value=PAST)
            self.workflow.refresh_timers()

    @property
    def ended(self) -> bool:
        return bool(self.workflow.completed)

    @property
    def variables(self) -> dict[str, Any]:
        return self.engine.of(self.workflow)


def _name(task: Any) -> str:
    """Each of several instances is called like the task."""
    name: str = task.task_spec.name
    return name.removesuffix(" [child]")


def _offer(name: str, event: Any) -> Any:
    if isinstance(event, MessageEventDefinition):
        return "tell", name
    if isinstance(event, DurationTimerEventDefinition):
        return "fire", name
    return None
