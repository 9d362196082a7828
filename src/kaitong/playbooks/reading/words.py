"""The words of a playbook that people read: each Chinese one has its English (locale/en.yaml)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kaitong.assurance import schema as assurance
from kaitong.hall import schema as hall
from kaitong.ordering import counter_rules
from kaitong.playbooks.forms import Form
from kaitong.playbooks.notices import notice_texts
from kaitong.playbooks.reading.folder import MAIN, Folder
from kaitong.process.dmn import Decisions
from kaitong.process.model import Model
from kaitong.surveys import schema as surveys

_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def english(
    folder: Folder,
    content: Mapping[str, Any],
    forms: Mapping[str, Form],
    models: Iterable[Model],
    tables: Mapping[str, Decisions],
) -> dict[str, str]:
    """The English of the playbook's words; a fault for each that has none."""
    given = folder.words("locale/en.yaml")
    wanted: dict[str, tuple[str, int]] = {}
    for path, text in _of_content(content):
        wanted.setdefault(text, (MAIN, folder.line(MAIN, path)))
    for file, form in forms.items():
        for text in _of_form(form):
            wanted.setdefault(text, (file, 1))
    for model in models:
        for text in _of_process(model):
            wanted.setdefault(text, ("processes", 1))
    for file, table in tables.items():
        for text in table.outcomes():
            wanted.setdefault(text, (file, 1))
    for text, (file, line) in wanted.items():
        if text and _CHINESE.search(text) and not given.get(text):
            folder.fault(file, line, text[:30], "No English.", "Add it to locale/en.yaml.")
    return {str(k): str(v) for k, v in given.items()}


def _of_content(content: Mapping[str, Any]) -> Iterator[tuple[Iterable[Any], str]]:
    yield from _titles(content)
    yield from notice_texts(content)
    yield from counter_rules.texts(content)
    yield from assurance.texts(content)
    yield from hall.texts(content)
    yield from surveys.texts(content)
    for key, service in content["services"].items():
        for word, text in service.get("names", {}).items():
            yield ["services", key, "names", word], text
    for part in ("offerings", "cases"):
        for position, entry in enumerate(content.get(part, [])):
            yield [part, position, "description"], entry.get("description", "")


def _titles(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Every `title`, wherever it stands."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "title" and isinstance(inner, str):
                yield (*path, key), inner
            else:
                yield from _titles(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _titles(inner, (*path, number))


def _of_form(form: Form) -> Iterator[str]:
    yield form.title
    for field in form.fields.values():
        yield str(field["title"])
    for part in ("groups", "help", "units"):
        yield from form.ui.get(part, {}).values()
    for labels in form.ui.get("labels", {}).values():
        yield from labels.values()


def _of_process(model: Model) -> Iterator[str]:
    yield model.name
    yield from (lane.name for lane in model.lanes)
    for node in model.nodes.values():
        yield from (node.name, node.documentation)
        yield from (flow.name for flow in node.outgoing)
