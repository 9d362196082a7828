"""The processes and decisions of a playbook, and what their steps name: posts, forms, actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kaitong.ordering import counter_rules, step_rules
from kaitong.playbooks import calls, withdrawal
from kaitong.playbooks.forms import Form
from kaitong.playbooks.reading.folder import MAIN, Folder
from kaitong.playbooks.schema import BUDGET_KINDS
from kaitong.process import picking
from kaitong.process.bpmn import parse
from kaitong.process.dmn import Decisions
from kaitong.process.dmn import parse as parse_decisions
from kaitong.process.model import Model, Node, NodeKind, RefusedProcess


@dataclass(frozen=True)
class Blocks:
    """Names that the building blocks of this Kaitong offer (checks: None leaves them unjudged)."""

    actions: frozenset[str]
    writes: frozenset[str]
    checks: frozenset[str] | None


class Processes:
    """Reads processes of one folder, with its tables, its forms and the names they may use."""

    def __init__(
        self,
        folder: Folder,
        blocks: Blocks,
        tables: Mapping[str, Decisions] | None,
        forms: Mapping[str, Form],
        content: Mapping[str, Any],
    ) -> None:
        self.folder, self.blocks, self.tables, self.forms = folder, blocks, tables, forms
        self.content = content
        self.sources: dict[str, bytes] = {}  # every file that could be read, by key

    def read(self, files: Mapping[str, tuple[str, list[str]]]) -> dict[str, Model]:
        """The processes of these files (with their places in playbook.yaml)."""
        models: dict[str, Model] = {}
        callable_ = set(self.content.get("called", {}))
        for key, (file, where) in files.items():
            path = self.folder.place(file)
            if not path.is_file():
                at = self.folder.line(MAIN, where)
                what = f"No file {file}."
                self.folder.fault(MAIN, at, ".".join(where[:2]), what, "Add it, or correct.")
                continue
            data = path.read_bytes()
            try:
                models[key] = parse(data, file, self.tables, callable_)
                self.sources[key] = data
            except RefusedProcess as refused:
                self.folder.faults += refused.faults
                continue
            self._names(file, data, models[key])
            if not models[key].start and key not in callable_:
                self.folder.fault(
                    file,
                    1,
                    models[key].key,
                    "Only a message, a signal or a timer begins the process.",
                    "Draw a start event without a definition: it begins for an order.",
                )
        return models

    def called(self) -> dict[str, Model]:
        """Called processes in the order in which they can be pinned."""
        models = self.read(calls.files(self.content))
        order = calls.in_order(models)
        spot = self.folder.spot
        if isinstance(order, str):
            what = f"{order} calls itself, perhaps by way of others."
            spot(["called", order], what, "Draw a loop instead.")
            return models
        for key in sorted(
            set(self.content.get("called", {})) & set(withdrawal.files(self.content))
        ):
            what = f"{key} is the key of another process, too."
            spot(["called", key], what, "Give it another key.")
        for key in order:  # one that begins by itself stands here too, and cannot be called
            if not models[key].start and any(key in calls.calls(m) for m in models.values()):
                what = f"{key} begins by a message, a signal or a timer only, and is called."
                spot(["called", key], what, "Draw a start event without a definition beside it.")
        return {key: models[key] for key in order}

    def _names(self, file: str, data: bytes, model: Model) -> None:
        """Everything the lanes and steps of a process name is there."""
        text = data.decode("utf-8", "replace").splitlines()

        def at(node_id: str) -> int:
            return next((n for n, line in enumerate(text, 1) if f'id="{node_id}"' in line), 1)

        for lane in model.lanes:
            if lane.post not in self.content["posts"]:
                what = f"No post {lane.post!r}."
                self.folder.fault(file, at(lane.id), lane.id, what, "Name it under posts:.")
        for node in model.nodes.values():
            for what, remedy in self._node(node, model):
                self.folder.fault(file, at(node.id), node.id, what, remedy)

    def _node(self, node: Node, model: Model) -> list[tuple[str, str]]:
        """What is wrong with the names of one step, and what to do."""
        found: list[tuple[str, str]] = []
        actions = f"Known: {', '.join(sorted(self.blocks.actions))}."
        if node.action and node.action not in self.blocks.actions:
            found.append((f"No action {node.action!r}.", actions))
        found += step_rules.faults(node, self.content["posts"])
        pick = node.extension.get("pick", "")
        if pick and not picking.well_formed(pick):
            remedy = "Filters (grid, roster), then least-loaded or round-robin."
            found.append((f"No rule {pick!r} to pick by.", remedy))
        undo = node.extension.get("compensate", "")
        if undo and undo not in self.blocks.actions:
            found.append((f"No action {undo!r}.", actions))
        if node.kind is NodeKind.USER and node.form in self.forms:
            for name in counter_rules.only_at_the_counter(self.forms[node.form].fields):
                what = f"{name} of {node.form} is written by a counter's form only."
                found.append((what, "Use another form for this task."))
        if node.kind is NodeKind.USER and node.form not in self.forms:
            found.append((f"No form {node.form!r}.", "Add it to forms/."))
        check, checks = node.extension.get("check", ""), self.blocks.checks
        if check and checks is not None and check not in checks:
            found.append((f"No check {check!r}.", f"Known: {', '.join(sorted(checks))}."))
        budget = node.extension.get("budget", "")
        parameters = self.content.get("parameters", {})
        if budget and parameters.get(budget, {}).get("kind") not in BUDGET_KINDS:
            remedy = "Name a parameter of kind working-days, working-hours, elapsed or calendar."
            found.append((f"{budget!r} is not a time budget.", remedy))
        for other in node.extension.get("four-eyes-with", "").split():
            if other not in model.nodes:
                found.append((f"No node {other!r}.", "Correct four-eyes-with."))
        return found


def decisions(folder: Folder) -> tuple[dict[str, Decisions] | None, dict[str, bytes]]:
    """The DMN files by path; no tables where one was refused, so that nobody misses it."""
    tables: dict[str, Decisions] = {}
    sources: dict[str, bytes] = {}
    refused = False
    for file, path in folder.files("decisions/*.dmn"):
        sources[file] = path.read_bytes()
        try:
            tables[file] = parse_decisions(sources[file], file)
        except RefusedProcess as error:
            refused = True
            folder.faults += error.faults
    return None if refused else tables, sources


def alone(folder: Folder, tables: Mapping[str, Decisions] | None) -> None:
    """Faults of the process files themselves, whatever playbook.yaml says of them."""
    for file, path in folder.files("processes/*.bpmn"):
        try:
            parse(path.read_bytes(), file, tables)
        except RefusedProcess as refused:
            folder.faults += refused.faults


def scenarios(
    folder: Folder, models: Mapping[str, Model], called: Mapping[str, Model], declared: set[str]
) -> dict[str, list[dict[str, Any]]]:
    """`scenarios/KEY.yaml` by the process it plays; each step it does is one of a process."""
    found = {}
    for file, path in folder.files("scenarios/*.yaml"):
        content = folder.yaml(file)
        if content is None:
            continue
        model = models.get(path.stem)
        if model is None and (path.stem in declared or not path.is_relative_to(folder.root)):
            continue  # its process was refused: that is the fault to mend; or is another product's
        if model is None:
            folder.fault(file, 1, path.stem, "No process of that name.", "Rename the file.")
            continue
        every = (model, *called.values())
        for number, scenario in enumerate(content):
            for step in scenario.get("when", []):
                node = step.get("does")
                if node and not any(node in one.nodes for one in every):
                    at = folder.line(file, [number, "when"])
                    what = "No such step in the process."
                    folder.fault(file, at, str(node), what, "Use the id of a task.")
        found[path.stem] = content
    return found
