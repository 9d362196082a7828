"""Forms of work items on the page: a playbook's JSON Schema and `ui` part as fields, and back.

Reading turns what a browser sends into the schema's types and checks nothing: the playbook does
that, and its faults come back to stand at their fields. An answer that cannot be turned (letters
in a number) is handed on as it is, so that the fault names what was typed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.core.errors import InputFault
from kaitong.documents.choices import SENSITIVE
from kaitong.playbooks.forms import PHOTO, meets
from kaitong.web.format import mark

_INPUT_TYPES = {"date": "date", "date-time": "datetime-local", "time": "time"}
_SEGMENTS_MOST = 4
Say = Callable[[str], str]  # a playbook's words in the reader's language


def _as_written(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    chosen: bool = False
    help: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class PhotoSlot:
    """How a photo field takes its picture and shows it.

    Pictures of people's documents stand masked: they are read by a click, which is recorded.
    """

    upload_url: str
    kind: str
    sensitive: bool = False
    stored: str = ""  # when it was taken, once there is one


@dataclass(frozen=True, slots=True)
class CodeSlot:
    """Where a one-time code is sent from, and how the last one stands."""

    send_url: str
    told: str = ""  # to which number, good until when
    wait: int = 0  # seconds until another may be sent
    sent: str = ""  # which one it is, so that the page knows a new one from an old one


@dataclass(frozen=True, slots=True)
class Field:
    """One thing the form asks, ready for `web/parts/field.html`."""

    name: str
    label: str
    widget: str  # input, textarea, select, seg, check, checks, photo, heading
    input_type: str = "text"
    input_mode: str = ""
    step: str = ""
    value: Any = ""
    options: tuple[Option, ...] = ()
    required: bool = False
    unit: str = ""
    help: str = ""
    placeholder: str = ""
    max_length: int | None = None
    mono: bool = False
    readonly: bool = False
    wide: bool = False
    photo: PhotoSlot | None = None
    code: CodeSlot | None = None
    when: str = ""  # "field=value": only asked then
    unasked: bool = False
    search: str = ""  # where choices are asked for while somebody types (`x-search`)
    errors: tuple[str, ...] = ()


def evidence(upload_url: str, *, name: str = "evidence", label: str = "") -> Field:
    """A photo beside a form that is no playbook's: why work stands still."""
    return Field(name, label, "photo", photo=PhotoSlot(f"{upload_url}?field=evidence", "evidence"))


@dataclass(frozen=True, slots=True)
class WorkForm:
    """`verb` is the word on the button (回单, 办结...)."""

    fields: tuple[Field, ...] = ()
    verb: str = ""
    loose: tuple[str, ...] = field(default=())  # faults that belong to no field


def read(schema: Mapping[str, Any], posted: QueryDict) -> dict[str, Any]:
    """The answers in the schema's types. What was left empty is left out."""
    answers: dict[str, Any] = {}
    for name, spec in schema.get("properties", {}).items():
        kind = _kind(spec)
        if kind == "array":
            chosen = [_typed(spec.get("items", {}), text) for text in posted.getlist(name)]
            if chosen:
                answers[name] = chosen
        elif kind == "boolean":
            # an unticked box is "no" where the schema allows no; where only "yes" will do
            # (const: true) the playbook says that it is missing
            if posted.get(name):
                answers[name] = True
            elif spec.get("const") is not True:
                answers[name] = False
        else:
            text = (posted.get(name) or "").strip()
            if text:
                answers[name] = _typed(spec, text)
    return answers


