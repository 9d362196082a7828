"""What Kaitong is measured beside: a bare token table, and SpiffWorkflow kept in PostgreSQL.

The bare table is the same idea with everything left out: no lock but a version, no posts, no
budgets, no forms, no commands, one process written in Python. It is what a step must at least cost
in this language on this database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from kaitong.bench import process_order
from kaitong.bench.process_order import ANSWERS, DATA
from kaitong.core.ids import uuid7

BARE_SCHEMA = """
create table if not exists bare_process (id uuid primary key, name text not null,
 state text not null, variables jsonb not null, version int not null default 0,
 created_at timestamptz not null default now(), updated_at timestamptz not null default now());
create table if not exists bare_token (id uuid primary key, process_id uuid not null
 references bare_process on delete cascade, node text not null,
 created_at timestamptz not null default now());
create index if not exists bare_token_process on bare_token (process_id);
create table if not exists bare_task (id uuid primary key, process_id uuid not null
 references bare_process on delete cascade, node text not null, lane text not null,
 status text not null, due_at timestamptz, created_at timestamptz not null default now(),
 done_at timestamptz, done_by text);
create index if not exists bare_task_process on bare_task (process_id);
create index if not exists bare_task_open on bare_task (lane, due_at) where status = 'open';
create table if not exists bare_history (id bigserial primary key, process_id uuid not null,
 node text not null, kind text not null, at timestamptz not null default now(), actor text,
 data jsonb);
create index if not exists bare_history_process on bare_history (process_id);
create table if not exists spiff_state (id uuid primary key, version int not null,
 state text not null);
"""
_READ = """select p.id, p.variables, p.version, t.node,
 array(select node from bare_token k where k.process_id = p.id)
 from bare_task t join bare_process p on p.id = t.process_id
 where t.id = %s and t.status = 'open'"""
_ROWS = """, tokens as (insert into bare_token (id, process_id, node) select u.i, p.id, u.n
 from p, unnest(%s::uuid[], %s::text[]) u (i, n)),
 tasks as (insert into bare_task (id, process_id, node, lane, status, due_at)
 select u.i, p.id, u.n, u.l, 'open', u.d
 from p, unnest(%s::uuid[], %s::text[], %s::text[], %s::timestamptz[]) u (i, n, l, d)),
 lines as (insert into bare_history (process_id, node, kind, actor, data)
 select p.id, u.n, u.k, 'u1', u.d from p, unnest(%s::text[], %s::text[], %s::jsonb[]) u (n, k, d))
 select count(*) from p"""
_BEGIN = f"""with p as (insert into bare_process (id, name, state, variables)
 values (%s, 'broadband', 'running', %s) returning id){_ROWS}"""
_STEP = f"""with p as (update bare_process set variables = %s, version = version + 1, state = %s,
 updated_at = now() where id = %s and version = %s returning id),
 task as (update bare_task set status = 'done', done_at = now(), done_by = 'u1'
 where id = %s and status = 'open' and exists (select from p)),
 gone as (delete from bare_token using p where process_id = p.id and node = any(%s)){_ROWS}"""

# what a node is, what it does, where it leads
_Node = tuple[str, Any, list[str]]


def _made(text: str, suffix: Callable[[Any], Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda v: {text: suffix(v)}


BARE: dict[str, _Node] = {
    "start": ("pass", None, ["validate"]),
    "validate": ("auto", _made("valid", lambda v: v["speed"] > 10), ["feasibility"]),
    "feasibility": ("human", None, ["g_feas"]),
    "g_feas": ("choice", lambda v: "reserve" if v["feasible"] else "end_rej", []),
    "reserve": ("auto", _made("port", lambda v: f"OLT-1/0/{v['speed']}"), ["split"]),
    "split": ("pass", None, ["appointment", "olt"]),
    "appointment": ("human", None, ["install"]),
    "install": ("human", timedelta(days=2), ["join"]),
    "olt": ("auto", _made("vlan", lambda v: 100 + v["speed"] % 7), ["noccheck"]),
    "noccheck": ("human", timedelta(days=1), ["join"]),
    "join": ("join", 2, ["linetest"]),
    "linetest": ("auto", _made("test_ok", lambda v: True), ["g_test"]),
    "g_test": ("choice", lambda v: "accept" if v["test_ok"] else "end_fail", []),
    "accept": ("human", None, ["bill"]),
    "bill": ("auto", _made("account", lambda v: f"ACC{v['speed']}"), ["notify"]),
    "notify": ("auto", _made("notified", lambda v: True), ["end"]),
    "end": ("end", None, []),
    "end_rej": ("end", None, []),
    "end_fail": ("end", None, []),
}
_Line = tuple[str, str, Any]


def _advance(
    variables: dict[str, Any], tokens: list[str], nodes: list[str]
) -> tuple[list[str], list[_Line], list[str], list[str]]:
    """New work, history, tokens added, tokens gone. `tokens` is changed to what is there after."""
    waiting, work, lines, added, gone = list(nodes), [], [], [], []
    while waiting:
        name = waiting.pop()
        kind, does, following = BARE[name]
        if kind == "human":
            work.append(name)
            added.append(name)
            tokens.append(name)
            continue
        if kind == "auto":
            values = does(variables)
            variables.update(values)
            lines.append((name, "auto", values))
        elif kind == "choice":
            following = [does(variables)]
        elif kind == "join":
            if tokens.count(name) < does - 1:
                added.append(name)
                tokens.append(name)
                continue
            tokens[:] = [token for token in tokens if token != name]
            gone.append(name)
        elif kind == "end":
            lines.append((name, "end", None))
        waiting += following
    return work, lines, added, gone


class Bare:
    """Orders on the bare table. One statement reads, one writes, each its own transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def order(self) -> Iterator[None]:
        """Carry one order to its end; yields after each transaction."""
        process_id, variables = uuid7(), dict(DATA)
        done = _advance(variables, [], ["start"])
        tasks = self._tasks(done[0])
        self._write(_BEGIN, [process_id, json.dumps(variables)], done, tasks)
        yield
        while tasks:
            task_id, node = tasks.pop(0)
            tasks += self._complete(task_id, ANSWERS[node])
            yield

    def _complete(self, task_id: UUID, answers: Any) -> list[tuple[UUID, str]]:
        read = self.connection.execute(_READ, (task_id,), prepare=True).fetchone()
        assert read is not None
        process_id, variables, version, node, tokens = read
        tokens.remove(node)
        variables.update(answers)
        work, lines, added, gone = _advance(variables, tokens, BARE[node][2])
        lines.insert(0, (node, "human", dict(answers)))
        state = "running" if tokens else "done"
        tasks = self._tasks(work)
        head = [json.dumps(variables), state, process_id, version, task_id, [*gone, node]]
        self._write(_STEP, head, (work, lines, added, gone), tasks)
        return tasks

    def _tasks(self, work: list[str]) -> list[tuple[UUID, str]]:
        return [(uuid7(), node) for node in work]

    def _write(self, text: str, head: list[Any], done: Any, tasks: list[tuple[UUID, str]]) -> None:
        _work, lines, added, _gone = done
        now = datetime.now(UTC)
        params = [
            *head,
            [uuid7() for _token in added],
            added,
            [task[0] for task in tasks],
            [task[1] for task in tasks],
            [process_order.PEOPLE[task[1]] for task in tasks],
            [now + BARE[task[1]][1] if BARE[task[1]][1] else None for task in tasks],
            [line[0] for line in lines],
            [line[1] for line in lines],
            [json.dumps(line[2]) for line in lines],
        ]
        found = self.connection.execute(text, params, prepare=True).fetchone()
        assert found is not None
        assert found[0] == 1, "somebody else wrote this process"


