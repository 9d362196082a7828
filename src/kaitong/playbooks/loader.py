"""Read a playbook's folder, or refuse it with every fault: file, line, element, what, remedy."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from kaitong.assurance import schema as assurance
from kaitong.catalog.pricing import unmatched
from kaitong.documents.choices import AttachmentKind
from kaitong.documents.errors import NumberingError, PaperError
from kaitong.documents.numbering import parse_pattern
from kaitong.documents.render import check_papers, read_sources, render
from kaitong.fieldwork import schema as onsite
from kaitong.hall import schema as hall
from kaitong.ordering import counter_rules, step_rules
from kaitong.playbooks import bundles, calls, withdrawal
from kaitong.playbooks.clocks import clock_faults
from kaitong.playbooks.errors import RefusedPlaybook
from kaitong.playbooks.forms import ATTACHMENT, PHOTO, UNIQUE, Form
from kaitong.playbooks.model import PHOTO_PURPOSE, Playbook
from kaitong.playbooks.money import money_faults
from kaitong.playbooks.notices import notice_faults, notice_texts
from kaitong.playbooks.schema import BUDGET_KINDS, FORM, PLAYBOOK
from kaitong.process import picking
from kaitong.process.bpmn import parse
from kaitong.process.dmn import Decisions
from kaitong.process.dmn import parse as parse_decisions
from kaitong.process.model import Fault, Model, NodeKind, RefusedProcess
from kaitong.worktime.errors import BudgetError
from kaitong.worktime.rules import parse_budget

# libyaml reads ten times as fast, where PyYAML has it; nodes, values and marks are alike.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):
    """YAML as 1.2 has it: only true and false are truth values, `on` and `no` are words."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), ["t", "f"])

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_KEPT = {".yaml", ".json", ".bpmn", ".dmn", ".typ", ".md", ".svg"}


# Versions whose papers made their sheets in this process: that takes a second and cannot change.
_sheets_made: set[str] = set()


def load(
    folder: Path,
    *,
    actions: frozenset[str],
    writes: frozenset[str],
    checks: frozenset[str] | None = None,
    sheets: bool = True,
) -> Playbook:
    """The checked playbook of a folder.

    `actions`, `writes` and `checks` are the names that the building blocks of this Kaitong offer
    (checks: None leaves them unjudged). Without `sheets` its papers are not tried: this version's
    were. Raises RefusedPlaybook with all faults at once.
    """
    return _Reader(folder.resolve(), actions, writes, checks, sheets).read()


def fingerprint(folder: Path) -> str:
    """SHA-256 over the paths and bytes of every file that belongs to a playbook, and of what it
    takes from elsewhere in the library: parts of papers, called processes."""
    folder = folder.resolve()
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in _KEPT):
        total.update(str(path.relative_to(folder)).encode() + b"\0")
        total.update(path.read_bytes() + b"\0")
    for file, text in _imported(folder):
        total.update(f"/{file}".encode() + b"\0")
        total.update(text.encode() + b"\0")
    return total.hexdigest()


def _imported(folder: Path) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for path in (folder / "papers").glob("*.typ"):
        try:
            found |= dict(read_sources(f"{folder.name}/papers/{path.name}", folder.parent).files)
        except PaperError:
            continue  # the check names it
    found = {file: text for file, text in found.items() if not _own(folder, file)}
    for file in calls.shared(_content(folder)):
        path = calls.place(folder, file)
        if path.is_file():  # the check names it where it is not
            found[file.lstrip("/")] = path.read_text(encoding="utf-8", errors="replace")
    return sorted(found.items())


def _content(folder: Path) -> Any:
    try:
        text = (folder / "playbook.yaml").read_text(encoding="utf-8")
        return _read(text)
    except (OSError, ValueError, yaml.YAMLError):
        return None  # the check names it