def build(
    schema: Mapping[str, Any],
    ui: Mapping[str, Any],
    *,
    values: Mapping[str, Any] | None = None,
    faults: Iterable[InputFault] = (),
    say: Say = _as_written,
    photo_url: str = "",
    posts: Set[str] = frozenset(),
    offered: Mapping[str, Iterable[Option]] | None = None,
) -> WorkForm:
    """The fields in the order of `ui`, with what was entered and what is wrong with it.

    `photo_url` is where pictures of photo fields are sent, each with its field's name. Fields of
    one post alone (`only`) are asked where `posts` holds it. `offered` are the choices of fields
    whose choices are found and not written down (`x-choice`).
    """
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    required = set(schema.get("required", ()))
    # asked only with another answer, and then needed
    needed = {
        name
        for rule in (schema, *schema.get("allOf", ()))
        for name in rule.get("then", {}).get("required", ())
        if name in ui.get("when", {})
    }
    ordered = [n for n in ui.get("order", ()) if n in properties]
    ordered += [n for n in properties if n not in ordered]
    ordered = [n for n in ordered if ui.get("only", {}).get(n, "") in ("", *posts)]
    wrong: dict[str, list[str]] = {}
    loose: list[str] = []
    for fault in faults:
        name = fault.field.split(".")[0].split("[")[0]
        text = f"{fault.what}{mark('')}{fault.remedy}".strip()
        if name in properties:
            wrong.setdefault(name, []).append(text)
        else:
            loose.append(text)
    fields: list[Field] = []
    group = ""
    for name in ordered:
        heading = str(ui.get("groups", {}).get(name, ""))
        title = None
        if heading and heading != group:
            title = Field(f"group-{len(fields)}", say(heading), "heading", wide=True)
        group = heading
        spec = properties[name]
        must = name in required or name in needed or spec.get("const") is True
        errors = tuple(wrong.get(name, ()))
        made = _field(name, spec, ui, must, values or {}, errors, say)
        if PHOTO in spec:
            made = replace(
                made,
                widget="photo",
                photo=PhotoSlot(
                    f"{photo_url}?field={name}", str(spec[PHOTO]), spec[PHOTO] in SENSITIVE
                ),
            )
        if offered is not None and name in offered:
            listed = ui.get("widgets", {}).get(name) == "select"
            made = _offered(made, offered[name], (values or {}).get(name), listed=listed)
        for other, value in ui.get("when", {}).get(name, {}).items():
            said = (values or {}).get(other, properties.get(other, {}).get("default"))
            any_of = "|".join(map(str, value if isinstance(value, list) else [value]))
            unasked = made.unasked or not meets(said, value)
            made = replace(made, when=f"{other}={any_of}", unasked=unasked)
        if title is not None:  # it stands over what is asked, and goes with it
            fields.append(replace(title, when=made.when, unasked=made.unasked))
        fields.append(made)
    return WorkForm(tuple(fields), say(str(ui["verb"])) if ui.get("verb") else "", tuple(loose))


def _offered(made: Field, options: Iterable[Option], value: Any, *, listed: bool) -> Field:
    found = tuple(replace(one, chosen=one.value == str(value)) for one in options)
    nothing = "" if found else _("现在没有可选的。")
    widget = "select" if listed else "choose"
    return replace(made, widget=widget, options=found, wide=True, help=nothing or made.help)


def shown(
    schema: Mapping[str, Any],
    ui: Mapping[str, Any],
    values: Mapping[str, Any],
    say: Say = _as_written,
) -> list[tuple[str, str]]:
    """Answers in words, for a finished work item."""
    lines = []
    for name, spec in schema.get("properties", {}).items():
        if name not in values:
            continue
        labels = _labels(name, spec, ui, say)
        value = values[name]
        unit = ui.get("units", {}).get(name, "")
        if isinstance(value, bool):
            text = _("是") if value else _("否")
        elif isinstance(value, list):
            text = wording.several(labels.get(str(v), str(v)) for v in value)
        elif PHOTO in spec:
            text = _("已拍照")
        else:
            text = labels.get(str(value), str(value))
        lines.append((say(str(spec.get("title", name))), f"{text} {unit}".strip()))
    return lines


def _kind(spec: Mapping[str, Any]) -> str:
    kind = spec.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "string")
    return str(kind) if kind else ("enum" if "enum" in spec or "oneOf" in spec else "string")