class Spiff:
    """The same order in SpiffWorkflow: the specification parsed once and shared, the state of an
    instance serialized into PostgreSQL in each transaction, under its row's lock."""

    def __init__(self, connection: psycopg.Connection[Any], file: str) -> None:
        from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
        from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine
        from SpiffWorkflow.bpmn.serializer.config import DEFAULT_CONFIG
        from SpiffWorkflow.bpmn.serializer.default.workflow import BpmnWorkflowConverter
        from SpiffWorkflow.bpmn.serializer.workflow import BpmnWorkflowSerializer
        from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
        from SpiffWorkflow.util.task import TaskState

        parser = BpmnParser()
        parser.add_bpmn_file(file)
        spec = parser.get_spec(process_order.KEY)
        called = parser.get_subprocess_specs(process_order.KEY)

        class Shared(BpmnWorkflowConverter):
            """Leaves the specification out of the state: every process of ours has it parsed."""

            def to_dict(self, workflow: Any) -> dict[str, Any]:
                kept: dict[str, Any] = super(BpmnWorkflowConverter, self).to_dict(workflow)
                kept["subprocesses"] = self.mapping_to_dict(workflow.subprocesses)
                kept["bpmn_events"] = self.registry.convert(workflow.bpmn_events)
                kept["spec"] = spec.name
                return kept

            def from_dict(self, kept: dict[str, Any]) -> Any:
                workflow = self.target_class(spec, called, deserializing=True)
                kept.pop("spec")
                workflow.tasks = self.mapping_from_dict(kept["tasks"], UUID, workflow=workflow)
                workflow.task_tree = workflow.tasks.get(UUID(kept["root"]))
                self.set_default_attributes(workflow, kept)
                self.subprocesses_from_dict(kept["subprocesses"], workflow)
                workflow.bpmn_events = self.registry.restore(kept.pop("bpmn_events", []))
                return workflow

        self.connection = connection
        self._engine = PythonScriptEngine()
        self._new = lambda: BpmnWorkflow(spec, called, script_engine=self._engine)
        self._ready = TaskState.READY
        registry = BpmnWorkflowSerializer.configure({**DEFAULT_CONFIG, BpmnWorkflow: Shared})
        self._serializer = BpmnWorkflowSerializer(registry)

    def order(self) -> Iterator[None]:
        """Carry one order to its end; yields after each transaction."""
        workflow = self._new()
        workflow.task_tree.data.update(json.loads(json.dumps(DATA)))
        workflow.do_engine_steps()
        key = uuid7()
        with self.connection.transaction():
            self.connection.execute(
                "insert into spiff_state values (%s, 1, %s)",
                (key, self._serializer.serialize_json(workflow)),
            )
        yield
        while self._step(key):
            yield

    def _step(self, key: UUID) -> bool:
        """Complete the next task of people; whether there is another."""
        with self.connection.transaction():
            row = self.connection.execute(
                "select state from spiff_state where id = %s for no key update", (key,)
            ).fetchone()
            assert row is not None
            workflow = self._serializer.deserialize_json(row[0])
            workflow.script_engine = self._engine
            task = self._waiting(workflow)[0]
            task.data.update(ANSWERS[task.task_spec.name])
            task.run()
            workflow.do_engine_steps()
            self.connection.execute(
                "update spiff_state set state = %s, version = version + 1 where id = %s",
                (self._serializer.serialize_json(workflow), key),
            )
        return bool(self._waiting(workflow))

    def _waiting(self, workflow: Any) -> list[Any]:
        return [task for task in workflow.get_tasks(state=self._ready) if task.task_spec.manual]
