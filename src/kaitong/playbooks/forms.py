"""Forms of work items: checking what people entered, in words they understand, and examples."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators

from kaitong.core import wording
from kaitong.core.errors import BadInput, InputFault, KaitongError
from kaitong.playbooks.errors import PlaybookError

UNIQUE = "x-example-unique"
# A field that is a photo: {"type": "string", "format": "attachment", "x-photo": "port-label"}.
# Its answer is the identifier of an upload of that kind, taken for this very work item.
ATTACHMENT, PHOTO = "attachment", "x-photo"
# A field that is asked only where the order has a further service of this key (融合套餐).
PART = "x-part"
FORMATS = FormatChecker()
_NUMBER = Draft202012Validator.TYPE_CHECKER


def _is_number(_checker: object, value: object) -> bool:
    """JSON knows no NaN and no infinity, and no limit refuses a NaN; Python reads both."""
    return _NUMBER.is_type(value, "number") and isfinite(value)  # type: ignore[arg-type]


_Answers = validators.extend(
    Draft202012Validator, type_checker=_NUMBER.redefine("number", _is_number)
)


def meets(answer: Any, wanted: Any) -> bool:
    """Whether an answer is what `ui.when` names: a value, or one of several."""
    return answer in wanted if isinstance(wanted, list | tuple) else bool(answer == wanted)


def _needed_then(content: Mapping[str, Any]) -> set[str]:
    """Fields that a condition of a form makes required."""
    rules = (content, *content.get("allOf", ()))
    return {name for rule in rules for name in rule.get("then", {}).get("required", ())}


@FORMATS.checks(ATTACHMENT)
def _is_identifier(value: object) -> bool:
    if not isinstance(value, str):
        return True  # the type's fault
    try:
        return bool(UUID(value))
    except ValueError:
        return False


@dataclass(frozen=True)
class Form:
    """One form of a playbook: JSON Schema 2020-12 with a `ui` part; fields may say `writes`."""

    file: str
    content: Mapping[str, Any]
    words: Callable[[str], str] = str  # the playbook's titles in the reader's language

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema alone."""
        return {k: v for k, v in self.content.items() if k not in ("ui", "examples")}

    @property
    def title(self) -> str:
        return str(self.content["title"])

    @property
    def ui(self) -> Mapping[str, Any]:
        ui: Mapping[str, Any] = self.content.get("ui", {})
        return ui

    @property
    def fields(self) -> Mapping[str, Mapping[str, Any]]:
        fields: Mapping[str, Mapping[str, Any]] = self.content["properties"]
        return fields

    @property
    def photos(self) -> Mapping[str, str]:
        """The fields that are photos, with the kind of attachment each takes."""
        return {name: spec[PHOTO] for name, spec in self.fields.items() if PHOTO in spec}

    def for_parts(self, services: Collection[str]) -> Form:
        """The form as it is asked where an order has these further services, and no others."""
        gone = {n for n, spec in self.fields.items() if PART in spec and spec[PART] not in services}
        if not gone:
            return self
        content = dict(self.content)
        content["properties"] = {n: s for n, s in self.fields.items() if n not in gone}
        content["required"] = [n for n in content.get("required", ()) if n not in gone]
        # what depended on one that is not asked is asked always, and needed if it was then
        whens: Mapping[str, Mapping[str, Any]] = self.ui.get("when", {})
        freed = {n for n, rule in whens.items() if gone & set(rule)} - gone
        if freed:
            kept = {n: rule for n, rule in whens.items() if n not in freed | gone}
            content["ui"] = {**self.ui, "when": kept}
            content["required"] += sorted(freed & _needed_then(content))
        content["examples"] = [
            {n: v for n, v in one.items() if n not in gone} for one in content.get("examples", ())
        ]
        return replace(self, content=content)

    def beside(self, other: Form | None) -> Form:
        """This form with another one before it, as one that is asked and answered together."""
        if other is None:
            return self
        both = (other.content, self.content)
        ui: dict[str, Any] = {}
        for part in (one.get("ui", {}) for one in both):
            for name, entries in part.items():
                known = ui.get(name)
                if isinstance(known, list):
                    ui[name] = [*known, *entries]
                else:
                    ui[name] = {**known, **entries} if isinstance(known, dict) else entries
        first = next(iter(self.ui.get("order", ()) or self.fields), "")
        ui["groups"] = {first: self.title, **ui.get("groups", {})}  # where the other one ends
        conditions = [
            rule
            for one in both
            for rule in ({k: one[k] for k in ("if", "then") if k in one}, *one.get("allOf", ()))
            if rule
        ]
        content = {
            **{k: v for k, v in self.content.items() if k not in ("if", "then")},
            "required": [n for one in both for n in one.get("required", ())],
            "properties": {n: s for one in both for n, s in one["properties"].items()},
            "ui": ui,
            "examples": [
                {**mine, **theirs}
                for mine in self.content.get("examples", ())
                for theirs in other.content.get("examples", ({},))[:1]
            ],
            **({"allOf": conditions} if conditions else {}),
        }
        return replace(self, content=content)

    def check(self, data: Mapping[str, Any]) -> None:
        """Raise BadInput with every fault of the answers; nothing is written."""
        validator = _Answers(self.schema, format_checker=FORMATS)
        faults = [
            fault
            for error in sorted(validator.iter_errors(dict(data)), key=lambda e: list(e.path))
            for fault in self._faults(error)
        ]
        faults += [
            InputFault(
                name,
                _("%(field)s这里不用填。") % {"field": self._title(name)},
                _("请清空，或改选相应的处理办法。"),
            )
            for name in self.unasked(data)
        ]
        if faults:
            raise BadInput(faults)

    def unasked(self, data: Mapping[str, Any]) -> list[str]:
        """Answers to fields that another answer leaves unasked (`ui.when`)."""
        return [
            name
            for name, when in self.ui.get("when", {}).items()
            if data.get(name, False) is not False  # a box that is not ticked answers nothing
            and not all(meets(data.get(o), value) for o, value in when.items())
        ]

    def split(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """(variables, writes): answers that steer the process, and those that belong elsewhere."""
        variables, writes = {}, {}
        for name, value in data.items():
            target = self.fields[name].get("writes")
            if target:
                writes[target] = value
            else:
                variables[name] = value
        return variables, writes

    def named(self, refused: KaitongError, target: str) -> KaitongError:
        """A refusal of the verb behind `writes:` that names its target, at the form's own field."""
        field = next((n for n, spec in self.fields.items() if spec.get("writes") == target), "")
        if isinstance(refused, BadInput):
            fields = self.targets()
            return BadInput(
                [replace(f, field=fields.get(f.field, f.field)) for f in refused.faults]
            )
        if refused.field != target:
            return refused
        return BadInput([InputFault(field, refused.what, refused.remedy)])

    def example(self, fresh: Callable[[str], Any], index: int = 0, **fixed: Any) -> dict[str, Any]:
        """A valid answer; `fresh(kind)` makes what must be new each time (x-example-unique).

        For a photo the kind asked is `photo:FIELD`.
        """
        examples = self.content["examples"]
        if not examples:
            raise PlaybookError(f"{self.file} has no example.", "Add one to `examples`.")
        values = {
            name: fresh(f"photo:{name}" if name in self.photos else value[UNIQUE])
            if isinstance(value, Mapping) and UNIQUE in value
            else value
            for name, value in examples[index % len(examples)].items()
        }
        return {**values, **fixed}

    def targets(self) -> dict[str, str]:
        """The field for each target of `writes:`, so that faults of a verb stand there."""
        return {str(f["writes"]): name for name, f in self.fields.items() if f.get("writes")}

    def override_example(self, otherwise: int) -> int:
        """Which example lets a failed check pass; `otherwise` where none does."""
        fields = {name for target, name in self.targets().items() if target.startswith("check.")}
        for number, example in enumerate(self.content["examples"]):
            if fields and fields <= set(example):
                return number
        return otherwise

    def _faults(self, error: ValidationError) -> list[InputFault]:
        if error.validator == "required":
            missing = [n for n in error.validator_value if n not in error.instance]
            name = next((n for n in missing if f"'{n}'" in error.message), missing[0])
            if name in self.photos:
                return [self._no_photo(name)]
            return [
                InputFault(
                    name,
                    _("%(field)s没有填。") % {"field": self._title(name)},
                    _("请填写后再提交。"),
                )
            ]
        if error.validator == "additionalProperties":
            extra = sorted(set(error.instance) - set(self.fields))
            what = _("表单“%(form)s”没有 %(name)s 这一项。")
            form = self.words(self.title)
            return [InputFault(n, what % {"form": form, "name": n}, _("请删去。")) for n in extra]
        name = str(error.path[0]) if error.path else ""
        what, remedy = self._words(error, name)
        return [InputFault(name, what, remedy)]

    def _words(self, error: ValidationError, name: str) -> tuple[str, str]:
        """What was wrong with one answer, and what to do."""
        limit = error.validator_value
        facts = {
            "field": self._title(name),
            "value": error.instance,
            "limit": limit,
            "unit": self.ui.get("units", {}).get(name, ""),
        }
        match error.validator:
            case "const" if limit is True:
                return (
                    _("%(field)s没有确认。") % facts,
                    _("做到以后再勾选；做不到请退回或挂起。"),
                )
            case "enum":
                labels = self.ui.get("labels", {}).get(name, {})
                listed = wording.several(self.words(str(labels.get(str(v), v))) for v in limit)
                return _("%(field)s不在可选范围内。") % facts, _("请选：%s。") % listed
            case "minimum":
                return (
                    _("%(field)s %(value)s 低于 %(limit)s %(unit)s。") % facts,
                    _("请复测；确实达不到要求时先处理线路。"),
                )
            case "maximum":
                return (
                    _("%(field)s %(value)s 高于 %(limit)s %(unit)s。") % facts,
                    _("请复测；确实超出时先处理线路。"),
                )
            case "minLength":
                return _("%(field)s太短。") % facts, _("至少 %s 个字符。") % limit
            case "maxLength":
                return _("%(field)s太长。") % facts, _("最多 %s 个字符。") % limit
            case "format" if limit == ATTACHMENT:
                missing = self._no_photo(name)
                return missing.what, missing.remedy
            case "format":
                shapes = {"date": "2026-10-10", "date-time": "2026-10-10T14:00:00+08:00"}
                return _("%(field)s的格式不对。") % facts, _("例如 %s。") % shapes.get(limit, limit)
            case "pattern":
                return _("%(field)s里有不允许的字符。") % facts, _("请照标签扫描或输入。")
            case "type":
                kinds = {
                    "number": _("数字"),
                    "integer": _("整数"),
                    "boolean": _("是或否"),
                    "string": _("文字"),
                }
                facts["kind"] = kinds.get(limit, limit)
                return _("%(field)s应当是%(kind)s。") % facts, _("请重新填写。")
        return _("%(field)s不符合要求。") % facts, _("请核对。")

    def _no_photo(self, name: str) -> InputFault:
        what = _("%(field)s没有拍。") % {"field": self._title(name)}
        return InputFault(name, what, _("请拍照后再提交。"))

    def _title(self, name: str) -> str:
        return self.words(str(self.fields.get(name, {}).get("title", name)))