def _choices(spec: Mapping[str, Any]) -> list[Any]:
    if "enum" in spec:
        return list(spec["enum"])
    return [one["const"] for one in spec.get("oneOf", ()) if "const" in one]


def _labels(name: str, spec: Mapping[str, Any], ui: Mapping[str, Any], say: Say) -> dict[str, str]:
    labels = {
        str(one["const"]): say(str(one.get("title", one["const"]))) for one in spec.get("oneOf", ())
    }
    given = ui.get("labels", {}).get(name, {})
    labels.update({str(key): say(str(label)) for key, label in given.items()})
    return labels


def _typed(spec: Mapping[str, Any], text: str) -> Any:
    choices = _choices(spec)
    if choices:
        return next((one for one in choices if str(one) == text), text)
    kind = _kind(spec)
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            return float(text.replace("−", "-"))
    except ValueError:
        return text
    if spec.get("format") == "date-time":
        return _with_zone(text)
    return text


def _with_zone(text: str) -> str:
    """A `datetime-local` value has no zone; the person meant the local one."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)
    return moment.isoformat()


def _entered(spec: Mapping[str, Any], value: Any) -> Any:
    """A value as its input wants it."""
    if value is None:
        return ""
    if spec.get("format") == "date-time" and isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value
        return (timezone.localtime(moment) if timezone.is_aware(moment) else moment).strftime(
            "%Y-%m-%dT%H:%M"
        )
    return value


def _field(
    name: str,
    spec: Mapping[str, Any],
    ui: Mapping[str, Any],
    required: bool,
    values: Mapping[str, Any],
    errors: tuple[str, ...],
    say: Say,
) -> Field:
    kind, asked = _kind(spec), ui.get("widgets", {}).get(name, "")
    value = values.get(name, spec.get("default"))
    labels = _labels(name, spec, ui, say)
    common: dict[str, Any] = {
        "name": name,
        "label": say(str(spec.get("title", name))),
        "required": required,
        "help": say(str(ui["help"][name])) if ui.get("help", {}).get(name) else "",
        "errors": errors,
    }
    if kind == "boolean":
        return Field(widget="check", value=value is True, wide=True, **common)
    if kind == "array":
        picked = {str(v) for v in value} if isinstance(value, list | tuple) else set()
        options = tuple(
            Option(str(one), labels.get(str(one), str(one)), str(one) in picked)
            for one in _choices(spec.get("items", {}))
        )
        return Field(widget="checks", options=options, wide=True, **common)
    choices = _choices(spec)
    if choices:
        options = tuple(
            Option(str(one), labels.get(str(one), str(one)), str(one) == str(value))
            for one in choices
        )
        few = len(choices) <= _SEGMENTS_MOST and asked != "select"
        segment = asked == "segment" or few
        return Field(widget="seg" if segment else "select", options=options, wide=segment, **common)
    if asked == "textarea" or (kind == "string" and spec.get("maxLength", 0) > 300):
        return Field(
            widget="textarea",
            value=_entered(spec, value),
            max_length=spec.get("maxLength"),
            wide=True,
            **common,
        )
    if asked == "password":  # never sent back to the page
        return Field(
            widget="input", input_type="password", max_length=spec.get("maxLength"), **common
        )
    return Field(
        widget="input",
        input_type=_INPUT_TYPES.get(str(spec.get("format", "")), "text"),
        input_mode=_keyboard(kind, spec),
        value=_entered(spec, value),
        unit=say(str(ui["units"][name])) if ui.get("units", {}).get(name) else "",
        max_length=spec.get("maxLength"),
        mono="pattern" in spec,
        readonly=bool(spec.get("readOnly")),
        wide=spec.get("format") == "date-time",
        **common,
    )


def _keyboard(kind: str, spec: Mapping[str, Any]) -> str:
    """Phones' number pads have no minus sign, so a measure below zero keeps the full keyboard."""
    if kind not in ("number", "integer") or spec.get("minimum", 0) < 0:
        return ""
    return "decimal" if kind == "number" else "numeric"
