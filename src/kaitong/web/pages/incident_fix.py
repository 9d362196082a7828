"""Correcting what an incident names: the fields of the small form, and what was sent back.

A variable's title, kind and choices are those of the playbook's form that asks for it; one that
no form asks for is typed as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from kaitong.core.errors import InputFault
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks.forms import PHOTO, Form
from kaitong.process import queries as process
from kaitong.web import forms
from kaitong.web.pages.facts import OrderFacts

_KEPT = ("type", "title", "enum", "oneOf", "format", "minimum", "maximum", "maxLength", "pattern")
_UI = ("labels", "units", "groups")
RESULT = "result-"  # before the names of what a step's results become


def correction_fields(
    settling: process.Settling,
    facts: OrderFacts | None,
    *,
    typed: Mapping[str, Any] | None = None,
    faults: Iterable[InputFault] = (),
) -> tuple[forms.Field, ...]:
    """What may be corrected, as it stands, or as it was typed."""
    schema, ui = _schema(settling, settling.correctable)
    values = dict(settling.values) if typed is None else {**settling.values, **typed}
    return forms.build(
        schema, ui, values=_shown(values), faults=faults, say=facts.say if facts else str
    ).fields


def corrected(settling: process.Settling, posted: QueryDict) -> dict[str, Any]:
    """The values sent; BadInput with every fault, by its field."""
    schema, ui = _schema(settling, settling.correctable)
    found = dict.fromkeys(settling.correctable) | forms.read(schema, posted)
    given = {name: value for name, value in found.items() if value is not None}
    Form("", {**schema, "ui": ui, "title": ""}).check(given)
    # what was empty and is left empty is no correction
    return {n: v for n, v in found.items() if v is not None or settling.values.get(n) is not None}


def typed(settling: process.Settling, posted: QueryDict) -> dict[str, Any]:
    """What was typed, however wrong, to stand in the form again."""
    schema, _ui = _schema(settling, settling.correctable)
    return forms.read(schema, posted)


def result_fields(settling: process.Settling, facts: OrderFacts | None) -> tuple[forms.Field, ...]:
    """What the step would have found out, to be entered when it was done by hand."""
    schema, ui = _schema(settling, settling.results, RESULT)
    return forms.build(schema, ui, values={}, say=facts.say if facts else str).fields


def results(settling: process.Settling, posted: QueryDict) -> dict[str, Any]:
    schema, _ui = _schema(settling, settling.results, RESULT)
    found = forms.read(schema, posted)
    Form("", {**schema, "ui": {}, "title": ""}).check(found)
    return {n.removeprefix(RESULT): v for n, v in found.items()}


def said(value: Any) -> str:
    """A variable's value in a sentence."""
    if value is None or value == "":
        return _("空")
    if isinstance(value, bool):
        return _("是") if value else _("否")
    return str(value)


def _schema(
    settling: process.Settling, names: Iterable[str], before: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """JSON Schema and `ui` for these variables, out of the playbook's forms."""
    version = playbooks.current(settling.playbook)
    known = playbooks.content(version.playbook, version.hash)["forms"] if version else {}
    properties: dict[str, Any] = {}
    ui: dict[str, Any] = {key: {} for key in _UI}
    for name in names:
        spec: dict[str, Any] | None = None
        for content in known.values():
            asked = content.get("properties", {}).get(name)
            if asked and PHOTO not in asked and "const" not in asked and "writes" not in asked:
                spec = {key: asked[key] for key in _KEPT if key in asked}
                for key in _UI:
                    told = content.get("ui", {}).get(key, {}).get(name)
                    if told and key != "groups":
                        ui[key][before + name] = told
                break
        spec = spec or _guessed(name, settling.values.get(name))
        if spec.get("type") == "boolean":  # said yes, said no, not said: three things
            told = [{"const": True, "title": _("是")}, {"const": False, "title": _("否")}]
            spec = {"title": spec.get("title", name), "oneOf": told}
        properties[before + name] = spec
    return {"type": "object", "properties": properties}, ui


def _guessed(name: str, value: Any) -> dict[str, Any]:
    kind = "string"
    if isinstance(value, bool):
        kind = "boolean"
    elif isinstance(value, int):
        kind = "integer"
    elif isinstance(value, float | Decimal):
        kind = "number"
    return {"type": kind, "title": name} | ({"maxLength": 200} if kind == "string" else {})


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
        if value is not None
    }
