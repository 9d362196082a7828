"""Forms of work items: checking what people entered, in words they understand, and examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from kaitong.core.errors import BadInput, InputFault
from kaitong.playbooks.errors import PlaybookError

UNIQUE = "x-example-unique"


@dataclass(frozen=True)
class Form:
    """One form of a playbook: JSON Schema 2020-12 with a `ui` part; fields may say `writes`."""

    file: str
    content: Mapping[str, Any]

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

    def check(self, data: Mapping[str, Any]) -> None:
        """Raise BadInput with every fault of the answers; nothing is written."""
        validator = Draft202012Validator(self.schema, format_checker=FormatChecker())
        faults = [
            fault
            for error in sorted(validator.iter_errors(dict(data)), key=lambda e: list(e.path))
            for fault in self._faults(error)
        ]
        if faults:
            raise BadInput(faults)

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

    def example(self, fresh: Callable[[str], Any], index: int = 0, **fixed: Any) -> dict[str, Any]:
        """A valid answer; `fresh(kind)` makes what must be new each time (x-example-unique)."""
        examples = self.content["examples"]
        if not examples:
            raise PlaybookError(f"{self.file} has no example.", "Add one to `examples`.")
        values = {
            name: fresh(value[UNIQUE]) if isinstance(value, Mapping) and UNIQUE in value else value
            for name, value in examples[index % len(examples)].items()
        }
        return {**values, **fixed}

    def _faults(self, error: ValidationError) -> list[InputFault]:
        if error.validator == "required":
            missing = [n for n in error.validator_value if n not in error.instance]
            name = next((n for n in missing if f"'{n}'" in error.message), missing[0])
            return [InputFault(name, f"{self._title(name)}没有填。", "请填写后再提交。")]
        if error.validator == "additionalProperties":
            extra = sorted(set(error.instance) - set(self.fields))
            return [
                InputFault(n, f"表单“{self.title}”没有 {n} 这一项。", "请删去。") for n in extra
            ]
        name = str(error.path[0]) if error.path else ""
        title, limit = self._title(name), error.validator_value
        unit = self.ui.get("units", {}).get(name, "")
        labels = self.ui.get("labels", {}).get(name, {})
        match error.validator:
            case "const" if limit is True:
                what, remedy = f"{title}没有确认。", "做到以后再勾选；做不到请退回或挂起。"
            case "enum":
                listed = "、".join(str(labels.get(str(v), v)) for v in limit)
                what, remedy = f"{title}不在可选范围内。", f"请选：{listed}。"
            case "minimum":
                what, remedy = (
                    f"{title} {error.instance} 低于 {limit} {unit}".rstrip() + "。",
                    ("请复测；确实达不到要求时先处理线路。"),
                )
            case "maximum":
                what, remedy = (
                    f"{title} {error.instance} 高于 {limit} {unit}".rstrip() + "。",
                    ("请复测；确实超出时先处理线路。"),
                )
            case "minLength":
                what, remedy = f"{title}太短。", f"至少 {limit} 个字符。"
            case "maxLength":
                what, remedy = f"{title}太长。", f"最多 {limit} 个字符。"
            case "format":
                shapes = {"date": "2026-10-10", "date-time": "2026-10-10T14:00:00+08:00"}
                what = f"{title}的格式不对。"
                remedy = f"例如 {shapes[limit]}。" if limit in shapes else "请核对。"
            case "pattern":
                what, remedy = f"{title}里有不允许的字符。", "请照标签扫描或输入。"
            case "type":
                words = {"number": "数字", "integer": "整数", "boolean": "是或否", "string": "文字"}
                what, remedy = f"{title}应当是{words.get(limit, limit)}。", "请重新填写。"
            case _:
                what, remedy = f"{title}不符合要求。", "请核对。"
        return [InputFault(name, what, remedy)]

    def _title(self, name: str) -> str:
        return str(self.fields.get(name, {}).get("title", name))
