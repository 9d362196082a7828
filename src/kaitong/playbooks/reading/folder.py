"""A playbook's folder: its files by name, the lines of what they say, and what is wrong in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from kaitong.documents.errors import PaperError
from kaitong.documents.render import read_sources
from kaitong.playbooks import calls, sharing
from kaitong.playbooks.reading import yaml_text
from kaitong.process.model import Fault

MAIN = sharing.MAIN
_KEPT = {".yaml", ".json", ".bpmn", ".dmn", ".typ", ".md", ".svg"}


def fingerprint(folder: Path) -> str:
    """SHA-256 over the paths and bytes of every file that belongs to a playbook, and of what it
    takes from elsewhere in the library: the folder it stands on, parts of papers, processes."""
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
    found = {file: text for file, text in found.items() if not file.startswith(f"{folder.name}/")}
    said = sharing.content(folder)
    shared = sharing.beneath(folder, sharing.named(said))
    for path in shared.rglob("*") if shared else ():
        if path.is_file() and path.suffix in _KEPT:
            name = f"{sharing.named(said)}/{path.relative_to(shared).as_posix()}"
            found[name] = path.read_text(encoding="utf-8", errors="replace")
    for file in calls.shared(said):
        path = sharing.in_library(folder, file)
        if path.is_file():  # the check names it where it is not
            found[file.lstrip("/")] = path.read_text(encoding="utf-8", errors="replace")
    return sorted(found.items())


class Folder:
    """The files of a playbook as they are read, and every fault that was found so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.shared = sharing.beneath(root, sharing.named(sharing.content(root)))
        self.faults: list[Fault] = []
        self._lines: dict[str, dict[tuple[str, ...], int]] = {}

    def fault(self, file: str, at: int, element: str, what: str, remedy: str) -> None:
        self.faults.append(Fault(file, at, element, what, remedy))

    def spot(self, path: Iterable[Any], what: str, remedy: str) -> None:
        """A fault of playbook.yaml, at the line of what stands under this path."""
        path = list(path)
        self.fault(MAIN, self.line(MAIN, path), ".".join(map(str, path)), what, remedy)

    def line(self, file: str, path: Iterable[Any]) -> int:
        """The line of a key or element, else of the nearest thing around it."""
        parts = tuple(str(part) for part in path)
        known = self._lines.get(file, {})
        while parts and parts not in known:
            parts = parts[:-1]
        return known.get(parts, 1)

    def _roots(self) -> tuple[Path, ...]:
        """What it stands on first: its own files stand over those."""
        return (self.root,) if self.shared is None else (self.shared, self.root)

    def place(self, file: str) -> Path:
        """Where a file stands: the playbook's own, else the shared one; `/…` is the library's."""
        if file.startswith("/"):
            return sharing.in_library(self.root, file)
        for root in reversed(self._roots()):
            found = (root / file).resolve()
            if found.is_file() and found.is_relative_to(root.resolve()):
                return found
        return self.root / sharing.OUTSIDE

    def names(self) -> set[str]:
        """Files of the folder and of what it stands on, by their paths in it."""
        return {name for name, _path in self.files("**/*")}

    def files(self, pattern: str) -> list[tuple[str, Path]]:
        """Name in the folder and place of each file of a pattern, in a fixed order."""
        found = {
            path.relative_to(root).as_posix(): path
            for root in self._roots()
            for path in root.glob(pattern)
            if path.is_file()
        }
        return sorted(found.items())

    def yaml(self, file: str, *, needed: bool = True) -> Any:
        own = self.root / file
        try:
            text = (own if file == MAIN else self.place(file)).read_text(encoding="utf-8")
        except FileNotFoundError:
            if needed:
                self.fault(file, 1, "", "The file is missing.", "Add it to the playbook.")
            return None
        except UnicodeDecodeError as error:
            self.fault(file, 1, "", f"Not UTF-8 ({error.reason}).", "Save it as UTF-8.")
            return None
        try:
            root = yaml_text.composed(text)
            self._lines[file] = dict(yaml_text.positions(root))
            for at, key in yaml_text.twice(root):
                what = f"{key!r} is there twice: only the second would count."
                self.fault(file, at, key, what, "Give one of them its own key, or join them.")
            return json.loads(json.dumps(yaml_text.constructed(root), default=str))
        except yaml_text.MarkedYAMLError as error:
            mark = error.problem_mark
            at = mark.line + 1 if mark else 1
            self.fault(file, at, "", f"Not valid YAML: {error.problem}.", "Correct the line.")
        except yaml_text.YAMLError as error:
            self.fault(file, 1, "", f"Not valid YAML: {error}.", "Correct the file.")
        return None

    def words(self, file: str) -> dict[str, str]:
        """A mapping that the shared folder and the playbook both have: its own words last."""
        shared: Any = {}
        if self.shared is not None and (self.shared / file).is_file():
            try:
                shared = yaml_text.values((self.shared / file).read_text(encoding="utf-8"))
            except (ValueError, yaml_text.YAMLError) as error:
                self.fault(f"/{file}", 1, "", f"Not valid YAML: {error}.", "Correct the file.")
        own = self.yaml(file, needed=self.shared is None)
        return {**(shared or {}), **(own or {})}

    def json(self, file: str) -> Any:
        try:
            return json.loads(self.place(file).read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            what = f"Not valid JSON: {error.msg}."
            self.fault(file, error.lineno, "", what, "Correct the line.")
        except UnicodeDecodeError as error:
            self.fault(file, 1, "", f"Not UTF-8 ({error.reason}).", "Save it as UTF-8.")
        return None

    def schema(self, file: str, schema: Mapping[str, Any], value: Any) -> None:
        """Every place where a value is not as its JSON Schema has it."""
        for error in Draft202012Validator(schema).iter_errors(value):
            path = [*error.path]
            if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
                known = error.schema.get("properties", {})
                path += [key for key in error.instance if key not in known][:1]
            where = ".".join(str(part) for part in path) or "(file)"
            remedy = "See library/playbook.schema.json."
            self.fault(file, self.line(file, path), where, f"{error.message}.", remedy)
