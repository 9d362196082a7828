"""The forms of a playbook (`forms/*.json`): fields, labels, what they write, examples, photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from kaitong.documents.choices import AttachmentKind
from kaitong.playbooks.forms import ATTACHMENT, PHOTO, UNIQUE, Form
from kaitong.playbooks.model import PHOTO_PURPOSE
from kaitong.playbooks.reading.folder import Folder
from kaitong.playbooks.schema import FORM

_BY_FIELD = ("order", "labels", "widgets", "groups", "units", "help", "only", "when")


def read(folder: Folder, writes: frozenset[str]) -> dict[str, Form]:
    """The well-formed forms by their files."""
    found = {}
    for file, _path in folder.files("forms/*.json"):
        content = folder.json(file)
        if content is None:
            continue
        before = len(folder.faults)
        folder.schema(file, FORM, content)
        if len(folder.faults) > before:
            continue
        found[file] = form = Form(file, content)
        _names(folder, form)
        _fields(folder, form, writes)
        _examples(folder, form)
    return found


def _names(folder: Folder, form: Form) -> None:
    """What names a field names one of the form."""
    for name in form.content.get("required", []):
        if name not in form.fields:
            folder.fault(form.file, 1, name, "Required, but not a property.", "Correct `required`.")
    for part in _BY_FIELD:
        for name in form.ui.get(part, ()):
            if name not in form.fields:
                where = f"ui.{part}.{name}"
                folder.fault(form.file, 1, where, "No such property.", "Correct the name.")


def _fields(folder: Folder, form: Form, writes: frozenset[str]) -> None:
    for name, field in form.fields.items():
        target = field.get("writes")
        if target and target not in writes:
            known = ", ".join(sorted(writes))
            folder.fault(form.file, 1, name, f"Nothing writes {target!r}.", f"Known: {known}.")
        if (field.get("format") == ATTACHMENT) != (PHOTO in field):
            what = "A photo needs both `format: attachment` and `x-photo`."
            remedy = f"Say what it shows: {', '.join(AttachmentKind.values)}."
            folder.fault(form.file, 1, name, what, remedy)
        labels = form.ui.get("labels", {}).get(name, {})
        for value in field.get("enum", []):
            if isinstance(value, str) and value not in labels:
                what = f"{value!r} has no label."
                folder.fault(form.file, 1, name, what, "Add it to ui.labels.")


def _examples(folder: Folder, form: Form) -> None:
    """Each example is what the form accepts, but for values that are made when it is used."""
    for number, example in enumerate(form.content["examples"]):
        made = {k: v for k, v in example.items() if not (isinstance(v, Mapping) and UNIQUE in v)}
        fresh = set(example) - set(made)
        needed = [n for n in form.content.get("required", []) if n not in fresh]
        for error in Draft202012Validator({**form.schema, "required": needed}).iter_errors(made):
            where = f"examples.{number}"
            folder.fault(form.file, 1, where, f"{error.message}.", "Examples must be valid.")


def photos(folder: Folder, content: Mapping[str, Any], forms: Mapping[str, Form]) -> None:
    """Who takes photos says what for: the words are written over every picture."""
    words = content.get("parameters", {}).get(PHOTO_PURPOSE, {}).get("default")
    if isinstance(words, str) and words.strip():
        return
    what = f"Photos have no words for their watermark ({PHOTO_PURPOSE})."
    remedy = f"Add parameters.{PHOTO_PURPOSE}, such as 仅用于办理家庭宽带业务."
    for file, form in forms.items():
        for name in form.photos:
            folder.fault(file, 1, name, what, remedy)