@lru_cache(maxsize=8)
def _read(text: str) -> Any:
    """A YAML text as values; nobody changes what is answered."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a SafeLoader


def _constructed(root: Any) -> Any:
    """The values of a composed document, without reading its text again."""
    if root is None:
        return None
    loader = _Loader("")
    try:
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _own(folder: Path, file: str) -> bool:
    return file.startswith(f"{folder.name}/")


class _Reader:
    def __init__(
        self,
        folder: Path,
        actions: frozenset[str],
        writes: frozenset[str],
        checks: frozenset[str] | None,
        sheets: bool,
    ) -> None:
        self.folder, self.sheets = folder, sheets
        self.actions, self.writes, self.checks = actions, writes, checks
        self.faults: list[Fault] = []
        self.lines: dict[str, dict[tuple[str, ...], int]] = {}
        self.tables: dict[str, Decisions] | None = None

    def read(self) -> Playbook:
        content = self._yaml("playbook.yaml")
        if content is not None:
            self._schema("playbook.yaml", PLAYBOOK, content)
        broken = content is None or bool(self.faults)
        forms = self._forms()
        self.fields = {name for form in forms.values() for name in form.fields}
        self.tables, dmn = self._decisions()
        if content is None or broken:
            # References are only followed from a well-formed playbook.yaml; what stands beside it
            # is read all the same, so that everything wrong is said at once.
            self._processes_alone()
            raise RefusedPlaybook(self.faults)
        self._photos(content, forms)
        bpmn: dict[str, bytes] = {}
        called = self._called(content, self._processes(calls.files(content), content, forms, bpmn))
        models = self._processes(withdrawal.files(content), content, forms, bpmn)
        every = {**called, **models}
        self._references(content, models, forms)
        self._papers(content)
        english = self._english(content, forms, every)
        for where, what, remedy in assurance.faults(content, self._names(), english):
            at = self._line("playbook.yaml", where)
            self._fault("playbook.yaml", at, ".".join(map(str, where)), what, remedy)
        for where, what, remedy in hall.faults(content, self._names()):
            at = self._line("playbook.yaml", where)
            self._fault("playbook.yaml", at, ".".join(map(str, where)), what, remedy)
        self.faults += notice_faults(
            content, every, english, lambda path: self._line("playbook.yaml", path)
        )
        self.faults += money_faults(content, lambda path: self._line("playbook.yaml", path))
        self.faults += clock_faults(
            content,
            every,
            lambda path: self._line("playbook.yaml", path),
            whole=set(every) >= {*calls.files(content), *withdrawal.files(content)},
        )
        scenarios = self._scenarios(models, called, set(withdrawal.files(content)))
        if self.faults:
            raise RefusedPlaybook(self.faults)
        return Playbook(
            key=content["key"],
            title=content["title"],
            hash=fingerprint(self.folder),
            content=content,
            forms=forms,
            processes=models,
            called=called,
            bpmn=bpmn,
            decisions=dmn,
            english=english,
            scenarios=scenarios,
        )

    def _names(self) -> set[str]:
        """Files of the folder, by their paths in it."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix() for path in found}

    # ---- files ----------------------------------------------------------------------------------

    def _fault(self, file: str, at: int, element: str, what: str, remedy: str) -> None:
        self.faults.append(Fault(file, at, element, what, remedy))

    def _yaml(self, file: str, *, needed: bool = True) -> Any:
        path = self.folder / file
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            if needed:
                self._fault(file, 1, "", "The file is missing.", "Add it to the playbook.")
            return None
        except UnicodeDecodeError as error:
            self._fault(file, 1, "", f"Not UTF-8 ({error.reason}).", "Save it as UTF-8.")
            return None
        try:
            root = yaml.compose(text, Loader=_Loader)
            self.lines[file] = dict(_positions(root))
            for at, key in _twice(root):
                what = f"{key!r} is there twice: only the second would count."
                self._fault(file, at, key, what, "Give one of them its own key, or join them.")
            return json.loads(json.dumps(_constructed(root), default=str))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            at = mark.line + 1 if mark else 1
            self._fault(file, at, "", f"Not valid YAML: {error.problem}.", "Correct the line.")
        except yaml.YAMLError as error:
            self._fault(file, 1, "", f"Not valid YAML: {error}.", "Correct the file.")
        return None

    def _json(self, file: str) -> Any:
        try:
            return json.loads((self.folder / file).read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            self._fault(
                file, error.lineno, "", f"Not valid JSON: {error.msg}.", "Correct the line."
            )
        except UnicodeDecodeError as error:
            self._fault(file, 1, "", f"Not UTF-8 ({error.reason}).", "Save it as UTF-8.")
        return None

    def _line(self, file: str, path: Iterable[Any]) -> int:
        parts = tuple(str(part) for part in path)
        known = self.lines.get(file, {})
        while parts and parts not in known:
            parts = parts[:-1]
        return known.get(parts, 1)

    def _schema(self, file: str, schema: Mapping[str, Any], value: Any) -> None:
        for error in Draft202012Validator(schema).iter_errors(value):
            path = [*error.path]
            if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
                known = error.schema.get("properties", {})
                path += [key for key in error.instance if key not in known][:1]
            where = ".".join(str(part) for part in path) or "(file)"
            self._fault(
                file,
                self._line(file, path),
                where,
                f"{error.message}.",
                "See library/playbook.schema.json.",
            )

    # ---- parts ----------------------------------------------------------------------------------

    def _forms(self) -> dict[str, Form]:
        forms = {}
        for path in sorted((self.folder / "forms").glob("*.json")):
            file = str(path.relative_to(self.folder))
            content = self._json(file)
            if content is None:
                continue
            before = len(self.faults)
            self._schema(file, FORM, content)
            if len(self.faults) > before:
                continue
            form = Form(file, content)
            self._form(file, form)
            forms[file] = form
        return forms

    def _form(self, file: str, form: Form) -> None:
        for part in ("required",):
            for name in form.content.get(part, []):
                if name not in form.fields:
                    self._fault(
                        file, 1, name, "Required, but not a property.", "Correct `required`."
                    )
        for part in ("order", "labels", "widgets", "groups", "units", "help", "only", "when"):
            for name in form.ui.get(part, ()):
                if name not in form.fields:
                    self._fault(
                        file, 1, f"ui.{part}.{name}", "No such property.", "Correct the name."
                    )
        for name, field in form.fields.items():
            target = field.get("writes")
            if target and target not in self.writes:
                known = ", ".join(sorted(self.writes))
                self._fault(file, 1, name, f"Nothing writes {target!r}.", f"Known: {known}.")
            if (field.get("format") == ATTACHMENT) != (PHOTO in field):
                self._fault(
                    file,
                    1,
                    name,
                    "A photo needs both `format: attachment` and `x-photo`.",
                    f"Say what it shows: {', '.join(AttachmentKind.values)}.",
                )
            for value in field.get("enum", []):
                labels = form.ui.get("labels", {}).get(name, {})
                if isinstance(value, str) and str(value) not in labels:
                    self._fault(file, 1, name, f"{value!r} has no label.", "Add it to ui.labels.")
        for number, example in enumerate(form.content["examples"]):
            made = {
                k: v for k, v in example.items() if not (isinstance(v, Mapping) and UNIQUE in v)
            }
            fresh = set(example) - set(made)
            schema = {
                **form.schema,
                "required": [n for n in form.content.get("required", []) if n not in fresh],
            }
            for error in Draft202012Validator(schema).iter_errors(made):
                self._fault(
                    file, 1, f"examples.{number}", f"{error.message}.", "Examples must be valid."
                )

    def _photos(self, content: Mapping[str, Any], forms: Mapping[str, Form]) -> None:
        """Who takes photos says what for: the words are written over every picture."""
        words = content.get("parameters", {}).get(PHOTO_PURPOSE, {}).get("default")
        if isinstance(words, str) and words.strip():
            return
        for file, form in forms.items():
            for name in form.photos:
                self._fault(
                    file,
                    1,
                    name,
                    f"Photos have no words for their watermark ({PHOTO_PURPOSE}).",
                    f"Add parameters.{PHOTO_PURPOSE}, such as 仅用于办理家庭宽带业务.",
                )

    def _decisions(self) -> tuple[dict[str, Decisions] | None, dict[str, bytes]]:
        """The DMN files by path; no tables where one was refused, so that nobody misses it."""
        tables: dict[str, Decisions] = {}
        sources: dict[str, bytes] = {}
        refused = False
        for path in sorted((self.folder / "decisions").glob("*.dmn")):
            file = path.relative_to(self.folder).as_posix()
            sources[file] = path.read_bytes()
            try:
                tables[file] = parse_decisions(sources[file], file)
            except RefusedProcess as error:
                refused = True
                self.faults += error.faults
        return None if refused else tables, sources

    def _processes(
        self,
        files: Mapping[str, tuple[str, list[str]]],
        content: Mapping[str, Any],
        forms: Mapping[str, Form],
        sources: dict[str, bytes],
    ) -> dict[str, Model]:
        """The processes of these files (with their places in playbook.yaml), added to `sources`."""
        models: dict[str, Model] = {}
        callable_ = set(content.get("called", {}))
        for key, (file, where) in files.items():
            path = calls.place(self.folder, file)
            at = self._line("playbook.yaml", where)
            if not path.is_file():
                self._fault(
                    "playbook.yaml",
                    at,
                    ".".join(where[:2]),
                    f"No file {file}.",
                    "Add it, or correct.",
                )
                continue
            data = path.read_bytes()
            try:
                models[key] = parse(data, file, self.tables, callable_)
                sources[key] = data
            except RefusedProcess as refused:
                self.faults += refused.faults
                continue
            self._nodes(file, data, models[key], content, forms)
            if not models[key].start and key not in callable_:
                self._fault(
                    file,
                    1,
                    models[key].key,
                    "Only a message, a signal or a timer begins the process.",
                    "Draw a start event without a definition: it begins for an order.",
                )
        return models

    def _called(self, content: Mapping[str, Any], models: dict[str, Model]) -> dict[str, Model]:
        """Called processes in the order in which they can be pinned."""
        order = calls.in_order(models)
        if isinstance(order, str):
            at = self._line("playbook.yaml", ["called", order])
            what = f"{order} calls itself, perhaps by way of others."
            self._fault("playbook.yaml", at, f"called.{order}", what, "Draw a loop instead.")
            return models
        for key in sorted(set(content.get("called", {})) & set(withdrawal.files(content))):
            at = self._line("playbook.yaml", ["called", key])
            what = f"{key} is the key of another process, too."
            self._fault("playbook.yaml", at, f"called.{key}", what, "Give it another key.")
        for key in order:  # one that begins by itself stands here too, and cannot be called
            if not models[key].start and any(key in calls.calls(m) for m in models.values()):
                at = self._line("playbook.yaml", ["called", key])
                what = f"{key} begins by a message, a signal or a timer only, and is called."
                remedy = "Draw a start event without a definition beside it."
                self._fault("playbook.yaml", at, f"called.{key}", what, remedy)
        return {key: models[key] for key in order}

    def _processes_alone(self) -> None:
        """Faults of the process files themselves, whatever playbook.yaml says of them."""
        for path in sorted((self.folder / "processes").glob("*.bpmn")):
            try:
                parse(path.read_bytes(), str(path.relative_to(self.folder)), self.tables)
            except RefusedProcess as refused:
                self.faults += refused.faults

    def _nodes(
        self,
        file: str,
        data: bytes,
        model: Model,
        content: Mapping[str, Any],
        forms: Mapping[str, Form],
    ) -> None:
        text = data.decode("utf-8", "replace").splitlines()

        def at(node_id: str) -> int:
            return next((n for n, line in enumerate(text, 1) if f'id="{node_id}"' in line), 1)

        parameters = content.get("parameters", {})
        for lane in model.lanes:
            if lane.post not in content["posts"]:
                self._fault(
                    file, at(lane.id), lane.id, f"No post {lane.post!r}.", "Name it under posts:."
                )
        for node in model.nodes.values():
            where = at(node.id)
            if node.action and node.action not in self.actions:
                known = ", ".join(sorted(self.actions))
                self._fault(file, where, node.id, f"No action {node.action!r}.", f"Known: {known}.")
            for what, remedy in step_rules.faults(node, content["posts"]):
                self._fault(file, where, node.id, what, remedy)
            pick = node.extension.get("pick", "")
            if pick and not picking.well_formed(pick):
                remedy = "Filters (grid, roster), then least-loaded or round-robin."
                self._fault(file, where, node.id, f"No rule {pick!r} to pick by.", remedy)
            undo = node.extension.get("compensate", "")
            if undo and undo not in self.actions:
                known = ", ".join(sorted(self.actions))
                self._fault(file, where, node.id, f"No action {undo!r}.", f"Known: {known}.")
            if node.kind is NodeKind.USER and node.form in forms:
                for name in counter_rules.only_at_the_counter(forms[node.form].fields):
                    what = f"{name} of {node.form} is written by a counter's form only."
                    self._fault(file, where, node.id, what, "Use another form for this task.")
            if node.kind is NodeKind.USER and node.form not in forms:
                self._fault(file, where, node.id, f"No form {node.form!r}.", "Add it to forms/.")
            check = node.extension.get("check", "")
            if check and self.checks is not None and check not in self.checks:
                known = ", ".join(sorted(self.checks))
                self._fault(file, where, node.id, f"No check {check!r}.", f"Known: {known}.")
            budget = node.extension.get("budget", "")
            if budget and parameters.get(budget, {}).get("kind") not in BUDGET_KINDS:
                self._fault(
                    file,
                    where,
                    node.id,
                    f"{budget!r} is not a time budget.",
                    "Name a parameter of kind working-days, working-hours, elapsed or calendar.",
                )
            for other in node.extension.get("four-eyes-with", "").split():
                if other not in model.nodes:
                    self._fault(
                        file, where, node.id, f"No node {other!r}.", "Correct four-eyes-with."
                    )

    def _references(
        self,
        content: Mapping[str, Any],
        models: Mapping[str, Model],
        forms: Mapping[str, Form],
    ) -> None:
        file = "playbook.yaml"

        def fault(path: list[Any], what: str, remedy: str) -> None:
            self._fault(file, self._line(file, path), ".".join(map(str, path)), what, remedy)

        for key, rule in content["numbers"].items():
            try:
                parse_pattern(rule["pattern"], rule["restart"])
            except NumberingError as error:
                fault(["numbers", key, "pattern"], str(error.what), str(error.remedy))
        for kind, paper in content.get("papers", {}).items():
            if paper["number"] not in content["numbers"]:
                fault(["papers", kind, "number"], f"No number rule {paper['number']!r}.", "Add it.")
            if paper["post"] not in content["posts"]:
                fault(
                    ["papers", kind, "post"], f"No post {paper['post']!r}.", "Name it under posts:."
                )
            if not (self.folder / paper["file"]).is_file():
                fault(["papers", kind, "file"], f"No file {paper['file']}.", "Add it, or correct.")
        for path, what, remedy in onsite.faults(content, self.fields):
            fault(path, what, remedy)
        parameters = content.get("parameters", {})
        for name, entry in parameters.items():
            if entry["kind"] in BUDGET_KINDS:
                try:
                    parse_budget({"kind": entry["kind"], "amount": entry["default"]})
                except BudgetError as error:
                    fault(["parameters", name, "default"], error.what, error.remedy)
        for key, entry in content["processes"].items():
            path = ["processes", key]
            if entry["service"] not in content["services"]:
                fault([*path, "service"], f"No service {entry['service']!r}.", "Name it.")
            budget = entry.get("budget")
            if budget and parameters.get(budget, {}).get("kind") not in BUDGET_KINDS:
                fault([*path, "budget"], f"No time budget {budget!r}.", "Add the parameter.")
            if entry["number"] not in content["numbers"]:
                fault([*path, "number"], f"No number rule {entry['number']!r}.", "Add it.")
            if "cancel" in entry:
                for place, what, remedy in withdrawal.faults(content, key, models.get(key)):
                    fault([*path, "cancel", *place], what, remedy)
            if "counter" in entry:
                for place, what, remedy in counter_rules.faults(content, entry, forms):
                    fault([*path, "counter", *place], what, remedy)
        for path, what, remedy in counter_rules.selections(content):
            fault(path, what, remedy)
        for position, offer in enumerate(content.get("offerings", [])):
            if offer["service"] not in content["services"]:
                fault(["offerings", position, "service"], f"No service {offer['service']!r}.", "")
            for what, remedy in bundles.faults(content, offer):
                fault(["offerings", position, "with"], what, remedy)
        self._cases(content, fault)
        for key, entry in content["services"].items():
            for need, wanted in entry.get("needs", {}).items():
                for name in (wanted.get("hold"), wanted.get("rule")):
                    if name and name not in parameters:
                        fault(
                            ["services", key, "needs", need], f"No parameter {name!r}.", "Add it."
                        )

    def _cases(
        self, content: Mapping[str, Any], fault: Callable[[list[Any], str, str], None]
    ) -> None:
        """Marketing cases: their plans, the charges they change, their dates."""
        plans = {entry["key"]: entry for entry in content.get("offerings", [])}
        keys = [entry["key"] for part in ("offerings", "cases") for entry in content.get(part, [])]
        for position, case in enumerate(content.get("cases", [])):
            path: list[Any] = ["cases", position]
            if keys.count(case["key"]) > 1:
                fault([*path, "key"], f"{case['key']!r} is there twice.", "Give it its own key.")
            for key in case["offerings"]:
                if key not in plans:
                    fault([*path, "offerings"], f"No offering {key!r}.", "Name one of offerings:.")
                    continue
                for price in unmatched(bundles.charges(plans[key]), case.get("prices", [])):
                    fault(
                        [*path, "prices"],
                        f"{key} has no charge {price['title']!r} at {price['when']!r}.",
                        "Name a charge as the offering does; new ones stand under charges.",
                    )
            days = []
            for name in ("from", "until"):
                try:
                    days.append(date.fromisoformat(case.get("valid", {}).get(name, "2000-01-01")))
                except ValueError:
                    fault([*path, "valid", name], "There is no such day.", "Correct the date.")
            if len(days) == 2 and "until" in case.get("valid", {}) and days[0] > days[1]:
                fault([*path, "valid"], "It ends before it begins.", "Correct the dates.")

    def _papers(self, content: Mapping[str, Any]) -> None:
        """Every template makes a sheet of its samples, also with the texts of this playbook."""
        version = fingerprint(self.folder)
        if not self.sheets or version in _sheets_made:
            return
        before, name = len(self.faults), self.folder.name
        for fault in check_papers(name, self.folder.parent):
            file = fault.field.removeprefix(f"{name}/")
            self._fault(file, 1, Path(file).stem, str(fault.what), str(fault.remedy))
        for kind, paper in content.get("papers", {}).items():
            sample = (self.folder / paper["file"]).with_suffix(".json")
            if not sample.is_file():
                continue
            at = self._line("playbook.yaml", ["papers", kind])
            try:
                data = {**json.loads(sample.read_text(encoding="utf-8")), **_own_texts(paper)}
                render(f"{name}/{paper['file']}", data, self.folder.parent)
            except ValueError:
                pass  # named above
            except PaperError as error:
                self._fault(
                    "playbook.yaml", at, f"papers.{kind}", str(error.what), str(error.remedy)
                )
        if len(self.faults) == before:
            _sheets_made.add(version)

    def _english(
        self, content: Mapping[str, Any], forms: Mapping[str, Form], models: Mapping[str, Model]
    ) -> dict[str, str]:
        english = self._yaml("locale/en.yaml") or {}
        wanted: dict[str, tuple[str, int]] = {}
        told = [*notice_texts(content), *counter_rules.texts(content), *assurance.texts(content)]
        told += hall.texts(content)
        told += [
            ([part, position, "description"], entry.get("description", ""))
            for part in ("offerings", "cases")
            for position, entry in enumerate(content.get(part, []))
        ]
        for path, text in [*_titles(content, ("title",)), *told]:
            wanted.setdefault(text, ("playbook.yaml", self._line("playbook.yaml", path)))
        for file, form in forms.items():
            for text in _form_texts(form):
                wanted.setdefault(text, (file, 1))
        for model in models.values():
            texts = [model.name, *(lane.name for lane in model.lanes)]
            for node in model.nodes.values():
                texts += [node.name, node.documentation]
                texts += [flow.name for flow in node.outgoing]
            for text in texts:
                wanted.setdefault(text, ("processes", 1))
        for file, table in (self.tables or {}).items():
            for text in table.outcomes():
                wanted.setdefault(text, (file, 1))
        for text, (file, line) in wanted.items():
            if text and _CHINESE.search(text) and not english.get(text):
                self._fault(file, line, text[:30], "No English.", "Add it to locale/en.yaml.")
        return {str(k): str(v) for k, v in english.items()}

    def _scenarios(
        self, models: Mapping[str, Model], called: Mapping[str, Model], declared: set[str]
    ) -> dict[str, list[dict[str, Any]]]:
        scenarios = {}
        for path in sorted((self.folder / "scenarios").glob("*.yaml")):
            file = str(path.relative_to(self.folder))
            content = self._yaml(file)
            if content is None:
                continue
            model = models.get(path.stem)
            if model is None and path.stem in declared:
                continue  # its process was refused: that is the fault to mend
            if model is None:
                self._fault(file, 1, path.stem, "No process of that name.", "Rename the file.")
                continue
            for number, scenario in enumerate(content):
                for step in scenario.get("when", []):
                    node = step.get("does")
                    every = (model, *called.values())
                    if node and not any(node in one.nodes for one in every):
                        self._fault(
                            file,
                            self._line(file, [number, "when"]),
                            str(node),
                            "No such step in the process.",
                            "Use the id of a task.",
                        )
            scenarios[path.stem] = content
        return scenarios


def _own_texts(paper: Mapping[str, Any]) -> dict[str, Any]:
    """Texts of an entry of `papers:` as its sheet gets them."""
    return {
        "terms": paper.get("terms", []),
        "limits": paper.get("limits", ""),
        "steps": [{"title": title, "done": False} for title in paper.get("steps", [])],
        "photos": [{"title": title, "taken": False} for title in paper.get("photos", [])],
    }


def _twice(node: Any) -> Iterator[tuple[int, str]]:
    """Keys a mapping has twice with different values, which YAML's readers pass over in silence."""
    if isinstance(node, yaml.MappingNode):
        before: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in before and yaml.serialize(before[name]) != yaml.serialize(value):
                yield key.start_mark.line + 1, name
            before[name] = value
            yield from _twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _twice(value)


def _positions(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    """Line numbers of every key and element of a YAML document."""
    if node is None:
        return
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, str(key.value)), key.start_mark.line + 1
            yield from (
                (p, line)
                for p, line in _positions(value, (*path, str(key.value)))
                if p != (*path, str(key.value))
            )
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _positions(value, (*path, str(number)))


def _titles(
    value: Any, names: tuple[str, ...], path: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in names and isinstance(inner, str):
                yield (*path, key), inner
            else:
                yield from _titles(inner, names, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _titles(inner, names, (*path, number))


def _form_texts(form: Form) -> Iterator[str]:
    yield form.title
    for field in form.fields.values():
        yield str(field["title"])
    for part in ("groups", "help", "units"):
        yield from form.ui.get(part, {}).values()
    for labels in form.ui.get("labels", {}).values():
        yield from labels.values()
